//! Builds the initial world of a scenario, and ships at their berths later on.

use glam::{DQuat, DVec3};

use crate::component::{Assist, Attitude, Berth, Clock, Controls, Hull, Kind, Solid, Spin, Tank, Velocity, Weapon};
use crate::scenario::{Placement, Scenario, generate};
use crate::space::Position;
use crate::state::State;
use crate::world::{ShipRow, SolidRow};

/// The state at tick 0.
pub(crate) fn initial_state(scenario: &Scenario) -> State {
    let mut state = State::new(scenario);
    for (index, fleet) in scenario.fleets.iter().enumerate() {
        for slot in 0..fleet.count {
            let player = generate::fleet_player(fleet, slot);
            let berth = Berth { player, class: fleet.class as u32, fleet: index as u32, slot };
            let row = ship_at_berth(scenario, &state, berth);
            let id = state.next_id();
            state.world.spawn_ship(id, row);
        }
    }
    for (index, field) in scenario.asteroid_fields.iter().enumerate() {
        let (centre, carried) = place(&state, &field.placement);
        for i in 0..field.count {
            let rock = generate::asteroid(scenario.seed, index as u32, field, i);
            let row = SolidRow {
                position: centre.plus(rock.offset_m),
                velocity: Velocity { proper_m_s: carried + rock.velocity_m_s },
                attitude: Attitude { icrf_from_body: rock.icrf_from_body },
                spin: Spin { body_rad_s: rock.spin_rad_s },
                hull: Hull { health_j: scenario.rules.strength_j_kg * rock.mass_kg },
                solid: Solid { radius_m: rock.radius_m, mass_kg: rock.mass_kg },
            };
            let id = state.next_id();
            state.world.spawn_solid(id, row, Kind::Asteroid);
        }
    }
    for structure in &scenario.structures {
        let (position, velocity) = place(&state, &structure.placement);
        let row = SolidRow {
            position,
            velocity: Velocity { proper_m_s: velocity },
            attitude: Attitude::default(),
            spin: Spin::default(),
            hull: Hull { health_j: scenario.rules.strength_j_kg * structure.mass_kg },
            solid: Solid { radius_m: structure.radius_m, mass_kg: structure.mass_kg },
        };
        let id = state.next_id();
        state.world.spawn_solid(id, row, Kind::Structure);
    }
    state
}

/// A fresh ship where its fleet's placement is now.
pub(crate) fn ship_at_berth(scenario: &Scenario, state: &State, berth: Berth) -> ShipRow {
    let fleet = &scenario.fleets[berth.fleet as usize];
    let (centre, carried) = place(state, &fleet.placement);
    let position = centre.plus(generate::fleet_slot(fleet, berth.slot));
    let velocity = carried + generate::fleet_jitter(scenario.seed, berth.fleet, fleet, berth.slot);
    let mut row = new_ship(state, position, velocity, generate::facing_attitude(fleet.facing), berth);
    row.controls = Controls::from(fleet.controls);
    row
}

/// A whole, fuelled ship at rest in its own frame.
pub(crate) fn new_ship(state: &State, position: Position, velocity: DVec3, attitude: DQuat, berth: Berth) -> ShipRow {
    let class = &state.tuning.classes[berth.class as usize];
    ShipRow {
        position,
        velocity: Velocity { proper_m_s: velocity },
        attitude: Attitude { icrf_from_body: attitude },
        spin: Spin::default(),
        hull: Hull { health_j: class.hull_j },
        controls: Controls::default(),
        assist: Assist { reference_m_s: velocity },
        tank: Tank { fuel_kg: class.fuel_kg },
        clock: Clock::default(),
        weapon: Weapon::default(),
        berth,
    }
}

/// Position and velocity of a placement at the present time.
fn place(state: &State, placement: &Placement) -> (Position, DVec3) {
    let (origin, carried) = match placement.body {
        None => (Position::ORIGIN, DVec3::ZERO),
        Some(body) => (state.body_states[body].position, state.body_states[body].velocity_m_s),
    };
    (origin.plus(placement.position_m), carried + placement.velocity_m_s)
}
