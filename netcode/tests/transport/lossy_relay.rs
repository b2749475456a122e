//! The lossy network of the other tests, itself tested with plain sockets: delays, losses, both directions, pauses and
//! what it costs.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use netcode::testnet::relay::{Relay, RelayConfig};

const MS: Duration = Duration::from_millis(1);

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    socket.set_read_timeout(Some(500 * MS)).expect("a time above zero");
    socket
}

fn address(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("it is bound")
}

/// The next datagram, and where it came from; nothing after half a second without.
fn receive(socket: &UdpSocket) -> Option<(u64, SocketAddr)> {
    let mut buffer = [0; 8];
    let (length, from) = socket.recv_from(&mut buffer).ok()?;
    assert_eq!(length, 8);
    Some((u64::from_le_bytes(buffer), from))
}

fn send(socket: &UdpSocket, number: u64, to: SocketAddr) {
    socket.send_to(&number.to_le_bytes(), to).expect("the loopback interface takes it");
}

/// Waits for a point in time, on a socket that nobody knows.
fn wait_until(at: Instant) {
    while Instant::now() < at {
        std::thread::park_timeout(at - Instant::now());
    }
}

/// Sends `count` datagrams 1 ms apart. Answers the delay of each that arrived, in milliseconds, in the order of arrival,
/// with its number.
fn flow(from: &UdpSocket, to: &UdpSocket, front: SocketAddr, expected: SocketAddr, count: u64) -> Vec<(u64, f64)> {
    let begin = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..count {
                wait_until(begin + MS * number as u32);
                send(from, begin.elapsed().as_nanos() as u64 / 1000 * 10_000 + number, front);
            }
        });
        let mut arrivals = Vec::new();
        while let Some((word, source)) = receive(to) {
            assert_eq!(source, expected, "it must come from the sender's front");
            arrivals.push((word % 10_000, begin.elapsed().as_secs_f64() * 1e3 - (word / 10_000) as f64 / 1e3));
        }
        arrivals
    })
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / values.count().max(1) as f64
}

#[test]
fn delays_are_uniform_and_losses_as_many_as_said() {
    let config = RelayConfig { delay: 40 * MS, jitter: 20 * MS, loss: 0.05, seed: 1, ..RelayConfig::default() };
    let (a, b) = (socket(), socket());
    let relay = Relay::mesh(config, &[address(&a), address(&b)]).expect("binds");
    for (from, to, [i, j]) in [(&a, &b, [0, 1]), (&b, &a, [1, 0])] {
        let arrivals = flow(from, to, relay.front(j), relay.front(i), 2000);
        let lost = 1.0 - arrivals.len() as f64 / 2000.0;
        let mut delays: Vec<f64> = arrivals.iter().map(|(_, ms)| *ms).collect();
        delays.sort_by(f64::total_cmp);
        let at = |share: f64| delays[(share * (delays.len() - 1) as f64) as usize];
        println!(
            "lost {:.1} %, delay {:.2} / {:.2} / {:.2} / {:.2} / {:.2} ms (least, quarter, half, three quarters, most)",
            lost * 100.0,
            at(0.0),
            at(0.25),
            at(0.5),
            at(0.75),
            at(1.0)
        );
        assert!((0.03..0.07).contains(&lost), "{lost}");
        assert!(at(0.0) >= 20.0 && at(0.99) < 64.0);
        for (share, ms) in [(0.25, 30.0), (0.5, 40.0), (0.75, 50.0)] {
            assert!((at(share) - ms).abs() < 3.0, "{share}: {} ms", at(share));
        }
        assert!(arrivals.windows(2).any(|pair| pair[1].0 < pair[0].0), "jitter must reorder");
    }
    let stats = relay.stats();
    assert_eq!(stats.received, 4000);
    assert_eq!(stats.forwarded + stats.lost, 4000);
    assert_eq!(stats.dropped, 0);
}

#[test]
fn a_seed_loses_the_same_datagrams_again() {
    let run = |seed| {
        let (a, b) = (socket(), socket());
        let config = RelayConfig { loss: 0.3, seed, ..RelayConfig::default() };
        let relay = Relay::mesh(config, &[address(&a), address(&b)]).expect("binds");
        let mut numbers: Vec<u64> =
            flow(&a, &b, relay.front(1), relay.front(0), 200).into_iter().map(|(number, _)| number).collect();
        numbers.sort_unstable();
        numbers
    };
    let first = run(7);
    assert_eq!(first, run(7));
    assert_ne!(first, run(8));
}

