//! Why a command was refused. A refusal is part of the tick's result: counted in the state, listed in the
//! report, and the same on every peer.

use serde::{Deserialize, Serialize};

/// The reason; the number is its place in the counters and must never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[repr(u8)]
pub enum Refusal {
    /// Longer than a command may be.
    #[error("the command is longer than 1024 bytes")]
    TooLong = 0,
    /// Not the encoding of one command, or behind a command of a player with a higher number.
    #[error("the bytes are not a command, or out of their order")]
    Malformed = 1,
    /// A kind of command that this build does not know.
    #[error("unknown kind of command")]
    UnknownKind = 2,
    /// The sender is not a member.
    #[error("the sender is not a member of the session")]
    NotAMember = 3,
    /// The sender's role does not allow it.
    #[error("the sender's role does not allow this command")]
    NotAllowed = 4,
    /// There is no such entity.
    #[error("no such entity")]
    NoSuchEntity = 5,
    /// The entity is of another kind than the command is for.
    #[error("the entity is of the wrong kind")]
    WrongKind = 6,
    /// The ship belongs to someone else.
    #[error("the ship belongs to another player")]
    NotTheOwner = 7,
    /// A number is outside its range.
    #[error("a value is out of range")]
    OutOfRange = 8,
    /// A number is NaN or infinite.
    #[error("a value is not finite")]
    NotFinite = 9,
    /// There is no component or field of that name, or its type is another.
    #[error("no such component field, or its type is another")]
    NoSuchField = 10,
    /// There is no tuning parameter of that name.
    #[error("no such tuning parameter")]
    NoSuchParameter = 11,
    /// The time factor is above the highest at which this may happen.
    #[error("the time factor is too high for this command")]
    TimeFactorTooHigh = 12,
    /// The gun is still reloading.
    #[error("the gun is not ready")]
    NotReady = 13,
    /// The ship is destroyed.
    #[error("the ship is destroyed")]
    Destroyed = 14,
    /// The ship is not destroyed.
    #[error("the ship is not destroyed")]
    NotDestroyed = 15,
    /// The frame or the world is full.
    #[error("a limit on how many is reached")]
    Full = 16,
}

/// What is wrong with a command, and where in it: told to tools before a command is entered. The log and the world know
/// only the first reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Objection {
    /// Why.
    pub reason: Refusal,
    /// What it is about.
    pub place: Place,
}

/// A part of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// All of it.
    Whole,
    /// One of the fields of a patch, or of the values of a tuning, counted from 0.
    Item(usize),
    /// The argument of this name.
    Argument(&'static str),
}

impl From<Refusal> for Objection {
    fn from(reason: Refusal) -> Self {
        Self { reason, place: Place::Whole }
    }
}

impl Refusal {
    /// As an objection to one argument.
    pub(crate) const fn of(self, argument: &'static str) -> Objection {
        Objection { reason: self, place: Place::Argument(argument) }
    }

    /// As an objection to one of many.
    pub(crate) const fn at(self, item: usize) -> Objection {
        Objection { reason: self, place: Place::Item(item) }
    }

    /// How many reasons there are.
    pub const COUNT: usize = 17;
}
