//! What the threads of the service know of each other: how far the world is, what is wanted, what went wrong. Must never
//! be held while anything is done that takes long.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use netcode::protocol::SessionId;
use persistence::{Batch, Mark, Name, Ticket};
use tokio::sync::oneshot;

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
    /// Saves that were asked for and not taken yet, oldest first.
    asked: Mutex<VecDeque<Ask>>,
    /// The last save of all, where the journal had no room for it.
    last: Mutex<Option<(Batch, Mark)>>,
}

/// A save that somebody waits for.
pub struct Ask {
    /// What it is called.
    pub label: Option<Name>,
    done: oneshot::Sender<(Mark, Ticket)>,
}

/// How things are.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The session of the world, which is another one after the service had to go on alone.
    pub session: SessionId,
    /// The last confirmed tick and the digest of its state.
    pub executed: Option<Mark>,
    /// From this tick on nothing is durable until the next save, and why.
    pub gap: Option<(u64, String)>,
    /// The last save that is durable, as far as [`Shared::saved`] was asked.
    saved: Option<Mark>,
    /// Those that the journal took since, oldest first.
    saving: VecDeque<(Mark, Ticket)>,
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

    /// Asks for a save with this label, and is told of which state it is, and when it will be durable, once the journal has
    /// it.
    pub fn ask_save(&self, label: Option<Name>) -> oneshot::Receiver<(Mark, Ticket)> {
        let (done, taken) = oneshot::channel();
        self.asked().push_back(Ask { label, done });
        self.want_state(true);
        taken
    }

    /// The save that was asked for first.
    pub fn take_ask(&self) -> Option<Ask> {
        self.asked().pop_front()
    }

    /// There was no room for it yet.
    pub fn put_back(&self, ask: Ask) {
        self.asked().push_front(ask);
    }

    /// Whether somebody waits for a save.
    pub fn is_asked(&self) -> bool {
        !self.asked().is_empty()
    }

    fn asked(&self) -> MutexGuard<'_, VecDeque<Ask>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A state is wanted, or not any more.
    pub fn want_state(&self, wants: bool) {
        self.wants_state.store(wants, Ordering::Release);
    }

    /// Whether a state is wanted.
    pub fn wants_state(&self) -> bool {
        self.wants_state.load(Ordering::Acquire)
    }

    /// There was no room for the last save of all, with which the log would go on behind a gap.
    pub fn leave_last(&self, save: Batch, mark: Mark) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((save, mark));
    }

    /// What was left, once.
    pub fn take_last(&self) -> Option<(Batch, Mark)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The journal took a save, and that is what somebody asked for.
    pub fn note_save(&self, mark: Mark, ticket: Ticket, ask: Option<Ask>) {
        if let Some(ask) = ask {
            // Who does not wait any more need not know.
            let _ = ask.done.send((mark, ticket));
        }
        self.state().saving.push_back((mark, ticket));
        self.saves.fetch_add(1, Ordering::Relaxed);
    }

    /// The last save that is durable, where batches up to this one are.
    pub fn saved(&self, written: Ticket) -> Option<Mark> {
        let mut state = self.state();
        while let Some((mark, _)) = state.saving.pop_front_if(|(_, ticket)| *ticket <= written) {
            state.saved = Some(mark);
        }
        state.saved
    }

    /// Saves that the journal took.
    pub fn saves(&self) -> u64 {
        self.saves.load(Ordering::Relaxed)
    }
}
