//! A growing delay after failed sign-ins. Must never tell a name that exists from one that does not, and must never let
//! somebody keep another from signing in where they have done so before.
//!
//! Three counts are kept: of a name from an address, of an address, and of a name from anywhere, the last with more
//! tries and a short delay. Whoever has signed in from an address before is not held up there by what others do to
//! their name, nor by others who fill the tables: they have a count of their own. An attempt counts as failed when it
//! begins, so that many at once are not all free.

use std::net::IpAddr;
use std::time::Duration;

use super::allowance::household;
use super::table::{Row, Table};

/// A name as these counts know it: a keyed hash.
pub type NameHash = [u8; 16];

/// Addresses of a name that are remembered.
const PLACES_MAX: usize = 8;

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
}

impl Row for Failures {
    fn is_over(&self, passed: Duration) -> bool {
        passed >= self.over_at
    }
}

/// An address that a name has signed in from.
struct Place {
    address: IpAddr,
    /// It is remembered until then.
    until: Duration,
    /// Failures of the name from there.
    failures: Failures,
}

/// The addresses that a name has signed in from.
#[derive(Default)]
struct Places(Vec<Place>);

impl Row for Places {
    fn is_over(&self, passed: Duration) -> bool {
        self.0.iter().all(|place| passed >= place.until)
    }
}

impl Places {
    fn find(&mut self, address: IpAddr, passed: Duration) -> Option<&mut Failures> {
        let place = self.0.iter_mut().find(|place| place.address == address && passed < place.until)?;
        Some(&mut place.failures)
    }

