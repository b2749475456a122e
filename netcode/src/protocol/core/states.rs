//! After a desync: both sides get the other's state to compare, then the minority takes the majority's state and executes
//! its log from there on. Must never take a state that a quorum has not signed, nor disturb the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::protocol::config::MEMBERS_MAX;
use crate::protocol::effect::{Effect, Event, Frame};
use crate::protocol::evidence::verify;
use crate::protocol::ids::{Hash, PeerKey, Player, Time, Turn};
use crate::protocol::input::Input;
use crate::protocol::transfer::{Ack, CHUNK_BYTES, Chunk, Offer, Packed, Receiver, Sender};
use crate::protocol::wire::{Attestation, Message, encode_message};

use super::following::BlobHead;
use super::{Core, Session};

/// Set in the numbers of transfers of states to compare.
const COMPARISON: u32 = 1 << 31;
/// Time between repetitions, microseconds.
const REPEAT_US: u64 = 200_000;
/// How long a peer waits for another's state, microseconds.
const PATIENCE_US: u64 = 8_000_000;
/// How long the log stands still for the comparison before the session stops, microseconds.
const STOP_US: u64 = 2_000_000;
/// How long a wrong state can be asked for at least, microseconds.
const LOOK_US: u64 = 1_500_000;
/// How long one peer is served before the next may be, microseconds.
const SERVING_US: u64 = 5_000_000;
/// States that are taken for others after one desync, at most.
const TAKEN_MAX: u32 = 4;
/// Most bytes that another's state may be longer than twice ours.
const EXTRA_BYTES: u64 = 1 << 20;
/// Most bytes of a state that is taken over.
const BLOB_BYTES_MAX: u64 = 512 << 20;
/// How often a peer takes the others' state before it gives up: its simulation goes wrong again and again.
const RESYNCS_MAX: u32 = 5;

/// A desync that is not mended yet.
#[derive(Debug)]
pub(super) struct Desync {
    since: Time,
    /// First turn whose digests differ.
    first: Turn,
    /// Turn whose digests decided who is right.
    at: Turn,
    /// Nobody can say who is right.
    stops: bool,
    ours_is_wrong: bool,
    /// Who has another state, as long as it has.
    others: BTreeSet<PeerKey>,
    /// Who has the right state, ours apart.
    right: Vec<PeerKey>,
    /// Our state, packed: after which turn.
    ours: Option<(Turn, Packed)>,
    /// A state that the world was asked for.
    taking: Option<Turn>,
    taken: u32,
    transfers: u32,
    serving: Option<Serving>,
    asking: Option<Asking>,
    resync: Option<Resync>,
}

/// Our state on its way to another peer.
#[derive(Debug)]
struct Serving {
    to: PeerKey,
    turn: Turn,
    transfer: u32,
    offer: Offer,
    sender: Sender,
    offered: Option<Time>,
    accepted: bool,
    since: Time,
}

/// Another's state on its way here.
#[derive(Debug)]
struct Asking {
    from: PeerKey,
    asked: Option<Time>,
    receiver: Option<Receiver>,
}

/// The majority's state on its way here.
#[derive(Debug)]
struct Resync {
    from: PeerKey,
    asked: Option<Time>,
    begun: Time,
    /// Last turn in the blob, and the blob.
    receiver: Option<(Turn, Receiver)>,
    attestations: BTreeMap<Player, Attestation>,
}

impl Desync {
    pub fn new(
        now: Time,
        first: Turn,
        at: Turn,
        stops: bool,
        ours_is_wrong: bool,
        others: Vec<PeerKey>,
        right: Vec<PeerKey>,
    ) -> Self {
        let asking = others.first().map(|from| Asking { from: *from, asked: None, receiver: None });
        Self {
            since: now,
            first,
            at,
            stops,
            ours_is_wrong,
            others: others.into_iter().collect(),
            right,
            ours: None,
            taking: Some(first),
            taken: 0,
            transfers: 0,
            serving: None,
            asking,
            resync: None,
        }
    }

    /// Whether the session stops because of it.
    pub fn stops(&self) -> bool {
        self.stops
    }

