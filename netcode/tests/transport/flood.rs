//! Ten thousand sources that all want a handshake: tables stay bounded and honest peers get in.

use std::net::SocketAddr;

use crate::support::{FakeWire, Net, Peer, address, hello, identity, members, run};
use netcode::protocol::Time;
use netcode::transport::{Initiation, Introduction, Packet, Policy, Reject, mark, mark_key};

const HOST: &str = "10.0.0.1:1000";
const SOURCES: u32 = 10_000;

fn source(i: u32) -> SocketAddr {
    // Each in a prefix of its own.
    address(&format!("{}.{}.{}.7:{}", 20 + i / 65_536, i / 256 % 256, i % 256, 1000 + i % 50_000))
}

fn host(net: &Net) -> Peer {
    Peer::new(net, 1, HOST, hello(), members(&[1, 2, 3]))
}

fn assert_bounded(host: &Peer) {
    assert!(host.endpoint.sessions() <= 34, "{} sessions", host.endpoint.sessions());
    assert!(host.endpoint.handshakes_remembered() <= 8192);
}

/// Strangers who do not know the host's key cost a hash each, and a newcomer does not notice them.
#[test]
fn strangers_get_no_answer_and_keep_nobody_out() {
    let (net, mut now) = (Net::default(), Time(0));
    let mut host = host(&net);
    let mut honest = Peer::new(&net, 2, "10.0.0.2:1", hello(), Policy::default());
    honest.endpoint.connect(now, host.key(), address(HOST), None).expect("room");
    let wrong = mark_key(&identity(77).key());
    for i in 0..SOURCES {
        let echo = u64::from(i).to_le_bytes();
        net.inject(
            source(i),
            address(HOST),
            &Packet::Hello { index: i, echo, mark: mark(&wrong, i, &echo) }.to_bytes(),
        );
        let start = Packet::Start { index: i, cookie: [i as u8; 16], noise: &[i as u8; 197] }.to_bytes();
        net.inject(source(i), address(HOST), &start);
        if i % 10 == 9 {
            run(&mut now, 1, &mut [&mut host, &mut honest]);
            assert_bounded(&host);
        }
        if i == 999 {
            assert_eq!((host.ups(), honest.ups()), (1, 1), "while the flood goes on");
        }
    }
    run(&mut now, 10, &mut [&mut host]);
    let stats = host.endpoint.stats();
    assert_eq!(stats.rejected(Reject::BadHello), u64::from(SOURCES));
    assert_eq!(stats.rejected(Reject::BadCookie), u64::from(SOURCES));
    assert_eq!(stats.handshakes_computed, 1, "the honest one");
    assert!((0..SOURCES).all(|i| net.take(source(i)).is_empty()), "not one byte went back");
}

/// The worst case: ten thousand real addresses, each knows the host's key and shows its cookie. The ration holds, a
/// peer from a familiar address gets in at once, and a newcomer when the flood is over.
#[test]
fn real_addresses_are_rationed() {
    let (net, mut now) = (Net::default(), Time(0));
    let mut host = host(&net);
    let mut member = Peer::new(&net, 2, "10.0.0.2:1", hello(), Policy::default());
    member.endpoint.connect(now, host.key(), address(HOST), None).expect("room");
    run(&mut now, 20, &mut [&mut host, &mut member]);
    assert_eq!(host.ups(), 1);
    let mut newcomer = Peer::new(&net, 3, "99.0.0.3:1", hello(), Policy::default());
    let began = now;
    for i in 0..SOURCES {
        knock(&net, &mut host, now, i);
        if i == 5_000 {
            // The member's process dies and comes back on another port, and somebody new wants to come in.
            member = Peer::new(&net, 2, "10.0.0.2:2", hello(), Policy::default());
            member.endpoint.connect(now, host.key(), address(HOST), None).expect("room");
            newcomer.endpoint.connect(now, host.key(), address(HOST), None).expect("room");
        }
        if i % 2 == 1 {
            run(&mut now, 1, &mut [&mut host, &mut member, &mut newcomer]);
            assert_bounded(&host);
        }
        if i == 6_000 {
            assert_eq!(member.ups(), 1, "back within half a second, while the flood goes on");
        }
    }
    let seconds = now.since(began) / 1_000_000;
    let computed = host.endpoint.stats().handshakes_computed;
    println!("{SOURCES} sources in {seconds} s: {computed} handshakes computed");
    assert!(computed <= 1 + 2 * 128 + 128 * (seconds + 1), "{computed} computed in {seconds} s");
    assert!(host.endpoint.stats().rejected(Reject::HandshakeRation) > u64::from(SOURCES) / 2);
    run(&mut now, 5_000, &mut [&mut host, &mut member, &mut newcomer]);
    assert_eq!((host.ups(), newcomer.ups()), (3, 1));
    assert_eq!(host.endpoint.sessions(), 2);
}

