//! Taking somebody in is done wholly or not at all, wherever it is cut off.

use std::sync::Arc;

use persistence::people::{PersonExport, Profile, Question};
use persistence::{Kind, PersonId, Record, Store, Text};

use crate::faulty::{Fault, Faulty, Plan};
use crate::rig::{NOW, Rig, fill, name, over};

/// Who is in a deployment: whoever has a record that speaks of them.
async fn everybody(rig: &Rig) -> Vec<PersonId> {
    let of = |record: &Record| record.people().into_iter().flatten().collect::<Vec<_>>();
    let here = rig.all().await;
    let here = here.iter().filter(|r| !Kind::OF_KEYS.contains(&r.kind()) && r.kind() != Kind::Trade);
    let mut all: Vec<PersonId> = here.flat_map(of).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// After a new start: whoever is there is there wholly, and can be erased; else nothing is there, nor opens.
async fn whole_or_not_at_all(rig: &Rig, export: &PersonExport, was_told: bool, what: &str) {
    rig.people.reapply().await.unwrap();
    rig.people.verify(.., None).await.unwrap();
    let mut is_here = false;
    for person in everybody(rig).await {
        match rig.people.export(person, NOW).await {
            Ok(found) => {
                assert!(found.is_same_content(export), "{what}: by halves: {found:#?}");
                is_here = true;
                rig.people.erase(person, NOW).await.unwrap();
                assert!(rig.people.export(person, NOW).await.is_err(), "{what}");
            }
            Err(_) => {
                // Entries of somebody who was erased at once: numbers, and nothing that opens.
                assert!(rig.people.vault().erasure(person).await.unwrap().is_some(), "{what}: {person:?}");
                let left = rig.all().await.into_iter().filter(|r| r.people().contains(&Some(person)));
                let kinds: Vec<Kind> = left.map(|r| r.kind()).filter(|k| *k != Kind::Audit).collect();
                assert!(kinds.iter().all(|k| [Kind::Erasure, Kind::Trade].contains(k)), "{what}: {kinds:?}");
            }
        }
    }
    assert!(is_here || !was_told, "{what}: it was said that they are here");
}

#[tokio::test]
async fn taking_somebody_in_may_be_cut_off_anywhere() {
    let first = Rig::new().await;
    first.world("w").await;
    let a = fill(&first, "AA", 1, None).await;
    let b = fill(&first, "BB", 2, Some(a)).await;
    let export = first.people.export(b, NOW).await.unwrap();
    for fault in [Fault::Before, Fault::After, Fault::Lost] {
        for (of_keys, for_good) in [(true, true), (true, false), (false, true), (false, false)] {
            for call in 0.. {
                let rig = Rig::new().await;
                let count = if for_good { u64::MAX } else { 1 };
                let never = || Plan::From(u64::MAX, 0, fault);
                let cut = || Plan::From(call, count, fault);
                // A vault that is opened asks three times.
                let keys = Faulty::new(&rig.keys, if of_keys { Plan::From(call + 3, count, fault) } else { never() });
                let main = Faulty::new(&rig.store, if of_keys { never() } else { cut() });
                let (main_store, keys_store): (Arc<dyn Store>, Arc<dyn Store>) = (main.clone(), keys.clone());
                let people = over(&main_store, &keys_store, &rig.master).await;
                let done = people.import(&export, NOW).await;
                let (calls, first_cut) = if of_keys { (keys.calls(), call + 3) } else { (main.calls(), call) };
                // A new process.
                let people = over(&rig.store, &rig.keys, &rig.master).await;
                let rig = Rig { people, ..rig };
                let what = format!("{fault:?} at {call}, keys {of_keys}, for good {for_good}, {done:?}");
                if done.is_err() && !for_good && fault != Fault::After {
                    // Both stores answered in the end.
                    assert!(everybody(&rig).await.is_empty(), "{what}");
                }
                whole_or_not_at_all(&rig, &export, done.is_ok(), &what).await;
                if calls <= first_cut {
                    assert!(done.is_ok() && call > 2, "{what}");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn nobody_is_left_whom_nobody_knows() {
    for fault in [Fault::Before, Fault::After, Fault::Lost] {
        let rig = Rig::new().await;
        // The one commit of the main store is sent ten times in vain; then it answers again.
        let main = Faulty::new(&rig.store, Plan::From(1, 10, fault));
        let store: Arc<dyn Store> = main.clone();
        let people = over(&store, &rig.keys, &rig.master).await;
        let profile = Profile { name: "Ada".to_owned(), ..Profile::default() };
        assert!(people.create(&profile, NOW).await.is_err(), "{fault:?}");
        assert_eq!(everybody(&rig).await, [], "{fault:?}");
        let keys = rig.all().await.into_iter().filter(|r| r.kind() == Kind::PersonKey);
        assert_eq!(keys.count(), 1, "only that of the deployment: {fault:?}");
    }
}

#[tokio::test]
async fn who_has_nothing_sealed_is_somebody_nevertheless() {
    let first = Rig::new().await;
    first.world("w").await;
    let a = fill(&first, "AA", 1, None).await;
    let b = fill(&first, "BB", 2, Some(a)).await;
    let all = first.people.export(b, NOW).await.unwrap();
    let bare = PersonExport {
        profile: None,
        player: None,
        inventory: Vec::new(),
        credentials: Vec::new(),
        sign_ins: Vec::new(),
        consents: Vec::new(),
        discoveries: Vec::new(),
        seats: Vec::new(),
        trades: Vec::new(),
        audit: Vec::new(),
        ..all.clone()
    };
    let question = Question { purpose: name("statistics"), version: 1, wording: Text("?".to_owned()) };
    for export in [
        PersonExport { consents: all.consents.clone(), ..bare.clone() },
        PersonExport { discoveries: all.discoveries.clone(), ..bare.clone() },
        PersonExport { trades: all.trades.clone(), ..bare.clone() },
        PersonExport { inventory: all.inventory.clone(), ..bare.clone() },
    ] {
        let rig = Rig::new().await;
        let person = rig.people.import(&export, NOW).await.unwrap();
        assert!(rig.people.export(person, NOW).await.unwrap().is_same_content(&export));
        assert!(rig.people.is_known(person).await.unwrap());
        rig.people.give(person, &question, NOW).await.unwrap();
        rig.people.erase(person, NOW).await.unwrap();
        assert!(rig.people.export(person, NOW).await.is_err());
    }
}
