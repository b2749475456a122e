//! How far input reaches: not to other machines, not to programs, not into statements of SQL, not onto the disk as a secret;
//! and how much of it is taken from one address.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use persistence_testkit::cluster::Cluster;
use serde_json::{Value, json};

use super::document::Document;
use super::raw::Wire;
use super::scene::{Scene, ask, service};
use crate::client::{Client, PASSWORD, account};
use crate::postgres::prepared;
use crate::process::{Home, Process};

/// The same value with this text wherever there is text.
fn with_text(value: &Value, text: &str) -> Value {
    match value {
        Value::String(_) => json!(text),
        Value::Array(items) => items.iter().map(|item| with_text(item, text)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), with_text(value, text))).collect(),
        other => other.clone(),
    }
}

#[test]
fn addresses_and_commands_in_the_input_are_words_and_nothing_else() {
    let home = Home::new();
    let mut service = service(&home);
    let mut scene = Scene::of(&home, &mut service);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    listener.set_nonblocking(true).expect("set");
    let port = listener.local_addr().expect("an address").port();
    let canary = home.path("canary");
    let touch = format!("touch {}", canary.display());
    let texts = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("ldap://127.0.0.1:{port}"),
        format!("\\\\127.0.0.1:{port}\\a"),
        format!("$({touch})"),
        format!("`{touch}`"),
        format!("'; {touch}; '"),
        format!("| {touch}"),
        "{{7777*7777}}${7777*7777}<%= 7777*7777 %>#{7777*7777}".to_owned(),
        "entity 1: system(\"id\") > 0".to_owned(),
        "__import__('os').system('id')".to_owned(),
    ];
    let document = Document::read(scene.document.whole().clone());
    let takes = document.operations.iter().filter(|o| o.body.is_some() && !o.path.starts_with("/admin/licence"));
    for operation in takes {
        let (_, base) = scene.sound(operation);
        for text in &texts {
            let mut base = base.clone();
            base.body = base.body.as_ref().map(|body| with_text(body, text));
            let from = scene.place();
            let mut asked = base.asked(operation);
            for header in ["referer", "x-forwarded-host", "x-callback", "x-original-url", "from"] {
                asked.headers.push((header.to_owned(), text.clone()));
            }
            let reply = ask(&scene.stranger.from(from).with(scene.admin.token()), &asked);
            assert!(reply.status < 500, "{} {text}: {reply:?}", operation.id);
            assert!(!String::from_utf8_lossy(&reply.body).contains("60481729"), "{text}: {reply:?}");
        }
    }
    // The grammar of conditions is closed.
    let session = scene.session();
    for condition in texts.iter().map(String::as_str).chain([
        "true",
        "1 == 1",
        "entity 1: Tank.fuel_kg > fuel_kg()",
        "entity 1: Tank.fuel_kg > 1; true",
    ]) {
        let refused = scene.admin.post(&format!("/debug/{session}/breakpoints"), &json!({ "condition": condition }));
        assert_eq!(refused.status, 422, "{condition}: {refused:?}");
    }
    let good = json!({ "condition": "entity 1: Tank.fuel_kg > 1e300" });
    assert_eq!(scene.admin.post(&format!("/debug/{session}/breakpoints"), &good).status, 200);
    assert!(listener.accept().is_err(), "the service has called somebody");
    assert!(!canary.exists(), "a program was run");
    // The control: both would have been seen.
    drop(std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens"));
    std::thread::park_timeout(Duration::from_millis(50));
    assert!(listener.accept().is_ok());
    let ran = std::process::Command::new("sh").arg("-c").arg(format!("echo a $({touch})")).status().expect("it runs");
    assert!(ran.success() && canary.exists());
    service.stops();
}

