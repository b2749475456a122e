//! What handlers share: the ports, the gate, the clock, the table. Must never hold what belongs to one request.

use std::sync::Arc;

use super::table::Table;
use crate::clock::{Clock, Moment};
use crate::gate::Gatekeeper;
use crate::ports::{Accounts, AuditLog, Health, Presentation, World};

/// What the program around the API brings along.
#[derive(Clone)]
pub struct Ports {
    /// The running world.
    pub world: Arc<dyn World>,
    /// Accounts.
    pub accounts: Arc<dyn Accounts>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// How the program's parts are.
    pub health: Arc<dyn Health>,
    /// Headsets, sound and pictures, where the program has any.
    pub presentation: Option<Arc<dyn Presentation>>,
    /// Decides who may ask.
    pub gate: Arc<dyn Gatekeeper>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Which program this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its version.
    pub version: String,
    /// BLAKE3 of the program's file, in hex.
    pub hash: String,
}

impl Build {
    /// Of the program that runs; the hash is empty where its file cannot be read.
    #[must_use]
    pub fn of_this_program() -> Self {
        let file = std::env::current_exe().and_then(std::fs::read);
        let hash = file.map(|bytes| blake3::hash(&bytes).to_hex().to_string()).unwrap_or_default();
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), hash }
    }
}

/// What all handlers share.
pub struct Api {
    /// What the program brings along.
    pub ports: Ports,
    /// Which program this is.
    pub build: Build,
    /// When it began.
    pub began: Moment,
    /// The routes.
    pub table: Table,
}

impl Api {
    /// With these ports and routes.
    #[must_use]
    pub fn new(ports: Ports, build: Build, table: Table) -> Self {
        let began = ports.clock.now();
        Self { ports, build, began, table }
    }
}
