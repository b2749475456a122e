//! The service on a real PostgreSQL cluster: it waits for one that comes late, both are killed, and the world moves there and
//! back.

use persistence_testkit::cluster::{Cluster, PASSWORD};

use crate::process::{Home, digests, turns_between};

/// The configuration of a service on this cluster.
pub fn configure(home: &Home, cluster: &Cluster, role: &str) -> std::path::PathBuf {
    configure_at(home, &cluster.url(role), Some(cluster), "", "")
}

/// The configuration of a service that reaches its store there, with TLS where the cluster is given whose certificate
/// counts. With more keys for `store.postgres`, and more sections.
pub fn configure_at(home: &Home, url: &str, tls: Option<&Cluster>, keys: &str, more: &str) -> std::path::PathBuf {
    std::fs::write(home.path("password"), PASSWORD).expect("it is written");
    let certificate = tls.map(|cluster| cluster.root_certificate().display().to_string());
    let certificate = certificate.map_or(String::new(), |path| format!("root_certificate = {path:?}\n"));
    let password = home.path("password").display().to_string();
    home.configure(&format!(
        "[store]\nkind = \"postgres\"\n[store.postgres]\nurl = {url:?}\npassword_file = {password:?}\n{certificate}\
         {keys}\n{more}\n"
    ))
}

/// A cluster with the tables of a service, which is configured for it, with more keys for `store.postgres` and more
/// sections.
pub fn prepared(home: &Home, settings: &[(&str, &str)], keys: &str, more: &str) -> Cluster {
    let cluster = Cluster::start(settings);
    configure(home, &cluster, "spacetime_owner");
    home.told("db prepare --json");
    configure_at(home, &cluster.url("spacetime_app"), Some(&cluster), keys, more);
    cluster
}

#[test]
fn a_world_in_postgresql_outlives_its_process_and_the_server() {
    let home = Home::new();
    let mut cluster = Cluster::start(&[]);
    configure(&home, &cluster, "spacetime_owner");
    assert!(home.told("db prepare --json")["applied"].as_array().is_some_and(|applied| !applied.is_empty()));
    configure(&home, &cluster, "spacetime_app");
    cluster.stop();
    let mut service = home.serve("");
    service.hears("to wait", |value| value["event"] == "start" && value["state"] == "waiting");
    let early = service.hears("", |value| value["event"] == "start");
    assert_eq!(early["part"], "configuration");
    cluster.restart();
    service.event("serving");
    let sessions = cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'spacetime'");
    assert!(sessions.trim().parse::<u32>().is_ok_and(|count| count >= 2), "{sessions}");
    let saved = home.asked("save");
    // A second service fails before it shuts the first out of its world.
    home.refused("serve", "another process has the store open");
    // The server goes while the world goes on.
    let well = home.asked("status");
    cluster.kill();
    let ill = home.status_until("to see it", |status| status["health"]["parts"]["store"]["state"] == "ill");
    cluster.restart();
    let tick = ill["tick"].as_u64().expect("a tick");
    let durable = home.status_until("to catch up", |status| status["durable"]["tick"].as_u64() > Some(tick));
    assert_eq!(durable["gap"], serde_json::Value::Null, "nothing is missing");
    // A lone member is never told to be late, so it is the rate that shows: 30 turns a second.
    let (turns, late, seconds) = turns_between(&well, &durable);
    assert!(turns as f64 >= 25.0 * seconds && late == 0, "{turns} turns in {seconds} s, {late} late: none waits");
    home.status_until("to be well", |status| status["health"]["parts"]["store"]["state"] == "well");
    service.crashes();
    let mut service = home.serving();
    let resumed = service.event("resumed");
    assert!(resumed["tick"].as_u64() >= durable["durable"]["tick"].as_u64(), "{resumed}");
    service.stops();
    let file = home.path("all.strec");
    home.told(&format!("db export --json {}", file.display()));
    let log = digests(&file);
    for mark in [&saved, &durable["durable"]] {
        let tick = mark["tick"].as_u64().expect("a tick");
        assert_eq!(log.get(&tick).map(String::as_str), mark["digest"].as_str(), "tick {tick}");
    }
    // Into a file, where a service goes on with it.
    let config = configure(&home, &cluster, "spacetime_app");
    let moved = home.path("moved.redb");
    let moving = home.told(&format!("db migrate --json --from {} --to {}", config.display(), moved.display()));
    assert_eq!(moving["same"], true, "{moving}");
    home.configure(&format!("[store]\npath = {:?}\n", moved.display()));
    let last = log.last_key_value().expect("ticks");
    let mut service = home.serving();
    assert_eq!(service.event("resumed")["digest"], *last.1);
    service.stops();
}

#[test]
fn a_service_that_waits_for_its_store_stops_when_it_is_told() {
    let home = Home::new();
    home.configure(
        "[store]\nkind = \"postgres\"\n[store.postgres]\nurl = \"postgres://a@127.0.0.1:1/none\"\nconnect_ms = 200\n",
    );
    let mut service = home.serve("");
    let waiting = service.hears("to wait", |value| value["state"] == "waiting");
    assert_eq!(waiting["part"], "store");
    let said = service.stops();
    assert!(said.iter().all(|value| value["part"] != "world"), "what needs the store did not begin: {said:?}");
}
