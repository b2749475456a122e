//! Everything between the protocol core and the UDP socket: who is who, who may come in, and datagrams that only the
//! two ends can read or make. Never interprets what the core sends.
//!
//! ```text
//! core -> Endpoint -> laminar (unreliable packets) -> Gate (seal, sessions, handshake) -> UDP socket
//! ```
//!
//! laminar sits above the seal: it sees virtual addresses, one per peer, and bytes that were authenticated. A
//! stranger's datagram ends in the gate.

mod admission;
mod door;
mod endpoint;
mod gate;
mod handshake;
mod identity;
mod invite;
mod links;
mod policy;
mod seal;
mod socket;
mod stats;
mod text;

pub use endpoint::{Down, Endpoint, EndpointError, Incoming, Limits};
pub use handshake::{
    Answer, COOKIE_BYTES, Cookie, Hello, Initiation, Introduction, Packet, Refusal, Welcome, mark, mark_key,
};
pub use identity::{Identity, IdentityError};
pub use invite::{Invite, InviteError, InviteLink, Terms};
pub use links::ConnectError;
pub use policy::{Entry, Policy};
pub use seal::{OVERHEAD_BYTES, PAYLOAD_BYTES_MAX, Window};
pub use socket::{UdpWire, Wire};
pub use stats::{Reject, Stats};
pub use text::{from_base64, from_hex, to_base64, to_hex};
