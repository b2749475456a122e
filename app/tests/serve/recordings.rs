//! Recordings over the API of a real service: captures of real peers replay elsewhere, whatever happens to the service; files
//! come and go as they are, and what is none is refused.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use app::replay::Recording;
use serde_json::{Value, json};

use crate::client::{Client, account, service};
use crate::process::{Home, PATIENCE, Process, digests, scaled};

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a number: {value}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text: {value}")).to_owned()
}

fn operator(home: &Home, service: &mut Process) -> Client {
    let client = Client::of(service);
    account(home, "ada", "operator");
    client.signed_in("ada")
}

/// A peer that joins and records what it agrees on with the others.
fn recording_peer(home: &Home, name: &str, invite: &str) -> (Process, PathBuf) {
    let file = home.path(&format!("{name}.strec"));
    let mut command = home.command("join --json --listen 127.0.0.1:0 --pilot climb --identity");
    command.arg(home.path(&format!("{name}.key"))).arg("--record").arg(&file).arg(invite);
    let mut peer = Process::start(command);
    peer.event("active");
    (peer, file)
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn until_tick(client: &Client, tick: u64) {
    until("the world goes on", || (number(&client.got("/status")["world"]["tick"]) >= tick).then_some(()));
}

fn finished(client: &Client, accepted: &Value) -> Value {
    let path = format!("/recordings/jobs/{}", text(&accepted["job"]));
    until("the job is done", || {
        let job = client.got(&path);
        assert_ne!(job["state"], "failed", "{job}");
        (job["state"] == "done").then_some(job)
    })
}

fn verified(client: &Client, id: &str) -> Value {
    finished(client, &client.done(&format!("/recordings/{id}/verify"), &Value::Null))["verification"].take()
}

/// Downloads a file in parts of so many bytes.
fn downloaded(client: &Client, id: &str, part: usize) -> Vec<u8> {
    let (mut all, path) = (Vec::new(), format!("/recordings/{id}/file"));
    loop {
        let range = format!("range: bytes={}-{}\r\n", all.len(), all.len() + part - 1);
        let (status, head, bytes) = client.octets("GET", &path, &range, b"");
        assert_eq!(status, 206, "{head}");
        let length: usize = head
            .split("content-range: bytes ")
            .nth(1)
            .and_then(|of| of.split(['/', '\r']).nth(1)?.parse().ok())
            .expect("a length");
        all.extend_from_slice(&bytes);
        if all.len() >= length {
            assert_eq!(all.len(), length);
            return all;
        }
    }
}

fn uploaded(client: &Client, name: &str, bytes: &[u8]) -> (u16, Value) {
    let head = "content-type: application/octet-stream\r\n";
    let (status, _, body) = client.octets("POST", &format!("/recordings?name={name}"), head, bytes);
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// A recording of a world that nobody touches.
fn made(home: &Home, name: &str, ticks: u64) -> PathBuf {
    made_with(home, name, ticks, 60)
}

/// The same with a keyframe every so many ticks.
fn made_with(home: &Home, name: &str, ticks: u64, every: u64) -> PathBuf {
    let file = home.path(name);
    let out = home.run(&format!("run demo --ticks {ticks} --keyframe-every {every} --record {}", file.display()));
    assert!(out.status.success(), "{out:?}");
    file
}

/// What is in the service's folder of recordings.
fn kept(home: &Home) -> Vec<String> {
    let folder = std::fs::read_dir(home.service().join("recordings")).expect("a folder");
    folder.map(|file| file.expect("a file").file_name().into_string().expect("a name")).collect()
}

/// Whether a file is what it was, to its last byte.
fn is_sound(file: &Path) -> bool {
    let Ok(mut recording) = Recording::open(file) else { return false };
    recording.reader.check().expect("it can be read").is_complete()
}

#[test]
fn a_capture_of_three_peers_replays_elsewhere_and_any_changed_byte_shows() {
    let home = Home::new();
    let mut service = service(&home);
    let invite = text(&service.event("invite")["invite"]);
    let client = operator(&home, &mut service);
    let (first, first_file) = recording_peer(&home, "first", &invite);
    let (second, _) = recording_peer(&home, "second", &invite);
    home.status_until("both", |status| status["players"] == json!([1, 2]));
    let live = client.done("/capture/start", &json!({ "name": "of three" }));
    let (id, began) = (text(&live["id"]), number(&live["first_tick"]));
    assert_eq!((&live["state"], &live["name"], &live["kind"]), (&json!("live"), &json!("of three"), &json!("capture")));
    assert_eq!(client.post("/capture/start", &json!({})).status, 409, "one at a time");
    assert_eq!(client.post(&format!("/recordings/{id}/verify"), &Value::Null).status, 409);
    assert_eq!(client.ask("DELETE", &format!("/recordings/{id}"), None).status, 409);
    let (third, _) = recording_peer(&home, "third", &invite);
    let patch = json!({ "changes": [{ "entity": 1, "component": "Tank", "field": "fuel_kg", "value": 123.5 }] });
    let patched = number(&client.done("/edit/applyChanges", &patch)["tick"]);
    let reload = json!({ "file": "[class.scout]\nhull_j = 3e6\n" });
    let reloaded = number(&client.done("/execute/reload", &reload)["tick"]);
    // Held for a while: the recording has nothing of that.
    let session = text(&client.done("/connect", &Value::Null)["session"]);
    client.done(&format!("/debug/{session}/pause"), &Value::Null);
    assert_eq!(client.ask("DELETE", &format!("/debug/{session}"), None).status, 204);
    until_tick(&client, began + scaled(180).max(reloaded + 20 - began));
    let ended = client.done("/capture/stop", &Value::Null);
    let (last, bytes) = (number(&ended["last_tick"]), number(&ended["bytes"]));
    assert_eq!((&ended["state"], &ended["why"], &ended["id"]), (&json!("complete"), &Value::Null, &json!(id)));
    assert!(last >= began + scaled(180), "{ended}");
    assert_eq!(client.post("/capture/stop", &Value::Null).status, 409);
    assert_eq!(client.got("/recordings")["recordings"], json!([ended]));
    // It comes over as it is, in parts.
    let file = downloaded(&client, &id, 10_000);
    assert_eq!((file.len() as u64, ended["blake3"].clone()), (bytes, json!(blake3::hash(&file).to_hex().to_string())));
    let events = client.got(&format!("/recordings/{id}/events?limit=1000"));
    let tick_of = |kind: &str| {
        events["events"].as_array().expect("events").iter().find(|e| e["kind"] == kind).map(|e| number(&e["tick"]))
    };
    assert_eq!((tick_of("patch"), tick_of("reload")), (Some(patched), Some(reloaded)), "{events}");
    // It may begin at a state that the second is not in yet.
    let joins = events["events"].as_array().expect("events").iter().filter(|event| event["kind"] == "join").count();
    assert!((1..=2).contains(&joins) && number(&ended["joins"]) == joins as u64, "{ended} {events}");
    assert!(tick_of("join").is_some_and(|tick| tick > began && tick < patched), "{events}");
    for peer in [first, second, third] {
        peer.stops();
    }
    service.stops();
    // Another process simulates it again, and the digests are those that the peers agreed on.
    let path = home.path("captured.strec");
    std::fs::write(&path, &file).expect("it is written");
    let verdict = home.told(&format!("replay verify --json {}", path.display()));
    assert_eq!((&verdict["verdict"], &verdict["complete"]), (&json!("exact"), &json!(true)));
    assert_eq!(number(&verdict["ticks"]), last - began);
    let (captured, theirs) = (digests(&path), digests(&first_file));
    assert_eq!(captured.len() as u64, last - began);
    assert!(captured.iter().all(|(tick, digest)| theirs.get(tick) == Some(digest)), "not what the peers agreed on");
    assert_eq!(ended["digest"], json!(captured[&last]));
    assert!(is_sound(&path));
    let stride = (file.len() / (60 * scaled(1) as usize)) | 1;
    for at in (0..file.len()).step_by(stride).chain([file.len() - 1]) {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&path, &flipped).expect("it is written");
        assert!(!is_sound(&path), "byte {at}");
    }
}

#[test]
fn a_capture_survives_the_end_of_its_service_and_its_crash() {
    let home = Home::new();
    let mut first = service(&home);
    let client = operator(&home, &mut first);
    let live = client.done("/capture/start", &json!({}));
    until_tick(&client, number(&live["first_tick"]) + 60);
    first.stops();
    let mut second = service(&home);
    let client = Client::of(&mut second).signed_in("ada");
    let ended = client.got(&format!("/recordings/{}", text(&live["id"])));
    assert_eq!(ended["state"], "complete", "{ended}");
    assert!(text(&ended["why"]).contains("the service ended"), "{ended}");
    assert!(number(&ended["last_tick"]) >= number(&live["first_tick"]) + 60, "{ended}");
    // Killed, after two segments at least are written, with something half that was on its way.
    let live = client.done("/capture/start", &json!({ "name": "cut" }));
    let path = format!("/recordings/{}", text(&live["id"]));
    let seen = until("segments are written", || {
        let now = client.got(&path);
        (number(&now["last_tick"]) >= number(&live["first_tick"]) + 100).then_some(now)
    });
    assert_eq!(seen["state"], "live");
    let (status, head, bytes) = client.octets("GET", &format!("{path}/file"), "", b"");
    assert!(status == 200 && head.contains(&format!("etag: \"live-{}-", text(&live["id"]))), "{head}");
    assert!(bytes.len() as u64 >= number(&seen["bytes"]));
    second.crashes();
    std::fs::write(home.service().join(format!("recordings/{}.part", "0".repeat(32))), "half").expect("it is written");
    let mut third = service(&home);
    let client = Client::of(&mut third).signed_in("ada");
    let left = client.got(&path);
    assert_eq!((&left["state"], &left["name"]), (&json!("incomplete"), &json!("cut")));
    assert!(text(&left["why"]).contains("the service was ended") && text(&left["why"]).contains("truncated"), "{left}");
    assert!(number(&left["last_tick"]) >= number(&seen["last_tick"]), "{left} {seen}");
    let verification = verified(&client, &text(&live["id"]));
    assert_eq!(
        (&verification["verdict"], &verification["complete"]),
        (&json!("exact"), &json!(false)),
        "{verification}"
    );
    assert_eq!(number(&verification["ticks"]), number(&left["last_tick"]) - number(&left["first_tick"]));
    assert!(kept(&home).iter().all(|name| !name.ends_with(".part")), "what was half is gone");
    third.stops();
}

#[test]
fn a_file_is_brought_along_verified_compared_looked_into_and_fetched() {
    let home = Home::new();
    let (plain, ticks) = (made(&home, "plain.strec", 400), 400);
    let fork = home.path("fork.strec");
    let forked = format!("replay fork {} --tick 250 --inputs none --out {}", plain.display(), fork.display());
    home.run(&forked);
    let mut service = service(&home);
    let client = operator(&home, &mut service);
    let bytes = std::fs::read(&plain).expect("it is there");
    let (status, first) = uploaded(&client, "the%20plain%20one", &bytes);
    assert_eq!(
        (status, &first["state"], &first["name"]),
        (201, &json!("complete"), &json!("the plain one")),
        "{first}"
    );
    let id = text(&first["id"]);
    let (status, second) = uploaded(&client, "fork", &std::fs::read(&fork).expect("it is there"));
    assert_eq!((status, &second["first_tick"]), (201, &json!(250)), "{second}");
    let verification = verified(&client, &id);
    assert_eq!((&verification["verdict"], &verification["ticks"]), (&json!("exact"), &json!(ticks)), "{verification}");
    let pair = |right: &str| json!({ "left": id, "right": right });
    let same = finished(&client, &client.done("/recordings/diff", &pair(&id)));
    assert_eq!(same["comparison"]["identical"], true, "{same}");
    let other = finished(&client, &client.done("/recordings/diff", &pair(&text(&second["id"]))));
    assert_eq!(
        (&other["comparison"]["identical"], &other["comparison"]["differ_in"]),
        (&json!(false), &json!("length")),
        "{other}"
    );
    // States are those of the simulation, forwards, backwards and in steps.
    let mut recording = Recording::open(&plain).expect("a recording");
    for (from, to, every) in [(0, 0, 1), (399, 400, 1), (130, 190, 20), (7, 7, 1), (100, 103, 1)] {
        let answer = client.got(&format!("/recordings/{id}/states?from_tick={from}&to_tick={to}&every={every}"));
        let states = answer["states"].as_array().expect("states");
        let expected: Vec<u64> = (from..=to).step_by(every).collect();
        assert_eq!(states.iter().map(|state| number(&state["tick"])).collect::<Vec<_>>(), expected);
        assert_eq!(answer["next_tick"], Value::Null);
        for state in states {
            let rebuilt = recording.state_at(number(&state["tick"])).expect("a state").simulation;
            assert_eq!(state["digest"], app::output::hex(rebuilt.digest().total));
            assert_eq!(state["entities"].as_array().map(Vec::len), Some(rebuilt.entity_count()));
            let earth = rebuilt.bodies()[0].position;
            let metres = |axis: usize| earth.cell[axis] as f64 * f64::from(1 << 20) + earth.offset.to_array()[axis];
            let body =
                state["bodies"].as_array().and_then(|all| all.iter().find(|body| body["id"] == -1)).expect("a body");
            let shown = body["position_m"][0].as_f64().expect("a number");
            assert!((shown - metres(0)).abs() <= 1e-3, "{shown} {}", metres(0));
        }
    }
    assert_eq!(client.get(&format!("/recordings/{id}/states?from_tick=401")).status, 400);
    assert_eq!(downloaded(&client, &id, 7_001), bytes);
    let (status, head, _) =
        client.octets("GET", &format!("/recordings/{id}/file"), &format!("range: bytes={}-\r\n", bytes.len()), b"");
    assert!(status == 416 && head.contains(&format!("content-range: bytes */{}", bytes.len())), "{head}");
    assert_eq!(client.ask("DELETE", &format!("/recordings/{id}"), None).status, 204);
    assert_eq!(client.get(&format!("/recordings/{id}")).status, 404);
    assert_eq!(client.get(&format!("/recordings/{id}/states")).status, 404);
    assert_eq!(client.post(&format!("/recordings/{id}/verify"), &Value::Null).status, 404);
    service.stops();
}

/// Whether a process has a file of this name open, though it is nowhere any more.
fn has_open_though_gone(process: &Process, name: &str) -> bool {
    let open = std::fs::read_dir(format!("/proc/{}/fd", process.id())).expect("it runs");
    let links = open.filter_map(|fd| std::fs::read_link(fd.expect("a descriptor").path()).ok());
    links.map(|path| path.display().to_string()).any(|path| path.contains(name) && path.ends_with("(deleted)"))
}

#[test]
fn whoever_downloads_a_file_goes_on_though_it_is_taken_away() {
    let home = Home::new();
    // More than the system and the service hold for somebody who does not read.
    let bytes = std::fs::read(made_with(&home, "large.strec", 400, 2)).expect("it is there");
    assert!(bytes.len() > 8 << 20, "{}", bytes.len());
    let mut service = service(&home);
    let client = operator(&home, &mut service);
    let (status, kept) = uploaded(&client, "large", &bytes);
    assert_eq!(status, 201, "{kept}");
    let id = text(&kept["id"]);
    let mut slow = client.stream("GET", &format!("/recordings/{id}/file"), "", b"");
    let mut begin = [0; 1000];
    slow.read_exact(&mut begin).expect("it begins");
    assert_eq!(client.ask("DELETE", &format!("/recordings/{id}"), None).status, 204);
    assert!(has_open_though_gone(&service, &id), "all of it was on its way before");
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).expect("it goes on");
    let all = [&begin[..], &rest[..]].concat();
    assert!(all.ends_with(&bytes), "{} of {}", all.len(), bytes.len());
    until("it is closed", || (!has_open_though_gone(&service, &id)).then_some(()));
    service.stops();
}