    pub fn wake_at(&self) -> Time {
        let sender = self.serving.as_ref().map(|s| s.sender.wake_at());
        let receivers = [
            self.asking.as_ref().and_then(|a| a.receiver.as_ref()),
            self.resync.as_ref().and_then(|r| r.receiver.as_ref()).map(|(_, receiver)| receiver),
        ];
        let receivers = receivers.into_iter().flatten().map(Receiver::wake_at);
        sender.into_iter().chain(receivers).min().unwrap_or(Time(u64::MAX))
    }

    /// Whether this peer is known to have a wrong state.
    fn is_wrong(&self, key: &PeerKey) -> bool {
        !self.stops && !self.ours_is_wrong && self.others.contains(key)
    }

    /// The next time, another one of the majority is asked.
    fn next_right(&mut self) {
        if let Some(first) = (!self.right.is_empty()).then(|| self.right.remove(0)) {
            self.right.push(first);
        }
    }

    fn offer_to(&mut self, now: Time, to: PeerKey) {
        let Some((turn, packed)) = &self.ours else { return };
        self.transfers += 1;
        let transfer = COMPARISON | self.transfers;
        self.serving = Some(Serving {
            to,
            turn: *turn,
            transfer,
            offer: packed.offer,
            sender: Sender::new(transfer, Arc::clone(&packed.bytes), packed.offer.chunk_bytes),
            offered: None,
            accepted: false,
            since: now,
        });
    }
}

impl<I: Input> Session<I> {
    /// The frame of an executed turn, made again from the log.
    fn frame_again(&self, turn: Turn) -> Option<Frame<I>> {
        let record = self.record(turn)?;
        let mut roster =
            Arc::clone(turn.0.checked_sub(1).and_then(|t| self.record(Turn(t))).map_or(&self.base, |r| &r.after));
        let mut changes = Vec::new();
        while let Some((next, new)) = roster.start_turn(turn, self.cuts.get(&roster.epoch)) {
            roster = Arc::new(next);
            changes.extend(new);
        }
        let input = |m: &crate::protocol::roster::Member| {
            let entry = self.ledger.get((m.player, m.incarnation), turn)?;
            Some((m.player, entry.input.clone()))
        };
        let inputs: Option<Vec<_>> = record.during.members.iter().map(input).collect();
        Some(Frame { turn, changes, inputs: inputs?, chain: self.chain_before(turn.plus(1))? })
    }
}

impl<I: Input> Core<I> {
    /// Goes on with what a desync asks for: states to compare, then the majority's state.
    pub(super) fn mend_desync(&mut self, now: Time) {
        self.forget_mended();
        self.serve_state(now);
        self.ask_for_state(now);
        let Some(session) = &mut self.session else { return };
        let Some(desync) = &mut session.digests.desync else { return };
        let waited_us = now.since(desync.since);
        if desync.stops {
            let idle = desync.asking.is_none() && desync.serving.is_none() && waited_us > STOP_US / 2;
            if idle || waited_us > STOP_US {
                self.effects.push(Effect::Event(Event::Stopped { turn: desync.at }));
                self.stopped = true;
            }
        } else if desync.ours_is_wrong {
            // Others want to see the wrong state before it is gone.
            let seen = desync.asking.is_none() && desync.serving.is_none() && waited_us > LOOK_US;
            if seen || waited_us > PATIENCE_US || desync.resync.is_some() {
                self.resync(now);
            }
        } else if waited_us > 2 * PATIENCE_US {
            // Whoever does not come back is reported again, if it is still wrong.
            self.end_desync();
        }
    }

    /// Forgets those whose digests are ours again, and the desync with the last of them.
    fn forget_mended(&mut self) {
        let Some(session) = &mut self.session else { return };
        let Some(desync) = session.digests.desync.as_mut().filter(|d| !d.stops && !d.ours_is_wrong) else { return };
        let ours = &session.digests.ours;
        let (at, roster, links) = (desync.at, &session.front.roster, &self.links);
        desync.others.retain(|key| {
            let told = links.get(key).and_then(|link| link.digests.range(at.plus(1)..session.confirmed).next_back());
            let mended = told.is_some_and(|(turn, digest)| ours.get(turn) == Some(digest));
            roster.member_by_key(key).is_some() && !mended
        });
        let busy = desync.serving.is_some() || desync.asking.is_some();
        if desync.others.is_empty() && !busy {
            self.end_desync();
        }
    }

