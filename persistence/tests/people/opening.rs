//! Both stores opened together: the first keys where nobody is yet, and none where somebody's are missing.

use std::sync::Arc;

use persistence::people::{MasterKey, OpenError, People, PeopleError, Profile, VaultError};
use persistence::{Batch, Change, Embedded, Key, Kind, PersonId, Query, Store};

use crate::rig::{NOW, Rig, fill, name};

async fn count(store: &Arc<dyn Store>) -> usize {
    let mut count = 0;
    for kind in Kind::ALL {
        count += store.keys(&Query::of(kind)).await.unwrap().len();
    }
    count
}

async fn remove(store: &Arc<dyn Store>, key: Key) {
    store.commit(&Batch::new(vec![Change::Remove(key, None)]).unwrap()).await.unwrap();
}

#[tokio::test]
async fn keys_are_made_where_nobody_is_yet_and_never_where_somebody_is() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| Arc::new(Embedded::open(&folder.path().join(name)).unwrap()) as Arc<dyn Store>;
    let (store, keys) = (open("main.redb"), open("keys.redb"));
    let master = MasterKey::random().unwrap();
    let opened = async |store: &Arc<dyn Store>, keys: &Arc<dyn Store>| {
        People::open(Arc::clone(store), Arc::clone(keys), master.clone()).await
    };
    let people = opened(&store, &keys).await.unwrap();
    assert!(!People::are_in(&*store).await.unwrap());
    assert_eq!(count(&keys).await, 1, "that of lookups");
    opened(&store, &open("more.redb")).await.expect("nothing is lost with other ones yet");
    let person = people.create(&Profile { name: "Ada".to_owned(), ..Profile::default() }, NOW).await.unwrap();
    assert!(People::are_in(&*store).await.unwrap());
    assert!(opened(&store, &keys).await.unwrap().read(person).await.unwrap().is_some());
    let empty = open("empty.redb");
    assert_eq!(opened(&store, &empty).await.err(), Some(OpenError::NoKeys));
    assert_eq!(count(&empty).await, 0, "none was made");
    let refused = People::open(Arc::clone(&store), Arc::clone(&keys), MasterKey::random().unwrap()).await.err();
    assert!(matches!(refused, Some(OpenError::People(PeopleError::Vault(VaultError::OtherMaster(_))))), "{refused:?}");
    // That of lookups alone is missing: with another one nobody would be found, here or in any store that comes back.
    remove(&keys, Key::PersonKey(PersonId(i64::MAX as u64))).await;
    for store in [&store, &empty] {
        assert_eq!(opened(store, &keys).await.err(), Some(OpenError::NoKeys));
    }
    assert_eq!(count(&keys).await, 1, "that of the person");
}

#[tokio::test]
async fn stores_in_each_others_place_are_refused() {
    let rig = Rig::new().await;
    rig.world("w").await;
    let opened = async |store: &Arc<dyn Store>, keys: &Arc<dyn Store>| {
        People::open(Arc::clone(store), Arc::clone(keys), rig.master.clone()).await.map(drop)
    };
    opened(&rig.store, &rig.keys).await.unwrap();
    assert_eq!(opened(&rig.keys, &rig.store).await, Err(OpenError::Swapped));
    assert_eq!(opened(&rig.store, &rig.store).await, Err(OpenError::Swapped));
    assert_eq!(opened(&rig.keys, &rig.keys).await, Err(OpenError::KeysAmongWorlds));
}

#[tokio::test]
async fn people_whose_keys_are_lost_are_told_from_those_who_were_erased() {
    let rig = Rig::new().await;
    let world = rig.world("w").await;
    let (lost, erased) = (fill(&rig, "AA", 1, None).await, fill(&rig, "BB", 2, None).await);
    fill(&rig, "CC", 3, None).await;
    rig.people.erase(erased, NOW).await.unwrap();
    assert_eq!(rig.people.without_key(&world).await.unwrap(), []);
    remove(&rig.keys, Key::PersonKey(lost)).await;
    let people = People::open(Arc::clone(&rig.store), Arc::clone(&rig.keys), rig.master.clone()).await.unwrap();
    assert_eq!(people.without_key(&world).await.unwrap(), [lost]);
    assert_eq!(people.without_key(&name("another")).await.unwrap(), []);
    // Who cannot be had back may be erased, and then nobody is missing.
    people.erase(lost, NOW).await.unwrap();
    assert_eq!(people.without_key(&world).await.unwrap(), []);
}
