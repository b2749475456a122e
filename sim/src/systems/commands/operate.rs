//! What operators command but patches: things made and removed, tuning, interference. Each command is judged first,
//! without changing anything, and carried out then.

use glam::{DQuat, DVec3};

use crate::command::{Spawn, TUNING_VALUES_MAX};
use crate::component::{Attitude, Berth, Component, Hull, Kind, Solid, Spin, Velocity};
use crate::refusal::{Objection, Refusal};
use crate::report::Event;
use crate::space::Position;
use crate::state::State;
use crate::tuning::Tuning;
use crate::waves::Phasor;
use crate::world::SolidRow;

use super::ENTITIES_MAX;
use super::pilot::is_alive;

/// Where a new entity begins.
pub(super) struct Place {
    position: Position,
    velocity: DVec3,
}

/// Where the new entity would begin, or all that is wrong with it.
pub(super) fn place_of(state: &State, spawn: &Spawn) -> Result<Place, Vec<Objection>> {
    let position = DVec3::from_array(spawn.position_m);
    let velocity = DVec3::from_array(spawn.velocity_m_s);
    let numbers = [
        ("position_m", position),
        ("velocity_m_s", velocity),
        ("radius_m", DVec3::splat(spawn.radius_m)),
        ("mass_kg", DVec3::splat(spawn.mass_kg)),
    ];
    let no_numbers = numbers.iter().filter(|(_, v)| !v.is_finite()).map(|(name, _)| Refusal::NotFinite.of(name));
    let mut wrong: Vec<Objection> = no_numbers.collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let subnormal = |v: &DVec3| v.to_array().iter().any(|v| v.is_subnormal());
    let too_small = numbers.iter().filter(|(_, v)| subnormal(v));
    wrong.extend(too_small.map(|(name, _)| Refusal::OutOfRange.of(name)));
    let too_far = [("position_m", position.length() > 1e22), ("velocity_m_s", velocity.length() > 1e15)];
    wrong.extend(too_far.iter().filter(|(_, far)| *far).map(|(name, _)| Refusal::OutOfRange.of(name)));
    if state.world.len() >= ENTITIES_MAX {
        wrong.push(Refusal::Full.into());
    }
    let body = spawn.body.map(|body| state.body_states.get(usize::from(body)));
    if body == Some(None) {
        wrong.push(Refusal::OutOfRange.of("body"));
    }
    match spawn.kind {
        Kind::Ship if state.tuning.classes.get(spawn.class as usize).is_none() => {
            wrong.push(Refusal::OutOfRange.of("class"));
        }
        Kind::Ship => {}
        Kind::Asteroid | Kind::Structure => {
            let sound = |radius_m, mass_kg| Solid { radius_m, mass_kg }.is_sound();
            if !sound(spawn.radius_m, 1.0) || spawn.radius_m > 1e6 {
                wrong.push(Refusal::OutOfRange.of("radius_m"));
            }
            if !sound(1.0, spawn.mass_kg) || spawn.mass_kg > 1e24 {
                wrong.push(Refusal::OutOfRange.of("mass_kg"));
            }
        }
        Kind::Projectile => wrong.push(Refusal::WrongKind.of("kind")),
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let (origin, carried) =
        body.flatten().map_or((Position::ORIGIN, DVec3::ZERO), |body| (body.position, body.velocity_m_s));
    Ok(Place { position: origin.plus(position), velocity: carried + velocity })
}

pub(super) fn spawn(state: &mut State, spawn: &Spawn, events: &mut Vec<Event>) -> Result<(), Refusal> {
    let Place { position, velocity } = place_of(state, spawn).map_err(first)?;
    let entity = state.next_id();
    if spawn.kind == Kind::Ship {
        let berth = Berth { player: spawn.player, class: spawn.class, fleet: u32::MAX, slot: 0 };
        let row = crate::setup::new_ship(state, position, velocity, DQuat::IDENTITY, berth);
        state.world.spawn_ship(entity, row);
    } else {
        let row = SolidRow {
            position,
            velocity: Velocity { proper_m_s: velocity },
            attitude: Attitude::default(),
            spin: Spin::default(),
            hull: Hull { health_j: state.tuning.rules.strength_j_kg * spawn.mass_kg },
            solid: Solid { radius_m: spawn.radius_m, mass_kg: spawn.mass_kg },
        };
        state.world.spawn_solid(entity, row, spawn.kind);
    }
    events.push(Event::Spawned { entity });
    Ok(())
}

/// Whether there is such an entity.
pub(super) fn may_despawn(state: &State, entity: u64) -> Result<(), Objection> {
    state.world.entity(entity).map(|_| ()).ok_or(Refusal::NoSuchEntity.of("entity"))
}

pub(super) fn despawn(state: &mut State, entity: u64, events: &mut Vec<Event>) -> Result<(), Refusal> {
    may_despawn(state, entity).map_err(|objection| objection.reason)?;
    state.world.despawn(entity);
    state.waves.remove(entity);
    events.push(Event::Despawned { entity });
    Ok(())
}

/// The tuning with these values, or all that is wrong with them. Each value is judged by itself, so of several commands
/// whose values were found well none is refused, whatever the others set.
pub(super) fn tuned(state: &State, values: &[(String, f64)]) -> Result<Tuning, Vec<Objection>> {
    if values.len() > TUNING_VALUES_MAX {
        return Err(vec![Refusal::Full.into()]);
    }
    let mut tuning = state.tuning.clone();
    let set = values.iter().enumerate().map(|(i, (path, value))| tuning.set(path, *value).map_err(|r| r.at(i)));
    let wrong: Vec<Objection> = set.filter_map(Result::err).collect();
    if wrong.is_empty() { Ok(tuning) } else { Err(wrong) }
}

pub(super) fn tune(state: &mut State, values: &[(String, f64)]) -> Result<(), Refusal> {
    state.tuning = tuned(state, values).map_err(first)?;
    Ok(())
}

/// The entity's wave with the pulse added to it.
pub(super) fn interfered(state: &State, entity: u64, amplitude: u32, phase: u32) -> Result<Phasor, Objection> {
    let kind = state.world.kind(entity).ok_or(Refusal::NoSuchEntity.of("entity"))?;
    if kind == Kind::Ship && !is_alive(state, entity) {
        return Err(Refusal::Destroyed.of("entity"));
    }
    let pulse = Phasor::pulse(amplitude, phase).ok_or(Refusal::OutOfRange.of("amplitude"))?;
    let wave = state.waves.get(entity).plus(pulse).ok_or(Refusal::OutOfRange.of("amplitude"))?;
    // One that dissolves needs no room.
    if wave.is_zero() || state.waves.has_room(entity, wave) { Ok(wave) } else { Err(Refusal::Full.into()) }
}

pub(super) fn interfere(
    state: &mut State,
    entity: u64,
    (amplitude, phase): (u32, u32),
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let before = state.waves.get(entity);
    let wave = interfered(state, entity, amplitude, phase).map_err(|objection| objection.reason)?;
    if wave.is_zero() {
        dissolve(state, entity, events);
        return Ok(());
    }
    state.waves.set(entity, wave)?;
    let (amplitude, phase_turns) = (wave.amplitude(), wave.phase_turns());
    events.push(if wave.square() < before.square() {
        Event::Cancelled { entity, amplitude, phase_turns }
    } else {
        Event::Amplified { entity, amplitude, phase_turns }
    });
    Ok(())
}

/// The end of an entity whose wave is cancelled whole. A ship becomes a wreck, as by an impact, and its pilot may have a
/// new one; anything else is removed. Whatever bears this id from now on has a wave as at first.
fn dissolve(state: &mut State, entity: u64, events: &mut Vec<Event>) {
    state.waves.remove(entity);
    events.push(Event::Dissolved { entity });
    if state.world.kind(entity) == Some(Kind::Ship) {
        state.world.set(entity, Hull { health_j: 0.0 });
        events.push(Event::Destroyed { entity });
    } else {
        state.world.despawn(entity);
    }
}

/// What the log and the world know of objections: the first reason. There always is one.
pub(super) fn first(objections: Vec<Objection>) -> Refusal {
    objections.first().map_or(Refusal::Malformed, |objection| objection.reason)
}
