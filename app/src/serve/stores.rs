//! Opens the stores that the configuration names, each behind a guard. Must never make one where an existing one was
//! meant.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use persistence::{BreakerConfig, Embedded, Guarded, Patience, Postgres, PostgresConfig, Store, StoreError};

use super::config::{Config, Store as Place};
use super::startup::Hindrance;
use crate::exit::Failure;
use crate::output;

/// An open store.
#[derive(Clone)]
pub struct Opened {
    /// Behind a guard.
    pub store: Arc<dyn Store>,
    /// The guard, to be asked how its breaker is.
    pub guard: Arc<Guarded>,
    /// The file, to be closed.
    pub embedded: Option<Arc<Embedded>>,
    /// The PostgreSQL server that it is on.
    pub server: Option<String>,
}

impl Opened {
    /// Writes what waits and closes the file.
    pub fn close(&self) {
        if let Some(embedded) = &self.embedded {
            embedded.close();
        }
    }
}

/// Which of the two stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Worlds, and everything that has no other place.
    Main,
    /// People's keys.
    Keys,
}

impl Which {
    fn place(self, config: &Config) -> &Place {
        match self {
            Self::Main => &config.store,
            Self::Keys => &config.keys,
        }
    }

    /// The section that says how its server is reached, and the file that notes the newest one.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Main => ("store.postgres", "postgres-seen"),
            Self::Keys => ("keys.postgres", "keys-postgres-seen"),
        }
    }

    /// For messages.
    #[must_use]
    pub fn shown(self, config: &Config) -> String {
        match (self.place(config), self) {
            (Place::Embedded(path), _) => path.display().to_string(),
            (Place::Postgres, Self::Main) => "the PostgreSQL store".to_owned(),
            (Place::Postgres, Self::Keys) => "the PostgreSQL store of keys".to_owned(),
        }
    }
}

/// Opens the main store of the configuration.
///
/// # Errors
/// [`StoreError`]; one that is transient may be tried again.
pub async fn open(config: &Config) -> Result<Opened, StoreError> {
    open_one(config, Which::Main).await
}

/// Opens one of the stores of the configuration.
///
/// # Errors
/// As [`open`].
pub async fn open_one(config: &Config, which: Which) -> Result<Opened, StoreError> {
    match which.place(config) {
        Place::Embedded(path) => {
            let embedded = Arc::new(Embedded::open(path)?);
            let (store, guard) = guarded(Arc::clone(&embedded) as Arc<dyn Store>, config, Patience::default());
            Ok(Opened { store, guard, embedded: Some(embedded), server: None })
        }
        Place::Postgres => {
            make_own_folder(config)?;
            let postgres = postgres(config, which);
            let patience = patience(&postgres);
            let postgres = Postgres::connect(postgres).await?;
            let server = Some(postgres.server().to_owned());
            let (store, guard) = guarded(Arc::new(postgres), config, patience);
            Ok(Opened { store, guard, embedded: None, server })
        }
    }
}

/// Which store the configuration names, the same for everybody who names it; no user and no password.
///
/// # Errors
/// [`StoreError::Other`] for a URL that is none.
pub fn place(config: &Config) -> Result<String, StoreError> {
    match &config.store {
        Place::Embedded(path) => Ok(Embedded::place(path)),
        Place::Postgres => postgres(config, Which::Main).place(),
    }
}

/// Makes or upgrades the tables of a PostgreSQL store; tells what was applied.
///
/// # Errors
/// [`StoreError`].
pub async fn prepare(config: &Config, which: Which) -> Result<Vec<String>, StoreError> {
    match which.place(config) {
        Place::Embedded(_) => Ok(Vec::new()),
        Place::Postgres => {
            make_own_folder(config)?;
            Postgres::migrate(postgres(config, which)).await
        }
    }
}

/// What was seen of the servers is noted there.
fn make_own_folder(config: &Config) -> Result<(), StoreError> {
    make_folder(&config.folder).map_err(|e| StoreError::Other(e.to_string()))
}

fn guarded(store: Arc<dyn Store>, config: &Config, patience: Patience) -> (Arc<dyn Store>, Arc<Guarded>) {
    let guard = Arc::new(Guarded::new(store, breaker(config), patience));
    (Arc::clone(&guard) as Arc<dyn Store>, guard)
}

fn postgres(config: &Config, which: Which) -> PostgresConfig {
    let (section, seen) = which.names();
    let (key, values) = (|name: &str| format!("{section}.{name}"), &config.values);
    let number = |name: &str| usize::try_from(values.whole(&key(name))).unwrap_or(usize::MAX);
    let time = |name: &str| Duration::from_millis(values.whole(&key(name)));
    PostgresConfig {
        url: values.text(&key("url")),
        password: Some(values.text(&key("password"))).filter(|password| !password.is_empty()),
        password_file: values.path(&key("password_file")),
        root_certificate: values.path(&key("root_certificate")),
        connections_min: number("pool_min"),
        connections_max: number("pool_max"),
        connect_timeout: time("connect_ms"),
        wait_timeout: time("wait_ms"),
        read_timeout: time("read_ms"),
        write_timeout: time("write_ms"),
        seen_file: Some(config.folder.join(seen)),
        ..PostgresConfig::default()
    }
}

/// How long calls to PostgreSQL may take: a little longer than its own time-outs.
fn patience(postgres: &PostgresConfig) -> Patience {
    let later = postgres.wait_timeout.saturating_add(Duration::from_millis(500));
    let after = |limit: Duration| limit.saturating_add(later);
    Patience { read: after(postgres.read_timeout), commit: after(postgres.write_timeout) }
}

fn breaker(config: &Config) -> BreakerConfig {
    let number = |key: &str| u32::try_from(config.values.whole(key)).unwrap_or(u32::MAX);
    let time = |key: &str| Duration::from_millis(config.values.whole(key));
    BreakerConfig {
        failures: number("breaker.failures"),
        open: time("breaker.open_ms"),
        open_max: time("breaker.open_ms_max"),
        trials: number("breaker.trials"),
    }
}

/// Makes a folder for its owner only, where it is not there.
///
/// # Errors
/// [`Failure::Unwritable`].
pub fn make_folder(path: &Path) -> Result<(), Failure> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| Failure::unwritable(path, output::plain(&e)))
}

/// What an error of the main store means for a command.
#[must_use]
pub fn failure(config: &Config, error: &StoreError) -> Failure {
    failure_of(config, Which::Main, error)
}

/// What an error of one of the stores means for a command.
#[must_use]
pub fn failure_of(config: &Config, which: Which, error: &dyn std::fmt::Display) -> Failure {
    Failure::Machine(format!("{}: {error}", which.shown(config)))
}

/// What an error of one of the stores means for a start.
#[must_use]
pub fn hindrance(config: &Config, which: Which, error: &StoreError) -> Hindrance {
    if error.is_transient() {
        return Hindrance::Later(error.to_string());
    }
    failure_of(config, which, error).into()
}
