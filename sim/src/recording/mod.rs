//! Recordings: the input log on disk, with its scenario, keyframes and digests (`.strec`). The codec only:
//! generic over [`std::io`] traits, must never open a file, read a clock or interpret a command or a snapshot.
//!
//! **Ticks.** A [`Tick`](crate::Tick) is how many steps the simulation has taken. A keyframe at tick `k` is the
//! state after `k` steps. The frame *of tick `t`* is the one applied to the state at `t`; the digest beside it
//! is that of the state after, at `t + 1`. So a keyframe at `k` is followed by the segment whose `first_tick`
//! is `k`, and a recording of `n` frames from `first_tick` ends with the state at `first_tick + n`.
//!
//! The format, byte by byte, with the rules of recovery: `docs/RECORDING.md`.

mod chunk;
mod error;
mod frames;
mod header;
mod index;
mod layout;
mod payload;
mod piece;
mod reader;
mod scan;
mod status;
mod varint;
mod writer;

pub use error::{Fault, FrameError, OpenError, ReadError, WriteError};
pub use header::{Fork, Header, SIGNATURE};
pub use piece::{pack_keyframe, pack_segment, unpack_keyframe, unpack_segment};
pub use reader::{Frames, KeyframeEntry, Reader, Segment, SegmentEntry, Step};
pub use status::{Damage, DamagedPart, Status, Truncation};
pub use writer::{Writer, Written};

/// The version of the format that this build writes. It reads this one and the one before.
pub const FORMAT_VERSION: u16 = 1;
/// Most ticks one segment may have.
pub const SEGMENT_TICKS_MAX: u32 = 65_536;
/// Most bytes a snapshot may have before compression.
pub const KEYFRAME_BYTES_MAX: u64 = 1 << 30;
/// Most bytes a scenario's text may have.
pub const SCENARIO_BYTES_MAX: usize = 16 << 20;
/// Most bytes the build id or the scenario's name may have.
pub const NAME_BYTES_MAX: usize = 256;
/// Most segments and keyframes together in one file: 48 days at one segment a second.
pub const CHUNKS_MAX: usize = 4 << 20;
