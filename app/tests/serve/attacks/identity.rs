//! Who somebody says they are: forged tokens on every route, ids that callers offer, tokens that have run out.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::draw::Base;
use super::raw::{Frames, Wire};
use super::scene::{Scene, ask, service};
use crate::client::{Client, PASSWORD, account};
use crate::process::{Home, Process};

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..=three.len()).for_each(|n| text.push(char::from(LETTERS[(word >> (18 - 6 * n) & 63) as usize])));
    }
    text
}

fn decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut word, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let at = LETTERS.iter().position(|there| *there == letter).expect("base64url");
        (word, bits) = (word << 6 | u32::try_from(at).expect("small"), bits + 6);
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits & 0xff) as u8);
        }
    }
    bytes
}

/// Tokens made of a good one; whoever reads the claims alone takes all of them.
fn forged(good: &str) -> Vec<(&'static str, String)> {
    let [head, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts: {good}") };
    let mut flipped = decoded(signature);
    flipped[10] ^= 1;
    let mut said: Value = serde_json::from_slice(&decoded(claims)).expect("claims");
    said["role"] = json!("admin");
    let none = encoded(b"{\"alg\":\"none\",\"typ\":\"JWT\"}");
    let symmetric = encoded(b"{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    let path = encoded(b"{\"alg\":\"EdDSA\",\"kid\":\"../../../dev/null\",\"typ\":\"JWT\"}");
    let other = encoded(b"{\"alg\":\"EdDSA\",\"kid\":\"00000000\",\"typ\":\"JWT\"}");
    let mut audience = said.clone();
    audience["aud"] = json!("another");
    vec![
        ("a flipped bit", format!("{head}.{claims}.{}", encoded(&flipped))),
        ("no algorithm", format!("{none}.{claims}.")),
        ("no algorithm, signed", format!("{none}.{claims}.{signature}")),
        ("a symmetric one", format!("{symmetric}.{claims}.{signature}")),
        ("a key id that is a path", format!("{path}.{claims}.{signature}")),
        ("an unknown key", format!("{other}.{claims}.{signature}")),
        ("a role", format!("{head}.{}.{signature}", encoded(said.to_string().as_bytes()))),
        ("another audience", format!("{head}.{}.{signature}", encoded(audience.to_string().as_bytes()))),
        ("a clipped signature", format!("{head}.{claims}.{}", &signature[..signature.len() - 4])),
        ("no signature", format!("{head}.{claims}.")),
    ]
}

/// What is told apart of an answer: everything but its name.
fn told(body: &Value) -> String {
    let mut body = body.clone();
    body["correlation"] = Value::Null;
    body.to_string()
}

#[test]
fn forged_tokens_open_no_route_and_all_get_one_answer() {
    let home = Home::new();
    let mut service = service(&home);
    let mut scene = Scene::of(&home, &mut service);
    let all = forged(scene.admin.token());
    for (what, token) in &all {
        // The control: who does not look at the signature would let every one of them in.
        let claims: Value = serde_json::from_slice(&decoded(token.split('.').nth(1).expect("claims"))).expect("JSON");
        assert_eq!(
            claims["sub"].as_str().map(str::to_owned).or_else(|| Some(claims["sub"].to_string())),
            Some(scene.admin_person.clone()),
            "{what}"
        );
    }
    let protected: Vec<(String, String, Option<Value>)> = {
        let operations = scene.document.operations.iter().filter(|operation| operation.access != "public");
        operations.map(|o| (o.method.clone(), o.path.clone(), o.messages.clone())).collect()
    };
    let (mut bodies, mut tried) = (BTreeSet::new(), 0);
    for (method, path, messages) in &protected {
        let filled: Vec<String> = path
            .split('/')
            .map(|part| match part {
                "{session}" | "{sign_in}" => "0".repeat(32),
                part if part.starts_with('{') => "1".into(),
                part => part.into(),
            })
            .collect();
        let filled = filled.join("/");
        for (what, token) in &all {
            let from = scene.place();
            let client = scene.stranger.from(from).with(token);
            if messages.is_some() {
                let mut frames = Frames::open(&client, &filled);
                frames.say(&json!({ "type": "authenticate", "token": token }));
                assert_eq!(frames.closed(), Some(4401), "{filled}: {what}");
                continue;
            }
            let answer = client.ask(method, &filled, None);
            assert_eq!(answer.status, 401, "{method} {filled}: {what}: {answer:?}");
            bodies.insert(told(&answer.body));
            tried += 1;
        }
        if messages.is_none() && path != "/sign-out" {
            let good = scene.admin.ask(method, &filled, None);
            assert_ne!(good.status, 401, "{method} {filled}: {good:?}");
        }
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let sockets = protected.iter().filter(|(_, _, messages)| messages.is_some()).count();
    assert!(sockets >= 2 && tried > 20 * all.len());
    assert_eq!(tried, (protected.len() - sockets) * all.len());
    service.stops();
}

#[test]
fn ids_that_callers_offer_are_never_theirs_and_strange_names_are_as_unknown_as_any() {
    let home = Home::new();
    let mut service = service(&home);
    let mut scene = Scene::of(&home, &mut service);
    let wanted = "0123456789abcdef0123456789abcdef";
    let sign_in = |scene: &mut Scene, headers: Vec<(String, String)>, body: Value, query: &str| {
        let mut asked = Base { body: Some(body), ..Base::default() }.asked(scene.document.operation("sign_in"));
        asked.headers.extend(headers);
        asked.query = query.to_owned();
        let from = scene.place();
        ask(&scene.stranger.from(from), &asked)
    };
    let sound = || json!({ "name": "some-admin", "password": PASSWORD });
    let mut ids = BTreeSet::new();
    for name in ["cookie", "x-session-id", "x-sign-in", "authorization-session", "session"] {
        let value =
            if name == "cookie" { format!("session={wanted}; sign_in={wanted}; sid={wanted}") } else { wanted.into() };
        let reply = sign_in(&mut scene, vec![(name.into(), value)], sound(), "");
        assert_eq!(reply.status, 200, "{name}");
        assert!(reply.header("set-cookie").is_none());
        let client = scene.stranger.with(reply.json()["access"].as_str().expect("a token"));
        let all = client.got("/sign-ins");
        let current = all["sign_ins"].as_array().expect("all").iter().find(|one| one["current"] == true);
        assert!(
            ids.insert(current.expect("one")["sign_in"].as_str().expect("an id").to_owned()),
            "the id is new each time"
        );
        // Nor does a cookie say who somebody is.
        let mut wire = Wire::open(&scene.stranger);
        let token = reply.json()["access"].as_str().expect("a token").to_owned();
        wire.send(format!("GET /status HTTP/1.1\r\nhost: x\r\ncookie: access={token}; token={token}; authorization=Bearer {token}\r\n\r\n"));
        assert_eq!(wire.reply().map(|reply| reply.status), Some(401));
    }
    assert!(!ids.contains(wanted));
    for key in ["session", "sign_in", "id"] {
        let mut body = sound();
        body[key] = json!(wanted);
        assert_eq!(sign_in(&mut scene, Vec::new(), body, "").status, 400, "{key} in the body");
        assert_eq!(
            sign_in(&mut scene, Vec::new(), sound(), &format!("{key}={wanted}")).status,
            400,
            "{key} in the query"
        );
    }
    // Text that means something to a directory, a database or a template is a name that nobody has.
    let unknown = sign_in(&mut scene, Vec::new(), json!({ "name": "nobody", "password": PASSWORD }), "");
    for name in [
        "*",
        "*)(uid=*))(|(uid=*",
        "some-admin)(&)",
        "\\2a",
        "some-admin' OR '1'='1",
        "some-admin'--",
        "{{7*7}}",
        "some-admin\u{0}",
    ] {
        let reply = sign_in(&mut scene, Vec::new(), json!({ "name": name, "password": PASSWORD }), "");
        assert_eq!((reply.status, told(&reply.json())), (401, told(&unknown.json())), "{name}");
    }
    service.stops();
}

#[test]
fn a_token_of_five_seconds_is_good_for_five_seconds_and_its_socket_too() {
    let home = Home::new();
    let mut command = home.command("serve --json");
    command.env("SPACETIME_SERVE__API__ACCESS_TOKEN_S", "5");
    let mut service = Process::start(command);
    let client = Client::of(&mut service);
    account(&home, "some-operator", "operator");
    let began = Instant::now();
    let operator = client.signed_in("some-operator");
    let mut frames = Frames::signed_in(&operator, "/ws/debug");
    assert_eq!(operator.get("/status").status, 200);
    assert_eq!(frames.closed(), Some(4401), "the socket is cut");
    let lived = began.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_secs(15)).contains(&lived), "{lived:?}");
    assert_eq!(operator.get("/status").status, 401);
    service.stops();
}
