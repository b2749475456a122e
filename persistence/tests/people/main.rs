//! What belongs to people, on embedded stores in temporary folders: the vault, profiles, trades, the audit chain, export
//! and import, erasure, consents and retention.

mod audit;
mod erase;
mod export;
mod faulty;
mod history;
mod import;
mod joined;
mod login;
mod opening;
mod profile;
mod retention;
mod rig;
mod schema;
mod trade;
mod vault;
