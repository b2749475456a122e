//! Connections: how each is made, and what a server must be to get one. Must never hand out a connection to a server that
//! would lose what it acknowledges.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::Severity;
use tokio_postgres::{AsyncMessage, Connection};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::config::{HostConfig, PostgresConfig};
use super::seen::{Seen, Server};
use super::trouble;
use crate::error::StoreError;

/// Oldest server, as `server_version_num` counts.
const VERSION_MIN: i32 = 150_000;

/// What a new connection asks the server about itself.
const ABOUT: &str = "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), \
     current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on', \
     current_setting('synchronous_commit'), pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', \
     (SELECT system_identifier FROM pg_control_system()), CASE WHEN pg_is_in_recovery() THEN 0 ELSE \
     ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int END";

/// A connection.
pub(super) struct Session {
    pub client: ClientWrapper,
    pub server: Server,
    warnings: Arc<AtomicU64>,
}

impl Session {
    /// Names the server: its cluster, and when it was started, as a copied cluster keeps its number.
    pub(super) async fn shown(&self, limit: std::time::Duration) -> Result<String, StoreError> {
        let started = self.client.query_one("SELECT pg_postmaster_start_time()::text", &[]).await;
        let started = started.and_then(|row| row.try_get::<_, String>(0));
        let started = started.map_err(|error| trouble::before_commit(&error, limit))?;
        Ok(format!("{} since {started}", self.server.system))
    }

    /// How many warnings the server has sent.
    pub(super) fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::Acquire)
    }
}

/// Makes connections.
pub(super) struct Keeper {
    config: PostgresConfig,
    hosts: Vec<HostConfig>,
    tls: MakeRustlsConnect,
    seen: Seen,
    /// The host that let the last connection in.
    last: AtomicUsize,
}

impl Keeper {
    pub(super) fn new(config: PostgresConfig) -> Result<Self, StoreError> {
        let mut hosts = config.hosts()?;
        for host in &mut hosts {
            let is_socket = host.client.get_hosts().iter().any(|h| matches!(h, tokio_postgres::config::Host::Unix(_)));
            if config.root_certificate.is_some() && !is_socket {
                host.client.ssl_mode(SslMode::Require);
            } else if host.is_local {
                host.client.ssl_mode(SslMode::Disable);
            } else {
                let why = format!("{} is another machine, so it needs TLS and a root certificate", host.name);
                return Err(StoreError::Unsafe(why));
            }
        }
        let (tls, seen) = (tls(&config)?, Seen::open(config.seen_file.clone())?);
        Ok(Self { config, hosts, tls, seen, last: AtomicUsize::new(0) })
    }

    /// Asks all servers, so that the newest of them is known.
    pub(super) async fn survey(self: &Arc<Self>) {
        let mut asked = tokio::task::JoinSet::new();
        for at in 0..self.hosts.len() {
            let keeper = Arc::clone(self);
            // One that is not admitted says why once a connection is wanted.
            asked.spawn(async move { keeper.open(at).await.map(drop) });
        }
        while asked.join_next().await.is_some() {}
    }

    /// A connection to the server that takes writes.
    pub(super) async fn connect(&self) -> Result<Session, StoreError> {
        let first = self.last.load(Ordering::Relaxed);
        let mut worst = None;
        for at in (0..self.hosts.len()).map(|n| (first + n) % self.hosts.len()) {
            match self.open(at).await {
                Ok(session) => {
                    self.last.store(at, Ordering::Relaxed);
                    return Ok(session);
                }
                Err(error) => {
                    if worst.as_ref().is_none_or(|worst| gravity(worst) < gravity(&error)) {
                        worst = Some(error);
                    }
                }
            }
        }
        Err(worst.unwrap_or_else(|| StoreError::Unavailable("there is no host".to_owned())))
    }

    async fn open(&self, at: usize) -> Result<Session, StoreError> {
        let host = self.hosts.get(at).ok_or_else(|| StoreError::Unavailable("there is no such host".to_owned()))?;
        let limit = self.config.connect_timeout;
        match tokio::time::timeout(limit, self.enter(host)).await {
            Ok(entered) => entered.map_err(|error| named(error, &host.name)),
            Err(_) => Err(StoreError::TimedOut(limit)),
        }
    }

    async fn enter(&self, host: &HostConfig) -> Result<Session, StoreError> {
        let limit = self.config.connect_timeout;
        let failed = |error: &tokio_postgres::Error| trouble::before_commit(error, limit);
        let mut client = host.client.clone();
        if let Some(file) = self.config.password_file.clone() {
            let shown = file.display().to_string();
            let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
            let text = read.map_err(std::io::Error::other).flatten();
            let text = text.map_err(|e| StoreError::Refused(format!("the password file {shown}: {e}")))?;
            client.password(text.trim_end_matches(['\r', '\n']));
        }
        let (client, connection) = client.connect(self.tls.clone()).await.map_err(|error| {
            let refused = failed(&error);
            match &refused {
                StoreError::Unavailable(why) if is_of_certificate(&error) => StoreError::Unsafe(why.clone()),
                _ => refused,
            }
        })?;
        let warnings = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(drive(connection, Arc::clone(&warnings)));
        let client = ClientWrapper::new(client, task);
        let row = client.query_one(ABOUT, &[]).await.map_err(|error| failed(&error))?;
        let server = suitable(&row)?;
        self.seen.admit(server)?;
        Ok(Session { client, server, warnings })
    }
}

