//! What is recorded reads back, whichever way it is asked for.

use std::io::Cursor;

use proptest::prelude::*;
use sim::input::{COMMAND_BYTES_MAX, FRAME_COMMANDS_MAX, SentCommand};
use sim::recording::{Fork, FrameError, Header, ReadError, Reader, WriteError, Writer};
use sim::{InputFrame, Membership, PlayerId, Role};
use sim_testkit::recording_support::{Random, header, pilots, recording};

/// A frame of any bytes: mostly empty, as most are.
fn frame(random: &mut Random) -> InputFrame {
    let mut frame = InputFrame::default();
    if random.below(3) > 0 {
        return frame;
    }
    for _ in 0..random.below(3) {
        let player = PlayerId(random.draw() as u32);
        let role = [Role::Spectator, Role::Pilot, Role::Operator][random.below(3)];
        let entry = [Membership::Join { player, role }, Membership::Leave { player }][random.below(2)];
        frame.membership.push(entry);
    }
    for _ in 0..random.below(6) {
        let player = PlayerId([random.below(4) as u32, random.draw() as u32][random.below(2)]);
        let length = [random.below(12), random.below(COMMAND_BYTES_MAX + 1)][random.below(2)];
        let bytes = random.bytes(length);
        frame.commands.push(SentCommand { player, bytes });
    }
    frame.commands.sort_by_key(|c| c.player);
    frame
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_log_reads_back(
        seed: u64, first in prop_oneof![Just(0), any::<u32>().prop_map(u64::from)],
        ticks in 0..40_u64, segment_ticks in 1..12_u32, keyframe_ticks in 1..20_u32, text in ".{0,40}",
    ) {
        let mut random = Random::new(seed);
        let mut header = Header::new("build", "name", &text, 90, seed, random.draw());
        header.segment_ticks = segment_ticks;
        header.keyframe_ticks = keyframe_ticks;
        if first > 0 {
            header = header.forked(Fork { identity: [3; 32], tick: first, digest: random.draw() });
        }
        let mut keyframes = vec![(first, random.bytes(50))];
        let mut writer = Writer::new(Vec::new(), header.clone(), &keyframes[0].1).unwrap();
        let (mut frames, mut digests) = (Vec::new(), Vec::new());
        for tick in first..first + ticks {
            prop_assert_eq!(writer.next_tick(), tick);
            frames.push(frame(&mut random));
            digests.push(random.draw());
            writer.push(frames.last().unwrap(), *digests.last().unwrap()).unwrap();
            if writer.wants_keyframe() {
                let snapshot = random.bytes(random.0.state as usize % 300);
                writer.keyframe(&snapshot).unwrap();
                keyframes.push((tick + 1, snapshot));
            }
            if random.below(10) == 0 {
                writer.flush().unwrap();
                prop_assert_eq!(writer.written().ticks, tick + 1 - first);
            }
        }
        let bytes = writer.finish().unwrap();

        // By the index, and by scanning the same file without its end marker.
        for length in [bytes.len(), bytes.len() - 72] {
            let mut reader = Reader::open(Cursor::new(&bytes[..length])).unwrap();
            prop_assert_eq!(reader.header(), &header);
            prop_assert_eq!(reader.status().is_complete(), length == bytes.len());
            prop_assert!(reader.status().damage.is_empty());
            prop_assert_eq!(reader.ticks(), first..first + ticks);
            let complete = length == bytes.len();
            prop_assert_eq!(reader.final_digest(), digests.last().copied().filter(|_| complete));
            let from = first + random.below(ticks as usize + 2) as u64;
            let steps: Vec<_> = reader.frames_from(from).map(Result::unwrap).collect();
            prop_assert_eq!(steps.len() as u64, (first + ticks).saturating_sub(from));
            for step in steps {
                let i = (step.tick - first) as usize;
                prop_assert_eq!((&step.frame, step.digest), (&frames[i], digests[i]));
            }
            for tick in first..=first + ticks {
                let expected = keyframes.iter().rfind(|k| k.0 <= tick).unwrap();
                prop_assert_eq!(&reader.keyframe_at_or_before(tick).unwrap(), expected);
            }
            if first > 0 {
                let none = reader.keyframe_at_or_before(first - 1);
                let out_of_range = matches!(none, Err(ReadError::OutOfRange { .. }));
                prop_assert!(out_of_range);
            }
            prop_assert_eq!(reader.segment_of(first + ticks), None);
            prop_assert!(reader.check().unwrap().damage.is_empty());
        }
    }
}

