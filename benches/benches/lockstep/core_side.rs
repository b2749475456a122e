//! Our protocol core over the same links, with or without the transport below it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use netcode::netsim::Random;
use netcode::protocol::wire::Datagram;
use netcode::protocol::{Founder, Genesis, PeerKey, Player, Rules, SessionId, Time};
use netcode::{Config, Core, Effect};
use serde_json::{Value, json};

use crate::Session;
use crate::carriers::{Bare, Carrier, Sealed, identities};
use crate::link::Network;
use crate::measure::{DELAY_FRAMES, FRAME_US, FRAMES_PER_S, InputBytes, Tally};
use crate::relay::Shared;

/// How far apart the peers' clocks are.
const CLOCKS_APART_US: u64 = 1_000_000_000;

struct Peer<C> {
    core: Core<Vec<u8>>,
    carrier: C,
    random: Random,
    /// First turn for which no input was submitted, and when the core was polled last.
    submitted: u64,
    polled_us: u64,
    /// Others' entries that have come: author and turn.
    came: BTreeSet<(u32, u64)>,
    /// Late turns before the measuring began.
    late_before: u64,
}

/// A session of ours.
pub struct Ours<C> {
    peers: Vec<Peer<C>>,
    network: Shared,
    tally: Tally,
    effects: Vec<Effect<Vec<u8>>>,
    incoming: Vec<(PeerKey, Vec<u8>)>,
    /// When each player's input for a turn was submitted.
    submitted_us: BTreeMap<(u32, u64), u64>,
}

impl Ours<Bare> {
    /// Only the protocol.
    pub fn bare(peers: usize, seed: u64) -> Self {
        let network = Rc::new(RefCell::new(Network::new(seed, peers)));
        Self::over(Bare::all(peers, &network), network, seed)
    }
}

impl Ours<Sealed> {
    /// With encryption and system calls.
    pub fn sealed(peers: usize, seed: u64) -> Self {
        let network = Rc::new(RefCell::new(Network::new(seed, peers)));
        Self::over(Sealed::all(peers, &network), network, seed)
    }
}

impl<C: Carrier> Ours<C> {
    /// One turn is one frame; the input delay stays what it is for everyone here.
    fn over(carriers: Vec<C>, network: Shared, seed: u64) -> Self {
        let identities = identities(carriers.len());
        let mut rules = Rules::usual(SessionId([1; 16]), FRAMES_PER_S, 1);
        (rules.delay_turns, rules.delay_turns_min, rules.delay_turns_max) = (DELAY_FRAMES, DELAY_FRAMES, DELAY_FRAMES);
        let founder = |(at, key)| Founder { player: Player(at as u32 + 1), key, role: 0, address: Vec::new() };
        let founders = identities.iter().map(|identity| identity.key()).enumerate().map(founder).collect();
        let genesis = Arc::new(Genesis { rules, founders, known: Vec::new(), scenario: Vec::new(), start: None });
        let peer = |(at, carrier): (usize, C)| {
            let config = Config { identity: identities[at].signing().clone(), address: Vec::new() };
            let core = Core::found(clock(0, at), config, Arc::clone(&genesis), None);
            let random = Random::new(seed, at as u64 + 1);
            Peer { core, carrier, random, submitted: 0, polled_us: 0, came: BTreeSet::new(), late_before: 0 }
        };
        let peers = carriers.into_iter().enumerate().map(peer).collect();
        let (tally, submitted_us) = (Tally::default(), BTreeMap::new());
        Self { peers, network, tally, effects: Vec::new(), incoming: Vec::new(), submitted_us }
    }

    /// The next input, if the core is about to enter one: as late as possible, as a game samples its controls.
    fn input(&mut self, now_us: u64, own: usize) -> Option<InputBytes> {
        let peer = &mut self.peers[own];
        let status = peer.core.status();
        let entered = status.entered.0;
        let playhead = status.playhead + (now_us - peer.polled_us) as f64 / FRAME_US as f64;
        // A tenth of a turn early rather than late: the rate varies by a few per cent.
        let due = (playhead + 0.1) as u64 + u64::from(DELAY_FRAMES) >= entered;
        if !due || entered < peer.submitted {
            return None;
        }
        let input = peer.random.bits().to_le_bytes();
        self.tally.submit(now_us, own, input);
        self.submitted_us.insert((own as u32 + 1, entered), now_us);
        peer.submitted = entered + 1;
        Some(input)
    }

