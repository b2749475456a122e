//! Scenes shared by the benchmarks.

pub mod contact_scene;
