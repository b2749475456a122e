//! A member that cannot keep step becomes a spectator, so that it holds nobody up: it asks for that itself, or the others
//! vote for it; and it comes back once it keeps step again. Must never demote anybody for what all have in common.

use crate::protocol::entry::Proposal;
use crate::protocol::ids::{Player, Time};
use crate::protocol::input::Input;
use crate::protocol::keeping::Sight;

use super::Core;

/// How far the log must be ahead of what is executed here, microseconds and turns: less is the noise of clocks.
const BEHIND_US: u64 = 50_000;
const BEHIND_TURNS: u64 = 2;
/// Share of real time, in percent, that the world must cost for the machine to be what is slow.
const COST_PERCENT: u64 = 80;
/// Time between two votes of one member about another, and between two requests, microseconds.
const AGAIN_US: u64 = 3_000_000;
/// How long whoever was demoted has to keep step before it comes back: at first, microseconds, and how often that is
/// doubled when it was for nothing.
const PROBATION_US: u64 = 3_000_000;
const DOUBLINGS_MAX: u32 = 5;
/// A demotion so long after the last one is a first one, microseconds.
const FORGIVEN_US: u64 = 120_000_000;
/// What executing turns in one poll may cost, microseconds: whoever catches up must still be heard.
const POLL_US: u64 = 100_000;

/// What a peer remembers of its own demotions and of its votes.
#[derive(Debug, Default)]
pub(super) struct Demotions {
    /// How many there were in a row, and when the last one was.
    count: u32,
    last: Option<Time>,
    /// When this peer spoke up last, about whom.
    said: Vec<(Player, Time)>,
}

impl Demotions {
    /// A demotion; how long this peer has to keep step before it comes back, microseconds.
    pub fn probation_us(&mut self, now: Time) -> u64 {
        if self.last.is_none_or(|last| now.since(last) > FORGIVEN_US) {
            self.count = 0;
        }
        let probation_us = PROBATION_US << self.count.min(DOUBLINGS_MAX);
        (self.count, self.last) = (self.count + 1, Some(now));
        probation_us
    }

    fn may_say(&mut self, now: Time, player: Player) -> bool {
        self.said.retain(|(_, at)| now.since(*at) < AGAIN_US);
        let new = !self.said.iter().any(|(about, _)| *about == player);
        if new {
            self.said.push((player, now));
        }
        new
    }
}

impl<I: Input> Core<I> {
    /// Looks who keeps step, and speaks up where somebody has not for long.
    pub(super) fn watch_step(&mut self, now: Time) {
        let Some(sight) = self.sight(now) else { return self.keeping.forget() };
        self.keeping.look(now, &sight);
        let Some(session) = &self.session else { return };
        let roster = std::sync::Arc::clone(&session.front.roster);
        let turn_us = session.genesis.rules.turn_us();
        let slow = self.keeping.cost_us() * 100 >= turn_us * COST_PERCENT;
        let unable =
            |member: Player, me: bool| if me { slow && self.keeping.is_behind() } else { self.keeping.is_late(member) };
        let me = roster.member_by_key(&self.key).map(|m| m.player);
        let late: Vec<Player> =
            roster.members.iter().map(|m| m.player).filter(|player| unable(*player, Some(*player) == me)).collect();
        let stays = |player: &Player| roster.may_demote(*player) && !session.front.settled.is_leaving(*player);
        for player in late.into_iter().filter(stays) {
            if self.demotions.may_say(now, player) {
                self.proposals.push(Proposal::Demote { player });
            }
        }
    }

    /// What is to be seen now; nothing for who is no member or leaves.
    fn sight(&self, now: Time) -> Option<Sight> {
        let session = self.session.as_ref()?;
        let roster = &session.front.roster;
        let member = roster.member_by_key(&self.key).filter(|m| m.life == self.life);
        if member.is_none() || self.following.is_some() || self.leaving.is_some() || roster.members.len() < 2 {
            return None;
        }
        let turn_us = session.genesis.rules.turn_us();
        let next = session.front.next;
        let missing = session.missing();
        let behind_turns = BEHIND_TURNS.max(BEHIND_US / turn_us);
        let mut sight = Sight::default();
        if missing.is_empty() && session.is_open() && session.pace.due(now) >= next.plus(behind_turns) {
            // Where all are equally slow nobody is ahead, and a demotion would help nobody.
            let others = roster.members.iter().filter(|m| m.key != self.key);
            let said = |m: &&crate::protocol::roster::Member| self.links.get(&m.key)?.said;
            let ahead = others.filter_map(|m| said(&m)).filter(|said| said.next > next).count();
            sight.behind = ahead * 2 >= roster.members.len() - 1;
        }
        // A wait shorter than a turn costs nobody anything. Between two, nobody can say whose fault a bad link is; and who
        // misses as many as half of the members has a bad link itself.
        let lost =
            session.waiting.as_ref().is_some_and(|w| now.since(w.began) > turn_us && now.since(w.since) > turn_us);
        if lost && roster.members.len() > 2 && missing.len() * 2 < roster.members.len() {
            sight.stands_for = missing;
        }
        Some(sight)
    }

    /// How many turns may be executed in one poll.
    pub(super) fn burst_turns(&self, most: usize) -> usize {
        let turns = POLL_US / self.keeping.cost_us().max(1);
        usize::try_from(turns).unwrap_or(most).clamp(1, most)
    }
}
