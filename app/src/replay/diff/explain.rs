//! What happened in the tick at which two recordings part: both states are rebuilt and stepped through it system
//! by system. Where a recording was made by a build that computes otherwise, its keyframes have to speak for it.

use sim::component::COMPONENTS;
use sim::input::{Membership, SentCommand};
use sim::recording::Step;
use sim::{Command, Digest, InputFrame, RESOURCES, Simulation, System};

use super::{FieldDifference, Report, both_at};
use crate::exit::Failure;
use crate::output::hex;
use crate::replay::{Recording, shown};

/// Finds out what happened in the tick at which they part.
pub fn explain(recordings: &mut [Recording; 2], first: u64, steps: &[Step; 2]) -> Result<Report, Failure> {
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
        let mut component = None;
        if let Some(((system, a), (_, b))) = pairs.into_iter().find(|(a, b)| a.1 != b.1) {
            report.system = Some(system.name());
            report.system_observed = true;
            component = a.first_difference(b);
        }
        // What differed right after that system says more than what else differs by the end of the tick.
        let [a, b] = &states;
        report.difference = component.and_then(|component| difference_in(component, a, b));
        report.difference = report.difference.or_else(|| a.first_difference(b).map(Into::into));
        if let Some(resource) = component.filter(|c| RESOURCES.contains(c)) {
            report.difference = Some(resource_difference(resource, a, b));
        }
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

/// The first entity, in order of ids, for which a component differs.
fn difference_in(component: &str, a: &Simulation, b: &Simulation) -> Option<FieldDifference> {
    a.entity_ids().into_iter().find_map(|id| {
        let (in_a, in_b) = (a.inspect(id)?, b.inspect(id)?);
        let of = |state: &sim::EntityState| state.components.iter().find(|c| c.name == component).cloned();
        let (in_a, in_b) = (of(&in_a)?, of(&in_b)?);
        let fields = in_a.fields.iter().zip(&in_b.fields);
        // By their text, which is exact and tells zeros apart.
        let mut fields = fields.map(|((field, a), (_, b))| (field, a.to_string(), b.to_string()));
        let (field, a, b) = fields.find(|(_, a, b)| a != b)?;
        Some(FieldDifference { component: component.to_owned(), entity: Some(id), field: (*field).to_owned(), a, b })
    })
}

/// A resource that differs: what is known of its contents, or else its sub-digests.
fn resource_difference(resource: &str, a: &Simulation, b: &Simulation) -> FieldDifference {
    if let Some(difference) = a.first_difference(b).filter(|d| d.component == resource) {
        return difference.into();
    }
    let digest = |s: &Simulation| {
        let at = RESOURCES.iter().position(|name| *name == resource);
        at.map_or_else(String::new, |at| hex(s.digest().resources[at]))
    };
    let field = "sub-digest".to_owned();
    FieldDifference { component: resource.to_owned(), entity: None, field, a: digest(a), b: digest(b) }
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
        Ok(command) => shown(&format!("{} {command:?}", sent.player)),
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
