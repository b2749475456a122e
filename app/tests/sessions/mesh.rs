//! A session of real processes behind a relay: each peer is known to the others by an address of the relay, on this
//! machine's loopback interface or on a bridge between network namespaces. Must never leave a process behind.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::peers::{PROGRAM, Peer, agree, verified};
use netcode::testnet::netns::{Net, Reach};
use netcode::testnet::relay::{Relay, RelayConfig};

pub const MS: Duration = Duration::from_millis(1);
/// Ticks per second of the scenarios.
pub const RATE: u64 = 90;
/// Port of every peer in its namespace, and of its front.
const PORT: u16 = 7000;

/// How much work: 10 is the full length.
pub fn scale() -> u64 {
    std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

/// Seconds of play: 60 at full length.
pub fn seconds() -> u64 {
    6 * scale()
}

/// 80 +- 20 ms and 5 % loss each way.
pub fn bad() -> RelayConfig {
    RelayConfig { delay: 80 * MS, jitter: 20 * MS, loss: 0.05, twice: 0.01, seed: 1, ..RelayConfig::default() }
}

/// Lets time pass: for what must happen, or not happen, meanwhile.
pub fn pass(time: Duration) {
    let (_never, nothing) = std::sync::mpsc::channel::<()>();
    let _ = nothing.recv_timeout(time);
}

/// A session behind a relay.
pub struct Mesh {
    pub folder: tempfile::TempDir,
    pub relay: Relay,
    pub real: Vec<SocketAddr>,
    pub invite: String,
    pub peers: Vec<Peer>,
    /// Where each peer has a namespace. The last field: it goes when all processes are gone.
    net: Option<Net>,
}

impl Mesh {
    /// `count` peers, host first, on the loopback interface.
    pub fn start(count: usize, config: RelayConfig) -> Self {
        let mut mesh = Self::host(count, config, &["demo"]);
        mesh.join_up_to(count);
        mesh
    }

    /// A host with these arguments, and room for `count` peers in all.
    pub fn host(count: usize, config: RelayConfig, more: &[&str]) -> Self {
        // Ports that are free now, all at once; each is taken again a moment later.
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let held: Vec<UdpSocket> = (0..count).map(|_| UdpSocket::bind(any).expect("a port")).collect();
        let real: Vec<SocketAddr> = held.iter().map(|socket| socket.local_addr().expect("an address")).collect();
        drop(held);
        let relay = Relay::mesh(config, &real).expect("the relay starts");
        Self::host_behind(relay, real, None, more)
    }

    /// `count` peers, each in a namespace of its own and with no way to the others but the relay. None where this machine
    /// has no namespaces.
    pub fn start_in_namespaces(count: usize, config: RelayConfig) -> Option<Self> {
        let net = Net::up(count, Reach::Fronts)?;
        let real: Vec<SocketAddr> = (0..count).map(|i| (net.address(i), PORT).into()).collect();
        let fronts = (0..count).map(|i| (net.front(i), PORT).into());
        let pairs: Vec<_> = fronts.zip(real.iter().copied()).collect();
        let relay = Relay::mesh_on(config, &pairs).expect("the fronts' addresses are on the bridge");
        let mut mesh = Self::host_behind(relay, real, Some(net), &["demo"]);
        mesh.join_up_to(count);
        Some(mesh)
    }

    fn host_behind(relay: Relay, real: Vec<SocketAddr>, net: Option<Net>, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut mesh = Self { folder, relay, real, invite: String::new(), peers: Vec::new(), net };
        let mut host = mesh.run(0, "peer0", "host", more);
        mesh.invite = host.invite();
        mesh.peers.push(host);
        mesh
    }

    /// More peers join, until there are so many.
    pub fn join_up_to(&mut self, count: usize) {
        for i in self.peers.len()..count {
            let peer = self.join(i, &format!("peer{i}"));
            self.peers.push(peer);
        }
    }

    /// One more peer, at the address with this number.
    pub fn join(&self, number: usize, name: &str) -> Peer {
        self.run(number, name, "join", &[&self.invite])
    }

    fn run(&self, number: usize, name: &str, command: &str, more: &[&str]) -> Peer {
        let program = self.net.as_ref().map_or_else(|| Command::new(PROGRAM), |net| net.command(number, PROGRAM));
        let (listen, front) = (self.real[number], self.relay.front(number));
        let line = format!("{command} --pilot auto --listen {listen} --advertise {front}");
        Peer::start_by(program, self.folder.path(), name, &line, more)
    }

    /// Waits until all are members.
    pub fn all_active(&mut self) -> Vec<u64> {
        self.peers.iter_mut().map(Peer::active).collect()
    }

    pub fn play(&mut self, seconds: u64) {
        self.play_ticks(seconds * RATE);
    }

    /// Waits until all have gone on by so many ticks.
    pub fn play_ticks(&mut self, ticks: u64) {
        let ends: Vec<u64> = self.peers.iter_mut().map(|peer| peer.tick() + ticks).collect();
        self.peers.iter_mut().zip(ends).for_each(|(peer, end)| peer.reaches(end));
    }

    /// All leave; their recordings, and those of `more`, are exact and equal. Gives what each says at its end.
    pub fn end(mut self, more: &[&Path]) -> Vec<Value> {
        self.peers.iter_mut().for_each(Peer::dismiss);
        let recordings: Vec<PathBuf> = self.peers.iter().map(|peer| peer.recording.clone()).collect();
        let summaries: Vec<Value> = self.peers.drain(..).map(|peer| peer.ends().fine()).collect();
        let mut paths: Vec<&Path> = recordings.iter().map(|path| path.as_path()).collect();
        for path in &paths {
            verified(path, true);
        }
        for path in more {
            verified(path, false);
        }
        paths.extend(more);
        let shared = agree(&paths);
        let stats = self.relay.stats();
        println!("{} peers: {shared} ticks shared; the relay lost {} of {}", paths.len(), stats.lost, stats.received);
        summaries.iter().for_each(print);
        summaries
    }
}

fn print(summary: &Value) {
    let of = |name: &str| summary[name].as_f64().unwrap_or(f64::NAN);
    println!(
        "  player {}: {} turns, stalled {} ({:.2} %, at most {:.0} ms), input delay {} ms, {:.0} bytes/s out, \
         processor {:.1} %",
        summary["player"],
        summary["turns"],
        summary["stalled_turns"],
        of("stalled_share") * 100.0,
        of("stall_ms_max"),
        summary["input_delay_ms"]["p50"],
        of("bytes_out_per_s"),
        of("cpu_share") * 100.0,
    );
}
