//! A circuit breaker as a value: what has failed, and when it may be tried again. Must never read a clock or do the calls.
//!
//! Closed: all calls go through, until so many in a row have failed. Open: none goes through for a while. Half-open: one at
//! a time, until so many in a row went well, which closes it; one that fails opens it again, for twice as long. A call counts
//! for the phase that let it through only: what was let through before says nothing about a trial.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failures in a row that open it; at least 1.
    pub failures: u32,
    /// How long it stays open the first time.
    pub open: Duration,
    /// How long it stays open at most.
    pub open_max: Duration,
    /// Successes in a row that close it again; at least 1.
    pub trials: u32,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 5, open: Duration::from_millis(500), open_max: Duration::from_secs(8), trials: 2 }
    }
}

/// Where a breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Calls go through.
    Closed,
    /// No call goes through.
    Open,
    /// One call at a time goes through.
    HalfOpen,
}

impl Phase {
    /// One word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// A change of phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Instant,
    /// To what.
    pub to: Phase,
}

/// Transitions that are remembered.
const TRANSITIONS_MAX: usize = 64;

/// The breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    config: BreakerConfig,
    phase: Phase,
    /// Failures in a row while closed, successes in a row while half-open.
    in_a_row: u32,
    /// When it opened last.
    opened: Option<Instant>,
    /// How long it stays open this time.
    open: Duration,
    /// A trial is under way.
    is_tried: bool,
    transitions: VecDeque<Transition>,
    /// How often it changed its phase.
    changes: u64,
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            phase: Phase::Closed,
            in_a_row: 0,
            opened: None,
            open: config.open,
            is_tried: false,
            transitions: VecDeque::new(),
            changes: 0,
        }
    }

    /// Asks for a call. Each that is let through must be told of by [`Breaker::done`] or [`Breaker::given_up`], with the
    /// number that is given here.
    ///
    /// # Errors
    /// How long none will be.
    pub fn admit(&mut self, now: Instant) -> Result<u64, Duration> {
        match self.phase {
            Phase::Closed => Ok(self.changes),
            Phase::Open => {
                let since = self.opened.map_or(self.open, |at| now.saturating_duration_since(at));
                if since < self.open {
                    return Err(self.open - since);
                }
                self.go(now, Phase::HalfOpen);
                self.is_tried = true;
                Ok(self.changes)
            }
            Phase::HalfOpen if self.is_tried => Err(self.config.open),
            Phase::HalfOpen => {
                self.is_tried = true;
                Ok(self.changes)
            }
        }
    }

    /// A call that was let through with this number is over. One from before the last change of phase changes nothing.
    pub fn done(&mut self, admitted: u64, now: Instant, went_well: bool) {
        if admitted != self.changes {
            return;
        }
        match (self.phase, went_well) {
            (Phase::Closed, true) => self.in_a_row = 0,
            (Phase::Closed, false) => {
                self.in_a_row += 1;
                if self.in_a_row >= self.config.failures.max(1) {
                    self.open = self.config.open;
                    self.go(now, Phase::Open);
                }
            }
            (Phase::HalfOpen, true) => {
                self.is_tried = false;
                self.in_a_row += 1;
                if self.in_a_row >= self.config.trials.max(1) {
                    self.go(now, Phase::Closed);
                }
            }
            (Phase::HalfOpen, false) => {
                self.open = self.open.saturating_mul(2).min(self.config.open_max);
                self.go(now, Phase::Open);
            }
            // It lets none through while it is open.
            (Phase::Open, _) => {}
        }
    }

    /// The caller did not wait for the end of a call that was let through. What answers too late is a trial that failed;
    /// a closed breaker learns nothing from it, as callers have reasons of their own.
    pub fn given_up(&mut self, admitted: u64, now: Instant) {
        if self.phase == Phase::HalfOpen {
            self.done(admitted, now, false);
        }
    }

    fn go(&mut self, now: Instant, to: Phase) {
        (self.phase, self.in_a_row, self.is_tried) = (to, 0, false);
        if to == Phase::Open {
            self.opened = Some(now);
        }
        if self.transitions.len() == TRANSITIONS_MAX {
            self.transitions.pop_front();
        }
        self.transitions.push_back(Transition { at: now, to });
        self.changes += 1;
    }

    /// Where it is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The last changes of phase, in order.
    pub fn transitions(&self) -> impl Iterator<Item = Transition> + '_ {
        self.transitions.iter().copied()
    }

    /// How often it changed its phase in all.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BreakerConfig = BreakerConfig {
        failures: 3,
        open: Duration::from_millis(100),
        open_max: Duration::from_millis(300),
        trials: 2,
    };

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    /// A call that is let through and over at once.
    fn call(breaker: &mut Breaker, now: Instant, went_well: bool) {
        let admitted = breaker.admit(now).unwrap();
        breaker.done(admitted, now, went_well);
    }

    #[test]
    fn one_failure_fewer_leaves_it_closed() {
        let (mut breaker, start) = (Breaker::new(CONFIG), Instant::now());
        for _ in 0..5 {
            call(&mut breaker, start, false);
            call(&mut breaker, start, false);
            call(&mut breaker, start, true);
        }
        assert_eq!((breaker.phase(), breaker.changes()), (Phase::Closed, 0));
        call(&mut breaker, start, false);
        call(&mut breaker, start, false);
        call(&mut breaker, start, false);
        assert_eq!(breaker.admit(start), Err(Duration::from_millis(100)));
    }

    #[test]
    fn it_opens_tries_and_closes_as_configured() {
        let (mut breaker, start) = (Breaker::new(CONFIG), Instant::now());
        (0..3).for_each(|_| call(&mut breaker, start, false));
        assert_eq!(breaker.admit(at(start, 99)), Err(Duration::from_millis(1)));
        let trial = breaker.admit(at(start, 100)).expect("the first trial");
        assert!(breaker.admit(at(start, 100)).is_err(), "one at a time");
        breaker.done(trial, at(start, 110), false);
        assert_eq!(breaker.admit(at(start, 110)), Err(Duration::from_millis(200)), "twice as long");
        breaker.done(trial, at(start, 120), true);
        assert_eq!(breaker.phase(), Phase::Open, "a late answer changes nothing");
        call(&mut breaker, at(start, 310), false);
        assert_eq!(breaker.admit(at(start, 310)), Err(Duration::from_millis(300)), "not longer than the most");
        for ms in [610, 620] {
            let trial = breaker.admit(at(start, ms)).expect("a trial");
            assert_eq!(breaker.phase(), Phase::HalfOpen);
            breaker.done(trial, at(start, ms), true);
        }
        let phases: Vec<Phase> = breaker.transitions().map(|transition| transition.to).collect();
        let tried = [Phase::Open, Phase::HalfOpen];
        assert_eq!(phases, [&tried[..], &tried, &tried, &[Phase::Closed]].concat());
        (0..3).for_each(|_| call(&mut breaker, at(start, 700), false));
        assert_eq!(breaker.admit(at(start, 700)), Err(Duration::from_millis(100)), "and from the beginning");
    }

    #[test]
    fn a_trial_that_is_given_up_does_not_hold_it_open() {
        let (mut breaker, start) = (Breaker::new(CONFIG), Instant::now());
        for _ in 0..5 {
            let admitted = breaker.admit(start).unwrap();
            breaker.given_up(admitted, start);
        }
        assert_eq!(breaker.phase(), Phase::Closed, "callers have reasons of their own");
        (0..3).for_each(|_| call(&mut breaker, start, false));
        let trial = breaker.admit(at(start, 100)).unwrap();
        breaker.given_up(trial, at(start, 150));
        assert_eq!(breaker.admit(at(start, 150)), Err(Duration::from_millis(200)), "it counts as one that failed");
        assert!(breaker.admit(at(start, 350)).is_ok());
    }

    #[test]
    fn a_call_from_before_is_no_trial() {
        let (mut breaker, start) = (Breaker::new(CONFIG), Instant::now());
        let before: Vec<u64> = (0..4).map(|_| breaker.admit(start).unwrap()).collect();
        (0..3).for_each(|_| call(&mut breaker, start, false));
        let trial = breaker.admit(at(start, 100)).unwrap();
        breaker.given_up(before[0], at(start, 110));
        breaker.done(before[1], at(start, 110), false);
        breaker.done(before[2], at(start, 110), true);
        assert_eq!((breaker.phase(), breaker.changes()), (Phase::HalfOpen, 2), "nothing but the trial counts");
        assert!(breaker.admit(at(start, 110)).is_err(), "which is still under way");
        breaker.done(trial, at(start, 120), true);
        call(&mut breaker, at(start, 130), true);
        assert_eq!(breaker.phase(), Phase::Closed, "two trials went well, and no third was asked for");
        // Two failures and one from long ago are not three.
        (0..2).for_each(|_| call(&mut breaker, at(start, 140), false));
        breaker.done(before[3], at(start, 150), false);
        assert_eq!(breaker.phase(), Phase::Closed);
    }
}
