//! What is written at once: changes that are applied whole or not at all. Must never be applied twice with effect: a batch
//! may be sent again after any error, so each change is judged by what is there already.

use std::collections::BTreeSet;

use crate::error::{Conflict, StoreError};
use crate::record::{Epoch, Key, Name, Record, Rev};

/// Most changes of a batch.
pub const CHANGES_MAX: usize = 20_000;

/// Changes that are applied whole or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Who must own which world for that. Seats, snapshots and segments are written with the fence of their world only.
    pub fence: Option<Fence>,
    /// In any order, none twice for one key.
    pub changes: Vec<Change>,
}

/// Holds off whoever does not own a world any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The world.
    pub world: Name,
    /// Its epoch, as it was claimed.
    pub epoch: Epoch,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Writes a record. With a revision: the first of its key, or exactly the next one. Without: the only one.
    Put(Record),
    /// Removes a record, if it is there; with a revision, only that one.
    Remove(Key, Option<Rev>),
}

impl Change {
    /// What it changes.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Put(record) => record.key(),
            Self::Remove(key, _) => key.clone(),
        }
    }
}

impl Batch {
    /// That writes these.
    pub fn put(records: impl IntoIterator<Item = Record>) -> Self {
        Self { fence: None, changes: records.into_iter().map(Change::Put).collect() }
    }

    /// The same, only for who owns this world.
    #[must_use]
    pub fn fenced(mut self, world: Name, epoch: Epoch) -> Self {
        self.fence = Some(Fence { world, epoch });
        self
    }

    /// What is wrong with it, whatever the store holds.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] and [`StoreError::InvalidBatch`].
    pub fn check(&self) -> Result<(), StoreError> {
        if self.changes.len() > CHANGES_MAX {
            return Err(StoreError::InvalidBatch("it has more than 20,000 changes"));
        }
        let mut keys = BTreeSet::new();
        for change in &self.changes {
            let key = change.key();
            let owner = self.fence.as_ref().map(|fence| &fence.world);
            if key.world().is_some() && key.world() != owner {
                return Err(StoreError::InvalidBatch("it changes a world without that world's fence"));
            }
            if let Change::Put(record) = change {
                record.check().map_err(|why| StoreError::Invalid { key: key.clone(), why })?;
            }
            if !keys.insert(key) {
                return Err(StoreError::InvalidBatch("it changes one record twice"));
            }
        }
        Ok(())
    }
}

/// What is to be done about a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be written.
    Write,
    /// It is there already.
    Already,
    /// Somebody else was quicker.
    Refused(Conflict),
}

/// Judges a change by what the store holds under its key. Both stores follow this, in a transaction.
#[must_use]
pub fn decide(stored: Option<&Record>, change: &Change) -> Verdict {
    let found = stored.and_then(Record::rev);
    match change {
        Change::Put(record) => {
            let wanted = record.rev();
            let refused = Verdict::Refused(Conflict { key: record.key(), found, wanted });
            match (stored, wanted) {
                (None, None | Some(Rev::FIRST)) => Verdict::Write,
                (None, Some(_)) => refused,
                (Some(stored), _) if is_same(stored, record) => Verdict::Already,
                (Some(_), None) => refused,
                (Some(_), Some(rev)) if found.is_some_and(|found| found.next() == rev) => Verdict::Write,
                (Some(_), Some(_)) => refused,
            }
        }
        Change::Remove(key, wanted) => match (stored, wanted) {
            (None, _) => Verdict::Already,
            (Some(_), None) => Verdict::Write,
            (Some(_), Some(rev)) if found == Some(*rev) => Verdict::Write,
            (Some(_), Some(_)) => Verdict::Refused(Conflict { key: key.clone(), found, wanted: *wanted }),
        },
    }
}

/// Whether two records are the same to the bit; -0 is not 0.
fn is_same(a: &Record, b: &Record) -> bool {
    // Both encode: there is nothing in a record that postcard cannot.
    a == b && postcard::to_stdvec(a).ok() == postcard::to_stdvec(b).ok()
}
