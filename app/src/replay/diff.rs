//! `spacetime replay diff`: where two recordings part. Digests and inputs say at which tick; both states,
//! rebuilt and stepped through that tick system by system, say where in it.

mod explain;

use std::path::Path;

use serde::Serialize;
use sim::recording::Step;
use sim::{Difference, Simulation};

use super::Recording;
use super::verify::Watch;
use crate::exit::{Failure, Outcome};
use crate::output::{self, hex};

/// What a comparison found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Whether all ticks that both have are equal, and both have the same ticks.
    pub identical: bool,
    /// In what they differ first: `scenario`, `ticks`, `start`, `inputs`, `state` or `length`.
    pub differ_in: Option<&'static str>,
    /// Ticks that were compared.
    pub ticks_compared: u64,
    /// The first tick whose state differs (the tick that the differing inputs lead to, for `inputs`).
    pub tick: Option<u64>,
    /// The system after which the states differ first.
    pub system: Option<&'static str>,
    /// Whether `system` was seen at work (`true`), or is one of those that write the component (`false`).
    pub system_observed: bool,
    /// Systems that may have done it, in the order they run, where none was seen at work.
    pub suspects: Vec<&'static str>,
    /// Component, entity and field that differ first, with both values.
    #[serde(flatten)]
    pub difference: Option<FieldDifference>,
    /// The tick at which that difference was read; later than `tick` where only a keyframe could show it.
    pub difference_tick: Option<u64>,
    /// Digests at `tick`.
    pub digests: Option<[String; 2]>,
    /// Recordings (`a`, `b`) that this build does not reproduce.
    pub not_reproduced: Vec<&'static str>,
    /// What differs, in words.
    pub summary: String,
}

/// The first field that differs between two states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldDifference {
    /// Component, or resource.
    pub component: String,
    /// Whose; none for a resource.
    pub entity: Option<u64>,
    /// Which field of it.
    pub field: String,
    /// Its value in the first state.
    pub a: String,
    /// Its value in the second state.
    pub b: String,
}

impl From<Difference> for FieldDifference {
    fn from(d: Difference) -> Self {
        Self { component: d.component.to_string(), entity: d.entity, field: d.field.to_string(), a: d.a, b: d.b }
    }
}

impl std::fmt::Display for FieldDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.component, self.field)?;
        if let Some(id) = self.entity {
            write!(f, " of entity {id}")?;
        }
        write!(f, ": {} | {}", self.a, self.b)
    }
}

/// Runs `spacetime replay diff`.
///
/// # Errors
/// [`Failure`] for what cannot be read; if only the tail of one is lost, after comparing the rest.
pub fn command(a: &Path, b: &Path, json: bool) -> Result<Outcome, Failure> {
    let mut recordings = [Recording::open(a)?, Recording::open(b)?];
    let report = diff(&mut recordings)?;
    if json {
        output::print_json(&report)?;
    } else {
        output::print(&describe(&report))?;
    }
    if !report.identical {
        return Ok(Outcome::Different(report.summary));
    }
    recordings[0].fine().and_then(|_| recordings[1].fine())
}

/// Compares two recordings.
///
/// # Errors
/// [`Failure`] for what cannot be read.
pub fn diff(recordings: &mut [Recording; 2]) -> Result<Report, Failure> {
    diff_watched(recordings, Watch { advanced: &|_| {}, is_over: &|| false })
}

