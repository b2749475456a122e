//! What pilots command of their own ships: controls, shots and new ships. Each command is judged first, without changing
//! anything, and carried out then.

use glam::{DQuat, DVec3};

use crate::command::ControlInput;
use crate::component::{
    Assist, Attitude, Berth, Clock, Component, Controls, Hull, Kind, Round, Tank, Velocity, Weapon,
};
use crate::input::PlayerId;
use crate::refusal::Refusal;
use crate::report::Event;
use crate::scenario::Scenario;
use crate::space::Position;
use crate::state::State;

use super::ENTITIES_MAX;

/// The ship's berth, if `player` may command it.
fn own_ship(state: &State, player: PlayerId, ship: u64) -> Result<Berth, Refusal> {
    match state.world.kind(ship) {
        None => return Err(Refusal::NoSuchEntity),
        Some(Kind::Ship) => {}
        Some(_) => return Err(Refusal::WrongKind),
    }
    let berth: Berth = state.world.get(ship).ok_or(Refusal::NoSuchEntity)?;
    if berth.player == player.0 { Ok(berth) } else { Err(Refusal::NotTheOwner) }
}

/// Whether the ship is none that is destroyed.
pub(super) fn is_alive(state: &State, ship: u64) -> bool {
    state.world.get::<Hull>(ship).is_some_and(|h| h.health_j > 0.0)
}

/// Whether the ship may be steered so.
pub(super) fn may_steer(state: &State, player: PlayerId, ship: u64, input: ControlInput) -> Result<(), Refusal> {
    own_ship(state, player, ship)?;
    if !is_alive(state, ship) {
        return Err(Refusal::Destroyed);
    }
    if input.main < 0 {
        return Err(Refusal::OutOfRange);
    }
    let neutral = ControlInput { assist: input.assist, ..ControlInput::default() };
    if input != neutral && !state.time.factor.is_active() {
        return Err(Refusal::TimeFactorTooHigh);
    }
    Ok(())
}

pub(super) fn steer(state: &mut State, player: PlayerId, ship: u64, input: ControlInput) -> Result<(), Refusal> {
    may_steer(state, player, ship, input)?;
    let before: Controls = state.world.get(ship).ok_or(Refusal::NoSuchEntity)?;
    if input.assist && before.assist == 0 {
        let velocity: Velocity = state.world.get(ship).ok_or(Refusal::NoSuchEntity)?;
        state.world.set(ship, Assist { reference_m_s: velocity.proper_m_s });
    }
    state.world.set(ship, Controls::from(input));
    Ok(())
}

/// A round as it leaves a gun, and what is left of the ship.
pub(super) struct Shot {
    muzzle: Position,
    velocity: Velocity,
    round: Round,
    ship_velocity: Velocity,
    weapon: Weapon,
}

/// What a shot would be, if the ship may fire.
pub(super) fn shot(state: &State, player: PlayerId, ship: u64) -> Result<Shot, Refusal> {
    let berth = own_ship(state, player, ship)?;
    if !is_alive(state, ship) {
        return Err(Refusal::Destroyed);
    }
    if !state.time.factor.is_active() {
        return Err(Refusal::TimeFactorTooHigh);
    }
    let weapon: Weapon = state.world.get(ship).ok_or(Refusal::NoSuchEntity)?;
    if state.time.tick.0 < weapon.ready_tick {
        return Err(Refusal::NotReady);
    }
    if state.world.len() >= ENTITIES_MAX {
        return Err(Refusal::Full);
    }
    let missing = Refusal::NoSuchEntity;
    let position: Position = state.world.get(ship).ok_or(missing)?;
    let velocity: Velocity = state.world.get(ship).ok_or(missing)?;
    let attitude: Attitude = state.world.get(ship).ok_or(missing)?;
    let tank: Tank = state.world.get(ship).ok_or(missing)?;
    let class = &state.tuning.classes[berth.class as usize];
    let forward = attitude.icrf_from_body * DVec3::X;
    let mass = class.dry_mass_kg + tank.fuel_kg;
    let left = Velocity { proper_m_s: state.light.boost(velocity.proper_m_s, forward * class.muzzle_m_s) };
    if !left.is_sound() {
        return Err(Refusal::OutOfRange);
    }
    // The round's momentum comes from the ship; its mass is not taken from the tank.
    let recoil = (left.proper_m_s - velocity.proper_m_s) * (class.round_mass_kg / mass);
    let life = (class.round_life_s * crate::time::quarters_per_second(state.rate_hz)) as i64;
    Ok(Shot {
        muzzle: position.plus(forward * (class.radius_m + 1.0)),
        velocity: left,
        round: Round { shooter: ship, expires_quarters: state.time.now.0 + life, mass_kg: class.round_mass_kg },
        ship_velocity: Velocity { proper_m_s: velocity.proper_m_s - recoil },
        weapon: Weapon { ready_tick: state.time.tick.0 + u64::from(class.reload_ticks) },
    })
}

pub(super) fn fire(state: &mut State, player: PlayerId, ship: u64, events: &mut Vec<Event>) -> Result<(), Refusal> {
    let shot = shot(state, player, ship)?;
    state.world.set(ship, shot.weapon);
    state.world.set(ship, shot.ship_velocity);
    let id = state.next_id();
    state.world.spawn_round(id, shot.muzzle, shot.velocity, shot.round);
    events.push(Event::Fired { ship, round: id });
    Ok(())
}

/// The ship's berth, if it may be made anew there.
pub(super) fn may_respawn(state: &State, player: PlayerId, ship: u64) -> Result<Berth, Refusal> {
    let berth = own_ship(state, player, ship)?;
    if is_alive(state, ship) { Err(Refusal::NotDestroyed) } else { Ok(berth) }
}

pub(super) fn respawn(
    scenario: &Scenario,
    state: &mut State,
    player: PlayerId,
    ship: u64,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let berth = may_respawn(state, player, ship)?;
    let clock: Clock = state.world.get(ship).ok_or(Refusal::NoSuchEntity)?;
    // A ship made by an operator has no fleet to return to, and is made whole where it is.
    let fresh = match scenario.fleets.get(berth.fleet as usize) {
        Some(_) => crate::setup::ship_at_berth(scenario, state, berth),
        None => {
            let here = |e: Option<Position>| e.ok_or(Refusal::NoSuchEntity);
            let position = here(state.world.get(ship))?;
            let velocity: Velocity = state.world.get(ship).ok_or(Refusal::NoSuchEntity)?;
            crate::setup::new_ship(state, position, velocity.proper_m_s, DQuat::IDENTITY, berth)
        }
    };
    state.world.set(ship, fresh.position);
    state.world.set(ship, fresh.velocity);
    state.world.set(ship, fresh.attitude);
    state.world.set(ship, fresh.spin);
    state.world.set(ship, fresh.hull);
    state.world.set(ship, Controls::default());
    state.world.set(ship, fresh.assist);
    state.world.set(ship, fresh.tank);
    // Own time goes on: the pilot is the same.
    state.world.set(ship, clock);
    state.world.set(ship, fresh.weapon);
    state.waves.remove(ship);
    events.push(Event::Respawned { ship });
    Ok(())
}
