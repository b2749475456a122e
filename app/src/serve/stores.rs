//! Opens the store that the configuration names, behind a guard. Must never make one where an existing one was meant.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use persistence::{BreakerConfig, Embedded, Guarded, Patience, Postgres, PostgresConfig, Store, StoreError};

use super::config::{Config, Store as Place};
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
}

impl Opened {
    /// Writes what waits and closes the file.
    pub fn close(&self) {
        if let Some(embedded) = &self.embedded {
            embedded.close();
        }
    }
}

/// Opens the store of the configuration.
///
/// # Errors
/// [`StoreError`]; one that is transient may be tried again.
pub async fn open(config: &Config) -> Result<Opened, StoreError> {
    match &config.store {
        Place::Embedded(path) => {
            let embedded = Arc::new(Embedded::open(path)?);
            let (store, guard) = guarded(Arc::clone(&embedded) as Arc<dyn Store>, config);
            Ok(Opened { store, guard, embedded: Some(embedded) })
        }
        Place::Postgres => {
            make_own_folder(config)?;
            let postgres = Postgres::connect(postgres(config)).await?;
            let (store, guard) = guarded(Arc::new(postgres), config);
            Ok(Opened { store, guard, embedded: None })
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
        Place::Postgres => postgres(config).place(),
    }
}

/// Makes or upgrades the tables of a PostgreSQL store; tells what was applied.
///
/// # Errors
/// [`StoreError`].
pub async fn prepare(config: &Config) -> Result<Vec<String>, StoreError> {
    match &config.store {
        Place::Embedded(_) => Ok(Vec::new()),
        Place::Postgres => {
            make_own_folder(config)?;
            Postgres::migrate(postgres(config)).await
        }
    }
}

/// What was seen of the servers is noted there.
fn make_own_folder(config: &Config) -> Result<(), StoreError> {
    make_folder(&config.folder).map_err(|e| StoreError::Other(e.to_string()))
}

fn guarded(store: Arc<dyn Store>, config: &Config) -> (Arc<dyn Store>, Arc<Guarded>) {
    let guard = Arc::new(Guarded::new(store, breaker(config), patience(config)));
    (Arc::clone(&guard) as Arc<dyn Store>, guard)
}

fn postgres(config: &Config) -> PostgresConfig {
    let values = &config.values;
    let number = |key: &str| usize::try_from(values.whole(key)).unwrap_or(usize::MAX);
    let time = |key: &str| Duration::from_millis(values.whole(key));
    PostgresConfig {
        url: values.text("store.postgres.url"),
        password: Some(values.text("store.postgres.password")).filter(|password| !password.is_empty()),
        password_file: values.path("store.postgres.password_file"),
        root_certificate: values.path("store.postgres.root_certificate"),
        connections_min: number("store.postgres.pool_min"),
        connections_max: number("store.postgres.pool_max"),
        connect_timeout: time("store.postgres.connect_ms"),
        wait_timeout: time("store.postgres.wait_ms"),
        read_timeout: time("store.postgres.read_ms"),
        write_timeout: time("store.postgres.write_ms"),
        seen_file: Some(config.folder.join("postgres-seen")),
        ..PostgresConfig::default()
    }
}

/// How long calls may take: where the store has time-outs of its own these come a little later.
fn patience(config: &Config) -> Patience {
    match &config.store {
        Place::Embedded(_) => Patience::default(),
        Place::Postgres => {
            let PostgresConfig { wait_timeout, read_timeout, write_timeout, .. } = postgres(config);
            let later = wait_timeout.saturating_add(Duration::from_millis(500));
            Patience { read: read_timeout.saturating_add(later), commit: write_timeout.saturating_add(later) }
        }
    }
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

/// What an error of a store means for a command.
#[must_use]
pub fn failure(config: &Config, error: &StoreError) -> Failure {
    let what = match &config.store {
        Place::Embedded(path) => path.display().to_string(),
        Place::Postgres => "the PostgreSQL store".to_owned(),
    };
    Failure::Machine(format!("{what}: {error}"))
}
