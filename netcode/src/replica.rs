//! One peer's copy of the world: does in order what the core asks for and answers it. Must never decide anything about
//! the session, read a clock or open a socket: the core decides, and the host around it has those.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::protocol::{Core, Effect, Event, Frame, Hash, PeerKey, Player, Time, Turn};
use crate::world::{Difference, World};

/// Confirmed frames that are kept for going back to a state from before them, where the world does not keep every one.
const HISTORY_TURNS: u64 = 256;
/// Rounds of asking and answering in one [`Replica::drive`]; what is left comes with the next one.
const ROUNDS_MAX: u32 = 64;
/// How long one [`Replica::drive`] goes on with more rounds, microseconds: what they send leaves after it.
const DRIVE_US: u64 = 50_000;

/// What a replica needs around it. Only sending and the clock are a must.
pub trait Host<W: World> {
    /// Microseconds on a clock of any origin, to measure what executing a turn costs.
    fn clock_us(&mut self) -> u64;

    /// Sends a datagram.
    fn send(&mut self, to: PeerKey, bytes: Vec<u8>);

    /// Keeps a link to this peer.
    fn connect(&mut self, _to: PeerKey, _address: Vec<u8>) {}

    /// Gives up the link to this peer.
    fn disconnect(&mut self, _to: PeerKey) {}

    /// Something to know.
    fn event(&mut self, _event: Event) {}

    /// The world was replaced; it contains this turn.
    fn installed(&mut self, _turn: Option<Turn>, _world: &mut W) {}

    /// The world went on by this frame. May still be rolled back.
    fn executed(&mut self, _frame: &Frame<W::Input>, _digest: u64, _world: &W) {}

    /// The world went back to this turn.
    fn rolled_back(&mut self, _to: Option<Turn>, _world: &W) {}

    /// Everything up to this turn is final. Called once for each confirmed turn.
    fn confirmed(&mut self, _frame: &Frame<W::Input>, _world: &mut W) {}

    /// Another peer's state was compared with ours.
    fn compared(&mut self, _comparison: Comparison, _world: &W) {}

    /// The state after this turn was asked for and cannot be had any more; the core gets no answer.
    fn unavailable(&mut self, _turn: Turn) {}

    /// Executing this turn again from the same state gave another digest: this machine or build is not deterministic.
    fn unsteady(&mut self, _turn: Turn, _first: u64, _again: u64) {}
}

/// What became of [`Effect::Compare`].
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Whose state.
    pub with: Player,
    /// After which turn.
    pub turn: Turn,
    /// Our state then.
    pub ours: Vec<u8>,
    /// Theirs.
    pub theirs: Arc<Vec<u8>>,
    /// The first difference; `Ok(None)` where there is none, an error where theirs is no state at all.
    pub difference: Result<Option<Difference>, String>,
}

/// What the core is told after an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// For [`Core::executed`].
    Executed {
        /// Which turn.
        turn: Turn,
        /// Digest after it.
        digest: u64,
        /// What it cost, microseconds.
        took_us: u64,
    },
    /// For [`Core::snapshot`].
    Snapshot {
        /// After which turn.
        turn: Turn,
        /// The exact state.
        bytes: Arc<Vec<u8>>,
    },
}

/// Why a replica cannot go on. The session is over for this peer; it can join again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplicaError {
    /// The frames did not come one after the other.
    #[error("the frame of {found} came where that of {expected} was due")]
    OutOfOrder {
        /// What came.
        found: Turn,
        /// What was due.
        expected: Turn,
    },
    /// No state at or before this turn is kept any more.
    #[error("the state after {} is not kept any more", .turn.map_or("no turn".to_owned(), |turn| turn.to_string()))]
    Lost {
        /// Which.
        turn: Option<Turn>,
    },
    /// The session's world cannot be built here.
    #[error("the session's world cannot be built: {reason}")]
    Install {
        /// Why, as the world says.
        reason: String,
    },
}

