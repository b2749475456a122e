//! Brings a backup back into a new file of the embedded store. Must never touch a file that is there, and never leave half
//! of one: the store is written beside, read again, and only then gets its name.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use persistence::{Batch, Change, Embedded, Epoch, Name, Record, Store, StoreError, Tick};

use crate::archive::{ArchiveError, Footer, Header, Tally, kinds};
use crate::cut::{Cut, CutError, Survey};
use crate::key::BackupKey;
use crate::repository::{Entry, RepositoryError, sync_folder};

/// Most records that are written at once.
const BATCH_RECORDS_MAX: usize = 4_000;
/// Weight of records after which they are written.
const BATCH_WEIGHT_MAX: usize = 16 << 20;

/// What to bring back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// All of it, record by record as it was.
    Whole,
    /// All of it, but this world as it was at this tick.
    World(Name, Tick),
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is something already.
    #[error("{} is there already; a restore writes a new file only", .0.display())]
    Exists(PathBuf),
    /// The file or its folder failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// How.
        source: io::Error,
    },
    /// The backup cannot be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The new store failed.
    #[error("the restored store cannot be written: {0}")]
    Store(#[from] StoreError),
    /// There is no such tick.
    #[error(transparent)]
    Cut(#[from] CutError),
    /// What was written is not what was to be written.
    #[error("the restored store is not what the backup holds: {0}")]
    Differs(String),
    /// People who were erased since might come back.
    #[error("the erasures cannot be applied again, so nothing was restored: {0}")]
    Erasures(String),
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// What the backup says in the open.
    pub header: Header,
    /// What the new store held before erasures were applied: counts, and where each world is.
    pub footer: Footer,
    /// How many people were erased again.
    pub erased: u64,
    /// Records of worlds that the backup has no world for. They are left out.
    pub orphans: u64,
}

/// Brings a backup back into a new file. `erasures` gets the store before it can serve, and has to erase everybody who was
/// erased since the backup was taken; it says how many those were.
///
/// # Errors
/// [`RestoreError`]; then there is no new file.
pub async fn restore(
    entry: &Entry,
    key: &BackupKey,
    to: &Path,
    what: &What,
    erasures: impl AsyncFnOnce(Arc<dyn Store>) -> Result<u64, String>,
) -> Result<Restored, RestoreError> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(RestoreError::Exists(to.to_owned()));
    }
    // The first reading finds out whether it is sound, the second writes.
    let (found, cut) = survey(entry, key, what)?;
    let beside = Beside::of(to)?;
    let store = Arc::new(Embedded::open(&beside.path)?);
    let mut filler = Filler::new(&store);
    let mut reader = entry.open(key)?;
    while let Some(record) = reader.next_record().map_err(|e| damaged(entry, e))? {
        let kept = match &cut {
            Some(cut) => cut.apply(record)?,
            None => Some(record),
        };
        if let Some(record) = kept {
            filler.push(record).await?;
        }
    }
    let (header, orphans) = (reader.header().clone(), filler.orphans);
    let written = filler.finish().await?;
    if cut.is_none() && orphans == 0 && written != found {
        return Err(RestoreError::Differs("it has other counts or another hash".to_owned()));
    }
    compare(&store, &written, cut.as_ref()).await?;
    let erased = erasures(Arc::clone(&store) as Arc<dyn Store>).await.map_err(RestoreError::Erasures)?;
    store.close();
    beside.keep(to)?;
    Ok(Restored { header, footer: written, erased, orphans })
}

fn damaged(entry: &Entry, source: ArchiveError) -> RestoreError {
    entry.named(source).into()
}

/// Reads all of the backup, before anything is written.
fn survey(entry: &Entry, key: &BackupKey, what: &What) -> Result<(Footer, Option<Cut>), RestoreError> {
    let What::World(world, tick) = what else { return Ok((entry.verify(key)?, None)) };
    let mut survey = Survey::new(world.clone(), *tick);
    let mut reader = entry.open(key)?;
    while let Some(record) = reader.next_record().map_err(|e| damaged(entry, e))? {
        survey.see(&record);
    }
    let footer = reader.finish().map_err(|e| damaged(entry, e))?;
    Ok((footer, Some(survey.finish()?)))
}

