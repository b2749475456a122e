//! The confirmed log's way into the store: frames become segments, states become saves, by a thread beside the session.
//! Must never hold the session up, and never leave a hole that the log does not tell: where the journal has no room, what
//! comes is left out, and the log begins anew with a save as soon as there is room again.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use netcode::protocol::KnownPeer;
use persistence::{
    Batch, Digest, Epoch, Hash, Journal, Mark, Millis, Name, Record, Rejected, Segment, Snapshot, StoreError, Tick,
    Ticket,
};
use sim::recording::{FORMAT_VERSION, pack_keyframe, pack_segment};
use sim::{InputFrame, Simulation};

use super::position::{Position, Reached};
use super::shared::Shared;
use tokio::sync::watch;

use crate::exit::Failure;
use crate::session::world::{Played, SimWorld};
use crate::session::{Ledger, Progress};

/// Turns and states that wait to be packed.
const QUEUE_MAX: usize = 4096;

/// How the log is kept.
#[derive(Clone, Debug)]
pub struct Keeping {
    /// The world's name in the store.
    pub world: Name,
    /// By which this process owns it.
    pub epoch: Epoch,
    /// The tick of the last state that is durable already, if there is one: the log goes on from it without a new save.
    pub durable: Option<u64>,
    /// The tick of the newest save in the store: there is no second one of it, nor one before it.
    pub saved: Option<u64>,
    /// Most ticks in one segment.
    pub group_ticks: u64,
    /// Longest that frames wait to be offered.
    pub group: Duration,
    /// Time between saves.
    pub save_every: Duration,
    /// Bytes and batches that the journal takes.
    pub limits: persistence::Limits,
}

/// What waits to be packed.
enum Item {
    Begin { tick: u64, digest: u64, snapshot: Vec<u8> },
    Ticks { first: u64, entries: Vec<(InputFrame, u64)> },
    State { tick: u64, digest: u64, snapshot: Vec<u8> },
}

/// Takes the confirmed log on the session's thread.
pub struct StoreLedger {
    sender: Option<SyncSender<Item>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    position: Position,
    /// Whoever writes down who is who.
    peers: watch::Sender<Vec<KnownPeer>>,
    last: Option<Mark>,
}

impl StoreLedger {
    /// Begins; nothing is written before a world is installed.
    ///
    /// # Errors
    /// [`Failure::Machine`] where the system gives no thread.
    pub fn start(
        keeping: Keeping,
        peers: watch::Sender<Vec<KnownPeer>>,
        journal: Arc<Journal>,
        shared: Arc<Shared>,
        position: Position,
    ) -> Result<Self, Failure> {
        let (sender, items) = sync_channel(QUEUE_MAX);
        let packer = Packer::new(keeping, journal, Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || packer.run(&items));
        let thread = thread.map_err(|e| Failure::Machine(format!("there is no thread for the log: {e}")))?;
        Ok(Self { sender: Some(sender), thread: Some(thread), shared, position, peers, last: None })
    }

    fn send(&mut self, item: Item) {
        let Some(sender) = &self.sender else { return };
        // Ticks that are missing here are missing there too, and show as a gap.
        if let Err(TrySendError::Full(_)) = sender.try_send(item) {
            tracing::warn!("the log cannot keep up: ticks are left out of it");
        }
    }
}

impl Ledger for StoreLedger {
    fn installed(&mut self, _turn: u64, world: &SimWorld, snapshot: &[u8]) {
        let simulation = world.simulation();
        let (tick, digest) = (simulation.tick().0, simulation.digest().total);
        self.last = Some(mark(tick, digest));
        let held = world.control().held().map(|_| tick);
        {
            let mut state = self.shared.state();
            (state.executed, state.held) = (self.last, held);
        }
        // What was entered for turns that are left out is never told of, and another session's turns have the same numbers.
        self.shared.desk.cut();
        self.shared.desk.tell(world.control(), tick);
        self.send(Item::Begin { tick, digest, snapshot: snapshot.to_vec() });
    }

