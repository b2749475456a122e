//! What is written when two peers' states differ although their logs agree: both states, the log that led there, who
//! was built from what, and the first difference by tick, component, entity and field. Must never be in the way of the
//! session: it is written by a thread of its own.
//!
//! The log is simulated again from a state before. Where that gives other digests than the session had here, this
//! machine went wrong, and the first such tick is the first that differs. Where it gives the same, the other one
//! did, and its own bundle names the tick.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use netcode::protocol::Player;
use netcode::replica::Comparison;
use serde::Serialize;
use sim::recording::Header;
use sim::{InputFrame, Scenario, Simulation};

use super::world::{Played, difference};
use crate::exit::Failure;
use crate::output::{self, hex};
use crate::record::{Options, Recorder};

/// Most bundles that one session writes; a broken machine would fill the disk.
pub const BUNDLES_MAX: u32 = 8;

/// The end of the confirmed log, from a state on: what a bundle needs. Kept whether or not anything is recorded.
#[derive(Clone, Debug)]
pub struct Tail {
    scenario: Arc<Scenario>,
    /// States from which it can be simulated again, by tick; the log begins at the first.
    starts: VecDeque<(u64, Arc<Vec<u8>>)>,
    ticks: VecDeque<(InputFrame, u64)>,
}

impl Tail {
    /// A log that begins with this state.
    #[must_use]
    pub fn new(scenario: &Scenario, tick: u64, snapshot: Vec<u8>) -> Self {
        let starts = VecDeque::from([(tick, Arc::new(snapshot))]);
        Self { scenario: Arc::new(scenario.clone()), starts, ticks: VecDeque::new() }
    }

    /// Adds a confirmed turn. A keyframe in it makes what lies before the last one superfluous.
    pub fn push(&mut self, played: &Played) {
        self.ticks.extend(played.ticks.iter().map(|tick| (tick.frame.clone(), tick.report.digest.total)));
        let Some(snapshot) = &played.keyframe else { return };
        self.starts.push_back((self.end(), Arc::new(snapshot.clone())));
        while self.starts.len() > 2 {
            let begin = self.begin();
            self.starts.pop_front();
            self.ticks.drain(..(self.begin() - begin) as usize);
        }
    }

    /// Tick of the first state.
    #[must_use]
    pub fn begin(&self) -> u64 {
        self.starts.front().map_or(0, |(tick, _)| *tick)
    }

    /// Tick of the last state.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.begin() + self.ticks.len() as u64
    }
}

/// What is known of a desync, beside the states.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Circumstances {
    /// Own number.
    pub player: Option<Player>,
    /// Turn whose digests differ, as the session saw it.
    pub first_differing_turn: Option<u64>,
    /// Whether a majority has another state than this peer.
    pub ours_is_wrong: Option<bool>,
    /// Digests of that turn, by player.
    pub digests: Vec<(Player, String)>,
    /// Turns that gave another digest when they were executed again during the session.
    pub unsteady_turns: Vec<u64>,
}

/// The report of a bundle.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// One sentence.
    pub finding: String,
    /// This build.
    pub build_id: String,
    /// [`sim::RESULTS_REVISION`] of it.
    pub results_revision: u64,
    /// Hash of its component schema.
    pub schema: String,
    /// Name of the scenario.
    pub scenario: String,
    /// BLAKE3 of its text.
    pub scenario_hash: String,
    /// Whose state is compared with ours.
    pub with: Player,
    /// After which turn.
    pub turn: u64,
    /// Tick of the two states.
    pub tick: u64,
    /// First tick whose state differs, as far as it can be told here.
    pub first_differing_tick: Option<u64>,
    /// First difference of the two states.
    pub difference: Option<Difference>,
    /// Why the other's state cannot be read, if it cannot.
    pub unreadable: Option<String>,
    /// What simulating the log again gave.
    pub repeat: Option<Repeat>,
    /// What the session knew.
    pub circumstances: Circumstances,
}

