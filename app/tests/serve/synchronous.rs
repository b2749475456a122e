//! The synchronous log: while the store stands still the world goes on, and nothing is told of it until it is durable, so a
//! kill loses nothing that anybody could know of.

use std::time::Duration;

use persistence_testkit::cluster::Cluster;
use serde_json::Value;

use crate::postgres::configure;
use crate::process::{Home, Process, digests, turns_between};

/// All ticks of the world in what was told, with digests where there are any.
fn ticks(told: &Value) -> Vec<(u64, Option<String>)> {
    let one = |value: &Value| Some((value["tick"].as_u64()?, value["digest"].as_str().map(str::to_owned)));
    [told, &told["durable"], &told["saved"]].into_iter().filter_map(one).collect()
}

/// A service with a synchronous log on a cluster of its own, which has saved once.
fn saving(home: &Home, log: &str) -> (Cluster, Process) {
    let cluster = Cluster::start(&[]);
    configure(home, &cluster, "spacetime_owner");
    home.told("db prepare --json");
    let config = configure(home, &cluster, "spacetime_app");
    let text = std::fs::read_to_string(&config).expect("a file");
    // Saves often, so that one is under way when the store stops.
    home.configure(&format!("[log]\ndurability = \"synchronous\"\n{log}\n[saves]\nevery_s = 1\n{text}"));
    let service = home.serving();
    home.status_until("a save", |status| status["saved"]["tick"].as_u64() > Some(0));
    (cluster, service)
}

/// Waits until a store that stopped confirms nothing more: what it had taken when it stopped may still be told.
fn settled(home: &Home) -> Value {
    let (mut last, mut looks) = (Value::Null, 0);
    home.status_until("nothing more to be durable", |status| {
        looks = if status["durable"] == last { looks + 1 } else { 0 };
        last = status["durable"].clone();
        std::thread::park_timeout(Duration::from_millis(100));
        looks >= 5
    })
}

/// Ticks that sentences of the service's health name.
fn named(status: &Value) -> Vec<u64> {
    let text = status["health"].to_string();
    let number =
        |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse::<u64>().ok());
    text.split("tick ").skip(1).filter_map(number).collect()
}

#[test]
fn nothing_is_told_of_the_world_before_it_is_durable() {
    let home = Home::new();
    let (cluster, mut service) = saving(&home, "");
    cluster.pause();
    settled(&home);
    let before = home.asked("status");
    let turns = |status: &Value| status["turns"]["all"].as_u64().expect("a number");
    let after = home.status_until("the world to go on", |status| turns(status) > turns(&before) + 90);
    assert_eq!((&after["tick"], &after["saved"]), (&before["tick"], &before["saved"]), "nothing more is told of it");
    let (passed, _, seconds) = turns_between(&before, &after);
    assert!(passed as f64 >= seconds * 25.0, "nor does it wait: {passed} turns in {seconds} s");
    let line = service.hears("a line beside the socket", |line| {
        line["event"] == "status" && line["turn"].as_u64() > Some(turns(&before) + 45)
    });
    let told: Vec<_> = [&before, &after, &line].into_iter().flat_map(ticks).collect();
    service.crashes();
    cluster.resume();
    let mut service = home.serving();
    let resumed = service.event("resumed");
    assert_eq!(resumed["lost_ticks"], 0, "{resumed}");
    assert!(resumed["lost_unpublished_ticks"].as_u64() > Some(200), "{resumed}");
    let at = resumed["tick"].as_u64().expect("a tick");
    assert!(told.iter().all(|(tick, _)| *tick <= at), "{told:?} was told, resumed at {at}");
    // What it says at its end is durable too.
    let said = service.stops();
    let place = |event: &str| said.iter().position(|value| value["event"] == event).expect("it is said");
    assert!(place("stored") < place("end"), "{said:?}");
    let file = home.path("all.strec");
    home.told(&format!("db export --json {}", file.display()));
    let log = digests(&file);
    let end = &said[place("end")];
    let last = (end["last_tick"].as_u64().expect("a tick"), end["digest"].as_str().map(str::to_owned));
    for (tick, digest) in told.into_iter().chain([last]) {
        assert!(log.contains_key(&tick) && digest.is_none_or(|digest| log[&tick] == digest), "tick {tick}");
    }
}

#[test]
fn a_gap_tells_no_tick_that_is_not_durable_and_ends_with_the_trouble() {
    let home = Home::new();
    let (cluster, service) = saving(&home, "backlog_batches = 16");
    cluster.pause();
    let durable = settled(&home)["durable"].clone();
    let status = home.status_until("a gap", |status| status["gap"]["since"].is_u64());
    let last = durable["tick"].as_u64();
    assert_eq!((&status["durable"], &status["tick"]), (&durable, &durable["tick"]), "nothing more is told of it");
    assert!(status["gap"]["since"].as_u64() <= last, "{} behind {durable}", status["gap"]);
    let named = named(&status);
    assert!(!named.is_empty() && named.iter().all(|tick| Some(*tick) <= last), "{durable}: {}", status["health"]);
    assert_eq!(status["health"]["parts"]["log"]["reason"], "not_durable");
    cluster.resume();
    let well = home.status_until("the gap to end", |status| {
        let parts = &status["health"]["parts"];
        status["gap"].is_null() && ["store", "log", "breaker"].iter().all(|part| parts[part]["state"] == "well")
    });
    let tick = well["tick"].as_u64();
    assert!(tick > last, "{well}");
    home.status_until("to go on", |status| status["durable"]["tick"].as_u64() > tick && status["gap"].is_null());
    service.stops();
}
