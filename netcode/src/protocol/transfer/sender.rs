//! The end that gives a blob away. Must never send faster than its pace says, nor believe that a chunk arrived that was
//! never sent.

use std::collections::VecDeque;
use std::sync::Arc;

use super::bits::Bits;
use super::pace::{BURST_CHUNKS, Pace};
use super::{Ack, Arrival, Chunk, OVERHEAD_BYTES, RANGES_MAX};
use crate::protocol::ids::Time;

/// Credit is saved up for so long at most, microseconds: a late poll catches up, and sends no flood.
const CREDIT_US: u64 = 10_000;
/// Chunks are sent in lots of so many microseconds' worth, to wake up less often.
const LOT_US: u64 = 1000;
/// Chunks sent when nothing comes back.
const PROBES: usize = 2;
/// Longest pause between probes, microseconds.
const PROBE_US_MAX: u64 = 2_000_000;
/// Share of lost chunks, per mille, from which the last round trip's chunks are sent twice.
const LOSS_TWICE: u64 = 5;
/// Most chunk numbers looked at in one poll for something to send twice.
const SCAN_MAX: u32 = 8192;

/// A chunk under way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    index: u32,
    sent_us: u32,
}

/// Sends one packed blob to one receiver.
#[derive(Debug)]
pub struct Sender {
    transfer: u32,
    packed: Arc<Vec<u8>>,
    chunk_bytes: usize,
    arrived: Bits,
    /// Next chunk that was never sent.
    next: u32,
    flights: VecDeque<Flight>,
    /// Lost chunks, and whether each may be sent twice.
    lost: VecDeque<(u32, bool)>,
    /// Counts down through the last chunks, to send them twice.
    again: u32,
    sent: u64,
    lost_count: u64,
    pace: Pace,
    /// Bytes times 1,000,000 that may be sent.
    credit: u64,
    credit_at: Option<Time>,
    /// When something last came back, or was tried.
    heard_at: Time,
    silences: u32,
}

impl Sender {
    /// Sends `packed` in chunks of `chunk_bytes`, as its offer says, under the number `transfer`.
    #[must_use]
    pub fn new(transfer: u32, packed: Arc<Vec<u8>>, chunk_bytes: u16) -> Self {
        let chunk_bytes = usize::from(chunk_bytes.max(1));
        let chunks = u32::try_from(packed.len().div_ceil(chunk_bytes)).unwrap_or(u32::MAX);
        let pace = Pace::new(chunk_bytes as u64 + OVERHEAD_BYTES);
        Self {
            transfer,
            packed,
            chunk_bytes,
            arrived: Bits::new(chunks),
            next: 0,
            flights: VecDeque::new(),
            lost: VecDeque::new(),
            again: chunks,
            sent: 0,
            lost_count: 0,
            pace,
            credit: 0,
            credit_at: None,
            heard_at: Time(0),
            silences: 0,
        }
    }

