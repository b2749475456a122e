//! What the test programs of `sim` share. A crate and not modules, so that each program takes what it needs. Must never be
//! part of anything but tests.

pub mod busy;
pub mod common;
pub mod counting;
pub mod recording_support;
