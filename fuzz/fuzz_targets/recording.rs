//! Any bytes open as a recording or are refused, and everything in it reads or is refused. Checksums keep a
//! fuzzer from getting far, so the bytes are also tried as patches of a sound recording whose checksums are
//! put right afterwards.
#![no_main]

use std::io::Cursor;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sim::input::SentCommand;
use sim::recording::{Header, Reader, Writer};
use sim::{InputFrame, Membership, PlayerId, Role};
use xxhash_rust::xxh3::xxh3_64_with_seed;

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    read(&patched(bytes));
});

fn read(bytes: &[u8]) {
    let Ok(mut reader) = Reader::open(Cursor::new(bytes)) else { return };
    for i in 0..reader.keyframes().len() {
        let _ = reader.read_keyframe(i);
    }
    for i in 0..reader.segments().len() {
        if let Ok(segment) = reader.read_segment(i) {
            assert_eq!(segment.frames.len(), segment.digests.len());
            assert_eq!(segment.frames.len() as u64, reader.segments()[i].ticks);
        }
    }
    let first = reader.ticks().start;
    let _ = reader.frames_from(first).count();
    let _ = reader.check();
}

/// A sound recording and its seed, with each three bytes of `patch` being an offset behind the header and
/// what to put there. Lengths stay as they are, so that the checksums can be found and put right.
fn patched(patch: &[u8]) -> Vec<u8> {
    static SOUND: OnceLock<(Vec<u8>, Vec<usize>, u64)> = OnceLock::new();
    let (sound, chunks, seed) = SOUND.get_or_init(sound);
    let mut bytes = sound.clone();
    for edit in patch.chunks_exact(3) {
        let room = bytes.len() - chunks[0];
        bytes[chunks[0] + usize::from(u16::from_le_bytes([edit[0], edit[1]])) % room] = edit[2];
    }
    let mut previous = *seed;
    for range in chunks.windows(2) {
        let chunk = &mut bytes[range[0]..range[1]];
        let length = chunk.len();
        chunk[..4].copy_from_slice(&sound[range[0]..range[0] + 4]);
        chunk[8..12].copy_from_slice(&((length - 48) as u32).to_le_bytes());
        chunk[24..32].copy_from_slice(&previous.to_le_bytes());
        let check = xxh3_64_with_seed(&chunk[..32], *seed);
        chunk[32..40].copy_from_slice(&check.to_le_bytes());
        previous = xxh3_64_with_seed(&chunk[..length - 8], *seed);
        chunk[length - 8..].copy_from_slice(&previous.to_le_bytes());
    }
    bytes
}

/// The recording, where its chunks begin and the last ends, and the seed of its checksums. It has no index:
/// whoever opens it scans.
fn sound() -> (Vec<u8>, Vec<usize>, u64) {
    let mut header = Header::new("fuzz", "fuzz", "", 90, 1, 2);
    header.segment_ticks = 6;
    let mut writer = Writer::new(Vec::new(), header, b"a snapshot, a snapshot, a snapshot").unwrap();
    for tick in 0..12_u8 {
        let mut frame = InputFrame::default();
        if tick == 0 {
            frame.membership.push(Membership::Join { player: PlayerId(1), role: Role::Pilot });
        }
        for player in 1..=u32::from(tick % 3) {
            // One kind that is kept as integers, and, where the last byte has its high bit set, as bytes.
            let bytes = vec![0, 3, tick * tick, 9, 40 * (tick % 5)];
            frame.commands.push(SentCommand { player: PlayerId(player), bytes });
        }
        writer.push(&frame, u64::from(tick)).unwrap();
    }
    let bytes = writer.finish().unwrap();
    let reader = Reader::open(Cursor::new(&bytes)).unwrap();
    let mut chunks = vec![reader.keyframes()[0].offset as usize];
    chunks.extend(reader.segments().iter().map(|s| s.offset as usize));
    let last = reader.segments().last().unwrap();
    let end = (last.offset + last.bytes) as usize;
    chunks.push(end);
    let hash = &bytes[chunks[0] - 32..chunks[0] - 24];
    let seed = u64::from_le_bytes(hash.try_into().unwrap());
    let mut bytes = bytes;
    bytes.truncate(end);
    (bytes, chunks, seed)
}
