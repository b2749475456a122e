//! A warm tick allocates nothing, on any thread of the pool; and what 100,000 ships take is bounded.

use std::sync::atomic::Ordering::Relaxed;

use sim::{InputFrame, RollbackRing, Simulation};
use sim_testkit::common::shipped;
use sim_testkit::counting::{CALLS, Counting, USED};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations during `work`, which runs in a pool of two threads, as a session steps.
fn allocations(simulation: &mut Simulation, mut work: impl FnMut(&mut Simulation) + Send) -> usize {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    pool.install(|| {
        // Warm up: buffers grow to their size, and rayon's queues to theirs.
        (0..300).for_each(|_| work(simulation));
        let before = CALLS.load(Relaxed);
        (0..100).for_each(|_| work(simulation));
        CALLS.load(Relaxed) - before
    })
}

// One test: what other tests of this program allocate would be counted too.
#[test]
fn a_warm_tick_allocates_nothing() {
    let frame = InputFrame::default();
    let mut report = sim::TickReport::default();
    // Large enough for every system to go over its threshold for threads.
    let mut simulation = shipped("bench-10k");
    let steps = allocations(&mut simulation, |s| s.step_into(&frame, &mut report));
    assert_eq!(steps, 0, "allocations in 100 ticks of 10,000 ships");

    let mut simulation = shipped("bench-1k");
    let steps = allocations(&mut simulation, |s| s.step_into(&frame, &mut report));
    assert_eq!(steps, 0, "allocations in 100 ticks");

    let mut ring = RollbackRing::new(8);
    let saves = allocations(&mut simulation, |s| {
        s.step_into(&frame, &mut report);
        ring.save(s);
    });
    assert_eq!(saves, 0, "allocations in 100 ticks with a rollback ring");
    let per_tick = ring.bytes() / 8;
    println!("rollback ring: {per_tick} bytes a tick for 1,000 ships");
    assert!(per_tick < 300_000);

    let before = USED.load(Relaxed);
    let mut large = shipped("bench-100k");
    for _ in 0..3 {
        large.step(&frame);
    }
    let used = USED.load(Relaxed) - before;
    println!("100,000 ships: {:.1} MB", used as f64 / 1e6);
    assert!(used < 200_000_000, "{used} bytes for 100,000 ships");
}
