//! Who is a member from which turn on: a small state machine that every peer runs over the same log. What it decides
//! depends on the log and on decided cuts alone.

use serde::{Deserialize, Serialize};

use super::config::{Founder, Genesis, Rules};
use super::cut::Cut;
use super::effect::{Change, Departure, Refusal};
use super::entry::Proposal;
use super::ids::{PeerKey, Player, Turn};

/// Most one-time invites that are remembered as spent.
const SPENT_MAX: usize = 4096;
/// Most players that a session ever knows.
const KNOWN_MAX: usize = 4096;

/// How long a vote counts, microseconds of the log: one to remove a member, which people make, and one to make it a
/// spectator, which peers make and repeat.
const KICK_VOTE_US: u64 = 300_000_000;
const DEMOTION_VOTE_US: u64 = 10_000_000;

/// A member of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Number in the session.
    pub player: Player,
    /// Identity.
    pub key: PeerKey,
    /// Which life.
    pub incarnation: u32,
    /// Which run of the process; 0 for founders.
    pub life: u64,
    /// What it may do.
    pub role: u8,
    /// First turn with an entry of this life.
    pub first: Turn,
    /// Input delay it wishes for, turns.
    pub wish: u32,
    /// Where others reach it.
    pub address: Vec<u8>,
}

/// A player that was or is a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    key: PeerKey,
    player: Player,
    incarnation: u32,
    role: u8,
    banned: bool,
}

/// A change that is settled and not yet in effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Turn that settled it.
    pub settled: Turn,
    /// First turn of the epoch that it starts.
    pub at: Turn,
    /// What it is.
    pub what: PendingChange,
}

/// What will change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PendingChange {
    /// A new member, or a member's new life.
    Join(Member),
    /// One less.
    Leave {
        /// Who.
        player: Player,
        /// Why.
        why: Departure,
    },
}

/// Membership before a turn, and what the log has settled so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Number of the epoch.
    pub epoch: u32,
    /// Its first turn.
    pub first: Turn,
    /// Its members, by player id.
    pub members: Vec<Member>,
    /// Settled changes, by turn.
    pub pending: Vec<Pending>,
    /// Input delay in force, turns.
    pub delay: u32,
    known: Vec<Known>,
    last_player: u32,
    spent: Vec<[u8; 16]>,
    votes: Vec<Vote>,
}

/// A vote that is not settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Vote {
    by: Player,
    about: Player,
    /// To remove it from the session, not only to make it a spectator.
    for_good: bool,
    /// Turn that has it.
    at: Turn,
}

/// What became of a join that was proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Whose.
    pub key: PeerKey,
    /// Why not.
    pub why: Refusal,
}

impl Roster {
    /// The first epoch of a session.
    pub fn new(genesis: &Genesis) -> Self {
        let mut founders = genesis.founders.clone();
        founders.sort_by_key(|founder| founder.player);
        let wish = genesis.rules.delay_turns;
        let members: Vec<Member> = founders
            .into_iter()
            .map(|Founder { player, key, role, address }| Member {
                player,
                key,
                incarnation: 1,
                life: 0,
                role,
                first: Turn(0),
                wish,
                address,
            })
            .collect();
        let mut known: Vec<Known> = members
            .iter()
            .map(|m| Known { key: m.key, player: m.player, incarnation: 1, role: m.role, banned: false })
            .collect();
        for (key, player) in &genesis.known {
            if !known.iter().any(|k| k.key == *key || k.player == *player) {
                known.push(Known { key: *key, player: *player, incarnation: 0, role: 1, banned: false });
            }
        }
        let last_player = known.iter().map(|k| k.player.0).max().unwrap_or(0);
        let mut first = Self {
            epoch: 0,
            first: Turn(0),
            members,
            pending: Vec::new(),
            delay: wish,
            known,
            last_player,
            spent: Vec::new(),
            votes: Vec::new(),
        };
        first.refresh_delay();
        first
    }

    /// The member with this number.
    pub fn member(&self, player: Player) -> Option<&Member> {
        let at = self.members.binary_search_by_key(&player, |m| m.player).ok()?;
        self.members.get(at)
    }

    /// The member with this key.
    pub fn member_by_key(&self, key: &PeerKey) -> Option<&Member> {
        self.members.iter().find(|m| m.key == *key)
    }

