//! The simulation itself is tested: one seed is one run, a good engine passes, and each defect of a bad one is found.

use super::naive::{DEFECT, Defect, Naive};
use super::*;

fn plan(seed: u64) -> Plan {
    let faults = Fault::list("partition,burst,slow,freeze,skew,bandwidth,detour,garbage").unwrap();
    Plan { peers: 3, seconds: 5, heal_seconds: 5, input_delay_ms: Some(200), faults, seed, ..Plan::default() }
}

#[test]
fn one_seed_is_one_run() {
    let runs: Vec<Outcome> = [5, 5, 6].map(|seed| run_seed_with::<Naive>(&plan(1), seed)).into();
    assert_eq!(runs[0].hash, runs[1].hash);
    assert_eq!(runs[0].trace, runs[1].trace);
    assert_ne!(runs[0].hash, runs[2].hash);
}

#[test]
fn a_good_engine_passes_whatever_the_network_does() {
    for seed in 0..40 {
        let outcome = run_seed_with::<Naive>(&plan(seed), seed);
        assert!(outcome.failure.is_none(), "{}", outcome.failure.unwrap());
        assert_eq!(outcome.tally.demanded, 1);
        assert!(outcome.tally.turns > 100, "{:?}", outcome.tally);
    }
}

#[test]
fn every_defect_is_found() {
    let found = [
        (Defect::AltersInput, "although their chain hashes are equal"),
        (Defect::DropsInput, "are lost"),
        (Defect::InventsInput, "was invented"),
        (Defect::Repeats, "turn 50 is executed, the next one is 51"),
        (Defect::RollsBack, "rolled back to before turn"),
        (Defect::ConfirmsAlone, "before a quorum had executed it"),
        (Defect::Stops, "the session does not recover"),
        (Defect::NeverConfirms, "although nothing from turn 50 on is confirmed"),
        (Defect::Hoards, "entries are held"),
        (Defect::TooLong, "a datagram has"),
        (Defect::OtherChain, "two chain hashes for confirmed turn 50"),
    ];
    for (defect, expected) in found {
        DEFECT.set(defect);
        let outcome = run_seed_with::<Naive>(&Plan { faults: Vec::new(), ..plan(3) }, 3);
        DEFECT.set(Defect::None);
        let what = outcome.failure.map(|failure| failure.what);
        assert!(what.as_ref().is_some_and(|what| what.contains(expected)), "{defect:?}: {what:?}");
    }
}
