//! The inputs of simulated players: eight bytes that look random, and yet say who made them and as which one. Must
//! never make two equal ones, so that a lost, repeated, altered or invented input is seen.

use super::random::{scramble, unscramble};
use crate::protocol::{INPUT_BYTES_MAX, Input};

/// Most operations in one input.
pub const OPS_MAX: usize = INPUT_BYTES_MAX / 8;

/// What one operation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Op {
    /// The machine it was made on.
    pub node: u8,
    /// Which life of the machine's process, from 1.
    pub life: u8,
    /// The how manieth of that life, from 0.
    pub number: u32,
}

impl Op {
    /// As it travels.
    #[must_use]
    pub fn word(self) -> u64 {
        let body = u64::from(self.node) | u64::from(self.life) << 8 | u64::from(self.number) << 16;
        scramble(body | (scramble(body) & 0xffff) << 48)
    }

    /// What travelled; `None` for anything that nobody made.
    #[must_use]
    pub fn of(word: u64) -> Option<Self> {
        let word = unscramble(word);
        let body = word & 0xffff_ffff_ffff;
        let op = Self { node: body as u8, life: (body >> 8) as u8, number: (body >> 16) as u32 };
        (word >> 48 == scramble(body) & 0xffff).then_some(op)
    }
}

/// One player's input for one turn: operations in the order they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ops(pub Vec<u64>);

impl Input for Ops {
    fn neutral() -> Self {
        Self::default()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for word in &self.0 {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        (rest.is_empty() && words.len() <= OPS_MAX)
            .then(|| Self(words.iter().map(|word| u64::from_le_bytes(*word)).collect()))
    }

    fn merge(&mut self, mut later: Self) -> Option<Self> {
        let room = OPS_MAX.saturating_sub(self.0.len()).min(later.0.len());
        self.0.extend(later.0.drain(..room));
        (!later.0.is_empty()).then_some(later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_survives_and_a_changed_bit_is_seen() {
        let mut seen = 0;
        for number in 0..1000 {
            let op = Op { node: 63, life: 3, number };
            assert_eq!(Op::of(op.word()), Some(op));
            seen += u32::from(Op::of(op.word() ^ 1 << (number % 64)).is_none());
        }
        assert!(seen >= 999, "{seen} of 1000");
    }

    #[test]
    fn merged_inputs_keep_order_and_give_back_what_does_not_fit() {
        let mut ops = Ops((0..100).collect());
        let rest = ops.merge(Ops((100..200).collect()));
        assert_eq!(ops.0, (0..130).collect::<Vec<_>>());
        assert_eq!(rest, Some(Ops((130..200).collect())));
        let mut bytes = Vec::new();
        ops.encode(&mut bytes);
        assert!(bytes.len() <= crate::protocol::INPUT_BYTES_MAX);
        assert_eq!(Ops::decode(&bytes), Some(ops));
        assert_eq!(Ops::decode(&bytes[1..]), None);
    }
}
