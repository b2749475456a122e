//! What the core has to know about the inputs it carries: how to write, read and join them. Nothing of their meaning.

use std::fmt::Debug;

/// Most bytes one member's input for one turn may have, encoded.
/// With its entry's other fields it has to fit into one datagram.
pub const INPUT_BYTES_MAX: usize = 1040;

/// One member's input for one turn.
///
/// `decode` must be total: any bytes give an input or `None`. `encode` must be canonical: equal inputs give equal
/// bytes, and what was decoded encodes to the bytes it came from, as the bytes are what is hashed and signed.
pub trait Input: Clone + Debug + PartialEq + Send + 'static {
    /// "Nothing new": what is entered for a member that submitted nothing.
    fn neutral() -> Self;

    /// Appends the encoded input, at most [`INPUT_BYTES_MAX`] bytes.
    fn encode(&self, out: &mut Vec<u8>);

    /// The input these bytes are, if they are one.
    fn decode(bytes: &[u8]) -> Option<Self>;

    /// Joins an input submitted later into this one, for a turn that takes both. What does not fit is returned
    /// and kept for the next turn.
    fn merge(&mut self, later: Self) -> Option<Self>;
}

/// Raw bytes, the last submission wins: for benchmarks and tests.
impl Input for Vec<u8> {
    fn neutral() -> Self {
        Self::new()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= INPUT_BYTES_MAX).then(|| bytes.to_vec())
    }

    fn merge(&mut self, later: Self) -> Option<Self> {
        if self.is_empty() {
            *self = later;
            return None;
        }
        Some(later)
    }
}
