//! One connection: what it counts towards, how long it may be idle or stall. Must never outlive the time that its settings
//! give it without doing anything.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

/// What requests of one connection share.
#[derive(Debug)]
pub struct Connection {
    /// From where.
    pub address: IpAddr,
    /// Whether it is encrypted.
    pub is_tls: bool,
    began: Instant,
    in_flight: AtomicUsize,
    idle_since_ms: AtomicU64,
    requests: AtomicU32,
    /// Told when it has had its last request.
    pub(super) is_spent: Notify,
    _place: Place,
}

/// A request of a connection is answered until this is dropped.
#[derive(Debug)]
pub struct InFlight(Arc<Connection>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.touch();
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Connection {
    /// A new one.
    #[must_use]
    pub fn new(address: IpAddr, is_tls: bool, place: Place) -> Self {
        Self {
            address,
            is_tls,
            began: Instant::now(),
            in_flight: AtomicUsize::new(0),
            idle_since_ms: AtomicU64::new(0),
            requests: AtomicU32::new(0),
            is_spent: Notify::new(),
            _place: place,
        }
    }

    /// A request begins; the last one of so many tells the connection's task.
    pub fn begin(self: &Arc<Self>, requests_max: u32) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        if self.requests.fetch_add(1, Ordering::AcqRel).saturating_add(1) >= requests_max {
            self.is_spent.notify_one();
        }
        InFlight(Arc::clone(self))
    }

    /// The other end has taken something: it was idle until now at most.
    pub fn touch(&self) {
        self.idle_since_ms.store(millis(self.began.elapsed()), Ordering::Release);
    }

    /// How long it may still be idle; nothing where that time is over. Before its first request it has less time.
    #[must_use]
    pub fn may_idle(&self, first: Duration, idle: Duration) -> Option<Duration> {
        if self.in_flight.load(Ordering::Acquire) > 0 {
            return Some(idle);
        }
        let limit = if self.requests.load(Ordering::Acquire) == 0 { first } else { idle };
        let idle_for =
            self.began.elapsed().saturating_sub(Duration::from_millis(self.idle_since_ms.load(Ordering::Acquire)));
        limit.checked_sub(idle_for).filter(|left| !left.is_zero())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How many connections there may be.
#[derive(Debug)]
pub struct Places {
    most: usize,
    most_per_address: usize,
    taken: Mutex<Taken>,
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The place of one connection, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    /// For so many, and so many from one address.
    #[must_use]
    pub fn new(most: usize, most_per_address: usize, gauge: Gauge) -> Arc<Self> {
        Arc::new(Self { most, most_per_address, taken: Mutex::default(), gauge })
    }

    /// A place for a connection from this address, if there is one.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = network(address);
        let mut taken = self.taken();
        let from_there = taken.by_address.get(&address).copied().unwrap_or(0);
        if taken.all >= self.most || from_there >= self.most_per_address {
            return None;
        }
        taken.all += 1;
        taken.by_address.insert(address, from_there + 1);
        self.gauge.inc();
        Some(Place { places: Arc::clone(self), address })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
        self.places.gauge.dec();
    }
}

/// Who has one address of version 6 has 2^64 of them: those count as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A stream that fails where its other end takes nothing for too long.
#[derive(Debug)]
pub struct Unstalled<S> {
    inner: S,
    limit: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Unstalled<S> {
    /// With this much patience.
    pub const fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit, stalled: None }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let limit = self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unstalled<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unstalled<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.watch(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.watch(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watch(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_overall_and_per_address_and_given_back() {
        let places = Places::new(3, 2, Gauge::default());
        let at = |last: u8| IpAddr::from([192, 0, 2, last]);
        let first = places.take(at(1));
        let second = places.take(at(1));
        assert!(first.is_some() && second.is_some() && places.take(at(1)).is_none());
        let third = places.take(at(2));
        assert!(third.is_some() && places.take(at(3)).is_none());
        drop(first);
        assert!(places.take(at(1)).is_some());
        assert_eq!(places.taken().by_address.len(), 2);
    }

    #[test]
    fn addresses_of_one_network_of_version_6_are_one() {
        let at = |text: &str| text.parse().map(network);
        assert_eq!(at("2001:db8:1:2:3::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
    }
}
