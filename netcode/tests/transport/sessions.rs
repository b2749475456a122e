//! Links over a network in memory: who gets in and why not, restarts, roaming, simultaneous opening, loss.

use crate::support::{Net, Peer, address, hello, identity, members, run};
use ed25519_dalek::SigningKey;
use netcode::protocol::{Hash, SessionId, Time};
use netcode::transport::{Down, Hello, Incoming, Invite, PAYLOAD_BYTES_MAX, Policy, Refusal, Terms};

const A: &str = "10.0.0.1:1000";
const B: &str = "10.0.0.2:2000";

fn pair(net: &Net) -> (Peer, Peer) {
    (Peer::new(net, 1, A, hello(), members(&[1, 2])), Peer::new(net, 2, B, hello(), members(&[1, 2])))
}

fn connected(net: &Net, now: &mut Time) -> (Peer, Peer) {
    let (mut a, mut b) = pair(net);
    a.endpoint.connect(*now, b.key(), address(B), None).expect("room");
    run(now, 20, &mut [&mut a, &mut b]);
    assert_eq!((a.ups(), b.ups()), (1, 1));
    (a, b)
}

/// That data gets through both ways.
fn talk(now: &mut Time, a: &mut Peer, b: &mut Peer) {
    a.seen.clear();
    b.seen.clear();
    assert!(a.endpoint.send(b.key(), b"to b") && b.endpoint.send(a.key(), b"to a"), "connected");
    run(now, 5, &mut [a, b]);
    assert_eq!(b.data(), [b"to b".to_vec()]);
    assert_eq!(a.data(), [b"to a".to_vec()]);
}

#[test]
fn two_peers_meet_and_talk() {
    let (net, mut now) = (Net::default(), Time(0));
    let (mut a, mut b) = connected(&net, &mut now);
    talk(&mut now, &mut a, &mut b);
    assert!(matches!(b.seen[..], [Incoming::Data { key, .. }] if key == a.key()));
    // A datagram of the core may be empty, and as long as it says; not longer.
    assert!(a.endpoint.send(b.key(), &[]) && a.endpoint.send(b.key(), &[7; PAYLOAD_BYTES_MAX]));
    assert!(!a.endpoint.send(b.key(), &[7; PAYLOAD_BYTES_MAX + 1]), "too long");
    assert!(!a.endpoint.send(a.key(), b"x"), "not connected");
    b.seen.clear();
    run(&mut now, 2, &mut [&mut a, &mut b]);
    assert_eq!(b.data(), [vec![], vec![7; PAYLOAD_BYTES_MAX]]);
    run(&mut now, 30_000, &mut [&mut a, &mut b]);
    talk(&mut now, &mut a, &mut b);
    a.endpoint.disconnect(b.key());
    b.seen.clear();
    run(&mut now, 5, &mut [&mut a, &mut b]);
    assert_eq!(b.seen, [Incoming::Down { key: a.key(), why: Down::Closed }]);
    assert_eq!((a.endpoint.sessions(), b.endpoint.sessions()), (0, 0));
}

#[test]
fn a_datagram_costs_24_bytes_more_than_it_carries() {
    let (net, mut now) = (Net::default(), Time(0));
    let (mut a, mut b) = connected(&net, &mut now);
    let before = a.endpoint.stats().clone();
    assert!(a.endpoint.send(b.key(), &[1; 55]));
    a.endpoint.flush();
    let after = a.endpoint.stats();
    let bytes = after.bytes_sent - before.bytes_sent;
    println!("a 55-byte datagram of the core: {bytes} bytes of UDP payload");
    assert_eq!((after.datagrams_sent - before.datagrams_sent, bytes), (1, 79));
    run(&mut now, 2, &mut [&mut b]);
    assert_eq!(b.data(), [vec![1; 55]]);
}

/// What the joiner, peer 3, is told by peer 1.
fn refusal(hello: Hello, policy: Policy, invite: Option<Invite>) -> Option<Refusal> {
    let (net, mut now) = (Net::default(), Time(0));
    let mut host = Peer::new(&net, 1, A, crate::support::hello(), policy);
    let mut joiner = Peer::new(&net, 3, B, hello, Policy::default());
    joiner.endpoint.connect(now, host.key(), address(A), invite).expect("room");
    run(&mut now, 20, &mut [&mut host, &mut joiner]);
    assert_eq!(host.ups(), joiner.ups());
    if joiner.ups() == 1 {
        return None;
    }
    assert_eq!(host.endpoint.sessions() + joiner.endpoint.sessions(), 0, "nothing stays of it");
    match joiner.seen[..] {
        [Incoming::Refused { key, reason }] if key == host.key() => Some(reason),
        ref other => panic!("expected one refusal: {other:?}"),
    }
}

