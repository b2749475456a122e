//! What is below our core: nothing but the network, or the transport with its encryption over real UDP sockets.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use netcode::protocol::{Hash, PeerKey, SessionId, Time};
use netcode::transport::{Endpoint, Hello, Identity, Incoming, Limits, OVERHEAD_BYTES, Policy, UdpWire, Wire};

use crate::link::Network;

/// The network, for all peers of a session.
pub type Shared = Rc<RefCell<Network>>;

/// Carries one peer's datagrams.
pub trait Carrier {
    /// Whether there is something to receive.
    fn is_due(&self, now_us: u64) -> bool;
    /// Takes what has come: from whom, what.
    fn receive(&mut self, now_us: u64, into: &mut Vec<(PeerKey, Vec<u8>)>);
    fn send(&mut self, now_us: u64, to: PeerKey, bytes: Vec<u8>);
    /// Nothing more is sent now.
    fn flush(&mut self);
}

/// The keys of a session's peers, the same each time.
pub fn identities(peers: usize) -> Vec<Identity> {
    (0..peers).map(|at| Identity::from_seed(&[at as u8 + 1; 32])).collect()
}

/// Only the network; datagrams count as long as they would be sealed.
pub struct Bare {
    own: usize,
    keys: Vec<PeerKey>,
    network: Shared,
}

impl Bare {
    pub fn all(peers: usize, network: &Shared) -> Vec<Self> {
        let keys: Vec<PeerKey> = identities(peers).iter().map(Identity::key).collect();
        (0..peers).map(|own| Self { own, keys: keys.clone(), network: Rc::clone(network) }).collect()
    }
}

impl Carrier for Bare {
    fn is_due(&self, now_us: u64) -> bool {
        self.network.borrow().has_arrived(now_us, self.own)
    }

    fn receive(&mut self, now_us: u64, into: &mut Vec<(PeerKey, Vec<u8>)>) {
        while let Some((from, mut bytes)) = self.network.borrow_mut().arrived(now_us, self.own) {
            bytes.truncate(bytes.len() - OVERHEAD_BYTES);
            into.push((self.keys[from], bytes));
        }
    }

    fn send(&mut self, now_us: u64, to: PeerKey, mut bytes: Vec<u8>) {
        bytes.resize(bytes.len() + OVERHEAD_BYTES, 0);
        let to = self.keys.iter().position(|key| *key == to).expect("a peer of the session");
        self.network.borrow_mut().send(now_us, self.own, to, bytes);
    }

    fn flush(&mut self) {}
}

/// What all wires of a session share.
struct Air {
    network: Shared,
    now_us: u64,
    peers: BTreeMap<SocketAddr, usize>,
    /// What waits in each peer's socket, in order: from whom, and when it arrives, if it does.
    in_sockets: Vec<VecDeque<(usize, Option<u64>)>>,
}

/// A real UDP socket on loopback. What comes out of it is kept until the network would have delivered it.
struct DelayedUdp {
    own: usize,
    socket: UdpWire,
    addresses: Vec<SocketAddr>,
    air: Rc<RefCell<Air>>,
}

impl std::fmt::Debug for DelayedUdp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DelayedUdp {}", self.own)
    }
}

