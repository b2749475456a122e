//! What travels between peers, byte for byte. Decoding is total: any bytes give a datagram or `None`.
//!
//! A datagram is a turn part (see [`TurnPart`]), if its first byte has the top bit, and then messages up to its end, in
//! postcard.

use serde::{Deserialize, Serialize};

use super::cut::Cut;
use super::effect::Refusal;
use super::evidence::{Proof, SignedHead};
use super::ids::{Hash, PeerKey, Player, SessionId, Turn};
use super::transfer::{Ack, Chunk, Offer};
pub use super::turn_part::{Entries, RUN_ENTRIES_MAX, RUNS_MAX, Run, TurnPart};

/// Most bytes of one datagram of the core. Sealed and in IPv6's smallest packet it is not fragmented.
pub const DATAGRAM_BYTES_MAX: usize = 1180;
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
    /// To a newcomer: who else can be asked, and where they are.
    Others {
        /// Members, as many as fit.
        members: Vec<(PeerKey, Vec<u8>)>,
    },
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

/// First byte of a datagram that has messages only.
pub(super) const NO_TURN_PART: u8 = 0;

impl Datagram {
    /// Reads a datagram.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (first, mut rest) = bytes.split_first()?;
        let turn = match *first {
            NO_TURN_PART => None,
            _ => {
                let (part, after) = TurnPart::read(bytes)?;
                rest = after;
                Some(part)
            }
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
        let mut out = Vec::with_capacity(128);
        match &self.turn {
            Some(part) => part.write(&mut out),
            None => out.push(NO_TURN_PART),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::turn_part::tests::part;
    use super::*;

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
}
