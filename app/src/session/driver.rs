//! Runs one peer of a session: the core, its replica of the world, and what goes on beside: recordings, desync bundles,
//! presentation ahead. Must never send by itself: the caller's [`Link`] does. Not made for two threads; step it inside
//! the rayon pool that the simulation is to use.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Instant;

use netcode::protocol::{Event, Frame, PeerKey, Player, SessionId, Status, Time, Turn};
use netcode::replica::{Comparison, Host, Replica, ReplicaError};
use netcode::speculation::Speculation;
use netcode::{Core, world::World as _};
use sim::Simulation;
use sim::recording::Fork;

use super::desync::{self, Circumstances, Tail};
use super::input::SessionInput;
use super::near::Near;
use super::recorder::{self, SessionRecorder};
use super::signed::Origin;
use super::world::SimWorld;
use crate::exit::Failure;
use crate::record;
use crate::replay::Recording;

/// Most turns that presentation runs ahead.
const AHEAD_TURNS_MAX: u64 = 64;
/// Turns whose cost is remembered.
const COSTS_MAX: usize = 1 << 16;
/// Most events that wait to be taken.
const HAPPENED_MAX: usize = 1 << 12;
/// Seconds between keyframes, of recordings and of the log that a desync bundle holds.
const KEYFRAME_S: u64 = 10;

/// How datagrams leave; a transport is one.
pub trait Link {
    /// Sends a datagram; it may get lost.
    fn send(&mut self, to: PeerKey, bytes: Vec<u8>);
    /// Keeps a link to this peer.
    fn connect(&mut self, to: PeerKey, address: Vec<u8>);
    /// Gives up the link to this peer.
    fn disconnect(&mut self, to: PeerKey);
}

/// What is done beside the session.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to record what is confirmed. A peer that has to take the world anew goes on in a file of its own, with
    /// `-2`, `-3`, ... before the ending.
    pub record: Option<PathBuf>,
    /// How to record.
    pub recording: record::Options,
    /// Below which folder desync bundles are written; nowhere if not given.
    pub bundles: Option<PathBuf>,
    /// Whether somebody looks on: presentation runs ahead, and what happens in the world is kept for
    /// [`Driver::take_happened`].
    pub shown: bool,
}

/// One peer of a session.
pub struct Driver<L: Link> {
    core: Core<SessionInput>,
    replica: Replica<SimWorld>,
    side: Side<L>,
}

/// Everything around the replica.
pub(super) struct Side<L: Link> {
    link: L,
    started: Instant,
    options: Options,
    recorder: Option<SessionRecorder>,
    /// Recordings that ended because the world was replaced.
    recorded: Vec<PathBuf>,
    recording_failure: Option<String>,
    parts: u32,
    tail: Option<Tail>,
    circumstances: Circumstances,
    compared: Vec<(Comparison, Tail)>,
    bundles: Vec<JoinHandle<Result<PathBuf, Failure>>>,
    bundles_begun: u32,
    player: Option<Player>,
    speculation: Option<Speculation<Near>>,
    /// The world went on, or back, since `speculation` was told.
    is_stale: bool,
    events: Vec<Event>,
    /// The last two readings of the clock: the replica takes one before and one after each turn.
    clock_us: [u64; 2],
    costs_us: VecDeque<u32>,
    progress: Option<Progress>,
    /// After the last executed turn.
    digest: Option<u64>,
    /// What happened in confirmed ticks and nobody took yet.
    happened: Vec<(u64, sim::Event)>,
}

/// What is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Tick of the state that this peer began with.
    pub first_tick: u64,
    /// Tick of the last confirmed state.
    pub tick: u64,
    /// Its digest.
    pub digest: u64,
}

/// How a driver ended.
#[derive(Debug, Default)]
pub struct Ending {
    /// Recordings that were written, the last one last.
    pub recordings: Vec<PathBuf>,
    /// What went wrong with the recordings, one sentence each.
    pub failures: Vec<String>,
    /// Desync bundles that were written.
    pub bundles: Vec<PathBuf>,
}

impl<L: Link> Driver<L> {
    /// A peer with this core.
    #[must_use]
    pub fn new(mut core: Core<SessionInput>, link: L, options: Options) -> Self {
        if options.record.is_some() {
            core.tell_signed();
        }
        Self { core, replica: Replica::new(SimWorld::empty()), side: Side::new(link, options) }
    }

    /// The core, for what needs no driver: `handle`, `admit`, `leave`, `kick`, `fork`, `wake_at`.
    pub fn core(&mut self) -> &mut Core<SessionInput> {
        &mut self.core
    }

    /// The transport.
    pub fn link(&mut self) -> &mut L {
        &mut self.side.link
    }

