//! The API over real sockets: each defence is tried by its attack, beside a request that is well.

mod connections;
mod console;
mod errors;
mod origins;
mod routing;
mod schemas;
mod sockets;
mod start;
mod support;
