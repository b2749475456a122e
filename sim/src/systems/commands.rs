//! Membership and commands: the only way in which anything from outside changes the state. Each command is
//! decoded, checked against the state, and either applied whole or refused with a reason.

use glam::{DQuat, DVec3};

use crate::command::{Command, ControlInput, FieldPatch, PATCH_FIELDS_MAX, Spawn, TUNING_VALUES_MAX};
use crate::component::{
    Assist, Attitude, Berth, COMPONENTS, Clock, Component, Controls, Hull, Kind, Round, Solid, Spin, Tank, Velocity,
    Visitor, Weapon, visit_components,
};
use crate::input::{FRAME_MEMBERSHIP_MAX, Gate, InputFrame, Membership, PlayerId, Role};
use crate::refusal::Refusal;
use crate::report::{Event, RefusedCommand};
use crate::scenario::Scenario;
use crate::space::Position;
use crate::state::State;
use crate::time::TimeFactor;
use crate::world::SolidRow;

/// Most entities a world may hold; commands that would add more are refused.
pub const ENTITIES_MAX: usize = 4_000_000;

/// Applies the membership entries, in order. Entries for player 0, and those beyond [`FRAME_MEMBERSHIP_MAX`], are
/// passed over.
pub(crate) fn apply_membership(state: &mut State, frame: &InputFrame) {
    for entry in frame.membership.iter().take(FRAME_MEMBERSHIP_MAX) {
        match *entry {
            // Player 0 is nobody, and whoever were it would own every ship without an owner.
            Membership::Join { player: PlayerId(0), .. } | Membership::Leave { player: PlayerId(0) } => {}
            Membership::Join { player, role } => {
                state.members.insert(player, role);
            }
            Membership::Leave { player } => {
                state.members.remove(&player);
                for ship in state.ships_of(player) {
                    state.world.set(ship, Controls::default());
                }
            }
        }
    }
}

/// Applies the commands, in order. Bodies are as at the start of the tick.
pub(crate) fn apply_commands(
    scenario: &Scenario,
    state: &mut State,
    frame: &InputFrame,
    refused: &mut Vec<RefusedCommand>,
    events: &mut Vec<Event>,
) {
    let mut gate = Gate::default();
    for (index, sent) in frame.commands.iter().enumerate() {
        let result = gate
            .admit(sent)
            .and_then(|()| Command::decode(&sent.bytes))
            .and_then(|command| apply(scenario, state, sent.player, command, events));
        if let Err(reason) = result {
            state.refused[reason as usize] += 1;
            refused.push(RefusedCommand { index: index as u32, player: sent.player, reason });
        }
    }
}

fn apply(
    scenario: &Scenario,
    state: &mut State,
    player: PlayerId,
    command: Command,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let role = *state.members.get(&player).ok_or(Refusal::NotAMember)?;
    let needed = match command {
        Command::Controls { .. } | Command::Fire { .. } | Command::Respawn { .. } => Role::Pilot,
        _ => Role::Operator,
    };
    if role < needed {
        return Err(Refusal::NotAllowed);
    }
    match command {
        Command::Controls { ship, controls } => steer(state, player, ship, controls),
        Command::Fire { ship } => fire(state, player, ship, events),
        Command::Respawn { ship } => respawn(scenario, state, player, ship, events),
        Command::SetTimeFactor { quarters } => {
            state.time.factor = TimeFactor::from_quarters(quarters).ok_or(Refusal::OutOfRange)?;
            events.push(Event::TimeFactor { quarters });
            Ok(())
        }
        Command::Spawn(spawn) => spawn_entity(state, &spawn, events),
        Command::Despawn { entity } => {
            if !state.world.despawn(entity) {
                return Err(Refusal::NoSuchEntity);
            }
            events.push(Event::Despawned { entity });
            Ok(())
        }
        Command::Patch { fields } => patch(state, &fields),
        Command::Tune { values } => tune(state, &values),
    }
}

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

fn is_alive(state: &State, ship: u64) -> bool {
    state.world.get::<Hull>(ship).is_some_and(|h| h.health_j > 0.0)
}

fn steer(state: &mut State, player: PlayerId, ship: u64, input: ControlInput) -> Result<(), Refusal> {
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
    let before: Controls = state.world.get(ship).ok_or(Refusal::NoSuchEntity)?;
    if input.assist && before.assist == 0 {
        let velocity: Velocity = state.world.get(ship).ok_or(Refusal::NoSuchEntity)?;
        state.world.set(ship, Assist { reference_m_s: velocity.proper_m_s });
    }
    state.world.set(ship, Controls::from(input));
    Ok(())
}