#[test]
fn hostile_text_is_never_a_statement() {
    let home = Home::new();
    let cluster: Cluster = prepared(&home, &[("log_statement", "all")], "", "");
    cluster.sql("CREATE TABLE decoy (a int)");
    let mut service = service(&home);
    let mut scene = Scene::of(&home, &mut service);
    let marker = "zqx7";
    let payloads = [
        "'; DROP TABLE decoy; --",
        "\"; DROP TABLE decoy; --",
        "' OR 1=1 --",
        "' UNION SELECT password FROM accounts --",
        "'; SELECT pg_sleep(20); --",
        "\\'; DROP TABLE decoy; --",
        "$$; DROP TABLE decoy; $$",
        "x/**/; DROP/**/TABLE decoy",
    ];
    for (n, payload) in payloads.iter().enumerate() {
        let name = format!("{marker}{n}{payload}");
        for (path, body) in [
            ("/accounts", json!({ "name": name, "password": format!("{PASSWORD} {payload}"), "licence": 0 })),
            ("/sign-in", json!({ "name": name, "password": format!("{PASSWORD} {payload}") })),
            ("/sign-in", json!({ "name": "some-admin", "password": name })),
            ("/admin/users", json!({ "name": format!("{name} too"), "password": name, "role": "guest" })),
            ("/execute/reload", json!({ "file": name })),
            ("/admin/bans/lift", json!({ "address": name.chars().take(45).collect::<String>() })),
            ("/refresh", json!({ "refresh": name })),
        ] {
            let from = scene.place();
            let began = Instant::now();
            let answer = scene.stranger.from(from).with(scene.admin.token()).post(path, &body);
            assert!(answer.status < 500, "{path} {payload}: {answer:?}");
            assert!(began.elapsed() < Duration::from_secs(15), "{path} {payload} took {:?}", began.elapsed());
        }
        // What was stored is read again.
        scene.admin.got("/admin/users?limit=1000");
        scene.admin.got("/admin/audit?limit=1000");
    }
    service.stops();
    let log = cluster.log();
    assert!(log.contains("execute") || log.contains("statement"), "the log has no statements");
    let spoken: Vec<&str> = log
        .lines()
        .filter(|line| line.contains(marker) && !line.contains("DETAIL:") && !line.contains("Parameters:"))
        .collect();
    assert!(spoken.is_empty(), "hostile text in a statement: {:#?}", &spoken[..spoken.len().min(5)]);
    assert_eq!(cluster.sql("SELECT count(*) FROM decoy").trim(), "0", "the decoy survives");
    // The control: a statement that is put together of text drops it.
    drop(cluster.psql("postgres", &format!("SELECT '{}'", payloads[0])));
    assert!(cluster.sql("SELECT count(*) FROM pg_class WHERE relname = 'decoy'").trim() == "0");
}

const BASE64: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// Bytes as text, each a character, so that text can be looked for in them.
fn spelt(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// A secret as it is, in hex, and in base64 wherever in other text it begins, less what depends on that text.
fn forms(secret: &[u8]) -> Vec<String> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let bits: Vec<u8> = secret.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let sextet = |six: &[u8]| six.iter().fold(0, |all, bit| all << 1 | usize::from(*bit));
    let base64 = |alphabet: &[u8; 64], from: usize| -> String {
        bits[from..].chunks_exact(6).map(|six| char::from(alphabet[sextet(six)])).collect()
    };
    let base64 = BASE64.into_iter().flat_map(|alphabet| [0, 2, 4].map(|from| base64(alphabet, from)));
    [spelt(secret), hex.to_uppercase(), hex].into_iter().chain(base64).collect()
}

/// The random bytes of a refresh token, which are behind the name of its sign-in.
fn drawn(refresh: &str) -> Vec<u8> {
    let place = |letter: u8| BASE64[1].iter().position(|other| *other == letter).expect("base64");
    let bits: Vec<u8> =
        refresh.bytes().map(place).flat_map(|six| (0..6).rev().map(move |bit| (six >> bit & 1) as u8)).collect();
    let bytes = bits.chunks_exact(8).map(|eight| eight.iter().fold(0, |all, bit| all << 1 | bit));
    bytes.skip(16).collect()
}

/// A file below a folder that has one of these in it.
fn is_found(folder: &Path, forms: &[String]) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            if let Some(found) = is_found(&entry, forms) {
                return Some(found);
            }
        } else if let Ok(bytes) = std::fs::read(&entry)
            && let text = spelt(&bytes)
            && forms.iter().any(|form| text.contains(form))
        {
            return Some(entry);
        }
    }
    None
}

