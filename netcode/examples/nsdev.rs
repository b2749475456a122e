//! dev
use netcode::netsim::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let mut plan =
        Plan { seed: a[1].parse().unwrap(), seeds: a[2].parse().unwrap(), vary: a.len() == 3, ..Plan::default() };
    for kv in &a[3..] {
        let (k, v) = kv.split_once('=').unwrap();
        match k {
            "peers" => plan.peers = v.parse().unwrap(),
            "delay" => plan.delay_ms = v.parse().unwrap(),
            "jitter" => plan.jitter_ms = v.parse().unwrap(),
            "loss" => plan.loss = v.parse().unwrap(),
            "tpt" => plan.ticks_per_turn = v.parse().unwrap(),
            "hz" => plan.tick_rate_hz = v.parse().unwrap(),
            "idelay" => plan.input_delay_ms = Some(v.parse().unwrap()),
            "faults" => plan.faults = Fault::list(v).unwrap(),
            "seconds" => plan.seconds = v.parse().unwrap(),
            "heal" => plan.heal_seconds = v.parse().unwrap(),
            "intensity" => plan.intensity = v.parse().unwrap(),
            "world" => plan.world_bytes = v.parse().unwrap(),
            "bw" => plan.bandwidth_bit_s = v.parse().unwrap(),
            "cpu" => plan.measure_cpu = true,
            _ => panic!("{k}"),
        }
    }
    let trace = std::env::var("TRACE").is_ok();
    let t = std::time::Instant::now();
    if trace {
        for l in run_seed(&if plan.vary { Plan::of_seed(plan.seed) } else { plan.clone() }, plan.seed).trace {
            println!("{l}");
        }
    }
    let r = run(&plan, 2, |_| {}).unwrap();
    let n = r.failures.len();
    for f in &r.failures {
        if trace {
            println!("{f}");
        } else {
            println!("seed {} at {}: {}", f.seed, f.at_ms, f.what);
        }
    }
    println!("{:#?}", r.figures);
    println!("{} hash {} failures {n} in {:?}", r.seeds, r.hash, t.elapsed());
}
