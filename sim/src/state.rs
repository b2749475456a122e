//! The state: all that `step` reads and writes, and that snapshots and digests cover. What is derived from
//! it, or never changes, is kept elsewhere.

use std::collections::BTreeMap;

use crate::bodies::{BodyState, Ephemeris};
use crate::component::{Berth, Identity, Kind};
use crate::digest::{Digest, Hasher, RESOURCES, digest_components};
use crate::input::{PlayerId, Role};
use crate::refusal::Refusal;
use crate::relativity::Light;
use crate::scenario::Scenario;
use crate::time::{SimTime, Tick, TimeFactor};
use crate::tuning::Tuning;
use crate::waves::Waves;
use crate::world::World;

/// Where the simulation is in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Time {
    pub tick: Tick,
    pub now: SimTime,
    pub factor: TimeFactor,
}

/// The state of a simulation.
pub(crate) struct State {
    pub world: World,
    pub time: Time,
    pub members: BTreeMap<PlayerId, Role>,
    /// Refusals so far, by reason.
    pub refused: [u64; Refusal::COUNT],
    pub tuning: Tuning,
    /// Id of the entity that was made last.
    pub last_id: u64,
    /// Resonance waves that are not as at first.
    pub waves: Waves,
    pub bodies: Ephemeris,
    /// The bodies now. Derived from `bodies` and `time`.
    pub body_states: Vec<BodyState>,
    /// From the scenario; never changes.
    pub light: Light,
    /// From the scenario; never changes.
    pub rate_hz: u32,
}

impl State {
    /// The state of a scenario before anything was put into its world.
    pub fn new(scenario: &Scenario) -> Self {
        let bodies = Ephemeris::new(&scenario.bodies, scenario.forces, scenario.tick_rate_hz);
        let mut state = Self {
            world: World::default(),
            time: Time::default(),
            members: BTreeMap::new(),
            refused: [0; Refusal::COUNT],
            tuning: Tuning::new(scenario),
            last_id: 0,
            waves: Waves::default(),
            bodies,
            body_states: Vec::new(),
            light: Light::new(scenario.speed_of_light_m_s),
            rate_hz: scenario.tick_rate_hz,
        };
        state.refresh_bodies();
        state
    }

    /// A new stable id.
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Derives the bodies' states at the present time.
    pub fn refresh_bodies(&mut self) {
        self.bodies.states_at(self.time.now.0 as f64, &mut self.body_states);
    }

    /// Ships of a player, by ascending id.
    pub fn ships_of(&self, player: PlayerId) -> Vec<u64> {
        let Some(archetype) = self.world.archetype(Kind::Ship) else { return Vec::new() };
        let (Some(ids), Some(berths)) = (archetype.get::<&Identity>(), archetype.get::<&Berth>()) else {
            return Vec::new();
        };
        let mut own: Vec<u64> =
            ids.iter().zip(berths.iter()).filter(|(_, b)| b.player == player.0).map(|(i, _)| i.id).collect();
        own.sort_unstable();
        own
    }

    /// Whether a berth names a class that there is.
    pub fn berth_is_sound(&self, berth: &Berth) -> bool {
        (berth.class as usize) < self.tuning.classes.len()
    }

    /// Digest of everything.
    pub fn digest(&self) -> Digest {
        Digest::new(digest_components(&self.world), self.digest_resources())
    }

    /// Sub-digests by [`crate::digest::RESOURCES`].
    fn digest_resources(&self) -> [u64; RESOURCES.len()] {
        let mut time = Hasher::new(1);
        time.word(self.time.tick.0);
        time.word(self.time.now.0 as u64);
        time.word(u64::from(self.time.factor.quarters()));

        let mut members = Hasher::new(2);
        for (player, role) in &self.members {
            members.word(u64::from(player.0) << 8 | *role as u64);
        }
        self.refused.iter().for_each(|&count| members.word(count));

        let mut tuning = Hasher::new(3);
        self.tuning.values().for_each(|value| tuning.word(value.to_bits()));

        let mut ids = Hasher::new(4);
        ids.word(self.last_id);

        let mut bodies = Hasher::new(5);
        self.bodies.digest_words(&mut |word| bodies.word(word));
        [time.finish(), members.finish(), tuning.finish(), ids.finish(), bodies.finish(), self.digest_waves()]
    }
    /// 0 without any, and only then.
    fn digest_waves(&self) -> u64 {
        if self.waves.is_empty() {
            return 0;
        }
        let mut waves = Hasher::new(6);
        for (id, wave) in self.waves.iter() {
            waves.word(id);
            wave.parts().into_iter().for_each(|part| waves.word(part as u64));
        }
        waves.finish().max(1)
    }
}
