//! Opens a world in the store: claims it, rebuilds its state from the last save and the log behind it, comparing digests.
//! Must never go on from a state that is not, to the bit, the one that was stored.

use persistence::{
    Batch, Change, Epoch, Key, Kind, Mark, Millis, Name, Pieces, Query, Record, Rev, Scope, Segment, Snapshot, Store,
    StoreError, Text, Tick, World,
};
use sim::recording::{unpack_keyframe, unpack_segment};
use sim::{InputFrame, Scenario, Simulation};

use super::log::{mark, segment_of};

/// The results revision of a world that is not all there yet: `spacetime db import` gives it the true one at its end.
pub const UNFINISHED: u32 = 0;
const _: () = assert!(sim::RESULTS_REVISION != UNFINISHED as u64, "it stands for none");
/// The setting that stands in a store while `spacetime db migrate` writes to it.
const MOVING: &str = "moving";
/// How often a commit is tried, and the time between.
const TRIES_MAX: u32 = 20;
const TRY: std::time::Duration = std::time::Duration::from_millis(500);
/// Records that are removed at once.
const REMOVED_MAX: usize = 500;

/// Why a world cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The store says so.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored is no world that this program can go on with.
    #[error("{0}")]
    World(String),
}

/// A world that this process owns.
pub struct Resumed {
    /// Its record, as it is stored now.
    pub world: World,
    /// Its scenario.
    pub scenario: Scenario,
    /// Its state.
    pub simulation: Simulation,
    /// Whether there was anything of it before.
    pub is_new: bool,
    /// The tick that the store can go on from without a new save.
    pub durable: Option<u64>,
    /// The tick of the newest save in the store.
    pub saved: Option<u64>,
}

impl Resumed {
    /// Where it is.
    #[must_use]
    pub fn mark(&self) -> Mark {
        mark(self.simulation.tick().0, self.simulation.digest().total)
    }
}

/// A state that was rebuilt.
pub struct Rebuilt {
    /// The state.
    pub simulation: Simulation,
    /// The tick of the save that it was rebuilt from; nothing where that is the scenario's first state.
    pub save: Option<u64>,
    /// Ticks that were simulated again.
    pub replayed: u64,
}

fn wrong(sentence: impl Into<String>) -> ResumeError {
    ResumeError::World(sentence.into())
}

/// The record of a world.
///
/// # Errors
/// [`ResumeError`].
pub async fn world(store: &dyn Store, name: &Name) -> Result<Option<World>, ResumeError> {
    match store.get(&Key::World(name.clone())).await? {
        Some(Record::World(world)) => Ok(Some(world)),
        Some(_) => Err(wrong("the store gave another record than was asked for")),
        None => Ok(None),
    }
}

/// The mark that a store has only a part of what is moved into it.
///
/// # Errors
/// [`StoreError`].
pub async fn moving(store: &dyn Store) -> Result<(Key, Option<Record>), StoreError> {
    let key = Key::Setting(Name::new(MOVING).map_err(|e| StoreError::Other(e.to_string()))?);
    let found = store.get(&key).await?;
    Ok((key, found))
}

/// Refuses a store that has only a part of what is moved into it. Before anything is written to it: the rest would not fit.
///
/// # Errors
/// [`ResumeError`].
pub async fn refuse_moving(store: &dyn Store) -> Result<(), ResumeError> {
    match moving(store).await? {
        (_, None) => Ok(()),
        (_, Some(_)) => Err(wrong(
            "only a part of what is moved into this store is there: run the same `spacetime db migrate` again, which begins anew",
        )),
    }
}

/// The scenario of a stored world.
///
/// # Errors
/// [`ResumeError::World`] where this build cannot read it, or gives other results.
pub fn scenario_of(world: &World) -> Result<Scenario, ResumeError> {
    if world.results_revision == UNFINISHED {
        return Err(wrong(format!(
            "only a part of the world {} was imported: run the same `spacetime db import` again, which goes on",
            world.id
        )));
    }
    let scenario = Scenario::parse(&world.scenario.0)
        .map_err(|e| wrong(format!("this build cannot read the scenario of the world {}: {e}", world.id)))?;
    if scenario.tick_rate_hz != world.tick_rate_hz {
        return Err(wrong(format!("the world {} contradicts its scenario", world.id)));
    }
    if !(sim::RESULTS_READ_FROM..=sim::RESULTS_REVISION).contains(&u64::from(world.results_revision)) {
        return Err(wrong(format!(
            "the log of the world {} has results of revision {}, this build gives revision {}: use {}",
            world.id,
            world.results_revision,
            sim::RESULTS_REVISION,
            crate::replay::shown(&world.build.0),
        )));
    }
    Ok(scenario)
}

