//! How fast a transfer may send: fast enough to fill the path within a few round trips, slow enough that what waits in
//! the path's queue delays lockstep datagrams by a few milliseconds only. Delay decides, not loss: radio links lose at random.
//! Must never trust a figure of the other end further than to slow down or speed up this one transfer.
//!
//! The sender starts with a burst. If its chunks arrive in order, the distance between their arrivals is the path's
//! rate, and the transfer goes on at a little less. If not, the rate doubles each round trip until the least delay of the
//! last milliseconds rises. From then on, the rate steps up gently while no queue is seen; on a queue, it falls below the rate
//! at which chunks are then arriving, by so much that the queue is gone after a round trip.

use std::collections::VecDeque;

use super::Arrival;
use crate::protocol::ids::Time;

/// Chunks that are sent before anything is known.
pub(super) const INITIAL_CHUNKS: u64 = 64;
/// How many of those go at once.
pub(super) const BURST_CHUNKS: u64 = 32;
/// Rate of the rest of them, chunks per second.
const INITIAL_CHUNKS_PER_S: u64 = 1000;
/// Bounds of the rate, bytes per second.
const RATE_MIN: u64 = 20_000;
const RATE_MAX: u64 = 40_000_000;
/// A round trip counts as this long at least: acknowledgements are held back, microseconds.
const ROUND_US_MIN: u64 = 10_000;
/// The first measurement may speed up at most so many times.
const LEAP_MAX: u64 = 16;
/// A queue up to here is none, microseconds.
const QUEUE_LOW_US: u64 = 2500;
/// A queue from here on is one.
const QUEUE_HIGH_US: u64 = 5000;
/// Over how many chunks the least delay is taken, where delays hardly vary and where they do.
const LEAST_OVER: u32 = 8;
const LEAST_OVER_JITTER: u32 = 64;
/// From here on delays vary, microseconds.
const JITTER_US: u64 = 3000;
/// The least of so many delays is still over the least of all, by this share of their spread at most, as a rule.
const JITTER_SHARE: u64 = 10;
/// Share of its rate, per mille, that a transfer falls by when the queue shows while it climbs: as much again is under way.
const CLIMB_FALL: u64 = 400;
/// How long a least delay is remembered at least: clocks drift.
const BASE_US: u64 = 10_000_000;
/// Loss above the usual, per mille, that means that a short queue overflows.
const LOSS_HIGH: u64 = 80;
/// Over how many chunks loss is taken.
const LOSS_OVER: u64 = 200;
/// Most acknowledgements remembered.
const SAMPLES_MAX: usize = 512;
/// How many are remembered, however old.
const SAMPLES_MIN: usize = 16;

/// What one acknowledgement said about times; delays relative to the first one's.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Receiver's clock, relative to its first.
    at_us: i64,
    delay_us_min: i64,
    delay_us_max: i64,
    received: u32,
    /// One more than the greatest chunk number that has arrived.
    end: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has come back yet.
    Blind,
    /// Doubles each round trip.
    Climb,
    /// Steps up gently.
    Cruise,
    /// Lets a queue run empty.
    Drain { until: Time, climbed: bool },
}

/// The controller.
#[derive(Debug)]
pub(super) struct Pace {
    packet_bytes: u64,
    phase: Phase,
    /// Bytes per second, the network's overhead included.
    rate: u64,
    /// What the path was last seen to carry, if it was seen full.
    capacity: u64,
    srtt_us: u64,
    rtt_var_us: u64,
    samples: VecDeque<Sample>,
    /// First acknowledgement: the delay and clock that all others are relative to, and the burst's time.
    origin: Option<Arrival>,
    /// Least delay in this stretch of time and in the one before, and when this one began.
    base: [i64; 2],
    base_since: Time,
    /// How much the delays of chunks that follow each other differ, microseconds; forgets slowly.
    jitter_us: u64,
    overtaken: u32,
    last_at: Time,
    /// No step up before this.
    next_step: Time,
    /// Steps up since a queue was last seen.
    streak: u32,
    /// No step down before this.
    next_fall: Time,
    /// Longest queue seen while it was to run empty, microseconds.
    drained_us_max: u64,
    delivered: u64,
    lost: u64,
    /// The path's usual loss, per mille, as far as it is known.
    usual_loss: Option<u64>,
}

