//! The API of a real service: who may ask what, live debugging, orders; and that what was done replays bit for bit.

use std::time::{Duration, Instant};

use app::serve::resume;
use persistence::{Embedded, Name};
use serde_json::{Value, json};
use sim::Simulation;

use crate::client::{Client, account, service};
use crate::process::{Home, Process};

/// The state after a tick, rebuilt from the store of a service that has ended: a replay that knows nothing of the API.
fn replayed(home: &Home, tick: u64) -> Simulation {
    let name = Name::new("main").expect("a name");
    app::serve::ask::runtime().expect("a runtime").block_on(async {
        let store = Embedded::open(&home.service().join("world.redb")).expect("a store");
        let world = resume::world(&store, &name).await.expect("it reads").expect("it is there");
        let scenario = resume::scenario_of(&world).expect("a scenario");
        resume::rebuild(&store, &name, &scenario, Some(tick)).await.expect("a state").simulation
    })
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a number: {value}"))
}

/// Signed in as somebody with this role.
fn somebody(home: &Home, client: &Client, role: &str) -> Client {
    account(home, &format!("some-{role}"), role);
    client.signed_in(&format!("some-{role}"))
}

fn connected(client: &Client) -> String {
    client.done("/connect", &Value::Null)["session"].as_str().expect("a session").to_owned()
}

fn wait(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

#[test]
fn what_a_lone_service_is_told_comes_with_the_next_turn() {
    let home = Home::new();
    let mut service = service(&home);
    let operator = somebody(&home, &Client::of(&mut service), "operator");
    let tick = || number(&operator.got("/status")["world"]["tick"]);
    let file = json!({ "file": "[class.scout]\nhull_j = 3e6\n" });
    let waited = |_| {
        let asked = tick();
        number(&operator.done("/execute/reload", &file)["tick"]) - asked
    };
    // A busy machine makes some wait longer; an input delay of even one turn would make all of them.
    let fewest = (0..30).map(waited).min().expect("some");
    assert!(fewest <= 3, "three ticks are a turn: {fewest}");
}

#[test]
fn a_held_world_stands_still_steps_and_stops_where_it_is_told_and_replays() {
    let home = Home::new();
    let mut service = service(&home);
    let operator = somebody(&home, &Client::of(&mut service), "operator");
    let tick = |client: &Client| number(&client.got("/status")["world"]["tick"]);
    let (began, first) = (Instant::now(), tick(&operator));
    wait(Duration::from_secs(1));
    let passed = (tick(&operator) - first) as f64 / began.elapsed().as_secs_f64();
    // A busy machine tells of a tick late, and makes up for it.
    assert!((45.0..=135.0).contains(&passed), "{passed} ticks a second");
    let session = connected(&operator);
    let of = |what: &str| format!("/debug/{session}/{what}");
    let held = number(&operator.done(&of("pause"), &Value::Null)["tick"]);
    wait(Duration::from_secs(2));
    assert_eq!(tick(&operator), held, "for two seconds");
    assert_eq!(number(&operator.done(&of("step"), &json!({ "ticks": 1 }))["tick"]), held + 1);
    assert_eq!(tick(&operator), held + 1);
    // A patch waits for the next tick of a world that is held.
    let change = json!({ "entity": 1, "component": "Tank", "field": "fuel_kg", "value": 123.5 });
    let applied = operator.done("/edit/applyChanges", &json!({ "changes": [change] }));
    assert_eq!((number(&applied["tick"]), &applied["queued"]), (held + 2, &json!(true)));
    assert_eq!(number(&operator.done(&of("step"), &json!({ "ticks": 5 }))["tick"]), held + 6);
    let entity = operator.got(&of("entities/1"));
    assert_eq!(number(&entity["tick"]), held + 6);
    assert_eq!(entity["components"]["Tank"]["fuel_kg"], json!(123.5));
    // A breakpoint at a tick, then one at a condition that holds when the rate of time has been changed back and forth.
    operator.done(&of("breakpoints"), &json!({ "tick": held + 40 }));
    operator.done(&of("run"), &json!({}));
    let until_held = |what: &str| {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let world = operator.got("/status")["world"].take();
            if world["control"]["held"] == true {
                return number(&world["tick"]);
            }
            assert!(Instant::now() < deadline, "{what}");
            wait(Duration::from_millis(20));
        }
    };
    assert_eq!(until_held("the breakpoint at a tick"), held + 40);
    let condition = json!({ "condition": "entity 1: Hull.health_j < 1000000" });
    operator.done(&of("breakpoints"), &condition);
    operator.done(&of("run"), &json!({}));
    wait(Duration::from_millis(300));
    let change = json!({ "entity": 1, "component": "Hull", "field": "health_j", "value": 5 });
    let hit = number(&operator.done("/edit/applyChanges", &json!({ "changes": [change] }))["tick"]);
    assert_eq!(until_held("the breakpoint at a condition"), hit);
    let shown = operator.got(&of("entities/1"));
    let bodies = operator.got("/physics/bodies?limit=1000");
    let digest = operator.got(&format!("/status?tick={hit}"))["at"]["digest"].clone();
    // Whoever else is signed in has no part in the session, and nobody has once it is over.
    let other = somebody(&home, &operator, "admin");
    assert_eq!(other.get(&format!("/debug/{session}")).status, 404);
    assert_eq!(operator.ask("DELETE", &format!("/debug/{session}"), None).status, 204);
    assert_eq!(operator.post(&of("pause"), &Value::Null).status, 404);
    let moved = tick(&operator);
    wait(Duration::from_millis(500));
    assert!(tick(&operator) > moved, "the world goes on with the end of the last session");
    home.status_until("that to be durable", |status| status["durable"]["tick"].as_u64() > Some(hit + 90));
    service.stops();
    let again = replayed(&home, hit);
    assert_eq!(digest, app::output::hex(again.digest().total));
    let state = again.inspect(1).expect("the ship");
    assert_eq!(state.field("Hull", "health_j"), Some(sim::field::Value::F64(5.0)));
    assert_eq!(shown["components"]["Hull"]["health_j"], json!(5.0));
    let place = bodies["bodies"].as_array().expect("bodies").iter().find(|body| body["id"] == 1).expect("the ship");
    let Some(sim::field::Value::Vec3(velocity)) = state.field("Velocity", "proper_m_s") else { panic!("a velocity") };
    assert_eq!(place["velocity_m_s"], json!(velocity.to_array()), "bit for bit");
    let before = replayed(&home, hit - 1).inspect(1).expect("the ship");
    assert!(before.field("Hull", "health_j") != state.field("Hull", "health_j"), "not a tick earlier");
}

