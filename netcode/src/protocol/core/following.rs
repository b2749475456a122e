//! A peer that is no member: it asks a sponsor to be let in, takes an exact snapshot whose hash a quorum has signed,
//! follows the log from there, and asks to become a member once it keeps step. Spectators stop before that.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::protocol::config::Genesis;
use crate::protocol::effect::{Coming, Effect, Event, Refusal};
use crate::protocol::evidence::verify;
use crate::protocol::ids::{Hash, PeerKey, Player, Time, Turn};
use crate::protocol::input::Input;
use crate::protocol::link::Link;
use crate::protocol::roster::Roster;
use crate::protocol::transfer::{Ack, Chunk, Offer, Receiver};
use crate::protocol::wire::{Attestation, Message, Run};

use super::receive::take_run;
use super::{Core, Session, Wish};

/// Time between repetitions of what was not answered, microseconds.
const REPEAT_US: u64 = 150_000;
/// How long a sponsor may be silent before another one is asked, microseconds.
pub(super) const SPONSOR_SILENCE_US: u64 = 2_000_000;
/// How long nothing may come of a download before the sponsor is asked again, microseconds.
const DOWNLOAD_SILENCE_US: u64 = 1_000_000;
/// How long the log may stand still here while it moves at the sponsor, microseconds.
const STANDSTILL_US: u64 = 2_000_000;
/// What a follower that begins anew says to have: no log can be continued from there.
pub(super) const STARTS_OVER: Turn = Turn(u64::MAX);
/// Most bytes of a snapshot that is taken.
const BLOB_BYTES_MAX: u64 = 512 << 20;
/// Most bytes of entries that are kept until their state is here, and what each counts for at least.
const EARLY_BYTES_MAX: usize = 1 << 20;
const ENTRY_BYTES: usize = 32;
/// Turns are made up for in lots of so many microseconds, between which datagrams are read and sent.
const LOT_US: u64 = 15_000;
const LOT_TURNS: u64 = 32;
/// Turns that a newcomer executes before it says that it keeps step, and before it says that it never will.
const READY_TURNS: u64 = 8;
const COST_TURNS: u64 = 60;
/// How long the world must cost too much before a newcomer gives up, microseconds.
const COSTLY_US: u64 = 1_000_000;
/// Share of real time, in percent, that the world may cost for a newcomer, who has to catch up, and for who comes back.
const NEWCOMER_PERCENT: u64 = 50;
const RETURN_PERCENT: u64 = 75;
/// Whoever is to keep step for a while may be behind by a hiccup, microseconds.
const HICCUP_US: u64 = 500_000;

/// What a newcomer gets besides the world: the session's own state after a turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct BlobHead {
    pub genesis: Genesis,
    /// Last turn that the state contains.
    pub turn: Turn,
    /// Chain hash after it.
    pub chain: Hash,
    /// Membership as settled after it.
    pub roster: Roster,
    /// Author chains after it, of the members in the roster.
    pub authors: Vec<(Player, u32, Hash)>,
}

impl BlobHead {
    /// The blob: the head with its length before it, then the world.
    pub fn with_world(&self, world: &[u8]) -> Vec<u8> {
        // Plain structs of integers and vectors always encode.
        let head = postcard::to_stdvec(self).unwrap_or_default();
        [&(head.len() as u64).to_le_bytes()[..], &head, world].concat()
    }

    /// Takes a blob apart.
    pub fn split(blob: &[u8]) -> Option<(Self, &[u8])> {
        let (length, rest) = blob.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (head, world) = rest.split_at_checked(length)?;
        Some((postcard::from_bytes(head).ok()?, world))
    }
}

/// A blob that is on its way.
#[derive(Debug)]
struct Download {
    turn: Turn,
    receiver: Receiver,
    attestations: BTreeMap<Player, Attestation>,
    /// Entries for the turns behind the state, and their bytes.
    early: (Vec<Run>, usize),
    /// When a piece of it came last.
    heard: Time,
}

