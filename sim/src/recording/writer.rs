//! Writes a recording as it happens. Must never count what is not written whole: every chunk goes out in one
//! piece, and after a failed write nothing more is written.

use std::io::{self, Write};

use super::chunk::{self, Head, Kind};
use super::frames::{SEGMENT_COMMAND_BYTES_MAX, SEGMENT_COMMANDS_MAX, SEGMENT_MEMBERSHIP_MAX};
use super::header;
use super::index::{End, IndexBuilder};
use super::payload;
use super::{Header, KEYFRAME_BYTES_MAX, WriteError};
use crate::input::{COMMAND_BYTES_MAX, FRAME_COMMANDS_MAX, FRAME_MEMBERSHIP_MAX, InputFrame};

/// Writes a recording: whole segments as they fill, so that a crash loses the open one at most.
#[derive(Debug)]
pub struct Writer<W: Write> {
    output: W,
    header: Header,
    seed: u64,
    index: IndexBuilder,
    /// Checksum of the chunk before.
    previous: u64,
    open: OpenSegment,
    last_keyframe_tick: u64,
    last_digest: u64,
    written: Written,
    stopped: bool,
}

/// The frames that are not yet written.
#[derive(Debug, Default)]
struct OpenSegment {
    frames: Vec<InputFrame>,
    digests: Vec<u64>,
    membership: usize,
    commands: usize,
    command_bytes: usize,
}

impl OpenSegment {
    fn push(&mut self, frame: &InputFrame, digest: u64) {
        self.membership += frame.membership.len();
        self.commands += frame.commands.len();
        self.command_bytes += frame.commands.iter().map(|c| c.bytes.len()).sum::<usize>();
        self.frames.push(frame.clone());
        self.digests.push(digest);
    }

    /// Whether the largest frame there may be would no longer fit.
    fn is_full(&self) -> bool {
        self.membership > SEGMENT_MEMBERSHIP_MAX - FRAME_MEMBERSHIP_MAX
            || self.commands > SEGMENT_COMMANDS_MAX - FRAME_COMMANDS_MAX
            || self.command_bytes > SEGMENT_COMMAND_BYTES_MAX - FRAME_COMMANDS_MAX * COMMAND_BYTES_MAX
    }
}

