//! What the service says of its store on a real PostgreSQL: each trouble by a reason of its own within five seconds, over by
//! itself when it is over, and well only by a real answer (FUNC-044, FUNC-048, REL-030, REL-031).

use std::time::{Duration, Instant};

use persistence::remote::Remote;
use persistence::{Kind, Query, Store as _};
use serde_json::Value;

use crate::postgres::prepared;
use crate::process::{Home, turns_between};

/// Connections that the service may have.
const CONNECTIONS: usize = 6;
/// How long a trouble may stay unseen.
const SEEN_MAX: Duration = Duration::from_secs(5);
/// What the service asks to know that the store is well.
const ROUND_TRIP: &str = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";

/// The reason that the store is ill by, or nothing. What is said of all parts has to follow from each of them.
fn illness(status: &Value) -> Option<String> {
    let health = &status["health"];
    let parts = health["parts"].as_object().expect("parts").values();
    let states = parts.map(|part| part["state"].as_str().expect("a state"));
    let worst = states.max_by_key(|state| ["well", "degraded", "ill"].iter().position(|known| known == state));
    assert_eq!(health["state"].as_str(), worst, "{health}");
    let store = &health["parts"]["store"];
    (store["state"] == "ill").then(|| store["reason"].as_str().expect("a reason").to_owned())
}

/// Waits until the store is ill by this reason, which is soon.
fn falls_ill(home: &Home, reason: &str) {
    let (mut first, mut seen) = (None, Vec::new());
    home.status_until(reason, |status| {
        let ill = illness(status);
        let began: &mut Instant = first.get_or_insert_with(Instant::now);
        if ill != seen.last().cloned().flatten() || seen.is_empty() {
            seen.push(ill.clone());
        }
        assert!(began.elapsed() < SEEN_MAX, "{reason} is not seen after {:?}: {seen:?}", began.elapsed());
        ill.as_deref() == Some(reason)
    });
    println!("{reason} after {:?}: {seen:?}", first.map(|began| began.elapsed()));
    assert_eq!(home.run("status").status.code(), Some(1), "{reason}: whoever asks by the exit code is told too");
}

/// Waits until everything that depends on the store is well, and nothing is missing.
fn well(home: &Home) -> Value {
    let began = Instant::now();
    let status = home.status_until("to be well", |status| {
        ["store", "log", "breaker"].iter().all(|part| status["health"]["parts"][part]["state"] == "well")
    });
    println!("well after {:?}", began.elapsed());
    let tick = status["tick"].as_u64();
    let status = home.status_until("to be durable", |status| status["durable"]["tick"].as_u64() > tick);
    assert_eq!(status["gap"], Value::Null, "nothing is missing");
    status
}

/// The same after a trouble that came behind this status, which then is the one from now on: no turn waited meanwhile.
fn recovers(home: &Home, before: &mut Value) {
    let status = well(home);
    let (turns, late, seconds) = turns_between(before, &status);
    assert!(turns as f64 >= seconds * 25.0, "{turns} turns in {seconds} s");
    // A single one may have had another reason.
    assert!(late * 100 <= turns.max(100), "{late} of {turns} turns waited for the store");
    *before = status;
}

/// A lock that whoever looks for saves waits for. Its holder is sent away in the end.
const LOCK: &str = "BEGIN; LOCK TABLE spacetime.snapshots; SELECT pg_sleep(60); COMMIT";
const HOLDER: &str = "FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'postgres' AND l.granted \
     AND l.relation = 'spacetime.snapshots'::regclass AND l.mode = 'AccessExclusiveLock'";

#[test]
fn each_trouble_of_the_server_has_its_own_reason_within_seconds_and_passes_by_itself() {
    let home = Home::new();
    let settings = [("log_statement", "all"), ("log_line_prefix", "%a ")];
    let mut cluster = prepared(&home, &settings, &format!("pool_max = {CONNECTIONS}"), "");
    let service = home.serving();
    let mut last = well(&home);
    // Well is what the server said, just now.
    let asked = || cluster.logged(ROUND_TRIP);
    let before = asked();
    let status = home.status_until("another look", |_| asked() >= before + 2);
    assert!(illness(&status).is_none() && status["health"]["parts"]["store"]["state"] == "well");

    cluster.stop();
    falls_ill(&home, "unavailable");
    cluster.restart();
    recovers(&home, &mut last);

    cluster.pause();
    falls_ill(&home, "timed_out");
    cluster.resume();
    recovers(&home, &mut last);

    cluster.set("default_transaction_read_only", "on");
    falls_ill(&home, "read_only");
    cluster.set("default_transaction_read_only", "off");
    recovers(&home, &mut last);

    // As many wait for a lock as there are connections.
    std::thread::scope(|scope| {
        scope.spawn(|| cluster.psql("postgres", LOCK));
        cluster.await_that(&format!("SELECT count(*) = 1 {HOLDER}"));
        let runtime = app::serve::ask::runtime().expect("a runtime");
        for _ in 0..CONNECTIONS {
            let service = Remote::at(&home.socket());
            // Whoever gets no answer asks again.
            runtime.spawn(async move { while service.keys(&Query::of(Kind::Snapshot)).await.is_err() {} });
        }
        falls_ill(&home, "pool_exhausted");
        runtime.shutdown_background();
        cluster.sql(&format!("SELECT pg_terminate_backend(l.pid) {HOLDER}"));
    });
    recovers(&home, &mut last);
    service.stops();
}

#[test]
fn the_pool_is_there_under_tls_and_what_is_written_is_there_for_anybody() {
    let home = Home::new();
    let cluster = prepared(&home, &[], "pool_min = 4", "");
    let service = home.serving();
    cluster.await_that(
        "SELECT count(*) >= 4 AND bool_and(s.ssl AND s.version = 'TLSv1.3') FROM pg_stat_activity a \
         JOIN pg_stat_ssl s USING (pid) WHERE a.application_name = 'spacetime' AND a.usename = 'spacetime_app'",
    );
    let nonce = format!("nonce-{:016x}", persistence_testkit::trades::mix(u64::from(std::process::id())));
    let saved = home.asked(&format!("save {nonce}"));
    let row = cluster.sql(&format!("SELECT tick FROM spacetime.snapshots WHERE label = '{nonce}'"));
    assert_eq!(row, saved["tick"].to_string());
    service.stops();
    // Tables of another version: it does not start, and says which.
    let history = "spacetime.schema_history";
    for (change, told) in [
        (format!("INSERT INTO {history} VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')"), "has schema V999"),
        (format!("DELETE FROM {history} WHERE version > 1"), "has schema V1"),
    ] {
        cluster.sql(&change);
        home.refused("serve", told);
    }
}
