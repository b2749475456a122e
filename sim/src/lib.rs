//! A deterministic simulation of the real Solar System: `step(state, inputs of one tick) -> state`.

#![forbid(unsafe_code)]

pub mod bodies;
pub mod command;
pub mod component;
pub mod contact;
pub mod field;
pub mod input;
pub mod random;
pub mod recording;
pub mod refusal;
pub mod scenario;
pub mod space;
pub mod time;

pub use command::Command;
pub use input::{InputFrame, Membership, PlayerId, Role};
pub use refusal::Refusal;
pub use scenario::Scenario;
pub use space::Position;
pub use time::{SimTime, Tick, TimeFactor};
