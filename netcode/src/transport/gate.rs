//! laminar's socket: seals what laminar sends, and passes up only what an authenticated peer sealed, from a virtual
//! address that stays the peer's whatever its real address is. Must never pass up a stranger's byte.
//!
//! laminar's header for an unreliable packet is five constant bytes. They do not travel: the gate takes them off and puts
//! them back. So not even a member can reach laminar's reliable modes, fragments or acknowledgements.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};

use laminar::DatagramSocket;

use super::door::Door;
use super::endpoint::{Incoming, Limits};
use super::handshake::{Hello, Introduction, introduce, mark_key};
use super::identity::Identity;
use super::invite::Invite;
use super::links::{Link, Session};
use super::policy::Policy;
use super::seal::{HANDSHAKE_BIT, Header, OVERHEAD_BYTES, OpenError, PAYLOAD_BYTES_MAX};
use super::socket::{Wire, is_passing};
use super::stats::{Reject, Stats};
use crate::protocol::{PeerKey, Time};

/// What laminar 0.5 writes before an unreliable, unordered packet: the hash of its version, then three zeros.
pub(super) const LAMINAR_DATA: [u8; 5] = [0x54, 0x09, 0, 0, 0];
/// The same for a heartbeat, which only says that the peer lives.
const LAMINAR_HEARTBEAT: [u8; 5] = [0x54, 0x09, 2, 0, 0];
/// What laminar's receive buffer must hold.
pub(super) const LAMINAR_BYTES_MAX: usize = LAMINAR_DATA.len() + PAYLOAD_BYTES_MAX + OVERHEAD_BYTES;
/// Longer datagrams are cut here, and refused as too long.
const DATAGRAM_BYTES_MAX: usize = 2048;
/// Control datagram: this session is over.
pub(super) const BYE: &[u8] = &[1];

/// Something for the upper side, in the order in which it happened.
#[derive(Debug)]
pub(super) enum Noted {
    Event(Incoming),
    /// laminar was given a packet of this peer under this virtual address.
    Passed(PeerKey, SocketAddr),
}

/// Random numbers from a random key: the system is asked once, so that nothing can fail later.
struct Draw {
    key: [u8; 32],
    count: u64,
}

/// Sessions, links and the socket.
pub(super) struct Gate<W> {
    pub wire: W,
    pub identity: Identity,
    pub own: PeerKey,
    pub noise_secret: [u8; 32],
    /// Of the marks on Hellos to this peer.
    pub mark_key: [u8; 32],
    pub hello: Hello,
    pub policy: Policy,
    pub limits: Limits,
    pub life: u64,
    pub now: Time,
    pub door: Door,
    /// Sessions by own index.
    pub sessions: BTreeMap<u32, Session>,
    /// Peers that are or should be connected.
    pub links: BTreeMap<PeerKey, Link>,
    /// Whose each virtual address is.
    pub numbers: Vec<Option<PeerKey>>,
    pub noted: Vec<Noted>,
    pub stats: Stats,
    /// Datagrams that may still be read in this poll.
    pub datagrams_left: u32,
    /// Noise computations left in this poll.
    pub handshakes_left: u32,
    /// When links and sessions are looked after next.
    pub tick_at: Time,
    draw: Draw,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl<W> std::fmt::Debug for Gate<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gate({}, {} sessions)", self.own, self.sessions.len())
    }
}

impl<W: Wire> Gate<W> {
    /// `seed`: 32 random bytes.
    pub fn new(wire: W, identity: Identity, hello: Hello, policy: Policy, limits: Limits, seed: [u8; 32]) -> Self {
        let derive = |context| blake3::derive_key(context, &seed);
        let mut draw = Draw { key: derive("spacetime transport: drawn numbers"), count: 0 };
        let life = draw.next();
        Self {
            wire,
            own: identity.key(),
            noise_secret: identity.noise_secret(),
            mark_key: mark_key(&identity.key()),
            identity,
            hello,
            policy,
            life,
            now: Time(0),
            door: Door::new(derive("spacetime transport: cookies")),
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
            numbers: vec![None; limits.links_max],
            limits,
            noted: Vec::new(),
            stats: Stats::default(),
            datagrams_left: 0,
            handshakes_left: 0,
            tick_at: Time(0),
            draw,
            incoming: vec![0; DATAGRAM_BYTES_MAX],
            outgoing: Vec::with_capacity(DATAGRAM_BYTES_MAX),
        }
    }

