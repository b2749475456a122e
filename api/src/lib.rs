//! The HTTP and WebSocket API of a running simulation: watch, steer and debug it from a browser or a script, with
//! accounts, roles and an audit trail.
//!
//! Data flows one way: a connection ([`http`]) becomes a request, which the one table of routes ([`routes`]) knows; the
//! gatekeeper ([`gate`], built in [`security`]) says who asks and whether they may; the route's handler asks one of the
//! [`ports`], and its answer goes out as JSON, or as a problem that tells an outsider nothing.
//!
//! It must never know what a simulation or a store is made of: whoever runs one implements the ports.

#![forbid(unsafe_code)]

pub mod clock;
pub mod debug;
pub mod gate;
pub mod http;
pub mod identity;
pub mod orders;
pub mod ports;
pub mod routes;
pub mod security;
pub mod webhook;
