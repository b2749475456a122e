//! How often somebody may ask: at most so many accepted requests in any 60 s. Must never let one more through, whatever
//! the times of arrival, and must never refuse a steady nine tenths of it.
//!
//! It is no token bucket: a full one that refills lets twice its size through within a minute, and one small enough to
//! keep the promise (a tenth to burst, nine tenths to refill) would turn a browser away that loads a page. Instead,
//! accepted requests are counted in slots of [`SLOT`]; the slots that touch the last minute, up to one more than fill
//! it, together hold at most the allowance. It is exact but for the oldest slot, which counts whole.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::table::{Row, Table};

/// The time over which is counted.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Length of a slot.
pub const SLOT: Duration = Duration::from_secs(3);
/// Slots that touch a window: those that fill it, and one that it begins in.
const SLOTS: u64 = WINDOW.as_secs() / SLOT.as_secs() + 1;

/// The part of an address that one person or household has: all of an IPv4 address, the first 64 bits of an IPv6 one.
#[must_use]
pub fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// Accepted requests of one key.
#[derive(Default)]
struct Slots {
    /// Accepted in each slot, by the slot's number modulo their count.
    accepted: [u32; SLOTS as usize],
    /// Number of the newest slot.
    newest: u64,
    /// The slot in which a refusal was last spoken of.
    told: Option<u64>,
}

impl Row for Slots {
    fn is_over(&self, passed: Duration) -> bool {
        slot_of(passed) >= self.newest.saturating_add(SLOTS)
    }
}

fn slot_of(passed: Duration) -> u64 {
    passed.as_secs() / SLOT.as_secs()
}

/// Turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// When a request will be accepted, if no other comes before it.
    pub again_in: Duration,
    /// Whether this is the key's first refusal within a minute.
    pub is_news: bool,
}

/// An allowance for each key.
pub struct Allowance<K> {
    table: Table<K, Slots>,
    accepted_max: u32,
}

impl<K: Hash + Eq + Clone> Allowance<K> {
    /// So many requests in any 60 s for each key, of which at most about so many are remembered apart.
    #[must_use]
    pub fn new(accepted_max: u32, keys_max: usize) -> Self {
        Self { table: Table::new(keys_max), accepted_max }
    }

    /// Takes one request out of a key's allowance.
    ///
    /// # Errors
    /// [`Spent`].
    pub fn take(&self, key: &K, passed: Duration) -> Result<(), Spent> {
        self.table.with(key, passed, |slots| slots.take(self.accepted_max, passed))
    }

    /// Forgets keys that have their whole allowance.
    pub fn sweep(&self, passed: Duration) {
        self.table.sweep(passed);
    }

    /// Keys that are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.table.len()
    }
}

impl Slots {
    fn take(&mut self, accepted_max: u32, passed: Duration) -> Result<(), Spent> {
        // Two threads may come with times in the wrong order.
        let now = slot_of(passed).max(self.newest);
        self.advance(now);
        let total: u64 = self.accepted.iter().map(|count| u64::from(*count)).sum();
        if total < u64::from(accepted_max) {
            self.accepted[(now % SLOTS) as usize] += 1;
            return Ok(());
        }
        let is_news = self.told.is_none_or(|told| now >= told + SLOTS);
        if is_news {
            self.told = Some(now);
        }
        Err(Spent { again_in: self.again_in(accepted_max, total, passed), is_news })
    }

    /// Empties the slots between the newest one and this one.
    fn advance(&mut self, now: u64) {
        for slot in self.newest + 1..=now.min(self.newest + SLOTS) {
            self.accepted[(slot % SLOTS) as usize] = 0;
        }
        self.newest = now;
    }