impl Pace {
    /// For chunks that take so many bytes on the network.
    pub(super) fn new(packet_bytes: u64) -> Self {
        Self {
            packet_bytes,
            phase: Phase::Blind,
            rate: INITIAL_CHUNKS_PER_S * packet_bytes,
            capacity: 0,
            srtt_us: 0,
            rtt_var_us: 0,
            samples: VecDeque::new(),
            origin: None,
            base: [i64::MAX; 2],
            base_since: Time(0),
            jitter_us: 0,
            overtaken: 0,
            last_at: Time(0),
            next_step: Time(0),
            streak: 0,
            next_fall: Time(0),
            drained_us_max: 0,
            delivered: 0,
            lost: 0,
            usual_loss: None,
        }
    }

    /// Bytes per second, the network's overhead included.
    pub(super) fn rate(&self) -> u64 {
        self.rate
    }

    /// Most chunks that may be under way.
    pub(super) fn window_chunks(&self) -> u64 {
        let span_us = self.srtt_us + 4 * self.rtt_var_us + 50_000;
        (self.rate * span_us / 1_000_000 / self.packet_bytes).max(INITIAL_CHUNKS)
    }

    /// After how long without an acknowledgement something is tried, microseconds.
    pub(super) fn patience_us(&self) -> u64 {
        if self.srtt_us == 0 { 300_000 } else { self.srtt_us + (4 * self.rtt_var_us).max(10_000) + 25_000 }
    }

    /// The receiver's clock now minus the sending time of `arrival`'s chunk, as a delay to compare with [`Self::longest_us`].
    pub(super) fn age_us(&self, arrival: &Arrival, sent_us: u32) -> i64 {
        self.relative(arrival.at_us.wrapping_sub(sent_us))
    }

    /// A chunk that is older than this is lost: the longest recent delay, and a margin.
    pub(super) fn longest_us(&self) -> i64 {
        let longest = self.samples.iter().map(|sample| sample.delay_us_max).max().unwrap_or(i64::MAX / 2);
        let least = self.samples.iter().map(|sample| sample.delay_us_min).min().unwrap_or(longest);
        longest + 1500 + (longest - least) / 4
    }

    /// Delay in the path's queue: the least of the last few over the least ever.
    pub(super) fn queue_us(&self) -> u64 {
        let Some(last) = self.samples.back() else { return 0 };
        let over = if self.jitter_us > JITTER_US { LEAST_OVER_JITTER } else { LEAST_OVER };
        let recent = self.samples.iter().rev().take_while(|sample| last.received.wrapping_sub(sample.received) < over);
        let least = recent.map(|sample| sample.delay_us_min).min().unwrap_or(last.delay_us_min);
        let us = (least - self.base[0].min(self.base[1])).max(0) as u64;
        us.saturating_sub(self.jitter_us / JITTER_SHARE)
    }

    fn relative(&self, delay_us: u32) -> i64 {
        let origin = self.origin.map_or(delay_us, |origin| origin.delay_us_min);
        i64::from(delay_us.wrapping_sub(origin) as i32)
    }

