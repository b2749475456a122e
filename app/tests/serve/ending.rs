//! The end of a service whose store is away: it waits for it, and where it may not it says what is not durable.

use crate::postgres::prepared;
use crate::process::Home;

/// A service that the store has left, with the tick that was durable then.
fn left_alone(home: &Home, cluster: &mut persistence_testkit::cluster::Cluster) -> u64 {
    home.status_until("to run", |status| status["durable"]["tick"].as_u64() > Some(60));
    cluster.stop();
    let status = home.status_until("to see it", |status| status["health"]["parts"]["store"]["state"] == "ill");
    let durable = status["durable"]["tick"].as_u64().expect("a tick");
    home.status_until("to run on", |status| status["tick"].as_u64() > Some(durable + 90));
    durable
}

#[test]
fn an_end_without_the_store_waits_for_it_and_a_second_signal_does_not() {
    let home = Home::new();
    let mut cluster = prepared(&home, &[], "", "");
    let service = home.serving();
    left_alone(&home, &mut cluster);
    service.signal("-TERM");
    cluster.restart();
    let (code, said, complaints) = service.ends();
    assert_eq!(code, Some(0), "{complaints}");
    let value = |event: &str, key: &str| said.iter().find(|value| value["event"] == event).expect(event)[key].as_u64();
    assert_eq!(value("stored", "tick"), value("end", "last_tick"), "all of it was stored");

    let mut service = home.serving();
    let first = service.event("resumed")["tick"].as_u64().expect("a tick");
    assert_eq!(Some(first), value("stored", "tick"));
    home.status_until("to run", |status| status["durable"]["tick"].as_u64() > Some(first + 60));
    let durable = left_alone(&home, &mut cluster);
    service.signal("-TERM");
    service.event("draining");
    service.signal("-TERM");
    let began = std::time::Instant::now();
    let (code, _, complaints) = service.ends();
    assert!(began.elapsed().as_secs() < 10, "at once, not after {:?}", began.elapsed());
    assert_eq!(code, Some(2), "{complaints}");
    assert!(complaints.contains(" is not durable: it was told to end at once"), "{complaints}");
    // Where it goes on is what it had told.
    cluster.restart();
    let mut service = home.serving();
    let tick = service.event("resumed")["tick"].as_u64().expect("a tick");
    let told = format!("what comes behind tick {} is not durable", app::output::grouped(tick));
    assert!(tick >= durable && complaints.contains(&told), "resumed at {tick}: {complaints}");
    service.stops();
}

#[test]
fn an_end_in_a_gap_keeps_the_last_state_and_tells_what_is_missing() {
    let home = Home::new();
    // There is room for a second or so.
    let mut cluster = prepared(&home, &[], "", "[log]\ngroup_ms = 50\nbacklog_batches = 16");
    let mut service = home.serving();
    left_alone(&home, &mut cluster);
    let status = home.status_until("a gap", |status| !status["gap"].is_null());
    assert_eq!(status["health"]["parts"]["log"]["reason"], "not_durable");
    let since = status["gap"]["since"].as_u64().expect("a tick");
    // There is no room for a last save, and what waits ends before the gap.
    service.signal("-TERM");
    service.event("draining");
    cluster.restart();
    let (code, said, complaints) = service.ends();
    assert_eq!(code, Some(0), "{complaints}");
    let gap = said.iter().find(|value| value["event"] == "gap").expect("it is told");
    let end = said.iter().find(|value| value["event"] == "end").expect("a summary");
    assert_eq!((gap["since"].as_u64(), &gap["until"]), (Some(since), &end["last_tick"]));
    let mut service = home.serving();
    let resumed = service.event("resumed");
    assert_eq!((&resumed["tick"], &resumed["digest"]), (&end["last_tick"], &end["digest"]), "from the last state");
    service.stops();
}