    /// The core and the transport, for what needs both.
    pub fn parts(&mut self) -> (&mut Core<SessionInput>, &mut L) {
        (&mut self.core, &mut self.side.link)
    }

    /// Enters an input for the next turn that is open.
    pub fn submit(&mut self, now: Time, input: SessionInput) {
        if let Some(speculation) = &mut self.side.speculation {
            // The turn that the core will most likely enter it for; if not, what is shown is off until it is executed.
            speculation.submit(self.core.status().entered, input.clone());
        }
        self.core.submit(now, input);
    }

    /// Does all that is due. Call it after every datagram and at `wake_at`.
    ///
    /// # Errors
    /// [`ReplicaError`]: this peer cannot go on and has to join again.
    pub fn drive(&mut self, now: Time) -> Result<(), ReplicaError> {
        let result = self.replica.drive(now, &mut self.core, &mut self.side);
        let player = self.core.status().player;
        if self.side.player != player {
            self.side.player = player;
            self.side.speculation = None;
        }
        self.side.write_bundles();
        result
    }

    /// After an error of [`Self::drive`]: forgets the world and comes back with the others' state, in a new life. `false`
    /// where nobody else is there to take it from.
    pub fn start_over(&mut self, now: Time) -> bool {
        let others = self.core.start_over(now);
        if others {
            self.replica = Replica::new(SimWorld::empty());
            self.side.speculation = None;
        }
        others
    }

    /// Goes on alone in a new session, from the last confirmed state, and with a recording of its own that says what it
    /// goes on from. Gives the tick of that state; `None`, and nothing has changed, for who never was a player.
    ///
    /// # Errors
    /// [`ReplicaError`]: this peer cannot go on.
    pub fn fork(&mut self, now: Time, session: SessionId) -> Result<Option<u64>, ReplicaError> {
        let Some(effects) = self.core.fork(now, session) else { return Ok(None) };
        for effect in effects {
            self.replica.apply(effect, &mut self.side)?;
        }
        self.side.speculation = None;
        let world = self.replica.world();
        self.side.fork_recording(self.replica.executed(), world);
        Ok(Some(world.simulation().tick().0))
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.side.events)
    }

    /// The world as it was executed, perhaps not confirmed.
    #[must_use]
    pub fn simulation(&self) -> &Simulation {
        self.replica.world().simulation()
    }

    /// The replica of the world.
    #[must_use]
    pub fn replica(&self) -> &Replica<SimWorld> {
        &self.replica
    }

    /// Where the session stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.core.status()
    }

    /// The world as it was executed, and the surroundings of the own ship as of the turn that inputs are entered for now:
    /// what a pilot should see. The latter not for who has no ship, or where nobody looks on.
    pub fn views(&mut self) -> (&Simulation, Option<&Simulation>) {
        let to = self.core.status().entered;
        let ahead = self.side.ahead(&self.replica, to);
        (self.replica.world().simulation(), ahead)
    }

    /// The digest of [`Self::simulation`], where it was executed here and not put back since.
    #[must_use]
    pub fn digest(&self) -> Option<u64> {
        self.side.digest
    }

    /// What happened in the world and is confirmed since the last call, with its ticks; nothing where nobody looks on.
    pub fn take_happened(&mut self) -> Vec<(u64, sim::Event)> {
        std::mem::take(&mut self.side.happened)
    }

    /// What is confirmed since the world was installed last; nothing before.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.side.progress
    }

    /// What the last turns have cost to step and keep, microseconds; in no order, and not all of a long session.
    pub fn costs_us(&self) -> impl Iterator<Item = u32> {
        self.side.costs_us.iter().copied()
    }

    /// Where the recording that is written now goes.
    #[must_use]
    pub fn recording_path(&self) -> Option<&Path> {
        self.side.recorder.as_ref().and(self.side.recorded.last()).map(PathBuf::as_path)
    }

    /// How the recording is doing, if there is one now.
    #[must_use]
    pub fn recording(&self) -> Option<recorder::Status> {
        self.side.recorder.as_ref().map(SessionRecorder::status)
    }

    /// Why there is no recording any more, or none of all, although there should be one.
    #[must_use]
    pub fn recording_failure(&self) -> Option<String> {
        let stopped = || self.side.recorder.as_ref().and_then(|recorder| recorder.status().stopped);
        self.side.recording_failure.clone().or_else(stopped)
    }

    /// Ends everything in good order: the recording gets a last keyframe, bundles are waited for.
    #[must_use]
    pub fn finish(mut self) -> (L, Ending) {
        self.side.end_recording(Some(&self.replica));
        self.side.finish()
    }
}

