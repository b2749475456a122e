//! The sponsor's side of joining: who may come in, the snapshot that every member signs, serving it, and proposing
//! those who keep step as members.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::protocol::effect::{Effect, Refusal};
use crate::protocol::entry::{ADDRESS_BYTES_MAX, Proposal};
use crate::protocol::evidence::{halves, verify};
use crate::protocol::ids::{Hash, PeerKey, Player, Time, Turn};
use crate::protocol::input::Input;
use crate::protocol::link::Link;
use crate::protocol::roster::{Member, Rejected, Roster};
use crate::protocol::transfer::{Ack, CHUNK_BYTES, Offer, Packed, Sender};
use crate::protocol::wire::{Attestation, Message, encode_message};

use super::Core;
use super::following::{BlobHead, STARTS_OVER};

/// Most peers that are served at once.
const GUESTS_MAX: usize = 64;
/// Most keys that the transport may have admitted and that have not asked yet.
const ADMITTED_MAX: usize = 4096;
/// Time between repetitions, microseconds.
const REPEAT_US: u64 = 150_000;
/// The same for an offer that was said once: what is sent behind it is lost without it, microseconds.
const OFFER_AGAIN_US: u64 = 15_000;
/// Most signatures of one member that wait for their state.
const EARLY_MAX: usize = 2;
/// How long a guest may be silent, microseconds.
const SILENCE_US: u64 = 5_000_000;
/// How old a blob may be for another guest, microseconds.
const BLOB_AGE_US: u64 = 3_000_000;

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

/// A peer that asked.
#[derive(Debug)]
struct Guest {
    life: u64,
    spectator: bool,
    address: Vec<u8>,
    /// The blob as it is sent to it.
    serving: Option<Serving>,
    /// It has what it needs and follows the log.
    follows: bool,
    proposed: Option<Time>,
    asked: Time,
    /// A member whose state has gone wrong.
    resyncs: bool,
}

impl Guest {
    fn new(now: Time, life: u64, spectator: bool, address: Vec<u8>) -> Self {
        let (serving, follows, proposed, resyncs) = (None, false, None, false);
        Self { life, spectator, address, serving, follows, proposed, asked: now, resyncs }
    }
}

#[derive(Debug)]
struct Serving {
    turn: Turn,
    /// Chain hash after it.
    chain: Hash,
    made: Time,
    transfer: u32,
    offer: Offer,
    attestations: BTreeMap<Player, Attestation>,
    sender: Sender,
    offered: Option<Time>,
    /// How often.
    offers: u32,
    /// The guest knows the offer.
    accepted: bool,
    /// How many of the signatures it was told.
    told: usize,
    /// The log behind the state is sent too.
    tells_log: bool,
}

/// The state after a turn, ready to be sent.
#[derive(Debug)]
struct Blob {
    turn: Turn,
    /// Chain hash after it.
    chain: Hash,
    packed: Packed,
    attestations: BTreeMap<Player, Attestation>,
    made: Time,
}

/// Everybody who is not a member yet, as far as this peer sponsors them.
#[derive(Debug, Default)]
pub(super) struct Newcomers {
    admitted: BTreeMap<PeerKey, Admission>,
    guests: BTreeMap<PeerKey, Guest>,
    blob: Option<Blob>,
    /// Signatures of states after turns that were not executed here when they came.
    early: Vec<(PeerKey, Attestation)>,
    /// Snapshots that members have asked for: after which turn, for whom.
    wanted: Vec<(Turn, Vec<Player>)>,
    requested: Option<Time>,
    transfers: u32,
}

impl Newcomers {
    /// The turn from which on the log has to be kept for guests.
    pub fn keep_from(&self) -> Turn {
        let serving = self.guests.values().filter_map(|g| g.serving.as_ref()).map(|s| s.turn);
        serving.chain(self.blob.as_ref().map(|b| b.turn)).min().unwrap_or(Turn(u64::MAX))
    }

    /// The run of the process that asks with this key, if one does.
    pub fn life_of(&self, key: &PeerKey) -> Option<u64> {
        self.guests.get(key).map(|guest| guest.life)
    }

    /// Whether nobody wants to come in.
    pub fn is_idle(&self) -> bool {
        self.guests.is_empty() && self.blob.is_none() && self.wanted.is_empty()
    }

