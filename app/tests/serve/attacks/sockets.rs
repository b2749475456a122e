//! The debug socket of a real service: who may speak, how much, and what is left behind when it is closed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::raw::{Frame, Frames};
use crate::client::{Client, PASSWORD, account};
use crate::process::{Home, PATIENCE, Process};

/// Messages of one person in a minute.
const MESSAGES: usize = 200;

fn service(home: &Home) -> Process {
    let mut command = home.command("serve --json");
    command.env("SPACETIME_SERVE__API__PERSON_MESSAGES_PER_MINUTE", MESSAGES.to_string());
    command.env("SPACETIME_SERVE__API__REQUESTS_PER_MINUTE", "1000000");
    command.env("SPACETIME_SERVE__API__PERSON_REQUESTS_PER_MINUTE", "1000000");
    Process::start(command)
}

fn asked(frames: &mut Frames, message: &Value) -> Value {
    frames.say(message);
    frames.hear_until(&message.to_string(), |text| {
        text["type"] == "subscribed" || text["of"] == message["type"] || text["re"] == message["seq"]
    })
}

/// Whether the world stands still, by what everybody is told.
fn is_held(client: &Client) -> bool {
    client.got("/status")["world"]["control"]["held"] == true
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn a_debug_socket_is_for_operators_and_leaves_nothing_held() {
    let home = Home::new();
    let mut service = service(&home);
    let client = Client::of(&mut service);
    for role in ["guest", "player", "operator"] {
        account(&home, &format!("some-{role}"), role);
    }
    let operator = client.signed_in("some-operator");
    // Whoever says nothing has ten seconds, pings or not.
    let (began, mut silent) = (Instant::now(), Frames::open(&client, "/ws/debug"));
    silent.0.send(Frames::frame(0x89, true, b"a"));
    for role in ["guest", "player"] {
        let mut frames = Frames::open(&client, "/ws/debug");
        frames.say(&json!({ "type": "authenticate", "token": client.signed_in(&format!("some-{role}")).token() }));
        assert_eq!(frames.closed(), Some(4403), "{role}");
    }
    for first in [
        json!({ "type": "open", "seq": 1 }),
        json!({ "type": "authenticate", "token": "nobody" }),
        json!({ "type": "authenticate", "token": operator.token(), "role": "admin" }),
        json!({ "type": "authenticate" }),
    ] {
        let mut frames = Frames::open(&operator, "/ws/debug");
        frames.say(&first);
        assert_eq!(frames.closed(), Some(4401), "{first}");
    }
    // A session holds the world for as long as its socket is there.
    for kindly in [true, false] {
        let mut frames = Frames::signed_in(&operator, "/ws/debug");
        let opened = asked(&mut frames, &json!({ "type": "open", "seq": 1 }));
        let session = opened["answer"]["session"].as_str().expect("a session").to_owned();
        asked(&mut frames, &json!({ "type": "pause", "seq": 2, "session": session }));
        assert!(is_held(&operator));
        let before = operator.got("/status")["world"]["tick"].as_u64().expect("a tick");
        asked(&mut frames, &json!({ "type": "step", "seq": 3, "session": session, "ticks": 5 }));
        assert_eq!(operator.got("/status")["world"]["tick"], json!(before + 5));
        // Numbers that do not rise are no repetition that is taken twice.
        if kindly {
            frames.say(&json!({ "type": "step", "seq": 3, "session": session, "ticks": 5 }));
            assert_eq!(frames.closed(), Some(4409));
        }
        drop(frames);
        until("the world to go on", || !is_held(&operator));
        assert_eq!(operator.get(&format!("/debug/{session}")).status, 404, "its session is over");
    }
    assert_eq!(silent.closed(), Some(4401));
    assert!(began.elapsed() >= Duration::from_secs(9), "{:?}", began.elapsed());
    service.stops();
}

#[test]
fn a_debug_session_lives_on_with_a_newer_token_and_ends_with_its_last() {
    let home = Home::new();
    let mut command = home.command("serve --json");
    command.env("SPACETIME_SERVE__API__ACCESS_TOKEN_S", "5");
    let mut service = Process::start(command);
    let client = Client::of(&mut service);
    account(&home, "some-operator", "operator");
    let tokens = client.done("/sign-in", &json!({ "name": "some-operator", "password": PASSWORD }));
    let began = Instant::now();
    let operator = client.with(tokens["access"].as_str().expect("a token"));
    let mut frames = Frames::signed_in(&operator, "/ws/debug");
    let opened = asked(&mut frames, &json!({ "type": "open", "seq": 1 }));
    let session = opened["answer"]["session"].as_str().expect("a session").to_owned();
    let at = json!({ "type": "break", "seq": 2, "session": session, "tick": 1_000_000_000 });
    let breakpoint = asked(&mut frames, &at)["answer"]["breakpoint"].clone();
    assert!(breakpoint.is_u64(), "{breakpoint}");
    // Not too soon: the newer token is to be good for longer than the first.
    std::thread::park_timeout(Duration::from_secs(3).saturating_sub(began.elapsed()));
    let tokens = client.done("/refresh", &json!({ "refresh": tokens["refresh"] }));
    let renewed = Instant::now();
    let newer = json!({ "type": "authenticate", "seq": 3, "token": tokens["access"] });
    assert_eq!(asked(&mut frames, &newer)["type"], "authenticated");
    // The session is not used until the first token has ended, and sessions were looked at since.
    until("the first token to end", || operator.get("/status").status == 401);
    let swept = Instant::now();
    until("a look at the sessions", || swept.elapsed() > Duration::from_millis(1200));
    let state = asked(&mut frames, &json!({ "type": "state", "seq": 4, "session": session }));
    assert_eq!(state["answer"]["breakpoints"], json!([breakpoint]), "{state}");
    assert_eq!(frames.closed(), Some(4401), "the newer one ends as well");
    assert!(renewed.elapsed() >= Duration::from_secs(4), "{:?}", renewed.elapsed());
    service.stops();
}

#[test]
fn a_flood_of_messages_is_cut_off_over_all_sockets_of_a_person_and_another_notices_nothing() {
    let home = Home::new();
    let mut service = service(&home);
    let client = Client::of(&mut service);
    for name in ["flood", "other"] {
        account(&home, name, "operator");
    }
    let (flood, other) = (client.signed_in("flood"), client.from([0, 2]).signed_in("other"));
    let mut beside = Frames::signed_in(&other, "/ws/telemetry");
    let mut sockets: Vec<Frames> = (0..4).map(|n| Frames::signed_in(&flood.from([0, n]), "/ws/telemetry")).collect();
    let mut answered = 0;
    let message = |seq: usize| json!({ "type": "unsubscribe", "seq": seq });
    let began = Instant::now();
    'flood: for seq in 1..=MESSAGES {
        for frames in &mut sockets {
            frames.say(&message(seq));
            match frames.hear_word() {
                Frame::Text(_) => answered += 1,
                Frame::Closed(code) => {
                    assert_eq!(code, Some(4429));
                    break 'flood;
                }
                frame => panic!("{frame:?}"),
            }
        }
    }
    assert!(began.elapsed() < Duration::from_secs(50), "the minute is over");
    assert!((MESSAGES / 2..=MESSAGES).contains(&answered), "{answered} answered");
    for seq in 1..=20 {
        assert_eq!(asked(&mut beside, &message(seq))["type"], "subscribed", "the other's own allowance is whole");
    }
    let counted = other.ask("GET", "/metrics", None);
    assert_eq!(counted.status, 200);
    service.stops();
}
