//! What is written once and read by those who look after things: trades, the audit chain, settings. Must never be changed
//! once it is written, but for settings.

use serde::{Deserialize, Serialize};

use super::ids::{Hash, Millis, Name, PersonId, Rev, Seal, Text, Token};
use super::person::Item;
use super::world::Hasher;

/// That two people exchanged things. It is written with both inventories, so it says that the exchange was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Names it; who asks twice trades once.
    pub id: Token,
    /// When.
    pub at: Millis,
    /// Who began it.
    pub from: PersonId,
    /// The other one.
    pub to: PersonId,
    /// What `from` gave.
    pub gives: Vec<Item>,
    /// What `from` got.
    pub takes: Vec<Item>,
}

/// A value that an operator has set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its name.
    pub name: Name,
    /// How often it was written.
    pub rev: Rev,
    /// The value, as the owner of the setting writes it.
    pub value: Text,
}

/// One entry of the audit chain: who did what. Each holds the hash of the one before, so that edits, gaps and a cut-off
/// end show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Place in the chain, from 1.
    pub seq: u64,
    /// When.
    pub at: Millis,
    /// Who, where it was a person.
    pub actor: Option<PersonId>,
    /// What, such as `player.erase`.
    pub action: Name,
    /// To what.
    pub subject: Text,
    /// How it ended, such as `done` or `denied`.
    pub outcome: Name,
    /// What else is known and says who it was.
    pub private: Seal,
    /// Hash of the entry before; zero in the first.
    pub previous: Hash,
    /// See [`Audit::chained`].
    pub hash: Hash,
}

impl Audit {
    /// The same behind an entry, or as the first.
    #[must_use]
    pub fn chained(mut self, before: Option<&Self>) -> Self {
        self.seq = before.map_or(1, |before| before.seq.saturating_add(1));
        self.previous = before.map_or(Hash([0; 32]), |before| before.hash);
        self.hash = self.expected();
        self
    }

    pub(crate) fn expected(&self) -> Hash {
        let mut hasher = Hasher::new("spacetime 2026 audit entry");
        hasher.number(self.seq).number(self.at.0).number(self.actor.map_or(0, |person| person.0)).name(&self.action);
        hasher.bytes(self.subject.0.as_bytes()).name(&self.outcome).bytes(&self.private.0).bytes(&self.previous.0);
        hasher.finish()
    }
}
