//! What is counted while a session runs, the same for everyone, and the figures made of it.

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

use crate::link::Network;

/// Input frames per second, and their length.
pub const FRAMES_PER_S: u32 = 60;
pub const FRAME_US: u64 = 1_000_000 / FRAMES_PER_S as u64;
/// Input delay in frames: 133 ms.
pub const DELAY_FRAMES: u32 = 8;

/// One frame's input of one player, random so that it can be told from every other.
pub type InputBytes = [u8; 8];

/// Counters of one session.
#[derive(Default)]
pub struct Tally {
    /// Frames executed, by all peers together, and those that could not be executed when they were due.
    pub frames: u64,
    pub refused: u64,
    /// Whole frame times that passed without a frame, as far as they were between two.
    missed: u64,
    /// When each peer executed last.
    last_us: BTreeMap<usize, u64>,
    /// When each input was submitted, and by whom.
    submitted: BTreeMap<InputBytes, (u64, usize)>,
    /// From submission to arrival, execution and confirmation at another peer, microseconds.
    arrived_us: Vec<u64>,
    executed_us: Vec<u64>,
    confirmed_us: Vec<u64>,
    /// Inputs of others that were executed and are not confirmed, by peer: frame and when submitted.
    unconfirmed: BTreeMap<usize, VecDeque<(u64, u64)>>,
    /// CPU time spent in the protocol, and in how many pieces, since the second began, by all peers, and the means per frame of the seconds before.
    spent_ns: u64,
    pieces: u64,
    second: (u64, u64),
    /// What reading the clock adds to each piece.
    reading_ns: Option<u64>,
    spent_per_frame_us: Vec<f64>,
    /// Hash of what each peer executed, by frame; a difference is a failure of the measurement.
    logs: BTreeMap<u64, u64>,
    /// What was sent before the measuring began.
    before: (u64, u64),
}

impl Tally {
    /// Forgets what was counted, but not what is under way.
    pub fn restart(&mut self, now_us: u64, network: &Network) {
        (self.frames, self.refused, self.missed, self.spent_ns, self.pieces, self.second) =
            (0, 0, 0, 0, 0, (now_us, 0));
        for latencies in [&mut self.arrived_us, &mut self.executed_us, &mut self.confirmed_us] {
            latencies.clear();
        }
        self.spent_per_frame_us.clear();
        self.before = (network.datagrams, network.bytes);
    }

    /// Runs a piece of the protocol and adds the CPU time it took.
    pub fn timed<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began_ns = thread_cpu_ns();
        let value = work();
        self.spent_ns += thread_cpu_ns() - began_ns;
        self.pieces += 1;
        value
    }

    pub fn submit(&mut self, now_us: u64, by: usize, input: InputBytes) {
        self.submitted.insert(input, (now_us, by));
    }

    /// `peer` executes a frame with these inputs.
    ///
    /// # Panics
    /// Where another peer executed the same frame with other inputs: then there is nothing to compare.
    pub fn execute(&mut self, now_us: u64, peer: usize, frame: u64, inputs: &[InputBytes]) {
        self.frames += 1;
        let last_us = self.last_us.insert(peer, now_us).unwrap_or(now_us);
        // One and a half frame times are no miss yet: peers may slow down a little to stay together.
        self.missed += (now_us - last_us).saturating_sub(FRAME_US / 2) / FRAME_US;
        for (when_us, by) in inputs.iter().filter_map(|input| self.submitted.get(input)) {
            if *by != peer {
                self.executed_us.push(now_us - when_us);
                self.unconfirmed.entry(peer).or_default().push_back((frame, *when_us));
            }
        }
        let all = inputs.iter().fold(frame, |hash, input| {
            (hash ^ u64::from_le_bytes(*input)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
        });
        assert_eq!(*self.logs.entry(frame).or_insert(all), all, "two peers differ in frame {frame}");
        self.close_second(now_us);
    }

    /// An input came for the first time at a peer that is not its author, so long after it was submitted.
    pub fn arrive(&mut self, after_us: u64) {
        self.arrived_us.push(after_us);
    }

    /// Frames up to this one are final at a peer.
    pub fn confirm(&mut self, now_us: u64, peer: usize, frame: u64) {
        let Some(waiting) = self.unconfirmed.get_mut(&peer) else { return };
        while let Some((_, when_us)) = waiting.pop_front_if(|(executed, _)| *executed <= frame) {
            self.confirmed_us.push(now_us - when_us);
        }
    }

    fn close_second(&mut self, now_us: u64) {
        let (began_us, frames) = self.second;
        if now_us >= began_us + 1_000_000 && self.frames > frames {
            let reading_ns = self.pieces * *self.reading_ns.get_or_insert_with(clock_reading_ns);
            let spent_ns = self.spent_ns.saturating_sub(reading_ns);
            self.spent_per_frame_us.push(spent_ns as f64 / 1000.0 / (self.frames - frames) as f64);
            (self.spent_ns, self.pieces, self.second) = (0, 0, (now_us, self.frames));
        }
    }

    /// The figures. CPU is per frame and peer, the median over the seconds, so that a busy machine disturbs it less.
    pub fn figures(&mut self, peers: usize, network: &Network, virtual_us: u64) -> Value {
        self.spent_per_frame_us.sort_by(f64::total_cmp);
        let frames = self.frames.max(1) as f64;
        // Each peer's frames go out over its links to the others.
        let link_frames = frames * (peers - 1) as f64;
        json!({
            "peers": peers,
            "frames_per_peer": self.frames / peers as u64,
            "frames_per_s": frames / peers as f64 / (virtual_us as f64 * 1e-6),
            "refused_percent": 100.0 * self.refused as f64 / frames,
            "missed_percent": 100.0 * self.missed as f64 / (frames + self.missed as f64),
            "bytes_per_frame_link": (network.bytes - self.before.1) as f64 / link_frames,
            "datagrams_per_frame_link": (network.datagrams - self.before.0) as f64 / link_frames,
            "arrived_ms": quantiles(&mut self.arrived_us),
            "executed_ms": quantiles(&mut self.executed_us),
            "confirmed_ms": quantiles(&mut self.confirmed_us),
            "cpu_us_per_frame": self.spent_per_frame_us.get(self.spent_per_frame_us.len() / 2),
        })
    }
}

/// CPU time of this thread.
fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// What an empty piece seems to take, in the median.
fn clock_reading_ns() -> u64 {
    let mut empty: Vec<u64> = (0..1001)
        .map(|_| {
            let began_ns = thread_cpu_ns();
            thread_cpu_ns() - began_ns
        })
        .collect();
    empty.sort_unstable();
    empty[empty.len() / 2]
}

/// Median and 99th percentile in milliseconds, where there is anything.
fn quantiles(us: &mut [u64]) -> Value {
    us.sort_unstable();
    let at = |share: f64| us.get((us.len() as f64 * share) as usize).map(|us| *us as f64 / 1000.0);
    json!({ "p50": at(0.5), "p99": at(0.99) })
}