    fn played(&mut self, played: &Played) {
        let last = played.ticks.last().map(|last| (last.report.tick.0, last.report.digest.total));
        self.last = last.map(|(tick, digest)| mark(tick, digest)).or(self.last);
        {
            let mut state = self.shared.state();
            (state.executed, state.held) = (self.last, played.control.held().map(|_| played.tick.0));
        }
        // Whoever is told of a tick there finds it here.
        self.shared.desk.played(played, |tick| self.shared.published_tick(tick));
        let Some((tick, digest)) = last else { return };
        let published = self.told(Progress { first_tick: 0, tick, digest }).tick;
        self.position.note(Reached { tick, digest, published });
        let first = tick.saturating_sub(played.ticks.len() as u64);
        self.send(Item::Ticks { first, entries: played.entries() });
    }

    fn known(&mut self, peers: &[KnownPeer]) {
        self.peers.send_replace(peers.to_vec());
    }

    fn wants_state(&mut self) -> bool {
        self.shared.wants_state()
    }

    fn told(&self, reached: Progress) -> Progress {
        let Mark { tick, digest } = self.shared.published(mark(reached.tick, reached.digest));
        Progress { tick: tick.0, digest: digest.0, ..reached }
    }

    fn state(&mut self, tick: u64, digest: u64, snapshot: Vec<u8>) {
        self.shared.want_state(false);
        self.send(Item::State { tick, digest, snapshot });
    }

    fn ended(&mut self, last: Option<Vec<u8>>) {
        if let (Some(snapshot), Some(mark)) = (last, self.last) {
            self.send(Item::State { tick: mark.tick.0, digest: mark.digest.0, snapshot });
        }
    }
}

/// Whoever ends the session has everything offered to the journal.
impl Drop for StoreLedger {
    fn drop(&mut self) {
        self.shared.desk.close();
        self.sender = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the log panicked");
        }
    }
}

/// A tick with the digest of its state.
#[must_use]
pub fn mark(tick: u64, digest: u64) -> Mark {
    Mark { tick: Tick(tick), digest: Digest(digest) }
}

/// Packs, beside the session.
struct Packer {
    keeping: Keeping,
    journal: Arc<Journal>,
    shared: Arc<Shared>,
    /// Frames that are not in a segment yet, with the digests after them.
    frames: Vec<InputFrame>,
    digests: Vec<u64>,
    /// Since when the first of them waits.
    since: Instant,
    /// The tick that the next frame is of, where the log is without a gap up to there.
    next: Option<u64>,
    /// Tick of the newest save.
    saved: Option<u64>,
    /// Which that was, where this process made it.
    own: Option<(Mark, Ticket)>,
    saved_at: Instant,
    /// The journal had no room for a save.
    had_no_room: bool,
    /// The save that would have ended a gap, had there been room.
    refused: Option<(Batch, Mark)>,
}

