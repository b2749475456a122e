//! Running sessions under attack: a stranger who sees the traffic, and can send from the members' addresses, forges,
//! bends, cuts and repeats datagrams; another one asks for handshakes from ten thousand addresses. SPACETIME_SCALE
//! chooses how many; what is checked is the same.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use netcode::netsim::Random;
use netcode::protocol::{Hash, PeerKey};
use netcode::transport::{Hello, Identity, Initiation, Introduction, InviteLink, Packet};
use serde_json::Value;

use crate::mesh::{MS, Mesh, pass, scale};
use netcode::testnet::forge::hostile;
use netcode::testnet::relay::RelayConfig;

const PEERS: usize = 3;
/// Growth of one process that is allowed, bytes.
const GROWTH_MAX: u64 = 10 << 20;
const STALL_MS_MAX: f64 = 1000.0;
/// Datagrams of the session that the attacker has seen.
const SEEN: usize = 1000;
/// Datagrams sent at once: few enough for the system's buffers to hold beside the session's own.
const LOT: u64 = 30;
/// Sources of a flood, and how many are busy at once.
const SOURCES: u32 = 10_000;
const SOURCES_AT_ONCE: u32 = 250;

fn quiet() -> RelayConfig {
    RelayConfig { delay: 20 * MS, jitter: 5 * MS, loss: 0.01, seed: 3, ..RelayConfig::default() }
}

/// A session that has played for a while, so that its memory is what it usually is.
fn session() -> Mesh {
    let mut mesh = Mesh::host(PEERS, quiet(), &["demo"]);
    mesh.relay.watch(SEEN);
    mesh.join_up_to(PEERS);
    mesh.all_active();
    mesh.play(4);
    mesh
}

fn resident(mesh: &Mesh) -> Vec<Option<u64>> {
    mesh.peers.iter().map(|peer| peer.resident()).collect()
}

/// No process has grown much.
fn assert_no_growth(before: &[Option<u64>], after: &[Option<u64>]) {
    println!("resident memory, bytes: {before:?}, then {after:?}");
    for (before, after) in before.iter().zip(after) {
        let growth = before.zip(*after).map(|(before, after)| after.saturating_sub(before));
        assert!(growth.is_none_or(|growth| growth < GROWTH_MAX), "a process has grown by {growth:?}");
    }
}

/// Nobody was held up for long; gives how many datagrams were turned away.
fn assert_undisturbed(summaries: &[Value]) -> u64 {
    for summary in summaries {
        assert!(summary["stall_ms_max"].as_f64() < Some(STALL_MS_MAX), "{summary}");
    }
    summaries.iter().filter_map(|summary| summary["rejected"].as_u64()).sum()
}

#[test]
fn a_million_hostile_datagrams_do_not_disturb_a_session() {
    let count = scale() * (1_000_000 / 10);
    let mut mesh = session();
    let seen = mesh.relay.seen();
    assert_eq!(seen.len(), SEEN);
    let payloads: Vec<Vec<u8>> = seen.iter().map(|(_, _, bytes)| bytes.clone()).collect();
    let strangers: Vec<UdpSocket> = (1..=16)
        .map(|i| UdpSocket::bind((Ipv4Addr::new(127, 0, 7, i), 0)).expect("all of 127/8 is this machine"))
        .collect();
    let before = resident(&mesh);
    let mut random = Random::new(20_261_122, 0);
    for i in 0..count {
        let (from, to, bytes) = match random.index(8) {
            // As it was, or bent, on the way that it took.
            0 => seen[random.index(SEEN)].clone(),
            1..5 => {
                let at = random.index(SEEN);
                (seen[at].0, seen[at].1, hostile(&mut random, &payloads[at..=at]))
            }
            // From anybody to anybody.
            _ => (random.index(PEERS), random.index(PEERS), hostile(&mut random, &payloads)),
        };
        let stranger = &strangers[random.index(strangers.len())];
        let socket = if random.index(4) == 0 { stranger } else { mesh.relay.socket(from) };
        // A full buffer at the other end is that end's own business.
        let _ = socket.send_to(&bytes, mesh.real[to]);
        if i % LOT == LOT - 1 {
            pass(MS);
        }
    }
    let after = resident(&mesh);
    mesh.play(2);
    assert_no_growth(&before, &after);
    let rejected = assert_undisturbed(&mesh.end(&[]));
    println!("{count} hostile datagrams sent, {rejected} turned away");
    assert!(rejected > count / 2, "most have reached a peer: {rejected} of {count}");
}

