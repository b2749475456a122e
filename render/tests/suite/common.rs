//! A software device whose every call is validated, and what several tests draw with.

use std::sync::Arc;

use glam::DQuat;
use render::{Camera, Choice, Format, Gpu, GpuOptions, Renderer};
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
    Renderer::new(gpu.clone(), Format { size, views, scale: 1.0 }).unwrap()
}

/// A camera at the origin that looks along x with z up.
pub fn camera(vertical_deg: f64, size: [u32; 2]) -> Camera {
    let aspect = f64::from(size[0]) / f64::from(size[1]);
    Camera::one(Position::ORIGIN, DQuat::IDENTITY, vertical_deg.to_radians(), aspect)
}
