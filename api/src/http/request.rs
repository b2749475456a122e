//! A request as a handler sees it: checked by the route's row. Must never show a handler what was not checked.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use hyper::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::dispatch::Arrived;
use super::params::{Given, Values};
use super::problem::{Code, Problem};
use super::route::Route;
use crate::identity::{Caller, Visit};

/// A body that arrives piece by piece: cut off with a problem beyond the route's size and time limits.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Problem>> + Send>>;

/// What was sent.
pub enum Content {
    /// Nothing.
    None,
    /// JSON, which the route's schema allows.
    Json(Value),
    /// A stream of bytes.
    Octets(Pieces),
}

/// A request.
pub struct Request {
    /// From where, and what it is called.
    pub visit: Visit,
    /// Who asks, where they said it.
    pub caller: Option<Caller>,
    /// The route's row.
    pub route: &'static Route,
    /// Values of the path's parameters.
    pub path: Values,
    /// Values of the query's parameters.
    pub query: Values,
    /// As it came; of its headers each sensitive one is there at most once.
    pub(crate) arrived: Arc<Arrived>,
    /// What was sent.
    pub content: Content,
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<K> {
    /// Behind this key; from the beginning without it.
    pub after: Option<K>,
    /// At most so many.
    pub limit: usize,
}

impl Request {
    /// Headers, each sensitive one at most once.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.arrived.head
    }

    /// Who asks.
    ///
    /// # Errors
    /// [`Code::NotAuthenticated`], which only a public route can come to.
    pub fn caller(&self) -> Result<Caller, Problem> {
        self.caller.ok_or(Problem::new(Code::NotAuthenticated))
    }

    /// The body as a value of a type. The type's own checks may still refuse it.
    ///
    /// # Errors
    /// [`Code::BadInput`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        match &self.content {
            Content::Json(value) => {
                T::deserialize(value).map_err(|error| Problem { detail: error.to_string(), ..unfit() })
            }
            Content::None | Content::Octets(_) => Err(unfit()),
        }
    }

    /// The body as a stream, once.
    ///
    /// # Errors
    /// [`Code::BadInput`] where the route does not take bytes.
    pub fn pieces(&mut self) -> Result<Pieces, Problem> {
        match std::mem::replace(&mut self.content, Content::None) {
            Content::Octets(pieces) => Ok(pieces),
            Content::None | Content::Json(_) => Err(unfit()),
        }
    }

    /// A parameter of the path or the query, where it was given.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&Given> {
        self.path.iter().chain(&self.query).find(|(there, _)| *there == name).map(|(_, value)| value)
    }

    /// A parameter of kind `Whole`.
    #[must_use]
    pub fn whole(&self, name: &str) -> Option<u64> {
        self.given(name).and_then(|given| if let Given::Whole(n) = given { Some(*n) } else { None })
    }

    /// A parameter of kind `Signed`.
    #[must_use]
    pub fn signed(&self, name: &str) -> Option<i64> {
        self.given(name).and_then(|given| if let Given::Signed(n) = given { Some(*n) } else { None })
    }

    /// A parameter of kind `Name`, `Hex` or `OneOf`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given(name).and_then(|given| if let Given::Text(text) = given { Some(text.as_str()) } else { None })
    }

    /// A parameter of kind `Flag`; false where it was not given.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.given(name) == Some(&Given::Flag(true))
    }

    /// A parameter that has to be there.
    ///
    /// # Errors
    /// [`Code::Failed`] where the route's row does not list it so: a fault of the program.
    pub fn needed<T>(&self, value: Option<T>) -> Result<T, Problem> {
        value.ok_or_else(|| Problem::logged(Code::Failed, format!("{}: a parameter is not listed", self.route.id)))
    }

    /// The page that is asked for by `after` and `limit`, for keys that are whole numbers.
    #[must_use]
    pub fn page(&self) -> Page<u64> {
        Page { after: self.whole("after"), limit: self.limit() }
    }

    /// The same for keys that may be below zero.
    #[must_use]
    pub fn signed_page(&self) -> Page<i64> {
        Page { after: self.signed("after"), limit: self.limit() }
    }

    fn limit(&self) -> usize {
        self.whole("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100)
    }
}

fn unfit() -> Problem {
    Problem::input("", "is not what the route takes")
}
