//! What is left of a recording that was cut, damaged or not finished, and what is said about it.

use sim_testkit::recording_support;
use std::io::{Cursor, Write};

use sim::recording::{Damage, DamagedPart, Fault, OpenError, ReadError, Reader, Status, WriteError, Writer};
use sim_testkit::recording_support::{chunks, header, judge, pilots, read, recording};

fn open(bytes: &[u8]) -> Reader<Cursor<&[u8]>> {
    Reader::open(Cursor::new(bytes)).unwrap()
}

fn small() -> Vec<u8> {
    recording(1, 17, header(5, 10), 40)
}

#[test]
fn a_cut_at_any_byte_leaves_every_whole_segment() {
    let bytes = small();
    let whole = read(&bytes).unwrap();
    let chunks = chunks(&bytes);
    let segments = open(&bytes).segments().to_vec();
    assert_eq!(segments.len(), 4);
    for cut in 0..bytes.len() {
        let part = &bytes[..cut];
        if cut < chunks[0].start {
            match Reader::open(Cursor::new(part)) {
                Err(OpenError::NotARecording) => assert_eq!(cut, 0),
                Err(OpenError::HeaderTruncated { length }) => assert_eq!(length, cut as u64),
                other => panic!("cut at {cut}: {other:?}"),
            }
            continue;
        }
        let ticks: u64 = segments.iter().filter(|s| s.offset + s.bytes <= cut as u64).map(|s| s.ticks).sum();
        let whole_to = chunks.iter().map(|c| c.end).filter(|&end| end <= cut).max().unwrap_or(chunks[0].start);
        let reader = open(part);
        let status = reader.status();
        assert!(status.damage.is_empty(), "cut at {cut}: {status}");
        let truncation = status.truncation.unwrap();
        assert_eq!(truncation.offset, whole_to as u64, "cut at {cut}");
        assert_eq!(truncation.lost_bytes, (cut - whole_to) as u64);
        assert_eq!((reader.ticks(), truncation.end_tick), (0..ticks, ticks));
        let read = read(part).unwrap();
        assert_eq!(read.steps, whole.steps[..ticks as usize]);
    }
}

#[test]
fn a_cut_at_a_segments_edge_is_reported() {
    let bytes = small();
    let chunks = chunks(&bytes);
    let edge = chunks[2].end;
    let status = open(&bytes[..edge]).status().to_string();
    assert_eq!(status, format!("truncated at byte {edge}: readable up to tick 10, 0 bytes behind it are lost"));
}

#[test]
fn every_flipped_byte_is_found() {
    let bytes = small();
    let whole = read(&bytes).unwrap();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        assert_ne!(judge(&whole, &flipped, false), recording_support::Verdict::Identical, "byte {at}");
    }
}

#[test]
fn a_damaged_segment_is_named_and_the_others_are_read() {
    let bytes = small();
    let place = open(&bytes).segments()[1];
    // By the index, and by a scan of a file without its end.
    for length in [bytes.len(), bytes.len() - 1] {
        let mut damaged = bytes[..length].to_vec();
        damaged[place.offset as usize + 45] ^= 1;
        let mut reader = open(&damaged);
        match reader.read_segment(1) {
            Err(error @ ReadError::SegmentDamaged { segment: 1, first_tick: 5, end_tick: 10, .. }) => {
                let offset = place.offset;
                let said =
                    format!("segment 1 (ticks 5 to 10) is damaged at byte {offset}: its checksum does not match");
                assert_eq!(error.to_string(), said);
            }
            other => panic!("{other:?}"),
        }
        for i in [0, 2, 3] {
            assert_eq!(reader.read_segment(i).unwrap().first_tick, 5 * i as u64);
        }
        let part = DamagedPart::Segment { segment: 1, first_tick: 5, end_tick: 10 };
        let damage = Damage { offset: place.offset, bytes: place.bytes, part };
        assert_eq!(reader.check().unwrap().damage, [damage]);
        assert_eq!(reader.check().unwrap().damage, [damage], "noted once");
        let steps: Vec<_> = reader.frames_from(3).collect();
        assert_eq!(steps.len(), 3, "two steps and the error");
        assert!(matches!(steps[2], Err(ReadError::SegmentDamaged { segment: 1, .. })));
    }
}