    /// Takes in what an acknowledgement says; `end`: one more than the greatest chunk number that has arrived. Answers whether it is newer than those before.
    pub(super) fn on_arrival(&mut self, now: Time, arrival: &Arrival, end: u32) -> bool {
        let origin = *self.origin.get_or_insert(*arrival);
        let at_us = i64::from(arrival.at_us.wrapping_sub(origin.at_us) as i32);
        let (least_us, longest_us) = (self.relative(arrival.delay_us_min), self.relative(arrival.delay_us_max));
        if let Some(last) = self.samples.back_mut()
            && at_us < last.at_us
        {
            // Overtaken itself, it still tells of delays.
            last.delay_us_min = last.delay_us_min.min(least_us);
            last.delay_us_max = last.delay_us_max.max(longest_us);
            self.base[0] = self.base[0].min(least_us);
            return false;
        }
        self.measure_rtt(now, arrival);
        let sample =
            Sample { at_us, delay_us_min: least_us, delay_us_max: longest_us, received: arrival.received, end };
        if now.since(self.base_since) > BASE_US {
            self.base = [sample.delay_us_min, self.base[0]];
            self.base_since = now;
        }
        self.base[0] = self.base[0].min(sample.delay_us_min);
        self.overtaken = arrival.overtaken;
        let of_burst = arrival.sent_us == origin.sent_us;
        if !of_burst {
            let spread_us = (sample.delay_us_max - sample.delay_us_min).max(0) as u64;
            self.jitter_us = spread_us.max(self.jitter_us - self.jitter_us / 64);
        }
        self.samples.push_back(sample);
        let keep_us = (self.srtt_us + self.srtt_us / 4).max(50_000) as i64;
        let old = |first: &Sample| at_us - first.at_us > keep_us;
        while self.samples.len() > SAMPLES_MAX
            || (self.samples.len() > SAMPLES_MIN && self.samples.front().is_some_and(old))
        {
            self.samples.pop_front();
        }
        self.steer(now, of_burst);
        self.last_at = now;
        true
    }

    /// Counts chunks that were found to have arrived and to be lost.
    pub(super) fn on_outcome(&mut self, delivered: u64, lost: u64) {
        self.delivered += delivered;
        self.lost += lost;
    }

    /// Nothing came back for so long that what was known about the path is void.
    pub(super) fn restart(&mut self) {
        let chunks_per_s = INITIAL_CHUNKS * 1_000_000 / self.srtt_us.max(10_000);
        self.rate = self.rate.min(chunks_per_s * self.packet_bytes).max(RATE_MIN);
        self.phase = Phase::Climb;
        self.samples.clear();
        (self.delivered, self.lost) = (0, 0);
    }

    fn measure_rtt(&mut self, now: Time, arrival: &Arrival) {
        let us = u64::from((now.0 as u32).wrapping_sub(arrival.sent_us).saturating_sub(arrival.held_us));
        let us = us.clamp(100, 10_000_000);
        if self.srtt_us == 0 {
            (self.srtt_us, self.rtt_var_us) = (us, us / 8);
        } else {
            self.rtt_var_us = (7 * self.rtt_var_us + self.srtt_us.abs_diff(us)) / 8;
            self.srtt_us = (15 * self.srtt_us + us) / 16;
        }
    }

    /// Bytes per second that arrive, over the last `span_us` of the receiver's clock; 0 if unknown.
    fn arriving(&self, span_us: u64) -> u64 {
        let Some(last) = self.samples.back() else { return 0 };
        let mut first = last;
        for sample in self.samples.iter().rev() {
            first = sample;
            if last.at_us - sample.at_us >= span_us as i64 {
                break;
            }
        }
        let us = (last.at_us - first.at_us) as u64;
        let chunks = u64::from(last.received.wrapping_sub(first.received)).min(u64::from(u32::MAX / 2));
        // Lost ones passed the bottleneck too, as a rule.
        let chunks = u64::from(last.end.saturating_sub(first.end)).clamp(chunks, chunks + chunks / 6);
        if us < 2000 { 0 } else { chunks.saturating_mul(self.packet_bytes * 1_000_000) / us }
    }

    fn set_rate(&mut self, rate: u64) {
        self.rate = rate.clamp(RATE_MIN, RATE_MAX);
    }

