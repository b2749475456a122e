//! The seeded random numbers of a simulated run (SplitMix64). Must never be seeded by anything but a plan's seed.

/// Increment of SplitMix64's state (Steele, Lea, Flood 2014).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers; equal seeds give equal streams.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream with this number of a seed. Streams of one seed are independent, so that drawing more from one
    /// does not shift the others.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(scramble(scramble(seed ^ 0x5eed).wrapping_add(scramble(stream.wrapping_mul(STEP)))))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        scramble(self.0)
    }

    /// A number below `n`; 0 for `n` = 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// An index into a list of this length; 0 for an empty one.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// This many random bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.bits() as u8).collect()
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// From 0 to 1, 1 excluded.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// True with this probability. Draws nothing where the answer is certain.
    pub fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && (probability >= 1.0 || self.unit() < probability)
    }

    /// One of them, if there is one.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.index(from.len())).copied()
    }
}

/// SplitMix64's finaliser: a bijection of the 64-bit numbers.
#[must_use]
pub const fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The inverse of [`scramble`].
#[must_use]
pub const fn unscramble(mut z: u64) -> u64 {
    z = z ^ (z >> 31) ^ (z >> 62);
    z = z.wrapping_mul(inverse(0x94d0_49bb_1331_11eb));
    z = z ^ (z >> 27) ^ (z >> 54);
    z = z.wrapping_mul(inverse(0xbf58_476d_1ce4_e5b9));
    z ^ (z >> 30) ^ (z >> 60)
}

/// The inverse of an odd number modulo 2^64, by Newton's iteration.
const fn inverse(odd: u64) -> u64 {
    let mut x = odd;
    let mut round = 0;
    while round < 6 {
        x = x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x)));
        round += 1;
    }
    x
}

/// A running hash that tells two runs apart; not for anything that an attacker touches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fold(pub u64);

impl Fold {
    /// Takes a number.
    pub fn number(&mut self, n: u64) {
        self.0 = scramble(self.0.rotate_left(5) ^ n.wrapping_add(STEP));
    }

    /// Takes bytes, and how many they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.number(u64::from_le_bytes(word));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrambling_can_be_undone() {
        let mut random = Random::new(1, 2);
        for _ in 0..10_000 {
            let n = random.bits();
            assert_eq!(unscramble(scramble(n)), n);
            assert_eq!(scramble(unscramble(n)), n);
        }
    }

    #[test]
    fn numbers_stay_in_their_bounds_and_reach_both_ends() {
        let mut random = Random::new(3, 0);
        let mut seen = [false; 5];
        for _ in 0..1000 {
            seen[(random.between(10, 14) - 10) as usize] = true;
            assert!(random.unit() < 1.0);
        }
        assert_eq!(seen, [true; 5]);
        let heads = (0..10_000).filter(|_| random.chance(0.25)).count();
        assert!((2300..2700).contains(&heads), "{heads}");
        assert_ne!(Random::new(3, 0).bits(), Random::new(3, 1).bits());
        assert_ne!(Random::new(3, 0).bits(), Random::new(4, 0).bits());
    }
}
