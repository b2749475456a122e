//! The transport: links, strangers, floods and cost over a network in memory, and real sockets over a bad one. One program
//! for all of them, so that what they share is compiled once and used whole.

mod support;

mod cost;
mod flood;
mod hostile;
mod loopback;
mod lossy_relay;
mod namespaces;
mod sessions;
mod version;