    /// Compares anew from here on.
    fn end_desync(&mut self) {
        let Some(session) = &mut self.session else { return };
        session.digests.desync = None;
        let confirmed = session.confirmed;
        for link in self.links.values_mut() {
            link.digests.drop_before(confirmed);
            link.compared = link.compared.max(confirmed);
        }
    }

    fn serve_state(&mut self, now: Time) {
        let Some(session) = &mut self.session else { return };
        let Some(desync) = &mut session.digests.desync else { return };
        let Some(serving) = &mut desync.serving else { return };
        let Some(link) = self.links.get_mut(&serving.to).filter(|_| now.since(serving.since) < SERVING_US) else {
            desync.serving = None;
            return;
        };
        if serving.sender.is_done() {
            desync.serving = None;
            return;
        }
        if !serving.accepted {
            if serving.offered.is_none_or(|at| now.since(at) >= REPEAT_US) {
                serving.offered = Some(now);
                let (transfer, turn, offer) = (serving.transfer, serving.turn, serving.offer);
                link.outbox.push(Message::Offer { transfer, turn, offer });
            }
            return;
        }
        let mut chunks = Vec::new();
        serving.sender.poll(now, &mut chunks);
        for chunk in chunks {
            let mut bytes = vec![0];
            bytes.extend(encode_message(&Message::Chunk(chunk)));
            self.effects.push(Effect::Send { to: serving.to, bytes });
        }
    }

    fn ask_for_state(&mut self, now: Time) {
        let Some(desync) = self.session.as_mut().and_then(|s| s.digests.desync.as_mut()) else { return };
        let Some(asking) = &mut desync.asking else { return };
        let from = asking.from;
        if now.since(desync.since) > PATIENCE_US || !self.links.contains_key(&from) {
            desync.asking = None;
            return;
        }
        match &mut asking.receiver {
            None if asking.asked.is_none_or(|at| now.since(at) >= REPEAT_US) => {
                asking.asked = Some(now);
                let turn = desync.first;
                self.post_to(from, Message::StateWanted { turn });
            }
            None => {}
            Some(receiver) => {
                if let Some(ack) = receiver.poll(now) {
                    self.post_state_ack(from, ack);
                }
            }
        }
    }

    fn post_state_ack(&mut self, to: PeerKey, ack: Ack) {
        if let Some(link) = self.links.get_mut(&to) {
            link.outbox.push(Message::ChunkAck(ack));
        }
    }

    /// Takes a snapshot that was wanted for a comparison of states; `false` if it was not.
    pub(super) fn snapshot_for_comparison(&mut self, turn: Turn, bytes: &[u8]) -> bool {
        let Some(desync) = self.session.as_mut().and_then(|s| s.digests.desync.as_mut()) else { return false };
        if desync.taking != Some(turn) {
            return false;
        }
        desync.taking = None;
        if let Ok(packed) = Packed::new(bytes, CHUNK_BYTES) {
            desync.ours = Some((turn, packed));
        }
        true
    }

    /// Another peer wants our state: one at a time, and only while states are known here to differ.
    pub(super) fn on_state_wanted(&mut self, now: Time, from: PeerKey, turn: Turn) {
        let Some(session) = &mut self.session else { return };
        let known = session.front.roster.member_by_key(&from).is_some() && turn < session.confirmed;
        let Some(desync) = session.digests.desync.as_mut().filter(|d| known && d.serving.is_none()) else { return };
        if desync.ours.as_ref().is_some_and(|(of, _)| *of == turn) {
            desync.offer_to(now, from);
        } else if desync.taking.is_none() && desync.taken < TAKEN_MAX && desync.resync.is_none() {
            desync.taken += 1;
            desync.taking = Some(turn);
            self.effects.push(Effect::SnapshotWanted { turn });
        }
    }

