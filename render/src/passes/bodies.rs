//! The massive bodies: packs each for `shaders/bodies.wgsl`, from far to near. Everything that must be exact is taken
//! here, in f64: heights over the ground, directions to centres, what stands before the Sun. Must never decide what a
//! surface looks like.

use bytemuck::{Pod, Zeroable};
use glam::{DQuat, DVec3};
use std::sync::Arc;

use vulkano::buffer::Subbuffer;
use vulkano::descriptor_set::WriteDescriptorSet;
use vulkano::image::sampler::Sampler;
use vulkano::image::view::ImageView;

use super::frame::{FrameData, Shared};
use super::shader;
use super::sky::Spot;
use crate::bodies::Look;
use crate::gpu::{Blend, Depth, Drawing, Gpu, GpuError, Pass, PassBuilder};
use crate::relativity;
use crate::scene::{AU_M, Body, Options, Scene};

/// Most bodies that may stand between one body and the Sun at a time.
const OCCLUDERS_MAX: usize = 4;
/// Radii in pixels between which a body turns from a spot into a disc.
const SPOT_PX: [f64; 2] = [0.8, 2.0];
/// The brightest that a body is as a spot, in light of a star of magnitude 0: beyond, it would be brighter than as a
/// disc.
const SPOT_FLUX_MAX: f64 = 3.0;
/// Effective temperature of the Sun, kelvin (IAU 2015, resolution B3).
const SUN_K: f32 = 5772.0;
/// Apparent magnitude of the Sun at one astronomical unit (Willmer 2018, ApJS 236, 47: V, Vega).
const SUN_MAGNITUDE: f64 = -26.76;
/// Brightness of the Sun's disc relative to a white surface that it lights at one astronomical unit: pi over the solid
/// angle of its disc there.
const SUN_SURFACE: f64 = 46_200.0;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
struct EyeData {
    towards: [f32; 4],
    across: [f32; 4],
    beside: [f32; 4],
    quad: [[f32; 4]; 3],
}

/// `Body` of `shaders/body.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub(crate) struct BodyData {
    eyes: [EyeData; 2],
    axes: [[f32; 4]; 3],
    sun: [f32; 4],
    light: [f32; 4],
    molecules: [f32; 4],
    haze: [f32; 4],
    absorbed: [f32; 4],
    rings: [f32; 4],
    occluders: [[f32; 4]; OCCLUDERS_MAX],
    effects: [f32; 4],
}

/// What [`pack`] fills; kept from frame to frame, so that no memory is asked for.
#[derive(Default)]
pub(crate) struct Packed {
    /// Discs, from far to near.
    pub discs: Vec<BodyData>,
    /// What each of them looks like.
    looks: Vec<Look>,
    /// Those too small to be discs.
    pub spots: Vec<Spot>,
    /// Those of the discs that have air or rings, from far to near; never empty.
    pub veils: Vec<BodyData>,
    /// Places in the scene's list with distances.
    order: Vec<(f64, usize)>,
}

/// A pipeline for each look, and the Earth's map.
pub(crate) struct Bodies {
    passes: Vec<Pass>,
    land: Arc<ImageView>,
}

/// Entry points of `shaders/bodies.wgsl`, in the order of [`Look`]. A device that does not branch, as one of software,
/// would run the code of all surfaces for each pixel of any.
const ENTRIES: [&str; 13] = [
    "fragment_sun",
    "fragment_mercury",
    "fragment_venus",
    "fragment_earth",
    "fragment_moon",
    "fragment_mars",
    "fragment_jupiter",
    "fragment_saturn",
    "fragment_uranus",
    "fragment_neptune",
    "fragment_pluto",
    "fragment_titan",
    "fragment_rock",
];
const _: () = assert!(Look::Rock as usize == ENTRIES.len() - 1);

impl Bodies {
    /// Makes the passes; `land` is the map of the Earth.
    pub(crate) fn new(gpu: &Gpu, views: u32, land: Arc<ImageView>) -> Result<Self, GpuError> {
        let pass = |fragment| {
            let builder = PassBuilder {
                name: "bodies",
                spirv: shader!("bodies"),
                entries: ["vertex_main", fragment],
                blend: Blend::Cover,
                depth: Depth::Write,
                ..Default::default()
            };
            builder.build(gpu, views)
        };
        Ok(Self { passes: ENTRIES.into_iter().map(pass).collect::<Result<_, _>>()?, land })
    }

    /// Draws `bodies`, the uploaded discs of `packed`.
    pub(crate) fn draw(
        &self,
        gpu: &Gpu,
        to: &mut Drawing,
        shared: &Shared,
        (packed, bodies): (&Packed, &Subbuffer<[u8]>),
        sampler: &Arc<Sampler>,
    ) -> Result<(), GpuError> {
        for (at, look) in (0..).zip(&packed.looks) {
            let Some(pass) = self.passes.get(*look as usize) else { continue };
            let own = WriteDescriptorSet::buffer(1, bodies.clone());
            let map = || WriteDescriptorSet::image_view_sampler(2, self.land.clone(), sampler.clone());
            let map = (*look == Look::Earth).then(map);
            let set = pass.bind(gpu, shared.writes().into_iter().chain([own]).chain(map))?;
            to.draw_from(pass, set, 6, at..at + 1)?;
        }
        Ok(())
    }
}

