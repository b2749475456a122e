//! The end that takes a blob. Must never hold more than the offer's packed size, nor unpack to more than was offered.

use super::bits::Bits;
use super::{Ack, Arrival, Chunk, Offer, RANGES_MAX, TransferError};
use crate::protocol::ids::Time;

/// Chunks between acknowledgements, once a transfer is under way.
const ACK_CHUNKS: u32 = 8;
/// The same for the first chunks, which the sender measures the path with.
const ACK_CHUNKS_FIRST: u32 = 4;
/// How many chunks are the first.
const FIRST_CHUNKS: u32 = 64;
/// Longest time that an acknowledgement is held back, microseconds.
const ACK_HELD_US_MAX: u64 = 4000;
/// What zstd may need more than the blob's own size: a 256th and a little, which no small blob exceeds.
const PACKED_EXTRA_BYTES: u64 = 1024;

/// Takes one blob, from one sender after another if need be.
#[derive(Debug)]
pub struct Receiver {
    transfer: u32,
    offer: Offer,
    bytes: Vec<u8>,
    there: Bits,
    /// Arrivals since the last acknowledgement.
    fresh: Option<Fresh>,
    received: u32,
    overtaken: u32,
    /// [`Chunk::sent_us`] and number of the chunk sent last among those that arrived.
    newest: Option<(u32, u32)>,
}

/// Arrivals since the last acknowledgement.
#[derive(Clone, Copy, Debug)]
struct Fresh {
    first_at: Time,
    last_at: Time,
    last_sent_us: u32,
    delay_us_min: u32,
    delay_us_max: u32,
    count: u32,
}

impl Receiver {
    /// Ready for the chunks of transfer number `transfer`. `limit`: most bytes that the blob may have.
    ///
    /// # Errors
    /// [`TransferError::TooLarge`] and [`TransferError::BadOffer`].
    pub fn new(transfer: u32, offer: Offer, limit: u64) -> Result<Self, TransferError> {
        let packed_max = limit.saturating_add(limit / 256).saturating_add(PACKED_EXTRA_BYTES);
        if offer.size > limit || offer.packed_size > packed_max {
            return Err(TransferError::TooLarge { size: offer.size.max(offer.packed_size), limit });
        }
        let chunks = offer.chunks().ok_or(TransferError::BadOffer)?;
        let length = usize::try_from(offer.packed_size).map_err(|_| TransferError::BadOffer)?;
        Ok(Self {
            transfer,
            offer,
            bytes: vec![0; length],
            there: Bits::new(chunks),
            fresh: None,
            received: 0,
            overtaken: 0,
            newest: None,
        })
    }

    /// What is being transferred.
    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Number of the transfer that it comes in.
    pub fn transfer(&self) -> u32 {
        self.transfer
    }

    /// Goes on with another sender of the same packing, or with the same one after a break. What it answers goes to that
    /// sender, which then leaves out what is there.
    ///
    /// # Errors
    /// [`TransferError::OtherBlob`] if the offer is not for the same bytes in the same chunks.
    pub fn resume(&mut self, transfer: u32, offer: &Offer) -> Result<Ack, TransferError> {
        if *offer != self.offer {
            return Err(TransferError::OtherBlob);
        }
        self.transfer = transfer;
        self.fresh = None;
        self.newest = None;
        Ok(self.resume_state())
    }

    /// What is there, without any times: for a sender that begins or goes on.
    #[must_use]
    pub fn resume_state(&self) -> Ack {
        Ack {
            transfer: self.transfer,
            first_missing: self.there.first_clear(),
            ranges: self.there.ranges(RANGES_MAX),
            arrival: None,
        }
    }

