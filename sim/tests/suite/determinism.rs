//! The laws of determinism within one build: threads, lanes, saving and restoring, insertion history. The same
//! digests as golden numbers, across builds, are in the program `golden`.

use sim::component::Kind;
use sim::systems::gravity::Lanes;
use sim::{InputFrame, RollbackRing, Simulation, Tick};
use sim_testkit::common;
use sim_testkit::common::{all, scale, shipped};

use sim_testkit::busy::inputs;

/// Total digests of a run of the busy scenario.
fn run(mut simulation: Simulation, ticks: u64) -> Vec<u64> {
    (0..ticks).map(|_| step(&mut simulation)).collect()
}

fn step(simulation: &mut Simulation) -> u64 {
    let frame = inputs(simulation);
    simulation.step(&frame).digest.total
}

fn on_threads(threads: usize, work: impl FnOnce() -> Vec<u64> + Send) -> Vec<u64> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(work)
}

/// Where two digest streams part.
fn compare(a: &[u64], b: &[u64], what: &str) {
    assert_eq!(a.len(), b.len());
    if let Some(tick) = a.iter().zip(b).position(|(a, b)| a != b) {
        panic!("{what}: digests part at tick {}", tick + 1);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_digests() {
    let ticks = 3000;
    let reference = on_threads(1, || run(shipped("busy"), ticks));
    for threads in [2, 3, 8] {
        compare(&reference, &on_threads(threads, || run(shipped("busy"), ticks)), &format!("{threads} threads"));
    }
}

#[test]
fn a_world_of_many_chunks_gives_the_same_digests_on_any_number_of_threads() {
    let ticks = 20 * u64::from(scale());
    let reference = on_threads(1, || run(shipped("bench-10k"), ticks));
    for threads in [2, 3, 8] {
        compare(&reference, &on_threads(threads, || run(shipped("bench-10k"), ticks)), &format!("{threads} threads"));
    }
}

#[test]
fn wide_and_baseline_lanes_give_the_same_digests() {
    let wide = run(shipped("busy"), 3000);
    let baseline = run(shipped("busy").with_lanes(Lanes::Baseline), 3000);
    compare(&wide, &baseline, "baseline lanes");
}

#[test]
fn saving_and_restoring_changes_nothing() {
    let reference = run(shipped("busy"), 3000);
    let mut simulation = shipped("busy");
    let mut random = sim::random::RandomStream::new(7);
    let mut digests = Vec::new();
    while digests.len() < 3000 {
        if random.next_u64().is_multiple_of(97) {
            let saved = simulation.snapshot();
            let restored = Simulation::restore(simulation.scenario(), &saved).expect("an intact snapshot");
            assert_eq!(restored.digest(), simulation.digest());
            assert_eq!(restored.snapshot(), saved, "equal states have equal snapshots");
            simulation = restored;
        }
        digests.push(step(&mut simulation));
    }
    compare(&reference, &digests, "restored");
}

#[test]
fn rolling_back_changes_nothing() {
    let reference = run(shipped("busy"), 3000);
    let mut simulation = shipped("busy");
    let mut ring = RollbackRing::new(16);
    let mut random = sim::random::RandomStream::new(8);
    let mut rolled_back = 0;
    while simulation.tick().0 < 3000 {
        ring.save(&simulation);
        let digest = step(&mut simulation);
        assert_eq!(digest, reference[simulation.tick().0 as usize - 1], "tick {}", simulation.tick());
        if random.next_u64().is_multiple_of(20) {
            // Of what was saved before an earlier roll-back, the oldest may be overwritten.
            let back = simulation.tick().0.saturating_sub(1 + random.next_u64() % 16);
            rolled_back += u32::from(ring.restore(&mut simulation, Tick(back)));
        }
    }
    assert!(rolled_back > 50, "only {rolled_back} roll-backs");
    assert!(!ring.restore(&mut simulation, Tick(3)), "long overwritten");
}

#[test]
fn storage_order_changes_nothing() {
    let mut simulation = shipped("busy");
    for _ in 0..200 {
        step(&mut simulation);
    }
    // A restored world is stored by ascending id; this one has holes filled by later entities.
    let mut restored = Simulation::restore(simulation.scenario(), &simulation.snapshot()).expect("intact");
    for _ in 0..3000 {
        assert_eq!(step(&mut simulation), step(&mut restored), "tick {}", simulation.tick());
    }
}

#[test]
fn a_clone_goes_its_own_way_and_the_same_way() {
    let mut simulation = shipped("busy");
    step(&mut simulation);
    let mut clone = simulation.clone();
    assert_eq!(simulation.first_difference(&clone), None);
    for _ in 0..50 {
        assert_eq!(step(&mut simulation), step(&mut clone));
    }
    let ship = all(&clone, Kind::Ship)[0];
    simulation.step(&InputFrame::default());
    common::command(&mut clone, &[sim::Command::Despawn { entity: ship }]);
    let difference = simulation.first_difference(&clone).expect("one has lost a ship");
    assert_eq!((difference.entity, difference.field.as_str()), (Some(ship), "existence"));
}
