//! The store in PostgreSQL: the suite of all stores, and what is its own, on real clusters that each test starts.

mod common;
mod connecting;
mod crashes;
mod failover;
mod faults;
mod saves;
mod schema;
mod tables;
mod trades;

use std::sync::Arc;

use persistence::Store;
use persistence_testkit::cluster::Cluster;

async fn empty() -> (Cluster, Arc<dyn Store>) {
    let cluster = common::migrated(&[]).await;
    let store = common::store(&cluster).await;
    (cluster, Arc::new(store))
}

persistence_testkit::store_tests!(empty);
