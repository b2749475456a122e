//! Both stores opened together: the first keys where nobody is yet, and none where somebody's are missing.

use std::sync::Arc;

use persistence::people::{Act, MasterKey, OpenError, People, PeopleError, Periods, Profile, VaultError};
use persistence::{Batch, Change, Embedded, Key, Kind, Millis, PersonId, Query, Store, Text};
use persistence_testkit::records;

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
async fn a_chain_whose_entries_all_went_by_age_needs_its_key() {
    let rig = Rig::new().await;
    let (action, outcome) = (name("service.started"), name("done"));
    let act = Act { at: Millis(1), actor: None, action, subject: Text::default(), outcome, details: String::new() };
    rig.people.record(&act).await.unwrap();
    rig.people.retain(&Periods::default(), NOW).await.unwrap();
    assert!(rig.store.keys(&Query::of(Kind::Audit)).await.unwrap().is_empty());
    assert!(People::are_in(&*rig.store).await.unwrap());
    let empty: Arc<dyn Store> = Arc::new(Embedded::open(&rig.file("empty.redb")).unwrap());
    let opened = People::open(Arc::clone(&rig.store), empty, rig.master.clone()).await;
    assert_eq!(opened.err(), Some(OpenError::NoKeys));
}

#[test]
fn kinds_of_people_are_those_that_speak_of_somebody() {
    for record in records::one_of_each() {
        let kind = record.kind();
        let is_listed = Kind::OF_PEOPLE.contains(&kind) || Kind::OF_KEYS.contains(&kind);
        assert_eq!(is_listed, record.people() != [None, None], "{}", kind.name());
        assert!(!(Kind::OF_PEOPLE.contains(&kind) && Kind::OF_KEYS.contains(&kind)), "{}", kind.name());
    }
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
