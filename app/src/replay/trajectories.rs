//! Simulates a recording once more and keeps what a picture of it needs: where ships were relative to their
//! nearest body, their clocks, rocks and rounds near the first group, and where digests agreed.

use glam::DVec3;
use indicatif::ProgressBar;
use sim::recording::Step;
use sim::{EntityState, Event, Kind, PlayerId, Position, Simulation};

use super::Recording;
use crate::entity;
use crate::exit::Failure;

/// Most ships that are drawn.
pub const SHIPS_MAX: usize = 24;
/// Most samples per ship: more than a picture has pixels for.
const SAMPLES_MAX: u64 = 4_000;
/// Ticks of the close-up that are kept at full rate.
const CLOSE_UP_TICKS_MAX: u64 = 5_400;
/// Rocks further than this from the reference are not part of the close-up, m.
const CLOSE_UP_REACH_M: f64 = 20_000.0;
/// Most other things in the close-up.
const CLOSE_UP_THINGS_MAX: usize = 3_000;

/// What a picture is drawn from.
#[derive(Debug, Default)]
pub struct Flight {
    /// Ticks per second.
    pub rate_hz: u32,
    /// First and last tick.
    pub ticks: (u64, u64),
    /// Ticks of the samples.
    pub sampled: Vec<u64>,
    /// The ships that are drawn.
    pub ships: Vec<Ship>,
    /// How many ships there are in all.
    pub ships_total: usize,
    /// Bodies that ships are near to: name, radius in metres.
    pub bodies: Vec<(usize, String, f64)>,
    /// The close-up around the first ships.
    pub close_up: Option<CloseUp>,
    /// Where digests agree, differ or are unknown, in order and without gaps.
    pub agreement: Vec<Agreement>,
    /// Ticks at which the time factor changed, and to what.
    pub factors: Vec<(u64, f64)>,
    /// Ticks at which guns were fired, and things touched or were destroyed.
    pub shots: u64,
    /// Impacts on anything.
    pub impacts: u64,
}

/// One ship over time.
#[derive(Debug)]
pub struct Ship {
    /// Stable id.
    pub id: u64,
    /// For the legend.
    pub label: String,
    /// Index of the body it is drawn around.
    pub body: Option<usize>,
    /// m from that body's centre, per sample; where the ship was not there, nothing.
    pub relative_m: Vec<Option<DVec3>>,
    /// m/s relative to that body at the first sample.
    pub velocity_m_s: DVec3,
    /// Seconds that its clock lags behind, per sample.
    pub lag_s: Vec<Option<f64>>,
}

/// The first group of ships, seen from a reference that flies along.
#[derive(Debug, Default)]
pub struct CloseUp {
    /// What the reference is.
    pub reference: String,
    /// First and last tick.
    pub ticks: (u64, u64),
    /// Place in [`Flight::ships`], and m from the reference.
    pub tracks: Vec<(usize, Vec<DVec3>)>,
    /// Rocks and structures at the end: m from the reference, radius in m.
    pub solids: Vec<(DVec3, f64)>,
    /// Rounds: m from the reference, a track each.
    pub rounds: Vec<(u64, Vec<DVec3>)>,
    /// Where things hit one another, m from the reference.
    pub impacts: Vec<DVec3>,
}

/// Whether digests agree over a range of ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// First tick's state.
    pub from: u64,
    /// Last tick's state.
    pub to: u64,
    /// Yes, no, or not known for damage.
    pub agrees: Option<bool>,
}

/// Simulates the recording and gathers its picture.
///
/// # Errors
/// [`Failure::Unreadable`] if not even its first keyframe can be read.
pub fn collect(recording: &mut Recording, bar: &ProgressBar) -> Result<Flight, Failure> {
    let ticks = recording.reader.ticks();
    let mut simulation = recording.state_at(ticks.start)?.simulation;
    let mut flight = Flight {
        rate_hz: recording.scenario.tick_rate_hz,
        ticks: (ticks.start, ticks.end),
        factors: vec![(ticks.start, factor(&simulation))],
        ..Flight::default()
    };
    flight.choose_ships(&simulation, recording);
    let mut close_up = CloseUpCamera::new(&flight, &simulation);
    let stride = (ticks.end - ticks.start).div_ceil(SAMPLES_MAX).max(1);
    flight.sample(&simulation);
    loop {
        let from = simulation.tick().0;
        let mut stopped = false;
        for step in recording.reader.frames_from(from) {
            let Ok(step) = step else {
                stopped = true;
                break;
            };
            flight.advance(&mut simulation, &step, close_up.as_mut());
            if (simulation.tick().0 - ticks.start).is_multiple_of(stride) {
                flight.sample(&simulation);
            }
            bar.set_position(simulation.tick().0 - ticks.start);
        }
        if !stopped {
            break;
        }
        // Behind damage it goes on at the next keyframe that can be read.
        let lost_from = simulation.tick().0;
        let later = recording.reader.keyframes().partition_point(|k| k.tick <= lost_from);
        let next = (later..recording.reader.keyframes().len()).find_map(|k| recording.keyframe(k).ok());
        flight.agree(lost_from + 1, next.as_ref().map_or(ticks.end, |s| s.tick().0), None);
        match next {
            Some(state) => simulation = state,
            None => break,
        }
    }
    flight.close_up = close_up.map(CloseUpCamera::finish);
    Ok(flight)
}