fn invite(issuer: u8, one_time: bool, expires_unix_s: u64) -> Invite {
    let terms = Terms { session: hello().session, id: [5; 16], role: 2, expires_unix_s, one_time };
    Invite::issue(terms, &SigningKey::from_bytes(&[issuer; 32]))
}

#[test]
fn each_reason_is_told() {
    let known = || members(&[1, 3]);
    assert_eq!(refusal(hello(), known(), None), None);
    let other = Hello { session: SessionId([1; 16]), ..hello() };
    assert_eq!(refusal(other, known(), None), Some(Refusal::Session));
    let other = Hello { scenario: Hash([1; 32]), ..hello() };
    assert_eq!(refusal(other, known(), None), Some(Refusal::Scenario { there: Hash([8; 32]) }));
    let unknown = Hello { scenario: Hash::default(), ..hello() };
    assert_eq!(refusal(unknown, known(), None), None, "a joiner does not know the scenario yet");
    let other = Hello { revision: 6, ..hello() };
    assert_eq!(refusal(other, known(), None), Some(Refusal::Revision { there: 7 }));
    let mut banned = known();
    banned.banned.insert(identity(3).key());
    assert_eq!(refusal(hello(), banned.clone(), Some(invite(1, false, 0))), Some(Refusal::Banned));

    let host = || members(&[1, 2]);
    assert_eq!(refusal(hello(), host(), None), Some(Refusal::NotInvited));
    assert_eq!(refusal(hello(), host(), Some(invite(1, true, 0))), None, "by the host itself");
    assert_eq!(refusal(hello(), host(), Some(invite(2, true, 0))), None, "by another member");
    assert_eq!(refusal(hello(), host(), Some(invite(9, true, 0))), Some(Refusal::NotInvited), "by a stranger");
    let at = |unix_s_at_zero| Policy { unix_s_at_zero, ..host() };
    assert_eq!(refusal(hello(), at(999), Some(invite(1, true, 1000))), None);
    assert_eq!(refusal(hello(), at(1000), Some(invite(1, true, 1000))), Some(Refusal::InviteExpired));
    let spent = Policy { spent: [[5; 16]].into(), ..host() };
    assert_eq!(refusal(hello(), spent.clone(), Some(invite(1, true, 0))), Some(Refusal::InviteSpent));
    assert_eq!(refusal(hello(), spent, Some(invite(1, false, 0))), None, "not a one-time invite");
    let mut forged = invite(1, true, 0);
    forged.terms.role = 200;
    assert_eq!(refusal(hello(), host(), Some(forged)), Some(Refusal::InviteForged));
    let allowed = Policy { allowed: [(identity(3).key(), 4)].into(), ..Policy::default() };
    assert_eq!(refusal(hello(), allowed, None), None);
}

#[test]
fn who_is_refused_gets_in_when_the_policy_changes() {
    let (net, mut now) = (Net::default(), Time(0));
    let mut host = Peer::new(&net, 1, A, hello(), members(&[1]));
    let mut joiner = Peer::new(&net, 3, B, hello(), Policy::default());
    joiner.endpoint.connect(now, host.key(), address(A), None).expect("room");
    run(&mut now, 10_000, &mut [&mut host, &mut joiner]);
    let refused = Incoming::Refused { key: host.key(), reason: Refusal::NotInvited };
    assert_eq!(joiner.seen, [refused], "said once");
    host.endpoint.policy_mut().members.insert(joiner.key(), 1);
    run(&mut now, 3_000, &mut [&mut host, &mut joiner]);
    assert_eq!((host.ups(), joiner.ups()), (1, 1));
    talk(&mut now, &mut host, &mut joiner);
}

#[test]
fn whom_this_side_wants_needs_no_invite() {
    let (net, mut now) = (Net::default(), Time(0));
    let mut host = Peer::new(&net, 1, A, hello(), members(&[1]));
    let mut joiner = Peer::new(&net, 3, B, hello(), Policy::default());
    // The host's own attempts are lost; the joiner's are not.
    net.filter(|from, _, bytes| from != address(A) || ![0x80, 0x82].contains(&bytes[0]));
    host.endpoint.connect(now, joiner.key(), address(B), None).expect("room");
    joiner.endpoint.connect(now, host.key(), address(A), None).expect("room");
    run(&mut now, 20, &mut [&mut host, &mut joiner]);
    assert_eq!((host.ups(), joiner.ups()), (1, 1));
}