#[test]
fn orders_are_applied_at_the_tick_that_the_answer_names_or_not_at_all() {
    let home = Home::new();
    let mut service = service(&home);
    let invite = service.event("invite")["invite"].as_str().expect("an invite").to_owned();
    let operator = somebody(&home, &Client::of(&mut service), "operator");
    let mut peer = home.join("peer.key", &invite);
    peer.event("active");
    let wave = |client: &Client| client.got("/entities/2")["components"]["Wave"]["amplitude"].clone();
    assert_eq!(wave(&operator), json!(1.0));
    let pulse = |phase: f64| json!({ "entity": 2, "amplitude": 1, "phase_turns": phase });
    let quarter = number(&operator.done("/resonance/apply_interference", &pulse(0.25))["tick"]);
    let reloaded = operator.done("/execute/reload", &json!({ "file": "[class.scout]\nhull_j = 3e6\n" }));
    let slowed = number(&operator.done("/time/set_dilation", &json!({ "factor": 0.25 }))["tick"]);
    assert_eq!(operator.got("/status")["world"]["time_factor_quarters"], json!(1));
    // None of these leaves a trace.
    let ten: Vec<Value> = (0..10)
        .map(|n| json!({ "entity": 1, "component": "Tank", "field": if n == 7 { "colour" } else { "fuel_kg" }, "value": n }))
        .collect();
    for (path, body, status) in [
        ("/edit/applyChanges", json!({ "changes": ten }), 422),
        ("/execute/reload", json!({ "file": "[class.scout]\nhull_j = -1\nwings = 2\n" }), 422),
        ("/resonance/apply_interference", json!({ "entity": 999_999, "amplitude": 1, "phase_turns": 0 }), 404),
        ("/time/set_dilation", json!({ "factor": -1 }), 400),
        ("/time/set_dilation", json!({ "factor": 0.3 }), 400),
        ("/time/set_dilation", json!({ "factor": 1e6 }), 400),
    ] {
        let answer = operator.post(path, &body);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(!answer.body["errors"].as_array().is_none_or(Vec::is_empty) || status == 404, "{answer:?}");
    }
    home.status_until("that to be durable", |status| status["durable"]["tick"].as_u64() > Some(slowed + 30));
    peer.stops();
    service.stops();
    let amplitude = |tick: u64| replayed(&home, tick).wave(2).expect("a ship").amplitude();
    assert_eq!(amplitude(quarter - 1), 1.0);
    assert!((amplitude(quarter) - std::f64::consts::SQRT_2).abs() < 1e-9);
    let hull = |tick: u64| {
        let state = replayed(&home, tick);
        let scout = state.scenario().classes.iter().position(|class| class.name == "scout").expect("a class");
        state.classes()[scout].hull_j
    };
    let reloaded = number(&reloaded["tick"]);
    assert!(hull(reloaded - 1) != 3e6 && hull(reloaded) == 3e6);
    let quarters = |tick: u64| replayed(&home, tick).time_factor().quarters();
    assert_eq!((quarters(slowed - 1), quarters(slowed)), (4, 1));
}

