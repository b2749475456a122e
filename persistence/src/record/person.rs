//! What belongs to a person. What says who they are is sealed with their own key; the rest says nothing without it. Must
//! never hold a name, an address or a key of a person in the open.

use serde::{Deserialize, Serialize};

use super::ids::{Hash, Millis, Name, PersonId, Rev, Seal, Text, Tick, Token, bytes};

/// A person as a player.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Player {
    /// Who.
    pub person: PersonId,
    /// How often it was written.
    pub rev: Rev,
    /// When the person came first.
    pub created: Millis,
    /// When the person was here last.
    pub seen: Millis,
    /// Where they were last.
    pub place: Option<Place>,
    /// Name, contact and whatever else says who it is.
    pub private: Seal,
}

/// Where a player's ship was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// In this world.
    pub world: Name,
    /// At this tick.
    pub tick: Tick,
    /// Cell of 2^20 m, barycentric.
    pub cell: [i64; 3],
    /// Offset in it, m. Finite; the sign of zero counts.
    pub offset_m: [f64; 3],
}

/// What a person owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Who.
    pub person: PersonId,
    /// How often it was written.
    pub rev: Rev,
    /// At most 1,024, ascending by kind, none twice.
    pub items: Vec<Item>,
}

/// So many things of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Of which kind.
    pub kind: Name,
    /// How many: 1 to 2^63 - 1.
    pub count: u64,
    /// What is particular about them, at most 4 KiB.
    #[serde(with = "bytes")]
    pub data: Vec<u8>,
}

/// By what a person signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// A keyed hash of the name that they sign in with, by which it is found.
    pub login: Hash,
    /// How often it was written.
    pub rev: Rev,
    /// Whose.
    pub person: PersonId,
    /// Such as `password`.
    pub method: Name,
    /// The hash of the password, or the public key.
    pub private: Seal,
}

/// A person that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// Names it.
    pub id: Token,
    /// How often it was written.
    pub rev: Rev,
    /// Who.
    pub person: PersonId,
    /// When they signed in.
    pub created: Millis,
    /// When it was used last.
    pub seen: Millis,
    /// When it ends.
    pub expires: Millis,
    /// It was ended before.
    pub revoked: bool,
    /// Hash of the token that renews it.
    pub refresh: Hash,
    /// From where.
    pub private: Seal,
}

/// That a person gave or took back their consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Who.
    pub person: PersonId,
    /// To what.
    pub purpose: Name,
    /// When.
    pub at: Millis,
    /// Given, or refused or taken back.
    pub given: bool,
    /// Version of the wording.
    pub version: u32,
    /// What they were shown.
    pub wording: Text,
}

/// That a person was the first of theirs to find something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    /// Who.
    pub person: PersonId,
    /// What.
    pub what: Name,
    /// In this world.
    pub world: Name,
    /// At this tick.
    pub tick: Tick,
    /// When.
    pub at: Millis,
}

/// The key that a person's private fields are sealed with. Only in a store of keys, which no backup of worlds holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonKey {
    /// Whose.
    pub person: PersonId,
    /// How often it was written.
    pub rev: Rev,
    /// Names the master key that it is wrapped with.
    pub master: Token,
    /// The key, wrapped.
    pub wrapped: Seal,
}

/// That a person's key was destroyed. Only in a store of keys; kept so that no restored backup brings the person back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Who.
    pub person: PersonId,
    /// When.
    pub at: Millis,
}
