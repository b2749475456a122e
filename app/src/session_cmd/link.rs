//! The session's way to the network: a UDP endpoint as the driver's [`Link`], addresses as they travel in the log, and
//! who is let in, kept up to date from the log. Must never decide who is a member.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::{SystemTime, UNIX_EPOCH};

use netcode::Core;
use netcode::protocol::{AccessVersion, KnownPeer, PeerKey, SessionId, Time};
use netcode::transport::{Endpoint, Hello, Identity, Invite, Policy};

use crate::exit::Failure;
use crate::session::{Link, SessionInput};

/// Longest time between two attempts to find a member again, microseconds.
const SEARCH_US: u64 = 2_000_000;

/// A UDP endpoint under a driver.
pub struct UdpLink {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// What the driver's clock says.
    pub now: Time,
    /// What this peer came with; others may want to see it too.
    pub invite: Option<Invite>,
    /// Who may not come in, whatever the log says.
    pub banned: Vec<PeerKey>,
    /// Where each peer was last.
    addresses: BTreeMap<PeerKey, SocketAddr>,
    /// Keys that were allowed on the command line.
    allowed: BTreeMap<PeerKey, u8>,
    known: Option<AccessVersion>,
    searched: Time,
    hello: Hello,
}

impl UdpLink {
    /// Opens the socket. `allowed`: keys that need no invite, with their roles.
    ///
    /// # Errors
    /// [`Failure::Machine`] where there is no such socket.
    pub fn open(
        listen: SocketAddr,
        identity: Identity,
        hello: Hello,
        allowed: BTreeMap<PeerKey, u8>,
    ) -> Result<Self, Failure> {
        let policy = Policy { allowed: allowed.clone(), unix_s_at_zero: unix_s(), ..Policy::default() };
        let endpoint = Endpoint::bind(listen, identity, hello, policy).map_err(|e| Failure::Machine(e.to_string()))?;
        Ok(Self {
            endpoint,
            now: Time(0),
            invite: None,
            banned: Vec::new(),
            addresses: BTreeMap::new(),
            allowed,
            known: None,
            searched: Time(0),
            hello,
        })
    }

    /// Own address, as the socket has it.
    ///
    /// # Errors
    /// [`Failure::Machine`].
    pub fn local(&self) -> Result<SocketAddr, Failure> {
        self.endpoint.local_addr().map_err(|e| Failure::Machine(format!("the socket has no address: {e}")))
    }

    /// A peer is there.
    pub fn note(&mut self, key: PeerKey, address: SocketAddr) {
        self.addresses.insert(key, address);
    }

    /// Goes to a peer, and keeps trying.
    ///
    /// # Errors
    /// A sentence that says why that cannot be.
    pub fn go_to(&mut self, key: PeerKey, address: SocketAddr) -> Result<(), String> {
        self.addresses.insert(key, address);
        self.endpoint.connect(self.now, key, address, self.invite.clone()).map_err(|e| e.to_string())
    }

    /// A new session begins, with this peer alone: all links end, and who comes must come to this one.
    pub fn found(&mut self, session: SessionId) {
        let all: Vec<PeerKey> = self.endpoint.peers().map(|(key, _)| key).collect();
        all.into_iter().chain(self.addresses.keys().copied()).for_each(|key| self.endpoint.disconnect(key));
        self.hello.session = session;
        self.endpoint.set_hello(self.hello);
        (self.invite, self.known) = (None, None);
    }

    /// Lets in whom the log knows, and looks for members that are not connected.
    pub fn keep_up(&mut self, core: &Core<SessionInput>) {
        let version = core.access_version();
        if self.known != Some(version) {
            self.known = Some(version);
            self.let_in(core);
        }
        if self.now.since(self.searched) >= SEARCH_US {
            self.searched = self.now;
            self.search(core);
        }
    }

