//! Values of rows, one by one and in columns of many. Must never change a bit on the way in or out.

use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

use crate::error::StoreError;
use crate::record::{Digest, Hash, Millis, Name, PersonId, Rev, Seal, Text, Tick, Token};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Number,
    Text,
    Bytes,
    Flag,
    Real,
    Moment,
}

impl Sort {
    /// As a statement names it.
    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Number => "bigint",
            Self::Text => "text",
            Self::Bytes => "bytea",
            Self::Flag => "boolean",
            Self::Real => "double precision",
            Self::Moment => "timestamp with time zone",
        }
    }
}

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Number(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Flag(bool),
    Real(f64),
    Moment(SystemTime),
}

impl<'a> Value<'a> {
    /// Bit for bit: from 2^63 on it is negative in the table.
    pub(super) const fn number(number: u64) -> Self {
        Self::Number(number.cast_signed())
    }

    pub(super) fn moment(at: Millis) -> Self {
        Self::Moment(at.time())
    }

    pub(super) fn name(name: &'a Name) -> Self {
        Self::Text(name.as_str())
    }

    /// For a statement about one row.
    pub(super) fn parameter(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Null => &None::<i64>,
            Self::Number(value) => value,
            Self::Text(value) => value,
            Self::Bytes(value) => value,
            Self::Flag(value) => value,
            Self::Real(value) => value,
            Self::Moment(value) => value,
        }
    }
}

/// The same column of many rows.
#[derive(Debug)]
pub(super) enum Column<'a> {
    Number(Vec<Option<i64>>),
    Text(Vec<Option<&'a str>>),
    Bytes(Vec<Option<&'a [u8]>>),
    Flag(Vec<Option<bool>>),
    Real(Vec<Option<f64>>),
    Moment(Vec<Option<SystemTime>>),
}

impl<'a> Column<'a> {
    pub(super) const fn new(sort: Sort) -> Self {
        match sort {
            Sort::Number => Self::Number(Vec::new()),
            Sort::Text => Self::Text(Vec::new()),
            Sort::Bytes => Self::Bytes(Vec::new()),
            Sort::Flag => Self::Flag(Vec::new()),
            Sort::Real => Self::Real(Vec::new()),
            Sort::Moment => Self::Moment(Vec::new()),
        }
    }

    /// A value of another sort becomes NULL, which the table refuses.
    pub(super) fn push(&mut self, value: Value<'a>) {
        match (self, value) {
            (Self::Number(rows), Value::Number(value)) => rows.push(Some(value)),
            (Self::Text(rows), Value::Text(value)) => rows.push(Some(value)),
            (Self::Bytes(rows), Value::Bytes(value)) => rows.push(Some(value)),
            (Self::Flag(rows), Value::Flag(value)) => rows.push(Some(value)),
            (Self::Real(rows), Value::Real(value)) => rows.push(Some(value)),
            (Self::Moment(rows), Value::Moment(value)) => rows.push(Some(value)),
            (Self::Number(rows), _) => rows.push(None),
            (Self::Text(rows), _) => rows.push(None),
            (Self::Bytes(rows), _) => rows.push(None),
            (Self::Flag(rows), _) => rows.push(None),
            (Self::Real(rows), _) => rows.push(None),
            (Self::Moment(rows), _) => rows.push(None),
        }
    }

    pub(super) const fn parameter(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Number(rows) => rows,
            Self::Text(rows) => rows,
            Self::Bytes(rows) => rows,
            Self::Flag(rows) => rows,
            Self::Real(rows) => rows,
            Self::Moment(rows) => rows,
        }
    }
}

/// The values of a row that was read, from left to right.
pub(super) struct Fields<'r> {
    row: &'r Row,
    next: usize,
}

/// What is wrong with a row.
pub(super) type Damage = &'static str;

impl<'r> Fields<'r> {
    pub(super) const fn of(row: &'r Row) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn take<T: FromSql<'r>>(&mut self) -> Result<T, Damage> {
        let value = self.row.try_get(self.next).map_err(|_| "has a column of another type")?;
        self.next += 1;
        Ok(value)
    }

    pub(super) fn number(&mut self) -> Result<u64, Damage> {
        Ok(self.take::<i64>()?.cast_unsigned())
    }

    pub(super) fn small(&mut self) -> Result<u32, Damage> {
        u32::try_from(self.number()?).map_err(|_| "has a number that is too large")
    }

    pub(super) fn person(&mut self) -> Result<PersonId, Damage> {
        self.number().map(PersonId)
    }

    pub(super) fn rev(&mut self) -> Result<Rev, Damage> {
        self.number().map(Rev)
    }

    pub(super) fn tick(&mut self) -> Result<Tick, Damage> {
        self.number().map(Tick)
    }

    pub(super) fn digest(&mut self) -> Result<Digest, Damage> {
        self.number().map(Digest)
    }

    pub(super) fn moment(&mut self) -> Result<Millis, Damage> {
        self.take().map(Millis::of)
    }

    pub(super) fn name(&mut self) -> Result<Name, Damage> {
        Name::new(self.take::<&str>()?).map_err(|_| "has a name that is none")
    }

    pub(super) fn name_if_any(&mut self) -> Result<Option<Name>, Damage> {
        self.take::<Option<&str>>()?.map(Name::new).transpose().map_err(|_| "has a name that is none")
    }

    pub(super) fn text(&mut self) -> Result<Text, Damage> {
        self.take().map(Text)
    }

    pub(super) fn seal(&mut self) -> Result<Seal, Damage> {
        self.take().map(Seal)
    }

    pub(super) fn hash(&mut self) -> Result<Hash, Damage> {
        self.take::<&[u8]>()?.try_into().map(Hash).map_err(|_| "has a hash that is none")
    }

    pub(super) fn token(&mut self) -> Result<Token, Damage> {
        self.take::<&[u8]>()?.try_into().map(Token).map_err(|_| "has a token that is none")
    }

    pub(super) fn flag(&mut self) -> Result<bool, Damage> {
        self.take()
    }
}

/// What was read is not what was written.
pub(super) fn damaged(table: &str, why: Damage) -> StoreError {
    StoreError::Corrupt(format!("a row of {table} {why}"))
}
