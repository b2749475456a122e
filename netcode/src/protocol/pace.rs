//! Agreement on when a turn is due, without a wall clock. Each peer has a *playhead*: how many turns are due by now,
//! as a function of its own monotonic clock. It runs at the nominal rate and is slewed gently towards the median of
//! the members' playheads, so that all are due at the same moment and nobody runs ahead; while the log waits it stands.
//! Must never step back: a playhead that is ahead slows down.
//!
//! Estimates of other playheads are kept relative to the *local clock*, not to the own playhead, so that the own
//! slewing and holding does not disturb them. Each is an average over a few seconds, in which samples count less the more
//! their round trip exceeds the least one (queues lengthen one direction only). A change that is larger than the noise, as
//! when the other peer stood still, is told from noise by a short average, and then taken over at once.

use std::collections::BTreeMap;

use super::ids::{PeerKey, Time, Turn};

/// Greatest deviation from the nominal rate.
pub const SLEW_MAX: f64 = 0.05;
/// A playhead that is further behind than this jumps instead of slewing, microseconds.
pub const JUMP_US: f64 = 1_000_000.0;
/// A peer that was not heard for this long does not count, microseconds.
const HEARD_US: u64 = 2_000_000;
/// Averaging time of an estimate in steady state, microseconds.
const AVERAGE_US: f64 = 2_500_000.0;
/// Samples in the short average that tells changes from noise.
const SHORT: f64 = 12.0;
/// Samples in the average of the noise.
const NOISE: f64 = 64.0;
/// Least round trips are looked for over one to two spans of this length, microseconds.
const RTT_SPAN_US: u64 = 8_000_000;
/// Round trips above this are taken for this, microseconds.
const RTT_US_MAX: u64 = 4_000_000;
/// Offsets up to this size are within the noise and corrected at leisure, microseconds.
const NEAR_US: f64 = 2_000.0;
/// What is beyond [`NEAR_US`] is corrected in about this time, microseconds.
const FAST_US: f64 = 500_000.0;

/// Another peer's playhead, relative to the local clock.
#[derive(Clone, Debug)]
struct Estimate {
    /// Its playhead less the local clock, microseconds.
    offset_us: f64,
    /// How many samples the average is worth.
    worth: f64,
    /// Short average of the deviations from `offset_us`.
    short_us: f64,
    /// Average size of the deviations.
    noise_us: f64,
    /// Least round trip of the last span and of the one that runs.
    rtt_min_us: [u64; 2],
    /// When the running span began.
    span_from: Time,
    /// Average excess of round trips over the least one.
    excess_us: f64,
    /// When it was heard last.
    heard: Time,
}

impl Estimate {
    fn new(now: Time, offset_us: f64, rtt_us: u64) -> Self {
        Self {
            offset_us,
            worth: 1.0,
            short_us: 0.0,
            noise_us: 5_000.0,
            rtt_min_us: [rtt_us; 2],
            span_from: now,
            excess_us: 1_000.0,
            heard: now,
        }
    }

    /// How much a sample with this round trip counts, 0 to 1.
    fn weight(&mut self, now: Time, rtt_us: u64) -> f64 {
        if now.since(self.span_from) > RTT_SPAN_US {
            self.rtt_min_us = [self.rtt_min_us[1], rtt_us];
            self.span_from = now;
        }
        self.rtt_min_us[1] = self.rtt_min_us[1].min(rtt_us);
        let excess = (rtt_us - self.rtt_min_us[0].min(rtt_us).min(self.rtt_min_us[1])) as f64;
        self.excess_us += (excess - self.excess_us) / NOISE;
        // Half at twice the usual excess.
        let share = excess / (2.0 * self.excess_us).max(1_000.0);
        1.0 / (1.0 + share * share)
    }

    fn sample(&mut self, now: Time, offset_us: f64, rtt_us: u64) {
        let weight = self.weight(now, rtt_us);
        let elapsed_us = now.since(self.heard) as f64;
        self.heard = now;
        let error_us = offset_us - self.offset_us;
        self.short_us += weight * (error_us - self.short_us) / SHORT;
        self.noise_us += weight * (error_us.abs() - self.noise_us) / NOISE;
        self.worth += weight;
        // A plain average at first, then one that forgets.
        let gain = weight * (1.0 / self.worth).max((elapsed_us / AVERAGE_US).min(1.0 / SHORT));
        self.offset_us += gain * error_us;
        // In steady state the short average spreads by a quarter of the noise: this is four times that.
        if self.short_us.abs() > self.noise_us + 1_000.0 {
            self.offset_us += self.short_us;
            self.short_us = 0.0;
            self.worth = SHORT;
        }
    }
}

