//! The world port of `netcode` for a simulation: turns become ticks, and what was executed is kept as frames of the log
//! until it is confirmed. Must never change the state but by [`Simulation::step`] and by loading a snapshot.

use std::collections::VecDeque;

use netcode::Frame;
use netcode::protocol::{Change, Player, Turn};
use netcode::world::{Difference, World};
use serde::{Deserialize, Serialize};
use sim::input::SentCommand;
use sim::{InputFrame, Membership, PlayerId, Role, RollbackRing, Scenario, Simulation, Tick, TickReport};

use super::input::{SessionInput, TURN_TICKS_MAX};
use super::near::{Near, frames_of};
use super::ships::{self, STEWARD};

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
const MAGIC: [u8; 4] = *b"STS2";
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
}

/// One executed turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// Which.
    pub turn: Turn,
    /// Its ticks, one after the other.
    pub ticks: Vec<PlayedTick>,
    /// The state behind the last one, if a keyframe is due there.
    pub keyframe: Option<Vec<u8>>,
}

impl Played {
    /// What the log has of it: frames, each with the digest after it.
    #[must_use]
    pub fn entries(&self) -> Vec<(InputFrame, u64)> {
        self.ticks.iter().map(|tick| (tick.frame.clone(), tick.report.digest.total)).collect()
    }
}

/// A simulation that is driven by a session.
pub struct SimWorld {
    simulation: Simulation,
    ticks_per_turn: u32,
    ring: RollbackRing,
    /// Turns whose state is in the ring, and the tick it is at.
    kept: VecDeque<(Option<Turn>, Tick)>,
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
        // The ring sorts by tick; of its slots only those are filled that turns with a kept state fall into.
        let ring = RollbackRing::new(kept_max * stride * ticks_per_turn as usize);
        Self {
            simulation,
            ticks_per_turn,
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

    /// Ticks in each turn.
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
        Near::of(&self.simulation, player, self.ticks_per_turn)
    }

    /// Bytes of the states that are kept.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.ring.bytes()
    }

    /// The log's entries for one turn: membership and the ships of those who join in its first tick, each command in
    /// the tick that it was entered for.
    fn frames(&self, frame: &Frame<SessionInput>) -> Vec<InputFrame> {
        let own = frame.inputs.iter().filter(|(player, _)| player.0 != STEWARD.0).map(|(p, input)| (*p, input));
        let mut frames = frames_of(own, self.ticks_per_turn);
        let begins = frame.turn == Turn(0) && !self.founders.is_empty();
        let host = frame.inputs.iter().find(|(player, _)| *player == HOST).map(|(_, input)| input);
        host.into_iter().for_each(|input| self.command(input, &mut frames));
        if let Some(first) = frames.first_mut().filter(|_| begins || !frame.changes.is_empty()) {
            if begins {
                first.membership.extend(self.founding());
            }
            first.membership.extend(frame.changes.iter().filter(|change| player_of(change) != HOST).map(membership));
            ships::provide(&self.simulation, first);
        }
        for frame in &mut frames {
            let removed = frame.make_lawful();
            debug_assert_eq!(removed, 0, "the limits of inputs and members leave nothing to take out");
        }
        frames
    }

    /// What a host without a ship commands, in the steward's name.
    fn command(&self, input: &SessionInput, frames: &mut [InputFrame]) {
        if input.is_empty() || !self.founders.contains(&(HOST.0, number_of(Role::Operator))) {
            return;
        }
        if let Some(first) = frames.first_mut() {
            ships::seat_steward(&self.simulation, first);
        }
        let last = frames.len().saturating_sub(1);
        for (tick, bytes) in input.commands() {
            if let Some(frame) = frames.get_mut((tick as usize).min(last)) {
                frame.commands.push(SentCommand { player: STEWARD, bytes: bytes.to_vec() });
            }
        }
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
        let ticks: Vec<PlayedTick> = self
            .frames(frame)
            .into_iter()
            .map(|frame| PlayedTick { report: self.simulation.step(&frame), frame })
            .collect();
        let digest = ticks.last().map_or(0, |tick| tick.report.digest.total);
        if self.taken < Some(frame.turn) {
            let keyframe = self.keyframe_is_due(from).then(|| self.simulation.snapshot());
            self.played.push_back(Played { turn: frame.turn, ticks, keyframe });
        }
        digest
    }

    fn keep(&mut self, turn: Option<Turn>) {
        let is_first = self.kept.is_empty();
        if is_first || turn.is_none_or(|turn| turn.0.is_multiple_of(self.stride)) {
            self.ring.save(&self.simulation);
            self.kept.retain(|(kept, _)| *kept != turn);
            self.kept.push_back((turn, self.simulation.tick()));
            if self.kept.len() > self.kept_max {
                self.kept.pop_front();
            }
        }
    }

    fn roll_back(&mut self, turn: Option<Turn>) -> bool {
        let Some(&(_, tick)) = self.kept.iter().find(|(kept, _)| *kept == turn) else { return false };
        if !self.ring.restore(&mut self.simulation, tick) {
            return false;
        }
        self.kept.retain(|(kept, _)| *kept <= turn);
        self.played.retain(|played| Some(played.turn) <= turn);
        true
    }

    fn snapshot(&self) -> Vec<u8> {
        self.simulation.snapshot()
    }

    fn snapshot_at(&self, turn: Option<Turn>) -> Option<Vec<u8>> {
        let &(_, tick) = self.kept.iter().find(|(kept, _)| *kept == turn)?;
        if tick == self.simulation.tick() {
            return Some(self.simulation.snapshot());
        }
        self.ring.snapshot(&self.simulation, tick)
    }

    fn install(&mut self, scenario: &[u8], snapshot: &[u8]) -> Result<(), String> {
        let SessionScenario { ticks_per_turn, founders, text, .. } = SessionScenario::decode(scenario)?;
        // Parsing lays out the bodies, which takes longer than loading a state.
        let simulation = if *text == self.simulation.scenario().text {
            load(self.simulation.scenario(), snapshot)?
        } else {
            load(&Scenario::parse(&text).map_err(|e| format!("the session's scenario: {e}"))?, snapshot)?
        };
        *self = Self { keyframe_ticks: self.keyframe_ticks, founders, ..Self::of(simulation, ticks_per_turn) };
        Ok(())
    }

    fn first_difference(&self, other: &[u8]) -> Result<Option<Difference>, String> {
        let other = load(self.simulation.scenario(), other)?;
        Ok(difference(&self.simulation, &other))
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
