//! Our protocol core over the same links. Each datagram is counted with what the transport adds to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use netcode::protocol::wire::Datagram;
use netcode::protocol::{Founder, Genesis, PeerKey, Player, Rules, SessionId, Time};
use netcode::{Config, Core, Effect};
use serde_json::{Value, json};

use crate::Session;
use crate::link::{Network, Random};
use crate::measure::{DELAY_FRAMES, FRAME_US, FRAMES_PER_S, InputBytes, Tally};

/// What the transport adds to a datagram of the core.
const SEALED_BYTES: usize = netcode::transport::OVERHEAD_BYTES;
/// How far apart the peers' clocks are.
const CLOCKS_APART_US: u64 = 1_000_000_000;

struct Peer {
    core: Core<Vec<u8>>,
    key: PeerKey,
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
pub struct Ours {
    peers: Vec<Peer>,
    by_key: BTreeMap<PeerKey, usize>,
    network: Network,
    tally: Tally,
    effects: Vec<Effect<Vec<u8>>>,
    /// When each player's input for a turn was submitted.
    submitted_us: BTreeMap<(u32, u64), u64>,
}

impl Ours {
    /// One turn is one frame; the input delay stays what it is for everyone here.
    pub fn new(count: usize, seed: u64) -> Self {
        let mut rules = Rules::usual(SessionId([seed as u8; 16]), FRAMES_PER_S, 1);
        (rules.delay_turns, rules.delay_turns_min, rules.delay_turns_max) = (DELAY_FRAMES, DELAY_FRAMES, DELAY_FRAMES);
        rules.members_max = count as u32;
        let identities: Vec<SigningKey> = (0..count).map(|at| SigningKey::from_bytes(&[at as u8 + 1; 32])).collect();
        let key = |identity: &SigningKey| PeerKey(identity.verifying_key().to_bytes());
        let founder = |(at, identity): (usize, &SigningKey)| Founder {
            player: Player(at as u32 + 1),
            key: key(identity),
            role: 0,
            address: Vec::new(),
        };
        let founders = identities.iter().enumerate().map(founder).collect();
        let genesis = Arc::new(Genesis { rules, founders, known: Vec::new(), scenario: Vec::new(), start: None });
        let peer = |(at, identity): (usize, &SigningKey)| {
            let config = Config { identity: identity.clone(), address: Vec::new() };
            let core = Core::found(clock(0, at), config, Arc::clone(&genesis), None);
            let random = Random(seed ^ ((at as u64 + 1) << 32));
            let came = BTreeSet::new();
            Peer { core, key: key(identity), random, submitted: 0, polled_us: 0, came, late_before: 0 }
        };
        let peers: Vec<Peer> = identities.iter().enumerate().map(peer).collect();
        let by_key = peers.iter().enumerate().map(|(at, peer)| (peer.key, at)).collect();
        let (network, tally) = (Network::new(seed), Tally::default());
        Self { peers, by_key, network, tally, effects: Vec::new(), submitted_us: BTreeMap::new() }
    }

    /// Submits an input if the core is about to enter one: as late as possible, as a game samples its controls.
    fn submit(&mut self, now_us: u64, own: usize) {
        let peer = &mut self.peers[own];
        let status = peer.core.status();
        let entered = status.entered.0;
        let playhead = status.playhead + (now_us - peer.polled_us) as f64 / FRAME_US as f64;
        // A tenth of a turn early rather than late: the rate varies by a few per cent.
        let due = (playhead + 0.1) as u64 + u64::from(DELAY_FRAMES) >= entered;
        if due && entered >= peer.submitted {
            let input = peer.random.next().to_le_bytes();
            self.tally.submit(now_us, own, input);
            self.submitted_us.insert((own as u32 + 1, entered), now_us);
            self.tally.timed(|| peer.core.submit(clock(now_us, own), input.to_vec()));
            peer.submitted = entered + 1;
        }
    }

    fn poll(&mut self, now_us: u64, own: usize) {
        self.submit(now_us, own);
        let peer = &mut self.peers[own];
        peer.polled_us = now_us;
        let (core, effects) = (&mut peer.core, &mut self.effects);
        self.tally.timed(|| core.poll(clock(now_us, own), effects));
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Send { to, mut bytes } => {
                    bytes.resize(bytes.len() + SEALED_BYTES, 0);
                    self.network.send(now_us, own, self.by_key[&to], bytes);
                }
                Effect::Execute(frame) => {
                    let inputs: Vec<InputBytes> =
                        frame.inputs.iter().map(|(_, input)| input.as_slice().try_into().unwrap_or_default()).collect();
                    self.tally.execute(now_us, own, frame.turn.0, &inputs);
                    self.tally.timed(|| core.executed(frame.turn, frame.chain.short(), 0));
                }
                Effect::Confirm { turn, .. } => self.tally.confirm(now_us, own, turn.0),
                _ => {}
            }
        }
    }

    /// Notes which entries come in a datagram for the first time.
    fn note_arrivals(&mut self, now_us: u64, to: usize, bytes: &[u8]) {
        let runs = Datagram::decode(bytes).and_then(|datagram| datagram.turn).map(|part| part.runs);
        for run in runs.unwrap_or_default() {
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

impl Session for Ours {
    fn step(&mut self, now_us: u64) {
        let mut heard = vec![false; self.peers.len()];
        while let Some((from, to, mut bytes)) = self.network.arrived(now_us) {
            bytes.truncate(bytes.len() - SEALED_BYTES);
            self.note_arrivals(now_us, to, &bytes);
            let (key, core) = (self.peers[from].key, &mut self.peers[to].core);
            self.tally.timed(|| core.handle(clock(now_us, to), key, &bytes));
            heard[to] = true;
        }
        for (own, heard) in heard.into_iter().enumerate() {
            if heard || self.peers[own].core.wake_at() <= clock(now_us, own) {
                self.poll(now_us, own);
            }
        }
    }

    fn measure_from(&mut self, now_us: u64) {
        for peer in &mut self.peers {
            peer.late_before = peer.core.status().stalled_turns;
        }
        self.tally.restart(now_us, &self.network);
    }

    fn figures(&mut self, span_us: u64) -> Value {
        let mut figures = self.tally.figures(self.peers.len(), &self.network, span_us);
        let late: u64 = self.peers.iter().map(|peer| peer.core.status().stalled_turns - peer.late_before).sum();
        figures["late_percent"] = json!(100.0 * late as f64 / self.tally.frames.max(1) as f64);
        figures
    }
}
