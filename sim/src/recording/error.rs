//! What can be wrong with a recording, one narrow type per operation. Every message is one sentence that
//! says what and where.

use std::io;

use super::FORMAT_VERSION;
pub use crate::input::FrameError;

/// Why a file cannot be opened as a recording at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It does not begin like one.
    #[error("this is not a recording: it does not begin with the recording signature")]
    NotARecording,
    /// A later build wrote it, or one that is too old.
    #[error("this recording has format version {found}, but this build reads versions up to {FORMAT_VERSION}")]
    UnsupportedVersion {
        /// The version it says it has.
        found: u16,
    },
    /// The header's checksum or contents are wrong; without the scenario nothing else is of use.
    #[error("the header of this recording is damaged at byte {offset}: {reason}")]
    HeaderDamaged {
        /// Where the damaged part begins.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// The file ends inside the header.
    #[error("this recording is cut off inside its header, at byte {length}")]
    HeaderTruncated {
        /// Bytes the file has.
        length: u64,
    },
    /// The file could not be read.
    #[error("the recording could not be read: {0}")]
    Io(#[from] io::Error),
}

/// Why a part of an open recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A segment's bytes are not those that were written.
    #[error("segment {segment} (ticks {first_tick} to {end_tick}) is damaged at byte {offset}: {fault}")]
    SegmentDamaged {
        /// Its place in [`super::Reader::segments`].
        segment: usize,
        /// Its first frame's tick.
        first_tick: u64,
        /// The tick after its last frame.
        end_tick: u64,
        /// Where it begins in the file.
        offset: u64,
        /// What is wrong.
        fault: Fault,
    },
    /// A keyframe's bytes are not those that were written.
    #[error("keyframe {keyframe} (tick {tick}) is damaged at byte {offset}: {fault}")]
    KeyframeDamaged {
        /// Its place in [`super::Reader::keyframes`].
        keyframe: usize,
        /// Its tick.
        tick: u64,
        /// Where it begins in the file.
        offset: u64,
        /// What is wrong.
        fault: Fault,
    },
    /// There is no such segment or keyframe, or none at or before that tick.
    #[error("this recording has no {what}")]
    OutOfRange {
        /// What was asked for.
        what: String,
    },
    /// The file could not be read.
    #[error("the recording could not be read: {0}")]
    Io(#[from] io::Error),
}

/// What is wrong with a damaged segment or keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing that begins like a segment or keyframe is there.
    #[error("its beginning is not readable")]
    Head,
    /// The checksum does not match.
    #[error("its checksum does not match")]
    Checksum,
    /// It is whole, but another one belongs there: swapped, repeated or from another recording.
    #[error("another segment's bytes are in its place")]
    Misplaced,
    /// Its bytes are in no readable place of the file.
    #[error("its bytes are missing")]
    Missing,
    /// The checksum matches but the contents make no sense.
    #[error("its contents are malformed")]
    Malformed,
    /// The checksum matches but the contents exceed a limit of the format.
    #[error("its contents exceed a limit of the format")]
    TooLarge,
    /// The checksum matches but a frame in it breaks the rules of input frames.
    #[error("an input frame in it is invalid: {0}")]
    Frame(#[from] FrameError),
}

/// Why something was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A header field is outside its limits.
    #[error("a recording cannot begin with this header: {reason}")]
    Header {
        /// Which, and how.
        reason: &'static str,
    },
    /// The frame breaks a rule of input frames; nothing was added.
    #[error("tick {tick} cannot be recorded: {error}")]
    Frame {
        /// The frame's tick.
        tick: u64,
        /// The rule.
        error: FrameError,
    },
    /// The snapshot is larger than [`super::KEYFRAME_BYTES_MAX`].
    #[error("a keyframe of {bytes} bytes is larger than the format allows")]
    KeyframeTooLarge {
        /// Its size.
        bytes: u64,
    },
    /// The file has [`super::CHUNKS_MAX`] segments and keyframes: finish it and begin another.
    #[error("the recording is full; finish it and begin another")]
    Full,
    /// The output failed now. What was not yet written is not counted, and no more can be written.
    #[error("the recording could not be written at byte {offset}: {error}")]
    Io {
        /// Bytes that were written whole before.
        offset: u64,
        /// The output's error.
        error: io::Error,
    },
    /// The output failed earlier.
    #[error("the recording stopped at byte {offset} after a write error")]
    Stopped {
        /// Bytes that were written whole before.
        offset: u64,
    },
}