impl<L: Link> Side<L> {
    pub(super) fn new(link: L, options: Options) -> Self {
        Self {
            link,
            started: Instant::now(),
            options,
            recorder: None,
            recorded: Vec::new(),
            recording_failure: None,
            parts: 0,
            tail: None,
            circumstances: Circumstances::default(),
            compared: Vec::new(),
            bundles: Vec::new(),
            bundles_begun: 0,
            player: None,
            speculation: None,
            is_stale: false,
            events: Vec::new(),
            clock_us: [0; 2],
            costs_us: VecDeque::new(),
            progress: None,
            digest: None,
            happened: Vec::new(),
        }
    }

    fn ahead(&mut self, replica: &Replica<SimWorld>, to: Turn) -> Option<&Simulation> {
        let player = self.player.filter(|_| self.options.shown)?;
        let executed = replica.executed();
        match &mut self.speculation {
            Some(speculation) if !self.is_stale => {
                debug_assert_eq!(speculation.executed(), executed, "every change of the world makes it stale");
            }
            Some(speculation) => speculation.rebase(replica.world().near(player), executed),
            None => {
                let near = replica.world().near(player);
                self.speculation = Some(Speculation::new(player, AHEAD_TURNS_MAX, near, executed));
            }
        }
        self.is_stale = false;
        self.speculation.as_mut().map(|speculation| speculation.ahead(to).simulation())
    }

    /// Begins a recording with the state that was installed.
    fn begin_recording(&mut self, turn: Option<Turn>, world: &SimWorld, snapshot: &[u8]) {
        let Some(base) = &self.options.record else { return };
        self.parts += 1;
        let path = if self.parts == 1 {
            base.clone()
        } else {
            let stem = base.file_stem().unwrap_or_default().to_string_lossy();
            base.with_file_name(format!("{stem}-{}.strec", self.parts))
        };
        let simulation = world.simulation();
        // Only the first part goes on from where the recording that was resumed ended.
        let fork = self.options.recording.fork.clone().filter(|fork| fork.tick == simulation.tick().0);
        let options = record::Options { fork, ..self.options.recording.clone() };
        let (turn, tick) = (turn.map_or(0, |turn| turn.0 + 1), simulation.tick().0);
        let origin = Origin { turn, tick, ticks_per_turn: world.ticks_per_turn() };
        match SessionRecorder::begin(&path, simulation.scenario(), tick, snapshot, options, origin) {
            Ok(recorder) => {
                self.recorder = Some(recorder);
                self.recorded.push(path);
            }
            Err(failure) => self.note_failure(&failure.to_string()),
        }
    }

    /// Ends the recording at the state that is confirmed, which the world is in, and begins one that goes on from it.
    fn fork_recording(&mut self, turn: Option<Turn>, world: &SimWorld) {
        let snapshot = world.snapshot();
        let simulation = world.simulation();
        let (tick, digest) = (simulation.tick().0, simulation.digest().total);
        self.tail = Some(Tail::new(simulation.scenario(), tick, snapshot.clone()));
        let Some(mut recorder) = self.recorder.take() else { return };
        let path = recorder.status().path;
        recorder.keyframe(snapshot.clone());
        let finished = recorder.finish().map(drop);
        let original = finished.and_then(|()| Recording::open(&path));
        match original {
            Ok(original) => {
                let identity = original.reader.identity();
                self.options.recording.fork = Some(Fork { identity, tick, digest });
                self.begin_recording(turn, world, &snapshot);
            }
            Err(failure) => self.note_failure(&failure.to_string()),
        }
    }

    fn end_recording(&mut self, replica: Option<&Replica<SimWorld>>) {
        let Some(mut recorder) = self.recorder.take() else { return };
        if let Some(snapshot) = replica.and_then(|replica| replica.world().snapshot_at(replica.confirmed())) {
            recorder.keyframe(snapshot);
        }
        if let Err(failure) = recorder.finish() {
            self.note_failure(&failure.to_string());
        }
    }

    fn note_failure(&mut self, sentence: &str) {
        tracing::error!("{sentence}");
        let earlier = self.recording_failure.take().map_or(String::new(), |earlier| format!("{earlier}; "));
        self.recording_failure = Some(earlier + sentence);
    }

    fn write_bundles(&mut self) {
        for (comparison, tail) in std::mem::take(&mut self.compared) {
            let Some(below) = self.options.bundles.clone() else { continue };
            if self.bundles_begun == desync::BUNDLES_MAX {
                tracing::warn!("no more desync bundles are written in this session");
                continue;
            }
            self.bundles_begun += 1;
            let circumstances = Circumstances { player: self.player, ..self.circumstances.clone() };
            match desync::write_aside(&below, comparison, circumstances, tail) {
                Ok(thread) => self.bundles.push(thread),
                Err(failure) => tracing::error!("{failure}"),
            }
        }
    }

