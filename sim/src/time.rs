//! Time as exact integers: ticks of the simulation, and quarter-ticks of simulated time. Must never read
//! a clock.
//!
//! A tick always advances by one. Simulated time advances by the time factor, held as a whole number of
//! quarter-ticks per tick, so that factors of 1/4 and 1/2 are as exact as 100,000.

use serde::{Deserialize, Serialize};

/// Quarter-ticks in one tick at a time factor of one.
pub const QUARTERS_PER_TICK: i64 = 4;

/// How many steps the simulation has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tick(pub u64);

impl std::fmt::Display for Tick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Simulated time since the scenario's epoch, in quarter-ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SimTime(pub i64);

impl SimTime {
    /// Seconds (TDB) since the scenario's epoch, rounded to f64.
    #[must_use]
    pub fn seconds(self, rate_hz: u32) -> f64 {
        self.0 as f64 / quarters_per_second(rate_hz)
    }
}

/// Quarter-ticks in one second of simulated time.
#[must_use]
pub fn quarters_per_second(rate_hz: u32) -> f64 {
    (i64::from(rate_hz) * QUARTERS_PER_TICK) as f64
}

/// Simulated time per tick, in quarter-ticks: 0 is paused, 1 a quarter, 4 real time, 400,000 the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TimeFactor(u32);

impl TimeFactor {
    /// Simulated time stands still; ticks go on.
    pub const PAUSED: Self = Self(0);
    /// Simulated time runs as fast as ticks.
    pub const REAL_TIME: Self = Self(4);
    /// 100,000 times real time: 1,111 s a tick at 90 Hz.
    pub const MAX: Self = Self(400_000);
    /// The highest factor at which ships thrust and fire and at which things touch one another: 4 times
    /// real time, 44 ms a tick at 90 Hz.
    pub const MAX_ACTIVE: Self = Self(16);

    /// `quarters` of a tick per tick, or `None` beyond [`Self::MAX`].
    #[must_use]
    pub const fn from_quarters(quarters: u32) -> Option<Self> {
        if quarters <= Self::MAX.0 { Some(Self(quarters)) } else { None }
    }

    /// Quarter-ticks of simulated time per tick.
    #[must_use]
    pub const fn quarters(self) -> u32 {
        self.0
    }

    /// Whether thrust, fire and contact take place at this factor.
    #[must_use]
    pub fn is_active(self) -> bool {
        self <= Self::MAX_ACTIVE
    }

    /// Seconds of simulated time in one tick.
    #[must_use]
    pub fn tick_seconds(self, rate_hz: u32) -> f64 {
        f64::from(self.0) / quarters_per_second(rate_hz)
    }
}

impl Default for TimeFactor {
    fn default() -> Self {
        Self::REAL_TIME
    }
}

impl std::fmt::Display for TimeFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x", f64::from(self.0) / 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_exact() {
        let half = TimeFactor::from_quarters(2).unwrap();
        let mut now = SimTime::default();
        for _ in 0..900 {
            now.0 += i64::from(half.quarters());
        }
        assert_eq!(now.0, 450 * QUARTERS_PER_TICK);
        assert_eq!(now.seconds(90), 5.0);
        assert_eq!(half.to_string(), "0.5x");
    }

    #[test]
    fn a_factor_beyond_the_most_is_refused() {
        assert_eq!(TimeFactor::from_quarters(400_001), None);
        assert_eq!(TimeFactor::from_quarters(400_000), Some(TimeFactor::MAX));
    }
}
