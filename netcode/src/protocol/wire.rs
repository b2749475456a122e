//! What travels between peers, byte for byte. Decoding is total: any bytes give a datagram or `None`.
//!
//! A datagram is a turn part, if its first byte is 1, and then messages up to its end. The turn part is written by hand,
//! as it is sent thirty to ninety times a second on every link; messages are postcard.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cut::Cut;
use super::effect::Refusal;
use super::entry::{read_delta, read_varint, unzigzag, write_delta, write_varint, zigzag};
use super::evidence::{Proof, SignedHead};
use super::ids::{Hash, Player, SessionId, Turn};
use super::transfer::{Ack, Chunk, Offer};

/// Most bytes of one datagram of the core. Sealed and in IPv6's smallest packet it is not fragmented.
pub const DATAGRAM_BYTES_MAX: usize = 1180;
/// Most entries of one author in one datagram.
pub const RUN_ENTRIES_MAX: usize = 128;
/// Most authors whose entries one datagram carries or asks for.
pub const RUNS_MAX: usize = 64;

/// The part that every link sees once a turn: acknowledgements, clock, entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TurnPart {
    /// Number of this datagram on its link, for round-trip times and losses.
    pub number: u16,
    /// Epoch of the sender's next turn.
    pub epoch: u32,
    /// First turn that the sender has not executed.
    pub next: Turn,
    /// Short chain hash before that turn.
    pub chain: u64,
    /// How many turns behind `next` the sender's first unconfirmed turn is.
    pub unconfirmed: u64,
    /// The sender's playhead at sending, relative to `next`, in 1/64 turns.
    pub playhead: i64,
    /// Loss of the other direction as the sender sees it, in 1/255.
    pub loss: u8,
    /// Newest datagram seen from the receiver, and how long ago it came, in 64 us.
    pub echo: Option<(u16, u16)>,
    /// First entry of the receiver that is missing here, relative to `next`; later ones that are here, by bit.
    pub ack: (i64, u32),
    /// Digest after an executed turn: how many turns before `next`, and its value.
    pub digest: Option<(u64, u64)>,
    /// Entries that the receiver shall pass on: whose, from which turn.
    pub needs: Vec<(Player, Turn)>,
    /// Entries.
    pub runs: Vec<Run>,
}

/// Consecutive entries of one author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Whose.
    pub player: Player,
    /// Which life of the author.
    pub incarnation: u32,
    /// Turn of the first.
    pub first: Turn,
    /// Encoded entries.
    pub entries: Vec<Arc<[u8]>>,
}

/// Everything else. All of it may be repeated and may get lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// A peer wants to come in, or a member wants the others' state again.
    Ask {
        /// Which run of the process.
        life: u64,
        /// Only to watch.
        spectator: bool,
        /// Revision of the simulation.
        revision: u64,
        /// Where others reach it.
        address: Vec<u8>,
        /// The log that it has: first turn not executed, and the short chain hash before it.
        have: Option<(Turn, u64)>,
    },
    /// Yes: what the receiver has can be continued from the log.
    Follow,
    /// No.
    Refuse(Refusal),
    /// A blob can be had; see [`super::transfer`].
    Offer {
        /// Number of the transfer.
        transfer: u32,
        /// Last turn in the blob.
        turn: Turn,
        /// What it is.
        offer: Offer,
    },
    /// A piece of one.
    Chunk(Chunk),
    /// What of it is here.
    ChunkAck(Ack),
    /// The sender keeps step and wants to become a member.
    Ready {
        /// As in its `Ask`.
        life: u64,
    },
    /// A member's signature of the blob after a turn.
    Attest(Attestation),
    /// Paxos, first phase.
    Prepare {
        /// Instance.
        epoch: u32,
        /// Ballot.
        ballot: u32,
    },
    /// Answer to it.
    Promise {
        /// Instance.
        epoch: u32,
        /// Ballot.
        ballot: u32,
        /// First turn not executed in this epoch.
        next: Turn,
        /// Chain hash before it.
        chain: Hash,
        /// Whether the log itself ends the epoch there.
        ends: bool,
        /// The cut accepted in the highest ballot so far.
        accepted: Option<(u32, Cut)>,
    },
    /// A lower ballot than this is not heard any more.
    Overtaken {
        /// Instance.
        epoch: u32,
        /// The highest ballot promised.
        ballot: u32,
    },
    /// Paxos, second phase.
    Accept {
        /// Instance.
        epoch: u32,
        /// Ballot.
        ballot: u32,
        /// Value.
        cut: Cut,
    },
    /// Answer to it.
    Accepted {
        /// Instance.
        epoch: u32,
        /// Ballot.
        ballot: u32,
    },
    /// The epoch ended so.
    Decided {
        /// Instance.
        epoch: u32,
        /// Value.
        cut: Cut,
    },
    /// A signed head of an author chain, the sender's or another's.
    Head(SignedHead),
    /// Chains differ: the sender's author chains after this turn, by player.
    Audit {
        /// Which turn.
        turn: Turn,
        /// Short author chains.
        chains: Vec<(Player, u64)>,
    },
    /// The receiver shall sign its head at this turn.
    HeadWanted {
        /// Which turn.
        turn: Turn,
    },
    /// An author is convicted.
    Expose(Box<Proof>),
    /// The receiver's state after this turn is wanted, for a comparison.
    StateWanted {
        /// Which turn.
        turn: Turn,
    },
    /// To a peer that is behind: the chain hash of the sender's log where the receiver is now.
    Mark {
        /// First turn that the receiver has not executed.
        next: Turn,
        /// Epoch of that turn.
        epoch: u32,
        /// Short chain hash before it.
        chain: u64,
    },
    /// The sender is going.
    Farewell,
}