    /// The offer of a state to compare or to take; `false` if it is neither.
    pub(super) fn on_state_offer(&mut self, from: PeerKey, transfer: u32, turn: Turn, offer: &Offer) -> bool {
        let Some(session) = &mut self.session else { return false };
        let oldest = session.records.front().map_or(session.front.next, |record| record.turn);
        let confirmed = session.confirmed;
        let Some(desync) = &mut session.digests.desync else { return false };
        let ack = if transfer & COMPARISON != 0 {
            let limit = desync.ours.as_ref().map_or(0, |(_, packed)| packed.offer.size) * 2 + EXTRA_BYTES;
            let Some(asking) = desync.asking.as_mut().filter(|a| a.from == from && turn == desync.first) else {
                return true;
            };
            match &mut asking.receiver {
                Some(receiver) => receiver.resume(transfer, offer).ok(),
                None => Receiver::new(transfer, *offer, limit).ok().map(|r| asking.receiver.insert(r).resume_state()),
            }
        } else {
            let Some(resync) = desync.resync.as_mut().filter(|r| r.from == from) else { return false };
            // Executing again from there must be possible.
            if turn < oldest || turn <= desync.at || turn >= confirmed {
                return true;
            }
            match &mut resync.receiver {
                Some((of, receiver)) if *of == turn => receiver.resume(transfer, offer).ok(),
                _ => Receiver::new(transfer, *offer, BLOB_BYTES_MAX).ok().map(|receiver| {
                    resync.attestations.clear();
                    resync.receiver.insert((turn, receiver)).1.resume_state()
                }),
            }
        };
        if let Some(ack) = ack {
            self.post_state_ack(from, ack);
        }
        true
    }

    /// A piece of a state to compare or to take.
    pub(super) fn on_state_chunk(&mut self, now: Time, from: PeerKey, chunk: &Chunk) {
        let Some(desync) = self.session.as_mut().and_then(|s| s.digests.desync.as_mut()) else { return };
        if chunk.transfer & COMPARISON == 0 {
            let resync = desync.resync.as_mut().filter(|r| r.from == from);
            let ack = resync.and_then(|r| r.receiver.as_mut()).and_then(|(_, receiver)| receiver.on_chunk(now, chunk));
            return ack.into_iter().for_each(|ack| self.post_state_ack(from, ack));
        }
        let Some(asking) = desync.asking.as_mut().filter(|a| a.from == from) else { return };
        let Some(receiver) = &mut asking.receiver else { return };
        let ack = receiver.on_chunk(now, chunk);
        let whole = receiver.is_complete().then(|| receiver.finish().ok());
        let turn = desync.first;
        if let Some(blob) = whole {
            desync.asking = None;
            let with = self.session.as_ref().and_then(|s| s.front.roster.player_of(&from));
            if let (Some(with), Some(blob)) = (with, blob) {
                self.effects.push(Effect::Compare { with, turn, snapshot: Arc::new(blob) });
            }
        }
        ack.into_iter().for_each(|ack| self.post_state_ack(from, ack));
    }

    /// What has arrived of our state; `false` if it is about another transfer.
    pub(super) fn on_state_ack(&mut self, now: Time, from: PeerKey, ack: &Ack) -> bool {
        let desync = self.session.as_mut().and_then(|s| s.digests.desync.as_mut());
        let serving = desync.and_then(|d| d.serving.as_mut());
        if let Some(serving) = serving.filter(|s| s.to == from && s.transfer == ack.transfer) {
            serving.accepted = true;
            serving.sender.on_ack(now, ack);
        }
        ack.transfer & COMPARISON != 0
    }

    /// A signature, which may be for the state that is taken here.
    pub(super) fn on_state_attest(&mut self, attestation: &Attestation) {
        let desync = self.session.as_mut().and_then(|s| s.digests.desync.as_mut());
        let Some(resync) = desync.and_then(|d| d.resync.as_mut()) else { return };
        let Some((turn, receiver)) = &resync.receiver else { return };
        let same = attestation.turn == *turn && attestation.blob == receiver.offer().id;
        if same && resync.attestations.len() < MEMBERS_MAX {
            resync.attestations.insert(attestation.player, attestation.clone());
        }
    }

    /// Whether a member is to be served a state as a newcomer is, because its own has gone wrong.
    pub(super) fn may_resync(&self, from: &PeerKey) -> bool {
        let desync = self.session.as_ref().and_then(|s| s.digests.desync.as_ref());
        desync.is_some_and(|desync| desync.is_wrong(from))
    }