impl Packer {
    fn new(keeping: Keeping, journal: Arc<Journal>, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            saved: keeping.saved,
            keeping,
            journal,
            shared,
            frames: Vec::new(),
            digests: Vec::new(),
            since: now,
            next: None,
            own: None,
            saved_at: now,
            had_no_room: false,
            refused: None,
        }
    }

    fn run(mut self, items: &Receiver<Item>) {
        loop {
            match items.recv_timeout(self.keeping.group) {
                Ok(item) => self.take(item),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.since.elapsed() >= self.keeping.group {
                self.flush();
            }
            self.ask_for_state();
        }
        self.flush();
        let last = self.shared.state().executed;
        if let Some((save, mark)) = self.refused.filter(|(_, mark)| self.next.is_none() && last == Some(*mark)) {
            self.shared.leave_last(save, mark);
        }
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Begin { tick, digest, snapshot } => {
                self.flush();
                let is_durable = self.keeping.durable.take() == Some(tick);
                // Another peer's state may be older than the log, which has the ticks up to its own end already.
                if self.next.is_some_and(|next| next >= tick) {
                    return;
                }
                if is_durable || self.saved == Some(tick) {
                    (self.next, self.saved_at) = (Some(tick), Instant::now());
                } else {
                    self.next = None;
                    self.save(tick, digest, &snapshot);
                    if self.next.is_none() {
                        self.begin_gap(tick, "there is a newer save");
                    }
                }
            }
            Item::Ticks { first, entries } => self.add(first, entries),
            Item::State { tick, digest, snapshot } => self.save(tick, digest, &snapshot),
        }
    }

    fn add(&mut self, first: u64, entries: Vec<(InputFrame, u64)>) {
        let Some(next) = self.next else { return };
        if next < first {
            self.flush();
            return self.begin_gap(next, "the log could not keep up");
        }
        let end = first + entries.len() as u64;
        if end <= next {
            return;
        }
        if self.frames.is_empty() {
            self.since = Instant::now();
        }
        self.next = Some(end);
        for (frame, digest) in entries.into_iter().skip((next - first) as usize) {
            self.frames.push(frame);
            self.digests.push(digest);
        }
        if self.frames.len() as u64 >= self.keeping.group_ticks {
            self.flush();
        }
    }

    /// Offers the open frames as a segment.
    fn flush(&mut self) {
        let (frames, digests) = (std::mem::take(&mut self.frames), std::mem::take(&mut self.digests));
        let (Some(next), Some(digest)) = (self.next, digests.last().copied()) else { return };
        let first = next.saturating_sub(frames.len() as u64);
        let segment = match segment_of(&self.keeping.world, first, &frames, &digests) {
            Ok(segment) => segment,
            Err(error) => return self.begin_gap(first, &error),
        };
        let offered = self.batch(Record::Segment(segment)).map_err(Rejected::Over);
        let offered = offered.and_then(|batch| self.journal.offer(batch, Some(mark(next, digest))));
        if let Err(rejected) = offered {
            self.begin_gap(first, &rejected.to_string());
        }
    }

    /// Offers a save, if it is newer than the last. After a gap the log goes on from it; without one, it goes on also
    /// where there is no room for the save.
    fn save(&mut self, tick: u64, digest: u64, snapshot: &[u8]) {
        self.flush();
        if self.next.is_some_and(|next| next != tick) || self.saved.is_some_and(|saved| saved > tick) {
            return;
        }
        if self.saved == Some(tick) {
            return self.saved_already(mark(tick, digest));
        }
        let ask = self.shared.take_ask();
        let label = ask.as_ref().and_then(|ask| ask.label.clone());
        let save = pack(&self.keeping.world, mark(tick, digest), snapshot, label);
        let batch = save.and_then(|save| self.batch(Record::Snapshot(save)).map_err(|e| e.to_string()));
        let batch = match batch {
            Ok(batch) => batch,
            Err(why) => {
                tracing::error!("the world cannot be saved: {why}");
                ask.into_iter().for_each(|ask| ask.refuse(&why));
                // Without a save the log goes on all the same, unless it has to begin with one.
                self.saved_at = Instant::now();
                if self.next.is_none() {
                    self.begin_gap(tick, &why);
                }
                return;
            }
        };
        self.refused = self.next.is_none().then(|| (batch.clone(), mark(tick, digest)));
        match self.journal.offer(batch, Some(mark(tick, digest))) {
            Ok(ticket) => {
                (self.saved_at, self.had_no_room, self.refused) = (Instant::now(), false, None);
                (self.saved, self.next) = (Some(tick), Some(tick));
                self.own = Some((mark(tick, digest), ticket));
                self.shared.note_save(mark(tick, digest), ticket, ask);
                self.end_gap(tick);
            }
            Err(rejected) => {
                ask.into_iter().for_each(|ask| self.shared.put_back(ask));
                self.had_no_room = true;
                if self.next.is_none() || !matches!(rejected, Rejected::Full) {
                    self.begin_gap(tick, &rejected.to_string());
                }
            }
        }
    }

    /// The world stands where it was saved: that save is all that anybody can ask for.
    fn saved_already(&mut self, at: Mark) {
        // What was in the store before this process began is durable.
        let (mark, ticket) = self.own.unwrap_or((at, Ticket::default()));
        if mark != at {
            return;
        }
        (self.saved_at, self.had_no_room, self.refused) = (Instant::now(), false, None);
        self.next = Some(at.tick.0);
        while let Some(ask) = self.shared.take_ask() {
            ask.answer(mark, ticket);
        }
        self.end_gap(at.tick.0);
    }

    /// From this tick on everything is in the log again.
    fn end_gap(&self, tick: u64) {
        let gap = self.shared.state().gap.take();
        if let Some((since, _)) = gap {
            let [since, tick] = [since, tick].map(|tick| self.shared.published_tick(tick));
            tracing::warn!("the log goes on after a gap: not all ticks from {since} to {tick} are in it");
        }
    }

    fn batch(&self, record: Record) -> Result<Batch, StoreError> {
        Ok(Batch::put([record])?.fenced(self.keeping.world.clone(), self.keeping.epoch))
    }

    /// Nothing from this tick on is in the log, until the next save.
    fn begin_gap(&mut self, tick: u64, why: &str) {
        self.next = None;
        self.frames.clear();
        self.digests.clear();
        let mut state = self.shared.state();
        let is_first = state.gap.is_none();
        state.gap.get_or_insert_with(|| (tick, why.to_owned()));
        drop(state);
        if is_first {
            tracing::error!("not durable since tick {}: {why}", self.shared.published_tick(tick));
        }
    }

    /// Asks for a state where one is due: by the timer, by a person, or as a new beginning once there is room.
    fn ask_for_state(&self) {
        let gap = self.shared.state().gap.is_some();
        let is_due = if gap || self.next.is_none() {
            gap
        } else {
            self.saved_at.elapsed() >= self.keeping.save_every || self.shared.is_asked()
        };
        if is_due && (!(gap || self.had_no_room) || self.has_room()) {
            self.shared.want_state(true);
        }
    }

    /// Whether the journal has caught up so far that a save is worth a try.
    fn has_room(&self) -> bool {
        let (backlog, limits) = (self.journal.backlog(), self.keeping.limits);
        backlog.over.is_none() && backlog.bytes <= limits.bytes / 2 && backlog.batches <= limits.batches / 2
    }
}

