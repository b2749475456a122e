//! What the tests of PostgreSQL share. Part of no program.

use persistence::{Postgres, PostgresConfig};
use persistence_testkit::cluster::{Cluster, PASSWORD};

/// How the program reaches a cluster, by TLS.
pub fn config(cluster: &Cluster, role: &str) -> PostgresConfig {
    PostgresConfig {
        url: cluster.url(role),
        password: Some(PASSWORD.to_owned()),
        root_certificate: Some(cluster.root_certificate()),
        ..PostgresConfig::default()
    }
}

/// A cluster with the tables.
pub async fn migrated(settings: &[(&str, &str)]) -> Cluster {
    let cluster = Cluster::start(settings);
    Postgres::migrate(config(&cluster, "spacetime_owner")).await.expect("migrated");
    cluster
}

/// A store in it.
pub async fn store(cluster: &Cluster) -> Postgres {
    Postgres::connect(config(cluster, "spacetime_app")).await.expect("a store")
}
