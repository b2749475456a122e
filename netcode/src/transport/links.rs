//! Links and sessions: which sessions exist, which one of a peer's is in use, and what is due when. A link is a peer
//! that is or should be connected; a session is one pair of keys with it. All tables are bounded.

use std::net::SocketAddr;

use super::endpoint::{Down, Incoming};
use super::gate::{BYE, Gate};
use super::handshake::{Initiation, Refusal};
use super::identity::noise_public;
use super::invite::Invite;
use super::policy::Entry;
use super::seal::{INDEX_MASK, Seal};
use super::socket::Wire;
use crate::protocol::{PeerKey, Time};

/// Handshakes that both sides begin within this time are one simultaneous opening, microseconds.
const CROSSED_US: u64 = 3_000_000;
/// How long a replaced session is still read, microseconds: what was on its way arrives.
const GRACE_US: u64 = 3_000_000;
/// First interval between repetitions of a handshake packet, microseconds; grows by half each time.
const RETRY_US: u64 = 200_000;
/// Longest such interval, microseconds.
const RETRY_US_MAX: u64 = 2_000_000;
/// After so many Starts without an answer the attempt begins anew: the other side may have new cookies.
const STARTS_MAX: u32 = 6;
/// A first contact without an answer is reported after this time, microseconds. The attempts go on.
const NO_ANSWER_US: u64 = 10_000_000;
/// After a refusal the other side is asked again after this time, microseconds: it may learn of the newcomer later.
const REFUSED_US: u64 = 2_000_000;
/// Half-open sessions of one key: the newest counts, and the one before it may still be confirmed.
const HALF_OPEN_PER_KEY_MAX: usize = 2;
/// How often the initiator repeats the datagram that opens the other half, microseconds.
const CONFIRM_US: u64 = 200_000;
/// A farewell may be lost; so many are sent.
const BYES: usize = 3;

/// Time between two looks at what is due, microseconds.
const TICK_US: u64 = 10_000;

/// What a session is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The responder waits for the first sealed datagram.
    HalfOpen { until: Time },
    /// In use.
    Current { since: Time },
    /// Only read, and not for long.
    Replaced { until: Time },
}

/// One pair of keys with a peer.
pub(super) struct Session {
    pub key: PeerKey,
    pub seal: Seal,
    pub remote_index: u32,
    pub address: SocketAddr,
    /// Whether this side initiated it.
    pub by_us: bool,
    /// The peer's process.
    pub life: u64,
    pub entry: Entry,
    pub standing: Standing,
    /// Whether anything sealed has come.
    pub heard: bool,
    pub last_heard: Time,
    pub last_sent: Time,
}

impl Session {
    pub fn is_half_open(&self) -> bool {
        matches!(self.standing, Standing::HalfOpen { .. })
    }
}

/// A peer that is or should be connected.
pub(super) struct Link {
    /// Of the virtual address.
    pub number: u16,
    /// Index of the session in use.
    pub current: Option<u32>,
    /// The peer's process that was reported last; `None`: not connected.
    pub life: Option<u64>,
    pub wish: Option<Wish>,
}

/// This side wants the link.
pub(super) struct Wish {
    pub address: SocketAddr,
    pub invite: Option<Invite>,
    pub attempt: Option<Attempt>,
    interval_us: u64,
    since: Time,
    /// Whether anything about it was reported.
    reported: bool,
    /// The last refusal, which is reported once.
    refused: Option<Refusal>,
    not_before: Time,
}

/// A handshake under way.
pub(super) struct Attempt {
    pub initiation: Initiation,
    /// Transmissions of the present packet.
    pub sent: u32,
    pub due: Time,
}

/// Why a link cannot be wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The key is this peer's own.
    #[error("this is the peer's own key")]
    Oneself,
    /// No point of the curve.
    #[error("the key is no valid identity")]
    BadKey,
    /// As many links as are allowed.
    #[error("no room for another link")]
    Full,
}

impl<W: Wire> Gate<W> {
    /// Wants a link from now on. A new address replaces the old one.
    pub fn connect(&mut self, key: PeerKey, address: SocketAddr, invite: Option<Invite>) -> Result<(), ConnectError> {
        if key == self.own {
            return Err(ConnectError::Oneself);
        }
        if noise_public(&key).is_none() {
            return Err(ConnectError::BadKey);
        }
        let now = self.now;
        self.tick_at = now;
        let link = self.link(key).ok_or(ConnectError::Full)?;
        let attempt = link.wish.take().filter(|wish| wish.address == address).and_then(|wish| wish.attempt);
        link.wish = Some(Wish {
            address,
            invite,
            attempt,
            interval_us: RETRY_US,
            since: now,
            reported: link.life.is_some(),
            refused: None,
            not_before: now,
        });
        self.drive_wish(key);
        Ok(())
    }

