//! What a link is like: round-trip time, share of datagrams lost, and how often each entry must be repeated because
//! of that. The receiving side counts the gaps in the datagrams' numbers and reports the loss back as one byte; the
//! sending side turns it into a redundancy. Must never take an outage for loss: while nothing at all arrives, repetition is no help.

use super::ids::Time;

/// Greatest redundancy.
pub const REDUNDANCY_MAX: u32 = 8;
/// Share of entries that may miss all their repetitions. Selective repair fetches those, but a round trip later: all
/// peers stand still for that long, so it has to be rare.
const RESIDUAL: f64 = 1e-4;
/// How many datagrams may be overtaken before the one that did not come counts as lost.
const OVERTAKEN_MAX: u64 = 32;
/// More than this many lost in a row are an outage, and only so many of them count.
const RUN_MAX: u64 = 16;
/// Datagrams in the average of the loss, and in the short one that sees a sudden change.
const AVERAGE: f64 = 300.0;
const SHORT: f64 = 50.0;
/// What is assumed before anything is known.
const LOSS_FIRST: f64 = 0.03;
/// The redundancy is lowered after it was more than enough for this long, microseconds.
const LOWER_US: u64 = 5_000_000;
/// More than enough: the loss is below this share of what the lower redundancy can bear.
const LOWER_SHARE: f64 = 0.7;

/// Round-trip times of a link.
#[derive(Clone, Debug, Default)]
pub struct Rtt {
    smooth_us: f64,
    deviation_us: f64,
    is_known: bool,
}

impl Rtt {
    /// Takes a round trip, without the time that the other side held the echo back. Microseconds.
    pub fn observe(&mut self, sample_us: u64) {
        let sample = sample_us as f64;
        if !self.is_known {
            (self.smooth_us, self.deviation_us, self.is_known) = (sample, sample / 2.0, true);
        }
        // The gains of RFC 6298, divided by four: there are many more samples here.
        self.deviation_us += ((sample - self.smooth_us).abs() - self.deviation_us) / 16.0;
        self.smooth_us += (sample - self.smooth_us) / 32.0;
    }

    /// Whether there was a sample.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// Smoothed, microseconds; 0 before the first sample.
    #[must_use]
    pub fn smooth_us(&self) -> u64 {
        self.smooth_us as u64
    }

    /// When an answer is overdue: four deviations and `more_us` beyond the smoothed time, microseconds.
    #[must_use]
    pub fn overdue_us(&self, more_us: u64) -> u64 {
        (self.smooth_us + 4.0 * self.deviation_us) as u64 + more_us
    }
}

/// What became of a datagram number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The newest so far.
    Newest,
    /// Overtaken by others, but not seen before.
    Late,
    /// Seen before, or so old that it cannot be told.
    Repeated,
}

/// The receiving side: which datagram numbers have come.
#[derive(Clone, Debug)]
pub struct Arrivals {
    /// Newest number, continued beyond 16 bits. Nothing before the first.
    newest: Option<u64>,
    /// Bit `i`: the number `newest - i` has come.
    seen: u64,
    /// Numbers lost in a row up to the one that was judged last.
    run: u64,
    loss: f64,
    short: f64,
    judged: f64,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { newest: None, seen: 0, run: 0, loss: LOSS_FIRST, short: LOSS_FIRST, judged: SHORT }
    }
}

impl Arrivals {
    /// Takes a datagram's number, which counts up by one per datagram of the link and wraps.
    pub fn observe(&mut self, number: u16) -> Arrival {
        let Some(newest) = self.newest else {
            // What came before the first is not missed.
            (self.newest, self.seen) = (Some(u64::from(number) + (1 << 16)), u64::MAX);
            return Arrival::Newest;
        };
        let ahead = number.wrapping_sub(newest as u16) as i16;
        if ahead > 0 {
            self.advance(newest, ahead as u64);
            return Arrival::Newest;
        }
        let behind = u32::from(ahead.unsigned_abs());
        if behind >= u64::BITS || self.seen & (1 << behind) != 0 {
            return Arrival::Repeated;
        }
        self.seen |= 1 << behind;
        Arrival::Late
    }

