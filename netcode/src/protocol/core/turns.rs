//! The log moves: entries are submitted when their time has come, turns are executed once all entries are here,
//! confirmed once a quorum has acknowledged them, and rolled back where the others went another way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::protocol::config::Genesis;
use crate::protocol::delay::DelayWish;
use crate::protocol::effect::{Change, Departure, Effect, Event, Frame};
use crate::protocol::entry::{Entry, Proposal};
use crate::protocol::ids::{Hash, PeerKey, Player, Time, Turn};
use crate::protocol::input::Input;
use crate::protocol::ledger::{Author, Ledger, Life};
use crate::protocol::link::Link;
use crate::protocol::pace::Pace;
use crate::protocol::roster::{Member, Rejected, Roster};

use super::digests::Digests;
use super::divergence::Divergence;
use super::following::Following;
use super::seats::Seats;
use super::{Core, Front, Record, Session, Waiting};

/// Confirmed turns whose chain hashes are kept, for acknowledgements that come late.
const RECORDS_KEPT: usize = 1024;
/// How long entries are kept for peers that come back, microseconds.
const RETENTION_US: u64 = 30_000_000;
/// Turns that are forgotten together.
const PRUNED_TURNS: u64 = 32;
/// Turns executed in one poll at most, so that a peer that catches up still answers.
const BURST_TURNS: usize = 32;

/// The entries of one turn, by player id.
type Entries<I> = Vec<(Player, Arc<Entry<I>>)>;

impl<I: Input> Session<I> {
    /// A session from a turn on, where the log up to there gave `roster`.
    pub(super) fn new(now: Time, genesis: Arc<Genesis>, next: Turn, chain: Hash, roster: Arc<Roster>) -> Self {
        let rules = &genesis.rules;
        let pace = Pace::new(now, next, rules.turn_us());
        let delay = DelayWish::new(rules.delay_turns_min, rules.delay_turns_max);
        let mut session = Self {
            base: Arc::clone(&roster),
            seats: Seats::new(&roster),
            front: Front { next, chain, settled: Arc::clone(&roster), roster, changes: Vec::new() },
            records: VecDeque::new(),
            confirmed: next,
            lacking: 0,
            pruned: next,
            ledger: Ledger::default(),
            frames: VecDeque::new(),
            cuts: BTreeMap::new(),
            instance: None,
            pace,
            delay,
            digests: Digests::default(),
            divergence: Divergence::default(),
            convicted: BTreeMap::new(),
            waiting: None,
            acknowledges: None,
            genesis,
        };
        session.refresh();
        session
    }

    /// Works out what is in force in the next turn, and opens the lives that write in it or will soon.
    pub(super) fn refresh(&mut self) {
        let front = &mut self.front;
        (front.roster, front.changes) = (Arc::clone(&front.settled), Vec::new());
        // A cut may end an epoch in which nothing was executed: then two of them begin with one turn.
        while let Some((roster, changes)) = front.roster.start_turn(front.next, self.cuts.get(&front.roster.epoch)) {
            front.roster = Arc::new(roster);
            front.changes.extend(changes);
        }
        if !self.seats.are_of(&front.roster) {
            self.seats = Seats::new(&front.roster);
        }
        for member in &front.roster.members {
            self.ledger.open((member.player, member.incarnation), member.first, Hash::default());
        }
        for (member, at) in front.roster.joining() {
            self.ledger.open((member.player, member.incarnation), at, Hash::default());
        }
    }

    /// Chain hash before a turn, as far as it is remembered.
    pub(super) fn chain_before(&self, turn: Turn) -> Option<Hash> {
        if turn == self.front.next { Some(self.front.chain) } else { self.record(turn).map(|r| r.before) }
    }

    /// Epoch of a turn that is executed or next.
    pub(super) fn epoch_of(&self, turn: Turn) -> Option<u32> {
        if turn == self.front.next { Some(self.front.roster.epoch) } else { self.record(turn).map(|r| r.during.epoch) }
    }

