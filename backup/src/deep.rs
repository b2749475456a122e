//! Simulates the worlds of a backup again, from their saves along their logs, and compares every digest. Must never write
//! anything of the backup anywhere: it is read twice at once, the log by one reading and the saves by another.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;

use persistence::{Name, Record, Segment, Snapshot, World};
use sim::recording::{unpack_keyframe, unpack_segment};
use sim::{InputFrame, Scenario, Simulation};

use crate::archive::Reader;
use crate::key::BackupKey;
use crate::repository::{Entry, RepositoryError};

/// What a world's log came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Ticks that were simulated again with equal digests.
    pub ticks: u64,
    /// Saves that restore, with equal digests.
    pub saves: u64,
    /// Ticks of log to which neither a save nor more log leads.
    pub unreachable: u64,
    /// Why the log could not be simulated at all.
    pub skipped: Option<String>,
    /// The first thing that is not as it was recorded.
    pub fault: Option<String>,
}

/// Simulates all worlds of a backup again.
///
/// # Errors
/// [`RepositoryError`] where the backup cannot be read.
pub fn check(entry: &Entry, key: &BackupKey) -> Result<Vec<(Name, Checked)>, RepositoryError> {
    let worlds = worlds(entry, key)?;
    let names: BTreeSet<Name> = worlds.iter().map(|world| world.id.clone()).collect();
    let mut log: Parts<'_, Segment> = Parts::open(entry, key, &names)?;
    let mut saves: Parts<'_, Snapshot> = Parts::open(entry, key, &names)?;
    let mut checked = Vec::new();
    for world in worlds {
        checked.push((world.id.clone(), check_world(&world, &mut log, &mut saves)?));
        // Where something was wrong, the rest of it was not looked at.
        while log.take_if(|piece| piece.world == world.id)?.is_some() {}
        while saves.take_if(|save| save.world == world.id)?.is_some() {}
    }
    Ok(checked)
}

/// The worlds of a backup, in their order.
fn worlds(entry: &Entry, key: &BackupKey) -> Result<Vec<World>, RepositoryError> {
    let mut reader = entry.open(key)?;
    let mut worlds = Vec::new();
    while let Some(record) = reader.next_record().map_err(|source| entry.named(source))? {
        match record {
            Record::World(world) => worlds.push(world),
            // Kinds ascend.
            _ if !worlds.is_empty() => break,
            _ => {}
        }
    }
    Ok(worlds)
}

fn check_world(
    world: &World,
    log: &mut Parts<'_, Segment>,
    saves: &mut Parts<'_, Snapshot>,
) -> Result<Checked, RepositoryError> {
    let skipped = |why: String| Ok(Checked { skipped: Some(why), ..Checked::default() });
    if !(sim::RESULTS_READ_FROM..=sim::RESULTS_REVISION).contains(&u64::from(world.results_revision)) {
        let (needed, here) = (world.results_revision, sim::RESULTS_REVISION);
        return skipped(format!("its log needs results revision {needed}, this program computes {here}"));
    }
    let scenario = match Scenario::parse(&world.scenario.0) {
        Ok(scenario) => scenario,
        Err(error) => return skipped(format!("its scenario does not read: {error}")),
    };
    let mut replay = Replay { scenario, at: None, checked: Checked::default() };
    while let Some(piece) = log.take_if(|piece| piece.world == world.id)? {
        // Those that no log leads to.
        while let Some(save) = saves.take_if(|save| save.world == world.id && save.tick < piece.first_tick)? {
            replay.save(&save);
        }
        replay.piece(&piece, saves)?;
        if replay.checked.fault.is_some() {
            return Ok(replay.checked);
        }
    }
    // Those that no log goes on from.
    while let Some(save) = saves.take_if(|save| save.world == world.id)? {
        replay.save(&save);
    }
    Ok(replay.checked)
}

/// Saves, or pieces of log.
trait Part: Sized {
    fn of(record: Record) -> Option<Self>;
    fn world(&self) -> &Name;
}

impl Part for Segment {
    fn of(record: Record) -> Option<Self> {
        if let Record::Segment(piece) = record { Some(piece) } else { None }
    }

    fn world(&self) -> &Name {
        &self.world
    }
}

impl Part for Snapshot {
    fn of(record: Record) -> Option<Self> {
        if let Record::Snapshot(save) = record { Some(save) } else { None }
    }

    fn world(&self) -> &Name {
        &self.world
    }
}