/// How much has been written whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes in all.
    pub bytes: u64,
    /// Of these, keyframes.
    pub keyframe_bytes: u64,
    /// Ticks in whole segments.
    pub ticks: u64,
    /// Segments.
    pub segments: u64,
    /// Keyframes.
    pub keyframes: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a recording with the state at `header.first_tick`. The output needs no buffer of its own.
    ///
    /// # Errors
    /// [`WriteError::Header`], [`WriteError::KeyframeTooLarge`], [`WriteError::Io`].
    pub fn new(output: W, header: Header, snapshot: &[u8]) -> Result<Self, WriteError> {
        let header = Header { format_version: super::FORMAT_VERSION, ..header };
        if let Some(reason) = header.fault() {
            return Err(WriteError::Header { reason });
        }
        let (bytes, hash) = header::encode(&header);
        let seed = chunk::u64_at(&hash, 0);
        let mut writer = Self {
            output,
            seed,
            index: IndexBuilder::default(),
            previous: seed,
            open: OpenSegment::default(),
            last_keyframe_tick: header.first_tick,
            last_digest: 0,
            written: Written::default(),
            stopped: false,
            header,
        };
        check_keyframe_size(snapshot)?;
        writer.put(&bytes)?;
        writer.write_keyframe(snapshot)?;
        Ok(writer)
    }

    /// Adds the frame of tick [`Self::next_tick`] and the digest of the state after it.
    ///
    /// # Errors
    /// [`WriteError::Frame`] for a frame that breaks a rule and [`WriteError::Full`] (nothing is added);
    /// [`WriteError::Io`] and, ever after, [`WriteError::Stopped`]: the open segment is lost.
    pub fn push(&mut self, frame: &InputFrame, digest: u64) -> Result<(), WriteError> {
        self.check_running()?;
        frame.check().map_err(|error| WriteError::Frame { tick: self.next_tick(), error })?;
        if self.index.is_full() || self.next_tick() == u64::MAX {
            return Err(WriteError::Full);
        }
        self.open.push(frame, digest);
        self.last_digest = digest;
        let due = self.open.frames.len() >= self.header.segment_ticks as usize;
        if due || self.open.is_full() { self.flush() } else { Ok(()) }
    }

    /// Whether a keyframe of the state at [`Self::next_tick`] is due.
    #[must_use]
    pub fn wants_keyframe(&self) -> bool {
        self.next_tick() - self.last_keyframe_tick >= u64::from(self.header.keyframe_ticks)
    }

    /// Adds a keyframe: the state at [`Self::next_tick`]. An open segment is closed first.
    ///
    /// # Errors
    /// As [`Self::push`], and [`WriteError::KeyframeTooLarge`] (nothing is added).
    pub fn keyframe(&mut self, snapshot: &[u8]) -> Result<(), WriteError> {
        check_keyframe_size(snapshot)?;
        self.flush()?;
        if self.index.is_full() {
            return Err(WriteError::Full);
        }
        self.write_keyframe(snapshot)
    }

    /// Closes the open segment early, so that everything pushed so far is written.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.check_running()?;
        if self.open.frames.is_empty() {
            return Ok(());
        }
        let payload = payload::encode_segment(&self.open.frames, &self.open.digests).map_err(|e| self.stop(e))?;
        let ticks = self.open.frames.len() as u32;
        let first_tick = self.next_tick() - u64::from(ticks);
        self.write_chunk(Kind::Segment, first_tick, ticks, &payload)?;
        self.written.segments += 1;
        self.written.ticks += u64::from(ticks);
        self.open = OpenSegment::default();
        Ok(())
    }

    /// Writes the open segment, the index and the end marker, and gives the output back, flushed.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.flush()?;
        let end = End { index_offset: self.written.bytes, ticks: self.written.ticks, final_digest: self.last_digest };
        let tick = self.next_tick();
        let IndexBuilder { bytes, chunks } = std::mem::take(&mut self.index);
        self.index.chunks = chunks;
        self.write_chunk(Kind::Index, tick, 0, &bytes)?;
        self.write_chunk(Kind::End, tick, 0, &end.encode())?;
        Ok(self.output)
    }

    /// The tick of the next frame, which is the tick of the state now.
    #[must_use]
    pub fn next_tick(&self) -> u64 {
        self.header.first_tick + self.written.ticks + self.open.frames.len() as u64
    }

    /// What the recording says about itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What has been written whole so far.
    #[must_use]
    pub fn written(&self) -> Written {
        self.written
    }

    fn write_keyframe(&mut self, snapshot: &[u8]) -> Result<(), WriteError> {
        let payload = payload::encode_keyframe(snapshot).map_err(|e| self.stop(e))?;
        let before = self.written.bytes;
        self.last_keyframe_tick = self.next_tick();
        self.write_chunk(Kind::Keyframe, self.last_keyframe_tick, 0, &payload)?;
        self.written.keyframes += 1;
        self.written.keyframe_bytes += self.written.bytes - before;
        Ok(())
    }

    fn write_chunk(&mut self, kind: Kind, first_tick: u64, ticks: u32, payload: &[u8]) -> Result<(), WriteError> {
        let head =
            Head { kind, sequence: self.index.chunks, payload_bytes: 0, ticks, first_tick, previous: self.previous };
        let Some((bytes, checksum)) = chunk::encode(head, payload, self.seed) else {
            return Err(self.stop(io::Error::other("a chunk is larger than the format allows")));
        };
        self.put(&bytes)?;
        self.previous = checksum;
        self.index.push(ticks, payload.len() as u64, checksum);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.output.write_all(bytes).and_then(|()| self.output.flush()).map_err(|e| self.stop(e))?;
        self.written.bytes += bytes.len() as u64;
        Ok(())
    }

    fn stop(&mut self, error: io::Error) -> WriteError {
        self.stopped = true;
        WriteError::Io { offset: self.written.bytes, error }
    }

    fn check_running(&self) -> Result<(), WriteError> {
        if self.stopped { Err(WriteError::Stopped { offset: self.written.bytes }) } else { Ok(()) }
    }
}

fn check_keyframe_size(snapshot: &[u8]) -> Result<(), WriteError> {
    let bytes = snapshot.len() as u64;
    if bytes > KEYFRAME_BYTES_MAX { Err(WriteError::KeyframeTooLarge { bytes }) } else { Ok(()) }
}
