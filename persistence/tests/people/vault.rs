//! The vault: keys of people, wrapped; erasures; another master key.

use std::sync::Arc;

use persistence::people::{MasterKey, Masters, Rotated, Vault, VaultError};
use persistence::{Key, Kind, Millis, PersonId, Query, Record, Seal, Store, Token};

use crate::faulty::{FAULTS, Faulty, Plan};
use crate::rig::{NOW, Rig};

fn at(person: u64) -> (PersonId, Key) {
    (PersonId(person), Key::Player(PersonId(person)))
}

#[tokio::test]
async fn a_seal_opens_for_its_person_and_record_only() {
    let rig = Rig::new().await;
    let vault = rig.people.vault();
    let (person, key) = at(1);
    let seal = vault.seal(person, &key, "Zoë".as_bytes()).await.unwrap();
    assert_eq!(vault.unseal(person, &key, &seal).await.unwrap().unwrap()[..], *"Zoë".as_bytes());
    assert_ne!(vault.seal(person, &key, "Zoë".as_bytes()).await.unwrap(), seal, "each with its own nonce");
    let elsewhere = vault.unseal(person, &Key::Inventory(person), &seal).await.unwrap_err();
    assert_eq!(elsewhere, VaultError::Damaged("inventory"));
    let (other, _) = at(2);
    vault.seal(other, &key, b"x").await.unwrap();
    assert!(matches!(vault.unseal(other, &key, &seal).await, Err(VaultError::Damaged(_))));
    assert_eq!(vault.unseal(PersonId(3), &key, &seal).await.unwrap_err(), VaultError::KeyMissing);
    assert!(vault.unseal(person, &key, &Seal::default()).await.unwrap().is_none(), "nothing was sealed");
}

#[tokio::test]
async fn keys_are_wrapped_and_another_master_opens_none() {
    let rig = Rig::new().await;
    let (person, key) = at(1);
    let seal = rig.people.vault().seal(person, &key, b"plain").await.unwrap();
    let Some(Record::PersonKey(stored)) = rig.keys.get(&Key::PersonKey(person)).await.unwrap() else { panic!("a key") };
    assert_eq!((stored.master, stored.wrapped.0.len()), (rig.master.id(), 1 + 24 + 32 + 16));
    let other = MasterKey::random().unwrap();
    let refused = Vault::open(Arc::clone(&rig.keys), other).await.unwrap_err();
    assert_eq!(refused, VaultError::OtherMaster(rig.master.id()));
    // A key that was put in another one's place does not open.
    let moved = persistence::PersonKey { person: PersonId(2), ..stored };
    let batch = persistence::Batch::put([Record::PersonKey(moved)]).unwrap();
    rig.keys.commit(&batch).await.unwrap();
    let refused = rig.people.vault().unseal(PersonId(2), &key, &seal).await.unwrap_err();
    assert_eq!(refused, VaultError::Damaged("person_key"));
}

#[tokio::test]
async fn the_deployments_key_is_not_made_where_it_should_be() {
    let rig = Rig::new().await;
    let (person, key) = at(1);
    rig.people.vault().seal(person, &key, b"plain").await.unwrap();
    let opened = async || Vault::open_existing(Arc::clone(&rig.keys), rig.master.clone()).await;
    assert_eq!(opened().await.unwrap().tag("login", b"ada"), rig.people.vault().tag("login", b"ada"));
    let deployment = Key::PersonKey(PersonId(i64::MAX as u64));
    let remove = persistence::Batch::new(vec![persistence::Change::Remove(deployment.clone(), None)]).unwrap();
    rig.keys.commit(&remove).await.unwrap();
    assert_eq!(opened().await.unwrap_err(), VaultError::KeyMissing);
    assert!(rig.keys.get(&deployment).await.unwrap().is_none());
}

#[tokio::test]
async fn tags_differ_by_context_and_deployment() {
    let (rig, other) = (Rig::new().await, Rig::new().await);
    let tag = rig.people.vault().tag("login", b"ada");
    assert_ne!(tag, rig.people.vault().tag("seat", b"ada"));
    assert_ne!(tag, other.people.vault().tag("login", b"ada"));
    let rig = rig.reopened(|_| ()).await;
    assert_eq!(tag, rig.people.vault().tag("login", b"ada"), "and stay the same");
}