    /// Remembers an address, without failures; instead of the oldest, where there are too many.
    fn remember(&mut self, address: IpAddr, until: Duration, passed: Duration) {
        self.0.retain(|place| place.address != address && passed < place.until);
        if self.0.len() >= PLACES_MAX {
            self.0.sort_by_key(|place| place.until);
            self.0.remove(0);
        }
        self.0.push(Place { address, until, failures: Failures::default() });
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

    /// Counts an attempt, unless it has to wait.
    fn attempt(&mut self, delay: Delay, policy: &LockoutPolicy, passed: Duration) -> Result<(), Duration> {
        match self.wait(passed) {
            Duration::ZERO => {
                self.add(delay, policy, passed);
                Ok(())
            }
            wait => Err(wait),
        }
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
    known: Table<NameHash, Places>,
}

impl Lockout {
    /// With no failure counted.
    #[must_use]
    pub fn new(policy: LockoutPolicy) -> Self {
        let rows = policy.rows_max;
        Self {
            policy,
            pairs: Table::new(rows),
            addresses: Table::new(rows),
            names: Table::new(rows),
            known: Table::new(rows),
        }
    }

    /// Begins an attempt, which counts as failed until [`Lockout::succeeded`].
    ///
    /// # Errors
    /// The time to wait; such an attempt counts for nothing.
    pub fn begin(&self, name: NameHash, address: IpAddr, passed: Duration) -> Result<(), Duration> {
        let (policy, address) = (&self.policy, household(address));
        let is_known = self.of_known(&name, address, passed, |_| ()).is_some();
        let wait = if is_known {
            // What others left on a row that is shared for want of room does not matter here.
            self.addresses.look(&address, |row| row.wait(passed)).unwrap_or_default()
        } else {
            let of_address = self.addresses.counted(&address, passed, |row| row.wait(passed));
            of_address.max(self.names.counted(&name, passed, |row| row.wait(passed))).unwrap_or_default()
        };
        if wait > Duration::ZERO {
            return Err(wait);
        }
        // Look and count under one lock: of many at once, only so many as are free get through.
        let attempt = |row: &mut Failures| row.attempt(policy.pair, policy, passed);
        match self.of_known(&name, address, passed, attempt) {
            Some(attempted) => attempted?,
            None => self.pairs.with(&(name, address), passed, attempt)?,
        }
        self.addresses.with(&address, passed, |row| row.add(policy.address, policy, passed));
        self.names.with(&name, passed, |row| row.add(policy.name, policy, passed));
        Ok(())
    }

    /// The attempt that was begun was a good one.
    pub fn succeeded(&self, name: NameHash, address: IpAddr, passed: Duration) {
        // Others' failures stay: a good sign-in of one's own must not buy new guesses at somebody else's.
        self.given_up(name, address, passed);
        let address = household(address);
        self.pairs.look(&(name, address), |row| *row = Failures::default());
        // Where there is no room, they are held up as anybody is.
        let until = passed + self.policy.remember;
        self.known.with_own(&name, passed, |places| places.remember(address, until, passed));
    }

    /// The attempt that was begun was neither: it never came to the password.
    pub fn given_up(&self, name: NameHash, address: IpAddr, passed: Duration) {
        let address = household(address);
        if self.of_known(&name, address, passed, Failures::take_back).is_none() {
            self.pairs.counted(&(name, address), passed, Failures::take_back);
        }
        self.addresses.counted(&address, passed, Failures::take_back);
        self.names.counted(&name, passed, Failures::take_back);
    }

    /// Does something with the failures of a name at an address that it has signed in from.
    fn of_known<R>(
        &self,
        name: &NameHash,
        address: IpAddr,
        passed: Duration,
        act: impl FnOnce(&mut Failures) -> R,
    ) -> Option<R> {
        self.known.look(name, |places| places.find(address, passed).map(act)).flatten()
    }

    /// Forgets what is over.
    pub fn sweep(&self, passed: Duration) {
        self.pairs.sweep(passed);
        self.addresses.sweep(passed);
        self.names.sweep(passed);
        self.known.sweep(passed);
    }

    /// Counts that are kept.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.pairs.len() + self.addresses.len() + self.names.len() + self.known.len()
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

    fn numbered(n: u32) -> (NameHash, IpAddr) {
        let mut name = [0; 16];
        name[..4].copy_from_slice(&n.to_le_bytes());
        (name, IpAddr::V4(Ipv4Addr::from_bits(n)))
    }

    #[test]
    fn good_sign_ins_fill_nothing_that_holds_newcomers_up() {
        let lockout = Lockout::new(LockoutPolicy { rows_max: 16, ..LockoutPolicy::default() });
        for n in 0..20_000 {
            let (name, address) = numbered(n);
            assert_eq!(lockout.begin(name, address, at(0)), Ok(()), "{n}");
            lockout.succeeded(name, address, at(0));
        }
        // One name from everywhere takes the place of nobody else's addresses.
        let known = (0..16).map(numbered).find(|(name, _)| lockout.known.look(name, |_| ()).is_some());
        let (name, address) = known.expect("some are remembered");
        for n in 0..1000 {
            lockout.succeeded([9; 16], numbered(n).1, at(1));
        }
        assert!(lockout.of_known(&name, address, at(1), |_| ()).is_some());
        assert!(lockout.known.look(&[9; 16], |places| places.0.len()).is_none_or(|len| len == PLACES_MAX));
    }

    #[test]
    fn full_tables_free_no_guess_and_hold_up_nobody_who_is_known() {
        let lockout = Lockout::new(LockoutPolicy { rows_max: 16, ..LockoutPolicy::default() });
        lockout.begin(ANNA, from(1), at(0)).expect("free");
        lockout.succeeded(ANNA, from(1), at(0));
        for n in 0..20_000 {
            let (name, address) = numbered(n);
            let _ = lockout.begin(name, address, at(1));
        }
        // Each guess at another name, from one address; then each from another address, at one name.
        let from_one = (0..1000).filter(|n| lockout.begin(numbered(50_000 + n).0, from(7), at(2)).is_ok()).count();
        assert!(from_one <= 20, "{from_one}");
        let at_one = (0..1000).filter(|n| lockout.begin([7; 16], numbered(90_000 + n).1, at(2)).is_ok()).count();
        assert!(at_one <= 50, "{at_one}");
        for _ in 0..100 {
            assert_eq!(lockout.begin(ANNA, from(1), at(3)), Ok(()), "where she has signed in before");
            lockout.succeeded(ANNA, from(1), at(3));
        }
    }

    #[test]
    fn churn_does_not_grow_it() {
        let lockout = Lockout::new(LockoutPolicy { rows_max: 256, ..LockoutPolicy::default() });
        for i in 0..50_000u32 {
            let (name, address) = numbered(i);
            let _ = lockout.begin(name, address, at(0));
        }
        assert!(lockout.remembered() <= 3 * 256);
        lockout.sweep(at(100_000));
        assert_eq!(lockout.remembered(), 0);
    }
}
