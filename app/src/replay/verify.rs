//! `spacetime replay verify`: simulates a recording again and compares every digest, keyframe intervals in
//! parallel. Each interval is restored from its own keyframe, and its end is compared with the next one, so
//! that together they prove the whole chain.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use serde::Serialize;

use super::Recording;
use super::signed::{self, SignedVerdict};
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped, hex};
use crate::progress::Progress;
use crate::run;

/// What verification found.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// `exact` or `diverged`.
    pub verdict: &'static str,
    /// Ticks that were simulated and compared.
    pub ticks: u64,
    /// The earliest departure from the recording.
    pub first_divergence: Option<Divergence>,
    /// Recorded seconds at normal speed, per second that verification took.
    pub realtime_factor: Option<f64>,
    /// Threads that worked.
    pub threads: usize,
    /// Seconds that it took.
    pub wall_s: f64,
    /// Whether the recording is whole, so that the verdict is about all of it.
    pub complete: bool,
    /// What is lost, if it is not.
    pub lost: Option<String>,
    /// Intervals of ticks that could not be compared, for damage.
    pub unverified: Vec<Unverified>,
    /// What the signatures beside it say, where there are any; see [`signed::check`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedVerdict>,
}

/// A departure from the recording.
#[derive(Clone, Debug, Serialize)]
pub struct Divergence {
    /// The tick whose state differs.
    pub tick: u64,
    /// What gave it away: `digest` of the tick, or `keyframe` of it.
    pub found_by: &'static str,
    /// The digest in the recording.
    pub recorded: String,
    /// The digest of the state as this build computes it.
    pub computed: String,
    /// For a keyframe: component, entity and field that differ first, with both values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<super::diff::FieldDifference>,
}

/// Ticks that could not be compared.
#[derive(Clone, Debug, Serialize)]
pub struct Unverified {
    /// First state.
    pub from_tick: u64,
    /// Last state.
    pub to_tick: u64,
    /// Why.
    pub reason: String,
}

/// Who looks on, and may end it early.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Told how many ticks more are done.
    pub advanced: &'a dyn Fn(u64),
    /// Whether it is to end.
    pub is_over: &'a dyn Fn() -> bool,
}

/// Runs `spacetime replay verify`.
///
/// # Errors
/// [`Failure`] for what cannot be read; if only a part cannot, after the verdict on the rest.
pub fn command(path: &Path, threads: Option<NonZeroUsize>, json: bool, progress: Progress) -> Result<Outcome, Failure> {
    let mut recording = Recording::open(path)?;
    let mut verdict = verify(&mut recording, threads, progress)?;
    verdict.signed = signed::check(&mut recording)?;
    if json {
        output::print_json(&verdict)?;
    } else {
        output::print(&describe(&verdict))?;
    }
    if let Some(divergence) = &verdict.first_divergence {
        return Ok(Outcome::Different(format!("{}: diverged at tick {}", path.display(), divergence.tick)));
    }
    let (contradiction, lost) = verdict.signed.map_or((None, None), |signed| (signed.contradiction, signed.lost));
    if let Some(sentence) = contradiction {
        return Ok(Outcome::Different(format!("{}: {sentence}", path.display())));
    }
    match verdict.lost.or(lost) {
        Some(reason) => Err(Failure::Incomplete { path: path.to_owned(), reason }),
        None => Ok(Outcome::Fine),
    }
}