    pub(super) fn record(&self, turn: Turn) -> Option<&Record> {
        let back = usize::try_from(self.front.next.0.checked_sub(turn.0)?).ok()?;
        self.records.len().checked_sub(back).and_then(|at| self.records.get(at))
    }

    pub(super) fn record_mut(&mut self, turn: Turn) -> Option<&mut Record> {
        let back = usize::try_from(self.front.next.0.checked_sub(turn.0)?).ok()?;
        self.records.len().checked_sub(back).and_then(|at| self.records.get_mut(at))
    }

    /// Membership in force in the first unconfirmed turn: whose quorum decides what comes next.
    pub(super) fn deciding_roster(&self) -> &Arc<Roster> {
        self.record(self.confirmed).map_or(&self.front.roster, |record| &record.during)
    }

    /// The life in which a peer writes or will write. Where a new one is settled, the present one still has to come to its
    /// end: the join may have been that of a process which is gone, and the member lives.
    pub(super) fn life_of(&self, key: &PeerKey) -> Option<Life> {
        let life = |m: &Member| (m.player, m.incarnation);
        let present = self.seats.member(key).map(life);
        let joining = self.front.roster.joining().filter(|(m, _)| m.key == *key).last();
        match (present, joining) {
            (Some(present), Some((_, at))) if self.ledger.missing(present) < at => Some(present),
            (_, Some((member, _))) => Some(life(member)),
            (present, None) => present,
        }
    }

    /// Whether the log can be continued from here for a peer whose next turn this is.
    pub(super) fn keeps_entries_of(&self, turn: Turn) -> bool {
        let kept = |m: &Member| self.ledger.get((m.player, m.incarnation), turn).is_some();
        turn == self.front.next || self.record(turn).is_some_and(|record| record.during.members.iter().all(kept))
    }

    /// Whether this is the life in which a run of a peer's process writes or will write.
    pub(super) fn is_life_of(&self, life: Life, key: &PeerKey, run: u64) -> bool {
        let roster = &self.front.roster;
        let is = |m: &Member| m.incarnation == life.1 && m.key == *key && m.life == run;
        roster.member(life.0).is_some_and(is) || roster.joining().any(|(m, _)| m.player == life.0 && is(m))
    }

    /// The life in which a run of a peer's process writes or will write.
    pub(super) fn life_of_key(&self, key: &PeerKey, life: u64) -> Option<Life> {
        let roster = &self.front.roster;
        let all = roster.members.iter().chain(roster.joining().map(|(m, _)| m));
        all.filter(|m| m.key == *key && m.life == life).map(|m| (m.player, m.incarnation)).last()
    }

    /// The incarnation of ours that we acknowledge in: as what we are a member now, or were last since this session is
    /// known here, with all that was promised. `life`: which run of the process this is.
    pub(super) fn acknowledging(&mut self, key: &PeerKey, life: u64) -> Option<u32> {
        let member = self.seats.member(key).filter(|member| member.life == life);
        self.acknowledges = member.map(|member| member.incarnation).or(self.acknowledges);
        self.acknowledges
    }

    /// The members whose entries for the next turn are missing.
    pub(super) fn missing(&self) -> Vec<Player> {
        let next = self.front.next;
        let members = self.front.roster.members.iter();
        let lacks = members.filter(|m| self.ledger.get((m.player, m.incarnation), next).is_none());
        lacks.map(|m| m.player).collect()
    }

    /// Whether the next turn may be executed once its entries are here.
    pub(super) fn is_open(&self) -> bool {
        let sealed = self.instance.as_ref().is_some_and(|i| i.is_sealed());
        // What the log has settled is acted upon only when it cannot be rolled back any more.
        let settled = self.front.settled.next_change();
        // With a fork it begins, and is settled as such.
        let settled = settled.filter(|(settled, _)| *settled < self.front.next);
        let waits = settled.is_some_and(|(settled, at)| at <= self.front.next && settled >= self.confirmed);
        // Without a member there is nobody to write the log.
        !self.front.roster.members.is_empty()
            && !sealed
            && !waits
            && !self.divergence.holds()
            && !self.digests.holds()
            && !self.contradicts_cut()
    }

