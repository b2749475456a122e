//! Removes saves that are too old, but never the first, from which the whole log can be simulated again, and never one with
//! a label.

use std::collections::BTreeSet;

use persistence::{Batch, Change, Epoch, Key, Kind, Name, Query, Record, Scope, Store, StoreError};

/// Keys that are looked at.
const KEYS_MAX: usize = 100_000;

/// What is known of a world's saves.
pub struct Pruning {
    /// The world.
    pub world: Name,
    /// By which this process owns it.
    pub epoch: Epoch,
    /// How many are kept.
    pub keep: usize,
    /// Those that have a label.
    labelled: BTreeSet<Key>,
}

impl Pruning {
    /// Nothing was looked at yet.
    #[must_use]
    pub fn new(world: Name, epoch: Epoch, keep: usize) -> Self {
        Self { world, epoch, keep, labelled: BTreeSet::new() }
    }

    /// Removes what is too many; gives how many that were.
    ///
    /// # Errors
    /// [`StoreError`]; what was not removed is with the next time.
    pub async fn prune(&mut self, store: &dyn Store) -> Result<usize, StoreError> {
        let query = Query::of(Kind::Snapshot).within(Scope::World(self.world.clone())).first(KEYS_MAX);
        let keys: Vec<Key> = store.keys(&query).await?.into_iter().skip(1).collect();
        let old: Vec<Key> = keys.into_iter().filter(|key| !self.labelled.contains(key)).collect();
        let mut removed = 0;
        for key in old.iter().take(old.len().saturating_sub(self.keep)) {
            match store.get(key).await? {
                Some(Record::Snapshot(save)) if save.label.is_some() => drop(self.labelled.insert(key.clone())),
                Some(_) => {
                    let batch = Batch::new(vec![Change::Remove(key.clone(), None)])?;
                    store.commit(&batch.fenced(self.world.clone(), self.epoch)).await?;
                    removed += 1;
                }
                None => {}
            }
        }
        Ok(removed)
    }
}
