//! Records as rows and back, column by column in the order of [`super::table`]. Must never give out a record that breaks
//! a rule: what was damaged is an error.

use tokio_postgres::Row;

use super::table::table;
use super::value::{Damage, Fields, Value, damaged};
use crate::batch::Stored;
use crate::error::StoreError;
use crate::record::{
    Audit, Consent, Credential, Discovery, Epoch, Erasure, Inventory, Item, Key, Kind, Name, PersonId, PersonKey,
    Place, Player, Record, Seat, Segment, Setting, SignIn, Snapshot, Token, Trade, World,
};

/// The row of a record that this batch writes.
pub(super) fn values<'a>(record: &'a Record, batch: &'a Token) -> Vec<Value<'a>> {
    let number = Value::number;
    let moment = Value::moment;
    let person = |person: PersonId| Value::number(person.0);
    let name = Value::name;
    let batch = Value::Bytes(&batch.0);
    match record {
        Record::Player(r) => {
            let mut row = vec![person(r.person), number(r.rev.0), batch, moment(r.created), moment(r.seen)];
            row.extend(r.place.as_ref().map_or([Value::Null; 8], place));
            row.push(Value::Bytes(&r.private.0));
            row
        }
        Record::Inventory(r) => vec![person(r.person), number(r.rev.0), batch],
        Record::Credential(r) => {
            let login = Value::Bytes(&r.login.0);
            vec![login, number(r.rev.0), batch, person(r.person), name(&r.method), Value::Bytes(&r.private.0)]
        }
        Record::SignIn(r) => vec![
            Value::Bytes(&r.id.0),
            number(r.rev.0),
            batch,
            person(r.person),
            moment(r.created),
            moment(r.seen),
            moment(r.expires),
            Value::Flag(r.revoked),
            Value::Bytes(&r.refresh.0),
            Value::Bytes(&r.private.0),
        ],
        Record::Consent(r) => {
            let (version, wording) = (number(r.version.into()), Value::Text(&r.wording.0));
            vec![person(r.person), name(&r.purpose), moment(r.at), Value::Flag(r.given), version, wording]
        }
        Record::Discovery(r) => {
            vec![person(r.person), name(&r.what), name(&r.world), number(r.tick.0), moment(r.at)]
        }
        Record::World(r) => vec![
            name(&r.id),
            number(r.rev.0),
            batch,
            number(r.epoch.0),
            moment(r.created),
            Value::Text(&r.scenario.0),
            number(r.tick_rate_hz.into()),
            number(r.results_revision.into()),
            Value::Text(&r.build.0),
        ],
        Record::Seat(r) => {
            let (seat, tag) = (number(r.number.into()), Value::Bytes(&r.tag.0));
            let private = Value::Bytes(&r.private.0);
            vec![name(&r.world), seat, number(r.rev.0), batch, person(r.person), tag, Value::Flag(r.banned), private]
        }
        Record::Snapshot(r) => vec![
            name(&r.world),
            number(r.tick.0),
            number(r.digest.0),
            moment(r.taken),
            r.label.as_ref().map_or(Value::Null, name),
            number(r.format.into()),
            Value::Bytes(&r.payload),
            Value::Bytes(&r.hash.0),
        ],
        Record::Segment(r) => vec![
            name(&r.world),
            number(r.first_tick.0),
            number(r.ticks.into()),
            number(r.digest.0),
            moment(r.written),
            number(r.format.into()),
            Value::Bytes(&r.payload),
            Value::Bytes(&r.hash.0),
        ],
        Record::Trade(r) => vec![Value::Bytes(&r.id.0), moment(r.at), person(r.from), person(r.to)],
        Record::Audit(r) => vec![
            number(r.seq),
            moment(r.at),
            r.actor.map_or(Value::Null, person),
            name(&r.action),
            Value::Text(&r.subject.0),
            name(&r.outcome),
            Value::Bytes(&r.private.0),
            Value::Bytes(&r.previous.0),
            Value::Bytes(&r.hash.0),
        ],
        Record::Setting(r) => vec![name(&r.name), number(r.rev.0), batch, Value::Text(&r.value.0)],
        Record::PersonKey(r) => {
            let (master, wrapped) = (Value::Bytes(&r.master.0), Value::Bytes(&r.wrapped.0));
            vec![person(r.person), number(r.rev.0), batch, master, wrapped]
        }
        Record::Erasure(r) => vec![person(r.person), moment(r.at)],
    }
}

