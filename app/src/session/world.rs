//! The world port of `netcode` for a simulation: turns become ticks, and what was executed is kept as frames of the log
//! until it is confirmed. A turn has as many ticks as the session's rules say, or fewer while the world is held by an order:
//! then the log's turns go on and the ticks do not. Must never change the state but by [`Simulation::step`] and by loading a
//! snapshot.

use std::collections::VecDeque;
use std::sync::Arc;

use netcode::Frame;
use netcode::protocol::{Change, Departure, Player, Turn};
use netcode::world::{Difference, World};
use serde::{Deserialize, Serialize};
use sim::input::SentCommand;
use sim::{InputFrame, Membership, PlayerId, Role, RollbackRing, Scenario, Simulation, Tick, TickReport};

use super::control::Control;
use super::input::{SessionInput, TURN_TICKS_MAX};
use super::near::Near;
use super::order::{Disobeyed, Order};
use super::ships::{self, STEWARD};
use super::waiting::{Batch, Due};

/// For how long states are kept, s of ticks: what may be executed and not confirmed.
const KEPT_S: f64 = 1.5;
/// Most memory for kept states, bytes. A larger world keeps every second state, or fewer: rolling back to one between
/// them executes again from the one before.
const KEPT_BYTES_MAX: usize = 256 << 20;
/// Bytes of a ship's components, the largest there are.
const ENTITY_BYTES: usize = 224;
/// The number of a founder that is no player: a service. The simulation never hears of it, so it has no ship; what it
/// commands, it commands as the steward. Sessions give out numbers from 1 on.
pub const HOST: Player = Player(0);
/// Tells the bytes of a session's scenario from others.
const MAGIC: [u8; 4] = *b"STS3";
/// A world with nothing in it, until one is installed.
const EMPTY: &str = "name = \"empty\"\n";

/// What a session says about its world to those who come: the `scenario` of its genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionScenario {
    magic: [u8; 4],
    /// Ticks that share one exchange of inputs, as the session's rules have it.
    pub ticks_per_turn: u32,
    /// Who is a member from turn 0 on, and the session's number for the role: what no entry of the log says.
    pub founders: Vec<(u32, u8)>,
    /// The scenario's text.
    pub text: String,
}

impl SessionScenario {
    /// Of a scenario, with this many ticks per turn. Nobody is a member from the start.
    #[must_use]
    pub fn new(text: &str, ticks_per_turn: u32) -> Self {
        Self { magic: MAGIC, ticks_per_turn, founders: Vec::new(), text: text.to_owned() }
    }

    /// The bytes that travel.
    ///
    /// # Panics
    /// Never: every field has a postcard form and the output grows as needed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("numbers and text always encode")
    }

    /// Reads what a session sent.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let scenario: Self = match postcard::take_from_bytes(bytes) {
            Ok((scenario, [])) => scenario,
            _ => return Err("the session's scenario is malformed".to_owned()),
        };
        if scenario.magic != MAGIC {
            return Err("the session's scenario is of another version".to_owned());
        }
        if !(1..=TURN_TICKS_MAX).contains(&scenario.ticks_per_turn) {
            return Err(format!("a turn of {} ticks is not possible", scenario.ticks_per_turn));
        }
        Ok(scenario)
    }
}

/// One executed tick.
#[derive(Clone, Debug, PartialEq)]
pub struct PlayedTick {
    /// What went in: the entry of the log.
    pub frame: InputFrame,
    /// What came out.
    pub report: TickReport,
    /// What of it the host without a ship has entered: the first commands of the steward. For which turn, and how many.
    pub of_host: Vec<(Turn, usize)>,
}

/// An order that was given, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Who gave it.
    pub player: Player,
    /// Which.
    pub order: Order,
    /// Before which tick: the one that the world was at.
    pub tick: Tick,
    /// Why it was not obeyed, if it was not.
    pub result: Result<(), Disobeyed>,
}

/// One executed turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// Which.
    pub turn: Turn,
    /// Its ticks, one after the other: fewer than a turn has, or none, where the world was held.
    pub ticks: Vec<PlayedTick>,
    /// The state behind the last one, if a keyframe is due there.
    pub keyframe: Option<Vec<u8>>,
    /// Orders that were given in it.
    pub orders: Vec<Given>,
    /// The control after it.
    pub control: Arc<Control>,
    /// The tick after it.
    pub tick: Tick,
    /// What the host without a ship has entered for it; nothing if that is nothing.
    pub of_host: Option<SessionInput>,
    /// Whether the commands of it that are in no tick wait for one. If not, and there are any, they were left out.
    pub waits: bool,
    /// Whether it has all the ticks of a turn, each with what was entered for it and nothing else.
    pub is_regular: bool,
}

