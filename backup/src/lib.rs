//! Backups: sealed copies of a store in one or two folders, restored as a whole or at a tick of a world; PostgreSQL by
//! pgBackRest. The program `spacetime-backup` is this library with a command line.
//!
//! In this order: a restore brings back what was there; a backup that is damaged is found before it is needed; who finds
//! one learns nothing from it.
//!
//! Must never hold a key of a person, nor write over anything that is there.

#![forbid(unsafe_code)]

pub mod archive;
pub mod cli;
mod commands;
pub mod cut;
pub mod deep;
pub mod key;
pub mod moment;
pub mod pgbackrest;
mod postgres_cmd;
pub mod repository;
pub mod restore;
mod settings;
pub mod take;