    pub fn wake_at(&self) -> Time {
        let senders = self.guests.values().filter_map(|g| g.serving.as_ref()).map(|s| s.sender.wake_at());
        senders.min().unwrap_or(Time(u64::MAX))
    }

    /// Whoever asked has to ask another member.
    pub fn forget_guests(&mut self) {
        *self = Self { admitted: std::mem::take(&mut self.admitted), transfers: self.transfers, ..Self::default() };
    }

    pub fn forget(&mut self, key: &PeerKey) {
        self.guests.remove(key);
    }
}

impl<I: Input> Core<I> {
    /// The transport lets this peer ask to join or watch.
    pub fn admit(&mut self, key: PeerKey, admission: Admission) {
        if self.newcomers.admitted.len() < ADMITTED_MAX || self.newcomers.admitted.contains_key(&key) {
            self.newcomers.admitted.insert(key, admission);
        }
    }

    pub(super) fn on_ask(&mut self, now: Time, from: PeerKey, message: &Message) {
        let Message::Ask { life, spectator, revision, address, have } = message else { return };
        let Some(session) = &self.session else { return };
        let roster = &session.front.roster;
        if roster.member_by_key(&from).is_some_and(|m| m.life == *life) {
            return self.on_ask_of_member(now, from, *life, have.is_some());
        }
        let known = self.newcomers.guests.get(&from).is_some_and(|guest| guest.life == *life);
        if !known {
            if !self.links.contains_key(&from) && self.links.len() >= GUESTS_MAX + roster.members.len() {
                return;
            }
            // A new run of the process: nothing of the old link holds.
            self.links.insert(from, Link::new(now));
        }
        if let Some(why) = self.refusal(roster, &from, *revision) {
            return self.post_to(from, Message::Refuse(why));
        }
        let over = have.is_some_and(|(next, _)| next == STARTS_OVER);
        let continues = have.is_some_and(|(next, chain)| {
            let same = session.chain_before(next).is_some_and(|ours| ours.short() == chain);
            same && session.keeps_entries_of(next)
        });
        let address: Vec<u8> = address.iter().copied().take(ADDRESS_BYTES_MAX).collect();
        let new = || Guest::new(now, *life, *spectator, address.clone());
        let guest = self.newcomers.guests.entry(from).or_insert_with(new);
        if guest.life != *life {
            (guest.serving, guest.follows, guest.proposed) = (None, false, None);
        }
        (guest.life, guest.spectator, guest.address, guest.asked) = (*life, *spectator, address, now);
        if continues {
            (guest.serving, guest.follows) = (None, true);
            return self.post_to(from, Message::Follow);
        }
        if guest.follows || guest.serving.as_ref().is_some_and(|s| s.accepted && (over || s.sender.is_done())) {
            // It has lost its way and begins anew. That it has got the state may never have been heard here.
            (guest.serving, guest.follows, guest.proposed) = (None, false, None);
        }
        self.tell_others(from);
    }

    /// A member whose state has gone wrong asks for ours, or has it now.
    fn on_ask_of_member(&mut self, now: Time, from: PeerKey, life: u64, has: bool) {
        if has {
            if self.newcomers.guests.get(&from).is_some_and(|guest| guest.resyncs) {
                self.newcomers.guests.remove(&from);
            }
        } else if self.may_resync(&from) {
            let guest = Guest { resyncs: true, ..Guest::new(now, life, false, Vec::new()) };
            self.newcomers.guests.entry(from).or_insert(guest).asked = now;
        }
    }

    /// Why a peer that asks is not let in, if so.
    fn refusal(&self, roster: &Roster, key: &PeerKey, revision: u64) -> Option<Refusal> {
        let session = self.session.as_ref()?;
        let theirs = session.genesis.rules.simulation_revision;
        let admission = self.newcomers.admitted.get(key);
        if roster.is_banned(key) {
            Some(Refusal::Banned)
        } else if theirs != revision {
            Some(Refusal::Revision { theirs, ours: revision })
        } else if admission.is_none() && roster.player_of(key).is_none() {
            Some(Refusal::NotInvited)
        } else if roster.player_of(key).is_none()
            && admission.and_then(|a| a.invite).is_some_and(|invite| roster.is_spent(&invite))
        {
            Some(Refusal::InviteSpent)
        } else if roster.member_by_key(&self.key).is_none()
            || (!self.newcomers.guests.contains_key(key) && self.newcomers.guests.len() >= GUESTS_MAX)
        {
            Some(Refusal::Busy)
        } else {
            None
        }
    }