#[tokio::test]
async fn an_erasure_holds_at_once_and_for_good() {
    let rig = Rig::new().await;
    let vault = rig.people.vault();
    let (person, key) = at(1);
    let seal = vault.seal(person, &key, b"plain").await.unwrap();
    // Another process that has the key in memory.
    let other = Vault::open(Arc::clone(&rig.keys), rig.master.clone()).await.unwrap();
    assert!(other.unseal(person, &key, &seal).await.unwrap().is_some());
    rig.people.erase(person, NOW).await.unwrap();
    assert!(vault.unseal(person, &key, &seal).await.unwrap().is_none());
    assert_eq!(vault.seal(person, &key, b"again").await.unwrap_err(), VaultError::Erased);
    assert_eq!(vault.erasure(person).await.unwrap(), Some(NOW));
    rig.people.erase(person, Millis(NOW.0 + 1)).await.unwrap();
    assert_eq!(vault.erasure(person).await.unwrap(), Some(NOW), "the first one counts");
    let fresh = Vault::open(Arc::clone(&rig.keys), rig.master.clone()).await.unwrap();
    assert!(fresh.unseal(person, &key, &seal).await.unwrap().is_none());
    assert!(rig.people.erase(PersonId(i64::MAX as u64), NOW).await.is_err(), "the key of lookups is nobody's");
}

#[tokio::test]
async fn many_who_need_the_first_key_get_the_same() {
    let rig = Rig::new().await;
    let (person, key) = at(1);
    let vaults: Vec<_> = {
        let mut vaults = Vec::new();
        for _ in 0..8 {
            vaults.push(Arc::new(Vault::open(Arc::clone(&rig.keys), rig.master.clone()).await.unwrap()));
        }
        vaults
    };
    let tasks: Vec<_> = vaults
        .iter()
        .map(|vault| {
            let (vault, key) = (Arc::clone(vault), key.clone());
            tokio::spawn(async move { vault.seal(person, &key, b"plain").await.unwrap() })
        })
        .collect();
    for task in tasks {
        let seal = task.await.unwrap();
        for vault in &vaults {
            assert!(vault.unseal(person, &key, &seal).await.unwrap().is_some());
        }
    }
}

async fn masters(keys: &dyn Store) -> Vec<Token> {
    let page = keys.list(&Query::of(Kind::PersonKey)).await.unwrap();
    page.records.iter().map(|r| if let Record::PersonKey(key) = r { key.master } else { Token([0; 16]) }).collect()
}

#[tokio::test]
async fn a_rotation_may_break_off_anywhere() {
    let rig = Rig::new().await;
    let (mut old, mut seals) = (rig.master.clone(), Vec::new());
    for number in 1..=20 {
        let (person, key) = at(number);
        seals.push((person, key.clone(), rig.people.vault().seal(person, &key, b"plain").await.unwrap()));
    }
    let tag = rig.people.vault().tag("login", b"ada");
    for fault in FAULTS {
        for call in 0..4 {
            let faulty = Faulty::new(&rig.keys, Plan::From(call + 2, u64::MAX, fault));
            let new = MasterKey::random().unwrap();
            let vault = Vault::open(faulty, old.clone()).await.unwrap();
            let broken_off = vault.rotate(new.clone()).await;
            let both = Masters { current: new.clone(), former: vec![old.clone()] };
            let vault = Vault::open(Arc::clone(&rig.keys), both).await.unwrap();
            for (person, key, seal) in &seals {
                assert!(
                    vault.unseal(*person, key, seal).await.unwrap().is_some(),
                    "{fault:?} at {call}: {broken_off:?}"
                );
            }
            vault.rotate(new.clone()).await.unwrap();
            assert!(masters(&*rig.keys).await.iter().all(|master| *master == new.id()));
            assert_eq!(vault.rotate(new.clone()).await.unwrap(), Rotated { rewrapped: 0, already: 21 });
            assert!(Vault::open(Arc::clone(&rig.keys), old).await.is_err(), "the former one opens nothing");
            old = new;
        }
    }
    let vault = Vault::open(Arc::clone(&rig.keys), old).await.unwrap();
    assert_eq!(vault.tag("login", b"ada"), tag);
    for (person, key, seal) in &seals {
        assert!(vault.unseal(*person, key, seal).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn half_a_rotation_needs_both_masters() {
    let rig = Rig::new().await;
    let new = MasterKey::random().unwrap();
    let both = Masters { current: new.clone(), former: vec![rig.master.clone()] };
    let vault = Vault::open(Arc::clone(&rig.keys), both).await.unwrap();
    // The first key is the new master's, that of lookups is still the former one's.
    let (person, key) = at(1);
    vault.seal(person, &key, b"plain").await.unwrap();
    assert_eq!(masters(&*rig.keys).await, [new.id(), rig.master.id()]);
    for (one, missing) in [(&new, &rig.master), (&rig.master, &new)] {
        let refused = Vault::open(Arc::clone(&rig.keys), one.clone()).await.unwrap_err();
        assert_eq!(refused, VaultError::OtherMaster(missing.id()));
    }
}
