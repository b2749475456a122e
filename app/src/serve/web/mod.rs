//! The API of the service: its ports as the service implements them, and how it starts and ends. Must never decide who may
//! do what: that is the API's.

pub mod accounts;
pub mod audit;
pub mod feed;
pub mod local;
pub mod orders;
pub mod people;
pub mod recordings;
pub mod view;
pub mod world;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::clock::{Clock, SystemClock};
use api::debug;
use api::http::{Api, Bound, Build, Listen, Origins, Ports, Rules, Server, Tls, TlsFiles};
use api::identity::Role;
use api::ports::{Setting, Settings};
use api::security::policy::{AllowancePolicy, Policy};
use api::security::{Outside, Security, SignInPolicy, keys};
use api::webhook::{Pace, Webhook};
use persistence::people::People;
use persistence::{Journal, Store};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::config::{Api as Wanted, Config};
use super::health::Monitor;
use super::shared::Shared;
use crate::exit::Failure;
use accounts::StoredAccounts;
use audit::StoredAudit;
use feed::Feed;
use people::StoredPeople;
use recordings::Library;
use world::ServiceWorld;

/// How often debug sessions that are over are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Time between two looks at the certificate's files.
const RELOAD_EVERY: Duration = Duration::from_secs(60);

/// What the API is made of.
pub struct Parts {
    /// What belongs to people.
    pub people: People,
    /// The service's store.
    pub store: Arc<dyn Store>,
    /// What waits to be stored.
    pub journal: Arc<Journal>,
    /// What the service's threads know.
    pub shared: Arc<Shared>,
    /// Its health.
    pub monitor: Arc<Monitor>,
    /// What is confirmed.
    pub feed: Arc<Feed>,
    /// Recordings.
    pub library: Arc<Library>,
    /// Ticks per second.
    pub rate_hz: u32,
    /// The tick that was durable when the service began.
    pub durable: u64,
}

/// The API while it runs.
pub struct Web {
    /// Who keeps the accounts.
    pub security: Arc<Security>,
    server: Option<Server>,
    tasks: Vec<JoinHandle<()>>,
    library: Arc<Library>,
    url: String,
}

impl Web {
    /// Starts it, unless it is off.
    ///
    /// # Errors
    /// [`Failure`] with the setting that is at fault.
    pub fn start(config: &Config, parts: Parts, runtime: &Runtime) -> Result<Option<Self>, Failure> {
        let Some(wanted) = &config.api else { return Ok(None) };
        runtime.block_on(Self::begin(config, wanted, parts)).map(Some)
    }

    async fn begin(config: &Config, wanted: &Wanted, parts: Parts) -> Result<Self, Failure> {
        let failed = |e: &dyn ToString| Failure::Machine(format!("the API cannot start: {}", e.to_string()));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let accounts = StoredAccounts::new(parts.people.clone(), Arc::clone(&parts.store), Arc::clone(&clock))
            .map_err(|e| failed(&e))?;
        let own = StoredPeople::new(parts.people.clone(), Arc::clone(&clock));
        let (accounts, audit) = (Arc::new(accounts), Arc::new(StoredAudit::new(parts.people, parts.store)));
        let keys = keys::Keys::open(&wanted.token_keys).map_err(|e| failed(&e))?;
        let outside = Outside { clock: Arc::clone(&clock), accounts: accounts.clone(), audit: audit.clone() };
        let security = Security::start(policy(wanted), outside, keys).await.map_err(|e| failed(&e))?;
        let Parts { rate_hz, durable, shared, journal, feed, library, .. } = parts;
        let world = ServiceWorld::new(config.world.to_string(), rate_hz, durable, shared, journal, feed);
        let ports = Ports {
            world: Arc::new(world),
            accounts,
            audit,
            people: Arc::new(own),
            health: parts.monitor,
            presentation: None,
            recordings: Arc::clone(&library) as Arc<dyn api::ports::Recordings>,
            gate: security.clone(),
            security: Some(Arc::clone(&security)),
            settings: Arc::new(Shown(config.values.json())),
            clock,
        };
        let table = api::routes::table().map_err(|e| failed(&e))?;
        let listen = Listen {
            connections: wanted.connections,
            connections_per_address: wanted.address_connections,
            ..Listen::at(wanted.listen)
        };
        let tls = wanted.tls.clone().map(Tls::open).transpose().map_err(|e| failed(&e))?.map(Arc::new);
        let bound = Bound::open(listen, tls.clone()).await.map_err(|e| failed(&e))?;
        // The console's own, as browsers on this machine name it.
        let scheme = if wanted.tls.is_some() { "https" } else { "http" };
        let own = own_origins(bound.address(), scheme);
        let origins = Origins::new(wanted.origins.iter().cloned().chain(own)).map_err(|e| failed(&e))?;
        let rules = Rules { origins, ..Rules::default() };
        let api = Arc::new(Api::new(ports, Build::of_this_program(), table, rules));
        let server = bound.serve(Arc::clone(&api));
        let webhook = wanted.webhook.as_ref().map(|at| Webhook::open(at, Pace::default())).transpose();
        let webhook = webhook.map_err(|e| failed(&e))?;
        let mut tasks = vec![tokio::spawn(Arc::clone(&security).background()), tokio::spawn(sweep(Arc::clone(&api)))];
        tasks.extend(webhook.map(|webhook| tokio::spawn(webhook.run(api))));
        tasks.extend(tls.map(|tls| tokio::spawn(reload(tls))));
        Ok(Self { url: format!("{scheme}://{}", server.address()), server: Some(server), security, tasks, library })
    }

