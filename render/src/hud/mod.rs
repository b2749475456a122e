//! x
pub mod colour;
pub mod format;
pub mod paint;
