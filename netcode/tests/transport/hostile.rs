//! Forged, mutated, truncated and replayed datagrams against a live link: none reaches the upper side, nothing grows,
//! nothing panics, and the honest ones still arrive.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use crate::support::{Net, Peer, address, hello, members, run};
use netcode::netsim::Random;
use netcode::protocol::Time;
use netcode::testnet::forge::hostile;
use netcode::transport::Reject;

const A: &str = "10.0.0.1:1000";
const B: &str = "10.0.0.2:2000";
/// Growth of the process that is allowed, bytes. Single allocations of the test itself are part of it.
const GROWTH_MAX: u64 = 10 << 20;

fn some_address(random: &mut Random) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::from_bits(random.bits() as u32), random.bits() as u16))
}

/// Resident memory of this process, bytes; `None` where the system does not tell.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
}

#[test]
fn a_million_hostile_datagrams_reach_nobody() {
    let scale: u32 = std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let count = scale * (1_000_000 / 10);
    let (net, mut now, mut random) = (Net::default(), Time(0), Random::new(20_261_122, 0));
    let mut a = Peer::new(&net, 1, A, hello(), members(&[1, 2]));
    let mut b = Peer::new(&net, 2, B, hello(), members(&[1, 2]));
    let wire: Rc<RefCell<Vec<Vec<u8>>>> = Rc::default();
    let tap = wire.clone();
    net.filter(move |from, to, bytes| {
        let between_the_two = [from, to].iter().all(|end| [address(A), address(B)].contains(end));
        if between_the_two && tap.borrow().len() < 200 {
            tap.borrow_mut().push(bytes.to_vec());
        }
        true
    });
    a.endpoint.connect(now, b.key(), address(B), None).expect("room");
    run(&mut now, 20, &mut [&mut a, &mut b]);
    for i in 0..100u8 {
        a.endpoint.send(b.key(), &[i; 60]);
        b.endpoint.send(a.key(), &[i; 60]);
        run(&mut now, 1, &mut [&mut a, &mut b]);
    }
    run(&mut now, 2, &mut [&mut a, &mut b]);
    assert_eq!((a.data().len(), b.data().len()), (100, 100));
    // Everything on the wire was delivered; from here on it is a replay.
    net.filter(|_, _, _| true);
    let seen = wire.borrow().clone();
    let (before, passed, memory) = (b.seen.len(), b.endpoint.stats().passed_up, resident());

    let mut honest: Vec<Vec<u8>> = Vec::new();
    for i in 0..count {
        let from = if i % 4 == 0 { address(A) } else { some_address(&mut random) };
        net.inject(from, address(B), &hostile(&mut random, &seen));
        if i % 100 == 99 {
            honest.push(i.to_le_bytes().to_vec());
            a.endpoint.send(b.key(), &i.to_le_bytes());
            run(&mut now, 2, &mut [&mut a, &mut b]);
            net.forget(&[address(A), address(B)]);
        }
    }

    assert_eq!(b.data()[100..], honest, "the honest ones, each once, in order, and no other");
    assert_eq!(b.seen.len() - before, honest.len(), "no events either");
    assert_eq!(b.endpoint.stats().passed_up - passed, honest.len() as u64, "nor did laminar see one");
    assert_eq!(b.endpoint.peers().collect::<Vec<_>>(), [(a.key(), address(A))], "nor was the session moved");
    assert_eq!(b.endpoint.sessions(), 1);
    let stats = b.endpoint.stats();
    for why in Reject::ALL {
        println!("{why:?}: {}", stats.rejected(why));
    }
    for why in [Reject::Malformed, Reject::UnknownSession, Reject::Forged, Reject::Replayed, Reject::BadCookie] {
        assert!(stats.rejected(why) > u64::from(count) / 1000, "{why:?} was tried");
    }
    if let (Some(before), Some(after)) = (memory, resident()) {
        println!("{count} hostile datagrams; memory {before} -> {after} bytes");
        assert!(after.saturating_sub(before) < GROWTH_MAX, "{before} -> {after}");
    }
}
