//! Unwrapped keys of people that were used lately. Must never hold a key of an erased person longer than the process that
//! erased them needs to say so, or than a minute in any other process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::master::KEY_BYTES;
use crate::record::PersonId;

/// A key that is overwritten once nobody uses it any more.
pub(super) type Secret = Arc<Zeroizing<[u8; KEY_BYTES]>>;

/// Most keys in each of the two halves.
const HALF_MAX: usize = 4096;
/// How long a key is believed without looking into the store.
const AGE_MAX: Duration = Duration::from_secs(60);

/// Bounded: when the younger half is full, the older one is dropped and the younger takes its place.
#[derive(Default)]
pub(super) struct Cache(Mutex<Halves>);

#[derive(Default)]
struct Halves {
    young: HashMap<PersonId, (Secret, Instant)>,
    old: HashMap<PersonId, (Secret, Instant)>,
    /// How often something was forgotten.
    generation: u64,
    /// When keys that are too old were dropped last.
    swept: Option<Instant>,
}

impl Cache {
    pub(super) fn get(&self, person: PersonId) -> Option<Secret> {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.sweep();
        let (secret, since) = halves.young.get(&person).or_else(|| halves.old.get(&person))?.clone();
        if since.elapsed() > AGE_MAX {
            halves.young.remove(&person);
            halves.old.remove(&person);
            return None;
        }
        if !halves.young.contains_key(&person) {
            halves.keep(person, &secret, since);
        }
        Some(secret)
    }

    /// To be asked before a key is read, and told when it is put in.
    pub(super) fn generation(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// Keeps a key, unless anything was forgotten since it was read: it may have been this one.
    pub(super) fn put(&self, person: PersonId, secret: &Secret, generation: u64) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.sweep();
        if halves.generation == generation {
            halves.keep(person, secret, Instant::now());
        }
    }

    pub(super) fn forget(&self, person: PersonId) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.generation += 1;
        halves.young.remove(&person);
        halves.old.remove(&person);
    }
}

impl Halves {
    /// Drops what is too old, also of people whom nobody asks for any more.
    fn sweep(&mut self) {
        if self.swept.is_some_and(|at| at.elapsed() < AGE_MAX) {
            return;
        }
        self.swept = Some(Instant::now());
        for half in [&mut self.young, &mut self.old] {
            half.retain(|_, (_, since)| since.elapsed() <= AGE_MAX);
        }
    }

    fn keep(&mut self, person: PersonId, secret: &Secret, since: Instant) {
        if self.young.len() >= HALF_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(person, (Arc::clone(secret), since));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> Secret {
        Arc::new(Zeroizing::new([byte; KEY_BYTES]))
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let cache = Cache::default();
        for person in 0..10 * HALF_MAX as u64 {
            cache.put(PersonId(person), &secret(1), cache.generation());
            assert!(cache.get(PersonId(0)).is_some(), "used all the time, at {person}");
        }
        let halves = cache.0.lock().unwrap();
        assert!(halves.young.len() + halves.old.len() <= 2 * HALF_MAX);
    }

    #[test]
    fn what_is_forgotten_does_not_come_back() {
        let cache = Cache::default();
        let before = cache.generation();
        cache.put(PersonId(1), &secret(1), before);
        cache.forget(PersonId(1));
        assert!(cache.get(PersonId(1)).is_none());
        // Somebody had read it before it was erased.
        cache.put(PersonId(1), &secret(1), before);
        assert!(cache.get(PersonId(1)).is_none());
    }
}
