//! The real core in the fault world: from 2 to 16 peers for each seed, with a network, faults and an intensity that the
//! seed chooses. SPACETIME_SCALE times 500 seeds run; a seed that breaks a rule prints the command that replays it.

mod bent;

use bent::{BEND, Bend, Bent};
use netcode::netsim::{self, Fault, Plan, run_seed, run_seed_with};

/// Seeds over all shards, at scale 1.
const SEEDS: u64 = 500;

/// The seeds are shared among as many tests, which the runner gives to its threads.
const SHARDS: u64 = 16;

fn scale() -> u64 {
    std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

fn run_shard(shard: u64) {
    let seeds = scale() * SEEDS / SHARDS;
    let plan = Plan { vary: true, seed: 1 + shard * seeds, seeds, ..Plan::default() };
    let report = netsim::run(&plan, 1, |_| {}).unwrap();
    let told: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{} of {seeds} seeds broke a rule\n{}", told.len(), told.join("\n"));
    let figures = report.figures;
    assert!(figures.recovery_demanded * 10 >= seeds * 9, "too few runs could recover: {figures:?}");
    assert!(figures.turns > seeds * 50, "{figures:?}");
}

macro_rules! shards {
    ($($name:ident $shard:literal)*) => {$(
        #[test]
        fn $name() {
            run_shard($shard);
        }
    )*};
}

shards! {
    shard_0 0 shard_1 1 shard_2 2 shard_3 3 shard_4 4 shard_5 5 shard_6 6 shard_7 7
    shard_8 8 shard_9 9 shard_10 10 shard_11 11 shard_12 12 shard_13 13 shard_14 14 shard_15 15
}

/// Beyond those that always run. Spectators that starved where the line was narrow; members that left and never
/// acknowledged their last turn; and some that came back to a sponsor which was behind them.
#[test]
fn seeds_that_broke_a_rule_once() {
    for seed in [9100, 9350, 3271, 8222, 2578, 5467, 8962, 9509] {
        let plan = Plan::of_seed(seed);
        let outcome = run_seed(&plan, seed);
        assert!(outcome.failure.is_none(), "{}: {}", plan.command(seed), outcome.failure.unwrap());
    }
}

#[test]
fn one_seed_is_one_run_of_the_real_core() {
    for seed in [3, 11, 19] {
        let plan = Plan::of_seed(seed);
        let (one, other) = (run_seed(&plan, seed), run_seed(&plan, seed));
        assert_eq!((one.hash, one.trace), (other.hash, other.trace), "{}", plan.command(seed));
    }
}

/// Machines that are slow for long become spectators, and are back in the end.
#[test]
fn slow_machines_watch_and_come_back() {
    for (peers, share) in [(2, 60), (4, 12), (7, 6)] {
        let seeds = scale() * share;
        let plan = Plan { peers, seeds, faults: vec![Fault::Slow], ..Plan::default() };
        let report = netsim::run(&plan, 1, |_| {}).unwrap();
        let told: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
        let demoted = report.figures.events.get("removed: demoted").copied().unwrap_or(0);
        assert!(demoted >= seeds / 3, "{peers}: {demoted} of {:?}", report.figures.events);
        assert_eq!(report.figures.recovery_demanded, seeds);
    }
}

/// Several are voted out at one turn, and the rest goes on.
#[test]
fn votes_against_many_at_once_hold_nobody_up() {
    for (peers, faults) in [(4, "crash,join,kick"), (8, "kick")] {
        let seeds = scale() * 40;
        let plan = Plan { peers, seeds, faults: Fault::list(faults).unwrap(), intensity: 4.0, ..Plan::default() };
        let report = netsim::run(&plan, 1, |_| {}).unwrap();
        let told: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
        assert!(report.figures.events["removed: kicked"] >= seeds / 2, "{:?}", report.figures.events);
    }
}

/// The real core, with one thing bent around machine 0.
#[test]
fn what_is_done_to_one_core_is_found() {
    let plan = Plan { peers: 3, seconds: 3, heal_seconds: 3, ..Plan::default() };
    let found = [
        (Bend::Nothing, ""),
        (Bend::AlteredFrame, "although their chain hashes are equal"),
        (Bend::LostInput, "are lost"),
        (Bend::OtherChain, "two chain hashes for confirmed turn"),
        (Bend::WrongDigest, "honest peers differ"),
    ];
    for (bend, expected) in found {
        BEND.set(bend);
        let failure = run_seed_with::<Bent>(&plan, 1).failure;
        BEND.set(Bend::Nothing);
        match failure {
            None => assert!(expected.is_empty(), "{bend:?} was not found"),
            Some(failure) => assert!(!expected.is_empty() && failure.what.contains(expected), "{bend:?}: {failure}"),
        }
    }
}

/// Members that send bent datagrams are liars, and nothing is promised with them, except that nobody panics and no
/// datagram grows too long.
#[test]
fn bent_datagrams_of_members_do_no_harm_to_the_process() {
    for seed in 0..scale() * 10 {
        BEND.set(Bend::Datagrams);
        let plan = Plan { faults: Fault::list("crash,join,spectate,leave,partition").unwrap(), ..Plan::default() };
        let outcome = run_seed_with::<Bent>(&plan, seed);
        BEND.set(Bend::Nothing);
        assert!(outcome.failure.is_none_or(|failure| !failure.what.contains("a datagram has")));
    }
}