    pub(super) fn finish(mut self) -> (L, Ending) {
        self.end_recording(None);
        self.write_bundles();
        let mut ending = Ending { recordings: self.recorded, ..Ending::default() };
        ending.failures.extend(self.recording_failure);
        for thread in self.bundles {
            match thread.join() {
                Ok(Ok(folder)) => ending.bundles.push(folder),
                Ok(Err(failure)) => ending.failures.push(failure.to_string()),
                Err(_) => ending.failures.push("the thread that writes a desync bundle panicked".to_owned()),
            }
        }
        (self.link, ending)
    }
}

impl<L: Link> Host<SimWorld> for Side<L> {
    fn clock_us(&mut self) -> u64 {
        let now = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.clock_us = [self.clock_us[1], now];
        now
    }

    fn send(&mut self, to: PeerKey, bytes: Vec<u8>) {
        self.link.send(to, bytes);
    }

    fn connect(&mut self, to: PeerKey, address: Vec<u8>) {
        self.link.connect(to, address);
    }

    fn disconnect(&mut self, to: PeerKey) {
        self.link.disconnect(to);
    }

    fn event(&mut self, event: Event) {
        if let Event::Signed(entries) = event {
            if let Some(recorder) = &mut self.recorder {
                recorder.signed(entries);
            }
            return;
        }
        if let Event::Desync { turn, ours_is_wrong, digests } = &event {
            self.circumstances.first_differing_turn = Some(turn.0);
            self.circumstances.ours_is_wrong = Some(*ours_is_wrong);
            self.circumstances.digests = digests.iter().map(|(p, digest)| (*p, crate::output::hex(*digest))).collect();
        }
        self.events.push(event);
    }

    fn installed(&mut self, turn: Option<Turn>, world: &mut SimWorld) {
        // What was recorded up to here is whole; what comes now does not follow from it.
        self.end_recording(None);
        let rate = u64::from(world.simulation().scenario().tick_rate_hz);
        let every = self.options.recording.keyframe_ticks.map_or(rate * KEYFRAME_S, u64::from);
        world.set_keyframes(Some(every));
        let snapshot = world.snapshot();
        let simulation = world.simulation();
        let (tick, digest) = (simulation.tick().0, simulation.digest().total);
        self.progress = Some(Progress { first_tick: tick, tick, digest });
        self.digest = Some(digest);
        self.begin_recording(turn, world, &snapshot);
        self.tail = Some(Tail::new(world.simulation().scenario(), world.simulation().tick().0, snapshot));
        self.speculation = None;
    }

    fn executed(&mut self, _frame: &Frame<SessionInput>, digest: u64, _world: &SimWorld) {
        self.is_stale = true;
        self.digest = Some(digest);
        let [before, after] = self.clock_us;
        if self.costs_us.len() == COSTS_MAX {
            self.costs_us.pop_front();
        }
        self.costs_us.push_back(u32::try_from(after - before).unwrap_or(u32::MAX));
    }

    fn rolled_back(&mut self, _to: Option<Turn>, _world: &SimWorld) {
        self.is_stale = true;
        self.digest = None;
    }

    fn confirmed(&mut self, frame: &Frame<SessionInput>, world: &mut SimWorld) {
        if let Some(speculation) = &mut self.speculation {
            speculation.settle(frame.turn);
        }
        for played in world.take_played(frame.turn) {
            if let (Some(progress), Some(last)) = (&mut self.progress, played.ticks.last()) {
                (progress.tick, progress.digest) = (last.report.tick.0, last.report.digest.total);
            }
            if self.options.shown {
                let ticks = played.ticks.iter().map(|tick| &tick.report);
                let events = ticks.flat_map(|report| report.events.iter().map(|event| (report.tick.0, *event)));
                let room = HAPPENED_MAX.saturating_sub(self.happened.len());
                self.happened.extend(events.take(room));
            }
            if let Some(tail) = &mut self.tail {
                tail.push(&played);
            }
            if let Some(recorder) = &mut self.recorder {
                recorder.push(played);
            }
        }
    }

    fn compared(&mut self, comparison: Comparison, world: &SimWorld) {
        let Some(mut tail) = self.tail.clone() else { return };
        world.played().take_while(|played| played.turn <= comparison.turn).for_each(|played| tail.push(played));
        self.compared.push((comparison, tail));
    }

    fn unavailable(&mut self, turn: Turn) {
        tracing::warn!(%turn, "another peer asks for a state that is not kept any more");
    }

    fn unsteady(&mut self, turn: Turn, first: u64, again: u64) {
        tracing::error!(%turn, first, again, "executing a turn again gave another digest: this machine is not steady");
        self.circumstances.unsteady_turns.push(turn.0);
    }
}
