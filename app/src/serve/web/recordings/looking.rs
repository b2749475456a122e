//! What is to be seen in recordings: states rebuilt from keyframes, and who did what. Must never work longer for one answer
//! than it has time for, nor lose what it has done when the answer comes to an end first.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::ports::{
    Happening, Happenings, PlacedBody, PlacedEntity, RecordedState, RecordingError, Span, States, TimedId, View as _,
};
use rayon::ThreadPool;
use sim::{Command, InputFrame, Membership, PlayerId, Simulation};

use super::background;
use super::shelf::{said, without_path};
use crate::exit::Failure;
use crate::replay::{Recording, shown};
use crate::serve::web::view::StateView;
use crate::session::ships::STEWARD;

/// Most states of one answer.
const STATES_MAX: usize = 600;
/// Most entities in all states of one answer.
const ENTITIES_MAX: usize = 20_000;
/// Most entities of one state.
const STATE_ENTITIES_MAX: usize = 2_000;
/// How long one answer is worked at.
const TIME: Duration = Duration::from_millis(1500);
/// Recordings that are kept open with a state.
const CURSORS_MAX: usize = 6;
/// Edge of a cell, m.
const CELL_M: f64 = (1_u64 << 20) as f64;

/// An open recording, and the state that was rebuilt last.
struct Cursor {
    id: TimedId,
    recording: Recording,
    simulation: Option<Simulation>,
}

/// Who looks into recordings.
pub struct Looking {
    pool: ThreadPool,
    /// Used last, last.
    cursors: Mutex<VecDeque<Cursor>>,
}

impl Looking {
    /// With a thread of its own.
    ///
    /// # Errors
    /// [`Failure::Machine`].
    pub fn new() -> Result<Self, Failure> {
        Ok(Self { pool: background::pool("looking")?, cursors: Mutex::default() })
    }

    /// A recording is gone. Where one is looked into meanwhile it is kept again: to be called after that, too.
    pub fn forget(&self, id: TimedId) {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner).retain(|cursor| cursor.id != id);
    }

    /// An open recording that goes to this tick at least, if it does by now.
    fn take(&self, id: TimedId, file: &Path, to: Option<u64>) -> Result<Cursor, RecordingError> {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        let at = cursors.iter().position(|cursor| cursor.id == id);
        let kept = at.and_then(|at| cursors.remove(at));
        drop(cursors);
        let is_enough = |cursor: &Cursor| {
            cursor.recording.reader.status().is_complete() || to.is_some_and(|to| to <= cursor.recording.last_tick())
        };
        match kept {
            Some(cursor) if is_enough(&cursor) => Ok(cursor),
            kept => {
                let recording = Recording::open(file).map_err(|e| RecordingError::Refused(said(&e, file)))?;
                Ok(Cursor { id, recording, simulation: kept.and_then(|cursor| cursor.simulation) })
            }
        }
    }

    fn keep(&self, cursor: Cursor) {
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.push_back(cursor);
        let oldest = if cursors.len() > CURSORS_MAX { cursors.pop_front() } else { None };
        drop(cursors);
        // A whole world, which takes a while.
        drop(oldest);
    }

    /// States of a recording.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn states(&self, id: TimedId, file: &Path, span: Span) -> Result<States, RecordingError> {
        self.pool.install(|| {
            let mut cursor = self.take(id, file, span.to_tick.or(span.from_tick))?;
            let states = cursor.states(span);
            self.keep(cursor);
            states.map_err(|error| match error {
                RecordingError::Refused(why) => RecordingError::Refused(without_path(&why, file)),
                error => error,
            })
        })
    }

    /// What happened in a recording.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn events(
        &self,
        id: TimedId,
        file: &Path,
        from: Option<u64>,
        skip: u64,
        limit: usize,
    ) -> Result<Happenings, RecordingError> {
        self.pool.install(|| {
            let mut cursor = self.take(id, file, from)?;
            let events = cursor.events(from, skip, limit);
            self.keep(cursor);
            events
        })
    }
}