    /// A random number.
    pub fn draw(&mut self) -> u64 {
        self.draw.next()
    }

    pub fn introduction(&self, invite: Option<Invite>) -> Introduction {
        introduce(&self.identity, self.life, self.hello, invite)
    }

    pub fn note(&mut self, event: Incoming) {
        self.noted.push(Noted::Event(event));
    }

    /// Sends bytes as they are. A full socket loses the datagram, as the network might.
    pub fn send_raw(&mut self, to: SocketAddr, bytes: &[u8]) {
        match self.wire.send(to, bytes) {
            Ok(()) => {
                self.stats.datagrams_sent += 1;
                self.stats.bytes_sent += bytes.len() as u64;
            }
            Err(_) => self.stats.sends_failed += 1,
        }
    }

    /// Seals and sends on a session.
    pub fn send_sealed(&mut self, index: u32, control: bool, payload: &[u8]) {
        let Some(session) = self.sessions.get_mut(&index) else { return };
        let mut datagram = std::mem::take(&mut self.outgoing);
        if session.seal.seal(session.remote_index, control, payload, &mut datagram).is_some() {
            session.last_sent = self.now;
            let to = session.address;
            self.send_raw(to, &datagram);
        } else {
            self.stats.sends_dropped += 1;
        }
        self.outgoing = datagram;
    }

    /// Takes one datagram; what is for laminar is put into `out`: its length and the virtual address.
    fn take(&mut self, from: SocketAddr, datagram: &[u8], out: &mut [u8]) -> Option<(usize, SocketAddr)> {
        self.stats.datagrams_received += 1;
        self.stats.bytes_received += datagram.len() as u64;
        let taken = match datagram.first() {
            None => Err(Reject::Malformed),
            Some(first) if first & HANDSHAKE_BIT != 0 => self.on_handshake(from, datagram).map(|()| None),
            Some(_) => self.on_sealed(from, datagram, out),
        };
        match taken {
            Ok(passed) => passed,
            Err(why) => {
                self.stats.reject(why);
                None
            }
        }
    }

    fn on_sealed(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut [u8],
    ) -> Result<Option<(usize, SocketAddr)>, Reject> {
        let header = Header::read(datagram).ok_or(Reject::Malformed)?;
        let session = self.sessions.get_mut(&header.index).ok_or(Reject::UnknownSession)?;
        let (head, body) = out.split_first_chunk_mut::<{ LAMINAR_DATA.len() }>().ok_or(Reject::Malformed)?;
        let (length, newest) = session.seal.open(header, datagram, body).map_err(|why| match why {
            OpenError::Forged => Reject::Forged,
            OpenError::Replayed => Reject::Replayed,
        })?;
        session.last_heard = self.now;
        session.heard = true;
        // Only the newest moves the session: a late datagram from the old address must not move it back.
        if newest {
            session.address = from;
        }
        let key = session.key;
        if session.is_half_open() && !self.establish(header.index) {
            return Err(Reject::Refused);
        }
        if header.control && &body[..length] == BYE {
            self.on_bye(header.index);
            return Ok(None);
        }
        self.heard(header.index, key);
        let Some(link) = self.links.get(&key) else { return Ok(None) };
        let address = virtual_address(link.number);
        if header.control {
            // laminar drops who is silent: a keepalive of ours becomes a heartbeat of its own.
            *head = LAMINAR_HEARTBEAT;
            return Ok(Some((head.len(), address)));
        }
        *head = LAMINAR_DATA;
        self.noted.push(Noted::Passed(key, address));
        self.stats.passed_up += 1;
        Ok(Some((head.len() + length, address)))
    }

    /// The peer that laminar knows under a virtual address.
    fn peer_at(&self, address: &SocketAddr) -> Option<&Link> {
        let number = usize::from(number_of(address)?);
        self.links.get(self.numbers.get(number)?.as_ref()?)
    }
}

impl<W: Wire> DatagramSocket for Gate<W> {
    fn send_packet(&mut self, address: &SocketAddr, packet: &[u8]) -> io::Result<usize> {
        let current = self.peer_at(address).and_then(|link| link.current);
        match (packet.strip_prefix(&LAMINAR_DATA), current) {
            (Some(payload), Some(index)) => self.send_sealed(index, false, payload),
            _ => self.stats.sends_dropped += 1,
        }
        Ok(packet.len())
    }

