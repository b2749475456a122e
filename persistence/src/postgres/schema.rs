//! The version of the tables: applied by the role that owns them, checked by everybody else. Must never let a program
//! work on tables of another version, nor change one that has rows of a newer one.

use std::collections::BTreeSet;

use refinery_core::{Migration, Runner};
use tokio_postgres::error::SqlState;

use super::session::Session;
use super::table::table;
use super::trouble;
use super::value::Sort;
use crate::error::StoreError;
use crate::record::Kind;

/// What a superuser runs once, before the first migration: the roles.
pub const ROLES_SQL: &str = include_str!("../../migrations/roles.sql");

/// The migrations, in order. One that was released is never edited.
const MIGRATIONS: [(&str, &str); 2] = [
    ("V1__tables", include_str!("../../migrations/V1__tables.sql")),
    ("V2__roles_and_reports", include_str!("../../migrations/V2__roles_and_reports.sql")),
];

/// Where the migrations that were applied are listed.
const HISTORY: &str = "spacetime.schema_history";

/// A migration, as the table lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    version: i64,
    name: String,
    checksum: String,
}

fn migrations() -> Result<Vec<Migration>, StoreError> {
    let all = MIGRATIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql));
    all.collect::<Result<_, _>>().map_err(|e| StoreError::Other(format!("a migration: {e}")))
}

fn wanted() -> Result<Vec<Entry>, StoreError> {
    let entry = |m: &Migration| Entry {
        version: i64::from(m.version()),
        name: m.name().to_owned(),
        checksum: m.checksum().to_string(),
    };
    Ok(migrations()?.iter().map(entry).collect())
}

/// Brings the tables to the version of this program. All of it or nothing; who comes second has nothing to do. Gives back
/// the names of what was applied.
pub(super) async fn migrate(session: &mut Session) -> Result<Vec<String>, StoreError> {
    let limit = std::time::Duration::ZERO;
    let failed = |error: tokio_postgres::Error| trouble::before_commit(&error, limit);
    // A migration may take its time, and only one at a time is at it.
    session
        .client
        .batch_execute(
            "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
             SELECT pg_advisory_lock(7224973361420841830); CREATE SCHEMA IF NOT EXISTS spacetime",
        )
        .await
        .map_err(failed)?;
    if let Some(found) = history(session).await? {
        expect_prefix(&found, &wanted()?)?;
    }
    let mut runner = Runner::new(&migrations()?).set_grouped(true);
    runner.set_migration_table_name(HISTORY);
    let report = runner.run_async(&mut *session.client).await.map_err(of_refinery)?;
    check(session).await?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

/// An error of refinery repeats the statement; the cause alone does not.
fn of_refinery(error: refinery_core::Error) -> StoreError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<tokio_postgres::Error>() {
            return trouble::migrating(error);
        }
        cause = inner.source();
    }
    StoreError::Other("the migration failed".to_owned())
}

/// Whether the tables are those of this program.
pub(super) async fn check(session: &Session) -> Result<(), StoreError> {
    let wanted = wanted()?;
    let Some(found) = history(session).await? else { return Err(differs("no tables", "migrate the database")) };
    expect_prefix(&found, &wanted)?;
    if found.len() < wanted.len() {
        let found = found.last().map_or_else(|| "no tables".to_owned(), |entry| format!("V{}", entry.version));
        return Err(differs(&found, "migrate the database"));
    }
    let (found, wanted) = (columns(session).await?, expected_columns());
    if let Some((table, column, _)) = wanted.symmetric_difference(&found).next() {
        let found = format!("the right migrations, but another column {table}.{column}");
        return Err(differs(
            &found,
            "a migration was applied by halves or edited: restore a backup, or mend it by hand",
        ));
    }
    Ok(())
}

fn differs(found: &str, advice: &str) -> StoreError {
    let last = MIGRATIONS.last().map_or("", |(name, _)| name);
    let needed = last.split("__").next().unwrap_or_default().to_owned();
    StoreError::Schema { found: found.to_owned(), needed, advice: advice.to_owned() }
}

/// What is there has to be how our own list begins.
fn expect_prefix(found: &[Entry], wanted: &[Entry]) -> Result<(), StoreError> {
    if let Some(newer) = found.get(wanted.len()) {
        return Err(differs(&format!("V{}", newer.version), "use the newer program that migrated it"));
    }
    match found.iter().zip(wanted).find(|(found, wanted)| found != wanted) {
        None => Ok(()),
        Some((found, _)) => {
            let found = format!("another V{} ({})", found.version, found.name);
            Err(differs(&found, "use the program that migrated it"))
        }
    }
}

/// What was applied, if anything ever was.
async fn history(session: &Session) -> Result<Option<Vec<Entry>>, StoreError> {
    let sql = "SELECT version::bigint, name::text, checksum::text FROM spacetime.schema_history ORDER BY version";
    let rows = match session.client.query(sql, &[]).await {
        Ok(rows) => rows,
        Err(error) => {
            let is_missing =
                |code: &SqlState| *code == SqlState::UNDEFINED_TABLE || *code == SqlState::INVALID_SCHEMA_NAME;
            let schema_is_closed = error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
            if error.code().is_some_and(is_missing) {
                return Ok(None);
            }
            if schema_is_closed {
                return Err(differs(
                    "tables that this role may not read",
                    "migrate the database, and use spacetime_app",
                ));
            }
            return Err(trouble::migrating(&error));
        }
    };
    let entry = |row: &tokio_postgres::Row| -> Result<Entry, tokio_postgres::Error> {
        Ok(Entry { version: row.try_get(0)?, name: row.try_get(1)?, checksum: row.try_get(2)? })
    };
    let entries: Result<Vec<_>, _> = rows.iter().map(entry).collect();
    entries.map(Some).map_err(|_| differs("a list of migrations that cannot be read", "restore a backup"))
}

type Columns = BTreeSet<(String, String, String)>;

/// Table, name and type of each column; of a domain, the type under it.
async fn columns(session: &Session) -> Result<Columns, StoreError> {
    let sql = "SELECT c.relname::text, a.attname::text, CASE t.typtype WHEN 'd' THEN \
         format_type(t.typbasetype, t.typtypmod) ELSE format_type(t.oid, a.atttypmod) END \
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_type t ON t.oid = a.atttypid WHERE n.nspname = 'spacetime' AND c.relkind = 'r' \
         AND c.relname <> 'schema_history' AND a.attnum > 0 AND NOT a.attisdropped";
    let rows = session.client.query(sql, &[]).await.map_err(|e| trouble::migrating(&e))?;
    let column = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    let columns: Result<Columns, tokio_postgres::Error> = rows.iter().map(column).collect();
    columns.map_err(|e| trouble::migrating(&e))
}

fn expected_columns() -> Columns {
    let mut out = Columns::new();
    for kind in Kind::ALL {
        let table = table(kind);
        let mut add = |table: &str, (name, sort): (&str, Sort)| {
            out.insert((table.to_owned(), name.to_owned(), sort.sql().to_owned()));
        };
        table.columns.iter().for_each(|column| add(table.name, *column));
        let Some(parts) = &table.parts else { continue };
        let shared = [parts.owner, ("kind", Sort::Text), ("count", Sort::Number), ("data", Sort::Bytes)];
        shared.into_iter().for_each(|column| add(parts.name, column));
        if parts.lists.len() > 1 {
            add(parts.name, ("is_given", Sort::Flag));
        }
    }
    out
}
