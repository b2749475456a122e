//! Erasure: nothing of a person opens any more, wherever it was copied to, and worlds stay as they are (COMP-005).

use std::sync::Arc;

use persistence::people::{Act, MasterKey, People, VaultError};
use persistence::{Batch, Key, Kind, PersonId, Record, Seal, Store};

use crate::faulty::{Fault, Faulty, Plan};
use crate::rig::{NOW, Rig, fill, marks, name, over};

/// Two people in one world, and the files as they were then.
async fn two() -> (Rig, PersonId, PersonId) {
    let rig = Rig::new().await;
    rig.world("w").await;
    let a = fill(&rig, "AA", 1, None).await;
    let b = fill(&rig, "BB", 2, Some(a)).await;
    (rig, a, b)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Seals of a person among the records, with what each belongs to.
fn seals(all: &[Record], person: PersonId) -> Vec<(Key, Seal)> {
    let private = |record: &Record| match record {
        Record::Player(r) if r.person == person => Some(r.private.clone()),
        Record::Credential(r) if r.person == person => Some(r.private.clone()),
        Record::SignIn(r) if r.person == person => Some(r.private.clone()),
        Record::Seat(r) if r.person == person => Some(r.private.clone()),
        Record::Audit(r) if r.actor == Some(person) => Some(r.private.clone()),
        _ => None,
    };
    let sealed = all.iter().filter_map(|record| Some((record.key(), private(record)?)));
    sealed.filter(|(_, seal)| !seal.0.is_empty()).collect()
}

fn of_worlds(all: &[Record]) -> Vec<Record> {
    let kinds = [Kind::World, Kind::Snapshot, Kind::Segment];
    all.iter().filter(|record| kinds.contains(&record.kind())).cloned().collect()
}

/// Nothing of the person but what stays under the pseudonym; everything of the other one.
async fn assert_erased(rig: &Rig, gone: PersonId, gone_who: &str, before: &[Record], other: PersonId) {
    let all = rig.all().await;
    assert_eq!(of_worlds(&all), of_worlds(before), "worlds are untouched");
    for record in all.iter().filter(|record| record.people().contains(&Some(gone))) {
        match record {
            Record::Seat(seat) => assert_eq!((seat.number, &seat.private, seat.tag.0), (1, &Seal::default(), [0; 32])),
            Record::Trade(_) | Record::Audit(_) => assert!(before.contains(record), "untouched"),
            Record::Erasure(_) => {}
            other => panic!("{other:?} is still there"),
        }
    }
    for (key, seal) in seals(before, gone) {
        assert!(rig.people.vault().unseal(gone, &key, &seal).await.unwrap().is_none(), "{key:?} opens");
    }
    assert!(rig.people.read(gone).await.unwrap().is_none());
    assert!(rig.people.export(gone, NOW).await.is_err());
    assert!(rig.people.by_login(&format!("{gone_who}-sentinel-login")).await.unwrap().is_none());
    let key = format!("{gone_who}-sentinel-seat-key");
    assert!(rig.people.by_public_key(&name("w"), key.as_bytes()).await.unwrap().is_none());
    let of_other = |all: &[Record]| -> Vec<Record> {
        let theirs = all.iter().filter(|r| r.people().contains(&Some(other)) && !r.people().contains(&Some(gone)));
        theirs.cloned().collect()
    };
    assert_eq!(of_other(&all), of_other(before), "the other one is untouched");
    assert!(rig.people.read(other).await.unwrap().is_some());
    rig.people.verify(.., None).await.unwrap();
}

#[tokio::test]
async fn what_says_who_somebody_is_is_never_in_a_file_in_the_open() {
    let (rig, ..) = two().await;
    let all = rig.all().await;
    // The test sees what is in a file.
    let rig = rig.reopened(|_| ()).await;
    let bytes = |file: &str| std::fs::read(rig.file(file)).unwrap();
    let (main, keys) = (bytes("main.redb"), bytes("keys.redb"));
    assert!(contains(&main, "AA-sentinel-purpose"));
    for mark in marks("AA").sealed.iter().chain(&marks("BB").sealed) {
        assert!(!contains(&main, mark) && !contains(&keys, mark), "{mark} is in the open");
        assert!(all.iter().all(|record| !format!("{record:?}").contains(mark)), "{mark} is printed");
    }
}

#[tokio::test]
async fn an_erased_person_does_not_come_back_from_an_older_copy() {
    let (rig, a, b) = two().await;
    let before = rig.all().await;
    assert_eq!(seals(&before, a).len(), 5, "a player, a credential, a sign-in, a seat, an entry");
    let rig = rig
        .reopened(|folder| {
            std::fs::copy(folder.join("main.redb"), folder.join("older.redb")).unwrap();
        })
        .await;
    let erased = rig.people.erase(a, NOW).await.unwrap();
    assert_eq!((erased.people, erased.removed, erased.seats), (1, 7, 1));
    assert_erased(&rig, a, "AA", &before, b).await;
    let after = rig.all().await;
    // Nothing to do is nothing done.
    let again = rig.people.erase(a, NOW).await.unwrap();
    assert_eq!((again.removed, again.seats), (0, 0));
    assert_eq!(rig.all().await, after);
    // The older copy has everything, and opens nothing, even before the erasure is done again.
    let rig = rig
        .reopened(|folder| {
            std::fs::copy(folder.join("older.redb"), folder.join("main.redb")).unwrap();
        })
        .await;
    assert_eq!(seals(&rig.all().await, a), seals(&before, a));
    assert!(rig.people.read(a).await.unwrap().is_none());
    for (key, seal) in seals(&before, a) {
        assert!(rig.people.vault().unseal(a, &key, &seal).await.unwrap().is_none());
    }
    let erased = rig.people.reapply().await.unwrap();
    assert_eq!((erased.people, erased.removed, erased.seats), (1, 7, 1));
    assert_erased(&rig, a, "AA", &before, b).await;
}

#[tokio::test]
async fn an_erasure_may_break_off_anywhere() {
    // Late is not broken off.
    for fault in [Fault::Before, Fault::After, Fault::Lost] {
        for call in 0.. {
            let (rig, a, b) = two().await;
            let before = rig.all().await;
            // From this call on a store fails for good: first that of keys, which is asked twice before, then the other.
            let (keys_from, main_from) = if call < 4 { (2 + call, u64::MAX) } else { (u64::MAX, call - 4) };
            let keys = Faulty::new(&rig.keys, Plan::From(keys_from, u64::MAX, fault));
            let main = Faulty::new(&rig.store, Plan::From(main_from, u64::MAX, fault));
            let (main_store, keys_store): (Arc<dyn Store>, Arc<dyn Store>) = (main.clone(), keys.clone());
            let broken = over(&main_store, &keys_store, &rig.master).await.erase(a, NOW).await;
            // A new process.
            let people = over(&rig.store, &rig.keys, &rig.master).await;
            let rig = Rig { people, ..rig };
            let erasure = rig.people.vault().erasure(a).await.unwrap();
            let has_key = rig.keys.get(&Key::PersonKey(a)).await.unwrap().is_some();
            assert_ne!(erasure.is_some(), has_key, "{fault:?} at {call}: both or neither");
            if erasure.is_none() {
                assert!(broken.is_err());
                assert_eq!(rig.all().await, before, "nothing is gone before the key is");
                rig.people.erase(a, NOW).await.unwrap();
            } else {
                rig.people.reapply().await.unwrap();
            }
            assert_erased(&rig, a, "AA", &before, b).await;
            if call >= 4 && main.calls() <= main_from {
                assert!(call > 12, "an erasure needs more than {call} calls");
                break;
            }
        }
    }
}

/// What is left in free pages of the file of keys opens nothing once another master key was taken.
#[tokio::test]
async fn a_key_out_of_the_free_pages_opens_nothing_after_a_rotation() {
    let (rig, a, _) = two().await;
    let Some(Record::PersonKey(wrapped)) = rig.keys.get(&Key::PersonKey(a)).await.unwrap() else { panic!("a key") };
    let private = seals(&rig.all().await, a);
    rig.people.erase(a, NOW).await.unwrap();
    // Somebody with the master key finds the wrapped key and puts it back: this is why it has to be another one then.
    let put_back = async || rig.keys.commit(&Batch::put([Record::PersonKey(wrapped.clone())]).unwrap()).await.unwrap();
    put_back().await;
    let opens = |people: People| {
        let (key, seal) = private[0].clone();
        async move { people.vault().unseal(a, &key, &seal).await }
    };
    assert!(opens(over(&rig.store, &rig.keys, &rig.master).await).await.unwrap().is_some());
    rig.people.reapply().await.unwrap();
    let new = MasterKey::random().unwrap();
    rig.people.vault().rotate(new.clone()).await.unwrap();
    let people = over(&rig.store, &rig.keys, &new).await;
    put_back().await;
    assert_eq!(opens(people).await.unwrap_err(), VaultError::OtherMaster(rig.master.id()));
}

#[tokio::test]
async fn the_subject_of_an_entry_is_a_number() {
    let (rig, a, _) = two().await;
    rig.people.erase(a, NOW).await.unwrap();
    let acts =
        rig.all().await.into_iter().filter_map(|r| if let Record::Audit(e) = r { Some(e.subject) } else { None });
    assert_eq!(acts.filter(|subject| *subject == Act::on(a)).count(), 2, "its own, and that of who banned them");
}