    /// Share of datagrams lost on the way here, 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f64 {
        // The short average only counts where it is far above: it spreads much more.
        self.loss.max(self.short * 0.4)
    }

    /// The loss as one byte for the other side; see [`loss_of`].
    #[must_use]
    pub fn report(&self) -> u8 {
        (self.loss().sqrt() * 255.0).round() as u8
    }

    fn advance(&mut self, newest: u64, ahead: u64) {
        // In a long gap only the first numbers are looked at: the rest is an outage anyway.
        for step in 1..=ahead.min(OVERTAKEN_MAX + RUN_MAX) {
            let number = newest + step;
            if number > OVERTAKEN_MAX {
                self.judge(self.seen & (1 << (OVERTAKEN_MAX - 1)) == 0);
            }
            self.seen <<= 1;
        }
        if ahead > OVERTAKEN_MAX + RUN_MAX {
            // Nothing of the outage's end is judged as lost one by one.
            (self.seen, self.run) = (u64::MAX << 1, 0);
        }
        self.seen |= 1;
        self.newest = Some(newest + ahead);
    }

    fn judge(&mut self, lost: bool) {
        self.run = if lost { self.run + 1 } else { 0 };
        if self.run > RUN_MAX {
            return;
        }
        self.judged = (self.judged + 1.0).min(AVERAGE);
        let lost = f64::from(u8::from(lost));
        self.loss += (lost - self.loss) / self.judged;
        self.short += (lost - self.short) / SHORT;
    }
}

/// The share, 0 to 1, that a byte of [`Arrivals::report`] stands for: its square, so that small shares are fine.
#[must_use]
pub fn loss_of(report: u8) -> f64 {
    (f64::from(report) / 255.0).powi(2)
}

/// Least number of datagrams that must carry an entry, so that all of them are lost in
/// less than a ten-thousandth of the cases.
#[must_use]
pub fn redundancy(loss: f64) -> u32 {
    (1..REDUNDANCY_MAX).find(|&count| loss <= bearable(count)).unwrap_or(REDUNDANCY_MAX)
}

/// Greatest loss that `count` repetitions can bear.
fn bearable(count: u32) -> f64 {
    RESIDUAL.powf(1.0 / f64::from(count))
}

/// The sending side: how many consecutive datagrams carry each entry.
#[derive(Clone, Debug)]
pub struct Redundancy {
    count: u32,
    loss: f64,
    /// Since when one less would have been enough.
    ample_since: Option<Time>,
}

impl Default for Redundancy {
    fn default() -> Self {
        Self { count: redundancy(LOSS_FIRST) + 1, loss: LOSS_FIRST, ample_since: None }
    }
}

impl Redundancy {
    /// Takes what the other side reports. Raised at once, lowered slowly.
    pub fn observe(&mut self, now: Time, report: u8) {
        self.loss = loss_of(report);
        let needed = redundancy(self.loss);
        if needed >= self.count {
            self.count = needed;
            self.ample_since = None;
        } else if self.loss > bearable(self.count - 1) * LOWER_SHARE {
            self.ample_since = None;
        } else {
            let since = *self.ample_since.get_or_insert(now);
            if now.since(since) > LOWER_US {
                self.count -= 1;
                self.ample_since = None;
            }
        }
    }

    /// How many consecutive datagrams carry each entry, at least 1.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netsim::Random;

    /// Sends `count` datagrams with loss and up to two places of reordering; the loss after each, and the redundancies.
    fn link(seed: u64, count: u32, loss: f64) -> (Vec<f64>, Vec<u32>) {
        let (mut random, mut arrivals, mut sender) = (Random::new(seed, 0), Arrivals::default(), Redundancy::default());
        let (mut losses, mut redundancies) = (Vec::new(), Vec::new());
        let mut waiting = Vec::new();
        for number in 65_000..65_000 + count {
            if random.unit() >= loss {
                waiting.push(number as u16);
            }
            if waiting.len() > 2 {
                let pick = (random.unit() * 3.0) as usize;
                arrivals.observe(waiting.remove(pick));
            }
            sender.observe(Time(u64::from(number) * 16_666), arrivals.report());
            losses.push(arrivals.loss());
            redundancies.push(sender.count());
        }
        (losses, redundancies)
    }