#[test]
fn ten_thousand_sources_that_want_a_handshake_do_not_disturb_a_session() {
    let mut mesh = session();
    let link: InviteLink = mesh.invite.parse().expect("an invite");
    let hello =
        Hello { session: link.invite.terms.session, scenario: Hash::default(), revision: sim::RESULTS_REVISION };
    let keys: Vec<PeerKey> = (0..PEERS)
        .map(|i| Identity::load(&mesh.folder.path().join(format!("peer{i}.key"))).expect("a peer's").key())
        .collect();
    let before = resident(&mesh);
    // One leaves in good order, to come back while it goes on.
    let third = mesh.peers.pop().expect("three");
    let old = third.recording.clone();
    third.leaves();
    let (mut cookies, mut back) = (0, None);
    for round in 0..scale() as u32 {
        for first in (0..SOURCES).step_by(SOURCES_AT_ONCE as usize) {
            cookies += knock(&mesh, &keys, &hello, first..first + SOURCES_AT_ONCE);
            if round == 0 && first == SOURCES / 4 {
                back = Some(mesh.join(2, "peer2-2"));
            }
        }
    }
    println!("{} sources, {cookies} cookies", SOURCES * scale() as u32);
    assert!(cookies > SOURCES / 2, "the attack is one");
    let mut back = back.expect("it was started");
    back.active();
    println!("back within {:?}, while it goes on", back.took(|value| value["event"] == "active"));
    mesh.peers.push(back);
    let after = resident(&mesh);
    mesh.play(2);
    assert_no_growth(&before[..2], &after[..2]);
    let rejected = assert_undisturbed(&mesh.end(&[&old]));
    println!("{rejected} datagrams turned away");
}

/// Whole handshakes' worth of these sources, each with an address in a prefix of its own; gives how many got a cookie.
fn knock(mesh: &Mesh, keys: &[PeerKey], hello: &Hello, sources: std::ops::Range<u32>) -> u32 {
    let stranger = Identity::from_seed(&[77; 32]);
    let mut open: Vec<(u32, UdpSocket, SocketAddr, Initiation)> = Vec::new();
    for i in sources {
        let address = Ipv4Addr::new(127, 1 + (i >> 8) as u8, i as u8, 9);
        let socket = UdpSocket::bind((address, 0)).expect("all of 127/8 is this machine");
        socket.set_read_timeout(Some(50 * MS)).expect("a time above zero");
        let target = i as usize % 2;
        let initiation = Initiation::new(&keys[target], i, u64::from(i).to_le_bytes()).expect("a key");
        let _ = socket.send_to(initiation.packet(), mesh.real[target]);
        open.push((i, socket, mesh.real[target], initiation));
        if i.is_multiple_of(LOT as u32) {
            pass(MS);
        }
    }
    let introduction = Introduction { life: 1, hello: *hello, key: stranger.key(), invite: None };
    let mut cookies = 0;
    let mut buffer = [0; 2048];
    for (i, socket, target, mut initiation) in open {
        let Ok((length, _)) = socket.recv_from(&mut buffer) else { continue };
        let Some(Packet::Cookie { echo, cookie, .. }) = Packet::parse(&buffer[..length]) else { continue };
        cookies += 1;
        // Every second is a sound handshake of somebody who is not invited; the others only look like one.
        if i.is_multiple_of(2) {
            assert!(initiation.on_cookie(&stranger.noise_secret(), &introduction, &echo, &cookie));
            let _ = socket.send_to(initiation.packet(), target);
        } else {
            let noise = [i as u8; 197];
            let _ = socket.send_to(&Packet::Start { index: i, cookie, noise: &noise }.to_bytes(), target);
        }
    }
    cookies
}
