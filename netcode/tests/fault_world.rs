//! The real core in the fault world: from 2 to 16 peers for each seed, with a network, faults and an intensity that the
//! seed chooses. SPACETIME_SCALE times 200 seeds run; a seed that breaks a rule prints the command that replays it.

use netcode::netsim::{self, Plan, run_seed};

/// Seeds at full length, over all shards.
const SEEDS: u64 = 2000;

/// The seeds are shared among as many tests, which the runner gives to its threads.
const SHARDS: u64 = 8;

fn scale() -> u64 {
    std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

fn run_shard(shard: u64) {
    let seeds = scale() * (SEEDS / 10) / SHARDS;
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

shards! { shard_0 0 shard_1 1 shard_2 2 shard_3 3 shard_4 4 shard_5 5 shard_6 6 shard_7 7 }

#[test]
fn one_seed_is_one_run_of_the_real_core() {
    for seed in [3, 11, 19] {
        let plan = Plan::of_seed(seed);
        let (one, other) = (run_seed(&plan, seed), run_seed(&plan, seed));
        assert_eq!((one.hash, one.trace), (other.hash, other.trace), "{}", plan.command(seed));
    }
}