    #[test]
    fn redundancy_follows_the_loss() {
        let table = [(0.0, 1), (0.0001, 1), (0.009, 2), (0.05, 4), (0.09, 4), (0.2, 6), (0.3, 8), (0.6, 8), (1.0, 8)];
        for (loss, count) in table {
            assert_eq!(redundancy(loss), count, "{loss}");
            assert!(loss > 0.3 || loss.powi(count as i32) <= RESIDUAL * 1.001, "{loss}");
        }
    }

    #[test]
    fn loss_is_measured_under_reordering_and_the_redundancy_stays() {
        for (loss, least, most) in [(0.0, 1, 1), (0.01, 2, 3), (0.05, 4, 5), (0.2, 6, 8)] {
            for seed in 0..8 {
                let (losses, counts) = link(seed, 6000, loss);
                let mean = losses[2000..].iter().sum::<f64>() / 4000.0;
                assert!((mean - loss).abs() < 0.002 + loss * 0.25, "{loss}: {mean}");
                let late = &counts[2000..];
                assert!(late.iter().all(|count| (least..=most).contains(count)), "{loss}, seed {seed}");
                let changes = late.windows(2).filter(|pair| pair[0] != pair[1]).count();
                assert!(changes <= 6, "{loss}, seed {seed}: {changes} changes in 67 s");
            }
        }
    }

    #[test]
    fn a_sudden_loss_raises_it_within_a_second() {
        for seed in 0..8 {
            let (mut random, mut arrivals, mut sender) =
                (Random::new(seed, 0), Arrivals::default(), Redundancy::default());
            let mut raised = None;
            for number in 0..2060_u16 {
                let loss = if number < 2000 { 0.0 } else { 0.3 };
                if random.unit() >= loss {
                    arrivals.observe(number);
                }
                sender.observe(Time(u64::from(number) * 16_666), arrivals.report());
                if number == 1999 {
                    assert_eq!(sender.count(), 1);
                }
                if sender.count() >= 3 {
                    raised.get_or_insert(number);
                }
            }
            assert!(raised.is_some(), "loss {}", arrivals.loss());
        }
    }

    #[test]
    fn an_outage_is_not_loss() {
        for gap in [45, 1000] {
            let mut arrivals = Arrivals::default();
            for number in (0..1000).chain(1000 + gap..1100 + gap) {
                arrivals.observe(number);
            }
            assert!(arrivals.loss() < 0.06, "{gap}: {}", arrivals.loss());
        }
    }

    #[test]
    fn repeated_and_old_numbers_are_told_also_where_they_wrap() {
        let mut arrivals = Arrivals::default();
        let numbers =
            [(65_534, Arrival::Newest), (1, Arrival::Newest), (65_535, Arrival::Late), (1, Arrival::Repeated)];
        for (number, expected) in numbers {
            assert_eq!(arrivals.observe(number), expected, "{number}");
        }
        assert_eq!(arrivals.observe(65_535), Arrival::Repeated);
        assert_eq!(arrivals.observe(0), Arrival::Late);
        assert_eq!(arrivals.observe(65_400), Arrival::Repeated, "too old to be told");
        assert_eq!(arrivals.observe(32_768), Arrival::Newest);
        assert_eq!(arrivals.observe(2), Arrival::Repeated);
    }

    #[test]
    fn reports_are_fine_where_it_matters() {
        for loss in [0.0001, 0.001, 0.01, 0.05, 0.2, 0.9] {
            let arrivals = Arrivals { loss, short: 0.0, ..Arrivals::default() };
            let read = loss_of(arrivals.report());
            assert!((read - loss).abs() < 0.25 * loss + 1e-4, "{loss} read as {read}");
        }
    }

    #[test]
    fn round_trips_are_smoothed() {
        let (mut rtt, mut random) = (Rtt::default(), Random::new(5, 0));
        assert!(!rtt.is_known());
        for at in 0..1200 {
            let base = if at < 600 { 100_000.0 } else { 140_000.0 };
            rtt.observe((base + 80_000.0 * random.unit()) as u64);
            let expected = if at < 600 { 125_000..155_000 } else { 165_000..195_000 };
            assert!(at % 600 < 200 || expected.contains(&rtt.smooth_us()), "{at}: {}", rtt.smooth_us());
        }
        assert!((235_000..300_000).contains(&rtt.overdue_us(0)));
        assert_eq!(rtt.overdue_us(500), rtt.overdue_us(0) + 500);
    }
}
