//! Sessions of real processes: as people use the commands, over bad networks, in network namespaces, under attack. One
//! program for all of them, so that what they share is compiled once and used whole.

#[path = "../cli/common.rs"]
mod common;

mod bad_network;
mod commands;
mod control;
mod hostile;
mod late_join;
mod mesh;
mod namespaces;
mod peers;
mod signed;
mod window;
