//! Reads a recording, whole or not.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use super::chunk::{Kind, Source, u64_at};
use super::header::{self, Opened, Version};
use super::layout::Layout;
use super::{Damage, DamagedPart, Fault, Header, OpenError, ReadError, Status, index, payload, scan};
use crate::input::InputFrame;

/// An open recording.
#[derive(Debug)]
pub struct Reader<R: Read + Seek> {
    source: Source<R>,
    version: Version,
    header: Header,
    header_hash: [u8; 32],
    layout: Layout,
}

/// Where a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentEntry {
    /// Tick of its first frame.
    pub first_tick: u64,
    /// How many frames it has.
    pub ticks: u64,
    /// Byte at which it begins in the file.
    pub offset: u64,
    /// Bytes it takes in the file.
    pub bytes: u64,
    /// Its checksum, or what is known to be wrong.
    pub(super) state: Result<u64, Fault>,
}

impl SegmentEntry {
    /// The tick after its last frame.
    #[must_use]
    pub fn end_tick(&self) -> u64 {
        self.first_tick + self.ticks
    }
}

/// Where a keyframe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyframeEntry {
    /// Tick of its state.
    pub tick: u64,
    /// Byte at which it begins in the file.
    pub offset: u64,
    /// Bytes it takes in the file.
    pub bytes: u64,
    /// Its checksum, or what is known to be wrong.
    pub(super) state: Result<u64, Fault>,
}

/// The contents of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Tick of the first frame.
    pub first_tick: u64,
    /// The frames of `first_tick`, `first_tick + 1`, ...
    pub frames: Vec<InputFrame>,
    /// Digests of the states after them, as many.
    pub digests: Vec<u64>,
}

/// One tick of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Tick of the state that the frame is applied to.
    pub tick: u64,
    /// The inputs.
    pub frame: InputFrame,
    /// Digest of the state after, at `tick + 1`.
    pub digest: u64,
}

impl<R: Read + Seek> Reader<R> {
    /// Reads the header, then the index if the end marker is intact, else finds whole segments by scanning.
    /// The contents of segments and keyframes are checked when they are read, or all at once by [`Self::check`].
    ///
    /// # Errors
    /// [`OpenError`] if it is not a recording of a known version with an intact header. A recording that is
    /// truncated or damaged behind its header opens, and [`Self::status`] says what is wrong.
    pub fn open(mut input: R) -> Result<Self, OpenError> {
        let length = input.seek(SeekFrom::End(0))?;
        let Opened { header, version, hash, bytes: start } = header::read(&mut input, length)?;
        let mut source = Source { input, length, seed: u64_at(&hash, 0) };
        let layout = match index::load(&mut source, start, header.first_tick)? {
            Some(layout) => layout,
            None => scan::scan(&mut source, start, header.first_tick)?,
        };
        Ok(Self { source, version, header, header_hash: hash, layout })
    }

    /// A second reader of the same recording through another handle, without reading the index again.
    #[must_use]
    pub fn reopen<S: Read + Seek>(&self, input: S) -> Reader<S> {
        Reader {
            source: Source { input, length: self.source.length, seed: self.source.seed },
            version: self.version,
            header: self.header.clone(),
            header_hash: self.header_hash,
            layout: self.layout.clone(),
        }
    }

