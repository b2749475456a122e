//! The service: a world that outlives its process.

pub mod config;
