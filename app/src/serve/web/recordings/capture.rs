//! Captures the running world: what is confirmed goes from the session's thread to a thread that writes. Must never make the
//! session's thread wait, leave a hole in a recording, or write what others may not be told of yet.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::ports::{Recording, RecordingError, TimedId, Wholeness};
use sim::{InputFrame, Scenario};
use tokio::sync::{oneshot, watch};

use super::shelf::{self, Shelf};
use crate::exit::Failure;
use crate::record::{Options, Recorder};
use crate::serve::shared::Shared;
use crate::session::Ledger;
use crate::session::world::{Played, SimWorld};

/// Most turns that wait to be written.
const QUEUE_TURNS_MAX: usize = 8_192;
/// Most bytes that wait.
const QUEUE_BYTES_MAX: usize = 256 << 20;
/// Seconds between keyframes.
const KEYFRAME_S: u64 = 10;
/// Time between two looks whether a tick may be told of, or the end is near.
const LOOK: Duration = Duration::from_millis(5);
/// How long a world may take to give a state.
const STATE_WAIT: Duration = Duration::from_secs(5);
/// How long the last state may take to come before a capture ends without it.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// What waits to be written.
enum Item {
    Ticks(Vec<(InputFrame, u64)>),
    Keyframe(Vec<u8>),
}

impl Item {
    /// About what it takes in memory.
    fn bytes(&self) -> usize {
        let one = |(frame, _): &(InputFrame, u64)| {
            let commands = frame.commands.iter().map(|c| c.bytes.len() + size_of_val(c)).sum::<usize>();
            commands + size_of_val(&frame.membership[..]) + size_of::<(InputFrame, u64)>()
        };
        match self {
            Self::Keyframe(snapshot) => snapshot.len(),
            Self::Ticks(ticks) => ticks.iter().map(one).sum(),
        }
    }
}

/// Of a capture that runs.
struct Flow {
    id: TimedId,
    /// It is to end with the next state.
    is_ending: AtomicBool,
    /// It is to end without one, and without what nobody may be told of yet.
    is_cut: AtomicBool,
    queued_bytes: AtomicUsize,
    /// It has ended.
    is_over: AtomicBool,
    /// Why it ends, where nobody asked for that.
    why: Mutex<Option<String>>,
}

impl Flow {
    fn give_reason(&self, why: &str) {
        let mut reason = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        reason.get_or_insert_with(|| why.to_owned());
    }
}

/// A capture that is to begin.
struct Wish {
    recording: Recording,
    begun: oneshot::Sender<Result<Recording, String>>,
}

/// One that was begun: until somebody is told of its end.
struct Begun {
    flow: Arc<Flow>,
    /// Set once it has ended.
    ended: watch::Receiver<Option<Recording>>,
}