/// The log of a world from this tick on.
///
/// # Errors
/// A sentence for frames that are no segment.
pub fn segment_of(world: &Name, first: u64, frames: &[InputFrame], digests: &[u64]) -> Result<Segment, String> {
    let segment = Segment {
        world: world.clone(),
        first_tick: Tick(first),
        ticks: u32::try_from(frames.len()).unwrap_or(u32::MAX),
        digest: Digest(digests.last().copied().unwrap_or_default()),
        written: now(),
        format: u32::from(FORMAT_VERSION),
        payload: pack_segment(frames, digests).map_err(|e| e.to_string())?,
        hash: Hash([0; 32]),
    };
    Ok(segment.hashed())
}

/// A save of a world as it is.
///
/// # Errors
/// A sentence for a state that is too large.
pub fn save_of(world: &Name, simulation: &Simulation, label: Option<Name>) -> Result<Snapshot, String> {
    pack(world, mark(simulation.tick().0, simulation.digest().total), &simulation.snapshot(), label)
}

fn pack(world: &Name, at: Mark, snapshot: &[u8], label: Option<Name>) -> Result<Snapshot, String> {
    let save = Snapshot {
        world: world.clone(),
        tick: at.tick,
        digest: at.digest,
        taken: now(),
        label,
        format: u32::from(FORMAT_VERSION),
        payload: pack_keyframe(snapshot).map_err(|e| e.to_string())?,
        hash: Hash([0; 32]),
    };
    Ok(save.hashed())
}

fn now() -> Millis {
    Millis::of(std::time::SystemTime::now())
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