/// A difference, named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Component or resource.
    pub component: String,
    /// The entity, for a component.
    pub entity: Option<u64>,
    /// Name of the field.
    pub field: String,
    /// Our value.
    pub ours: String,
    /// Theirs.
    pub theirs: String,
}

impl From<netcode::world::Difference> for Difference {
    fn from(d: netcode::world::Difference) -> Self {
        Self { component: d.component, entity: d.entity, field: d.field, ours: d.ours, theirs: d.theirs }
    }
}

/// What simulating the log again gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repeat {
    /// Tick of the state it began with.
    pub from_tick: u64,
    /// Tick it went to.
    pub to_tick: u64,
    /// First tick whose digest is not the one that the session had here: this machine went wrong there.
    pub departs_at: Option<u64>,
    /// Whether its last state is ours.
    pub is_ours: bool,
    /// Whether its last state is the other's.
    pub is_theirs: bool,
}

/// Writes a bundle into a new folder below `below`, in a thread of its own, which gives the folder.
///
/// # Errors
/// [`Failure::Machine`] where the system gives no thread.
pub fn write_aside(
    below: &Path,
    comparison: Comparison,
    circumstances: Circumstances,
    tail: Tail,
) -> Result<JoinHandle<Result<PathBuf, Failure>>, Failure> {
    let below = below.to_owned();
    std::thread::Builder::new()
        .name("desync".to_owned())
        .spawn(move || write(&below, &comparison, circumstances, &tail))
        .map_err(|e| Failure::Machine(format!("cannot start the thread that writes the desync bundle: {e}")))
}

/// Writes a bundle into a new folder below `below`: `ours.snapshot`, `theirs.snapshot`, `log.strec`, `report.json`.
///
/// # Errors
/// [`Failure::Unwritable`].
pub fn write(
    below: &Path,
    comparison: &Comparison,
    circumstances: Circumstances,
    tail: &Tail,
) -> Result<PathBuf, Failure> {
    let report = examine(comparison, circumstances, tail);
    let folder = new_folder(below, report.tick, report.with)?;
    put(&folder.join("ours.snapshot"), &comparison.ours)?;
    put(&folder.join("theirs.snapshot"), &comparison.theirs)?;
    write_log(&folder.join("log.strec"), tail)?;
    let path = folder.join("report.json");
    let text = serde_json::to_string_pretty(&report).map_err(|e| Failure::unwritable(&path, e))?;
    put(&path, format!("{text}\n").as_bytes())?;
    tracing::error!(bundle = %folder.display(), "{}", report.finding);
    Ok(folder)
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|e| Failure::unwritable(path, output::plain(&e)))
}

/// A folder that was not there before.
fn new_folder(below: &Path, tick: u64, with: Player) -> Result<PathBuf, Failure> {
    fs::create_dir_all(below).map_err(|e| Failure::unwritable(below, output::plain(&e)))?;
    let mut attempt = 1;
    loop {
        let again = if attempt == 1 { String::new() } else { format!("-{attempt}") };
        let folder = below.join(format!("desync-tick-{tick}-player-{}{again}", with.0));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && attempt < 1000 => attempt += 1,
            Err(e) => return Err(Failure::unwritable(&folder, output::plain(&e))),
        }
    }
}

fn write_log(path: &Path, tail: &Tail) -> Result<(), Failure> {
    let mut starts = tail.starts.iter();
    let Some((first_tick, snapshot)) = starts.next() else { return Ok(()) };
    let mut recorder = Recorder::begin(path, &tail.scenario, *first_tick, snapshot, Options::default(), &[])?;
    for (frame, digest) in &tail.ticks {
        recorder.add(frame, *digest)?;
        if let Some((_, snapshot)) = tail.starts.iter().skip(1).find(|(tick, _)| *tick == recorder.next_tick()) {
            recorder.add_keyframe(snapshot)?;
        }
    }
    recorder.close().map(|_| ())
}