    fn steer(&mut self, now: Time, of_burst: bool) {
        let queue_us = self.queue_us();
        if self.phase == Phase::Blind {
            let chunks_per_s = INITIAL_CHUNKS * 1_000_000 / self.srtt_us.max(1000);
            self.set_rate(self.rate.max(chunks_per_s * self.packet_bytes));
            self.phase = Phase::Climb;
            self.next_fall = now.plus(self.srtt_us);
            self.last_at = now;
        }
        if of_burst {
            // The burst queues behind itself: its delays say nothing about the path but its rate.
            self.leap(now);
            return;
        }
        if self.overflows() {
            return self.fall(now, 0);
        }
        match self.phase {
            Phase::Drain { until, .. } if now < until => self.drained_us_max = self.drained_us_max.max(queue_us),
            Phase::Drain { climbed, .. } => {
                self.set_rate(self.capacity - self.capacity / 32);
                // What was under way after a climb makes a real queue longer still; jitter only looks like one.
                let mistaken = climbed && self.jitter_us > JITTER_US && self.drained_us_max < QUEUE_HIGH_US;
                self.phase = if mistaken { Phase::Climb } else { Phase::Cruise };
                self.next_step = now.plus(self.srtt_us);
                self.next_fall = now.plus(self.srtt_us);
            }
            Phase::Climb if queue_us >= QUEUE_LOW_US && now >= self.next_fall => {
                self.fall(now, self.srtt_us * CLIMB_FALL / 1000)
            }
            Phase::Climb => {
                let us = now.since(self.last_at).min(self.srtt_us);
                // Doubling each round trip, or half as fast where a queue shows late.
                let share = if self.jitter_us > JITTER_US { 20 } else { 10 };
                self.set_rate(self.rate + self.rate * us * 7 / (self.srtt_us.max(ROUND_US_MIN) * share));
            }
            _ if queue_us >= QUEUE_HIGH_US && now >= self.next_fall => self.fall(now, queue_us),
            Phase::Cruise if now >= self.next_step => {
                self.next_step = now.plus(self.srtt_us + self.srtt_us / 4);
                if queue_us < QUEUE_LOW_US {
                    self.set_rate(self.rate + (self.rate >> (5 - (self.streak / 3).min(4))));
                    self.streak += 1;
                } else {
                    self.streak = 0;
                }
            }
            _ => {}
        }
    }

    /// Goes to the rate at which the burst arrives, if its chunks arrive in order.
    fn leap(&mut self, now: Time) {
        let enough = self.samples.back().is_some_and(|last| u64::from(last.received) * 2 >= BURST_CHUNKS);
        let arriving = self.arriving(u64::MAX / 4);
        if !enough || self.overtaken > 0 || arriving == 0 {
            return;
        }
        let initial = INITIAL_CHUNKS * 1_000_000 / self.srtt_us.max(1000) * self.packet_bytes;
        self.capacity = arriving;
        if arriving > initial * LEAP_MAX {
            self.set_rate(initial * LEAP_MAX);
            return;
        }
        self.set_rate(arriving - arriving / 32);
        self.phase = Phase::Cruise;
        self.next_step = now.plus(2 * self.srtt_us);
        self.next_fall = now.plus(self.srtt_us / 2);
    }

    /// Whether so much is lost that a queue must be overflowing; counts anew after enough chunks.
    fn overflows(&mut self) -> bool {
        let chunks = self.delivered + self.lost;
        if chunks < LOSS_OVER {
            return false;
        }
        let loss = self.lost * 1000 / chunks;
        (self.delivered, self.lost) = (0, 0);
        let usual = self.usual_loss.unwrap_or(loss);
        self.usual_loss = Some(if loss < usual { usual.midpoint(loss) } else { usual + (loss - usual) / 8 });
        loss > usual + LOSS_HIGH
    }

    /// Falls below the rate at which chunks arrive, so that the queue runs empty.
    fn fall(&mut self, now: Time, queue_us: u64) {
        let arriving = self.arriving(self.srtt_us / 2 + self.jitter_us);
        self.capacity = arriving.clamp(self.rate / 2, self.rate);
        let rtt_us = self.srtt_us.max(1000);
        let drain = (queue_us * 1000 / rtt_us).clamp(30, 500);
        self.set_rate(self.capacity - self.capacity * drain / 1000);
        self.phase = Phase::Drain { until: now.plus(rtt_us), climbed: self.phase == Phase::Climb };
        self.drained_us_max = 0;
        self.streak = 0;
        (self.delivered, self.lost) = (0, 0);
    }
}
