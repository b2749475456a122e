//! Our lockstep beside ggrs 0.13, over the same simulated links, in the same minute and with the same clock. ggrs reads
//! the system's clock itself, so all sessions run in real time, interleaved in one thread. Writes `lockstep.json` where
//! scripts/bench collects measurements.
//!
//! Without `--bench` (as a test) it runs for a moment only and writes nothing.

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
        ("ours_2", Box::new(Ours::new(2, 5))),
        ("ours_4", Box::new(Ours::new(4, 6))),
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

/// `bench/lockstep.json` in the target folder that this program was built in.
fn results_file() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let target = program.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "release"))?.parent()?;
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
        return;
    }
    let figures = run(5_000_000, 30_000_000);
    let text = serde_json::to_string_pretty(&figures).expect("numbers and names");
    println!("{text}");
    let Some(file) = results_file() else { return };
    let written = file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&file, text + "\n"));
    if let Err(error) = written {
        eprintln!("lockstep: {}: {error}", file.display());
    }
}
