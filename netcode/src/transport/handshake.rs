//! The handshake without I/O: its packets, and the two halves of Noise IK. Keeps no tables; what a stranger can make it
//! compute is rationed by the door.
//!
//! ```text
//! initiator                          responder
//! Hello  index echo mark     ->      the mark shows that it knows whom it calls; keeps nothing
//!                            <-      Cookie  index echo cookie
//! Start  index cookie noise1 ->      cookie fits the address: Noise, policy, a half-open session
//!                            <-      Answer  index noise2 (accepted, or which thing differs)
//! first sealed datagram      ->      the session is open
//! ```
//!
//! The cookie is in the Noise prologue: a recorded Start is worthless once its cookie is, and with another address.

use snow::{HandshakeState, StatelessTransportState};

use super::identity::{Identity, noise_public};
use super::invite::Invite;
use super::seal::INDEX_MASK;
use crate::protocol::{Hash, PROTOCOL_VERSION, PeerKey, SessionId};

/// Length of a cookie.
pub const COOKIE_BYTES: usize = 16;

/// Proof that its holder receives what is sent to its address.
pub type Cookie = [u8; COOKIE_BYTES];

const NOISE: &str = "Noise_IK_25519_AESGCM_BLAKE2s";
const PROLOGUE: &[u8] = b"spacetime transport 1";
const KIND_HELLO: u8 = 0x80;
const KIND_COOKIE: u8 = 0x81;
const KIND_START: u8 = 0x82;
const KIND_ANSWER: u8 = 0x83;
/// Length of a Hello and of a Cookie. They are equal, so that nobody is an amplifier.
const HELLO_BYTES: usize = 1 + 4 + 8 + COOKIE_BYTES;
/// Bytes that Noise adds to the payload of a Start: ephemeral key, static key with tag, tag.
const START_NOISE_BYTES: usize = 32 + 48 + 16;
/// Bytes that Noise adds to the payload of an Answer: ephemeral key, tag.
const ANSWER_NOISE_BYTES: usize = 32 + 16;
/// Longest payload that is read: room for what later versions add.
const START_PAYLOAD_BYTES_MAX: usize = 512;
const ANSWER_PAYLOAD_BYTES_MAX: usize = 64;

/// What both sides must agree on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Which session.
    pub session: SessionId,
    /// Hash of the scenario; zero: not known yet, and not compared.
    pub scenario: Hash,
    /// Number that changes when the same inputs give other results.
    pub revision: u64,
}

/// A handshake packet, as it travels in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Asks for a cookie.
    Hello {
        /// The initiator's number for the attempt.
        index: u32,
        /// Drawn at random; comes back, so that only who saw the packet can answer.
        echo: [u8; 8],
        /// See [`mark`].
        mark: [u8; 16],
    },
    /// Gives one.
    Cookie {
        /// From the Hello.
        index: u32,
        /// From the Hello.
        echo: [u8; 8],
        /// For the Start.
        cookie: Cookie,
    },
    /// First Noise message.
    Start {
        /// The initiator's number for the session.
        index: u32,
        /// As it was given.
        cookie: Cookie,
        /// The Noise message; the payload is an [`Introduction`].
        noise: &'a [u8],
    },
    /// Second Noise message.
    Answer {
        /// From the Start.
        index: u32,
        /// The Noise message; the payload is an [`Answer`].
        noise: &'a [u8],
    },
}

