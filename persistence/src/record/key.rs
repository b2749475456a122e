//! Keys of records, in the order that stores list them. Must never order two keys of one kind differently from their bytes.

use serde::{Deserialize, Serialize};

use super::ids::{Hash, Millis, Name, PersonId, Tick, Token};

/// What a record is found by. Keys of one kind are ordered as declared, numbers by size and names by their bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each variant is the key of the record of that name")]
pub enum Key {
    Player(PersonId),
    Inventory(PersonId),
    Credential(Hash),
    SignIn(Token),
    Consent(PersonId, Name, Millis),
    Discovery(PersonId, Name),
    World(Name),
    Seat(Name, u32),
    Snapshot(Name, Tick),
    Segment(Name, Tick),
    Trade(Token),
    Audit(u64),
    Setting(Name),
    PersonKey(PersonId),
    Erasure(PersonId),
}

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each variant is the kind of the record of that name")]
pub enum Kind {
    Player,
    Inventory,
    Credential,
    SignIn,
    Consent,
    Discovery,
    World,
    Seat,
    Snapshot,
    Segment,
    Trade,
    Audit,
    Setting,
    PersonKey,
    Erasure,
}

impl Kind {
    /// All kinds. What refers to another record comes behind it.
    pub const ALL: [Self; 15] = [
        Self::Player,
        Self::Inventory,
        Self::Credential,
        Self::SignIn,
        Self::Consent,
        Self::Discovery,
        Self::World,
        Self::Seat,
        Self::Snapshot,
        Self::Segment,
        Self::Trade,
        Self::Audit,
        Self::Setting,
        Self::PersonKey,
        Self::Erasure,
    ];

    /// Of the kinds, those that a store of keys holds, and no other store.
    pub const OF_KEYS: [Self; 2] = [Self::PersonKey, Self::Erasure];

    /// Of the others, those that speak of somebody: such a record is there only where somebody had a key.
    pub const OF_PEOPLE: [Self; 9] = [
        Self::Player,
        Self::Inventory,
        Self::Credential,
        Self::SignIn,
        Self::Consent,
        Self::Discovery,
        Self::Seat,
        Self::Trade,
        Self::Audit,
    ];

    /// As messages and tables name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Player => "player",
            Self::Inventory => "inventory",
            Self::Credential => "credential",
            Self::SignIn => "sign_in",
            Self::Consent => "consent",
            Self::Discovery => "discovery",
            Self::World => "world",
            Self::Seat => "seat",
            Self::Snapshot => "snapshot",
            Self::Segment => "segment",
            Self::Trade => "trade",
            Self::Audit => "audit",
            Self::Setting => "setting",
            Self::PersonKey => "person_key",
            Self::Erasure => "erasure",
        }
    }
}

/// Of whose records a list is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// Everybody's.
    #[default]
    All,
    /// One person's.
    Person(PersonId),
    /// One world's: for seats, snapshots and segments.
    World(Name),
}

