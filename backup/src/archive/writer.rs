//! Writes a backup, record by record. Must never hold more than one record and a frame.

use std::io::Write;

use persistence::{Key, Record};
use zstd::stream::write::Encoder;

use super::tally::Tally;
use super::{ArchiveError, FOOTER, Footer, Header, Sealer};
use crate::key::BackupKey;

/// How hard zstd tries. Payloads are compressed already; the rest is small.
const LEVEL: i32 = 3;

/// Writes a backup.
pub struct Writer<W: Write> {
    header: Header,
    to: Encoder<'static, Sealer<W>>,
    tally: Tally,
    before: Option<Key>,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn new(to: W, key: &BackupKey, header: Header) -> Result<Self, ArchiveError> {
        let sealer = Sealer::new(to, key, &header).map_err(ArchiveError::Io)?;
        let to = Encoder::new(sealer, LEVEL).map_err(ArchiveError::Io)?;
        Ok(Self { header, to, tally: Tally::default(), before: None })
    }

    /// Adds a record. They come in the order of a copy: kinds ascending, each in the order of keys.
    ///
    /// # Errors
    /// [`ArchiveError::Io`], and [`ArchiveError::Unfit`] for a record that breaks a rule, is out of order, or is of a kind
    /// that a backup must not have.
    pub fn push(&mut self, record: &Record) -> Result<(), ArchiveError> {
        let key = record.key();
        if !self.header.kinds.contains(&key.kind()) {
            return Err(ArchiveError::Unfit("it is of a kind that no backup has"));
        }
        record.check().map_err(ArchiveError::Unfit)?;
        if self.before.as_ref().is_some_and(|before| *before >= key) {
            return Err(ArchiveError::Unfit("it is out of order"));
        }
        let (head, bytes) = self.tally.add(record)?;
        self.to.write_all(&head).and_then(|()| self.to.write_all(&bytes)).map_err(ArchiveError::Io)?;
        self.before = Some(key);
        Ok(())
    }

    /// Writes the footer and the last frame.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn finish(mut self) -> Result<(Footer, W), ArchiveError> {
        let footer = self.tally.footer();
        let bytes = postcard::to_stdvec(&footer).map_err(|_| ArchiveError::Unfit("its footer cannot be encoded"))?;
        let length = u32::try_from(bytes.len()).map_err(|_| ArchiveError::Unfit("there are too many worlds"))?;
        let write = || -> std::io::Result<W> {
            self.to.write_all(&[FOOTER])?;
            self.to.write_all(&length.to_le_bytes())?;
            self.to.write_all(&bytes)?;
            self.to.finish()?.finish()
        };
        Ok((footer, write().map_err(ArchiveError::Io)?))
    }
}