    /// What the recording says about itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What opening found.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.layout.status
    }

    /// A hash over the header and, by the chain of checksums, the whole contents: it tells this recording from
    /// any other, and from a truncated copy of itself.
    #[must_use]
    pub fn identity(&self) -> [u8; 32] {
        let mut hash = blake3::Hasher::new();
        hash.update(&self.header_hash);
        hash.update(&self.layout.last_checksum.to_le_bytes());
        hash.finalize().into()
    }

    /// Bytes of the file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.source.length
    }

    /// The ticks whose frames the recording has: from the first keyframe's to the last state's.
    #[must_use]
    pub fn ticks(&self) -> Range<u64> {
        self.header.first_tick..self.layout.end_tick
    }

    /// Digest of the last state, if the recording is complete and has any frame.
    #[must_use]
    pub fn final_digest(&self) -> Option<u64> {
        self.layout.final_digest
    }

    /// The segments in order, without gaps in their ticks. One that is damaged is listed too.
    #[must_use]
    pub fn segments(&self) -> &[SegmentEntry] {
        &self.layout.segments
    }

    /// The keyframes in order.
    #[must_use]
    pub fn keyframes(&self) -> &[KeyframeEntry] {
        &self.layout.keyframes
    }

    /// Which segment has the frame of `tick`.
    #[must_use]
    pub fn segment_of(&self, tick: u64) -> Option<usize> {
        let segments = &self.layout.segments;
        self.ticks().contains(&tick).then(|| segments.partition_point(|s| s.end_tick() <= tick))
    }

    /// Reads and checks one segment.
    ///
    /// # Errors
    /// [`ReadError::SegmentDamaged`], [`ReadError::OutOfRange`], [`ReadError::Io`].
    pub fn read_segment(&mut self, segment: usize) -> Result<Segment, ReadError> {
        let Some(&entry) = self.layout.segments.get(segment) else {
            return Err(ReadError::OutOfRange { what: format!("segment {segment}") });
        };
        let SegmentEntry { first_tick, ticks, offset, state, .. } = entry;
        let version = self.version;
        let contents = self.chunk(offset, Kind::Segment, first_tick, ticks, state)?.and_then(|payload| {
            // Both listings keep a segment's ticks within u32 unless its bytes are missing.
            payload::decode_segment(version, ticks as u32, &payload)
        });
        match contents {
            Ok((frames, digests)) => Ok(Segment { first_tick, frames, digests }),
            Err(fault) => {
                let end_tick = entry.end_tick();
                Err(ReadError::SegmentDamaged { segment, first_tick, end_tick, offset, fault })
            }
        }
    }

    /// Reads and checks one keyframe: its snapshot.
    ///
    /// # Errors
    /// [`ReadError::KeyframeDamaged`], [`ReadError::OutOfRange`], [`ReadError::Io`].
    pub fn read_keyframe(&mut self, keyframe: usize) -> Result<Vec<u8>, ReadError> {
        let Some(&entry) = self.layout.keyframes.get(keyframe) else {
            return Err(ReadError::OutOfRange { what: format!("keyframe {keyframe}") });
        };
        let KeyframeEntry { tick, offset, state, .. } = entry;
        let version = self.version;
        self.chunk(offset, Kind::Keyframe, tick, 0, state)?
            .and_then(|payload| payload::decode_keyframe(version, &payload))
            .map_err(|fault| ReadError::KeyframeDamaged { keyframe, tick, offset, fault })
    }

    /// The last keyframe at or before `tick`: its tick and snapshot. If it is damaged that is an error; an
    /// earlier one can be read by [`Self::read_keyframe`].
    ///
    /// # Errors
    /// As [`Self::read_keyframe`].
    pub fn keyframe_at_or_before(&mut self, tick: u64) -> Result<(u64, Vec<u8>), ReadError> {
        let after = self.layout.keyframes.partition_point(|k| k.tick <= tick);
        let Some(i) = after.checked_sub(1) else {
            return Err(ReadError::OutOfRange { what: format!("keyframe at or before tick {tick}") });
        };
        Ok((self.layout.keyframes[i].tick, self.read_keyframe(i)?))
    }

    /// The log from the frame of `tick` on, segment by segment. After an error it ends.
    pub fn frames_from(&mut self, tick: u64) -> Frames<'_, R> {
        Frames { reader: self, tick, segment: None, failed: false }
    }

    /// Reads everything and adds what is damaged to [`Self::status`], which is returned.
    ///
    /// # Errors
    /// An error of the input itself; damage is no error here.
    pub fn check(&mut self) -> Result<&Status, io::Error> {
        for i in 0..self.layout.segments.len() {
            if self.layout.segments[i].state.is_err() {
                continue;
            }
            match self.read_segment(i) {
                Err(ReadError::SegmentDamaged { segment, first_tick, end_tick, offset, fault }) => {
                    let entry = &mut self.layout.segments[i];
                    entry.state = Err(fault);
                    let part = DamagedPart::Segment { segment, first_tick, end_tick };
                    self.layout.status.note(Damage { offset, bytes: entry.bytes, part });
                }
                Err(ReadError::Io(error)) => return Err(error),
                _ => {}
            }
        }
        for i in 0..self.layout.keyframes.len() {
            if self.layout.keyframes[i].state.is_err() {
                continue;
            }
            match self.read_keyframe(i) {
                Err(ReadError::KeyframeDamaged { keyframe, tick, offset, fault }) => {
                    let entry = &mut self.layout.keyframes[i];
                    entry.state = Err(fault);
                    let part = DamagedPart::Keyframe { keyframe, tick };
                    self.layout.status.note(Damage { offset, bytes: entry.bytes, part });
                }
                Err(ReadError::Io(error)) => return Err(error),
                _ => {}
            }
        }
        Ok(&self.layout.status)
    }

    /// The payload of the chunk that is listed at `offset`, or what is wrong with it.
    fn chunk(
        &mut self,
        offset: u64,
        kind: Kind,
        first_tick: u64,
        ticks: u64,
        state: Result<u64, Fault>,
    ) -> io::Result<Result<Vec<u8>, Fault>> {
        let known = match state {
            Ok(checksum) => checksum,
            Err(fault) => return Ok(Err(fault)),
        };
        Ok(self.source.read(offset, kind)?.and_then(|(head, payload, checksum)| {
            let same = checksum == known && head.first_tick == first_tick && u64::from(head.ticks) == ticks;
            if same { Ok(payload) } else { Err(Fault::Misplaced) }
        }))
    }
}

/// Iterator of [`Reader::frames_from`].
#[derive(Debug)]
pub struct Frames<'a, R: Read + Seek> {
    reader: &'a mut Reader<R>,
    tick: u64,
    segment: Option<Segment>,
    failed: bool,
}

impl<R: Read + Seek> Iterator for Frames<'_, R> {
    type Item = Result<Step, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let tick = self.tick;
        let end = |segment: &Segment| segment.first_tick + segment.frames.len() as u64;
        if self.failed {
            return None;
        }
        if self.segment.as_ref().is_none_or(|segment| end(segment) <= tick) {
            let next = self.reader.segment_of(tick)?;
            match self.reader.read_segment(next) {
                Ok(segment) => self.segment = Some(segment),
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        let segment = self.segment.as_mut()?;
        let i = usize::try_from(tick.checked_sub(segment.first_tick)?).ok()?;
        let frame = std::mem::take(segment.frames.get_mut(i)?);
        self.tick += 1;
        Some(Ok(Step { tick, frame, digest: *segment.digests.get(i)? }))
    }
}