/// A frame that was executed, and the digest after it.
type Executed<I> = (Arc<Frame<I>>, u64);

/// A world under the orders of a core.
#[derive(Debug)]
pub struct Replica<W: World> {
    world: W,
    /// Last turn that the world contains.
    turn: Option<Turn>,
    confirmed: Option<Turn>,
    /// Executed frames without gaps, the last one being that of `turn`: all that are not confirmed, and some before.
    frames: VecDeque<Executed<W::Input>>,
}

impl<W: World> Replica<W> {
    /// A replica of a world that is to be installed.
    #[must_use]
    pub fn new(world: W) -> Self {
        Self { world, turn: None, confirmed: None, frames: VecDeque::new() }
    }

    /// The world as it is now: executed, perhaps not confirmed.
    #[must_use]
    pub fn world(&self) -> &W {
        &self.world
    }

    /// The same, to set what is no part of its state.
    pub fn world_mut(&mut self) -> &mut W {
        &mut self.world
    }

    /// Last executed turn.
    #[must_use]
    pub fn executed(&self) -> Option<Turn> {
        self.turn
    }

    /// Last confirmed turn.
    #[must_use]
    pub fn confirmed(&self) -> Option<Turn> {
        self.confirmed
    }

    /// Executed frames that may still be rolled back, oldest first.
    pub fn unconfirmed(&self) -> impl Iterator<Item = &Frame<W::Input>> {
        self.frames.iter().map(|(frame, _)| &**frame).filter(|frame| self.confirmed < Some(frame.turn))
    }

    /// Polls the core, does what it asks for and answers, until it asks for nothing more.
    ///
    /// # Errors
    /// [`ReplicaError`]; effects behind the failed one are dropped.
    pub fn drive(&mut self, now: Time, core: &mut Core<W::Input>, host: &mut impl Host<W>) -> Result<(), ReplicaError> {
        let mut effects = Vec::new();
        let began_us = host.clock_us();
        for round in 0..ROUNDS_MAX {
            if round > 0 && host.clock_us().saturating_sub(began_us) > DRIVE_US {
                break;
            }
            core.poll(now, &mut effects);
            if effects.is_empty() {
                break;
            }
            for effect in effects.drain(..) {
                match self.apply(effect, host)? {
                    None => {}
                    Some(Answer::Executed { turn, digest, took_us }) => core.executed(turn, digest, took_us),
                    Some(Answer::Snapshot { turn, bytes }) => core.snapshot(turn, bytes),
                }
            }
        }
        Ok(())
    }

    /// Does what one effect asks for. Effects must be given in the order the core gave them.
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub fn apply(&mut self, effect: Effect<W::Input>, host: &mut impl Host<W>) -> Result<Option<Answer>, ReplicaError> {
        match effect {
            Effect::Send { to, bytes } => host.send(to, bytes),
            Effect::Connect { to, address } => host.connect(to, address),
            Effect::Disconnect { to } => host.disconnect(to),
            Effect::Event(event) => host.event(event),
            Effect::Execute(frame) => return self.execute(frame, host).map(Some),
            Effect::RollBack { to } => {
                if to < self.turn {
                    self.go_back(to, host)?;
                    host.rolled_back(to, &self.world);
                }
            }
            Effect::Confirm { turn, chain } => self.confirm(turn, chain, host),
            Effect::SnapshotWanted { turn } => {
                let bytes = self.world.snapshot_at(Some(turn)).or_else(|| self.visit(turn, host, W::snapshot));
                return Ok(bytes.map(|bytes| Answer::Snapshot { turn, bytes: Arc::new(bytes) }));
            }
            Effect::Install { turn, scenario, snapshot } => {
                self.world.install(&scenario, &snapshot).map_err(|reason| ReplicaError::Install { reason })?;
                self.frames.clear();
                (self.turn, self.confirmed) = (turn, turn);
                self.world.keep(turn);
                host.installed(turn, &mut self.world);
            }
            Effect::Compare { with, turn, snapshot } => {
                let seen = self.visit(turn, host, |world| (world.snapshot(), world.first_difference(&snapshot)));
                if let Some((ours, difference)) = seen {
                    let comparison = Comparison { with, turn, ours, theirs: snapshot, difference };
                    host.compared(comparison, &self.world);
                }
            }
        }
        Ok(None)
    }

