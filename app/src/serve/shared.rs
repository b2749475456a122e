//! What the threads of the service know of each other: how far the world is, what is wanted, what went wrong. Must never
//! be held while anything is done that takes long.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use persistence::{Mark, Name};

/// What is known.
#[derive(Default)]
pub struct Shared {
    state: Mutex<State>,
    /// The service is to stop.
    stop: AtomicBool,
    /// A state is wanted, to be saved.
    wants_state: AtomicBool,
    /// Saves that the journal took.
    saves: AtomicU64,
}

/// How things are.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The last confirmed tick and the digest of its state.
    pub executed: Option<Mark>,
    /// From this tick on nothing is durable until the next save, and why.
    pub gap: Option<(u64, String)>,
    /// The last save that the journal took.
    pub saved: Option<Mark>,
    /// Labels of saves that were asked for and not taken yet, oldest first.
    pub asked: Vec<Option<Name>>,
    /// Numbers of the members, without the service.
    pub members: Vec<u32>,
    /// Turns that came later than their time, and all turns.
    pub turns: Turns,
}

/// Turns of the session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turns {
    /// All of them.
    pub all: u64,
    /// Those that came later than their time.
    pub late: u64,
    /// Longest stand-still, microseconds.
    pub late_us_max: u64,
}

impl Shared {
    /// How things are, to read and to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the service to stop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Whether it was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Asks for a save with this label.
    pub fn ask_save(&self, label: Option<Name>) {
        self.state().asked.push(label);
        self.want_state(true);
    }

    /// A state is wanted, or not any more.
    pub fn want_state(&self, wants: bool) {
        self.wants_state.store(wants, Ordering::Release);
    }

    /// Whether a state is wanted.
    pub fn wants_state(&self) -> bool {
        self.wants_state.load(Ordering::Acquire)
    }

    /// The journal took a save.
    pub fn note_save(&self, mark: Mark) {
        self.state().saved = Some(mark);
        self.saves.fetch_add(1, Ordering::Relaxed);
    }

    /// Saves that the journal took.
    pub fn saves(&self) -> u64 {
        self.saves.load(Ordering::Relaxed)
    }
}