    fn receive_packet<'a>(&mut self, buffer: &'a mut [u8]) -> io::Result<(&'a [u8], SocketAddr)> {
        let mut incoming = std::mem::take(&mut self.incoming);
        let result = loop {
            if self.datagrams_left == 0 {
                break Err(io::ErrorKind::WouldBlock.into());
            }
            self.datagrams_left -= 1;
            match self.wire.receive(&mut incoming) {
                Ok((length, from)) => {
                    if let Some(passed) = self.take(from, &incoming[..length.min(DATAGRAM_BYTES_MAX)], buffer) {
                        break Ok(passed);
                    }
                }
                Err(error) if error.kind() != io::ErrorKind::WouldBlock && is_passing(&error) => {}
                Err(error) => break Err(error),
            }
        };
        self.incoming = incoming;
        result.map(|(length, address)| (&buffer[..length], address))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.wire.local_addr()
    }

    fn is_blocking_mode(&self) -> bool {
        false
    }
}

impl Draw {
    fn next(&mut self) -> u64 {
        self.count += 1;
        let hash = blake3::keyed_hash(&self.key, &self.count.to_le_bytes());
        u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
    }
}

/// Where laminar believes a peer to be: an address of the prefix for local use, which no packet is ever sent to.
pub(super) fn virtual_address(number: u16) -> SocketAddr {
    SocketAddr::new(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number).into(), 1)
}

