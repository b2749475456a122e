//! The simulation as others use it: build, step, save, restore, look inside.

use std::sync::Arc;

use crate::bodies::BodyState;
use crate::command::Command;
use crate::component::Kind;
use crate::digest::Digest;
use crate::input::{InputFrame, PlayerId, Role};
use crate::refusal::{Objection, Refusal};
use crate::report::TickReport;
use crate::scenario::Scenario;
use crate::snapshot::{self, SnapshotError};
use crate::state::State;
use crate::step::{System, Workshop, step};
use crate::systems::gravity::Lanes;
use crate::time::{SimTime, Tick, TimeFactor};
use crate::waves::Phasor;

/// A world that steps. The same scenario and the same inputs give the same digest at every tick, on any
/// number of threads of the rayon pool it is stepped in.
pub struct Simulation {
    scenario: Arc<Scenario>,
    pub(crate) state: State,
    workshop: Workshop,
}

impl Simulation {
    /// The world of a scenario at tick 0. A checked scenario always gives one.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        Self::from_state(Arc::new(scenario.clone()), crate::setup::initial_state(scenario))
    }

    fn from_state(scenario: Arc<Scenario>, state: State) -> Self {
        Self { scenario, state, workshop: Workshop::default() }
    }

    /// Another state of the same scenario, stepped in the same way.
    pub(crate) fn with_state(&self, state: State) -> Self {
        Self { scenario: Arc::clone(&self.scenario), state, workshop: self.workshop.with_fresh_scratch() }
    }

    /// Chooses the instructions for the wide systems. The results are the same.
    #[must_use]
    pub fn with_lanes(mut self, lanes: Lanes) -> Self {
        self.workshop.lanes = lanes;
        if lanes == Lanes::Baseline {
            self.state.bodies = self.state.bodies.clone().scalar();
        }
        self
    }

    /// Makes one system fail once, for tests of the tools that have to find it.
    #[cfg(feature = "fault-injection")]
    pub fn inject_fault(&mut self, fault: crate::fault::Fault) {
        self.workshop.fault = Some(fault);
    }

    /// Advances by one tick. Any input frame can be given: what is not allowed is refused and reported.
    pub fn step(&mut self, input: &InputFrame) -> TickReport {
        let mut report = TickReport::default();
        self.step_into(input, &mut report);
        report
    }

    /// As [`Self::step`], into a report that is cleared and reused: a warm tick then allocates nothing.
    pub fn step_into(&mut self, input: &InputFrame, report: &mut TickReport) {
        self.run(input, None, report);
    }

    /// As [`Self::step`], and tells the digest after each system. For finding where two runs part.
    pub fn step_traced(&mut self, input: &InputFrame, mut after: impl FnMut(System, Digest)) -> TickReport {
        let mut report = TickReport::default();
        self.run(input, Some(&mut after), &mut report);
        report
    }

    fn run(&mut self, input: &InputFrame, trace: crate::step::Trace<'_>, report: &mut TickReport) {
        step(&self.scenario, &mut self.state, &mut self.workshop, input, trace, report);
    }

    /// The scenario this world was built from.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    pub(crate) fn shared_scenario(&self) -> Arc<Scenario> {
        Arc::clone(&self.scenario)
    }

    /// Whether this world was built from that scenario.
    pub(crate) fn is_of(&self, scenario: &Arc<Scenario>) -> bool {
        Arc::ptr_eq(&self.scenario, scenario) || self.scenario.text == scenario.text
    }

    /// Steps taken so far.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.state.time.tick
    }

    /// Simulated time since the scenario's epoch.
    #[must_use]
    pub fn time(&self) -> SimTime {
        self.state.time.now
    }

    /// Simulated time per tick at present.
    #[must_use]
    pub fn time_factor(&self) -> TimeFactor {
        self.state.time.factor
    }

    /// Digest of the present state: the one in the last step's report.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.state.digest()
    }

    /// The exact state, as bytes. See [`crate::snapshot`].
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.snapshot_into(&mut bytes);
        bytes
    }

    /// As [`Self::snapshot`], into a buffer that is cleared and reused.
    pub fn snapshot_into(&self, bytes: &mut Vec<u8>) {
        snapshot::save(&self.scenario, &self.state, bytes);
    }

    /// The world that was saved, exactly.
    ///
    /// # Errors
    /// Where the bytes are damaged, cut, of another schema or version, or of another scenario.
    pub fn restore(scenario: &Scenario, bytes: &[u8]) -> Result<Self, SnapshotError> {
        let scenario = Arc::new(scenario.clone());
        let mut simulation = Self::from_state(Arc::clone(&scenario), State::new(&scenario));
        simulation.load(bytes)?;
        Ok(simulation)
    }

    /// Puts this world into the state that was saved. On an error nothing has changed.
    ///
    /// # Errors
    /// As [`Self::restore`].
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        snapshot::load(&self.scenario, &mut self.state, bytes)
    }

    /// How many entities there are.
    #[must_use]
    pub fn entity_count(&self) -> usize {
        self.state.world.len()
    }

    /// Stable ids, ascending.
    #[must_use]
    pub fn entity_ids(&self) -> Vec<u64> {
        self.state.world.ids().collect()
    }

    /// What kind of entity this is, if there is one.
    #[must_use]
    pub fn kind(&self, id: u64) -> Option<Kind> {
        self.state.world.kind(id)
    }

    /// Ships of a player, ascending.
    #[must_use]
    pub fn ships_of(&self, player: PlayerId) -> Vec<u64> {
        self.state.ships_of(player)
    }

    /// Members and their roles, by player.
    pub fn members(&self) -> impl Iterator<Item = (PlayerId, Role)> + '_ {
        self.state.members.iter().map(|(player, role)| (*player, *role))
    }

    /// All that is wrong with a command that a player with this role would enter now, without entering it: by the rules
    /// that a step goes by. That the player is a member is not asked. Commands before it in the same tick, or time that
    /// passes until then, may still change what becomes of it.
    ///
    /// # Errors
    /// What is wrong, at least one thing; the first reason is the one for which a step would refuse it.
    pub fn check(&self, player: PlayerId, role: Role, command: &Command) -> Result<(), Vec<Objection>> {
        crate::systems::commands::check(&self.state, player, role, command)
    }

    /// The resonance wave of an entity, if there is one with this id.
    #[must_use]
    pub fn wave(&self, id: u64) -> Option<Phasor> {
        self.state.world.entity(id).map(|_| self.state.waves.get(id))
    }

    /// The ship classes with the numbers that are in force now, in the scenario's order.
    #[must_use]
    pub fn classes(&self) -> &[crate::scenario::ShipClass] {
        &self.state.tuning.classes
    }

    /// Every tuning number by its path, in the order of the tables: `class.NAME.PARAMETER`, then `rules.PARAMETER`.
    #[must_use]
    pub fn tuning(&self) -> Vec<(String, f64)> {
        self.state.tuning.by_path()
    }

    /// How many commands were refused so far for this reason.
    #[must_use]
    pub fn refused(&self, reason: Refusal) -> u64 {
        self.state.refused[reason as usize]
    }

    /// The bodies now, in the scenario's order.
    #[must_use]
    pub fn bodies(&self) -> &[BodyState] {
        &self.state.body_states
    }
}

impl Clone for Simulation {
    fn clone(&self) -> Self {
        let mut state = State::new(&self.scenario);
        let mut copy = crate::rollback::SavedState::default();
        copy.save(&self.state);
        copy.restore(&mut state);
        self.with_state(state)
    }
}
