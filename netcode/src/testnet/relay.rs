//! A network that delays, reorders and loses, for tests with real sockets: a relay in this process that UDP peers talk
//! through. Each peer has one front: the address by which the others know it. What a peer sends to another's front comes
//! out of its own front, so both directions look like ordinary traffic, and answers find their way back. Must never
//! keep a datagram's order, which a network does not either, nor cost so much that it disturbs what is measured.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::netsim::Random;

/// How often sockets are looked at: what arrives is seen half of this late, on average.
const LOOK: Duration = Duration::from_micros(400);
/// The same after [`IDLE`] without a datagram.
const LOOK_IDLE: Duration = Duration::from_millis(2);
const IDLE: Duration = Duration::from_millis(200);
/// Most datagrams read from one socket before the next one's turn.
const BATCH: usize = 64;
/// Most peers, those included that were not announced.
const PEERS_MAX: usize = 256;
/// Longest queue before a narrow line; what comes then is dropped.
const QUEUE_MAX: Duration = Duration::from_millis(200);
/// What IP and UDP add to a payload.
const HEADERS_BYTES: usize = 28;
/// Most datagrams under way.
const UNDER_WAY_MAX: usize = 100_000;

/// What happens to a datagram on its way, in each direction.
#[derive(Clone, Copy, Debug)]
pub struct RelayConfig {
    /// Mean one-way delay.
    pub delay: Duration,
    /// The delay is uniform within this much of its mean.
    pub jitter: Duration,
    /// Probability of loss, 0 to 1.
    pub loss: f64,
    /// Probability of arriving twice, 0 to 1.
    pub twice: f64,
    /// What each peer's line to the network carries in each direction, bits per second; 0: no limit.
    pub bits_per_s: u64,
    /// Decides each link's losses and delays: datagram by datagram the same for the same seed.
    pub seed: u64,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self { delay: Duration::ZERO, jitter: Duration::ZERO, loss: 0.0, twice: 0.0, bits_per_s: 0, seed: 0 }
    }
}

/// What the relay has done so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct RelayStats {
    /// Datagrams taken in.
    pub received: u64,
    /// Datagrams passed on.
    pub forwarded: u64,
    /// Datagrams lost at random.
    pub lost: u64,
    /// Datagrams dropped because of a pause, a cut, or a full table.
    pub dropped: u64,
    /// Bytes taken in.
    pub bytes: u64,
    /// Processor time of the relay's thread.
    pub cpu: Duration,
    /// Longest time that a datagram was sent later than it should.
    pub late_max: Duration,
}

/// A datagram as it was seen on its way: number of the sender, number of the receiver, payload.
pub type Seen = (usize, usize, Vec<u8>);

enum Command {
    Watch(usize),
    Seen(Sender<Vec<Seen>>),
    Config(RelayConfig),
    Pause(bool),
    Cut { from: usize, to: usize, cut: bool },
    Stats(Sender<RelayStats>),
    Stop,
}

/// A running relay; ends when dropped.
#[derive(Debug)]
pub struct Relay {
    fronts: Vec<SocketAddr>,
    sockets: Vec<UdpSocket>,
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// A relay in front of one peer: others reach `real` under [`Relay::front`]`(0)`. Each of them gets a front
    /// of its own when its first datagram comes.
    pub fn start(config: RelayConfig, real: SocketAddr) -> io::Result<Self> {
        Self::mesh(config, &[real])
    }

