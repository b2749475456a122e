//! The audit chain: appended by many, and nothing in it touched unseen.

use std::sync::Arc;

use persistence::people::{Act, Head, PeopleError, VerifyError};
use persistence::{Audit, Key, Millis, PersonId, Record, Rev, Setting, Store, Text};

use crate::faulty::{Faulty, Plan};
use crate::rig::{NOW, Rig, name, over};

fn act(n: u64, actor: Option<PersonId>) -> Act {
    let (action, subject, outcome) = (name("player.kick"), Text(n.to_string()), name("done"));
    Act { at: Millis(NOW.0 + n), actor, action, subject, outcome, details: format!("what else is known: {n}") }
}

async fn entry(rig: &Rig, seq: u64) -> Audit {
    let Some(Record::Audit(entry)) = rig.get(Key::Audit(seq)).await else { panic!("the entry {seq} is there") };
    entry
}

async fn chain(length: u64) -> (Rig, Vec<Head>) {
    let rig = Rig::new().await;
    let actor = rig.person("Ada").await;
    let mut heads = Vec::new();
    for n in 0..length {
        heads.push(rig.people.record(&act(n, Some(actor).filter(|_| n % 3 > 0))).await.unwrap());
    }
    (rig, heads)
}

#[tokio::test]
async fn an_untouched_chain_is_found_sound() {
    let (rig, heads) = chain(10).await;
    let all = rig.people.verify(.., Some(&heads[4])).await.unwrap();
    assert_eq!((all.entries, all.last), (10, Some(heads[9])));
    let some = rig.people.verify(3..=7, Some(&heads[9])).await.unwrap();
    assert_eq!((some.entries, some.last), (5, Some(heads[6])));
    let entry = entry(&rig, 5).await;
    assert_eq!(rig.people.open_entry(&entry).await.unwrap().as_deref(), Some("what else is known: 4"));
    // An erased actor's entries stay, but do not open.
    rig.people.erase(entry.actor.unwrap(), NOW).await.unwrap();
    assert_eq!(rig.people.verify(.., Some(&heads[9])).await.unwrap().entries, 10);
    assert_eq!(rig.people.open_entry(&entry).await.unwrap(), None);
    let after = rig.people.record(&act(11, entry.actor)).await.unwrap();
    assert_eq!(rig.people.verify(.., Some(&after)).await.unwrap().entries, 11);
    assert_eq!(Rig::new().await.people.verify(.., None).await.unwrap().entries, 0);
}

#[tokio::test]
async fn edits_gaps_and_cuts_are_found() {
    // Edited, with a hash that is right again.
    let (rig, heads) = chain(6).await;
    let mut edited = entry(&rig, 3).await;
    edited.outcome = name("denied");
    let before = entry(&rig, 2).await;
    rig.remove(Key::Audit(3)).await;
    rig.put([Record::Audit(edited.chained(Some(&before)))]).await;
    assert_eq!(rig.people.verify(.., None).await, Err(VerifyError::Broken(4)));
    assert_eq!(rig.people.verify(..=3, Some(&heads[2])).await, Err(VerifyError::Edited(3)), "by a head kept elsewhere");
    // The last one edited: the note about the end knows its hash.
    let (rig, _) = chain(6).await;
    let mut edited = entry(&rig, 6).await;
    edited.outcome = name("denied");
    let before = entry(&rig, 5).await;
    rig.remove(Key::Audit(6)).await;
    rig.put([Record::Audit(edited.chained(Some(&before)))]).await;
    assert_eq!(rig.people.verify(.., None).await, Err(VerifyError::Edited(6)));
    // One taken out, the first ones, the last ones.
    for (gone, error) in [
        (3..=3, VerifyError::Missing(3)),
        (1..=2, VerifyError::Missing(1)),
        (5..=6, VerifyError::Truncated { found: 4, known: 6 }),
        (1..=6, VerifyError::Truncated { found: 0, known: 6 }),
    ] {
        let (rig, _) = chain(6).await;
        for seq in gone {
            rig.remove(Key::Audit(seq)).await;
        }
        assert_eq!(rig.people.verify(.., None).await, Err(error));
    }
    // One put behind the end without the note.
    let (rig, _) = chain(6).await;
    let last = entry(&rig, 6).await;
    rig.put([Record::Audit(last.clone().chained(Some(&last)))]).await;
    assert_eq!(rig.people.verify(.., None).await, Err(VerifyError::Broken(7)));
}

#[tokio::test]
async fn the_notes_cannot_be_forged_and_an_older_one_is_known_elsewhere() {
    let (rig, heads) = chain(4).await;
    let note = rig.get(Key::Setting(name("audit.end"))).await.unwrap();
    rig.people.record(&act(5, None)).await.unwrap();
    let last = rig.people.record(&act(6, None)).await.unwrap();
    // Back to an older end, with the note that was true then.
    let Record::Setting(older) = note else { panic!("a setting") };
    rig.remove(Key::Audit(5)).await;
    rig.remove(Key::Audit(6)).await;
    rig.put([Record::Setting(Setting { rev: Rev(7), ..older.clone() })]).await;
    assert_eq!(rig.people.verify(.., None).await.unwrap().last, Some(heads[3]));
    assert_eq!(rig.people.verify(.., Some(&last)).await, Err(VerifyError::Truncated { found: 4, known: 6 }));
    // A note that was written without the key.
    let forged = Text(older.value.0.replacen('4', "3", 1));
    rig.put([Record::Setting(Setting { rev: Rev(8), value: forged, ..older })]).await;
    let refused = VerifyError::People(PeopleError::Note("audit.end"));
    assert_eq!(rig.people.verify(.., None).await, Err(refused));
    assert_eq!(rig.people.record(&act(7, None)).await, Err(PeopleError::Note("audit.end")));
    // None at all.
    let (rig, _) = chain(4).await;
    rig.remove(Key::Setting(name("audit.end"))).await;
    assert_eq!(rig.people.verify(.., None).await, Err(VerifyError::Broken(1)));
}

#[tokio::test]
async fn many_processes_append_to_one_chain_over_a_store_that_fails() {
    let rig = Rig::new().await;
    let mut tasks = Vec::new();
    for process in 0..4 {
        let faulty: Arc<dyn Store> = Faulty::new(&rig.store, Plan::OneIn(7, process));
        let people = over(&faulty, &rig.keys, &rig.master).await;
        tasks.push(tokio::spawn(async move {
            let mut written = 0;
            for n in 0..25 {
                match people.record(&act(process * 100 + n, None)).await {
                    Ok(_) => written += 1,
                    Err(PeopleError::Store(error)) if error.reason() == "unavailable" => {}
                    Err(error) => panic!("{error}"),
                }
            }
            written
        }));
    }
    let mut written = 0;
    for task in tasks {
        written += task.await.unwrap();
    }
    assert!(written > 20, "{written}");
    assert_eq!(rig.people.verify(.., None).await.unwrap().entries, written, "each once");
}