/// Compares the two states and simulates the log again.
fn examine(comparison: &Comparison, circumstances: Circumstances, tail: &Tail) -> Report {
    let scenario = &*tail.scenario;
    let ours = Simulation::restore(scenario, &comparison.ours).ok();
    let theirs = Simulation::restore(scenario, &comparison.theirs);
    let tick = ours.as_ref().map_or(0, |ours| ours.tick().0);
    let repeat = ours.as_ref().and_then(|ours| repeat(tail, ours, theirs.as_ref().ok()));
    let found = match (&ours, &theirs) {
        (Some(ours), Ok(theirs)) => difference(ours, theirs).map(Difference::from),
        _ => None,
    };
    // What is of the session and not of its simulation is in no snapshot here.
    let found = found.or_else(|| comparison.difference.clone().ok().flatten().map(Difference::from));
    let first_differing_tick = repeat.as_ref().and_then(|repeat| repeat.departs_at);
    let unreadable = theirs.err().map(|e| e.to_string());
    let finding = sentence(tick, comparison.with, found.as_ref(), unreadable.as_deref(), repeat.as_ref());
    Report {
        finding,
        build_id: crate::BUILD_ID.to_owned(),
        results_revision: sim::RESULTS_REVISION,
        schema: hex(sim::schema_hash()),
        scenario: scenario.name.clone(),
        scenario_hash: scenario_hash(scenario),
        with: comparison.with,
        turn: comparison.turn.0,
        tick,
        first_differing_tick,
        difference: found,
        unreadable,
        repeat,
        circumstances,
    }
}

/// The scenario's hash as recordings have it, in hexadecimal.
fn scenario_hash(scenario: &Scenario) -> String {
    let header = Header::new("", "", &scenario.text, scenario.tick_rate_hz, scenario.seed, 0);
    header.scenario_hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Simulates from the last start before our state up to it.
fn repeat(tail: &Tail, ours: &Simulation, theirs: Option<&Simulation>) -> Option<Repeat> {
    let to_tick = ours.tick().0;
    if to_tick > tail.end() {
        return None;
    }
    let (from_tick, snapshot) = tail.starts.iter().rfind(|(tick, _)| *tick < to_tick)?;
    let mut again = Simulation::restore(&tail.scenario, snapshot).ok()?;
    let mut departs_at = None;
    let skip = (from_tick - tail.begin()) as usize;
    for (frame, digest) in tail.ticks.iter().skip(skip).take((to_tick - from_tick) as usize) {
        let report = again.step(frame);
        if report.digest.total != *digest && departs_at.is_none() {
            departs_at = Some(report.tick.0);
        }
    }
    let equals = |other: &Simulation| again.digest() == other.digest();
    let (is_ours, is_theirs) = (equals(ours), theirs.is_some_and(equals));
    Some(Repeat { from_tick: *from_tick, to_tick, departs_at, is_ours, is_theirs })
}

fn sentence(
    tick: u64,
    with: Player,
    difference: Option<&Difference>,
    unreadable: Option<&str>,
    repeat: Option<&Repeat>,
) -> String {
    if let Some(reason) = unreadable {
        return format!("the state that {with} sent for tick {tick} cannot be read: {reason}");
    }
    let Some(d) = difference else { return format!("the states at tick {tick} here and at {with} are the same") };
    let entity = d.entity.map_or(String::new(), |id| format!(" of entity {id}"));
    let what = format!("{}.{}{entity} is {} here and {} at {with}", d.component, d.field, d.ours, d.theirs);
    match repeat {
        Some(Repeat { departs_at: Some(first), .. }) => {
            format!("at tick {tick} {what}; simulating again shows that this machine went wrong at tick {first}")
        }
        Some(Repeat { is_ours: true, from_tick, .. }) => {
            format!("at tick {tick} {what}; simulating again from tick {from_tick} gives this machine right")
        }
        _ => format!("at tick {tick} {what}"),
    }
}