    /// One peer's work, as a driver would do it.
    fn run(&mut self, now_us: u64, own: usize, has_arrived: bool) {
        if has_arrived {
            let carrier = &mut self.peers[own].carrier;
            self.tally.timed(|| carrier.receive(now_us, &mut self.incoming));
            self.note_arrivals(now_us, own);
        }
        let input = self.input(now_us, own);
        let Peer { core, carrier, polled_us, .. } = &mut self.peers[own];
        *polled_us = now_us;
        let now = clock(now_us, own);
        let executed = self.tally.timed(|| {
            for (from, bytes) in self.incoming.drain(..) {
                core.handle(now, from, &bytes);
            }
            input.into_iter().for_each(|input| core.submit(now, input.to_vec()));
            core.poll(now, &mut self.effects);
            let mut executed = Vec::new();
            for effect in self.effects.drain(..) {
                match effect {
                    Effect::Send { to, bytes } => carrier.send(now_us, to, bytes),
                    Effect::Execute(frame) => {
                        core.executed(frame.turn, frame.chain.short(), 0);
                        executed.push(Effect::Execute(frame));
                    }
                    Effect::Confirm { .. } => executed.push(effect),
                    _ => {}
                }
            }
            carrier.flush();
            executed
        });
        carrier.collect(now_us);
        for effect in executed {
            match effect {
                Effect::Execute(frame) => {
                    let bytes = frame.inputs.iter().map(|(_, input)| input.as_slice().try_into().unwrap_or_default());
                    let inputs: Vec<InputBytes> = bytes.collect();
                    self.tally.execute(now_us, own, frame.turn.0, &inputs);
                }
                Effect::Confirm { turn, .. } => self.tally.confirm(now_us, own, turn.0),
                _ => {}
            }
        }
    }

    /// Notes which entries came for the first time.
    fn note_arrivals(&mut self, now_us: u64, to: usize) {
        let parts = self.incoming.iter().filter_map(|(_, bytes)| Datagram::decode(bytes)?.turn);
        for run in parts.flat_map(|part| part.runs) {
            let author = run.player.0;
            for turn in (run.first.0..).take(run.entries.len()) {
                let submitted_us = self.submitted_us.get(&(author, turn));
                if self.peers[to].came.insert((author, turn)) && author != to as u32 + 1 {
                    submitted_us.into_iter().for_each(|when_us| self.tally.arrive(now_us - when_us));
                }
            }
        }
    }
}

/// A peer's own clock.
fn clock(now_us: u64, peer: usize) -> Time {
    Time(now_us + (peer as u64 + 1) * CLOCKS_APART_US)
}

impl<C: Carrier> Session for Ours<C> {
    fn step(&mut self, now_us: u64) {
        for own in 0..self.peers.len() {
            let peer = &self.peers[own];
            let has_arrived = peer.carrier.is_due(now_us);
            if has_arrived || peer.core.wake_at() <= clock(now_us, own) {
                self.run(now_us, own, has_arrived);
            }
        }
    }

    fn measure_from(&mut self, now_us: u64) {
        for peer in &mut self.peers {
            peer.late_before = peer.core.status().stalled_turns;
        }
        self.tally.restart(now_us, &self.network.borrow());
    }

    fn figures(&mut self, span_us: u64) -> Value {
        let mut figures = self.tally.figures(self.peers.len(), &self.network.borrow(), span_us);
        let late: u64 = self.peers.iter().map(|peer| peer.core.status().stalled_turns - peer.late_before).sum();
        figures["late_percent"] = json!(100.0 * late as f64 / self.tally.frames.max(1) as f64);
        figures
    }
}