impl<'a> Packet<'a> {
    /// The packet of these bytes. Any bytes may come; what is read writes back to the same bytes.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        let (index, rest) = rest.split_first_chunk::<4>()?;
        let index = u32::from_be_bytes(*index);
        if index > INDEX_MASK {
            return None;
        }
        match kind {
            KIND_HELLO => {
                let (&echo, mark) = rest.split_first_chunk()?;
                Some(Self::Hello { index, echo, mark: mark.try_into().ok()? })
            }
            KIND_COOKIE => {
                let (&echo, cookie) = rest.split_first_chunk()?;
                Some(Self::Cookie { index, echo, cookie: cookie.try_into().ok()? })
            }
            KIND_START => {
                let (&cookie, noise) = rest.split_first_chunk()?;
                let lengths = START_NOISE_BYTES + 4..=START_NOISE_BYTES + START_PAYLOAD_BYTES_MAX;
                lengths.contains(&noise.len()).then_some(Self::Start { index, cookie, noise })
            }
            KIND_ANSWER => {
                let lengths = ANSWER_NOISE_BYTES + 1..=ANSWER_NOISE_BYTES + ANSWER_PAYLOAD_BYTES_MAX;
                lengths.contains(&rest.len()).then_some(Self::Answer { index, noise: rest })
            }
            _ => None,
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let begin = |kind: u8, index: u32, length| {
            let mut bytes = Vec::with_capacity(length);
            bytes.push(kind);
            bytes.extend_from_slice(&index.to_be_bytes());
            bytes
        };
        match self {
            Self::Hello { index, echo, mark } => {
                let mut bytes = begin(KIND_HELLO, *index, HELLO_BYTES);
                bytes.extend_from_slice(echo);
                bytes.extend_from_slice(mark);
                bytes
            }
            Self::Cookie { index, echo, cookie } => {
                let mut bytes = begin(KIND_COOKIE, *index, HELLO_BYTES);
                bytes.extend_from_slice(echo);
                bytes.extend_from_slice(cookie);
                bytes
            }
            Self::Start { index, cookie, noise } => {
                let mut bytes = begin(KIND_START, *index, 5 + COOKIE_BYTES + noise.len());
                bytes.extend_from_slice(cookie);
                bytes.extend_from_slice(noise);
                bytes
            }
            Self::Answer { index, noise } => {
                let mut bytes = begin(KIND_ANSWER, *index, 5 + noise.len());
                bytes.extend_from_slice(noise);
                bytes
            }
        }
    }
}

/// What turns a peer's public key into the key of the marks on packets to it.
#[must_use]
pub fn mark_key(responder: &PeerKey) -> [u8; 32] {
    blake3::derive_key("spacetime transport: hello", &responder.0)
}

/// The mark of a Hello: its sender knows the responder's key. Who scans addresses gets no answer at all.
#[must_use]
pub fn mark(mark_key: &[u8; 32], index: u32, echo: &[u8; 8]) -> [u8; 16] {
    let mut message = [0; 12];
    message[..4].copy_from_slice(&index.to_be_bytes());
    message[4..].copy_from_slice(echo);
    *blake3::keyed_hash(mark_key, &message).as_bytes().first_chunk().expect("a hash has 32 bytes")
}

/// How the initiator introduces itself, under the seal of the first Noise message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// Drawn at random when the process starts: tells a restart from a second handshake.
    pub life: u64,
    /// What it believes the session to be.
    pub hello: Hello,
    /// Its identity; must belong to the Noise key.
    pub key: PeerKey,
    /// What it shows to be let in.
    pub invite: Option<Invite>,
}

/// Why an introduction cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Written by another version of the protocol.
    Version,
    /// Not what this version writes.
    Malformed,
}

impl Introduction {
    /// Version 4, life 8, session 16, scenario 32, revision 8, key 32, invite 0 or 122; numbers little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = PROTOCOL_VERSION.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.life.to_le_bytes());
        bytes.extend_from_slice(&self.hello.session.0);
        bytes.extend_from_slice(&self.hello.scenario.0);
        bytes.extend_from_slice(&self.hello.revision.to_le_bytes());
        bytes.extend_from_slice(&self.key.0);
        if let Some(invite) = &self.invite {
            bytes.extend_from_slice(&invite.to_bytes());
        }
        bytes
    }

    /// The introduction of these bytes, if this version wrote them. Any bytes may come.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::read(bytes).ok()
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let (version, rest) = bytes.split_first_chunk::<4>().ok_or(Unreadable::Malformed)?;
        if u32::from_le_bytes(*version) != PROTOCOL_VERSION {
            return Err(Unreadable::Version);
        }
        Self::read_body(rest).ok_or(Unreadable::Malformed)
    }

    fn read_body(rest: &[u8]) -> Option<Self> {
        let (life, rest) = rest.split_first_chunk()?;
        let (&session, rest) = rest.split_first_chunk()?;
        let (&scenario, rest) = rest.split_first_chunk()?;
        let (revision, rest) = rest.split_first_chunk()?;
        let (&key, rest) = rest.split_first_chunk()?;
        let session = SessionId(session);
        let invite = match rest {
            [] => None,
            bytes => Some(Invite::from_bytes(session, bytes.try_into().ok()?)?),
        };
        let hello = Hello { session, scenario: Hash(scenario), revision: u64::from_le_bytes(*revision) };
        Some(Self { life: u64::from_le_bytes(*life), hello, key: PeerKey(key), invite })
    }
}

