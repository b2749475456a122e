//! What presentation may read: the poses of the last two ticks in contiguous arrays, extracted once per tick
//! and published without locks. Must never be read back by the simulation.

use std::sync::Arc;

use arc_swap::ArcSwap;
use glam::{DQuat, DVec3, Quat, Vec3};
use hecs::ArchetypeColumn;

use crate::component::{Attitude, Berth, Clock, Controls, Hull, Identity, Kind, Solid, Tank, Velocity};
use crate::relativity::Light;
use crate::simulation::Simulation;
use crate::space::Position;
use crate::state::State;
use crate::time::{SimTime, Tick, TimeFactor};

/// Where something is and which way it points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Centre.
    pub position: Position,
    /// Turns body axes into ICRF axes; the identity for what has no attitude.
    pub icrf_from_body: DQuat,
}

/// What is to be seen of something besides its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Coordinate velocity, m/s, ICRF axes.
    pub velocity_m_s: DVec3,
    /// Seconds that a ship's clock lags behind coordinate time.
    pub lag_s: f64,
    /// Radius of the sphere that it collides as, metres; 0 for rounds.
    pub radius_m: f32,
    /// A ship's class, by index in the scenario.
    pub class: u32,
    /// Player who flies it; 0 is nobody.
    pub player: u32,
    /// Main engine, 0 to 1.
    pub throttle: f32,
    /// Manoeuvring thrusters along body axes, -1 to 1.
    pub thrusters: Vec3,
    /// Whether a ship's flight assist is on.
    pub assist: bool,
    /// Share of a ship's hull that is left, 0 for a wreck; 1 for all other things.
    pub hull: f32,
    /// Share of a ship's propellant that is left.
    pub fuel: f32,
}

/// Two consecutive ticks. All arrays of entities are parallel and ascend by id; all arrays of bodies are
/// parallel to the scenario's.
#[derive(Clone, Debug, Default)]
pub struct FrameView {
    /// The later of the two ticks.
    pub tick: Tick,
    /// Simulated time at that tick.
    pub time: SimTime,
    /// Simulated time per tick.
    pub time_factor: TimeFactor,
    /// Stable ids.
    pub ids: Vec<u64>,
    /// Kinds.
    pub kinds: Vec<Kind>,
    /// Poses one tick earlier; the later pose for what is new.
    pub previous: Vec<Pose>,
    /// Poses at [`Self::tick`].
    pub current: Vec<Pose>,
    /// What else is to be seen at [`Self::tick`].
    pub looks: Vec<Look>,
    /// Centres of the bodies one tick earlier.
    pub bodies_previous: Vec<Position>,
    /// Centres of the bodies at [`Self::tick`].
    pub bodies_current: Vec<Position>,
    /// Velocities of the bodies, m/s, barycentric, ICRF axes.
    pub bodies_velocity_m_s: Vec<DVec3>,
}

/// A pose as a renderer wants it: metres from the camera, ICRF axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CameraPose {
    /// Metres from the camera. Differences are taken in full precision, so what is near is exact to f32's
    /// rounding of the distance: better than half a millimetre within 8 km.
    pub position_m: Vec3,
    /// Turns body axes into ICRF axes.
    pub icrf_from_body: Quat,
}

impl FrameView {
    /// The pose of the thing at an index at `fraction` of the way from the previous tick (0) to the current one (1);
    /// nothing for an index beyond the end.
    #[must_use]
    pub fn pose(&self, at: usize, fraction: f64) -> Option<Pose> {
        let (from, to) = (self.previous.get(at)?, self.current.get(at)?);
        Some(Pose {
            position: on_the_way(from.position, to.position, fraction),
            icrf_from_body: turn_between(from.icrf_from_body, to.icrf_from_body, fraction),
        })
    }

    /// The centre of the body at an index, as [`Self::pose`].
    #[must_use]
    pub fn body(&self, at: usize, fraction: f64) -> Option<Position> {
        Some(on_the_way(*self.bodies_previous.get(at)?, *self.bodies_current.get(at)?, fraction))
    }

    /// Poses at `fraction` of the way from the previous tick (0) to the current one (1), seen from `camera`.
    /// Clears and fills `out`, parallel to [`Self::ids`].
    pub fn seen_from(&self, camera: Position, fraction: f64, out: &mut Vec<CameraPose>) {
        out.clear();
        out.extend(self.previous.iter().zip(&self.current).map(|(from, to)| CameraPose {
            position_m: between(from.position, to.position, camera, fraction).as_vec3(),
            icrf_from_body: turn_between(from.icrf_from_body, to.icrf_from_body, fraction).as_quat(),
        }));
    }

    /// As [`Self::seen_from`], for the bodies: f64, since they are far.
    pub fn bodies_seen_from(&self, camera: Position, fraction: f64, out: &mut Vec<DVec3>) {
        out.clear();
        let pairs = self.bodies_previous.iter().zip(&self.bodies_current);
        out.extend(pairs.map(|(from, to)| between(*from, *to, camera, fraction)));
    }

