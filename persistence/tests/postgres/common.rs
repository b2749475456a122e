//! What the tests of PostgreSQL share. Part of no program.

use std::future::Future;
use std::time::Duration;

use persistence::{Batch, Health, Postgres, PostgresConfig, Record, Store, StoreError};
use persistence_testkit::cluster::{Cluster, PASSWORD};
use persistence_testkit::{records, suite};

/// How the program reaches a cluster, by TLS.
pub fn config(cluster: &Cluster, role: &str) -> PostgresConfig {
    PostgresConfig {
        url: cluster.url(role),
        password: Some(PASSWORD.to_owned()),
        root_certificate: Some(cluster.root_certificate()),
        ..PostgresConfig::default()
    }
}

/// As the program itself.
pub fn app(cluster: &Cluster) -> PostgresConfig {
    config(cluster, "spacetime_app")
}

/// As the program, in a hurry.
pub fn hasty(cluster: &Cluster) -> PostgresConfig {
    let short = Duration::from_millis(500);
    PostgresConfig {
        connect_timeout: short,
        wait_timeout: short,
        read_timeout: short,
        write_timeout: short,
        ..app(cluster)
    }
}

/// A cluster with the tables.
pub async fn migrated(settings: &[(&str, &str)]) -> Cluster {
    let cluster = Cluster::start(settings);
    migrate(&cluster).await;
    cluster
}

/// Brings a cluster's tables up to date.
pub async fn migrate(cluster: &Cluster) {
    Postgres::migrate(config(cluster, "spacetime_owner")).await.expect("migrated");
}

/// A store in it.
pub async fn store(cluster: &Cluster) -> Postgres {
    Postgres::connect(app(cluster)).await.expect("a store")
}

/// Runs a test's work.
pub fn run(work: impl Future<Output = ()>) {
    suite::runtime().block_on(work);
}

/// A batch that writes these.
pub fn put(records: impl IntoIterator<Item = Record>) -> Batch {
    Batch::put(records).expect("a batch")
}

/// A batch that writes a player.
pub fn player(person: u64, rev: u64) -> Batch {
    put([Record::Player(records::player(person, rev, 64))])
}

/// Why a store cannot be had.
pub async fn refused(config: PostgresConfig) -> StoreError {
    Postgres::connect(config).await.err().expect("refused")
}

/// Why a store is not well.
pub async fn illness(store: &impl Store) -> StoreError {
    match store.health().await {
        Health::Ill(why) => why,
        Health::Well { .. } => panic!("it is well"),
    }
}

/// Waits until a store is well again.
pub async fn recovery(store: &impl Store) {
    for _ in 0..600 {
        if matches!(store.health().await, Health::Well { .. }) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never gets well");
}

/// How much is to be done: 1 is a tenth of the full length.
pub fn scale() -> u32 {
    std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}
