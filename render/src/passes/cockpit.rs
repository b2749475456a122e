//! The cockpit around the pilot: packs the light that gets in for `shaders/cockpit.wgsl`, and draws the built-in model.
//! Must never move, turn or colour it by the ship's motion: it is at rest before the eye.

use bytemuck::{Pod, Zeroable};
use glam::DVec3;
use vulkano::buffer::Subbuffer;

use super::frame::FrameData;
use super::shader;
use crate::bodies::Look;
use crate::gpu::{Depth, Doing, Drawing, Gpu, GpuError, Pass, PassBuilder, Uploads, lasting};
use crate::models::{self, Model, ModelError};
use crate::relativity;
use crate::scene::{AU_M, Body, Cockpit, Scene};

/// Most panes.
const PANES_MAX: usize = 12;
/// Where the canopy is open to, ship's axes: light from there gets in, from the other side little does.
const OPEN: DVec3 = DVec3::new(0.6, 0.0, 0.8);
/// Share of sunlight that gets in and goes around from wall to wall.
const AROUND: f64 = 0.035;

/// `Vertex` of `shaders/cockpit.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct VertexData {
    place: [f32; 3],
    roughness: f32,
    normal: [f32; 3],
    pad: f32,
    colour: [f32; 3],
    pad1: f32,
    emissive: [f32; 3],
    pad2: f32,
}

/// `Cockpit` of `shaders/cockpit.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct CockpitData {
    turn: [f32; 4],
    sun: [f32; 4],
    body: [f32; 4],
    shine: [f32; 4],
    around: [f32; 4],
    panes: [[f32; 4]; 4 * PANES_MAX],
}

/// Most octaves of patterns with which light goes from corner to corner, without a look at each pixel.
const PLAIN_OCTAVES: u32 = 6;

/// The pipelines and the model.
pub(crate) struct CockpitPass {
    fine: Pass,
    plain: Pass,
    /// Three for each triangle.
    vertices: Subbuffer<[u8]>,
    count: u32,
    panes: Vec<[f32; 4]>,
}

impl CockpitPass {
    /// Makes the pass and uploads the model.
    pub(crate) fn new(gpu: &Gpu, views: u32) -> Result<Self, GpuError> {
        let pass = |entries| {
            let (spirv, depth) = (shader!("cockpit"), Depth::Write);
            PassBuilder { name: "cockpit", spirv, entries, depth, two_sided: false, ..Default::default() }
                .build(gpu, views)
        };
        let model = models::load(models::COCKPIT).doing("reading the built-in cockpit")?;
        let vertices = triangles(&model).doing("reading the built-in cockpit")?;
        let panes = model.panes.iter().take(PANES_MAX).flatten().map(|corner| corner.extend(0.0).to_array());
        Ok(Self {
            fine: pass(["vertex_main", "fragment_main"])?,
            plain: pass(["vertex_plain", "fragment_plain"])?,
            vertices: lasting(gpu, &vertices)?,
            count: u32::try_from(vertices.len()).unwrap_or(u32::MAX),
            panes: panes.collect(),
        })
    }

    /// Draws it over everything, whatever its depth.
    pub(crate) fn draw(
        &self,
        gpu: &Gpu,
        to: &mut Drawing,
        uploads: &Uploads,
        frame: &Subbuffer<[u8]>,
        (scene, data, cockpit): (&Scene, &FrameData, &Cockpit),
    ) -> Result<(), GpuError> {
        let mut packed = light(scene, f64::from(data.exposure), cockpit);
        for (to, corner) in packed.panes.iter_mut().zip(&self.panes) {
            *to = *corner;
        }
        packed.around[3] = (self.panes.len() / 4) as f32;
        let pass = if scene.options.octaves > PLAIN_OCTAVES { &self.fine } else { &self.plain };
        let set = pass.bind_buffers(gpu, &[frame, &uploads.put(&[packed])?, &self.vertices])?;
        to.draw(pass, set, self.count, 1)
    }
}

/// The corners of the finest level's triangles, one after the other.
fn triangles(model: &Model) -> Result<Vec<VertexData>, ModelError> {
    let level = model.levels.first().ok_or(ModelError::NoMesh)?;
    let corners = level.indices.iter().filter_map(|index| level.vertices.get(*index as usize));
    let data = |v: &models::Vertex| VertexData {
        place: v.position_m,
        roughness: v.roughness,
        normal: v.normal,
        pad: 0.0,
        colour: v.colour,
        pad1: 0.0,
        emissive: v.emissive,
        pad2: 0.0,
    };
    Ok(corners.map(data).collect())
}

