//! Reads a recording, whole or not.

use std::io::{Read, Seek};
use std::ops::Range;

use super::{Header, OpenError, ReadError, Status};
use crate::input::InputFrame;

/// An open recording.
#[derive(Debug)]
pub struct Reader<R: Read + Seek> {
    input: R,
    header: Header,
    status: Status,
    segments: Vec<SegmentEntry>,
    keyframes: Vec<KeyframeEntry>,
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
    pub fn open(input: R) -> Result<Self, OpenError> {
        let _ = input;
        Err(OpenError::NotARecording)
    }

    /// A second reader of the same recording through another handle, without reading the index again.
    #[must_use]
    pub fn reopen<S: Read + Seek>(&self, input: S) -> Reader<S> {
        Reader {
            input,
            header: self.header.clone(),
            status: self.status.clone(),
            segments: self.segments.clone(),
            keyframes: self.keyframes.clone(),
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
        &self.status
    }

    /// A hash that tells this recording from others, over its header; and, if it is complete, all contents.
    #[must_use]
    pub fn identity(&self) -> [u8; 32] {
        self.header.scenario_hash
    }

    /// Bytes of the file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        0
    }

    /// The ticks whose frames the recording has: from the first keyframe's to the last state's.
    #[must_use]
    pub fn ticks(&self) -> Range<u64> {
        let first = self.header.first_tick;
        first..self.segments.last().map_or(first, SegmentEntry::end_tick)
    }

    /// Digest of the last state, if the recording is complete and has any frame.
    #[must_use]
    pub fn final_digest(&self) -> Option<u64> {
        None
    }

    /// The segments in order, without gaps in their ticks. One that is damaged is listed too.
    #[must_use]
    pub fn segments(&self) -> &[SegmentEntry] {
        &self.segments
    }

    /// The keyframes in order.
    #[must_use]
    pub fn keyframes(&self) -> &[KeyframeEntry] {
        &self.keyframes
    }

    /// Which segment has the frame of `tick`.
    #[must_use]
    pub fn segment_of(&self, tick: u64) -> Option<usize> {
        let i = self.segments.partition_point(|s| s.end_tick() <= tick);
        (i < self.segments.len() && tick >= self.header.first_tick).then_some(i)
    }

    /// Reads and checks one segment.
    ///
    /// # Errors
    /// [`ReadError::SegmentDamaged`], [`ReadError::OutOfRange`], [`ReadError::Io`].
    pub fn read_segment(&mut self, segment: usize) -> Result<Segment, ReadError> {
        Err(ReadError::OutOfRange { what: format!("segment {segment}") })
    }

    /// Reads and checks one keyframe: its snapshot.
    ///
    /// # Errors
    /// [`ReadError::KeyframeDamaged`], [`ReadError::OutOfRange`], [`ReadError::Io`].
    pub fn read_keyframe(&mut self, keyframe: usize) -> Result<Vec<u8>, ReadError> {
        Err(ReadError::OutOfRange { what: format!("keyframe {keyframe}") })
    }

    /// The last keyframe at or before `tick`: its tick and snapshot. If it is damaged that is an error; an
    /// earlier one can be read by [`Self::read_keyframe`].
    ///
    /// # Errors
    /// As [`Self::read_keyframe`].
    pub fn keyframe_at_or_before(&mut self, tick: u64) -> Result<(u64, Vec<u8>), ReadError> {
        let after = self.keyframes.partition_point(|k| k.tick <= tick);
        let Some(i) = after.checked_sub(1) else {
            return Err(ReadError::OutOfRange { what: format!("keyframe at or before tick {tick}") });
        };
        Ok((self.keyframes[i].tick, self.read_keyframe(i)?))
    }

    /// The log from the frame of `tick` on, segment by segment. After an error it ends.
    pub fn frames_from(&mut self, tick: u64) -> Frames<'_, R> {
        Frames { reader: self, tick }
    }

    /// Reads everything and adds what is damaged to [`Self::status`], which is returned.
    ///
    /// # Errors
    /// An error of the input itself; damage is no error here.
    pub fn check(&mut self) -> Result<&Status, std::io::Error> {
        Ok(&self.status)
    }
}

/// Iterator of [`Reader::frames_from`].
#[derive(Debug)]
pub struct Frames<'a, R: Read + Seek> {
    reader: &'a mut Reader<R>,
    tick: u64,
}

impl<R: Read + Seek> Iterator for Frames<'_, R> {
    type Item = Result<Step, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let _ = (&mut self.reader.input, self.tick);
        None
    }
}
