//! What one member entered in consecutive turns, with its signature under the end of its chain: proof to anyone, without
//! a session, that the owner of a key sent just this.

use serde::{Deserialize, Serialize};

use super::entry::{Entry, chain_entry};
use super::evidence::SignedHead;
use super::ids::{Hash, PeerKey, Player, SessionId, Turn};
use super::input::Input;
use super::turn_part::Entries;

/// Most turns in one of them: more than entries are kept for.
const TURNS_MAX: usize = 1 << 14;
/// Most bytes of entries in one of them: a second of the longest ones at 240 turns a second, and some.
const BYTES_MAX: usize = 1 << 20;

/// Consecutive entries of one life of one player, and the signed head of its author chain behind the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedEntries {
    key: PeerKey,
    first: Turn,
    /// Author chain before `first`.
    before: Hash,
    entries: Entries,
    signed: SignedHead,
}

/// The same on its way to a file.
#[derive(Serialize, Deserialize)]
struct Stored {
    key: PeerKey,
    first: u64,
    before: Hash,
    count: u32,
    /// Each entry coded against the one before it, as on the wire.
    entries: Vec<u8>,
    signed: SignedHead,
}

impl SignedEntries {
    /// The entries from `first` on that a head of `key` stands behind. Whether they do is for [`Self::holds`] to say.
    pub(super) fn new(key: PeerKey, first: Turn, before: Hash, entries: Entries, signed: SignedHead) -> Self {
        Self { key, first, before, entries, signed }
    }

    /// Whether the owner of [`Self::key`] signed exactly these entries for these turns.
    #[must_use]
    pub fn holds(&self) -> bool {
        if self.last() != Some(self.signed.head.turn) {
            return false;
        }
        let turns = self.entries.iter().zip(0..).map(|(entry, after)| (self.first.plus(after), entry));
        let chain = turns.fold(self.before, |chain, (turn, entry)| chain_entry(&chain, turn, entry));
        chain == self.signed.head.chain && self.signed.is_by(&self.key)
    }

