//! The attack suite against a real service over real sockets: what the published document allows and forbids, what is
//! malformed, too slow, too large or too much. docs/SECURITY.md says which check each test stands for.

mod broken;
mod crowd;
mod debugging;
mod document;
mod draw;
mod fuzz;
mod identity;
mod inputs;
mod malformed;
mod raw;
mod reach;
mod scene;
mod slow;
mod sockets;
