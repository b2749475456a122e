//! The transport as its driver sees it: connect, send, poll. Time is an argument; the system's random numbers and the
//! socket are the only things it asks the system for. Every queue and table in it is bounded.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use laminar::{Config, ConnectionManager, Packet, SocketEvent, VirtualConnection};

use super::gate::{Gate, LAMINAR_BYTES_MAX, Noted, virtual_address};
use super::handshake::{Hello, Refusal};
use super::identity::Identity;
use super::invite::Invite;
use super::links::ConnectError;
use super::policy::Policy;
use super::seal::PAYLOAD_BYTES_MAX;
use super::socket::{UdpWire, Wire};
use super::stats::Stats;
use crate::protocol::{PeerKey, Time};

/// How much an endpoint takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Peers connected or wanted at a time. laminar takes about 1.6 MB for each that is connected.
    pub links_max: usize,
    /// Handshakes that wait for their first sealed datagram.
    pub half_open_max: usize,
    /// Datagrams read per poll.
    pub datagrams_per_poll: u32,
    /// Noise computations per poll, about 0.2 ms each.
    pub handshakes_per_poll: u32,
    /// Datagrams that wait for the next flush or poll.
    pub sends_max: usize,
    /// A link without a sign of life for so long is down, microseconds.
    pub idle_us: u64,
    /// A wanted link without a sign of life for so long is shaken hands with anew, microseconds.
    pub quiet_us: u64,
    /// A sign of life is sent after so long without another datagram, microseconds.
    pub keepalive_us: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            links_max: 80,
            half_open_max: 32,
            datagrams_per_poll: 2048,
            handshakes_per_poll: 16,
            sends_max: 8192,
            idle_us: 10_000_000,
            quiet_us: 3_000_000,
            keepalive_us: 1_000_000,
        }
    }
}

/// Why a link is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Down {
    /// No sign of life. If this side wants the link, it goes on trying.
    #[error("no sign of life")]
    Silent,
    /// The other side ended it; it is not tried again.
    #[error("closed by the other side")]
    Closed,
    /// A wanted link was never up: nobody answers there. It is still tried; this is said once.
    #[error("nobody answers")]
    NoAnswer,
}

/// What happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A peer is connected. Again for the same key without [`Incoming::Down`]: its process was restarted.
    Up {
        /// Who.
        key: PeerKey,
        /// Where it is now.
        address: SocketAddr,
        /// What it may do.
        role: u8,
        /// The one-time invite that it comes with, if its entry rests on one.
        invite: Option<[u8; 16]>,
        /// Number of its process, drawn at random.
        life: u64,
    },
    /// A datagram of a connected peer. May be missing, late or out of order, but never twice and never another's.
    Data {
        /// Who.
        key: PeerKey,
        /// What.
        bytes: Vec<u8>,
    },
    /// A peer is not connected any more, or could not be.
    Down {
        /// Who.
        key: PeerKey,
        /// Why.
        why: Down,
    },
    /// A peer refused the link. It is asked again every two seconds, as it may learn of this peer later, until
    /// [`Endpoint::disconnect`]; this is said again only with another reason.
    Refused {
        /// Who.
        key: PeerKey,
        /// Why.
        reason: Refusal,
    },
}

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// No socket.
    #[error("cannot open a UDP socket at {address}: {source}")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

/// One peer's end of all its links.
pub struct Endpoint<W: Wire = UdpWire> {
    laminar: ConnectionManager<Gate<W>, VirtualConnection>,
    /// laminar wants an `Instant`: this one stands for [`Time`] 0.
    origin: Instant,
    waiting: usize,
}

impl Endpoint {
    /// Opens a UDP socket.
    ///
    /// # Errors
    /// If the system gives no socket there, or no random numbers.
    pub fn bind(address: SocketAddr, identity: Identity, hello: Hello, policy: Policy) -> Result<Self, EndpointError> {
        let wire = UdpWire::bind(address).map_err(|source| EndpointError::Socket { address, source })?;
        Self::over(wire, identity, hello, policy, Limits::default())
    }

    /// Waits until a datagram can be read or the time is over.
    ///
    /// # Errors
    /// If the socket is broken.
    pub fn wait(&self, timeout: Duration) -> io::Result<()> {
        self.gate().wire.wait(timeout)
    }
}

