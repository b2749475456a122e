//! A deterministic simulation of the real Solar System: `step(state, inputs of one tick) -> state`.

#![forbid(unsafe_code)]

pub mod bodies;
mod columns;
pub mod command;
pub mod component;
pub mod condition;
pub mod contact;
mod digest;
#[cfg(feature = "fault-injection")]
pub mod fault;
pub mod field;
pub mod frame_view;
pub mod input;
mod inspect;
mod neighbourhood;
pub mod random;
pub mod recording;
pub mod refusal;
pub mod relativity;
pub mod report;
mod rollback;
pub mod scenario;
pub mod schema;
mod setup;
mod simulation;
pub mod snapshot;
pub mod space;
mod state;
mod step;
pub mod systems;
pub mod time;
pub mod tuning;
pub mod waves;
mod world;

pub use command::Command;
pub use component::Kind;
pub use condition::Condition;
pub use digest::{Digest, RESOURCES};
pub use input::{FrameError, InputFrame, Membership, PlayerId, Role};
pub use inspect::{ComponentState, Difference, EntityState};
pub use refusal::{Objection, Place, Refusal};
pub use report::{Event, TickReport};
pub use rollback::RollbackRing;
pub use scenario::Scenario;
pub use simulation::Simulation;
pub use snapshot::{SnapshotError, schema_hash};
pub use space::Position;
pub use step::System;
pub use time::{SimTime, Tick, TimeFactor};

/// Changes whenever the same scenario and inputs give other results: builds with the same number may share a session
/// and read each other's recordings to the same digests, whatever else differs between them. Raise it in the commit
/// that mints new golden digests; `fixtures/golden/revisions.txt` holds every number with the hash of its digests,
/// and a test compares.
///
/// Revision 2 knows interference, and refuses patches, spawns and tunings with subnormal numbers; everything else is as
/// in revision 1, golden digests included.
pub const RESULTS_REVISION: u64 = 2;

/// The first revision whose logs and saves give the same results here: from it on nothing was added but meanings for what
/// was refused before. Whoever goes on with such a log notes [`RESULTS_REVISION`] for it first.
pub const RESULTS_READ_FROM: u64 = 1;
