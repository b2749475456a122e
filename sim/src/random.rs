//! Random numbers that are part of the state or derived from the scenario's seed: small, exact, and the same
//! everywhere. Must never be seeded from a clock or an operating system.
//!
//! The generator is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA
//! 2014; constants of Vigna's public-domain `splitmix64.c`). It has eight bytes of state, passes BigCrush, and
//! any 64-bit value is a good state, which makes it easy to give every generated thing a stream of its own.
//! It is no cipher: nothing secret may depend on it.

use bytemuck::{Pod, Zeroable};
use glam::DVec3;
use serde::{Deserialize, Serialize};

/// 2^64 divided by the golden ratio, made odd: the step of the state.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable, Serialize, Deserialize)]
pub struct RandomStream {
    /// All there is to it; every value is valid.
    pub state: u64,
}

impl RandomStream {
    /// The stream that starts at `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A stream for one thing named by numbers, such as seed, purpose, group and index. Other keys, also the
    /// same ones in another order, give unrelated streams. All streams are parts of one sequence of 2^64
    /// numbers: two million of them, 16 long each, overlap anywhere with a chance of about 1 in 100,000.
    #[must_use]
    pub fn keyed(keys: &[u64]) -> Self {
        Self { state: keys.iter().fold(0, |state, key| mix(state.wrapping_add(GAMMA) ^ key)) }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// Uniform in `[0, 1)`: one of the 2^53 multiples of 2^-53, each exact and equally likely.
    pub fn uniform01(&mut self) -> f64 {
        const ULP: f64 = 1.0 / 9_007_199_254_740_992.0;
        (self.next_u64() >> 11) as f64 * ULP
    }

    /// Uniform between `low` and `high`, which must be finite and so must their difference. Rounding may reach
    /// `high` and passes neither end.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        (low + (high - low) * self.uniform01()).clamp(low.min(high), low.max(high))
    }

    /// Uniform in a cube of `half_edge` around zero. Draws three numbers: x, y, z.
    pub fn in_cube(&mut self, half_edge: f64) -> DVec3 {
        let x = self.range(-half_edge, half_edge);
        let y = self.range(-half_edge, half_edge);
        let z = self.range(-half_edge, half_edge);
        DVec3::new(x, y, z)
    }
}

/// The output function of SplitMix64: a bijection of 64-bit words.
const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_splitmix64() {
        // The first outputs of the reference implementation for this seed.
        let mut stream = RandomStream::new(1_234_567);
        let first: [u64; 5] = std::array::from_fn(|_| stream.next_u64());
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821
            ]
        );
    }

    #[test]
    fn uniform_is_uniform() {
        let mut stream = RandomStream::new(7);
        let mut bins = [0u32; 16];
        for _ in 0..160_000 {
            let x = stream.uniform01();
            assert!((0.0..1.0).contains(&x));
            bins[(x * 16.0) as usize] += 1;
        }
        // 10,000 expected in each, standard deviation 97: five of them either way.
        assert!(bins.iter().all(|&n| (9_515..=10_485).contains(&n)), "{bins:?}");
    }

    #[test]
    fn the_highest_bits_stay_below_one() {
        assert!(((u64::MAX >> 11) as f64) / 9_007_199_254_740_992.0 < 1.0);
        let mut stream = RandomStream::new(3);
        for _ in 0..1000 {
            // One last place wide: rounding reaches both ends, and must not leave them.
            let x = stream.range(1.0, 1.0 + f64::EPSILON);
            assert!((1.0..=1.0 + f64::EPSILON).contains(&x));
        }
        assert_eq!(stream.range(2.5, 2.5), 2.5);
    }

    #[test]
    fn keys_give_unrelated_streams() {
        let mut firsts: Vec<u64> = Vec::new();
        for a in 0..100 {
            for b in 0..100 {
                firsts.push(RandomStream::keyed(&[a, b]).next_u64());
            }
        }
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 10_000);
        assert_ne!(RandomStream::keyed(&[1, 2]), RandomStream::keyed(&[2, 1]));
        assert_ne!(RandomStream::keyed(&[0]), RandomStream::keyed(&[0, 0]));
    }
}