    /// The frame of the next turn, if all its entries are here.
    fn next_frame(&self) -> Option<(Frame<I>, Entries<I>)> {
        let front = &self.front;
        let entries: Option<Vec<_>> = front
            .roster
            .members
            .iter()
            .map(|m| Some((m.player, Arc::clone(self.ledger.get((m.player, m.incarnation), front.next)?))))
            .collect();
        let entries = entries?;
        let chain = chain_frame(&front.chain, front.next, &front.changes, &front.roster, &entries);
        let inputs = entries.iter().map(|(player, entry)| (*player, entry.input.clone())).collect();
        Some((Frame { turn: front.next, changes: front.changes.clone(), inputs, chain }, entries))
    }

    /// Takes the next turn into the log, if its entries are here. Returns the joins that were not taken.
    pub(super) fn execute_next(&mut self) -> Option<(Arc<Frame<I>>, Executed)> {
        let (frame, entries) = self.next_frame()?;
        let turn = frame.turn;
        let mut executed = Executed::default();
        let proposals = || entries.iter().flat_map(|(player, entry)| entry.proposals.iter().map(move |p| (*player, p)));
        let mut after = Arc::clone(&self.front.roster);
        if self.front.roster.is_touched_by(proposals().map(|(_, p)| p)) {
            let mut roster = (*after).clone();
            for (author, proposal) in proposals() {
                executed.rejected.extend(roster.settle(&self.genesis.rules, turn, author, proposal));
            }
            after = Arc::new(roster);
        }
        executed.kicks = proposals()
            .filter_map(|(by, p)| if let Proposal::Kick { player } = p { Some((by, *player)) } else { None })
            .collect();
        executed.snapshot_for = proposals().filter(|(_, p)| matches!(p, Proposal::Snapshot)).map(|(a, _)| a).collect();
        let frame = Arc::new(frame);
        self.records.push_back(Record {
            turn,
            before: self.front.chain,
            during: Arc::clone(&self.front.roster),
            after: Arc::clone(&after),
            digest: None,
        });
        self.frames.push_back(Arc::clone(&frame));
        self.front.next = turn.plus(1);
        self.front.chain = frame.chain;
        self.front.settled = after;
        self.refresh();
        Some((frame, executed))
    }

    /// Confirms what quorums have acknowledged; whether anything was.
    pub(super) fn confirm(
        &mut self,
        (key, life): (&PeerKey, u64),
        links: &BTreeMap<PeerKey, Link>,
        sponsor: Option<&PeerKey>,
    ) -> bool {
        let own = (key, self.acknowledging(key, life));
        let before = self.confirmed;
        // Whoever has our log up to a turn and has seen it confirmed, has seen a quorum. It may be one who has joined
        // since, where those of the epoch to be confirmed are gone.
        let told = |roster| self.links_of(roster, links).map(|(_, link)| link.confirmed).max();
        let deciding = Some(self.deciding_roster()).filter(|roster| !Arc::ptr_eq(roster, &self.front.roster));
        let sponsor = sponsor.and_then(|sponsor| links.get(sponsor)).map(|link| link.confirmed);
        let told = told(&self.front.roster).max(deciding.and_then(told)).max(sponsor);
        self.confirmed = self.confirmed.max(told.unwrap_or(Turn(0)).min(self.front.next));
        // A decided cut is held by a quorum: it confirms what is executed up to it.
        if let Some(cut) = self.cuts.get(&self.deciding_roster().epoch)
            && self.chain_before(cut.next) == Some(cut.chain)
        {
            self.confirmed = self.confirmed.max(cut.next);
        }
        while self.confirmed < self.front.next {
            let roster = Arc::clone(self.deciding_roster());
            let agreed = self.agreed(&roster, own, links);
            let end = quorum_of(&agreed).min(self.front.next);
            if end <= self.confirmed {
                let have = agreed.iter().filter(|turn| **turn > self.confirmed).count();
                self.lacking = agreed.len().div_ceil(2).saturating_sub(have);
                break;
            }
            // As far as this membership decides.
            while self.confirmed < end && Arc::ptr_eq(self.deciding_roster(), &roster) {
                self.confirmed = self.confirmed.plus(1);
            }
        }
        self.confirmed > before
    }

