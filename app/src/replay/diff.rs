//! `spacetime replay diff`: where two recordings part. Digests and inputs say at which tick; both states,
//! rebuilt and stepped through that tick system by system, say where in it.

use std::path::Path;

use serde::Serialize;
use serde_json::json;
use sim::component::COMPONENTS;
use sim::input::{Membership, SentCommand};
use sim::recording::Step;
use sim::{Command, Difference, Digest, InputFrame, RESOURCES, Simulation, System};

use super::Recording;
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
    let parting = first_parting(recordings, first, last)?;
    let ticks_compared = parting.as_ref().map_or(last, |p| p[0].tick) - first;
    let mut report = match parting {
        Some(steps) => explain(recordings, first, &steps)?,
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
fn first_parting(recordings: &mut [Recording; 2], first: u64, last: u64) -> Result<Option<[Step; 2]>, Failure> {
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
    }
    Ok(None)
}

/// Finds out what happened in the tick at which they part.
fn explain(recordings: &mut [Recording; 2], first: u64, steps: &[Step; 2]) -> Result<Report, Failure> {
    let before = steps[0].tick;
    let tick = before + 1;
    let mut report =
        Report { tick: Some(tick), digests: Some([hex(steps[0].digest), hex(steps[1].digest)]), ..Report::default() };
    let inputs = input_difference(&steps[0].frame, &steps[1].frame);
    report.differ_in = Some(if inputs.is_some() { "inputs" } else { "state" });
    let mut states = both_at(recordings, before)?;
    let at_start = states[0].digest();
    let traces = [0, 1].map(|i| trace(&mut states[i], &steps[i].frame));
    for (i, name) in ["a", "b"].into_iter().enumerate() {
        if traces[i].last().map(|(_, digest)| digest.total) != Some(steps[i].digest) {
            report.not_reproduced.push(name);
        }
    }
    if report.not_reproduced.is_empty() {
        let pairs = traces[0].iter().zip(&traces[1]);
        if let Some((system, _)) = pairs.into_iter().find(|(a, b)| a.1 != b.1).map(|(a, _)| a) {
            report.system = Some(system.name());
            report.system_observed = true;
        }
        report.difference = states[0].first_difference(&states[1]).map(Into::into);
        report.difference_tick = report.difference.as_ref().map(|_| tick);
    } else {
        let culprit = usize::from(report.not_reproduced == ["b"]);
        read_keyframe_difference(&mut recordings[culprit], culprit, first, &mut report)?;
        report.suspects = suspects(report.difference.as_ref(), at_start, &traces[culprit]);
        report.system = report.suspects.first().copied();
    }
    report.summary = summarise(&report, inputs.as_deref());
    Ok(report)
}

/// Steps once and notes the digest after every system; the last entry is the finished tick's.
fn trace(simulation: &mut Simulation, frame: &InputFrame) -> Vec<(System, Digest)> {
    let mut trace = Vec::new();
    let report = simulation.step_traced(frame, |system, digest| trace.push((system, digest)));
    if let Some(last) = trace.last_mut() {
        last.1 = report.digest;
    }
    trace
}

/// Where a recording was made by a build that computes otherwise, its inputs do not bring its states back. Its
/// next keyframe does show one: compares that with what this build makes of the same inputs.
fn read_keyframe_difference(
    recording: &mut Recording,
    culprit: usize,
    first: u64,
    report: &mut Report,
) -> Result<(), Failure> {
    let tick = report.tick.unwrap_or(first);
    let later = recording.reader.keyframes().partition_point(|k| k.tick < tick);
    let Some(at) = recording.reader.keyframes().get(later).map(|k| k.tick) else { return Ok(()) };
    let recorded = recording.keyframe(later)?;
    // From a keyframe before the parting, whose state both builds agree on.
    let mut computed = recording.state_at((tick - 1).max(first))?.simulation;
    let from = computed.tick().0;
    for step in recording.reader.frames_from(from).take(at.saturating_sub(from) as usize) {
        let step = step.map_err(|e| Failure::unreadable(&recording.path, e))?;
        computed.step(&step.frame);
    }
    let (a, b) = if culprit == 0 { (&recorded, &computed) } else { (&computed, &recorded) };
    if let Some(difference) = a.first_difference(b) {
        report.difference = Some(difference.into());
        report.difference_tick = Some(at);
    }
    Ok(())
}

