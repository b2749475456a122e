//! The cut: when the log has waited too long for somebody, the members that can still hear each other agree on
//! how the epoch ended and go on. Paxos itself is in `protocol::cut`; this is when, with whom, and what follows.

use crate::protocol::cut::{Answer, Cut, Instance, Promise};
use crate::protocol::effect::{Effect, Event};
use crate::protocol::evidence::Proof;
use crate::protocol::ids::{Hash, PeerKey, Player, SessionId, Time, Turn};
use crate::protocol::input::Input;
use crate::protocol::roster::Member;
use crate::protocol::wire::Message;

use super::send::post;
use super::{Core, Session};

/// How long the coordinator waits for the rest once a quorum has promised, microseconds.
const GRACE_US: u64 = 150_000;
/// Time between repetitions of a ballot's messages, microseconds.
const REPEAT_US: u64 = 60_000;
/// How long a ballot may take before another member tries, microseconds; more with each attempt.
const BALLOT_US: u64 = 600_000;
/// How much longer each next member in the rotation waits before it begins, microseconds.
const STAGGER_US: u64 = 250_000;
/// How long whoever was removed by a cut waits for the entries up to it, microseconds: they may be too old to be had.
const STRANDED_US: u64 = 2_000_000;

impl<I: Input> Session<I> {
    /// The instance of the epoch that the first unconfirmed turn is in.
    fn instance_for(&mut self, now: Time, epoch: u32) -> Option<&mut Instance> {
        if self.deciding_roster().epoch != epoch || self.cuts.contains_key(&epoch) {
            return None;
        }
        let instance = self.instance.get_or_insert_with(|| Instance::new(epoch, now));
        if instance.epoch != epoch {
            *instance = Instance::new(epoch, now);
        }
        Some(instance)
    }

    /// The turn at which the log itself ends the deciding epoch, as far as it is known here.
    fn boundary(&self) -> Option<Turn> {
        let epoch = self.deciding_roster().epoch;
        let executed = self.records.iter().rev().take_while(|r| r.during.epoch > epoch).last().map(|r| r.turn);
        let begins = (self.front.roster.epoch > epoch).then_some(self.front.next);
        let pending = || self.front.roster.next_change().map(|(_, at)| at);
        executed.or(begins).or_else(pending)
    }

    /// The first turn after an epoch, where that and the turn before it are remembered.
    fn end_of(&self, epoch: u32) -> Option<Turn> {
        let at = self.records.partition_point(|r| r.during.epoch <= epoch);
        let begins = self.records.get(at).map_or(self.front.roster.epoch, |r| r.during.epoch);
        let turn = self.records.get(at).map_or(self.front.next, |r| r.turn);
        (at > 0 && begins > epoch).then_some(turn)
    }

    /// How far this member has executed in the deciding epoch, as it tells in a promise.
    fn executed_in_epoch(&self) -> Promise {
        let boundary = self.boundary();
        let next = boundary.map_or(self.front.next, |boundary| boundary.min(self.front.next));
        let chain = self.chain_before(next).unwrap_or_default();
        Promise { next, chain, ends: boundary == Some(next), accepted: None }
    }

    /// The chain hash before a turn of the deciding epoch, from entries that are held but need not be executed.
    pub(super) fn held_chain(&self, end: Turn) -> Option<Hash> {
        if end <= self.front.next {
            return self.chain_before(end);
        }
        if self.boundary().is_some_and(|boundary| boundary < end) || end.0 - self.front.next.0 > 4096 {
            return None;
        }
        let mut chain = self.front.chain;
        let none = Vec::new();
        for turn in (self.front.next.0..end.0).map(Turn) {
            let entries: Option<Vec<_>> = self
                .front
                .roster
                .members
                .iter()
                .map(|m| Some((m.player, std::sync::Arc::clone(self.ledger.get((m.player, m.incarnation), turn)?))))
                .collect();
            let changes = if turn == self.front.next { &self.front.changes } else { &none };
            chain = super::turns::chain_frame(&chain, turn, changes, &self.front.roster, &entries?);
        }
        Some(chain)
    }
}

impl<I: Input> Core<I> {
    /// Begins, repeats and finishes ballots.
    pub(super) fn cut(&mut self, now: Time) {
        self.follow_if_stranded(now);
        self.begin_ballot(now);
        self.propose_value(now);
        self.accept_wanted(now);
        self.repeat_ballot(now);
    }