impl Played {
    /// What the log has of it: frames, each with the digest after it.
    #[must_use]
    pub fn entries(&self) -> Vec<(InputFrame, u64)> {
        self.ticks.iter().map(|tick| (tick.frame.clone(), tick.report.digest.total)).collect()
    }
}

/// What is kept of a turn. Several of them may be at one tick.
struct Kept {
    turn: Option<Turn>,
    /// Where the ring has the simulation.
    tick: Tick,
    control: Arc<Control>,
    digest: u64,
}

/// A simulation that is driven by a session.
pub struct SimWorld {
    simulation: Simulation,
    ticks_per_turn: u32,
    /// Whether the world goes on.
    control: Arc<Control>,
    /// Digest of the simulation.
    digest: u64,
    ring: RollbackRing,
    /// Turns whose state is in the ring, in order.
    kept: VecDeque<Kept>,
    kept_max: usize,
    /// Every how many turns a state is kept.
    stride: u64,
    /// Executed turns that nobody took yet, in order.
    played: VecDeque<Played>,
    /// Last turn that was taken: executing it again is not told again.
    taken: Option<Turn>,
    keyframe_ticks: Option<u64>,
    founders: Vec<(u32, u8)>,
}

impl SimWorld {
    /// An empty world, waiting for a session's.
    ///
    /// # Panics
    /// Never: the empty scenario is one, as every test here shows.
    #[must_use]
    pub fn empty() -> Self {
        let scenario = Scenario::parse(EMPTY).expect("the empty scenario is one");
        Self::of(Simulation::new(&scenario), 1)
    }

    fn of(simulation: Simulation, ticks_per_turn: u32) -> Self {
        let rate = f64::from(simulation.scenario().tick_rate_hz);
        let turns = (KEPT_S * rate / f64::from(ticks_per_turn)).ceil() as usize + 1;
        let state_bytes = simulation.entity_count() * ENTITY_BYTES + 16_384;
        let stride = (turns * state_bytes).div_ceil(KEPT_BYTES_MAX);
        let kept_max = turns.div_ceil(stride) + 1;
        // One more than is kept: the oldest goes after the newest has come.
        let ring = RollbackRing::new(kept_max + 1);
        Self {
            digest: simulation.digest().total,
            simulation,
            ticks_per_turn,
            control: Arc::default(),
            ring,
            kept: VecDeque::new(),
            kept_max,
            stride: stride as u64,
            played: VecDeque::new(),
            taken: None,
            keyframe_ticks: None,
            founders: Vec::new(),
        }
    }

    /// The simulation, to look at.
    #[must_use]
    pub fn simulation(&self) -> &Simulation {
        &self.simulation
    }

    /// Makes a system of the simulation fail once.
    #[cfg(test)]
    pub(super) fn inject_fault(&mut self, fault: sim::fault::Fault) {
        self.simulation.inject_fault(fault);
    }

    /// Digest of it, known without looking at all of it.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Whether it goes on.
    #[must_use]
    pub fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Most ticks in each turn: while the world is held there are fewer.
    #[must_use]
    pub fn ticks_per_turn(&self) -> u32 {
        self.ticks_per_turn
    }

    /// Takes a snapshot of the state behind the first turn that ends at or beyond each multiple of so many ticks, as
    /// [`Played::keyframe`]. The same ticks on every peer, whenever it came.
    pub fn set_keyframes(&mut self, every_ticks: Option<u64>) {
        self.keyframe_ticks = every_ticks.filter(|&ticks| ticks > 0);
    }

