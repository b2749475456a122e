//! Erasure: a person's key is destroyed first, so that no copy of their private fields opens any more wherever it lies;
//! then their records go, or keep a number that says nothing. Must never touch what a world is rebuilt from.

use super::People;
use super::commit::{ROUNDS_MAX, commit, pause};
use super::error::PeopleError;
use super::page::Pages;
use crate::batch::{Batch, Change};
use crate::error::StoreError;
use crate::record::{Hash, Key, Kind, Millis, PersonId, Record, Scope, Seal, Seat};
use crate::store::Query;

/// Of the kinds that speak of people, those whose records stay under the pseudonym: seats (their number is in logs), trades
/// (the other one's too), audit entries (the chain). All others go.
const STAYING: [Kind; 3] = [Kind::Seat, Kind::Trade, Kind::Audit];

/// How many records are removed in one batch.
const BATCH: usize = 500;

/// The tag of a seat that nobody can take any more: no keyed hash has it.
const NO_TAG: Hash = Hash([0; 32]);

/// What an erasure did to the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// People.
    pub people: u64,
    /// Records that were removed.
    pub removed: u64,
    /// Seats that lost what says whose they were.
    pub seats: u64,
}

impl People {
    /// Whether there is such a person: there is a key, a record of theirs, or that they were erased.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn is_known(&self, person: PersonId) -> Result<bool, PeopleError> {
        if self.vault.has_key(person).await? || self.vault.erasure(person).await?.is_some() {
            return Ok(true);
        }
        for kind in Kind::OF_PEOPLE {
            let query = Query::of(kind).within(Scope::Person(person)).first(1);
            if !self.store.keys(&query).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many records there are of a person, by kind; of the audit chain none are counted, as its entries may speak of
    /// somebody and be another's.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn kept(&self, person: PersonId) -> Result<Vec<(Kind, u64)>, PeopleError> {
        let mut counts = Vec::new();
        for kind in Kind::OF_PEOPLE.into_iter().filter(|kind| *kind != Kind::Audit) {
            let mut query = Query::of(kind).within(Scope::Person(person)).first(BATCH);
            let mut count = 0;
            loop {
                let keys = self.store.keys(&query).await?;
                count += keys.len() as u64;
                match keys.last() {
                    Some(last) if keys.len() == BATCH => query = query.beyond(last.clone()),
                    _ => break,
                }
            }
            counts.push((kind, count));
        }
        Ok(counts)
    }

    /// Erases a person. May be asked for again, after an error and also after it was done.
    ///
    /// # Errors
    /// [`PeopleError`]. Once the key is destroyed, the rest is done at the latest when the store is opened next and
    /// [`People::reapply`] is called.
    pub async fn erase(&self, person: PersonId, now: Millis) -> Result<Erased, PeopleError> {
        self.vault.destroy(person, now).await?;
        self.sweep(person).await
    }

    /// Erases again whoever was erased before: to be called whenever a store is opened, before it serves, as it may have
    /// been restored from an older copy, or an erasure may have been broken off.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn reapply(&self) -> Result<Erased, PeopleError> {
        let mut all = Erased::default();
        let mut pages = Pages::new(self.vault.keys(), Query::of(Kind::Erasure));
        while let Some(page) = pages.next().await? {
            for record in page {
                let Record::Erasure(erasure) = record else { continue };
                // The store of keys may be an older one, too, in which the key came back but not the person.
                if self.vault.keys().get(&Key::PersonKey(erasure.person)).await?.is_some() {
                    self.vault.destroy(erasure.person, erasure.at).await?;
                }
                let one = self.sweep(erasure.person).await?;
                all = Erased {
                    people: all.people + one.people,
                    removed: all.removed + one.removed,
                    seats: all.seats + one.seats,
                };
            }
        }
        Ok(all)
    }

    async fn sweep(&self, person: PersonId) -> Result<Erased, PeopleError> {
        let mut erased = Erased { people: 1, ..Erased::default() };
        for kind in Kind::OF_PEOPLE.into_iter().filter(|kind| !STAYING.contains(kind)) {
            let query = Query::of(kind).within(Scope::Person(person)).first(BATCH);
            loop {
                let keys = self.store.keys(&query).await?;
                if keys.is_empty() {
                    break;
                }
                erased.removed += keys.len() as u64;
                let changes = keys.into_iter().map(|key| Change::Remove(key, None)).collect();
                commit(&*self.store, &Batch::new(changes)?).await?;
            }
        }
        let mut pages = Pages::new(&*self.store, Query::of(Kind::Seat).within(Scope::Person(person)));
        while let Some(page) = pages.next().await? {
            for record in page {
                let Record::Seat(seat) = record else { continue };
                erased.seats += u64::from(self.blank(&seat).await?);
            }
        }
        Ok(erased)
    }

    /// Takes from a seat what says whose it was. Says whether there was anything.
    async fn blank(&self, seat: &Seat) -> Result<bool, PeopleError> {
        let key = Key::Seat(seat.world.clone(), seat.number);
        for round in 0..ROUNDS_MAX {
            let Some(Record::Seat(seat)) = self.store.get(&key).await? else { return Ok(false) };
            if seat.private.0.is_empty() && seat.tag == NO_TAG {
                return Ok(round > 0);
            }
            let Some(Record::World(world)) = self.store.get(&Key::World(seat.world.clone())).await? else {
                return Err(StoreError::Corrupt("a seat is in a world that is not there".to_owned()).into());
            };
            let blank = Seat { rev: seat.rev.next(), tag: NO_TAG, private: Seal::default(), ..seat };
            // Whoever owns the world now: nothing of its log is touched.
            let batch = Batch::put([Record::Seat(blank)])?.fenced(world.id, world.epoch);
            match commit(&*self.store, &batch).await {
                Ok(()) => return Ok(true),
                Err(StoreError::Conflict(_) | StoreError::Fenced { .. }) => pause(round).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(PeopleError::Busy)
    }
}
