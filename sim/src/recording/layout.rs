//! Where everything in an open recording is, however that was found out.

use super::{Damage, DamagedPart, Fault, KeyframeEntry, SegmentEntry, Status};

/// A segment or a keyframe in the file, or the place of one that is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) offset: u64,
    /// Bytes in the file; 0 where they are missing.
    pub(super) bytes: u64,
    pub(super) first_tick: u64,
    /// 0 for a keyframe. More than one segment has where several are missing.
    pub(super) ticks: u64,
    /// Its checksum, or what is known to be wrong.
    pub(super) state: Result<u64, Fault>,
}

/// The segments and keyframes in order, without gaps in their ticks.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) segments: Vec<SegmentEntry>,
    pub(super) keyframes: Vec<KeyframeEntry>,
    pub(super) status: Status,
    pub(super) final_digest: Option<u64>,
    /// The byte behind the last chunk.
    pub(super) end_offset: u64,
    /// The tick behind the last frame.
    pub(super) end_tick: u64,
    /// The last checksum, 0 if unknown: by the chain it stands for everything before.
    pub(super) last_checksum: u64,
}

impl Layout {
    pub(super) fn new(start: u64, first_tick: u64, seed: u64) -> Self {
        Self {
            segments: Vec::new(),
            keyframes: Vec::new(),
            status: Status::default(),
            final_digest: None,
            end_offset: start,
            end_tick: first_tick,
            last_checksum: seed,
        }
    }

    /// How many chunks there are.
    pub(super) fn chunks(&self) -> usize {
        self.segments.len() + self.keyframes.len()
    }

    /// Adds a chunk behind the others. A damaged one is noted in the status too.
    pub(super) fn push(&mut self, chunk: Chunk) {
        let Chunk { offset, bytes, first_tick, ticks, state } = chunk;
        self.end_offset = offset + bytes;
        self.end_tick = first_tick + ticks;
        self.last_checksum = state.unwrap_or_default();
        let part = if ticks == 0 {
            self.keyframes.push(KeyframeEntry { tick: first_tick, offset, bytes, state });
            DamagedPart::Keyframe { keyframe: self.keyframes.len() - 1, tick: first_tick }
        } else {
            self.segments.push(SegmentEntry { first_tick, ticks, offset, bytes, state });
            DamagedPart::Segment { segment: self.segments.len() - 1, first_tick, end_tick: self.end_tick }
        };
        if state.is_err() {
            self.status.note(Damage { offset, bytes, part });
        }
    }
}