    /// The executed turns up to `turn` that were not taken yet. They must be confirmed: they cannot be had again.
    pub fn take_played(&mut self, turn: Turn) -> impl Iterator<Item = Played> + '_ {
        let count = self.played.iter().take_while(|played| played.turn <= turn).count();
        self.taken = self.taken.max(count.checked_sub(1).map(|last| self.played[last].turn));
        self.played.drain(..count)
    }

    /// The turns that were executed and not taken, oldest first.
    pub fn played(&self) -> impl Iterator<Item = &Played> {
        self.played.iter()
    }

    /// A copy of the surroundings of a player's ships, to run ahead with.
    #[must_use]
    pub fn near(&self, player: Player) -> Near {
        let left = self.control.ticks_left(self.simulation.tick().0);
        Near::of(&self.simulation, player, self.ticks_per_turn, left)
    }

    /// The state of the simulation after a turn, where it is kept: what ledgers have, and nothing of the session's.
    #[must_use]
    pub fn state_at(&self, turn: Option<Turn>) -> Option<Vec<u8>> {
        self.kept_at(turn).and_then(|kept| self.simulation_at(kept.tick))
    }

    fn kept_at(&self, turn: Option<Turn>) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.turn == turn)
    }

    fn simulation_at(&self, tick: Tick) -> Option<Vec<u8>> {
        if tick == self.simulation.tick() {
            return Some(self.simulation.snapshot());
        }
        self.ring.snapshot(&self.simulation, tick)
    }

    /// Bytes of the states that are kept.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.ring.bytes()
    }

    /// What was entered for each tick of a turn: membership in its first one, each command in the tick that it is for.
    fn dues(&self, frame: &Frame<SessionInput>) -> Vec<Due> {
        let mut dues = vec![Due::default(); self.ticks_per_turn as usize];
        for (player, input) in frame.inputs.iter().filter(|(player, _)| player.0 != STEWARD.0) {
            let player = if *player == HOST { STEWARD } else { PlayerId(player.0) };
            if player == STEWARD && !self.has_host() {
                continue;
            }
            let mut commands = input.commands().peekable();
            for (place, due) in dues.iter_mut().enumerate() {
                let is_last = place + 1 == self.ticks_per_turn as usize;
                let mut of_tick = Vec::new();
                while let Some((_, bytes)) = commands.next_if(|(tick, _)| is_last || *tick as usize <= place) {
                    of_tick.push(bytes.to_vec());
                }
                if !of_tick.is_empty() {
                    due.push(Batch { player, turn: frame.turn, commands: of_tick });
                }
            }
        }
        if let Some(first) = dues.first_mut() {
            if frame.turn == Turn(0) && !self.founders.is_empty() {
                first.membership.extend(self.founding());
            }
            first.membership.extend(frame.changes.iter().filter(|change| player_of(change) != HOST).map(membership));
        }
        dues
    }

    /// Whether the session has a host without a ship, which commands in the steward's name.
    fn has_host(&self) -> bool {
        self.founders.contains(&(HOST.0, number_of(Role::Operator)))
    }

    /// One tick with what is due in it, and with the ships of those who join.
    fn step(&mut self, due: Due) -> PlayedTick {
        let mut frame = InputFrame::default();
        let of_steward = due.batches.iter().filter(|batch| batch.player == STEWARD);
        let of_host: Vec<_> = of_steward.map(|batch| (batch.turn, batch.commands.len())).collect();
        if !of_host.is_empty() {
            ships::seat_steward(&self.simulation, &mut frame);
        }
        frame.membership.extend(due.membership);
        for Batch { player, commands, .. } in due.batches {
            frame.commands.extend(commands.into_iter().map(|bytes| SentCommand { player, bytes }));
        }
        ships::provide(&self.simulation, &mut frame);
        let removed = frame.make_lawful();
        debug_assert_eq!(removed, 0, "the limits of inputs and members leave nothing to take out");
        let report = self.simulation.step(&frame);
        self.digest = report.digest.total;
        PlayedTick { report, frame, of_host }
    }

    /// The control, to change it.
    fn control_mut(&mut self) -> &mut Control {
        Arc::make_mut(&mut self.control)
    }

    /// Obeys the orders of a turn whose changes of the membership are these.
    fn obey(&mut self, frame: &Frame<SessionInput>, changes: &[Membership]) -> Vec<Given> {
        if self.control.is_watching() && self.is_abandoned(frame, changes) {
            self.control_mut().release();
        }
        let tick = self.simulation.tick();
        let mut given = Vec::new();
        for (player, order) in frame.inputs.iter().flat_map(|(player, input)| input.orders().map(|o| (*player, o))) {
            let result = if self.may_order(player, changes) {
                self.control_mut().obey(player, order, tick.0)
            } else {
                Err(Disobeyed::NotAllowed)
            };
            given.push(Given { player, order: order.clone(), tick, result });
        }
        given
    }

    /// Whether the turn's changes leave nobody who could let the world go on, or are those of a session that somebody
    /// begins alone.
    fn is_abandoned(&self, frame: &Frame<SessionInput>, changes: &[Membership]) -> bool {
        let is_left = frame.changes.iter().any(|change| match change {
            Change::Leave { player, why } => *player == HOST || *why == Departure::Forked,
            Change::Join { .. } => false,
        });
        let somebody_left = frame.changes.iter().any(|change| matches!(change, Change::Leave { .. }));
        is_left || (somebody_left && !frame.inputs.iter().any(|(player, _)| self.may_order(*player, changes)))
    }

    /// Whether a member may give orders: the host, and operators, also where their role waits for the next tick.
    fn may_order(&self, player: Player, changes: &[Membership]) -> bool {
        if player == HOST {
            return self.has_host();
        }
        let entered = self.control.waiting.membership.iter().chain(changes).rev().find_map(|change| match *change {
            Membership::Join { player: of, role } => (of.0 == player.0).then_some(Some(role)),
            Membership::Leave { player: of } => (of.0 == player.0).then_some(None),
        });
        let role = entered.unwrap_or_else(|| {
            let mut members = self.simulation.members();
            members.find(|(of, _)| of.0 == player.0).map(|(_, role)| role)
        });
        player.0 != STEWARD.0 && role == Some(Role::Operator)
    }

    /// What is due in a tick that is not executed waits for the next one.
    fn wait(&mut self, due: Due) {
        let simulation = &self.simulation;
        let operator = |player: PlayerId| {
            if player == STEWARD {
                return Some(true);
            }
            let mut members = simulation.members();
            members.find(|(of, _)| *of == player).map(|(_, role)| role == Role::Operator)
        };
        Arc::make_mut(&mut self.control).waiting.keep(due, operator);
    }

    /// The first membership of a session: whoever is left over from the session that the state is of goes, and the
    /// founders come.
    fn founding(&self) -> impl Iterator<Item = Membership> {
        let stays =
            |player: PlayerId| player == STEWARD || self.founders.iter().any(|(founder, _)| *founder == player.0);
        let left = self.simulation.members().filter(move |(player, _)| !stays(*player));
        let join = |&(player, role): &(u32, u8)| Membership::Join { player: PlayerId(player), role: role_of(role) };
        let founders = self.founders.iter().filter(|(player, _)| *player != HOST.0);
        left.map(|(player, _)| Membership::Leave { player }).chain(founders.map(join))
    }

    fn keyframe_is_due(&self, from: Tick) -> bool {
        let to = self.simulation.tick();
        self.keyframe_ticks.is_some_and(|every| from.0 / every < to.0 / every)
    }
}

