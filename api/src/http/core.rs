//! What handlers share: the ports, the gate, the clock, the table. Must never hold what belongs to one request.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::cors::Origins;
use super::door::{Breaker, Door};
use super::metrics::Metrics;
use super::openapi::Documents;
use super::problem::{Code, Problem};
use super::table::Table;
use super::telemetry::Telemetry;
use crate::clock::{Clock, Moment};
use crate::debug::Sessions;
use crate::gate::Gatekeeper;
use crate::identity::Correlation;
use crate::ports::{Accounts, AuditLog, Health, People, Presentation, Recordings, Settings, World};
use crate::security::Security;

/// What the program around the API brings along.
#[derive(Clone)]
pub struct Ports {
    /// The running world.
    pub world: Arc<dyn World>,
    /// Accounts.
    pub accounts: Arc<dyn Accounts>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// What is kept of people.
    pub people: Arc<dyn People>,
    /// How the program's parts are.
    pub health: Arc<dyn Health>,
    /// Headsets, sound and pictures, where the program has any.
    pub presentation: Option<Arc<dyn Presentation>>,
    /// Recordings.
    pub recordings: Arc<dyn Recordings>,
    /// Decides who may ask.
    pub gate: Arc<dyn Gatekeeper>,
    /// Keeps the accounts; without it the routes of accounts are not available.
    pub security: Option<Arc<Security>>,
    /// What the program goes by.
    pub settings: Arc<dyn Settings>,
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

/// What holds for all requests, beside what each route's row says.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Web origins whose pages may ask. The program's own is one of them, where it serves pages.
    pub origins: Origins,
    /// Time for a body to arrive.
    pub body_time: Duration,
    /// When a handler that fails is left alone.
    pub breaker: Breaker,
    /// What holds for WebSockets.
    pub sockets: SocketRules,
}

impl Default for Rules {
    fn default() -> Self {
        let (origins, breaker, sockets) = (Origins::default(), Breaker::default(), SocketRules::default());
        Self { origins, body_time: Duration::from_secs(20), breaker, sockets }
    }
}

/// What holds for WebSockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketRules {
    /// Time for the first message, which authenticates.
    pub authenticate_time: Duration,
    /// How often it is looked whether the sign-in still stands.
    pub check_every: Duration,
    /// How often a ping is sent.
    pub ping_every: Duration,
    /// Without any frame from the other end for so long, it is closed.
    pub silent_time: Duration,
    /// Time that the other end may take nothing of what is sent.
    pub stall_time: Duration,
}

impl Default for SocketRules {
    fn default() -> Self {
        Self {
            authenticate_time: Duration::from_secs(10),
            check_every: Duration::from_millis(500),
            ping_every: Duration::from_secs(10),
            silent_time: Duration::from_secs(25),
            stall_time: Duration::from_secs(25),
        }
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
    /// What holds for all requests.
    pub rules: Rules,
    /// Counters.
    pub metrics: Metrics,
    /// Samples of the world's status for those who watch.
    pub telemetry: Telemetry,
    /// Live-debug sessions that are open.
    pub debug: Sessions,
    pub(crate) documents: Documents,
    /// The server ends.
    pub(crate) ending: watch::Sender<bool>,
    doors: Vec<Arc<Door>>,
    /// Holds a random key.
    correlation_key: RandomState,
    correlations: AtomicU64,
}

impl Api {
    /// With these ports, routes and rules.
    #[must_use]
    pub fn new(ports: Ports, build: Build, table: Table, rules: Rules) -> Self {
        Self {
            began: ports.clock.now(),
            metrics: Metrics::new(table.routes()),
            telemetry: Telemetry::default(),
            debug: Sessions::default(),
            documents: Documents::of(&table, &build),
            ending: watch::Sender::new(false),
            doors: table.routes().iter().map(|route| Arc::new(Door::new(route.limits.at_once))).collect(),
            correlation_key: RandomState::new(),
            correlations: AtomicU64::new(0),
            ports,
            build,
            table,
            rules,
        }
    }

    /// A name for a request: keyed hashes (`SipHash`) of a number that goes up, so that it tells nothing, and costs no system
    /// call. It is no secret: nothing is let in by it.
    pub(crate) fn draw_correlation(&self) -> Correlation {
        let number = self.correlations.fetch_add(1, Ordering::Relaxed);
        let [low, high] = [0_u8, 1].map(|half| u128::from(self.correlation_key.hash_one((half, number))));
        let [name @ .., _, _, _, _] = (high << 64 | low).to_le_bytes();
        Correlation(name)
    }

    /// The door of a route.
    pub(crate) fn door(&self, place: usize) -> Result<&Arc<Door>, Problem> {
        self.doors.get(place).ok_or_else(|| Problem::logged(Code::Failed, "a route has no door"))
    }
}