impl<W: Wire> Endpoint<W> {
    /// An endpoint over something that carries datagrams.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn over(
        wire: W,
        identity: Identity,
        hello: Hello,
        policy: Policy,
        limits: Limits,
    ) -> Result<Self, EndpointError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(EndpointError::Random)?;
        let gate = Gate::new(wire, identity, hello, policy, limits, seed);
        let config = Config {
            // What the gate passes up is authentic, and the gate counts links: laminar's own limit would only make
            // it build a connection for every packet.
            max_unestablished_connections: u16::MAX,
            receive_buffer_max_size: LAMINAR_BYTES_MAX,
            idle_connection_timeout: Duration::from_micros(limits.idle_us.saturating_mul(2)),
            ..Config::default()
        };
        Ok(Self { laminar: ConnectionManager::new(gate, config), origin: Instant::now(), waiting: 0 })
    }

    /// Wants a link to a peer from now on, and keeps trying until [`Endpoint::disconnect`] or the peer's farewell. The
    /// peer itself is let in too, whatever the policy knows of it, unless it is banned.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(
        &mut self,
        now: Time,
        key: PeerKey,
        address: SocketAddr,
        invite: Option<Invite>,
    ) -> Result<(), ConnectError> {
        let gate = self.laminar.socket_mut();
        gate.now = gate.now.max(now);
        gate.connect(key, address, invite)
    }

    /// Ends a link, or the wish for one. The other side is told.
    pub fn disconnect(&mut self, key: PeerKey) {
        self.flush();
        self.laminar.socket_mut().disconnect(key);
    }

    /// Queues a datagram for a connected peer, up to [`PAYLOAD_BYTES_MAX`] bytes; `false` if it is not connected, or the
    /// datagram is too long, or too many wait.
    pub fn send(&mut self, key: PeerKey, bytes: &[u8]) -> bool {
        let link = self.gate().links.get(&key).filter(|link| link.current.is_some());
        let address = link.map(|link| virtual_address(link.number));
        let fits = bytes.len() <= PAYLOAD_BYTES_MAX && self.waiting < self.gate().limits.sends_max;
        let Some(address) = address.filter(|_| fits) else {
            self.laminar.socket_mut().stats.sends_dropped += 1;
            return false;
        };
        self.waiting += 1;
        // The receiver lives as long as the manager, so this cannot fail.
        self.laminar.event_sender().send(Packet::unreliable(address, bytes.to_vec())).is_ok()
    }

    /// Sends what is queued, without reading.
    pub fn flush(&mut self) {
        if self.waiting > 0 {
            self.run(0);
        }
    }

    /// Reads what has come, does what is due and sends what is queued.
    pub fn poll(&mut self, now: Time) -> Vec<Incoming> {
        let gate = self.laminar.socket_mut();
        // A caller's clock that steps back would make everything wait; it stands still instead.
        gate.now = gate.now.max(now);
        gate.handshakes_left = gate.limits.handshakes_per_poll;
        let datagrams = gate.limits.datagrams_per_poll;
        self.run(datagrams);
        self.laminar.socket_mut().tick();
        self.drain()
    }

    fn run(&mut self, datagrams: u32) {
        let gate = self.laminar.socket_mut();
        gate.datagrams_left = datagrams;
        let elapsed = Duration::from_micros(gate.now.0);
        let instant = self.origin.checked_add(elapsed).unwrap_or(self.origin);
        self.laminar.manual_poll(instant);
        self.waiting = 0;
    }

    /// The gate's notes in order, with laminar's packets where they belong.
    fn drain(&mut self) -> Vec<Incoming> {
        let noted = std::mem::take(&mut self.laminar.socket_mut().noted);
        let packets = self.laminar.event_receiver();
        let mut packets = packets.try_iter().filter_map(|event| match event {
            SocketEvent::Packet(packet) => Some(packet),
            // Links are the gate's business.
            SocketEvent::Connect(_) | SocketEvent::Timeout(_) | SocketEvent::Disconnect(_) => None,
        });
        let mut incoming = Vec::with_capacity(noted.len());
        for note in noted {
            match note {
                Noted::Event(event) => incoming.push(event),
                // laminar gives one packet for each that it was given, in order.
                Noted::Passed(key, address) => match packets.next() {
                    Some(packet) if packet.addr() == address => {
                        incoming.push(Incoming::Data { key, bytes: packet.payload().to_vec() });
                    }
                    _ => debug_assert!(false, "laminar lost a packet"),
                },
            }
        }
        // Events that follow the last packet must not pile up.
        packets.for_each(drop);
        incoming
    }

    /// Own address.
    ///
    /// # Errors
    /// As the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.gate().wire.local_addr()
    }

    /// Own key.
    #[must_use]
    pub fn key(&self) -> PeerKey {
        self.gate().own
    }

    /// Peers that are connected, and where they are, by key.
    pub fn peers(&self) -> impl Iterator<Item = (PeerKey, SocketAddr)> {
        let gate = self.gate();
        gate.links.iter().filter_map(|(key, link)| Some((*key, gate.sessions.get(&link.current?)?.address)))
    }

    /// Sessions that exist, those included that only wait for their end: bounded, and for tests of that.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.gate().sessions.len()
    }

    /// Handshakes that are remembered against replays: bounded, and for tests of that.
    #[must_use]
    pub fn handshakes_remembered(&self) -> usize {
        self.gate().door.remembered()
    }

    /// Counts since the start.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.gate().stats
    }

    /// Who may come in from now on. Links that exist are not touched.
    pub fn policy_mut(&mut self) -> &mut Policy {
        &mut self.laminar.socket_mut().policy
    }

    /// What is compared in handshakes from now on: after the scenario is known, or after a fork.
    pub fn set_hello(&mut self, hello: Hello) {
        self.laminar.socket_mut().hello = hello;
    }

    fn gate(&self) -> &Gate<W> {
        self.laminar.socket()
    }
}