    /// Members that a settled change will add.
    pub fn joining(&self) -> impl Iterator<Item = (&Member, Turn)> {
        self.pending.iter().filter_map(|p| match &p.what {
            PendingChange::Join(member) => Some((member, p.at)),
            PendingChange::Leave { .. } => None,
        })
    }

    /// The member that a settled change will add with this key, and the turn that settled it.
    pub fn joining_since(&self, key: &PeerKey) -> Option<(&Member, Turn)> {
        self.pending.iter().find_map(|p| match &p.what {
            PendingChange::Join(member) if member.key == *key => Some((member, p.settled)),
            _ => None,
        })
    }

    /// Whether these members are a quorum: more than half, or half with the lowest player id.
    pub fn is_quorum(&self, has: impl Fn(Player) -> bool) -> bool {
        let count = self.members.iter().filter(|m| has(m.player)).count();
        let lowest = self.members.first().is_some_and(|m| has(m.player));
        count * 2 > self.members.len() || (count * 2 == self.members.len() && lowest)
    }

    /// The earliest settled change: when it was settled and when it takes effect.
    pub fn next_change(&self) -> Option<(Turn, Turn)> {
        self.pending.iter().map(|p| (p.at, p.settled)).min().map(|(at, settled)| (settled, at))
    }

    /// Puts into effect what starts at this turn: the cut that ended the epoch one turn before, and settled changes. A
    /// new epoch begins if there is any. Returns `None` if nothing changes.
    pub fn start_turn(&self, turn: Turn, cut: Option<&Cut>) -> Option<(Self, Vec<Change>)> {
        let ends = cut.is_some_and(|cut| cut.next == turn);
        if !ends && !self.pending.iter().any(|p| p.at <= turn) {
            return None;
        }
        let mut next = self.clone();
        let mut changes = Vec::new();
        for (player, why) in cut.filter(|_| ends).iter().flat_map(|cut| &cut.removed) {
            next.remove(*player, *why, &mut changes);
        }
        let due: Vec<Pending> = next.pending.extract_if(.., |p| p.at <= turn).collect();
        for pending in due {
            match pending.what {
                PendingChange::Leave { player, why } => next.remove(player, why, &mut changes),
                PendingChange::Join(member) => {
                    next.remove(member.player, Departure::Replaced, &mut changes);
                    changes.push(Change::Join { player: member.player, role: member.role });
                    let at = next.members.partition_point(|m| m.player < member.player);
                    next.members.insert(at, Member { first: turn, wish: next.wish(), ..member });
                }
            }
        }
        next.epoch += 1;
        next.first = turn;
        let there = next.members.iter().map(|m| m.player).collect::<Vec<_>>();
        next.votes.retain(|vote| there.contains(&vote.by) && there.contains(&vote.about));
        next.refresh_delay();
        Some((next, changes))
    }

    fn remove(&mut self, player: Player, why: Departure, changes: &mut Vec<Change>) {
        let before = self.members.len();
        self.members.retain(|m| m.player != player);
        if self.members.len() == before {
            return;
        }
        if matches!(why, Departure::Kicked | Departure::Exposed) {
            self.ban(player);
        }
        // Whatever else was settled or said about this life is void; but a person is not another one for a new life.
        self.votes.retain(|vote| vote.about != player || (vote.for_good && why == Departure::Replaced));
        self.pending.retain(|p| !matches!(&p.what, PendingChange::Leave { player: other, .. } if *other == player));
        changes.push(Change::Leave { player, why });
    }

    /// Keeps a player out for good, whatever life it was let in with or asks with.
    fn ban(&mut self, player: Player) {
        self.known.iter_mut().filter(|k| k.player == player).for_each(|k| k.banned = true);
        self.pending.retain(|p| !matches!(&p.what, PendingChange::Join(member) if member.player == player));
    }