/// Reads all of the new store, and compares it with what was written.
async fn compare(store: &Embedded, written: &Footer, cut: Option<&Cut>) -> Result<(), RestoreError> {
    let mut tally = Tally::default();
    let mut records = store.copy(&kinds()).await?;
    while let Some(record) = records.recv().await {
        tally.add(&record?).map_err(|e| RestoreError::Differs(e.to_string()))?;
    }
    if tally.footer() != *written {
        return Err(RestoreError::Differs("it reads back otherwise".to_owned()));
    }
    let Some(cut) = cut else { return Ok(()) };
    let end = written.worlds.iter().find(|end| end.world == cut.world).and_then(|end| end.last);
    match end {
        Some((tick, _)) if tick == cut.tick => Ok(()),
        // Nothing is needed for the state that the scenario gives.
        None if cut.tick == Tick(0) => Ok(()),
        _ => Err(RestoreError::Differs(format!("its world {} does not end at tick {}", cut.world, cut.tick.0))),
    }
}

/// Writes records in groups, those of a world with that world's fence.
struct Filler<'a> {
    store: &'a Embedded,
    changes: Vec<Change>,
    weight: usize,
    world: Option<Name>,
    epochs: BTreeMap<Name, Epoch>,
    tally: Tally,
    orphans: u64,
}

impl<'a> Filler<'a> {
    fn new(store: &'a Embedded) -> Self {
        let (epochs, tally) = (BTreeMap::new(), Tally::default());
        Self { store, changes: Vec::new(), weight: 0, world: None, epochs, tally, orphans: 0 }
    }

    async fn push(&mut self, record: Record) -> Result<(), RestoreError> {
        if let Record::World(world) = &record {
            self.epochs.insert(world.id.clone(), world.epoch);
        }
        let world = record.key().world().cloned();
        if world.as_ref().is_some_and(|world| !self.epochs.contains_key(world)) {
            self.orphans += 1;
            return Ok(());
        }
        if world != self.world || self.changes.len() >= BATCH_RECORDS_MAX || self.weight >= BATCH_WEIGHT_MAX {
            self.flush().await?;
            self.world = world;
        }
        self.tally.add(&record).map_err(|e| RestoreError::Differs(e.to_string()))?;
        self.weight += record.weight();
        self.changes.push(Change::Import(record));
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), RestoreError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new(std::mem::take(&mut self.changes))?;
        if let Some((world, epoch)) = self.world.as_ref().and_then(|world| self.epochs.get_key_value(world)) {
            batch = batch.fenced(world.clone(), *epoch);
        }
        self.weight = 0;
        Ok(self.store.commit(&batch).await?)
    }

    async fn finish(mut self) -> Result<Footer, RestoreError> {
        self.flush().await?;
        Ok(self.tally.footer())
    }
}

/// A file beside the one that is wanted, until it gets that name.
struct Beside {
    path: PathBuf,
    folder: PathBuf,
}

impl Beside {
    fn of(to: &Path) -> Result<Self, RestoreError> {
        let io = |source| RestoreError::Io { path: to.to_owned(), source };
        let name = to.file_name().ok_or_else(|| io(io::Error::other("this is no name of a file")))?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|e| io(io::Error::other(e.to_string())))?;
        let path = folder.join(format!(".{}.restoring-{:08x}", name.to_string_lossy(), u32::from_le_bytes(random)));
        Ok(Self { path, folder: folder.to_owned() })
    }

    /// Gives it the name, if nothing has that name meanwhile.
    fn keep(self, to: &Path) -> Result<(), RestoreError> {
        let kept = fs::hard_link(&self.path, to).and_then(|()| sync_folder(&self.folder));
        kept.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => RestoreError::Exists(to.to_owned()),
            _ => RestoreError::Io { path: to.to_owned(), source },
        })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It never was there, or has its other name.
        let _ = fs::remove_file(&self.path);
    }
}
