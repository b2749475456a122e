//! The network between the peers of one session: each datagram is delayed by 60 to 100 ms, evenly spread and
//! independent of the others (so it may be overtaken), or lost, in 5 % of the cases. Nothing here knows who is measured.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use netcode::netsim::Random;

/// Least delay, and the most.
const DELAY_US: std::ops::RangeInclusive<u64> = 60_000..=100_000;
/// Datagrams lost of 100.
const LOST_PERCENT: u64 = 5;

/// A datagram on its way: when it arrives, its number, from whom, what.
type Flight = Reverse<(u64, u64, usize, Vec<u8>)>;

/// All links of a session.
pub struct Network {
    random: Random,
    /// By receiver.
    flights: Vec<BinaryHeap<Flight>>,
    put: u64,
    /// Datagrams and payload bytes sent so far.
    pub datagrams: u64,
    pub bytes: u64,
}

impl Network {
    pub fn new(seed: u64, peers: usize) -> Self {
        let flights = (0..peers).map(|_| BinaryHeap::new()).collect();
        Self { random: Random::new(seed, 0), flights, put: 0, datagrams: 0, bytes: 0 }
    }

    /// Counts a datagram that is sent now and says when it arrives, if it does.
    pub fn fate(&mut self, now_us: u64, bytes: usize) -> Option<u64> {
        self.datagrams += 1;
        self.bytes += bytes as u64;
        let span_us = DELAY_US.end() - DELAY_US.start() + 1;
        let delay_us = DELAY_US.start() + self.random.bits() % span_us;
        (self.random.bits() % 100 >= LOST_PERCENT).then_some(now_us + delay_us)
    }

    /// Lets a datagram arrive then.
    pub fn put(&mut self, at_us: u64, from: usize, to: usize, bytes: Vec<u8>) {
        self.put += 1;
        self.flights[to].push(Reverse((at_us, self.put, from, bytes)));
    }

    pub fn send(&mut self, now_us: u64, from: usize, to: usize, bytes: Vec<u8>) {
        if let Some(at_us) = self.fate(now_us, bytes.len()) {
            self.put(at_us, from, to, bytes);
        }
    }

    /// Whether something has arrived for a peer by now.
    pub fn has_arrived(&self, now_us: u64, to: usize) -> bool {
        self.flights[to].peek().is_some_and(|Reverse(first)| first.0 <= now_us)
    }

    /// The next datagram that has arrived for a peer by now, and from whom.
    pub fn arrived(&mut self, now_us: u64, to: usize) -> Option<(usize, Vec<u8>)> {
        let flight = self.has_arrived(now_us, to).then(|| self.flights[to].pop()).flatten();
        flight.map(|Reverse((_, _, from, bytes))| (from, bytes))
    }
}
