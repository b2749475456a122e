//! How a command ends: its exit code and the one sentence that goes with it. Must never print.

use std::path::{Path, PathBuf};

/// Exit code when two things that should be equal are not.
pub const DIFFERENT: u8 = 1;
/// Exit code when something cannot be read or was asked for wrongly.
pub const UNREADABLE: u8 = 2;

/// How a command that did its work ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; or compared, and identical. Exit code 0.
    Fine,
    /// Compared, and different; the sentence says how. Exit code 1.
    Different(String),
}

/// Why a command could not do its work, or not all of it. Exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why, as a clause.
        reason: String,
    },
    /// A file can be read in part only.
    #[error("{}: {reason}", path.display())]
    Incomplete {
        /// Which.
        path: PathBuf,
        /// What is lost, as a clause.
        reason: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why, as a clause.
        reason: String,
    },
    /// The command line asks for something that does not exist.
    #[error("{0}")]
    Misused(String),
    /// The scenario is not one.
    #[error("{origin}: {error}")]
    Scenario {
        /// File or name.
        origin: String,
        /// What is wrong, with its line.
        error: sim::scenario::ScenarioError,
    },
    /// Something of this machine is missing, such as threads.
    #[error("{0}")]
    Machine(String),
}

impl Failure {
    /// A file that cannot be read, for a reason.
    pub fn unreadable(path: &Path, reason: impl ToString) -> Self {
        Self::Unreadable { path: path.to_owned(), reason: reason.to_string() }
    }

    /// A file that cannot be written, for a reason.
    pub fn unwritable(path: &Path, reason: impl ToString) -> Self {
        Self::Unwritable { path: path.to_owned(), reason: reason.to_string() }
    }
}
