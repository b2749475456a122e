//! The index and the end marker: the quick way into a recording that was finished. If anything about them is
//! not exactly right the file is scanned instead, so nothing here reports why.

use std::io::{self, Read, Seek};

use super::CHUNKS_MAX;
use super::chunk::{END_PAYLOAD_BYTES, FRAMING_BYTES, Kind, Source, u64_at};
use super::layout::{Chunk, Layout};
use super::varint::{put, take};

/// Bytes of the end marker.
const END_BYTES: u64 = FRAMING_BYTES + END_PAYLOAD_BYTES as u64;

/// The index as it is written: per segment or keyframe its kind and ticks (0 for a keyframe) as one varint,
/// its payload's length as another, and its checksum. Offsets and ticks follow by adding up.
#[derive(Debug, Default)]
pub(super) struct IndexBuilder {
    pub(super) bytes: Vec<u8>,
    pub(super) chunks: u32,
}

impl IndexBuilder {
    /// Whether another entry fits.
    pub(super) fn is_full(&self) -> bool {
        self.chunks as usize >= CHUNKS_MAX
    }

    pub(super) fn push(&mut self, ticks: u32, payload_bytes: u64, checksum: u64) {
        put(&mut self.bytes, u64::from(ticks));
        put(&mut self.bytes, payload_bytes);
        self.bytes.extend_from_slice(&checksum.to_le_bytes());
        self.chunks += 1;
    }
}

/// What the end marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) index_offset: u64,
    pub(super) ticks: u64,
    /// Digest of the last state; 0 if there is no frame.
    pub(super) final_digest: u64,
}

impl End {
    pub(super) fn encode(self) -> [u8; END_PAYLOAD_BYTES] {
        let mut bytes = [0; END_PAYLOAD_BYTES];
        bytes[..8].copy_from_slice(&self.index_offset.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.ticks.to_le_bytes());
        bytes[16..].copy_from_slice(&self.final_digest.to_le_bytes());
        bytes
    }

    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        (payload.len() == END_PAYLOAD_BYTES).then(|| Self {
            index_offset: u64_at(payload, 0),
            ticks: u64_at(payload, 8),
            final_digest: u64_at(payload, 16),
        })
    }
}

/// The layout by the index, if end marker and index are intact and agree with each other and the file.
pub(super) fn load<R: Read + Seek>(source: &mut Source<R>, start: u64, first_tick: u64) -> io::Result<Option<Layout>> {
    let Some(end_offset) = source.length.checked_sub(END_BYTES).filter(|&at| at > start) else { return Ok(None) };
    let Ok((end_head, payload, end_checksum)) = source.read(end_offset, Kind::End)? else { return Ok(None) };
    let Some(end) = End::decode(&payload).filter(|end| (start..end_offset).contains(&end.index_offset)) else {
        return Ok(None);
    };
    let Ok((head, payload, checksum)) = source.read(end.index_offset, Kind::Index)? else { return Ok(None) };
    let Some(mut layout) = entries(&payload, start, first_tick, source.seed) else { return Ok(None) };
    let agree = layout.end_offset == end.index_offset
        && end.index_offset + head.chunk_bytes() == end_offset
        && layout.last_checksum == head.previous
        && layout.chunks() == head.sequence as usize
        && layout.end_tick == head.first_tick
        && end_head.previous == checksum
        && end_head.sequence.checked_sub(head.sequence) == Some(1)
        && end_head.first_tick == layout.end_tick
        && layout.end_tick - first_tick == end.ticks;
    layout.final_digest = (end.ticks > 0).then_some(end.final_digest);
    layout.last_checksum = end_checksum;
    Ok(agree.then_some(layout))
}

/// The chunks an index lists.
fn entries(mut bytes: &[u8], start: u64, first_tick: u64, seed: u64) -> Option<Layout> {
    let mut layout = Layout::new(start, first_tick, seed);
    while !bytes.is_empty() {
        let ticks = u32::try_from(take(&mut bytes)?).ok()?;
        let payload_bytes = u32::try_from(take(&mut bytes)?).ok()?;
        let (checksum, rest) = bytes.split_at_checked(8)?;
        bytes = rest;
        let first_tick = layout.end_tick;
        first_tick.checked_add(u64::from(ticks))?;
        // Offsets cannot overflow: at most 2^22 chunks of 2^32 bytes.
        if layout.chunks() >= CHUNKS_MAX || (layout.keyframes.is_empty() && ticks > 0) {
            return None;
        }
        layout.push(Chunk {
            offset: layout.end_offset,
            bytes: u64::from(payload_bytes) + FRAMING_BYTES,
            first_tick,
            ticks: u64::from(ticks),
            state: Ok(u64_at(checksum, 0)),
        });
    }
    (!layout.keyframes.is_empty()).then_some(layout)
}