impl Download {
    /// Whether the sponsor seems to have forgotten it.
    fn is_stuck(&self, now: Time) -> bool {
        now.since(self.heard) > DOWNLOAD_SILENCE_US
    }
}

/// How long whoever was a member has to keep step before it comes back, microseconds, and since when it does.
#[derive(Debug)]
struct Probation {
    lasts_us: u64,
    since: Option<Time>,
}

impl Probation {
    /// Whether it is over, when the peer keeps step now or does not.
    fn is_over(&mut self, now: Time, keeps: bool) -> bool {
        self.since = keeps.then(|| self.since.unwrap_or(now));
        self.since.is_some_and(|since| now.since(since) >= self.lasts_us)
    }
}

#[derive(Debug)]
enum Stage {
    /// No answer yet.
    Asking,
    /// The blob comes.
    Downloading(Box<Download>),
    /// The log is followed, since when.
    Tail(Time),
}

/// How far a follower has come.
#[derive(Debug)]
pub(super) struct Following {
    wish: Wish,
    stage: Stage,
    asked: Option<Time>,
    /// When the sponsor was changed last, whom that leaves, and whether the present one has no time.
    pub(super) changed: Option<Time>,
    pub(super) tried: Vec<PeerKey>,
    pub(super) busy: bool,
    /// Whom else the sponsor has named, and where they are: for who has no state that tells it.
    pub(super) others: Vec<(PeerKey, Vec<u8>)>,
    /// The next turn, and since when it is.
    progress: Option<(Turn, Time)>,
    /// What is known here leads nowhere: a snapshot is wanted.
    starts_over: bool,
    /// The present lot: when it began, and how many turns had been executed by then.
    lot: (Time, u64),
    /// More turns may be there than the lot had room for.
    more: bool,
    /// First turn that had to be made up for, until that is done.
    behind_from: Option<Turn>,
    /// For who was a member before.
    returns: Option<Probation>,
    /// Since when the world costs too much here.
    costly: Option<Time>,
}

impl Following {
    pub fn new(_now: Time, wish: Wish) -> Self {
        Self {
            wish,
            stage: Stage::Asking,
            asked: None,
            changed: None,
            tried: Vec::new(),
            busy: false,
            others: Vec::new(),
            progress: None,
            starts_over: false,
            lot: (Time(0), 0),
            more: false,
            behind_from: None,
            returns: None,
            costly: None,
        }
    }

    /// Whoever was a member, may be one again at once, and knows others to ask.
    pub fn returning(now: Time, wish: Wish, others: Vec<(PeerKey, Vec<u8>)>) -> Self {
        Self { returns: Some(Probation { lasts_us: 0, since: None }), others, ..Self::new(now, wish) }
    }

    /// Whether it only watches, and never asks to be a member.
    pub fn is_spectator(&self) -> bool {
        self.wish.spectator
    }

    /// Asks another one from now on.
    pub fn go_to(&mut self, now: Time, sponsor: PeerKey) {
        self.tried.push(sponsor);
        (self.wish.sponsor, self.changed, self.busy) = (sponsor, Some(now), false);
        (self.stage, self.asked) = (Stage::Asking, None);
    }

    /// Whom it follows.
    pub fn sponsor(&self) -> &PeerKey {
        &self.wish.sponsor
    }

    pub fn wake_at(&self) -> Time {
        match &self.stage {
            Stage::Downloading(download) => download.receiver.wake_at(),
            _ if self.more => self.lot.0.plus(1),
            _ => Time(u64::MAX),
        }
    }

    /// How many turns may be executed now, in all polls of this moment together; `turns` were executed ever, and one costs
    /// so much on average.
    pub fn lot(&mut self, now: Time, turns: u64, cost_us: u64) -> usize {
        if now != self.lot.0 {
            self.lot = (now, turns);
        }
        let most = (LOT_US / cost_us.max(1)).clamp(1, LOT_TURNS);
        most.saturating_sub(turns - self.lot.1) as usize
    }