/// Whom a change is about.
fn player_of(change: &Change) -> Player {
    match *change {
        Change::Join { player, .. } | Change::Leave { player, .. } => player,
    }
}

/// What a change means to the simulation.
fn membership(change: &Change) -> Membership {
    match *change {
        Change::Join { player, role } => Membership::Join { player: PlayerId(player.0), role: role_of(role) },
        Change::Leave { player, .. } => Membership::Leave { player: PlayerId(player.0) },
    }
}

/// The simulation's name for a session's number. What no number stands for may only watch.
#[must_use]
pub fn role_of(number: u8) -> Role {
    match number {
        1 => Role::Pilot,
        2 => Role::Operator,
        _ => Role::Spectator,
    }
}

/// The session's number for a role.
#[must_use]
pub fn number_of(role: Role) -> u8 {
    match role {
        Role::Spectator => 0,
        Role::Pilot => 1,
        Role::Operator => 2,
    }
}

impl World for SimWorld {
    type Input = SessionInput;

    fn execute(&mut self, frame: &Frame<SessionInput>) -> u64 {
        let from = self.simulation.tick();
        let waited = !self.control.waiting.is_empty();
        let dues = self.dues(frame);
        let orders = self.obey(frame, dues.first().map_or(&[], |first| &first.membership));
        let mut ticks = Vec::with_capacity(dues.len());
        for due in dues {
            if self.control.goes_on() {
                let due = if self.control.waiting.is_empty() { due } else { self.control_mut().waiting.next(due) };
                ticks.push(self.step(due));
                if self.control.is_watching() {
                    Arc::make_mut(&mut self.control).stepped(&self.simulation);
                }
            } else if !due.is_empty() {
                self.wait(due);
            }
        }
        if self.taken < Some(frame.turn) {
            let keyframe = self.keyframe_is_due(from).then(|| self.simulation.snapshot());
            let of_host = frame.inputs.iter().find(|(player, input)| *player == HOST && !input.is_empty());
            let is_full = ticks.len() == self.ticks_per_turn as usize;
            self.played.push_back(Played {
                turn: frame.turn,
                ticks,
                keyframe,
                orders,
                control: Arc::clone(&self.control),
                tick: self.simulation.tick(),
                of_host: of_host.map(|(_, input)| input.clone()),
                waits: self.control.waiting.has(STEWARD, frame.turn),
                is_regular: is_full && !waited && self.control.waiting.is_empty(),
            });
        }
        self.control.mixed(self.digest)
    }

