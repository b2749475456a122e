//! The systems: free functions over columns, one file each. Their order is in `step.rs` and nowhere else.

pub(crate) mod coast;
pub(crate) mod collide;
pub(crate) mod commands;
mod crew;
pub mod flight;
pub mod gravity;
pub(crate) mod motion;
pub(crate) mod surface;
