//! The synchronous log: while the store stands still the world goes on, and nothing is told of it until it is durable, so a
//! kill loses nothing that anybody could know of.

use std::time::{Duration, Instant};

use persistence_testkit::cluster::Cluster;
use serde_json::Value;

use crate::postgres::configure;
use crate::process::{Home, digests};

/// All ticks of the world in what was told, with digests where there are any.
fn ticks(told: &Value) -> Vec<(u64, Option<String>)> {
    let one = |value: &Value| Some((value["tick"].as_u64()?, value["digest"].as_str().map(str::to_owned)));
    [told, &told["durable"], &told["saved"]].into_iter().filter_map(one).collect()
}

#[test]
fn nothing_is_told_of_the_world_before_it_is_durable() {
    let home = Home::new();
    let cluster = Cluster::start(&[]);
    configure(&home, &cluster, "spacetime_owner");
    home.told("db prepare --json");
    let config = configure(&home, &cluster, "spacetime_app");
    let text = std::fs::read_to_string(&config).expect("a file");
    // Saves often, so that one is under way when the store stops.
    home.configure(&format!("[log]\ndurability = \"synchronous\"\n[saves]\nevery_s = 1\n{text}"));
    let mut service = home.serving();
    home.status_until("a save", |status| status["saved"]["tick"].as_u64() > Some(0));
    cluster.pause();
    // What the server had taken when it stopped may still be told.
    let until = Instant::now() + Duration::from_millis(500);
    while Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let before = home.asked("status");
    let turns = |status: &Value| status["turns"]["all"].as_u64().expect("a number");
    let after = home.status_until("the world to go on", |status| turns(status) > turns(&before) + 90);
    assert_eq!((&after["tick"], &after["saved"]), (&before["tick"], &before["saved"]), "nothing more is told of it");
    assert_eq!(after["turns"]["late"], 0, "nor does it wait");
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