    /// Asks one of the majority for its state after the other, and takes it.
    fn resync(&mut self, now: Time) {
        let life = self.life;
        let Some(session) = &mut self.session else { return };
        let revision = session.genesis.rules.simulation_revision;
        let Some(desync) = &mut session.digests.desync else { return };
        if session.digests.resyncs >= RESYNCS_MAX {
            self.effects.push(Effect::Event(Event::Stopped { turn: desync.at }));
            self.stopped = true;
            return;
        }
        let stale = desync.resync.as_ref().is_none_or(|r| now.since(r.begun) > PATIENCE_US && r.receiver.is_none());
        if stale {
            if desync.resync.is_some() {
                desync.next_right();
            }
            let Some(from) = desync.right.first().copied() else { return };
            desync.resync =
                Some(Resync { from, asked: None, begun: now, receiver: None, attestations: BTreeMap::new() });
        }
        let Some(resync) = &mut desync.resync else { return };
        let from = resync.from;
        let ack = resync.receiver.as_mut().and_then(|(_, receiver)| receiver.poll(now));
        let ask = resync.asked.is_none_or(|at| now.since(at) >= 2 * REPEAT_US);
        if ask {
            resync.asked = Some(now);
            let address = self.config.address.clone();
            self.post_to(from, Message::Ask { life, spectator: false, revision, address, have: None });
        }
        ack.into_iter().for_each(|ack| self.post_state_ack(from, ack));
        self.take_state(now);
    }

    /// Takes the majority's state once it is whole and signed by a quorum, and executes the log from there on.
    fn take_state(&mut self, _now: Time) {
        let Some(session) = &mut self.session else { return };
        let Some(resync) = session.digests.desync.as_mut().and_then(|d| d.resync.as_mut()) else { return };
        let Some((turn, receiver)) = resync.receiver.as_ref().filter(|(_, r)| r.is_complete()) else { return };
        let (turn, id) = (*turn, receiver.offer().id);
        let message = Attestation::message(session.genesis.rules.session, turn, &id);
        let attestations = resync.attestations.clone();
        let blob = receiver.finish().ok();
        let from = resync.from;
        let Some(record) = session.record(turn) else { return };
        let signed = |player: Player| {
            let member = record.after.member(player);
            attestations.get(&player).zip(member).is_some_and(|(a, m)| verify(&m.key, &message, &a.r, &a.s))
        };
        // Without a quorum yet, the signatures may still be on their way.
        if blob.is_some() && !record.after.is_quorum(signed) {
            return;
        }
        let chain: Option<Hash> = session.chain_before(turn.plus(1));
        let blob = blob
            .as_deref()
            .and_then(BlobHead::split)
            .filter(|(head, _)| head.turn == turn && Some(head.chain) == chain && head.genesis == *session.genesis);
        let again: Option<Vec<Frame<I>>> =
            (turn.plus(1).0..session.front.next.0).map(|t| session.frame_again(Turn(t))).collect();
        let (Some((_, world)), Some(again)) = (blob, again) else {
            // Another one may do.
            if let Some(desync) = &mut session.digests.desync {
                desync.resync = None;
                desync.next_right();
            }
            return;
        };
        let scenario = Arc::new(session.genesis.scenario.clone());
        self.effects.push(Effect::Install { turn: Some(turn), scenario, snapshot: Arc::new(world.to_vec()) });
        session.digests.ours.clear();
        session.digests.resyncs += 1;
        self.effects.extend(again.into_iter().map(|frame| Effect::Execute(Arc::new(frame))));
        if session.confirmed > turn.plus(1) {
            let chain = session.chain_before(session.confirmed).unwrap_or_default();
            self.effects.push(Effect::Confirm { turn: session.confirmed.before(), chain });
        }
        let have = Some((session.front.next, session.front.chain.short()));
        let revision = session.genesis.rules.simulation_revision;
        let (life, address) = (self.life, self.config.address.clone());
        self.end_desync();
        self.post_to(from, Message::Ask { life, spectator: false, revision, address, have });
    }
}