fn fire(state: &mut State, player: PlayerId, ship: u64, events: &mut Vec<Event>) -> Result<(), Refusal> {
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
    let left = state.light.boost(velocity.proper_m_s, forward * class.muzzle_m_s);
    if !(Velocity { proper_m_s: left }).is_sound() {
        return Err(Refusal::OutOfRange);
    }
    // The round's momentum comes from the ship; its mass is not taken from the tank.
    let recoil = (left - velocity.proper_m_s) * (class.round_mass_kg / mass);
    let muzzle = position.plus(forward * (class.radius_m + 1.0));
    let life = (class.round_life_s * crate::time::quarters_per_second(state.rate_hz)) as i64;
    let round = Round { shooter: ship, expires_quarters: state.time.now.0 + life, mass_kg: class.round_mass_kg };
    let ready_tick = state.time.tick.0 + u64::from(class.reload_ticks);
    state.world.set(ship, Weapon { ready_tick });
    state.world.set(ship, Velocity { proper_m_s: velocity.proper_m_s - recoil });
    let id = state.next_id();
    state.world.spawn_round(id, muzzle, Velocity { proper_m_s: left }, round);
    events.push(Event::Fired { ship, round: id });
    Ok(())
}

fn respawn(
    scenario: &Scenario,
    state: &mut State,
    player: PlayerId,
    ship: u64,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let berth = own_ship(state, player, ship)?;
    if is_alive(state, ship) {
        return Err(Refusal::NotDestroyed);
    }
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
    events.push(Event::Respawned { ship });
    Ok(())
}

fn spawn_entity(state: &mut State, spawn: &Spawn, events: &mut Vec<Event>) -> Result<(), Refusal> {
    let position = DVec3::from_array(spawn.position_m);
    let velocity = DVec3::from_array(spawn.velocity_m_s);
    if ![position, velocity].iter().all(|v| v.is_finite())
        || ![spawn.radius_m, spawn.mass_kg].iter().all(|v| v.is_finite())
    {
        return Err(Refusal::NotFinite);
    }
    if position.length() > 1e22 || velocity.length() > 1e15 {
        return Err(Refusal::OutOfRange);
    }
    if state.world.len() >= ENTITIES_MAX {
        return Err(Refusal::Full);
    }
    let (origin, carried) = match spawn.body {
        None => (Position::ORIGIN, DVec3::ZERO),
        Some(body) => {
            let body = state.body_states.get(usize::from(body)).ok_or(Refusal::OutOfRange)?;
            (body.position, body.velocity_m_s)
        }
    };
    let (position, velocity) = (origin.plus(position), carried + velocity);
    let entity = match spawn.kind {
        Kind::Ship => {
            if state.tuning.classes.get(spawn.class as usize).is_none() {
                return Err(Refusal::OutOfRange);
            }
            let berth = Berth { player: spawn.player, class: spawn.class, fleet: u32::MAX, slot: 0 };
            let row = crate::setup::new_ship(state, position, velocity, DQuat::IDENTITY, berth);
            let id = state.next_id();
            state.world.spawn_ship(id, row);
            id
        }
        kind @ (Kind::Asteroid | Kind::Structure) => {
            let solid = Solid { radius_m: spawn.radius_m, mass_kg: spawn.mass_kg };
            if !solid.is_sound() || spawn.radius_m > 1e6 || spawn.mass_kg > 1e24 {
                return Err(Refusal::OutOfRange);
            }
            let row = SolidRow {
                position,
                velocity: Velocity { proper_m_s: velocity },
                attitude: Attitude::default(),
                spin: Spin::default(),
                hull: Hull { health_j: state.tuning.rules.strength_j_kg * spawn.mass_kg },
                solid,
            };
            let id = state.next_id();
            state.world.spawn_solid(id, row, kind);
            id
        }
        Kind::Projectile => return Err(Refusal::WrongKind),
    };
    events.push(Event::Spawned { entity });
    Ok(())
}

fn tune(state: &mut State, values: &[(String, f64)]) -> Result<(), Refusal> {
    if values.len() > TUNING_VALUES_MAX {
        return Err(Refusal::Full);
    }
    let mut tuning = state.tuning.clone();
    values.iter().try_for_each(|(path, value)| tuning.set(path, *value))?;
    state.tuning = tuning;
    Ok(())
}

