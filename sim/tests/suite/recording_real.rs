//! A recording of a real, busy session: it replays bit for bit, and ten thousand corruptions of it are all found.

use sim_testkit::{busy, common};
use std::io::Cursor;

use sim::recording::{Header, Reader, Writer};
use sim::{Scenario, Simulation, schema_hash};
use sim_testkit::recording_support::{CORRUPTIONS, Random, Verdict, chunks, corrupt, is_foreign, judge, read};

/// Records `ticks` of the busy scenario, with the inputs of another session for another seed.
fn recorded(name: &str, ticks: u64) -> Vec<u8> {
    let mut simulation = common::shipped(name);
    let scenario = simulation.scenario().clone();
    let rate = scenario.tick_rate_hz;
    let mut header = Header::new("test", &scenario.name, &scenario.text, rate, scenario.seed, schema_hash());
    header.segment_ticks = 30;
    header.keyframe_ticks = 90;
    let mut writer = Writer::new(Vec::new(), header, &simulation.snapshot()).expect("memory takes it");
    for _ in 0..ticks {
        if writer.wants_keyframe() {
            writer.keyframe(&simulation.snapshot()).expect("memory takes it");
        }
        let frame = busy::inputs(&simulation);
        let digest = simulation.step(&frame).digest.total;
        writer.push(&frame, digest).expect("memory takes it");
    }
    writer.finish().expect("memory takes it")
}

#[test]
fn a_recording_replays_bit_for_bit_from_any_keyframe() {
    let bytes = recorded("busy", 400);
    let mut reader = Reader::open(Cursor::new(&bytes)).expect("a whole recording");
    let scenario = Scenario::parse(&reader.header().scenario_text).expect("the scenario in it");
    let mut compared = 0;
    for i in 0..reader.keyframes().len() {
        let keyframe = reader.keyframes()[i].tick;
        let mut simulation =
            Simulation::restore(&scenario, &reader.read_keyframe(i).expect("a whole keyframe")).expect("a snapshot");
        assert_eq!(simulation.tick().0, keyframe);
        for step in reader.frames_from(keyframe).take(120) {
            let step = step.expect("a whole segment");
            assert_eq!(simulation.step(&step.frame).digest.total, step.digest, "tick {}", step.tick);
            compared += 1;
        }
    }
    assert!(compared > 400);
}

#[test]
fn ten_thousand_corruptions_of_a_real_recording() {
    let (original, donor) = (recorded("busy", 200), recorded("contact-lab", 120));
    let contents = read(&original).expect("readable");
    assert!(contents.sound);
    let (original_chunks, donor_chunks) = (chunks(&original), chunks(&donor));
    let mut found = 0;
    for seed in 0..10_000 {
        let mut random = Random::new(seed);
        let (kind, bytes) = corrupt(&mut random, (&original, &original_chunks), (&donor, &donor_chunks));
        let judged = std::panic::catch_unwind(|| judge(&contents, &bytes, is_foreign(kind)));
        let Ok(verdict) = judged else { panic!("corruption {seed}: {}", CORRUPTIONS[kind]) };
        let same = bytes == original;
        assert_eq!(verdict == Verdict::Identical, same, "corruption {seed}: {}", CORRUPTIONS[kind]);
        found += u32::from(!same);
    }
    assert!(found > 9_000, "only {found} corruptions changed anything");
}
