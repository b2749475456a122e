//! The pieces of a recording by themselves, for stores that keep a log in pieces: the payloads of segments and keyframes,
//! byte for byte as in a file. Must never check what a file's chunks check: whoever keeps a piece guards it.

use std::io;

use super::frames::{SEGMENT_COMMAND_BYTES_MAX, SEGMENT_COMMANDS_MAX, SEGMENT_MEMBERSHIP_MAX};
use super::header::Version;
use super::{Fault, KEYFRAME_BYTES_MAX, SEGMENT_TICKS_MAX, payload};
use crate::input::InputFrame;

/// Packs the frames of consecutive ticks with the digests after them.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] for frames that break a rule or are more than a segment holds, and for lists of
/// different lengths.
pub fn pack_segment(frames: &[InputFrame], digests: &[u64]) -> io::Result<Vec<u8>> {
    let refuse = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
    if frames.is_empty() || frames.len() != digests.len() || frames.len() > SEGMENT_TICKS_MAX as usize {
        return Err(refuse(format!("{} frames with {} digests are no segment", frames.len(), digests.len())));
    }
    frames.iter().try_for_each(InputFrame::check).map_err(|e| refuse(e.to_string()))?;
    let membership: usize = frames.iter().map(|frame| frame.membership.len()).sum();
    let commands: usize = frames.iter().map(|frame| frame.commands.len()).sum();
    let bytes: usize = frames.iter().flat_map(|frame| &frame.commands).map(|command| command.bytes.len()).sum();
    if membership > SEGMENT_MEMBERSHIP_MAX || commands > SEGMENT_COMMANDS_MAX || bytes > SEGMENT_COMMAND_BYTES_MAX {
        return Err(refuse("the frames hold more than one segment may".to_owned()));
    }
    payload::encode_segment(frames, digests)
}

/// The frames and digests of a segment with so many ticks, as a file of this format version has it.
///
/// # Errors
/// [`Fault`]; [`Fault::Malformed`] for a version that is not known, too.
pub fn unpack_segment(format_version: u16, ticks: u32, bytes: &[u8]) -> Result<(Vec<InputFrame>, Vec<u64>), Fault> {
    if ticks == 0 || ticks > SEGMENT_TICKS_MAX {
        return Err(Fault::Malformed);
    }
    payload::decode_segment(Version::from_number(format_version).ok_or(Fault::Malformed)?, ticks, bytes)
}

/// Packs a snapshot.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] for one that is too large.
pub fn pack_keyframe(snapshot: &[u8]) -> io::Result<Vec<u8>> {
    if snapshot.len() as u64 > KEYFRAME_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the snapshot is too large"));
    }
    payload::encode_keyframe(snapshot)
}

/// The snapshot of a keyframe, as a file of this format version has it.
///
/// # Errors
/// As [`unpack_segment`].
pub fn unpack_keyframe(format_version: u16, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    payload::decode_keyframe(Version::from_number(format_version).ok_or(Fault::Malformed)?, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, PlayerId};

    #[test]
    fn pieces_come_back_and_nothing_else_does() {
        let mut frame = InputFrame::default();
        frame.push(PlayerId(3), &Command::SetTimeFactor { quarters: 4 });
        let (frames, digests) = (vec![frame, InputFrame::default()], vec![7, u64::MAX]);
        let packed = pack_segment(&frames, &digests).unwrap();
        let version = super::super::FORMAT_VERSION;
        assert_eq!(unpack_segment(version, 2, &packed), Ok((frames.clone(), digests)));
        assert!(unpack_segment(version, 3, &packed).is_err());
        assert!(unpack_segment(version, 0, &packed).is_err());
        assert!(unpack_segment(version + 1, 2, &packed).is_err());
        assert!(pack_segment(&frames, &[7]).is_err() && pack_segment(&[], &[]).is_err());
        let snapshot = vec![5; 10_000];
        let packed = pack_keyframe(&snapshot).unwrap();
        assert!(packed.len() < 200);
        assert_eq!(unpack_keyframe(version, &packed), Ok(snapshot));
        assert!(unpack_keyframe(version + 1, &packed).is_err() && unpack_keyframe(version, &packed[1..]).is_err());
    }
}