/// A whole handshake's worth of a source with a key that nobody invited.
fn knock(net: &Net, host: &mut Peer, now: Time, i: u32) {
    let from = source(i);
    let mut initiation = Initiation::new(&host.key(), i, u64::from(i).to_le_bytes()).expect("a key");
    net.inject(from, address(HOST), initiation.packet());
    host.poll(now);
    let replies = net.take(from);
    let Some(Packet::Cookie { echo, cookie, .. }) = replies.first().and_then(|(_, bytes)| Packet::parse(bytes)) else {
        panic!("no cookie for source {i}");
    };
    let stranger = identity(200);
    let introduction = Introduction { life: 1, hello: hello(), key: stranger.key(), invite: None };
    // Every tenth is a sound handshake; the others only look like one, which is all the same to the ration.
    if i.is_multiple_of(10) {
        assert!(initiation.on_cookie(&stranger.noise_secret(), &introduction, &echo, &cookie));
        net.inject(from, address(HOST), initiation.packet());
    } else {
        let mut noise = [0; 197];
        noise[..4].copy_from_slice(&i.to_le_bytes());
        net.inject(from, address(HOST), &Packet::Start { index: i, cookie, noise: &noise }.to_bytes());
    }
}

/// A recorded handshake is worth nothing: neither repeated from its own address nor from another.
#[test]
fn a_recorded_start_is_not_computed_again() {
    let (net, mut now) = (Net::default(), Time(0));
    let mut host = host(&net);
    let wire = FakeWire { net: net.clone(), address: std::rc::Rc::new(std::cell::Cell::new(address("10.0.0.2:1"))) };
    let from = wire.address.get();
    let mut initiation = Initiation::new(&host.key(), 5, [6; 8]).expect("a key");
    net.inject(from, address(HOST), initiation.packet());
    run(&mut now, 1, &mut [&mut host]);
    let reply = net.take(from).remove(0).1;
    let Some(Packet::Cookie { echo, cookie, .. }) = Packet::parse(&reply) else { panic!("no cookie") };
    let member = identity(2);
    let introduction = Introduction { life: 1, hello: hello(), key: member.key(), invite: None };
    assert!(initiation.on_cookie(&member.noise_secret(), &introduction, &echo, &cookie));
    let start = initiation.packet().to_vec();
    for _ in 0..100 {
        net.inject(from, address(HOST), &start);
        net.inject(address("66.6.6.6:6"), address(HOST), &start);
        run(&mut now, 1, &mut [&mut host]);
    }
    let stats = host.endpoint.stats();
    assert_eq!(stats.handshakes_computed, 1);
    assert_eq!(stats.rejected(Reject::RepeatedHandshake), 99);
    assert_eq!(stats.rejected(Reject::BadCookie), 100);
    assert_eq!((host.endpoint.sessions(), host.ups()), (1, 0), "half-open, and nobody came in");
    assert!(net.take(address("66.6.6.6:6")).is_empty(), "no answer elsewhere");
    let answers = net.take(from);
    assert!(answers.len() == 100 && answers.iter().all(|(_, bytes)| *bytes == answers[0].1), "one answer, repeated");
    run(&mut now, 30_000, &mut [&mut host]);
    net.inject(from, address(HOST), &start);
    run(&mut now, 1, &mut [&mut host]);
    assert_eq!(host.endpoint.stats().rejected(Reject::BadCookie), 101, "its cookie is too old by then");
    assert_eq!(host.endpoint.sessions(), 0);
}