fn place(place: &Place) -> [Value<'_>; 8] {
    let ([cell_x, cell_y, cell_z], [x, y, z]) = (place.cell, place.offset_m);
    let cells = [cell_x, cell_y, cell_z].map(Value::Number);
    let offsets = [x, y, z].map(Value::Real);
    let (world, tick) = (Value::name(&place.world), Value::number(place.tick.0));
    [world, tick, cells[0], cells[1], cells[2], offsets[0], offsets[1], offsets[2]]
}

/// The columns of a key.
pub(super) fn key_values(key: &Key) -> Vec<Value<'_>> {
    let number = Value::number;
    match key {
        Key::Player(person) | Key::Inventory(person) | Key::PersonKey(person) | Key::Erasure(person) => {
            vec![number(person.0)]
        }
        Key::Credential(login) => vec![Value::Bytes(&login.0)],
        Key::SignIn(id) | Key::Trade(id) => vec![Value::Bytes(&id.0)],
        Key::Consent(person, purpose, at) => vec![number(person.0), Value::name(purpose), Value::moment(*at)],
        Key::Discovery(person, what) => vec![number(person.0), Value::name(what)],
        Key::World(name) | Key::Setting(name) => vec![Value::name(name)],
        Key::Seat(world, seat) => vec![Value::name(world), number((*seat).into())],
        Key::Snapshot(world, tick) | Key::Segment(world, tick) => vec![Value::name(world), number(tick.0)],
        Key::Audit(seq) => vec![number(*seq)],
    }
}

/// The key that a row begins with.
pub(super) fn key(kind: Kind, row: &Row) -> Result<Key, StoreError> {
    let mut f = Fields::of(row);
    let read = |f: &mut Fields<'_>| -> Result<Key, Damage> {
        Ok(match kind {
            Kind::Player => Key::Player(f.person()?),
            Kind::Inventory => Key::Inventory(f.person()?),
            Kind::Credential => Key::Credential(f.hash()?),
            Kind::SignIn => Key::SignIn(f.token()?),
            Kind::Consent => Key::Consent(f.person()?, f.name()?, f.moment()?),
            Kind::Discovery => Key::Discovery(f.person()?, f.name()?),
            Kind::World => Key::World(f.name()?),
            Kind::Seat => Key::Seat(f.name()?, f.small()?),
            Kind::Snapshot => Key::Snapshot(f.name()?, f.tick()?),
            Kind::Segment => Key::Segment(f.name()?, f.tick()?),
            Kind::Trade => Key::Trade(f.token()?),
            Kind::Audit => Key::Audit(f.number()?),
            Kind::Setting => Key::Setting(f.name()?),
            Kind::PersonKey => Key::PersonKey(f.person()?),
            Kind::Erasure => Key::Erasure(f.person()?),
        })
    };
    read(&mut f).map_err(|why| damaged(table(kind).name, why))
}

/// The record of a row, and which batch wrote it.
pub(super) fn stored(kind: Kind, row: &Row) -> Result<Stored, StoreError> {
    let mut f = Fields::of(row);
    let mut batch = Token::default();
    let record = read(kind, &mut f, &mut batch).and_then(|record| record.check().map(|()| record));
    record.map(|record| Stored { record, batch }).map_err(|why| damaged(table(kind).name, why))
}