/// Where captures are asked for.
pub struct Desk {
    shared: Arc<Shared>,
    shelf: Arc<Shelf>,
    /// Somebody wants a capture to begin.
    is_wished: AtomicBool,
    wish: Mutex<Option<Wish>>,
    begun: Mutex<Option<Begun>>,
    /// One is started or ended at a time.
    turn: tokio::sync::Mutex<()>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// Of a world of which others may be told what is known there.
    pub fn new(shared: Arc<Shared>, shelf: Arc<Shelf>) -> Self {
        Self {
            shared,
            shelf,
            is_wished: AtomicBool::new(false),
            wish: Mutex::default(),
            begun: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The capture that runs, or has ended and nobody was told.
    pub fn capturing(&self) -> Option<TimedId> {
        locked(&self.begun).as_ref().map(|begun| begun.flow.id)
    }

    /// Begins a capture with the next state that is confirmed.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub async fn start(&self, recording: Recording) -> Result<Recording, RecordingError> {
        let _turn = self.turn.lock().await;
        if let Some(begun) = locked(&self.begun).as_ref().filter(|begun| begun.ended.borrow().is_none()) {
            let why = format!("the capture {} runs: end it first", begun.flow.id);
            return Err(RecordingError::Conflict(why));
        }
        let id = recording.id;
        self.shelf.reserve(recording.clone())?;
        let (begun, told) = oneshot::channel();
        *locked(&self.wish) = Some(Wish { recording, begun });
        self.is_wished.store(true, Ordering::Release);
        let told = tokio::time::timeout(STATE_WAIT, told).await;
        self.is_wished.store(false, Ordering::Release);
        drop(locked(&self.wish).take());
        let failed = match told {
            Ok(Ok(Ok(recording))) => return Ok(recording),
            Ok(Ok(Err(why))) => RecordingError::Conflict(why),
            Ok(Err(_)) => RecordingError::Unavailable("the session is over".to_owned()),
            Err(_) => RecordingError::Unavailable("the world gave no state in time".to_owned()),
        };
        // Whoever has taken the wish meanwhile is not waited for.
        if let Some(begun) = locked(&self.begun).take_if(|begun| begun.flow.id == id) {
            begun.flow.is_cut.store(true, Ordering::Release);
        } else {
            self.shelf.forget(id);
        }
        Err(failed)
    }

    /// Ends the capture with the next state, and waits until its file is whole.
    ///
    /// # Errors
    /// [`RecordingError::Conflict`] where there is none.
    pub async fn stop(&self) -> Result<Recording, RecordingError> {
        let _turn = self.turn.lock().await;
        let running = locked(&self.begun).as_ref().map(|begun| (Arc::clone(&begun.flow), begun.ended.clone()));
        let (flow, mut ended) = running.ok_or_else(|| RecordingError::Conflict("no capture runs".to_owned()))?;
        flow.is_ending.store(true, Ordering::Release);
        let recording = ended.wait_for(Option::is_some).await.ok().and_then(|recording| recording.clone());
        drop(locked(&self.begun).take());
        recording.ok_or_else(|| RecordingError::Unavailable("the thread that writes the capture is gone".to_owned()))
    }

    /// The service ends: waits so long until the capture is whole.
    pub async fn end(&self, patience: Duration) {
        let running = locked(&self.begun).as_ref().map(|begun| (Arc::clone(&begun.flow), begun.ended.clone()));
        let Some((flow, mut ended)) = running else { return };
        flow.give_reason("the service ended");
        flow.is_ending.store(true, Ordering::Release);
        if tokio::time::timeout(patience, ended.wait_for(Option::is_some)).await.is_err() {
            flow.is_cut.store(true, Ordering::Release);
            let _ = tokio::time::timeout(patience, ended.wait_for(Option::is_some)).await;
        }
    }
}

/// Hands over what is confirmed while a capture runs.
pub struct CaptureLedger {
    desk: Arc<Desk>,
    scenario: Option<Arc<Scenario>>,
    running: Option<Running>,
}

/// The session's side of a capture.
struct Running {
    flow: Arc<Flow>,
    sender: SyncSender<Item>,
    /// The tick after the last one that was handed over.
    tick: u64,
    keyframe_tick: u64,
    keyframe_ticks: u64,
}

impl CaptureLedger {
    /// For what is asked for there.
    pub fn new(desk: Arc<Desk>) -> Self {
        Self { desk, scenario: None, running: None }
    }

    fn begin(&mut self, tick: u64, snapshot: Vec<u8>) {
        let Some(Wish { recording, begun }) = locked(&self.desk.wish).take() else { return };
        let Some(scenario) = self.scenario.clone() else { return };
        let (sender, items) = sync_channel(QUEUE_TURNS_MAX);
        let (tell_end, ended) = watch::channel(None);
        let flow = Arc::new(Flow {
            id: recording.id,
            is_ending: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            queued_bytes: AtomicUsize::new(0),
            why: Mutex::default(),
        });
        let keyframe_ticks = u64::from(scenario.tick_rate_hz).saturating_mul(KEYFRAME_S).max(1);
        let written = Writing {
            shared: Arc::clone(&self.desk.shared),
            shelf: Arc::clone(&self.desk.shelf),
            flow: Arc::clone(&flow),
            recording: Recording {
                first_tick: tick,
                last_tick: tick,
                rate_hz: scenario.tick_rate_hz,
                scenario: scenario.name.clone(),
                joins: Some(0),
                ..recording
            },
            last_digest: None,
        };
        let thread = std::thread::Builder::new().name("capture".to_owned());
        let run = move || written.run(&scenario, &snapshot, &items, begun, &tell_end);
        if let Err(error) = thread.spawn(run) {
            tracing::error!("there is no thread for a capture: {error}");
            return;
        }
        *locked(&self.desk.begun) = Some(Begun { flow: Arc::clone(&flow), ended });
        self.running = Some(Running { flow, sender, tick, keyframe_tick: tick, keyframe_ticks });
    }

