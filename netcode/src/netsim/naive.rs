//! A lockstep engine without membership, and ways to break it: so that the simulation and its checks are tested whatever
//! the real core does. Must never be built into anything but tests.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::ops::{Op, Ops};
use super::peer::Peer;
use crate::protocol::wire::DATAGRAM_BYTES_MAX;
use crate::protocol::{
    Admission, Config, Effect, Frame, Genesis, Hash, Input, PeerKey, Player, Status, Time, Turn, Wish,
};

/// What machine 0 does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Nothing.
    None,
    /// It executes an altered input at turn 50.
    AltersInput,
    /// It drops its own input of turn 50.
    DropsInput,
    /// It makes an input up at turn 50.
    InventsInput,
    /// It executes turn 50 twice.
    Repeats,
    /// It confirms what nobody else has executed.
    ConfirmsAlone,
    /// It rolls back what it has confirmed, at turn 50.
    RollsBack,
    /// It sends nothing after turn 50.
    Stops,
    /// It executes on and confirms nothing from turn 50 on.
    NeverConfirms,
    /// Its datagrams are longer than allowed.
    TooLong,
    /// It holds more and more entries.
    Hoards,
    /// Its hash chain goes another way from turn 50 on.
    OtherChain,
}

thread_local! {
    /// The defect of the next run on this thread.
    pub static DEFECT: Cell<Defect> = const { Cell::new(Defect::None) };
}

/// The engine.
pub struct Naive {
    me: usize,
    defect: Defect,
    genesis: Arc<Genesis>,
    start: Time,
    /// Each founder's entries, from turn 0 on.
    entries: Vec<BTreeMap<u64, Ops>>,
    /// For each founder: next turn it has executed up to, as told.
    executed: Vec<u64>,
    /// First turn for which an entry of ours is not yet made.
    entered: u64,
    pending: Ops,
    next: u64,
    confirmed: u64,
    chains: Vec<Hash>,
    sent: Time,
    installed: bool,
}

const AT: u64 = 50;

impl Naive {
    fn wrong(&self, defect: Defect) -> bool {
        self.me == 0 && self.defect == defect
    }

    fn enter(&mut self, now: Time) {
        let due = now.since(self.start) / self.genesis.rules.turn_us();
        let limit = self.next + u64::from(self.genesis.rules.delay_turns);
        while self.entered <= due && self.entered < limit {
            let some = self.pending.0.len().min(10);
            let mut ops = Ops(self.pending.0.drain(..some).collect());
            if self.entered == AT && self.wrong(Defect::DropsInput) {
                ops = Ops::neutral();
            }
            if self.entered == AT && self.wrong(Defect::InventsInput) {
                ops.0.push(Op { node: 0, life: 1, number: 1000 }.word());
            }
            self.entries[self.me].insert(self.entered, ops);
            self.entered += 1;
        }
    }

    fn execute(&mut self, effects: &mut Vec<Effect<Ops>>) {
        while self.entries.iter().all(|entries| entries.contains_key(&self.next)) {
            let inputs: Vec<(Player, Ops)> =
                (1..).map(Player).zip(self.entries.iter().map(|e| e[&self.next].clone())).collect();
            let mut hasher = blake3::Hasher::new();
            hasher.update(&self.chains.last().copied().unwrap_or_default().0);
            for (_, ops) in &inputs {
                ops.0.iter().for_each(|word| {
                    hasher.update(&word.to_le_bytes());
                });
            }
            if self.next >= AT && self.wrong(Defect::OtherChain) {
                hasher.update(b"another way");
            }
            let chain = Hash(*hasher.finalize().as_bytes());
            self.chains.push(chain);
            let mut frame = Frame { turn: Turn(self.next), changes: Vec::new(), inputs, chain };
            if self.next == AT && self.wrong(Defect::AltersInput) {
                frame.inputs[1].1.0.push(7);
            }
            let frame = Arc::new(frame);
            effects.push(Effect::Execute(frame.clone()));
            if self.next == AT && self.wrong(Defect::Repeats) {
                effects.push(Effect::Execute(frame));
            }
            self.next += 1;
            if self.next > AT && self.confirmed > 20 && self.wrong(Defect::RollsBack) {
                effects.push(Effect::RollBack { to: Some(Turn(self.confirmed - 10)) });
            }
        }
        self.executed[self.me] = self.next;
    }

