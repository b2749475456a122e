//! Two endpoints over real UDP on this machine: they meet, talk, restart, and change their port behind a relay.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::support::{hello, identity, members};
use netcode::protocol::Time;
use netcode::transport::{Endpoint, Identity, Incoming};

/// How long a test waits for what takes milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct Real {
    endpoint: Endpoint,
    seen: Vec<Incoming>,
    start: Instant,
}

impl Real {
    fn new(identity: Identity) -> Self {
        let any = "127.0.0.1:0".parse().expect("an address");
        let endpoint = Endpoint::bind(any, identity, hello(), members(&[1, 2])).expect("a socket");
        Self { endpoint, seen: Vec::new(), start: Instant::now() }
    }

    fn now(&self) -> Time {
        Time(self.start.elapsed().as_micros() as u64)
    }

    fn address(&self) -> SocketAddr {
        self.endpoint.local_addr().expect("bound")
    }

    fn connect(&mut self, other: &Self, at: SocketAddr) {
        let now = self.now();
        self.endpoint.connect(now, other.endpoint.key(), at, None).expect("room");
    }

    fn poll(&mut self) {
        self.endpoint.wait(Duration::from_micros(200)).expect("a socket");
        let now = self.now();
        self.seen.extend(self.endpoint.poll(now));
    }

    fn is_up(&self) -> bool {
        self.seen.iter().any(|incoming| matches!(incoming, Incoming::Up { .. }))
    }

    fn data(&self) -> Vec<&[u8]> {
        let bytes = self.seen.iter().filter_map(|incoming| match incoming {
            Incoming::Data { bytes, .. } => Some(&bytes[..]),
            _ => None,
        });
        bytes.collect()
    }
}

fn until(what: &str, mut step: impl FnMut() -> bool) {
    let start = Instant::now();
    while !step() {
        assert!(start.elapsed() < PATIENCE, "{what}");
    }
}

/// Sends numbered datagrams both ways until enough have arrived: UDP may lose some even here.
fn talk(a: &mut Real, b: &mut Real, mut between: impl FnMut()) {
    a.seen.clear();
    b.seen.clear();
    let mut number = 0u32;
    until("data both ways", || {
        number += 1;
        a.endpoint.send(b.endpoint.key(), &number.to_le_bytes());
        b.endpoint.send(a.endpoint.key(), &number.to_le_bytes());
        a.poll();
        between();
        b.poll();
        between();
        a.data().len() >= 100 && b.data().len() >= 100
    });
    for peer in [a, b] {
        let mut numbers = peer.data();
        assert!(numbers.iter().all(|bytes| bytes.len() == 4));
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), peer.data().len(), "nothing twice");
    }
}

#[test]
fn two_endpoints_meet_talk_and_restart() {
    let (mut a, mut b) = (Real::new(identity(1)), Real::new(identity(2)));
    a.connect(&b, b.address());
    b.connect(&a, a.address());
    until("they meet", || {
        a.poll();
        b.poll();
        a.is_up() && b.is_up()
    });
    talk(&mut a, &mut b, || ());
    for _ in 0..3 {
        b.seen.clear();
        // The old process is killed: no farewell. The new one has another port.
        a = Real::new(identity(1));
        a.connect(&b, b.address());
        until("the restarted one is back", || {
            a.poll();
            b.poll();
            a.is_up() && b.is_up()
        });
        talk(&mut a, &mut b, || ());
    }
}

/// Passes datagrams between one client and one server, as a NAT does, and can change the port that the server sees.
struct Relay {
    inside: UdpSocket,
    outside: UdpSocket,
    client: Option<SocketAddr>,
    server: SocketAddr,
}

impl Relay {
    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        socket
    }

    fn new(server: SocketAddr) -> Self {
        Self { inside: Self::socket(), outside: Self::socket(), client: None, server }
    }

    fn pass(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = self.inside.recv_from(&mut buffer) {
            self.client = Some(from);
            let _ = self.outside.send_to(&buffer[..length], self.server);
        }
        while let Ok((length, _)) = self.outside.recv_from(&mut buffer) {
            if let Some(client) = self.client {
                let _ = self.inside.send_to(&buffer[..length], client);
            }
        }
    }
}

#[test]
fn a_changed_port_ends_nothing() {
    let (mut a, mut b) = (Real::new(identity(1)), Real::new(identity(2)));
    let mut relay = Relay::new(b.address());
    a.connect(&b, relay.inside.local_addr().expect("bound"));
    until("they meet", || {
        a.poll();
        relay.pass();
        b.poll();
        relay.pass();
        a.is_up() && b.is_up()
    });
    talk(&mut a, &mut b, || relay.pass());
    for _ in 0..3 {
        relay.outside = Relay::socket();
        talk(&mut a, &mut b, || relay.pass());
        let seen: Vec<_> = b.endpoint.peers().collect();
        assert_eq!(seen, [(a.endpoint.key(), relay.outside.local_addr().expect("bound"))]);
        assert!(!b.is_up() && !a.is_up(), "no new session was needed");
    }
}