#[test]
fn a_copy_of_the_disk_holds_no_secret_and_what_is_in_it_opens_nothing() {
    let home = Home::new();
    let mut command = home.command("serve --json -vvv");
    command.env("SPACETIME_LOG", "trace");
    let mut service = Process::start(command);
    let client = Client::of(&mut service);
    account(&home, "some-operator", "operator");
    let signed_in = client.done("/sign-in", &json!({ "name": "some-operator", "password": PASSWORD }));
    let secret = |key: &str| signed_in[key].as_str().expect("text").to_owned();
    let operator = client.with(&secret("access"));
    operator.got("/status");
    let mut wire = Wire::open(&operator);
    wire.send(format!("GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", secret("access")));
    let metrics = String::from_utf8(wire.reply().expect("a reply").body).expect("text");
    let command_line = std::fs::read(format!("/proc/{}/cmdline", service.id())).expect("it runs");
    home.asked("save");
    service.signal("-TERM");
    let (_, _, log) = service.ends();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log says little: {}", log.len());
    let random = drawn(&secret("refresh"));
    assert_eq!(random.len(), 32);
    let (access, refresh) = (secret("access").into_bytes(), secret("refresh").into_bytes());
    for secret in [PASSWORD.as_bytes(), &access, &refresh, &random] {
        let forms = forms(secret);
        assert_eq!(is_found(&home.path("."), &forms), None);
        for (place, text) in [("log", log.as_bytes()), ("metrics", metrics.as_bytes()), ("arguments", &command_line)] {
            let text = spelt(text);
            assert!(!forms.iter().any(|form| text.contains(form)), "in the {place}");
        }
    }
    // The control: a canary that is leaked is found, in base64 behind no letter, one and two as well.
    let leak = home.path("data/leak");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (leaked, secret) in [
        (format!("abc {PASSWORD} def").into_bytes(), PASSWORD.as_bytes()),
        (hex(PASSWORD.as_bytes()).into_bytes(), PASSWORD.as_bytes()),
        (b"YSByYXRoZXIgbG9uZyBzZW50ZW5jZSA3IGFuZCBtb3Jl".to_vec(), PASSWORD.as_bytes()),
        (b"YWEgcmF0aGVyIGxvbmcgc2VudGVuY2UgNyBhbmQgbW9yZQ==".to_vec(), PASSWORD.as_bytes()),
        (b"YWJhIHJhdGhlciBsb25nIHNlbnRlbmNlIDcgYW5kIG1vcmU=".to_vec(), PASSWORD.as_bytes()),
        ([b"abc", &random[..], b"def"].concat(), &random),
        (refresh, &random),
    ] {
        std::fs::write(&leak, &leaked).expect("written");
        assert_eq!(is_found(&home.path("."), &forms(secret)), Some(leak.clone()), "{}", spelt(&leaked));
    }
}

#[test]
fn a_flood_from_one_address_is_cut_off_and_a_second_address_notices_nothing() {
    let accepted = |limit: &str| {
        let home = Home::new();
        let mut command = home.command("serve --json");
        command.env("SPACETIME_SERVE__API__REQUESTS_PER_MINUTE", limit);
        let mut service = Process::start(command);
        let client = Client::of(&mut service);
        let mut kept = Wire::open(&client);
        let mut statuses = Vec::new();
        for n in 0..300 {
            let head = format!(
                "GET /health HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 10.0.{}.{}\r\nforwarded: for=10.1.1.{n}\r\n\r\n",
                n / 250,
                n % 250
            );
            let mut fresh = Wire::open(&client);
            let wire = if n % 2 == 0 { &mut kept } else { &mut fresh };
            wire.send(head);
            let reply = wire.reply().expect("a reply");
            if reply.status == 429 {
                let again: u64 =
                    reply.header("retry-after").and_then(|text| text.parse().ok()).expect("when to come again");
                assert!((1..=70).contains(&again), "{again}");
            }
            statuses.push(reply.status);
        }
        let other = client.from([0, 9]);
        assert!((0..20).all(|_| other.get("/health").status == 200));
        service.stops();
        assert!(statuses.iter().all(|status| matches!(status, 200 | 429)), "{statuses:?}");
        statuses.into_iter().filter(|status| *status == 200).count()
    };
    assert_eq!(accepted("100"), 100);
    // The control: without the limit all of it gets through.
    assert_eq!(accepted("1000000"), 300);
}