#[test]
fn the_entry_is_told_to_the_upper_side() {
    let (net, mut now) = (Net::default(), Time(0));
    let mut host = Peer::new(&net, 1, A, hello(), members(&[1]));
    let mut joiner = Peer::new(&net, 3, B, hello(), Policy::default());
    joiner.endpoint.connect(now, host.key(), address(A), Some(invite(1, true, 0))).expect("room");
    run(&mut now, 20, &mut [&mut host, &mut joiner]);
    let entry = |seen: &[Incoming]| match seen[..] {
        [Incoming::Up { key, address, role, invite, .. }] => (key, address, role, invite),
        ref other => panic!("{other:?}"),
    };
    assert_eq!(entry(&host.seen), (joiner.key(), address(B), 2, Some([5; 16])));
    assert_eq!(entry(&joiner.seen), (host.key(), address(A), 0, None));
}

#[test]
fn another_key_than_expected_gets_no_answer() {
    let (net, mut now) = (Net::default(), Time(0));
    let (mut a, mut b) = pair(&net);
    // At that address is B, not the peer that A wants.
    a.endpoint.connect(now, identity(7).key(), address(B), None).expect("room");
    run(&mut now, 11_000, &mut [&mut a, &mut b]);
    assert_eq!(a.seen, [Incoming::Down { key: identity(7).key(), why: Down::NoAnswer }]);
    assert!(b.seen.is_empty());
    assert!(b.endpoint.stats().rejected(netcode::transport::Reject::BadHello) > 0);
}

#[test]
fn a_restarted_peer_replaces_its_old_self() {
    let (net, mut now) = (Net::default(), Time(0));
    let (a, mut b) = connected(&net, &mut now);
    drop(a);
    for at in [A, "10.0.0.1:1001", "10.9.9.9:1"] {
        b.seen.clear();
        let mut a = Peer::new(&net, 1, at, hello(), members(&[1, 2]));
        a.endpoint.connect(now, b.key(), address(B), None).expect("room");
        run(&mut now, 20, &mut [&mut a, &mut b]);
        assert_eq!((a.ups(), b.ups()), (1, 1), "the restart is told");
        talk(&mut now, &mut a, &mut b);
        assert_eq!(b.endpoint.peers().collect::<Vec<_>>(), [(a.key(), address(at))]);
        run(&mut now, 4000, &mut [&mut a, &mut b]);
        assert_eq!(b.endpoint.sessions(), 1, "the old session is gone");
    }
}

#[test]
fn the_old_session_stays_until_the_new_one_is_proven() {
    let (net, mut now) = (Net::default(), Time(0));
    let (mut a, mut b) = connected(&net, &mut now);
    // A second process with A's key whose sealed datagrams never arrive: as a replay of its handshake would look.
    net.filter(|from, _, bytes| from != address("10.9.9.9:1") || bytes[0] & 0x80 != 0);
    let mut ghost = Peer::new(&net, 1, "10.9.9.9:1", hello(), members(&[1, 2]));
    ghost.endpoint.connect(now, b.key(), address(B), None).expect("room");
    run(&mut now, 20, &mut [&mut a, &mut b, &mut ghost]);
    assert_eq!(ghost.ups(), 1, "its handshake was answered");
    assert_eq!(b.endpoint.sessions(), 2, "and waits");
    talk(&mut now, &mut a, &mut b);
    assert_eq!(b.endpoint.peers().collect::<Vec<_>>(), [(a.key(), address(A))]);
}

#[test]
fn a_session_moves_with_its_peer() {
    let (net, mut now) = (Net::default(), Time(0));
    let (mut a, mut b) = connected(&net, &mut now);
    for at in ["10.0.0.1:7777", "192.168.1.1:1000", "[fd00::5]:9"] {
        a.address.set(address(at));
        a.endpoint.send(b.key(), b"from elsewhere");
        run(&mut now, 2, &mut [&mut a, &mut b]);
        talk(&mut now, &mut a, &mut b);
        assert_eq!(b.endpoint.peers().collect::<Vec<_>>(), [(a.key(), address(at))]);
        assert_eq!(b.ups(), 0, "nothing that the upper side must know");
    }
}

#[test]
fn a_late_datagram_does_not_move_it_back() {
    let (net, mut now) = (Net::default(), Time(0));
    let (mut a, mut b) = connected(&net, &mut now);
    a.endpoint.send(b.key(), b"late");
    a.endpoint.flush();
    let late = net.take(address(B));
    a.address.set(address("10.0.0.1:7777"));
    a.endpoint.send(b.key(), b"new");
    run(&mut now, 2, &mut [&mut a, &mut b]);
    late.iter().for_each(|(from, bytes)| net.inject(*from, address(B), bytes));
    run(&mut now, 2, &mut [&mut a, &mut b]);
    assert_eq!(b.data(), [b"new".to_vec(), b"late".to_vec()]);
    assert_eq!(b.endpoint.peers().collect::<Vec<_>>(), [(a.key(), address("10.0.0.1:7777"))]);
}