/// Whether a connection failed as the server's certificate is not one to trust, or as it has none. A handshake that was cut
/// off says nothing about the server.
fn is_of_certificate(error: &tokio_postgres::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()).or_else(|| error.downcast_ref());
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
            || error.to_string() == "server does not support TLS"
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether a server is one to write to; and which one.
fn suitable(row: &tokio_postgres::Row) -> Result<Server, StoreError> {
    fn field<'r, T: tokio_postgres::types::FromSql<'r>>(
        row: &'r tokio_postgres::Row,
        at: usize,
    ) -> Result<T, StoreError> {
        row.try_get(at).map_err(|_| StoreError::Other("the server does not say what it is".to_owned()))
    }
    let version: i32 = field(row, 0)?;
    if version < VERSION_MIN {
        return Err(StoreError::Schema {
            found: format!("PostgreSQL {}", version / 10_000),
            needed: "PostgreSQL 15 or newer".to_owned(),
            advice: "upgrade the server".to_owned(),
        });
    }
    if field::<String>(row, 1)? != "UTF8" {
        return Err(StoreError::Unsafe("the database's encoding is not UTF8".to_owned()));
    }
    for (at, setting) in [(2, "fsync"), (3, "full_page_writes")] {
        if !field::<bool>(row, at)? {
            return Err(StoreError::Unsafe(format!("{setting} is off: it would lose data when the power goes")));
        }
    }
    let synchronous: String = field(row, 4)?;
    if !["on", "remote_apply"].contains(&synchronous.as_str()) {
        let why = format!("synchronous_commit is {synchronous}: it would acknowledge what can still be lost");
        return Err(StoreError::Unsafe(why));
    }
    if field::<bool>(row, 5)? {
        return Err(StoreError::ReadOnly("it is a standby".to_owned()));
    }
    if field::<bool>(row, 6)? {
        return Err(StoreError::ReadOnly("default_transaction_read_only is on".to_owned()));
    }
    Ok(Server { system: field(row, 7)?, timeline: field::<i32>(row, 8)?.cast_unsigned() })
}

/// Of several reasons, which tells most.
const fn gravity(error: &StoreError) -> u8 {
    match error {
        StoreError::Unavailable(_) => 0,
        StoreError::TimedOut(_) => 1,
        StoreError::ReadOnly(_) => 2,
        StoreError::Superseded(_) => 3,
        _ => 4,
    }
}

/// The same with the host, where there is room for words.
fn named(error: StoreError, host: &str) -> StoreError {
    let with = |why: String| format!("{host}: {why}");
    match error {
        StoreError::Unavailable(why) => StoreError::Unavailable(with(why)),
        StoreError::ReadOnly(why) => StoreError::ReadOnly(with(why)),
        StoreError::Refused(why) => StoreError::Refused(with(why)),
        StoreError::Superseded(why) => StoreError::Superseded(with(why)),
        StoreError::Unsafe(why) => StoreError::Unsafe(with(why)),
        other => other,
    }
}

/// Moves bytes until the connection ends, and counts warnings.
async fn drive<S, T>(mut connection: Connection<S, T>, warnings: Arc<AtomicU64>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => {
                if notice.parsed_severity() == Some(Severity::Warning) {
                    warnings.fetch_add(1, Ordering::Release);
                    tracing::warn!(code = notice.code().code(), "PostgreSQL warns: {}", notice.message());
                }
            }
            Some(Ok(_)) => {}
            // Whoever waits for an answer gets the error, too.
            Some(Err(_)) | None => return,
        }
    }
}

fn tls(config: &PostgresConfig) -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &config.root_certificate {
        let bad = |why: String| StoreError::Unsafe(format!("the root certificate {}: {why}", file.display()));
        let certificates = CertificateDer::pem_file_iter(file).map_err(|e| bad(e.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|e| bad(e.to_string()))?;
            roots.add(certificate).map_err(|e| bad(e.to_string()))?;
        }
        if roots.is_empty() {
            return Err(bad("it holds no certificate".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| StoreError::Other(format!("TLS cannot be set up: {e}")))?;
    Ok(MakeRustlsConnect::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// What the pool has: the keeper is also asked by others.
pub(super) struct Shared(pub Arc<Keeper>);

impl Manager for Shared {
    type Type = Session;
    type Error = StoreError;

    async fn create(&self) -> Result<Session, StoreError> {
        self.0.connect().await
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<StoreError> {
        if session.client.is_closed() {
            return Err(RecycleError::message("the connection was closed"));
        }
        if self.0.seen.is_replaced(session.server) {
            return Err(RecycleError::message("the server was replaced"));
        }
        Ok(())
    }
}