#[test]
fn without_jitter_the_delay_is_exact() {
    let (a, b) = (socket(), socket());
    let config = RelayConfig { delay: 30 * MS, ..RelayConfig::default() };
    let relay = Relay::mesh(config, &[address(&a), address(&b)]).expect("binds");
    let arrivals = flow(&a, &b, relay.front(1), relay.front(0), 1000);
    assert_eq!(arrivals.len(), 1000);
    let mean = mean(arrivals.iter().map(|(_, ms)| *ms));
    let late = arrivals.iter().filter(|(_, ms)| *ms > 32.0).count();
    println!("30 ms took {mean:.2} ms on average; {late} of 1000 took over 32 ms; {:?}", relay.stats());
    assert!((30.0..36.0).contains(&mean), "{mean}");
}

#[test]
fn strangers_get_a_front_and_answers_find_them() {
    let (server, client, other) = (socket(), socket(), socket());
    let relay = Relay::start(RelayConfig::default(), address(&server)).expect("binds");
    send(&client, 1, relay.front(0));
    let (number, client_front) = receive(&server).expect("arrives");
    assert!(number == 1 && client_front != address(&client));
    send(&other, 2, relay.front(0));
    let (_, other_front) = receive(&server).expect("arrives");
    assert_ne!(other_front, client_front);
    send(&server, 3, client_front);
    assert_eq!(receive(&client), Some((3, relay.front(0))));
    // Both strangers can reach each other by what the server saw.
    send(&client, 4, other_front);
    assert_eq!(receive(&other), Some((4, client_front)));
}

#[test]
fn pauses_and_cuts_drop_everything() {
    let (a, b) = (socket(), socket());
    let config = RelayConfig { delay: 50 * MS, ..RelayConfig::default() };
    let relay = Relay::mesh(config, &[address(&a), address(&b)]).expect("binds");
    send(&a, 1, relay.front(1));
    assert_eq!(receive(&b), Some((1, relay.front(0))));

    send(&a, 2, relay.front(1));
    while relay.stats().received < 2 {}
    relay.pause(); // with the second under way
    send(&a, 3, relay.front(1));
    while relay.stats().received < 3 {}
    relay.resume();
    assert_eq!(receive(&b), None);

    relay.cut(0, 1, true);
    send(&a, 4, relay.front(1));
    send(&b, 5, relay.front(0));
    assert_eq!(receive(&a), Some((5, relay.front(1))));
    assert_eq!(receive(&b), None);
    relay.cut(0, 1, false);
    send(&a, 6, relay.front(1));
    assert_eq!(receive(&b), Some((6, relay.front(0))));
    assert_eq!(relay.stats().dropped, 3);

    relay.set(RelayConfig { twice: 1.0, ..RelayConfig::default() });
    send(&a, 7, relay.front(1));
    assert_eq!([receive(&b), receive(&b)], [Some((7, relay.front(0))); 2]);
}

/// 16 peers that send 30 datagrams/s to each other: 7,200 in a second.
#[test]
fn sixteen_peers_cost_a_part_of_a_core() {
    const PEERS: usize = 16;
    const ROUNDS: u32 = 60;
    let sockets: Vec<UdpSocket> = (0..PEERS).map(|_| socket()).collect();
    let real: Vec<SocketAddr> = sockets.iter().map(address).collect();
    let config = RelayConfig { delay: 80 * MS, jitter: 20 * MS, loss: 0.05, seed: 2, ..RelayConfig::default() };
    let relay = Relay::mesh(config, &real).expect("binds");
    let idle_begin = (Instant::now(), relay.stats().cpu);
    wait_until(idle_begin.0 + 300 * MS);
    let idle = (relay.stats().cpu - idle_begin.1).as_secs_f64() / idle_begin.0.elapsed().as_secs_f64();

    let before = relay.stats();
    let begin = Instant::now();
    let arrived: u64 = std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                for (i, from) in sockets.iter().enumerate() {
                    wait_until(begin + MS * (round * 1000 / 30 + i as u32 * 2));
                    let others = (0..PEERS).filter(|j| *j != i);
                    others.for_each(|j| drop(from.send_to(&[0; 100], relay.front(j))));
                }
            }
        });
        let readers = sockets.iter().map(|socket| {
            scope.spawn(move || {
                let mut buffer = [0; 200];
                (0..).take_while(|_| socket.recv_from(&mut buffer).is_ok()).count() as u64
            })
        });
        readers.collect::<Vec<_>>().into_iter().map(|reader| reader.join().expect("does not panic")).sum()
    });
    let after = relay.stats();
    let packets = after.received - before.received;
    let cpu_us = (after.cpu - before.cpu).as_secs_f64() * 1e6;
    println!(
        "{packets} datagrams, {:.1} us each, {:.1} % of a core at 7,200/s, {:.2} % idle, latest {:?}",
        cpu_us / packets as f64,
        cpu_us / packets as f64 * 7200.0 / 1e4,
        idle * 100.0,
        after.late_max,
    );
    assert_eq!(packets, u64::from(ROUNDS) * (PEERS * (PEERS - 1)) as u64);
    assert_eq!(arrived, after.forwarded, "nothing is lost but by chance");
    assert!(cpu_us / (packets as f64) < 50.0);
}
