//! What goes on around a session's replica: datagrams leave, what is confirmed is recorded and told, states that differ
//! are written down, presentation runs ahead. Must never change the world.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use netcode::protocol::{Event, Frame, PeerKey, Player, Turn};
use netcode::replica::{Comparison, Host, Replica};
use netcode::speculation::Speculation;
use sim::Simulation;

use super::control::Control;
use super::desync::{self, Circumstances, Tail};
use super::driver::{Ending, Link, Options, Progress};
use super::file_ledger::FileLedger;
use super::input::SessionInput;
use super::ledger::Ledger;
use super::near::Near;
use super::world::SimWorld;
use crate::exit::Failure;

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
    /// The recording.
    pub(super) file: FileLedger,
    /// Where else the log goes.
    pub(super) ledgers: Vec<Box<dyn Ledger>>,
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
    /// The same of the thread's processor time.
    cpu_us: [u64; 2],
    pub(super) costs_us: VecDeque<Cost>,
    pub(super) progress: Option<Progress>,
    /// The tick that the world is held at, as it is confirmed, if it is held.
    pub(super) held: Option<u64>,
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
            file: FileLedger::new(options.record.clone(), options.recording.clone()),
            options,
            ledgers: Vec::new(),
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
            cpu_us: [0; 2],
            costs_us: VecDeque::new(),
            progress: None,
            held: None,
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
        (self.speculation, self.has_world, self.held) = (None, false, None);
    }

    /// All that take the log.
    pub(super) fn ledgers(&mut self) -> impl Iterator<Item = &mut dyn Ledger> {
        let other = self.ledgers.iter_mut().map(|ledger| &mut **ledger as &mut dyn Ledger);
        std::iter::once(&mut self.file as &mut dyn Ledger).chain(other)
    }

    /// The log goes on from the state that is confirmed, which the world is in, as that of another session.
    pub(super) fn fork_log(&mut self, turn: Option<Turn>, world: &SimWorld) {
        let snapshot = world.simulation().snapshot();
        self.ledgers().for_each(|ledger| ledger.forked(next(turn), world, &snapshot));
        self.begin_tail(world, snapshot);
    }

    /// Whether anything wants a whole state again and again: the recording, or the log that a desync bundle holds. Another
    /// ledger asks for them.
    fn keeps_keyframes(&self) -> bool {
        self.options.record.is_some() || self.options.bundles.is_some()
    }

    /// What a desync bundle would hold begins here.
    fn begin_tail(&mut self, world: &SimWorld, snapshot: Vec<u8>) {
        let simulation = world.simulation();
        let wants = self.options.bundles.is_some();
        self.tail = wants.then(|| Tail::new(simulation.scenario(), simulation.tick().0, snapshot));
    }

    /// The log ends here.
    pub(super) fn end_log(&mut self, replica: Option<&Replica<SimWorld>>) {
        let last = replica.and_then(|replica| {
            let (world, confirmed) = (replica.world(), replica.confirmed());
            // Not every turn's state is kept in a large world; but it may be the one that it is in.
            world
                .state_at(confirmed)
                .or_else(|| (replica.executed() == confirmed).then(|| world.simulation().snapshot()))
        });
        self.ledgers().for_each(|ledger| ledger.ended(last.clone()));
    }

    /// Hands out the confirmed state to who wants it.
    pub(super) fn give_states(&mut self, replica: &Replica<SimWorld>) {
        let Some(Progress { tick, digest, .. }) = self.progress.filter(|_| self.has_world) else { return };
        let mut snapshot = None;
        for ledger in self.ledgers().filter_map(|ledger| ledger.wants_state().then_some(ledger)) {
            snapshot = snapshot.or_else(|| replica.world().state_at(replica.confirmed()));
            // Not every turn's state is kept in a large world: one of the next ones is.
            let Some(snapshot) = &snapshot else { return };
            ledger.state(tick, digest, snapshot.clone());
        }
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
        self.end_log(None);
        self.write_bundles();
        let (recordings, failure) = self.file.finish();
        let mut ending = Ending { recordings, failures: failure.into_iter().collect(), ..Ending::default() };
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

/// What a turn has cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Time that passed, microseconds.
    pub us: u32,
    /// Processor time of the thread that steps, microseconds: without what others do for it, or take from it.
    pub cpu_us: u32,
}

/// Processor time of this thread so far.
fn thread_cpu_us() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_nsec / 1000)).unwrap_or(0)
}

/// The turn that comes behind this one.
fn next(turn: Option<Turn>) -> u64 {
    turn.map_or(0, |turn| turn.0 + 1)
}

impl<L: Link> Host<SimWorld> for Side<L> {
    fn clock_us(&mut self) -> u64 {
        let now = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.clock_us = [self.clock_us[1], now];
        self.cpu_us = [self.cpu_us[1], thread_cpu_us()];
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
            self.ledgers().for_each(|ledger| ledger.signed(&entries));
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
        self.end_log(None);
        let rate = u64::from(world.simulation().scenario().tick_rate_hz);
        let every = self.options.recording.keyframe_ticks.map_or(rate * KEYFRAME_S, u64::from);
        world.set_keyframes(self.keeps_keyframes().then_some(every));
        let (simulation, digest) = (world.simulation(), world.digest());
        let (snapshot, tick) = (simulation.snapshot(), simulation.tick().0);
        self.has_world = true;
        self.progress = Some(Progress { first_tick: tick, tick, digest });
        self.digest = Some(digest);
        self.held = world.control().held().map(|_| tick);
        self.ledgers().for_each(|ledger| ledger.installed(next(turn), world, &snapshot));
        self.begin_tail(world, snapshot);
        self.speculation = None;
    }

    fn executed(&mut self, _frame: &Frame<SessionInput>, _digest: u64, world: &SimWorld) {
        self.is_stale = true;
        self.digest = Some(world.digest());
        if world.control().held().is_some() {
            // That a world that stands still costs nothing says nothing of its ticks.
            return;
        }
        let between = |[before, after]: [u64; 2]| u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX);
        if self.costs_us.len() == COSTS_MAX {
            self.costs_us.pop_front();
        }
        self.costs_us.push_back(Cost { us: between(self.clock_us), cpu_us: between(self.cpu_us) });
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
            self.held = played.control.held().map(|_| played.tick.0);
            if self.options.shown {
                let ticks = played.ticks.iter().map(|tick| &tick.report);
                let events = ticks.flat_map(|report| report.events.iter().map(|event| (report.tick.0, *event)));
                let room = HAPPENED_MAX.saturating_sub(self.happened.len());
                self.happened.extend(events.take(room));
            }
            if let Some(tail) = &mut self.tail {
                tail.push(&played);
            }
            self.ledgers().for_each(|ledger| ledger.played(&played));
        }
    }

    fn compared(&mut self, mut comparison: Comparison, world: &SimWorld) {
        let Some(mut tail) = self.tail.clone() else { return };
        // A bundle holds states of simulations, as recordings do.
        comparison.ours = Control::plain(&comparison.ours).to_vec();
        comparison.theirs = Arc::new(Control::plain(&comparison.theirs).to_vec());
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