/// Claims the world, or makes it of a scenario, and rebuilds its state: the last one, or that of an earlier tick.
///
/// # Errors
/// [`ResumeError`].
pub async fn open(
    store: &dyn Store,
    name: &Name,
    fresh: &dyn Fn() -> Result<Scenario, String>,
    at: Option<u64>,
) -> Result<Resumed, ResumeError> {
    let Some(found) = world(store, name).await? else {
        if let Some(tick) = at {
            return Err(wrong(format!("there is no world {name} yet, so it has no tick {tick}")));
        }
        let scenario = fresh().map_err(wrong)?;
        let world = new_world(name, &scenario);
        persist(store, &Batch::put([Record::World(world.clone())])?).await?;
        let simulation = Simulation::new(&scenario);
        return Ok(Resumed { world, scenario, simulation, is_new: true, durable: None, saved: None });
    };
    let scenario = scenario_of(&found)?;
    // From here on nobody else adds to the log, so what is rebuilt stays its end.
    let epoch = Epoch(found.epoch.0.saturating_add(1));
    // What is added from here on, an older build would not go by.
    let claimed = World { rev: found.rev.next(), epoch, results_revision: results_revision(), ..found };
    persist(store, &Batch::put([Record::World(claimed.clone())])?).await?;
    let rebuilt = rebuild(store, name, &scenario, at).await?;
    let (simulation, saved) = (rebuilt.simulation, rebuilt.save);
    let durable = (saved.is_some() && at.is_none()).then_some(simulation.tick().0);
    Ok(Resumed { world: claimed, scenario, simulation, is_new: false, durable, saved })
}

/// Commits, again where the store could not for the moment or did not say: the batch is the same, so it counts once.
///
/// # Errors
/// [`StoreError`], the last one.
pub async fn persist(store: &dyn Store, batch: &Batch) -> Result<(), StoreError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match store.commit(batch).await {
            Err(error) if error.is_transient() && tries < TRIES_MAX => {
                tracing::warn!("tried again: {error}");
                tokio::time::sleep(TRY).await;
            }
            result => return result,
        }
    }
}

/// The revision of what this build computes.
fn results_revision() -> u32 {
    u32::try_from(sim::RESULTS_REVISION).unwrap_or(u32::MAX)
}

/// The record of a world that is made of a scenario.
#[must_use]
pub fn new_world(name: &Name, scenario: &Scenario) -> World {
    World {
        id: name.clone(),
        rev: Rev::FIRST,
        epoch: Epoch(1),
        created: Millis::of(std::time::SystemTime::now()),
        scenario: Text(scenario.text.clone()),
        tick_rate_hz: scenario.tick_rate_hz,
        results_revision: results_revision(),
        build: Text(crate::BUILD_ID.to_owned()),
    }
}

/// Rebuilds the state at the end of the log, or at a tick, from the save before it.
///
/// # Errors
/// [`ResumeError`]; [`ResumeError::World`] where a digest is another one, or the tick is not in the log.
pub async fn rebuild(
    store: &dyn Store,
    name: &Name,
    scenario: &Scenario,
    at: Option<u64>,
) -> Result<Rebuilt, ResumeError> {
    let save = last_save(store, name, at).await?;
    let mut simulation = match &save {
        Some(save) => restore(scenario, save)?,
        None => Simulation::new(scenario),
    };
    let save = save.map(|save| save.tick.0);
    let from = simulation.tick().0;
    let mut pieces = Pieces::of(store, name, Tick(from));
    while at.is_none_or(|at| simulation.tick().0 < at) {
        let Some(piece) = pieces.next().await? else { break };
        apply(&mut simulation, &piece, at)?;
    }
    let tick = simulation.tick().0;
    if let Some(at) = at.filter(|at| *at != tick) {
        return Err(wrong(format!(
            "the log of the world {name} has no tick {at}; behind the save before it, it goes to {tick}"
        )));
    }
    Ok(Rebuilt { simulation, save, replayed: tick - from })
}

/// The last save, or the last one at or before a tick.
async fn last_save(store: &dyn Store, name: &Name, at: Option<u64>) -> Result<Option<Snapshot>, ResumeError> {
    let mut query = Query::of(Kind::Snapshot).within(Scope::World(name.clone())).down().first(1);
    query.beyond = at.map(|tick| Key::Snapshot(name.clone(), Tick(tick.saturating_add(1))));
    let page = store.list(&query).await?;
    match page.records.into_iter().next() {
        Some(Record::Snapshot(save)) => Ok(Some(save)),
        _ => Ok(None),
    }
}

/// The state of a save.
///
/// # Errors
/// [`ResumeError::World`] where it is not what was stored.
pub fn restore(scenario: &Scenario, save: &Snapshot) -> Result<Simulation, ResumeError> {
    let bad = |why: String| wrong(format!("the save at tick {} of the world {}: {why}", save.tick.0, save.world));
    let format = u16::try_from(save.format).unwrap_or(u16::MAX);
    let bytes = unpack_keyframe(format, &save.payload).map_err(|e| bad(e.to_string()))?;
    let simulation = Simulation::restore(scenario, &bytes).map_err(|e| bad(e.to_string()))?;
    if (simulation.tick().0, simulation.digest().total) != (save.tick.0, save.digest.0) {
        return Err(bad("it is not the state that its record tells of".to_owned()));
    }
    Ok(simulation)
}

