//! Snapshots: damage is always found, nothing damaged is half applied, and memory stays bounded.

use sim::{Scenario, Simulation, SnapshotError};
use sim_testkit::busy;
use sim_testkit::common;
use sim_testkit::common::shipped;

fn busy_world() -> Simulation {
    let mut simulation = shipped("busy");
    for _ in 0..120 {
        let frame = busy::inputs(&simulation);
        simulation.step(&frame);
    }
    simulation
}

/// The same bytes with a checksum that fits, as a forger would make them.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let body = bytes.len() - 8;
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..body]);
    bytes[body..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn every_flip_and_every_cut_is_found() {
    let simulation = busy_world();
    let bytes = simulation.snapshot();
    let mut random = sim::random::RandomStream::new(3);
    for _ in 0..2_000 * common::scale() {
        let mut damaged = bytes.clone();
        let at = (random.next_u64() % bytes.len() as u64) as usize;
        damaged[at] ^= 1 << (random.next_u64() % 8);
        assert!(Simulation::restore(simulation.scenario(), &damaged).is_err(), "a flip at {at}");
        let cut = (random.next_u64() % bytes.len() as u64) as usize;
        assert!(Simulation::restore(simulation.scenario(), &bytes[..cut]).is_err(), "a cut at {cut}");
    }
}

#[test]
fn a_forged_snapshot_is_refused_or_sound() {
    let simulation = busy_world();
    let bytes = simulation.snapshot();
    let mut random = sim::random::RandomStream::new(4);
    let (mut refused, mut accepted) = (0, 0);
    for _ in 0..1_000 * common::scale() {
        let mut forged = bytes.clone();
        for _ in 0..1 + random.next_u64() % 3 {
            let at = 56 + (random.next_u64() % (bytes.len() as u64 - 64)) as usize;
            forged[at] = random.next_u64() as u8;
        }
        match Simulation::restore(simulation.scenario(), &resealed(forged)) {
            Err(_) => refused += 1,
            // Whatever passes has to be able to go on.
            Ok(mut restored) => {
                accepted += 1;
                common::fly(&mut restored, 2);
                // A refusal, so that the counters move too.
                let mut frame = sim::InputFrame::default();
                frame.push(sim::PlayerId(99), &sim::Command::Fire { ship: 1 });
                restored.step(&frame);
                assert!(Simulation::restore(simulation.scenario(), &restored.snapshot()).is_ok());
            }
        }
    }
    assert!(refused > 50 && accepted > 50, "{refused} refused, {accepted} accepted: the test sees one side only");
}

#[test]
fn a_failed_load_changes_nothing() {
    let mut simulation = busy_world();
    let before = simulation.digest();
    let mut damaged = simulation.snapshot();
    let last = damaged.len() - 9;
    // NaN in the last component.
    damaged[last - 7..=last].copy_from_slice(&f64::NAN.to_le_bytes());
    assert!(matches!(simulation.load(&resealed(damaged)), Err(SnapshotError::Impossible(_))));
    assert_eq!(simulation.digest(), before);
}

#[test]
fn what_is_wrong_is_named() {
    let simulation = busy_world();
    let (scenario, bytes) = (simulation.scenario(), simulation.snapshot());
    let changed = |at: usize, by: u8| {
        let mut bytes = bytes.clone();
        bytes[at] ^= by;
        Simulation::restore(scenario, &bytes).err()
    };
    assert_eq!(Simulation::restore(scenario, b"").err(), Some(SnapshotError::NotASnapshot));
    assert_eq!(changed(0, 1), Some(SnapshotError::NotASnapshot));
    assert_eq!(changed(6, 2), Some(SnapshotError::Version(3)));
    assert!(matches!(changed(8, 1), Some(SnapshotError::Schema { .. })));
    assert_eq!(changed(bytes.len() - 1, 1), Some(SnapshotError::Checksum));
    let other = Scenario::parse("name = \"other\"").expect("an empty world is a world");
    assert_eq!(Simulation::restore(&other, &bytes).err(), Some(SnapshotError::OtherScenario));
    // A count of four billion ships must not be believed.
    let mut huge = bytes.clone();
    let resources = u64::from_le_bytes(bytes[48..56].try_into().expect("eight")) as usize;
    huge[56 + resources..56 + resources + 8].copy_from_slice(&u64::from(u32::MAX).to_le_bytes());
    assert_eq!(Simulation::restore(scenario, &resealed(huge)).err(), Some(SnapshotError::Length));
}

/// As results revision 1 wrote it, which knew no waves: whatever is added to a state must leave states without it alone.
#[test]
fn a_snapshot_is_written_to_the_same_bytes_as_ever() {
    let bytes = busy_world().snapshot();
    let pinned = (sim::schema_hash(), bytes.len(), xxhash_rust::xxh3::xxh3_64(&bytes));
    assert_eq!(pinned, (0x7404_14a6_e53b_8207, 131_936, 0xa3d4_b131_bf8f_0b8c));
}

#[test]
fn an_empty_world_is_saved_too() {
    let mut simulation = common::world("name = \"empty\"");
    common::fly(&mut simulation, 5);
    let restored = Simulation::restore(simulation.scenario(), &simulation.snapshot()).expect("intact");
    assert_eq!(restored.digest(), simulation.digest());
}

#[test]
fn a_roll_back_forgets_the_future_that_it_leaves() {
    let mut simulation = shipped("hundred");
    let mut ring = sim::RollbackRing::new(8);
    for _ in 0..4 {
        ring.save(&simulation);
        simulation.step(&sim::InputFrame::default());
    }
    assert!(ring.restore(&mut simulation, sim::Tick(1)));
    assert!(!ring.restore(&mut simulation, sim::Tick(3)), "that tick belongs to the future that was left");
    let mut other = shipped("earth-orbit");
    assert!(!ring.restore(&mut other, sim::Tick(1)), "the ring holds another world's states");
}

#[test]
fn a_kept_state_is_written_as_it_was() {
    let mut simulation = shipped("busy");
    let mut ring = sim::RollbackRing::new(40);
    let mut then = Vec::new();
    for _ in 0..150 {
        let frame = busy::inputs(&simulation);
        simulation.step(&frame);
        ring.save(&simulation);
        then.push((simulation.tick(), simulation.snapshot()));
    }
    let now = simulation.digest();
    let (gone, kept) = then.split_at(110);
    for (tick, snapshot) in kept {
        assert!(ring.snapshot(&simulation, *tick).as_ref() == Some(snapshot), "tick {tick}");
    }
    assert!(gone.iter().all(|(tick, _)| ring.snapshot(&simulation, *tick).is_none()));
    assert_eq!(simulation.digest(), now);
    let other = shipped("demo");
    assert_eq!(ring.snapshot(&other, kept[0].0), None, "of another scenario");
}
