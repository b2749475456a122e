//! The audit log: who did what, as a chain that shows edits. Must never hold a secret or, in the open, a name.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Moment;
use crate::identity::Person;

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Done,
    /// Whoever asked may not.
    Denied,
    /// It was tried and did not come about.
    Failed,
}

impl Outcome {
    /// One word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// What is to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub at: Moment,
    /// Who, where they said it.
    pub actor: Option<Person>,
    /// What, such as `sign_in` or `world.patch`: lower case, digits, `.`, `_`.
    pub action: &'static str,
    /// To what: at most 1 KiB, such as `person:7` or `entity:12`; never a name.
    pub subject: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What else is known, such as address and correlation, as JSON: at most 8 KiB, kept sealed.
    pub details: String,
}

/// What was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Place in the chain, from 1.
    pub seq: u64,
    /// When.
    pub at: Moment,
    /// Who.
    pub actor: Option<Person>,
    /// What.
    pub action: String,
    /// To what.
    pub subject: String,
    /// How it ended.
    pub outcome: String,
    /// What else was kept; nothing where the actor was erased.
    pub details: Option<String>,
    /// Hash of the entry, by which the next one is chained.
    pub hash: [u8; 32],
}

/// Which part of the log is read, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Oldest first, from behind this place on; 0 for all.
    Onward(u64),
    /// Newest first, from before this place back; from the end without one.
    Back(Option<u64>),
}

/// Why the audit log could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The chain is not what was written: from this place on.
    #[error("the audit chain is broken at entry {seq}: {why}")]
    Broken {
        /// The first place that is wrong.
        seq: u64,
        /// What is wrong.
        why: String,
    },
    /// It does not answer; a sentence for the log.
    #[error("the audit log: {0}")]
    Unavailable(String),
}

/// The audit log.
#[async_trait]
pub trait AuditLog: Send + Sync + 'static {
    /// Writes an act down, and gives its place in the chain. When it returns well, the entry is durable.
    ///
    /// # Errors
    /// [`AuditError::Unavailable`]: whatever was to be done must not be done.
    async fn record(&self, act: Act) -> Result<u64, AuditError>;

    /// At most so many entries, and whether there are more that way.
    ///
    /// # Errors
    /// [`AuditError::Unavailable`].
    async fn page(&self, reading: Reading, limit: usize) -> Result<(Vec<Entry>, bool), AuditError>;

    /// Looks at the whole chain; gives how many entries it has.
    ///
    /// # Errors
    /// [`AuditError`].
    async fn verify(&self) -> Result<u64, AuditError>;
}