impl Packed {
    /// Puts what one eye sees in the first one's place.
    pub(crate) fn take_eye(&mut self, eye: usize) {
        for disc in &mut self.discs {
            disc.eyes[0] = disc.eyes[eye.min(1)];
        }
    }
}

/// Fills `packed` with what is seen of the scene's bodies.
pub(crate) fn pack(scene: &Scene, frame: &FrameData, packed: &mut Packed) {
    packed.discs.clear();
    packed.looks.clear();
    packed.spots.clear();
    packed.veils.clear();
    packed.order.clear();
    let camera = scene.camera.position;
    let far = |(i, body): (usize, &Body)| (body.position.minus(camera).length(), i);
    packed.order.extend(scene.bodies.iter().enumerate().map(far));
    // From far to near; of equals the first in the list comes first.
    packed.order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let exposure = f64::from(frame.exposure);
    let pixel = f64::from(frame.pixel_rad);
    for &(distance_m, i) in &packed.order {
        let body = &scene.bodies[i];
        if !(body.radius_m > 0.0 && distance_m > 0.0) {
            continue;
        }
        let radius_px = body.radius_m / distance_m / pixel;
        let disc = smooth(SPOT_PX, radius_px);
        if disc < 1.0 {
            packed.spots.push(spot(scene, body, distance_m, 1.0 - disc));
        }
        // Air and rings reach further than the disc, and are as small.
        if disc > 0.0 {
            packed.looks.push(body.look);
            packed.discs.push(disc_data(scene, body, exposure, pixel, disc as f32));
        }
    }
    let veils = packed.discs.iter().filter(|disc| disc.molecules[3] > 0.0 || disc.rings[1] > 0.0);
    packed.veils.extend(veils);
    if packed.veils.is_empty() {
        // Nothing is no buffer: one that has neither.
        packed.veils.push(BodyData::default());
    }
}

fn smooth([from, to]: [f64; 2], x: f64) -> f64 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A body as a star: its magnitude follows from its albedo and phase as of a sphere that scatters by Lambert's law.
fn spot(scene: &Scene, body: &Body, distance_m: f64, weight: f64) -> Spot {
    let to_camera = scene.camera.position.minus(body.position);
    let to_sun = scene.light.position.minus(body.position);
    let sunlight = if body.look == Look::Sun {
        (AU_M / distance_m).powi(2)
    } else {
        let phase = to_camera.angle_between(to_sun);
        let lit = (phase.sin() + (core::f64::consts::PI - phase) * phase.cos()) / core::f64::consts::PI;
        body.look.albedo() * lit * (body.radius_m / distance_m).powi(2) * (AU_M / to_sun.length().max(1.0)).powi(2)
    };
    let flux = sunlight * 10f64.powf(-0.4 * SUN_MAGNITUDE);
    let most = if body.look == Look::Sun { 1e4 } else { SPOT_FLUX_MAX };
    Spot {
        direction: (-to_camera).normalize_or(DVec3::X).as_vec3().to_array(),
        flux: (flux.min(most) * weight) as f32,
        colour: body.look.colour(),
        kelvin: if body.look == Look::Sun { SUN_K } else { 0.0 },
    }
}

fn disc_data(scene: &Scene, body: &Body, exposure: f64, pixel: f64, shown: f32) -> BodyData {
    let body_from_icrf = body.icrf_from_body.inverse();
    let radius = body.radius_m;
    let air = body.look.air();
    let rings = body.look.rings();
    let to_sun = body_from_icrf * scene.light.position.minus(body.position) / radius;
    // How far from the centre there is anything to draw, radii.
    let reach = match (air, rings, body.look) {
        (_, Some(rings), _) => rings.outer + 0.01,
        (Some(air), ..) => 1.0 + air.top_m / radius,
        (.., Look::Sun) => 4.0,
        _ => 1.0,
    };
    let axis = |axis: DVec3, more: f32| (body.icrf_from_body * axis).as_vec3().extend(more).to_array();
    let mut data = BodyData {
        eyes: [0, 1].map(|view| eye_data(scene, body, body_from_icrf, view, reach, pixel)),
        axes: [axis(DVec3::X, radius as f32), axis(DVec3::Y, body.flattened as f32), axis(DVec3::Z, shown)],
        sun: to_sun.as_vec3().extend((scene.light.radius_m / radius) as f32).to_array(),
        light: light(scene, body, exposure),
        effects: effects(&scene.options),
        ..BodyData::default()
    };
    if let Some(air) = air {
        let four =
            |per_m: [f64; 3], w: f64| [per_m[0] * radius, per_m[1] * radius, per_m[2] * radius, w].map(|v| v as f32);
        data.molecules = four(air.molecules, air.molecules_m / radius);
        data.haze = four(air.haze, air.haze_m / radius);
        data.absorbed = four(air.absorbed, air.top_m / radius);
    }
    if let Some(rings) = rings {
        (data.rings[0], data.rings[1]) = (rings.inner as f32, rings.outer as f32);
    }
    data.rings[3] = occluders(scene, body, body_from_icrf, reach, &mut data.occluders) as f32;
    data
}

