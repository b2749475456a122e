//! Which ship a player of a session flies. A joining pilot without one is given one by commands that the world port adds
//! to the log: every peer derives the same ones from the same state, and a recording holds them like any other.
//!
//! The rule: (1) a player whose number owns ships, by the scenario or from before, keeps these; (2) otherwise the ship
//! with the lowest id that belongs to nobody and is whole becomes theirs; (3) otherwise a new one is made beside the
//! ship with the lowest id, with that one's class and course. Must never depend on anything but state and frame.

use glam::DVec3;
use sim::command::{FieldPatch, Spawn};
use sim::field::Value;
use sim::{Command, InputFrame, Kind, Membership, PlayerId, Position, Role, Simulation};

use crate::entity;

/// Who sends the commands of the rule: an operator that is no person. Sessions never give out this number.
pub const STEWARD: PlayerId = PlayerId(u32::MAX);
/// Distance of a new ship from the one it is made beside, times 1 to [`PLACES`], m.
const ABREAST_M: f64 = 100.0;
/// Places beside a ship.
const PLACES: u32 = 32;

/// Adds to the frame what gives its joining pilots their ships.
pub fn provide(simulation: &Simulation, frame: &mut InputFrame) {
    let mut free: Option<std::vec::IntoIter<u64>> = None;
    let mut commands = Vec::new();
    for entry in &frame.membership {
        let Membership::Join { player, role } = *entry else { continue };
        if player == STEWARD || role < Role::Pilot || !simulation.ships_of(player).is_empty() {
            continue;
        }
        let mut free_ships = free.take().unwrap_or_else(|| simulation.ships_of(PlayerId(0)).into_iter());
        let command = match free_ships.find(|&ship| is_whole(simulation, ship)) {
            Some(ship) => give(ship, player),
            None => Command::Spawn(beside(simulation, player)),
        };
        free = Some(free_ships);
        commands.push(command);
    }
    if commands.is_empty() {
        return;
    }
    seat_steward(simulation, frame);
    commands.iter().for_each(|command| frame.push(STEWARD, command));
}

/// Sees to it that the steward may command from this frame on.
pub fn seat_steward(simulation: &Simulation, frame: &mut InputFrame) {
    let join = Membership::Join { player: STEWARD, role: Role::Operator };
    let is_member = simulation.members().any(|member| member == (STEWARD, Role::Operator));
    if !is_member && !frame.membership.contains(&join) {
        frame.membership.push(join);
    }
}

fn is_whole(simulation: &Simulation, ship: u64) -> bool {
    simulation
        .inspect(ship)
        .and_then(|ship| entity::number(&ship, "Hull", "health_j"))
        .is_some_and(|health| health > 0.0)
}

fn give(ship: u64, player: PlayerId) -> Command {
    let (component, field) = ("Berth".to_owned(), "player".to_owned());
    Command::Patch { fields: vec![FieldPatch { entity: ship, component, field, value: Value::U32(player.0) }] }
}

/// A new ship abreast of the first one, or over the first body where there is no ship.
fn beside(simulation: &Simulation, player: PlayerId) -> Spawn {
    let mut spawn = Spawn {
        kind: Kind::Ship,
        body: None,
        position_m: [0.0; 3],
        velocity_m_s: [0.0; 3],
        class: 0,
        player: player.0,
        radius_m: 0.0,
        mass_kg: 0.0,
    };
    let bodies = simulation.bodies();
    let first = simulation.entity_ids().into_iter().find(|&id| simulation.kind(id) == Some(Kind::Ship));
    let Some(ship) = first.and_then(|id| simulation.inspect(id)) else {
        if let Some(body) = simulation.scenario().bodies.first() {
            spawn.body = Some(0);
            spawn.position_m[0] = 2.0 * body.radius_m + ABREAST_M;
        }
        return spawn;
    };
    spawn.class = entity::count(&ship, "Berth", "class").unwrap_or_default();
    let place = entity::position(&ship).unwrap_or(Position::ORIGIN);
    let velocity = entity::vector(&ship, "Velocity", "proper_m_s").unwrap_or_default();
    let distance = |i: usize| bodies[i].position.minus(place).length_squared();
    let nearest = (0..bodies.len()).min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
    let (origin, carried) = match nearest {
        Some(i) => (bodies[i].position, bodies[i].velocity_m_s),
        None => (Position::ORIGIN, DVec3::ZERO),
    };
    spawn.body = nearest.map(|i| i as u16);
    let from_body = place.minus(origin);
    let course = velocity - carried;
    // Abreast of the course, in the plane of the horizon: neither ahead nor above, where one would fly into it.
    let across = from_body.cross(course).try_normalize().unwrap_or(DVec3::Z);
    let steps = 1 + player.0 % PLACES;
    spawn.position_m = (from_body + across * (ABREAST_M * f64::from(steps))).to_array();
    spawn.velocity_m_s = course.to_array();
    spawn
}
