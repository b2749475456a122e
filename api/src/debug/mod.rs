//! Live-debug sessions: who looks into the running world, with which breakpoints and watches. Must never keep the world
//! held, or a breakpoint in force, once nobody debugs any more.

pub mod acts;
pub mod sessions;

pub use acts::{Action, Done, act, open, sweep};
pub use sessions::{DebugId, Sessions, Watch};
