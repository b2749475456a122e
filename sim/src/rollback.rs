//! A ring of recent states, saved and restored by copying columns. For sessions that step ahead of what is
//! confirmed. Must never hold less than the whole state.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bodies::Ephemeris;
use crate::columns::{Columns, RowOrder};
use crate::input::{PlayerId, Role};
use crate::refusal::Refusal;
use crate::scenario::Scenario;
use crate::simulation::Simulation;
use crate::snapshot::{self, Parts};
use crate::state::{State, Time};
use crate::time::Tick;
use crate::tuning::Tuning;
use crate::waves::Waves;

/// A copy of one state, which can be saved over without allocating.
#[derive(Default)]
pub(crate) struct SavedState {
    columns: Columns,
    rest: Option<Resources>,
}

struct Resources {
    time: Time,
    members: BTreeMap<PlayerId, Role>,
    refused: [u64; Refusal::COUNT],
    tuning: Tuning,
    last_id: u64,
    waves: Waves,
    bodies: Ephemeris,
}

impl SavedState {
    /// Copies `state` here.
    pub fn save(&mut self, state: &State) {
        self.columns.capture(&state.world, RowOrder::AsStored);
        match &mut self.rest {
            Some(rest) => {
                rest.time = state.time;
                rest.members.clone_from(&state.members);
                rest.refused = state.refused;
                if rest.tuning != state.tuning {
                    rest.tuning.clone_from(&state.tuning);
                }
                rest.last_id = state.last_id;
                rest.waves.clone_from(&state.waves);
                rest.bodies.clone_from(&state.bodies);
            }
            None => {
                self.rest = Some(Resources {
                    time: state.time,
                    members: state.members.clone(),
                    refused: state.refused,
                    tuning: state.tuning.clone(),
                    last_id: state.last_id,
                    waves: state.waves.clone(),
                    bodies: state.bodies.clone(),
                });
            }
        }
    }

    /// Copies what was saved into `state`, which must be of the same scenario. Nothing where nothing was saved.
    pub fn restore(&self, state: &mut State) {
        let Some(rest) = &self.rest else { return };
        self.columns.restore_into(&mut state.world);
        state.time = rest.time;
        state.members.clone_from(&rest.members);
        state.refused = rest.refused;
        state.tuning.clone_from(&rest.tuning);
        state.last_id = rest.last_id;
        state.waves.clone_from(&rest.waves);
        state.bodies.clone_from(&rest.bodies);
        state.refresh_bodies();
    }

    /// Bytes of component data held.
    fn bytes(&self) -> usize {
        self.columns.kinds.iter().map(|k| k.words.capacity() * 8).sum()
    }
}

/// The last states of one simulation, by tick.
pub struct RollbackRing {
    slots: Vec<SavedState>,
    /// Tick saved in each slot. Not one place for each tick: whoever skips ticks would fill places that nothing clears.
    ticks: Vec<Option<Tick>>,
    /// Whose states these are.
    scenario: Option<Arc<Scenario>>,
}

impl RollbackRing {
    /// Room for `capacity` states, at least one, of whichever ticks. A slot costs as much memory as the components of the world
    /// it holds: see `docs/ARCHITECTURE.md` for figures.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            slots: (0..capacity).map(|_| SavedState::default()).collect(),
            ticks: vec![None; capacity],
            scenario: None,
        }
    }

    /// Saves the present state: over an earlier one of its tick, else where nothing is any more, else over the oldest one.
    /// A ring that held another scenario's states forgets them.
    pub fn save(&mut self, simulation: &Simulation) {
        if !self.scenario.as_ref().is_some_and(|scenario| simulation.is_of(scenario)) {
            self.scenario = Some(simulation.shared_scenario());
            self.ticks.fill(None);
        }
        let tick = simulation.tick();
        // Nothing sorts before any tick.
        let oldest = || self.ticks.iter().enumerate().min_by_key(|(_, saved)| **saved).map_or(0, |(slot, _)| slot);
        let slot = self.slot(tick).unwrap_or_else(oldest);
        self.slots[slot].save(&simulation.state);
        self.ticks[slot] = Some(tick);
    }

    /// Where a tick is saved.
    fn slot(&self, tick: Tick) -> Option<usize> {
        self.ticks.iter().position(|saved| *saved == Some(tick))
    }

    /// Puts the simulation back to `tick` and forgets the ticks after it; `false`, and nothing changed, if that tick
    /// is not in the ring or the ring holds another scenario's.
    #[must_use]
    pub fn restore(&mut self, simulation: &mut Simulation, tick: Tick) -> bool {
        let same_world = self.scenario.as_ref().is_some_and(|scenario| simulation.is_of(scenario));
        let Some(slot) = self.slot(tick).filter(|_| same_world) else { return false };
        self.slots[slot].restore(&mut simulation.state);
        // What came later was given up with this.
        self.ticks.iter_mut().filter(|saved| saved.is_some_and(|saved| saved > tick)).for_each(|saved| *saved = None);
        true
    }

    /// The exact state at `tick`, as [`Simulation::snapshot`] would have written it then, if it is in the ring. The
    /// present state of `simulation`, which says of which scenario, is not touched.
    #[must_use]
    pub fn snapshot(&self, simulation: &Simulation, tick: Tick) -> Option<Vec<u8>> {
        let scenario = self.scenario.as_ref().filter(|scenario| simulation.is_of(scenario))?;
        let slot = self.slot(tick)?;
        let SavedState { columns, rest } = &self.slots[slot];
        let Resources { time, members, refused, tuning, last_id, waves, bodies } = rest.as_ref()?;
        let parts = Parts { time: *time, members, refused, tuning, last_id: *last_id, waves, bodies };
        let mut bytes = Vec::new();
        snapshot::write(scenario, &parts, &columns.by_id(), &mut bytes);
        Some(bytes)
    }

    /// Bytes of component data held by all slots.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.slots.iter().map(SavedState::bytes).sum()
    }
}
