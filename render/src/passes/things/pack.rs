//! From a scene's things to what the shaders read: places from the camera in f32, after differences in full precision.
//! Must never leave anything out: what is drawn is for the device to choose.

use bytemuck::{Pod, Zeroable};
use glam::Vec3;

use super::rocks;
use crate::bodies::Look;
use crate::models::BUILT_IN;
use crate::passes::frame::FrameData;
use crate::scene::{AU_M, BLAST_S, Body, Scene, Ship};

/// Most bodies that hide things, or throw shadows on them.
const BODIES_MAX: usize = 16;
/// Sine of half the width of the smallest of them, seen from the camera.
const BODY_LEAST: f64 = 0.003;
/// Model numbers of what has no mesh, as in `shaders/things.wgsl`.
const ROUND: u32 = (BUILT_IN.len() + rocks::SHAPES) as u32;
const BLAST: u32 = ROUND + 1;
/// Radius of a round's glow, metres.
const ROUND_M: f32 = 0.15;
/// How far the sparks of an explosion fly, radii of what blew up.
const SPARKS: f32 = 16.0;

/// `Thing` of `shaders/things.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub(crate) struct ThingData {
    position_m: [f32; 3],
    radius_m: f32,
    turn: [f32; 4],
    tint: u32,
    model: u32,
    thrust: u32,
    state: f32,
}

/// `Around` of `shaders/things.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub(crate) struct AroundData {
    sun: [f32; 4],
    shine: [f32; 4],
    counts: [u32; 4],
    detail: [f32; 4],
    bodies: [[f32; 4]; BODIES_MAX],
    limbs: [[f32; 4]; BODIES_MAX],
}

/// What [`pack`] fills; kept from frame to frame, so that no memory is asked for.
#[derive(Default)]
pub(crate) struct Packed {
    things: Vec<ThingData>,
    pub(super) around: AroundData,
    /// Half the width of bodies over their distance, and their places in the scene's list.
    order: Vec<(f64, usize)>,
}

impl Packed {
    /// All things.
    pub(crate) fn things(&self) -> &[ThingData] {
        &self.things
    }
}

/// Fills `packed` with the scene's things; `groups_of` is how many of them one group of threads takes.
pub(crate) fn pack(scene: &Scene, frame: &FrameData, groups_of: usize, packed: &mut Packed) {
    let camera = scene.camera.position;
    let from_camera = |position: sim::Position| position.minus(camera).as_vec3().to_array();
    let all = &scene.things;
    packed.things.clear();
    packed.things.reserve(all.len());
    packed.things.extend(all.ships.iter().map(|ship| ThingData {
        position_m: from_camera(ship.position),
        radius_m: ship.radius_m,
        turn: ship.icrf_from_body.to_array(),
        tint: bytes(ship.tint),
        model: ship.model as u32,
        thrust: thrust(ship),
        state: ship.hull,
    }));
    packed.things.extend(all.asteroids.iter().map(|rock| ThingData {
        position_m: from_camera(rock.position),
        radius_m: rock.radius_m,
        turn: rock.icrf_from_body.to_array(),
        tint: rock_tint(rock.seed),
        model: BUILT_IN.len() as u32 + (rock.seed >> 8) % rocks::SHAPES as u32,
        thrust: 0,
        state: 1.0,
    }));
    packed.things.extend(all.rounds.iter().map(|round| ThingData {
        position_m: from_camera(round.position),
        radius_m: ROUND_M,
        turn: round.trail_m.extend(0.0).to_array(),
        model: ROUND,
        state: 1.0,
        ..ThingData::default()
    }));
    packed.things.extend(all.blasts.iter().map(|blast| {
        let age = (blast.age_s / BLAST_S).clamp(0.0, 1.0);
        ThingData {
            position_m: from_camera(blast.position),
            radius_m: blast.radius_m * (4.0 + SPARKS * age),
            turn: Vec3::X.extend(0.0).to_array().map(|c| c * blast.radius_m),
            tint: blast.seed,
            model: BLAST,
            thrust: 0,
            state: age,
        }
    }));
    around(scene, frame, groups_of, packed);
}

fn around(scene: &Scene, frame: &FrameData, groups_of: usize, packed: &mut Packed) {
    let camera = scene.camera.position;
    packed.order.clear();
    let solid = scene.bodies.iter().enumerate().filter(|(_, body)| body.look != Look::Sun && body.radius_m > 0.0);
    packed.order.extend(solid.map(|(i, body)| (body.radius_m / body.position.minus(camera).length().max(1.0), i)));
    // The widest first; of equals the first in the list.
    packed.order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let near = packed.order.iter().take(BODIES_MAX).take_while(|(wide, _)| *wide >= BODY_LEAST);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let sun = scene.light.position.minus(camera).as_vec3().extend(scene.light.radius_m as f32);
    let things = packed.things.len();
    let mut data = AroundData {
        sun: sun.to_array(),
        shine: [0.0, 0.0, 0.0, (f64::from(frame.exposure) * AU_M * AU_M) as f32],
        counts: [count(things), count(things.div_ceil(groups_of)), scene.camera.views(), 0],
        detail: [scene.options.detail.clamp(0.05, 20.0) as f32, 0.0, 0.0, 0.0],
        ..AroundData::default()
    };
    for (at, (_, i)) in near.enumerate() {
        let body = &scene.bodies[*i];
        let to = body.position.minus(camera);
        // The largest sphere within it.
        let radius_m = inner_radius_m(body);
        data.bodies[at] = to.as_vec3().extend(radius_m as f32).to_array();
        let distance = to.length();
        data.limbs[at][0] = ((distance - radius_m) * (distance + radius_m)).max(0.0).sqrt() as f32;
        data.counts[3] += 1;
        if at == 0 {
            let colour = body.look.colour().map(|c| c * body.look.albedo() as f32);
            data.shine[..3].copy_from_slice(&colour);
        }
    }
    packed.around = data;
}

/// Radius of the largest sphere within a flattened body, metres.
fn inner_radius_m(body: &Body) -> f64 {
    body.radius_m * body.flattened.min(1.0)
}

/// Three shares of 1 as bytes.
fn bytes(colour: [f32; 3]) -> u32 {
    let [r, g, b] = colour.map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u32);
    r | g << 8 | b << 16 | 255 << 24
}

/// Thrusters and main engine as signed bytes.
fn thrust(ship: &Ship) -> u32 {
    let byte = |v: f32| u32::from((v.clamp(-1.0, 1.0) * 127.0).round() as i8 as u8);
    let [x, y, z] = ship.thrusters.to_array().map(byte);
    x | y << 8 | z << 16 | byte(ship.throttle) << 24
}

/// Rocks are brown, grey, or dark.
fn rock_tint(seed: u32) -> u32 {
    let dark = 0.7 + 0.3 * (seed >> 16 & 15) as f32 / 15.0;
    let warm = 0.12 * (seed >> 20 & 15) as f32 / 15.0;
    bytes([dark, dark * (1.0 - 0.5 * warm), dark * (1.0 - warm)])
}