#[test]
fn what_was_moved_repeated_or_taken_out_is_named() {
    let bytes = small();
    let chunks = chunks(&bytes);
    let part = |i: usize| &bytes[chunks[i].clone()];
    let head = &bytes[..chunks[0].start];
    // Keyframe 0, segments 0 and 1, keyframe 1, segments 2 and 3, index, end marker.
    let file = |order: &[usize]| [head, &order.iter().map(|&i| part(i)).collect::<Vec<_>>().concat()].concat();
    let parts = |status: &Status| status.damage.iter().map(|d| d.part).collect::<Vec<_>>();
    let segment = |segment, first_tick, end_tick| DamagedPart::Segment { segment, first_tick, end_tick };

    let removed = file(&[0, 2, 3, 4, 5, 6, 7]);
    let mut reader = open(&removed);
    assert_eq!(parts(reader.status()), [segment(0, 0, 5)]);
    assert!(matches!(reader.read_segment(0), Err(ReadError::SegmentDamaged { fault: Fault::Missing, .. })));
    assert_eq!(reader.read_segment(1).unwrap().first_tick, 5);

    assert_eq!(parts(open(&file(&[0, 1, 2, 4, 5, 6, 7])).status()), [DamagedPart::Keyframe { keyframe: 1, tick: 10 }]);
    assert_eq!(parts(open(&file(&[0, 1, 2, 3, 4, 5, 7])).status()), [DamagedPart::Index]);
    assert_eq!(parts(open(&file(&[0, 1, 1, 2, 3, 4, 5, 6, 7])).status()), [DamagedPart::Stray]);
    assert_eq!(parts(open(&file(&[0, 1, 2, 3, 4, 5, 6, 7, 7])).status()), [DamagedPart::Stray]);
    let swapped = file(&[0, 2, 1, 3, 4, 5, 6]);
    let swapped = open(&swapped);
    assert_eq!(parts(swapped.status()), [segment(0, 0, 5), DamagedPart::Stray]);
    assert!(swapped.status().truncation.is_some());

    // Swapped where lengths are equal, the index leads to the wrong ones.
    let quiet = |seed: u64| {
        let mut writer = Writer::new(Vec::new(), header(5, 100), &[]).unwrap();
        (0..20).for_each(|tick| writer.push(&Default::default(), seed + tick).unwrap());
        writer.finish().unwrap()
    };
    let quiet_one = quiet(1);
    let chunks = recording_support::chunks(&quiet_one);
    let mut swapped = quiet_one.clone();
    swapped[chunks[2].clone()].copy_from_slice(&quiet_one[chunks[3].clone()]);
    swapped[chunks[3].clone()].copy_from_slice(&quiet_one[chunks[2].clone()]);
    let mut reader = open(&swapped);
    assert!(matches!(reader.read_segment(1), Err(ReadError::SegmentDamaged { fault: Fault::Misplaced, .. })));
    // A segment of another recording with the very same header, by the index and by a scan.
    let mut spliced = quiet_one.clone();
    spliced[chunks[2].clone()].copy_from_slice(&quiet(77)[chunks[2].clone()]);
    for length in [spliced.len(), spliced.len() - 1] {
        let mut reader = open(&spliced[..length]);
        assert_eq!(parts(reader.check().unwrap()), [segment(1, 5, 10)]);
        assert!(reader.read_segment(1).is_err());
    }
}

#[test]
fn headers_are_told_apart() {
    let bytes = small();
    let error = |bytes: &[u8]| Reader::open(Cursor::new(bytes)).unwrap_err();
    assert!(matches!(error(b"PK\x03\x04, a zip"), OpenError::NotARecording));
    let mut flipped = bytes.clone();
    flipped[20] ^= 1;
    assert!(matches!(error(&flipped), OpenError::HeaderDamaged { offset: 8, .. }));
    // A damaged version number is damage; a newer version is one only if its hash is right.
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert!(matches!(error(&newer), OpenError::HeaderDamaged { .. }));
    let contents = u32::from_le_bytes(newer[10..14].try_into().unwrap()) as usize;
    let hash = blake3::hash(&newer[..14 + contents]);
    newer[14 + contents..14 + contents + 32].copy_from_slice(hash.as_bytes());
    let newer = error(&newer);
    assert!(matches!(newer, OpenError::UnsupportedVersion { found: 2 }));
    assert_eq!(newer.to_string(), "this recording has format version 2, but this build reads versions up to 1");
}

/// An output that fails after so many bytes, as a full disk does.
struct Full {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Full {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        let fits = data.len().min(self.room - self.bytes.len());
        if fits == 0 && !data.is_empty() {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(&data[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failed_write_is_returned_and_not_counted() {
    let whole = small().len();
    for room in 0..whole {
        let mut output = Full { bytes: Vec::new(), room };
        let written = match Writer::new(&mut output, header(5, 10), &[7; 20]) {
            Err(WriteError::Io { .. }) => continue,
            Err(other) => panic!("{other}"),
            Ok(mut writer) => {
                let failed = (0..1_000).find_map(|tick| writer.push(&pilots(tick, 1, 3), tick).err());
                let written = writer.written();
                match failed {
                    Some(WriteError::Io { offset, .. }) => assert_eq!(offset, written.bytes),
                    other => panic!("{other:?}"),
                }
                assert!(matches!(writer.push(&pilots(0, 1, 3), 0), Err(WriteError::Stopped { .. })));
                assert!(matches!(writer.keyframe(&[]), Err(WriteError::Stopped { .. })));
                assert!(matches!(writer.finish(), Err(WriteError::Stopped { .. })));
                written
            }
        };
        let reader = open(&output.bytes);
        assert_eq!(reader.ticks(), 0..written.ticks);
        assert_eq!(reader.status().truncation.unwrap().offset, written.bytes);
    }
}