/// What the responder tells about itself when it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Its number for the session.
    pub index: u32,
    /// As in [`Introduction::life`].
    pub life: u64,
    /// Its scenario; zero: not known.
    pub scenario: Hash,
}

/// Why somebody is not let in. "There" is at the peer that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Other versions of the protocol.
    #[error("the protocol versions differ: {there} there, {PROTOCOL_VERSION} here")]
    Version {
        /// The refusing peer's.
        there: u32,
    },
    /// Another session.
    #[error("that peer is in another session")]
    Session,
    /// Another scenario.
    #[error("the scenarios differ: {there:?} there")]
    Scenario {
        /// The refusing peer's.
        there: Hash,
    },
    /// The same inputs would give other results.
    #[error("the simulation revisions differ: {there} there")]
    Revision {
        /// The refusing peer's.
        there: u64,
    },
    /// Neither known nor with an invite of a member.
    #[error("this key is not invited to the session")]
    NotInvited,
    /// Too late.
    #[error("the invite has expired")]
    InviteExpired,
    /// Somebody joined with it.
    #[error("the one-time invite was used before")]
    InviteSpent,
    /// Not signed by its issuer.
    #[error("the invite's signature is wrong")]
    InviteForged,
    /// Removed for good.
    #[error("this key was banned from the session")]
    Banned,
    /// No room for another link.
    #[error("that peer has no room for another link")]
    Full,
}

/// What the responder says, under the seal of the second Noise message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Come in.
    Accept(Welcome),
    /// Stay out.
    Refuse(Refusal),
}

impl Answer {
    /// A code, then what belongs to it; numbers little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(45);
        match self {
            Self::Accept(welcome) => {
                bytes.push(0);
                bytes.extend_from_slice(&welcome.index.to_le_bytes());
                bytes.extend_from_slice(&welcome.life.to_le_bytes());
                bytes.extend_from_slice(&welcome.scenario.0);
            }
            Self::Refuse(refusal) => match refusal {
                Refusal::Version { there } => {
                    bytes.push(1);
                    bytes.extend_from_slice(&there.to_le_bytes());
                }
                Refusal::Session => bytes.push(2),
                Refusal::Scenario { there } => {
                    bytes.push(3);
                    bytes.extend_from_slice(&there.0);
                }
                Refusal::Revision { there } => {
                    bytes.push(4);
                    bytes.extend_from_slice(&there.to_le_bytes());
                }
                Refusal::NotInvited => bytes.push(5),
                Refusal::InviteExpired => bytes.push(6),
                Refusal::InviteSpent => bytes.push(7),
                Refusal::InviteForged => bytes.push(8),
                Refusal::Banned => bytes.push(9),
                Refusal::Full => bytes.push(10),
            },
        }
        bytes
    }

    /// The answer of these bytes. Any bytes may come.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&code, rest) = bytes.split_first()?;
        let refusal = match (code, rest) {
            (0, rest) => {
                let (index, rest) = rest.split_first_chunk()?;
                let (life, scenario) = rest.split_first_chunk()?;
                let index = u32::from_le_bytes(*index);
                let welcome =
                    Welcome { index, life: u64::from_le_bytes(*life), scenario: Hash(scenario.try_into().ok()?) };
                return (index <= INDEX_MASK).then_some(Self::Accept(welcome));
            }
            (1, there) => Refusal::Version { there: u32::from_le_bytes(there.try_into().ok()?) },
            (2, []) => Refusal::Session,
            (3, there) => Refusal::Scenario { there: Hash(there.try_into().ok()?) },
            (4, there) => Refusal::Revision { there: u64::from_le_bytes(there.try_into().ok()?) },
            (5, []) => Refusal::NotInvited,
            (6, []) => Refusal::InviteExpired,
            (7, []) => Refusal::InviteSpent,
            (8, []) => Refusal::InviteForged,
            (9, []) => Refusal::Banned,
            (10, []) => Refusal::Full,
            _ => return None,
        };
        Some(Self::Refuse(refusal))
    }
}

/// One attempt of the initiator.
pub struct Initiation {
    remote: [u8; 32],
    index: u32,
    echo: [u8; 8],
    started: Option<HandshakeState>,
    packet: Vec<u8>,
}