    /// About what it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.entries.bytes()
    }

    /// Whose.
    #[must_use]
    pub fn key(&self) -> PeerKey {
        self.key
    }

    /// As which player.
    #[must_use]
    pub fn player(&self) -> Player {
        self.signed.head.player
    }

    /// In which session.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.signed.head.session
    }

    /// The first turn.
    #[must_use]
    pub fn first(&self) -> Turn {
        self.first
    }

    /// The last turn; none where there are no entries, which no member signs.
    #[must_use]
    pub fn last(&self) -> Option<Turn> {
        let after = self.first.0.checked_add(self.entries.len() as u64)?;
        (!self.entries.is_empty()).then(|| Turn(after - 1))
    }

    /// The input entered for a turn; none where the turn is not among these, or its entry is no entry.
    #[must_use]
    pub fn input<I: Input>(&self, turn: Turn) -> Option<I> {
        let at = usize::try_from(turn.0.checked_sub(self.first.0)?).ok()?;
        Entry::decode(self.entries.get(at)?).map(|entry| entry.input)
    }

    /// As bytes, postcard: key, first turn, chain before it, count of entries, their bytes in the wire's delta coding,
    /// and the signed head.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut entries = Vec::new();
        self.entries.write_deltas(&mut entries);
        let stored = Stored {
            key: self.key,
            first: self.first.0,
            before: self.before,
            count: self.entries.len() as u32,
            entries,
            signed: self.signed.clone(),
        };
        // Plain structs of integers and vectors always encode.
        postcard::to_stdvec(&stored).unwrap_or_default()
    }

    /// Reads what [`Self::encode`] wrote; none for anything else. Nothing is believed yet: see [`Self::holds`].
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (stored, []) = postcard::take_from_bytes::<Stored>(bytes).ok()? else { return None };
        let count = usize::try_from(stored.count).ok().filter(|count| *count <= TURNS_MAX)?;
        let mut rest = &stored.entries[..];
        let mut entries = Entries::default();
        for _ in 0..count {
            rest = entries.read_delta(rest).filter(|_| entries.bytes() <= BYTES_MAX)?;
        }
        let all = rest.is_empty();
        all.then(|| Self::new(stored.key, Turn(stored.first), stored.before, entries, stored.signed))
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use proptest::prelude::*;

    use super::super::evidence::Head;
    use super::*;

    fn signed(inputs: &[Vec<u8>], first: u64) -> SignedEntries {
        let identity = SigningKey::from_bytes(&[4; 32]);
        let before = Hash([3; 32]);
        let encoded: Vec<_> = inputs.iter().map(|input| Entry::new(input.clone(), &mut Vec::new()).bytes).collect();
        let entries: Entries = encoded.iter().map(|entry| &entry[..]).collect();
        let chain = (first..).zip(entries.iter()).fold(before, |chain, (t, entry)| chain_entry(&chain, Turn(t), entry));
        let (session, player) = (SessionId([1; 16]), Player(2));
        let turn = Turn(first + inputs.len() as u64 - 1);
        let head = Head { session, player, incarnation: 1, turn, chain }.sign(&identity);
        let key = PeerKey(identity.verifying_key().to_bytes());
        SignedEntries::new(key, Turn(first), before, entries, head)
    }

    #[test]
    fn only_what_was_signed_holds() {
        let good = signed(&[vec![1, 2, 3], vec![], vec![1, 2, 4]], 90);
        assert!(good.holds());
        assert_eq!((good.first(), good.last()), (Turn(90), Some(Turn(92))));
        assert_eq!(good.input::<Vec<u8>>(Turn(92)), Some(vec![1, 2, 4]));
        assert_eq!(good.input::<Vec<u8>>(Turn(93)), None);
        assert_eq!(good.input::<Vec<u8>>(Turn(89)), None);
        let other = signed(&[vec![1, 2, 3], vec![], vec![9]], 90);
        assert!(!SignedEntries { entries: other.entries.clone(), ..good.clone() }.holds(), "another entry");
        assert!(!SignedEntries { first: Turn(91), ..good.clone() }.holds(), "other turns");
        assert!(!SignedEntries { before: Hash([9; 32]), ..good.clone() }.holds(), "another past");
        assert!(!SignedEntries { key: PeerKey([9; 32]), ..good.clone() }.holds(), "another key");
        assert!(
            !SignedEntries { entries: good.entries.iter().take(2).collect(), ..good.clone() }.holds(),
            "one left out"
        );
        assert!(!SignedEntries { first: Turn(u64::MAX - 1), ..good.clone() }.holds(), "turns beyond the last one");
        assert!(!SignedEntries { entries: Entries::default(), ..good }.holds(), "none");
    }

    #[test]
    fn a_few_bytes_do_not_become_many() {
        // A thousand bytes, and a byte each time to say them again.
        let many: Vec<Vec<u8>> = vec![vec![7; 1_000]; 1_100];
        let bytes = signed(&many, 0).encode();
        assert!(bytes.len() < 3_000 && SignedEntries::decode(&bytes).is_none());
        assert!(SignedEntries::decode(&signed(&many[..1_000], 0).encode()).is_some_and(|read| read.holds()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            inputs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..40),
            first in 0..1_000_000u64,
        ) {
            let before = signed(&inputs, first);
            let after = SignedEntries::decode(&before.encode());
            prop_assert!(after.as_ref().is_some_and(SignedEntries::holds));
            prop_assert_eq!(after, Some(before));
        }

        #[test]
        fn a_flipped_bit_is_noticed(bit in 0..8usize, at in any::<prop::sample::Index>()) {
            let mut bytes = signed(&[vec![1, 2, 3], vec![1, 2, 3], vec![7; 30]], 5).encode();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(SignedEntries::decode(&bytes).is_none_or(|read| !read.holds()));
        }

        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(read) = SignedEntries::decode(&bytes) {
                prop_assert!(!read.holds());
            }
        }
    }
}