    /// First turn that each of these members has not acknowledged, in the incarnation in which it is one.
    fn agreed(
        &self,
        roster: &Arc<Roster>,
        (key, incarnation): (&PeerKey, Option<u32>),
        links: &BTreeMap<PeerKey, Link>,
    ) -> Vec<Turn> {
        let own = |m: &Member| m.key == *key && Some(m.incarnation) == incarnation;
        let mut agreed: Vec<Turn> =
            roster.members.iter().map(|m| if own(m) { self.front.next } else { Turn(0) }).collect();
        for (at, link) in self.links_of(roster, links) {
            agreed[at] = agreed[at].max(link.acknowledged_in(roster.members[at].incarnation));
        }
        agreed
    }

    /// The links to members of a roster.
    fn links_of<'a>(
        &'a self,
        roster: &'a Arc<Roster>,
        links: &'a BTreeMap<PeerKey, Link>,
    ) -> impl Iterator<Item = (usize, &'a Link)> {
        let known = self.seats.are_of(roster);
        let fast = known.then(|| self.seats.links(links)).into_iter().flatten();
        let others = roster.members.iter().enumerate().filter(move |_| !known);
        fast.chain(others.filter_map(|(at, member)| Some((at, links.get(&member.key)?))))
    }

    /// Takes back every executed turn from `next` on.
    pub(super) fn roll_back(&mut self, now: Time, next: Turn, effects: &mut Vec<Effect<I>>) {
        debug_assert!(next >= self.confirmed, "a confirmed turn was to be rolled back");
        let mut first = None;
        while self.records.back().is_some_and(|record| record.turn >= next) {
            first = self.records.pop_back();
            self.frames.pop_back();
        }
        let Some(first) = first else { return };
        self.front.next = first.turn;
        self.front.chain = first.before;
        self.front.settled = match self.records.back() {
            Some(record) => Arc::clone(&record.after),
            None => Arc::clone(&self.base),
        };
        self.refresh();
        self.forget_unsettled();
        self.digests.roll_back(first.turn);
        self.pace.hold(now, first.turn);
        effects.push(Effect::RollBack { to: first.turn.0.checked_sub(1).map(Turn) });
    }

    /// Forgets the lives that only what was rolled back has settled: another log may give their numbers to others, or
    /// have them begin at another turn. Nobody has written in them, as their joins were not confirmed.
    fn forget_unsettled(&mut self) {
        let (roster, next) = (&self.front.roster, self.front.next);
        let (ledger, settled) = (&mut self.ledger, |life: Life| {
            let is = |m: &Member| (m.player, m.incarnation) == life;
            roster.members.iter().any(is) || roster.joining().any(|(m, _)| is(m))
        });
        ledger.retain(|life, start| start < next || settled(life));
    }

    /// Forgets what nobody can ask for any more.
    fn prune(&mut self, keep_from: Turn) {
        let old = |turn: Turn, confirmed: Turn| turn.0 + (RECORDS_KEPT as u64) < confirmed.0;
        while self.frames.front().is_some_and(|f| f.turn < self.confirmed) {
            self.frames.pop_front();
        }
        // Many at a time: what is old lies in memory that nothing else touches, and what is old together lies together.
        let due = self.pruned.plus(PRUNED_TURNS) <= self.confirmed;
        if !due {
            return;
        }
        self.pruned = self.confirmed;
        while self.records.front().is_some_and(|r| old(r.turn, self.confirmed)) {
            self.base = self.records.pop_front().map_or_else(|| Arc::clone(&self.base), |r| r.after);
        }
        let turns = RETENTION_US / self.genesis.rules.turn_us();
        let from = Turn(self.confirmed.0.saturating_sub(turns)).min(keep_from);
        let roster = Arc::clone(&self.front.roster);
        let writes = |(player, incarnation): Life| {
            let is = |m: &Member| (m.player, m.incarnation) == (player, incarnation);
            roster.members.iter().any(is) || roster.joining().any(|(m, _)| is(m))
        };
        self.ledger.prune(from, |life| !writes(life));
        while self.cuts.len() > 64 {
            self.cuts.pop_first();
        }
    }
}