    /// Wants no link any more, and says so.
    pub fn disconnect(&mut self, key: PeerKey) {
        if let Some(index) = self.links.get(&key).and_then(|link| link.current) {
            for _ in 0..BYES {
                self.send_sealed(index, true, BYE);
            }
        }
        self.forget(key);
    }

    /// A session of this peer is over by its own word.
    pub fn on_bye(&mut self, index: u32) {
        let Some(session) = self.sessions.remove(&index) else { return };
        if self.links.get(&session.key).is_some_and(|link| link.current == Some(index)) {
            self.forget(session.key);
            self.note(Incoming::Down { key: session.key, why: Down::Closed });
        }
    }

    /// The link of a peer, made if there is room.
    fn link(&mut self, key: PeerKey) -> Option<&mut Link> {
        if !self.links.contains_key(&key) {
            let number = self.numbers.iter().position(Option::is_none)?;
            self.numbers[number] = Some(key);
            let number = u16::try_from(number).ok()?;
            self.links.insert(key, Link { number, current: None, life: None, wish: None });
        }
        self.links.get_mut(&key)
    }

    fn forget(&mut self, key: PeerKey) {
        self.sessions.retain(|_, session| session.key != key);
        if let Some(link) = self.links.remove(&key) {
            self.numbers[usize::from(link.number)] = None;
        }
    }

    /// The other side refused. It is asked again later, as what it knows may change.
    pub fn refused(&mut self, key: PeerKey, reason: Refusal) {
        let not_before = self.now.plus(REFUSED_US);
        let Some(wish) = self.links.get_mut(&key).and_then(|link| link.wish.as_mut()) else { return };
        wish.not_before = not_before;
        wish.reported = true;
        if wish.refused.replace(reason) != Some(reason) {
            self.note(Incoming::Refused { key, reason });
        }
    }

    /// Keeps a session that waits for its first sealed datagram, instead of the key's oldest such if it has too many.
    pub fn keep_half_open(&mut self, index: u32, session: Session) {
        let until = |session: &Session| match session.standing {
            Standing::HalfOpen { until } => Some(until),
            Standing::Current { .. } | Standing::Replaced { .. } => None,
        };
        let same = self.sessions.iter().filter(|(_, other)| other.key == session.key);
        let waiting: Vec<(Time, u32)> = same.filter_map(|(&index, other)| Some((until(other)?, index))).collect();
        if waiting.len() >= HALF_OPEN_PER_KEY_MAX
            && let Some((_, oldest)) = waiting.iter().min()
        {
            self.sessions.remove(oldest);
        }
        self.sessions.insert(index, session);
    }

    /// An index that no session and no attempt has.
    pub fn free_index(&mut self) -> u32 {
        loop {
            let index = self.draw() as u32 & INDEX_MASK;
            let asks = |wish: &Wish| wish.attempt.as_ref().is_some_and(|a| a.initiation.index() == index);
            let taken = self.links.values().any(|link| link.wish.as_ref().is_some_and(asks));
            if !taken && !self.sessions.contains_key(&index) {
                return index;
            }
        }
    }

    /// Takes an authenticated session into use, or keeps it for reading if the other one of a simultaneous opening is
    /// better: both sides prefer the one that the lower key initiated. `false`: no room, and the session is gone.
    pub fn establish(&mut self, index: u32) -> bool {
        let (now, own) = (self.now, self.own);
        let Some((key, life, by_us)) = self.sessions.get(&index).map(|s| (s.key, s.life, s.by_us)) else {
            return false;
        };
        let Some(link) = self.link(key) else {
            self.sessions.remove(&index);
            return false;
        };
        let old = link.current;
        let crossed = |old: &Session| {
            let recent = matches!(old.standing, Standing::Current { since } if now.since(since) < CROSSED_US);
            // One of the two was initiated by each side; the lower key's stays.
            recent && old.life == life && old.by_us != by_us && (own < key) == old.by_us
        };
        let keeps_old = old.and_then(|old| self.sessions.get(&old)).is_some_and(crossed);
        let replaced = if keeps_old { Some(index) } else { old };
        self.sessions.retain(|&other, session| {
            session.key != key || other == index || Some(other) == old || session.is_half_open()
        });
        if let Some(session) = replaced.and_then(|replaced| self.sessions.get_mut(&replaced)) {
            session.standing = Standing::Replaced { until: now.plus(GRACE_US) };
        }
        if keeps_old {
            return true;
        }
        self.take_into_use(index, key);
        true
    }

