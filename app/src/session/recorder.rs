//! Writes what is confirmed to a recording, in a thread of its own: compressing a keyframe takes longer than a tick.
//! Must never hold the session up and never leave a hole in the log: where the disk cannot keep up, keyframes are left
//! out first, and then the recording ends early, whole up to there, and says so.
//!
//! Segments end at whole multiples of their length and keyframes stand where [`super::world::Played`] has them, both by
//! the tick alone. So the recordings of all peers have the same bytes in the segments they share, and those of peers
//! that were there from the start and used one build are equal files but for where they end.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use netcode::protocol::signed::SignedEntries;
use sim::recording::Written;
use sim::{InputFrame, Scenario};

use super::signed::{Course, Origin, SignedWriter};
use super::world::Played;
use crate::exit::Failure;
use crate::record::{Options, Recorder};

/// Most turns that wait to be written.
const QUEUE_TURNS_MAX: usize = 8_192;
/// Most bytes that wait, with keyframes and without.
const QUEUE_BYTES_MAX: usize = 256 << 20;
/// Beyond this many waiting bytes no keyframe is added.
const KEYFRAME_QUEUE_BYTES_MAX: usize = 128 << 20;

/// What waits to be written.
enum Item {
    Ticks(Vec<(InputFrame, u64)>),
    Keyframe(Vec<u8>),
    Signed(Box<SignedEntries>),
    Course(Course),
}

impl Item {
    /// About what it takes in memory.
    fn bytes(&self) -> usize {
        match self {
            Self::Keyframe(snapshot) => snapshot.len(),
            Self::Signed(signed) => signed.bytes(),
            Self::Course(_) => size_of::<Course>(),
            Self::Ticks(ticks) => ticks
                .iter()
                .map(|(frame, _)| {
                    let commands = frame.commands.iter().map(|c| c.bytes.len() + size_of_val(c)).sum::<usize>();
                    commands + size_of_val(&frame.membership[..]) + size_of::<(InputFrame, u64)>()
                })
                .sum(),
        }
    }
}

/// What the writing thread tells.
#[derive(Default)]
struct Shared {
    queued_bytes: AtomicUsize,
    next_tick: AtomicU64,
    failure: Mutex<Option<String>>,
}

/// How a recording is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The file.
    pub path: PathBuf,
    /// The tick after the last one that was handed to the file.
    pub next_tick: u64,
    /// Bytes that wait for it.
    pub queued_bytes: usize,
    /// Keyframes that were left out because too much waited.
    pub keyframes_left_out: u64,
    /// Why it ended early, if it did.
    pub stopped: Option<String>,
}

/// A recording that is written beside a session.
pub struct SessionRecorder {
    path: PathBuf,
    sender: Option<SyncSender<Item>>,
    thread: Option<JoinHandle<Result<Written, Failure>>>,
    shared: Arc<Shared>,
    keyframes_left_out: u64,
    stopped: Option<String>,
    /// How turns and ticks go together, as the file has it; from the next turn and tick on.
    course: Course,
    /// See [`QUEUE_BYTES_MAX`] and [`KEYFRAME_QUEUE_BYTES_MAX`].
    limits: (usize, usize),
}

