//! Peers around a table: the core of each, a link between each two, virtual time, and a check at every confirmed turn
//! that all of them have the same log.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use netcode::netsim::Random;
use netcode::protocol::{
    Admission, Config, Core, Effect, Event, Founder, Genesis, Hash, PeerKey, Player, Rules, SessionId, Status, Time,
    Turn, Wish, wire::Datagram,
};

/// A way from one peer to another.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub delay_us: u64,
    pub jitter_us: u64,
    pub loss: f64,
}

/// What a run has come to.
#[derive(Clone, Debug)]
pub struct Report {
    pub confirmed: u64,
    pub members: usize,
    /// Share of turns that came late, of the worst peer.
    pub stalled: f64,
    pub delay: u32,
    pub bytes_per_turn_and_link: f64,
    /// Median from submission to execution at another peer.
    pub execution_ms_p50: u64,
    pub epoch: u32,
}

type Input = Vec<u8>;
/// A datagram on its way: when it arrives, its number, from which seat to which, its bytes.
type Flying = (u64, u64, usize, usize, Vec<u8>);

struct Seat {
    config: Config,
    core: Option<Core<Input>>,
    digest: u64,
    history: Vec<u64>,
    lives: u64,
    /// What a turn costs, microseconds, and whether the core is told.
    cost_us: u64,
    honest: bool,
    /// Until when it steps its world and does nothing else, and what came meanwhile.
    busy_until: u64,
    inbox: Vec<(usize, Vec<u8>)>,
    /// Which session it is in: others hear nothing of it.
    session: u64,
}

/// What happens on the way from one seat to another: the datagram as it arrives, if it does.
pub type Tamper = Box<dyn FnMut(usize, usize, Datagram) -> Option<Datagram>>;

/// A state that a seat was asked to compare with its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    pub seat: usize,
    pub with: Player,
    pub turn: Turn,
    pub digest: u64,
}

/// All of it.
pub struct Table {
    seats: Vec<Seat>,
    link: Link,
    genesis: Arc<Genesis>,
    now: u64,
    random: Random,
    flying: BinaryHeap<Reverse<Flying>>,
    sent: u64,
    chains: BTreeMap<(u64, u64), Hash>,
    bytes: u64,
    submitted: BTreeMap<Vec<u8>, u64>,
    latencies: Vec<u64>,
    tamper: Option<Tamper>,
    /// Turns after which a seat's world goes wrong, once each.
    corrupt: BTreeMap<usize, u64>,
    /// Seats all of whose ways are worse than the others'.
    bad_seats: BTreeMap<usize, Link>,
    events: Vec<(usize, Event)>,
    compared: Vec<Compared>,
}

/// What a seat brings along.
pub fn config(i: usize) -> Config {
    let mut seed = [7; 32];
    seed[0] = i as u8;
    Config { identity: ed25519_dalek::SigningKey::from_bytes(&seed), address: vec![i as u8] }
}

pub fn key(i: usize) -> PeerKey {
    PeerKey(config(i).identity.verifying_key().to_bytes())
}

impl Table {
    pub fn founded(count: usize, link: Link, seed: u64) -> Self {
        let founders = (0..count)
            .map(|i| Founder { player: Player(i as u32 + 1), key: key(i), role: 1, address: vec![i as u8] })
            .collect();
        let rules = Rules::usual(SessionId([5; 16]), 60, 1);
        let genesis = Arc::new(Genesis { rules, founders, known: vec![], scenario: vec![1, 2, 3], start: None });
        let mut table = Self {
            seats: Vec::new(),
            link,
            genesis,
            now: 0,
            random: Random::new(seed, 0),
            flying: BinaryHeap::new(),
            sent: 0,
            chains: BTreeMap::new(),
            bytes: 0,
            submitted: BTreeMap::new(),
            latencies: Vec::new(),
            tamper: None,
            corrupt: BTreeMap::new(),
            bad_seats: BTreeMap::new(),
            events: Vec::new(),
            compared: Vec::new(),
        };
        table.seat_founders(count);
        table
    }

