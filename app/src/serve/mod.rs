//! The service: a world that outlives its process. A session's peer that founds, records into a store, saves, and admits
//! others; with a control socket beside it. Must never let the session wait for the store.
//!
//! Data flows one way: the session's thread confirms turns and hands them to [`log`], whose thread packs them and offers
//! them to the journal, whose task writes them to the store. What the threads tell each other is in [`shared`].

pub mod ask;
pub mod config;
pub mod control;
pub mod desk;
pub mod ending;
pub mod health;
pub mod host;
pub mod keys;
pub mod log;
pub mod people;
pub mod position;
pub mod resume;
pub mod retention;
pub mod run;
pub mod seats;
pub mod shared;
pub mod startup;
pub mod stores;
pub mod web;
