//! `spacetime replay fork`: goes on from a tick of a recording with a new log. The fork is a recording of its
//! own that begins with a keyframe of the state it left the original in.

use serde_json::json;
use sim::InputFrame;
use sim::recording::Fork;

use super::Recording;
use crate::cli::{ForkArgs, ForkInputs};
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped, hex};
use crate::progress::Progress;
use crate::record::{Options, Recorder};

/// Runs `spacetime replay fork`.
///
/// # Errors
/// [`Failure`] for a tick that is not there, what cannot be read on the way, and what cannot be written.
pub fn command(args: &ForkArgs, progress: Progress) -> Result<Outcome, Failure> {
    let mut original = Recording::open(&args.file)?;
    let rebuilt = original.state_at(args.tick)?;
    if let Some(departed) = rebuilt.departed_at {
        // A fork of a state that never was would look like a fork of the recording.
        return Ok(Outcome::Different(format!(
            "{} cannot be forked: this build does not reproduce it, the digest of tick {departed} differs",
            args.file.display()
        )));
    }
    let mut simulation = rebuilt.simulation;
    let left = original.last_tick() - args.tick;
    let ticks = args.ticks.unwrap_or(left);
    let fork = Fork { identity: original.reader.identity(), tick: args.tick, digest: simulation.digest().total };
    let options = Options { keyframe_ticks: Some(original.header().keyframe_ticks), fork: Some(fork) };
    let mut recorder = Recorder::create(&args.out, &original.scenario, &simulation, options, &[&args.file])?;
    let bar = progress.ticks("forking", ticks);
    let mut recorded = original.reader.frames_from(args.tick);
    for _ in 0..ticks {
        let frame = match args.inputs {
            ForkInputs::None => InputFrame::default(),
            ForkInputs::Recorded => match recorded.next() {
                Some(step) => step.map_err(|e| Failure::unreadable(&args.file, e))?.frame,
                None => InputFrame::default(),
            },
        };
        let report = simulation.step(&frame);
        recorder.push(&frame, report.digest.total, &simulation)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    recorder.finish(&simulation)?;
    let digest = hex(simulation.digest().total);
    let recorded_ticks = if args.inputs == ForkInputs::Recorded { ticks.min(left) } else { 0 };
    if args.json {
        output::print_json(&json!({
            "out": args.out.display().to_string(),
            "first_tick": args.tick,
            "last_tick": args.tick.saturating_add(ticks),
            "ticks": ticks,
            "recorded_input_ticks": recorded_ticks,
            "digest": digest,
        }))?;
    } else {
        output::print(&format!(
            "{}: {} ticks from tick {}, {} of them with recorded inputs; digest {digest}\n",
            args.out.display(),
            grouped(ticks),
            grouped(args.tick),
            grouped(recorded_ticks),
        ))?;
    }
    Ok(Outcome::Fine)
}
