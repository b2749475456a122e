//! A recording of format version 1, committed. It must read back for as long as version 1 is read, and, while
//! version 1 is written, be written again to the same bytes. That pins the format and zstd's output; if an
//! update of zstd alone changes the bytes, mint the file anew and keep the old one as a second file to read.
#![expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]

use std::path::Path;

use sim::input::SentCommand;
use sim::recording::{Fork, Header, Step, Writer};
use sim::{InputFrame, Membership, PlayerId, Role};
use sim_testkit::recording_support::read;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/recordings/version_1.strec");

/// Two players whose commands are ten integers each, as a ship's controls are; one moves along a parabola.
fn controls(tick: u8) -> InputFrame {
    let command = |player: u8, moves: u8| {
        let bytes = vec![0, 0xf1, 0xa2, player, 40, 0, 0, 0, moves, 0x80 | moves, 3, 1];
        SentCommand { player: PlayerId(player.into()), bytes }
    };
    InputFrame { membership: Vec::new(), commands: vec![command(1, tick * tick), command(2, 9)] }
}

/// Seven ticks from tick 40 on, in segments of three, with two keyframes.
fn frames() -> Vec<InputFrame> {
    let mut frames: Vec<InputFrame> = (0..7).map(controls).collect();
    frames[1].commands.insert(0, SentCommand { player: PlayerId(0), bytes: b"not a command\xff\xff".to_vec() });
    frames[2] = InputFrame::default();
    frames[4].membership =
        vec![Membership::Leave { player: PlayerId(2) }, Membership::Join { player: PlayerId(9), role: Role::Operator }];
    frames[5].commands.push(SentCommand { player: PlayerId(4_000_000_000), bytes: Vec::new() });
    frames
}

fn digest(tick: u64) -> u64 {
    0x0123_4567_89ab_cdef_u64.rotate_left(tick as u32)
}

fn mint() -> Vec<u8> {
    let mut header = Header::new("build 1", "golden", "name = \"golden\"\n", 90, 7, 0x5eed);
    (header.segment_ticks, header.keyframe_ticks) = (3, 4);
    let header = header.forked(Fork { identity: [0xf0; 32], tick: 40, digest: 41 });
    let mut writer = Writer::new(Vec::new(), header, b"the state at tick 40").unwrap();
    for (frame, tick) in frames().iter().zip(40..) {
        writer.push(frame, digest(tick)).unwrap();
        if writer.wants_keyframe() {
            writer.keyframe(&[44; 4_000]).unwrap();
        }
    }
    writer.finish().unwrap()
}

#[test]
fn version_1_reads_back() {
    if std::env::var_os("MINT_GOLDEN").is_some() && !Path::new(PATH).exists() {
        std::fs::write(PATH, mint()).unwrap();
    }
    let bytes = std::fs::read(PATH).unwrap();
    let contents = read(&bytes).unwrap();
    assert!(contents.sound);
    assert_eq!(contents.header.unwrap().format_version, 1);
    assert_eq!(contents.keyframes, [(40, b"the state at tick 40".to_vec()), (44, vec![44; 4_000])]);
    let steps = frames().into_iter().zip(40..).map(|(frame, tick)| Step { tick, frame, digest: digest(tick) });
    assert_eq!(contents.steps, steps.collect::<Vec<_>>());
    assert_eq!(contents.final_digest, Some(digest(46)));
}

#[test]
fn version_1_is_written_to_the_same_bytes() {
    assert_eq!(mint(), std::fs::read(PATH).unwrap());
}
