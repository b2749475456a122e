//! The gate that every request passes: who asks, and whether they may ask now. Must never be bypassed: the dispatcher has
//! no other way to a handler.

use std::time::Duration;

use crate::identity::{Caller, Person, Role, Visit};

/// Why somebody is turned away. What a caller is told of it is in `http::problem`; the difference between the kinds of a
/// bad token is for the log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No token, or one that is not good, whatever is wrong with it.
    #[error("not authenticated: {0}")]
    Unauthenticated(&'static str),
    /// The role does not allow it.
    #[error("not allowed")]
    Forbidden,
    /// Too many requests; may come again after this time.
    #[error("too many requests; again in {} s", .0.as_secs())]
    TooMany(Duration),
    /// The address or the person is banned; until then.
    #[error("banned")]
    Banned,
    /// The current licence has not been accepted.
    #[error("the current licence is not accepted")]
    Licence,
    /// What is needed to decide, such as the audit log, does not answer: nothing runs unlogged.
    #[error("not available: {0}")]
    Unavailable(&'static str),
}

/// What a request is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// One HTTP request.
    Request,
    /// One message on a WebSocket.
    Message,
}

/// What of a request was seen that may be a part of an attack. Rules over these raise alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A route that does not exist, or a method that it does not have.
    NoSuchRoute,
    /// Input that breaks the contract.
    BadInput,
    /// Text that looks like an attempt on a database, a file system, a shell or a page.
    Injection(&'static str),
    /// A path that tries to leave its folder.
    Traversal,
    /// A name that somebody tried to sign in with, as a keyed hash; the person, where there is one.
    FailedSignIn {
        /// Keyed hash of the name.
        name: [u8; 16],
        /// Who that is.
        person: Option<Person>,
    },
    /// A token that is not good.
    BadToken(&'static str),
    /// A refresh token that was used before.
    ReusedRefresh(Person),
    /// The role did not allow what was asked.
    Forbidden(Person),
    /// A request that was served, by the place of its route in the table, with the bytes of the answer.
    Served {
        /// Who asked, where they said it.
        person: Option<Person>,
        /// Place of the route in the table.
        route: usize,
        /// Bytes of the answer's body.
        bytes: u64,
    },
}

/// Decides about requests. Calls come from many tasks at once, and none of them waits for a store.
pub trait Gatekeeper: Send + Sync + 'static {
    /// Whether this address may ask at all now; counts the request, and notes that an allowance is spent.
    ///
    /// # Errors
    /// [`Denied::TooMany`], [`Denied::Banned`].
    fn admit(&self, visit: &Visit, count: Count) -> Result<(), Denied>;

    /// Who has this bearer token; notes one that is not good, and that the sign-in is used.
    ///
    /// # Errors
    /// [`Denied::Unauthenticated`] for whatever is wrong with it, [`Denied::Banned`].
    fn verify(&self, visit: &Visit, bearer: &str) -> Result<Caller, Denied>;

    /// Whether a caller has at least this role and, from a player on, has accepted the current licence. Notes nothing:
    /// who turns somebody away for it tells [`Gatekeeper::saw`].
    ///
    /// # Errors
    /// [`Denied::Forbidden`], [`Denied::Licence`].
    fn permits(&self, caller: &Caller, needed: Role) -> Result<(), Denied> {
        if caller.role >= needed { Ok(()) } else { Err(Denied::Forbidden) }
    }

    /// Whether a caller's sign-in still stands: for who keeps a socket open.
    ///
    /// # Errors
    /// As [`Gatekeeper::verify`].
    fn still_stands(&self, caller: &Caller) -> Result<(), Denied>;

    /// Whether an address that was let in may stay: for who keeps a socket open. Counts nothing.
    ///
    /// # Errors
    /// [`Denied::Banned`].
    fn may_stay(&self, _visit: &Visit) -> Result<(), Denied> {
        Ok(())
    }

    /// Whether this person may ask now; counts the request for them. A message is a use of the sign-in.
    ///
    /// # Errors
    /// [`Denied::TooMany`].
    fn admit_caller(&self, caller: &Caller, count: Count) -> Result<(), Denied>;

    /// Notes what was seen.
    fn saw(&self, visit: &Visit, sign: Sign);
}
