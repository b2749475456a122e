//! What went in and out, and what was turned away and why. Counts only.

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reject {
    /// No handshake packet and too short or too long for a sealed one.
    Malformed,
    /// Sealed for a session that does not exist.
    UnknownSession,
    /// Wrong tag.
    Forged,
    /// Seen before, or too old to tell.
    Replayed,
    /// A Hello whose sender does not know this peer's key.
    BadHello,
    /// Cookie of another address or time.
    BadCookie,
    /// Too many handshakes from one prefix.
    SourceRation,
    /// Too many handshakes at all.
    HandshakeRation,
    /// A handshake that was computed before; a recorded answer may have been repeated.
    RepeatedHandshake,
    /// Noise failed, or the identity does not belong to the Noise key.
    BadHandshake,
    /// A handshake that was understood and refused with a reason.
    Refused,
    /// An answer that no attempt waits for.
    Unasked,
}

impl Reject {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Malformed,
        Self::UnknownSession,
        Self::Forged,
        Self::Replayed,
        Self::BadHello,
        Self::BadCookie,
        Self::SourceRation,
        Self::HandshakeRation,
        Self::RepeatedHandshake,
        Self::BadHandshake,
        Self::Refused,
        Self::Unasked,
    ];
}

/// Counts since the endpoint was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams given to the socket.
    pub datagrams_sent: u64,
    /// Their UDP payload, bytes.
    pub bytes_sent: u64,
    /// Datagrams that the socket would not take.
    pub sends_failed: u64,
    /// Datagrams from the socket.
    pub datagrams_received: u64,
    /// Their UDP payload, bytes.
    pub bytes_received: u64,
    /// Datagrams that reached laminar: authenticated and new.
    pub passed_up: u64,
    /// First Noise messages that were computed.
    pub handshakes_computed: u64,
    /// Sends dropped because too many waited or the datagram was too long.
    pub sends_dropped: u64,
    /// Rejected datagrams; see [`Stats::rejected`].
    rejected: [u64; Reject::ALL.len()],
}

impl Stats {
    /// Datagrams rejected for a reason.
    #[must_use]
    pub fn rejected(&self, why: Reject) -> u64 {
        self.rejected[why as usize]
    }

    /// Datagrams rejected at all.
    #[must_use]
    pub fn rejected_in_all(&self) -> u64 {
        self.rejected.iter().sum()
    }

    pub(super) fn reject(&mut self, why: Reject) {
        self.rejected[why as usize] += 1;
    }
}