fn read(kind: Kind, f: &mut Fields<'_>, batch: &mut Token) -> Result<Record, Damage> {
    let mut by = |f: &mut Fields<'_>| f.token().map(|token| *batch = token);
    // Fields are read in the order in which they are named here.
    Ok(match kind {
        Kind::Player => {
            let (person, rev, ()) = (f.person()?, f.rev()?, by(f)?);
            let (created, seen, place, private) = (f.moment()?, f.moment()?, read_place(f)?, f.seal()?);
            Record::Player(Player { person, rev, created, seen, place, private })
        }
        Kind::Inventory => {
            let (person, rev, ()) = (f.person()?, f.rev()?, by(f)?);
            Record::Inventory(Inventory { person, rev, items: read_items(f)? })
        }
        Kind::Credential => {
            let (login, rev, ()) = (f.hash()?, f.rev()?, by(f)?);
            let (person, method, private) = (f.person()?, f.name()?, f.seal()?);
            Record::Credential(Credential { login, rev, person, method, private })
        }
        Kind::SignIn => {
            let (id, rev, ()) = (f.token()?, f.rev()?, by(f)?);
            let (person, created, seen, expires) = (f.person()?, f.moment()?, f.moment()?, f.moment()?);
            let (revoked, refresh, private) = (f.flag()?, f.hash()?, f.seal()?);
            Record::SignIn(SignIn { id, rev, person, created, seen, expires, revoked, refresh, private })
        }
        Kind::Consent => {
            let (person, purpose, at) = (f.person()?, f.name()?, f.moment()?);
            let (given, version, wording) = (f.flag()?, f.small()?, f.text()?);
            Record::Consent(Consent { person, purpose, at, given, version, wording })
        }
        Kind::Discovery => {
            let (person, what, world, tick, at) = (f.person()?, f.name()?, f.name()?, f.tick()?, f.moment()?);
            Record::Discovery(Discovery { person, what, world, tick, at })
        }
        Kind::World => {
            let (id, rev, ()) = (f.name()?, f.rev()?, by(f)?);
            let (epoch, created, scenario) = (Epoch(f.number()?), f.moment()?, f.text()?);
            let (tick_rate_hz, results_revision, build) = (f.small()?, f.small()?, f.text()?);
            Record::World(World { id, rev, epoch, created, scenario, tick_rate_hz, results_revision, build })
        }
        Kind::Seat => {
            let (world, number, rev, ()) = (f.name()?, f.small()?, f.rev()?, by(f)?);
            let (person, tag, banned, private) = (f.person()?, f.hash()?, f.flag()?, f.seal()?);
            Record::Seat(Seat { world, number, rev, person, tag, banned, private })
        }
        Kind::Snapshot => {
            let (world, tick, digest, taken) = (f.name()?, f.tick()?, f.digest()?, f.moment()?);
            let (label, format, payload, hash) = (f.name_if_any()?, f.small()?, f.take()?, f.hash()?);
            Record::Snapshot(Snapshot { world, tick, digest, taken, label, format, payload, hash })
        }
        Kind::Segment => {
            let (world, first_tick, ticks, digest) = (f.name()?, f.tick()?, f.small()?, f.digest()?);
            let (written, format, payload, hash) = (f.moment()?, f.small()?, f.take()?, f.hash()?);
            Record::Segment(Segment { world, first_tick, ticks, digest, written, format, payload, hash })
        }
        Kind::Trade => {
            let (id, at, from, to) = (f.token()?, f.moment()?, f.person()?, f.person()?);
            Record::Trade(Trade { id, at, from, to, gives: read_items(f)?, takes: read_items(f)? })
        }
        Kind::Audit => {
            let (seq, at, actor) = (f.number()?, f.moment()?, f.take::<Option<i64>>()?);
            let (action, subject, outcome) = (f.name()?, f.text()?, f.name()?);
            let (private, previous, hash) = (f.seal()?, f.hash()?, f.hash()?);
            let actor = actor.map(|person| PersonId(person.cast_unsigned()));
            Record::Audit(Audit { seq, at, actor, action, subject, outcome, private, previous, hash })
        }
        Kind::Setting => {
            let (name, rev, (), value) = (f.name()?, f.rev()?, by(f)?, f.text()?);
            Record::Setting(Setting { name, rev, value })
        }
        Kind::PersonKey => {
            let (person, rev, (), master, wrapped) = (f.person()?, f.rev()?, by(f)?, f.token()?, f.seal()?);
            Record::PersonKey(PersonKey { person, rev, master, wrapped })
        }
        Kind::Erasure => Record::Erasure(Erasure { person: f.person()?, at: f.moment()? }),
    })
}

fn read_place(f: &mut Fields<'_>) -> Result<Option<Place>, Damage> {
    let (world, tick) = (f.name_if_any()?, f.take::<Option<i64>>()?);
    let cell: [Option<i64>; 3] = [f.take()?, f.take()?, f.take()?];
    let offset: [Option<f64>; 3] = [f.take()?, f.take()?, f.take()?];
    match (world, tick, cell, offset) {
        (None, None, [None, None, None], [None, None, None]) => Ok(None),
        (Some(world), Some(tick), [Some(cx), Some(cy), Some(cz)], [Some(x), Some(y), Some(z)]) => {
            let tick = crate::record::Tick(tick.cast_unsigned());
            Ok(Some(Place { world, tick, cell: [cx, cy, cz], offset_m: [x, y, z] }))
        }
        _ => Err("has half a place"),
    }
}

/// Three lists of the same length.
fn read_items(f: &mut Fields<'_>) -> Result<Vec<Item>, Damage> {
    let kinds: Vec<String> = f.take::<Option<_>>()?.unwrap_or_default();
    let counts: Vec<i64> = f.take::<Option<_>>()?.unwrap_or_default();
    let data: Vec<Vec<u8>> = f.take::<Option<_>>()?.unwrap_or_default();
    if kinds.len() != counts.len() || kinds.len() != data.len() {
        return Err("has lists of different lengths");
    }
    let items = kinds.into_iter().zip(counts).zip(data).map(|((kind, count), data)| {
        let kind = Name::new(kind).map_err(|_| "has a name that is none")?;
        Ok(Item { kind, count: count.cast_unsigned(), data })
    });
    items.collect()
}