/// First turn that no quorum has acknowledged, where these are the members' first ones, by player.
fn quorum_of(agreed: &[Turn]) -> Turn {
    let Some(lowest) = agreed.first().copied() else { return Turn(0) };
    let mut sorted = agreed.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let half = sorted.len() / 2;
    // One more than half; or half of them, with the lowest player.
    let even = sorted.len().is_multiple_of(2);
    if even { sorted[half].max(lowest.min(sorted[half - 1])) } else { sorted[half] }
}

/// What the execution of a turn has brought.
#[derive(Debug, Default)]
pub(super) struct Executed {
    /// Joins that were not taken.
    pub rejected: Vec<Rejected>,
    /// Members that want a snapshot after the turn.
    pub snapshot_for: Vec<Player>,
    /// Votes to remove a member: by whom, about whom.
    pub kicks: Vec<(Player, Player)>,
}

impl<I: Input> Core<I> {
    /// Submits, executes and confirms what is due.
    pub(super) fn advance(&mut self, now: Time) {
        self.enter(now);
        let burst = self.burst_turns(BURST_TURNS);
        let (turns, cost_us) = (self.keeping.turns(), self.keeping.cost_us());
        let lot = self.following.as_mut().map_or(burst, |following| following.lot(now, turns, cost_us));
        let mut executed = 0;
        while executed < lot {
            let Some(session) = &mut self.session else { return };
            // Whoever only follows takes each turn as it comes; the playhead is for those who write.
            let due = self.following.is_some() || session.pace.due(now) >= session.front.next;
            if !due || !session.is_open() || !self.execute_one(now) {
                break;
            }
            executed += 1;
            self.enter(now);
        }
        if let Some(following) = &mut self.following {
            following.note_more(executed == lot);
        }
        self.note_waiting(now);
        self.confirm_turns(now);
    }

    /// Enters our inputs for the turns that the input delay allows by now.
    fn enter(&mut self, now: Time) {
        let Some(session) = &mut self.session else { return };
        let roster = &session.front.roster;
        let member = roster.member_by_key(&self.key);
        // As long as the join may be rolled back, nothing is entered: it could be settled again for another turn.
        let joining = roster.joining_since(&self.key).filter(|(_, settled)| *settled < session.confirmed);
        let Some(writer) = member.or(joining.map(|(m, _)| m)).filter(|m| m.life == self.life) else { return };
        let life = (writer.player, writer.incarnation);
        let Some(mut entered) = session.ledger.author(life).map(Author::end) else { return };
        // A turn's entry is made when the playhead is the input delay away from it, whether or not the log waits.
        let due = session.pace.due(now);
        // Whoever comes in and is not as far yet holds nobody up, but does not run away from a log that stands either.
        let slack = if self.following.is_some() { session.genesis.rules.window_turns } else { 0 };
        let head = due.min(session.front.next.max(writer.first).plus(u64::from(slack)));
        let end = head.plus(u64::from(session.front.roster.delay) + 1);
        if member.is_some()
            && entered < end
            && let Some(wish) = session.delay.wish(now, session.front.roster.delay, session.genesis.rules.turn_us())
        {
            self.proposals.retain(|p| !matches!(p, Proposal::Delay { .. }));
            self.proposals.push(Proposal::Delay { turns: wish });
        }
        while entered < end {
            let mut input = self.inputs.pop_front().unwrap_or_else(I::neutral);
            while let Some(later) = self.inputs.pop_front() {
                if let Some(rest) = input.merge(later) {
                    self.inputs.push_front(rest);
                    break;
                }
            }
            let entry = Entry::new(input, &mut self.proposals);
            if let Some(author) = session.ledger.author_mut(life) {
                author.insert(entered, entry);
            }
            entered = entered.plus(1);
            self.fresh = true;
        }
    }