    /// Whether the last lot was used up.
    pub fn note_more(&mut self, more: bool) {
        self.more = more;
    }

    /// What was said last has not arrived.
    pub fn ask_again(&mut self) {
        self.asked = None;
    }

    /// Keeps entries that come before the state that they follow.
    pub fn keep(&mut self, from: &PeerKey, runs: &[Run]) {
        let Stage::Downloading(download) = &mut self.stage else { return };
        let (early, bytes) = &mut download.early;
        for run in runs.iter().filter(|_| self.wish.sponsor == *from) {
            *bytes += run.entries.iter().map(|entry| entry.len() + ENTRY_BYTES).sum::<usize>();
            if *bytes <= EARLY_BYTES_MAX {
                early.push(run.clone());
            }
        }
    }

    fn is_due(&mut self, now: Time) -> bool {
        let due = self.asked.is_none_or(|asked| now.since(asked) >= REPEAT_US);
        if due {
            self.asked = Some(now);
        }
        due
    }
}

impl<I: Input> Core<I> {
    /// Asks, downloads, installs and reports ready, whatever is due.
    pub(super) fn follow(&mut self, now: Time) {
        self.change_sponsor(now);
        let Some(following) = &mut self.following else { return };
        match &mut following.stage {
            Stage::Asking => self.ask(now),
            Stage::Downloading(download) => {
                let ack = download.receiver.poll(now);
                if download.is_stuck(now) {
                    self.ask(now);
                }
                if let Some(ack) = ack
                    && let Some(sponsor) = self.following.as_ref().map(|f| f.wish.sponsor)
                {
                    self.post_to(sponsor, Message::ChunkAck(ack));
                }
                self.install(now);
            }
            Stage::Tail(since) => {
                // A sponsor that does not follow the log itself any more may still answer, and pass on nothing.
                let told = self.links.get(&following.wish.sponsor).map_or(*since, |link| link.told.max(*since));
                following.busy |= now.since(told) > SPONSOR_SILENCE_US;
                self.notice_standstill(now);
                self.set_playhead(now);
                self.report_ready(now);
            }
        }
    }

    fn ask(&mut self, now: Time) {
        let Some(following) = self.following.as_mut().filter(|f| f.wish.sponsor != self.key) else { return };
        if !following.is_due(now) {
            return;
        }
        let wish = following.wish.clone();
        // The log that stood still moves again: it can be continued after all.
        let moved = |s: &Session<I>| following.progress.is_some_and(|(turn, _)| s.front.next > turn);
        following.starts_over &= !self.session.as_ref().is_some_and(moved);
        // Who takes each turn as it comes may have confirmed more than the sponsor has executed, which then knows nothing
        // of it: what both know is enough.
        let reached = self.links.get(&wish.sponsor).and_then(|link| link.said).map_or(Turn(u64::MAX), |said| said.next);
        let have = self.session.as_ref().map(|s| {
            let chain = |turn: Turn| s.chain_before(turn).map(|chain| (turn, chain.short()));
            let known = chain(s.confirmed.min(reached)).or_else(|| chain(s.confirmed));
            if following.starts_over { (STARTS_OVER, 0) } else { known.unwrap_or((s.confirmed, 0)) }
        });
        let message = Message::Ask {
            life: wish.life,
            spectator: wish.spectator,
            revision: wish.simulation_revision,
            address: self.config.address.clone(),
            have,
        };
        self.post_to(wish.sponsor, message);
    }

    pub(super) fn on_refuse(&mut self, now: Time, from: PeerKey, why: Refusal) {
        let Some(following) = self.following.as_mut().filter(|f| f.wish.sponsor == from) else { return };
        let asking = match &following.stage {
            Stage::Downloading(download) => download.is_stuck(now),
            Stage::Asking | Stage::Tail(_) => true,
        };
        if why == Refusal::Busy {
            following.busy |= asking;
        } else if asking {
            self.effects.push(Effect::Event(Event::Refused(why)));
            self.stopped = true;
        }
    }

