//! From a frame view of the simulation to a Vulkan image, for one or two eyes. Must never change the simulation.

pub mod hud;
pub mod text;