    fn confirm(&mut self, effects: &mut Vec<Effect<Ops>>) {
        let mut told = self.executed.clone();
        told.sort_unstable();
        let mut upto = told[(told.len() - 1) / 2].min(self.next);
        if self.wrong(Defect::ConfirmsAlone) {
            upto = self.next;
        }
        if self.wrong(Defect::NeverConfirms) {
            upto = upto.min(AT);
        }
        if upto > self.confirmed {
            self.confirmed = upto;
            effects.push(Effect::Confirm { turn: Turn(upto - 1), chain: self.chains[upto as usize - 1] });
        }
    }

    fn send(&self, effects: &mut Vec<Effect<Ops>>) {
        for (other, founder) in self.genesis.founders.iter().enumerate().filter(|(other, _)| *other != self.me) {
            let mut bytes = vec![self.me as u8];
            bytes.extend_from_slice(&self.next.to_le_bytes());
            for (turn, ops) in self.entries[self.me].range(self.executed[other]..).take(40) {
                bytes.extend_from_slice(&turn.to_le_bytes());
                bytes.push(ops.0.len() as u8);
                ops.0.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
                if bytes.len() > 900 {
                    break;
                }
            }
            if self.wrong(Defect::TooLong) {
                bytes.resize(DATAGRAM_BYTES_MAX + 1, 0);
            }
            effects.push(Effect::Send { to: founder.key, bytes });
        }
    }
}

impl Peer for Naive {
    fn found(now: Time, config: Config, genesis: Arc<Genesis>) -> Self {
        let count = genesis.founders.len();
        Self {
            me: usize::from(config.address[0]),
            defect: DEFECT.get(),
            start: now,
            entries: vec![BTreeMap::new(); count],
            executed: vec![0; count],
            entered: 0,
            pending: Ops::neutral(),
            next: 0,
            confirmed: 0,
            chains: Vec::new(),
            sent: now,
            installed: false,
            genesis,
        }
    }

    fn join(_now: Time, _config: Config, _wish: Wish) -> Self {
        unreachable!("plans for this engine have no crashes and no newcomers")
    }

    fn handle(&mut self, _now: Time, from: PeerKey, bytes: &[u8]) {
        if !self.genesis.founders.iter().any(|founder| founder.key == from) {
            return;
        }
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let author = usize::from(bytes[0]);
        self.executed[author] = self.executed[author].max(number(1));
        let mut at = 9;
        while at + 9 <= bytes.len() && bytes.len() <= DATAGRAM_BYTES_MAX {
            let (turn, count) = (number(at), usize::from(bytes[at + 8]));
            let ops = Ops((0..count).map(|i| number(at + 9 + 8 * i)).collect());
            self.entries[author].entry(turn).or_insert(ops);
            at += 9 + 8 * count;
        }
    }

    fn submit(&mut self, _now: Time, input: Ops) {
        self.pending.0.extend(input.0);
    }

    fn poll(&mut self, now: Time, effects: &mut Vec<Effect<Ops>>) {
        if !self.installed {
            self.installed = true;
            let scenario = Arc::new(self.genesis.scenario.clone());
            effects.push(Effect::Install { turn: None, scenario, snapshot: Arc::default() });
        }
        self.enter(now);
        self.execute(effects);
        self.confirm(effects);
        if now.since(self.sent) >= 30_000 && !(self.next > AT && self.wrong(Defect::Stops)) {
            self.sent = now;
            self.send(effects);
        }
    }

    fn wake_at(&self) -> Time {
        self.sent.plus(30_000)
    }

    fn executed(&mut self, _turn: Turn, _digest: u64, _took_us: u64) {}

    fn snapshot(&mut self, _turn: Turn, _bytes: Arc<Vec<u8>>) {}

    fn admit(&mut self, _key: PeerKey, _admission: Admission) {}

    fn leave(&mut self, _now: Time) {}

    fn kick(&mut self, _player: Player) {}

    fn status(&self) -> Status {
        Status {
            player: Some(Player(self.me as u32 + 1)),
            members: self.genesis.founders.iter().map(|founder| founder.player).collect(),
            epoch: 0,
            next_turn: Turn(self.next),
            unconfirmed: Turn(self.confirmed),
            entered: Turn(self.entered),
            delay_turns: self.genesis.rules.delay_turns,
            playhead: 0.0,
            stalled_turns: 0,
            stall_us_max: 0,
            roll_backs: 0,
            ballots: 0,
            garbage: 0,
            entries_held: if self.wrong(Defect::Hoards) { usize::MAX } else { 0 },
            cost_us: 0,
            links: Vec::new(),
        }
    }
}
