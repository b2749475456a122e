//! What one member contributes to one turn, as bytes: its input and its proposals. The bytes are what is hashed,
//! signed and passed on; they are checked once, when they arrive.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::{Hash, PeerKey, Player, Turn};
use super::input::{INPUT_BYTES_MAX, Input};

/// Most proposals in one entry.
pub const PROPOSALS_MAX: usize = 8;
/// Most bytes of an address that travels.
pub const ADDRESS_BYTES_MAX: usize = 64;
/// Most bytes of an encoded entry: it travels in one datagram.
pub const ENTRY_BYTES_MAX: usize = 1080;

/// Something about the session that a member wants in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proposal {
    /// A peer that keeps step wants to be a member.
    Join {
        /// Who.
        key: PeerKey,
        /// Which run of the process.
        life: u64,
        /// As what.
        role: u8,
        /// The one-time invite that this spends.
        invite: Option<[u8; 16]>,
        /// Where others reach it.
        address: Vec<u8>,
    },
    /// The author leaves.
    Leave,
    /// The author wishes for this input delay.
    Delay {
        /// In turns.
        turns: u32,
    },
    /// The author votes to remove a member.
    Kick {
        /// Whom.
        player: Player,
    },
    /// The author votes to make a member a spectator, as it cannot keep step.
    Demote {
        /// Whom.
        player: Player,
    },
    /// Every member takes a snapshot after this turn and signs its hash for the author.
    Snapshot,
}

/// One member's entry for one turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<I> {
    /// What it wants to do in the world.
    pub input: I,
    /// What it wants of the session.
    pub proposals: Vec<Proposal>,
    /// The encoded entry: what was hashed.
    pub bytes: Arc<[u8]>,
}

impl<I: Input> Entry<I> {
    /// An entry with its bytes: length of the input, the input, the proposals (nothing at all where both are neutral).
    /// Proposals are taken from the front of `waiting`, as many as fit.
    pub fn new(input: I, waiting: &mut Vec<Proposal>) -> Self {
        let mut body = Vec::new();
        input.encode(&mut body);
        let mut bytes = Vec::with_capacity(body.len() + 2);
        write_varint(&mut bytes, body.len() as u64);
        bytes.extend_from_slice(&body);
        let mut taken = 0;
        for proposal in waiting.iter().take(PROPOSALS_MAX) {
            // Plain enums of integers and short vectors always encode.
            let encoded = postcard::to_stdvec(proposal).unwrap_or_default();
            if bytes.len() + encoded.len() > ENTRY_BYTES_MAX {
                break;
            }
            bytes.extend(encoded);
            taken += 1;
        }
        let proposals: Vec<Proposal> = waiting.drain(..taken).collect();
        if body.is_empty() && proposals.is_empty() {
            bytes.clear();
        }
        Self { input, proposals, bytes: bytes.into() }
    }

    /// The entry these bytes are, if they are one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > ENTRY_BYTES_MAX {
            return None;
        }
        let stored: Arc<[u8]> = bytes.into();
        if bytes.is_empty() {
            return Some(Self { input: I::decode(&[])?, proposals: Vec::new(), bytes: stored });
        }
        let (length, rest) = read_varint(bytes)?;
        let length = usize::try_from(length).ok().filter(|l| *l <= INPUT_BYTES_MAX.min(rest.len()))?;
        let (body, mut rest) = rest.split_at(length);
        let input = I::decode(body)?;
        let mut proposals = Vec::new();
        while !rest.is_empty() {
            let (proposal, after) = postcard::take_from_bytes::<Proposal>(rest).ok()?;
            let long = matches!(&proposal, Proposal::Join { address, .. } if address.len() > ADDRESS_BYTES_MAX);
            if long || proposals.len() == PROPOSALS_MAX {
                return None;
            }
            proposals.push(proposal);
            rest = after;
        }
        Some(Self { input, proposals, bytes: stored })
    }
}

/// Author chain after one more entry.
pub fn chain_entry(before: &Hash, turn: Turn, bytes: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&before.0).update(&turn.0.to_le_bytes()).update(bytes);
    Hash(hasher.finalize().into())
}

/// Appends a LEB128 number.
pub fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a LEB128 number of at most ten bytes.
pub fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (i, byte) in bytes.iter().take(10).enumerate() {
        let part = u64::from(byte & 0x7f);
        if i == 9 && part > 1 {
            return None;
        }
        value |= part << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

/// A signed number as an unsigned one: 0, -1, 1, -2, ...
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The other way.
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_neutral_entry_has_no_bytes() {
        let entry = Entry::new(Vec::<u8>::neutral(), &mut Vec::new());
        assert!(entry.bytes.is_empty());
        assert_eq!(Entry::<Vec<u8>>::decode(&[]), Some(entry));
    }

    #[test]
    fn proposals_travel() {
        let join = Proposal::Join {
            key: PeerKey([9; 32]),
            life: u64::MAX,
            role: 2,
            invite: Some([3; 16]),
            address: vec![1; ADDRESS_BYTES_MAX],
        };
        let mut all = vec![join, Proposal::Leave, Proposal::Delay { turns: 300 }, Proposal::Kick { player: Player(7) }];
        let entry = Entry::new(vec![1, 2, 3], &mut all);
        assert!(all.is_empty());
        assert_eq!(Entry::decode(&entry.bytes), Some(entry));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_entry_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(entry) = Entry::<Vec<u8>>::decode(&bytes) {
                prop_assert_eq!(&entry.bytes[..], &bytes[..]);
            }
        }

        #[test]
        fn numbers_survive(value in any::<u64>(), signed in any::<i64>()) {
            let mut out = Vec::new();
            write_varint(&mut out, value);
            prop_assert_eq!(read_varint(&out), Some((value, &[][..])));
            prop_assert_eq!(unzigzag(zigzag(signed)), signed);
        }
    }
}
