//! A folder of backups. A backup gets its name only once all of it is on the disk, so what is listed is whole. Must never
//! remove a backup but by [`Locked::prune`], and there never the last good one of a store.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use persistence::{Hash, Millis, Name};

use crate::archive::{ArchiveError, Footer, Header, Reader};
use crate::key::BackupKey;

/// Ending of a backup's file.
const ENDING: &str = ".stbackup";
/// Ending of a file that is being written.
const DRAFT_ENDING: &str = ".part";
/// Held by who writes to the folder.
const LOCK: &str = ".lock";

/// Why a folder of backups does not do.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The folder or a file in it failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// How.
        source: io::Error,
    },
    /// Somebody else writes to it.
    #[error("{} is in use by another run of this program", .0.display())]
    Busy(PathBuf),
    /// There is no such backup.
    #[error("{} has no backup {name}", path.display())]
    Unknown {
        /// The folder.
        path: PathBuf,
        /// What was asked for.
        name: String,
    },
    /// The name says too little.
    #[error("{} has more than one backup whose name begins with {name}", path.display())]
    Ambiguous {
        /// The folder.
        path: PathBuf,
        /// What was asked for.
        name: String,
    },
    /// A backup in it.
    #[error("{}: {source}", path.display())]
    Archive {
        /// Which.
        path: PathBuf,
        /// How.
        source: ArchiveError,
    },
    /// A copy is not what was copied.
    #[error("{} is not what was copied: the disk does not keep what is written to it", .0.display())]
    Miscopied(PathBuf),
}

/// A file that is listed.
#[derive(Debug)]
pub struct Entry {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// What it says in the open, or what is wrong with that.
    pub header: Result<Header, ArchiveError>,
}

/// What [`Locked::prune`] did.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Names of what was removed.
    pub removed: Vec<String>,
    /// Names of what was kept although it is old, and why.
    pub spared: Vec<(String, String)>,
}

/// A folder of backups.
#[derive(Clone, Debug)]
pub struct Repository {
    path: PathBuf,
}

/// Leave to write to a folder, until it is dropped.
pub struct Locked<'a> {
    repository: &'a Repository,
    _lock: File,
}

impl Repository {
    /// In this folder, which need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All backups, the oldest first; those whose header cannot be read, last. No key is needed.
    ///
    /// # Errors
    /// [`RepositoryError::Io`] where the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, RepositoryError> {
        let mut entries = Vec::new();
        for item in fs::read_dir(&self.path).map_err(|e| self.io(e))? {
            let item = item.map_err(|e| self.io(e))?;
            let Some(name) = item.file_name().to_str().and_then(|n| n.strip_suffix(ENDING)).map(str::to_owned) else {
                continue;
            };
            let path = item.path();
            let bytes = item.metadata().map_err(|e| self.io(e))?.len();
            entries.push(Entry { header: header_of(&path, &name), name, path, bytes });
        }
        let age = |entry: &Entry| entry.header.as_ref().map_or(Millis(u64::MAX), |header| header.taken);
        entries.sort_by_cached_key(|entry| (age(entry), entry.name.clone()));
        Ok(entries)
    }

    /// The backup of this name, or of the only one that begins so.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub fn find(&self, name: &str) -> Result<Entry, RepositoryError> {
        let (path, asked) = (self.path.clone(), name.to_owned());
        let mut fitting: Vec<Entry> = self.list()?.into_iter().filter(|entry| entry.name.starts_with(name)).collect();
        if let Some(exact) = fitting.iter().position(|entry| entry.name == name) {
            return Ok(fitting.swap_remove(exact));
        }
        match (fitting.pop(), fitting.is_empty()) {
            (Some(entry), true) => Ok(entry),
            (Some(_), false) => Err(RepositoryError::Ambiguous { path, name: asked }),
            (None, _) => Err(RepositoryError::Unknown { path, name: asked }),
        }
    }

    /// The latest backup of a store that was taken at or before a moment.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub fn find_at(&self, store: &Name, at: Millis) -> Result<Entry, RepositoryError> {
        let fits = |entry: &Entry| entry.header.as_ref().is_ok_and(|h| h.store == *store && h.taken <= at);
        self.list()?.into_iter().rfind(fits).ok_or_else(|| RepositoryError::Unknown {
            path: self.path.clone(),
            name: format!("of the store {store} from {} or before", crate::moment::rfc3339(at)),
        })
    }

    /// Makes the folder where it is missing, takes it, and removes what a run that did not come to its end has left.
    ///
    /// # Errors
    /// [`RepositoryError::Busy`] and [`RepositoryError::Io`].
    pub fn lock(&self) -> Result<Locked<'_>, RepositoryError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(|e| self.io(e))?;
        let path = self.path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
        let lock = lock.map_err(|e| self.io(e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RepositoryError::Busy(self.path.clone())),
            Err(TryLockError::Error(error)) => return Err(self.io(error)),
        }
        for item in fs::read_dir(&self.path).map_err(|e| self.io(e))? {
            let item = item.map_err(|e| self.io(e))?;
            if item.file_name().to_string_lossy().ends_with(DRAFT_ENDING) {
                fs::remove_file(item.path()).map_err(|e| self.io(e))?;
            }
        }
        Ok(Locked { repository: self, _lock: lock })
    }

    fn io(&self, source: io::Error) -> RepositoryError {
        RepositoryError::Io { path: self.path.clone(), source }
    }
}

impl Entry {
    /// Reads all of it and compares all counts and hashes.
    ///
    /// # Errors
    /// [`RepositoryError::Archive`] and [`RepositoryError::Io`].
    pub fn verify(&self, key: &BackupKey) -> Result<Footer, RepositoryError> {
        self.open(key)?.finish().map_err(|source| self.named(source))
    }

