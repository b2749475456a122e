//! The API over real sockets: each defence is tried by its attack, beside a request that is well.

mod alerts;
mod connections;
mod console;
mod errors;
mod origins;
mod recordings;
mod routing;
mod schemas;
mod shelf;
mod sockets;
mod start;
mod support;
