//! Lockstep between peers: the same frames in the same order on every machine, over a network that loses, delays and
//! forges. The protocol core takes time, bytes and inputs and gives back effects; it has no clock, no socket
//! and no randomness. The transport around it has. `docs/NETCODE.md` is the protocol and its proof.

#![forbid(unsafe_code)]

pub mod netsim;
pub mod protocol;
pub mod replica;
pub mod speculation;
#[cfg(feature = "testnet")]
pub mod testnet;
pub mod transport;
pub mod world;

pub use protocol::{Config, Core, Effect, Event, Frame, Input};
