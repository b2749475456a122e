//! The network between the peers of one session: each datagram is delayed by 60 to 100 ms, evenly spread and
//! independent of the others (so it may be overtaken), or lost, in 5 % of the cases. Nothing here knows who is measured.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Least delay, and the most.
const DELAY_US: std::ops::RangeInclusive<u64> = 60_000..=100_000;
/// Datagrams lost of 100.
const LOST_PERCENT: u64 = 5;

/// Uniform numbers from a seed (SplitMix64).
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A datagram on its way: when it arrives, its number, from whom, to whom, what.
type Flight = Reverse<(u64, u64, usize, usize, Vec<u8>)>;

/// All links of a session.
pub struct Network {
    random: Random,
    flights: BinaryHeap<Flight>,
    /// Datagrams and payload bytes sent so far.
    pub datagrams: u64,
    pub bytes: u64,
}

impl Network {
    pub fn new(seed: u64) -> Self {
        Self { random: Random(seed), flights: BinaryHeap::new(), datagrams: 0, bytes: 0 }
    }

    pub fn send(&mut self, now_us: u64, from: usize, to: usize, bytes: Vec<u8>) {
        self.datagrams += 1;
        self.bytes += bytes.len() as u64;
        let span_us = DELAY_US.end() - DELAY_US.start() + 1;
        let delay_us = DELAY_US.start() + self.random.next() % span_us;
        if self.random.next() % 100 >= LOST_PERCENT {
            self.flights.push(Reverse((now_us + delay_us, self.datagrams, from, to, bytes)));
        }
    }

    /// The next datagram that has arrived by now: from whom, to whom, what.
    pub fn arrived(&mut self, now_us: u64) -> Option<(usize, usize, Vec<u8>)> {
        if self.flights.peek().is_none_or(|Reverse(first)| first.0 > now_us) {
            return None;
        }
        self.flights.pop().map(|Reverse((_, _, from, to, bytes))| (from, to, bytes))
    }
}
