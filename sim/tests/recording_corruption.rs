//! Ten thousand corruptions of a realistic recording: none panics, none is accepted silently, and reading
//! never takes more memory than stated.

use std::sync::atomic::Ordering::Relaxed;

use sim_testkit::counting::{Counting, PEAK, USED};
use sim_testkit::recording_support::{
    CORRUPTIONS, Random, Verdict, chunks, corrupt, header, is_foreign, judge, read, recording,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most bytes that reading a corrupted recording may take: the decoded contents (about 300 kB) and buffers of
/// 64 kB. A length that is believed would be far above.
const MEMORY_BYTES_MAX: usize = 1 << 20;
const RUNS: u64 = 10_000;

#[test]
fn ten_thousand_corruptions() {
    let original = recording(1, 540, header(90, 180), 3_000);
    let donor = recording(2, 540, header(90, 180), 3_000);
    let contents = read(&original).unwrap();
    assert!(contents.sound);
    let (original_chunks, donor_chunks) = (chunks(&original), chunks(&donor));
    let mut tally = [[0; 3]; CORRUPTIONS.len()];
    let mut most = 0;
    for seed in 0..RUNS {
        let mut random = Random::new(seed);
        let (kind, bytes) = corrupt(&mut random, (&original, &original_chunks), (&donor, &donor_chunks));
        let before = USED.load(Relaxed);
        PEAK.store(before, Relaxed);
        let judged = std::panic::catch_unwind(|| judge(&contents, &bytes, is_foreign(kind)));
        let Ok(verdict) = judged else { panic!("corruption {seed}: {}", CORRUPTIONS[kind]) };
        most = most.max(PEAK.load(Relaxed) - before);
        let same = bytes == original;
        assert_eq!(verdict == Verdict::Identical, same, "corruption {seed}: {}", CORRUPTIONS[kind]);
        tally[kind][verdict as usize] += 1;
    }
    println!("{} bytes; most memory {most} bytes; refused, reported, identical:", original.len());
    CORRUPTIONS.iter().zip(tally).for_each(|(kind, tally)| println!("{kind}: {tally:?}"));
    assert!(tally.iter().all(|of_kind| of_kind[1] > 0), "every kind gets past the header at times");
    assert!(most < MEMORY_BYTES_MAX, "{most} bytes");
}
