//! What segments and keyframes hold. Segment: the digests as they are (nothing compresses them), then the
//! frames as columns, compressed. Keyframe: a snapshot, compressed. Must never allocate for a stated size
//! before that many bytes are there.

use std::io::{self, Read};

use super::chunk::{u32_at, u64_at};
use super::frames;
use super::header::Version;
use super::{Fault, KEYFRAME_BYTES_MAX};
use crate::input::InputFrame;

/// Most bytes of a segment's columns before compression. Residuals are at most one byte per integer longer
/// than the commands they stand for; the rest is at most five bytes a command and ten a membership entry.
const COLUMNS_BYTES_MAX: u64 = 48 << 20;
/// Largest window a compressed block may ask the decoder for: 8 MiB, as the highest level below uses.
const WINDOW_LOG_MAX: u32 = 23;
/// Level for keyframes: they are megabytes and written while the world waits.
const KEYFRAME_LEVEL: i32 = 1;
/// Level for the frames of an ordinary segment: a few kilobytes.
const SEGMENT_LEVEL: i32 = 19;
/// Level for the frames of a crowd, from this many bytes on.
const CROWD: (usize, i32) = (256 << 10, 3);

/// All frames are empty and nothing follows.
const EMPTY: u8 = 0;
/// Columns as they are.
const PLAIN: u8 = 1;
/// Columns compressed by zstd.
const ZSTD: u8 = 2;

pub(super) fn encode_segment(frames: &[InputFrame], digests: &[u64]) -> io::Result<Vec<u8>> {
    let mut out: Vec<u8> = digests.iter().flat_map(|d| d.to_le_bytes()).collect();
    if frames.iter().all(InputFrame::is_empty) {
        out.push(EMPTY);
        return Ok(out);
    }
    let columns = frames::encode(frames);
    let level = if columns.len() < CROWD.0 { SEGMENT_LEVEL } else { CROWD.1 };
    let small = zstd::bulk::compress(&columns, level)?;
    let (encoding, bytes) = if small.len() < columns.len() { (ZSTD, small) } else { (PLAIN, columns.clone()) };
    out.push(encoding);
    out.extend_from_slice(&(columns.len() as u32).to_le_bytes());
    out.extend_from_slice(&bytes);
    Ok(out)
}

pub(super) fn decode_segment(
    version: Version,
    ticks: u32,
    payload: &[u8],
) -> Result<(Vec<InputFrame>, Vec<u64>), Fault> {
    let Version::V1 = version;
    let (digests, rest) = payload.split_at_checked(ticks as usize * 8).ok_or(Fault::Malformed)?;
    let digests = digests.chunks_exact(8).map(|d| u64_at(d, 0)).collect();
    let (&encoding, rest) = rest.split_first().ok_or(Fault::Malformed)?;
    let frames = match (encoding, rest.split_at_checked(4)) {
        (EMPTY, None) if rest.is_empty() => vec![InputFrame::default(); ticks as usize],
        (PLAIN, Some((length, bytes))) if u32_at(length, 0) as usize == bytes.len() => frames::decode(bytes, ticks)?,
        (ZSTD, Some((length, bytes))) => {
            frames::decode(&decompress(bytes, u64::from(u32_at(length, 0)), COLUMNS_BYTES_MAX)?, ticks)?
        }
        _ => return Err(Fault::Malformed),
    };
    Ok((frames, digests))
}

pub(super) fn encode_keyframe(snapshot: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = (snapshot.len() as u64).to_le_bytes().to_vec();
    out.extend_from_slice(&zstd::bulk::compress(snapshot, KEYFRAME_LEVEL)?);
    Ok(out)
}

pub(super) fn decode_keyframe(version: Version, payload: &[u8]) -> Result<Vec<u8>, Fault> {
    let Version::V1 = version;
    let (length, bytes) = payload.split_at_checked(8).ok_or(Fault::Malformed)?;
    decompress(bytes, u64_at(length, 0), KEYFRAME_BYTES_MAX)
}

/// Decompresses to exactly `length` bytes. The result grows as bytes come out, whatever is stated.
fn decompress(bytes: &[u8], length: u64, most: u64) -> Result<Vec<u8>, Fault> {
    if length > most {
        return Err(Fault::TooLarge);
    }
    let mut out = Vec::new();
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(|_| Fault::Malformed)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(|_| Fault::Malformed)?;
    decoder.take(length + 1).read_to_end(&mut out).map_err(|_| Fault::Malformed)?;
    if out.len() as u64 == length { Ok(out) } else { Err(Fault::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stated_length_is_not_believed() {
        let bomb = zstd::bulk::compress(&vec![0; 10 << 20], 3).unwrap();
        assert!(bomb.len() < 2_000);
        assert_eq!(decompress(&bomb, 10 << 20, 10 << 20).map(|b| b.len()), Ok(10 << 20));
        assert_eq!(decompress(&bomb, (10 << 20) + 1, 1 << 30), Err(Fault::Malformed), "fewer bytes than stated");
        assert_eq!(decompress(&bomb, 4_096, 1 << 30), Err(Fault::Malformed), "more bytes than stated");
        assert_eq!(decompress(&bomb, 10 << 20, 1 << 20), Err(Fault::TooLarge));
        assert_eq!(decompress(&bomb[..bomb.len() - 1], 10 << 20, 10 << 20), Err(Fault::Malformed));
    }

    #[test]
    fn what_is_large_fits_the_window() {
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 60) as u8
        })
        .take(12 << 20)
        .collect();
        let stored = encode_keyframe(&noise).unwrap();
        assert_eq!(decode_keyframe(Version::V1, &stored).unwrap(), noise);
    }

    #[test]
    fn payloads_that_make_no_sense_are_refused() {
        let frames = vec![InputFrame::default(); 3];
        let good = encode_segment(&frames, &[1, 2, 3]).unwrap();
        assert_eq!(good.len(), 25);
        assert_eq!(decode_segment(Version::V1, 3, &good), Ok((frames, vec![1, 2, 3])));
        let malformed = |ticks, payload: &[u8]| decode_segment(Version::V1, ticks, payload) == Err(Fault::Malformed);
        assert!(malformed(4, &good));
        assert!(malformed(3, &good[..24]));
        assert!(malformed(3, &[&good[..], &[0]].concat()));
        assert!(malformed(3, &[&good[..24], &[7, 0, 0, 0, 0]].concat()));
    }
}
