//! The command line but for sessions: what each command does, what it says of damaged and hostile files, and what a killed
//! process leaves behind. One program, so that what the tests share is compiled once and used whole.

mod common;

mod bodies;
mod damaged;
mod film;
mod kill;
mod replay;
mod replay_fault;
mod replay_hostile;
mod run;
mod scenario;
mod shot;