    /// Members want the state after an executed turn.
    pub(super) fn note_snapshot_wanted(&mut self, turn: Turn, players: &[Player]) {
        let Some(session) = &self.session else { return };
        let member = session.front.roster.member_by_key(&self.key).is_some();
        if member && !players.is_empty() {
            self.newcomers.wanted.retain(|(t, _)| t.0 + 256 > turn.0);
            self.newcomers.wanted.push((turn, players.to_vec()));
            self.effects.push(Effect::SnapshotWanted { turn });
        }
    }

    /// Answers [`Effect::SnapshotWanted`].
    pub fn snapshot(&mut self, turn: Turn, bytes: Arc<Vec<u8>>) {
        let now = self.polled;
        self.stirred = true;
        if self.snapshot_for_comparison(turn, &bytes) {
            return;
        }
        let Some(at) = self.newcomers.wanted.iter().position(|(t, _)| *t == turn) else { return };
        let (_, players) = self.newcomers.wanted.swap_remove(at);
        let Some(session) = &self.session else { return };
        let Some(record) = session.record(turn) else { return };
        let own = |m: &&Member| m.life == self.life;
        let Some(me) = record.during.member_by_key(&self.key).filter(own).map(|m| m.player) else { return };
        let Some(chain) = session.chain_before(turn.plus(1)) else { return };
        let started = record.after.members.iter().filter(|m| m.first <= turn);
        let authors = started.filter_map(|m| {
            let author = session.ledger.author((m.player, m.incarnation))?;
            Some((m.player, m.incarnation, author.chain_after(turn)?))
        });
        let head = BlobHead {
            genesis: (*session.genesis).clone(),
            turn,
            chain,
            roster: (*record.after).clone(),
            authors: authors.collect(),
        };
        let blob = head.with_world(&bytes);
        let hash = Hash(blake3::hash(&blob).into());
        let message = Attestation::message(session.genesis.rules.session, turn, &hash);
        let (r, s) = halves(&ed25519_dalek::Signer::sign(&self.config.identity, &message));
        let attestation = Attestation { player: me, turn, blob: hash, r, s };
        let keys: Vec<PeerKey> = players.iter().filter_map(|p| record.during.member(*p)).map(|m| m.key).collect();
        let own = self.key;
        for key in keys.into_iter().filter(|key| *key != own) {
            self.post_repeatedly(now, key, Message::Attest(attestation.clone()));
        }
        if players.contains(&me)
            && let Ok(packed) = Packed::new(&blob, CHUNK_BYTES)
        {
            let attestations = BTreeMap::from([(me, attestation)]);
            self.newcomers.blob = Some(Blob { turn, chain, packed, attestations, made: now });
            for (from, attestation) in std::mem::take(&mut self.newcomers.early) {
                self.on_attest(&from, attestation);
            }
        }
    }

    pub(super) fn on_attest(&mut self, from: &PeerKey, attestation: Attestation) {
        if self.following.is_some() {
            return self.on_attest_as_follower(attestation);
        }
        let Some(session) = &self.session else { return };
        let blob = self.newcomers.blob.as_mut().filter(|blob| blob.turn >= attestation.turn);
        let Some(blob) = blob else {
            let early = &mut self.newcomers.early;
            let waiting = early.iter().filter(|(other, _)| other == from).count();
            let new = !early.iter().any(|(_, other)| *other == attestation);
            if new && waiting < EARLY_MAX && session.seats.has(from) {
                early.push((*from, attestation));
            }
            return;
        };
        let Some(record) = session.record(blob.turn) else { return };
        let Some(member) = record.after.member(attestation.player) else { return };
        let same = attestation.turn == blob.turn && attestation.blob == blob.packed.offer.id;
        let message = Attestation::message(session.genesis.rules.session, blob.turn, &attestation.blob);
        if !same || !verify(&member.key, &message, &attestation.r, &attestation.s) {
            return;
        }
        let served = self.newcomers.guests.values_mut().filter_map(|guest| guest.serving.as_mut());
        for serving in served.filter(|serving| serving.turn == blob.turn) {
            serving.attestations.insert(attestation.player, attestation.clone());
        }
        blob.attestations.insert(attestation.player, attestation);
    }