/// A member's word that the blob after a turn has this hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// Who says so.
    pub player: Player,
    /// Last turn in the blob.
    pub turn: Turn,
    /// Hash of the blob.
    pub blob: Hash,
    /// Ed25519 over [`Attestation::message`]: first half.
    pub r: [u8; 32],
    /// Second half.
    pub s: [u8; 32],
}

impl Attestation {
    /// The bytes that are signed.
    #[must_use]
    pub fn message(session: SessionId, turn: Turn, blob: &Hash) -> Vec<u8> {
        let mut bytes = b"spacetime state 1".to_vec();
        bytes.extend_from_slice(&session.0);
        bytes.extend_from_slice(&turn.0.to_le_bytes());
        bytes.extend_from_slice(&blob.0);
        bytes
    }
}

/// One datagram of the core.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datagram {
    /// What is sent every turn.
    pub turn: Option<TurnPart>,
    /// What is sent now and then.
    pub messages: Vec<Message>,
}

const HAS_ECHO: u8 = 1;
const HAS_DIGEST: u8 = 2;
const HAS_NEEDS: u8 = 4;

impl Datagram {
    /// Reads a datagram.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (first, mut rest) = bytes.split_first()?;
        let turn = match first {
            0 => None,
            1 => {
                let (part, after) = TurnPart::read(rest)?;
                rest = after;
                Some(part)
            }
            _ => return None,
        };
        let mut messages = Vec::new();
        while !rest.is_empty() {
            let (message, after) = postcard::take_from_bytes(rest).ok()?;
            messages.push(message);
            rest = after;
        }
        Some(Self { turn, messages })
    }

    /// Writes a datagram. Whoever fills it keeps it within [`DATAGRAM_BYTES_MAX`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![u8::from(self.turn.is_some())];
        if let Some(part) = &self.turn {
            part.write(&mut out);
        }
        for message in &self.messages {
            out.extend(encode_message(message));
        }
        out
    }
}

/// A message as it travels. Plain enums of integers, arrays and vectors always encode.
#[must_use]
pub fn encode_message(message: &Message) -> Vec<u8> {
    postcard::to_stdvec(message).unwrap_or_default()
}

impl TurnPart {
    /// Appends the part.
    pub fn write(&self, out: &mut Vec<u8>) {
        let has = |present: bool, flag: u8| if present { flag } else { 0 };
        let flags = has(self.echo.is_some(), HAS_ECHO)
            | has(self.digest.is_some(), HAS_DIGEST)
            | has(!self.needs.is_empty(), HAS_NEEDS);
        out.push(flags);
        out.extend_from_slice(&self.number.to_le_bytes());
        write_varint(out, u64::from(self.epoch));
        write_varint(out, self.next.0);
        out.extend_from_slice(&self.chain.to_le_bytes());
        write_varint(out, self.unconfirmed);
        write_varint(out, zigzag(self.playhead));
        out.push(self.loss);
        if let Some((number, held)) = self.echo {
            out.extend_from_slice(&number.to_le_bytes());
            out.extend_from_slice(&held.to_le_bytes());
        }
        write_varint(out, zigzag(self.ack.0));
        write_varint(out, u64::from(self.ack.1));
        if let Some((back, digest)) = self.digest {
            write_varint(out, back);
            out.extend_from_slice(&digest.to_le_bytes());
        }
        if !self.needs.is_empty() {
            write_varint(out, self.needs.len() as u64);
            for (player, from) in &self.needs {
                write_varint(out, u64::from(player.0));
                write_varint(out, zigzag(from.0.wrapping_sub(self.next.0) as i64));
            }
        }
        write_varint(out, self.runs.len() as u64);
        for run in &self.runs {
            write_varint(out, u64::from(run.player.0));
            write_varint(out, u64::from(run.incarnation));
            write_varint(out, zigzag(run.first.0.wrapping_sub(self.next.0) as i64));
            write_varint(out, run.entries.len() as u64);
            let mut before: &[u8] = &[];
            for entry in &run.entries {
                write_delta(out, before, entry);
                before = entry;
            }
        }
    }

