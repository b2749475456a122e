//! Recordings that are whole, with every checksum right, and yet lie: about their ticks, their states, their
//! scenario. No reader may panic or call one exact.

use std::fs::File;
use std::path::PathBuf;

use crate::common::{Folder, code, run, stderr};
use app::scenario_cmd;
use sim::input::{PlayerId, SentCommand};
use sim::recording::{Fork, Header, Writer};
use sim::{InputFrame, Scenario, Simulation};

fn header(scenario: &Scenario) -> Header {
    let Scenario { name, text, tick_rate_hz, seed, .. } = scenario;
    Header::new("hostile", name, text, *tick_rate_hz, *seed, sim::schema_hash())
}

/// A recording of `ticks` frames with these digests, and a keyframe at its end.
fn forge(folder: &Folder, header: Header, first: &[u8], frames: &[(InputFrame, u64)], last: &[u8]) -> PathBuf {
    let path = folder.file("forged.strec");
    let mut writer = Writer::new(File::create(&path).expect("writable"), header, first).expect("a header");
    for (frame, digest) in frames {
        writer.push(frame, *digest).expect("a frame");
    }
    writer.keyframe(last).expect("a keyframe");
    writer.finish().expect("finished");
    path
}

/// Every reader refuses it or finds it different; `honest_verify` is the exit code of `verify`.
fn check(folder: &Folder, what: &str, file: &PathBuf, honest_verify: i32) {
    let out = folder.file("out");
    for line in [
        "replay verify {}",
        "replay info {}",
        "replay at {} --tick 3",
        "replay at {} --tick 18446744073709551615",
        "replay diff {} {}",
        "replay fork {} --tick 2 --out {}",
        "replay export {} --format csv --out {}",
        "replay plot {} --size 480x320 --out {}",
    ] {
        let second = if line.contains("diff") { file } else { &out };
        // `run` itself fails on a panic or a signal.
        let done = run(line, &[file, second]);
        if line.contains("verify") {
            assert_eq!(code(&done), honest_verify, "{what}: {}", stderr(&done));
        }
    }
}

#[test]
fn lies_with_right_checksums_are_found() {
    let folder = Folder::new();
    let scenario = scenario_cmd::load("hundred").expect("it ships");
    let mut simulation = Simulation::new(&scenario);
    let first = simulation.snapshot();
    let mut frames = Vec::new();
    for _ in 0..5 {
        let report = simulation.step(&InputFrame::default());
        frames.push((InputFrame::default(), report.digest.total));
    }
    let last = simulation.snapshot();
    let honest = forge(&folder, header(&scenario), &first, &frames, &last);
    check(&folder, "honest", &honest, 0);

    let lie = |what: &str, header: Header, first: &[u8], frames: &[(InputFrame, u64)], last: &[u8], code: i32| {
        let file = forge(&folder, header, first, frames, last);
        check(&folder, what, &file, code);
    };
    let plain = || header(&scenario);
    lie("a keyframe of noise", plain(), &[7; 1000], &frames, &last, 2);
    lie("no first keyframe at all", plain(), &[], &frames, &last, 2);
    lie("a last keyframe of noise", plain(), &first, &frames, &[0xff; 64], 2);
    lie("keyframes in the wrong order", plain(), &last, &frames, &first, 2);
    let other = Simulation::new(&scenario_cmd::load("demo").expect("it ships")).snapshot();
    lie("a keyframe of another scenario", plain(), &other, &frames, &last, 2);

    let mut wrong = frames.clone();
    wrong[3].1 ^= 1;
    lie("a wrong digest", plain(), &first, &wrong, &last, 1);
    let bytes = vec![0xa5; 700];
    let mut strange = frames.clone();
    strange[1].0.commands.push(SentCommand { player: PlayerId(u32::MAX), bytes });
    lie("a command of noise", plain(), &first, &strange, &last, 1);

    for tick in [1, 1 << 40, u64::MAX - 10] {
        let fork = Fork { identity: [0; 32], tick, digest: 0 };
        lie("a first tick that is another", plain().forked(fork), &first, &frames, &last, 2);
    }
    let seed = Header { seed: 1, ..plain() };
    lie("another seed", seed, &first, &frames, &last, 2);
    let rate = Header { tick_rate_hz: 1, ..plain() };
    lie("another tick rate", rate, &first, &frames, &last, 2);
    let schema = Header { schema: 1, ..plain() };
    lie("another layout", schema, &first, &frames, &last, 2);
    let names = Header { build_id: "\u{1b}[2J\n".into(), scenario_name: "\u{7}".into(), ..plain() };
    lie("names that move the cursor", names, &first, &frames, &last, 0);
    let text = Header::new("", "", "name = \"half", 90, 0, sim::schema_hash());
    lie("a scenario that is none", text, &first, &frames, &last, 2);
}
