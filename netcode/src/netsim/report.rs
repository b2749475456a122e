//! What simulated runs measured and found. Must never hold anything that differs between two runs of one seed, besides
//! processor times that a plan asks for.

use std::collections::BTreeMap;

use serde::Serialize;

use super::plan::Plan;

/// Width of a histogram's buckets, microseconds.
const BUCKET_US: u64 = 250;

/// Most buckets; what is longer counts as this long (50 s).
const BUCKETS_MAX: usize = 200_000;

/// Durations, counted in buckets of a quarter of a millisecond.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    buckets: Vec<u32>,
    count: u64,
    longest_us: u64,
}

impl Histogram {
    /// Counts a duration.
    pub fn add(&mut self, us: u64) {
        let at = ((us / BUCKET_US) as usize).min(BUCKETS_MAX - 1);
        if self.buckets.len() <= at {
            self.buckets.resize(at + 1, 0);
        }
        self.buckets[at] += 1;
        self.count += 1;
        self.longest_us = self.longest_us.max(us);
    }

    /// Adds another's counts.
    pub fn join(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(mine, theirs)| *mine += theirs);
        self.count += other.count;
        self.longest_us = self.longest_us.max(other.longest_us);
    }

    /// The upper edge of the bucket that this share of durations reaches into, in milliseconds.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let wanted = (self.count as f64 * share).ceil().max(1.0) as u64;
        let mut sum = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            sum += u64::from(*count);
            if sum >= wanted {
                return ((at as u64 + 1) * BUCKET_US).min(self.longest_us) as f64 / 1000.0;
            }
        }
        0.0
    }

    /// As it is reported.
    #[must_use]
    pub fn spread(&self) -> Spread {
        Spread {
            count: self.count,
            p50_ms: self.quantile_ms(0.5),
            p99_ms: self.quantile_ms(0.99),
            max_ms: self.longest_us as f64 / 1000.0,
        }
    }
}

/// How durations are spread, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// How many there are.
    pub count: u64,
    /// Half are no longer.
    pub p50_ms: f64,
    /// 99 of 100 are no longer.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// What is counted while a run goes on.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Virtual time, microseconds.
    pub virtual_us: u64,
    /// Turns confirmed in the session.
    pub turns: u64,
    /// Turns that members executed, summed over members.
    pub executed: u64,
    /// Of these, turns that cores count as stalled.
    pub stalled: u64,
    /// Of these, turns that came more than half a turn after their time, as seen from outside.
    pub late: u64,
    /// For each executed turn, the number of other members.
    pub link_turns: u64,
    /// Datagrams sent.
    pub datagrams: u64,
    /// Their bytes, without what transport, UDP and IP add.
    pub bytes: u64,
    /// The longest datagram.
    pub datagram_bytes_max: usize,
    /// Roll-backs.
    pub roll_backs: u64,
    /// Turns undone by them.
    pub undone: u64,
    /// Epochs begun, the first not counted.
    pub epochs: u64,
    /// Input delay in force at each executed turn.
    pub input_delay: Histogram,
    /// From submission to execution at other members.
    pub to_execute: Histogram,
    /// From submission to confirmation at all members.
    pub to_confirm: Histogram,
    /// From the wish to be a member to being one.
    pub to_active: Histogram,
    /// Polls.
    pub polls: u64,
    /// Polls after which the core wanted to be polled again at once.
    pub hurried: u64,
    /// States that were kept for rolling back, at most.
    pub kept_max: usize,
    /// What happened, by name.
    pub events: BTreeMap<&'static str, u64>,
    /// Runs at whose end the session could still recover, so that it was demanded to.
    pub demanded: u64,
    /// Processor time of the cores, nanoseconds, where it was measured.
    pub cpu_ns: u64,
}

impl Tally {
    /// Counts something that happened.
    pub fn event(&mut self, name: &'static str) {
        *self.events.entry(name).or_insert(0) += 1;
    }

    /// Adds another's counts.
    pub fn join(&mut self, other: &Self) {
        self.virtual_us += other.virtual_us;
        self.turns += other.turns;
        self.executed += other.executed;
        self.stalled += other.stalled;
        self.late += other.late;
        self.link_turns += other.link_turns;
        self.datagrams += other.datagrams;
        self.bytes += other.bytes;
        self.datagram_bytes_max = self.datagram_bytes_max.max(other.datagram_bytes_max);
        self.roll_backs += other.roll_backs;
        self.undone += other.undone;
        self.epochs += other.epochs;
        self.input_delay.join(&other.input_delay);
        self.to_execute.join(&other.to_execute);
        self.to_confirm.join(&other.to_confirm);
        self.to_active.join(&other.to_active);
        self.polls += other.polls;
        self.hurried += other.hurried;
        self.kept_max = self.kept_max.max(other.kept_max);
        other.events.iter().for_each(|(name, count)| *self.events.entry(name).or_insert(0) += count);
        self.demanded += other.demanded;
        self.cpu_ns += other.cpu_ns;
    }

