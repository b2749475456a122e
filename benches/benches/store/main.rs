//! What it costs to keep things in each store: player saves in groups and alone, reads, worlds; and what pgbench makes of
//! the same PostgreSQL in the same minute; and how soon a service goes on with a large world. Writes `store.json` where `scripts/bench` looks for it.

mod first_tick;
mod work;

use std::sync::Arc;

use benches::{is_wanted, write_results};
use persistence::{Embedded, Postgres, PostgresConfig, Store};
use persistence_testkit::cluster::{Cluster, PASSWORD};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use work::{Amount, measure};

fn embedded(runtime: &Runtime, amount: Amount) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> = Arc::new(Embedded::open(&folder.path().join("store.redb")).expect("a store"));
    runtime.block_on(measure(&store, amount))
}

fn config(cluster: &Cluster, role: &str) -> PostgresConfig {
    PostgresConfig {
        url: cluster.url(role),
        password: Some(PASSWORD.to_owned()),
        root_certificate: Some(cluster.root_certificate()),
        ..PostgresConfig::default()
    }
}

/// With a standby that each commit waits for, or without.
fn postgres(runtime: &Runtime, amount: Amount, with_standby: bool) -> Value {
    let cluster = Cluster::start(&[("shared_buffers", "256MB"), ("max_wal_size", "1GB")]);
    let standby = with_standby.then(|| cluster.standby("second"));
    standby.iter().for_each(|_| cluster.require("second"));
    let mut figures = runtime.block_on(async {
        Postgres::migrate(config(&cluster, "spacetime_owner")).await.expect("migrated");
        let store: Arc<dyn Store> =
            Arc::new(Postgres::connect(config(&cluster, "spacetime_app")).await.expect("a store"));
        measure(&store, amount).await
    });
    figures["pgbench_upserts_per_s"] = json!(pgbench(&cluster, amount));
    figures
}

/// Transactions per second of pgbench with eight clients, each of them one upsert of a row of 300 bytes: what this server
/// does without groups.
fn pgbench(cluster: &Cluster, amount: Amount) -> f64 {
    cluster.sql("CREATE TABLE peer (id bigint PRIMARY KEY, rev bigint NOT NULL, data text NOT NULL)");
    let script = tempfile::NamedTempFile::new().expect("a file");
    let text = "\\set id random(1, 5000)\nINSERT INTO peer VALUES (:id, 1, repeat('x', 300)) \
                ON CONFLICT (id) DO UPDATE SET rev = peer.rev + 1, data = excluded.data;\n";
    std::fs::write(script.path(), text).expect("written");
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(script.path(), permissions).expect("readable for the server's user");
    let (file, seconds) = (script.path().display().to_string(), amount.pgbench_s.to_string());
    let arguments = ["-n", "-M", "prepared", "-c", "8", "-j", "2", "-T", &seconds, "-f", &file, "spacetime"];
    let said = cluster.tool("pgbench", &arguments).expect("pgbench runs");
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
    tps.and_then(|text| text.split_whitespace().next()?.parse().ok()).expect("pgbench tells its figure")
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !is_wanted(&arguments, "store") {
        return;
    }
    let is_measured = arguments.iter().any(|argument| argument == "--bench");
    let amount = if is_measured { Amount::FULL } else { Amount::TEST };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let mut figures = Map::new();
    figures.insert("redb".to_owned(), embedded(&runtime, amount));
    figures.insert("postgres".to_owned(), postgres(&runtime, amount, false));
    figures.insert("postgres_synchronous".to_owned(), postgres(&runtime, amount, true));
    // Without the program next to this one there is nothing to measure.
    figures.extend(first_tick::measure(&runtime, amount).map(|figure| ("first_tick_ms".to_owned(), figure)));
    if is_measured {
        write_results("store", &Value::Object(figures));
    }
}
