//! From a frame view of the simulation to a Vulkan image, for one or two eyes. Must never change the simulation.

pub mod blackbody;
pub mod bodies;
pub mod camera;
pub mod compare;
pub mod extract;
pub mod gpu;
mod graph;
pub mod hud;
pub mod models;
mod passes;
pub mod picture;
pub mod quality;
pub mod reference;
pub mod relativity;
pub mod renderer;
pub mod scene;
pub mod screen;
pub mod sky;
pub mod text;

pub use camera::Camera;
pub use gpu::{Choice, Gpu, GpuError, GpuOptions, Work};
pub use passes::things::Counts;
pub use picture::Picture;
pub use renderer::{Format, Renderer};
pub use scene::Scene;
pub use screen::{FrameTimes, Screen};