    /// A relay between all of `real`: peer `j` is known to the others as [`Relay::front`]`(j)`, an address on the loopback
    /// interface. Senders that are not among `real` get a front when their first datagram comes.
    pub fn mesh(config: RelayConfig, real: &[SocketAddr]) -> io::Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::mesh_on(config, &real.iter().map(|real| (any, *real)).collect::<Vec<_>>())
    }

    /// The same, with the addresses that the fronts are bound to: pairs of front and real address.
    pub fn mesh_on(config: RelayConfig, peers: &[(SocketAddr, SocketAddr)]) -> io::Result<Self> {
        let mut engine = Engine::new(config);
        for (front, real) in peers {
            engine.add(*front, *real)?;
        }
        let fronts = engine.peers.iter().map(|peer| peer.front.local_addr()).collect::<io::Result<_>>()?;
        let sockets = engine.peers.iter().map(|peer| peer.front.try_clone()).collect::<io::Result<_>>()?;
        let (commands, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new().name("relay".into()).spawn(move || engine.run(&inbox))?;
        Ok(Self { fronts, sockets, commands, thread: Some(thread) })
    }

    /// The address by which the others know peer `j`.
    pub fn front(&self, j: usize) -> SocketAddr {
        self.fronts[j]
    }

    /// The socket that the others' datagrams for peer `j` come to, and that its own come out of: who sends with it is taken
    /// for peer `j`.
    pub fn socket(&self, j: usize) -> &UdpSocket {
        &self.sockets[j]
    }

    /// Keeps copies of the next `count` datagrams that are passed on.
    pub fn watch(&self, count: usize) {
        self.command(Command::Watch(count));
    }

    /// What was kept since [`Relay::watch`].
    pub fn seen(&self) -> Vec<Seen> {
        let (answer, seen) = mpsc::channel();
        self.commands.send(Command::Seen(answer)).expect("the relay's thread lives as long as its owner");
        seen.recv().expect("the relay's thread lives as long as its owner")
    }

    /// Other delays and losses from now on; the seed starts anew.
    pub fn set(&self, config: RelayConfig) {
        self.command(Command::Config(config));
    }

    /// Drops everything, what is under way included, until [`Relay::resume`]: as if the relay were dead.
    pub fn pause(&self) {
        self.command(Command::Pause(true));
    }

    /// Ends a pause.
    pub fn resume(&self) {
        self.command(Command::Pause(false));
    }

    /// Drops (or not any more) what peer `from` sends to peer `to`; not the other direction.
    pub fn cut(&self, from: usize, to: usize, cut: bool) {
        self.command(Command::Cut { from, to, cut });
    }

    /// What has been done so far.
    pub fn stats(&self) -> RelayStats {
        let (answer, stats) = mpsc::channel();
        self.commands.send(Command::Stats(answer)).expect("the relay's thread lives as long as its owner");
        stats.recv().expect("the relay's thread lives as long as its owner")
    }

    /// Returns once it is done.
    fn command(&self, command: Command) {
        self.commands.send(command).expect("the relay's thread lives as long as its owner");
        self.stats();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Peer {
    front: UdpSocket,
    real: SocketAddr,
    /// Until when its line is busy, from it and to it.
    busy: [Instant; 2],
}

/// One direction between two peers.
struct Line {
    random: Random,
    cut: bool,
}

/// A datagram under way; ordered by when it is due.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Datagram {
    due: Instant,
    /// Whether it has passed the receiver's own line.
    passed: bool,
    number: u64,
    from: usize,
    to: usize,
    bytes: Vec<u8>,
}

struct Engine {
    config: RelayConfig,
    peers: Vec<Peer>,
    by_real: BTreeMap<SocketAddr, usize>,
    lines: BTreeMap<(usize, usize), Line>,
    under_way: BinaryHeap<Reverse<Datagram>>,
    paused: bool,
    watched: usize,
    seen: Vec<Seen>,
    stats: RelayStats,
}

impl Engine {
    fn new(config: RelayConfig) -> Self {
        Self {
            config,
            peers: Vec::new(),
            by_real: BTreeMap::new(),
            lines: BTreeMap::new(),
            under_way: BinaryHeap::new(),
            paused: false,
            watched: 0,
            seen: Vec::new(),
            stats: RelayStats::default(),
        }
    }

    fn add(&mut self, front: SocketAddr, real: SocketAddr) -> io::Result<usize> {
        let front = UdpSocket::bind(front)?;
        front.set_nonblocking(true)?;
        self.peers.push(Peer { front, real, busy: [Instant::now(); 2] });
        self.by_real.insert(real, self.peers.len() - 1);
        Ok(self.peers.len() - 1)
    }

    fn run(mut self, inbox: &Receiver<Command>) {
        let mut buffer = vec![0; 1 << 16];
        let mut heard = Instant::now();
        loop {
            let received = self.stats.received;
            for to in 0..self.peers.len() {
                self.take(to, &mut buffer);
            }
            let now = Instant::now();
            if self.stats.received > received {
                heard = now;
            }
            self.pass_on(now);
            let look = if now - heard < IDLE { LOOK } else { LOOK_IDLE };
            let due = self.under_way.peek().map_or(look, |Reverse(next)| next.due.saturating_duration_since(now));
            match inbox.recv_timeout(due.min(look)) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(command) => self.obey(command),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Watch(count) => (self.watched, self.seen) = (count, Vec::new()),
            Command::Seen(answer) => drop(answer.send(self.seen.clone())),
            Command::Config(config) => {
                self.config = config;
                let seed = config.seed;
                self.lines.iter_mut().for_each(|(pair, line)| line.random = random_of(seed, *pair));
            }
            Command::Pause(paused) => {
                self.paused = paused;
                self.stats.dropped += self.under_way.len() as u64;
                self.under_way.clear();
            }
            Command::Cut { from, to, cut } => self.line(from, to).cut = cut,
            Command::Stats(answer) => {
                self.stats.cpu = thread_cpu();
                let _ = answer.send(self.stats);
            }
            Command::Stop => {}
        }
    }

    fn line(&mut self, from: usize, to: usize) -> &mut Line {
        let random = random_of(self.config.seed, (from, to));
        self.lines.entry((from, to)).or_insert(Line { random, cut: false })
    }

    /// Reads what has come to the front of peer `to`.
    fn take(&mut self, to: usize, buffer: &mut [u8]) {
        for _ in 0..BATCH {
            let Ok((length, source)) = self.peers[to].front.recv_from(buffer) else { return };
            self.stats.received += 1;
            self.stats.bytes += length as u64;
            let from = self.by_real.get(&source).copied().or_else(|| self.add_unknown(to, source));
            match from {
                Some(from) if !self.paused && !self.line(from, to).cut => self.schedule(from, to, &buffer[..length]),
                _ => self.stats.dropped += 1,
            }
        }
    }

    /// A front for a sender that nobody announced, on the interface of the one it wrote to.
    fn add_unknown(&mut self, to: usize, source: SocketAddr) -> Option<usize> {
        if self.peers.len() >= PEERS_MAX {
            return None;
        }
        let local = self.peers[to].front.local_addr().ok()?;
        self.add(SocketAddr::new(local.ip(), 0), source).ok()
    }

    fn schedule(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let config = self.config;
        let line = self.line(from, to);
        let lost = line.random.unit() < config.loss;
        let copies = 1 + usize::from(line.random.unit() < config.twice);
        let shares = [line.random.unit(), line.random.unit()];
        if lost {
            self.stats.lost += 1;
            return;
        }
        let Some(sent) = self.occupy(from, 0, Instant::now(), bytes.len()) else { return };
        for share in &shares[..copies] {
            if self.under_way.len() >= UNDER_WAY_MAX {
                self.stats.dropped += 1;
                return;
            }
            let delay = (config.delay + config.jitter.mul_f64(2.0 * share)).saturating_sub(config.jitter);
            let number = self.stats.received;
            let (due, passed, bytes) = (sent + delay, config.bits_per_s == 0, bytes.to_vec());
            self.under_way.push(Reverse(Datagram { due, passed, number, from, to, bytes }));
        }
    }

    /// Until when a peer's line is busy with a datagram that comes to it at this time; none if too many wait there.
    fn occupy(&mut self, peer: usize, direction: usize, at: Instant, bytes: usize) -> Option<Instant> {
        if self.config.bits_per_s == 0 {
            return Some(at);
        }
        let busy = &mut self.peers[peer].busy[direction];
        if *busy > at + QUEUE_MAX {
            self.stats.dropped += 1;
            return None;
        }
        let bits = (bytes + HEADERS_BYTES) as f64 * 8.0;
        *busy = at.max(*busy) + Duration::from_secs_f64(bits / self.config.bits_per_s as f64);
        Some(*busy)
    }

    /// Sends what is due.
    fn pass_on(&mut self, now: Instant) {
        while self.under_way.peek().is_some_and(|Reverse(next)| next.due <= now) {
            let Some(Reverse(mut datagram)) = self.under_way.pop() else { return };
            if !datagram.passed {
                let Some(due) = self.occupy(datagram.to, 1, datagram.due, datagram.bytes.len()) else { continue };
                (datagram.due, datagram.passed) = (due, true);
                self.under_way.push(Reverse(datagram));
                continue;
            }
            self.stats.late_max = self.stats.late_max.max(now - datagram.due);
            let sent = self.peers[datagram.from].front.send_to(&datagram.bytes, self.peers[datagram.to].real);
            if sent.is_ok() {
                self.stats.forwarded += 1;
                if self.seen.len() < self.watched {
                    self.seen.push((datagram.from, datagram.to, datagram.bytes));
                }
            } else {
                self.stats.dropped += 1;
            }
        }
    }
}

fn random_of(seed: u64, (from, to): (usize, usize)) -> Random {
    Random::new(seed, (from as u64) << 32 | to as u64)
}

/// Processor time of the calling thread, as Linux counts it; zero elsewhere.
fn thread_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = text.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
    Duration::from_nanos(ns)
}
