//! How a seat's private field is sealed and opened. The one place that knows. Must never log what it opens.

use persistence::{Seal, Seat};

use crate::exit::Failure;

/// How private fields are kept.
pub enum Sealing {
    /// As they are: for stores that hold nothing of people elsewhere either.
    Open,
}

impl Sealing {
    /// Seals the bytes for the person of this seat, as part of it.
    ///
    /// # Errors
    /// [`Failure::Machine`] where the store of keys does not answer.
    pub fn seal(&self, _seat: &Seat, plain: &[u8]) -> Result<Seal, Failure> {
        match self {
            Self::Open => Ok(Seal(plain.to_vec())),
        }
    }

    /// What was sealed; nothing where the person was erased.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn open(&self, seat: &Seat) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::Open => Ok(Some(seat.private.0.clone())),
        }
    }

    /// A hash by which a public key is found again.
    #[must_use]
    pub fn tag(&self, key: &[u8; 32]) -> [u8; 32] {
        match self {
            Self::Open => blake3::derive_key("spacetime 2026 seat of a key", key),
        }
    }
}
