//! `spacetime run`: steps a scenario as fast as it goes and measures each tick. The clock is read around the
//! steps only and never enters them.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use serde::Serialize;
use sim::{InputFrame, Membership, PlayerId, Role, Scenario, Simulation};

use crate::cli::RunArgs;
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped, hex};
use crate::progress::Progress;
use crate::record::{Options, Recorder};
use crate::scenario_cmd;

/// Runs `spacetime run`.
///
/// # Errors
/// [`Failure`] for a scenario that cannot be read and a recording that cannot be written.
pub fn command(args: &RunArgs, progress: Progress) -> Result<Outcome, Failure> {
    let scenario = scenario_cmd::load(&args.scenario)?;
    let pool = pool(args.threads)?;
    // The whole run, recording included, is stepped inside the pool: calls from outside it cost a hand-over.
    let run = pool.install(|| run(args, &scenario, progress))?;
    let Run { simulation, wall, mut ticks_ms } = run;
    ticks_ms.sort_unstable_by(f32::total_cmp);
    let (p50, p99, max) = (quantile(&ticks_ms, 0.50), quantile(&ticks_ms, 0.99), quantile(&ticks_ms, 1.0));
    let wall_s = wall.as_secs_f64();
    let flown_s = args.ticks as f64 / f64::from(scenario.tick_rate_hz);
    let realtime_factor = (wall_s > 0.0 && args.ticks > 0).then(|| flown_s / wall_s);
    let digest = hex(simulation.digest().total);
    if args.json {
        output::print_json(&Measured {
            scenario: &scenario.name,
            ticks: args.ticks,
            entities: simulation.entity_count(),
            threads: pool.current_num_threads(),
            digest: &digest,
            wall_s,
            tick_ms: TickMs { p50, p99, max },
            realtime_factor,
        })?;
    } else {
        let ms = |value: Option<f32>| value.map_or("-".to_owned(), |v| format!("{v:.3} ms"));
        output::print(&format!(
            "{}: {} ticks ({flown_s:.1} s at normal speed) with {} entities in {wall_s:.2} s on {} threads{}\n\
             tick: median {}, 99 % below {}, longest {}\ndigest {digest}\n",
            scenario.name,
            grouped(args.ticks),
            grouped(simulation.entity_count() as u64),
            pool.current_num_threads(),
            realtime_factor.map_or(String::new(), |f| format!(": {f:.1} times real time")),
            ms(p50),
            ms(p99),
            ms(max),
        ))?;
    }
    Ok(Outcome::Fine)
}

/// The result as JSON, in the order that people read it.
#[derive(Serialize)]
struct Measured<'a> {
    scenario: &'a str,
    ticks: u64,
    entities: usize,
    threads: usize,
    digest: &'a str,
    wall_s: f64,
    tick_ms: TickMs,
    realtime_factor: Option<f64>,
}

#[derive(Serialize)]
struct TickMs {
    p50: Option<f32>,
    p99: Option<f32>,
    max: Option<f32>,
}

/// A pool to step in.
///
/// # Errors
/// [`Failure::Machine`] where the system gives no threads.
pub fn pool(threads: Option<NonZeroUsize>) -> Result<rayon::ThreadPool, Failure> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, NonZeroUsize::get))
        .build()
        .map_err(|e| Failure::Machine(format!("cannot start the threads: {e}")))
}

/// The players that a scenario names become pilots: the frame of the first tick.
#[must_use]
pub fn joining(scenario: &Scenario) -> InputFrame {
    let mut frame = InputFrame::default();
    for player in players(scenario) {
        if frame.membership.len() == sim::input::FRAME_MEMBERSHIP_MAX {
            tracing::warn!("only the first {} players can join in one tick", frame.membership.len());
            break;
        }
        frame.membership.push(Membership::Join { player, role: Role::Pilot });
    }
    frame
}

/// The players that a scenario gives ships, in order of their numbers.
#[must_use]
pub fn players(scenario: &Scenario) -> Vec<PlayerId> {
    let fleets = scenario.fleets.iter().filter(|fleet| fleet.first_player != 0);
    let mut players: Vec<PlayerId> = fleets
        .flat_map(|fleet| (0..fleet.players.min(fleet.count)).map_while(|n| fleet.first_player.checked_add(n)))
        .map(PlayerId)
        .collect();
    players.sort_unstable();
    players.dedup();
    players
}

struct Run {
    simulation: Simulation,
    wall: Duration,
    ticks_ms: Vec<f32>,
}

fn run(args: &RunArgs, scenario: &Scenario, progress: Progress) -> Result<Run, Failure> {
    let mut simulation = Simulation::new(scenario);
    let mut recorder = match &args.record {
        Some(path) => {
            let options = Options { keyframe_ticks: args.keyframe_every, fork: None };
            let inputs = [std::path::Path::new(&args.scenario)];
            Some(Recorder::create(path, scenario, &simulation, options, &inputs)?)
        }
        None => None,
    };
    let bar = progress.ticks("running", args.ticks);
    let mut ticks_ms = Vec::new();
    let mut frame = joining(scenario);
    let start = Instant::now();
    for tick in 0..args.ticks {
        let before = Instant::now();
        let report = simulation.step(&frame);
        ticks_ms.push(before.elapsed().as_secs_f32() * 1e3);
        if let Some(recorder) = &mut recorder {
            recorder.push(&frame, report.digest.total, &simulation)?;
        }
        if !frame.is_empty() {
            frame = InputFrame::default();
        }
        if tick.is_multiple_of(64) {
            bar.set_position(tick);
        }
    }
    let wall = start.elapsed();
    bar.finish_and_clear();
    if let Some(recorder) = recorder {
        recorder.finish(&simulation)?;
    }
    Ok(Run { simulation, wall, ticks_ms })
}

/// The smallest value that at least the share `q` of the sorted values do not exceed.
fn quantile(sorted: &[f32], q: f64) -> Option<f32> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_rank() {
        let values: Vec<f32> = (1..=100).map(|v| v as f32).collect();
        assert_eq!(quantile(&values, 0.50), Some(50.0));
        assert_eq!(quantile(&values, 0.99), Some(99.0));
        assert_eq!(quantile(&values, 1.0), Some(100.0));
        assert_eq!(quantile(&[7.0], 0.01), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
