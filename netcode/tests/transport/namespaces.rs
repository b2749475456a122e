//! The namespaces of the other tests, themselves tested: each peer is a process with its own address, and where told so, all
//! traffic between peers goes through the relay.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use netcode::testnet::netns::{Net, Reach};
use netcode::testnet::relay::{Relay, RelayConfig};

const PORT: u16 = 7000;
const PEERS: usize = 3;
/// Tells this program to be a peer: the address to bind, and whom to send to, with commas.
const PEER: &str = "SPACETIME_TEST_PEER";

/// Not a test but, when started by the tests below, a peer: it sends for a second and prints who was heard. By itself it checks
/// that nobody asked it to.
#[test]
fn peer() {
    let Ok(addresses) = std::env::var(PEER) else { return };
    let mut addresses = addresses.split(',').map(|text| text.parse::<SocketAddr>().expect("an address"));
    let socket = UdpSocket::bind(addresses.next().expect("the own address")).expect("binds in its namespace");
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time above zero");
    let others: Vec<SocketAddr> = addresses.collect();
    let mut heard = BTreeSet::new();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(1) {
        others.iter().for_each(|other| drop(socket.send_to(b"here", other)));
        if let Ok((4, from)) = socket.recv_from(&mut [0; 16]) {
            heard.insert(from);
        }
    }
    heard.iter().for_each(|from| println!("\nheard {from}"));
}

fn start(net: &Net, i: usize, others: &[SocketAddr]) -> Child {
    let mut addresses = vec![SocketAddr::from((net.address(i), PORT)).to_string()];
    addresses.extend(others.iter().map(ToString::to_string));
    net.command(i, std::env::current_exe().expect("this program"))
        .args(["--exact", "namespaces::peer", "--nocapture"])
        .env(PEER, addresses.join(","))
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts in its namespace")
}

/// Whom each peer heard, if peer `i` sends to `others(i)`.
fn heard(net: &Net, others: impl Fn(usize) -> Vec<SocketAddr>) -> Vec<Vec<SocketAddr>> {
    let children: Vec<Child> = (0..PEERS).map(|i| start(net, i, &others(i))).collect();
    let listen = |child: Child| {
        let output = child.wait_with_output().expect("it ends by itself");
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).expect("plain text");
        text.lines().filter_map(|line| line.strip_prefix("heard ")?.parse().ok()).collect()
    };
    children.into_iter().map(listen).collect()
}

/// What `of` says of all but `i`.
fn all_but(i: usize, of: impl Fn(usize) -> SocketAddr) -> Vec<SocketAddr> {
    (0..PEERS).filter(|j| *j != i).map(of).collect()
}

#[test]
fn peers_reach_each_other_over_the_bridge() {
    let Some(net) = Net::up(PEERS, Reach::All) else { return };
    let real = |j| SocketAddr::from((net.address(j), PORT));
    let heard = heard(&net, |i| all_but(i, real));
    assert_eq!(heard, (0..PEERS).map(|i| all_but(i, real)).collect::<Vec<_>>());
}

#[test]
fn peers_reach_each_other_only_through_the_relay() {
    let Some(net) = Net::up(PEERS, Reach::Fronts) else { return };
    let real = |j| SocketAddr::from((net.address(j), PORT));
    let front = |j| SocketAddr::from((net.front(j), PORT));
    let config = RelayConfig { delay: Duration::from_millis(80), loss: 0.05, ..RelayConfig::default() };
    let pairs: Vec<_> = (0..PEERS).map(|j| (front(j), real(j))).collect();
    let relay = Relay::mesh_on(config, &pairs).expect("the fronts' addresses are on the bridge");
    // Each sends to the others' fronts and to the others themselves: only the first arrives, and from fronts.
    let heard = heard(&net, |i| [all_but(i, front), all_but(i, real)].concat());
    assert_eq!(heard, (0..PEERS).map(|i| all_but(i, front)).collect::<Vec<_>>());
    assert!(relay.stats().lost > 0);
}