    fn seat_founders(&mut self, count: usize) {
        self.seats = (0..count)
            .map(|i| {
                let core = Core::found(Time(0), config(i), Arc::clone(&self.genesis), None);
                Seat::new(i, Some(core))
            })
            .collect();
    }

    /// Before the first run: an input delay that nobody changes.
    pub fn fixed_delay(&mut self, turns: u32) {
        let mut genesis = (*self.genesis).clone();
        genesis.rules.delay_turns = turns;
        genesis.rules.delay_turns_min = turns;
        genesis.rules.delay_turns_max = turns;
        self.genesis = Arc::new(genesis);
        self.seat_founders(self.seats.len());
    }

    /// Whatever is sent goes through this from now on.
    pub fn tamper(&mut self, tamper: impl FnMut(usize, usize, Datagram) -> Option<Datagram> + 'static) {
        self.tamper = Some(Box::new(tamper));
    }

    /// A seat's world goes wrong at a turn.
    pub fn corrupt(&mut self, seat: usize, turn: u64) {
        self.corrupt.insert(seat, turn);
    }

    /// From now on a turn costs a seat so much of its time; `honest`: its core is told.
    pub fn cost(&mut self, seat: usize, us: u64, honest: bool) {
        (self.seats[seat].cost_us, self.seats[seat].honest) = (us, honest);
    }

    /// From now on all ways are like this, or all ways from and to one seat.
    pub fn network(&mut self, link: Link) {
        self.link = link;
    }

    /// As [`Self::network`], for one seat; `None`: as the others' again.
    pub fn network_of(&mut self, seat: usize, link: Option<Link>) {
        match link {
            Some(link) => drop(self.bad_seats.insert(seat, link)),
            None => drop(self.bad_seats.remove(&seat)),
        }
    }

    /// Nobody does anything for so long, and what was on its way is lost: all machines were suspended.
    pub fn suspend(&mut self, us: u64) {
        self.now += us;
        self.flying.clear();
    }

    /// A seat goes on alone, in a session of its own.
    pub fn fork(&mut self, seat: usize) {
        self.seats[seat].session = seat as u64 + 1;
        let mut core = self.seats[seat].core.take().expect("somebody sits there");
        let effects = core.fork(Time(self.now), SessionId([seat as u8 + 100; 16])).expect("a member forks");
        self.obey(seat, &mut core, effects);
        self.seats[seat].core = Some(core);
    }

    /// A seat's world is lost; whether there is somebody to take it from.
    pub fn start_over(&mut self, seat: usize) -> bool {
        let now = Time(self.now);
        self.seats[seat].core.as_mut().expect("somebody sits there").start_over(now)
    }

    /// A seat votes to remove a player.
    pub fn kick(&mut self, seat: usize, player: u32) {
        self.seats[seat].core.as_mut().expect("somebody sits there").kick(Player(player));
    }

