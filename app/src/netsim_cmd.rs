//! `spacetime netsim`: the lockstep protocol in virtual time, on a network where things go wrong. Must only translate
//! between the command line and `netcode::netsim`.

use std::fmt::Write;
use std::num::NonZeroUsize;

use netcode::netsim::{self, Plan, Report, Spread};
use serde_json::json;

use crate::cli::NetsimArgs;
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped};
use crate::progress::Progress;

/// Numbers of peers that `--curve` runs.
const CURVE: [usize; 6] = [2, 4, 8, 16, 32, 64];

/// Failures that are shown in full; of the rest only the command is.
const SHOWN_MAX: usize = 3;

/// Runs `spacetime netsim`.
///
/// # Errors
/// [`Failure::Misused`] for a plan that cannot be, [`Failure::Unwritable`].
pub fn command(args: &NetsimArgs, progress: Progress) -> Result<Outcome, Failure> {
    let plan = plan(args);
    plan.check().map_err(Failure::Misused)?;
    if args.curve {
        return curve(&plan, args.json, progress);
    }
    let threads = args.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let bar = progress.steps("simulating", plan.seeds, "seeds");
    let report = netsim::run(&plan, threads, |done| bar.set_position(done)).map_err(Failure::Misused)?;
    bar.finish_and_clear();
    if args.json {
        output::print_json(&report)?;
    } else {
        if args.trace {
            let last = plan.seed + plan.seeds.saturating_sub(1);
            output::print(&(netsim::run_seed(&plan, last).trace.join("\n") + "\n"))?;
        }
        output::print(&text(&report))?;
    }
    match report.failures.len() {
        0 => Ok(Outcome::Fine),
        n => Ok(Outcome::Different(format!("{n} of {} seeds broke a rule", grouped(report.seeds)))),
    }
}

fn plan(args: &NetsimArgs) -> Plan {
    Plan {
        peers: args.peers,
        delay_ms: args.delay_ms,
        jitter_ms: args.jitter_ms,
        loss: args.loss,
        duplicate: args.duplicate,
        reorder: args.reorder,
        corrupt: args.corrupt,
        bandwidth_bit_s: args.bandwidth_bit_s,
        tick_rate_hz: args.tick_rate_hz,
        ticks_per_turn: args.ticks_per_turn,
        input_delay_ms: args.input_delay_ms,
        world_bytes: args.world_bytes,
        seconds: args.seconds,
        heal_seconds: args.heal_seconds,
        faults: args.faults.0.clone(),
        intensity: args.intensity,
        seed: args.seed,
        seeds: args.seeds,
        vary: args.vary,
        measure_cpu: false,
    }
}

fn spread(spread: &Spread) -> String {
    format!("p50 {:.1}, p99 {:.1}, most {:.1} ms", spread.p50_ms, spread.p99_ms, spread.max_ms)
}

fn text(report: &Report) -> String {
    let figures = &report.figures;
    let mut out = format!(
        "{} seeds, {:.0} virtual seconds, {} turns\n\
         stalled             {:.3} % of turns; seen late {:.3} %\n\
         input delay         {}\n\
         submit to execute   {}\n\
         submit to confirm   {}\n\
         per turn and link   {:.1} bytes unsealed in {:.2} datagrams, the longest of {} bytes\n\
         changes             {} epochs, {} roll-backs of {} turns\n\
         joins               {}: {}\n",
        grouped(report.seeds),
        figures.virtual_seconds,
        grouped(figures.turns),
        figures.stalled_share * 100.0,
        figures.late_share * 100.0,
        spread(&figures.input_delay),
        spread(&figures.submit_to_execute),
        spread(&figures.submit_to_confirm),
        figures.bytes_per_turn_per_link,
        figures.datagrams_per_turn_per_link,
        figures.datagram_bytes_max,
        grouped(figures.epochs),
        grouped(figures.roll_backs),
        grouped(figures.turns_rolled_back),
        grouped(figures.time_to_active.count),
        spread(&figures.time_to_active),
    );
    for (what, count) in &figures.events {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {what:20}{:>8}", grouped(*count));
    }
    for (i, failure) in report.failures.iter().enumerate() {
        let _ = if i < SHOWN_MAX {
            writeln!(out, "{failure}")
        } else {
            writeln!(out, "seed {}: {}\nreplay it: {}", failure.seed, failure.what, failure.command)
        };
    }
    let recovered = format!("recovery demanded of {}", grouped(figures.recovery_demanded));
    let _ = writeln!(out, "hash {}; {recovered}; {} seeds broke a rule", report.hash, report.failures.len());
    out
}

fn curve(plan: &Plan, json: bool, progress: Progress) -> Result<Outcome, Failure> {
    let bar = progress.steps("simulating", CURVE.len() as u64, "sizes");
    let points = netsim::curve(plan, &CURVE, |done| bar.set_position(done)).map_err(Failure::Machine)?;
    bar.finish_and_clear();
    if json {
        output::print_json(&json!({ "plan": plan, "curve": points }))?;
        return Ok(Outcome::Fine);
    }
    let mut out = "peers  core us/turn  per link   bytes/s up  bytes/turn/link  datagrams  stalled\n".to_owned();
    for point in &points {
        let _ = writeln!(
            out,
            "{:5}  {:12.1}  {:8.2}  {:11.0}  {:15.1}  {:9.2}  {:6.2}%",
            point.peers,
            point.core_us_per_turn,
            point.core_us_per_turn_per_link,
            point.bytes_per_second,
            point.bytes_per_turn_per_link,
            point.datagrams_per_turn_per_link,
            point.stalled_share * 100.0
        );
    }
    output::print(&out)?;
    Ok(Outcome::Fine)
}