impl Flight {
    /// Pilots' ships first, then others, evenly picked; each with its nearest body.
    fn choose_ships(&mut self, simulation: &Simulation, recording: &Recording) {
        let bodies = &recording.scenario.bodies;
        let mut all: Vec<EntityState> = Vec::new();
        for id in simulation.entity_ids() {
            if simulation.kind(id) == Some(Kind::Ship) {
                all.extend(simulation.inspect(id));
            }
        }
        self.ships_total = all.len();
        let player = |s: &EntityState| entity::count(s, "Berth", "player").unwrap_or(0);
        all.sort_by_key(|s| (player(s) == 0, player(s), s.id));
        let stride = all.len().div_ceil(SHIPS_MAX).max(1);
        for state in all.iter().step_by(stride) {
            let Some(place) = entity::position(state) else { continue };
            let distance = |i: &usize| simulation.bodies()[*i].position.minus(place).length();
            let body =
                (0..bodies.len().min(simulation.bodies().len())).min_by(|a, b| distance(a).total_cmp(&distance(b)));
            let carried = body.map_or(DVec3::ZERO, |i| simulation.bodies()[i].velocity_m_s);
            let velocity = entity::vector(state, "Velocity", "proper_m_s").unwrap_or_default() - carried;
            let fleet = entity::count(state, "Berth", "fleet").and_then(|f| recording.scenario.fleets.get(f as usize));
            let fleet = fleet.map_or("ship", |f| f.name.as_str());
            let label = match player(state) {
                0 => format!("{} {}", super::shown(fleet), state.id),
                n => format!("{}, {}", PlayerId(n), super::shown(fleet)),
            };
            let (relative_m, lag_s) = (Vec::new(), Vec::new());
            self.ships.push(Ship { id: state.id, label, body, relative_m, velocity_m_s: velocity, lag_s });
        }
        let mut near: Vec<usize> = Vec::new();
        for body in self.ships.iter().filter_map(|s| s.body) {
            if !near.contains(&body) {
                near.push(body);
            }
        }
        self.bodies = near.into_iter().map(|i| (i, super::shown(&bodies[i].name), bodies[i].radius_m)).collect();
    }

    fn advance(&mut self, simulation: &mut Simulation, step: &Step, close_up: Option<&mut CloseUpCamera>) {
        let report = simulation.step(&step.frame);
        let tick = report.tick.0;
        self.agree(tick, tick, Some(report.digest.total == step.digest));
        for event in &report.events {
            match event {
                Event::Fired { .. } => self.shots += 1,
                Event::Impact { .. } => self.impacts += 1,
                Event::TimeFactor { .. } => self.factors.push((tick, factor(simulation))),
                _ => {}
            }
        }
        if let Some(camera) = close_up {
            camera.look(simulation, &self.ships, &report.events);
        }
    }

    /// Adds ticks to the agreement, joined to the range before if it is of the same kind.
    fn agree(&mut self, from: u64, to: u64, agrees: Option<bool>) {
        match self.agreement.last_mut() {
            Some(last) if last.agrees == agrees => last.to = to,
            _ => self.agreement.push(Agreement { from, to, agrees }),
        }
    }

    fn sample(&mut self, simulation: &Simulation) {
        self.sampled.push(simulation.tick().0);
        for ship in &mut self.ships {
            let state = simulation.inspect(ship.id);
            let origin = match ship.body {
                Some(i) => simulation.bodies().get(i).map_or(Position::ORIGIN, |b| b.position),
                None => Position::ORIGIN,
            };
            let place = state.as_ref().and_then(entity::position);
            ship.relative_m.push(place.map(|p| p.minus(origin)));
            ship.lag_s.push(state.as_ref().and_then(|s| entity::number(s, "Clock", "lag_s")));
        }
    }
}