    /// Executes the next turn, if its entries are here.
    fn execute_one(&mut self, now: Time) -> bool {
        let Some(session) = &mut self.session else { return false };
        let before = Arc::clone(&session.front.roster);
        let changes = session.front.changes.clone();
        let Some((frame, executed)) = session.execute_next() else { return false };
        let turn = frame.turn;
        if let Some(waiting) = session.waiting.take() {
            let stalled_us = now.since(waiting.began);
            self.counters.note_stall(stalled_us);
            if waiting.told {
                self.effects.push(Effect::Event(Event::Resumed { after_ms: stalled_us / 1000 }));
            }
        }
        session.pace.release(now);
        self.moved = now;
        self.effects.push(Effect::Execute(frame));
        let after = Arc::clone(&session.front.roster);
        self.note_changes(now, turn, &changes, &before);
        if before.delay != after.delay {
            self.effects.push(Effect::Event(Event::Delay { turns: after.delay, turn: turn.plus(1) }));
        }
        let votes = executed.kicks.iter().map(|(by, about)| Effect::Event(Event::Voted { by: *by, about: *about }));
        self.effects.extend(votes);
        self.note_snapshot_wanted(turn, &executed.snapshot_for);
        self.note_rejected(now, &executed.rejected);
        self.connect_to_joining(now, &after);
        true
    }

    /// Tells what changed with an executed turn, as far as it concerns this peer.
    fn note_changes(&mut self, now: Time, turn: Turn, changes: &[Change], roster: &Roster) {
        for change in changes {
            self.effects.push(Effect::Event(Event::Changed { change: change.clone(), turn }));
        }
        let me = roster.player_of(&self.key);
        let mine = |player: Player| Some(player) == me;
        for change in changes {
            match change {
                Change::Leave { player, why } if mine(*player) && roster.member_by_key(&self.key).is_none() => {
                    self.left_at = Some(turn);
                    self.note_removed(now, *why);
                }
                Change::Join { player, .. }
                    if mine(*player) && roster.member_by_key(&self.key).is_some_and(|m| m.life == self.life) =>
                {
                    self.effects.push(Effect::Event(Event::Active { player: *player, from: turn }));
                    self.following = None;
                }
                _ => {}
            }
        }
    }

    /// This peer is a member no longer: it watches, and comes back by itself if it only fell silent or could not keep step.
    pub(super) fn note_removed(&mut self, now: Time, why: Departure) {
        // Whoever follows already has this behind it: what was removed is a life that never began, or long over.
        if self.following.is_some() {
            return;
        }
        self.effects.push(Effect::Event(Event::Removed { why }));
        if self.leaving.is_some() {
            return;
        }
        let returns = match why {
            Departure::Silent | Departure::Replaced => Some(0),
            Departure::Demoted => Some(self.demotions.probation_us(now)),
            Departure::Left | Departure::Forked => None,
            // There is nothing more for it here, but others may need its last acknowledgement.
            Departure::Kicked | Departure::Exposed => {
                self.leaving = Some(now);
                return;
            }
        };
        self.follow_after_removal(now, returns);
    }

    /// A founder, or the only member of a fork, is active from the first turn.
    pub(super) fn become_active(&mut self, _now: Time) {
        let Some(session) = &self.session else { return };
        if let Some(member) = session.front.roster.member_by_key(&self.key) {
            self.life = member.life;
            let (player, from) = (member.player, member.first);
            self.effects.push(Effect::Event(Event::Active { player, from }));
        }
    }

