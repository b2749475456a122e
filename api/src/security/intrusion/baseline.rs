//! What is usual, learned from what addresses do in ten minutes: requests, misses, different routes, bytes. Who goes far
//! beyond it is unusual. Must never learn from what it has called unusual, nor call anything so before it has learned.
//!
//! Counts of that kind are spread over orders of magnitude, so their logarithms are what has a mean and a variance; both
//! forget exponentially. A limit is a mean and some standard deviations, but at least some times the mean and never below
//! a floor, so that very even traffic does not make everything stand out.

use std::array;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::table::{Row, lock};
use super::{Finding, Rule};
use crate::gate::Sign;
use crate::identity::Person;

const FEATURES: usize = 4;
const REQUESTS: usize = 0;
const MISSES: usize = 1;
const ROUTES: usize = 2;
const BYTES: usize = 3;
const RULES: [Rule; FEATURES] = [Rule::UnusualRequests, Rule::UnusualMisses, Rule::UnusualRoutes, Rule::UnusualExport];
/// Times the mean that a limit is at least, and the least that it is, of each feature.
const AT_LEAST: [(f64, u64); FEATURES] = [(3.0, 120), (4.0, 10), (2.0, 12), (4.0, 4 << 20)];

/// How it is learned what is usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaselinePolicy {
    /// What an address does is summed up over this time.
    pub window: Duration,
    /// Nothing is called unusual before so many windows of addresses were seen...
    pub samples_min: u32,
    /// ...and so long has passed.
    pub learn: Duration,
    /// Standard deviations above the mean.
    pub deviations: u32,
    /// Over about so many samples the old ones are forgotten.
    pub memory: u32,
}

impl Default for BaselinePolicy {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(600),
            samples_min: 60,
            learn: Duration::from_secs(1800),
            deviations: 4,
            memory: 2000,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Spread {
    mean: f64,
    variance: f64,
}

#[derive(Default)]
struct Learned {
    samples: u32,
    spreads: [Spread; FEATURES],
}

/// What is usual.
pub(super) struct Baseline {
    policy: BaselinePolicy,
    learned: Mutex<Learned>,
    /// The limits, beside the lock: they are read for each request. `u64::MAX` before anything was learned.
    limits: [AtomicU64; FEATURES],
}

impl Baseline {
    pub(super) fn new(policy: BaselinePolicy) -> Self {
        Self { policy, learned: Mutex::default(), limits: array::from_fn(|_| AtomicU64::new(u64::MAX)) }
    }

    fn window_of(&self, passed: Duration) -> u64 {
        passed.as_secs() / self.policy.window.as_secs().max(1)
    }

    /// Learns what an address did in a window.
    fn learn(&self, values: [u64; FEATURES], passed: Duration) {
        let mut learned = lock(&self.learned);
        learned.samples = learned.samples.saturating_add(1);
        let weight = 1.0 / f64::from(learned.samples.min(self.policy.memory.max(1)));
        let is_ready = learned.samples >= self.policy.samples_min && passed >= self.policy.learn;
        for (feature, spread) in learned.spreads.iter_mut().enumerate() {
            // West's update of an exponentially weighted mean and variance.
            let difference = (values[feature] as f64).ln_1p() - spread.mean;
            let step = weight * difference;
            spread.mean += step;
            spread.variance = (1.0 - weight) * (spread.variance + difference * step);
            let (times, floor) = AT_LEAST[feature];
            let beyond = (f64::from(self.policy.deviations) * spread.variance.sqrt()).max(times.ln());
            let limit = (spread.mean + beyond).exp_m1();
            // A cast of a float saturates.
            let limit = if is_ready { (limit as u64).max(floor) } else { u64::MAX };
            self.limits[feature].store(limit, Ordering::Relaxed);
        }
    }
}

/// What one address did in the window that runs.
#[derive(Default)]
pub(super) struct Activity {
    window: u64,
    values: [u64; FEATURES],
    routes: u128,
    flagged: [bool; FEATURES],
    /// Nothing was summed up that is not learned.
    is_closed: bool,
}

impl Row for Activity {
    fn is_over(&self, _passed: Duration) -> bool {
        self.is_closed
    }
}

impl Activity {
    pub(super) fn see(&mut self, baseline: &Baseline, sign: &Sign, passed: Duration) -> Option<Finding> {
        self.close(baseline, passed);
        self.is_closed = false;
        self.window = baseline.window_of(passed);
        let mut person: Option<Person> = None;
        match sign {
            Sign::Served { person: who, route, bytes } => {
                person = *who;
                self.values[REQUESTS] += 1;
                self.values[BYTES] = self.values[BYTES].saturating_add(*bytes);
                self.routes |= 1 << (route % 128);
                self.values[ROUTES] = u64::from(self.routes.count_ones());
            }
            Sign::BadToken(_) | Sign::FailedSignIn { .. } | Sign::ReusedRefresh(_) => return None,
            Sign::NoSuchRoute | Sign::BadInput | Sign::Injection(_) | Sign::Traversal | Sign::Forbidden(_) => {
                self.values[MISSES] += 1;
            }
        }
        let limits = &baseline.limits;
        let is_beyond = |feature: usize| self.values[feature] > limits[feature].load(Ordering::Relaxed);
        let feature = (0..FEATURES).find(|feature| !self.flagged[*feature] && is_beyond(*feature))?;
        self.flagged[feature] = true;
        let since = baseline.policy.window.saturating_mul(u32::try_from(self.window).unwrap_or(u32::MAX));
        Some(Finding { rule: RULES[feature], since: since.min(passed), count: self.values[feature], person })
    }

    /// Learns from a window that is over.
    pub(super) fn close(&mut self, baseline: &Baseline, passed: Duration) {
        if self.is_closed || self.window >= baseline.window_of(passed) {
            return;
        }
        if self.values.iter().any(|value| *value > 0) && !self.flagged.contains(&true) {
            baseline.learn(self.values, passed);
        }
        *self = Self { is_closed: true, ..Self::default() };
    }
}