/// The light that falls on the cockpit, in the ship's axes; without the panes.
fn light(scene: &Scene, exposure: f64, cockpit: &Cockpit) -> CockpitData {
    let (camera, lamps) = (&scene.camera, f64::from(cockpit.lamps.clamp(0.0, 1.0)));
    let ship_from_icrf = cockpit.icrf_from_ship.inverse();
    // It comes from where it is seen to come from.
    let seen = |to: DVec3| ship_from_icrf * relativity::aberrated(to.normalize_or(DVec3::X), camera.beta);
    let to_sun = scene.light.position.minus(camera.position);
    let far = to_sun.length().max(scene.light.radius_m).max(1.0);
    let full = exposure * (AU_M / far).powi(2);
    let sun_rad = (scene.light.radius_m / far).min(1.0).asin();
    let solid = scene.bodies.iter().filter(|body| body.look != Look::Sun && body.radius_m > 0.0);
    let left: f64 = solid.clone().map(|body| free(scene, body, to_sun, sun_rad)).product();
    let wide = |body: &Body| body.radius_m / body.position.minus(camera.position).length().max(body.radius_m);
    let nearest = solid.max_by(|a, b| wide(a).total_cmp(&wide(b)));
    let (toward, shine) = nearest.map_or((DVec3::X, DVec3::ZERO), |body| {
        let to_body = body.position.minus(camera.position);
        let toward = seen(to_body);
        // As a sphere that scatters by Lambert's law, seen from outside.
        let lit_from = scene.light.position.minus(body.position).normalize_or(DVec3::X);
        let phase = (0.5 - 0.5 * to_body.normalize_or(DVec3::X).dot(lit_from)).max(0.0);
        let strength = 0.67 * wide(body).powi(2) * full * phase.powf(1.5) * enters(toward);
        (toward, DVec3::from(body.look.colour().map(f64::from)) * body.look.albedo() * strength)
    });
    let sun = seen(to_sun);
    let around = DVec3::new(1.0, 0.97, 0.92) * (AROUND * full * left * enters(sun)) + shine * 0.25;
    let four = |v: DVec3, w: f64| v.as_vec3().extend(w as f32).to_array();
    CockpitData {
        turn: cockpit.icrf_from_ship.as_quat().to_array(),
        sun: four(sun, full * left),
        body: four(toward, sun_rad),
        shine: four(shine, lamps),
        around: four(around, 0.0),
        panes: [[0.0; 4]; 4 * PANES_MAX],
    }
}

/// Share of the light from a direction that gets in.
fn enters(direction: DVec3) -> f64 {
    let t = ((direction.dot(OPEN) + 0.9) / 1.4).clamp(0.0, 1.0);
    0.08 + 0.92 * t * t * (3.0 - 2.0 * t)
}

/// Share of the Sun's disc that a body leaves free for the camera, as `uncovered` in `shaders/disc.wgsl`.
fn free(scene: &Scene, body: &Body, to_sun: DVec3, sun: f64) -> f64 {
    let to_body = body.position.minus(scene.camera.position);
    let distance = to_body.length().max(body.radius_m);
    if to_body.dot(to_sun) <= 0.0 || distance >= to_sun.length() || sun <= 0.0 {
        return 1.0;
    }
    let (other, apart) = ((body.radius_m / distance).min(1.0).asin(), to_body.angle_between(to_sun));
    if apart >= sun + other {
        return 1.0;
    }
    if apart <= (sun - other).abs() {
        return if other >= sun { 0.0 } else { 1.0 - (other / sun).powi(2) };
    }
    let angle =
        |of: f64, past: f64| ((apart * apart + of * of - past * past) / (2.0 * apart * of)).clamp(-1.0, 1.0).acos();
    let segment = |angle: f64| angle - angle.sin() * angle.cos();
    let covered = sun * sun * segment(angle(sun, other)) + other * other * segment(angle(other, sun));
    (1.0 - covered / (core::f64::consts::PI * sun * sun)).clamp(0.0, 1.0)
}