impl Key {
    /// Of which kind of record.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Player(_) => Kind::Player,
            Self::Inventory(_) => Kind::Inventory,
            Self::Credential(_) => Kind::Credential,
            Self::SignIn(_) => Kind::SignIn,
            Self::Consent(..) => Kind::Consent,
            Self::Discovery(..) => Kind::Discovery,
            Self::World(_) => Kind::World,
            Self::Seat(..) => Kind::Seat,
            Self::Snapshot(..) => Kind::Snapshot,
            Self::Segment(..) => Kind::Segment,
            Self::Trade(_) => Kind::Trade,
            Self::Audit(_) => Kind::Audit,
            Self::Setting(_) => Kind::Setting,
            Self::PersonKey(_) => Kind::PersonKey,
            Self::Erasure(_) => Kind::Erasure,
        }
    }

    /// Whether keys of this kind begin with the person.
    pub(crate) const fn begins_with_person(kind: Kind) -> bool {
        matches!(
            kind,
            Kind::Player | Kind::Inventory | Kind::PersonKey | Kind::Erasure | Kind::Consent | Kind::Discovery
        )
    }

    /// The world whose log or state the record is part of: who writes it has to own that world.
    #[must_use]
    pub const fn world(&self) -> Option<&Name> {
        match self {
            Self::Seat(world, _) | Self::Snapshot(world, _) | Self::Segment(world, _) => Some(world),
            _ => None,
        }
    }

    /// Bytes that are in the order of the keys, within one kind.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        match self {
            Self::Player(person) | Self::Inventory(person) | Self::PersonKey(person) | Self::Erasure(person) => {
                out.extend(person.0.to_be_bytes());
            }
            Self::Credential(login) => out.extend(login.0),
            Self::SignIn(id) | Self::Trade(id) => out.extend(id.0),
            Self::Consent(person, purpose, at) => {
                out.extend(person.0.to_be_bytes());
                put(&mut out, purpose);
                out.extend(at.0.to_be_bytes());
            }
            Self::Discovery(person, what) => {
                out.extend(person.0.to_be_bytes());
                put(&mut out, what);
            }
            Self::World(name) | Self::Setting(name) => put(&mut out, name),
            Self::Seat(world, number) => {
                put(&mut out, world);
                out.extend(number.to_be_bytes());
            }
            Self::Snapshot(world, tick) | Self::Segment(world, tick) => {
                put(&mut out, world);
                out.extend(tick.0.to_be_bytes());
            }
            Self::Audit(seq) => out.extend(seq.to_be_bytes()),
        }
        out
    }

    /// The key of these bytes; nothing for bytes that are none of this kind.
    pub(crate) fn from_bytes(kind: Kind, bytes: &[u8]) -> Option<Self> {
        let mut from = From(bytes);
        let key = match kind {
            Kind::Player => Self::Player(PersonId(from.number()?)),
            Kind::Inventory => Self::Inventory(PersonId(from.number()?)),
            Kind::Credential => Self::Credential(Hash(from.array()?)),
            Kind::SignIn => Self::SignIn(Token(from.array()?)),
            Kind::Consent => Self::Consent(PersonId(from.number()?), from.name()?, Millis(from.number()?)),
            Kind::Discovery => Self::Discovery(PersonId(from.number()?), from.name()?),
            Kind::World => Self::World(from.name()?),
            Kind::Seat => Self::Seat(from.name()?, u32::from_be_bytes(from.array()?)),
            Kind::Snapshot => Self::Snapshot(from.name()?, Tick(from.number()?)),
            Kind::Segment => Self::Segment(from.name()?, Tick(from.number()?)),
            Kind::Trade => Self::Trade(Token(from.array()?)),
            Kind::Audit => Self::Audit(from.number()?),
            Kind::Setting => Self::Setting(from.name()?),
            Kind::PersonKey => Self::PersonKey(PersonId(from.number()?)),
            Kind::Erasure => Self::Erasure(PersonId(from.number()?)),
        };
        from.0.is_empty().then_some(key)
    }

    /// What all keys of a scope begin with, where they are neighbours.
    pub(crate) fn prefix(kind: Kind, scope: &Scope) -> Option<Vec<u8>> {
        match (kind, scope) {
            (_, Scope::All) => Some(Vec::new()),
            (kind, Scope::Person(person)) if Self::begins_with_person(kind) => Some(person.0.to_be_bytes().to_vec()),
            (Kind::World | Kind::Seat | Kind::Snapshot | Kind::Segment, Scope::World(world)) => {
                let mut out = Vec::new();
                put(&mut out, world);
                Some(out)
            }
            _ => None,
        }
    }
}

/// A name has no zero byte, so this keeps the order.
fn put(out: &mut Vec<u8>, name: &Name) {
    out.extend(name.as_str().as_bytes());
    out.push(0);
}

/// Takes a key apart, from the front.
struct From<'a>(&'a [u8]);

impl From<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn name(&mut self) -> Option<Name> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let (name, rest) = self.0.split_at(end);
        self.0 = rest.get(1..)?;
        Name::new(String::from_utf8(name.to_vec()).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_in_the_order_of_the_keys() {
        let name = |text: &str| Name::new(text).unwrap();
        let mut keys = Vec::new();
        for world in ["a", "a-b", "a.", "aa", "b"] {
            for tick in [0, 1, 255, 256, u64::MAX >> 1] {
                keys.push(Key::Snapshot(name(world), Tick(tick)));
                keys.push(Key::Consent(PersonId(tick), name(world), Millis(tick)));
                keys.push(Key::Discovery(PersonId(tick), name(world)));
                keys.push(Key::Seat(name(world), u32::try_from(tick & 0xffff_ffff).unwrap()));
            }
        }
        for a in &keys {
            assert_eq!(Key::from_bytes(a.kind(), &a.bytes()).as_ref(), Some(a));
            let (mut longer, mut shorter) = (a.bytes(), a.bytes());
            longer.push(0);
            shorter.pop();
            assert_eq!((Key::from_bytes(a.kind(), &longer), Key::from_bytes(a.kind(), &shorter)), (None, None));
            for b in keys.iter().filter(|b| b.kind() == a.kind()) {
                assert_eq!(a.cmp(b), a.bytes().cmp(&b.bytes()), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn kinds_are_all_listed_once() {
        let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
