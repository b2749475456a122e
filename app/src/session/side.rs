//! What goes on around a session's replica: datagrams leave, what is confirmed is recorded and told, states that differ
//! are written down, presentation runs ahead. Must never change the world.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Instant;

use netcode::protocol::{Event, Frame, PeerKey, Player, Turn};
use netcode::replica::{Comparison, Host, Replica};
use netcode::speculation::Speculation;
use netcode::world::World as _;
use sim::Simulation;
use sim::recording::Fork;

use super::desync::{self, Circumstances, Tail};
use super::driver::{Ending, Link, Options, Progress};
use super::input::SessionInput;
use super::near::Near;
use super::recorder::SessionRecorder;
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

/// The own ship's surroundings, ahead of what was executed.
#[derive(Clone, Copy)]
pub struct Foreseen<'a> {
    /// As of the turn that is open for inputs.
    pub simulation: &'a Simulation,
    /// Ids of what was copied from the executed world, ascending: of these, what `simulation` has no more is foreseen to end.
    pub copied: &'a [u64],
}

/// Everything around the replica.
pub(super) struct Side<L: Link> {
    pub(super) link: L,
    started: Instant,
    options: Options,
    pub(super) recorder: Option<SessionRecorder>,
    /// Recordings that ended because the world was replaced.
    pub(super) recorded: Vec<PathBuf>,
    recording_failure: Option<String>,
    parts: u32,
    tail: Option<Tail>,
    circumstances: Circumstances,
    compared: Vec<(Comparison, Tail)>,
    bundles: Vec<JoinHandle<Result<PathBuf, Failure>>>,
    bundles_begun: u32,
    pub(super) player: Option<Player>,
    pub(super) speculation: Option<Speculation<Near>>,
    /// What `speculation` is a copy of, by id.
    copied: Vec<u64>,
    /// The world went on, or back, since `speculation` was told.
    is_stale: bool,
    pub(super) events: Vec<Event>,
    /// The last two readings of the clock: the replica takes one before and one after each turn.
    clock_us: [u64; 2],
    pub(super) costs_us: VecDeque<u32>,
    pub(super) progress: Option<Progress>,
    /// A world was installed, and was not lost since.
    pub(super) has_world: bool,
    /// After the last executed turn.
    pub(super) digest: Option<u64>,
    /// What happened in confirmed ticks and nobody took yet.
    pub(super) happened: Vec<(u64, sim::Event)>,
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
            copied: Vec::new(),
            is_stale: false,
            events: Vec::new(),
            clock_us: [0; 2],
            costs_us: VecDeque::new(),
            progress: None,
            has_world: false,
            digest: None,
            happened: Vec::new(),
        }
    }

    pub(super) fn ahead(&mut self, replica: &Replica<SimWorld>, to: Turn) -> Option<Foreseen<'_>> {
        let player = self.player.filter(|_| self.options.shown)?;
        let executed = replica.executed();
        match &mut self.speculation {
            Some(speculation) if !self.is_stale => {
                debug_assert_eq!(speculation.executed(), executed, "every change of the world makes it stale");
            }
            Some(speculation) => {
                let near = replica.world().near(player);
                self.copied = near.simulation().entity_ids();
                speculation.rebase(near, executed);
            }
            None => {
                let near = replica.world().near(player);
                self.copied = near.simulation().entity_ids();
                self.speculation = Some(Speculation::new(player, AHEAD_TURNS_MAX, near, executed));
            }
        }
        self.is_stale = false;
        let simulation = self.speculation.as_mut()?.ahead(to).simulation();
        Some(Foreseen { simulation, copied: &self.copied })
    }

    /// The replica is empty until a state is installed.
    pub(super) fn lose_world(&mut self) {
        (self.speculation, self.has_world) = (None, false);
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
    pub(super) fn fork_recording(&mut self, turn: Option<Turn>, world: &SimWorld) {
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

    pub(super) fn end_recording(&mut self, replica: Option<&Replica<SimWorld>>) {
        let Some(mut recorder) = self.recorder.take() else { return };
        if let Some(snapshot) = replica.and_then(|replica| replica.world().snapshot_at(replica.confirmed())) {
            recorder.keyframe(snapshot);
        }
        if let Err(failure) = recorder.finish() {
            self.note_failure(&failure.to_string());
        }
    }

    /// Why there is no recording any more, or none of all, although there should be one.
    pub(super) fn failure(&self) -> Option<String> {
        let stopped = || self.recorder.as_ref().and_then(|recorder| recorder.status().stopped);
        self.recording_failure.clone().or_else(stopped)
    }

    fn note_failure(&mut self, sentence: &str) {
        tracing::error!("{sentence}");
        let earlier = self.recording_failure.take().map_or(String::new(), |earlier| format!("{earlier}; "));
        self.recording_failure = Some(earlier + sentence);
    }

    pub(super) fn write_bundles(&mut self) {
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
        self.has_world = true;
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
