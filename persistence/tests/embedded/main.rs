//! The embedded store: the suite of all stores, and what is its own.

mod behind;
mod disk;
mod power;
mod remote;

use std::sync::Arc;

use persistence::{Embedded, Store};
use tempfile::TempDir;

async fn empty() -> (TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Embedded::open(&folder.path().join("store.redb")).expect("a store");
    (folder, Arc::new(store))
}

persistence_testkit::store_tests!(empty);