fn factor(simulation: &Simulation) -> f64 {
    f64::from(simulation.time_factor().quarters()) / 4.0
}

/// Follows the first group of ships at full rate while time runs slowly.
struct CloseUpCamera {
    reference: u64,
    members: Vec<usize>,
    stride: u64,
    done: bool,
    view: CloseUp,
}

impl CloseUpCamera {
    /// A camera for the ships around the first ship's body; its reference is the nearest structure if there is
    /// one in reach, else the last of these ships. `None` without two things to look at.
    fn new(flight: &Flight, simulation: &Simulation) -> Option<Self> {
        let first = flight.ships.first()?;
        let place = simulation.inspect(first.id).as_ref().and_then(entity::position)?;
        let members: Vec<usize> = (0..flight.ships.len())
            .filter(|&i| {
                let other = simulation.inspect(flight.ships[i].id).as_ref().and_then(entity::position);
                other.is_some_and(|p| p.minus(place).length() <= CLOSE_UP_REACH_M)
            })
            .collect();
        let mut structure = None;
        for id in simulation.entity_ids() {
            if simulation.kind(id) == Some(Kind::Structure)
                && let Some(p) = simulation.inspect(id).as_ref().and_then(entity::position)
            {
                let distance = p.minus(place).length();
                if distance <= CLOSE_UP_REACH_M && structure.is_none_or(|(_, nearest)| distance < nearest) {
                    structure = Some((id, distance));
                }
            }
        }
        let (reference, name) = match structure {
            Some((id, _)) => match simulation.scenario().structures.as_slice() {
                [only] => (id, format!("structure {}", super::shown(&only.name))),
                _ => (id, format!("structure {id}")),
            },
            None if members.len() > 1 => {
                let last = &flight.ships[*members.last()?];
                (last.id, last.label.clone())
            }
            None => return None,
        };
        let start = simulation.tick().0;
        let view = CloseUp {
            reference: name,
            ticks: (start, start),
            tracks: members.iter().map(|&i| (i, Vec::new())).collect(),
            ..CloseUp::default()
        };
        Some(Self { reference, members, stride: 3, done: false, view })
    }

    fn look(&mut self, simulation: &Simulation, ships: &[Ship], events: &[Event]) {
        let tick = simulation.tick().0;
        if self.done || !simulation.time_factor().is_active() || tick - self.view.ticks.0 > CLOSE_UP_TICKS_MAX {
            self.done = true;
            return;
        }
        let place = |id: u64| simulation.inspect(id).as_ref().and_then(entity::position);
        // Without its reference, should that be destroyed, the camera sees nothing.
        let Some(origin) = place(self.reference) else {
            self.done = true;
            return;
        };
        self.view.ticks.1 = tick;
        for event in events {
            if let Event::Impact { a, b, .. } = event
                && let Some(at) = place(*a).or_else(|| place(*b))
                && at.minus(origin).length() <= CLOSE_UP_REACH_M
                && self.view.impacts.len() < CLOSE_UP_THINGS_MAX
            {
                self.view.impacts.push(at.minus(origin));
            }
        }
        if !tick.is_multiple_of(self.stride) {
            return;
        }
        for (i, track) in self.members.iter().zip(&mut self.view.tracks) {
            if let Some(at) = place(ships[*i].id) {
                track.1.push(at.minus(origin));
            }
        }
        self.view.solids.clear();
        for id in simulation.entity_ids() {
            let kind = simulation.kind(id);
            let Some(state) = (kind != Some(Kind::Ship)).then(|| simulation.inspect(id)).flatten() else { continue };
            let Some(at) = entity::position(&state).map(|p| p.minus(origin)) else { continue };
            if at.length() > CLOSE_UP_REACH_M {
                continue;
            }
            if kind == Some(Kind::Projectile) {
                let rounds = &mut self.view.rounds;
                match rounds.iter().rposition(|(round, _)| *round == id) {
                    Some(known) => rounds[known].1.push(at),
                    None if rounds.len() < CLOSE_UP_THINGS_MAX => rounds.push((id, vec![at])),
                    None => {}
                }
            } else if self.view.solids.len() < CLOSE_UP_THINGS_MAX {
                self.view.solids.push((at, entity::number(&state, "Solid", "radius_m").unwrap_or(0.0)));
            }
        }
    }

    fn finish(self) -> CloseUp {
        self.view
    }
}