    fn own_player(&self) -> Option<Player> {
        let session = self.session.as_ref()?;
        let member = session.deciding_roster().member_by_key(&self.key)?;
        (member.life == self.life).then_some(member.player)
    }

    /// A cut has removed this peer long ago, and nobody sends the entries that lead up to it: it follows one of the others.
    fn follow_if_stranded(&mut self, now: Time) {
        let Some(session) = self.session.as_ref().filter(|_| self.following.is_none()) else { return };
        let Some(me) = session.front.roster.player_of(&self.key) else { return };
        let waits = session.waiting.as_ref().is_some_and(|w| now.since(w.since) > STRANDED_US);
        let ahead = session.cuts.values().filter(|cut| cut.next >= session.front.next);
        let why = ahead.flat_map(|cut| &cut.removed).find(|(player, _)| *player == me).map(|(_, why)| *why);
        if let Some(why) = why.filter(|_| waits) {
            self.note_removed(now, why);
        }
    }

    /// Begins a ballot if the log has waited too long, a quorum can be heard, and it is this member's turn to try.
    fn begin_ballot(&mut self, now: Time) {
        let Some(me) = self.own_player() else { return };
        let links = &self.links;
        let Some(session) = &mut self.session else { return };
        let convicted = session.has_convict();
        // A liar is removed although the log may not wait for anybody.
        let none = Vec::new();
        let (since, missing) = match &session.waiting {
            Some(waiting) => (waiting.since, &waiting.players),
            None if convicted => (session.divergence.heads.convicted_at, &none),
            None => return,
        };
        let silence_us = u64::from(session.genesis.rules.silence_ms_max) * 1000;
        let waited_us = now.since(since);
        let roster = std::sync::Arc::clone(session.deciding_roster());
        let restarted = |member: &Member| self.newcomers.life_of(&member.key).is_some_and(|life| life != member.life);
        let heard = |player: Player| {
            let Some(member) = roster.member(player).filter(|member| !restarted(member)) else { return false };
            player == me || links.get(&member.key).is_some_and(|link| now.since(link.heard) < silence_us.min(1_000_000))
        };
        let sealed = session.instance.as_ref().is_some_and(Instance::is_sealed);
        // Who is heard but does not deliver gets twice the time: its entries may be on their way through others.
        let silent = !missing.is_empty() && missing.iter().all(|player| !heard(*player));
        let known_dead = roster.members.iter().any(|m| missing.contains(&m.player) && restarted(m));
        let patience_us = if convicted || sealed {
            0
        } else if known_dead {
            silence_us / 2
        } else if silent {
            silence_us
        } else {
            2 * silence_us
        };
        if waited_us < patience_us {
            return;
        }
        let quorum = roster.is_quorum(heard);
        let alive: Vec<Player> =
            roster.members.iter().map(|m| m.player).filter(|p| heard(*p) && !session.is_convict(*p)).collect();
        self.tell_pause(now, !quorum && waited_us > silence_us);
        if !quorum {
            return;
        }
        let Some(session) = &mut self.session else { return };
        let epoch = roster.epoch;
        let Some(instance) = session.instance_for(now, epoch) else { return };
        let Some(rank) = alive.iter().position(|player| *player == me) else { return };
        let index = roster.members.iter().position(|m| m.player == me).unwrap_or(0);
        let begun = instance.attempts > 0 || instance.is_sealed();
        let idle_us = now.since(instance.active_at);
        let turn_us = if begun { BALLOT_US * u64::from(instance.attempts.clamp(1, 8)) } else { 0 };
        let waits_us = turn_us + rank as u64 * STAGGER_US;
        let idle_us = if begun { idle_us } else { waited_us - patience_us };
        if idle_us < waits_us {
            return;
        }
        let ballot = instance.lead(now, index, roster.members.len());
        self.counters.ballots += 1;
        self.on_prepare_own(now, me, epoch, ballot);
        self.post_to_unanswered(now, Message::Prepare { epoch, ballot });
    }

    /// Tells once that no quorum can be heard.
    fn tell_pause(&mut self, _now: Time, paused: bool) {
        let Some(waiting) = self.session.as_mut().and_then(|s| s.waiting.as_mut()) else { return };
        if paused && !waiting.paused {
            waiting.told = true;
            self.effects.push(Effect::Event(Event::Paused));
        }
        waiting.paused = paused;
    }