/// Verifies all of a recording that can be read.
///
/// # Errors
/// [`Failure::Machine`], or [`Failure::Unreadable`] if the file goes away meanwhile.
pub fn verify(
    recording: &mut Recording,
    threads: Option<NonZeroUsize>,
    progress: Progress,
) -> Result<Verdict, Failure> {
    check_sums(recording)?;
    let recording = &*recording;
    let intervals = intervals(recording);
    let threads = threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let workers = threads.min(intervals.len()).max(1);
    // Threads that have no interval of their own help inside one.
    let threads_each = (threads / workers).max(1);
    let total: u64 = intervals.iter().map(|i| i.end - i.start).sum();
    let bar = progress.ticks("verifying", total);
    let next = AtomicUsize::new(0);
    let earliest = AtomicU64::new(u64::MAX);
    let results = Mutex::new(Vec::with_capacity(intervals.len()));
    let start = Instant::now();
    std::thread::scope(|scope| -> Result<(), Failure> {
        let mut handles = Vec::with_capacity(workers);
        for _ in 0..workers {
            let pool = run::pool(NonZeroUsize::new(threads_each))?;
            let mut own = recording.reopen()?;
            let (intervals, next, earliest, results, bar) = (&intervals, &next, &earliest, &results, &bar);
            handles.push(scope.spawn(move || {
                pool.install(|| {
                    while let Some(interval) = intervals.get(next.fetch_add(1, Ordering::Relaxed)) {
                        // Behind the first divergence nothing needs to be known.
                        if interval.start >= earliest.load(Ordering::Relaxed) {
                            continue;
                        }
                        let watch = Watch { advanced: &|n| bar.inc(n), is_over: &|| false };
                        let result = interval.verify(&mut own, watch);
                        if let Some(divergence) = &result.divergence {
                            earliest.fetch_min(divergence.tick, Ordering::Relaxed);
                        }
                        // A poisoned lock means that another worker panicked, which the join below reports.
                        if let Ok(mut results) = results.lock() {
                            results.push(result);
                        }
                    }
                });
            }));
        }
        for handle in handles {
            handle.join().map_err(|_| Failure::Machine("a verifying thread stopped".to_owned()))?;
        }
        Ok(())
    })?;
    let wall_s = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    Ok(verdict(recording, results.into_inner().unwrap_or_default(), threads, wall_s))
}

/// The same in the calling thread and its pool alone, up to the first divergence or until whoever looks on ends it.
///
/// # Errors
/// [`Failure::Unreadable`] if the file cannot be read any more.
pub fn verify_here(recording: &mut Recording, watch: Watch<'_>) -> Result<Verdict, Failure> {
    let start = Instant::now();
    check_sums(recording)?;
    let mut results = Vec::new();
    for interval in intervals(recording) {
        results.push(interval.verify(recording, watch));
        if (watch.is_over)() || results.last().is_some_and(|result| result.divergence.is_some()) {
            break;
        }
    }
    Ok(verdict(recording, results, 1, start.elapsed().as_secs_f64()))
}

/// Every checksum, so that what is lost is known even where no digest depends on it.
fn check_sums(recording: &mut Recording) -> Result<(), Failure> {
    recording.reader.check().map(|_| ()).map_err(|e| Failure::unreadable(&recording.path, output::plain(&e)))
}

fn verdict(recording: &Recording, results: Vec<IntervalResult>, threads: usize, wall_s: f64) -> Verdict {
    let ticks: u64 = results.iter().map(|r| r.ticks).sum();
    let rate = f64::from(recording.header().tick_rate_hz);
    let mut unverified: Vec<Unverified> = results.iter().filter_map(|r| r.unverified.clone()).collect();
    unverified.sort_by_key(|u| u.from_tick);
    let first_divergence = results.into_iter().filter_map(|r| r.divergence).min_by_key(|d| d.tick);
    let status = recording.reader.status();
    let lost = match (status.is_complete(), unverified.first()) {
        (false, _) => Some(status.to_string()),
        (true, Some(first)) => Some(first.reason.clone()),
        (true, None) => None,
    };
    Verdict {
        verdict: if first_divergence.is_none() { "exact" } else { "diverged" },
        ticks,
        first_divergence,
        realtime_factor: (wall_s > 0.0 && ticks > 0).then(|| ticks as f64 / rate / wall_s),
        threads,
        wall_s,
        complete: lost.is_none(),
        lost,
        unverified,
        signed: None,
    }
}

/// From one keyframe to the next, or to the end.
struct Interval {
    keyframe: usize,
    start: u64,
    end: u64,
    next_keyframe: Option<usize>,
}

#[derive(Default)]
struct IntervalResult {
    ticks: u64,
    divergence: Option<Divergence>,
    unverified: Option<Unverified>,
}

fn intervals(recording: &Recording) -> Vec<Interval> {
    let keyframes = recording.reader.keyframes();
    let last = recording.last_tick();
    let interval = |i: usize| {
        let next = keyframes.get(i + 1);
        Interval {
            keyframe: i,
            start: keyframes[i].tick,
            end: next.map_or(last, |k| k.tick).max(keyframes[i].tick),
            next_keyframe: next.map(|_| i + 1),
        }
    };
    (0..keyframes.len()).map(interval).collect()
}

