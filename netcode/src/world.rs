//! The world port: what the driver of a session asks of a simulation. Knows nothing of the network.

use crate::protocol::{Frame, Input, Turn};

/// A deterministic world: the same frames from the same state give the same digests on every machine.
pub trait World: Sized {
    /// One member's input for one turn.
    type Input: Input;

    /// Steps all ticks of one turn and returns the digest after it.
    fn execute(&mut self, frame: &Frame<Self::Input>) -> u64;

    /// Keeps the present state so that [`Self::roll_back`] can return to it. `turn`: the last one that it contains.
    fn keep(&mut self, turn: Option<Turn>);

    /// Returns to a kept state and forgets later ones; `false`, and nothing changed, where it is not kept any more.
    fn roll_back(&mut self, turn: Option<Turn>) -> bool;

    /// The exact state, as bytes that are the same on every peer.
    fn snapshot(&self) -> Vec<u8>;

    /// The same for a kept state, where it can be had without leaving the present one. `None` makes the replica go back
    /// and execute again.
    fn snapshot_at(&self, _turn: Option<Turn>) -> Option<Vec<u8>> {
        None
    }

    /// The world of a scenario, in its first state where the snapshot is empty.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the bytes.
    fn install(&mut self, scenario: &[u8], snapshot: &[u8]) -> Result<(), String>;

    /// Names the first thing that differs between this state and another's snapshot; `None`: nothing.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the bytes.
    fn first_difference(&self, other: &[u8]) -> Result<Option<Difference>, String>;
}

/// The first thing that differs between two states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Component or resource.
    pub component: String,
    /// The entity, for a component.
    pub entity: Option<u64>,
    /// Name of the field.
    pub field: String,
    /// Value in our state.
    pub ours: String,
    /// Value in the other's state.
    pub theirs: String,
}