    pub(super) fn on_follow(&mut self, now: Time, from: PeerKey) {
        if let Some(following) = self.following.as_mut().filter(|f| f.wish.sponsor == from && self.session.is_some())
            && !matches!(following.stage, Stage::Tail(_))
        {
            following.stage = Stage::Tail(now);
        }
    }

    pub(super) fn on_offer(&mut self, now: Time, from: PeerKey, transfer: u32, turn: Turn, offer: Offer) {
        if self.following.is_none() && self.on_state_offer(from, transfer, turn, &offer) {
            return;
        }
        let Some(following) = self.following.as_mut().filter(|f| f.wish.sponsor == from) else { return };
        // Entries of ours would be forgotten with the log that they are in: it takes a new life to enter others.
        let begun = |s: &Session<I>| s.life_of_key(&self.key, self.life).is_some();
        if self.session.as_ref().is_some_and(begun) {
            self.life = self.life.wrapping_add(1);
            (following.wish.life, following.stage, following.asked) = (self.life, Stage::Asking, None);
            return;
        }
        // A state from before what is confirmed here is no help.
        if self.session.as_ref().is_some_and(|s| turn.plus(1) < s.confirmed) {
            return;
        }
        let ack = match &mut following.stage {
            Stage::Tail(_) => return,
            Stage::Downloading(download) if download.turn == turn => download.receiver.resume(transfer, &offer).ok(),
            Stage::Asking | Stage::Downloading(_) => {
                Receiver::new(transfer, offer, BLOB_BYTES_MAX).ok().map(|receiver| {
                    let loading = Coming::Loading { turn, bytes: offer.packed_size };
                    self.effects.push(Effect::Event(Event::Coming(loading)));
                    let ack = receiver.resume_state();
                    let (attestations, early) = (BTreeMap::new(), (Vec::new(), 0));
                    let download = Download { turn, receiver, attestations, early, heard: now };
                    following.stage = Stage::Downloading(Box::new(download));
                    ack
                })
            }
        };
        if let Some(ack) = ack {
            self.post_to(from, Message::ChunkAck(ack));
        }
    }

    pub(super) fn on_chunk(&mut self, now: Time, from: PeerKey, chunk: &Chunk) {
        if self.following.is_none() {
            return self.on_state_chunk(now, from, chunk);
        }
        let Some(following) = self.following.as_mut().filter(|f| f.wish.sponsor == from) else { return };
        if let Stage::Downloading(download) = &mut following.stage
            && chunk.transfer == download.receiver.transfer()
        {
            download.heard = now;
            if let Some(ack) = download.receiver.on_chunk(now, chunk) {
                self.post_ack(from, ack);
            }
        }
    }

    fn post_ack(&mut self, to: PeerKey, ack: Ack) {
        if let Some(link) = self.links.get_mut(&to) {
            // A newer acknowledgement says all that an older one did, but for its times.
            link.outbox.push(Message::ChunkAck(ack));
        }
    }

    /// A signature for the blob that is on its way.
    pub(super) fn on_attest_as_follower(&mut self, attestation: Attestation) {
        if let Some(Following { stage: Stage::Downloading(download), .. }) = &mut self.following
            && attestation.turn == download.turn
            && attestation.blob == download.receiver.offer().id
            && download.attestations.len() < crate::protocol::config::MEMBERS_MAX
        {
            download.attestations.insert(attestation.player, attestation);
        }
    }

