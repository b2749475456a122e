//! The statements, made from the tables. Must never hold a value: values are parameters.

use std::fmt::Write as _;

use super::table::Table;
use super::value::Sort;
use crate::store::Order;

/// Names with something around each.
fn each(columns: &[(&str, Sort)], between: &str, form: impl Fn(&str) -> String) -> String {
    columns.iter().map(|(name, _)| form(name)).collect::<Vec<_>>().join(between)
}

fn plain(columns: &[(&str, Sort)]) -> String {
    each(columns, ", ", str::to_owned)
}

fn of(alias: &str, columns: &[(&str, Sort)]) -> String {
    each(columns, ", ", |name| format!("{alias}.{name}"))
}

fn equal(a: &str, b: &str, columns: &[(&str, Sort)]) -> String {
    each(columns, " AND ", |name| format!("{a}.{name} = {b}.{name}"))
}

/// Parameters from this number on.
fn parameters(columns: &[(&str, Sort)], first: usize, suffix: &str) -> String {
    let numbered = columns.iter().enumerate();
    let all = numbered.map(|(at, (_, sort))| format!("${}::{}{suffix}", first + at, sort.sql()));
    all.collect::<Vec<_>>().join(", ")
}

/// A table `v` of many rows, each column of which is a parameter.
fn rows(columns: &[(&str, Sort)], extra: Option<(&'static str, Sort)>) -> String {
    let all: Vec<_> = columns.iter().copied().chain(extra).collect();
    format!("unnest({}) AS v({})", parameters(&all, 1, "[]"), plain(&all))
}

/// What [`super::rows::stored`] reads, from something that is called `t`.
fn selected(table: &Table) -> String {
    let mut out = of("t", table.columns);
    for list in 0..table.parts.as_ref().map_or(0, |parts| parts.lists.len()) {
        let _ = write!(out, ", l{list}.kinds, l{list}.counts, l{list}.data");
    }
    out
}

/// The lists of parts that belong to `t`.
fn lists(table: &Table) -> String {
    let mut out = String::new();
    let (Some(parts), Some((key, _))) = (&table.parts, table.columns.first()) else { return out };
    for (at, list) in parts.lists.iter().enumerate() {
        let (name, owner) = (parts.name, parts.owner.0);
        let _ = write!(
            out,
            " LEFT JOIN LATERAL (SELECT array_agg(p.kind::text ORDER BY p.kind) AS kinds, \
             array_agg(p.count::bigint ORDER BY p.kind) AS counts, array_agg(p.data ORDER BY p.kind) AS data \
             FROM {name} p WHERE p.{owner} = t.{key} AND {list}) l{at} ON true"
        );
    }
    out
}

/// One row by its key.
pub(super) fn get(table: &Table) -> String {
    let keys = table.keys();
    let is = keys.iter().enumerate().map(|(at, (name, sort))| format!("t.{name} = ${}::{}", at + 1, sort.sql()));
    let is = is.collect::<Vec<_>>().join(" AND ");
    format!("SELECT {} FROM {} t{} WHERE {is}", selected(table), table.name, lists(table))
}

/// Many rows by their keys.
pub(super) fn get_many(table: &Table) -> String {
    let (name, keys) = (table.name, table.keys());
    format!(
        "SELECT {} FROM {} JOIN {name} t ON {}{}",
        selected(table),
        rows(keys, None),
        equal("t", "v", keys),
        lists(table)
    )
}

/// Writes rows whose keys are not there; gives back the keys of those that were written.
pub(super) fn insert(table: &Table) -> String {
    let (name, keys, columns) = (table.name, plain(table.keys()), plain(table.columns));
    format!(
        "INSERT INTO {name} ({columns}) SELECT {columns} FROM {} ON CONFLICT ({keys}) DO NOTHING RETURNING {keys}",
        rows(table.columns, None)
    )
}

/// Writes rows that follow what is there, locked in the order of their keys.
pub(super) fn update(table: &Table) -> String {
    let keys = table.keys();
    let rest = table.columns.get(table.key..).unwrap_or_default();
    format!(
        "WITH {} UPDATE {} t SET {} FROM v JOIN locked l ON {} WHERE {} AND t.rev = v.rev - 1 RETURNING {}",
        locked(table, None),
        table.name,
        each(rest, ", ", |column| format!("{column} = v.{column}")),
        equal("l", "v", keys),
        equal("t", "v", keys),
        of("t", keys)
    )
}

/// Removes rows, each guarded by a revision or by nothing.
pub(super) fn remove(table: &Table) -> String {
    let keys = table.keys();
    let guard = if table.has_revisions() { "(v.guard IS NULL OR t.rev = v.guard)" } else { "v.guard IS NULL" };
    format!(
        "WITH {} DELETE FROM {} t USING v JOIN locked l ON {} WHERE {} AND {guard} RETURNING {}",
        locked(table, Some(("guard", Sort::Number))),
        table.name,
        equal("l", "v", keys),
        equal("t", "v", keys),
        of("t", keys)
    )
}

fn locked(table: &Table, guard: Option<(&'static str, Sort)>) -> String {
    let keys = table.keys();
    let columns = if guard.is_some() { keys } else { table.columns };
    format!(
        "v AS MATERIALIZED (SELECT * FROM {}), locked AS MATERIALIZED \
         (SELECT {} FROM {} t JOIN v ON {} ORDER BY {} FOR UPDATE OF t)",
        rows(columns, guard),
        of("t", keys),
        table.name,
        equal("t", "v", keys),
        of("t", keys)
    )
}

/// Which part of a table is read, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub scope: Within,
    pub is_beyond: bool,
    pub order: Order,
}

/// See [`crate::Scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    All,
    Person,
    World,
}

