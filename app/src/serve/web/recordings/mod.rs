//! The service's recordings as the API has them: captures of its world, files that people bring along, and work on both.
//! Must never let the session's thread or its ticks wait for any of it.

mod background;
pub mod capture;
mod incoming;
mod jobs;
mod looking;
mod shelf;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::identity::Person;
use api::ports::{
    Contents, Happenings, Incoming, Job, Origin, Recording, RecordingError, Recordings, Span, States, Task, TimedId,
    Wholeness,
};
use async_trait::async_trait;
use rayon::ThreadPool;

use crate::exit::Failure;
use crate::serve::config::Recordings as Limits;
use crate::serve::shared::Shared;
use capture::{CaptureLedger, Desk};
use incoming::Arriving;
use jobs::Jobs;
use looking::Looking;
use shelf::{Shelf, refuse_live};

/// How long a capture may take to become whole when the service ends.
const END_WAIT: Duration = Duration::from_secs(20);

/// The recordings of a service.
pub struct Library {
    shelf: Arc<Shelf>,
    desk: Arc<Desk>,
    jobs: Jobs,
    looking: Arc<Looking>,
    /// Of its own: what is brought along may be large, and nobody who looks is to wait for that.
    examining: Arc<ThreadPool>,
}

impl Library {
    /// Of a folder, and of the world that is known there.
    ///
    /// # Errors
    /// [`Failure`] where the folder cannot be used.
    pub fn open(limits: Limits, shared: Arc<Shared>) -> Result<Self, Failure> {
        let shelf = Arc::new(Shelf::open(limits)?);
        let desk = Arc::new(Desk::new(shared, Arc::clone(&shelf)));
        let jobs = Jobs::start(Arc::clone(&shelf))?;
        let (looking, examining) = (Arc::new(Looking::new()?), Arc::new(background::pool("examining")?));
        Ok(Self { shelf, desk, jobs, looking, examining })
    }

    /// What has to hear of confirmed turns.
    #[must_use]
    pub fn ledger(&self) -> CaptureLedger {
        CaptureLedger::new(Arc::clone(&self.desk))
    }

    /// Ends a capture that runs, and waits until it is whole; ends what is worked at.
    pub async fn end(&self) {
        self.jobs.end();
        self.desk.end(END_WAIT).await;
    }

    fn known(&self, id: TimedId) -> Result<Recording, RecordingError> {
        self.shelf.get(id).ok_or(RecordingError::NotFound)
    }

    /// One that is whole, or as whole as it gets.
    fn finished(&self, id: TimedId) -> Result<Recording, RecordingError> {
        let recording = self.known(id)?;
        refuse_live(&recording).map(|()| recording)
    }

    /// Looks into a recording, beside.
    async fn look<T: Send + 'static>(
        &self,
        id: TimedId,
        look: impl FnOnce(&Looking, &Path) -> Result<T, RecordingError> + Send + 'static,
    ) -> Result<T, RecordingError> {
        self.known(id)?;
        let (looking, shelf) = (Arc::clone(&self.looking), Arc::clone(&self.shelf));
        beside(move || {
            let seen = look(&looking, &shelf.file(id));
            // Whoever has taken it away meanwhile did not find it among those that are kept open.
            if shelf.get(id).is_none() {
                looking.forget(id);
            }
            seen
        })
        .await
    }
}

/// Something of a recording that is done beside.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RecordingError> + Send + 'static,
) -> Result<T, RecordingError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| RecordingError::Unavailable(error.to_string()))?
}

/// An open file.
struct Opened {
    file: File,
    length: u64,
    tag: String,
}

impl Contents for Opened {
    fn length(&self) -> u64 {
        self.length
    }

    fn tag(&self) -> String {
        self.tag.clone()
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut piece = vec![0; bytes];
        let read = self.file.read_at(&mut piece, offset)?;
        piece.truncate(read);
        Ok(piece)
    }
}

#[async_trait]
impl Recordings for Library {
    async fn start(&self, id: TimedId, by: Person, name: Option<String>) -> Result<Recording, RecordingError> {
        self.desk.start(Recording { name, by: Some(by), kind: Origin::Capture, ..shelf::empty(id) }).await
    }

    fn capturing(&self) -> Option<TimedId> {
        self.desk.capturing()
    }

    async fn stop(&self) -> Result<Recording, RecordingError> {
        self.desk.stop().await
    }

    fn list(&self, older_than: Option<TimedId>, limit: usize) -> (Vec<Recording>, bool) {
        self.shelf.list(older_than, limit)
    }

    fn get(&self, id: TimedId) -> Option<Recording> {
        self.shelf.get(id)
    }

    async fn open(&self, id: TimedId) -> Result<Arc<dyn Contents>, RecordingError> {
        let (recording, path) = (self.known(id)?, self.shelf.file(id));
        let length = recording.bytes;
        let tag = match (recording.state, recording.blake3) {
            (Wholeness::Complete | Wholeness::Incomplete, Some(hash)) => hash,
            _ => format!("live-{id}-{length}"),
        };
        beside(move || {
            let file = File::open(path).map_err(|error| match error.kind() {
                // Somebody was faster.
                io::ErrorKind::NotFound => RecordingError::NotFound,
                _ => RecordingError::Unavailable(error.to_string()),
            })?;
            Ok(Arc::new(Opened { file, length, tag }) as Arc<dyn Contents>)
        })
        .await
    }

    async fn take_in(
        &self,
        id: TimedId,
        by: Person,
        name: Option<String>,
    ) -> Result<Box<dyn Incoming>, RecordingError> {
        let recording = Recording { name, by: Some(by), ..shelf::empty(id) };
        let (shelf, examining) = (Arc::clone(&self.shelf), Arc::clone(&self.examining));
        beside(move || Ok(Box::new(Arriving::begin(shelf, examining, recording)?) as Box<dyn Incoming>)).await
    }

    async fn remove(&self, id: TimedId) -> Result<(), RecordingError> {
        let (shelf, looking) = (Arc::clone(&self.shelf), Arc::clone(&self.looking));
        beside(move || {
            shelf.remove(id)?;
            looking.forget(id);
            Ok(())
        })
        .await
    }

    fn verify(&self, job: TimedId, id: TimedId) -> Result<(), RecordingError> {
        let recording = self.finished(id)?;
        let ticks = recording.last_tick.saturating_sub(recording.first_tick);
        self.jobs.add(job, Task::Verify, vec![id], ticks)
    }

    fn compare(&self, job: TimedId, left: TimedId, right: TimedId) -> Result<(), RecordingError> {
        let (a, b) = (self.finished(left)?, self.finished(right)?);
        let ticks = a.last_tick.min(b.last_tick).saturating_sub(a.first_tick.max(b.first_tick));
        self.jobs.add(job, Task::Diff, vec![left, right], ticks)
    }

    fn job(&self, job: TimedId) -> Option<Job> {
        self.jobs.get(job)
    }

    async fn states(&self, id: TimedId, span: Span) -> Result<States, RecordingError> {
        self.look(id, move |looking, file| looking.states(id, file, span)).await
    }

    async fn events(
        &self,
        id: TimedId,
        from: Option<u64>,
        skip: u64,
        limit: usize,
    ) -> Result<Happenings, RecordingError> {
        self.look(id, move |looking, file| looking.events(id, file, from, skip, limit)).await
    }
}

#[cfg(test)]
mod tests;