    /// What a seat was told.
    pub fn events(&self, seat: usize) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |(i, _)| *i == seat).map(|(_, event)| event)
    }

    /// The states that seats were asked to compare.
    pub fn compared(&self) -> &[Compared] {
        &self.compared
    }

    /// Digest of a seat's world after a turn, as it stands now.
    pub fn digest(&self, seat: usize, turn: u64) -> Option<u64> {
        self.seats[seat].history.get(turn as usize).copied()
    }

    /// Where the session stands at a seat.
    pub fn status(&self, seat: usize) -> Status {
        self.seats[seat].core.as_ref().map(Core::status).expect("somebody sits there")
    }

    /// A seat's core tells entries with their signatures from now on.
    pub fn tell_signed(&mut self, seat: usize) {
        self.seats[seat].core.as_mut().expect("somebody sits there").tell_signed();
    }

    /// A seat asks to leave.
    pub fn leave(&mut self, seat: usize) {
        self.seats[seat].core.as_mut().expect("somebody sits there").leave(Time(self.now));
    }

    pub fn kill(&mut self, seat: usize) {
        self.seats[seat].core = None;
    }

    /// A new peer that asks a seat; returns its own.
    pub fn join(&mut self, sponsor: usize) -> usize {
        let i = self.seats.len();
        self.seats.push(Seat::new(i, None));
        self.restart(i, sponsor);
        i
    }

    /// A new peer that only watches; returns its seat.
    pub fn watch(&mut self, sponsor: usize) -> usize {
        let i = self.seats.len();
        self.seats.push(Seat::new(i, None));
        self.start(i, sponsor, true);
        i
    }

    pub fn restart(&mut self, i: usize, sponsor: usize) {
        self.start(i, sponsor, false);
    }

    fn start(&mut self, i: usize, sponsor: usize, spectator: bool) {
        for seat in self.seats.iter_mut().filter_map(|s| s.core.as_mut()) {
            seat.admit(key(i), Admission { role: 1, invite: None, address: vec![i as u8] });
        }
        let session = self.seats[sponsor].session;
        let seat = &mut self.seats[i];
        seat.session = session;
        seat.lives += 1;
        let life = seat.lives * 1000 + i as u64;
        let wish = Wish { sponsor: key(sponsor), spectator, life, simulation_revision: 0 };
        seat.core = Some(Core::join(Time(self.now), seat.config.clone(), wish));
    }

    /// Runs for a time: every peer is polled each millisecond, and submits an input each turn.
    pub fn run(&mut self, us: u64) {
        let end = self.now + us;
        while self.now < end {
            self.now += 1000;
            while self.flying.peek().is_some_and(|next| next.0.0 <= self.now) {
                let Some(Reverse((at, _, from, to, bytes))) = self.flying.pop() else { break };
                let strangers = self.seats[from].session != self.seats[to].session;
                let seat = &mut self.seats[to];
                match &mut seat.core {
                    _ if strangers => {}
                    Some(_) if seat.busy_until > self.now => seat.inbox.push((from, bytes)),
                    Some(core) => core.handle(Time(at), key(from), &bytes),
                    None => {}
                }
            }
            for i in 0..self.seats.len() {
                self.poll(i);
            }
        }
    }

    fn poll(&mut self, i: usize) {
        if self.seats[i].busy_until > self.now {
            return;
        }
        let Some(mut core) = self.seats[i].core.take() else { return };
        let now = Time(self.now);
        for (from, bytes) in std::mem::take(&mut self.seats[i].inbox) {
            core.handle(now, key(from), &bytes);
        }
        let status = core.status();
        if status.player.is_some() && self.now.is_multiple_of(17_000) {
            let input = [&self.now.to_le_bytes()[..4], &[i as u8; 4]].concat();
            self.submitted.insert(input.clone(), self.now);
            core.submit(now, input);
        }
        let mut effects = Vec::new();
        core.poll(now, &mut effects);
        let took_us = self.obey(i, &mut core, effects);
        // A turn that takes next to no time takes none, so that most tests run as if worlds were free.
        self.seats[i].busy_until = self.now + took_us / 1000 * 1000;
        self.seats[i].core = Some(core);
    }

    /// Does what a core asks for; returns what that took, microseconds.
    fn obey(&mut self, i: usize, core: &mut Core<Input>, effects: Vec<Effect<Input>>) -> u64 {
        let mut took_us = 0;
        for effect in effects {
            match effect {
                Effect::Send { to, bytes } => {
                    assert!(bytes.len() <= netcode::protocol::wire::DATAGRAM_BYTES_MAX, "{}", bytes.len());
                    self.bytes += bytes.len() as u64;
                    if std::env::var("TABLE_MESSAGES").is_ok() {
                        let datagram = netcode::protocol::wire::Datagram::decode(&bytes).expect("own datagram");
                        for message in &datagram.messages {
                            println!("{:>9} seat {i} says {message:?}", self.now);
                        }
                    }
                    let to = (0..self.seats.len()).find(|i| key(*i) == to).expect("a seat");
                    let bytes = match &mut self.tamper {
                        None => bytes,
                        Some(tamper) => {
                            let datagram = Datagram::decode(&bytes).expect("own datagram");
                            let Some(bent) = tamper(i, to, datagram) else { continue };
                            bent.encode()
                        }
                    };
                    let link = self.bad_seats.get(&i).or_else(|| self.bad_seats.get(&to)).copied().unwrap_or(self.link);
                    if self.random.unit() >= link.loss {
                        let jitter = (self.random.unit() * 2.0 - 1.0) * link.jitter_us as f64;
                        let at = self.now + took_us + (link.delay_us as f64 + jitter) as u64;
                        self.sent += 1;
                        self.flying.push(Reverse((at, self.sent, i, to, bytes)));
                    }
                }
                Effect::Execute(frame) => {
                    let seat = &mut self.seats[i];
                    assert_eq!(seat.history.len() as u64, frame.turn.0, "seat {i}");
                    for (player, input) in &frame.inputs {
                        if let Some(at) = self.submitted.get(input).filter(|_| player.0 as usize != i + 1) {
                            self.latencies.push(self.now - at);
                        }
                    }
                    seat.digest = seat.digest.wrapping_mul(31).wrapping_add(frame.chain.short());
                    if self.corrupt.get(&i) == Some(&frame.turn.0) {
                        self.corrupt.remove(&i);
                        seat.digest ^= 1;
                    }
                    seat.history.push(seat.digest);
                    took_us += seat.cost_us;
                    core.executed(frame.turn, seat.digest, if seat.honest { seat.cost_us } else { 0 });
                }
                Effect::RollBack { to } => {
                    let seat = &mut self.seats[i];
                    seat.history.truncate(to.map_or(0, |turn| turn.0 as usize + 1));
                    seat.digest = seat.history.last().copied().unwrap_or(0);
                }
                Effect::Confirm { turn, chain } => {
                    let known = *self.chains.entry((self.seats[i].session, turn.0)).or_insert(chain);
                    assert_eq!(known, chain, "seat {i} confirms another {turn}");
                }
                Effect::SnapshotWanted { turn } => {
                    let digest = self.seats[i].history[turn.0 as usize];
                    let world = [&digest.to_le_bytes()[..], &vec![7; 50_000]].concat();
                    core.snapshot(turn, Arc::new(world));
                }
                Effect::Install { turn, snapshot, .. } => {
                    let seat = &mut self.seats[i];
                    seat.history = vec![0; turn.map_or(0, |turn| turn.0 as usize + 1)];
                    seat.digest = snapshot.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                    if let Some(last) = seat.history.last_mut() {
                        *last = seat.digest;
                    }
                }
                Effect::Event(event) => {
                    if std::env::var("TABLE_EVENTS").is_ok() {
                        println!("{:>9} seat {i}: {event:?}", self.now);
                    }
                    self.events.push((i, event));
                }
                Effect::Compare { with, turn, snapshot } => {
                    let digest = snapshot.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                    self.compared.push(Compared { seat: i, with, turn, digest });
                }
                Effect::Connect { .. } | Effect::Disconnect { .. } => {}
            }
        }
        took_us
    }

    pub fn report(&mut self) -> Report {
        let all: Vec<_> = self.seats.iter().filter_map(|s| s.core.as_ref()).map(Core::status).collect();
        self.latencies.sort_unstable();
        let links = (all.len() * (all.len() - 1)).max(1) as f64;
        let turns = all.iter().map(|s| s.next_turn.0).max().unwrap_or(1).max(1);
        Report {
            confirmed: all.iter().map(|s| s.unconfirmed.0).min().unwrap_or(0),
            members: all.iter().map(|s| s.members.len()).max().unwrap_or(0),
            stalled: all.iter().map(|s| s.stalled_turns as f64 / turns as f64).fold(0.0, f64::max),
            delay: all.iter().map(|s| s.delay_turns).max().unwrap_or(0),
            bytes_per_turn_and_link: self.bytes as f64 / links / turns as f64,
            execution_ms_p50: self.latencies.get(self.latencies.len() / 2).map_or(0, |us| us / 1000),
            epoch: all.iter().map(|s| s.epoch).max().unwrap_or(0),
        }
    }
}

impl Seat {
    fn new(i: usize, core: Option<Core<Input>>) -> Self {
        let (history, inbox) = (Vec::new(), Vec::new());
        Self {
            config: config(i),
            core,
            digest: 0,
            history,
            lives: 0,
            cost_us: 100,
            honest: true,
            busy_until: 0,
            inbox,
            session: 0,
        }
    }
}
