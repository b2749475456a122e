//! Reads of the embedded store, from one moment each. Must never walk over more than is asked for.

use std::ops::Bound;

use redb::{ReadTransaction, ReadableTable as _, Table};

use super::file::storage;
use super::{PEOPLE, rows, table};
use crate::batch::Stored;
use crate::copy::Copying;
use crate::error::StoreError;
use crate::record::{Key, Kind, PersonId, Scope};
use crate::store::{Order, PAGE_WEIGHT_MAX, Page, Query};

pub(super) fn get(transaction: &ReadTransaction, key: &Key) -> Result<Option<Stored>, StoreError> {
    let rows = transaction.open_table(table(key.kind())).map_err(storage)?;
    let bytes = key.bytes();
    let row = rows.get(bytes.as_slice()).map_err(storage)?;
    row.map(|row| rows::decode(key.kind(), &bytes, row.value())).transpose()
}

/// What a writing transaction sees.
pub(super) fn stored(rows: &Table<'_, &[u8], &[u8]>, kind: Kind, key: &[u8]) -> Result<Option<Stored>, StoreError> {
    let row = rows.get(key).map_err(storage)?;
    row.map(|row| rows::decode(kind, key, row.value())).transpose()
}

pub(super) fn list(transaction: &ReadTransaction, query: &Query) -> Result<Page, StoreError> {
    let mut page = Page::default();
    let mut weight = 0;
    walk(transaction, query, |key, row| {
        if page.records.len() == query.limit || weight >= PAGE_WEIGHT_MAX {
            page.more = true;
            return Ok(false);
        }
        let record = rows::decode(query.kind, key, row)?.record;
        weight += record.weight();
        page.records.push(record);
        Ok(true)
    })?;
    Ok(page)
}

pub(super) fn keys(transaction: &ReadTransaction, query: &Query) -> Result<Vec<Key>, StoreError> {
    let mut keys = Vec::new();
    walk(transaction, query, |key, _| {
        if keys.len() == query.limit {
            return Ok(false);
        }
        let key = Key::from_bytes(query.kind, key);
        keys.push(key.ok_or_else(|| StoreError::Corrupt(format!("a key of {} is none", query.kind.name())))?);
        Ok(true)
    })?;
    Ok(keys)
}

/// Sends all records of these kinds; ends when nobody listens any more.
pub(super) fn copy(transaction: &ReadTransaction, kinds: &[Kind], to: &Copying) -> Result<(), StoreError> {
    for kind in kinds {
        let table_rows = transaction.open_table(table(*kind)).map_err(storage)?;
        for entry in table_rows.iter().map_err(storage)? {
            let (key, row) = entry.map_err(storage)?;
            let record = rows::decode(*kind, key.value(), row.value())?.record;
            if to.blocking_push(record).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Shows rows in order until `visit` has enough.
fn walk(
    transaction: &ReadTransaction,
    query: &Query,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let rows = transaction.open_table(table(query.kind)).map_err(storage)?;
    let beyond = query.beyond.as_ref().filter(|key| key.kind() == query.kind).map(Key::bytes);
    if let Some(prefix) = Key::prefix(query.kind, &query.scope) {
        let Some((from, to)) = bounds(&prefix, beyond.as_deref(), query.order) else { return Ok(()) };
        let mut range = rows.range::<&[u8]>((as_slice(&from), as_slice(&to))).map_err(storage)?;
        let mut next = || if query.order == Order::Up { range.next() } else { range.next_back() };
        while let Some(entry) = next() {
            let (key, row) = entry.map_err(storage)?;
            if !visit(key.value(), row.value())? {
                break;
            }
        }
        return Ok(());
    }
    // Keys of one person that are no neighbours are in a table of their own; no key has a world that is not its prefix.
    let Scope::Person(person) = query.scope else { return Ok(()) };
    let people = transaction.open_table(PEOPLE).map_err(storage)?;
    let prefix = entry(person, query.kind, &[]);
    let beyond = beyond.map(|key| entry(person, query.kind, &key));
    let Some((from, to)) = bounds(&prefix, beyond.as_deref(), query.order) else { return Ok(()) };
    let mut range = people.range::<&[u8]>((as_slice(&from), as_slice(&to))).map_err(storage)?;
    let mut next = || if query.order == Order::Up { range.next() } else { range.next_back() };
    while let Some(entry) = next() {
        let (entry, _) = entry.map_err(storage)?;
        let key = entry.value().get(prefix.len()..).unwrap_or_default();
        let row = rows.get(key).map_err(storage)?;
        let row = row.ok_or_else(|| StoreError::Corrupt(format!("a row of {} is missing", query.kind.name())))?;
        if !visit(key, row.value())? {
            break;
        }
    }
    Ok(())
}

/// Under which key a record that is not listed under its person anyway is listed.
pub(super) fn entry(person: PersonId, kind: Kind, key: &[u8]) -> Vec<u8> {
    let mut out = person.0.to_be_bytes().to_vec();
    out.push(kind as u8);
    out.extend_from_slice(key);
    out
}

type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

/// From where to where keys with this prefix go; nothing where there are none.
fn bounds(prefix: &[u8], beyond: Option<&[u8]>, order: Order) -> Option<Bounds> {
    let end = successor(prefix);
    let within = |key: &[u8]| key >= prefix && end.as_deref().is_none_or(|end| key < end);
    let (mut from, mut to) = (Bound::Included(prefix.to_vec()), end.clone().map_or(Bound::Unbounded, Bound::Excluded));
    if let Some(key) = beyond {
        match order {
            Order::Up if within(key) => from = Bound::Excluded(key.to_vec()),
            Order::Down if within(key) => to = Bound::Excluded(key.to_vec()),
            // A key before all of them, in the order of the list, leaves all; one behind them leaves none.
            Order::Up if key >= prefix => return None,
            Order::Down if key < prefix => return None,
            Order::Up | Order::Down => {}
        }
    }
    // redb takes no range whose ends are the same and excluded.
    match (&from, &to) {
        (Bound::Excluded(a) | Bound::Included(a), Bound::Excluded(b)) if a >= b => None,
        _ => Some((from, to)),
    }
}

/// The first bytes that come behind everything with this prefix.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut out = prefix[..=last].to_vec();
    out[last] += 1;
    Some(out)
}