    /// Takes the present state as the current tick, with `earlier` as the one before. `order` is scratch.
    fn extract(&mut self, simulation: &Simulation, earlier: &Self, span: u64, order: &mut Vec<Place>) {
        self.tick = simulation.tick();
        self.time = simulation.time();
        self.time_factor = simulation.time_factor();
        self.ids.clear();
        self.kinds.clear();
        self.current.clear();
        self.looks.clear();
        let state = &simulation.state;
        let columns = Kind::ALL.map(|kind| Columns::of(state, kind));
        order.clear();
        for (kind, columns) in columns.iter().enumerate() {
            let ids = columns.iter().flat_map(|columns| columns.ids.iter()).zip(0..);
            order.extend(ids.map(|(identity, row)| Place { id: identity.id, kind, row }));
        }
        if !order.is_sorted_by_key(|place| place.id) {
            order.sort_unstable_by_key(|place| place.id);
        }
        let light = Light::new(simulation.scenario().speed_of_light_m_s);
        for place in &*order {
            let Some(columns) = &columns[place.kind] else { continue };
            self.ids.push(place.id);
            self.kinds.push(Kind::ALL[place.kind]);
            self.current.push(columns.pose(place.row));
            self.looks.push(columns.look(place.row, state, light));
        }
        self.bodies_current.clear();
        self.bodies_current.extend(simulation.bodies().iter().map(|b| b.position));
        self.bodies_velocity_m_s.clear();
        self.bodies_velocity_m_s.extend(simulation.bodies().iter().map(|b| b.velocity_m_s));

        let consecutive = (1..=span).contains(&self.tick.0.wrapping_sub(earlier.tick.0));
        self.previous.clear();
        let mut at = 0;
        for (id, current) in self.ids.iter().zip(&self.current) {
            // Both lists ascend, so one walk finds every match.
            while at < earlier.ids.len() && earlier.ids[at] < *id {
                at += 1;
            }
            let known = consecutive && earlier.ids.get(at) == Some(id);
            self.previous.push(if known { earlier.current[at] } else { *current });
        }
        self.bodies_previous.clear();
        let known = consecutive && earlier.bodies_current.len() == self.bodies_current.len();
        self.bodies_previous.extend_from_slice(if known { &earlier.bodies_current } else { &self.bodies_current });
    }
}

/// Where an entity's components are.
#[derive(Clone, Copy, Debug)]
struct Place {
    id: u64,
    /// In [`Kind::ALL`].
    kind: usize,
    row: usize,
}

/// The columns of one kind, as far as presentation reads them.
struct Columns<'a> {
    ids: ArchetypeColumn<'a, Identity>,
    positions: ArchetypeColumn<'a, Position>,
    velocities: ArchetypeColumn<'a, Velocity>,
    attitudes: Option<ArchetypeColumn<'a, Attitude>>,
    solids: Option<ArchetypeColumn<'a, Solid>>,
    ships: Option<Ships<'a>>,
}

/// What only ships have.
struct Ships<'a> {
    berths: ArchetypeColumn<'a, Berth>,
    controls: ArchetypeColumn<'a, Controls>,
    hulls: ArchetypeColumn<'a, Hull>,
    tanks: ArchetypeColumn<'a, Tank>,
    clocks: ArchetypeColumn<'a, Clock>,
}

impl<'a> Columns<'a> {
    fn of(state: &'a State, kind: Kind) -> Option<Self> {
        let archetype = state.world.archetype(kind)?;
        let ships = || {
            Some(Ships {
                berths: archetype.get::<&Berth>()?,
                controls: archetype.get::<&Controls>()?,
                hulls: archetype.get::<&Hull>()?,
                tanks: archetype.get::<&Tank>()?,
                clocks: archetype.get::<&Clock>()?,
            })
        };
        Some(Self {
            ids: archetype.get::<&Identity>()?,
            positions: archetype.get::<&Position>()?,
            velocities: archetype.get::<&Velocity>()?,
            attitudes: archetype.get::<&Attitude>(),
            solids: archetype.get::<&Solid>(),
            ships: ships(),
        })
    }

    fn pose(&self, row: usize) -> Pose {
        let icrf_from_body = self.attitudes.as_ref().map_or(DQuat::IDENTITY, |a| a[row].icrf_from_body);
        Pose { position: self.positions[row], icrf_from_body }
    }

