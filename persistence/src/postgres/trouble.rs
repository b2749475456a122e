//! What an error of the server or of the connection means. Must never pass on a value: PostgreSQL's details can hold
//! parts of a row, its messages do not, and only those of classes that name no value are taken over.

use std::time::Duration;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::error::StoreError;

/// What an error means where nothing can have been written.
pub(super) fn before_commit(error: &Error, timeout: Duration) -> StoreError {
    let Some(said) = error.as_db_error() else {
        return StoreError::Unavailable(of_connection(error));
    };
    let code = said.code();
    let message = said.message().to_owned();
    match code.code() {
        "57014" | "55P03" | "25P03" => StoreError::TimedOut(timeout),
        "25006" => StoreError::ReadOnly(message),
        "53100" => StoreError::DiskFull(message),
        "28P01" | "28000" | "42501" | "3D000" => StoreError::Refused(message),
        "42P01" | "42703" | "3F000" | "42704" | "42883" => missing(message),
        "XX001" | "XX002" => StoreError::Corrupt(message),
        "40001" | "40P01" => StoreError::Unavailable("others were in the way too often".to_owned()),
        // Checks and the like: the message of a unique or a check violation names the constraint only.
        code if code.starts_with("23") => StoreError::Other(message),
        code if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => {
            StoreError::Unavailable(message)
        }
        // Nothing was written, and it may be mended at the server: whoever has something to store goes on trying.
        code => StoreError::Unavailable(format!("SQLSTATE {code}")),
    }
}

/// What an error means that came instead of the answer to COMMIT.
pub(super) fn in_commit(error: &Error, timeout: Duration) -> StoreError {
    let is_final = |said: &DbError| {
        said.parsed_severity() == Some(Severity::Error) && !["57", "58", "08"].contains(&class(said.code()))
    };
    match error.as_db_error() {
        Some(said) if is_final(said) => before_commit(error, timeout),
        Some(said) => StoreError::Unknown(said.message().to_owned()),
        None => StoreError::Unknown(of_connection(error)),
    }
}

/// What an error means while the tables are looked at or made. It holds no row's values.
pub(super) fn migrating(error: &Error) -> StoreError {
    match (before_commit(error, Duration::ZERO), error.as_db_error()) {
        // Trying again would not help here.
        (StoreError::Other(_), Some(said)) => StoreError::Other(said.message().to_owned()),
        (StoreError::Unavailable(why), Some(said)) if why.starts_with("SQLSTATE") => {
            StoreError::Other(said.message().to_owned())
        }
        (other, _) => other,
    }
}

/// Whether the same transaction may get through at the next attempt.
pub(super) fn is_worth_another_try(error: &Error) -> bool {
    error
        .code()
        .is_some_and(|code| *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED)
}

fn class(code: &SqlState) -> &str {
    code.code().get(..2).unwrap_or_default()
}

fn missing(message: String) -> StoreError {
    let advice = "migrate the database, or use the program that did".to_owned();
    StoreError::Schema { found: message, needed: "the tables of this program".to_owned(), advice }
}

/// Words for an error that is not the server's, with its cause.
fn of_connection(error: &Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = error.source();
    }
    words
}