    /// Ends the capture, if one runs.
    fn end(&mut self, why: &str) {
        if let Some(running) = self.running.take() {
            running.flow.give_reason(why);
        }
    }

    fn send(&mut self, item: Item) {
        let Some(running) = &self.running else { return };
        let bytes = item.bytes();
        let waiting = running.flow.queued_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let sent = if waiting > QUEUE_BYTES_MAX { Err(true) } else { running.sender.try_send(item).map_err(is_full) };
        match sent {
            Ok(()) => {}
            Err(true) => self.end("the disk is slow: too much waited to be written"),
            // The thread has said why.
            Err(false) => self.running = None,
        }
    }
}

fn is_full(error: TrySendError<Item>) -> bool {
    matches!(error, TrySendError::Full(_))
}

impl Ledger for CaptureLedger {
    fn installed(&mut self, _turn: u64, world: &SimWorld, _snapshot: &[u8]) {
        self.scenario = Some(Arc::new(world.simulation().scenario().clone()));
    }

    fn played(&mut self, played: &Played) {
        let Some(running) = &mut self.running else { return };
        let Some(first) = played.ticks.first().map(|tick| tick.report.tick.0.saturating_sub(1)) else { return };
        if first != running.tick {
            self.end("the world went on from another tick");
            return;
        }
        running.tick += played.ticks.len() as u64;
        self.send(Item::Ticks(played.entries()));
    }

    fn wants_state(&mut self) -> bool {
        self.running.take_if(|running| running.flow.is_over.load(Ordering::Acquire));
        match &self.running {
            None => self.desk.is_wished.load(Ordering::Acquire),
            Some(running) => {
                let is_due = running.tick - running.keyframe_tick >= running.keyframe_ticks;
                is_due || running.flow.is_ending.load(Ordering::Acquire)
            }
        }
    }

    fn state(&mut self, tick: u64, _digest: u64, snapshot: Vec<u8>) {
        let Some(running) = &mut self.running else { return self.begin(tick, snapshot) };
        let (is_new, is_last) = (tick > running.keyframe_tick, running.flow.is_ending.load(Ordering::Acquire));
        running.keyframe_tick = tick;
        if is_new {
            self.send(Item::Keyframe(snapshot));
        }
        if is_last {
            self.running = None;
        }
    }

    fn ended(&mut self, last: Option<Vec<u8>>) {
        if let Some(snapshot) = last {
            self.send(Item::Keyframe(snapshot));
        }
        self.end("the service ended, or took the world anew");
    }

    /// The world goes on from where it is, and so does its log.
    fn forked(&mut self, turn: u64, world: &SimWorld, snapshot: &[u8]) {
        self.installed(turn, world, snapshot);
    }
}

/// The thread's side of a capture.
struct Writing {
    shared: Arc<Shared>,
    shelf: Arc<Shelf>,
    flow: Arc<Flow>,
    recording: Recording,
    last_digest: Option<u64>,
}

impl Writing {
    fn run(
        mut self,
        scenario: &Scenario,
        snapshot: &[u8],
        items: &Receiver<Item>,
        begun: oneshot::Sender<Result<Recording, String>>,
        ended: &watch::Sender<Option<Recording>>,
    ) {
        let (id, file) = (self.recording.id, self.shelf.file(self.recording.id));
        let recorder = match self.begin(scenario, snapshot, &file) {
            Ok(recorder) => recorder,
            Err(why) => {
                tracing::error!(capture = %id, "a capture does not begin: {why}");
                self.shelf.forget(id);
                self.flow.is_over.store(true, Ordering::Release);
                ended.send_replace(Some(Recording {
                    state: Wholeness::Incomplete,
                    why: Some(why.clone()),
                    ..self.recording
                }));
                // Who has gone need not know.
                drop(begun.send(Err(why)));
                return;
            }
        };
        // Nor here: the capture goes on until it is ended.
        drop(begun.send(Ok(self.recording.clone())));
        if let Err(failure) = self.write(recorder, items) {
            let why = shelf::said(&failure, &file);
            self.flow.give_reason(&format!("it cannot be written any further: {why}"));
        }
        let recording = self.finish(&file);
        let (state, ticks) = (recording.state, recording.last_tick - recording.first_tick);
        match &recording.why {
            Some(why) => tracing::warn!(capture = %id, ticks, ?state, "a capture has ended: {why}"),
            None => tracing::info!(capture = %id, ticks, ?state, "a capture has ended"),
        }
        self.flow.is_over.store(true, Ordering::Release);
        ended.send_replace(Some(recording));
    }

