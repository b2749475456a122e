//! The gate's side of the handshake packets: what each may cost, and what comes of it. A packet costs a hash until its
//! sender has shown that it receives at its address.

use std::net::SocketAddr;

use super::door::is_same;
use super::gate::Gate;
use super::handshake::{
    self, Answer, Cookie, Introduction, Packet, Refusal, Unreadable, Welcome, is_proven, read_start, write_answer,
};
use super::links::{Session, Standing};
use super::policy::{Entry, Question};
use super::seal::Seal;
use super::socket::Wire;
use super::stats::Reject;
use crate::protocol::{Hash, PROTOCOL_VERSION, PeerKey};

/// How long a half-open session waits for its first sealed datagram, microseconds.
const HALF_OPEN_US: u64 = 5_000_000;

/// Who is let in, and as what.
struct Admitted {
    introduction: Introduction,
    entry: Entry,
}

impl<W: Wire> Gate<W> {
    pub(super) fn on_handshake(&mut self, from: SocketAddr, datagram: &[u8]) -> Result<(), Reject> {
        self.tick_at = self.now;
        match Packet::parse(datagram).ok_or(Reject::Malformed)? {
            Packet::Hello { index, echo, mark } => {
                if !is_same(&mark, &handshake::mark(&self.mark_key, index, &echo)) {
                    return Err(Reject::BadHello);
                }
                let cookie = self.door.cookie(self.now, from);
                self.send_raw(from, &Packet::Cookie { index, echo, cookie }.to_bytes());
                Ok(())
            }
            Packet::Cookie { index, echo, cookie } => self.on_cookie(index, &echo, &cookie),
            Packet::Start { index, cookie, noise } => self.on_start(from, index, &cookie, noise),
            Packet::Answer { index, noise } => self.on_answer(from, index, noise),
        }
    }

    fn on_cookie(&mut self, index: u32, echo: &[u8; 8], cookie: &Cookie) -> Result<(), Reject> {
        let key = self.asker(index).ok_or(Reject::Unasked)?;
        let invite = self.links.get(&key).and_then(|link| link.wish.as_ref()).and_then(|wish| wish.invite.clone());
        let introduction = self.introduction(invite);
        let secret = self.noise_secret;
        let wish = self.links.get_mut(&key).and_then(|link| link.wish.as_mut()).ok_or(Reject::Unasked)?;
        let attempt = wish.attempt.as_mut().ok_or(Reject::Unasked)?;
        if !attempt.initiation.on_cookie(&secret, &introduction, echo, cookie) {
            return Err(Reject::Unasked);
        }
        // Something new to send, and the way is known to work: at once.
        attempt.sent = 0;
        attempt.due = self.now;
        self.drive_wish(key);
        Ok(())
    }

    fn on_start(&mut self, from: SocketAddr, index: u32, cookie: &Cookie, noise: &[u8]) -> Result<(), Reject> {
        if !self.door.is_cookie(self.now, from, cookie) {
            return Err(Reject::BadCookie);
        }
        let ephemeral = *noise.first_chunk::<32>().ok_or(Reject::Malformed)?;
        if let Some(known) = self.door.recall(&ephemeral) {
            // The answer may have been lost. It is smaller than what asks for it, and means something only to the
            // one who made the ephemeral key.
            if let Some(answer) = known.map(<[u8]>::to_vec) {
                self.send_raw(from, &answer);
            }
            return Err(Reject::RepeatedHandshake);
        }
        if !self.door.admits(self.now, from) {
            return Err(Reject::SourceRation);
        }
        let familiar = self.is_familiar(from);
        if self.handshakes_left == 0 || !self.door.affords(self.now, familiar) {
            return Err(Reject::HandshakeRation);
        }
        self.handshakes_left -= 1;
        self.stats.handshakes_computed += 1;
        self.door.remember(ephemeral, None);
        let (payload, state) = read_start(&self.noise_secret, cookie, noise).ok_or(Reject::BadHandshake)?;
        let verdict = self.judge(&payload, |key| is_proven(&state, key))?;
        let own_index = self.free_index();
        let answer = match &verdict {
            Ok(_) => Answer::Accept(Welcome { index: own_index, life: self.life, scenario: self.hello.scenario }),
            Err(refusal) => Answer::Refuse(*refusal),
        };
        let (packet, keys) = write_answer(state, index, &answer).ok_or(Reject::BadHandshake)?;
        self.send_raw(from, &packet);
        self.door.remember(ephemeral, Some(packet));
        let Ok(Admitted { introduction, entry }) = verdict else { return Err(Reject::Refused) };
        let session = Session {
            key: introduction.key,
            seal: Seal::new(keys),
            remote_index: index,
            address: from,
            by_us: false,
            life: introduction.life,
            entry,
            standing: Standing::HalfOpen { until: self.now.plus(HALF_OPEN_US) },
            heard: false,
            last_heard: self.now,
            last_sent: self.now,
        };
        self.keep_half_open(own_index, session);
        Ok(())
    }

