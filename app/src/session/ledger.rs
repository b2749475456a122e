//! Where the confirmed log goes: a file, a store, or both, by one code path. Must never hold the session up, and never
//! see what is not confirmed.

use netcode::protocol::KnownPeer;
use netcode::protocol::signed::SignedEntries;

use super::driver::Progress;
use super::world::{Played, SimWorld};

/// Takes the confirmed log of a session. Whatever takes long is done elsewhere.
pub trait Ledger: Send {
    /// A world was installed, and is in this state: what follows goes on from it, and what went before is over. `turn` is
    /// the turn that the session is before.
    fn installed(&mut self, turn: u64, world: &SimWorld, snapshot: &[u8]);

    /// A turn is confirmed. Turns come in order and without gaps.
    fn played(&mut self, played: &Played);

    /// What members signed.
    fn signed(&mut self, _entries: &SignedEntries) {}

    /// Who is who has changed.
    fn known(&mut self, _peers: &[KnownPeer]) {}

    /// Whether a state is wanted out of turn, as soon as there is one: [`Self::state`] gets it.
    fn wants_state(&mut self) -> bool {
        false
    }

    /// The state behind the last turn that was played, at this tick.
    fn state(&mut self, _tick: u64, _digest: u64, _snapshot: Vec<u8>) {}

    /// How far the session is as far as others may be told, who is with `reached`: less than that where the log is not to
    /// be known before it is durable.
    fn told(&self, reached: Progress) -> Progress {
        reached
    }

    /// The world is lost or the session over. `last` is the state behind the last turn that was played, where it is known.
    fn ended(&mut self, last: Option<Vec<u8>>);

    /// The session goes on as another one, from this state.
    fn forked(&mut self, turn: u64, world: &SimWorld, snapshot: &[u8]) {
        self.ended(Some(snapshot.to_vec()));
        self.installed(turn, world, snapshot);
    }
}
