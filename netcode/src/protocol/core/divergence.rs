//! Where another peer's log is not ours: who told different peers different things, and whose log counts.

use std::collections::BTreeMap;

use crate::protocol::evidence::{Proof, SignedHead};
use crate::protocol::ids::{PeerKey, Player, Time, Turn};
use crate::protocol::input::Input;

use super::Core;

/// What is known of a divergence.
#[derive(Clone, Debug, Default)]
pub(super) struct Divergence {
    /// Who has another log than ours, from which turn on at the latest.
    others: BTreeMap<PeerKey, Turn>,
}

impl Divergence {
    /// A peer acknowledged another log before this turn.
    pub fn note(&mut self, _now: Time, peer: PeerKey, next: Turn) {
        let first = self.others.entry(peer).or_insert(next);
        *first = (*first).min(next);
    }

    /// Whether the log has to wait until it is resolved.
    pub fn holds(&self) -> bool {
        false
    }
}

impl<I: Input> Core<I> {
    pub(super) fn resolve_divergence(&mut self, _now: Time) {}

    pub(super) fn on_head(&mut self, _now: Time, _from: PeerKey, _head: SignedHead) {}

    pub(super) fn on_audit(&mut self, _now: Time, _from: PeerKey, _turn: Turn, _chains: &[(Player, u64)]) {}

    pub(super) fn on_head_wanted(&mut self, _from: PeerKey, _turn: Turn) {}

    pub(super) fn on_expose(&mut self, _now: Time, _proof: Proof) {}
}
