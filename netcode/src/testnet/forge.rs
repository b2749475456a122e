//! Hostile datagrams for tests: forged, mutated, truncated and replayed from what was seen on a wire. Must never need a key:
//! a stranger makes them.

use crate::netsim::Random;

/// One hostile datagram, from what was seen on the wire.
pub fn hostile(random: &mut Random, seen: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seen[random.index(seen.len())].clone();
    match random.index(8) {
        0 => {
            let length = random.index(1400);
            return random.bytes(length);
        }
        1 => bytes.truncate(random.index(bytes.len())),
        2 => {
            let more = random.index(64) + 1;
            bytes.extend(random.bytes(more));
        }
        3 => {
            let bit = random.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        4 => {
            for _ in 0..=random.index(8) {
                let at = random.index(bytes.len());
                // Never 0: a change that changes nothing would be a replay, which has its own case.
                bytes[at] = bytes[at].wrapping_add(random.index(255) as u8 + 1);
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
            let other = &seen[random.index(seen.len())];
            let cut = random.index(bytes.len().min(other.len()));
            bytes.truncate(cut);
            bytes.extend_from_slice(&other[cut..]);
        }
        _ => {}
    }
    bytes
}