/// The playhead of one peer.
#[derive(Clone, Debug)]
pub struct Pace {
    turn_us: f64,
    /// The playhead was at `position_us` (turns times their length) at `anchor`.
    anchor: Time,
    position_us: f64,
    /// Deviation from the nominal rate since then, and the most it may add up to.
    slew: f64,
    left_us: f64,
    /// The turn that the log waits for, if it does.
    held: Option<Turn>,
    /// When the rate was chosen last.
    steered: Time,
    peers: BTreeMap<PeerKey, Estimate>,
}

impl Pace {
    /// A playhead that is at the start of `first_turn` now. `turn_us`: length of a turn in microseconds.
    #[must_use]
    pub fn new(now: Time, first_turn: Turn, turn_us: u64) -> Self {
        let turn_us = turn_us.max(1) as f64;
        let position_us = first_turn.0 as f64 * turn_us;
        let peers = BTreeMap::new();
        Self { turn_us, anchor: now, position_us, slew: 0.0, left_us: 0.0, held: None, steered: now, peers }
    }

    /// How many turns are due by now, with the fraction of the current one.
    #[must_use]
    pub fn playhead(&self, now: Time) -> f64 {
        self.position_at(now) / self.turn_us
    }

    /// The last turn that is to be executed by now.
    #[must_use]
    pub fn due(&self, now: Time) -> Turn {
        Turn(self.playhead(now) as u64)
    }

    /// How long until `turn` is due at the present rate, microseconds; negative if it has been due for that long, or
    /// if the log has been waiting for it for that long.
    #[must_use]
    pub fn until(&self, now: Time, turn: Turn) -> i64 {
        if self.held == Some(turn) {
            return -(self.stalled(now) as i64);
        }
        (turn.0 as f64 * self.turn_us - self.position_at(now)) as i64
    }

    /// When the turn after the one that is due now is due; never, while the log waits.
    #[must_use]
    pub fn next_turn_at(&self, now: Time) -> Time {
        if self.held.is_some() {
            return Time(u64::MAX);
        }
        let target_us = (self.due(now).0 + 1) as f64 * self.turn_us;
        let span_us = target_us - self.position_us;
        // At the slewed rate until what is left to correct is used up, then at the nominal one.
        let slewed_us = span_us / (1.0 + self.slew);
        let elapsed_us = if self.slew.abs() * slewed_us <= self.left_us {
            slewed_us
        } else {
            span_us - self.left_us * self.slew.signum()
        };
        let at = self.anchor.plus(elapsed_us.ceil() as u64);
        // Rounding may leave it short of the turn by a fraction of a microsecond.
        if self.position_at(at) < target_us { at.plus(1) } else { at }
    }

    /// The log waits for `turn`, which is due: the playhead stands at it. Says so each time; only the first counts.
    pub fn hold(&mut self, now: Time, turn: Turn) {
        if self.held.is_none() {
            self.settle(now);
            self.held = Some(turn);
            self.position_us = self.position_us.min((turn.0 as f64) * self.turn_us);
            self.anchor = now;
        }
    }

    /// The log goes on: the playhead does too, from where it stands. A wait shorter than a turn leaves no trace, and
    /// a longer one is shortened by a turn: a peer that lacked one entry for a moment stays in time with the others.
    pub fn release(&mut self, now: Time) {
        if self.held.take().is_some() {
            self.position_us += (now.since(self.anchor) as f64).min(self.turn_us);
            self.anchor = now;
            self.steer(now);
        }
    }

    /// How long the log has been waiting, microseconds; 0 if it does not.
    #[must_use]
    pub fn stalled(&self, now: Time) -> u64 {
        if self.held.is_some() { now.since(self.anchor) } else { 0 }
    }

    /// Puts the playhead to the start of `turn`, and ends a wait.
    pub fn jump_to(&mut self, now: Time, turn: Turn) {
        self.held = None;
        self.anchor = now;
        self.position_us = turn.0 as f64 * self.turn_us;
        (self.slew, self.left_us) = (0.0, 0.0);
    }

