//! Time as an argument: what the parts here read instead of the system's clock, so that a test can turn it. Must never go
//! backwards in [`Clock::passed`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// So much later.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The time since an earlier moment; zero for a later one.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// As RFC 3339 has it, in UTC with milliseconds.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = time::OffsetDateTime::UNIX_EPOCH + Duration::from_millis(self.0.min(253_402_300_799_999));
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let year = u16::try_from(at.year()).unwrap_or_default();
        for (place, digits, number) in [
            (0, 4, year),
            (5, 2, u16::from(u8::from(at.month()))),
            (8, 2, u16::from(at.day())),
            (11, 2, u16::from(at.hour())),
            (14, 2, u16::from(at.minute())),
            (17, 2, u16::from(at.second())),
            (20, 3, at.millisecond()),
        ] {
            write_digits(&mut text[place..place + digits], number);
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// The last digits of a number, as many as there is room for. Every answer has times in it: this is a tenth of what `write!` takes.
fn write_digits(room: &mut [u8], mut number: u16) {
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Where the time is read.
pub trait Clock: Send + Sync + 'static {
    /// The moment that it is; it may be set back by whoever keeps the machine's clock.
    fn now(&self) -> Moment;

    /// The time since some fixed moment, which is never set back: for whatever is about how long something took.
    fn passed(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    began: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { began: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment::default().plus(since)
    }

    fn passed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// A clock that stands still until it is turned; its clones show the same time.
#[derive(Clone, Debug)]
pub struct TurnedClock {
    now_ms: Arc<AtomicU64>,
    began_ms: u64,
}

impl TurnedClock {
    /// One that shows this moment.
    #[must_use]
    pub fn at(now: Moment) -> Self {
        Self { now_ms: Arc::new(AtomicU64::new(now.0)), began_ms: now.0 }
    }

    /// Turns it forward.
    pub fn turn(&self, by: Duration) {
        self.now_ms.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for TurnedClock {
    fn now(&self) -> Moment {
        Moment(self.now_ms.load(Ordering::SeqCst))
    }

    fn passed(&self) -> Duration {
        self.now().since(Moment(self.began_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339() {
        assert_eq!(Moment(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Moment(1_709_209_845_678).to_string(), "2024-02-29T12:30:45.678Z");
        assert_eq!(Moment(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_turned_clock_shows_what_it_was_turned_to() {
        let clock = TurnedClock::at(Moment(5000));
        clock.clone().turn(Duration::from_secs(2));
        assert_eq!((clock.now(), clock.passed()), (Moment(7000), Duration::from_secs(2)));
    }
}
