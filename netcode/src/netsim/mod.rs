//! The fault world: the real core of 2 to 64 peers in virtual time, over a simulated network where everything goes wrong
//! that a seed can think of, and a checker that watches every step. One seed is one run, byte for byte.
//!
//! Must never open a socket, read a clock for anything but the cost of the cores, or draw a number that is not the seed's.

mod check;
mod network;
mod ops;
mod peer;
mod plan;
mod queue;
mod random;
mod toy;
mod truth;
