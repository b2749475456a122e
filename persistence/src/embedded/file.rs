//! The database under the embedded store: opened, closed, and opened again after a failed write, which redb asks for.
//! Must never leave redb's errors to others, nor a panic of it on a damaged file.

use std::fs::{File, OpenOptions};
use std::io::{self, Error, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase as _, StorageError};

use super::{ABOUT, Opener, PEOPLE, SCHEMA, table};
use crate::error::StoreError;
use crate::record::Kind;

/// Bytes of the file that are kept in memory.
const CACHE_BYTES: usize = 32 << 20;

/// How long readers may take to let go of a database whose writes fail.
const READERS_PATIENCE: Duration = Duration::from_secs(5);

/// Opens a file that is there. One that has gone, with the disk that it was on, is never made anew here: what was
/// acknowledged is in it.
pub(super) fn open(path: &Path) -> Result<Database, DatabaseError> {
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(StorageError::Io)?;
    Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(FileBackend::new(file)?)
}

/// Makes a file for its owner only. It gets its name once it is whole: one that the power was cut in would open never
/// more.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
    make_file(path).map_err(|error| storage(redb::Error::Io(error)))
}

fn make_file(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let early = path.with_file_name(format!("{name}.{}.new", std::process::id()));
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).clone();
    let file = options.open(&early)?;
    let database = FileBackend::new(file).and_then(|backend| Builder::new().create_with_backend(backend));
    let plain = |error| if let DatabaseError::Storage(StorageError::Io(io)) = error { io } else { Error::other(error) };
    let made = database.map_err(plain).and_then(|database| {
        drop(database);
        // Never over a file that somebody else has made meanwhile.
        std::fs::hard_link(&early, path).or_else(|e| if e.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(e) })
    });
    let _ = std::fs::remove_file(&early);
    made?;
    // The name has to survive, too.
    File::open(folder)?.sync_all()
}

/// Has the database.
pub(super) struct Keeper {
    opener: Opener,
    place: Mutex<Place>,
    /// Nobody reads any more.
    idle: Condvar,
}

#[derive(Default)]
struct Place {
    database: Option<Arc<Database>>,
    is_closed: bool,
    /// How many read. Each has a hold on the database, and so on the lock of its file.
    readers: usize,
}

impl Place {
    fn database(&self) -> Result<Arc<Database>, StoreError> {
        match &self.database {
            Some(database) => Ok(Arc::clone(database)),
            None if self.is_closed => Err(StoreError::Closed),
            None => Err(StoreError::Unavailable("a write failed, and the file does not open since".to_owned())),
        }
    }
}

impl Keeper {
    pub(super) fn new(opener: Opener) -> Result<Self, StoreError> {
        let keeper = Self { opener, place: Mutex::default(), idle: Condvar::new() };
        keeper.reopen()?;
        Ok(keeper)
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the database, if it is open, and opens it again.
    pub(super) fn reopen(&self) -> Result<Arc<Database>, StoreError> {
        let waited = self.idle.wait_timeout_while(self.place(), READERS_PATIENCE, |place| place.readers > 0);
        let (mut place, late) = waited.unwrap_or_else(PoisonError::into_inner);
        if late.timed_out() {
            return Err(StoreError::Unavailable("a write failed, and somebody is still reading".to_owned()));
        }
        let was_open = place.database.take().is_some();
        let opened = guarded(|| {
            let database = (self.opener)().map_err(of_opening)?;
            prepare(&database)?;
            Ok(database)
        });
        let database = Arc::new(opened.map_err(|error| match error {
            // Whoever took it in between has it for a while.
            StoreError::Locked(why) if was_open => StoreError::Unavailable(why),
            other => other,
        })?);
        place.database = Some(Arc::clone(&database));
        Ok(database)
    }

    pub(super) fn close(&self) {
        let mut place = self.place();
        (place.database, place.is_closed) = (None, true);
    }

    pub(super) fn database(&self) -> Result<Arc<Database>, StoreError> {
        self.place().database()
    }

    pub(super) fn reading<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = {
            let mut place = self.place();
            let database = place.database()?;
            place.readers += 1;
            database
        };
        let result = guarded(|| read(&database.begin_read().map_err(storage)?));
        drop(database);
        self.place().readers -= 1;
        self.idle.notify_all();
        result
    }
}

/// Makes the tables, where they are not there, and checks whose they are.
fn prepare(database: &Database) -> Result<(), StoreError> {
    let wanted = format!("{} {}", SCHEMA.0, SCHEMA.1);
    let reading = database.begin_read().map_err(storage)?;
    let found = match reading.open_table(ABOUT) {
        Ok(about) => about.get(SCHEMA.0).map_err(storage)?.map(|version| version.value()),
        Err(redb::TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(storage(error)),
    };
    match found {
        Some(version) if version == SCHEMA.1 => return Ok(()),
        Some(version) => {
            let advice = "use the program that wrote the file, or restore a backup of the right age".to_owned();
            return Err(StoreError::Schema { found: version.to_string(), needed: wanted, advice });
        }
        None if reading.list_tables().map_err(storage)?.next().is_some() => {
            let advice = "this is another program's file".to_owned();
            return Err(StoreError::Schema { found: "unknown".to_owned(), needed: wanted, advice });
        }
        None => {}
    }
    let writing = database.begin_write().map_err(storage)?;
    for kind in Kind::ALL {
        writing.open_table(table(kind)).map_err(storage)?;
    }
    writing.open_table(PEOPLE).map_err(storage)?;
    writing.open_table(ABOUT).map_err(storage)?.insert(SCHEMA.0, SCHEMA.1).map_err(storage)?;
    writing.commit().map_err(storage)
}

/// redb asserts what a file that it wrote always has. A damaged one is an error, and not the end of the process.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    std::panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Corrupt("its file is not as redb writes it".to_owned())))
}

fn of_opening(error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => {
            StoreError::Locked("stop it, or ask it through its control socket".to_owned())
        }
        DatabaseError::UpgradeRequired(version) => StoreError::Schema {
            found: format!("redb file format {version}"),
            needed: "one that this program's redb reads".to_owned(),
            advice: "use the program that wrote the file".to_owned(),
        },
        other => storage(other),
    }
}

/// What an error of redb means.
pub(super) fn storage(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Io(io) => match io.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                StoreError::DiskFull(io.to_string())
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly(io.to_string()),
            ErrorKind::InvalidData => StoreError::Corrupt("this is no file of redb".to_owned()),
            _ => StoreError::Unavailable(io.to_string()),
        },
        redb::Error::Corrupted(why) => StoreError::Corrupt(why),
        redb::Error::PreviousIo => StoreError::Unavailable("a write failed before".to_owned()),
        redb::Error::DatabaseClosed => StoreError::Closed,
        redb::Error::TableDoesNotExist(name) => StoreError::Corrupt(format!("the table {name} is missing")),
        redb::Error::TableTypeMismatch { table, .. } => {
            StoreError::Corrupt(format!("the table {table} is another one"))
        }
        other => StoreError::Other(other.to_string()),
    }
}
