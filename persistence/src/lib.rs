//! Durable state: worlds with their saves and logs, players and what belongs to them, sign-ins, settings, an audit chain.
//!
//! One port, [`Store`], with two implementations that pass one test suite: [`Embedded`], a file of redb and the default,
//! and PostgreSQL for a fleet. What goes in and comes out is a [`Record`]; writing is a [`Batch`], which is applied whole
//! or not at all, is durable when it is acknowledged, and may be sent again after any error.
//!
//! In this order: nothing acknowledged is lost; nothing is half applied; nobody who must not wait waits.
//!
//! It must never know what a world does: snapshots and logs are bytes with a tick, a digest and a hash here.

#![forbid(unsafe_code)]

mod batch;
mod breaker;
mod copy;
mod embedded;
mod error;
mod guard;
mod journal;
pub mod people;
mod pieces;
mod postgres;
mod record;
pub mod remote;
pub mod secret;
mod store;

pub use batch::{Batch, Change, Fence, Stored, Verdict, decide};
pub use breaker::{Breaker, BreakerConfig, Phase, Transition};
pub use copy::{Abandoned, Copy, Copying};
pub use embedded::Embedded;
pub use error::{Conflict, Health, StoreError};
pub use guard::{Guarded, Guarding, Patience};
pub use journal::{Backlog, Journal, Limits, Mark, Rejected, Ticket};
pub use pieces::{Pieces, saves};
pub use postgres::{Postgres, PostgresConfig, ROLES_SQL};
pub use record::{
    Audit, Consent, Credential, Digest, Discovery, Epoch, Erasure, Hash, Inventory, Item, Key, Kind, Millis, Name,
    NameError, PersonId, PersonKey, Place, Player, Record, Rev, Scope, Seal, Seat, Segment, Setting, SignIn, Snapshot,
    Text, Tick, Token, Trade, World,
};
pub use store::{Order, PAGE_WEIGHT_MAX, Page, Query, Store};