impl Wire for DelayedUdp {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let air = &mut *self.air.borrow_mut();
        let fate = air.network.borrow_mut().fate(air.now_us, bytes.len());
        air.in_sockets[air.peers[&to]].push_back((self.own, fate));
        self.socket.send(to, bytes)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let air = &mut *self.air.borrow_mut();
        let mut network = air.network.borrow_mut();
        // Loopback neither loses nor overtakes; what the network loses has to be read away here.
        while let Ok((length, _)) = self.socket.receive(buffer) {
            let (from, fate) = air.in_sockets[self.own].pop_front().expect("every datagram was noted");
            if let Some(at_us) = fate {
                network.put(at_us, from, self.own, buffer[..length].to_vec());
            }
        }
        let (from, bytes) = network.arrived(air.now_us, self.own).ok_or(io::ErrorKind::WouldBlock)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok((bytes.len(), self.addresses[from]))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// The whole way: laminar, Noise, UDP.
pub struct Sealed {
    own: usize,
    endpoint: Endpoint<DelayedUdp>,
    air: Rc<RefCell<Air>>,
    /// Time of the endpoint when the session begins: the handshakes are over by then.
    began_us: u64,
}

impl Sealed {
    /// All peers, connected with each other.
    pub fn all(peers: usize, network: &Shared) -> Vec<Self> {
        let identities = identities(peers);
        let sockets: Vec<UdpWire> =
            (0..peers).map(|_| UdpWire::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket on loopback")).collect();
        let addresses: Vec<SocketAddr> =
            sockets.iter().map(|socket| socket.local_addr().expect("it is bound")).collect();
        let numbers = addresses.iter().enumerate().map(|(at, address)| (*address, at)).collect();
        let in_sockets = vec![VecDeque::new(); peers];
        let air = Air { network: Rc::clone(network), now_us: 0, peers: numbers, in_sockets };
        let air = Rc::new(RefCell::new(air));
        let hello = Hello { session: SessionId([1; 16]), scenario: Hash::default(), revision: 0 };
        let members: BTreeMap<PeerKey, u8> = identities.iter().map(|identity| (identity.key(), 0)).collect();
        let mut all = Vec::new();
        for (own, socket) in sockets.into_iter().enumerate() {
            let wire = DelayedUdp { own, socket, addresses: addresses.clone(), air: Rc::clone(&air) };
            let policy = Policy { members: members.clone(), ..Policy::default() };
            let identity = Identity::from_seed(&[own as u8 + 1; 32]);
            let mut endpoint =
                Endpoint::over(wire, identity, hello, policy, Limits::default()).expect("random numbers");
            for other in 0..own {
                endpoint.connect(Time(0), identities[other].key(), addresses[other], None).expect("there is room");
            }
            all.push(Self { own, endpoint, air: Rc::clone(&air), began_us: 0 });
        }
        shake_hands(&mut all);
        all
    }

    fn poll(&mut self, now_us: u64) -> Vec<Incoming> {
        let time_us = self.began_us + now_us;
        self.air.borrow_mut().now_us = time_us;
        self.endpoint.poll(Time(time_us))
    }
}

/// In virtual time.
fn shake_hands(all: &mut [Sealed]) {
    let mut now_us = 0;
    while all.iter().any(|peer| peer.endpoint.peers().count() + 1 < all.len()) {
        now_us += 1000;
        assert!(now_us < 60_000_000, "the peers find each other");
        all.iter_mut().for_each(|peer| drop(peer.poll(now_us)));
    }
    all.iter_mut().for_each(|peer| peer.began_us = now_us);
}

impl Carrier for Sealed {
    fn is_due(&self, now_us: u64) -> bool {
        let now_us = self.began_us + now_us;
        let air = self.air.borrow();
        let in_socket = air.in_sockets[self.own].iter().any(|(_, fate)| fate.is_some_and(|at_us| at_us <= now_us));
        in_socket || air.network.borrow().has_arrived(now_us, self.own)
    }

    fn receive(&mut self, now_us: u64, into: &mut Vec<(PeerKey, Vec<u8>)>) {
        into.extend(self.poll(now_us).into_iter().filter_map(|incoming| match incoming {
            Incoming::Data { key, bytes } => Some((key, bytes)),
            _ => None,
        }));
    }

    fn send(&mut self, now_us: u64, to: PeerKey, bytes: Vec<u8>) {
        self.air.borrow_mut().now_us = self.began_us + now_us;
        self.endpoint.send(to, &bytes);
    }

    fn flush(&mut self) {
        self.endpoint.flush();
    }
}