    /// Starts or continues to note that the log waits.
    fn note_waiting(&mut self, now: Time) {
        let Some(session) = &mut self.session else { return };
        let next = session.front.next;
        let idle = self.following.is_some() || session.front.roster.members.is_empty();
        if idle || session.pace.due(now) < next || (session.is_open() && session.missing().is_empty()) {
            return;
        }
        session.pace.hold(now, next);
        let players = session.missing();
        if session.waiting.is_none() {
            self.counters.stalled_turns += 1;
        }
        let waiting = session.waiting.get_or_insert_with(|| Waiting {
            began: now,
            since: now,
            players: Vec::new(),
            told: false,
            paused: false,
        });
        waiting.players.clone_from(&players);
        if !waiting.told && now.since(waiting.since) > 250_000 {
            waiting.told = true;
            self.effects.push(Effect::Event(Event::Waiting { players }));
        }
    }

    /// Judges acknowledgements, confirms and forgets.
    pub(super) fn confirm_turns(&mut self, now: Time) {
        self.judge_claims(now);
        self.confirm_acknowledged(now);
    }

    /// Confirms what has been acknowledged, and forgets.
    pub(super) fn confirm_acknowledged(&mut self, now: Time) {
        self.acknowledged = false;
        let sponsor = self.following.as_ref().map(Following::sponsor);
        let keep_from = self.newcomers.keep_from();
        let Some(session) = &mut self.session else { return };
        if !session.confirm((&self.key, self.life), &self.links, sponsor) {
            return;
        }
        self.moved = now;
        if session.instance.as_ref().is_some_and(|i| i.epoch < session.deciding_roster().epoch) {
            session.instance = None;
        }
        let turn = session.confirmed.before();
        let chain = session.chain_before(session.confirmed).unwrap_or_default();
        self.effects.push(Effect::Confirm { turn, chain });
        self.note_signed();
        if let Some(session) = &mut self.session {
            session.prune(keep_from);
        }
    }
}

/// Chain hash after one more frame.
pub(super) fn chain_frame<I>(
    before: &Hash,
    turn: Turn,
    changes: &[Change],
    roster: &Roster,
    entries: &[(Player, Arc<Entry<I>>)],
) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&before.0).update(&turn.0.to_le_bytes());
    // Plain enums of integers always encode.
    let changes = postcard::to_stdvec(changes).unwrap_or_default();
    hasher.update(&(changes.len() as u32).to_le_bytes()).update(&changes);
    for (member, (player, entry)) in roster.members.iter().zip(entries) {
        hasher.update(&player.0.to_le_bytes()).update(&member.incarnation.to_le_bytes());
        hasher.update(&(entry.bytes.len() as u32).to_le_bytes()).update(&entry.bytes);
    }
    Hash(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::config::{Founder, Rules};
    use crate::protocol::ids::SessionId;

    proptest! {
        #[test]
        fn what_a_quorum_has_is_what_the_roster_calls_one(turns in prop::collection::vec(0u64..6, 1..8)) {
            let founder = |at| Founder { player: Player(at), key: PeerKey([at as u8; 32]), role: 0, address: Vec::new() };
            let founders = (1..=turns.len() as u32).map(founder).collect();
            let rules = Rules::usual(SessionId::default(), 60, 1);
            let roster = Roster::new(&Genesis { rules, founders, known: Vec::new(), scenario: Vec::new(), start: None });
            let agreed: Vec<Turn> = turns.iter().copied().map(Turn).collect();
            let has = |turn: u64| roster.is_quorum(|player| agreed[player.0 as usize - 1] > Turn(turn));
            prop_assert_eq!(quorum_of(&agreed), Turn((0..8).take_while(|turn| has(*turn)).count() as u64));
        }
    }
}
