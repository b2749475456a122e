//! A server of this crate over a world, a gate and stores that live in memory, and a client that sends bytes as they are.

mod client;
mod ports;
mod routes;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use api::clock::SystemClock;
use api::gate::Gatekeeper;
use api::http::{Api, Bound, Build, Listen, Ports, Rules, Server, Table, Tls};
use api::ports::{AuditLog, Health, Recordings};

use crate::shelf::Shelf;

pub use client::{Client, Got};
pub use ports::{Down, Gate, NoSettings, Notes, Parts, SECRET, Still, essential};
pub use routes::{FAILS, LATE, RUNS, table};

/// Nothing here takes longer on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// A server.
pub struct Running {
    pub api: Arc<Api>,
    pub gate: Arc<Gate>,
    pub parts: Arc<Parts>,
    pub shelf: Arc<Shelf>,
    pub notes: Arc<Notes>,
    pub server: Server,
}

impl Running {
    /// With usual limits.
    pub async fn start() -> Self {
        Self::with(Rules::default(), |_| {}, None).await
    }

    /// With these.
    pub async fn with(rules: Rules, change: impl FnOnce(&mut Listen), tls: Option<Arc<Tls>>) -> Self {
        Self::around(table(), rules, change, tls, |_| {}).await
    }

    /// With these routes as well.
    pub async fn of(table: Table, rules: Rules, change: impl FnOnce(&mut Listen), tls: Option<Arc<Tls>>) -> Self {
        Self::around(table, rules, change, tls, |_| {}).await
    }

    /// With these, and other ports.
    pub async fn around(
        table: Table,
        rules: Rules,
        change: impl FnOnce(&mut Listen),
        tls: Option<Arc<Tls>>,
        ports_change: impl FnOnce(&mut Ports),
    ) -> Self {
        let gate = Arc::new(Gate { allowance: AtomicU64::new(1 << 40), ..Gate::default() });
        let (parts, shelf, notes) =
            (Arc::new(Parts::default()), Arc::new(Shelf::default()), Arc::new(Notes::default()));
        let mut ports = Ports {
            world: Arc::new(Still),
            accounts: Arc::new(Down),
            audit: Arc::clone(&notes) as Arc<dyn AuditLog>,
            people: Arc::new(Down),
            health: Arc::clone(&parts) as Arc<dyn Health>,
            presentation: None,
            recordings: Arc::clone(&shelf) as Arc<dyn Recordings>,
            gate: Arc::clone(&gate) as Arc<dyn Gatekeeper>,
            security: None,
            settings: Arc::new(NoSettings),
            clock: Arc::new(SystemClock::default()),
        };
        ports_change(&mut ports);
        let build = Build { version: "0".into(), hash: "0".repeat(64) };
        let api = Arc::new(Api::new(ports, build, table, rules));
        let mut listen = Listen::at(SocketAddr::from(([127, 0, 0, 1], 0)));
        listen.connections = 600;
        change(&mut listen);
        let server = Bound::open(listen, tls).await.expect("a server").serve(Arc::clone(&api));
        Self { api, gate, parts, shelf, notes, server }
    }

    /// A connection to it.
    pub async fn client(&self) -> Client {
        Client::of(self.server.address()).await
    }

    /// One request over a connection of its own: a head without its end, and a body.
    pub async fn ask(&self, head: &str, body: &[u8]) -> Got {
        self.client().await.ask(head, body).await
    }

    /// `GET` of a path as somebody.
    pub async fn get(&self, path: &str, role: &str) -> Got {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {role}"), b"").await
    }
}

/// Ids that are different.
pub fn count_of_different(ids: impl IntoIterator<Item = String>) -> usize {
    ids.into_iter().collect::<BTreeSet<_>>().len()
}
