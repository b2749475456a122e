//! The port: what every store does. Must never grow a method for one kind of record; those are built on top of it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::copy::Copy;
use crate::error::{Health, StoreError};
use crate::record::{Key, Kind, Record, Scope};

/// Which records are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Of this kind.
    pub kind: Kind,
    /// Of these.
    pub scope: Scope,
    /// Beyond this key, in the order of the list; of the same kind.
    pub beyond: Option<Key>,
    /// In this order of their keys.
    pub order: Order,
    /// At most so many.
    pub limit: usize,
}

/// An order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Ascending.
    #[default]
    Up,
    /// Descending.
    Down,
}

impl Query {
    /// The first 1,000 of a kind.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self { kind, scope: Scope::All, beyond: None, order: Order::Up, limit: 1000 }
    }

    /// Of these only.
    #[must_use]
    pub fn within(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// From behind this key on.
    #[must_use]
    pub fn beyond(self, key: Key) -> Self {
        Self { beyond: Some(key), ..self }
    }

    /// The other way round: the last ones first.
    #[must_use]
    pub fn down(self) -> Self {
        Self { order: Order::Down, ..self }
    }

    /// At most so many.
    #[must_use]
    pub fn first(self, limit: usize) -> Self {
        Self { limit, ..self }
    }
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// In order.
    pub records: Vec<Record>,
    /// There are more beyond the last one.
    pub more: bool,
}

/// Bytes of records after which a page ends, by [`Record::weight`]. A single record may weigh more.
pub const PAGE_WEIGHT_MAX: usize = 32 << 20;

/// Where records are kept.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Applies all changes of the batch, or none. When it returns well they survive the process, the machine's power, and
    /// as many servers as the store promises. Any batch may be sent again after any error: what is there already counts
    /// as done.
    ///
    /// # Errors
    /// [`StoreError`]. After [`StoreError::Unknown`] the changes may be there or not, and all or none of them; after any
    /// other, none are.
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError>;

    /// The record with this key.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Corrupt`] for one that is not what was written.
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError>;

    /// Records in the order of their keys, from one moment. A page ends early once it weighs [`PAGE_WEIGHT_MAX`].
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn list(&self, query: &Query) -> Result<Page, StoreError>;

    /// Only the keys of those.
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn keys(&self, query: &Query) -> Result<Vec<Key>, StoreError>;

    /// All records of these kinds, from one moment: kind by kind as given, each in the order of keys. A copy that
    /// does not come to its end ends with an error.
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn copy(&self, kinds: &[Kind]) -> Result<Copy, StoreError>;

    /// Asks the store for a real answer.
    async fn health(&self) -> Health;
}
