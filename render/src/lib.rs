//! From a frame view of the simulation to a Vulkan image. Must never change the simulation.

pub mod blackbody;
pub mod models;
pub mod relativity;
pub mod sky;
