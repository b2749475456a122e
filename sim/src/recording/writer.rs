//! Writes a recording as it happens.

use std::io::Write;

use super::{Header, WriteError};
use crate::input::InputFrame;

/// Writes a recording: whole segments as they fill, so that a crash loses the open one at most.
#[derive(Debug)]
pub struct Writer<W: Write> {
    output: W,
    header: Header,
    written: Written,
    next_tick: u64,
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
    /// Begins a recording with the state at `header.first_tick`.
    ///
    /// # Errors
    /// [`WriteError::Header`], [`WriteError::KeyframeTooLarge`], [`WriteError::Io`].
    pub fn new(output: W, header: Header, snapshot: &[u8]) -> Result<Self, WriteError> {
        let _ = snapshot;
        if let Some(reason) = header.fault() {
            return Err(WriteError::Header { reason });
        }
        let next_tick = header.first_tick;
        Ok(Self { output, header, written: Written::default(), next_tick })
    }

    /// Adds the frame of tick [`Self::next_tick`] and the digest of the state after it.
    ///
    /// # Errors
    /// [`WriteError::Frame`] for a frame that breaks a rule (nothing is added), [`WriteError::Full`],
    /// [`WriteError::Io`] and, after that, [`WriteError::Stopped`].
    pub fn push(&mut self, frame: &InputFrame, digest: u64) -> Result<(), WriteError> {
        let _ = (frame, digest);
        self.next_tick += 1;
        Ok(())
    }

    /// Whether a keyframe of the state at [`Self::next_tick`] is due.
    #[must_use]
    pub fn wants_keyframe(&self) -> bool {
        false
    }

    /// Adds a keyframe: the state at [`Self::next_tick`]. An open segment is closed first.
    ///
    /// # Errors
    /// As [`Self::push`], and [`WriteError::KeyframeTooLarge`] (nothing is added).
    pub fn keyframe(&mut self, snapshot: &[u8]) -> Result<(), WriteError> {
        let _ = snapshot;
        Ok(())
    }

    /// Closes the open segment early, so that everything pushed so far is written.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn flush(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    /// Writes the open segment, the index and the end marker, and gives the output back, flushed.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(self) -> Result<W, WriteError> {
        Ok(self.output)
    }

    /// The tick of the next frame, which is the tick of the state now.
    #[must_use]
    pub fn next_tick(&self) -> u64 {
        self.next_tick
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
}
