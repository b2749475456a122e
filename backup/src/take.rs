//! Takes a backup of a store into one or more folders. Must never take a part for the whole: the store is copied from one
//! moment, what was written is read again, and a folder that fails neither stops the others nor is passed over in silence.

use std::io::BufWriter;
use std::path::PathBuf;

use persistence::{Millis, Name, Store, StoreError};

use crate::archive::{ArchiveError, Footer, Header, Writer, kinds};
use crate::key::BackupKey;
use crate::repository::{Draft, Entry, Locked, Repository, RepositoryError};

/// Why a backup was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The store did not give its records.
    #[error("the store cannot be copied: {0}")]
    Store(#[from] StoreError),
    /// The file cannot be written.
    #[error("the backup cannot be written: {0}")]
    Archive(#[from] ArchiveError),
    /// A folder failed.
    #[error("the backup cannot be kept: {0}")]
    Repository(#[from] RepositoryError),
}

/// What became of one folder.
#[derive(Debug)]
pub struct Place {
    /// The folder.
    pub repository: PathBuf,
    /// The file in it, or why there is none.
    pub outcome: Result<PathBuf, TakeError>,
}

/// A backup that was taken.
#[derive(Debug)]
pub struct Taken {
    /// What it says in the open.
    pub header: Header,
    /// What is in it; nothing where no folder took it.
    pub footer: Option<Footer>,
    /// Folder by folder.
    pub places: Vec<Place>,
}

/// Takes a backup of the store, under this name, into all these folders. The first folder that works gets it from the
/// store; the others get copies of that file.
///
/// # Errors
/// [`TakeError::Archive`] where there are no random numbers. All else is in [`Taken::places`].
pub async fn take(
    store: &dyn Store,
    name: &Name,
    key: &BackupKey,
    now: Millis,
    repositories: &[Repository],
) -> Result<Taken, TakeError> {
    let header = Header::new(key, name.clone(), now)?;
    let mut taken = Taken { header, footer: None, places: Vec::new() };
    let mut first: Option<PathBuf> = None;
    for repository in repositories {
        let outcome = match &first {
            None => one(store, key, &taken.header, repository).await.map(|(footer, path)| {
                taken.footer = Some(footer);
                first = Some(path.clone());
                path
            }),
            Some(first) => again(repository, first, &taken.header),
        };
        taken.places.push(Place { repository: repository.path().to_owned(), outcome });
    }
    Ok(taken)
}

/// Writes the records of one moment into a folder, and reads them again.
async fn one(
    store: &dyn Store,
    key: &BackupKey,
    header: &Header,
    repository: &Repository,
) -> Result<(Footer, PathBuf), TakeError> {
    let locked = repository.lock()?;
    let (footer, draft) = write(store, key, header, &locked).await?;
    draft.sync()?;
    // It gets its name only when it reads as it was written: a damaged one would be chosen for a restore.
    let path = draft.path().to_owned();
    let entry = Entry { name: header.name(), path: path.clone(), bytes: 0, header: Ok(header.clone()) };
    match entry.verify(key) {
        Ok(found) if found == footer => Ok((footer, draft.keep()?)),
        Ok(_) => Err(RepositoryError::Miscopied(path).into()),
        Err(error) => Err(error.into()),
    }
}

async fn write<'a>(
    store: &dyn Store,
    key: &BackupKey,
    header: &Header,
    locked: &'a Locked<'a>,
) -> Result<(Footer, Draft<'a>), TakeError> {
    let mut records = store.copy(&kinds()).await?;
    let mut writer = Writer::new(BufWriter::new(locked.draft(header)?), key, header.clone())?;
    while let Some(record) = records.recv().await {
        writer.push(&record?)?;
    }
    let (footer, buffer) = writer.finish()?;
    let draft = buffer.into_inner().map_err(|e| ArchiveError::Io(e.into_error()))?;
    Ok((footer, draft))
}

fn again(repository: &Repository, first: &std::path::Path, header: &Header) -> Result<PathBuf, TakeError> {
    Ok(repository.lock()?.copy(first, header)?)
}
