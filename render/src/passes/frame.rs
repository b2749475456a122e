//! What every pass knows of a frame: the eyes and a few numbers, as `shaders/frame.wgsl` reads them. Must never hold
//! anything of one pass alone.

use bytemuck::{Pod, Zeroable};
use glam::{DVec3, Vec3};
use vulkano::buffer::Subbuffer;
use vulkano::descriptor_set::WriteDescriptorSet;

use super::comfort;
use crate::blackbody;
use crate::camera::{Camera, NEAR_M};
use crate::gpu::{Gpu, GpuError, lasting};
use crate::hud::Comfort;
use crate::relativity;
use crate::scene::Scene;

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct EyeData {
    clip_from_world: [f32; 16],
    right: [f32; 4],
    down: [f32; 4],
    forward: [f32; 4],
    tangents: [f32; 4],
    offset_m: [f32; 4],
}

/// `Frame` of `shaders/frame.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(crate) struct FrameData {
    eyes: [EyeData; 2],
    size: [f32; 2],
    /// Radians that a pixel in the middle covers.
    pub(crate) pixel_rad: f32,
    near_m: f32,
    pub(crate) exposure: f32,
    pub(crate) star_flux: f32,
    octaves: f32,
    bloom: f32,
    motion: [f32; 4],
    /// See [`super::comfort::pack`].
    comfort: [f32; 4],
    effects: [f32; 4],
}

/// What every pass that draws the scene reads.
pub(crate) struct Shared {
    /// [`FrameData`].
    pub frame: Subbuffer<[u8]>,
    /// Colours of black bodies; see [`glow_table`].
    pub glow: Subbuffer<[u8]>,
}

impl Shared {
    /// The bindings of a shader that includes `relativity.wgsl`.
    pub(crate) fn writes(&self) -> [WriteDescriptorSet; 2] {
        [WriteDescriptorSet::buffer(0, self.frame.clone()), WriteDescriptorSet::buffer(9, self.glow.clone())]
    }
}

/// `glow` of `shaders/relativity.wgsl`: linear sRGB of luminance 1, and the logarithm of the luminance.
pub(crate) fn glow_table(gpu: &Gpu) -> Result<Subbuffer<[u8]>, GpuError> {
    let row = |i: u32| {
        let kelvin = 2f64.powf(8.0 + f64::from(i) / 64.0);
        let [r, g, b] = blackbody::linear_srgb(kelvin);
        [r, g, b, blackbody::luminance_cd_m2(kelvin).max(1e-300).ln() as f32]
    };
    // Up to 2^30 kelvin.
    lasting(gpu, &(0..=22 * 64).map(row).collect::<Vec<_>>())
}

impl FrameData {
    /// The frame's data for a picture of `size` pixels, `scale` of which along an edge become one of the output.
    pub(crate) fn new(scene: &Scene, size: [u32; 2], scale: f64) -> Self {
        let camera = &scene.camera;
        let field = camera.eye(0).field;
        let options = &scene.options;
        Self {
            eyes: [0, 1].map(|view| eye(camera, view)),
            size: size.map(|edge| edge as f32),
            pixel_rad: ((field.up - field.down) / f64::from(size[1])) as f32,
            near_m: NEAR_M as f32,
            exposure: scene.exposure() as f32,
            // A finer picture spreads the same light over more pixels.
            star_flux: (options.star_flux * scale * scale) as f32,
            octaves: options.octaves.clamp(1, 24) as f32,
            bloom: options.bloom.clamp(0.0, 1.0) as f32,
            motion: camera.beta.as_vec3().extend(relativity::gamma(camera.beta) as f32).to_array(),
            comfort: [0.0; 4],
            effects: [options.air_steps.clamp(1, 64) as f32, 0.0, 0.0, 0.0],
        }
    }

    /// The same for a picture that is darkened.
    pub(crate) fn with(self, comfort: Comfort) -> Self {
        Self { comfort: comfort::pack(comfort), ..self }
    }

    /// The same for one eye, which takes the first one's place.
    pub(crate) fn of_eye(mut self, eye: usize) -> Self {
        self.eyes[0] = self.eyes[eye.min(1)];
        self
    }
}

fn eye(camera: &Camera, view: usize) -> EyeData {
    let four = |v: DVec3| v.as_vec3().extend(0.0).to_array();
    let [right, down, forward] = camera.axes(view);
    let field = camera.eye(view).field;
    EyeData {
        clip_from_world: camera.clip_from_world(view).to_cols_array(),
        right: four(right),
        down: four(down),
        forward: four(forward),
        tangents: [field.left, field.right, field.up, field.down].map(|t| t as f32),
        offset_m: Vec3::extend(camera.eye_offset_m(view).as_vec3(), 0.0).to_array(),
    }
}