/// The frames of a segment with the digests after them.
///
/// # Errors
/// [`ResumeError::World`] where they are not what was stored.
pub fn frames(segment: &Segment) -> Result<Vec<(InputFrame, u64)>, ResumeError> {
    let format = u16::try_from(segment.format).unwrap_or(u16::MAX);
    let (frames, digests) = unpack_segment(format, segment.ticks, &segment.payload).map_err(|e| {
        wrong(format!("the log of the world {} from tick {}: {e}", segment.world, segment.first_tick.0))
    })?;
    Ok(frames.into_iter().zip(digests).collect())
}

/// Simulates a segment again, up to a tick if one is given.
///
/// # Errors
/// [`ResumeError::World`] where it does not follow, or gives other digests.
pub fn apply(simulation: &mut Simulation, segment: &Segment, to: Option<u64>) -> Result<(), ResumeError> {
    let (world, tick) = (&segment.world, simulation.tick().0);
    if segment.first_tick.0 != tick {
        return Err(wrong(format!(
            "the log of the world {world} has a hole: tick {tick} is followed by tick {}",
            segment.first_tick.0
        )));
    }
    for (frame, digest) in frames(segment)? {
        if to.is_some_and(|to| simulation.tick().0 >= to) {
            break;
        }
        let report = simulation.step(&frame);
        if report.digest.total != digest {
            let tick = report.tick.0;
            return Err(wrong(format!(
                "this build does not reproduce the world {world}: the digest of tick {tick} is {:016x}, {digest:016x} \
                 was stored; --at-tick {} goes on before that",
                report.digest.total,
                tick.saturating_sub(1),
            )));
        }
    }
    Ok(())
}

/// The tick at which the log ends, by the keys of its last save and segment.
///
/// # Errors
/// [`ResumeError`].
pub async fn end_of(store: &dyn Store, name: &Name) -> Result<u64, ResumeError> {
    let query = |kind| Query::of(kind).within(Scope::World(name.clone())).down().first(1);
    let save = store.keys(&query(Kind::Snapshot)).await?;
    let segment = store.list(&query(Kind::Segment)).await?;
    let save = save.iter().map(|key| if let Key::Snapshot(_, tick) = key { tick.0 } else { 0 }).max();
    let segment = segment.records.iter().map(|r| if let Record::Segment(s) = r { s.end().0 } else { 0 }).max();
    Ok(save.max(segment).unwrap_or(0))
}

/// Removes what the log has behind a tick, whose state is saved first: the saves behind it, so that from then on the world
/// is never resumed behind that tick, then the segments from the end on. A segment that reaches beyond it is cut there.
///
/// # Errors
/// [`ResumeError`].
pub async fn discard_after(store: &dyn Store, world: &World, save: Snapshot) -> Result<(), ResumeError> {
    let (name, tick) = (&world.id, save.tick);
    if store.get(&Key::Snapshot(name.clone(), tick)).await?.is_none() {
        let batch = Batch::put([Record::Snapshot(save)])?.fenced(name.clone(), world.epoch);
        persist(store, &batch).await?;
    }
    for kind in [Kind::Snapshot, Kind::Segment] {
        loop {
            let query = Query::of(kind).within(Scope::World(name.clone())).down().first(REMOVED_MAX);
            let is_behind = |key: &Key| match key {
                Key::Segment(_, first) => *first >= tick,
                Key::Snapshot(_, saved) => *saved > tick,
                _ => false,
            };
            let keys = store.keys(&query).await?.into_iter().filter(is_behind);
            let removed: Vec<Change> = keys.map(|key| Change::Remove(key, None)).collect();
            if removed.is_empty() {
                break;
            }
            let batch = Batch::new(removed)?.fenced(name.clone(), world.epoch);
            persist(store, &batch).await?;
        }
    }
    cut(store, world, tick).await
}

/// Cuts the last segment of the log at a tick, if it reaches beyond.
async fn cut(store: &dyn Store, world: &World, tick: Tick) -> Result<(), ResumeError> {
    let name = &world.id;
    let page = store.list(&Query::of(Kind::Segment).within(Scope::World(name.clone())).down().first(1)).await?;
    let Some(Record::Segment(segment)) =
        page.records.first().filter(|r| matches!(r, Record::Segment(s) if s.end() > tick))
    else {
        return Ok(());
    };
    let kept = usize::try_from(tick.0.saturating_sub(segment.first_tick.0)).unwrap_or(usize::MAX);
    let (frames, digests): (Vec<InputFrame>, Vec<u64>) = frames(segment)?.into_iter().take(kept).unzip();
    let part = segment_of(name, segment.first_tick.0, &frames, &digests).map_err(wrong)?;
    // A segment is never written over, so it goes first.
    for change in
        [Change::Remove(Key::Segment(name.clone(), part.first_tick), None), Change::Put(Record::Segment(part))]
    {
        persist(store, &Batch::new(vec![change])?.fenced(name.clone(), world.epoch)).await?;
    }
    Ok(())
}