    /// Whether the sender of an introduction may come in; an error if it deserves no answer.
    fn judge(&self, payload: &[u8], proven: impl Fn(&PeerKey) -> bool) -> Result<Result<Admitted, Refusal>, Reject> {
        let introduction = match Introduction::read(payload) {
            Ok(introduction) => introduction,
            Err(Unreadable::Version) => return Ok(Err(Refusal::Version { there: PROTOCOL_VERSION })),
            Err(Unreadable::Malformed) => return Err(Reject::BadHandshake),
        };
        if introduction.key == self.own || !proven(&introduction.key) {
            return Err(Reject::BadHandshake);
        }
        let differs = self.difference(&introduction);
        if let Some(refusal) = differs {
            return Ok(Err(refusal));
        }
        let link = self.links.get(&introduction.key);
        let question = Question {
            now: self.now,
            own: &self.own,
            session: self.hello.session,
            key: &introduction.key,
            invite: introduction.invite.as_ref(),
            wanted: link.is_some_and(|link| link.wish.is_some()),
        };
        let entry = match self.policy.admit(&question) {
            Ok(entry) => entry,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let half_open = self.sessions.values().filter(|session| session.is_half_open()).count();
        let is_full = link.is_none() && self.links.len() + half_open >= self.limits.links_max;
        if is_full || half_open >= self.limits.half_open_max {
            return Ok(Err(Refusal::Full));
        }
        Ok(Ok(Admitted { introduction, entry }))
    }

    fn difference(&self, introduction: &Introduction) -> Option<Refusal> {
        let (ours, theirs) = (&self.hello, &introduction.hello);
        let unknown = Hash::default();
        if theirs.session != ours.session {
            return Some(Refusal::Session);
        }
        if theirs.revision != ours.revision {
            return Some(Refusal::Revision { there: ours.revision });
        }
        let both_known = theirs.scenario != unknown && ours.scenario != unknown;
        (both_known && theirs.scenario != ours.scenario).then_some(Refusal::Scenario { there: ours.scenario })
    }

    fn on_answer(&mut self, from: SocketAddr, index: u32, noise: &[u8]) -> Result<(), Reject> {
        let key = self.asker(index).ok_or(Reject::Unasked)?;
        let wish = self.links.get_mut(&key).and_then(|link| link.wish.as_mut()).ok_or(Reject::Unasked)?;
        let attempt = wish.attempt.as_mut().ok_or(Reject::Unasked)?;
        let (answer, keys) = attempt.initiation.on_answer(noise).ok_or(Reject::BadHandshake)?;
        wish.attempt = None;
        let welcome = match answer {
            Answer::Accept(welcome) => welcome,
            Answer::Refuse(reason) => {
                self.refused(key, reason);
                return Ok(());
            }
        };
        let session = Session {
            key,
            seal: Seal::new(keys),
            remote_index: welcome.index,
            address: from,
            by_us: true,
            life: welcome.life,
            entry: Entry { role: self.policy.role(&key).unwrap_or(0), invite: None },
            standing: Standing::HalfOpen { until: self.now },
            heard: false,
            last_heard: self.now,
            last_sent: self.now,
        };
        self.sessions.insert(index, session);
        self.establish(index);
        // The other side opens its half with the first sealed datagram.
        self.send_sealed(index, true, &[]);
        Ok(())
    }

    /// Whether a peer is or should be at an address with this IP.
    fn is_familiar(&self, from: SocketAddr) -> bool {
        let wished =
            self.links.values().filter_map(|link| link.wish.as_ref()).any(|wish| wish.address.ip() == from.ip());
        wished || self.sessions.values().any(|session| !session.is_half_open() && session.address.ip() == from.ip())
    }

    /// Who is asked by the attempt with this index.
    fn asker(&self, index: u32) -> Option<PeerKey> {
        let asks = |wish: &super::links::Wish| wish.attempt.as_ref().is_some_and(|a| a.initiation.index() == index);
        let found = self.links.iter().find(|(_, link)| link.wish.as_ref().is_some_and(asks));
        found.map(|(key, _)| *key)
    }
}