    /// Installs the blob once it is whole and a quorum of the members it names has signed it.
    fn install(&mut self, now: Time) {
        let Some(Following { stage: Stage::Downloading(download), wish, .. }) = &mut self.following else { return };
        // Cuts or the log itself may have confirmed more meanwhile than the state contains: it is of no use then.
        if self.session.as_ref().is_some_and(|s| download.turn.plus(1) < s.confirmed) {
            if let Some(following) = &mut self.following {
                (following.stage, following.asked) = (Stage::Asking, None);
            }
            return;
        }
        if !download.receiver.is_complete() {
            return;
        }
        let blob = download.receiver.finish().ok();
        let parts = blob.as_deref().and_then(BlobHead::split);
        let Some((head, world)) = parts.filter(|(head, _)| head.turn == download.turn) else {
            self.effects.push(Effect::Event(Event::Refused(Refusal::BadSnapshot)));
            self.stopped = true;
            return;
        };
        let session = head.genesis.rules.session;
        let message = Attestation::message(session, head.turn, &download.receiver.offer().id);
        let signed = |player: Player| {
            let member = head.roster.member(player);
            let attestation = download.attestations.get(&player);
            attestation.zip(member).is_some_and(|(a, member)| verify(&member.key, &message, &a.r, &a.s))
        };
        // Without a quorum yet, the signatures may still be on their way.
        if !head.roster.is_quorum(signed) {
            return;
        }
        let ours = wish.simulation_revision;
        let theirs = head.genesis.rules.simulation_revision;
        if ours != theirs {
            self.effects.push(Effect::Event(Event::Refused(Refusal::Revision { theirs, ours })));
            self.stopped = true;
            return;
        }
        let (world, early) = (Arc::new(world.to_vec()), std::mem::take(&mut download.early.0));
        self.install_parts(now, head, world, &early);
    }

    fn install_parts(&mut self, now: Time, head: BlobHead, world: Arc<Vec<u8>>, early: &[Run]) {
        let scenario = Arc::new(head.genesis.scenario.clone());
        let next = head.turn.plus(1);
        let roster = Arc::new(head.roster);
        let mut session = Session::new(now, Arc::new(head.genesis), next, head.chain, Arc::clone(&roster));
        for (player, incarnation, chain) in head.authors {
            session.ledger.reopen((player, incarnation), next, chain);
        }
        early.iter().for_each(|run| take_run(now, &mut session, run));
        let spectator = self.following.as_ref().is_some_and(|f| f.wish.spectator);
        for member in roster.members.iter().filter(|_| !spectator) {
            self.connect(now, member.key, &member.address);
        }
        self.session = Some(session);
        self.effects.push(Effect::Install { turn: Some(head.turn), scenario, snapshot: world });
        self.effects.push(Effect::Event(Event::Coming(Coming::Installed { turn: head.turn })));
        if let Some(following) = &mut self.following {
            following.behind_from = Some(next);
            (following.stage, following.asked, following.starts_over) = (Stage::Tail(now), None, false);
        }
    }

    /// Keeps a link to a peer.
    pub(super) fn connect(&mut self, now: Time, key: PeerKey, address: &[u8]) {
        if key != self.key && !self.links.contains_key(&key) {
            self.links.insert(key, Link::new(now));
            self.effects.push(Effect::Connect { to: key, address: address.to_vec() });
        }
    }

    /// Puts the playhead to where the members' is: nothing is entered yet, so that nothing is disturbed by a jump.
    fn set_playhead(&mut self, now: Time) {
        let Some(session) = &mut self.session else { return };
        let turn_us = session.genesis.rules.turn_us();
        let behind_us = session.pace.behind_us(now);
        if behind_us.abs() > turn_us as f64 {
            let at = session.pace.playhead(now) + behind_us / turn_us as f64;
            session.pace.jump_to(now, Turn(at.max(0.0).round() as u64));
        }
    }