fn number_of(address: &SocketAddr) -> Option<u16> {
    match address {
        SocketAddr::V6(v6) => v6.ip().segments().last().copied(),
        SocketAddr::V4(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use laminar::{Config, ConnectionManager, Packet, VirtualConnection};

    /// Keeps what is sent, and gives one packet, so that laminar sees a peer.
    #[derive(Debug, Default)]
    struct Capture(Vec<Vec<u8>>, bool);

    impl DatagramSocket for Capture {
        fn send_packet(&mut self, _address: &SocketAddr, packet: &[u8]) -> io::Result<usize> {
            self.0.push(packet.to_vec());
            Ok(packet.len())
        }

        fn receive_packet<'a>(&mut self, buffer: &'a mut [u8]) -> io::Result<(&'a [u8], SocketAddr)> {
            if std::mem::replace(&mut self.1, true) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            buffer[..5].copy_from_slice(&LAMINAR_DATA);
            Ok((&buffer[..5], virtual_address(3)))
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            Ok(virtual_address(0))
        }

        fn is_blocking_mode(&self) -> bool {
            false
        }
    }

    /// The header that the gate takes off and puts back is this laminar's.
    #[test]
    fn laminar_writes_the_header_that_is_left_out() {
        let config = Config { heartbeat_interval: Some(std::time::Duration::ZERO), ..Config::default() };
        let mut manager: ConnectionManager<Capture, VirtualConnection> =
            ConnectionManager::new(Capture::default(), config);
        manager.event_sender().send(Packet::unreliable(virtual_address(3), vec![1, 2])).expect("a receiver");
        let now = std::time::Instant::now();
        manager.manual_poll(now);
        manager.manual_poll(now + std::time::Duration::from_millis(1));
        let sent = &manager.socket().0;
        assert_eq!(sent[0], [&LAMINAR_DATA[..], &[1, 2]].concat());
        assert!(sent[1..].iter().all(|packet| packet[..] == LAMINAR_HEARTBEAT), "{sent:?}");
        assert!(sent.len() > 1);
    }

    /// A network that only delivers what is put into it.
    #[derive(Debug, Default)]
    struct Flood(std::collections::VecDeque<Vec<u8>>);

    impl Wire for Flood {
        fn send(&mut self, _to: SocketAddr, _bytes: &[u8]) -> io::Result<()> {
            Ok(())
        }

        fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
            let bytes = self.0.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
            buffer[..bytes.len()].copy_from_slice(&bytes);
            Ok((bytes.len(), SocketAddr::from(([10, 0, 0, 9], 9))))
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            Ok(virtual_address(0))
        }
    }

    fn gate(policy: Policy) -> Gate<Flood> {
        let identity = Identity::from_seed(&[1; 32]);
        Gate::new(Flood::default(), identity, Hello::default(), policy, Limits::default(), [3; 32])
    }

    /// What laminar would be given for these datagrams.
    fn passed_up(gate: &mut Gate<Flood>, datagrams: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        gate.wire.0.extend(datagrams);
        (gate.datagrams_left, gate.handshakes_left) = (u32::MAX, 100);
        let (mut passed, mut buffer) = (Vec::new(), [0; LAMINAR_BYTES_MAX]);
        while let Ok((bytes, _)) = gate.receive_packet(&mut buffer) {
            passed.push(bytes.to_vec());
        }
        passed
    }

    /// laminar reads only through `receive_packet`: so this is all that a stranger can make it see.
    #[test]
    fn a_strangers_bytes_never_reach_laminar() {
        let mut gate = gate(Policy::default());
        let mut draw = Draw { key: [5; 32], count: 0 };
        let mut hostile = Vec::new();
        for length in 0..1400 {
            for first in [0, 1, 0x40, 0x54, 0x80, 0x81, 0x82, 0x83, 0xff] {
                let mut bytes: Vec<u8> = (0..length).map(|_| draw.next() as u8).collect();
                if let Some(byte) = bytes.first_mut() {
                    *byte = first;
                }
                hostile.push(bytes);
            }
        }
        // What laminar itself would take: data, a heartbeat, a fragment, a forged acknowledgement.
        for header in [[0, 0, 0], [2, 0, 0], [1, 1, 0], [0, 1, 2]] {
            hostile.push([&[0x54, 0x09], &header[..], &[0; 60]].concat());
        }
        let count = hostile.len() as u64;
        assert!(passed_up(&mut gate, hostile).is_empty());
        assert_eq!(gate.stats.rejected_in_all(), count, "each was counted");
        assert!(gate.sessions.is_empty() && gate.links.is_empty() && gate.noted.is_empty());
    }

    /// The other way round: whoever is let in reaches laminar, but only as unreliable packets and signs of life.
    #[test]
    fn a_members_bytes_reach_laminar_as_unreliable_packets_only() {
        use super::super::handshake::Initiation;
        let member = Identity::from_seed(&[2; 32]);
        let mut gate = gate(Policy { members: [(member.key(), 1)].into(), ..Policy::default() });
        let mut initiation = Initiation::new(&gate.own, 4, [1; 8]).expect("a key");
        let cookie = gate.door.cookie(gate.now, SocketAddr::from(([10, 0, 0, 9], 9)));
        let introduction = introduce(&member, 7, Hello::default(), None);
        assert!(initiation.on_cookie(&member.noise_secret(), &introduction, &[1; 8], &cookie));
        let start = initiation.packet().to_vec();
        assert!(passed_up(&mut gate, vec![start.clone()]).is_empty());
        let ephemeral = start[21..53].try_into().expect("32 bytes");
        let answer = gate.door.recall(&ephemeral).flatten().expect("an answer").to_vec();
        let (_, keys) = initiation.on_answer(&answer[5..]).expect("accepted");
        let index = *gate.sessions.keys().next().expect("half-open");
        let mut seal = super::super::seal::Seal::new(keys);
        let mut sealed = |control, payload: &[u8]| {
            let mut datagram = Vec::new();
            seal.seal(index, control, payload, &mut datagram).expect("short");
            datagram
        };
        // A payload that is itself a laminar packet of a reliable fragment stays a payload.
        let sly = [0x54, 0x09, 1, 1, 0, 9, 9];
        let datagrams = vec![sealed(false, &sly), sealed(true, b""), sealed(true, &sly), sealed(false, b"")];
        let expected = [[&LAMINAR_DATA[..], &sly].concat(), LAMINAR_HEARTBEAT.to_vec(), LAMINAR_HEARTBEAT.to_vec()];
        let passed = passed_up(&mut gate, datagrams);
        assert_eq!(passed[..3], expected);
        assert_eq!(passed[3..], [LAMINAR_DATA.to_vec()]);
    }

    #[test]
    fn virtual_addresses_lead_back() {
        assert_eq!(number_of(&virtual_address(79)), Some(79));
        assert_eq!(number_of(&"10.0.0.1:1".parse().expect("an address")), None);
    }
}
