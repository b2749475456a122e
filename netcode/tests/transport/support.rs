//! A network in memory under real endpoints: any source address can be invented, every datagram can be seen, dropped,
//! kept and sent again. Time is virtual.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use netcode::protocol::{Hash, PeerKey, SessionId, Time};
use netcode::transport::{Endpoint, Hello, Identity, Incoming, Limits, Policy, Wire};

type Queue = VecDeque<(SocketAddr, Vec<u8>)>;
/// Sees each datagram with its source and destination; `false` loses it.
type Filter = Box<dyn FnMut(SocketAddr, SocketAddr, &[u8]) -> bool>;

/// The network.
#[derive(Clone, Default)]
pub struct Net(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    queues: BTreeMap<SocketAddr, Queue>,
    filter: Option<Filter>,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Net")
    }
}

impl Net {
    /// Puts a datagram on its way, from wherever.
    pub fn inject(&self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let inner = &mut *self.0.borrow_mut();
        if inner.filter.as_mut().is_none_or(|filter| filter(from, to, bytes)) {
            inner.queues.entry(to).or_default().push_back((from, bytes.to_vec()));
        }
    }

    /// Takes everything that waits for an address.
    pub fn take(&self, to: SocketAddr) -> Vec<(SocketAddr, Vec<u8>)> {
        self.0.borrow_mut().queues.remove(&to).into_iter().flatten().collect()
    }

    /// Watches from now on.
    pub fn filter(&self, filter: impl FnMut(SocketAddr, SocketAddr, &[u8]) -> bool + 'static) {
        self.0.borrow_mut().filter = Some(Box::new(filter));
    }

    /// Forgets what waits for addresses that begin so: replies to invented sources.
    pub fn forget(&self, keep: &[SocketAddr]) {
        self.0.borrow_mut().queues.retain(|to, _| keep.contains(to));
    }
}

/// One socket of the network.
#[derive(Clone, Debug)]
pub struct FakeWire {
    pub net: Net,
    pub address: Rc<Cell<SocketAddr>>,
}

impl Wire for FakeWire {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.net.inject(self.address.get(), to, bytes);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let mut inner = self.net.0.borrow_mut();
        let next = inner.queues.get_mut(&self.address.get()).and_then(VecDeque::pop_front);
        let (from, bytes) = next.ok_or(io::ErrorKind::WouldBlock)?;
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        Ok((length, from))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address.get())
    }
}

/// A peer of a test.
pub struct Peer {
    pub endpoint: Endpoint<FakeWire>,
    pub address: Rc<Cell<SocketAddr>>,
    pub seen: Vec<Incoming>,
}

impl Peer {
    pub fn new(net: &Net, seed: u8, at: &str, hello: Hello, policy: Policy) -> Self {
        let address = Rc::new(Cell::new(address(at)));
        let wire = FakeWire { net: net.clone(), address: address.clone() };
        let endpoint = Endpoint::over(wire, identity(seed), hello, policy, Limits::default()).expect("random numbers");
        Self { endpoint, address, seen: Vec::new() }
    }

    pub fn key(&self) -> PeerKey {
        self.endpoint.key()
    }

    pub fn poll(&mut self, now: Time) {
        self.seen.extend(self.endpoint.poll(now));
    }

    pub fn ups(&self) -> usize {
        self.seen.iter().filter(|incoming| matches!(incoming, Incoming::Up { .. })).count()
    }

    pub fn data(&self) -> Vec<Vec<u8>> {
        let bytes = |incoming: &Incoming| match incoming {
            Incoming::Data { bytes, .. } => Some(bytes.clone()),
            _ => None,
        };
        self.seen.iter().filter_map(bytes).collect()
    }
}

/// Polls all peers every millisecond of virtual time.
pub fn run(now: &mut Time, ms: u64, peers: &mut [&mut Peer]) {
    for _ in 0..ms {
        *now = now.plus(1000);
        peers.iter_mut().for_each(|peer| peer.poll(*now));
    }
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub fn identity(seed: u8) -> Identity {
    Identity::from_seed(&[seed; 32])
}

pub fn hello() -> Hello {
    Hello { session: SessionId([9; 16]), scenario: Hash([8; 32]), revision: 7 }
}

/// A policy that knows these members.
pub fn members(seeds: &[u8]) -> Policy {
    let members = seeds.iter().map(|seed| (identity(*seed).key(), 1)).collect();
    Policy { members, ..Policy::default() }
}