    /// Says that this peer keeps step, once it does; or gives up, where the world costs too much here.
    fn report_ready(&mut self, now: Time) {
        let Some(following) = self.following.as_mut().filter(|f| !f.wish.spectator) else { return };
        let Some(session) = &self.session else { return };
        let turn_us = session.genesis.rules.turn_us();
        let (cost_us, turns) = (self.keeping.cost_us(), self.keeping.turns());
        let percent = if following.returns.is_some() { RETURN_PERCENT } else { NEWCOMER_PERCENT };
        let affords = cost_us * 100 <= turn_us * percent;
        let costly = *following.costly.get_or_insert(now);
        if affords {
            following.costly = None;
        } else if following.returns.is_none() && turns >= COST_TURNS && now.since(costly) >= COSTLY_US {
            self.effects.push(Effect::Event(Event::Refused(Refusal::TooSlow)));
            let sponsor = following.wish.sponsor;
            self.post_to(sponsor, Message::Farewell);
            self.stopped = true;
            return;
        }
        let Some(link) = self.links.get(&following.wish.sponsor) else { return };
        let Some(said) = link.said else { return };
        let joined = session.front.roster.joining().any(|(m, _)| m.key == self.key && m.life == self.life);
        let reach = session.front.next.plus(u64::from(session.front.roster.delay) + 2);
        // Who was too late over its network would be so again.
        let delay_us_max = u64::from(session.genesis.rules.delay_turns_max) * turn_us;
        let in_time = !link.rtt.is_known() || link.rtt.smooth_us() / 2 + turn_us <= delay_us_max;
        let keeps = affords && in_time && reach.plus(HICCUP_US / turn_us) >= said.next;
        let steady = following.returns.as_mut().is_none_or(|returns| returns.is_over(now, keeps));
        // The join takes effect a window after it is in the log: who will have caught up long before that asks now.
        let lag = said.next.0.saturating_sub(session.front.next.0);
        let catches_up_us =
            lag.saturating_mul(cost_us).saturating_mul(turn_us) / turn_us.saturating_sub(cost_us).max(1);
        let soon =
            cost_us * 2 <= turn_us && catches_up_us <= u64::from(session.genesis.rules.window_turns) * turn_us / 2;
        let near = affords && steady && turns >= READY_TURNS && (reach >= said.next || soon);
        if near && !joined && self.leaving.is_none() && following.is_due(now) {
            let (sponsor, life) = (following.wish.sponsor, following.wish.life);
            if let Some(from) = following.behind_from.take() {
                let turns = session.front.next.0.saturating_sub(from.0);
                self.effects.push(Effect::Event(Event::Coming(Coming::Ready { turns })));
            }
            self.post_to(sponsor, Message::Ready { life });
        }
    }

    /// Asks for a snapshot if the log does not go on here although it does at the sponsor.
    fn notice_standstill(&mut self, now: Time) {
        let Some(following) = &mut self.following else { return };
        let Some(session) = &self.session else { return };
        let next = session.front.next;
        let ahead = self
            .links
            .get(&following.wish.sponsor)
            .and_then(|link| link.said)
            .is_some_and(|said| said.next > next.plus(8));
        let (before, since) = *following.progress.get_or_insert((next, now));
        if before != next || !ahead {
            following.progress = Some((next, now));
        } else if now.since(since) > STANDSTILL_US {
            following.progress = Some((next, now));
            (following.stage, following.asked, following.starts_over) = (Stage::Asking, None, true);
        }
    }

    /// Goes on as a spectator after a removal, for good or until it has kept step for so many microseconds and comes back
    /// in a new life.
    pub(super) fn follow_after_removal(&mut self, now: Time, returns: Option<u64>) {
        let Some(session) = &self.session else { return };
        let heard = |key: &PeerKey| self.links.get(key).map_or(Time(0), |link| link.heard);
        let others = session.front.roster.members.iter().map(|m| m.key).filter(|key| *key != self.key);
        let Some(sponsor) = others.max_by_key(|key| heard(key)) else { return };
        self.life = self.life.wrapping_add(1);
        // What the last life wanted, for itself and for its guests, is no wish of the next one.
        self.proposals.clear();
        self.newcomers.forget_guests();
        let simulation_revision = session.genesis.rules.simulation_revision;
        let wish = Wish { sponsor, spectator: returns.is_none(), life: self.life, simulation_revision };
        let returns = returns.map(|lasts_us| Probation { lasts_us, since: None });
        self.following = Some(Following { returns, ..Following::new(now, wish) });
    }
}