    /// Reads a part; returns it and what follows.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut at = Cursor(bytes);
        let flags = at.byte()?;
        let number = u16::from_le_bytes(at.array()?);
        let epoch = u32::try_from(at.varint()?).ok()?;
        let next = Turn(at.varint()?);
        let chain = u64::from_le_bytes(at.array()?);
        let unconfirmed = at.varint()?;
        let playhead = unzigzag(at.varint()?);
        let loss = at.byte()?;
        let echo = match flags & HAS_ECHO {
            0 => None,
            _ => Some((u16::from_le_bytes(at.array()?), u16::from_le_bytes(at.array()?))),
        };
        let ack = (unzigzag(at.varint()?), u32::try_from(at.varint()?).ok()?);
        let digest = match flags & HAS_DIGEST {
            0 => None,
            _ => Some((at.varint()?, u64::from_le_bytes(at.array()?))),
        };
        let mut needs = Vec::new();
        if flags & HAS_NEEDS != 0 {
            for _ in 0..at.count(RUNS_MAX)? {
                needs.push((at.player()?, at.turn_from(next)?));
            }
        }
        let mut runs = Vec::new();
        for _ in 0..at.count(RUNS_MAX)? {
            let player = at.player()?;
            let incarnation = u32::try_from(at.varint()?).ok()?;
            let first = at.turn_from(next)?;
            let mut entries: Vec<Arc<[u8]>> = Vec::new();
            for _ in 0..at.count(RUN_ENTRIES_MAX)? {
                let before = entries.last().map_or(&[][..], |entry| entry);
                let (entry, rest) = read_delta(at.0, before)?;
                at.0 = rest;
                entries.push(entry.into());
            }
            runs.push(Run { player, incarnation, first, entries });
        }
        Some((Self { number, epoch, next, chain, unconfirmed, playhead, loss, echo, ack, digest, needs, runs }, at.0))
    }
}

/// Reads from the front of a slice.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn varint(&mut self) -> Option<u64> {
        let (value, rest) = read_varint(self.0)?;
        self.0 = rest;
        Some(value)
    }

    fn count(&mut self, most: usize) -> Option<usize> {
        usize::try_from(self.varint()?).ok().filter(|count| *count <= most)
    }

    fn player(&mut self) -> Option<Player> {
        u32::try_from(self.varint()?).ok().map(Player)
    }

    fn turn_from(&mut self, base: Turn) -> Option<Turn> {
        base.0.checked_add_signed(unzigzag(self.varint()?)).map(Turn)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part() -> impl Strategy<Value = TurnPart> {
        let run = (
            any::<u32>(),
            any::<u32>(),
            0u64..1 << 40,
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..8),
        )
            .prop_map(|(player, incarnation, first, entries)| Run {
                player: Player(player),
                incarnation,
                first: Turn(first),
                entries: entries.into_iter().map(Into::into).collect(),
            });
        let head = (any::<u16>(), any::<u32>(), 0u64..1 << 40, any::<u64>(), any::<u64>(), any::<i64>(), any::<u8>());
        let more = (
            any::<Option<(u16, u16)>>(),
            any::<(i64, u32)>(),
            any::<Option<(u64, u64)>>(),
            prop::collection::vec((any::<u32>().prop_map(Player), (0u64..1 << 40).prop_map(Turn)), 0..5),
            prop::collection::vec(run, 0..4),
        );
        (head, more).prop_map(
            |((number, epoch, next, chain, unconfirmed, playhead, loss), (echo, ack, digest, needs, runs))| TurnPart {
                number,
                epoch,
                next: Turn(next),
                chain,
                unconfirmed,
                playhead,
                loss,
                echo,
                ack,
                digest,
                needs,
                runs,
            },
        )
    }

    proptest! {
        #[test]
        fn turn_parts_travel(part in part()) {
            let datagram = Datagram { turn: Some(part), messages: vec![Message::Farewell, Message::Ready { life: 7 }] };
            prop_assert_eq!(Datagram::decode(&datagram.encode()), Some(datagram));
        }

        #[test]
        fn any_bytes_are_a_datagram_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Datagram::decode(&bytes);
        }

        #[test]
        fn bent_datagrams_do_no_harm(part in part(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut bytes = Datagram { turn: Some(part), messages: Vec::new() }.encode();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let _ = Datagram::decode(&bytes);
        }
    }

    #[test]
    fn a_usual_datagram_is_small() {
        let entry = |i: u8| Arc::from(vec![8, i, i ^ 3, i ^ 5, i ^ 9, i, i ^ 1, 77, i].as_slice());
        let run = Run { player: Player(3), incarnation: 1, first: Turn(20_008), entries: (1..4).map(entry).collect() };
        let part = TurnPart {
            number: 4000,
            epoch: 2,
            next: Turn(20_000),
            chain: u64::MAX,
            unconfirmed: 6,
            playhead: 30,
            loss: 12,
            echo: Some((9, 500)),
            ack: (3, 0),
            digest: Some((1, u64::MAX)),
            needs: Vec::new(),
            runs: vec![run],
        };
        let bytes = Datagram { turn: Some(part), messages: Vec::new() }.encode();
        assert!(bytes.len() <= 70, "{}", bytes.len());
    }
}
