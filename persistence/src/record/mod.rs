//! What a store keeps: records, each with a key. Must never depend on how a store writes them.

mod check;
mod ids;
mod key;
mod ledger;
mod person;
mod world;

pub use ids::{Digest, Epoch, Hash, Millis, Name, NameError, PersonId, Rev, Seal, Text, Tick, Token};
pub use key::{Key, Kind, Scope};
pub use ledger::{Audit, Setting, Trade};
pub use person::{Consent, Credential, Discovery, Erasure, Inventory, Item, PersonKey, Place, Player, SignIn};
pub use world::{Seat, Segment, Snapshot, World};

use serde::{Deserialize, Serialize};

/// One record of any kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each variant is the record of that name")]
pub enum Record {
    Player(Player),
    Inventory(Inventory),
    Credential(Credential),
    SignIn(SignIn),
    Consent(Consent),
    Discovery(Discovery),
    World(World),
    Seat(Seat),
    Snapshot(Snapshot),
    Segment(Segment),
    Trade(Trade),
    Audit(Audit),
    Setting(Setting),
    PersonKey(PersonKey),
    Erasure(Erasure),
}

impl Record {
    /// What it is found by.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Player(r) => Key::Player(r.person),
            Self::Inventory(r) => Key::Inventory(r.person),
            Self::Credential(r) => Key::Credential(r.login),
            Self::SignIn(r) => Key::SignIn(r.id),
            Self::Consent(r) => Key::Consent(r.person, r.purpose.clone(), r.at),
            Self::Discovery(r) => Key::Discovery(r.person, r.what.clone()),
            Self::World(r) => Key::World(r.id.clone()),
            Self::Seat(r) => Key::Seat(r.world.clone(), r.number),
            Self::Snapshot(r) => Key::Snapshot(r.world.clone(), r.tick),
            Self::Segment(r) => Key::Segment(r.world.clone(), r.first_tick),
            Self::Trade(r) => Key::Trade(r.id),
            Self::Audit(r) => Key::Audit(r.seq),
            Self::Setting(r) => Key::Setting(r.name.clone()),
            Self::PersonKey(r) => Key::PersonKey(r.person),
            Self::Erasure(r) => Key::Erasure(r.person),
        }
    }

    /// Of which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.key().kind()
    }

    /// How often it was written; nothing for what is written once.
    #[must_use]
    pub fn rev(&self) -> Option<Rev> {
        match self {
            Self::Player(r) => Some(r.rev),
            Self::Inventory(r) => Some(r.rev),
            Self::Credential(r) => Some(r.rev),
            Self::SignIn(r) => Some(r.rev),
            Self::World(r) => Some(r.rev),
            Self::Seat(r) => Some(r.rev),
            Self::Setting(r) => Some(r.rev),
            Self::PersonKey(r) => Some(r.rev),
            Self::Consent(_)
            | Self::Discovery(_)
            | Self::Snapshot(_)
            | Self::Segment(_)
            | Self::Trade(_)
            | Self::Audit(_)
            | Self::Erasure(_) => None,
        }
    }

    /// Whom it belongs to or speaks of.
    #[must_use]
    pub fn people(&self) -> [Option<PersonId>; 2] {
        let one = |person: PersonId| [Some(person), None];
        match self {
            Self::Player(r) => one(r.person),
            Self::Inventory(r) => one(r.person),
            Self::Credential(r) => one(r.person),
            Self::SignIn(r) => one(r.person),
            Self::Consent(r) => one(r.person),
            Self::Discovery(r) => one(r.person),
            Self::Seat(r) => one(r.person),
            Self::Audit(r) => [r.actor, None],
            Self::PersonKey(r) => one(r.person),
            Self::Erasure(r) => one(r.person),
            Self::Trade(r) => [Some(r.from), Some(r.to)],
            Self::World(_) | Self::Snapshot(_) | Self::Segment(_) | Self::Setting(_) => [None, None],
        }
    }

    /// Bytes that do not fit in a few hundred: what limits how many records go into one batch.
    #[must_use]
    pub fn weight(&self) -> usize {
        256 + match self {
            Self::Player(r) => r.private.0.len(),
            Self::Inventory(r) => r.items.iter().map(|item| 80 + item.data.len()).sum(),
            Self::Credential(r) => r.private.0.len(),
            Self::SignIn(r) => r.private.0.len(),
            Self::Consent(r) => r.wording.0.len(),
            Self::World(r) => r.scenario.0.len(),
            Self::Seat(r) => r.private.0.len(),
            Self::Snapshot(r) => r.payload.len(),
            Self::Segment(r) => r.payload.len(),
            Self::Trade(r) => r.gives.iter().chain(&r.takes).map(|item| 80 + item.data.len()).sum(),
            Self::Audit(r) => r.subject.0.len() + r.private.0.len(),
            Self::Setting(r) => r.value.0.len(),
            Self::PersonKey(r) => r.wrapped.0.len(),
            Self::Discovery(_) | Self::Erasure(_) => 0,
        }
    }
}
