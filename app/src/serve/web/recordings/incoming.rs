//! Recordings that people bring along: piece by piece into a file that nobody sees, which becomes a recording where it is
//! one. Must never leave anything behind of what does not.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use api::ports::{Incoming, Recording, RecordingError};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use rayon::ThreadPool;

use super::shelf::{Shelf, examine, without_path};
use crate::output;

/// Bytes that are written at once.
const PIECE_BYTES: usize = 256 << 10;

/// One that comes.
pub struct Arriving {
    place: Place,
    /// Where it is examined.
    examining: Arc<ThreadPool>,
    file: Option<File>,
    waiting: BytesMut,
    bytes: u64,
}

/// Its place on the shelf: given back unless it is kept.
struct Place {
    shelf: Arc<Shelf>,
    recording: Recording,
    is_kept: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_kept {
            self.shelf.forget(self.recording.id);
        }
    }
}

impl Arriving {
    /// Makes room for it. It waits for a disk.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn begin(shelf: Arc<Shelf>, examining: Arc<ThreadPool>, recording: Recording) -> Result<Self, RecordingError> {
        let path = shelf.part(recording.id);
        shelf.check_disk()?;
        shelf.reserve(recording.clone())?;
        let place = Place { shelf, recording, is_kept: false };
        let file = File::options().write(true).create_new(true).mode(0o600).open(path).map_err(unavailable)?;
        Ok(Self { place, examining, file: Some(file), waiting: BytesMut::new(), bytes: 0 })
    }

    /// Writes what waits.
    async fn flush(&mut self) -> Result<(), RecordingError> {
        let Some(mut file) = self.file.take() else { return Err(RecordingError::Unavailable("it is over".to_owned())) };
        let piece = std::mem::take(&mut self.waiting);
        let shelf = Arc::clone(&self.place.shelf);
        let write = move || {
            shelf.check_disk()?;
            file.write_all(&piece).map(|()| file).map_err(no_room)
        };
        self.file = Some(tokio::task::spawn_blocking(write).await.map_err(unavailable)??);
        Ok(())
    }
}

fn unavailable(error: impl ToString) -> RecordingError {
    RecordingError::Unavailable(error.to_string())
}

/// Whoever brings something along is told of a full disk.
fn no_room(error: std::io::Error) -> RecordingError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            RecordingError::Conflict("there is no room on the disk".to_owned())
        }
        _ => unavailable(output::plain(&error)),
    }
}

#[async_trait]
impl Incoming for Arriving {
    async fn write(&mut self, piece: Bytes) -> Result<(), RecordingError> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        self.place.shelf.grow(self.place.recording.id, self.bytes)?;
        self.waiting.extend_from_slice(&piece);
        if self.waiting.len() < PIECE_BYTES { Ok(()) } else { self.flush().await }
    }

    async fn keep(mut self: Box<Self>) -> Result<Recording, RecordingError> {
        self.flush().await?;
        let kept = tokio::task::spawn_blocking(move || {
            let Self { mut place, examining, file, .. } = *self;
            if let Some(file) = file {
                file.sync_all().map_err(no_room)?;
            }
            let (part, mut recording) = (place.shelf.part(place.recording.id), place.recording.clone());
            let examined = examining.install(|| examine(&part, &mut recording));
            examined.map_err(|why| RecordingError::Refused(without_path(&why, &part)))?;
            std::fs::rename(&part, place.shelf.file(recording.id)).map_err(unavailable)?;
            place.is_kept = true;
            place.shelf.put(recording.clone());
            Ok(recording)
        });
        kept.await.map_err(unavailable)?
    }
}