    /// Takes what a member's datagram says: its playhead when it was sent, in turns, and the round-trip time that its
    /// echo shows (or a smoothed one), in microseconds, without the time that the member held the echo back.
    pub fn observe(&mut self, now: Time, peer: PeerKey, remote_playhead: f64, rtt_us: u64) {
        let remote_us = remote_playhead * self.turn_us;
        if !(0.0..9e15).contains(&remote_us) {
            return;
        }
        let rtt_us = rtt_us.min(RTT_US_MAX);
        let offset_us = remote_us + rtt_us as f64 / 2.0 - now.0 as f64;
        match self.peers.get_mut(&peer) {
            Some(known) if now.since(known.heard) <= HEARD_US => known.sample(now, offset_us, rtt_us),
            _ => drop(self.peers.insert(peer, Estimate::new(now, offset_us, rtt_us))),
        }
        // Once a turn is often enough, and keeps the cost of many peers linear.
        if now.since(self.steered) as f64 >= self.turn_us {
            self.steer(now);
        }
    }

    /// Forgets a peer that is a member no longer.
    pub fn forget(&mut self, peer: &PeerKey) {
        self.peers.remove(peer);
    }

    /// How far the median of the members' playheads is ahead of the own one, microseconds.
    #[must_use]
    pub fn behind_us(&self, now: Time) -> f64 {
        let own_us = self.position_at(now);
        let heard = self.peers.values().filter(|peer| now.since(peer.heard) <= HEARD_US);
        let mut ahead_us: Vec<f64> = heard.map(|peer| peer.offset_us + now.0 as f64 - own_us).collect();
        ahead_us.push(0.0);
        ahead_us.sort_by(f64::total_cmp);
        let half = ahead_us.len() / 2;
        if ahead_us.len() % 2 == 1 { ahead_us[half] } else { (ahead_us[half - 1] + ahead_us[half]) / 2.0 }
    }

    fn position_at(&self, now: Time) -> f64 {
        if self.held.is_some() {
            return self.position_us;
        }
        let elapsed_us = now.since(self.anchor) as f64;
        self.position_us + elapsed_us + (self.slew * elapsed_us).clamp(-self.left_us, self.left_us)
    }

    /// Moves the anchor to now.
    fn settle(&mut self, now: Time) {
        self.position_us = self.position_at(now);
        self.anchor = now;
        (self.slew, self.left_us) = (0.0, 0.0);
    }

