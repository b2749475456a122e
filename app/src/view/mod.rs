//! Looking at a world: cameras as people name them, instruments, pictures and windows. Must never change the simulation.

pub mod camera;
pub mod instruments;
pub mod shot;
pub mod studio;
pub mod world;
