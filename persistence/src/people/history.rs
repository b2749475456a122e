//! How much of a world's past stays: which of its saves, and how much of its log. Must never leave a piece of the log that
//! no save leads to any more, nor remove anything of a world that another process owns.
//!
//! A tick can be had again if an unbroken log leads to it from a save. So what goes, goes in this order: the log behind the
//! *base*, its end first, then the saves behind the base but for the newest of all, which stay however old they are. The base is
//! the newest save that is as old as the log may become, and that can be read.
//! Among later saves those stay that the log could not do without: each that begins it anew after a gap. It may break off
//! anywhere, and goes on the next time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::commit::commit;
use super::retention::Periods;
use crate::batch::{Batch, Change};
use crate::error::StoreError;
use crate::record::{Epoch, Key, Kind, Millis, Name, Record, Scope, Segment, Tick};
use crate::store::{Query, Store};

/// How many records are removed in one batch, and keys are read at once.
const BATCH: usize = 500;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The past of one world, for who owns it. Reads each save once.
#[derive(Debug)]
pub struct History {
    world: Name,
    epoch: Epoch,
    /// What is known of the saves that are there.
    saves: BTreeMap<Tick, Save>,
}

/// How many records were removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thinned {
    /// Saves.
    pub saves: u64,
    /// Pieces of the log.
    pub segments: u64,
}

#[derive(Clone, Copy, Debug)]
struct Save {
    taken: Millis,
    has_label: bool,
    /// It can be read. One that cannot stays, for whoever can mend it, and nothing counts on it.
    is_sound: bool,
    /// Known to begin the log anew after a gap.
    begins: bool,
}

impl Save {
    /// One that is there and does not read.
    const DAMAGED: Self = Self { taken: Millis(0), has_label: false, is_sound: false, begins: false };

    /// Whether it may go at all.
    fn may_go(&self) -> bool {
        self.is_sound && !self.has_label
    }

    /// The day that it was taken on.
    fn day(&self) -> u128 {
        u128::from(self.taken.0) / DAY.as_millis()
    }
}

impl History {
    /// Of this world, by the epoch under which this process owns it. Nothing is read yet.
    #[must_use]
    pub fn new(world: Name, epoch: Epoch) -> Self {
        Self { world, epoch, saves: BTreeMap::new() }
    }

    /// Removes whatever is too old or too many by these periods.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] once another process owns the world; others, after which it may be run again.
    pub async fn thin(&mut self, store: &dyn Store, periods: &Periods, now: Millis) -> Result<Thinned, StoreError> {
        self.look(store).await?;
        let mut thinned = Thinned::default();
        if let Some(base) = self.base(store, periods, now).await? {
            thinned.segments = self.drop_log(store, base).await?;
            let oldest_kept = self.oldest_kept(periods);
            let is_spare = |tick: Tick| oldest_kept.is_none_or(|kept| tick < kept);
            let is_old = |(tick, save): &(&Tick, &Save)| **tick < base && is_spare(**tick) && save.may_go();
            let old: Vec<Tick> = self.saves.iter().filter(is_old).map(|(tick, _)| *tick).collect();
            thinned.saves += self.drop_saves(store, old).await?;
            self.thin_from(store, periods, base, &mut thinned).await?;
        } else if let Some(first) = self.saves.keys().next().copied() {
            self.thin_from(store, periods, first, &mut thinned).await?;
        }
        Ok(thinned)
    }

    /// Learns of saves that came or went. A save is never written over, so what was read once stays so, also where a later
    /// one cannot be read now.
    async fn look(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let mut found = BTreeSet::new();
        let mut query = self.of(Kind::Snapshot).first(BATCH);
        loop {
            let keys = store.keys(&query).await?;
            for key in &keys {
                let Key::Snapshot(_, tick) = key else { continue };
                if !self.saves.contains_key(tick) {
                    let Some(save) = read(store, key).await? else { continue };
                    self.saves.insert(*tick, save);
                }
                found.insert(*tick);
            }
            let Some(last) = keys.last().filter(|_| keys.len() == query.limit) else { break };
            query.beyond = Some(last.clone());
        }
        self.saves.retain(|tick, _| found.contains(tick));
        Ok(())
    }

    /// The newest save that is as old as the log may become, where the log up to it is as old, and none of it goes beyond.
    /// What was saved behind a younger one does not count: there the clock was put back.
    async fn base(&self, store: &dyn Store, periods: &Periods, now: Millis) -> Result<Option<Tick>, StoreError> {
        let Some(kept) = periods.log else { return Ok(None) };
        let from = now.before(kept);
        let sound = self.saves.iter().filter(|(_, save)| save.is_sound);
        let old = sound.take_while(|(_, save)| save.taken <= from).map(|(tick, _)| *tick);
        for tick in old.collect::<Vec<_>>().into_iter().rev() {
            let piece = self.piece_before(store, tick).await?;
            if piece.is_none_or(|piece| piece.end() <= tick && piece.written <= from) {
                return Ok(Some(tick));
            }
        }
        Ok(None)
    }

