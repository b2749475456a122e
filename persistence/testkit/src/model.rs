//! What a store is to do, as a map in memory. Must never be faster than it is plain.

use std::collections::BTreeMap;

use persistence::{
    Batch, Change, Conflict, Key, Kind, Order, Query, Record, Scope, StoreError, Stored, Token, Verdict, decide,
};

/// The model.
#[derive(Clone, Debug, Default)]
pub struct Model(BTreeMap<Key, Stored>);

impl Model {
    /// As a store's `commit`.
    ///
    /// # Errors
    /// As a store's.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        for change in &batch.changes {
            if let Verdict::Refused(Conflict { key, found, wanted }) =
                decide(self.0.get(&change.key()), batch.id, change)
            {
                return Err(Conflict { key, found, wanted }.into());
            }
        }
        if let Some(fence) = &batch.fence {
            let world = self.0.get(&Key::World(fence.world.clone()));
            let found =
                world.and_then(|world| if let Record::World(world) = &world.record { Some(world.epoch) } else { None });
            if found != Some(fence.epoch) {
                return Err(StoreError::Fenced { world: fence.world.clone(), found, ours: fence.epoch });
            }
        }
        for change in &batch.changes {
            let by = match change {
                Change::Put(record) if record.rev().is_some() => batch.id,
                _ => Token::default(),
            };
            match change.record() {
                Some(record) => self.0.insert(record.key(), Stored { record: record.clone(), batch: by }),
                None => self.0.remove(&change.key()),
            };
        }
        Ok(())
    }

    /// As a store's `get`.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Record> {
        self.0.get(key).map(|stored| stored.record.clone())
    }

    /// As a store's `list`, of any weight.
    #[must_use]
    pub fn list(&self, query: &Query) -> Vec<Record> {
        let mut found: Vec<&Record> =
            self.records().filter(|record| record.kind() == query.kind && is_within(record, &query.scope)).collect();
        if query.order == Order::Down {
            found.reverse();
        }
        let is_beyond = |key: &Key| match (&query.beyond, query.order) {
            (None, _) => true,
            (Some(beyond), Order::Up) => key > beyond,
            (Some(beyond), Order::Down) => key < beyond,
        };
        found.into_iter().filter(|record| is_beyond(&record.key())).take(query.limit).cloned().collect()
    }

    /// As a store's `copy`.
    #[must_use]
    pub fn copy(&self, kinds: &[Kind]) -> Vec<Record> {
        kinds.iter().flat_map(|kind| self.records().filter(move |record| record.kind() == *kind)).cloned().collect()
    }

    fn records(&self) -> impl Iterator<Item = &Record> {
        self.0.values().map(|stored| &stored.record)
    }
}

fn is_within(record: &Record, scope: &Scope) -> bool {
    match scope {
        Scope::All => true,
        Scope::Person(person) => record.people().contains(&Some(*person)),
        Scope::World(world) => match record.key() {
            Key::World(id) => id == *world,
            key => key.world() == Some(world),
        },
    }
}
