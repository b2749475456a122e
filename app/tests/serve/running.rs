//! The service runs: without configuration, at its rate, for its owner only; it stops in good order, and alone has its file.

use std::os::unix::fs::PermissionsExt as _;

use crate::process::{Home, digests, text};

#[test]
fn without_configuration_a_world_runs_at_its_rate_for_its_owner_only() {
    let home = Home::new();
    let mut service = home.serving();
    assert_eq!(service.event("created")["world"], "main");
    let mode = |name: &str| std::fs::metadata(home.service().join(name)).expect(name).permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    for name in ["control.socket", "world.redb", "identity", "position-main"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    let begin = home.status_until("to run", |status| status["tick"].as_u64() > Some(90));
    let end = home.status_until("to run on", |s| s["uptime_s"].as_f64() > begin["uptime_s"].as_f64().map(|t| t + 5.0));
    let passed = |key: &str| end[key].as_f64().expect(key) - begin[key].as_f64().expect(key);
    let rate = passed("tick") / passed("uptime_s");
    assert!((88.2..=91.8).contains(&rate), "{rate} Hz");
    assert_eq!(end["health"]["state"], "well", "{}", end["health"]);
    assert!(end["memory_bytes"].as_u64() < Some(300 << 20), "{}", end["memory_bytes"]);
    let shown = text(&home.run("status").stdout);
    assert!(shown.contains("health    well") && shown.contains("durable   tick"), "{shown}");
    service.stops();
}

#[test]
fn a_service_that_is_told_to_stop_saves_what_it_has() {
    let home = Home::new();
    let service = home.serving();
    home.status_until("to run", |status| status["tick"].as_u64() > Some(100));
    let said = service.stops();
    let stored = said.iter().find(|value| value["event"] == "stored").expect("it says what is stored")["tick"].clone();
    let summary = said.last().expect("a summary");
    assert_eq!(
        (&summary["event"], &summary["last_tick"]),
        (&"end".into(), &stored),
        "all that was executed is durable"
    );
    let world = home.told("db status --json")["worlds"][0].clone();
    assert_eq!((&world["tick"], &world["last_save"]), (&stored, &stored));
    let mut service = home.serving();
    let resumed = service.event("resumed");
    assert_eq!((&resumed["tick"], &resumed["lost_ticks"]), (&stored, &0.into()));
    assert_eq!(resumed["digest"], summary["digest"]);
    service.stops();
    assert!(!home.socket().exists(), "nobody listens there any more");
    let file = home.path("all.strec");
    home.told(&format!("db export --json {}", file.display()));
    assert!(digests(&file).len() as u64 > stored.as_u64().expect("a tick"), "one log over both processes");
}

#[test]
fn a_second_service_is_refused_and_commands_reach_the_first() {
    let home = Home::new();
    let service = home.serving();
    home.refused("serve", "another process has the store open: stop it, or ask it through its control socket");
    let saved = home.told("save before-lunch --json");
    let world = home.told("db status --json");
    assert!(world["store"].as_str().is_some_and(|way| way.starts_with("the service at")), "{world}");
    assert_eq!(world["worlds"][0]["last_save"], saved["tick"]);
    home.refused("save not/a/name", "a name is 1 to 64 letters");
    let file = home.path("live.strec");
    home.told(&format!("db export --json {}", file.display()));
    let log = digests(&file);
    assert_eq!(log.get(&saved["tick"].as_u64().expect("a tick")).map(String::as_str), saved["digest"].as_str());
    assert!(home.asked("invite")["invite"].as_str().is_some_and(|invite| invite.starts_with("spacetime://127.0.0.1:")));
    assert!(app::serve::ask::json(&home.socket(), "dance").is_err_and(|e| e.to_string().contains("the service knows")));
    assert_eq!(home.asked("stop")["stopping"], true);
    let (code, _, complaints) = service.ends();
    assert_eq!(code, Some(0), "{complaints}");
    home.refused("status", "no service listens at");
}

#[test]
fn subsystems_start_after_what_they_need() {
    let home = Home::new();
    let mut service = home.serving();
    service.event("serving");
    let said = service.stops();
    let trace: Vec<(&str, &str)> = said
        .iter()
        .filter(|value| value["event"] == "start")
        .map(|value| (value["part"].as_str().expect("a part"), value["state"].as_str().expect("a state")))
        .collect();
    for (part, needs) in app::serve::startup::PARTS {
        let begins = trace.iter().position(|step| *step == (*part, "starting")).expect(part);
        for need in *needs {
            let ready = trace.iter().position(|step| *step == (*need, "ready")).expect(need);
            assert!(ready < begins, "{part} began before {need} was ready: {trace:?}");
        }
    }
}