    fn on_prepare_own(&mut self, now: Time, me: Player, epoch: u32, ballot: u32) {
        let Some(session) = &mut self.session else { return };
        let promise = session.executed_in_epoch();
        let Some(instance) = session.instance_for(now, epoch) else { return };
        if instance.promise(now, ballot) == Answer::Yes {
            let accepted = instance.accepted.clone();
            instance.on_promise(me, ballot, Promise { accepted, ..promise });
        }
    }

    /// A ballot of another member. It is heard only by members whose log waits too, so that one bad link
    /// seals nobody else.
    pub(super) fn on_prepare(&mut self, now: Time, from: PeerKey, epoch: u32, ballot: u32) {
        if self.own_player().is_none() {
            return;
        }
        let Some(session) = &mut self.session else { return };
        let silence_us = u64::from(session.genesis.rules.silence_ms_max) * 1000;
        let waits = session.waiting.as_ref().is_some_and(|w| now.since(w.since) > silence_us / 2);
        let willing = waits || session.has_convict();
        let Some(leader) =
            session.deciding_roster().member_by_key(&from).filter(|_| session.deciding_roster().epoch == epoch)
        else {
            return self.tell_outcome(from, epoch);
        };
        if session.is_convict(leader.player) {
            return;
        }
        let Promise { next, chain, ends, .. } = session.executed_in_epoch();
        let Some(instance) = session.instance_for(now, epoch) else { return self.tell_outcome(from, epoch) };
        if !willing && !instance.is_sealed() {
            return;
        }
        let answer = match instance.promise(now, ballot) {
            Answer::Yes => Message::Promise { epoch, ballot, next, chain, ends, accepted: instance.accepted.clone() },
            Answer::Overtaken(ballot) => Message::Overtaken { epoch, ballot },
        };
        self.post_to(from, answer);
    }

    /// Answers a ballot for an epoch that is over, if we know how it ended.
    fn tell_outcome(&mut self, to: PeerKey, epoch: u32) {
        let Some(session) = &self.session else { return };
        let cut = session.cuts.get(&epoch).cloned().or_else(|| {
            // The log ended it: the same as a cut there that removes nobody. More epochs may have begun with that turn.
            let end = session.end_of(epoch).filter(|end| *end <= session.confirmed)?;
            let chain = session.chain_before(end)?;
            Some(Cut { next: end, chain, removed: Vec::new(), proofs: Vec::new() })
        });
        if let Some(cut) = cut {
            self.post_to(to, Message::Decided { epoch, cut });
        }
    }

    pub(super) fn on_promise(&mut self, from: PeerKey, epoch: u32, ballot: u32, promise: Promise) {
        let Some(session) = &mut self.session else { return };
        let Some(player) = session.deciding_roster().member_by_key(&from).map(|m| m.player) else { return };
        // No honest member has accepted what contradicts a quorum's acknowledgements.
        if promise.accepted.as_ref().is_some_and(|(_, cut)| cut.next < session.confirmed) {
            return;
        }
        if let Some(instance) = session.instance.as_mut().filter(|i| i.epoch == epoch) {
            instance.on_promise(player, ballot, promise);
        }
    }

    pub(super) fn on_overtaken(&mut self, from: &PeerKey, epoch: u32, ballot: u32) {
        let Some(session) = &mut self.session else { return };
        let member = session.deciding_roster().member_by_key(from).is_some();
        if let Some(instance) = session.instance.as_mut().filter(|i| i.epoch == epoch && member) {
            instance.on_overtaken(ballot);
        }
    }

    /// Chooses the value of the ballot led here, when there are enough promises.
    fn propose_value(&mut self, now: Time) {
        let Some(session) = &mut self.session else { return };
        let roster = std::sync::Arc::clone(session.deciding_roster());
        let convicted = &session.convicted;
        let Some(instance) = session.instance.as_mut().filter(|i| i.epoch == roster.epoch) else { return };
        let Some((ballot, cut)) = instance.choose(now, &roster, GRACE_US, convicted) else { return };
        if instance.promise(now, ballot) == Answer::Yes {
            instance.wanted = Some((ballot, cut.clone()));
        }
        self.post_to_unanswered(now, Message::Accept { epoch: roster.epoch, ballot, cut });
    }

