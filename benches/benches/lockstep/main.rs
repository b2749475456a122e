//! Our lockstep beside ggrs 0.13, over the same simulated links, in the same minute and with the same clock. ggrs reads
//! the system's clock itself, so all sessions run in real time, interleaved in one thread. Writes `lockstep.json` where
//! scripts/bench collects measurements.
//!
//! Without `--bench` (as a test) it runs for a moment only and writes nothing.

mod carriers;
mod core_side;
mod ggrs_side;
mod link;
mod measure;
mod relay;

use std::time::{Duration, Instant};

use benches::{is_wanted, write_results};
use core_side::Ours;
use ggrs_side::Ggrs;
use serde_json::{Map, Value};

/// One round of all sessions.
const ROUND_US: u64 = 1000;

/// A session of some protocol: all of its peers and the network between them.
trait Session {
    /// Delivers what has arrived and does what is due.
    fn step(&mut self, now_us: u64);
    /// Everyone is connected and settled: counts from here.
    fn measure_from(&mut self, now_us: u64);
    /// What was measured in `span_us`.
    fn figures(&mut self, span_us: u64) -> Value;
}

/// A session, as it is made.
type Make = fn() -> Box<dyn Session>;

/// All sessions. Those of ggrs with its usual mode have predicted frames, rolled back, and the input delay of its example.
const SESSIONS: &[(&str, Make)] = &[
    ("ours_2", || Box::new(Ours::sealed(2, 5))),
    ("ours_4", || Box::new(Ours::sealed(4, 6))),
    ("ggrs_udp_lockstep_2", || Box::new(Ggrs::lockstep(2, 1, true))),
    ("ggrs_udp_lockstep_4", || Box::new(Ggrs::lockstep(4, 2, true))),
    ("ggrs_udp_rollback_2", || Box::new(Ggrs::new(2, 8, 2, 3, true))),
    ("ggrs_udp_rollback_4", || Box::new(Ggrs::new(4, 8, 2, 4, true))),
    ("ours_protocol_2", || Box::new(Ours::bare(2, 7))),
    ("ours_protocol_4", || Box::new(Ours::bare(4, 8))),
    ("ggrs_lockstep_2", || Box::new(Ggrs::lockstep(2, 1, false))),
    ("ggrs_lockstep_4", || Box::new(Ggrs::lockstep(4, 2, false))),
    ("ggrs_rollback_2", || Box::new(Ggrs::new(2, 8, 2, 3, false))),
    ("ggrs_rollback_4", || Box::new(Ggrs::new(4, 8, 2, 4, false))),
];

/// Those that take the time as an argument.
const VIRTUAL_SESSIONS: &[(&str, Make)] = &[
    ("ours_virtual_2", || Box::new(Ours::bare(2, 9))),
    ("ours_virtual_4", || Box::new(Ours::bare(4, 9))),
    ("ours_udp_virtual_2", || Box::new(Ours::sealed(2, 9))),
    ("ours_udp_virtual_4", || Box::new(Ours::sealed(4, 9))),
];

/// Runs all sessions side by side.
fn run(settle_us: u64, span_us: u64, only: &dyn Fn(&str) -> bool) -> Value {
    let chosen = SESSIONS.iter().filter(|(name, _)| only(name));
    let mut sessions: Vec<(&str, Box<dyn Session>)> = chosen.map(|(name, make)| (*name, make())).collect();
    if sessions.is_empty() {
        return Value::Object(Map::new());
    }
    let began = Instant::now();
    let mut measuring = false;
    let mut round = 0;
    loop {
        let now_us = began.elapsed().as_micros() as u64;
        if now_us >= settle_us && !measuring {
            measuring = true;
            sessions.iter_mut().for_each(|(_, session)| session.measure_from(now_us));
        }
        if now_us >= settle_us + span_us {
            break;
        }
        sessions.iter_mut().for_each(|(_, session)| session.step(began.elapsed().as_micros() as u64));
        round += 1;
        let next = Duration::from_micros(round * ROUND_US);
        if let Some(wait) = next.checked_sub(began.elapsed()) {
            std::thread::park_timeout(wait);
        }
    }
    let figures = sessions.iter_mut().map(|(name, session)| ((*name).to_owned(), session.figures(span_us)));
    Value::Object(figures.collect::<Map<_, _>>())
}

/// Runs our sessions alone in virtual time: for what is too rare to be seen in half a minute, and for a profiler.
fn run_virtual(settle_us: u64, span_us: u64, only: &dyn Fn(&str) -> bool) -> Vec<(String, Value)> {
    let one = |(name, make): &(&str, Make)| {
        let mut session = make();
        (0..settle_us).step_by(ROUND_US as usize).for_each(|now_us| session.step(now_us));
        session.measure_from(settle_us);
        (settle_us..settle_us + span_us).step_by(ROUND_US as usize).for_each(|now_us| session.step(now_us));
        ((*name).to_owned(), session.figures(span_us))
    };
    VIRTUAL_SESSIONS.iter().filter(|(name, _)| only(name)).map(one).collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !is_wanted(&arguments, "lockstep") {
        return;
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        run(2_500_000, 1_000_000, &|_| true);
        run_virtual(5_000_000, 10_000_000, &|_| true);
        return;
    }
    // For a profiler: `--only=ours_2,ours_virtual_2` runs those and writes no file; `--virtual-s=60` runs so long.
    let option = |name| arguments.iter().find_map(|argument| argument.strip_prefix(name));
    let only = option("--only=");
    let virtual_us = option("--virtual-s=").and_then(|s| s.parse::<u64>().ok()).unwrap_or(600) * 1_000_000;
    let is_measured = |name: &str| only.is_none_or(|names| names.split(',').any(|wanted| wanted == name));
    let mut figures = run(5_000_000, 30_000_000, &is_measured);
    for (name, value) in run_virtual(5_000_000, virtual_us, &is_measured) {
        figures[name] = value;
    }
    if only.is_none() {
        write_results("lockstep", &figures);
    } else {
        println!("{figures:#}");
    }
}
