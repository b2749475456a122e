//! Recordings that are in memory: what the routes of recordings are tried on.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use api::clock::Moment;
use api::identity::Person;
use api::ports::{
    Contents, Happenings, Incoming, Job, Origin, Recording, RecordingError, Recordings, Span, States, TimedId,
    Wholeness,
};
use async_trait::async_trait;
use bytes::Bytes;

/// Recordings with their bytes.
type Files = BTreeMap<TimedId, (Recording, Vec<u8>)>;

/// The recordings.
#[derive(Default)]
pub struct Shelf {
    kept: Arc<Mutex<Files>>,
    /// Those that come, and have neither been kept nor dropped.
    arriving: Arc<AtomicUsize>,
    /// How often anything was done.
    pub calls: Arc<AtomicUsize>,
}

pub fn id(number: u8) -> TimedId {
    TimedId([number; 16])
}

fn recording(id: TimedId, name: Option<String>, bytes: u64) -> Recording {
    Recording {
        id,
        name,
        kind: Origin::Upload,
        state: Wholeness::Complete,
        why: None,
        created: Moment(5),
        by: Some(Person(3)),
        bytes,
        first_tick: 0,
        last_tick: 9,
        rate_hz: 90,
        scenario: "still".into(),
        digest: Some("0".repeat(16)),
        blake3: Some("0".repeat(64)),
        joins: Some(1),
    }
}

impl Shelf {
    /// Puts a file on it.
    pub fn put(&self, id: TimedId, bytes: &[u8]) {
        let entry = (recording(id, None, bytes.len() as u64), bytes.to_vec());
        self.kept.lock().expect("kept").insert(id, entry);
    }

    /// Names and bytes of what was kept.
    pub fn kept(&self) -> Vec<(Option<String>, Vec<u8>)> {
        self.kept
            .lock()
            .expect("kept")
            .values()
            .map(|(recording, bytes)| (recording.name.clone(), bytes.clone()))
            .collect()
    }

    /// How many come.
    pub fn arriving(&self) -> usize {
        self.arriving.load(Ordering::SeqCst)
    }

    fn done<T>(&self, what: Result<T, RecordingError>) -> Result<T, RecordingError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        what
    }
}

/// A file that says that it has a byte more than it has where its first one is 0xff.
struct Opened(Vec<u8>);

impl Contents for Opened {
    fn length(&self) -> u64 {
        self.0.len() as u64 + u64::from(self.0.first() == Some(&0xff))
    }

    fn tag(&self) -> String {
        format!("tag-{}", self.0.len())
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        Ok(self.0.iter().skip(usize::try_from(offset).expect("small")).take(bytes).copied().collect())
    }
}

struct Arriving {
    recording: Recording,
    bytes: Vec<u8>,
    kept: Arc<Mutex<Files>>,
    arriving: Arc<AtomicUsize>,
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.arriving.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Incoming for Arriving {
    async fn write(&mut self, piece: Bytes) -> Result<(), RecordingError> {
        self.bytes.extend_from_slice(&piece);
        if self.bytes.len() > 1 << 20 { Err(RecordingError::TooLarge) } else { Ok(()) }
    }

    async fn keep(self: Box<Self>) -> Result<Recording, RecordingError> {
        if self.bytes.starts_with(b"bad") {
            return Err(RecordingError::Refused("this is not a recording".into()));
        }
        let recording = Recording { bytes: self.bytes.len() as u64, ..self.recording.clone() };
        self.kept.lock().expect("kept").insert(recording.id, (recording.clone(), self.bytes.clone()));
        Ok(recording)
    }
}

#[async_trait]
impl Recordings for Shelf {
    async fn start(&self, id: TimedId, _: Person, name: Option<String>) -> Result<Recording, RecordingError> {
        self.done(Ok(Recording { state: Wholeness::Live, ..recording(id, name, 0) }))
    }

    fn capturing(&self) -> Option<TimedId> {
        Some(id(9))
    }

    async fn stop(&self) -> Result<Recording, RecordingError> {
        self.done(Err(RecordingError::Conflict("no capture runs".into())))
    }

    fn list(&self, older_than: Option<TimedId>, limit: usize) -> (Vec<Recording>, bool) {
        let kept = self.kept.lock().expect("kept");
        let mut all = kept.iter().rev().filter(|(id, _)| older_than.is_none_or(|than| **id < than));
        (all.by_ref().take(limit).map(|(_, (recording, _))| recording.clone()).collect(), all.next().is_some())
    }

    fn get(&self, id: TimedId) -> Option<Recording> {
        self.kept.lock().expect("kept").get(&id).map(|(recording, _)| recording.clone())
    }

    async fn open(&self, id: TimedId) -> Result<Arc<dyn Contents>, RecordingError> {
        let kept = self.kept.lock().expect("kept");
        let bytes = kept.get(&id).map(|(_, bytes)| bytes.clone()).ok_or(RecordingError::NotFound)?;
        Ok(Arc::new(Opened(bytes)))
    }

    async fn take_in(&self, id: TimedId, _: Person, name: Option<String>) -> Result<Box<dyn Incoming>, RecordingError> {
        self.arriving.fetch_add(1, Ordering::SeqCst);
        let (kept, arriving) = (Arc::clone(&self.kept), Arc::clone(&self.arriving));
        self.done(Ok(Box::new(Arriving { recording: recording(id, name, 0), bytes: Vec::new(), kept, arriving })))
    }

    async fn remove(&self, id: TimedId) -> Result<(), RecordingError> {
        let removed = self.kept.lock().expect("kept").remove(&id);
        self.done(removed.map(|_| ()).ok_or(RecordingError::NotFound))
    }

    fn verify(&self, _: TimedId, id: TimedId) -> Result<(), RecordingError> {
        self.get(id).map(|_| ()).ok_or(RecordingError::NotFound)
    }

    fn compare(&self, _: TimedId, left: TimedId, right: TimedId) -> Result<(), RecordingError> {
        if left == right { Err(RecordingError::Full) } else { self.verify(left, right) }
    }

    fn job(&self, _: TimedId) -> Option<Job> {
        None
    }

    async fn states(&self, id: TimedId, span: Span) -> Result<States, RecordingError> {
        self.get(id).ok_or(RecordingError::NotFound)?;
        match span.from_tick {
            Some(from) if from > 9 => {
                Err(RecordingError::Beyond("from_tick", "has to be a tick of the recording, 0 to 9".into()))
            }
            _ => Ok(States { last_tick: 9, rate_hz: 90, ..States::default() }),
        }
    }

    async fn events(&self, id: TimedId, _: Option<u64>, _: u64, _: usize) -> Result<Happenings, RecordingError> {
        self.get(id).map(|_| Happenings::default()).ok_or(RecordingError::NotFound)
    }
}
