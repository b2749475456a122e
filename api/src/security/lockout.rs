//! A growing delay after failed sign-ins. Must never tell a name that exists from one that does not, and must never let
//! somebody keep another from signing in for good.
//!
//! Three counts are kept: of a name from an address, of an address, and of a name from anywhere, the last with more
//! tries and a short delay. Whoever has signed in from an address before is not held up there by what others do to
//! their name. An attempt counts as failed when it begins, so that many at once are not all free.

use std::net::IpAddr;
use std::time::Duration;

use super::allowance::household;
use super::table::{Row, Table};

/// A name as these counts know it: a keyed hash.
pub type NameHash = [u8; 16];

/// How a count of failures turns into a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Failures without a delay.
    pub free: u32,
    /// The longest delay; the first is 1 s, and each is twice the one before.
    pub longest: Duration,
}

/// The delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutPolicy {
    /// Of a name from an address.
    pub pair: Delay,
    /// Of an address, whatever the name.
    pub address: Delay,
    /// Of a name, whatever the address.
    pub name: Delay,
    /// Failures are forgotten when none came for so long.
    pub forget: Duration,
    /// An address that somebody has signed in from is remembered so long.
    pub remember: Duration,
    /// Counts of each sort that are kept.
    pub rows_max: usize,
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self {
            pair: Delay { free: 5, longest: Duration::from_secs(900) },
            address: Delay { free: 20, longest: Duration::from_secs(900) },
            name: Delay { free: 50, longest: Duration::from_secs(30) },
            forget: Duration::from_secs(3600),
            remember: Duration::from_secs(30 * 86_400),
            rows_max: 65_536,
        }
    }
}

/// Failures of one key.
#[derive(Default)]
struct Failures {
    count: u32,
    /// No attempt before this.
    held_until: Duration,
    /// All of it is forgotten then.
    over_at: Duration,
    /// A good sign-in is remembered until then.
    known_until: Duration,
}

impl Row for Failures {
    fn is_over(&self, passed: Duration) -> bool {
        passed >= self.over_at && passed >= self.known_until
    }
}

impl Failures {
    fn wait(&self, passed: Duration) -> Duration {
        self.held_until.saturating_sub(passed)
    }

    fn add(&mut self, delay: Delay, policy: &LockoutPolicy, passed: Duration) {
        if passed >= self.over_at {
            (self.count, self.held_until) = (0, Duration::ZERO);
        }
        self.count = self.count.saturating_add(1);
        if let Some(doublings) = self.count.checked_sub(delay.free) {
            let held = Duration::from_secs(1 << doublings.min(32)).min(delay.longest);
            self.held_until = passed + held;
        }
        self.over_at = passed + policy.forget + delay.longest;
    }

    fn take_back(&mut self) {
        self.count = self.count.saturating_sub(1);
    }
}

/// Counts of failed sign-ins.
pub struct Lockout {
    policy: LockoutPolicy,
    pairs: Table<(NameHash, IpAddr), Failures>,
    addresses: Table<IpAddr, Failures>,
    names: Table<NameHash, Failures>,
}

impl Lockout {
    /// With no failure counted.
    #[must_use]
    pub fn new(policy: LockoutPolicy) -> Self {
        let rows = policy.rows_max;
        Self { policy, pairs: Table::new(rows), addresses: Table::new(rows), names: Table::new(rows) }
    }

    /// Begins an attempt, which counts as failed until [`Lockout::succeeded`].
    ///
    /// # Errors
    /// The time to wait; such an attempt counts for nothing.
    pub fn begin(&self, name: NameHash, address: IpAddr, passed: Duration) -> Result<(), Duration> {
        let address = household(address);
        let pair = (name, address);
        let is_known = self.pairs.look(&pair, |row| row.known_until > passed).unwrap_or(false);
        let mut wait = self.addresses.look(&address, |row| row.wait(passed)).unwrap_or_default();
        if !is_known {
            wait = wait.max(self.names.look(&name, |row| row.wait(passed)).unwrap_or_default());
        }
        if wait > Duration::ZERO {
            return Err(wait);
        }
        // Look and count under one lock: of many at once, only so many as are free get through.
        self.pairs.with(&pair, passed, |row| match row.wait(passed) {
            Duration::ZERO => {
                row.add(self.policy.pair, &self.policy, passed);
                Ok(())
            }
            wait => Err(wait),
        })?;
        self.addresses.with(&address, passed, |row| row.add(self.policy.address, &self.policy, passed));
        self.names.with(&name, passed, |row| row.add(self.policy.name, &self.policy, passed));
        Ok(())
    }

    /// The attempt that was begun was a good one.
    pub fn succeeded(&self, name: NameHash, address: IpAddr, passed: Duration) {
        let address = household(address);
        self.pairs.with_own(&(name, address), passed, |row| {
            *row = Failures { known_until: passed + self.policy.remember, ..Failures::default() };
        });
        // Others' failures stay: a good sign-in of one's own must not buy new guesses at somebody else's.
        self.addresses.look(&address, Failures::take_back);
        self.names.look(&name, Failures::take_back);
    }

