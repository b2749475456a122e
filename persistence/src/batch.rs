//! What is written at once: changes that are applied whole or not at all. Must never be applied twice with effect: a batch
//! may be sent again after any error, so each change is judged by what is there already, and by which batch wrote it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{Conflict, StoreError};
use crate::record::{Epoch, Key, Name, Record, Rev, Token};

/// Most changes of a batch.
pub const CHANGES_MAX: usize = 20_000;

/// Changes that are applied whole or not at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Names it. Kept with each record that has revisions, so that a batch that is sent again is known by what it wrote,
    /// and another one that happens to write the same is not taken for it.
    pub id: Token,
    /// Who must own which world for that. Seats, snapshots and segments are written with the fence of their world only.
    pub fence: Option<Fence>,
    /// In any order, none twice for one key.
    pub changes: Vec<Change>,
}

/// Holds off whoever does not own a world any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The world.
    pub world: Name,
    /// Its epoch, as it was claimed.
    pub epoch: Epoch,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Writes a record. With a revision: the first of its key, or exactly the next one. Without: the only one.
    Put(Record),
    /// Writes a record with whatever revision it has, where its key has none: from a backup or another store.
    Import(Record),
    /// Removes a record, if it is there; with a revision, only that one.
    Remove(Key, Option<Rev>),
}

impl Change {
    /// What it changes.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Put(record) | Self::Import(record) => record.key(),
            Self::Remove(key, _) => key.clone(),
        }
    }

    /// What it writes.
    #[must_use]
    pub const fn record(&self) -> Option<&Record> {
        match self {
            Self::Put(record) | Self::Import(record) => Some(record),
            Self::Remove(..) => None,
        }
    }
}

impl Batch {
    /// Of these changes, with a name of its own.
    ///
    /// # Errors
    /// [`StoreError::Other`] where the system gives no random numbers.
    pub fn new(changes: Vec<Change>) -> Result<Self, StoreError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|e| StoreError::Other(format!("there are no random numbers: {e}")))?;
        Ok(Self { id: Token(id), fence: None, changes })
    }

    /// That writes these.
    ///
    /// # Errors
    /// As [`Batch::new`].
    pub fn put(records: impl IntoIterator<Item = Record>) -> Result<Self, StoreError> {
        Self::new(records.into_iter().map(Change::Put).collect())
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
            return Err(StoreError::InvalidBatch("it has more than 20,000 changes".into()));
        }
        let mut keys = BTreeSet::new();
        for change in &self.changes {
            let key = change.key();
            let owner = self.fence.as_ref().map(|fence| &fence.world);
            if key.world().is_some() && key.world() != owner {
                return Err(StoreError::InvalidBatch("it changes a world without that world's fence".into()));
            }
            if let Some(record) = change.record() {
                record.check().map_err(|why| StoreError::Invalid { key: key.clone(), why: why.into() })?;
            }
            if !keys.insert(key) {
                return Err(StoreError::InvalidBatch("it changes one record twice".into()));
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

/// What a store has under a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The record.
    pub record: Record,
    /// The batch that wrote it; zeros where it was imported or is written once.
    pub batch: Token,
}

/// Judges a change of a batch by what the store holds under its key. All stores follow this, in a transaction.
#[must_use]
pub fn decide(stored: Option<&Stored>, batch: Token, change: &Change) -> Verdict {
    let found = stored.and_then(|stored| stored.record.rev());
    let wanted = match change {
        Change::Put(record) | Change::Import(record) => record.rev(),
        Change::Remove(_, rev) => *rev,
    };
    let refused = || Verdict::Refused(Conflict { key: change.key(), found, wanted });
    let is_write = match (change, stored) {
        (Change::Import(_), None) => true,
        (Change::Put(_), None) => wanted.is_none_or(|rev| rev == Rev::FIRST),
        (Change::Put(record), Some(stored)) if wanted.is_some() => {
            if found == wanted && stored.batch == batch && is_same(&stored.record, record) {
                return Verdict::Already;
            }
            found.map(Rev::next) == wanted
        }
        (Change::Put(record) | Change::Import(record), Some(stored)) => {
            return if is_same(&stored.record, record) { Verdict::Already } else { refused() };
        }
        (Change::Remove(..), None) => return Verdict::Already,
        (Change::Remove(..), Some(_)) => wanted.is_none() || wanted == found,
    };
    if is_write { Verdict::Write } else { refused() }
}

/// Whether two records are the same to the bit; -0 is not 0.
fn is_same(a: &Record, b: &Record) -> bool {
    // Both encode: there is nothing in a record that postcard cannot.
    a == b && postcard::to_stdvec(a).ok() == postcard::to_stdvec(b).ok()
}
