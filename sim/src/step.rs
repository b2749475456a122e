//! One step: the systems in their one visible order. Must stay readable from top to bottom.

use crate::component::{Component, Hull, Identity, Kind, Round, Visitor, visit_components};
use crate::contact::Rules;
use crate::digest::Digest;
use crate::input::InputFrame;
use crate::report::{Event, TickReport};
use crate::scenario::Scenario;
use crate::state::State;
use crate::systems::flight::TickLength;
use crate::systems::gravity::{Attractor, Lanes, attractors};
use crate::systems::{coast, collide, commands, motion, surface};
use crate::time::SimTime;
use crate::world::{World, columns};

/// A system, as named in traces and difference reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Joins and leaves.
    Membership,
    /// Commands of members.
    Commands,
    /// The massive bodies.
    Bodies,
    /// Engines, gravity, relativity: everything that moves.
    Motion,
    /// Air and ground.
    Surface,
    /// Collisions.
    Contact,
    /// Rounds that end, things that are destroyed.
    Lifecycle,
}

impl System {
    /// All systems, in the order they run.
    pub const ALL: [Self; 7] =
        [Self::Membership, Self::Commands, Self::Bodies, Self::Motion, Self::Surface, Self::Contact, Self::Lifecycle];

    /// Name for people and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Membership => "membership",
            Self::Commands => "commands",
            Self::Bodies => "bodies",
            Self::Motion => "motion",
            Self::Surface => "surface",
            Self::Contact => "contact",
            Self::Lifecycle => "lifecycle",
        }
    }

    /// Systems that can change a component or resource of this name, in the order they run.
    #[must_use]
    pub fn writers(part: &str) -> &'static [Self] {
        use System::{Bodies, Commands, Contact, Lifecycle, Membership, Motion, Surface};
        match part {
            "Position" => &[Commands, Motion, Surface, Contact],
            "Velocity" | "Spin" => &[Commands, Motion, Surface, Contact],
            "Attitude" | "Assist" | "Tank" | "Clock" => &[Commands, Motion],
            "Hull" => &[Commands, Surface, Contact],
            "Controls" => &[Membership, Commands],
            "Members" => &[Membership, Commands],
            "Identity" => &[Commands, Lifecycle],
            "Weapon" | "Berth" | "Solid" | "Round" | "Tuning" | "Ids" => &[Commands],
            "Wave" => &[Commands, Lifecycle],
            "Time" => &[Commands, Bodies],
            "Bodies" => &[Bodies],
            _ => &[],
        }
    }
}

impl std::fmt::Display for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a step works with beside the state: nothing of it changes a result.
#[derive(Default)]
pub(crate) struct Workshop {
    scratch: Scratch,
    pub lanes: Lanes,
    /// But for this one, which is there to change it.
    #[cfg(feature = "fault-injection")]
    pub fault: Option<crate::fault::Fault>,
}

impl Workshop {
    /// The same choices, with buffers of its own.
    pub fn with_fresh_scratch(&self) -> Self {
        Self {
            scratch: Scratch::default(),
            lanes: self.lanes,
            #[cfg(feature = "fault-injection")]
            fault: self.fault,
        }
    }
}

/// Buffers that a step fills anew, kept so that a warm step allocates nothing.
#[derive(Default)]
struct Scratch {
    attractors: Vec<Attractor>,
    end: Vec<Attractor>,
    body_states: Vec<crate::bodies::BodyState>,
    table: coast::StageTable,
    contacts: collide::Contacts,
    rounds_down: Vec<u64>,
}

columns! {
    /// Rounds and when they end.
    RoundRows { identity: Identity, round: Round }
}

/// What to call after each system, where someone is looking.
pub(crate) type Trace<'a> = Option<&'a mut dyn FnMut(System, Digest)>;

/// Steps the state by one tick.
pub(crate) fn step(
    scenario: &Scenario,
    state: &mut State,
    workshop: &mut Workshop,
    frame: &InputFrame,
    mut trace: Trace<'_>,
    report: &mut TickReport,
) {
    let Workshop { scratch, lanes, .. } = workshop;
    #[cfg(feature = "fault-injection")]
    let fault = workshop.fault;
    report.refused.clear();
    report.events.clear();
    let mut after = |system: System, state: &mut State| {
        #[cfg(feature = "fault-injection")]
        crate::fault::strike(fault, system, state);
        if let Some(trace) = &mut trace {
            trace(system, state.digest());
        }
    };

    commands::apply_membership(state, frame);
    after(System::Membership, state);

    commands::apply_commands(scenario, state, frame, &mut report.refused, &mut report.events);
    after(System::Commands, state);

    let start = state.time.now;
    let dt_s = state.time.factor.tick_seconds(state.rate_hz);
    state.time.now = SimTime(start.0 + i64::from(state.time.factor.quarters()));
    state.bodies.advance_to(state.time.now, start);
    state.refresh_bodies();
    after(System::Bodies, state);

    if dt_s > 0.0 {
        move_everything(scenario, state, scratch, *lanes, start, dt_s);
    }
    after(System::Motion, state);

    scratch.rounds_down.clear();
    if dt_s > 0.0 {
        let ground = surface::Ground {
            bodies: &scenario.bodies,
            states: &state.body_states,
            classes: &state.tuning.classes,
            rules: state.tuning.rules,
            dt_s,
        };
        surface::touch(&state.world, &ground, &mut report.events, &mut scratch.rounds_down);
    }
    after(System::Surface, state);

    if dt_s > 0.0 && state.time.factor.is_active() {
        let State { world, tuning, .. } = state;
        let (events, down) = (&mut report.events, &mut scratch.rounds_down);
        let rules = Rules {
            dt_s,
            restitution: tuning.rules.restitution,
            friction: tuning.rules.friction,
            inverse_c2_s2_m2: state.light.inverse_c2,
        };
        scratch.contacts.resolve(world, &tuning.classes, &rules, events, down);
    }
    after(System::Contact, state);

    end_lives(state, &mut scratch.rounds_down, &mut report.events);
    after(System::Lifecycle, state);

    state.time.tick.0 += 1;
    debug_assert_eq!(unsound(&state.world), None, "a step must leave a state that a snapshot would take");
    debug_assert!(
        state.waves.iter().all(|(id, wave)| state.world.entity(id).is_some() && !wave.is_zero()),
        "a wave belongs to an entity that is there"
    );
    report.tick = state.time.tick;
    report.digest = state.digest();
}