fn damaged(error: impl ToString) -> RecordingError {
    RecordingError::Refused(error.to_string())
}

impl Cursor {
    fn checked(&self, name: &'static str, tick: u64) -> Result<u64, RecordingError> {
        let (first, last) = (self.recording.reader.ticks().start, self.recording.last_tick());
        let is_there = (first..=last).contains(&tick);
        let why = || RecordingError::Beyond(name, format!("has to be a tick of the recording, {first} to {last}"));
        is_there.then_some(tick).ok_or_else(why)
    }

    fn states(&mut self, span: Span) -> Result<States, RecordingError> {
        let began = Instant::now();
        let (first_tick, last_tick) = (self.recording.reader.ticks().start, self.recording.last_tick());
        let from = self.checked("from_tick", span.from_tick.unwrap_or(first_tick))?;
        let to = self.checked("to_tick", span.to_tick.unwrap_or(from))?;
        let rate_hz = self.recording.header().tick_rate_hz;
        let mut all = States { first_tick, last_tick, rate_hz, ..States::default() };
        let (mut next, mut entities) = (Some(from), 0);
        while let Some(tick) = next.filter(|tick| *tick <= to) {
            let is_full = all.states.len() >= STATES_MAX || entities >= ENTITIES_MAX;
            if is_full || !self.seek(tick, began)? {
                all.next_tick = Some(tick);
                return Ok(all);
            }
            let Some(simulation) = self.simulation.take() else { return Err(damaged("there is no state")) };
            let (state, simulation) = placed(simulation);
            self.simulation = Some(simulation);
            entities += state.entities.len();
            all.states.push(state);
            next = tick.checked_add(span.every);
        }
        Ok(all)
    }

    /// Brings the state to a tick, from the keyframe before it or from where it is; `false` where the time is over first.
    fn seek(&mut self, tick: u64, began: Instant) -> Result<bool, RecordingError> {
        let keyframes = self.recording.reader.keyframes();
        let before = keyframes.partition_point(|keyframe| keyframe.tick <= tick);
        let nearest = before.checked_sub(1).and_then(|at| keyframes.get(at)).map_or(0, |keyframe| keyframe.tick);
        let is_near = |simulation: &mut Simulation| (nearest..=tick).contains(&simulation.tick().0);
        let mut simulation = match self.simulation.take_if(is_near) {
            Some(simulation) => simulation,
            None => self.restored(before)?,
        };
        let from = simulation.tick().0;
        for step in self.recording.reader.frames_from(from).take(tick.saturating_sub(from) as usize) {
            let step = step.map_err(damaged)?;
            simulation.step(&step.frame);
            if began.elapsed() > TIME {
                break;
            }
        }
        let is_there = simulation.tick().0 == tick;
        self.simulation = Some(simulation);
        Ok(is_there)
    }

    /// The state of the last of so many keyframes that can be read.
    fn restored(&mut self, before: usize) -> Result<Simulation, RecordingError> {
        let mut why = damaged("there is no keyframe at or before that tick");
        for keyframe in (0..before).rev() {
            match self.recording.keyframe(keyframe) {
                Ok(simulation) => return Ok(simulation),
                Err(failure) => why = damaged(failure),
            }
        }
        Err(why)
    }

    fn events(&mut self, from: Option<u64>, skip: u64, limit: usize) -> Result<Happenings, RecordingError> {
        let began = Instant::now();
        let (first, last) = (self.recording.reader.ticks().start, self.recording.last_tick());
        let from = self.checked("from_tick", from.unwrap_or(first))?.max(first.saturating_add(1));
        let mut all = Happenings::default();
        for step in self.recording.reader.frames_from(from.saturating_sub(1)) {
            let step = step.map_err(damaged)?;
            let tick = step.tick.saturating_add(1);
            let skipped = if tick == from { skip } else { 0 };
            for (at, happening) in happened(tick, &step.frame).enumerate().skip(usize::try_from(skipped).unwrap_or(0)) {
                if all.events.len() >= limit {
                    (all.next_tick, all.next_skip) = (Some(tick), at as u64);
                    return Ok(all);
                }
                all.events.push(happening);
            }
            if began.elapsed() > TIME && tick < last {
                all.next_tick = Some(tick.saturating_add(1));
                return Ok(all);
            }
        }
        Ok(all)
    }
}

