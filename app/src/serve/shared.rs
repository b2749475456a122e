//! What the threads of the service know of each other: how far the world is, what is wanted, what went wrong. Must never
//! be held while anything is done that takes long.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use api::ports::{Pace, Peer};
use netcode::protocol::SessionId;
use persistence::{Batch, Digest, Journal, Mark, Name, Tick, Ticket};
use tokio::sync::oneshot;

use super::desk::Desk;

/// What is known.
#[derive(Default)]
pub struct Shared {
    state: Mutex<State>,
    /// What is to be entered into the session.
    pub desk: Desk,
    /// The service is to stop.
    stop: AtomicBool,
    /// A state is wanted, to be saved.
    wants_state: AtomicBool,
    /// Saves that the journal took.
    saves: AtomicU64,
    /// Saves that were asked for and not taken yet, oldest first.
    asked: Mutex<VecDeque<Ask>>,
    /// What becomes durable, and the state before that, where others are told of nothing else.
    behind: OnceLock<(Arc<Journal>, Mark)>,
    /// The last save of all, where the journal had no room for it.
    last: Mutex<Option<(Batch, Mark)>>,
}

/// A save that somebody waits for.
pub struct Ask {
    /// What it is called.
    pub label: Option<Name>,
    done: oneshot::Sender<Taken>,
}

/// Of which state a save is that was asked for, and when it will be durable; or why there is none.
pub type Taken = Result<(Mark, Ticket), String>;

impl Ask {
    /// It is of this state, and will be durable once the journal has come to this batch.
    pub fn answer(self, mark: Mark, ticket: Ticket) {
        // Who does not wait any more need not know.
        let _ = self.done.send(Ok((mark, ticket)));
    }

    /// There will be none.
    pub fn refuse(self, why: &str) {
        // Who does not wait any more need not know.
        let _ = self.done.send(Err(why.to_owned()));
    }
}

/// How things are.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The session of the world, which is another one after the service had to go on alone.
    pub session: SessionId,
    /// The last confirmed tick and the digest of its state.
    pub executed: Option<Mark>,
    /// The tick that the world is held at, if an order or a breakpoint holds it, as it is confirmed.
    pub held: Option<u64>,
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
    /// What turns are and cost.
    pub pace: Pace,
    /// Members and links.
    pub peers: Vec<Peer>,
    /// Entities, as executed.
    pub entities: usize,
    /// Simulated time per tick in quarters of a tick, as executed.
    pub time_factor_quarters: u32,
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

    /// Others are told of what this journal has made durable only: of this state to begin with.
    pub fn publish_behind(&self, journal: Arc<Journal>, from: Mark) {
        // It is said once, before there is anything to tell.
        let _ = self.behind.set((journal, from));
    }

    /// The state that others may be told of, where the world is in this one.
    pub fn published(&self, reached: Mark) -> Mark {
        self.behind.get().map_or(reached, |(journal, from)| journal.backlog().durable.unwrap_or(*from))
    }

    /// The same for a tick that has to do with the world.
    pub fn published_tick(&self, tick: u64) -> u64 {
        self.published(Mark { tick: Tick(tick), digest: Digest(0) }).tick.0.min(tick)
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
    pub fn ask_save(&self, label: Option<Name>) -> oneshot::Receiver<Taken> {
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
            ask.answer(mark, ticket);
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