    fn look(&self, row: usize, state: &State, light: Light) -> Look {
        let mut look = Look {
            velocity_m_s: light.velocity(self.velocities[row].proper_m_s),
            radius_m: self.solids.as_ref().map_or(0.0, |solids| solids[row].radius_m as f32),
            ..Look::default()
        };
        let Some(ships) = &self.ships else { return look };
        let (berth, controls) = (ships.berths[row], ships.controls[row]);
        let full = |deflection: i16| f32::from(deflection) / f32::from(i16::MAX);
        look.player = berth.player;
        look.class = berth.class;
        look.throttle = full(controls.main);
        look.thrusters = Vec3::from(controls.translate.map(full));
        look.assist = controls.assist == 1;
        look.lag_s = ships.clocks[row].lag_s;
        if let Some(class) = state.tuning.classes.get(berth.class as usize) {
            look.radius_m = class.radius_m as f32;
            look.hull = share(ships.hulls[row].health_j, class.hull_j);
            look.fuel = share(ships.tanks[row].fuel_kg, class.fuel_kg);
        }
        look
    }
}

impl Default for Look {
    fn default() -> Self {
        let (velocity_m_s, thrusters) = (DVec3::ZERO, Vec3::ZERO);
        let (lag_s, radius_m, throttle, hull, fuel) = (0.0, 0.0, 0.0, 1.0, 1.0);
        Self { velocity_m_s, lag_s, radius_m, class: 0, player: 0, throttle, thrusters, assist: false, hull, fuel }
    }
}

/// How much of all is left, 0 to 1.
fn share(left: f64, all: f64) -> f32 {
    if all > 0.0 { (left / all).clamp(0.0, 1.0) as f32 } else { 1.0 }
}

/// The vector from the camera to a point on the way between two places.
fn between(from: Position, to: Position, camera: Position, fraction: f64) -> DVec3 {
    to.minus(camera) - to.minus(from) * (1.0 - fraction)
}

/// The point on the way between two places.
fn on_the_way(from: Position, to: Position, fraction: f64) -> Position {
    to.plus(to.minus(from) * (fraction - 1.0))
}

/// The attitude on the way between two: linear and normalised, which for one tick's turn is within a
/// thousandth of the angle of the exact arc. Takes the shorter way round.
fn turn_between(from: DQuat, to: DQuat, fraction: f64) -> DQuat {
    let to = if from.dot(to) < 0.0 { -to } else { to };
    (from * (1.0 - fraction) + to * fraction).normalize()
}

/// Publishes the frame views of one simulation.
pub struct FrameFeed {
    latest: Arc<ArcSwap<FrameView>>,
    /// Views that readers may have let go of, for reuse.
    spare: Vec<Arc<FrameView>>,
    order: Vec<Place>,
    /// Most ticks between two states that one view leads from and to.
    span: u64,
}

/// A reader of published frame views; clone one per thread.
#[derive(Clone)]
pub struct FrameReader(Arc<ArcSwap<FrameView>>);

impl FrameFeed {
    /// A feed that has published nothing but an empty view.
    #[must_use]
    pub fn new() -> Self {
        Self {
            latest: Arc::new(ArcSwap::from_pointee(FrameView::default())),
            spare: Vec::new(),
            order: Vec::new(),
            span: 1,
        }
    }

    /// Where several ticks are stepped at once, as in a session's turn: the earlier pose of a view is that of the state
    /// published before, up to so many ticks ago.
    pub fn set_span(&mut self, ticks: u64) {
        self.span = ticks.max(1);
    }

    /// A reader of what is published from now on.
    #[must_use]
    pub fn reader(&self) -> FrameReader {
        FrameReader(Arc::clone(&self.latest))
    }

    /// Extracts the present state and publishes it. Call once after each tick.
    pub fn publish(&mut self, simulation: &Simulation) {
        let earlier = self.latest.load_full();
        let free = self.spare.iter().position(|view| Arc::strong_count(view) == 1);
        let mut view = free.map_or_else(Arc::default, |i| self.spare.swap_remove(i));
        // Nobody else holds a free view, so this never copies.
        Arc::make_mut(&mut view).extract(simulation, &earlier, self.span, &mut self.order);
        self.latest.store(view);
        if self.spare.len() < 4 {
            self.spare.push(earlier);
        }
    }
}

impl Default for FrameFeed {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameReader {
    /// The view that was published last. Never waits; what it returns does not change.
    #[must_use]
    pub fn latest(&self) -> Arc<FrameView> {
        self.0.load_full()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_near_the_camera_is_exact_to_half_a_millimetre(
            far in -1e20f64..1e20, x in -4e3f64..4e3, y in -4e3f64..4e3, step in -400f64..400.0, fraction in 0f64..1.0,
        ) {
            let camera = Position::from_metres(DVec3::new(far, -far, far / 7.0));
            let from = camera.plus(DVec3::new(x, y, 1.0));
            let to = from.plus(DVec3::new(step, 0.0, -step));
            let pose = |position| Pose { position, icrf_from_body: DQuat::IDENTITY };
            let view = FrameView { previous: vec![pose(from)], current: vec![pose(to)], ..FrameView::default() };
            let mut seen = Vec::new();
            view.seen_from(camera, fraction, &mut seen);
            let expected = DVec3::new(x + step * fraction, y, 1.0 - step * fraction);
            prop_assert!((seen[0].position_m.as_dvec3() - expected).length() < 5e-4);
        }
    }
}
