//! The inputs of a busy session: eight players who steer, fire and respawn, and an operator who changes time,
//! tuning and the world. A pure function of the state's tick, shared by the determinism tests.

use sim::command::{ControlInput, FieldPatch, Spawn};
use sim::component::Kind;
use sim::field::Value;
use sim::random::RandomStream;
use sim::{Command, InputFrame, Membership, PlayerId, Role, Simulation};

/// Players of the busy scenario.
pub const PLAYERS: u32 = 8;

/// The frame for the simulation's next tick.
pub fn inputs(simulation: &Simulation) -> InputFrame {
    let tick = simulation.tick().0;
    let mut frame = InputFrame::default();
    if tick == 0 {
        for player in 1..=PLAYERS {
            let role = if player == 1 { Role::Operator } else { Role::Pilot };
            frame.membership.push(Membership::Join { player: PlayerId(player), role });
        }
        return frame;
    }
    let mut random = RandomStream::keyed(&[0xb5, tick]);
    for player in (1..=PLAYERS).map(PlayerId) {
        let ships = simulation.ships_of(player);
        if ships.is_empty() || !random.next_u64().is_multiple_of(4) {
            continue;
        }
        let ship = ships[(random.next_u64() % ships.len() as u64) as usize];
        let command = match random.next_u64() % 8 {
            0 => Command::Respawn { ship },
            1..4 => Command::Fire { ship },
            _ => Command::Controls { ship, controls: stick(&mut random) },
        };
        frame.push(player, &command);
    }
    if tick.is_multiple_of(251) {
        operate(simulation, &mut random, &mut frame);
    }
    frame
}

fn stick(random: &mut RandomStream) -> ControlInput {
    let mut axis = || (random.next_u64() >> 48) as i16;
    ControlInput {
        main: axis().max(0),
        translate: [axis(), 0, axis()],
        rotate: [axis() / 8, axis() / 8, axis() / 8],
        assist: axis() > 0,
    }
}

fn operate(simulation: &Simulation, random: &mut RandomStream, frame: &mut InputFrame) {
    let factors = [4, 2, 0, 16, 400, 400_000, 4_000];
    let quarters = factors[(simulation.tick().0 / 251) as usize % factors.len()];
    let ids = simulation.entity_ids();
    let entity = ids[(random.next_u64() % ids.len() as u64) as usize];
    let rock = Spawn {
        kind: Kind::Asteroid,
        body: Some(0),
        position_m: [7e9, random.range(-50.0, 50.0), 0.0],
        velocity_m_s: [0.0, 0.0, 0.0],
        class: 0,
        player: 0,
        radius_m: 3.0,
        mass_kg: 1e5,
    };
    let thrust = random.range(5e4, 2e5);
    let ship = simulation.ships_of(PlayerId(2)).first().copied().unwrap_or(1);
    let patch = FieldPatch {
        entity: ship,
        component: "Tank".into(),
        field: "fuel_kg".into(),
        value: Value::F64(random.range(0.0, 4_000.0)),
    };
    // One player goes and comes back, and another's role changes.
    let player = PlayerId(3 + (random.next_u64() % 6) as u32);
    frame.membership.push(Membership::Leave { player });
    frame.membership.push(Membership::Join { player, role: Role::Pilot });
    frame.membership.push(Membership::Join { player: PlayerId(2), role: Role::Operator });
    for command in [
        Command::SetTimeFactor { quarters },
        Command::Spawn(rock),
        Command::Despawn { entity },
        Command::Tune { values: vec![("class.scout.main_thrust_n".into(), thrust)] },
        Command::Despawn { entity: u64::MAX },
        Command::Patch { fields: vec![patch] },
    ] {
        frame.push(PlayerId(1), &command);
    }
}
