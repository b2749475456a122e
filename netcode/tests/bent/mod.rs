//! The real core, bent on purpose: so that it is known that the fault world would notice. Must change one thing only.

use std::cell::Cell;
use std::sync::Arc;

use netcode::netsim::{Ops, Peer};
use netcode::protocol::{Admission, Config, Core, Effect, Genesis, Hash, PeerKey, Player, Status, Time, Turn, Wish};

/// What is bent, at machine 0 unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bend {
    /// Nothing.
    Nothing,
    /// The frame that the world gets has one input less.
    AlteredFrame,
    /// One input is dropped before the core gets it.
    LostInput,
    /// Frames and confirmations have another chain hash.
    OtherChain,
    /// The core is told a digest that is not the world's.
    WrongDigest,
    /// Each tenth datagram that any machine receives has a changed byte.
    Datagrams,
}

thread_local! {
    /// What is bent in the next run on this thread.
    pub static BEND: Cell<Bend> = const { Cell::new(Bend::Nothing) };
}

/// Where it is bent: turn and number of the input.
const AT: u64 = 40;

/// The core, bent.
pub struct Bent {
    core: Core<Ops>,
    bend: Bend,
    count: u64,
    lost: bool,
}

impl Bent {
    fn new(config: &Config, core: Core<Ops>) -> Self {
        let bend = BEND.get();
        let chosen = bend == Bend::Datagrams || config.address == [0];
        Self { core, bend: if chosen { bend } else { Bend::Nothing }, count: 0, lost: false }
    }

    fn bend(&self, effect: &mut Effect<Ops>) {
        match (self.bend, effect) {
            (Bend::AlteredFrame, Effect::Execute(frame)) if frame.turn.0 == AT => {
                let frame = Arc::make_mut(frame);
                frame.inputs.iter_mut().for_each(|(_, ops)| ops.0.clear());
            }
            (Bend::OtherChain, Effect::Execute(frame)) if frame.turn.0 >= AT => {
                let frame = Arc::make_mut(frame);
                frame.chain = other(frame.chain);
            }
            (Bend::OtherChain, Effect::Confirm { turn, chain }) if turn.0 >= AT => *chain = other(*chain),
            _ => {}
        }
    }
}

fn other(mut hash: Hash) -> Hash {
    hash.0[0] ^= 1;
    hash
}

impl Peer for Bent {
    fn found(now: Time, config: Config, genesis: Arc<Genesis>) -> Self {
        Self::new(&config.clone(), Core::found(now, config, genesis, None))
    }

    fn join(now: Time, config: Config, wish: Wish) -> Self {
        Self::new(&config.clone(), Core::join(now, config, wish))
    }

    fn handle(&mut self, now: Time, from: PeerKey, bytes: &[u8]) {
        self.count += 1;
        if self.bend != Bend::Datagrams || !self.count.is_multiple_of(10) || bytes.is_empty() {
            return self.core.handle(now, from, bytes);
        }
        let mut bent = bytes.to_vec();
        let at = (self.count as usize * 7919) % bent.len();
        bent[at] ^= 1 << (self.count / 10 % 8);
        if self.count.is_multiple_of(50) {
            bent.truncate(at);
        }
        self.core.handle(now, from, &bent);
    }

    fn submit(&mut self, now: Time, input: Ops) {
        self.count += 1;
        // What else the core was given counts too: the first input from there on is the one that is lost.
        if self.bend == Bend::LostInput && self.count >= AT && !std::mem::replace(&mut self.lost, true) {
            return;
        }
        self.core.submit(now, input);
    }

    fn poll(&mut self, now: Time, effects: &mut Vec<Effect<Ops>>) {
        let old = effects.len();
        self.core.poll(now, effects);
        effects[old..].iter_mut().for_each(|effect| self.bend(effect));
    }

    fn wake_at(&self) -> Time {
        self.core.wake_at()
    }

    fn executed(&mut self, turn: Turn, digest: u64, took_us: u64) {
        let wrong = self.bend == Bend::WrongDigest && turn.0 >= AT;
        self.core.executed(turn, digest ^ u64::from(wrong), took_us);
    }

    fn snapshot(&mut self, turn: Turn, bytes: Arc<Vec<u8>>) {
        self.core.snapshot(turn, bytes);
    }

    fn admit(&mut self, key: PeerKey, admission: Admission) {
        self.core.admit(key, admission);
    }

    fn leave(&mut self, now: Time) {
        self.core.leave(now);
    }

    fn kick(&mut self, player: Player) {
        self.core.kick(player);
    }

    fn status(&self) -> Status {
        self.core.status()
    }
}