    /// Time until so many of the oldest slots are over that there is room for one.
    fn again_in(&self, accepted_max: u32, mut total: u64, passed: Duration) -> Duration {
        for slot in self.newest.saturating_add(1)..=self.newest + SLOTS {
            total -= u64::from(self.accepted[(slot % SLOTS) as usize]).min(total);
            if total < u64::from(accepted_max) {
                return (SLOT * u32::try_from(slot).unwrap_or(u32::MAX)).saturating_sub(passed);
            }
        }
        WINDOW
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    /// Most of these times that lie within any 60 s.
    fn worst(times: &[u64]) -> usize {
        let (mut window, mut worst) = (VecDeque::new(), 0);
        for time in times {
            window.push_back(*time);
            while window.front().is_some_and(|first| first + 60_000 <= *time) {
                window.pop_front();
            }
            worst = worst.max(window.len());
        }
        worst
    }

    /// Times (ms) at which requests that come after such pauses are accepted; an honest answer is checked on the way.
    fn accepted(allowance: &Allowance<u8>, pauses: &[u64]) -> Vec<u64> {
        let mut now = 0;
        let mut times = Vec::new();
        for pause in pauses {
            now += pause;
            if allowance.take(&1, Duration::from_millis(now)).is_ok() {
                times.push(now);
            }
        }
        times
    }

    /// What a plain bucket of this size accepts, which is full at first and refills once a minute.
    fn bucket(size: f64, pauses: &[u64]) -> Vec<u64> {
        let (mut now, mut tokens) = (0, size);
        let mut times = Vec::new();
        for pause in pauses {
            now += pause;
            tokens = (tokens + *pause as f64 / 60_000.0 * size).min(size);
            if tokens >= 1.0 {
                tokens -= 1.0;
                times.push(now);
            }
        }
        times
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_the_allowance(
            pauses in prop::collection::vec(prop_oneof![Just(0u64), 0..200u64, 0..30_000u64, 50_000..70_000u64], 1..1500),
            most in 1u32..120,
        ) {
            let times = accepted(&Allowance::new(most, 100), &pauses);
            prop_assert!(worst(&times) <= most as usize, "{} of {most}", worst(&times));
        }

        #[test]
        fn the_time_to_come_again_is_honest(
            pauses in prop::collection::vec(0..2000u64, 1..400), most in 1u32..60,
        ) {
            let allowance = Allowance::new(most, 100);
            let mut now = Duration::ZERO;
            for pause in pauses {
                now += Duration::from_millis(pause);
                if let Err(spent) = allowance.take(&1, now) {
                    prop_assert!(spent.again_in > Duration::ZERO && spent.again_in <= WINDOW + SLOT);
                    let before = spent.again_in - Duration::from_millis(1);
                    prop_assert!(allowance.take(&1, now + before).is_err(), "it was possible earlier");
                    now += spent.again_in;
                    prop_assert!(allowance.take(&1, now).is_ok(), "it was not possible then");
                }
            }
        }
    }

    #[test]
    fn three_minutes_of_a_thousand_a_minute_and_a_bucket_beside_it() {
        let pauses = vec![60; 3000];
        let times = accepted(&Allowance::new(100, 100), &pauses);
        assert_eq!(worst(&times), 100);
        assert!(times.len() >= 280, "most of the allowance can be used: {}", times.len());
        let leaky = worst(&bucket(100.0, &pauses));
        assert!(leaky > 190, "control: a bucket lets nearly twice as many through: {leaky}");
    }

    #[test]
    fn a_steady_nine_tenths_loses_none() {
        for most in [10u64, 100, 600, 1000] {
            let step = 60_000.0 / (0.9 * most as f64);
            let allowance = Allowance::new(most as u32, 100);
            for i in 0..most * 10 {
                let at = Duration::from_secs_f64(i as f64 * step / 1000.0 + 1.7);
                assert_eq!(allowance.take(&1, at), Ok(()), "{most} a minute, request {i}");
            }
        }
    }

    #[test]
    fn one_refusal_a_minute_is_news() {
        let allowance = Allowance::new(1, 100);
        let news =
            (0..600).filter(|i| allowance.take(&1, Duration::from_secs(i / 5)).is_err_and(|spent| spent.is_news));
        assert!((1..=3).contains(&news.count()));
    }

    #[test]
    fn a_household_is_an_ipv4_address_or_64_bits() {
        let of = |text: &str| household(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.1.2.3"), of("10.1.2.3"), "one in the other's clothes is the same");
        assert_ne!(of("127.0.0.1"), of("127.0.0.2"));
    }

    #[test]
    fn keys_do_not_share_until_the_table_is_full_and_it_never_grows() {
        let allowance = Allowance::new(2, 1000);
        for key in 0..100u32 {
            assert_eq!(allowance.take(&key, Duration::ZERO), Ok(()));
            assert_eq!(allowance.take(&key, Duration::ZERO), Ok(()));
            assert!(allowance.take(&key, Duration::ZERO).is_err());
        }
        for key in 1000..200_000u32 {
            let _ = allowance.take(&key, Duration::from_secs(1));
        }
        assert!(allowance.remembered() <= 1008, "{}", allowance.remembered());
        assert!((0..100).all(|key| allowance.take(&key, Duration::from_secs(1)).is_err()), "no count was reset");
        allowance.sweep(Duration::from_secs(120));
        assert_eq!(allowance.remembered(), 0);
    }

    /// It is in the path of every request: a rough look, ten times above what it takes.
    #[test]
    fn taking_is_cheap() {
        let allowance = Allowance::new(100, 10_000);
        // The best of some rounds: another program may have the processor during one.
        let round = |round: u32| {
            let began = Instant::now();
            for i in round * 40_000..(round + 1) * 40_000 {
                let _ = allowance.take(&(i % 5000), Duration::from_millis(u64::from(i)));
            }
            began.elapsed() / 40_000
        };
        let each = (0..5).map(round).min();
        assert!(each < Some(Duration::from_micros(5)), "{each:?}");
    }
}
