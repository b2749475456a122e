//! The core as its driver sees it.

use std::sync::Arc;

use super::config::{Config, Genesis};
use super::effect::Effect;
use super::ids::{PeerKey, Player, SessionId, Time, Turn};
use super::input::Input;

/// How a peer wants to come in.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Whom to ask: a member that a link exists to.
    pub sponsor: PeerKey,
    /// Only to watch.
    pub spectator: bool,
    /// A number drawn at random at start, so that a restarted process is told from a repeated request.
    pub life: u64,
    /// [`super::Rules::simulation_revision`] of this build.
    pub simulation_revision: u64,
}

/// What the transport found out about a peer that may ask to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// What it may do.
    pub role: u8,
    /// The one-time invite it came with, if it is one: the join entry spends it.
    pub invite: Option<[u8; 16]>,
    /// How others can reach it, as the transport writes it.
    pub address: Vec<u8>,
}

/// One link, for people and metrics.
#[derive(Clone, Debug)]
pub struct LinkStatus {
    /// To whom.
    pub key: PeerKey,
    /// Its number, if it is a member.
    pub player: Option<Player>,
    /// Smoothed round-trip time, microseconds.
    pub rtt_us: u64,
    /// Share of datagrams lost on the way to it, 0 to 1.
    pub loss: f64,
    /// How many consecutive datagrams carry each entry.
    pub redundancy: u32,
    /// Whether entries have to go through others.
    pub relayed: bool,
}

/// Where the session stands at this peer.
#[derive(Clone, Debug)]
pub struct Status {
    /// Own number, while a member.
    pub player: Option<Player>,
    /// Members now.
    pub members: Vec<Player>,
    /// Number of the epoch.
    pub epoch: u32,
    /// First turn that is not executed.
    pub next_turn: Turn,
    /// First turn that is not confirmed.
    pub unconfirmed: Turn,
    /// Input delay in force, turns.
    pub delay_turns: u32,
    /// Turns that came later than their time because an entry was missing.
    pub stalled_turns: u64,
    /// Longest stand-still, microseconds.
    pub stall_us_max: u64,
    /// Roll-backs of executed turns.
    pub roll_backs: u64,
    /// Links.
    pub links: Vec<LinkStatus>,
}

/// The lockstep protocol of one peer.
pub struct Core<I: Input> {
    effects: Vec<Effect<I>>,
}

impl<I: Input> Core<I> {
    /// A founding member of a session. `start`: the world at turn 0 where it is not the scenario's first state.
    #[must_use]
    pub fn found(_now: Time, _config: Config, _genesis: Arc<Genesis>, _start: Option<Arc<Vec<u8>>>) -> Self {
        Self { effects: Vec::new() }
    }

    /// A peer that wants to come into a running session.
    #[must_use]
    pub fn join(_now: Time, _config: Config, _wish: Wish) -> Self {
        Self { effects: Vec::new() }
    }

    /// Takes a datagram whose sender the transport has authenticated. Any bytes may come.
    pub fn handle(&mut self, _now: Time, _from: PeerKey, _bytes: &[u8]) {}

    /// Takes an input for the next turn that is entered; more than one are merged.
    pub fn submit(&mut self, _now: Time, _input: I) {}

    /// Does what is due and appends what is to be done, in order.
    pub fn poll(&mut self, _now: Time, effects: &mut Vec<Effect<I>>) {
        effects.append(&mut self.effects);
    }

    /// When to poll next at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Time {
        Time(0)
    }

    /// Answers [`Effect::Execute`]: the digest after the turn, and how long it took.
    pub fn executed(&mut self, _turn: Turn, _digest: u64, _took_us: u64) {}

    /// Answers [`Effect::SnapshotWanted`].
    pub fn snapshot(&mut self, _turn: Turn, _bytes: Arc<Vec<u8>>) {}

    /// The transport lets this peer ask to join or watch.
    pub fn admit(&mut self, _key: PeerKey, _admission: Admission) {}

    /// Asks to leave in good order; [`super::Event::Gone`] says when it is done.
    pub fn leave(&mut self, _now: Time) {}

    /// Votes to remove a player.
    pub fn kick(&mut self, _player: Player) {}

    /// A person's decision after [`super::Event::Paused`]: a new session from the last confirmed turn, this peer its only member.
    pub fn fork(&mut self, _now: Time, _session: SessionId) {}

    /// Where the session stands.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            player: None,
            members: Vec::new(),
            epoch: 0,
            next_turn: Turn(0),
            unconfirmed: Turn(0),
            delay_turns: 0,
            stalled_turns: 0,
            stall_us_max: 0,
            roll_backs: 0,
            links: Vec::new(),
        }
    }
}