    /// Whether [`Self::end_turn`] would change anything.
    pub fn is_touched_by<'a>(&self, mut proposals: impl Iterator<Item = &'a Proposal>) -> bool {
        proposals.any(|proposal| !matches!(proposal, Proposal::Snapshot))
    }

    /// Settles what a member proposed in a turn.
    pub fn settle(&mut self, rules: &Rules, turn: Turn, author: Player, proposal: &Proposal) -> Option<Rejected> {
        let at = turn.plus(u64::from(rules.window_turns.max(1)));
        match proposal {
            Proposal::Join { key, life, role, invite, address } => {
                let wish = Wanted { key: *key, life: *life, role: *role, invite: *invite, address };
                let rejected = self.settle_join(rules, turn, at, wish);
                return rejected.map(|why| Rejected { key: *key, why });
            }
            Proposal::Leave => self.settle_leave(turn, at, author, Departure::Left),
            Proposal::Delay { turns } => {
                let wish = (*turns).clamp(rules.delay_turns_min, rules.delay_turns_max.max(rules.delay_turns_min));
                self.members.iter_mut().filter(|m| m.player == author).for_each(|m| m.wish = wish);
                self.refresh_delay();
            }
            Proposal::Kick { player } => {
                self.vote(rules, turn, at, Vote { by: author, about: *player, for_good: true, at: turn })
            }
            Proposal::Demote { player } => {
                self.vote(rules, turn, at, Vote { by: author, about: *player, for_good: false, at: turn });
            }
            Proposal::Snapshot => {}
        }
        None
    }

    fn settle_join(&mut self, rules: &Rules, turn: Turn, at: Turn, wanted: Wanted<'_>) -> Option<Refusal> {
        let same_life = |m: &Member| m.key == wanted.key && m.life == wanted.life;
        if self.members.iter().any(same_life) || self.joining().any(|(m, _)| same_life(m)) {
            return None;
        }
        // An earlier run of the process that was to join is over.
        self.pending.retain(|p| !matches!(&p.what, PendingChange::Join(member) if member.key == wanted.key));
        let known = self.known.iter().position(|k| k.key == wanted.key);
        if known.is_some_and(|k| self.known[k].banned) {
            return Some(Refusal::Banned);
        }
        // A player that comes back needs no second invite.
        if let Some(invite) = wanted.invite.filter(|_| known.is_none()) {
            if self.spent.contains(&invite) {
                return Some(Refusal::InviteSpent);
            }
            if self.spent.len() >= SPENT_MAX {
                return Some(Refusal::Busy);
            }
        }
        let coming = self.joining().filter(|(m, _)| self.member(m.player).is_none()).count();
        let replaces = self.member_by_key(&wanted.key).is_some();
        if !replaces && self.members.len() + coming >= rules.members_max as usize {
            return Some(Refusal::Full);
        }
        let known = match known {
            Some(known) => known,
            None if self.known.len() >= KNOWN_MAX => return Some(Refusal::Full),
            None => {
                self.spent.extend(wanted.invite);
                self.last_player += 1;
                let player = Player(self.last_player);
                self.known.push(Known { key: wanted.key, player, incarnation: 0, role: wanted.role, banned: false });
                self.known.len() - 1
            }
        };
        let known = &mut self.known[known];
        known.incarnation += 1;
        known.role = wanted.role;
        let member = Member {
            player: known.player,
            key: wanted.key,
            incarnation: known.incarnation,
            life: wanted.life,
            role: wanted.role,
            first: at,
            wish: self.wish(),
            address: wanted.address.to_vec(),
        };
        self.pending.push(Pending { settled: turn, at, what: PendingChange::Join(member) });
        self.refresh_delay();
        None
    }

    fn settle_leave(&mut self, turn: Turn, at: Turn, player: Player, why: Departure) {
        if self.member(player).is_none() {
            return;
        }
        for pending in &mut self.pending {
            if let PendingChange::Leave { player: other, why: earlier } = &mut pending.what
                && *other == player
            {
                // Whoever goes anyway can still be kept from coming back.
                *earlier = if why == Departure::Kicked { why } else { *earlier };
                return;
            }
        }
        self.pending.push(Pending { settled: turn, at, what: PendingChange::Leave { player, why } });
    }

    fn vote(&mut self, rules: &Rules, turn: Turn, at: Turn, vote: Vote) {
        let Vote { by, about, for_good, .. } = vote;
        if self.member(by).is_none() || self.member(about).is_none() || (for_good && by == about) {
            return;
        }
        let lasts_us = |vote: &Vote| if vote.for_good { KICK_VOTE_US } else { DEMOTION_VOTE_US };
        self.votes.retain(|old| {
            let age_us = (turn.0 - old.at.0.min(turn.0)).saturating_mul(rules.turn_us());
            age_us < lasts_us(old) && (old.by, old.about, old.for_good) != (by, about, for_good)
        });
        self.votes.push(vote);
        let says = |player: Player| self.votes.iter().any(|v| (v.by, v.about, v.for_good) == (player, about, for_good));
        // Who says itself that it cannot keep step is believed; but only so many may go.
        let settled = if for_good {
            self.is_quorum(says)
        } else {
            self.may_demote(about) && (by == about || self.is_quorum(says))
        };
        if settled {
            self.votes.retain(|vote| vote.about != about || vote.for_good != for_good);
            if for_good {
                // At once: it may fall silent, or be replaced by a new life, before it leaves.
                self.ban(about);
            }
            let why = if for_good { Departure::Kicked } else { Departure::Demoted };
            self.settle_leave(turn, at, about, why);
        }
    }

    /// Whether a member may be made a spectator: at least half of the members stay, of whom one at least writes the log.
    pub fn may_demote(&self, player: Player) -> bool {
        let stays = |m: &&Member| m.player != player && !self.is_leaving(m.player);
        let stay = self.members.iter().filter(stays).count();
        self.member(player).is_some() && stay > 0 && stay * 2 >= self.members.len()
    }

    /// Whether it is settled that a member goes.
    pub fn is_leaving(&self, player: Player) -> bool {
        self.pending.iter().any(|p| matches!(&p.what, PendingChange::Leave { player: other, .. } if *other == player))
    }

    /// The greatest wish; none at all for who is alone and waits for nobody, until somebody is about to come.
    fn refresh_delay(&mut self) {
        self.delay = if self.members.len() == 1 && self.joining().next().is_none() { 0 } else { self.wish() };
    }

    /// The greatest wish for an input delay, whether it is in force or not.
    fn wish(&self) -> u32 {
        self.members.iter().map(|m| m.wish).max().unwrap_or(self.delay)
    }

    /// The number this key has or had.
    pub fn player_of(&self, key: &PeerKey) -> Option<Player> {
        self.known.iter().find(|k| k.key == *key).map(|k| k.player)
    }

    /// What this key may do or might do when it was last a member.
    pub fn role_of(&self, key: &PeerKey) -> Option<u8> {
        self.known.iter().find(|k| k.key == *key).map(|k| k.role)
    }

    /// Whether this key was removed for good.
    pub fn is_banned(&self, key: &PeerKey) -> bool {
        self.known.iter().any(|k| k.key == *key && k.banned)
    }

    /// How many keys were removed for good.
    pub fn banned(&self) -> usize {
        self.known.iter().filter(|k| k.banned).count()
    }

    /// The roster of a session that goes on from `turn` with one of these players alone: at that turn all others leave, and
    /// this one begins a new life, as what it wrote for later turns is of the old session.
    pub fn forked(&self, player: Player, life: u64, turn: Turn) -> Self {
        let mut next = self.clone();
        next.votes.clear();
        let change = |what| Pending { settled: turn, at: turn, what };
        let others = self.members.iter().map(|m| m.player).filter(|other| *other != player);
        let leave = |player| change(PendingChange::Leave { player, why: Departure::Forked });
        next.pending = others.map(leave).collect();
        for known in next.known.iter_mut().filter(|k| k.player == player) {
            known.incarnation += 1;
            // Whoever was voted out of the old session is not of the new one, which is its own.
            known.banned = false;
            let Known { key, incarnation, role, .. } = *known;
            let address = self.member(player).map_or_else(Vec::new, |m| m.address.clone());
            let member = Member { player, key, incarnation, life, role, first: turn, wish: self.wish(), address };
            next.pending.push(change(PendingChange::Join(member)));
        }
        next
    }

    /// Every key that the session knows, with its player.
    pub fn known(&self) -> impl Iterator<Item = (PeerKey, Player)> {
        self.known.iter().map(|k| (k.key, k.player))
    }

    /// The one-time invites that are spent, oldest first.
    pub fn spent(&self) -> &[[u8; 16]] {
        &self.spent
    }

    /// Whether a one-time invite is spent.
    pub fn is_spent(&self, invite: &[u8; 16]) -> bool {
        self.spent.contains(invite)
    }
}

/// A join as proposed.
struct Wanted<'a> {
    key: PeerKey,
    life: u64,
    role: u8,
    invite: Option<[u8; 16]>,
    address: &'a [u8],
}

#[cfg(test)]
pub(crate) mod tests;