#[test]
fn an_invalid_frame_is_refused_and_nothing_is_added() {
    let mut writer = Writer::new(Vec::new(), header(5, 100), &[]).unwrap();
    writer.push(&pilots(0, 1, 3), 1).unwrap();
    let mut disorder = pilots(1, 1, 3);
    disorder.commands.reverse();
    let refused = writer.push(&disorder, 2);
    assert!(matches!(refused, Err(WriteError::Frame { tick: 1, error: FrameError::Order })));
    assert_eq!(writer.next_tick(), 1);
    writer.push(&pilots(1, 1, 3), 2).unwrap();
    let bytes = writer.finish().unwrap();
    assert_eq!(Reader::open(Cursor::new(bytes)).unwrap().ticks(), 0..2);
}

#[test]
fn a_crowded_segment_is_closed_early() {
    let commands = (0..FRAME_COMMANDS_MAX as u32).map(|p| SentCommand { player: PlayerId(p), bytes: vec![1, 5] });
    let crowd = InputFrame { commands: commands.collect(), ..InputFrame::default() };
    let mut writer = Writer::new(Vec::new(), header(1_000, 100_000), &[]).unwrap();
    (0..70).for_each(|tick| writer.push(&crowd, tick).unwrap());
    assert_eq!((writer.written().segments, writer.written().ticks), (1, 64));
    let bytes = writer.finish().unwrap();
    let mut reader = Reader::open(Cursor::new(bytes)).unwrap();
    assert_eq!(reader.segments().iter().map(|s| s.ticks).collect::<Vec<_>>(), [64, 6]);
    assert!(reader.frames_from(0).all(|step| step.unwrap().frame == crowd));
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    let refused = |change: fn(&mut Header)| {
        let mut header = header(5, 100);
        change(&mut header);
        matches!(Writer::new(Vec::new(), header, &[]), Err(WriteError::Header { .. }))
    };
    assert!(!refused(|_| ()));
    assert!(refused(|h| h.scenario_text.push('x')), "not the text that was hashed");
    assert!(refused(|h| h.tick_rate_hz = 0));
    assert!(refused(|h| h.segment_ticks = 0));
    assert!(refused(|h| h.segment_ticks = 100_000));
    assert!(refused(|h| h.keyframe_ticks = 0));
    assert!(refused(|h| h.build_id = "x".repeat(257)));
    assert!(refused(|h| h.forked_from = Some(Fork { identity: [0; 32], tick: 9, digest: 0 })));
}

#[test]
fn identities_tell_recordings_apart() {
    let identity = |bytes: &[u8]| Reader::open(Cursor::new(bytes)).unwrap().identity();
    let one = recording(1, 17, header(5, 10), 40);
    assert_eq!(identity(&one), identity(&recording(1, 17, header(5, 10), 40)));
    assert_ne!(identity(&one), identity(&recording(2, 17, header(5, 10), 40)));
    assert_ne!(identity(&one), identity(&one[..one.len() - 1]));
}

#[test]
fn readers_share_an_index() {
    let bytes = recording(1, 17, header(5, 10), 40);
    let first = Reader::open(Cursor::new(&bytes)).unwrap();
    let mut second = first.reopen(Cursor::new(&bytes));
    assert_eq!(second.segments(), first.segments());
    assert_eq!(second.read_segment(3).unwrap().frames.len(), 2);
    assert!(matches!(second.read_segment(4), Err(ReadError::OutOfRange { .. })));
}