/// Sets all fields or none: first every changed component is built and checked, then all are written.
fn patch(state: &mut State, fields: &[FieldPatch]) -> Result<(), Refusal> {
    if fields.len() > PATCH_FIELDS_MAX {
        return Err(Refusal::Full);
    }
    let undo: Vec<_> = fields
        .iter()
        .map(|f| (f, state.world.kind(f.entity).and_then(|kind| component_words(state, kind, f))))
        .collect();
    let result = fields.iter().try_for_each(|f| patch_field(state, f)).and_then(|()| {
        // Soundness is judged when all fields are in: two fields of one component may only fit together.
        fields.iter().try_for_each(|f| check_component(state, f))
    });
    if result.is_err() {
        for (field, words) in undo.iter().rev() {
            if let Some(words) = words {
                write_component(state, field, words);
            }
        }
    }
    result
}

/// Runs `job` on the type of the component that a patch names.
struct OnComponent<'a, J> {
    name: &'a str,
    job: J,
}

trait Job {
    fn run<C: Component>(&mut self);
}

impl<J: Job> Visitor for OnComponent<'_, J> {
    fn visit<C: Component>(&mut self) {
        if C::NAME == self.name {
            self.job.run::<C>();
        }
    }
}

fn on_component<J: Job>(kind: Kind, name: &str, job: J) -> J {
    let mut on = OnComponent { name, job };
    visit_components(kind, &mut on);
    on.job
}

fn component_words(state: &State, kind: Kind, field: &FieldPatch) -> Option<Vec<u64>> {
    struct Read<'a>(&'a State, u64, Option<Vec<u64>>);
    impl Job for Read<'_> {
        fn run<C: Component>(&mut self) {
            self.2 = self.0.world.get::<C>(self.1).map(|c| bytemuck::cast_slice(&[c]).to_vec());
        }
    }
    on_component(kind, &field.component, Read(state, field.entity, None)).2
}

fn write_component(state: &mut State, field: &FieldPatch, words: &[u64]) {
    struct Write<'a>(&'a mut State, u64, &'a [u64]);
    impl Job for Write<'_> {
        fn run<C: Component>(&mut self) {
            self.0.world.set::<C>(self.1, bytemuck::cast_slice(self.2)[0]);
        }
    }
    if let Some(kind) = state.world.kind(field.entity) {
        on_component(kind, &field.component, Write(state, field.entity, words));
    }
}

fn patch_field(state: &mut State, field: &FieldPatch) -> Result<(), Refusal> {
    struct Set<'a>(&'a mut State, &'a FieldPatch, Result<(), Refusal>);
    impl Job for Set<'_> {
        fn run<C: Component>(&mut self) {
            let Some(mut component) = self.0.world.get::<C>(self.1.entity) else { return };
            let Some(place) = C::FIELDS.iter().find(|f| f.name == self.1.field) else { return };
            if place.write(bytemuck::bytes_of_mut(&mut component), self.1.value) {
                self.0.world.set(self.1.entity, component);
                self.2 = Ok(());
            }
        }
    }
    if !field.value.is_finite() {
        return Err(Refusal::NotFinite);
    }
    // Who an entity is must never change: everything else refers to it by that.
    if field.component == COMPONENTS[0] {
        return Err(Refusal::NotAllowed);
    }
    let kind = state.world.kind(field.entity).ok_or(Refusal::NoSuchEntity)?;
    on_component(kind, &field.component, Set(state, field, Err(Refusal::NoSuchField))).2
}

fn check_component(state: &State, field: &FieldPatch) -> Result<(), Refusal> {
    struct Check<'a>(&'a State, u64, bool);
    impl Job for Check<'_> {
        fn run<C: Component>(&mut self) {
            self.2 = self.0.world.get::<C>(self.1).is_some_and(|c| c.is_sound());
        }
    }
    let kind = state.world.kind(field.entity).ok_or(Refusal::NoSuchEntity)?;
    let sound = on_component(kind, &field.component, Check(state, field.entity, false)).2;
    let berth_fits = state.world.get::<Berth>(field.entity).is_none_or(|b| state.berth_is_sound(&b));
    // What has no hull left is gone, unless it is a ship: only an impact may do that.
    let hull_fits = kind == Kind::Ship || state.world.get::<Hull>(field.entity).is_none_or(|h| h.health_j > 0.0);
    let fits = berth_fits && hull_fits;
    if sound && fits { Ok(()) } else { Err(Refusal::OutOfRange) }
}
