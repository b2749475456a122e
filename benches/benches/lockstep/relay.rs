//! The simulated network between real UDP sockets: a relay on loopback that every datagram passes. Both protocols use it,
//! with sockets and system calls of their own; what the relay does itself is not timed.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::rc::Rc;

use crate::link::Network;

/// The network, for all peers of a session.
pub type Shared = Rc<RefCell<Network>>;

/// A relay between the peers of one session.
pub struct Relay {
    network: Shared,
    /// `ends[a][b]`: where `a` believes `b` to be.
    ends: Vec<Vec<UdpSocket>>,
    /// Where each peer is.
    peers: Vec<SocketAddr>,
    buffer: Vec<u8>,
}

impl Relay {
    /// A relay for so many peers.
    pub fn new(peers: usize, network: &Shared) -> Self {
        let end = |_| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket on loopback");
            socket.set_nonblocking(true).expect("sockets can do that");
            socket
        };
        let ends = (0..peers).map(|_| (0..peers).map(end).collect()).collect();
        Self { network: Rc::clone(network), ends, peers: Vec::new(), buffer: vec![0; 2048] }
    }

    /// The next peer's socket.
    pub fn add(&mut self, peer: usize, address: SocketAddr) {
        assert_eq!(peer, self.peers.len(), "peers come in order");
        self.peers.push(address);
    }

    /// Where `own` finds `other`.
    pub fn address(&self, own: usize, other: usize) -> SocketAddr {
        self.ends[own][other].local_addr().expect("it is bound")
    }

    /// Takes what a peer has sent into the network.
    pub fn collect(&mut self, now_us: u64, own: usize) {
        let mut network = self.network.borrow_mut();
        for (to, end) in self.ends[own].iter().enumerate().filter(|(to, _)| *to != own) {
            while let Ok(length) = end.recv(&mut self.buffer) {
                network.send(now_us, own, to, self.buffer[..length].to_vec());
            }
        }
    }

    /// Puts what has arrived for a peer into its socket; whether there was anything.
    pub fn deliver(&mut self, now_us: u64, own: usize) -> bool {
        let mut network = self.network.borrow_mut();
        let mut any = false;
        while let Some((from, bytes)) = network.arrived(now_us, own) {
            any |= self.ends[own][from].send_to(&bytes, self.peers[own]).is_ok();
        }
        any
    }
}