    /// Members are let in, and those who were: they need no second invite, and invites that they issued count.
    fn let_in(&mut self, core: &Core<SessionInput>) {
        let known = core.known_peers();
        let allowed = self.allowed.clone();
        let policy = self.endpoint.policy_mut();
        // Who is voted out is a member for a moment yet, and the log waits for it.
        let is_out = |peer: &&KnownPeer| peer.banned && !peer.member;
        policy.members = known.iter().filter(|peer| !is_out(peer)).map(|peer| (peer.key, peer.role)).collect();
        policy.banned = known.iter().filter(is_out).map(|peer| peer.key).chain(self.banned.iter().copied()).collect();
        policy.allowed = allowed;
        policy.spent = core.spent_invites().iter().copied().collect();
    }

    /// A farewell ends a link for good, and one from before may come late.
    fn search(&mut self, core: &Core<SessionInput>) {
        let connected: BTreeSet<PeerKey> = self.endpoint.peers().map(|(key, _)| key).collect();
        let own = self.endpoint.key();
        let missing = core.known_peers().into_iter().filter(|peer| peer.member && peer.key != own);
        for peer in missing.filter(|peer| !connected.contains(&peer.key)) {
            if let Some(address) = self.addresses.get(&peer.key).copied()
                && let Err(reason) = self.go_to(peer.key, address)
            {
                tracing::debug!(key = %peer.key, "no link: {reason}");
            }
        }
    }
}

impl Link for UdpLink {
    fn send(&mut self, to: PeerKey, bytes: Vec<u8>) {
        // A peer that is not connected yet gets it later: the core repeats itself.
        let _ = self.endpoint.send(to, &bytes);
    }

    fn connect(&mut self, to: PeerKey, address: Vec<u8>) {
        // Without an address it is the other side that comes here.
        let Some(address) = read_address(&address).or_else(|| self.addresses.get(&to).copied()) else { return };
        if let Err(reason) = self.go_to(to, address) {
            tracing::warn!(key = %to, %address, "no link: {reason}");
        }
    }

    fn disconnect(&mut self, to: PeerKey) {
        self.endpoint.disconnect(to);
    }
}

/// An address as it travels: its text.
#[must_use]
pub fn write_address(address: SocketAddr) -> Vec<u8> {
    address.to_string().into_bytes()
}

/// The address of what travelled. Any bytes may come.
#[must_use]
pub fn read_address(bytes: &[u8]) -> Option<SocketAddr> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The address of a name or number and a port.
///
/// # Errors
/// [`Failure::Misused`] where there is none.
pub fn resolve(host: &str, port: u16) -> Result<SocketAddr, Failure> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = (bare, port).to_socket_addrs().map_err(|e| Failure::Misused(format!("cannot find {host}: {e}")))?;
    let mut all: Vec<SocketAddr> = found.collect();
    // Hosts that have both are more often reachable by IPv4 from behind a router.
    all.sort_by_key(SocketAddr::is_ipv6);
    all.first().copied().ok_or_else(|| Failure::Misused(format!("{host} has no address")))
}

/// The address by which this machine is known on its network; the loopback one if it has none. Sends nothing: a UDP
/// socket only chooses its source.
#[must_use]
pub fn own_address(port: u16) -> SocketAddr {
    let chosen = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        // An address for documentation, RFC 5737.
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    let ip = chosen.map_or(std::net::Ipv4Addr::LOCALHOST.into(), |address| address.ip());
    SocketAddr::new(ip, port)
}

/// Seconds since 1970.
#[must_use]
pub fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_travel_as_text_and_fit_into_an_entry() {
        for text in ["127.0.0.1:4850", "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535", "255.255.255.255:65535"] {
            let address: SocketAddr = text.parse().expect("an address");
            let bytes = write_address(address);
            assert!(bytes.len() <= 64, "an entry has no room for more");
            assert_eq!(read_address(&bytes), Some(address));
        }
        for bad in [&b""[..], b"\xff", b"localhost:1", b"1.2.3.4", b"1.2.3.4:99999"] {
            assert_eq!(read_address(bad), None);
        }
        assert_eq!(resolve("[::1]", 5).ok(), "[::1]:5".parse().ok());
        assert!(resolve("no.such.host.invalid", 5).is_err());
    }
}