    /// The attempt that was begun was neither: it never came to the password.
    pub fn given_up(&self, name: NameHash, address: IpAddr) {
        let address = household(address);
        self.pairs.look(&(name, address), Failures::take_back);
        self.addresses.look(&address, Failures::take_back);
        self.names.look(&name, Failures::take_back);
    }

    /// Forgets what is over.
    pub fn sweep(&self, passed: Duration) {
        self.pairs.sweep(passed);
        self.addresses.sweep(passed);
        self.names.sweep(passed);
    }

    /// Counts that are kept.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.pairs.len() + self.addresses.len() + self.names.len()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn from(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const ANNA: NameHash = [1; 16];

    #[test]
    fn the_delay_doubles_and_has_an_end() {
        let lockout = Lockout::new(LockoutPolicy {
            address: Delay { free: 1000, longest: at(1) },
            name: Delay { free: 1000, longest: at(1) },
            ..LockoutPolicy::default()
        });
        let mut now = at(0);
        for _ in 0..5 {
            assert_eq!(lockout.begin(ANNA, from(1), now), Ok(()));
        }
        let mut delays = Vec::new();
        for _ in 0..12 {
            let wait = lockout.begin(ANNA, from(1), now).expect_err("held");
            assert_eq!(lockout.begin(ANNA, from(1), now + wait - at(1)), Err(at(1)), "asking makes it no longer");
            now += wait;
            delays.push(wait.as_secs());
            assert_eq!(lockout.begin(ANNA, from(1), now), Ok(()));
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(lockout.begin([2; 16], from(1), now), Ok(()), "another name from there");
        assert_eq!(lockout.begin(ANNA, from(2), now), Ok(()), "the same name from elsewhere");
    }

    #[test]
    fn a_good_sign_in_ends_it_and_buys_nothing_else() {
        let lockout = Lockout::new(LockoutPolicy::default());
        for i in 0..4 {
            lockout.begin(ANNA, from(1), at(i)).expect("free");
        }
        lockout.begin(ANNA, from(1), at(5)).expect("free");
        lockout.succeeded(ANNA, from(1), at(5));
        for _ in 0..5 {
            lockout.begin(ANNA, from(1), at(6)).expect("all free again");
        }
        // Guessing at others and signing in oneself in between: the address is held all the same.
        let lockout = Lockout::new(LockoutPolicy::default());
        let guesses = (0..100u8).take_while(|i| {
            if lockout.begin([9; 16], from(1), at(10)).is_ok() {
                lockout.succeeded([9; 16], from(1), at(10));
            }
            lockout.begin([100 + i; 16], from(1), at(10)).is_ok()
        });
        let guesses = guesses.count();
        assert!((15..=20).contains(&guesses), "{guesses}");
    }

    #[test]
    fn nobody_is_kept_out_for_good_by_others() {
        let lockout = Lockout::new(LockoutPolicy::default());
        lockout.begin(ANNA, from(1), at(0)).expect("free");
        lockout.succeeded(ANNA, from(1), at(0));
        let mut held = Duration::ZERO;
        for second in 0..2000u64 {
            for bot in 0..250 {
                let bot = IpAddr::V4(Ipv4Addr::new(10, 1, (second % 250) as u8, bot));
                held = held.max(lockout.begin(ANNA, bot, at(second)).err().unwrap_or_default());
            }
        }
        assert_eq!(held, at(30), "from anywhere, the name is held for this long at most");
        assert_eq!(lockout.begin(ANNA, from(1), at(2000)), Ok(()), "and not where she has signed in before");
    }

    #[test]
    fn many_at_once_are_not_all_free() {
        let lockout = Lockout::new(LockoutPolicy::default());
        let free = std::thread::scope(|scope| {
            let tries: Vec<_> =
                (0..64).map(|_| scope.spawn(|| u32::from(lockout.begin(ANNA, from(1), at(0)).is_ok()))).collect();
            tries.into_iter().map(|thread| thread.join().expect("no panic")).sum::<u32>()
        });
        assert_eq!(free, 5);
    }

    #[test]
    fn churn_does_not_grow_it() {
        let lockout = Lockout::new(LockoutPolicy { rows_max: 256, ..LockoutPolicy::default() });
        for i in 0..50_000u32 {
            let mut name = [0; 16];
            name[..4].copy_from_slice(&i.to_le_bytes());
            let _ = lockout.begin(name, IpAddr::V4(Ipv4Addr::from_bits(i)), at(0));
        }
        assert!(lockout.remembered() <= 3 * 256);
        lockout.sweep(at(100_000));
        assert_eq!(lockout.remembered(), 0);
    }
}
