//! The renderer's tests, in one program: what the device draws, measured and compared with pictures and closed formulas,
//! and what is made without a device.

mod cockpit;
mod common;
mod fleet;
mod front;
mod golden_pictures;
mod hud_legible;
mod measured;
mod models;
mod motion;
mod overlay_shapes;
mod raster;
mod sample;
mod shader_build;
mod stars;
mod things;
#[path = "../../build/wgsl.rs"]
mod wgsl;
