//! What a recording of four pilots costs on disk, without its keyframes.

use sim::recording::Writer;
use sim_testkit::recording_support::{Random, header, trembling_pilots};

const SECONDS: u64 = 20;
const RATE_HZ: u64 = 90;

/// Bytes per second of all that is not a keyframe.
fn bytes_per_second(every: u64, axes: usize, tremor: usize) -> u64 {
    let mut writer = Writer::new(Vec::new(), header(90, 900), &[]).unwrap();
    for tick in 0..SECONDS * RATE_HZ {
        // Digests look like noise.
        let digest = Random::new(tick).draw();
        writer.push(&trembling_pilots(tick, every, axes, tremor), digest).unwrap();
    }
    let keyframe_bytes = writer.written().keyframe_bytes;
    (writer.finish().unwrap().len() as u64 - keyframe_bytes) / SECONDS
}

#[test]
fn four_pilots_cost_at_most_two_kilobytes_per_second() {
    let silent = bytes_per_second(u64::MAX, 0, 0);
    println!("nobody moves: {silent} B/s");
    assert!(silent <= 820, "720 B/s are digests");
    for (name, every, axes) in
        [("five times a second", 18, 3), ("every tick, 3 axes", 1, 3), ("every tick, 4 axes", 1, 4)]
    {
        let cost = bytes_per_second(every, axes, 0);
        println!("{name}: {cost} B/s");
        assert!(cost <= 2_000, "{name}: {cost} B/s");
    }
    // Beyond what is promised.
    for (axes, tremor) in [(7, 0), (3, 16), (3, 64), (4, 64)] {
        println!("every tick, {axes} axes, tremor {tremor}: {} B/s", bytes_per_second(1, axes, tremor));
    }
}
