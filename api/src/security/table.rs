//! A map in memory that cannot grow beyond its cap, whoever fills it: what is over makes room, and what still counts is
//! never thrown out. Must never let somebody reset a count of theirs by filling it.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Parts with a lock each.
const SHARDS: usize = 16;
/// Shared places of a part, for keys that find it full.
const SHARED: usize = 64;
/// A full part is searched for what is over at most this often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Locks, also behind somebody who panicked: what is in these tables is counts, and each is whole at all times.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a table keeps for a key.
pub(super) trait Row: Default {
    /// Whether it says nothing any more at this time.
    fn is_over(&self, passed: Duration) -> bool;
}

struct Shard<K, V> {
    rows: HashMap<K, V>,
    /// Keys that find the part full fall together here by their hash: counted too strictly rather than not at all.
    shared: Vec<V>,
    swept: Option<Duration>,
}

impl<K, V: Row> Shard<K, V> {
    /// The shared row of a key with this hash.
    fn shared(&mut self, hash: u64, passed: Duration) -> Option<&mut V> {
        // SHARED is small, so the cast is exact.
        let row = self.shared.get_mut((hash / SHARDS as u64 % SHARED as u64) as usize)?;
        if row.is_over(passed) {
            *row = V::default();
        }
        Some(row)
    }
}

/// A bounded map from keys to rows.
pub(super) struct Table<K, V> {
    shards: Vec<Mutex<Shard<K, V>>>,
    /// With random keys, so that nobody can choose where they fall.
    hasher: RandomState,
    rows_max_each: usize,
}

impl<K: Hash + Eq + Clone, V: Row> Table<K, V> {
    /// One that holds at most about so many rows.
    pub(super) fn new(rows_max: usize) -> Self {
        let shard = || {
            let shared = (0..SHARED).map(|_| V::default()).collect();
            Mutex::new(Shard { rows: HashMap::new(), shared, swept: None })
        };
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            hasher: RandomState::new(),
            rows_max_each: rows_max.div_ceil(SHARDS).max(1),
        }
    }

    /// Does something with the row of a key; with a shared one where there is no room for its own.
    pub(super) fn with<R>(&self, key: &K, passed: Duration, act: impl FnOnce(&mut V) -> R) -> R {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        if self.has_room(&mut shard, key, passed) {
            return act(shard.rows.entry(key.clone()).or_default());
        }
        match shard.shared(hash, passed) {
            Some(row) => act(row),
            None => act(&mut V::default()),
        }
    }

    /// Does something with the row of a key, if it has one or there is room for one.
    pub(super) fn with_own<R>(&self, key: &K, passed: Duration, act: impl FnOnce(&mut V) -> R) -> Option<R> {
        let mut shard = self.shard(self.hasher.hash_one(key));
        self.has_room(&mut shard, key, passed).then(|| act(shard.rows.entry(key.clone()).or_default()))
    }

    /// Does something with the row of a key, if it has one.
    pub(super) fn look<R>(&self, key: &K, act: impl FnOnce(&mut V) -> R) -> Option<R> {
        self.shard(self.hasher.hash_one(key)).rows.get_mut(key).map(act)
    }

    /// Does something with the row that [`Table::with`] would take, if there is one already.
    pub(super) fn counted<R>(&self, key: &K, passed: Duration, act: impl FnOnce(&mut V) -> R) -> Option<R> {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        if self.has_room(&mut shard, key, passed) {
            return shard.rows.get_mut(key).map(act);
        }
        shard.shared(hash, passed).map(act)
    }

    /// Forgets what is over.
    pub(super) fn sweep(&self, passed: Duration) {
        for shard in &self.shards {
            lock(shard).rows.retain(|_, row| !row.is_over(passed));
        }
    }

    /// Does something with each row.
    pub(super) fn for_each(&self, mut act: impl FnMut(&K, &mut V)) {
        for shard in &self.shards {
            lock(shard).rows.iter_mut().for_each(|(key, row)| act(key, row));
        }
    }

    /// Rows that it holds.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).rows.len()).sum()
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard<K, V>> {
        // There are SHARDS of them, so the index is in range.
        lock(&self.shards[(hash % SHARDS as u64) as usize])
    }

    fn has_room(&self, shard: &mut Shard<K, V>, key: &K, passed: Duration) -> bool {
        if shard.rows.len() < self.rows_max_each || shard.rows.contains_key(key) {
            return true;
        }
        if shard.swept.is_none_or(|swept| passed.saturating_sub(swept) >= SWEEP_EVERY) {
            shard.swept = Some(passed);
            shard.rows.retain(|_, row| !row.is_over(passed));
        }
        shard.rows.len() < self.rows_max_each
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Count(u32, Duration);

    impl Row for Count {
        fn is_over(&self, passed: Duration) -> bool {
            passed >= self.1 + Duration::from_secs(10)
        }
    }

    fn count(table: &Table<u32, Count>, key: u32, second: u64) -> u32 {
        let passed = Duration::from_secs(second);
        table.with(&key, passed, |row| {
            (row.0, row.1) = (row.0 + 1, passed);
            row.0
        })
    }

    #[test]
    fn a_full_table_neither_grows_nor_forgets_what_counts() {
        let table = Table::new(64);
        assert_eq!([(); 3].map(|()| count(&table, 7, 0)), [1, 2, 3]);
        for key in 1000..100_000 {
            count(&table, key, 1);
        }
        assert!(table.len() <= 64, "{}", table.len());
        assert_eq!(count(&table, 7, 1), 4, "filling the table has reset nobody's count");
        let newcomer = (0..1000).map(|_| count(&table, 5, 1)).max();
        assert!(newcomer >= Some(1000), "who finds no room is counted together with others, not freed");
        let now = Duration::from_secs(1);
        assert_eq!(table.counted(&5, now, |row| row.0), newcomer, "and found again");
        assert_eq!(table.counted(&7, now, |row| row.0), Some(4));
        assert_eq!(Table::<u32, Count>::new(64).counted(&7, now, |row| row.0), None);
        assert_eq!(table.with_own(&6, Duration::from_secs(1), |_| ()), None);
    }

    #[test]
    fn what_is_over_makes_room() {
        let table = Table::new(16);
        for key in 0..1000 {
            count(&table, key, 0);
        }
        assert_eq!(count(&table, 5000, 11), 1);
        table.sweep(Duration::from_secs(30));
        assert_eq!(table.len(), 0);
    }
}
