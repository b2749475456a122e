//! The embedded store: one ACID file of redb, the default on one machine. Must never acknowledge what is not synchronised
//! to the disk, and never let a caller's batch in by halves.
//!
//! One thread owns all writing and takes whatever waits into one transaction, so that many batches share one
//! synchronisation of the disk. Reading has its own moments and waits for nobody.

mod file;
mod read;
mod rows;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use redb::{Database, DatabaseError, TableDefinition};

use crate::batch::Batch;
use crate::copy::{Copy, Copying};
use crate::error::{Health, StoreError};
use crate::record::{Key, Kind, Record, Token};
use crate::store::{Page, Query, Store};
use file::Keeper;
use writer::Writer;

/// Records of a kind, by key.
const fn table(kind: Kind) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(kind.name())
}

/// Of whom which records are that are not listed under the person anyway: person, kind, key.
const PEOPLE: TableDefinition<'static, &'static [u8], ()> = TableDefinition::new("people");
/// What the file says about itself.
const ABOUT: TableDefinition<'static, &'static str, u64> = TableDefinition::new("about");
/// Version of the tables, in [`ABOUT`].
const SCHEMA: (&str, u64) = ("schema", 1);

/// Opens the database, the first time and after a failed write.
pub type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// A store in one file. The file is closed once the store is dropped, or by [`Embedded::close`].
pub struct Embedded {
    keeper: Arc<Keeper>,
    writer: Writer,
}

impl Embedded {
    /// Opens a file, which is made if it does not exist, for its owner only.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where another process has it, [`StoreError::Schema`], [`StoreError::Corrupt`],
    /// [`StoreError::ReadOnly`], [`StoreError::DiskFull`], [`StoreError::Unavailable`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        if !path.exists() {
            file::make(&path)?;
        }
        Self::with(Box::new(move || file::open(&path)))
    }

    /// Which store a path means, in words that are the same by whichever way it is named.
    #[must_use]
    pub fn place(path: &Path) -> String {
        let real = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
        format!("file {}", real.as_deref().unwrap_or(path).display())
    }

    /// On anything that redb can use, such as a disk that tests pull the plug of.
    ///
    /// # Errors
    /// As [`Embedded::open`].
    pub fn with(opener: Opener) -> Result<Self, StoreError> {
        let keeper = Arc::new(Keeper::new(opener)?);
        let writer = Writer::start(Arc::clone(&keeper))?;
        Ok(Self { keeper, writer })
    }

    /// Writes what waits and closes the file. Whatever is asked afterwards is refused.
    pub fn close(&self) {
        self.writer.stop();
        self.keeper.close();
    }

    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&redb::ReadTransaction) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let keeper = Arc::clone(&self.keeper);
        let reading = tokio::task::spawn_blocking(move || keeper.reading(read));
        reading.await.map_err(|_| StoreError::Corrupt("reading it failed in a way that it should not".to_owned()))?
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl Store for Embedded {
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        self.writer.commit(batch.clone()).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let key = key.clone();
        self.reading(move |transaction| Ok(read::get(transaction, &key)?.map(|stored| stored.record))).await
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        let query = query.clone();
        self.reading(move |transaction| read::list(transaction, &query)).await
    }

    async fn keys(&self, query: &Query) -> Result<Vec<Key>, StoreError> {
        let query = query.clone();
        self.reading(move |transaction| read::keys(transaction, &query)).await
    }

    async fn copy(&self, kinds: &[Kind]) -> Result<Copy, StoreError> {
        let (copying, copy) = Copying::begin();
        let (keeper, kinds) = (Arc::clone(&self.keeper), kinds.to_vec());
        tokio::task::spawn_blocking(move || {
            let copied = keeper.reading(|transaction| read::copy(transaction, &kinds, &copying));
            copying.blocking_end(copied);
        });
        Ok(copy)
    }

    async fn health(&self) -> Health {
        let began = Instant::now();
        // An empty batch is committed like any other: the disk has to take it.
        match self.writer.commit(Batch { id: Token::default(), fence: None, changes: Vec::new() }).await {
            Ok(()) => Health::Well { round_trip: began.elapsed() },
            Err(error) => Health::Ill(error),
        }
    }
}
