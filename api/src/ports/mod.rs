//! What the API needs from the program around it, as traits that the program implements. Must never name a type of the
//! simulation or of a store.

pub mod accounts;
pub mod audit;
pub mod health;
pub mod people;
pub mod presentation;
pub mod recordings;
pub mod settings;
pub mod world;

pub use accounts::{Account, AccountError, Accounts, NewAccount, StoredSignIn};
pub use audit::{Act, AuditError, AuditLog, Entry, Outcome, Reading};
pub use health::{Condition, Health, Part};
pub use people::{Erased, Kept, People, PeopleError, Purpose, Said};
pub use presentation::{AudioSource, Controller, Presentation, PresentationError, Quality};
pub use recordings::{
    Comparison, Contents, Divergence, FieldDifference, Happening, Happenings, Incoming, Job, Origin, PlacedBody,
    PlacedEntity, RecordedState, Recording, RecordingError, Recordings, Span, Stage, States, Task, TimedId, Unverified,
    Verification, Wholeness,
};
pub use settings::{Setting, Settings};
pub use world::{
    Body, Component, Control, ControlState, Entity, Field, FieldValue, Link, NewBreakpoint, Node, Order, Pace, Peer,
    Receipt, Refused, View, World, WorldError, WorldStatus,
};
