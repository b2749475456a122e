//! A route as data: everything that is known about it stands in one row of the table, and the dispatcher, the access rules,
//! the limits and the documents all read that row. Must never have a default for who may ask.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::Api;
use super::params::Param;
use super::problem::{Code, Problem};
use super::reply::Reply;
use super::request::Request;
use super::schema::Schema;
use super::ws::Socket;
use crate::identity::{Caller, Role, Visit};

/// One route. There is no default for any field, so a row that leaves out who may ask does not compile:
///
/// ```compile_fail,E0063
/// use api::http::{Answer, Answering, Api, Doc, Handler, Limits, Request, Route};
/// use api::http::route::Method;
/// fn nothing(_: std::sync::Arc<Api>, _: Request) -> Answering { Box::pin(async { Ok(api::http::Reply::empty(204)) }) }
/// const OPEN: Route = Route {
///     id: "open",
///     method: Method::Get,
///     path: "/open",
///     limits: Limits::READ,
///     doc: Doc { tag: "test", summary: "Open", text: "" },
///     params: &[],
///     query: &[],
///     body: None,
///     answers: &[Answer::empty(204, "nothing")],
///     problems: &[],
///     handler: Handler::Call(nothing),
/// };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Names it in metrics, logs and documents: lower case and `_`.
    pub id: &'static str,
    /// Method.
    pub method: Method,
    /// Path: exact segments and `{name}`. A slash at the end makes it another path.
    pub path: &'static str,
    /// Who may ask.
    pub access: Access,
    /// What a request may cost.
    pub limits: Limits,
    /// What it is for.
    pub doc: Doc,
    /// The `{name}`s of the path, in order.
    pub params: &'static [Param],
    /// What may stand behind the `?`.
    pub query: &'static [Param],
    /// What has to be sent; for a socket, its messages.
    pub body: Option<Body>,
    /// How it answers when all is well: no other status below 400 is sent.
    pub answers: &'static [Answer],
    /// Problems of its own, besides those that its other fields bring along.
    pub problems: &'static [Code],
    /// What it does.
    pub handler: Handler,
}

impl Route {
    /// All problems that it may answer with: its own and those of the framework.
    #[must_use]
    pub fn all_problems(&self) -> Vec<Code> {
        let mut codes = vec![
            Code::BadRequest,
            Code::BadInput,
            Code::Banned,
            Code::ForeignOrigin,
            Code::TooMany,
            Code::Failed,
            Code::Unavailable,
            Code::Late,
        ];
        if let Access::Role(role) = self.access {
            codes.extend([Code::NotAuthenticated, Code::NotAllowed]);
            if role >= Role::Player {
                codes.push(Code::LicenceRequired);
            }
        }
        if !self.params.is_empty() {
            codes.push(Code::NotFound);
        }
        codes.extend([Code::TooLarge, Code::UnsupportedType]);
        if self.body.is_some() {
            codes.push(Code::Slow);
        }
        if self.takes_ranges() {
            codes.push(Code::NoSuchRange);
        }
        codes.extend(self.problems);
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

impl Route {
    /// Whether a part of its content may be asked for: where it says how it answers then.
    #[must_use]
    pub fn takes_ranges(&self) -> bool {
        self.answers.iter().any(|answer| answer.status == 206)
    }
}

/// Methods that routes have. GET answers HEAD too; OPTIONS is answered by the dispatcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Does something.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Takes away.
    Delete,
}

impl Method {
    /// As HTTP spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether it may change something.
    #[must_use]
    pub const fn changes(self) -> bool {
        !matches!(self, Self::Get)
    }
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, on purpose. A good token is looked at all the same, so that a handler may tell operators more.
    Public,
    /// Whoever has this role or one above it.
    Role(Role),
}

/// What a request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body.
    pub body_bytes: usize,
    /// Time for the handler.
    pub time: Duration,
    /// Requests at once.
    pub at_once: usize,
}

impl Limits {
    /// For what only reads.
    pub const READ: Self = Self { body_bytes: 0, time: Duration::from_secs(5), at_once: 256 };
    /// For small JSON that changes something.
    pub const WRITE: Self = Self { body_bytes: 64 << 10, time: Duration::from_secs(10), at_once: 64 };
    /// Time for all of a body of bytes to arrive, so that the handler's time is not over before.
    #[must_use]
    pub const fn octets_time(&self) -> Duration {
        Duration::from_millis(self.time.as_millis() as u64 / 2)
    }

    /// For sockets: how many there may be; bytes and time are those of a message.
    pub const SOCKET: Self = Self { body_bytes: 16 << 10, time: Duration::from_secs(5), at_once: 1024 };
}

/// What a route is for.
#[derive(Clone, Copy, Debug)]
pub struct Doc {
    /// Group in the documents.
    pub tag: &'static str,
    /// A few words.
    pub summary: &'static str,
    /// The rest; may be empty.
    pub text: &'static str,
}

/// What has to be sent.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// JSON of this schema, checked before the handler runs.
    Json(Schema),
    /// Bytes of this type, which the handler reads as a stream.
    Octets(&'static str),
}

/// One way to answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Type of the content; none for an empty answer.
    pub content: Option<&'static str>,
    /// Schema, for JSON.
    pub schema: Option<Schema>,
    /// What it means.
    pub what: &'static str,
}

impl Answer {
    /// JSON of this schema.
    #[must_use]
    pub const fn json(status: u16, schema: Schema, what: &'static str) -> Self {
        Self { status, content: Some("application/json"), schema: Some(schema), what }
    }

    /// No content.
    #[must_use]
    pub const fn empty(status: u16, what: &'static str) -> Self {
        Self { status, content: None, schema: None, what }
    }

    /// Content of another type.
    #[must_use]
    pub const fn other(status: u16, content: &'static str, what: &'static str) -> Self {
        Self { status, content: Some(content), schema: None, what }
    }
}

/// What a handler gives back, in time.
pub type Answering = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;

/// What a route does.
#[derive(Clone, Copy)]
pub enum Handler {
    /// Answers a request: `fn status(api: Arc<Api>, request: Request) -> Answering { Box::pin(async move { ... }) }`.
    Call(fn(Arc<Api>, Request) -> Answering),
    /// Opens a WebSocket for a caller, who has authenticated by the first message and has the route's role.
    Socket(fn(Arc<Api>, Visit, Caller) -> Box<dyn Socket>),
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Call(_) => "Call",
            Self::Socket(_) => "Socket",
        })
    }
}