impl Interval {
    fn verify(&self, recording: &mut Recording, watch: Watch<'_>) -> IntervalResult {
        let mut result = IntervalResult::default();
        let mut simulation = match recording.keyframe(self.keyframe) {
            Ok(simulation) => simulation,
            // The interval before leads here too.
            Err(failure) => match recording.state_at(self.start) {
                Ok(rebuilt) if rebuilt.departed_at.is_none() => {
                    let reason = failure.to_string();
                    result.unverified = Some(Unverified { from_tick: self.start, to_tick: self.start, reason });
                    rebuilt.simulation
                }
                _ => return self.gave_up(result, self.start, &failure.to_string()),
            },
        };
        if self.start == 0 {
            // The first state is the scenario's, not whatever the file says, be it a fork's or not.
            result.divergence = keyframe_divergence(&simulation, &sim::Simulation::new(&recording.scenario));
            if result.divergence.is_some() {
                return result;
            }
        }
        if let Some(fork) = recording.header().forked_from.clone().filter(|fork| fork.tick == self.start) {
            let computed = simulation.digest().total;
            if computed != fork.digest {
                let (recorded, computed) = (hex(fork.digest), hex(computed));
                let tick = self.start;
                let divergence = Divergence { tick, found_by: "keyframe", recorded, computed, difference: None };
                result.divergence = Some(divergence);
                return result;
            }
        }
        let count = self.end - self.start;
        let mut unreported = 0;
        for step in recording.reader.frames_from(self.start).take(count as usize) {
            let step = match step {
                Ok(step) => step,
                Err(error) => return self.gave_up(result, simulation.tick().0, &error.to_string()),
            };
            let computed = simulation.step(&step.frame).digest.total;
            result.ticks += 1;
            unreported += 1;
            if unreported == 64 {
                (watch.advanced)(std::mem::take(&mut unreported));
                if (watch.is_over)() {
                    return self.gave_up(result, simulation.tick().0, "it was stopped");
                }
            }
            if computed != step.digest {
                result.divergence = Some(Divergence {
                    tick: simulation.tick().0,
                    found_by: "digest",
                    recorded: hex(step.digest),
                    computed: hex(computed),
                    difference: None,
                });
                return result;
            }
        }
        (watch.advanced)(unreported);
        if simulation.tick().0 != self.end {
            return self.gave_up(result, simulation.tick().0, "the inputs are missing");
        }
        if let Some(next) = self.next_keyframe {
            match recording.keyframe(next) {
                // The interval that begins there reports it.
                Err(_) => {}
                Ok(recorded) => result.divergence = keyframe_divergence(&recorded, &simulation),
            }
        }
        result
    }

    fn gave_up(&self, mut result: IntervalResult, from_tick: u64, reason: &str) -> IntervalResult {
        result.unverified = Some(Unverified { from_tick, to_tick: self.end, reason: reason.to_owned() });
        result
    }
}

/// How a recorded keyframe differs from the state that was computed for its tick.
fn keyframe_divergence(recorded: &sim::Simulation, computed: &sim::Simulation) -> Option<Divergence> {
    let (a, b) = (recorded.digest().total, computed.digest().total);
    let difference = recorded.first_difference(computed);
    (a != b || difference.is_some()).then(|| Divergence {
        tick: computed.tick().0,
        found_by: "keyframe",
        recorded: hex(a),
        computed: hex(b),
        difference: difference.map(Into::into),
    })
}

fn describe(verdict: &Verdict) -> String {
    let speed = verdict.realtime_factor.map_or(String::new(), |f| format!(", {f:.0} times real time"));
    let mut text = match &verdict.first_divergence {
        None => format!("exact: {} ticks compared", grouped(verdict.ticks)),
        Some(d) => format!(
            "diverged at tick {}: the recorded {} gives {}, this build computes {}",
            grouped(d.tick),
            d.found_by,
            d.recorded,
            d.computed
        ),
    };
    text.push_str(&format!(" ({:.2} s on {} threads{speed})\n", verdict.wall_s, verdict.threads));
    if let Some(difference) = verdict.first_divergence.as_ref().and_then(|d| d.difference.as_ref()) {
        text.push_str(&format!("{difference}\n"));
    }
    for gap in &verdict.unverified {
        text.push_str(&format!(
            "not compared: ticks {} to {}: {}\n",
            grouped(gap.from_tick),
            grouped(gap.to_tick),
            gap.reason
        ));
    }
    if let Some(signed) = &verdict.signed {
        text.push_str(&signed::describe(signed));
    }
    text
}