impl Initiation {
    /// Begins with a Hello. `None` if the key is no identity. `index` is the session's number here, `echo` random.
    #[must_use]
    pub fn new(remote: &PeerKey, index: u32, echo: [u8; 8]) -> Option<Self> {
        let index = index & INDEX_MASK;
        let packet = Packet::Hello { index, echo, mark: mark(&mark_key(remote), index, &echo) }.to_bytes();
        Some(Self { remote: noise_public(remote)?, index, echo, started: None, packet })
    }

    /// Own number of the session.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// What to send, again and again until there is an answer.
    #[must_use]
    pub fn packet(&self) -> &[u8] {
        &self.packet
    }

    /// Whether the first Noise message was made.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.started.is_some()
    }

    /// Takes a cookie and makes the first Noise message; whether there is something new to send.
    pub fn on_cookie(
        &mut self,
        noise_secret: &[u8; 32],
        introduction: &Introduction,
        echo: &[u8; 8],
        cookie: &Cookie,
    ) -> bool {
        if self.started.is_some() || *echo != self.echo {
            return false;
        }
        let payload = introduction.to_bytes();
        let mut noise = vec![0; START_NOISE_BYTES + payload.len()];
        let made = build(noise_secret, Some(&self.remote), cookie).and_then(|mut state| {
            let length = state.write_message(&payload, &mut noise)?;
            noise.truncate(length);
            Ok(state)
        });
        let Ok(state) = made else { return false };
        self.packet = Packet::Start { index: self.index, cookie: *cookie, noise: &noise }.to_bytes();
        self.started = Some(state);
        true
    }

    /// Takes the second Noise message. A forged one changes nothing.
    pub fn on_answer(&mut self, noise: &[u8]) -> Option<(Answer, StatelessTransportState)> {
        let mut payload = [0; ANSWER_PAYLOAD_BYTES_MAX];
        let length = self.started.as_mut()?.read_message(noise, &mut payload).ok()?;
        let answer = Answer::from_bytes(&payload[..length])?;
        let keys = self.started.take()?.into_stateless_transport_mode().ok()?;
        Some((answer, keys))
    }
}

/// The responder's first half: the introduction's bytes, the initiator's Noise key and what is needed for the answer.
/// Costs three multiplications on the curve, about 0.1 ms; any bytes may come.
pub(super) fn read_start(noise_secret: &[u8; 32], cookie: &Cookie, noise: &[u8]) -> Option<(Vec<u8>, HandshakeState)> {
    let mut state = build(noise_secret, None, cookie).ok()?;
    let mut payload = vec![0; noise.len()];
    let length = state.read_message(noise, &mut payload).ok()?;
    payload.truncate(length);
    Some((payload, state))
}

/// Whether a key is the identity behind the Noise key of a handshake.
pub(super) fn is_proven(state: &HandshakeState, key: &PeerKey) -> bool {
    noise_public(key).is_some_and(|expected| state.get_remote_static() == Some(&expected[..]))
}

/// The responder's second half: the Answer packet, and the keys if it was an acceptance.
pub(super) fn write_answer(
    mut state: HandshakeState,
    index: u32,
    answer: &Answer,
) -> Option<(Vec<u8>, StatelessTransportState)> {
    let payload = answer.to_bytes();
    let mut noise = vec![0; ANSWER_NOISE_BYTES + payload.len()];
    let length = state.write_message(&payload, &mut noise).ok()?;
    let packet = Packet::Answer { index, noise: &noise[..length] }.to_bytes();
    Some((packet, state.into_stateless_transport_mode().ok()?))
}

/// A Noise state; an initiator is one that knows whom it speaks to.
fn build(secret: &[u8; 32], remote: Option<&[u8; 32]>, cookie: &Cookie) -> Result<HandshakeState, snow::Error> {
    let prologue = [PROLOGUE, cookie].concat();
    let builder = snow::Builder::new(NOISE.parse()?).local_private_key(secret)?.prologue(&prologue)?;
    match remote {
        Some(remote) => builder.remote_public_key(remote)?.build_initiator(),
        None => builder.build_responder(),
    }
}

/// The introduction of an identity.
pub(super) fn introduce(identity: &Identity, life: u64, hello: Hello, invite: Option<Invite>) -> Introduction {
    // An invite for another session would be read as one for this session, with a wrong signature.
    let invite = invite.filter(|invite| invite.terms.session == hello.session);
    Introduction { life, hello, key: identity.key(), invite }
}
