//! Sessions of real processes over a network that delays, reorders and loses: a relay in this process, between all of
//! them. SPACETIME_SCALE chooses how many and for how long; what is checked is the same.

#[path = "../../netcode/tests/relay/mod.rs"]
mod relay;
mod session;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use relay::{Relay, RelayConfig};
use serde_json::Value;
use session::{Peer, agree, verified};

const MS: Duration = Duration::from_millis(1);
/// Ticks per second of the scenario.
const RATE: u64 = 90;

fn scale() -> u64 {
    std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

/// Seconds of play: 60 at full length.
fn seconds() -> u64 {
    6 * scale()
}

/// 80 +- 20 ms and 5 % loss each way.
fn bad() -> RelayConfig {
    RelayConfig { delay: 80 * MS, jitter: 20 * MS, loss: 0.05, twice: 0.01, seed: 1 }
}

/// A session behind a relay: each peer is known to the others by its front.
struct Mesh {
    folder: tempfile::TempDir,
    relay: Relay,
    real: Vec<SocketAddr>,
    invite: String,
    peers: Vec<Peer>,
}

impl Mesh {
    fn start(count: usize, config: RelayConfig) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Ports that are free now, all at once; each is taken again a moment later.
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let held: Vec<UdpSocket> = (0..count).map(|_| UdpSocket::bind(any).expect("a port")).collect();
        let real: Vec<SocketAddr> = held.iter().map(|socket| socket.local_addr().expect("an address")).collect();
        drop(held);
        let relay = Relay::mesh(config, &real).expect("the relay starts");
        let (listen, front) = (real[0].to_string(), relay.front(0).to_string());
        let line = format!("host --pilot auto --listen {listen} --advertise {front}");
        let mut host = Peer::start(folder.path(), "peer0", &line, &[]);
        let invite = host.invite();
        let mut mesh = Self { folder, relay, real, invite, peers: vec![host] };
        (1..count).for_each(|i| {
            let peer = mesh.join(i, &format!("peer{i}"));
            mesh.peers.push(peer);
        });
        mesh
    }

    fn join(&self, number: usize, name: &str) -> Peer {
        let (listen, front) = (self.real[number].to_string(), self.relay.front(number).to_string());
        let line = format!("join --pilot auto --listen {listen} --advertise {front}");
        Peer::start(self.folder.path(), name, &line, &[&self.invite])
    }

    /// Waits until all are members.
    fn all_active(&mut self) -> Vec<u64> {
        self.peers.iter_mut().map(Peer::active).collect()
    }

    fn play(&mut self, seconds: u64) {
        self.peers.iter_mut().for_each(|peer| peer.plays(seconds * RATE));
    }

    /// All leave; their recordings, and those of `more`, are exact and equal. Gives what each says at its end.
    fn end(mut self, more: &[&Path]) -> Vec<Value> {
        self.peers.iter_mut().for_each(Peer::dismiss);
        let recordings: Vec<_> = self.peers.iter().map(|peer| peer.recording.clone()).collect();
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
        for summary in &summaries {
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
        summaries
    }
}

#[test]
fn sessions_over_a_bad_network_stay_equal() {
    let counts: &[usize] = if scale() >= 10 { &[2, 4, 8, 16] } else { &[4] };
    for &count in counts {
        let mut mesh = Mesh::start(count, bad());
        mesh.all_active();
        mesh.play(seconds());
        let summaries = mesh.end(&[]);
        assert!(summaries.iter().all(|summary| summary["turns"].as_u64() >= Some(seconds() * 30)), "{summaries:?}");
    }
}

#[test]
fn a_network_that_is_gone_for_five_seconds_pauses_the_session() {
    let mut mesh = Mesh::start(3, RelayConfig { delay: 20 * MS, loss: 0.02, ..bad() });
    mesh.all_active();
    mesh.play(2);
    mesh.relay.pause();
    for peer in &mut mesh.peers {
        peer.will_hear("to wait", |value| value["event"] == "waiting" || value["event"] == "paused");
    }
    // Nothing moves while it is gone; the time itself is the point.
    let (_never, gone) = std::sync::mpsc::channel::<()>();
    let _ = gone.recv_timeout(Duration::from_secs(5));
    mesh.relay.resume();
    for peer in &mut mesh.peers {
        let resumed = peer.will_hear("to go on", |value| value["event"] == "resumed");
        assert!(resumed["after_ms"].as_u64() >= Some(4000), "{resumed}");
    }
    mesh.play(seconds() / 2);
    mesh.end(&[]);
}

#[test]
fn a_peer_killed_on_a_bad_network_comes_back() {
    let mut mesh = Mesh::start(4, bad());
    let players = mesh.all_active();
    mesh.play(2);
    let victim = mesh.peers.remove(2).crashes();
    for peer in &mut mesh.peers {
        peer.hears("the loss", |v| v["event"] == "left" && v["player"] == players[2] && v["why"] == "silent");
    }
    mesh.play(seconds() / 3);
    let mut back = mesh.join(2, "peer2-2");
    assert_eq!(back.active(), players[2]);
    mesh.peers.push(back);
    mesh.play(seconds() / 3);
    mesh.end(&[&victim]);
}
