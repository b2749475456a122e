//! How the program's parts are. Must never call a part well that was not looked at.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Moment;

/// How a part is; the worst one counts for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// As it should be.
    Well,
    /// Worse than it should be, and nothing is lost.
    Degraded,
    /// It does not do what it is for.
    Ill,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// How it is.
    pub condition: Condition,
    /// One word why, where it is not well.
    pub reason: &'static str,
    /// A sentence, for those who look after it.
    pub why: String,
    /// When it was looked at last.
    pub checked: Moment,
    /// Parts that it cannot do without: ill, where one of them is.
    pub needs: &'static [&'static str],
    /// Whether the whole is ill where this part is.
    pub is_essential: bool,
}

/// Looks after the parts.
pub trait Health: Send + Sync + 'static {
    /// All parts that were registered at the start, as they were seen last.
    fn parts(&self) -> Vec<Part>;
}
