//! What went wrong, as RFC 9457 has it: a code that stays, a neutral title, the correlation. Must never carry anything that
//! tells an outsider how the program is made: details go to the log.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::gate::{Denied, Sign};
use crate::identity::Correlation;
use crate::ports::{AccountError, AuditError, RecordingError, Refused, WorldError};
use crate::security::Refusal;

/// What kinds of problems there are; no reply has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// It is not a request that this server understands.
    BadRequest,
    /// It breaks the route's contract.
    BadInput,
    /// No token, or none that is good.
    NotAuthenticated,
    /// The role does not allow it.
    NotAllowed,
    /// The address or the person is banned.
    Banned,
    /// A page of an origin that is not listed asks.
    ForeignOrigin,
    /// The current licence is not accepted.
    LicenceRequired,
    /// There is no such thing.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// The request took too long to arrive.
    Slow,
    /// It does not go with how things are now.
    Conflict,
    /// More bytes than the route takes.
    TooLarge,
    /// Not the type of content that the route takes.
    UnsupportedType,
    /// That range is not there.
    NoSuchRange,
    /// Understood, and not possible.
    Refused,
    /// Too many requests.
    TooMany,
    /// The program is at fault.
    Failed,
    /// Not now.
    Unavailable,
    /// Not done within the time.
    Late,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::BadRequest,
        Self::BadInput,
        Self::NotAuthenticated,
        Self::NotAllowed,
        Self::Banned,
        Self::ForeignOrigin,
        Self::LicenceRequired,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Slow,
        Self::Conflict,
        Self::TooLarge,
        Self::UnsupportedType,
        Self::NoSuchRange,
        Self::Refused,
        Self::TooMany,
        Self::Failed,
        Self::Unavailable,
        Self::Late,
    ];

    /// Status, stable name and neutral title.
    #[must_use]
    pub const fn told(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadRequest => (400, "bad_request", "The request is not understood"),
            Self::BadInput => (400, "bad_input", "The request breaks the contract"),
            Self::NotAuthenticated => (401, "not_authenticated", "Sign in first"),
            Self::NotAllowed => (403, "not_allowed", "Not allowed"),
            Self::Banned => (403, "banned", "Banned"),
            Self::ForeignOrigin => (403, "foreign_origin", "Pages of this origin may not ask"),
            Self::LicenceRequired => (403, "licence_required", "Accept the current licence first"),
            Self::NotFound => (404, "not_found", "Not found"),
            Self::MethodNotAllowed => (405, "method_not_allowed", "The path has no such method"),
            Self::Slow => (408, "slow", "The request took too long to arrive"),
            Self::Conflict => (409, "conflict", "It does not go with how things are now"),
            Self::TooLarge => (413, "too_large", "Too large"),
            Self::UnsupportedType => (415, "unsupported_type", "This type of content is not taken"),
            Self::NoSuchRange => (416, "no_such_range", "That range is not there"),
            Self::Refused => (422, "refused", "Not possible"),
            Self::TooMany => (429, "too_many", "Too many requests"),
            Self::Failed => (500, "failed", "Something went wrong"),
            Self::Unavailable => (503, "unavailable", "Not available now"),
            Self::Late => (504, "late", "Not done within the time"),
        }
    }

    /// Status of the reply.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.told().0
    }
}

/// A problem: what the caller is told, and what only the log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// What of the input is wrong: told to the caller.
    pub errors: Vec<Refused>,
    /// When to come again.
    pub retry_after: Option<Duration>,
    /// Methods that the path has.
    pub allow: Option<String>,
    /// Length of the content of which no such range is there.
    pub length: Option<u64>,
    /// For the log only.
    pub detail: String,
    /// What the input is a sign of, where it looks like a part of an attack; for the gate only.
    pub sign: Option<Box<Sign>>,
}

impl Problem {
    /// One without details.
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self {
            code,
            errors: Vec::new(),
            retry_after: None,
            allow: None,
            length: None,
            detail: String::new(),
            sign: None,
        }
    }

    /// One with a sentence for the log.
    #[must_use]
    pub fn logged(code: Code, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..Self::new(code) }
    }

    /// Something of the input is wrong: `at` is a JSON pointer into the body, or `query.NAME`, `path.NAME`, `header.NAME`.
    #[must_use]
    pub fn input(at: impl Into<String>, why: impl Into<String>) -> Self {
        Self::errors(Code::BadInput, vec![Refused { at: at.into(), why: why.into() }])
    }

    /// Several things of the input are wrong.
    #[must_use]
    pub fn errors(code: Code, errors: Vec<Refused>) -> Self {
        Self { errors, ..Self::new(code) }
    }

    /// The same, with when to come again.
    #[must_use]
    pub fn again_in(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }

    /// What the caller is told.
    #[must_use]
    pub fn body(&self, correlation: Correlation) -> ProblemBody {
        let (status, code, title) = self.code.told();
        let errors = self.errors.iter().take(ERRORS_MAX).cloned().collect();
        ProblemBody { code: code.into(), title: title.into(), status, correlation: correlation.to_string(), errors }
    }
}

