//! What is simulated at each machine: the real core, or in tests one that is broken on purpose. Must add nothing to it.

use std::sync::Arc;

use super::ops::Ops;
use crate::protocol::{Admission, Config, Core, Effect, Genesis, PeerKey, Player, Status, Time, Turn, Wish};

/// The calls of [`Core`] that a simulation makes.
pub trait Peer: Sized {
    /// As [`Core::found`].
    fn found(now: Time, config: Config, genesis: Arc<Genesis>) -> Self;
    /// As [`Core::join`].
    fn join(now: Time, config: Config, wish: Wish) -> Self;
    /// As [`Core::handle`].
    fn handle(&mut self, now: Time, from: PeerKey, bytes: &[u8]);
    /// As [`Core::submit`].
    fn submit(&mut self, now: Time, input: Ops);
    /// As [`Core::poll`].
    fn poll(&mut self, now: Time, effects: &mut Vec<Effect<Ops>>);
    /// As [`Core::wake_at`].
    fn wake_at(&self) -> Time;
    /// As [`Core::executed`].
    fn executed(&mut self, turn: Turn, digest: u64, took_us: u64);
    /// As [`Core::snapshot`].
    fn snapshot(&mut self, turn: Turn, bytes: Arc<Vec<u8>>);
    /// As [`Core::admit`].
    fn admit(&mut self, key: PeerKey, admission: Admission);
    /// As [`Core::leave`].
    fn leave(&mut self, now: Time);
    /// As [`Core::kick`].
    fn kick(&mut self, player: Player);
    /// As [`Core::status`].
    fn status(&self) -> Status;
    /// The epoch of the first turn that is not executed.
    fn epoch(&self) -> u32 {
        self.status().epoch
    }
}

impl Peer for Core<Ops> {
    fn found(now: Time, config: Config, genesis: Arc<Genesis>) -> Self {
        Self::found(now, config, genesis, None)
    }

    fn join(now: Time, config: Config, wish: Wish) -> Self {
        Self::join(now, config, wish)
    }

    fn handle(&mut self, now: Time, from: PeerKey, bytes: &[u8]) {
        self.handle(now, from, bytes);
    }

    fn submit(&mut self, now: Time, input: Ops) {
        self.submit(now, input);
    }

    fn poll(&mut self, now: Time, effects: &mut Vec<Effect<Ops>>) {
        self.poll(now, effects);
    }

    fn wake_at(&self) -> Time {
        self.wake_at()
    }

    fn executed(&mut self, turn: Turn, digest: u64, took_us: u64) {
        self.executed(turn, digest, took_us);
    }

    fn snapshot(&mut self, turn: Turn, bytes: Arc<Vec<u8>>) {
        self.snapshot(turn, bytes);
    }

    fn admit(&mut self, key: PeerKey, admission: Admission) {
        self.admit(key, admission);
    }

    fn leave(&mut self, now: Time) {
        self.leave(now);
    }

    fn kick(&mut self, player: Player) {
        self.kick(player);
    }

    fn status(&self) -> Status {
        self.status()
    }

    fn epoch(&self) -> u32 {
        self.status().epoch
    }
}
