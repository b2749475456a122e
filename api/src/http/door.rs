//! The door before a handler: how many are behind it, and whether it is shut because the handler keeps failing. Must never
//! let one route's trouble touch another's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// When a door is shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// After so many failures in a row.
    pub failures: u32,
    /// For so long; then one request is let through as a trial.
    pub rest: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, rest: Duration::from_secs(10) }
    }
}

/// The door of one route.
#[derive(Debug)]
pub struct Door {
    at_once: usize,
    inside: AtomicUsize,
    failures: AtomicU32,
    shut_until_ms: AtomicU64,
}

/// Somebody is behind the door until this is dropped.
#[derive(Debug)]
pub struct Inside(Arc<Door>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Door {
    /// For so many at once.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        let (inside, failures, shut_until_ms) = (AtomicUsize::new(0), AtomicU32::new(0), AtomicU64::new(0));
        Self { at_once, inside, failures, shut_until_ms }
    }

    /// Goes in, if there is room.
    pub fn enter(self: &Arc<Self>) -> Option<Inside> {
        let inside = Inside(Arc::clone(self));
        (self.inside.fetch_add(1, Ordering::AcqRel) < self.at_once).then_some(inside)
    }

    /// Whether the handler may be tried now.
    ///
    /// # Errors
    /// For how long it is shut.
    pub fn try_handler(&self, breaker: Breaker, now: Duration) -> Result<(), Duration> {
        if self.failures.load(Ordering::Acquire) < breaker.failures {
            return Ok(());
        }
        let until = self.shut_until_ms.load(Ordering::Acquire);
        let now = millis(now);
        let next = now.saturating_add(millis(breaker.rest));
        // Of those who come when the rest is over, one is the trial; it shuts the door behind itself.
        let is_trial = now >= until
            && self.shut_until_ms.compare_exchange(until, next, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if is_trial { Ok(()) } else { Err(Duration::from_millis(until.saturating_sub(now).max(1))) }
    }

    /// How the handler did.
    pub fn tried(&self, breaker: Breaker, now: Duration, is_well: bool) {
        if is_well {
            self.failures.store(0, Ordering::Release);
        } else {
            // The time first: whoever sees the last failure has to see for how long.
            self.shut_until_ms.fetch_max(millis(now).saturating_add(millis(breaker.rest)), Ordering::AcqRel);
            self.failures.fetch_add(1, Ordering::AcqRel);
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_has_room_for_so_many() {
        let door = Arc::new(Door::new(2));
        let (first, second) = (door.enter(), door.enter());
        assert!(first.is_some() && second.is_some() && door.enter().is_none());
        drop(first);
        assert!(door.enter().is_some());
    }

    #[test]
    fn after_failures_in_a_row_one_trial_is_let_through_at_a_time() {
        let breaker = Breaker { failures: 3, rest: Duration::from_secs(10) };
        let (door, at) = (Door::new(1), Duration::from_secs);
        for _ in 0..2 {
            door.tried(breaker, at(0), false);
        }
        door.tried(breaker, at(0), true);
        for _ in 0..3 {
            assert_eq!(door.try_handler(breaker, at(1)), Ok(()));
            door.tried(breaker, at(1), false);
        }
        assert_eq!(door.try_handler(breaker, at(2)), Err(at(9)));
        assert_eq!(door.try_handler(breaker, at(11)), Ok(()));
        assert_eq!(door.try_handler(breaker, at(11)), Err(at(10)));
        door.tried(breaker, at(12), true);
        assert_eq!(door.try_handler(breaker, at(12)), Ok(()));
    }
}