    /// The oldest of the newest saves that are to stay, whatever their age.
    fn oldest_kept(&self, periods: &Periods) -> Option<Tick> {
        let unlabelled = self.saves.iter().rev().filter(|(_, save)| save.may_go()).map(|(tick, _)| *tick);
        unlabelled.take(periods.saves.max(1)).last()
    }

    /// Of the saves from this one on, removes those without a label behind the newest, but leaves the first of each day
    /// as long as the log is kept, so that there is one to be the base later.
    async fn thin_from(
        &mut self,
        store: &dyn Store,
        periods: &Periods,
        from: Tick,
        thinned: &mut Thinned,
    ) -> Result<(), StoreError> {
        let Some(oldest_kept) = self.oldest_kept(periods) else { return Ok(()) };
        let (mut due, mut anew, mut day) = (Vec::new(), Vec::new(), None);
        for (tick, save) in self.saves.range(from..) {
            if !save.is_sound {
                // The log may lead on from this one only, so that the next one has to stay.
                day = None;
                continue;
            }
            let is_spare = *tick < oldest_kept && save.may_go() && !save.begins;
            let is_one_of_a_day = day.is_some() && (periods.log.is_none() || day == Some(save.day()));
            if is_spare && is_one_of_a_day {
                if !self.begins(store, *tick).await? {
                    due.push(*tick);
                    continue;
                }
                anew.push(*tick);
            }
            day = Some(save.day());
        }
        for tick in anew {
            self.saves.entry(tick).and_modify(|save| save.begins = true);
        }
        thinned.saves += self.drop_saves(store, due).await?;
        Ok(())
    }

    /// Whether the log goes on from a save and does not lead to it.
    async fn begins(&self, store: &dyn Store, tick: Tick) -> Result<bool, StoreError> {
        if self.piece_before(store, tick).await?.is_some_and(|piece| piece.end() == tick) {
            return Ok(false);
        }
        let piece = Key::Segment(self.world.clone(), tick);
        let mut query = self.of(Kind::Segment).first(1);
        query.beyond = tick.0.checked_sub(1).map(|before| Key::Segment(self.world.clone(), Tick(before)));
        Ok(store.keys(&query).await?.contains(&piece))
    }

    /// The last piece of the log that begins before a tick.
    async fn piece_before(&self, store: &dyn Store, tick: Tick) -> Result<Option<Segment>, StoreError> {
        let query = self.of(Kind::Segment).beyond(Key::Segment(self.world.clone(), tick)).down().first(1);
        let piece = store.list(&query).await?.records.into_iter().next();
        Ok(piece.and_then(|record| if let Record::Segment(piece) = record { Some(piece) } else { None }))
    }

    /// Removes the log before a save, its end first: what is left of it can still be had from the saves before.
    async fn drop_log(&self, store: &dyn Store, base: Tick) -> Result<u64, StoreError> {
        let query = self.of(Kind::Segment).beyond(Key::Segment(self.world.clone(), base)).down().first(BATCH);
        let mut removed = 0;
        loop {
            let keys = store.keys(&query).await?;
            if keys.is_empty() {
                return Ok(removed);
            }
            removed += self.drop_keys(store, keys).await?;
        }
    }

    async fn drop_saves(&mut self, store: &dyn Store, ticks: Vec<Tick>) -> Result<u64, StoreError> {
        let mut removed = 0;
        for part in ticks.chunks(BATCH) {
            let keys = part.iter().map(|tick| Key::Snapshot(self.world.clone(), *tick)).collect();
            removed += self.drop_keys(store, keys).await?;
        }
        for tick in ticks {
            self.saves.remove(&tick);
        }
        Ok(removed)
    }

    async fn drop_keys(&self, store: &dyn Store, keys: Vec<Key>) -> Result<u64, StoreError> {
        let removed = keys.len() as u64;
        let changes = keys.into_iter().map(|key| Change::Remove(key, None)).collect();
        commit(store, &Batch::new(changes)?.fenced(self.world.clone(), self.epoch)).await?;
        Ok(removed)
    }

    fn of(&self, kind: Kind) -> Query {
        Query::of(kind).within(Scope::World(self.world.clone()))
    }
}

/// What is to be known of a save; nothing where it is gone by now.
async fn read(store: &dyn Store, key: &Key) -> Result<Option<Save>, StoreError> {
    match store.get(key).await {
        Ok(Some(Record::Snapshot(save))) => {
            let has_label = save.label.is_some();
            Ok(Some(Save { taken: save.taken, has_label, is_sound: true, begins: false }))
        }
        Ok(_) => Ok(None),
        Err(StoreError::Corrupt(why)) => {
            tracing::warn!("a save does not read, and stays: {why}");
            Ok(Some(Save::DAMAGED))
        }
        Err(error) => Err(error),
    }
}