    /// Where it is to be reached on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Ends it: a capture first, then takes no new connections, gives what runs its time, and writes down what waits for that.
    pub async fn end(mut self) {
        self.library.end().await;
        if let Some(server) = self.server.take() {
            server.end().await;
        }
        self.tasks.iter().for_each(JoinHandle::abort);
        self.security.tend().await;
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// The origins of the console's own pages, as browsers write them: without the port that is usual, and with an IPv6
/// address in brackets. Only on loopback is this machine's own name ours.
fn own_origins(listen: SocketAddr, scheme: &str) -> Vec<String> {
    let port = match (scheme, listen.port()) {
        ("http", 80) | ("https", 443) => String::new(),
        (_, port) => format!(":{port}"),
    };
    let host = match listen.ip() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let local = listen.ip().to_canonical().is_loopback().then(|| "localhost".to_owned());
    std::iter::once(host).chain(local).map(|host| format!("{scheme}://{host}{port}")).collect()
}

fn policy(wanted: &Wanted) -> Policy {
    let usual = Policy::default();
    Policy {
        access_life: wanted.access_life,
        sign_ins: SignInPolicy { idle: wanted.idle, absolute: wanted.sign_in, ..usual.sign_ins },
        allowances: AllowancePolicy {
            address_requests: wanted.address_requests,
            address_messages: usual.allowances.address_messages.max(wanted.person_messages.saturating_mul(4)),
            person_requests: wanted.person_requests,
            person_messages: wanted.person_messages,
            ..usual.allowances
        },
        is_registration_open: wanted.is_registration_open,
        new_role: Role::Player,
        licence: wanted.licence,
        ..usual
    }
}

async fn sweep(api: Arc<Api>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        debug::sweep(&api).await;
    }
}

/// A renewed certificate is taken without a new start.
async fn reload(tls: Arc<Tls>) {
    loop {
        tokio::time::sleep(RELOAD_EVERY).await;
        if let Err(error) = tls.reload() {
            tracing::warn!("the certificate is the one of before: {error}");
        }
    }
}

/// Whether the files that the API is to have can be used; those that it makes itself may be missing.
///
/// # Errors
/// [`Failure::Machine`] with the file that is at fault.
pub fn check_files(wanted: &Wanted) -> Result<(), Failure> {
    let failed = |e: &dyn ToString| Failure::Machine(format!("the API cannot start: {}", e.to_string()));
    wanted.tls.clone().map(Tls::open).transpose().map_err(|e| failed(&e))?;
    wanted.webhook.as_ref().map(|at| Webhook::open(at, Pace::default())).transpose().map_err(|e| failed(&e))?;
    let has_keys = wanted.token_keys.try_exists().unwrap_or(true);
    if has_keys {
        keys::Keys::open(&wanted.token_keys).map_err(|e| failed(&e))?;
    }
    Ok(())
}

/// The configuration as it is shown.
struct Shown(Value);

impl Settings for Shown {
    fn all(&self) -> Vec<Setting> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let one = |(key, said): (&String, &Value)| Setting {
            key: key.clone(),
            value: text(&said["value"]),
            from: text(&said["from"]),
        };
        self.0.as_object().into_iter().flatten().map(one).collect()
    }
}

/// Certificate and key, where both are named.
///
/// # Errors
/// A sentence where only one is.
pub fn tls_files(certificates: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<TlsFiles>, String> {
    match (certificates, key) {
        (Some(certificates), Some(key)) => Ok(Some(TlsFiles { certificates, key })),
        (None, None) => Ok(None),
        _ => Err("api.certificate_file and api.private_key_file go together: name both or none".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_origins_are_written_as_browsers_write_them() {
        let own = |listen: &str, scheme| own_origins(listen.parse().unwrap(), scheme);
        assert_eq!(own("127.0.0.1:8790", "http"), ["http://127.0.0.1:8790", "http://localhost:8790"]);
        assert_eq!(own("[::1]:80", "http"), ["http://[::1]", "http://localhost"]);
        assert_eq!(own("10.0.0.1:443", "https"), ["https://10.0.0.1"]);
        assert_eq!(own("[2001:db8::1]:80", "https"), ["https://[2001:db8::1]:80"]);
    }
}