impl SessionRecorder {
    /// Begins a recording with the state at `first_tick`, and the file of its signatures beside it.
    ///
    /// # Errors
    /// [`Failure::Unwritable`], or [`Failure::Machine`] where the system gives no thread.
    pub fn begin(
        path: &Path,
        scenario: &Scenario,
        first_tick: u64,
        snapshot: &[u8],
        options: Options,
        origin: Origin,
    ) -> Result<Self, Failure> {
        let course = Course { turn: origin.turn, tick: first_tick, is_regular: true };
        let recorder = Recorder::begin(path, scenario, first_tick, snapshot, options, &[])?;
        let signed = SignedWriter::begin(path, origin)?;
        let (sender, receiver) = sync_channel(QUEUE_TURNS_MAX);
        let shared = Arc::new(Shared { next_tick: AtomicU64::new(first_tick), ..Shared::default() });
        let told = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || {
                let result = write(recorder, signed, &receiver, &told);
                if let Err(failure) = &result
                    && let Ok(mut place) = told.failure.lock()
                {
                    *place = Some(failure.to_string());
                }
                result
            })
            .map_err(|e| Failure::Machine(format!("cannot start the recording thread: {e}")))?;
        Ok(Self {
            path: path.to_owned(),
            sender: Some(sender),
            thread: Some(thread),
            shared,
            keyframes_left_out: 0,
            stopped: None,
            course,
            limits: (QUEUE_BYTES_MAX, KEYFRAME_QUEUE_BYTES_MAX),
        })
    }

    /// Adds a confirmed turn. Returns at once.
    pub fn push(&mut self, played: &Played) {
        if self.course.is_regular != played.is_regular {
            self.course.is_regular = played.is_regular;
            self.send(Item::Course(self.course));
        }
        (self.course.turn, self.course.tick) = (played.turn.0 + 1, played.tick.0);
        self.send(Item::Ticks(played.entries()));
        if let Some(snapshot) = &played.keyframe {
            self.keyframe(snapshot.clone());
        }
    }

    /// Adds what a member signed.
    pub fn signed(&mut self, entries: Box<SignedEntries>) {
        self.send(Item::Signed(entries));
    }

    /// Adds a keyframe of the state behind the last turn that was added.
    pub fn keyframe(&mut self, snapshot: Vec<u8>) {
        if self.shared.queued_bytes.load(Ordering::Relaxed) + snapshot.len() > self.limits.1 {
            self.keyframes_left_out += 1;
            tracing::warn!(path = %self.path.display(), "the disk is slow: a keyframe was left out of the recording");
            return;
        }
        self.send(Item::Keyframe(snapshot));
    }

    /// Makes the queue smaller than it is.
    #[cfg(test)]
    pub(super) fn limit_queue(&mut self, bytes: usize, bytes_with_keyframe: usize) {
        self.limits = (bytes, bytes_with_keyframe);
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let failure = self.shared.failure.lock().ok().and_then(|failure| failure.clone());
        Status {
            path: self.path.clone(),
            next_tick: self.shared.next_tick.load(Ordering::Relaxed),
            queued_bytes: self.shared.queued_bytes.load(Ordering::Relaxed),
            keyframes_left_out: self.keyframes_left_out,
            stopped: failure.or_else(|| self.stopped.clone()),
        }
    }

    /// Waits until everything is written, and ends the recording.
    ///
    /// # Errors
    /// [`Failure::Unwritable`] where writing failed, [`Failure::Incomplete`] where it ended early for want of speed.
    pub fn finish(mut self) -> Result<Written, Failure> {
        if !self.course.is_regular {
            // Up to here and no further.
            self.send(Item::Course(Course { is_regular: true, ..self.course }));
        }
        self.sender = None;
        let result = self.thread.take().map_or_else(|| Ok(Ok(Written::default())), JoinHandle::join);
        let written = result.map_err(|_| Failure::Machine("the recording thread panicked".to_owned()))??;
        match self.stopped.take() {
            Some(reason) => Err(Failure::Incomplete { path: self.path.clone(), reason }),
            None => Ok(written),
        }
    }

    fn send(&mut self, item: Item) {
        let Some(sender) = &self.sender else { return };
        let bytes = item.bytes();
        let waiting = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let reason = if waiting > self.limits.0 {
            Some("more waits to be written than there is memory for")
        } else {
            match sender.try_send(item) {
                Ok(()) => None,
                Err(TrySendError::Full(_)) => Some("too many turns wait to be written"),
                // The thread has said why.
                Err(TrySendError::Disconnected(_)) => Some("it cannot be written"),
            }
        };
        if let Some(reason) = reason {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            let sentence = format!("the recording ends early: {reason}");
            tracing::error!(path = %self.path.display(), "{sentence}");
            // Without a sender the thread writes what waits and ends the file: whole, but for what never came.
            self.sender = None;
            self.stopped = Some(sentence);
        }
    }
}

/// A session that ends without [`SessionRecorder::finish`] still leaves a whole recording.
impl Drop for SessionRecorder {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take()
            && !matches!(thread.join(), Ok(Ok(_)))
        {
            tracing::error!(path = %self.path.display(), "the recording was not ended in good order");
        }
    }
}

/// What the thread does, until nobody is left to send.
fn write(
    mut recorder: Recorder,
    mut signed: SignedWriter,
    items: &Receiver<Item>,
    shared: &Shared,
) -> Result<Written, Failure> {
    let segment_ticks = recorder.segment_ticks();
    for item in items {
        let bytes = item.bytes();
        match item {
            Item::Signed(entries) => signed.push(&entries)?,
            Item::Course(course) => signed.course(course)?,
            Item::Keyframe(snapshot) => recorder.add_keyframe(&snapshot)?,
            Item::Ticks(ticks) => {
                for (frame, digest) in &ticks {
                    recorder.add(frame, *digest)?;
                    if recorder.next_tick().is_multiple_of(segment_ticks) {
                        recorder.flush()?;
                    }
                }
            }
        }
        shared.next_tick.store(recorder.next_tick(), Ordering::Relaxed);
        shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
    recorder.close()
}
