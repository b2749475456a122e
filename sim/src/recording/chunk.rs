//! What the file is made of behind its header: chunks, each with a head, a payload and a checksum. The head
//! has its own check, so that a damaged length is never believed. Every checksum is seeded by the header's
//! hash, and every chunk names its place and the checksum of the one before, so that none can be moved,
//! repeated, taken out or brought in from elsewhere unseen.

use std::io::{self, Read, Seek, SeekFrom};

use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use super::{Fault, KEYFRAME_BYTES_MAX};

/// Bytes of a head.
pub(super) const HEAD_BYTES: usize = 40;
/// Bytes of a chunk beside its payload.
pub(super) const FRAMING_BYTES: u64 = HEAD_BYTES as u64 + 8;
/// Bytes that are read at a time where a whole payload need not be in memory.
const STEP_BYTES: usize = 64 << 10;

/// What a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Keyframe,
    Segment,
    Index,
    End,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Keyframe, Self::Segment, Self::Index, Self::End];

    /// The four bytes a chunk begins with.
    pub(super) const fn magic(self) -> [u8; 4] {
        match self {
            Self::Keyframe => *b"\xabKEY",
            Self::Segment => *b"\xabSEG",
            Self::Index => *b"\xabIDX",
            Self::End => *b"\xabEND",
        }
    }

    /// Most bytes a payload may have.
    const fn payload_bytes_max(self) -> u64 {
        match self {
            // What does not compress grows by less than this.
            Self::Keyframe => KEYFRAME_BYTES_MAX + (8 << 20),
            Self::Segment => 64 << 20,
            Self::Index => 128 << 20,
            Self::End => END_PAYLOAD_BYTES as u64,
        }
    }
}

/// Bytes of an end marker's payload.
pub(super) const END_PAYLOAD_BYTES: usize = 24;

/// The beginning of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// Place in the file: 0, 1, 2, ...
    pub(super) sequence: u32,
    pub(super) payload_bytes: u32,
    /// Frames in a segment; 0 in all others.
    pub(super) ticks: u32,
    /// Tick of the first frame, of the keyframe's state, or of the last state.
    pub(super) first_tick: u64,
    /// Checksum of the chunk before; the seed for the first.
    pub(super) previous: u64,
}

impl Head {
    /// Bytes of the whole chunk.
    pub(super) fn chunk_bytes(&self) -> u64 {
        u64::from(self.payload_bytes) + FRAMING_BYTES
    }

    fn encode(&self, seed: u64) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[0..4].copy_from_slice(&self.kind.magic());
        bytes[4..8].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.ticks.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_tick.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.previous.to_le_bytes());
        let check = xxh3_64_with_seed(&bytes[..32], seed);
        bytes[32..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// A head whose check matches and whose length is within the limits.
    pub(super) fn decode(bytes: &[u8; HEAD_BYTES], seed: u64) -> Option<Self> {
        let kind = Kind::ALL.into_iter().find(|kind| bytes[0..4] == kind.magic())?;
        if u64_at(bytes, 32) != xxh3_64_with_seed(&bytes[..32], seed) {
            return None;
        }
        let head = Self {
            kind,
            sequence: u32_at(bytes, 4),
            payload_bytes: u32_at(bytes, 8),
            ticks: u32_at(bytes, 12),
            first_tick: u64_at(bytes, 16),
            previous: u64_at(bytes, 24),
        };
        let sound = u64::from(head.payload_bytes) <= kind.payload_bytes_max()
            && (kind == Kind::Segment) == (head.ticks > 0)
            && head.ticks <= super::SEGMENT_TICKS_MAX
            && head.first_tick <= u64::MAX - u64::from(head.ticks);
        sound.then_some(head)
    }
}

/// The bytes of a chunk, and its checksum. `None` if the payload is longer than its kind allows.
pub(super) fn encode(head: Head, payload: &[u8], seed: u64) -> Option<(Vec<u8>, u64)> {
    if payload.len() as u64 > head.kind.payload_bytes_max() {
        return None;
    }
    let head = Head { payload_bytes: u32::try_from(payload.len()).ok()?, ..head };
    let mut bytes = Vec::with_capacity(payload.len() + HEAD_BYTES + 8);
    bytes.extend_from_slice(&head.encode(seed));
    bytes.extend_from_slice(payload);
    let checksum = xxh3_64_with_seed(&bytes, seed);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    Some((bytes, checksum))
}

