//! What stands between a stranger and the curve: cookies, a ration of handshakes per source and for all, and the memory
//! of recent ones. Every table has a fixed size; nothing is kept for a source that did not show a cookie.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};

use super::handshake::{COOKIE_BYTES, Cookie};
use crate::protocol::Time;

/// Noise computations per second for all sources together: about 3 % of a core. As many again for familiar sources.
const NOISE_PER_S: u32 = 128;
/// Noise computations that may come at once.
const NOISE_BURST: u32 = 128;
/// Handshakes per second from one source prefix.
const SOURCE_PER_S: u32 = 16;
/// Handshakes at once from one source prefix: the peers of one household or test machine.
const SOURCE_BURST: u32 = 64;
/// Buckets for source prefixes. Prefixes that share one share its ration.
const BUCKETS: usize = 4096;
/// A cookie's secret changes this often; a cookie is good until the second change.
const COOKIE_PERIOD_US: u64 = 10_000_000;
/// Handshakes that are remembered.
const RECENT_MAX: usize = 8192;

// As many as can be computed while a cookie is good: so none can be computed twice.
const _: () =
    assert!(RECENT_MAX as u64 / 2 > NOISE_BURST as u64 + NOISE_PER_S as u64 * 2 * COOKIE_PERIOD_US / 1_000_000);

/// A ration that fills up over time.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Millionths of a handshake used up; what flows away over time.
    used: u64,
    at: Time,
}

impl Bucket {
    /// Takes one, if there is one.
    fn take(&mut self, now: Time, per_s: u32, burst: u32) -> bool {
        let gone = now.since(self.at).saturating_mul(u64::from(per_s));
        self.used = self.used.saturating_sub(gone);
        self.at = now;
        let fits = self.used + 1_000_000 <= u64::from(burst) * 1_000_000;
        if fits {
            self.used += 1_000_000;
        }
        fits
    }
}

/// Rations and cookies.
pub(super) struct Door {
    secret: [u8; 32],
    hasher: RandomState,
    sources: Vec<Bucket>,
    everyone: Bucket,
    familiar: Bucket,
    /// Recent handshakes by ephemeral key, with the answer that was given.
    recent: HashMap<[u8; 32], Option<Vec<u8>>>,
    order: VecDeque<[u8; 32]>,
}

impl Door {
    /// With a random secret.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self {
            secret,
            hasher: RandomState::new(),
            sources: vec![Bucket::default(); BUCKETS],
            everyone: Bucket::default(),
            familiar: Bucket::default(),
            recent: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// The cookie of an address at a time.
    #[must_use]
    pub fn cookie(&self, now: Time, from: SocketAddr) -> Cookie {
        self.cookie_of(now.0 / COOKIE_PERIOD_US, from)
    }

    /// Whether this is that address's cookie of the present or the last period.
    #[must_use]
    pub fn is_cookie(&self, now: Time, from: SocketAddr, cookie: &Cookie) -> bool {
        let period = now.0 / COOKIE_PERIOD_US;
        let fits = |period| is_same(&self.cookie_of(period, from), cookie);
        fits(period) || (period > 0 && fits(period - 1))
    }

    fn cookie_of(&self, period: u64, from: SocketAddr) -> Cookie {
        let mut message = [0; 26];
        message[..8].copy_from_slice(&period.to_le_bytes());
        message[8..24].copy_from_slice(&octets(from.ip()));
        message[24..].copy_from_slice(&from.port().to_le_bytes());
        let hash = blake3::keyed_hash(&self.secret, &message);
        let mut cookie = [0; COOKIE_BYTES];
        cookie.copy_from_slice(&hash.as_bytes()[..COOKIE_BYTES]);
        cookie
    }

    /// Takes one handshake from the ration of a source's prefix: /24 of IPv4, /56 of IPv6.
    pub fn admits(&mut self, now: Time, from: SocketAddr) -> bool {
        let prefix = match from.ip() {
            IpAddr::V4(ip) => u64::from(u32::from(ip) >> 8),
            // The marker keeps the two families apart.
            IpAddr::V6(ip) => (u128::from(ip) >> 72) as u64 | 1 << 63,
        };
        let bucket = self.hasher.hash_one(prefix) as usize % BUCKETS;
        self.sources[bucket].take(now, SOURCE_PER_S, SOURCE_BURST)
    }

    /// Takes one Noise computation from the ration of all, or from that of the sources where peers are known to be:
    /// a flood of strangers does not keep a member out that comes back.
    pub fn affords(&mut self, now: Time, familiar: bool) -> bool {
        (familiar && self.familiar.take(now, NOISE_PER_S, NOISE_BURST))
            || self.everyone.take(now, NOISE_PER_S, NOISE_BURST)
    }

    /// What became of a handshake with this ephemeral key; the inner `None`: nothing that was answered.
    #[must_use]
    pub fn recall(&self, ephemeral: &[u8; 32]) -> Option<Option<&[u8]>> {
        self.recent.get(ephemeral).map(|answer| answer.as_deref())
    }

    /// Remembers a handshake and its answer.
    pub fn remember(&mut self, ephemeral: [u8; 32], answer: Option<Vec<u8>>) {
        if self.recent.insert(ephemeral, answer).is_none() {
            self.order.push_back(ephemeral);
        }
        if self.order.len() > RECENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.recent.remove(&oldest);
        }
    }

    /// How many handshakes are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.recent.len()
    }
}

fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// Compares without telling by its time where the difference is.
pub fn is_same(a: &Cookie, b: &Cookie) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_cookie_fits_its_address_for_a_while() {
        let door = Door::new([1; 32]);
        let (home, now) = (address("10.0.0.1:5000"), Time(123_000_000));
        let cookie = door.cookie(now, home);
        assert!(door.is_cookie(now, home, &cookie));
        assert!(door.is_cookie(now.plus(COOKIE_PERIOD_US), home, &cookie));
        assert!(!door.is_cookie(now.plus(2 * COOKIE_PERIOD_US), home, &cookie), "too old");
        assert!(!door.is_cookie(now, address("10.0.0.1:5001"), &cookie), "another port");
        assert!(!door.is_cookie(now, address("10.0.0.2:5000"), &cookie), "another address");
        assert!(!Door::new([2; 32]).is_cookie(now, home, &cookie), "another peer's");
    }

    #[test]
    fn rations_are_per_prefix_and_fill_up_again() {
        let mut door = Door::new([1; 32]);
        let now = Time(5_000_000);
        let admitted = (0..200).filter(|i| door.admits(now, address(&format!("10.0.0.{i}:1")))).count();
        assert_eq!(admitted, SOURCE_BURST as usize, "one prefix");
        assert!(door.admits(now.plus(1_000_000), address("10.0.0.9:1")), "filled up");
        let budget = (0..1000).filter(|_| door.affords(now, false)).count();
        assert_eq!(budget, NOISE_BURST as usize);
        assert!(door.affords(now, true), "familiar sources have a ration of their own");
        let later = (0..1000).filter(|_| door.affords(now.plus(1_000_000), false)).count();
        assert_eq!(later, NOISE_PER_S as usize);
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_the_oldest() {
        let mut door = Door::new([1; 32]);
        for i in 0..20_000u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&i.to_le_bytes());
            door.remember(key, None);
            assert_eq!(door.recall(&key), Some(None));
            door.remember(key, Some(vec![1]));
            assert_eq!(door.recall(&key), Some(Some(&[1][..])), "the answer is added");
        }
        assert_eq!((door.remembered(), door.order.len()), (RECENT_MAX, RECENT_MAX));
        assert_eq!(door.recall(&[0; 32]), None);
    }
}
