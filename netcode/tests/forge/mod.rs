//! Hostile datagrams for tests: forged, mutated, truncated and replayed from what was seen on a wire. Must never need a key:
//! a stranger makes them.
//!
//! Usable from other crates' tests with `#[path = "../../netcode/tests/forge/mod.rs"] mod forge;`.

/// A source of numbers that repeats itself exactly.
pub struct Random(pub u64);

impl Random {
    /// SplitMix64.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number from 0 to `n - 1`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// One hostile datagram, from what was seen on the wire.
pub fn hostile(random: &mut Random, seen: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seen[random.below(seen.len())].clone();
    match random.below(8) {
        0 => {
            let length = random.below(1400);
            return random.bytes(length);
        }
        1 => bytes.truncate(random.below(bytes.len())),
        2 => {
            let more = random.below(64) + 1;
            bytes.extend(random.bytes(more));
        }
        3 => {
            let bit = random.below(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        4 => {
            for _ in 0..=random.below(8) {
                let at = random.below(bytes.len());
                // Never 0: a change that changes nothing would be a replay, which has its own case.
                bytes[at] = bytes[at].wrapping_add(random.below(255) as u8 + 1);
            }
        }
        5 => {
            // The right session, everything else made up.
            let length = bytes.len();
            let made_up = random.bytes(length - 4);
            bytes[4..].copy_from_slice(&made_up);
        }
        6 => {
            // The end of one datagram behind the beginning of another.
            let other = &seen[random.below(seen.len())];
            let cut = random.below(bytes.len().min(other.len()));
            bytes.truncate(cut);
            bytes.extend_from_slice(&other[cut..]);
        }
        _ => {}
    }
    bytes
}