    fn keep(&mut self, turn: Option<Turn>) {
        let is_first = self.kept.is_empty();
        if is_first || turn.is_none_or(|turn| turn.0.is_multiple_of(self.stride)) {
            let tick = self.simulation.tick();
            self.kept.retain(|kept| kept.turn != turn);
            // A world that stands still is kept already.
            if self.kept.back().is_none_or(|kept| kept.tick != tick) {
                self.ring.save(&self.simulation);
            }
            self.kept.push_back(Kept { turn, tick, control: Arc::clone(&self.control), digest: self.digest });
            if self.kept.len() > self.kept_max {
                self.kept.pop_front();
            }
        }
    }

    fn roll_back(&mut self, turn: Option<Turn>) -> bool {
        let Some(kept) = self.kept.iter().find(|kept| kept.turn == turn) else { return false };
        if !self.ring.restore(&mut self.simulation, kept.tick) {
            return false;
        }
        (self.control, self.digest) = (Arc::clone(&kept.control), kept.digest);
        self.kept.retain(|kept| kept.turn <= turn);
        self.played.retain(|played| Some(played.turn) <= turn);
        true
    }

    fn snapshot(&self) -> Vec<u8> {
        self.control.wrap(self.simulation.snapshot())
    }

    fn snapshot_at(&self, turn: Option<Turn>) -> Option<Vec<u8>> {
        let kept = self.kept_at(turn)?;
        self.simulation_at(kept.tick).map(|snapshot| kept.control.wrap(snapshot))
    }

    fn install(&mut self, scenario: &[u8], snapshot: &[u8]) -> Result<(), String> {
        let SessionScenario { ticks_per_turn, founders, text, .. } = SessionScenario::decode(scenario)?;
        let (control, snapshot) = Control::unwrap(snapshot)?;
        // Parsing lays out the bodies, which takes longer than loading a state.
        let simulation = if *text == self.simulation.scenario().text {
            load(self.simulation.scenario(), snapshot)?
        } else {
            load(&Scenario::parse(&text).map_err(|e| format!("the session's scenario: {e}"))?, snapshot)?
        };
        let (control, keyframe_ticks) = (Arc::new(control), self.keyframe_ticks);
        *self = Self { keyframe_ticks, founders, control, ..Self::of(simulation, ticks_per_turn) };
        Ok(())
    }

    fn first_difference(&self, other: &[u8]) -> Result<Option<Difference>, String> {
        let (control, other) = Control::unwrap(other)?;
        let other = load(self.simulation.scenario(), other)?;
        let differs = || Difference {
            component: "Control".to_owned(),
            entity: None,
            field: "state".to_owned(),
            ours: self.control.describe(),
            theirs: control.describe(),
        };
        Ok(difference(&self.simulation, &other).or_else(|| (control != *self.control).then(differs)))
    }
}

/// The world of a scenario, in its first state where the snapshot is empty.
fn load(scenario: &Scenario, snapshot: &[u8]) -> Result<Simulation, String> {
    if snapshot.is_empty() {
        return Ok(Simulation::new(scenario));
    }
    Simulation::restore(scenario, snapshot).map_err(|e| format!("the state that was sent: {e}"))
}

/// The first difference between two states, in the session's words.
#[must_use]
pub fn difference(ours: &Simulation, theirs: &Simulation) -> Option<Difference> {
    ours.first_difference(theirs).map(|d| Difference {
        component: d.component.to_owned(),
        entity: d.entity,
        field: d.field,
        ours: d.a,
        theirs: d.b,
    })
}
