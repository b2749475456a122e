//! What is below our core: nothing but the network, or the transport with its encryption over real UDP sockets.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::rc::Rc;

use netcode::protocol::{Hash, PeerKey, SessionId, Time};
use netcode::transport::{Endpoint, Hello, Identity, Incoming, OVERHEAD_BYTES, Policy};

use crate::relay::{Relay, Shared};

/// Carries one peer's datagrams.
pub trait Carrier {
    /// Whether there is something to receive. Not timed.
    fn is_due(&self, now_us: u64) -> bool;
    /// Takes what has come: from whom, what.
    fn receive(&mut self, now_us: u64, into: &mut Vec<(PeerKey, Vec<u8>)>);
    fn send(&mut self, now_us: u64, to: PeerKey, bytes: Vec<u8>);
    /// Nothing more is sent now.
    fn flush(&mut self);
    /// Gives what was sent to the network. Not timed.
    fn collect(&mut self, now_us: u64);
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

    fn collect(&mut self, _now_us: u64) {}
}

/// The whole way: laminar, Noise, UDP.
pub struct Sealed {
    own: usize,
    endpoint: Endpoint,
    relay: Rc<RefCell<Relay>>,
    /// Time of the endpoint when the session begins: the handshakes are over by then.
    began_us: u64,
}

impl Sealed {
    /// All peers, connected with each other.
    pub fn all(peers: usize, network: &Shared) -> Vec<Self> {
        let relay = Rc::new(RefCell::new(Relay::new(peers, network)));
        let identities = identities(peers);
        let hello = Hello { session: SessionId([1; 16]), scenario: Hash::default(), revision: 0 };
        let members: BTreeMap<PeerKey, u8> = identities.iter().map(|identity| (identity.key(), 0)).collect();
        let mut all = Vec::new();
        for own in 0..peers {
            let policy = Policy { members: members.clone(), ..Policy::default() };
            let identity = Identity::from_seed(&[own as u8 + 1; 32]);
            let anywhere = (Ipv4Addr::LOCALHOST, 0).into();
            let mut endpoint = Endpoint::bind(anywhere, identity, hello, policy).expect("a socket on loopback");
            relay.borrow_mut().add(own, endpoint.local_addr().expect("it is bound"));
            for (other, identity) in identities.iter().enumerate().take(own) {
                let address = relay.borrow().address(own, other);
                endpoint.connect(Time(0), identity.key(), address, None).expect("there is room");
            }
            all.push(Self { own, endpoint, relay: Rc::clone(&relay), began_us: 0 });
        }
        shake_hands(&mut all);
        all
    }

    fn poll(&mut self, now_us: u64) -> Vec<Incoming> {
        self.endpoint.poll(Time(self.began_us + now_us))
    }
}

/// In virtual time.
fn shake_hands(all: &mut [Sealed]) {
    let mut now_us = 0;
    while all.iter().any(|peer| peer.endpoint.peers().count() + 1 < all.len()) {
        now_us += 1000;
        assert!(now_us < 60_000_000, "the peers find each other");
        for peer in &mut *all {
            peer.relay.borrow_mut().deliver(now_us, peer.own);
            drop(peer.poll(now_us));
            peer.relay.borrow_mut().collect(now_us, peer.own);
        }
    }
    all.iter_mut().for_each(|peer| peer.began_us = now_us);
}

impl Carrier for Sealed {
    fn is_due(&self, now_us: u64) -> bool {
        self.relay.borrow_mut().deliver(self.began_us + now_us, self.own)
    }

    fn receive(&mut self, now_us: u64, into: &mut Vec<(PeerKey, Vec<u8>)>) {
        into.extend(self.poll(now_us).into_iter().filter_map(|incoming| match incoming {
            Incoming::Data { key, bytes } => Some((key, bytes)),
            _ => None,
        }));
    }

    fn send(&mut self, _now_us: u64, to: PeerKey, bytes: Vec<u8>) {
        self.endpoint.send(to, &bytes);
    }

    fn flush(&mut self) {
        self.endpoint.flush();
    }

    fn collect(&mut self, now_us: u64) {
        self.relay.borrow_mut().collect(self.began_us + now_us, self.own);
    }
}
