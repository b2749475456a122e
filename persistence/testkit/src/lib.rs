//! What the tests of stores share. Part of no program.

#![forbid(unsafe_code)]

pub mod cluster;
pub mod hooked;
pub mod model;
pub mod proxy;
pub mod records;
pub mod suite;
pub mod switched;
pub mod trades;
