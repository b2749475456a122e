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

use std::path::PathBuf;
use std::time::{Duration, Instant};

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

fn sessions() -> Vec<(&'static str, Box<dyn Session>)> {
    vec![
        ("ours_2", Box::new(Ours::sealed(2, 5))),
        ("ours_4", Box::new(Ours::sealed(4, 6))),
        ("ours_protocol_2", Box::new(Ours::bare(2, 7))),
        ("ours_protocol_4", Box::new(Ours::bare(4, 8))),
        ("ggrs_lockstep_2", Box::new(Ggrs::lockstep(2, 1))),
        ("ggrs_lockstep_4", Box::new(Ggrs::lockstep(4, 2))),
        // Its usual mode: predicted frames, rolled back; the input delay of its example.
        ("ggrs_rollback_2", Box::new(Ggrs::new(2, 8, 2, 3))),
        ("ggrs_rollback_4", Box::new(Ggrs::new(4, 8, 2, 4))),
    ]
}

/// Runs all sessions side by side.
fn run(settle_us: u64, span_us: u64) -> Value {
    let mut sessions = sessions();
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

/// Runs our core alone in virtual time, for what is too rare to be seen in half a minute.
fn run_virtual(settle_us: u64, span_us: u64) -> Vec<(String, Value)> {
    let one = |peers: usize| {
        let mut session = Ours::bare(peers, 9);
        (0..settle_us).step_by(ROUND_US as usize).for_each(|now_us| session.step(now_us));
        session.measure_from(settle_us);
        (settle_us..settle_us + span_us).step_by(ROUND_US as usize).for_each(|now_us| session.step(now_us));
        (format!("ours_virtual_{peers}"), session.figures(span_us))
    };
    [2, 4].map(one).to_vec()
}

/// `bench/lockstep.json` in the target folder that this program was built in.
fn results_file() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let target =
        program.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "release"))?.parent()?;
    Some(target.join("bench").join("lockstep.json"))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.iter().find(|argument| !argument.starts_with("--"));
    if filter.is_some_and(|filter| !"lockstep".contains(filter.as_str())) {
        return;
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        run(2_500_000, 1_000_000);
        run_virtual(5_000_000, 10_000_000);
        return;
    }
    let mut figures = if std::env::var("VIRT").is_ok() { serde_json::json!({}) } else { run(5_000_000, 30_000_000) };
    for (name, value) in run_virtual(5_000_000, 600_000_000) {
        figures[name] = value;
    }
    let text = serde_json::to_string_pretty(&figures).expect("numbers and names");
    println!("{text}");
    let Some(file) = results_file() else { return };
    let written =
        file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&file, text + "\n"));
    if let Err(error) = written {
        eprintln!("lockstep: {}: {error}", file.display());
    }
}