    /// Chooses the rate from the present offset. No more than that offset is ever corrected by it.
    fn steer(&mut self, now: Time) {
        if self.held.is_some() {
            return;
        }
        self.settle(now);
        self.steered = now;
        let behind_us = self.behind_us(now);
        if behind_us > JUMP_US {
            self.position_us += behind_us;
            return;
        }
        let near_us = behind_us.clamp(-NEAR_US, NEAR_US);
        // Not faster than the average follows, or the two would swing.
        let rate = near_us / AVERAGE_US + (behind_us - near_us) / FAST_US;
        self.slew = rate.clamp(-SLEW_MAX, SLEW_MAX);
        self.left_us = behind_us.abs();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netsim::Random;

    const TURN_US: u64 = 16_666;

    /// One way of a link: least delay, jitter on top (uniform), and now and then a queue.
    #[derive(Clone, Copy)]
    struct Way {
        least_us: u64,
        jitter_us: u64,
        queue_us: u64,
    }

    const USUAL: Way = Way { least_us: 60_000, jitter_us: 40_000, queue_us: 0 };

    /// Peers with clocks that start anywhere and drift, all linked; they send each turn, and 5 % of it is lost.
    struct Net {
        peers: Vec<(Pace, f64, f64)>,
        ways: fn(usize, usize) -> Way,
        random: Random,
        /// Arrival, from, to, playhead when sent, and what the way back of the echo took.
        flight: Vec<(u64, usize, usize, f64, u64)>,
        back_us: Vec<Vec<u64>>,
        now_us: u64,
    }

    impl Net {
        fn new(seed: u64, start_turns: &[u64], drift_ppm: f64, ways: fn(usize, usize) -> Way) -> Self {
            let count = start_turns.len();
            let peer = |(at, &turn): (usize, &u64)| {
                let origin_us = 1e9 * (1.0 + at as f64);
                let drift = 1.0 + drift_ppm * 1e-6 * (at as f64 / (count - 1) as f64 * 2.0 - 1.0);
                (Pace::new(Time(origin_us as u64), Turn(turn), TURN_US), origin_us, drift)
            };
            let peers = start_turns.iter().enumerate().map(peer).collect();
            let back_us = vec![vec![80_000; count]; count];
            Self { peers, ways, random: Random::new(seed, 0), flight: Vec::new(), back_us, now_us: 0 }
        }

        fn clock(&self, at: usize) -> Time {
            Time((self.peers[at].1 + self.now_us as f64 * self.peers[at].2) as u64)
        }

        fn playhead(&self, at: usize) -> f64 {
            self.peers[at].0.playhead(self.clock(at))
        }

        fn spread_us(&self) -> f64 {
            let heads: Vec<f64> = (0..self.peers.len()).map(|at| self.playhead(at)).collect();
            let (least, most) = heads.iter().fold((f64::MAX, f64::MIN), |(a, b), &head| (a.min(head), b.max(head)));
            (most - least) * TURN_US as f64
        }

        fn run(&mut self, span_ms: u64, mut each: impl FnMut(&Self)) {
            for _ in 0..span_ms {
                self.now_us += 1000;
                for from in 0..self.peers.len() {
                    if (self.now_us / 1000 + from as u64 * 5).is_multiple_of(16) {
                        self.send(from);
                    }
                }
                let now_us = self.now_us;
                let (arrived, flight) = self.flight.drain(..).partition(|packet| packet.0 <= now_us);
                self.flight = flight;
                for (at_us, from, to, playhead, rtt_us) in arrived {
                    let late_us = now_us - at_us;
                    let clock = Time(self.clock(to).0 - late_us);
                    let key = PeerKey([from as u8; 32]);
                    self.peers[to].0.observe(clock, key, playhead, rtt_us);
                }
                each(self);
            }
        }

        fn send(&mut self, from: usize) {
            for to in 0..self.peers.len() {
                let way = (self.ways)(from, to);
                let queue = if self.random.below(100) < 20 { way.queue_us } else { 0 };
                let delay_us = way.least_us + self.random.below(way.jitter_us + 1) + queue;
                if to != from && self.random.below(100) >= 5 {
                    let rtt_us = delay_us + self.back_us[to][from];
                    self.back_us[from][to] = delay_us;
                    self.flight.push((self.now_us + delay_us, from, to, self.playhead(from), rtt_us));
                }
            }
        }
    }

    /// Greatest and mean spread between any two peers over a minute, after `settle_ms`.
    fn steady_us(net: &mut Net, settle_ms: u64) -> (f64, f64) {
        net.run(settle_ms, |_| ());
        let (mut worst, mut sum) = (0.0_f64, 0.0);
        net.run(60_000, |net| {
            worst = worst.max(net.spread_us());
            sum += net.spread_us();
        });
        (worst, sum / 60_000.0)
    }

    #[test]
    fn peers_agree_within_two_milliseconds_under_jitter_and_drift() {
        for count in [2, 3, 4, 8] {
            for seed in 0..4 {
                let start: Vec<u64> = (0..count).map(|at| 100 + at * 5 % 13).collect();
                let mut net = Net::new(seed, &start, 100.0, |_, _| USUAL);
                let (worst, mean) = steady_us(&mut net, 10_000);
                println!("{count} peers, seed {seed}: worst {worst:.0} us, mean {mean:.0} us");
                assert!(worst < 3_000.0 && mean < 1_500.0, "{count} peers, seed {seed}: {worst} {mean}");
            }
        }
    }

    #[test]
    fn a_queue_on_one_way_only_hardly_shifts_them() {
        // A fifth of the packets from peer 0 waits 50 ms more: the plain average would be off by 5 ms.
        let ways = |from, _| Way { queue_us: if from == 0 { 50_000 } else { 0 }, ..USUAL };
        for seed in 0..4 {
            let (worst, mean) = steady_us(&mut Net::new(seed, &[100, 100], 100.0, ways), 10_000);
            println!("queue, seed {seed}: worst {worst:.0} us, mean {mean:.0} us");
            assert!(worst < 4_500.0 && mean < 3_000.0, "seed {seed}: {worst} {mean}");
        }
    }

    #[test]
    fn far_starts_meet_within_seconds_and_nobody_races() {
        let mut net = Net::new(1, &[100, 115, 122], 100.0, |_, _| USUAL);
        let from: Vec<f64> = (0..3).map(|at| net.playhead(at)).collect();
        net.run(10_000, |_| ());
        assert!(net.spread_us() < 3_000.0, "{}", net.spread_us());
        for (at, from) in from.iter().enumerate() {
            let rate = (net.playhead(at) - from) * TURN_US as f64 / 1e7;
            assert!((rate - 1.0).abs() <= SLEW_MAX + 1e-3, "peer {at} ran at {rate}");
        }
        // Someone who is seconds behind does not slew for a minute.
        let mut net = Net::new(2, &[100, 400, 400], 100.0, |_, _| USUAL);
        net.run(3_000, |_| ());
        assert!(net.spread_us() < 10_000.0, "{}", net.spread_us());
    }

    #[test]
    fn a_peer_that_stood_still_alone_catches_up() {
        let mut net = Net::new(3, &[100, 100, 100], 100.0, |_, _| USUAL);
        net.run(10_000, |_| ());
        let (clock, due) = (net.clock(0), net.peers[0].0.due(net.clock(0)));
        net.peers[0].0.hold(clock, due.plus(1));
        net.run(200, |_| ());
        let clock = net.clock(0);
        assert!((190_000..=200_000).contains(&net.peers[0].0.stalled(clock)));
        net.peers[0].0.release(clock);
        assert!(net.spread_us() > 150_000.0);
        net.run(6_000, |_| ());
        assert!(net.spread_us() < 3_000.0, "{}", net.spread_us());
    }

    #[test]
    fn a_held_playhead_stands_and_a_short_wait_leaves_no_trace() {
        let mut pace = Pace::new(Time(1000), Turn(7), 10_000);
        assert_eq!(pace.due(Time(11_000)), Turn(8));
        pace.hold(Time(11_500), Turn(8));
        pace.hold(Time(12_500), Turn(8));
        assert_eq!((pace.playhead(Time(40_000)), pace.stalled(Time(15_500))), (8.0, 4000));
        assert_eq!(pace.next_turn_at(Time(15_000)), Time(u64::MAX));
        assert_eq!((pace.until(Time(15_500), Turn(8)), pace.until(Time(15_500), Turn(9))), (-4000, 10_000));
        pace.release(Time(15_500));
        assert_eq!((pace.due(Time(15_500)), pace.until(Time(15_500), Turn(9))), (Turn(8), 6000));
        pace.hold(Time(21_500), Turn(9));
        pace.release(Time(71_500));
        assert_eq!((pace.due(Time(71_500)), pace.until(Time(71_500), Turn(9))), (Turn(10), -10_000));
        pace.jump_to(Time(80_000), Turn(100));
        assert_eq!((pace.due(Time(80_000)), pace.stalled(Time(90_000))), (Turn(100), 0));
    }

    #[test]
    fn the_next_turn_is_due_exactly_when_announced() {
        for remote in [0.1, 6.9, 7.02, 7.2, 30.0] {
            let mut pace = Pace::new(Time(1000), Turn(7), TURN_US);
            pace.observe(Time(2000 + TURN_US), PeerKey([1; 32]), remote, 0);
            let mut now = Time(2000 + TURN_US);
            for turn in 9..40 {
                let next = pace.next_turn_at(now);
                assert_eq!(pace.due(Time(next.0 - 2)), Turn(turn - 1), "{remote}");
                assert_eq!(pace.due(next), Turn(turn), "{remote}");
                now = next;
            }
        }
    }

    #[test]
    fn nonsense_from_a_peer_is_ignored_and_one_liar_moves_nobody() {
        let mut pace = Pace::new(Time(0), Turn(0), TURN_US);
        for remote in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            pace.observe(Time(1000), PeerKey([1; 32]), remote, u64::MAX);
        }
        assert!(pace.peers.is_empty());
        for at in (0..20).map(|turn| turn * TURN_US) {
            let true_turns = at as f64 / TURN_US as f64;
            pace.observe(Time(at), PeerKey([1; 32]), true_turns, 0);
            pace.observe(Time(at), PeerKey([2; 32]), 1e6, 0);
            assert!(pace.behind_us(Time(at)).abs() < 100.0);
        }
        pace.forget(&PeerKey([1; 32]));
        assert!(pace.behind_us(Time(20 * TURN_US)) > JUMP_US);
        assert_eq!(pace.behind_us(Time(20 * TURN_US + HEARD_US)), 0.0, "not heard for long");
    }
}