/// A reading of the backup that gives only such parts of these worlds, world by world and in the order of ticks.
struct Parts<'a, T> {
    entry: &'a Entry,
    reader: Reader<BufReader<File>>,
    worlds: &'a BTreeSet<Name>,
    next: Option<T>,
}

impl<'a, T: Part> Parts<'a, T> {
    fn open(entry: &'a Entry, key: &BackupKey, worlds: &'a BTreeSet<Name>) -> Result<Self, RepositoryError> {
        let mut parts = Self { entry, reader: entry.open(key)?, worlds, next: None };
        parts.advance()?;
        Ok(parts)
    }

    /// The next one, if it fits; else it stays the next one.
    fn take_if(&mut self, fits: impl Fn(&T) -> bool) -> Result<Option<T>, RepositoryError> {
        if !self.next.as_ref().is_some_and(fits) {
            return Ok(None);
        }
        let taken = self.next.take();
        self.advance()?;
        Ok(taken)
    }

    fn advance(&mut self) -> Result<(), RepositoryError> {
        while let Some(record) = self.reader.next_record().map_err(|source| self.entry.named(source))? {
            self.next = T::of(record).filter(|part| self.worlds.contains(part.world()));
            if self.next.is_some() {
                break;
            }
        }
        Ok(())
    }
}

/// A world on its way along its log.
struct Replay {
    scenario: Scenario,
    at: Option<Simulation>,
    checked: Checked,
}

impl Replay {
    /// Goes along a piece of the log, and compares the saves on the way.
    fn piece(&mut self, piece: &Segment, saves: &mut Parts<'_, Snapshot>) -> Result<(), RepositoryError> {
        let first = piece.first_tick.0;
        let unpacked = u16::try_from(piece.format).ok().map(|v| unpack_segment(v, piece.ticks, &piece.payload));
        let Some(Ok((frames, digests))) = unpacked else {
            self.fault(format!("the log from tick {first} does not unpack"));
            return Ok(());
        };
        if digests.last() != Some(&piece.digest.0) {
            self.fault(format!("the log from tick {first} ends with another digest than it says"));
        }
        for (tick, (frame, digest)) in (first..).zip(frames.iter().zip(digests)) {
            if tick == 0 && !self.is_at(tick) {
                self.at = Some(Simulation::new(&self.scenario));
            }
            if let Some(save) = saves.take_if(|save| save.world == piece.world && save.tick.0 == tick)? {
                self.save(&save);
            }
            if self.checked.fault.is_some() {
                break;
            }
            self.step(tick, frame, digest);
        }
        Ok(())
    }

    fn is_at(&self, tick: u64) -> bool {
        self.at.as_ref().is_some_and(|simulation| simulation.tick().0 == tick)
    }

    fn step(&mut self, tick: u64, frame: &InputFrame, recorded: u64) {
        let Some(simulation) = self.at.as_mut().filter(|simulation| simulation.tick().0 == tick) else {
            self.at = None;
            self.checked.unreachable += 1;
            return;
        };
        if simulation.step(frame).digest.total == recorded {
            self.checked.ticks += 1;
        } else {
            self.fault(format!("tick {} has another digest than was recorded", tick + 1));
        }
    }

    /// Compares a save with the state at its tick, if that was reached, and goes on from it.
    fn save(&mut self, save: &Snapshot) {
        let tick = save.tick.0;
        let here = self.at.as_ref().filter(|simulation| simulation.tick().0 == tick);
        if here.is_some_and(|simulation| simulation.digest().total != save.digest.0) {
            self.fault(format!("the save at tick {tick} is not the state that the log leads to"));
            return;
        }
        match loaded(&self.scenario, save) {
            Ok(simulation) => {
                self.checked.saves += 1;
                self.at = Some(simulation);
            }
            Err(why) => self.fault(format!("the save at tick {tick} {why}")),
        }
    }

    fn fault(&mut self, what: String) {
        self.checked.fault.get_or_insert(what);
    }
}

/// The world that was saved, or what is wrong with the save.
fn loaded(scenario: &Scenario, save: &Snapshot) -> Result<Simulation, String> {
    let version = u16::try_from(save.format).map_err(|_| "has a format that is not known".to_owned())?;
    let bytes = unpack_keyframe(version, &save.payload).map_err(|e| format!("does not unpack: {e}"))?;
    let simulation = Simulation::restore(scenario, &bytes).map_err(|e| format!("does not restore: {e}"))?;
    let is_same = simulation.tick().0 == save.tick.0 && simulation.digest().total == save.digest.0;
    if is_same { Ok(simulation) } else { Err("restores to another state than it says".to_owned()) }
}
