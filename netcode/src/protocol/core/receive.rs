//! What comes in: a datagram is taken apart, and each part goes to whom it concerns. Bytes that are no datagram, and
//! parts that make no sense at present, are dropped.

use crate::protocol::cut::Cut;
use crate::protocol::effect::Effect;
use crate::protocol::entry::Entry;
use crate::protocol::ids::{PeerKey, Time, Turn};
use crate::protocol::input::Input;
use crate::protocol::link::Link;
use crate::protocol::wire::{Datagram, Message, Run, TurnPart};

use super::Core;
use super::send::post;

/// How many turns a peer is behind what is confirmed here before it is told which log it is on.
const MARK_TURNS: u64 = 16;
/// Most cuts that are told at once.
const CUTS_TOLD: usize = 4;

impl<I: Input> Core<I> {
    /// Takes a datagram whose sender the transport has authenticated. Any bytes may come.
    pub fn handle(&mut self, now: Time, from: PeerKey, bytes: &[u8]) {
        if self.stopped {
            return;
        }
        let Some(datagram) = Datagram::decode(bytes) else {
            self.counters.garbage += 1;
            return;
        };
        self.stirred |= !datagram.messages.is_empty();
        for message in datagram.messages.iter().filter(|m| matches!(m, Message::Ask { .. })) {
            self.on_ask(now, from, message);
        }
        // A player that was cut off for long may not know yet that the session went on without it.
        let known = || self.session.as_ref().is_some_and(|s| s.front.roster.player_of(&from).is_some());
        if datagram.turn.is_some() && !self.links.contains_key(&from) && known() {
            self.links.insert(from, Link::new(now));
            self.stirred = true;
        }
        let Some(link) = self.links.get_mut(&from) else { return };
        link.heard = now;
        if let Some(part) = &datagram.turn {
            self.on_turn(now, from, part);
        }
        for message in datagram.messages {
            self.on_message(now, from, message);
        }
    }

    fn on_message(&mut self, now: Time, from: PeerKey, message: Message) {
        match message {
            Message::Ask { .. } => {}
            Message::Refuse(why) => self.on_refuse(now, from, why),
            Message::Follow => self.on_follow(now, from),
            Message::Offer { transfer, turn, offer } => self.on_offer(now, from, transfer, turn, offer),
            Message::Chunk(chunk) => self.on_chunk(now, from, &chunk),
            Message::ChunkAck(ack) => self.on_chunk_ack(now, from, &ack),
            Message::Ready { life } => self.on_ready(now, from, life),
            Message::Attest(attestation) => {
                self.on_state_attest(&attestation);
                self.on_attest(&from, attestation);
            }
            Message::Prepare { epoch, ballot } => self.on_prepare(now, from, epoch, ballot),
            Message::Promise { epoch, ballot, next, chain, ends, accepted } => {
                let promise = crate::protocol::cut::Promise { next, chain, ends, accepted };
                self.on_promise(from, epoch, ballot, promise);
            }
            Message::Overtaken { epoch, ballot } => self.on_overtaken(&from, epoch, ballot),
            Message::Accept { epoch, ballot, cut } => self.on_accept(now, from, epoch, ballot, cut),
            Message::Accepted { epoch, ballot } => self.on_accepted(now, from, epoch, ballot),
            Message::Decided { epoch, cut } => self.on_decided(now, from, epoch, cut),
            Message::Head(head) => self.on_head(now, from, &head),
            Message::Audit { turn, chains } => self.on_audit(now, from, turn, &chains),
            Message::HeadWanted { turn } => self.on_head_wanted(now, from, turn),
            Message::Expose(proof) => self.on_expose(now, from, *proof),
            Message::StateWanted { turn } => self.on_state_wanted(now, from, turn),
            Message::Mark { next, epoch, chain } => self.on_mark(from, next, epoch, chain),
            Message::Farewell => self.on_farewell(from),
            Message::Others { members } => self.on_others(from, members),
        }
    }

    fn on_farewell(&mut self, from: PeerKey) {
        // A member of the turn to be confirmed next is needed for its acknowledgement, which came with the farewell.
        let needed = self.session.as_ref().is_some_and(|session| {
            let rosters = [&session.front.roster, session.deciding_roster()];
            rosters.iter().any(|roster| roster.member_by_key(&from).is_some())
        });
        if !needed {
            self.drop_link(from);
        }
    }

    /// Ends a link that is needed no more.
    pub(super) fn drop_link(&mut self, key: PeerKey) {
        if self.links.remove(&key).is_some() {
            self.effects.push(Effect::Disconnect { to: key });
        }
        self.newcomers.forget(&key);
        if let Some(session) = &mut self.session {
            session.pace.forget(&key);
        }
    }

