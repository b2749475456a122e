//! What presentation may read: the poses of the last two ticks in contiguous arrays, extracted once per tick
//! and published without locks. Must never be read back by the simulation.

use std::sync::Arc;

use arc_swap::ArcSwap;
use glam::{DQuat, DVec3, Quat, Vec3};

use crate::component::{Attitude, Identity, Kind};
use crate::simulation::Simulation;
use crate::space::Position;
use crate::time::{SimTime, Tick};

/// Where something is and which way it points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Centre.
    pub position: Position,
    /// Turns body axes into ICRF axes; the identity for what has no attitude.
    pub icrf_from_body: DQuat,
}

/// Two consecutive ticks. All arrays of entities are parallel and ascend by id; all arrays of bodies are
/// parallel to the scenario's.
#[derive(Clone, Debug, Default)]
pub struct FrameView {
    /// The later of the two ticks.
    pub tick: Tick,
    /// Simulated time at that tick.
    pub time: SimTime,
    /// Stable ids.
    pub ids: Vec<u64>,
    /// Kinds.
    pub kinds: Vec<Kind>,
    /// Poses one tick earlier; the later pose for what is new.
    pub previous: Vec<Pose>,
    /// Poses at [`Self::tick`].
    pub current: Vec<Pose>,
    /// Centres of the bodies one tick earlier.
    pub bodies_previous: Vec<Position>,
    /// Centres of the bodies at [`Self::tick`].
    pub bodies_current: Vec<Position>,
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

    /// Takes the present state as the current tick, with `earlier` as the one before.
    fn extract(&mut self, simulation: &Simulation, earlier: &Self) {
        self.tick = simulation.tick();
        self.time = simulation.time();
        self.ids.clear();
        self.kinds.clear();
        self.current.clear();
        for kind in Kind::ALL {
            let Some(archetype) = simulation.state.world.archetype(kind) else { continue };
            let (Some(ids), Some(positions)) = (archetype.get::<&Identity>(), archetype.get::<&Position>()) else {
                continue;
            };
            let attitudes = archetype.get::<&Attitude>();
            for (row, (identity, position)) in ids.iter().zip(positions.iter()).enumerate() {
                self.ids.push(identity.id);
                self.kinds.push(kind);
                let icrf_from_body = attitudes.as_ref().map_or(DQuat::IDENTITY, |a| a[row].icrf_from_body);
                self.current.push(Pose { position: *position, icrf_from_body });
            }
        }
        self.sort_by_id();
        self.bodies_current.clear();
        self.bodies_current.extend(simulation.bodies().iter().map(|b| b.position));

        let consecutive = earlier.tick.0 + 1 == self.tick.0;
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

    fn sort_by_id(&mut self) {
        if self.ids.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.ids.len()).collect();
        order.sort_unstable_by_key(|&i| self.ids[i]);
        self.ids = order.iter().map(|&i| self.ids[i]).collect();
        self.kinds = order.iter().map(|&i| self.kinds[i]).collect();
        self.current = order.iter().map(|&i| self.current[i]).collect();
    }
}

/// The vector from the camera to a point on the way between two places.
fn between(from: Position, to: Position, camera: Position, fraction: f64) -> DVec3 {
    to.minus(camera) - to.minus(from) * (1.0 - fraction)
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
}

/// A reader of published frame views; clone one per thread.
#[derive(Clone)]
pub struct FrameReader(Arc<ArcSwap<FrameView>>);

impl FrameFeed {
    /// A feed that has published nothing but an empty view.
    #[must_use]
    pub fn new() -> Self {
        Self { latest: Arc::new(ArcSwap::from_pointee(FrameView::default())), spare: Vec::new() }
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
        Arc::make_mut(&mut view).extract(simulation, &earlier);
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