/// Each operation of the published document: method, path with its parameters filled in, and the role that it asks for.
fn operations(client: &Client) -> Vec<(String, String, Option<String>)> {
    let document = client.got("/openapi.json");
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let filled = path.replace("{session}", &"0".repeat(32)).replace("{sign_in}", &"0".repeat(32));
            let filled = filled.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
            let role = operation["x-access"].as_str().map(ToOwned::to_owned);
            all.push((method.to_uppercase(), filled.collect::<Vec<_>>().join("/"), role));
        }
    }
    all
}

#[test]
fn strangers_are_turned_away_everywhere_and_each_role_gets_what_the_table_says() {
    let home = Home::new();
    let mut service = service(&home);
    let stranger = Client::of(&mut service);
    let admin = somebody(&home, &stranger, "admin");
    let all = operations(&admin);
    assert!(all.len() > 40, "{}", all.len());
    let protected: Vec<_> = all.iter().filter(|(_, _, role)| role.as_deref() != Some("public")).collect();
    // Who asks for so much that is not theirs is shut out, so each request comes from an address of its own.
    let place = |n: usize| u8::try_from(n % 250 + 1).expect("a byte");
    for (n, (method, path, _)) in protected.iter().enumerate() {
        let answer = stranger.from([0, place(n)]).ask(method, path, None);
        // A socket authenticates by its first message.
        assert_eq!(answer.status, if path.starts_with("/ws/") { 400 } else { 401 }, "{method} {path}: {answer:?}");
        assert!(answer.head.contains("nosniff") && answer.head.contains("frame-ancestors 'none'"), "{answer:?}");
    }
    let ladder = ["guest", "player", "operator", "admin"];
    for (rank, role) in ladder.iter().enumerate().take(3) {
        let client = somebody(&home, &stranger, role);
        for (n, (method, path, needed)) in protected.iter().enumerate() {
            let needed = ladder.iter().position(|name| Some(*name) == needed.as_deref()).expect("a role");
            // What is allowed may be anything but forbidden; what ends the own sign-in is left out.
            if path.starts_with("/ws/") || path == "/sign-out" {
                continue;
            }
            let answer = client.from([place(rank), place(n)]).ask(method, path, None);
            assert_eq!(answer.status == 403, needed > rank, "{role}: {method} {path}: {answer:?}");
        }
    }
    // Sign-out ends it at once.
    assert_eq!(admin.post("/sign-out", &Value::Null).status, 204);
    assert_eq!(admin.get("/status").status, 401);
    audit_is_sound(&home, &stranger);
    // A forged token is no better than none, and whoever keeps trying some is shut out.
    let forged = stranger.with("eyJhbGciOiJub25lIn0.e30.");
    let (method, path, _) = protected[0];
    assert_eq!(forged.ask(method, path, None).status, 401);
    let statuses: Vec<u16> =
        (0..200).map(|_| forged.get("/status").status).take_while(|status| *status == 401).collect();
    assert!(statuses.len() < 200, "nobody is shut out");
    assert_eq!(stranger.get("/status").body["code"], "banned");
    service.stops();
}

fn audit_is_sound(home: &Home, client: &Client) {
    account(home, "auditor", "admin");
    let auditor = client.signed_in("auditor");
    assert_eq!(auditor.got("/admin/audit/verification")["sound"], json!(true));
    let newest = auditor.got("/admin/audit?order=newest&limit=2");
    let older = auditor.got(&format!("/admin/audit?order=newest&limit=1&after={}", newest["next"]));
    let places = [&newest["entries"][0], &newest["entries"][1], &older["entries"][0]];
    let places = places.map(|entry| entry["seq"].as_u64().expect("a place"));
    assert_eq!([places[0] - 1, places[0] - 2], [places[1], places[2]], "{newest} {older}");
    let entries = auditor.got("/admin/audit?limit=1000");
    assert!(entries["entries"].as_array().is_some_and(|all| all.len() as u64 >= places[0]), "to the end: {places:?}");
    let has = |action: &str| entries["entries"].as_array().expect("entries").iter().any(|e| e["action"] == action);
    for action in ["register", "sign_in", "sign_out"] {
        assert!(has(action), "{action}");
    }
}

/// Why a service did not start.
fn refusal(service: Process) -> String {
    let (code, said, complaints) = service.ends();
    assert_eq!(code, Some(2), "{said:?} {complaints}");
    complaints
}

#[test]
fn a_second_service_does_not_take_the_address_of_the_first() {
    let (home, other) = (Home::new(), Home::new());
    let mut first = service(&home);
    let url = first.event("serving")["api"].as_str().expect("an API").to_owned();
    let address = url.rsplit('/').next().expect("an address").to_owned();
    let mut command = other.command("serve --json");
    command.env("SPACETIME_SERVE__API__LISTEN", &address);
    let refused = refusal(Process::start(command));
    assert!(refused.contains("api.listen") && refused.contains(&address), "{refused}");
    // Off loopback there is no API without a certificate, and nothing is opened.
    let mut command = other.command("serve --json");
    command.env("SPACETIME_SERVE__API__LISTEN", "0.0.0.0:0");
    let refused = refusal(Process::start(command));
    assert!(refused.contains("api.certificate_file"), "{refused}");
    first.stops();
}