    /// Takes a chunk, and answers an acknowledgement if one is due. Chunks of other transfers, with other lengths or
    /// numbers than can be, change nothing; repeated ones are only counted.
    pub fn on_chunk(&mut self, now: Time, chunk: &Chunk) -> Option<Ack> {
        let length = u64::from(self.offer.chunk_bytes);
        let start = u64::from(chunk.index) * length;
        let fits = chunk.transfer == self.transfer
            && chunk.index < self.there.len()
            && chunk.bytes.len() as u64 == length.min(self.offer.packed_size - start);
        if !fits {
            return None;
        }
        if !self.there.contains(chunk.index) {
            let start = start as usize; // below the packed size, which fitted a usize
            self.bytes[start..start + chunk.bytes.len()].copy_from_slice(&chunk.bytes);
            self.there.insert(chunk.index, chunk.index + 1);
        }
        self.note(now, chunk.sent_us, chunk.index);
        let every = if self.received < FIRST_CHUNKS { ACK_CHUNKS_FIRST } else { ACK_CHUNKS };
        let many = self.fresh.is_some_and(|fresh| fresh.count >= every);
        if many || self.there.is_full() { self.ack(now) } else { self.poll(now) }
    }

    /// Counts an arrival.
    fn note(&mut self, now: Time, sent_us: u32, index: u32) {
        self.received = self.received.wrapping_add(1);
        let late = |(newest_us, newest): (u32, u32)| match sent_us.wrapping_sub(newest_us) as i32 {
            0 => index < newest,
            later_us => later_us < 0,
        };
        if self.newest.is_some_and(late) {
            self.overtaken = self.overtaken.wrapping_add(1);
        } else {
            self.newest = Some((sent_us, index));
        }
        let delay_us = (now.0 as u32).wrapping_sub(sent_us);
        let fresh = self.fresh.get_or_insert(Fresh {
            first_at: now,
            last_at: now,
            last_sent_us: sent_us,
            delay_us_min: delay_us,
            delay_us_max: delay_us,
            count: 0,
        });
        fresh.count += 1;
        fresh.last_at = now;
        fresh.last_sent_us = sent_us;
        if (delay_us.wrapping_sub(fresh.delay_us_min) as i32) < 0 {
            fresh.delay_us_min = delay_us;
        }
        if (delay_us.wrapping_sub(fresh.delay_us_max) as i32) > 0 {
            fresh.delay_us_max = delay_us;
        }
    }

    /// An acknowledgement, if one has been held back long enough.
    pub fn poll(&mut self, now: Time) -> Option<Ack> {
        if now >= self.wake_at() { self.ack(now) } else { None }
    }

    /// When to poll next at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Time {
        self.fresh.map_or(Time(u64::MAX), |fresh| fresh.first_at.plus(ACK_HELD_US_MAX))
    }

    fn ack(&mut self, now: Time) -> Option<Ack> {
        let fresh = self.fresh.take()?;
        let arrival = Arrival {
            at_us: fresh.last_at.0 as u32,
            sent_us: fresh.last_sent_us,
            held_us: now.since(fresh.last_at).try_into().unwrap_or(u32::MAX),
            delay_us_min: fresh.delay_us_min,
            delay_us_max: fresh.delay_us_max,
            received: self.received,
            overtaken: self.overtaken,
        };
        Some(Ack { arrival: Some(arrival), ..self.resume_state() })
    }

    /// Whether every chunk is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.there.is_full()
    }

    /// Chunks that are there, and chunks in all.
    #[must_use]
    pub fn progress(&self) -> (u32, u32) {
        (self.there.count(), self.there.len())
    }

    /// The blob, checked against the offer.
    ///
    /// # Errors
    /// [`TransferError::Incomplete`], [`TransferError::Corrupt`] and [`TransferError::Unpack`].
    pub fn finish(&self) -> Result<Vec<u8>, TransferError> {
        let missing = self.there.len() - self.there.count();
        if missing > 0 {
            return Err(TransferError::Incomplete { missing });
        }
        if blake3::hash(&self.bytes).as_bytes() != &self.offer.packed_id.0 {
            return Err(TransferError::Corrupt);
        }
        let size = usize::try_from(self.offer.size).map_err(|_| TransferError::BadOffer)?;
        let blob = zstd::bulk::decompress(&self.bytes, size).map_err(|_| TransferError::Unpack)?;
        if blob.len() != size {
            return Err(TransferError::Unpack);
        }
        if blake3::hash(&blob).as_bytes() != &self.offer.id.0 {
            return Err(TransferError::Corrupt);
        }
        Ok(blob)
    }
}