#[test]
fn of_a_simultaneous_opening_one_session_stays() {
    for delay in 0..40 {
        let (net, mut now) = (Net::default(), Time(0));
        let (mut a, mut b) = pair(&net);
        a.endpoint.connect(now, b.key(), address(B), None).expect("room");
        // `delay` half-steps, so that each order of the handshake's packets comes up.
        for step in 0..delay {
            now = now.plus(500);
            if step % 2 == 0 { a.poll(now) } else { b.poll(now) }
        }
        b.endpoint.connect(now, a.key(), address(A), None).expect("room");
        run(&mut now, 30, &mut [&mut a, &mut b]);
        assert_eq!((a.ups(), b.ups()), (1, 1), "delay {delay}");
        talk(&mut now, &mut a, &mut b);
        run(&mut now, 6000, &mut [&mut a, &mut b]);
        assert_eq!((a.endpoint.sessions(), b.endpoint.sessions()), (1, 1), "delay {delay}");
        talk(&mut now, &mut a, &mut b);
    }
}

#[test]
fn a_third_of_the_datagrams_lost_is_no_obstacle() {
    for seed in 1..50u64 {
        let (net, mut now) = (Net::default(), Time(0));
        let (mut a, mut b) = pair(&net);
        let mut state = seed;
        net.filter(move |_, _, _| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33 & 0xff > 85
        });
        a.endpoint.connect(now, b.key(), address(B), None).expect("room");
        b.endpoint.connect(now, a.key(), address(A), None).expect("room");
        run(&mut now, 20_000, &mut [&mut a, &mut b]);
        assert_eq!((a.ups(), b.ups()), (1, 1), "seed {seed}: {:?} {:?}", a.seen, b.seen);
        net.filter(|_, _, _| true);
        run(&mut now, 5_000, &mut [&mut a, &mut b]);
        talk(&mut now, &mut a, &mut b);
        assert_eq!((a.endpoint.sessions(), b.endpoint.sessions()), (1, 1), "seed {seed}");
    }
}

#[test]
fn silence_is_told_and_a_wanted_link_comes_back() {
    let (net, mut now) = (Net::default(), Time(0));
    let (mut a, mut b) = connected(&net, &mut now);
    net.filter(|_, _, _| false);
    a.seen.clear();
    b.seen.clear();
    run(&mut now, 12_000, &mut [&mut a, &mut b]);
    assert_eq!(a.seen, [Incoming::Down { key: b.key(), why: Down::Silent }]);
    assert_eq!(b.seen, [Incoming::Down { key: a.key(), why: Down::Silent }]);
    net.filter(|_, _, _| true);
    run(&mut now, 3_000, &mut [&mut a, &mut b]);
    assert_eq!((a.ups(), b.ups()), (1, 1));
    talk(&mut now, &mut a, &mut b);
}

#[test]
fn a_network_gone_for_five_seconds_ends_nothing() {
    let (net, mut now) = (Net::default(), Time(0));
    let (mut a, mut b) = connected(&net, &mut now);
    net.filter(|_, _, _| false);
    run(&mut now, 5_000, &mut [&mut a, &mut b]);
    net.filter(|_, _, _| true);
    run(&mut now, 3, &mut [&mut a, &mut b]);
    talk(&mut now, &mut a, &mut b);
    run(&mut now, 10_000, &mut [&mut a, &mut b]);
    talk(&mut now, &mut a, &mut b);
    assert_eq!((a.endpoint.sessions(), b.endpoint.sessions()), (1, 1));
}

#[test]
fn links_are_bounded() {
    let (net, mut now) = (Net::default(), Time(0));
    let mut host = Peer::new(&net, 1, A, hello(), members(&(1..=100).collect::<Vec<_>>()));
    let mut others: Vec<Peer> = (2..=100)
        .map(|seed| {
            let mut peer = Peer::new(&net, seed, &format!("10.1.{seed}.1:5"), hello(), Policy::default());
            peer.endpoint.connect(now, host.key(), address(A), None).expect("room");
            peer
        })
        .collect();
    let mut all: Vec<&mut Peer> = others.iter_mut().chain([&mut host]).collect();
    run(&mut now, 3_000, &mut all);
    let refused = |peer: &&Peer| matches!(peer.seen[..], [Incoming::Refused { reason: Refusal::Full, .. }]);
    assert_eq!((host.ups(), others.iter().filter(refused).count()), (80, 19));
}
