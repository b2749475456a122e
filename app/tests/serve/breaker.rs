//! The breaker of a running service, whose PostgreSQL becomes slow and then goes: it sheds load, tells callers at once,
//! tries less and less often, and closes by itself; the simulation goes on all the while (REL-037, REL-039).

use std::time::{Duration, Instant};

use persistence::remote::Remote;
use persistence::{Key, Name, Store as _, StoreError};
use persistence_testkit::proxy::{Proxy, Way};
use serde_json::Value;

use crate::postgres::{configure_at, prepared};
use crate::process::{Home, turns_between};

/// Time between trials at first; it doubles.
const OPEN_MS: u64 = 400;
const OPEN_MS_MAX: u64 = 1600;
const FAILURES: usize = 3;
const TRIALS: u64 = 2;

/// Phases that the breaker went through, with how many milliseconds ago.
fn transitions(status: &Value) -> Vec<(String, f64)> {
    let all = status["breaker"]["transitions"].as_array().expect("transitions");
    all.iter().map(|t| (t["to"].as_str().expect("a phase").to_owned(), t["ago_ms"].as_f64().expect("a time"))).collect()
}

fn opened(status: &Value) -> usize {
    transitions(status).iter().filter(|(phase, _)| phase == "open").count()
}

fn number(status: &Value, part: &str, key: &str) -> u64 {
    status[part][key].as_u64().expect(key)
}

/// Callers while the breaker is open: how long each of those took that it refused.
fn callers(home: &Home, count: usize) -> Vec<Duration> {
    let remote = Remote::at(&home.socket());
    let key = Key::World(Name::new("main").expect("a name"));
    app::serve::ask::runtime().expect("a runtime").block_on(async {
        let mut took = Vec::new();
        let started = Instant::now();
        while took.len() < count {
            assert!(started.elapsed() < Duration::from_secs(60), "{} callers were refused", took.len());
            let began = Instant::now();
            match remote.get(&key).await {
                Err(StoreError::BreakerOpen(_)) => took.push(began.elapsed()),
                // One of them was the trial.
                other => assert!(other.is_err(), "{other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        took
    })
}

#[test]
fn a_slow_and_then_broken_server_is_left_alone_and_taken_up_again_by_itself() {
    let home = Home::new();
    let cluster = prepared(&home, &[], "", "");
    let proxy = Proxy::to(cluster.port());
    let keys = "pool_min = 1\nconnect_ms = 300\nwait_ms = 300\nread_ms = 300\nwrite_ms = 600";
    let breaker = format!(
        "[breaker]\nfailures = {FAILURES}\nopen_ms = {OPEN_MS}\nopen_ms_max = {OPEN_MS_MAX}\ntrials = {TRIALS}"
    );
    configure_at(&home, &proxy.url("spacetime_app"), None, keys, &breaker);
    let service = home.serving();
    let well = home.status_until("to run", |status| status["durable"]["tick"].as_u64() > Some(90));
    assert!(transitions(&well).is_empty());

    proxy.set(Way::Late(Duration::from_secs(10)));
    let slow = home.status_until("to open", |status| opened(status) >= 2);
    let (connections, measured) = (proxy.connections(), Instant::now());
    let mut took = callers(&home, 100);
    took.sort_unstable();
    assert!(took[took.len() * 9 / 10] < Duration::from_millis(50), "callers wait: {took:?}");
    // It is tried less and less often, and nothing else gets through.
    home.status_until("the longest wait", |status| opened(status) >= 4);
    proxy.set(Way::Closed);
    let broken = home.status_until("one more", |status| opened(status) >= 5);
    let trials = (opened(&broken) - opened(&slow)) as u64;
    let calls = number(&broken, "breaker", "calls") - number(&slow, "breaker", "calls");
    assert!(calls <= trials + 1, "{calls} calls in {trials} trials");
    // What the guard says, seen from outside. No connection outlives its call, so each call makes one of its own, and the
    // pool tries for one every second by itself. The 100 callers alone would make as many, did their calls get through.
    let refills = measured.elapsed().as_secs() + 2;
    let connected = proxy.connections() - connections;
    let now = number(&home.asked("status"), "breaker", "calls") - number(&slow, "breaker", "calls");
    assert!((1..=now + refills).contains(&connected), "{connected} connections for {now} calls and {refills} refills");
    assert!(now + refills < 50, "{now} calls and {refills} refills: they could hide what got through");
    assert!(number(&broken, "breaker", "refused") >= 100, "{}", broken["breaker"]["refused"]);
    assert_eq!(broken["health"]["parts"]["breaker"]["state"], "degraded");

    proxy.set(Way::Open);
    let closed = home.status_until("to close", |status| status["breaker"]["phase"] == "closed");
    let phases = transitions(&closed);
    let names: Vec<&str> = phases.iter().map(|(phase, _)| phase.as_str()).collect();
    let mut wanted = ["open", "half_open"].repeat(names.len() / 2);
    wanted.push("closed");
    assert_eq!(names, wanted, "in order");
    assert!(phases.windows(2).all(|two| two[0].1 >= two[1].1), "{phases:?}");
    // How long it was open, each time: twice as long as before, up to the most.
    let open: Vec<f64> = phases.windows(2).filter(|two| two[0].0 == "open").map(|two| two[0].1 - two[1].1).collect();
    for (n, ms) in open.iter().enumerate() {
        let least = (OPEN_MS << n.min(8)).min(OPEN_MS_MAX) as f64;
        assert!((least - 1.0..least + 1500.0).contains(ms), "the {n}th time it was open for {ms} ms, not {least}");
    }
    // The world has gone on all the while, and all of it is stored.
    let (turns, late, seconds) = turns_between(&well, &closed);
    assert!(turns as f64 >= seconds * 30.0 * 0.9, "{turns} turns in {seconds} s");
    assert!(late * 100 <= turns, "{late} turns waited for the store");
    let tick = closed["tick"].as_u64();
    let stored = home.status_until("to catch up", |status| status["durable"]["tick"].as_u64() > tick);
    assert_eq!((&stored["gap"], &stored["breaker"]["phase"]), (&Value::Null, &"closed".into()));
    println!("{} phases in {seconds:.1} s, {turns} turns, {connected} connections", names.len());
    service.stops();
}
