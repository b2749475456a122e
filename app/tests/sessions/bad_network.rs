//! Sessions of real processes over a network that delays, reorders and loses: a relay in this process, between all of
//! them. SPACETIME_SCALE chooses how many and for how long; what is checked is the same.

use std::time::Duration;

use crate::mesh::{MS, Mesh, bad, pass, scale, seconds};
use netcode::testnet::relay::RelayConfig;

/// A session over a bad network, from the first member to the recordings.
fn plays_and_stays_equal(count: usize) {
    let mut mesh = Mesh::start(count, bad());
    mesh.all_active();
    mesh.play(seconds());
    let summaries = mesh.end(&[]);
    assert!(summaries.iter().all(|summary| summary["turns"].as_u64() >= Some(seconds() * 30)), "{summaries:?}");
}

/// Of the other sizes, a tenth of the length is played in network namespaces.
fn plays_at_full_length(count: usize) {
    if scale() < 10 {
        println!("SKIPPED: only at full length, SPACETIME_SCALE=10");
        return;
    }
    plays_and_stays_equal(count);
}

#[test]
fn two_over_a_bad_network_stay_equal() {
    plays_at_full_length(2);
}

#[test]
fn four_over_a_bad_network_stay_equal() {
    plays_and_stays_equal(4);
}

#[test]
fn eight_over_a_bad_network_stay_equal() {
    plays_at_full_length(8);
}

#[test]
fn sixteen_over_a_bad_network_stay_equal() {
    plays_at_full_length(16);
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
    pass(Duration::from_secs(5));
    mesh.relay.resume();
    for peer in &mut mesh.peers {
        let resumed = peer.will_hear("to go on", |value| value["event"] == "went_on");
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
