//! What every record must satisfy, on its way in and on its way out. Must never let a value through that one of the
//! stores would refuse or change.

use super::ids::{Millis, NUMBER_MAX, PersonId, Rev, TEXT_BYTES_MAX};
use super::person::{Item, Place};
use super::{Record, Text};

/// Most bytes of sealed fields.
const SEAL_BYTES_MAX: usize = 64 << 10;
/// Most kinds of things that one inventory or one side of a trade has.
const ITEMS_MAX: usize = 1024;
/// Most bytes that are particular about an item.
const ITEM_BYTES_MAX: usize = 4 << 10;
/// Most bytes of a snapshot or a segment, packed: a row of PostgreSQL and what is sent of it have to stay below 1 GiB.
const PAYLOAD_BYTES_MAX: usize = 512 << 20;

impl Record {
    /// What is wrong with it, if anything.
    ///
    /// # Errors
    /// A clause.
    pub fn check(&self) -> Result<(), &'static str> {
        if let Some(rev) = self.rev() {
            ensure(rev >= Rev::FIRST && rev.0 <= NUMBER_MAX, "a revision is 1 to 2^63 - 1")?;
        }
        self.people().into_iter().flatten().try_for_each(person)?;
        match self {
            Self::Player(r) => {
                moments(&[r.created, r.seen])?;
                seal(&r.private.0)?;
                r.place.as_ref().map_or(Ok(()), place)
            }
            Self::Inventory(r) => items(&r.items),
            Self::Credential(r) => seal(&r.private.0),
            Self::SignIn(r) => {
                moments(&[r.created, r.seen, r.expires])?;
                seal(&r.private.0)
            }
            Self::Consent(r) => {
                moments(&[r.at])?;
                ensure(r.version <= i32::MAX as u32, "a version is below 2^31")?;
                text(&r.wording)
            }
            Self::Discovery(r) => {
                moments(&[r.at])?;
                number(r.tick.0)
            }
            Self::World(r) => {
                moments(&[r.created])?;
                number(r.epoch.0)?;
                text(&r.scenario)?;
                text(&r.build)?;
                ensure((1..=100_000).contains(&r.tick_rate_hz), "a tick rate is 1 to 100,000 Hz")?;
                ensure(r.results_revision <= i32::MAX as u32, "a results revision is below 2^31")
            }
            Self::Seat(r) => seal(&r.private.0),
            Self::Snapshot(r) => {
                moments(&[r.taken])?;
                number(r.tick.0)?;
                ensure(r.format <= i32::MAX as u32, "a format is below 2^31")?;
                ensure(r.payload.len() <= PAYLOAD_BYTES_MAX, "a payload has at most 512 MiB")?;
                ensure(r.hash == r.expected(), "the hash is not that of the contents")
            }
            Self::Segment(r) => {
                moments(&[r.written])?;
                number(r.first_tick.0)?;
                number(r.end().0)?;
                ensure(r.ticks >= 1 && r.ticks <= i32::MAX as u32, "a segment has 1 to 2^31 - 1 ticks")?;
                ensure(r.format <= i32::MAX as u32, "a format is below 2^31")?;
                ensure(r.payload.len() <= PAYLOAD_BYTES_MAX, "a payload has at most 512 MiB")?;
                ensure(r.hash == r.expected(), "the hash is not that of the contents")
            }
            Self::Trade(r) => {
                moments(&[r.at])?;
                ensure(r.from != r.to, "a trade has two people")?;
                items(&r.gives)?;
                items(&r.takes)
            }
            Self::Audit(r) => {
                moments(&[r.at])?;
                ensure(r.seq >= 1 && r.seq <= NUMBER_MAX, "a place in the chain is 1 to 2^63 - 1")?;
                text(&r.subject)?;
                seal(&r.private.0)?;
                ensure(r.hash == r.expected(), "the hash is not that of the contents")
            }
            Self::Setting(r) => text(&r.value),
            Self::PersonKey(r) => seal(&r.wrapped.0),
            Self::Erasure(r) => moments(&[r.at]),
        }
    }
}

fn ensure(holds: bool, complaint: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(complaint) }
}

fn number(number: u64) -> Result<(), &'static str> {
    ensure(number <= NUMBER_MAX, "a number is below 2^63")
}

fn person(person: PersonId) -> Result<(), &'static str> {
    ensure((1..=NUMBER_MAX).contains(&person.0), "a person is 1 to 2^63 - 1")
}

fn moments(moments: &[Millis]) -> Result<(), &'static str> {
    ensure(moments.iter().all(|at| *at <= Millis::MAX), "a moment is before the year 10,000")
}

fn seal(bytes: &[u8]) -> Result<(), &'static str> {
    ensure(bytes.len() <= SEAL_BYTES_MAX, "sealed fields have at most 64 KiB")
}

fn text(text: &Text) -> Result<(), &'static str> {
    ensure(text.0.len() <= TEXT_BYTES_MAX, "a text has at most 16 MiB")?;
    ensure(!text.0.contains('\0'), "a text has no zero byte")
}

fn place(place: &Place) -> Result<(), &'static str> {
    number(place.tick.0)?;
    ensure(place.offset_m.iter().all(|offset| offset.is_finite()), "a place is finite")
}

fn items(items: &[Item]) -> Result<(), &'static str> {
    ensure(items.len() <= ITEMS_MAX, "there are at most 1,024 kinds of items")?;
    ensure(items.windows(2).all(|pair| pair[0].kind < pair[1].kind), "items ascend by kind, none twice")?;
    ensure(items.iter().all(|item| (1..=NUMBER_MAX).contains(&item.count)), "an item counts 1 to 2^63 - 1")?;
    ensure(items.iter().all(|item| item.data.len() <= ITEM_BYTES_MAX), "an item has at most 4 KiB of data")
}
