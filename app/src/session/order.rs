//! Orders about the course of a session, not about its world: hold, step, run on, stop somewhere. They travel in the inputs
//! of those who may give them, so every peer obeys them in the same turn; the simulation and its log never hear of them.
//! Must never have two encodings for one meaning.

use serde::{Deserialize, Serialize};
use sim::condition::{Condition, ConditionError, TEXT_BYTES_MAX};

/// Most bytes of an order, encoded: a breakpoint with the longest condition.
pub const ORDER_BYTES_MAX: usize = TEXT_BYTES_MAX + 16;

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// The world stands still from this turn on.
    Hold,
    /// The world goes on until something holds it.
    Run,
    /// It goes on for so many ticks and holds; more of them while it steps are added up.
    Step {
        /// How many.
        ticks: u32,
    },
    /// It goes on and holds at this tick.
    RunTo {
        /// Which.
        tick: u64,
    },
    /// Holds the world there, whenever it comes there. One of the same number is replaced.
    Break {
        /// Number of the breakpoint.
        id: u32,
        /// Where.
        at: Place,
    },
    /// Takes a breakpoint away.
    Clear {
        /// Its number.
        id: u32,
    },
}

/// Where a breakpoint is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// At a tick. Once it was there, the breakpoint is gone.
    Tick(u64),
    /// At each first tick at which a condition holds, after one at which it did not; see [`sim::condition`].
    Condition(String),
}

/// Why an order was not obeyed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disobeyed {
    /// Neither the service nor an operator.
    #[error("only operators may hold the world")]
    NotAllowed,
    /// The world is beyond that tick.
    #[error("tick {asked} is over: the world is at tick {now}")]
    Past {
        /// Which.
        asked: u64,
        /// Where the world is.
        now: u64,
    },
    /// There are as many breakpoints as there may be.
    #[error("there are {} breakpoints, and no more are possible", super::control::BREAKPOINTS_MAX)]
    Full,
    /// There is no breakpoint of this number.
    #[error("there is no breakpoint {id}")]
    NoSuchBreakpoint {
        /// Which.
        id: u32,
    },
    /// The text is no condition.
    #[error(transparent)]
    Condition(#[from] ConditionError),
}

impl Order {
    /// The bytes that travel.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Numbers and text always encode.
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// The order that these bytes are, if they are one and the only form of it.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (order, []) = postcard::take_from_bytes::<Self>(bytes).ok()? else { return None };
        (bytes.len() <= ORDER_BYTES_MAX && order.encode() == bytes).then_some(order)
    }

    /// A breakpoint on a condition, if the text is one.
    ///
    /// # Errors
    /// [`ConditionError`].
    pub fn break_if(id: u32, text: &str) -> Result<Self, ConditionError> {
        let condition = Condition::parse(text)?;
        Ok(Self::Break { id, at: Place::Condition(condition.text().to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_longest_order_fits() {
        let at = Place::Condition("x".repeat(TEXT_BYTES_MAX));
        let order = Order::Break { id: u32::MAX, at };
        assert_eq!(Order::decode(&order.encode()), Some(order));
        let longer = Order::Break { id: 1, at: Place::Condition("x".repeat(ORDER_BYTES_MAX)) };
        assert_eq!(Order::decode(&longer.encode()), None);
    }

    #[test]
    fn one_meaning_has_one_encoding() {
        assert_eq!(Order::decode(&[2, 5]), Some(Order::Step { ticks: 5 }));
        for bytes in [&[2, 0x85, 0][..], &[2], &[2, 5, 0], &[6], &[], &[4, 1, 2, 0]] {
            assert_eq!(Order::decode(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_order_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(order) = Order::decode(&bytes) {
                prop_assert_eq!(order.encode(), bytes);
            }
        }
    }
}