/// Systems that write the component that differs; of these, those that wrote it in this tick as this build steps
/// it, if any did: the likeliest to have done so wrongly.
fn suspects(difference: Option<&FieldDifference>, at_start: Digest, trace: &[(System, Digest)]) -> Vec<&'static str> {
    let Some(difference) = difference else { return Vec::new() };
    let writers = System::writers(&difference.component);
    let part = |digest: &Digest| {
        let component = COMPONENTS.iter().position(|name| *name == difference.component);
        let resource = || RESOURCES.iter().position(|name| *name == difference.component);
        component.map(|i| digest.components[i]).or_else(|| resource().map(|i| digest.resources[i]))
    };
    let mut before = at_start;
    let mut wrote = Vec::new();
    for (system, after) in trace {
        if part(&before) != part(after) && writers.contains(system) {
            wrote.push(system.name());
        }
        before = *after;
    }
    if wrote.is_empty() { writers.iter().map(|s| s.name()).collect() } else { wrote }
}

/// How two frames differ, in words, or `None` if they are equal.
fn input_difference(a: &InputFrame, b: &InputFrame) -> Option<String> {
    let entry = |m: Option<&Membership>| m.map_or("nothing".to_owned(), |m| format!("{m:?}"));
    for i in 0..a.membership.len().max(b.membership.len()) {
        let (a, b) = (a.membership.get(i), b.membership.get(i));
        if a != b {
            return Some(format!("membership entry {i}: {} | {}", entry(a), entry(b)));
        }
    }
    for i in 0..a.commands.len().max(b.commands.len()) {
        let (a, b) = (a.commands.get(i), b.commands.get(i));
        if a != b {
            return Some(format!("command {i}: {} | {}", command_text(a), command_text(b)));
        }
    }
    None
}

fn command_text(sent: Option<&SentCommand>) -> String {
    let Some(sent) = sent else { return "nothing".to_owned() };
    match Command::decode(&sent.bytes) {
        Ok(command) => super::shown(&format!("{} {command:?}", sent.player)),
        Err(refusal) => format!("{} {} bytes ({refusal})", sent.player, sent.bytes.len()),
    }
}

fn summarise(report: &Report, inputs: Option<&str>) -> String {
    let tick = report.tick.unwrap_or_default();
    let mut text = match inputs {
        Some(inputs) => format!("the inputs differ first in the step to tick {tick}: {inputs}"),
        None => format!("the states differ first at tick {tick}"),
    };
    if let Some(system) = report.system.filter(|_| report.system_observed) {
        text.push_str(&format!(", after system {system}"));
    }
    if let Some(difference) = &report.difference {
        text.push_str(&format!("; {difference}"));
    }
    if !report.not_reproduced.is_empty() {
        let which = report.not_reproduced.join(" and ");
        text.push_str(&format!("; this build does not reproduce {which}"));
        match report.difference_tick {
            Some(at) if at > tick => text.push_str(&format!(", the values are from its keyframe at tick {at}")),
            Some(_) => {}
            None => text.push_str(", and no later keyframe shows its state"),
        }
        if !report.suspects.is_empty() {
            text.push_str(&format!("; it may be the work of {}", report.suspects.join(", ")));
        }
    }
    text
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

/// The report as JSON, for tests and tools that hold it.
#[must_use]
pub fn to_json(report: &Report) -> serde_json::Value {
    serde_json::to_value(report).unwrap_or_else(|_| json!(null))
}