    pub(super) fn on_accept(&mut self, now: Time, from: PeerKey, epoch: u32, ballot: u32, cut: Cut) {
        if self.own_player().is_none() {
            return;
        }
        let Some(session) = &mut self.session else { return };
        if session.deciding_roster().member_by_key(&from).is_none() || session.deciding_roster().epoch != epoch {
            return self.tell_outcome(from, epoch);
        }
        let roster = std::sync::Arc::clone(session.deciding_roster());
        let (of, confirmed) = (session.genesis.rules.session, session.confirmed);
        let Some(instance) = session.instance_for(now, epoch) else { return self.tell_outcome(from, epoch) };
        if !proofs_hold(&cut, of, &roster) || cut.next < confirmed {
            return;
        }
        match instance.promise(now, ballot) {
            Answer::Yes if instance.accepted.as_ref().is_some_and(|(b, _)| *b == ballot) => {
                self.post_to(from, Message::Accepted { epoch, ballot });
            }
            Answer::Yes => instance.wanted = Some((ballot, cut)),
            Answer::Overtaken(ballot) => self.post_to(from, Message::Overtaken { epoch, ballot }),
        }
    }

    /// Accepts what is wanted, once every entry up to the cut is held and hashes to what it says.
    fn accept_wanted(&mut self, now: Time) {
        let me = self.own_player();
        let Some(session) = &mut self.session else { return };
        let Some((ballot, cut)) = session.instance.as_ref().and_then(|i| i.wanted.clone()) else { return };
        if session.held_chain(cut.next) != Some(cut.chain) {
            return;
        }
        let roster = std::sync::Arc::clone(session.deciding_roster());
        let Some(instance) = session.instance.as_mut().filter(|i| i.epoch == roster.epoch) else { return };
        instance.accept(ballot, cut);
        let epoch = roster.epoch;
        let own = instance.leading.as_ref().is_some_and(|l| l.ballot == ballot);
        if own && let Some(me) = me {
            if let Some(cut) = instance.on_accepted(me, ballot, &roster) {
                self.decide(now, epoch, cut);
            }
            return;
        }
        let count = roster.members.len().max(1);
        if let Some(leader) = roster.members.get(ballot as usize % count).map(|m| m.key) {
            self.post_to(leader, Message::Accepted { epoch, ballot });
        }
    }

    pub(super) fn on_accepted(&mut self, now: Time, from: PeerKey, epoch: u32, ballot: u32) {
        let Some(session) = &mut self.session else { return };
        let roster = std::sync::Arc::clone(session.deciding_roster());
        let Some(player) = roster.member_by_key(&from).map(|m| m.player) else { return };
        let Some(instance) = session.instance.as_mut().filter(|i| i.epoch == epoch && roster.epoch == epoch) else {
            return;
        };
        if let Some(cut) = instance.on_accepted(player, ballot, &roster) {
            self.decide(now, epoch, cut);
        }
    }

    /// The outcome of an epoch, from a member of it or from the sponsor of a follower.
    pub(super) fn on_decided(&mut self, now: Time, from: PeerKey, epoch: u32, cut: Cut) {
        let Some(session) = &self.session else { return };
        let sponsor = self.following.as_ref().is_some_and(|f| *f.sponsor() == from);
        let knows = |roster: &crate::protocol::roster::Roster| roster.member_by_key(&from).is_some();
        let member = knows(session.deciding_roster()) || knows(&session.front.roster);
        if (sponsor || member) && cut.next >= session.confirmed {
            self.decide(now, epoch, cut);
        }
    }

    /// Goes by a decided cut: what was executed beyond it is taken back, and the next epoch begins there.
    fn decide(&mut self, now: Time, epoch: u32, cut: Cut) {
        let Some(session) = &mut self.session else { return };
        if session.cuts.contains_key(&epoch) || cut.next < session.confirmed {
            return;
        }
        let keys: Vec<PeerKey> = session.front.roster.members.iter().map(|m| m.key).collect();
        session.cuts.insert(epoch, cut.clone());
        if session.instance.as_ref().is_some_and(|i| i.epoch == epoch) {
            session.instance = None;
        }
        // A log that went another way before the cut is not the one that was agreed.
        let keep = match session.chain_before(cut.next) {
            Some(chain) if chain == cut.chain => cut.next,
            Some(_) => session.confirmed,
            None => session.front.next,
        };
        if session.front.next > keep {
            self.counters.roll_backs += 1;
            session.roll_back(now, keep, &mut self.effects);
            self.links.values_mut().for_each(|link| link.roll_back(keep));
        } else {
            session.refresh();
        }
        if let Some(waiting) = &mut session.waiting {
            waiting.since = now;
        }
        let me = self.key;
        for key in keys.into_iter().filter(|key| *key != me) {
            self.post_repeatedly(now, key, Message::Decided { epoch, cut: cut.clone() });
        }
    }