/// What is told of a frame: who came and went, and what operators did.
fn happened(tick: u64, frame: &InputFrame) -> impl Iterator<Item = Happening> + '_ {
    let number = |player: PlayerId| (player != STEWARD).then_some(player.0);
    let entries = frame.membership.iter().filter_map(move |entry| match entry {
        Membership::Join { player, .. } | Membership::Leave { player } if *player == STEWARD => None,
        Membership::Join { player, role } => {
            Some(Happening { tick, player: number(*player), kind: "join", what: format!("as {role:?}").to_lowercase() })
        }
        Membership::Leave { player } => {
            Some(Happening { tick, player: number(*player), kind: "leave", what: String::new() })
        }
    });
    let commands = frame.commands.iter().filter_map(move |sent| {
        let (kind, what) = told(&Command::decode(&sent.bytes).ok()?)?;
        Some(Happening { tick, player: number(sent.player), kind, what: shown(&what) })
    });
    entries.chain(commands)
}

/// A kind and a few words for what an operator commands.
fn told(command: &Command) -> Option<(&'static str, String)> {
    let several = |parts: Vec<String>| parts.join(", ");
    Some(match command {
        Command::Controls { .. } | Command::Fire { .. } | Command::Respawn { .. } => return None,
        Command::SetTimeFactor { quarters } => ("time_factor", format!("{}", f64::from(*quarters) / 4.0)),
        Command::Spawn(spawn) => ("spawn", spawn.kind.name().to_owned()),
        Command::Despawn { entity } => ("despawn", format!("entity {entity}")),
        Command::Patch { fields } => {
            let one = |f: &sim::command::FieldPatch| {
                format!("entity {}: {}.{} = {}", f.entity, f.component, f.field, f.value)
            };
            ("patch", several(fields.iter().map(one).collect()))
        }
        Command::Tune { values } => {
            ("reload", several(values.iter().map(|(name, value)| format!("{name} = {value}")).collect()))
        }
        Command::Interfere { entity, .. } => ("interfere", format!("entity {entity}")),
    })
}

/// What is to be seen of a state.
fn placed(simulation: Simulation) -> (RecordedState, Simulation) {
    let count = simulation.entity_count();
    let view = StateView::new(simulation);
    let (bodies, _) = view.bodies(None, view.simulation().bodies().len());
    let metres = |cell: [i64; 3], offset: [f64; 3]| {
        let [x, y, z] = [0, 1, 2].map(|axis| (cell[axis] as f64).mul_add(CELL_M, offset[axis]));
        [x, y, z]
    };
    let bodies = bodies.into_iter().map(|body| PlacedBody {
        id: body.id,
        position_m: metres(body.cell, body.offset_m),
        name: body.name,
        velocity_m_s: body.velocity_m_s,
        radius_m: body.radius_m,
    });
    let (entities, _) = view.bodies(Some(-1), STATE_ENTITIES_MAX);
    let entities = entities.into_iter().map(|entity| PlacedEntity {
        attitude: view.attitude(entity.id),
        id: entity.id,
        kind: entity.kind,
        position_m: metres(entity.cell, entity.offset_m),
        name: entity.name,
        velocity_m_s: entity.velocity_m_s,
        radius_m: entity.radius_m,
    });
    let state = RecordedState {
        tick: view.tick(),
        digest: crate::output::hex(view.digest()),
        bodies: bodies.collect(),
        entities: entities.collect(),
        entities_left_out: count.saturating_sub(STATE_ENTITIES_MAX) as u64,
    };
    (state, view.into_simulation())
}
