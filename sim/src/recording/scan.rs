//! Finds what is whole in a recording whose end marker or index is missing or wrong, from front to back.
//! Believes nothing but checksums. Work is linear in the file's size.

use std::io::{self, Read, Seek};

use super::chunk::{Head, Kind, Source};
use super::index::End;
use super::layout::{Chunk, Layout};
use super::{CHUNKS_MAX, Damage, DamagedPart, Fault, Truncation};

/// Payload bytes that may be hashed per byte of the file, so that heads that were made up to claim the same
/// bytes over and over cannot make this slow.
const HASHED_PER_BYTE: u64 = 4;

struct Scan {
    layout: Layout,
    /// Chunks that are damaged but whose heads are sound: kept once something whole follows.
    tentative: Vec<Chunk>,
    /// Place of the next chunk, counted with the tentative ones.
    sequence: u32,
    /// Tick of the next chunk, counted with the tentative ones.
    tick: u64,
    /// Checksum of the chunk before, if that is known.
    previous: Option<u64>,
    /// Byte behind the last whole chunk.
    whole_to: u64,
    index_offset: Option<u64>,
    ended: bool,
}

/// Scans the chunks from byte `start` on.
pub(super) fn scan<R: Read + Seek>(source: &mut Source<R>, start: u64, first_tick: u64) -> io::Result<Layout> {
    let mut scan = Scan {
        layout: Layout::new(start, first_tick, source.seed),
        tentative: Vec::new(),
        sequence: 0,
        tick: first_tick,
        previous: Some(source.seed),
        whole_to: start,
        index_offset: None,
        ended: false,
    };
    let mut hashable = source.length.saturating_mul(HASHED_PER_BYTE);
    let mut next = source.next_head(start)?;
    while let Some((offset, head)) = next.filter(|_| !scan.ended && scan.layout.chunks() < CHUNKS_MAX) {
        let Some(left) = hashable.checked_sub(head.chunk_bytes()) else { break };
        hashable = left;
        let behind = offset + head.chunk_bytes();
        next = if let Some(checksum) = source.verify(offset, &head)? {
            let end = if head.kind == Kind::End { source.read(offset, Kind::End)?.ok() } else { None };
            scan.whole(offset, &head, checksum, end.and_then(|(_, payload, _)| End::decode(&payload)));
            source.next_head(behind)?
        } else {
            scan.damaged(offset, &head);
            // Unless something begins right behind, its length has led astray: bytes were taken out of it.
            let behind = source.head(behind)?.map(|head| (behind, head));
            if behind.is_some() { behind } else { source.next_head(offset + 1)? }
        };
    }
    Ok(scan.finish(source.length))
}

impl Scan {
    /// Takes a whole chunk, if it belongs here. What is missing before it is then damage.
    fn whole(&mut self, offset: u64, head: &Head, checksum: u64, end: Option<End>) {
        let linked = self.previous.is_none_or(|previous| head.sequence != self.sequence || head.previous == previous);
        let next = head.sequence == self.sequence && head.first_tick == self.tick;
        let later = head.sequence > self.sequence && head.first_tick >= self.tick;
        if !linked || !(next || later) {
            return;
        }
        self.settle(offset, head);
        match head.kind {
            Kind::Keyframe | Kind::Segment => self.layout.push(Chunk {
                offset,
                bytes: head.chunk_bytes(),
                first_tick: head.first_tick,
                ticks: u64::from(head.ticks),
                state: Ok(checksum),
            }),
            Kind::Index => self.index_offset = Some(offset),
            Kind::End => {
                self.ended = true;
                self.layout.final_digest = end.filter(|end| end.ticks > 0).map(|end| end.final_digest);
            }
        }
        self.layout.last_checksum = checksum;
        self.whole_to = offset + head.chunk_bytes();
        self.advance(head, Some(checksum));
    }

    /// Remembers a chunk whose head is sound and in order but whose payload is not.
    fn damaged(&mut self, offset: u64, head: &Head) {
        let in_order = head.sequence == self.sequence && head.first_tick == self.tick;
        if !in_order || matches!(head.kind, Kind::Index | Kind::End) {
            return;
        }
        self.tentative.push(Chunk {
            offset,
            bytes: head.chunk_bytes(),
            first_tick: head.first_tick,
            ticks: u64::from(head.ticks),
            state: Err(Fault::Checksum),
        });
        self.advance(head, None);
    }

    fn advance(&mut self, head: &Head, checksum: Option<u64>) {
        self.sequence = head.sequence.saturating_add(1);
        self.tick = head.first_tick + u64::from(head.ticks);
        self.previous = checksum;
    }

    /// Something whole was found at `offset`: what lies between the last whole chunk and it is damage.
    fn settle(&mut self, offset: u64, head: &Head) {
        let mut from = self.whole_to;
        for chunk in std::mem::take(&mut self.tentative) {
            self.stray(from, chunk.offset);
            let bytes = chunk.bytes.min(offset - chunk.offset);
            from = chunk.offset + bytes;
            self.layout.push(Chunk { bytes, ..chunk });
        }
        let missing = Chunk {
            offset: from,
            bytes: offset - from,
            first_tick: self.tick,
            ticks: head.first_tick - self.tick,
            state: Err(Fault::Missing),
        };
        let absent = head.sequence - self.sequence;
        let only_index = absent == 1 && head.kind == Kind::End;
        if missing.ticks > 0 || (absent > 0 && !only_index) {
            self.layout.push(missing);
        } else if only_index {
            self.note(missing.offset, missing.bytes, DamagedPart::Index);
        } else {
            self.stray(from, offset);
        }
    }

    fn stray(&mut self, from: u64, to: u64) {
        if to > from {
            self.note(from, to - from, DamagedPart::Stray);
        }
    }

    fn note(&mut self, offset: u64, bytes: u64, part: DamagedPart) {
        self.layout.status.note(Damage { offset, bytes, part });
    }

    fn finish(mut self, length: u64) -> Layout {
        if self.ended {
            self.stray(self.whole_to, length);
            if self.layout.status.is_complete() {
                // All chunks are whole and in order, and yet the index did not agree.
                self.note(self.index_offset.unwrap_or(self.whole_to), 0, DamagedPart::Index);
            }
        } else {
            self.layout.status.truncation = Some(Truncation {
                offset: self.whole_to,
                lost_bytes: length - self.whole_to,
                end_tick: self.layout.end_tick,
            });
        }
        self.layout
    }
}