/// The same, for whoever looks on and may end it.
///
/// # Errors
/// As [`diff()`], and [`Failure::Machine`] where it was ended.
pub fn diff_watched(recordings: &mut [Recording; 2], watch: Watch<'_>) -> Result<Report, Failure> {
    let [a, b] = &*recordings;
    if a.header().scenario_hash != b.header().scenario_hash {
        let names = [a, b].map(|r| super::shown(&r.header().scenario_name));
        let summary = if names[0] == names[1] {
            format!("the recordings are of different versions of scenario {}", names[0])
        } else {
            format!("the recordings are of different scenarios: {} and {}", names[0], names[1])
        };
        return Ok(Report { differ_in: Some("scenario"), summary, ..Report::default() });
    }
    let (ta, tb) = (a.reader.ticks(), b.reader.ticks());
    let (first, last) = (ta.start.max(tb.start), ta.end.min(tb.end));
    if first > last {
        let summary = format!(
            "the recordings share no tick: one goes from {} to {}, the other from {} to {}",
            ta.start, ta.end, tb.start, tb.end
        );
        return Ok(Report { differ_in: Some("ticks"), summary, ..Report::default() });
    }
    if let Some(report) = compare_start(recordings, first)? {
        return Ok(report);
    }
    let parting = first_parting(recordings, first, last, watch)?;
    let ticks_compared = parting.as_ref().map_or(last, |p| p[0].tick) - first;
    let mut report = match parting {
        Some(steps) => explain::explain(recordings, first, &steps)?,
        None if ta == tb => {
            Report { identical: true, summary: "the recordings are identical".to_owned(), ..Report::default() }
        }
        None => Report {
            differ_in: Some("length"),
            summary: format!(
                "the recordings are equal from tick {first} to tick {last}, which is all they share: one goes from {} \
                 to {}, the other from {} to {}",
                ta.start, ta.end, tb.start, tb.end
            ),
            ..Report::default()
        },
    };
    report.ticks_compared = ticks_compared;
    Ok(report)
}

/// Whether the states at the first tick that both have are equal.
fn compare_start(recordings: &mut [Recording; 2], first: u64) -> Result<Option<Report>, Failure> {
    let states = both_at(recordings, first)?;
    let Some(difference) = states[0].first_difference(&states[1]) else { return Ok(None) };
    let difference = FieldDifference::from(difference);
    Ok(Some(Report {
        differ_in: Some("start"),
        tick: Some(first),
        difference_tick: Some(first),
        digests: Some(states.map(|s| hex(s.digest().total))),
        summary: format!("the recordings start differently, at tick {first}: {difference}"),
        difference: Some(difference),
        ..Report::default()
    }))
}

fn both_at(recordings: &mut [Recording; 2], tick: u64) -> Result<[Simulation; 2], Failure> {
    let [a, b] = recordings;
    Ok([a.state_at(tick)?.simulation, b.state_at(tick)?.simulation])
}

/// The first tick whose inputs or digests differ.
fn first_parting(
    recordings: &mut [Recording; 2],
    first: u64,
    last: u64,
    watch: Watch<'_>,
) -> Result<Option<[Step; 2]>, Failure> {
    let [a, b] = recordings;
    let shared = (last - first) as usize;
    let steps_a = a.reader.frames_from(first).take(shared);
    let steps_b = b.reader.frames_from(first).take(shared);
    for (step_a, step_b) in steps_a.zip(steps_b) {
        let step_a = step_a.map_err(|e| Failure::unreadable(&a.path, e))?;
        let step_b = step_b.map_err(|e| Failure::unreadable(&b.path, e))?;
        if step_a != step_b {
            return Ok(Some([step_a, step_b]));
        }
        (watch.advanced)(1);
        if step_a.tick.is_multiple_of(64) && (watch.is_over)() {
            return Err(Failure::Machine("it was stopped".to_owned()));
        }
    }
    Ok(None)
}

fn describe(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: String| text.push_str(&format!("{label:12} {value}\n"));
    if let Some(tick) = report.tick {
        line("tick", tick.to_string());
    }
    if let Some([a, b]) = &report.digests {
        line("digest", format!("{a} | {b}"));
    }
    if let Some(system) = report.system {
        let note = if report.system_observed { "" } else { " (it writes the component; not seen at work)" };
        line("system", format!("{system}{note}"));
    }
    if let Some(difference) = &report.difference {
        line("component", difference.component.clone());
        line("entity", difference.entity.map_or("-".to_owned(), |id| id.to_string()));
        line("field", difference.field.clone());
        line("a", difference.a.clone());
        line("b", difference.b.clone());
    }
    if report.identical {
        text.push_str(&format!("identical: {} ticks compared\n", output::grouped(report.ticks_compared)));
    }
    text
}
