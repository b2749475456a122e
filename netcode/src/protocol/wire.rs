//! What travels between peers.

/// Most bytes of one datagram of the core.
pub const DATAGRAM_BYTES_MAX: usize = 1100;