/// More errors of one input are not listed.
const ERRORS_MAX: usize = 20;

/// A problem as it is sent: `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Stable name of what went wrong.
    pub code: String,
    /// The same for people.
    pub title: String,
    /// The reply's status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// Names the request in the log: whoever runs the server finds the details by it.
    #[schema(min_length = 24, max_length = 24)]
    pub correlation: String,
    /// What of the input is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 20)]
    pub errors: Vec<Refused>,
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::Unauthenticated(_) => Code::NotAuthenticated,
            Denied::Forbidden => Code::NotAllowed,
            Denied::TooMany(_) => Code::TooMany,
            Denied::Banned => Code::Banned,
            Denied::Licence => Code::LicenceRequired,
            Denied::Unavailable(_) => Code::Unavailable,
        };
        let problem = Self::logged(code, denied.to_string());
        match denied {
            Denied::TooMany(time) => problem.again_in(time),
            _ => problem,
        }
    }
}

impl From<WorldError> for Problem {
    fn from(error: WorldError) -> Self {
        let code = match &error {
            WorldError::NoSuchEntity | WorldError::NoSuchBreakpoint | WorldError::NotKept => Code::NotFound,
            WorldError::Refused(_) => Code::Refused,
            WorldError::Full | WorldError::Over => Code::Unavailable,
            WorldError::Late => Code::Late,
        };
        let problem = Self::logged(code, error.to_string());
        match error {
            WorldError::Refused(errors) => Self { errors, ..problem },
            _ => problem,
        }
    }
}

impl From<RecordingError> for Problem {
    fn from(error: RecordingError) -> Self {
        let told = |code, at: String, why: &str| Self::errors(code, vec![Refused { at, why: why.to_owned() }]);
        match &error {
            RecordingError::Conflict(why) => told(Code::Conflict, String::new(), why),
            RecordingError::Refused(why) => told(Code::Refused, String::new(), why),
            RecordingError::Beyond(name, why) => told(Code::BadInput, format!("query.{name}"), why),
            RecordingError::NotFound => Self::logged(Code::NotFound, error.to_string()),
            RecordingError::TooLarge => Self::logged(Code::TooLarge, error.to_string()),
            RecordingError::Full => Self::logged(Code::TooMany, error.to_string()),
            RecordingError::Unavailable(_) => Self::logged(Code::Unavailable, error.to_string()),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let code = match &error {
            AccountError::Taken | AccountError::Conflict | AccountError::LastAdmin => Code::Conflict,
            AccountError::NotFound => Code::NotFound,
            AccountError::Invalid(_) => Code::Refused,
            AccountError::Unavailable(_) => Code::Unavailable,
        };
        Self::logged(code, error.to_string())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let why = refusal.to_string();
        let code = match refusal {
            Refusal::Denied(denied) => return denied.into(),
            Refusal::Invalid(why) => {
                return Self::errors(Code::Refused, vec![Refused { at: String::new(), why }]);
            }
            Refusal::Closed => Code::NotAllowed,
            Refusal::NotFound => Code::NotFound,
            Refusal::Taken | Refusal::LastAdmin | Refusal::Unchanged | Refusal::Conflict | Refusal::NoConsent => {
                Code::Conflict
            }
        };
        Self::logged(code, why)
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        Self::logged(Code::Unavailable, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_told_apart_by_name_and_tell_nothing_else() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.told().1).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }

    #[test]
    fn details_are_for_the_log_only() {
        let correlation = Correlation([7; 12]);
        let secret = "/var/lib/x: SELECT password";
        for error in [
            Problem::from(AccountError::Unavailable(secret.into())),
            Problem::from(AuditError::Unavailable(secret.into())),
            Problem::from(AccountError::Invalid(secret.into())),
            Problem::logged(Code::Failed, secret),
        ] {
            assert!(error.detail.contains(secret));
            let body = serde_json::to_string(&error.body(correlation)).unwrap_or_default();
            assert!(!body.contains("SELECT") && body.contains(&correlation.to_string()), "{body}");
        }
    }

    #[test]
    fn every_bad_token_has_one_body() {
        let bodies: BTreeSet<String> = ["expired", "no such key", "signature"]
            .map(|why| serde_json::to_string(&Problem::from(Denied::Unauthenticated(why)).body(Correlation([0; 12]))))
            .into_iter()
            .filter_map(Result::ok)
            .collect();
        assert_eq!(bodies.len(), 1);
    }
}