    fn begin(&mut self, scenario: &Scenario, snapshot: &[u8], file: &Path) -> Result<Recorder, String> {
        if !self.may_tell(self.recording.first_tick) {
            return Err("nobody may be told of the state that it would begin with".to_owned());
        }
        self.shelf.check_disk().map_err(|full| full.to_string())?;
        let recorder = Recorder::begin(file, scenario, self.recording.first_tick, snapshot, Options::default(), &[]);
        let recorder = recorder.map_err(|failure| shelf::said(&failure, file))?;
        self.recording.bytes = recorder.bytes();
        self.shelf.put(self.recording.clone());
        Ok(recorder)
    }

    /// Waits until others may be told of a tick; not for ever.
    fn may_tell(&self, tick: u64) -> bool {
        while self.shared.published_tick(tick) < tick {
            if self.flow.is_cut.load(Ordering::Acquire) {
                return false;
            }
            std::thread::park_timeout(LOOK);
        }
        true
    }

    fn write(&mut self, mut recorder: Recorder, items: &Receiver<Item>) -> Result<(), Failure> {
        let (segment_ticks, mut ending) = (recorder.segment_ticks(), None::<Instant>);
        loop {
            let item = match items.recv_timeout(LOOK) {
                Ok(item) => item,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if self.is_over(&mut ending) => break,
                Err(RecvTimeoutError::Timeout) => continue,
            };
            self.flow.queued_bytes.fetch_sub(item.bytes(), Ordering::Relaxed);
            match item {
                Item::Keyframe(snapshot) => recorder.add_keyframe(&snapshot)?,
                Item::Ticks(ticks) => {
                    for (frame, digest) in &ticks {
                        if !self.may_tell(recorder.next_tick() + 1) {
                            return recorder.close().map(drop);
                        }
                        recorder.add(frame, *digest)?;
                        self.last_digest = Some(*digest);
                        self.recording.joins = self.recording.joins.map(|all| all + shelf::joins(&frame.membership));
                        if recorder.next_tick().is_multiple_of(segment_ticks) {
                            recorder.flush()?;
                        }
                    }
                }
            }
            if let Err(full) = self.tell(&recorder) {
                let mb = self.shelf.file_bytes_max() >> 20;
                self.flow.give_reason(&match full {
                    RecordingError::TooLarge => {
                        format!("it has {mb} MB, and no more is recorded (recordings.file_mb_max)")
                    }
                    other => other.to_string(),
                });
                break;
            }
        }
        recorder.close().map(drop)
    }

    /// Whether a capture that is to end does so without the last state, which has not come for too long.
    fn is_over(&self, ending: &mut Option<Instant>) -> bool {
        if self.flow.is_ending.load(Ordering::Acquire) && ending.get_or_insert_with(Instant::now).elapsed() > LAST_WAIT
        {
            return true;
        }
        self.flow.is_cut.load(Ordering::Acquire)
    }

    /// Tells how far it is.
    fn tell(&mut self, recorder: &Recorder) -> Result<(), RecordingError> {
        let (bytes, tick) = (recorder.bytes(), recorder.written_to());
        if bytes == self.recording.bytes {
            return Ok(());
        }
        (self.recording.bytes, self.recording.last_tick) = (bytes, tick);
        self.shelf.reached(self.recording.id, tick, self.recording.joins.unwrap_or(0));
        self.shelf.grow(self.recording.id, bytes)?;
        self.shelf.check_disk()
    }

    /// What there is now, as it is in the file.
    fn finish(&mut self, file: &Path) -> Recording {
        let why = self.flow.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut recording = self.recording.clone();
        if let Err(lost) = shelf::examine(file, &mut recording) {
            (recording.state, recording.why) = (Wholeness::Incomplete, Some(lost));
        }
        let digest = self.last_digest.map(crate::output::hex);
        recording.digest = recording.digest.or_else(|| digest.filter(|_| recording.state == Wholeness::Complete));
        recording.why = match (why, recording.why) {
            (Some(why), Some(lost)) => Some(format!("{why}; {lost}")),
            (why, lost) => why.or(lost),
        };
        self.shelf.put(recording.clone());
        recording
    }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