/// A page of rows: `$1` is the limit, `$2` the weight after which it ends, then come the scope and the key that is beyond.
/// Behind each row stands how many rows there were without the limit of weight.
pub(super) fn list(table: &Table, part: Part) -> String {
    let order = ordered(table, part.order);
    format!(
        "SELECT {}, t.total FROM (SELECT a.*, count(*) OVER () AS total, sum(a.weight) OVER \
         (ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM \
         (SELECT t.*, 256 + {} AS weight FROM {} t{} ORDER BY {order} LIMIT $1::bigint) a) t{} \
         WHERE t.before IS NULL OR t.before < $2::bigint ORDER BY {}",
        selected(table),
        table.weight,
        table.name,
        conditions(table, part, 3),
        lists(table),
        each(table.keys(), ", ", |key| format!("t.{key}{}", direction(part.order)))
    )
}

/// A page of keys: `$1` is the limit, then come the scope and the key that is beyond.
pub(super) fn keys(table: &Table, part: Part) -> String {
    let (keys, order) = (of("t", table.keys()), ordered(table, part.order));
    format!("SELECT {keys} FROM {} t{} ORDER BY {order} LIMIT $1::bigint", table.name, conditions(table, part, 2))
}

fn direction(order: Order) -> &'static str {
    if order == Order::Up { "" } else { " DESC" }
}

fn ordered(table: &Table, order: Order) -> String {
    each(table.keys(), ", ", |key| format!("{key}{}", direction(order)))
}

fn conditions(table: &Table, part: Part, first: usize) -> String {
    let mut all = Vec::new();
    let mut next = first;
    match (part.scope, table.world) {
        (Within::All, _) => {}
        (Within::Person, _) => {
            let any = table.people.iter().map(|column| format!("t.{column} = ${next}::bigint"));
            all.push(format!("({})", any.collect::<Vec<_>>().join(" OR ")));
            next += 1;
        }
        (Within::World, world) => {
            all.push(format!("t.{} = ${next}::text", world.unwrap_or_default()));
            next += 1;
        }
    }
    if part.is_beyond {
        let sign = if part.order == Order::Up { ">" } else { "<" };
        all.push(format!("({}) {sign} ({})", of("t", table.keys()), parameters(table.keys(), next, "")));
    }
    if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
}

/// The fence of a world, held until the transaction ends.
pub(super) const FENCE: &str = "SELECT epoch FROM worlds WHERE id = $1::text FOR SHARE";

/// Writes something to the log of the server, so that the COMMIT behind it is waited for.
pub(super) const MARK: &str = "SELECT pg_logical_emit_message(true, 'spacetime', '')::text";

/// Items of inventories that are not in the lists any more: people, then person and kind of what stays.
pub(super) const ITEMS_REMOVE: &str = "DELETE FROM items WHERE person = ANY($1::bigint[]) AND (person, kind) NOT IN \
     (SELECT v.person, v.kind FROM unnest($2::bigint[], $3::text[]) AS v(person, kind))";

/// Items of inventories, where they changed.
pub(super) const ITEMS_WRITE: &str = "INSERT INTO items AS t (person, kind, count, data) \
     SELECT person, kind, count, data FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[]) \
     AS v(person, kind, count, data) ON CONFLICT (person, kind) DO UPDATE SET count = excluded.count, \
     data = excluded.data WHERE (t.count, t.data) IS DISTINCT FROM (excluded.count, excluded.data)";

/// Items of removed inventories.
pub(super) const ITEMS_CLEAR: &str = "DELETE FROM items WHERE person = ANY($1::bigint[])";

/// Items of new trades.
pub(super) const TRADE_ITEMS_WRITE: &str = "INSERT INTO trade_items (trade, is_given, kind, count, data) \
     SELECT trade, is_given, kind, count, data FROM \
     unnest($1::bytea[], $2::boolean[], $3::text[], $4::bigint[], $5::bytea[]) \
     AS v(trade, is_given, kind, count, data)";

/// Items of removed trades.
pub(super) const TRADE_ITEMS_CLEAR: &str = "DELETE FROM trade_items WHERE trade = ANY($1::bytea[])";
