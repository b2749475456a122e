//! A software device whose every call is validated, and scenes that several tests draw.

use std::sync::Arc;

use glam::{DQuat, DVec3};
use render::bodies::Look;
use render::scene::{Body, Exposure, Light, Options};
use render::{Camera, Choice, Format, Gpu, GpuOptions, Renderer, Scene};
use sim::Position;

/// Runs a test on a device; afterwards the validation layer must have had nothing to say.
pub fn validated(test: impl FnOnce(&Arc<Gpu>)) {
    let gpu = Gpu::open(GpuOptions { choice: Choice::Software, validation: true });
    let gpu = Arc::new(gpu.unwrap_or_else(|e| panic!("{e}")));
    test(&gpu);
    // What is destroyed last is validated too.
    let messages = gpu.messages();
    let first = messages.first().map_or(String::new(), |m| m.chars().take(900).collect());
    assert!(messages.is_empty(), "{} messages, the first: {first}", messages.len());
}

/// A renderer for one picture of that size.
pub fn renderer(gpu: &Arc<Gpu>, size: [u32; 2], views: u32) -> Renderer {
    Renderer::new(gpu.clone(), Format { size, views, samples: 1 }).unwrap()
}

/// A camera at the origin that looks along x with z up.
pub fn camera(vertical_deg: f64, size: [u32; 2]) -> Camera {
    let aspect = f64::from(size[0]) / f64::from(size[1]);
    Camera::one(Position::ORIGIN, DQuat::IDENTITY, vertical_deg.to_radians(), aspect)
}

/// A plain world: one body, and a Sun far away in that direction. Without the Milky Way.
pub fn lone(camera: Camera, look: Look, at: DVec3, radius_m: f64, sunward: DVec3) -> Scene {
    let position = Position::from_metres(at);
    let [_, flattened] = look.figure();
    let body = Body { look, position, icrf_from_body: DQuat::IDENTITY, radius_m, flattened };
    let light = Light { position: position.plus(sunward.normalize() * 1.5e11), radius_m: 6.957e8 };
    let options = Options { exposure: Exposure::Fixed(1.0), milky_way: false, star_flux: 0.0, ..Options::default() };
    Scene { camera, years: 0.0, light, bodies: vec![body], options }
}

/// The brightness of a pixel of linear light.
pub fn luminance(pixel: [f32; 4]) -> f64 {
    0.2126 * f64::from(pixel[0]) + 0.7152 * f64::from(pixel[1]) + 0.0722 * f64::from(pixel[2])
}