    fn on_turn(&mut self, now: Time, from: PeerKey, part: &TurnPart) {
        let Some(link) = self.links.get_mut(&from) else { return };
        let said_next = link.said.map(|said| said.next);
        let (newest, rtt_us) = link.on_turn(now, part);
        let Some(session) = &mut self.session else {
            return self.following.iter_mut().for_each(|following| following.keep(&from, &part.runs));
        };
        let sponsor = self.following.as_ref().map(super::following::Following::sponsor);
        let member = session.seats.has(&from);
        let follows = sponsor == Some(&from);
        for run in &part.runs {
            let life = (run.player, run.incarnation);
            if session.is_life_of(life, &self.key, self.life) {
                continue;
            }
            let roster = &session.front.roster;
            let known = || roster.known().find(|(_, player)| *player == run.player).map(|(key, _)| key);
            let author = roster.member(run.player).map(|m| m.key).or_else(known);
            if follows || session.divergence.admits(now, from, author, life, run.first) {
                take_run(now, session, run);
            }
        }
        if !newest {
            return;
        }
        link.claim(part.claim());
        let agreed = link.agreed;
        judge(now, session, &from, link);
        // Whoever was behind acknowledges the first unconfirmed turn: it is counted when enough may have done so.
        if agreed <= session.confirmed && link.agreed > session.confirmed {
            session.lacking = session.lacking.saturating_sub(1);
            self.acknowledged |= session.lacking == 0;
        }
        self.acknowledged |= link.confirmed > session.confirmed;
        // What it says of turns to come tells a peer that is far behind nothing about where it is now.
        let common = part.next.min(session.confirmed);
        let behind = part.next.plus(MARK_TURNS) < session.confirmed;
        // Where the log stands, at this end or at that one, acknowledgements may be missing that nobody says again.
        let stands = session.waiting.is_some() || (said_next == Some(part.next) && part.next <= session.confirmed);
        let waits = stands && part.claim().confirmed < common;
        if (behind || waits)
            && let (Some(epoch), Some(chain)) = (session.epoch_of(common), session.chain_before(common))
        {
            post(link, Message::Mark { next: common, epoch, chain: chain.short() });
            self.stirred = true;
        }
        if member || sponsor == Some(&from) {
            let rtt_us = rtt_us.unwrap_or_else(|| link.rtt.smooth_us());
            let playhead = part.next.0 as f64 + part.playhead as f64 / 64.0;
            if link.rtt.is_known() {
                session.pace.observe(now, from, playhead, rtt_us);
            }
        }
        // Whoever is an epoch behind, or in another one than we were at that turn, learns which cuts there were.
        let other = session.epoch_of(part.next).is_some_and(|epoch| epoch != part.epoch);
        if other || part.epoch < session.front.roster.epoch {
            let missed = |(epoch, cut): &(&u32, &Cut)| **epoch <= part.epoch && cut.next >= link.confirmed;
            let missed: Vec<_> = session.cuts.iter().filter(missed).map(|(e, cut)| (*e, cut.clone())).collect();
            for (epoch, cut) in missed.into_iter().take(CUTS_TOLD) {
                post(link, Message::Decided { epoch, cut });
            }
            self.stirred = true;
        }
    }

    fn on_mark(&mut self, from: PeerKey, next: Turn, epoch: u32, chain: u64) {
        let Some(session) = &self.session else { return };
        let Some(link) = self.links.get_mut(&from) else { return };
        let ours = session.chain_before(next).map(|chain| chain.short());
        if session.epoch_of(next) == Some(epoch) && ours == Some(chain) {
            link.agree(next, next);
        }
    }

    /// Compares what peers said of their logs with ours, as far as ours goes by now.
    pub(super) fn judge_claims(&mut self, now: Time) {
        let Some(session) = &mut self.session else { return };
        for (key, link) in &mut self.links {
            judge(now, session, key, link);
        }
    }
}

/// Compares what a peer said of its log with ours, as far as ours goes by now.
fn judge<I: Input>(now: Time, session: &mut super::Session<I>, key: &PeerKey, link: &mut Link) {
    while let Some(claim) = link.claims.pop_front_if(|claim| claim.next <= session.front.next) {
        if session.epoch_of(claim.next) != Some(claim.epoch) {
            continue;
        }
        match session.chain_before(claim.next) {
            Some(chain) if chain.short() == claim.chain => {
                link.agree(claim.next, claim.confirmed);
                claim.incarnation.into_iter().for_each(|incarnation| link.acknowledge(incarnation, claim.next));
                if let Some((turn, digest)) = claim.digest {
                    // Others may have had the turn confirmed before this one told its digest.
                    link.digests.insert(turn, digest);
                    // Also of those who only follow, whose digests nobody compares.
                    link.digests.keep(super::digests::KEPT);
                    link.compared = link.compared.min(turn);
                }
            }
            Some(_) => session.divergence.note(now, *key, claim.next, claim.chain),
            None => {}
        }
    }
}

/// Keeps the entries of a run that are expected, and watches how early they come.
pub(super) fn take_run<I: Input>(now: Time, session: &mut super::Session<I>, run: &Run) {
    let life = (run.player, run.incarnation);
    let Some(author) = session.ledger.author_mut(life) else { return };
    for (i, bytes) in run.entries.iter().enumerate() {
        let turn = run.first.plus(i as u64);
        if author.get(turn).is_some() || turn < author.missing() {
            continue;
        }
        let Some(entry) = Entry::decode(bytes) else { return };
        if author.insert(turn, entry) {
            session.delay.observe(now, session.pace.until(now, turn));
        }
    }
}

/// Whether a link is still needed: to members, to those who will be, and to those who have just ceased to be.
pub(super) fn is_needed<I: Input>(session: &super::Session<I>, key: &PeerKey, link: &Link, now: Time) -> bool {
    let roster = &session.front.roster;
    let member = session.seats.has(key) || roster.joining().any(|(m, _)| m.key == *key);
    member || session.deciding_roster().member_by_key(key).is_some() || now.since(link.heard) < 5_000_000
}