    fn take_into_use(&mut self, index: u32, key: PeerKey) {
        let Some(session) = self.sessions.get_mut(&index) else { return };
        session.standing = Standing::Current { since: self.now };
        let (life, address, entry, by_us) = (session.life, session.address, session.entry, session.by_us);
        let Some(link) = self.links.get_mut(&key) else { return };
        link.current = Some(index);
        if let Some(wish) = &mut link.wish {
            wish.attempt = None;
            wish.interval_us = RETRY_US;
            wish.reported = true;
            wish.refused = None;
        }
        let is_new = link.life != Some(life);
        link.life = Some(life);
        if is_new {
            self.note(Incoming::Up { key, address, role: entry.role, invite: entry.invite, life });
        }
        if !by_us {
            // Tells the initiator that both halves are open.
            self.send_sealed(index, true, &[]);
        }
    }

    /// Something authentic came on a session.
    pub fn heard(&mut self, index: u32, key: PeerKey) {
        let Some(link) = self.links.get_mut(&key) else { return };
        if link.current != Some(index) {
            return;
        }
        let Some(wish) = &mut link.wish else { return };
        wish.attempt = None;
        // If the session is lost, it is looked for where it was last.
        if let Some(session) = self.sessions.get(&index) {
            wish.address = session.address;
        }
    }

    /// Does what is due, now and then: all that it does is due after a tenth of a second or more.
    pub fn tick(&mut self) {
        let now = self.now;
        if now < self.tick_at {
            return;
        }
        self.tick_at = now.plus(TICK_US);
        self.sessions.retain(|_, session| match session.standing {
            Standing::HalfOpen { until } | Standing::Replaced { until } => now < until,
            Standing::Current { .. } => true,
        });
        let keys: Vec<PeerKey> = self.links.keys().copied().collect();
        for key in keys {
            self.keep_alive(key);
            self.drive_wish(key);
        }
    }

    fn keep_alive(&mut self, key: PeerKey) {
        let Some(index) = self.links.get(&key).and_then(|link| link.current) else { return };
        let Some(session) = self.sessions.get(&index) else { return };
        if self.now.since(session.last_heard) > self.limits.idle_us {
            self.sessions.remove(&index);
            self.note(Incoming::Down { key, why: Down::Silent });
            if let Some(link) = self.links.get_mut(&key) {
                (link.current, link.life) = (None, None);
            }
            if self.links.get(&key).is_some_and(|link| link.wish.is_none()) {
                self.forget(key);
            }
            return;
        }
        let interval_us = if session.heard { self.limits.keepalive_us } else { CONFIRM_US };
        if self.now.since(session.last_sent) >= interval_us {
            self.send_sealed(index, true, &[]);
        }
    }

    /// Begins or repeats a handshake, where a link is wanted and there is none or it is suspiciously quiet.
    pub fn drive_wish(&mut self, key: PeerKey) {
        let now = self.now;
        let Some(link) = self.links.get(&key) else { return };
        let Some(wish) = link.wish.as_ref().filter(|wish| wish.not_before <= now) else { return };
        let current = link.current.and_then(|index| self.sessions.get(&index));
        let quiet = |session: &Session| now.since(session.last_heard) > self.limits.quiet_us;
        let opening = |session: &Session| session.key == key && session.is_half_open();
        if !current.is_none_or(quiet) || (wish.attempt.is_none() && self.sessions.values().any(opening)) {
            return;
        }
        let begin = wish
            .attempt
            .as_ref()
            .is_none_or(|attempt| attempt.due <= now && attempt.initiation.is_started() && attempt.sent >= STARTS_MAX);
        let fresh = if begin {
            let (index, echo) = (self.free_index(), self.draw().to_le_bytes());
            Initiation::new(&key, index, echo)
        } else {
            None
        };
        let jitter = self.draw();
        let Some(wish) = self.links.get_mut(&key).and_then(|link| link.wish.as_mut()) else { return };
        if let Some(initiation) = fresh {
            wish.attempt = Some(Attempt { initiation, sent: 0, due: now });
        }
        let complains = !wish.reported && now.since(wish.since) > NO_ANSWER_US;
        wish.reported |= complains;
        let to = wish.address;
        let packet = wish.next_packet(now, jitter);
        if let Some(packet) = packet {
            self.send_raw(to, &packet);
        }
        if complains {
            self.note(Incoming::Down { key, why: Down::NoAnswer });
        }
    }
}

impl Wish {
    /// What is to be sent now, if anything is due.
    fn next_packet(&mut self, now: Time, jitter: u64) -> Option<Vec<u8>> {
        let attempt = self.attempt.as_mut().filter(|attempt| attempt.due <= now)?;
        // Up to a quarter more, so that two peers do not stay in step.
        attempt.due = now.plus(self.interval_us + jitter % (self.interval_us / 4));
        attempt.sent += 1;
        self.interval_us = (self.interval_us * 3 / 2).min(RETRY_US_MAX);
        Some(attempt.initiation.packet().to_vec())
    }
}