    fn execute(&mut self, frame: Arc<Frame<W::Input>>, host: &mut impl Host<W>) -> Result<Answer, ReplicaError> {
        let expected = self.turn.map_or(Turn(0), |turn| turn.plus(1));
        let turn = frame.turn;
        if turn != expected {
            return Err(ReplicaError::OutOfOrder { found: turn, expected });
        }
        let before = host.clock_us();
        let digest = self.world.execute(&frame);
        self.world.keep(Some(turn));
        let took_us = host.clock_us().saturating_sub(before);
        self.turn = Some(turn);
        host.executed(&frame, digest, &self.world);
        self.frames.push_back((frame, digest));
        Ok(Answer::Executed { turn, digest, took_us })
    }

    fn confirm(&mut self, turn: Turn, _chain: Hash, host: &mut impl Host<W>) {
        for (frame, _) in &self.frames {
            if self.confirmed < Some(frame.turn) && frame.turn <= turn {
                host.confirmed(frame, &mut self.world);
            }
        }
        self.confirmed = self.confirmed.max(Some(turn));
        let oldest = Turn(turn.0.saturating_sub(HISTORY_TURNS));
        while self.frames.front().is_some_and(|(frame, _)| frame.turn < oldest) {
            self.frames.pop_front();
        }
    }

    /// Puts the world back to `to`: straight, or from an earlier kept state by executing again. On an error nothing has
    /// changed.
    fn go_back(&mut self, to: Option<Turn>, host: &mut impl Host<W>) -> Result<(), ReplicaError> {
        let mut from = to;
        while !self.world.roll_back(from) {
            // A state before the frames that are there would be of no use.
            let Some(turn) = from.filter(|turn| self.frames.front().is_some_and(|(f, _)| f.turn <= *turn)) else {
                return Err(ReplicaError::Lost { turn: to });
            };
            from = turn.0.checked_sub(1).map(Turn);
        }
        let kept = self.frames.iter().take_while(|(frame, _)| Some(frame.turn) <= to).count();
        let again = self.frames.iter().take(kept).skip_while(|(frame, _)| Some(frame.turn) <= from);
        for (frame, digest) in again {
            repeat(&mut self.world, frame, *digest, host);
        }
        self.frames.truncate(kept);
        self.turn = to;
        Ok(())
    }

    /// Looks at the world as it was after an executed turn, and leaves it as it is now. `None` where that state cannot be
    /// had any more, which is no reason to end: others may still have it.
    fn visit<T>(&mut self, turn: Turn, host: &mut impl Host<W>, look: impl FnOnce(&W) -> T) -> Option<T> {
        if self.turn == Some(turn) {
            return Some(look(&self.world));
        }
        if self.turn < Some(turn) {
            host.unavailable(turn);
            return None;
        }
        let later: Vec<Executed<W::Input>> =
            self.frames.iter().filter(|(frame, _)| frame.turn > turn).cloned().collect();
        let now = self.turn;
        if self.go_back(Some(turn), host).is_err() {
            host.unavailable(turn);
            return None;
        }
        let seen = look(&self.world);
        for (frame, digest) in later {
            repeat(&mut self.world, &frame, digest, host);
            self.frames.push_back((frame, digest));
        }
        self.turn = now;
        Some(seen)
    }
}

/// Executes a frame again.
fn repeat<W: World>(world: &mut W, frame: &Frame<W::Input>, first: u64, host: &mut impl Host<W>) {
    let again = world.execute(frame);
    world.keep(Some(frame.turn));
    if again != first {
        host.unsteady(frame.turn, first, again);
    }
}
