//! Why an archive cannot be written or read. Must never hold anything of a record.

use std::io;

/// Why an archive cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file or the disk failed.
    #[error("{0}")]
    Io(#[source] io::Error),
    /// It is no backup.
    #[error("this is no backup: it does not begin as one")]
    Foreign,
    /// Another program's.
    #[error("it has format version {found}, this program reads {needed}")]
    Version {
        /// Of the file.
        found: u16,
        /// Of this program.
        needed: u16,
    },
    /// Sealed with another key.
    #[error("it was sealed with another backup key")]
    WrongKey,
    /// Not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// A record is not one that a backup may have. Nothing was written for it.
    #[error("a record cannot be backed up: {0}")]
    Unfit(&'static str),
}

impl ArchiveError {
    /// Damage, as a clause.
    pub(super) fn damaged(why: impl Into<String>) -> Self {
        Self::Damaged(why.into())
    }

    /// What an error that came up through the layers means: an error of the system is the disk's, anything else the
    /// file's.
    pub(super) fn reading(error: io::Error) -> Self {
        if error.raw_os_error().is_some() {
            return Self::Io(error);
        }
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => Self::Damaged(error.to_string()),
        }
    }
}

impl From<ArchiveError> for io::Error {
    fn from(error: ArchiveError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}