    /// As it is reported.
    #[must_use]
    pub fn figures(&self, measured: bool) -> Figures {
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        Figures {
            virtual_seconds: self.virtual_us as f64 / 1e6,
            turns: self.turns,
            member_turns: self.executed,
            stalled_share: share(self.stalled, self.executed),
            late_share: share(self.late, self.executed),
            input_delay: self.input_delay.spread(),
            submit_to_execute: self.to_execute.spread(),
            submit_to_confirm: self.to_confirm.spread(),
            bytes_per_turn_per_link: share(self.bytes, self.link_turns),
            datagrams_per_turn_per_link: share(self.datagrams, self.link_turns),
            datagram_bytes_max: self.datagram_bytes_max,
            roll_backs: self.roll_backs,
            turns_rolled_back: self.undone,
            epochs: self.epochs,
            time_to_active: self.to_active.spread(),
            polls_per_member_turn: share(self.polls, self.executed),
            hurried_polls: self.hurried,
            states_kept_max: self.kept_max,
            events: self.events.clone(),
            recovery_demanded: self.demanded,
            core_us_per_member_turn: measured.then(|| share(self.cpu_ns, self.executed) / 1000.0),
        }
    }
}

/// What was measured, over all seeds together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Simulated time.
    pub virtual_seconds: f64,
    /// Turns confirmed.
    pub turns: u64,
    /// Turns executed by members, summed over members.
    pub member_turns: u64,
    /// Share of these that the cores count as stalled: an entry was missing when it was time.
    pub stalled_share: f64,
    /// Share of these that came more than half a turn after their time, as seen from outside.
    pub late_share: f64,
    /// Input delay in force.
    pub input_delay: Spread,
    /// From submission to execution at another member.
    pub submit_to_execute: Spread,
    /// From submission to confirmation at a member.
    pub submit_to_confirm: Spread,
    /// Bytes of datagrams, before the transport seals them, per turn and directed link between members.
    pub bytes_per_turn_per_link: f64,
    /// Datagrams per turn and directed link between members.
    pub datagrams_per_turn_per_link: f64,
    /// The longest datagram.
    pub datagram_bytes_max: usize,
    /// Roll-backs of executed turns.
    pub roll_backs: u64,
    /// Turns undone by them.
    pub turns_rolled_back: u64,
    /// Epochs begun, the first not counted.
    pub epochs: u64,
    /// From the wish to be a member, or its removal, to being one.
    pub time_to_active: Spread,
    /// Polls per member and turn.
    pub polls_per_member_turn: f64,
    /// Polls after which the core wanted to be polled again at once.
    pub hurried_polls: u64,
    /// States kept for rolling back, at most, at any peer.
    pub states_kept_max: usize,
    /// What happened, by name.
    pub events: BTreeMap<&'static str, u64>,
    /// Runs at whose end enough members were alive for the session to recover, so that it was demanded.
    pub recovery_demanded: u64,
    /// Processor time of one core per turn, microseconds; where it was measured.
    pub core_us_per_member_turn: Option<f64>,
}

/// A seed whose run broke a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Which.
    pub seed: u64,
    /// When, virtual milliseconds.
    pub at_ms: u64,
    /// What, as a sentence.
    pub what: String,
    /// Replays it.
    pub command: String,
    /// What happened before, the last lines.
    pub trace: Vec<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "seed {} at {} ms: {}", self.seed, self.at_ms, self.what)?;
        self.trace.iter().try_for_each(|line| writeln!(f, "    {line}"))?;
        write!(f, "replay it: {}", self.command)
    }
}

/// What one run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was counted.
    pub tally: Tally,
    /// The rule that was broken, if one was.
    pub failure: Option<Failure>,
    /// Hash of all effects of all peers, with their times.
    pub hash: u64,
    /// What happened, the last lines.
    pub trace: Vec<String>,
}

/// What all runs of a plan came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was asked for.
    pub plan: Plan,
    /// How many seeds ran.
    pub seeds: u64,
    /// What was measured.
    pub figures: Figures,
    /// Hash of all effects of all runs: equal for equal builds and plans.
    pub hash: String,
    /// Seeds that broke a rule.
    pub failures: Vec<Failure>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_bucket() {
        let mut histogram = Histogram::default();
        (0..1000).for_each(|ms| histogram.add(ms * 1000));
        let mut other = Histogram::default();
        (1000..2000).for_each(|ms| other.add(ms * 1000));
        histogram.join(&other);
        let spread = histogram.spread();
        assert_eq!((spread.count, spread.max_ms), (2000, 1999.0));
        assert!((spread.p50_ms - 1000.0).abs() <= 1.0 && (spread.p99_ms - 1980.0).abs() <= 1.0, "{spread:?}");
        assert_eq!(Histogram::default().quantile_ms(0.5), 0.0);
    }
}