/// A file that is read by byte offset, and what its checksums are seeded with.
#[derive(Debug)]
pub(super) struct Source<R> {
    pub(super) input: R,
    /// Bytes the file had when it was opened.
    pub(super) length: u64,
    pub(super) seed: u64,
}

impl<R: Read + Seek> Source<R> {
    /// The head at `offset`, if there is a sound one whose chunk lies within the file.
    pub(super) fn head(&mut self, offset: u64) -> io::Result<Option<Head>> {
        let room = self.length.saturating_sub(offset);
        if room < FRAMING_BYTES {
            return Ok(None);
        }
        let mut bytes = [0; HEAD_BYTES];
        self.input.seek(SeekFrom::Start(offset))?;
        self.input.read_exact(&mut bytes)?;
        Ok(Head::decode(&bytes, self.seed).filter(|head| head.chunk_bytes() <= room))
    }

    /// Whether the chunk at `offset`, which begins with `head`, is whole: its checksum. Holds little memory.
    pub(super) fn verify(&mut self, offset: u64, head: &Head) -> io::Result<Option<u64>> {
        self.input.seek(SeekFrom::Start(offset))?;
        let mut hash = Xxh3::with_seed(self.seed);
        let mut left = head.chunk_bytes() - 8;
        let mut buffer = vec![0; STEP_BYTES.min(usize::try_from(left).unwrap_or(STEP_BYTES))];
        while left > 0 {
            let step = buffer.len().min(usize::try_from(left).unwrap_or(STEP_BYTES));
            self.input.read_exact(&mut buffer[..step])?;
            hash.update(&buffer[..step]);
            left -= step as u64;
        }
        let mut stored = [0; 8];
        self.input.read_exact(&mut stored)?;
        let checksum = u64::from_le_bytes(stored);
        Ok((checksum == hash.digest()).then_some(checksum))
    }

    /// Reads a whole chunk of a kind: its head, payload and checksum. No more memory than the file has bytes.
    pub(super) fn read(&mut self, offset: u64, kind: Kind) -> io::Result<Result<(Head, Vec<u8>, u64), Fault>> {
        let Some(head) = self.head(offset)? else { return Ok(Err(Fault::Head)) };
        if head.kind != kind {
            return Ok(Err(Fault::Misplaced));
        }
        let mut payload = Vec::new();
        (&mut self.input).take(u64::from(head.payload_bytes)).read_to_end(&mut payload)?;
        let mut stored = [0; 8];
        self.input.read_exact(&mut stored)?;
        let checksum = u64::from_le_bytes(stored);
        let mut hash = Xxh3::with_seed(self.seed);
        hash.update(&head.encode(self.seed));
        hash.update(&payload);
        Ok(if hash.digest() == checksum { Ok((head, payload, checksum)) } else { Err(Fault::Checksum) })
    }

    /// The next place at or behind `offset` where a sound head is; mostly right there.
    pub(super) fn next_head(&mut self, mut offset: u64) -> io::Result<Option<(u64, Head)>> {
        if let Some(head) = self.head(offset)? {
            return Ok(Some((offset, head)));
        }
        // Small steps first, so that many short searches stay cheap.
        let mut step = STEP_BYTES / 64;
        let mut buffer = Vec::new();
        while self.length.saturating_sub(offset) >= FRAMING_BYTES {
            buffer.resize(step.min(usize::try_from(self.length - offset).unwrap_or(step)), 0);
            self.input.seek(SeekFrom::Start(offset))?;
            self.input.read_exact(&mut buffer)?;
            for (i, window) in buffer.windows(HEAD_BYTES).enumerate() {
                if window[0] != Kind::Segment.magic()[0] {
                    continue;
                }
                let found = window.try_into().ok().and_then(|bytes| Head::decode(bytes, self.seed));
                let at = offset + i as u64;
                if let Some(head) = found.filter(|head| head.chunk_bytes() <= self.length - at) {
                    return Ok(Some((at, head)));
                }
            }
            // The last bytes may be the beginning of a head.
            offset += (buffer.len() - HEAD_BYTES + 1) as u64;
            step = (step * 2).min(STEP_BYTES);
        }
        Ok(None)
    }
}

/// # Panics
/// If fewer than four bytes are there: only for buffers of fixed size.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// # Panics
/// If fewer than eight bytes are there: only for buffers of fixed size.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