/// The name of a component type with a value that no state may hold.
fn unsound(world: &World) -> Option<&'static str> {
    struct Check<'a>(&'a World, Kind, Option<&'static str>);
    impl Visitor for Check<'_> {
        fn visit<C: Component>(&mut self) {
            let column = self.0.archetype(self.1).and_then(|a| a.get::<&C>());
            if column.is_some_and(|column| !column.iter().all(C::is_sound)) {
                self.2 = Some(C::NAME);
            }
        }
    }
    let mut check = Check(world, Kind::Ship, None);
    for kind in Kind::ALL {
        check.1 = kind;
        visit_components(kind, &mut check);
    }
    check.2
}

/// Motion: step by step at active factors, in one sub-stepped coast at higher ones.
fn move_everything(scenario: &Scenario, state: &State, scratch: &mut Scratch, lanes: Lanes, start: SimTime, dt_s: f64) {
    let Scratch { attractors: bodies, end, body_states, table, .. } = scratch;
    let quarters = f64::from(state.time.factor.quarters());
    if state.time.factor.is_active() {
        state.bodies.states_at(start.0 as f64 + 0.5 * quarters, body_states);
        attractors(&scenario.bodies, body_states, bodies);
        let classes = &state.tuning.classes;
        let tick = TickLength::new(dt_s);
        let step = motion::Step { lanes, attractors: bodies, light: state.light, tick, classes };
        motion::fly_ships(&state.world, &step);
        motion::drift_solids(&state.world, &step);
        motion::drift_rounds(&state.world, &step);
        return;
    }
    state.bodies.states_at(start.0 as f64, body_states);
    attractors(&scenario.bodies, body_states, bodies);
    let levels = coast::levels_needed(&state.world, bodies, state.light, dt_s);
    attractors(&scenario.bodies, &state.body_states, end);
    for (level, stages) in table.stages.iter_mut().enumerate().filter(|(level, _)| levels & (1 << level) != 0) {
        let kicks = (1usize << level) * coast::SHARES.len();
        stages.resize_with(kicks, Vec::new);
        let sub_step = quarters / (1u64 << level) as f64;
        for (kick, stage) in stages.iter_mut().enumerate() {
            let share = kick % coast::SHARES.len();
            let before: f64 = coast::SHARES[..share].iter().sum();
            let at = ((kick / coast::SHARES.len()) as f64 + before + 0.5 * coast::SHARES[share]) * sub_step;
            state.bodies.states_at(start.0 as f64 + at, body_states);
            attractors(&scenario.bodies, body_states, stage);
        }
    }
    coast::coast(&state.world, &coast::Step { start: bodies, end, table, light: state.light, dt_s });
}

/// Removes rounds that hit or ran out, and asteroids and structures that were destroyed.
fn end_lives(state: &mut State, rounds_down: &mut Vec<u64>, events: &mut Vec<Event>) {
    let State { world, waves, time, .. } = state;
    let now = time.now;
    let hit = rounds_down.len();
    RoundRows::with(world, Kind::Projectile, |rows| {
        let over = rows.identity.iter().zip(rows.round.iter()).filter(|(_, r)| now.0 >= r.expires_quarters);
        rounds_down.extend(over.map(|(identity, _)| identity.id));
    });
    rounds_down[hit..].sort_unstable();
    for (i, &round) in rounds_down.iter().enumerate() {
        // One that hit something and ran out in the same tick is gone already.
        waves.remove(round);
        if world.despawn(round) && i >= hit {
            events.push(Event::Expired { round });
        }
    }
    for event in events.iter() {
        if let Event::Destroyed { entity } = *event
            && world.kind(entity).is_some_and(|kind| kind != Kind::Ship)
            && world.get::<Hull>(entity).is_some_and(|h| h.health_j == 0.0)
        {
            world.despawn(entity);
            waves.remove(entity);
        }
    }
}
