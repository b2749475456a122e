//! The API's audit log in the service's audit chain. Must never acknowledge an entry that is not durable.
//!
//! Entries that come while others are being written are written together: a durable write costs the same for one and for many.

use api::clock::Moment;
use api::identity::Person;
use api::ports::{Act, AuditError, AuditLog, Entry, Reading};
use async_trait::async_trait;
use persistence::people::{self, People, PeopleError, VerifyError};
use persistence::{Key, Kind, Millis, Name, PersonId, Query, Record, Store, Text};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Most entries that are written together.
const GROUP_MAX: usize = 64;

/// The audit chain of a store.
pub struct StoredAudit {
    people: People,
    store: Arc<dyn Store>,
    queue: Arc<Queue>,
}

/// An act that waits, and who is to be told of its place.
type Waiting = (people::Act, oneshot::Sender<Result<u64, AuditError>>);

/// What waits to be written, and whose turn it is to write.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is written next, without those who have gone away: they do not do what was to be written down.
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.lock();
        waiting.retain(|(_, told)| !told.is_closed());
        let count = waiting.len().min(GROUP_MAX);
        waiting.drain(..count).collect()
    }

    /// Writes what waits as soon as nobody else writes. One that finds nothing is through: another wrote its act.
    async fn write(&self, people: &People) {
        let _turn = self.turn.lock().await;
        let (acts, told): (Vec<_>, Vec<_>) = self.take().into_iter().unzip();
        if acts.is_empty() {
            return;
        }
        let answers = match people.record_all(&acts).await {
            Ok(heads) => heads.into_iter().map(|head| Ok(head.seq)).collect(),
            // It may be about one of them.
            Err(PeopleError::TooLong(_) | PeopleError::Vault(_)) => one_by_one(people, &acts).await,
            Err(error) => acts.iter().map(|_| Err(unavailable(&error))).collect(),
        };
        for (told, answer) in told.into_iter().zip(answers) {
            // Who has gone away meanwhile is told nothing.
            let _ = told.send(answer);
        }
    }
}

async fn one_by_one(people: &People, acts: &[people::Act]) -> Vec<Result<u64, AuditError>> {
    let mut answers = Vec::with_capacity(acts.len());
    for act in acts {
        answers.push(people.record(act).await.map(|head| head.seq).map_err(unavailable));
    }
    answers
}

impl StoredAudit {
    /// In this store.
    #[must_use]
    pub fn new(people: People, store: Arc<dyn Store>) -> Self {
        Self { people, store, queue: Arc::default() }
    }
}

fn unavailable(error: impl ToString) -> AuditError {
    AuditError::Unavailable(error.to_string())
}

fn broken(error: VerifyError) -> AuditError {
    let why = error.to_string();
    match error {
        VerifyError::Edited(seq) | VerifyError::Missing(seq) | VerifyError::Broken(seq) => {
            AuditError::Broken { seq, why }
        }
        VerifyError::Truncated { found, .. } => AuditError::Broken { seq: found.saturating_add(1), why },
        _ => AuditError::Unavailable(why),
    }
}

#[async_trait]
impl AuditLog for StoredAudit {
    async fn record(&self, act: Act) -> Result<u64, AuditError> {
        let act = people::Act {
            at: Millis(act.at.0),
            actor: act.actor.map(|person| PersonId(person.0)),
            action: Name::new(act.action).map_err(unavailable)?,
            subject: Text(act.subject),
            outcome: Name::new(act.outcome.name()).map_err(unavailable)?,
            details: act.details,
        };
        let (told, place) = oneshot::channel();
        self.queue.lock().push((act, told));
        let (people, queue) = (self.people.clone(), Arc::clone(&self.queue));
        // It runs beside whoever waits for it: they may go away meanwhile.
        tokio::spawn(async move { queue.write(&people).await });
        place.await.unwrap_or_else(|_| Err(unavailable("what was to write it has ended")))
    }

    async fn page(&self, reading: Reading, limit: usize) -> Result<(Vec<Entry>, bool), AuditError> {
        let all = Query::of(Kind::Audit).first(limit);
        let query = match reading {
            Reading::Onward(0) => all,
            Reading::Onward(behind) => all.beyond(Key::Audit(behind)),
            Reading::Back(None) => all.down(),
            Reading::Back(Some(before)) => all.down().beyond(Key::Audit(before)),
        };
        let page = self.store.list(&query).await.map_err(unavailable)?;
        let mut entries = Vec::with_capacity(page.records.len());
        for record in page.records {
            let Record::Audit(entry) = record else { continue };
            let details = self.people.open_entry(&entry).await.map_err(unavailable)?;
            entries.push(Entry {
                seq: entry.seq,
                at: Moment(entry.at.0),
                actor: entry.actor.map(|person| Person(person.0)),
                action: entry.action.to_string(),
                subject: entry.subject.0,
                outcome: entry.outcome.to_string(),
                details,
                hash: entry.hash.0,
            });
        }
        Ok((entries, page.more))
    }

