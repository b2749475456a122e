//! Scenes shared by the benchmarks.

pub mod integrators;
