//! Who comes late to a world of 10,000 ships: how long each stage takes on a line of 50 Mbit/s, and that those who play do
//! not notice.

use std::time::Duration;

use crate::mesh::{MS, Mesh};
use crate::peers::Peer;
use crate::relay::RelayConfig;

/// From the start of the process to its first turn as a member.
const LIMIT: Duration = Duration::from_secs(2);
const STAGES: [&str; 5] = ["link", "loading", "installed", "ready", "active"];

/// A line of 50 Mbit/s with this delay in each direction.
fn line(delay: Duration) -> RelayConfig {
    RelayConfig { delay, bits_per_s: 50_000_000, ..RelayConfig::default() }
}

/// Waits until it is a member, and prints when it had come how far.
fn comes_in(peer: &mut Peer, what: &str) -> Duration {
    peer.active();
    let at: Vec<String> = STAGES
        .iter()
        .map(|stage| format!("{stage} {:.0} ms", peer.took(|value| value["event"] == *stage).as_secs_f64() * 1e3))
        .collect();
    println!("{what}: {}", at.join(", "));
    peer.took(|value| value["event"] == "active")
}

/// Two play, a third comes, crashes and comes back. Gives how long it took both times.
fn comes_and_comes_back(delay: Duration) -> [Duration; 2] {
    let mut mesh = Mesh::host(3, line(delay), "bench-10k");
    mesh.join_up_to(2);
    mesh.all_active();
    mesh.play(2);
    let delay_ms = delay.as_millis();
    let mut third = mesh.join(2, "peer2");
    let first = comes_in(&mut third, &format!("comes, {delay_ms} ms one way"));
    third.plays(90);
    mesh.play(1);
    for peer in &mesh.peers {
        assert!(peer.said.iter().all(|value| value["event"] != "waiting"), "the others wait: {:?}", peer.said);
    }
    let player = third.said.iter().find(|value| value["event"] == "active").map(|value| value["player"].clone());
    let crashed = third.crashes();
    for peer in &mut mesh.peers {
        peer.hears("the loss", |v| v["event"] == "left" && Some(&v["player"]) == player.as_ref());
    }
    mesh.play(1);
    let mut third = mesh.join(2, "peer2-2");
    let again = comes_in(&mut third, &format!("comes back, {delay_ms} ms one way"));
    assert_eq!(third.said.iter().find(|v| v["event"] == "active").map(|v| v["player"].clone()), player);
    mesh.peers.push(third);
    mesh.play(1);
    for peer in &mesh.peers {
        let waits = peer.said.iter().filter(|value| value["event"] == "waiting").count();
        assert!(waits <= 1, "the others wait, and not only for the one that crashed: {:?}", peer.said);
    }
    mesh.end(&[&crashed]);
    [first, again]
}

#[test]
fn a_newcomer_to_ten_thousand_ships_is_in_within_two_seconds() {
    for took in comes_and_comes_back(40 * MS) {
        assert!(took < LIMIT, "{took:?}");
    }
}