    async fn verify(&self) -> Result<u64, AuditError> {
        Ok(self.people.verify(.., None).await.map_err(broken)?.entries)
    }
}

#[cfg(test)]
mod tests {
    use api::ports::Outcome;
    use persistence::people::{MasterKey, Vault};
    use persistence::{Batch, Change, Embedded};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_at_once_are_written_once_each_and_who_is_wrong_is_told_alone() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| Arc::new(Embedded::open(&folder.path().join(name)).unwrap()) as Arc<dyn Store>;
        let store = open("world.redb");
        let vault = Arc::new(Vault::open(open("keys.redb"), MasterKey::random().unwrap()).await.unwrap());
        let audit = Arc::new(StoredAudit::new(People::new(Arc::clone(&store), vault), store));
        let act = |n: u64| Act {
            at: Moment(1_800_000_000_000),
            actor: None,
            action: "world.patch",
            subject: if n == 77 { "long".repeat(1000) } else { format!("entity:{n}") },
            outcome: Outcome::Done,
            details: "{}".to_owned(),
        };
        let writing: Vec<_> = (1..=200)
            .map(|n| {
                let audit = Arc::clone(&audit);
                tokio::spawn(async move { (n, audit.record(act(n)).await) })
            })
            .collect();
        let mut places = std::collections::BTreeMap::new();
        for one in writing {
            match one.await.unwrap() {
                (77, answer) => assert!(matches!(answer, Err(AuditError::Unavailable(_))), "{answer:?}"),
                (n, answer) => assert_eq!(places.insert(answer.unwrap(), format!("entity:{n}")), None),
            }
        }
        assert_eq!(places.keys().copied().collect::<Vec<_>>(), (1..=199).collect::<Vec<_>>());
        let (page, _) = audit.page(Reading::Onward(0), 1000).await.unwrap();
        assert!(page.iter().all(|entry| places[&entry.seq] == entry.subject), "each is told its own place");
        assert_eq!(audit.verify().await, Ok(199));
        assert_eq!(audit.record(act(201)).await, Ok(200), "and on it goes");
    }

    #[tokio::test]
    async fn entries_are_read_as_they_were_written_and_a_missing_one_shows() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| Arc::new(Embedded::open(&folder.path().join(name)).unwrap()) as Arc<dyn Store>;
        let store = open("world.redb");
        let vault = Arc::new(Vault::open(open("keys.redb"), MasterKey::random().unwrap()).await.unwrap());
        let audit = StoredAudit::new(People::new(Arc::clone(&store), vault), Arc::clone(&store));
        for n in 1..=5_u64 {
            let act = Act {
                at: Moment(1_800_000_000_000 + n),
                actor: None,
                action: "world.patch",
                subject: format!("entity:{n}"),
                outcome: Outcome::Done,
                details: format!("{{\"n\":{n}}}"),
            };
            assert_eq!(audit.record(act).await, Ok(n));
        }
        let (page, more) = audit.page(Reading::Onward(1), 2).await.unwrap();
        assert_eq!((page.len(), more), (2, true));
        assert_eq!((page[0].seq, page[0].subject.as_str(), page[0].outcome.as_str()), (2, "entity:2", "done"));
        assert_eq!(page[1].details.as_deref(), Some("{\"n\":3}"));
        for (reading, expected, expects_more) in [
            (Reading::Onward(0), &[1, 2][..], true),
            (Reading::Onward(3), &[4, 5], false),
            (Reading::Onward(u64::MAX), &[], false),
            (Reading::Back(None), &[5, 4], true),
            (Reading::Back(Some(4)), &[3, 2], true),
            (Reading::Back(Some(3)), &[2, 1], false),
            (Reading::Back(Some(1)), &[], false),
            (Reading::Back(Some(0)), &[], false),
            (Reading::Back(Some(u64::MAX)), &[5, 4], true),
        ] {
            let (page, more) = audit.page(reading, 2).await.unwrap();
            let places: Vec<u64> = page.iter().map(|entry| entry.seq).collect();
            assert_eq!((places.as_slice(), more), (expected, expects_more), "{reading:?}");
        }
        assert_eq!(audit.verify().await, Ok(5));
        store.commit(&Batch::new(vec![Change::Remove(Key::Audit(3), None)]).unwrap()).await.unwrap();
        assert!(matches!(audit.verify().await, Err(AuditError::Broken { seq: 3, .. })));
    }
}
