//! A simulation in a session: the world port of `netcode` for `sim`, and what goes on beside it: recordings of what is
//! confirmed, bundles about states that differ, presentation ahead of the log. Must never know of sockets.

pub mod control;
pub mod desync;
pub mod driver;
mod file_ledger;
pub mod input;
pub mod ledger;
pub mod near;
pub mod order;
pub mod recorder;
pub mod ships;
mod side;
pub mod signed;
pub mod waiting;
pub mod world;

pub use control::Control;
pub use driver::{Driver, Ending, Link, Options, Progress};
pub use input::{InputError, SessionInput};
pub use ledger::Ledger;
pub use near::Near;
pub use order::Order;
pub use side::{Cost, Foreseen};
pub use world::SimWorld;

#[cfg(test)]
mod hold_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod virtual_tests;
