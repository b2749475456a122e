//! Where the session stands, for people and metrics; and the counters behind it.

use crate::protocol::ids::{PeerKey, Player, Time, Turn};
use crate::protocol::input::Input;
use crate::protocol::ledger::Author;

use super::Core;

/// One link, for people and metrics.
#[derive(Clone, Debug)]
pub struct LinkStatus {
    /// To whom.
    pub key: PeerKey,
    /// Its number, if it is a member.
    pub player: Option<Player>,
    /// Smoothed round-trip time, microseconds.
    pub rtt_us: u64,
    /// Share of datagrams lost on the way here, 0 to 1.
    pub loss: f64,
    /// How many consecutive datagrams carry each entry.
    pub redundancy: u32,
    /// Whether it wants entries of others passed on.
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
    /// First turn for which nothing of ours is entered: where the next submission goes.
    pub entered: Turn,
    /// Input delay in force, turns.
    pub delay_turns: u32,
    /// The playhead, in turns.
    pub playhead: f64,
    /// Turns that came later than their time because an entry was missing.
    pub stalled_turns: u64,
    /// Longest stand-still, microseconds.
    pub stall_us_max: u64,
    /// Roll-backs of executed turns.
    pub roll_backs: u64,
    /// Ballots begun here.
    pub ballots: u64,
    /// Datagrams that were none.
    pub garbage: u64,
    /// Entries held, of all authors: a measure of memory.
    pub entries_held: usize,
    /// Average cost of the last turns, microseconds.
    pub cost_us: u64,
    /// Links.
    pub links: Vec<LinkStatus>,
}

/// What is counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    pub stalled_turns: u64,
    pub stall_us_max: u64,
    pub roll_backs: u64,
    pub ballots: u64,
    pub garbage: u64,
    pub ballot_repeated: Time,
}

impl Counters {
    pub fn note_stall(&mut self, us: u64) {
        self.stall_us_max = self.stall_us_max.max(us);
    }
}

impl<I: Input> Core<I> {
    /// First turn for which nothing of ours is entered; of turns to come, if we are or will be a member.
    pub(super) fn own_end(&self) -> Turn {
        let session = self.session.as_ref();
        let life = session.and_then(|s| s.life_of_key(&self.key, self.life));
        session.zip(life).and_then(|(s, life)| s.ledger.author(life)).map_or(Turn(0), Author::end)
    }

    /// How long until the entry of the turn that is open is made, and takes no input any more, microseconds; negative where
    /// that is overdue.
    #[must_use]
    pub fn until_entry_us(&self, now: Time) -> i64 {
        let Some(session) = &self.session else { return 0 };
        let at = self.own_end().0.saturating_sub(u64::from(session.front.roster.delay));
        session.pace.until(now, Turn(at))
    }

    /// Where the session stands. Before there is one, everything is 0.
    #[must_use]
    pub fn status(&self) -> Status {
        let session = self.session.as_ref();
        let roster = session.map(|s| &s.front.roster);
        let player_of = |key: &PeerKey| roster.and_then(|r| r.member_by_key(key)).map(|m| m.player);
        let own = roster.and_then(|r| r.member_by_key(&self.key)).filter(|m| m.life == self.life);
        let links = self.links.iter().map(|(key, link)| LinkStatus {
            key: *key,
            player: player_of(key),
            rtt_us: link.rtt.smooth_us(),
            loss: link.arrivals.loss(),
            redundancy: link.redundancy.count(),
            relayed: !link.needs.is_empty(),
        });
        Status {
            player: own.map(|m| m.player),
            members: roster.map(|r| r.members.iter().map(|m| m.player).collect()).unwrap_or_default(),
            epoch: roster.map_or(0, |r| r.epoch),
            next_turn: session.map_or(Turn(0), |s| s.front.next),
            unconfirmed: session.map_or(Turn(0), |s| s.confirmed),
            entered: self.own_end(),
            delay_turns: roster.map_or(0, |r| r.delay),
            playhead: session.map_or(0.0, |s| s.pace.playhead(self.polled)),
            stalled_turns: self.counters.stalled_turns,
            stall_us_max: self.counters.stall_us_max,
            roll_backs: self.counters.roll_backs,
            ballots: self.counters.ballots,
            garbage: self.counters.garbage,
            entries_held: session.map_or(0, |s| s.ledger.lives().map(|(_, author)| author.len()).sum()),
            cost_us: self.keeping.cost_us(),
            links: links.collect(),
        }
    }
}
