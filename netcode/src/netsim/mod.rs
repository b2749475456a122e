//! The fault world: the real core of 2 to 64 peers in virtual time, over a simulated network where everything goes wrong
//! that a seed can think of, and a checker that watches every step. One seed is one run, byte for byte.
//!
//! Must never open a socket, read a clock for anything but the cost of the cores, or draw a number that is not the seed's.

mod apply;
mod check;
mod network;
mod node;
mod ops;
mod peer;
mod plan;
mod queue;
mod random;
mod recovery;
mod report;
mod simulation;
mod toy;
mod trouble;
mod truth;

pub use node::Want;
pub use ops::{Op, Ops};
pub use peer::Peer;
pub use plan::{Fault, NODES_MAX, Plan};
pub use random::Random;
pub use report::{Failure, Figures, Outcome, Report, Spread};

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use serde::Serialize;

use crate::protocol::Core;
use random::Fold;
use report::Tally;
use simulation::Simulation;

/// Runs all seeds of a plan. The report is the same for any number of threads. `progress` is told how many seeds are
/// done, in no particular order of seeds.
///
/// # Errors
/// A sentence that says what is wrong with the plan.
pub fn run(plan: &Plan, threads: usize, mut progress: impl FnMut(u64)) -> Result<Report, String> {
    plan.check()?;
    let last = plan.seed.checked_add(plan.seeds).ok_or("the last seed is too large")?;
    let next = AtomicU64::new(plan.seed);
    let mut outcomes = std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..threads.max(1) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last || sender.send((seed, planned(plan, seed))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut outcomes = Vec::new();
        for outcome in receiver {
            outcomes.push(outcome);
            progress(outcomes.len() as u64);
        }
        outcomes
    });
    outcomes.sort_by_key(|(seed, _)| *seed);
    let (mut tally, mut hash) = (Tally::default(), Fold::default());
    for (_, outcome) in &outcomes {
        tally.join(&outcome.tally);
        hash.number(outcome.hash);
    }
    Ok(Report {
        plan: plan.clone(),
        seeds: outcomes.len() as u64,
        figures: tally.figures(plan.measure_cpu),
        hash: format!("{:016x}", hash.0),
        failures: outcomes.into_iter().filter_map(|(_, outcome)| outcome.failure).collect(),
    })
}

fn planned(plan: &Plan, seed: u64) -> Outcome {
    if plan.vary { run_seed(&Plan::of_seed(seed), seed) } else { run_seed(plan, seed) }
}

/// What one peer of a session of some size costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Members.
    pub peers: usize,
    /// Processor time of one core, microseconds per turn.
    pub core_us_per_turn: f64,
    /// The same, per other member.
    pub core_us_per_turn_per_link: f64,
    /// Bytes that one peer sends in a second, before the transport seals them.
    pub bytes_per_second: f64,
    /// Bytes per turn on each of its links.
    pub bytes_per_turn_per_link: f64,
    /// Datagrams per turn on each of its links.
    pub datagrams_per_turn_per_link: f64,
    /// Share of turns that stalled.
    pub stalled_share: f64,
}

/// Runs a plan with so many peers each, one after the other, and measures what one of them costs.
///
/// # Errors
/// A sentence that says what is wrong with the plan, or which run broke a rule.
pub fn curve(plan: &Plan, sizes: &[usize], mut progress: impl FnMut(u64)) -> Result<Vec<CurvePoint>, String> {
    let mut points = Vec::new();
    for peers in sizes {
        let plan = Plan { peers: *peers, measure_cpu: true, vary: false, ..plan.clone() };
        // One thread: a second one would have a share in the processor's caches and clock.
        let report = run(&plan, 1, |_| {})?;
        if let Some(failure) = report.failures.first() {
            return Err(failure.to_string());
        }
        let figures = report.figures;
        let core_us = figures.core_us_per_member_turn.unwrap_or(0.0);
        let links = (*peers as f64 - 1.0).max(1.0);
        let turns_per_second = f64::from(plan.tick_rate_hz) / f64::from(plan.ticks_per_turn);
        points.push(CurvePoint {
            peers: *peers,
            core_us_per_turn: core_us,
            core_us_per_turn_per_link: core_us / links,
            bytes_per_second: figures.bytes_per_turn_per_link * links * turns_per_second,
            bytes_per_turn_per_link: figures.bytes_per_turn_per_link,
            datagrams_per_turn_per_link: figures.datagrams_per_turn_per_link,
            stalled_share: figures.stalled_share,
        });
        progress(points.len() as u64);
    }
    Ok(points)
}

/// Runs one seed of a plan.
#[must_use]
pub fn run_seed(plan: &Plan, seed: u64) -> Outcome {
    run_seed_with::<Core<Ops>>(plan, seed)
}

/// As [`run_seed`], with something else in the core's place: for tests of the checker.
#[must_use]
pub fn run_seed_with<P: Peer>(plan: &Plan, seed: u64) -> Outcome {
    Simulation::<P>::new(plan, seed).run()
}

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