    /// Serves everybody who asked, as far as it is time.
    pub(super) fn serve_newcomers(&mut self, now: Time) {
        let Some(session) = &self.session else { return };
        if self.newcomers.guests.is_empty() {
            self.newcomers.blob = None;
            return;
        }
        let roster = Arc::clone(&session.front.roster);
        let links = &self.links;
        self.newcomers.guests.retain(|key, guest| {
            let heard = links.get(key).map_or(Time(0), |link| link.heard).max(guest.asked);
            let member = roster.member_by_key(key).is_some_and(|m| m.life == guest.life);
            let asks = now.since(guest.asked) < SILENCE_US;
            if guest.resyncs { member && asks } else { !member && now.since(heard) < SILENCE_US }
        });
        self.drop_what_fell(now);
        self.request_blob(now);
        self.start_serving(now);
        self.send_chunks(now);
    }

    /// Forgets states of turns that were rolled back, and those that no quorum has signed in good time.
    fn drop_what_fell(&mut self, now: Time) {
        let Some(session) = &self.session else { return };
        let fell = |turn: Turn, chain: Hash| {
            turn >= session.front.next || session.chain_before(turn.plus(1)).is_some_and(|now| now != chain)
        };
        if self.newcomers.blob.as_ref().is_some_and(|blob| fell(blob.turn, blob.chain)) {
            self.newcomers.blob = None;
        }
        for guest in self.newcomers.guests.values_mut() {
            let useless = |serving: &mut Serving| {
                let signed = |player| serving.attestations.contains_key(&player);
                let late = now.since(serving.made) > BLOB_AGE_US;
                let unsigned = || session.record(serving.turn).is_some_and(|record| !record.after.is_quorum(signed));
                fell(serving.turn, serving.chain) || (late && unsigned())
            };
            if guest.serving.as_mut().is_some_and(useless) {
                guest.serving = None;
            }
        }
    }

    /// Proposes a snapshot if somebody waits for one and the last is too old.
    fn request_blob(&mut self, now: Time) {
        let waiting = self.newcomers.guests.values().any(|g| g.serving.is_none() && !g.follows);
        let fresh = self.newcomers.blob.as_ref().is_some_and(|b| now.since(b.made) < BLOB_AGE_US);
        let requested = self.newcomers.requested.is_some_and(|at| now.since(at) < 1_000_000);
        let stalls = self.session.as_ref().is_some_and(|s| s.waiting.is_some());
        if waiting && !fresh && !requested && !stalls {
            self.newcomers.requested = Some(now);
            self.newcomers.early.clear();
            self.proposals.push(Proposal::Snapshot);
        }
    }

    /// Begins to serve those who wait. They themselves wait for the signatures of a quorum, which are told once the turn
    /// is confirmed: nobody takes a state that may still be rolled back.
    fn start_serving(&mut self, now: Time) {
        let Some(session) = &self.session else { return };
        let Some(blob) = &self.newcomers.blob else { return };
        if session.record(blob.turn).is_none() || now.since(blob.made) >= BLOB_AGE_US {
            return;
        }
        for guest in self.newcomers.guests.values_mut().filter(|g| g.serving.is_none() && !g.follows) {
            self.newcomers.transfers = self.newcomers.transfers.wrapping_add(1);
            let transfer = self.newcomers.transfers;
            let Packed { offer, bytes } = &blob.packed;
            guest.serving = Some(Serving {
                turn: blob.turn,
                chain: blob.chain,
                made: blob.made,
                transfer,
                offer: *offer,
                attestations: blob.attestations.clone(),
                sender: Sender::new(transfer, Arc::clone(bytes), offer.chunk_bytes),
                offered: None,
                offers: 0,
                accepted: false,
                told: 0,
                tells_log: false,
            });
        }
    }

