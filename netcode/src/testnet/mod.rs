//! What tests with real sockets need, of this crate and of those above it: a network that is bad, machines of their own, and
//! bytes from strangers. Only there with the feature `testnet`; must never be in a program that people use.

pub mod forge;
pub mod netns;
pub mod relay;