#[test]
fn what_is_no_recording_is_refused_and_what_is_damaged_is_told() {
    let home = Home::new();
    home.configure("[recordings]\ncount_max = 2\nmb_max = 2\nfile_mb_max = 1\n");
    let file = std::fs::read(made(&home, "a.strec", 200)).expect("it is there");
    let mut service = service(&home);
    let client = operator(&home, &mut service);
    let flipped = |at: usize| {
        let mut bytes = file.clone();
        bytes[at] ^= 4;
        bytes
    };
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("garbage", vec![7; 5000]),
        ("a header that is cut", file[..60].to_vec()),
        ("a header with another byte", flipped(40)),
        ("another file", b"\x7fELF and so on".to_vec()),
    ] {
        let (status, body) = uploaded(&client, "x", &bytes);
        assert_eq!((status, &body["code"]), (422, &json!("refused")), "{what}: {body}");
        let why = text(&body["errors"][0]["why"]);
        assert!(!why.contains('/') && !why.is_empty(), "{what}: {why}");
    }
    let (status, body) = uploaded(&client, "x", &vec![7; (1 << 20) + 1]);
    assert_eq!((status, &body["code"]), (413, &json!("too_large")), "{body}");
    assert_eq!(kept(&home), Vec::<String>::new());
    // Half an upload.
    let half = "content-type: application/octet-stream\r\ncontent-length: 100000\r\n";
    drop(client.begin("POST", "/recordings?name=half", half, &file[..1000]));
    until("it is gone", || kept(&home).is_empty().then_some(()));
    // Behind its header it is kept, and what is wrong is told.
    let (status, cut) = uploaded(&client, "cut", &file[..file.len() - 30]);
    assert_eq!((status, &cut["state"]), (201, &json!("incomplete")), "{cut}");
    assert!(text(&cut["why"]).contains("truncated"), "{cut}");
    let (status, torn) = uploaded(&client, "torn", &flipped(file.len() / 2));
    assert_eq!((status, &torn["state"]), (201, &json!("incomplete")), "{torn}");
    assert!(text(&torn["why"]).contains("damaged at byte"), "{torn}");
    let verification = verified(&client, &text(&torn["id"]));
    assert!(text(&verification["lost"]).contains("damaged at byte"), "{verification}");
    assert!(!verification.to_string().contains('/'), "{verification}");
    let (status, full) = uploaded(&client, "x", &file);
    assert_eq!((status, &full["code"]), (409, &json!("conflict")));
    assert!(text(&full["errors"][0]["why"]).contains("recordings.count_max"), "{full}");
    assert_eq!(client.post("/capture/start", &json!({})).status, 409);
    for id in [&cut, &torn] {
        assert_eq!(client.ask("DELETE", &format!("/recordings/{}", text(&id["id"])), None).status, 204);
    }
    assert_eq!(kept(&home), Vec::<String>::new());
    for (place, wrong) in [(1, "..%2f..%2fidentity"), (2, "%2e%2e"), (3, &"f".repeat(32))] {
        // Who tries to leave a folder is soon out for a while, wherever from.
        for (at, path) in [format!("/recordings/{wrong}"), format!("/recordings/{wrong}/file")].iter().enumerate() {
            let answer = client.from([9, place * 2 + at as u8]).get(path);
            assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
        }
    }
    service.stops();
}
