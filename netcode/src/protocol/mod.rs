//! The protocol core: bytes, inputs and time go in, an ordered list of effects comes out. Must never read a clock,
//! open a socket or draw a random number.

mod config;
mod core;
mod cut;
mod delay;
mod effect;
mod entry;
pub mod evidence;
mod ids;
mod input;
mod keeping;
mod ledger;
mod link;
mod loss;
mod pace;
mod roster;
mod series;
pub mod signed;
pub mod transfer;
mod turn_part;
pub mod wire;

pub use config::{Config, Founder, Genesis, MEMBERS_MAX, PROTOCOL_VERSION, Rules};
pub use core::{AccessVersion, Admission, Core, KnownPeer, LinkStatus, Status, Wish};
pub use effect::{Change, Coming, Departure, Effect, Event, Frame, Refusal};
pub use ids::{Hash, PeerKey, Player, SessionId, Time, Turn};
pub use input::{INPUT_BYTES_MAX, Input};
