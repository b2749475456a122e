//! Why a store did not do what it was asked, each reason apart, as each wants something else done. Must never hold a
//! value that is secret or personal: errors are logged.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::record::{Epoch, Key, Name, Rev};

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum StoreError {
    /// A record breaks a rule. Nothing was written.
    #[error("{} is not valid: {why}", kind_of(.key))]
    Invalid {
        /// Which.
        key: Key,
        /// A clause.
        why: Cow<'static, str>,
    },
    /// The batch breaks a rule. Nothing was written.
    #[error("the batch is not valid: {0}")]
    InvalidBatch(Cow<'static, str>),
    /// Somebody else was quicker. Nothing was written; read again.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Another process owns the world since. Nothing was written, and nothing will be.
    #[error("the world {world} belongs to another process: its epoch is {found:?}, this one has {ours:?}")]
    Fenced {
        /// Which.
        world: Name,
        /// The epoch there, if the world is there at all.
        found: Option<Epoch>,
        /// The epoch that was claimed.
        ours: Epoch,
    },
    /// It is not known whether the batch was written. Send the same batch again.
    #[error("it is not known whether this was written: {0}")]
    Unknown(String),
    /// There was no answer in time. Nothing was written.
    #[error("the store did not answer within {0:?}")]
    TimedOut(Duration),
    /// The store cannot be reached. Nothing was written.
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
    /// All connections are in use. Nothing was written.
    #[error("all {0} connections to the store are in use")]
    PoolExhausted(usize),
    /// The breaker is open: the store was not even asked.
    #[error("the store failed before; it is asked again in {0:?}")]
    BreakerOpen(Duration),
    /// The store takes no writes.
    #[error("the store is read-only: {0}")]
    ReadOnly(String),
    /// There is no room. Nothing was written.
    #[error("the store's disk is full: {0}")]
    DiskFull(String),
    /// The store did not let this program in.
    #[error("the store refused the credentials: {0}")]
    Refused(String),
    /// Another process has the file.
    #[error("another process has the store open: {0}")]
    Locked(String),
    /// Something that was read is not what was written.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The tables are of another version.
    #[error("the store has schema {found}, this program needs {needed}: {advice}")]
    Schema {
        /// What is there.
        found: String,
        /// What is needed.
        needed: String,
        /// What to do.
        advice: String,
    },
    /// The store would lose what it acknowledges.
    #[error("the store is not safe: {0}")]
    Unsafe(String),
    /// The server is one that was replaced: it lacks what was acknowledged since.
    #[error("this server was replaced by another one: {0}")]
    Superseded(String),
    /// The store was closed.
    #[error("the store was closed")]
    Closed,
    /// Anything else that the store said.
    #[error("the store failed: {0}")]
    Other(String),
}

/// A record is not what the writer took it for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{} was written by somebody else meanwhile: it has revision {found:?}, {wanted:?} was to follow", kind_of(.key))]
pub struct Conflict {
    /// Which.
    pub key: Key,
    /// Its revision in the store; nothing where it is not there, or is one that is written once.
    pub found: Option<Rev>,
    /// The revision that was to be written.
    pub wanted: Option<Rev>,
}

/// Keys name people; messages name only the kind, and what is of a world.
fn kind_of(key: &Key) -> String {
    match (key, key.world()) {
        (Key::World(name) | Key::Setting(name), _) => format!("the {} {name}", key.kind().name()),
        (_, Some(world)) => format!("a {} of the world {world}", key.kind().name()),
        _ => format!("a {}", key.kind().name()),
    }
}

impl StoreError {
    /// Whether the same may work later, without anybody changing what was asked.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unknown(_)
            | Self::TimedOut(_)
            | Self::Unavailable(_)
            | Self::PoolExhausted(_)
            | Self::BreakerOpen(_)
            | Self::ReadOnly(_)
            | Self::DiskFull(_)
            | Self::Refused(_)
            | Self::Superseded(_) => true,
            Self::Invalid { .. }
            | Self::InvalidBatch(_)
            | Self::Conflict(_)
            | Self::Fenced { .. }
            | Self::Locked(_)
            | Self::Corrupt(_)
            | Self::Schema { .. }
            | Self::Unsafe(_)
            | Self::Closed
            | Self::Other(_) => false,
        }
    }

    /// One word for dashboards and tests, such as `pool_exhausted`.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Invalid { .. } | Self::InvalidBatch(_) => "invalid",
            Self::Conflict(_) => "conflict",
            Self::Fenced { .. } => "fenced",
            Self::Unknown(_) => "unknown",
            Self::TimedOut(_) => "timed_out",
            Self::Unavailable(_) => "unavailable",
            Self::PoolExhausted(_) => "pool_exhausted",
            Self::BreakerOpen(_) => "breaker_open",
            Self::ReadOnly(_) => "read_only",
            Self::DiskFull(_) => "disk_full",
            Self::Refused(_) => "refused",
            Self::Locked(_) => "locked",
            Self::Corrupt(_) => "corrupt",
            Self::Schema { .. } => "schema",
            Self::Unsafe(_) => "unsafe",
            Self::Superseded(_) => "superseded",
            Self::Closed => "closed",
            Self::Other(_) => "other",
        }
    }
}

/// How a store is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    /// It answered, and takes writes.
    Well {
        /// How long the answer took.
        round_trip: Duration,
    },
    /// It did not.
    Ill(StoreError),
}