    /// Sends offers with their signatures until they are acknowledged, and chunks as fast as the way to the guest allows.
    fn send_chunks(&mut self, now: Time) {
        let Some(session) = &self.session else { return };
        let members = &session.front.roster.members;
        for (key, guest) in &mut self.newcomers.guests {
            let Some(serving) = &mut guest.serving else { continue };
            let Some(link) = self.links.get_mut(key) else { continue };
            let again_us = if serving.offers == 1 { OFFER_AGAIN_US } else { REPEAT_US };
            if serving.offered.is_none_or(|at| now.since(at) >= again_us) && !guest.follows {
                (serving.offered, serving.offers) = (Some(now), serving.offers.saturating_add(1));
                let (transfer, turn, offer) = (serving.transfer, serving.turn, serving.offer);
                if !serving.accepted {
                    // In a datagram of its own, ahead of the chunks that follow.
                    self.effects.push(alone(*key, &Message::Offer { transfer, turn, offer }));
                }
                // Signatures may have got lost on their own.
                if !serving.accepted || serving.sender.is_done() {
                    serving.told = 0;
                }
            }
            if serving.turn < session.confirmed && serving.told < serving.attestations.len() {
                serving.told = serving.attestations.len();
                link.outbox.extend(serving.attestations.values().cloned().map(Message::Attest));
            }
            // The first chunks follow the offer at once: a round trip is saved, and if they are lost, so is not much.
            let mut chunks = Vec::new();
            serving.sender.poll(now, &mut chunks);
            if serving.sender.has_sent_all() && !serving.tells_log {
                // What comes after the state is there with it, and not a round trip later.
                serving.tells_log = true;
                link.tell_log(serving.turn.plus(1), members.iter().map(|m| m.player));
            }
            self.effects.extend(chunks.into_iter().map(|chunk| alone(*key, &Message::Chunk(chunk))));
        }
    }

    pub(super) fn on_chunk_ack(&mut self, now: Time, from: PeerKey, ack: &Ack) {
        if self.on_state_ack(now, from, ack) {
            return;
        }
        let Some(guest) = self.newcomers.guests.get_mut(&from) else { return };
        if let Some(serving) = guest.serving.as_mut().filter(|s| s.transfer == ack.transfer) {
            serving.accepted = true;
            serving.sender.on_ack(now, ack);
        }
    }

    /// A guest keeps step: it is proposed as a member.
    pub(super) fn on_ready(&mut self, now: Time, from: PeerKey, life: u64) {
        let Some(session) = &self.session else { return };
        let roster = &session.front.roster;
        let member = session.seats.member(&self.key).is_some_and(|m| m.life == self.life);
        let Some(guest) =
            self.newcomers.guests.get_mut(&from).filter(|_| member).filter(|g| g.life == life && !g.spectator)
        else {
            // Whoever is not known here any more has to ask anew, here or elsewhere.
            return self.post_to(from, Message::Refuse(Refusal::Busy));
        };
        guest.follows = true;
        let joining = roster.joining().any(|(m, _)| m.key == from);
        if joining || guest.proposed.is_some_and(|at| now.since(at) < 1_000_000) {
            return;
        }
        guest.proposed = Some(now);
        let admission = self.newcomers.admitted.get(&from);
        let role = admission.map(|a| a.role).or_else(|| roster.role_of(&from)).unwrap_or(0);
        // What it says itself goes first: the sponsor may see an address that only the sponsor can reach.
        let seen = admission.map(|a| &a.address).filter(|address| address.len() <= ADDRESS_BYTES_MAX);
        let address = match seen {
            Some(seen) if guest.address.is_empty() => seen.clone(),
            _ => guest.address.clone(),
        };
        let invite = admission.and_then(|a| a.invite);
        let join = Proposal::Join { key: from, life, role, invite, address };
        // While the log stands nothing is entered, and it asks again and again.
        if !self.proposals.contains(&join) {
            self.proposals.push(join);
        }
    }

    /// Tells guests whose join was not taken.
    pub(super) fn note_rejected(&mut self, _now: Time, rejected: &[Rejected]) {
        for Rejected { key, why } in rejected {
            if self.newcomers.guests.remove(key).is_some() {
                self.post_to(*key, Message::Refuse(*why));
            }
        }
    }

    /// Keeps links between the members and those who will be.
    pub(super) fn connect_to_joining(&mut self, now: Time, roster: &Roster) {
        let joining: Vec<_> = roster.joining().map(|(m, _)| (m.key, m.life, m.address.clone())).collect();
        for (key, life, address) in joining {
            if key == self.key && life == self.life {
                let members: Vec<_> = roster.members.iter().map(|m| (m.key, m.address.clone())).collect();
                members.into_iter().for_each(|(key, address)| self.connect(now, key, &address));
            } else {
                self.connect(now, key, &address);
            }
        }
    }
}

/// A datagram with one message and nothing else.
fn alone<I>(to: PeerKey, message: &Message) -> Effect<I> {
    let mut bytes = vec![0];
    bytes.extend(encode_message(message));
    Effect::Send { to, bytes }
}