    /// Whether everything is known to have arrived.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.arrived.is_full()
    }

    /// Whether every chunk was sent at least once.
    #[must_use]
    pub fn has_sent_all(&self) -> bool {
        self.next == self.arrived.len()
    }

    /// Chunks known to have arrived, and chunks in all.
    #[must_use]
    pub fn progress(&self) -> (u32, u32) {
        (self.arrived.count(), self.arrived.len())
    }

    /// Chunks sent, repetitions included.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Bytes per second now, the network's overhead included.
    #[must_use]
    pub fn rate(&self) -> u64 {
        self.pace.rate()
    }

    /// Takes an acknowledgement; one of another transfer, or that contradicts itself, changes little or nothing.
    pub fn on_ack(&mut self, now: Time, ack: &Ack) {
        if ack.transfer != self.transfer || ack.ranges.len() > RANGES_MAX {
            return;
        }
        let before = self.arrived.count();
        let horizon = self.mark(ack);
        let delivered = u64::from(self.arrived.count() - before);
        let lost = match &ack.arrival {
            Some(arrival) if self.pace.on_arrival(now, arrival, self.arrived.end()) => self.find_lost(arrival, horizon),
            _ => 0,
        };
        self.lost_count += lost;
        self.pace.on_outcome(delivered, lost);
        self.heard_at = now;
        self.silences = 0;
    }

    /// Marks what arrived. Answers up to where the acknowledgement tells what is missing.
    fn mark(&mut self, ack: &Ack) -> u32 {
        self.arrived.insert(0, ack.first_missing);
        let mut at = ack.first_missing;
        for (missing, there) in &ack.ranges {
            let start = at.saturating_add(*missing);
            at = start.saturating_add(*there);
            self.arrived.insert(start, at);
        }
        if ack.ranges.len() == RANGES_MAX { at } else { u32::MAX }
    }

    /// Finds chunks that were sent so long before `arrival` that they would have arrived. Answers how many.
    fn find_lost(&mut self, arrival: &Arrival, horizon: u32) -> u64 {
        let longest_us = self.pace.longest_us();
        let mut lost = 0;
        while let Some(flight) = self.flights.front().copied() {
            if !self.arrived.contains(flight.index) {
                if flight.index >= horizon || self.pace.age_us(arrival, flight.sent_us) <= longest_us {
                    break;
                }
                self.lost.push_back((flight.index, true));
                lost += 1;
            }
            self.flights.pop_front();
        }
        lost
    }

    /// Appends the chunks that are to be sent now, each in a datagram.
    pub fn poll(&mut self, now: Time, out: &mut Vec<Chunk>) {
        if self.is_done() {
            return;
        }
        let packet = self.packet_bytes() * 1_000_000;
        let Some(since) = self.credit_at.replace(now) else {
            self.heard_at = now;
            self.credit = BURST_CHUNKS * packet;
            return self.send(now, packet, out);
        };
        let most = (self.pace.rate() * CREDIT_US).max(2 * packet);
        self.credit = (self.credit + self.pace.rate() * now.since(since).min(1_000_000)).min(most.max(self.credit));
        if now >= self.probe_at() {
            self.probe(now, out);
        }
        if self.credit >= self.lot() {
            self.send(now, packet, out);
        }
    }

    /// When to poll next at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Time {
        let Some(since) = self.credit_at else { return Time(0) };
        if self.is_done() {
            return Time(u64::MAX);
        }
        let sends = self.window_is_open() && (!self.lost.is_empty() || self.next < self.arrived.len() || self.twice());
        if !sends {
            return self.probe_at();
        }
        let wait_us = self.lot().saturating_sub(self.credit).div_ceil(self.pace.rate());
        since.plus(wait_us).min(self.probe_at())
    }

    /// What one chunk costs, bytes.
    fn packet_bytes(&self) -> u64 {
        self.chunk_bytes as u64 + OVERHEAD_BYTES
    }

    /// Credit that must be there before anything is sent.
    fn lot(&self) -> u64 {
        (self.pace.rate() * LOT_US).max(self.packet_bytes() * 1_000_000)
    }

    fn window_is_open(&self) -> bool {
        (self.flights.len() as u64) < self.pace.window_chunks()
    }

    fn send(&mut self, now: Time, packet: u64, out: &mut Vec<Chunk>) {
        while self.credit >= packet && self.window_is_open() {
            let Some(index) = self.pick() else { return };
            self.credit -= packet;
            self.emit(now, index, out);
        }
    }

    /// The next chunk to send: a lost one, a new one, or at the end one to send twice.
    fn pick(&mut self) -> Option<u32> {
        while let Some((index, twice)) = self.lost.pop_front() {
            if !self.arrived.contains(index) {
                if twice && self.next == self.arrived.len() && self.is_lossy() {
                    self.lost.push_back((index, false));
                }
                return Some(index);
            }
        }
        while self.next < self.arrived.len() {
            self.next += 1;
            if !self.arrived.contains(self.next - 1) {
                return Some(self.next - 1);
            }
        }
        if !self.twice() {
            return None;
        }
        for _ in 0..SCAN_MAX {
            self.again = self.again.checked_sub(1)?;
            if !self.arrived.contains(self.again) {
                return Some(self.again);
            }
        }
        None
    }

    /// Whether the chunks of the last round trip are sent again before it is known which are lost: last ones first, as the
    /// others are known about sooner.
    fn twice(&self) -> bool {
        self.again > self.arrived.first_clear() && self.is_lossy()
    }

    fn is_lossy(&self) -> bool {
        self.lost_count >= 3 && self.lost_count * 1000 > self.sent * LOSS_TWICE
    }

    fn emit(&mut self, now: Time, index: u32, out: &mut Vec<Chunk>) {
        let start = index as usize * self.chunk_bytes;
        let end = (start + self.chunk_bytes).min(self.packed.len());
        let sent_us = now.0 as u32;
        out.push(Chunk { transfer: self.transfer, index, sent_us, bytes: self.packed[start..end].to_vec() });
        self.flights.push_back(Flight { index, sent_us });
        self.sent += 1;
    }

    fn probe_at(&self) -> Time {
        let patience_us = self.pace.patience_us() << self.silences.min(6);
        self.heard_at.plus(patience_us.min(PROBE_US_MAX))
    }

    /// Nothing came back for too long: sends the first missing chunks again, whatever the window says.
    fn probe(&mut self, now: Time, out: &mut Vec<Chunk>) {
        self.heard_at = now;
        self.silences += 1;
        if self.silences == 2 {
            self.pace.restart();
        }
        let missing: Vec<u32> = (self.arrived.first_clear()..self.next)
            .filter(|index| !self.arrived.contains(*index))
            .take(PROBES)
            .collect();
        missing.into_iter().for_each(|index| self.emit(now, index, out));
    }
}
