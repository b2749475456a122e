//! What a rejected datagram costs, by kind: our own work, without system calls, as the network is in memory.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use crate::support::{Net, Peer, address, hello, identity, members, run};
use netcode::protocol::Time;
use netcode::transport::{Packet, Reject, mark, mark_key};

const A: &str = "10.0.0.1:1000";
const B: &str = "10.0.0.2:2000";
const COUNT: u32 = 20_000;
/// The target is 2 us in a release build on an idle core. This is ten times that, for a test build on a busy machine:
/// it still notices a curve operation (50 us), a table that is searched, or a connection made by laminar (1.2 ms).
const NS_MAX: f64 = 20_000.0;

/// Makes the datagram with this number.
type Make<'a> = Box<dyn Fn(u32) -> Vec<u8> + 'a>;

#[test]
fn rejecting_is_cheap() {
    let (net, mut now) = (Net::default(), Time(0));
    let mut a = Peer::new(&net, 1, A, hello(), members(&[1, 2]));
    let mut b = Peer::new(&net, 2, B, hello(), members(&[1, 2]));
    let last: Rc<RefCell<Vec<u8>>> = Rc::default();
    let tap = last.clone();
    a.endpoint.connect(now, b.key(), address(B), None).expect("room");
    run(&mut now, 20, &mut [&mut a, &mut b]);
    net.filter(move |_, to, bytes| {
        if to == address(B) {
            *tap.borrow_mut() = bytes.to_vec();
        }
        true
    });
    a.endpoint.send(b.key(), &[1; 76]);
    run(&mut now, 2, &mut [&mut a, &mut b]);
    net.filter(|_, _, _| true);
    let genuine = last.borrow().clone();
    assert_eq!(genuine.len(), 100);

    let wrong = mark_key(&identity(9).key());
    let numbered = |mut bytes: Vec<u8>, at: usize, i: u32| {
        bytes[at..at + 4].copy_from_slice(&i.to_be_bytes());
        bytes
    };
    let long = [&genuine[..], &[7; 1000]].concat();
    let kinds: [(&str, Reject, Make<'_>); 8] = [
        ("too short", Reject::Malformed, Box::new(|i| vec![i as u8 & 0x7f; 10])),
        ("unknown session", Reject::UnknownSession, Box::new(|i| numbered(vec![5; 100], 0, i))),
        ("forged, 100 bytes", Reject::Forged, Box::new(|i| numbered(genuine.clone(), 4, 1000 + i))),
        ("forged, 1100 bytes", Reject::Forged, Box::new(|i| numbered(long.clone(), 4, 1000 + i))),
        ("replayed", Reject::Replayed, Box::new(|_| genuine.clone())),
        (
            "hello of a stranger",
            Reject::BadHello,
            Box::new(|i| Packet::Hello { index: i, echo: [1; 8], mark: mark(&wrong, i, &[1; 8]) }.to_bytes()),
        ),
        (
            "start without its cookie",
            Reject::BadCookie,
            Box::new(|i| Packet::Start { index: i, cookie: [1; 16], noise: &[2; 197] }.to_bytes()),
        ),
        (
            "answer that nobody waits for",
            Reject::Unasked,
            Box::new(|i| Packet::Answer { index: i, noise: &[3; 93] }.to_bytes()),
        ),
    ];
    for (name, why, make) in &kinds {
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let before = b.endpoint.stats().rejected(*why);
            (0..COUNT / 10).for_each(|i| net.inject(address("77.1.2.3:4"), address(B), &make(i)));
            let start = Instant::now();
            // One poll reads 2,048 datagrams, so the first reads them all.
            b.poll(now);
            assert_eq!(b.endpoint.stats().rejected(*why) - before, u64::from(COUNT / 10), "{name}");
            best = best.min(start.elapsed().as_nanos() as f64 / f64::from(COUNT / 10));
        }
        println!("{name}: {best:.0} ns");
        assert!(best < NS_MAX, "{name}: {best} ns");
    }
    assert_eq!(b.data(), [vec![1; 76]]);
    b.seen.clear();

    // For comparison, an accepted one: sealed, through laminar on both sides, opened.
    let best = (0..5).map(|_| accepted(&mut a, &mut b, now)).fold(f64::INFINITY, f64::min);
    println!("sent and accepted, both ends together: {best:.0} ns");
    assert_eq!(b.data().len(), 5 * COUNT as usize / 10);
}

fn accepted(a: &mut Peer, b: &mut Peer, now: Time) -> f64 {
    let start = Instant::now();
    for _ in 0..COUNT / 100 {
        (0..10).for_each(|_| assert!(a.endpoint.send(b.key(), &[1; 55])));
        a.endpoint.flush();
        b.poll(now);
    }
    start.elapsed().as_nanos() as f64 / f64::from(COUNT / 10)
}