    /// Repeats the messages of the ballot led here to those who have not answered.
    fn repeat_ballot(&mut self, now: Time) {
        let Some(instance) = self.session.as_mut().and_then(|s| s.instance.as_mut()) else { return };
        let epoch = instance.epoch;
        let Some(leading) = &instance.leading else { return };
        if now.since(leading.since) > BALLOT_US * u64::from(instance.attempts.clamp(1, 8)) {
            return;
        }
        let message = match &leading.value {
            None => Message::Prepare { epoch, ballot: leading.ballot },
            Some(cut) => Message::Accept { epoch, ballot: leading.ballot, cut: cut.clone() },
        };
        if now.since(self.counters.ballot_repeated) >= REPEAT_US {
            self.post_to_unanswered(now, message);
        }
    }

    fn post_to_unanswered(&mut self, now: Time, message: Message) {
        self.counters.ballot_repeated = now;
        let Some(session) = &self.session else { return };
        let roster = std::sync::Arc::clone(session.deciding_roster());
        let Some(instance) = &session.instance else { return };
        let players: Vec<Player> = instance.unanswered(&roster).collect();
        let keys = players.iter().filter_map(|p| roster.member(*p)).map(|m| m.key).filter(|key| *key != self.key);
        for key in keys.collect::<Vec<_>>() {
            self.post_to(key, message.clone());
        }
    }

    /// Queues a message for a peer, if there is a link to it.
    pub(super) fn post_to(&mut self, to: PeerKey, message: Message) {
        if let Some(link) = self.links.get_mut(&to) {
            post(link, message);
        }
    }
}

/// Whether every member that a cut removes as exposed is convicted by a proof in it.
fn proofs_hold(cut: &Cut, session: SessionId, roster: &crate::protocol::roster::Roster) -> bool {
    let exposed = cut.removed.iter().filter(|(_, why)| *why == crate::protocol::effect::Departure::Exposed);
    exposed.clone().all(|(player, _)| {
        let Some(member) = roster.member(*player) else { return false };
        let of = |proof: &Proof| (proof.a.head.session, proof.a.head.player, proof.a.head.incarnation);
        let expected = (session, *player, member.incarnation);
        cut.proofs.iter().any(|proof| of(proof) == expected && proof.convicts(&member.key))
    })
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::protocol::config::{Founder, Genesis, Rules};
    use crate::protocol::effect::Departure;
    use crate::protocol::evidence::Head;
    use crate::protocol::ids::Turn;
    use crate::protocol::roster::Roster;

    #[test]
    fn a_cut_that_exposes_needs_a_proof_about_that_very_life_in_this_session() {
        let identity = SigningKey::from_bytes(&[3; 32]);
        let key = PeerKey(identity.verifying_key().to_bytes());
        let founder = |player, key| Founder { player: Player(player), key, role: 1, address: Vec::new() };
        let session = SessionId([7; 16]);
        let founders = vec![founder(1, PeerKey([9; 32])), founder(2, key)];
        let rules = Rules::usual(session, 60, 1);
        let roster = Roster::new(&Genesis { rules, founders, known: Vec::new(), scenario: Vec::new(), start: None });
        let proof = |session, player, incarnation| {
            let head = |chain| Head { session, player, incarnation, turn: Turn(30), chain: Hash([chain; 32]) };
            Proof { a: head(1).sign(&identity), b: head(2).sign(&identity) }
        };
        let holds = |player, proofs| {
            let removed = vec![(player, Departure::Exposed)];
            proofs_hold(&Cut { next: Turn(40), chain: Hash::default(), removed, proofs }, session, &roster)
        };
        let two = Player(2);
        assert!(holds(two, vec![proof(session, two, 1)]));
        assert!(!holds(two, Vec::new()), "no proof");
        assert!(!holds(two, vec![proof(SessionId([8; 16]), two, 1)]), "of another session");
        assert!(!holds(two, vec![proof(session, two, 2)]), "of another life");
        assert!(!holds(Player(1), vec![proof(session, Player(1), 1)]), "signed with another's key");
        assert!(!holds(Player(5), vec![proof(session, Player(5), 1)]), "of nobody here");
    }
}
