//! The API's audit log in the service's audit chain. Must never acknowledge an entry that is not durable.

use api::clock::Moment;
use api::identity::Person;
use api::ports::{Act, AuditError, AuditLog, Entry, Reading};
use async_trait::async_trait;
use persistence::people::{self, People, VerifyError};
use persistence::{Key, Kind, Millis, Name, PersonId, Query, Record, Store, Text};
use std::sync::Arc;

/// The audit chain of a store.
pub struct StoredAudit {
    people: People,
    store: Arc<dyn Store>,
}

impl StoredAudit {
    /// In this store.
    #[must_use]
    pub fn new(people: People, store: Arc<dyn Store>) -> Self {
        Self { people, store }
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
        Ok(self.people.record(&act).await.map_err(unavailable)?.seq)
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
