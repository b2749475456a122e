//! Looking at a world: cameras as people name them, pictures and windows. Must never change the simulation.

pub mod camera;
pub mod shot;
pub mod world;