/// Most octaves of a pattern, and steps along a ray through air.
fn effects(options: &Options) -> [f32; 4] {
    [options.octaves.clamp(1, 24) as f32, options.air_steps.clamp(1, 64) as f32, 0.0, 0.0]
}

/// Sunlight on a body, or the Sun's own brightness; with the clouds' time.
fn light(scene: &Scene, body: &Body, exposure: f64) -> [f32; 4] {
    let brightness = if body.look == Look::Sun {
        // As an eye squints: the nearer, the dimmer, until the surface can be looked at.
        let wide = 2.0 * body.radius_m / body.position.minus(scene.camera.position).length().max(body.radius_m);
        let most = 10f64.powf(2.6 - 2.8 * smooth([0.005, 0.3], wide));
        (SUN_SURFACE * exposure).min(most)
    } else {
        let distance_m = body.position.minus(scene.light.position).length().max(1.0);
        exposure * (AU_M / distance_m).powi(2)
    };
    // Clouds drift by a radian in twenty days; the time is folded so that f32 stays exact.
    let days = scene.years * 365.25;
    let value = brightness as f32;
    [value, value, value, (days.rem_euclid(4096.0)) as f32]
}

/// Where an eye sees the body: everything in the space in which the flattened body is a unit sphere.
fn eye_data(scene: &Scene, body: &Body, body_from_icrf: DQuat, view: usize, reach: f64, pixel: f64) -> EyeData {
    let eye = scene.camera.position.plus(scene.camera.eye_offset_m(view));
    let centre_m = body_from_icrf * body.position.minus(eye);
    let round_m = centre_m / DVec3::new(1.0, 1.0, body.flattened);
    let distance = round_m.length() / body.radius_m;
    let towards = round_m.normalize_or(DVec3::X);
    let (across, beside) = towards.any_orthonormal_pair();
    // From the height, so that it is exact near the ground.
    let height = (round_m.length() - body.radius_m) / body.radius_m;
    let gap = height * (2.0 + height);
    let far = distance > 3.0 * reach;
    let four = |v: DVec3, w: f64| v.as_vec3().extend(w as f32).to_array();
    let to_centre = body.position.minus(eye);
    let half_rad = (reach * body.radius_m / to_centre.length()).min(1.0).asin();
    let beta = scene.camera.beta;
    let quad = relativity::aberrated_cone(to_centre.normalize_or(DVec3::X), half_rad, beta)
        // Where the square around the body would get large, or the eye is within what is drawn, the whole picture is.
        .filter(|(_, half_rad)| to_centre.length() > reach * body.radius_m && *half_rad < 1.0)
        .map(|(middle, half_rad)| {
            let (u, v) = middle.any_orthonormal_pair();
            let half = half_rad.tan() + 2.0 * pixel;
            [four(middle, 1.0), four(u * half, 0.0), four(v * half, 0.0)]
        });
    EyeData {
        towards: four(towards, distance),
        across: four(across, gap),
        beside: four(beside, f64::from(u8::from(far))),
        quad: quad.unwrap_or_default(),
    }
}

/// The bodies that may stand between this one and the Sun, the widest first; gives back how many.
fn occluders(
    scene: &Scene,
    body: &Body,
    body_from_icrf: DQuat,
    reach: f64,
    out: &mut [[f32; 4]; OCCLUDERS_MAX],
) -> usize {
    let to_sun = scene.light.position.minus(body.position);
    let (sun_distance, sun_dir) = (to_sun.length(), to_sun.normalize_or(DVec3::X));
    let mut count = 0;
    for other in scene.bodies.iter().filter(|other| other.look != Look::Sun && body.look != Look::Sun) {
        let to_other = other.position.minus(body.position);
        let along = to_other.dot(sun_dir);
        if along <= 0.0 || along >= sun_distance || count == OCCLUDERS_MAX {
            continue;
        }
        // The penumbra widens by the Sun's angular radius.
        let aside = (to_other - sun_dir * along).length();
        let wide = other.radius_m + reach * body.radius_m + along * scene.light.radius_m / sun_distance * 1.1;
        if aside < wide {
            let centre = body_from_icrf * to_other / body.radius_m;
            let radius = (other.radius_m / body.radius_m) as f32;
            // The sign says whether it has air, which lets red light into its shadow.
            let signed = if other.look.air().is_some() { -radius } else { radius };
            out[count] = centre.as_vec3().extend(signed).to_array();
            count += 1;
        }
    }
    count
}
