//! One blob (a snapshot of 1 to 50 MB) from one peer to another, over datagrams that get lost: cut into chunks,
//! acknowledged, and resumable with another sender. The blob is packed with zstd, its BLAKE3 hash decides whether it
//! arrived. Must never read a clock, trust a size that a peer names, or fill the queues that lockstep
//! datagrams wait in.
//!
//! ```
//! use netcode::protocol::Time;
//! use netcode::protocol::transfer::{CHUNK_BYTES, Packed, Receiver, Sender};
//!
//! let blob = vec![7; 100_000];
//! let packed = Packed::new(&blob, CHUNK_BYTES)?;
//! let mut receiver = Receiver::new(1, packed.offer, 1 << 20)?; // the offer travels by another message
//! let mut sender = Sender::new(1, packed.bytes, CHUNK_BYTES);
//! let mut now = Time(0);
//! while !sender.is_done() {
//!     let mut chunks = Vec::new();
//!     sender.poll(now, &mut chunks);
//!     let acks: Vec<_> = chunks.iter().filter_map(|chunk| receiver.on_chunk(now, chunk)).collect();
//!     acks.iter().for_each(|ack| sender.on_ack(now, ack));
//!     if let Some(ack) = receiver.poll(now) {
//!         sender.on_ack(now, &ack);
//!     }
//!     now = sender.wake_at().min(receiver.wake_at()).max(now);
//! }
//! assert_eq!(receiver.finish()?, blob);
//! # Ok::<(), netcode::protocol::transfer::TransferError>(())
//! ```

mod bits;
mod pace;
mod receiver;
mod sender;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::Hash;

pub use receiver::Receiver;
pub use sender::Sender;

/// Usual bytes of the packed blob in one chunk: with its header and a seal, it fits
/// [`super::wire::DATAGRAM_BYTES_MAX`].
pub const CHUNK_BYTES: u16 = 1000;

/// Most ranges of one acknowledgement.
pub const RANGES_MAX: usize = 96;

/// What the network adds to a chunk (IP, UDP, seals, headers), in bytes, for the sake of pacing.
pub const OVERHEAD_BYTES: u64 = 70;

/// Fast rather than small: a snapshot must be packed while the others go on.
const PACK_LEVEL: i32 = 1;

/// What is to be transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// BLAKE3 of the blob.
    pub id: Hash,
    /// BLAKE3 of the packed blob: senders of the same packing can take over from one another.
    pub packed_id: Hash,
    /// Length of the blob, in bytes.
    pub size: u64,
    /// Length of the packed blob, in bytes.
    pub packed_size: u64,
    /// Bytes of the packed blob in each chunk but the last.
    pub chunk_bytes: u16,
}

impl Offer {
    /// Number of chunks; `None` if that is no number a transfer can have.
    fn chunks(&self) -> Option<u32> {
        let bytes = u64::from(self.chunk_bytes);
        (bytes > 0 && self.packed_size > 0).then(|| self.packed_size.div_ceil(bytes))?.try_into().ok()
    }
}

/// A blob, packed for sending.
#[derive(Clone, Debug)]
pub struct Packed {
    /// What to tell the receiver.
    pub offer: Offer,
    /// What to give to a [`Sender`].
    pub bytes: Arc<Vec<u8>>,
}

impl Packed {
    /// Packs a blob, to be cut into chunks of `chunk_bytes`.
    ///
    /// # Errors
    /// [`TransferError::Pack`] if zstd refuses, for want of memory.
    pub fn new(blob: &[u8], chunk_bytes: u16) -> Result<Self, TransferError> {
        let bytes = zstd::bulk::compress(blob, PACK_LEVEL).map_err(|_| TransferError::Pack)?;
        let offer = Offer {
            id: Hash(*blake3::hash(blob).as_bytes()),
            packed_id: Hash(*blake3::hash(&bytes).as_bytes()),
            size: blob.len() as u64,
            packed_size: bytes.len() as u64,
            chunk_bytes,
        };
        Ok(Self { offer, bytes: Arc::new(bytes) })
    }
}

/// A piece of the packed blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Which transfer, as the two ends have named it.
    pub transfer: u32,
    /// Which piece, from 0.
    pub index: u32,
    /// The sender's clock when it was sent, microseconds, modulo 2^32.
    pub sent_us: u32,
    /// The piece.
    pub bytes: Vec<u8>,
}

/// What has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Which transfer.
    pub transfer: u32,
    /// Every chunk before this one is there.
    pub first_missing: u32,
    /// Chunks behind that which are there: how many are missing, then how many are there, and so on. At most
    /// [`RANGES_MAX`]; if there are that many, nothing is said about chunks behind the last.
    pub ranges: Vec<(u32, u32)>,
    /// Times, if chunks arrived since the last acknowledgement.
    pub arrival: Option<Arrival>,
}

/// When the chunks since the last acknowledgement arrived. Times are microseconds modulo 2^32; the two clocks share nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The receiver's clock when the last of them arrived.
    pub at_us: u32,
    /// [`Chunk::sent_us`] of the last of them.
    pub sent_us: u32,
    /// How long the acknowledgement was held back after that, microseconds.
    pub held_us: u32,
    /// Least difference of arrival and sending among them.
    pub delay_us_min: u32,
    /// Greatest difference of arrival and sending among them.
    pub delay_us_max: u32,
    /// How many chunks have arrived in all, repetitions included, modulo 2^32.
    pub received: u32,
    /// How many of those were overtaken by one sent later, modulo 2^32.
    pub overtaken: u32,
}

/// Why a blob is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The blob is larger than what this peer is ready to take.
    #[error("the offer of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// The larger of what the offer says about the blob and about its packing.
        size: u64,
        /// What was allowed.
        limit: u64,
    },
    /// The offer contradicts itself.
    #[error("the offer makes no sense")]
    BadOffer,
    /// Another sender's offer is for a different blob, or a different packing of it.
    #[error("the offer is for something else than what was begun")]
    OtherBlob,
    /// Chunks are missing.
    #[error("{missing} chunks are missing")]
    Incomplete {
        /// How many.
        missing: u32,
    },
    /// What arrived is not what was offered.
    #[error("what arrived does not have the hash that was offered")]
    Corrupt,
    /// It unpacks to something of another size than offered, or not at all.
    #[error("what arrived does not unpack to the size that was offered")]
    Unpack,
    /// Packing failed.
    #[error("the blob could not be packed")]
    Pack,
}