    /// What went wrong with it, by its name.
    pub(crate) fn named(&self, source: ArchiveError) -> RepositoryError {
        RepositoryError::Archive { path: self.path.clone(), source }
    }

    /// Opens it.
    ///
    /// # Errors
    /// As [`Entry::verify`].
    pub fn open(&self, key: &BackupKey) -> Result<Reader<BufReader<File>>, RepositoryError> {
        let file = File::open(&self.path).map_err(|e| RepositoryError::Io { path: self.path.clone(), source: e })?;
        let reader = Reader::new(BufReader::new(file), key).map_err(|source| self.named(source))?;
        if reader.header().name() == self.name {
            return Ok(reader);
        }
        Err(self.named(ArchiveError::Damaged("it is another backup than its name says".to_owned())))
    }
}

/// The header of a file, which has to be the one that the file is named after.
fn header_of(path: &Path, name: &str) -> Result<Header, ArchiveError> {
    let header = Header::read(&mut File::open(path).map_err(ArchiveError::Io)?)?;
    if header.name() == name {
        return Ok(header);
    }
    Err(ArchiveError::Damaged("it is another backup than its name says".to_owned()))
}

impl Locked<'_> {
    /// A file that is no backup yet. Whatever is not kept is removed when it is dropped.
    ///
    /// # Errors
    /// [`RepositoryError::Io`].
    pub fn draft(&self, header: &Header) -> Result<Draft<'_>, RepositoryError> {
        let path = self.repository.path.join(format!("{}{DRAFT_ENDING}", header.name()));
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
        let file = file.map_err(|source| RepositoryError::Io { path: path.clone(), source })?;
        Ok(Draft { locked: self, file, path, name: header.name(), is_kept: false })
    }

    /// Copies a backup in from another folder, and reads the copy again.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub fn copy(&self, from: &Path, header: &Header) -> Result<PathBuf, RepositoryError> {
        let source_io = |source| RepositoryError::Io { path: from.to_owned(), source };
        let mut draft = self.draft(header)?;
        let mut input = File::open(from).map_err(source_io)?;
        let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; 256 << 10]);
        loop {
            let read = input.read(&mut buffer).map_err(source_io)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            hasher.update(bytes);
            draft.write_all(bytes).map_err(|e| draft.io(e))?;
        }
        draft.sync()?;
        let copied = hash_of(&draft.path).map_err(|e| draft.io(e))?;
        if copied != Hash(hasher.finalize().into()) {
            return Err(RepositoryError::Miscopied(draft.path.clone()));
        }
        draft.keep()
    }

    /// Removes what is older than `keep`, but never the last good backup of a store: which one that is, is found out by
    /// reading them.
    ///
    /// # Errors
    /// [`RepositoryError::Io`].
    pub fn prune(&self, key: &BackupKey, now: Millis, keep: Duration) -> Result<Pruned, RepositoryError> {
        let mut pruned = Pruned::default();
        let mut stores: BTreeMap<Name, Vec<Entry>> = BTreeMap::new();
        for entry in self.repository.list()? {
            match &entry.header {
                Ok(header) => stores.entry(header.store.clone()).or_default().push(entry),
                Err(why) => pruned.spared.push((entry.name, format!("nobody knows whose it is: {why}"))),
            }
        }
        let is_old = |entry: &Entry| entry.header.as_ref().is_ok_and(|h| h.taken < now.before(keep));
        for entries in stores.into_values() {
            if !entries.iter().any(is_old) {
                continue;
            }
            // The newest first; mostly that one is good and no other is read.
            let last_good = entries.iter().rposition(|entry| entry.verify(key).is_ok());
            for (at, entry) in entries.into_iter().enumerate().filter(|(_, entry)| is_old(entry)) {
                match last_good {
                    None => pruned.spared.push((entry.name, "its store has no good backup".to_owned())),
                    Some(good) if good == at => {
                        pruned.spared.push((entry.name, "it is the last good one of its store".to_owned()));
                    }
                    Some(_) => {
                        fs::remove_file(&entry.path).map_err(|e| self.repository.io(e))?;
                        pruned.removed.push(entry.name);
                    }
                }
            }
        }
        sync_folder(&self.repository.path).map_err(|e| self.repository.io(e))?;
        Ok(pruned)
    }
}

/// A file that is no backup yet.
pub struct Draft<'a> {
    locked: &'a Locked<'a>,
    file: File,
    path: PathBuf,
    name: String,
    is_kept: bool,
}

impl Draft<'_> {
    /// Gives the file its name, once all of it is on the disk.
    ///
    /// # Errors
    /// [`RepositoryError::Io`].
    pub fn keep(mut self) -> Result<PathBuf, RepositoryError> {
        self.sync()?;
        let folder = &self.locked.repository.path;
        let path = folder.join(format!("{}{ENDING}", self.name));
        fs::rename(&self.path, &path).map_err(|e| self.io(e))?;
        self.is_kept = true;
        sync_folder(folder).map_err(|e| self.io(e))?;
        Ok(path)
    }

    /// Where it is written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has everything that was written on the disk.
    ///
    /// # Errors
    /// [`RepositoryError::Io`].
    pub fn sync(&self) -> Result<(), RepositoryError> {
        self.file.sync_all().map_err(|e| self.io(e))
    }

    fn io(&self, source: io::Error) -> RepositoryError {
        RepositoryError::Io { path: self.path.clone(), source }
    }
}

impl Write for Draft<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            // What stays behind is removed by the next run.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// BLAKE3 of a file.
fn hash_of(path: &Path) -> io::Result<Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(Hash(hasher.finalize().into()))
}

/// A name in a folder survives once the folder is synchronised.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
