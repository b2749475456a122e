//! What belongs to people, over the API of a real service: theirs to take along and to have erased, nobody else's (COMP-003 to
//! 006); whom a breach touched (COMP-007); what stays over a new start; and that an attack is told of (SEC-059).

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use api::clock::Moment;
use persistence::people::{MasterKey, People, PersonExport, Vault};
use persistence::{Embedded, Kind, PersonId, Query, Scope, Store};
use serde_json::{Value, json};

use crate::client::{Client, PASSWORD, account, service};
use crate::process::{Home, PATIENCE, Process};

/// Names that nothing else has in it.
const ANNA: &str = "anna-qzvkwj";
const BEN: &str = "ben-xjwqkz";
const CONTACT: &str = "qzvkwj@example.org";

fn person(client: &Client) -> u64 {
    client.got("/account")["person"].as_str().and_then(|number| number.parse().ok()).expect("a number")
}

fn put(client: &Client, path: &str, body: Value) -> u16 {
    client.ask("PUT", path, Some(&body)).status
}

fn with_password(client: &Client, method: &str, path: &str, password: &str) -> crate::client::Answer {
    client.ask(method, path, Some(&json!({ "password": password })))
}

/// All files below a folder that hold this text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if path.is_file() {
            let bytes = std::fs::read(&path).expect("it reads");
            if bytes.windows(text.len()).any(|some| some == text.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// COMP-003: how somebody is reached is kept only while they consent.
fn keeps_a_contact_only_with_consent(anna: &Client) {
    let contact = || anna.got("/players/me")["contact"].clone();
    let set = || put(anna, "/players/me/contact", json!({ "contact": CONTACT }));
    let say = |given: bool| put(anna, "/players/me/consents/contact", json!({ "given": given, "version": 1 }));
    assert_eq!((set(), contact()), (409, json!("")), "never asked");
    assert_eq!((say(false), set(), contact()), (204, 409, json!("")), "refused");
    let old = json!({ "given": true, "version": 0 });
    assert_eq!((put(anna, "/players/me/consents/contact", old), set()), (400, 409), "another wording");
    assert_eq!((say(true), set(), contact()), (204, 204, json!(CONTACT)), "control: given");
    assert_eq!((say(false), contact(), set()), (204, json!(""), 409), "taken back");
    assert_eq!((say(true), contact(), set()), (204, json!(""), 204), "given again");
    let said = anna.got("/players/me/consents/contact");
    let history: Vec<&Value> = said["history"].as_array().expect("a list").iter().map(|one| &one["given"]).collect();
    assert_eq!(history, [false, true, false, true]);
    for one in said["history"].as_array().expect("a list") {
        assert!(one["version"] == 1 && one["wording"] == said["wording"] && one["at"].is_string(), "{one}");
    }
    assert_eq!(put(anna, "/players/me/consents/nothing", json!({ "given": true, "version": 1 })), 404);
}

/// COMP-006: an empty deployment takes in what another handed out; who had the file gains nothing by it.
#[test]
fn who_was_exported_lives_on_elsewhere_as_a_player() {
    let (there, here) = (Home::new(), Home::new());
    let mut running = service(&there);
    let stranger = Client::of(&mut running);
    for (name, role) in [(ANNA, "player"), (BEN, "admin")] {
        account(&there, name, role);
    }
    let [anna, ben] = [ANNA, BEN].map(|name| stranger.signed_in(name));
    keeps_a_contact_only_with_consent(&anna);
    let exports = [(&anna, "anna"), (&ben, "ben")].map(|(client, name)| {
        let file = there.path(name);
        there.told(&format!("person export {} --json-file {} --json", person(client), file.display()));
        (PersonExport::from_json(&std::fs::read(&file).expect("a file")).expect("an export"), file)
    });
    running.stops();

    here.refused(&format!("person import {}", exports[0].1.display()), "it must run");
    let mut running = service(&here);
    let stranger = Client::of(&mut running);
    for (name, bytes, why) in [
        ("empty", &b""[..], "this is no export of a person"),
        ("other", b"{\"format\":\"spacetime-person-export-9\"}", "and this program reads"),
        ("binary", b"\xff\xfe", "did not contain valid UTF-8"),
    ] {
        std::fs::write(here.path(name), bytes).expect("written");
        here.refused(&format!("person import {}", here.path(name).display()), why);
    }
    here.refused("person import /no/such/file", "/no/such/file");
    let mut forged = exports[0].0.clone();
    forged.credentials[0].secret = b"{}".to_vec();
    std::fs::write(here.path("forged"), forged.to_json().expect("JSON")).expect("written");
    here.refused(
        &format!("person import {}", here.path("forged").display()),
        "the secret of its account does not read",
    );
    assert_eq!(here.told("person list --json")["people"], json!([]), "nobody was taken in");

    for (export, file) in &exports {
        let told = here.told(&format!("person import {} --json", file.display()));
        let number = told["person"].as_str().expect("a number");
        let mut again =
            PersonExport::from_json(&here.run(&format!("person export {number}")).stdout).expect("an export");
        let (own, carried): (Vec<_>, Vec<_>) = again.audit.into_iter().partition(|one| one.action == "person.import");
        assert_eq!((own.len(), &own[0].outcome, &own[0].subject), (1, &"done".to_owned(), &"person:me".to_owned()));
        again.audit = carried;
        if export.credentials[0].login == BEN {
            assert_ne!(again.credentials, export.credentials, "an administrator elsewhere is none here");
            again.credentials.clone_from(&export.credentials);
        }
        assert!(again.is_same_content(export), "{again:#?}\n{export:#?}");
        here.refused(&format!("person import {}", file.display()), "signs in with the same name");
    }
    for name in [ANNA, BEN] {
        assert_eq!(stranger.signed_in(name).got("/account")["role"], "player", "{name} has the same password");
    }
    // One that is too long is refused whole, as any that does not read.
    std::fs::write(here.path("long"), vec![b' '; (64 << 20) + 1]).expect("written");
    here.refused(&format!("person import {}", here.path("long").display()), "more than 64 MiB");
    running.stops();
}

#[test]
fn what_is_kept_of_a_person_is_theirs_and_goes_with_them() {
    let home = Home::new();
    let mut running = service(&home);
    let stranger = Client::of(&mut running);
    for (name, role) in [(ANNA, "player"), (BEN, "operator"), ("root", "admin")] {
        account(&home, name, role);
    }
    let [anna, ben, root] = [ANNA, BEN, "root"].map(|name| stranger.signed_in(name));
    let (number, bens) = (person(&anna), person(&ben));
    let shown = anna.got("/account");
    assert_eq!((&shown["name"], &shown["role"], &shown["sign_ins"]), (&ANNA.into(), &"player".into(), &1.into()));
    keeps_a_contact_only_with_consent(&anna);

    // Nobody else can tell whether there is such a person.
    for (method, path, body) in [
        ("GET", "", Value::Null),
        ("GET", "/consents", Value::Null),
        ("POST", "/export", json!({ "password": PASSWORD })),
        ("PUT", "/contact", json!({ "contact": "a" })),
        ("DELETE", "", json!({ "password": PASSWORD })),
    ] {
        let ask = |client: &Client, whose: u64| client.ask(method, &format!("/players/{whose}{path}"), Some(&body));
        let [theirs, nobodys] =
            [ask(&ben, number), ask(&ben, 12_345)].map(|answer| (answer.status, answer.body["code"].clone()));
        assert_eq!((theirs.0, &theirs), (404, &nobodys), "{method} {path}");
        assert_eq!(ask(&stranger, number).status, 401, "{method} {path}");
    }

    // Everything of hers, nothing of his.
    assert_eq!(with_password(&anna, "POST", "/players/me/export", "a wrong sentence 7").status, 401);
    let exported = with_password(&anna, "POST", "/players/me/export", PASSWORD).body;
    let text = exported.to_string();
    let export = PersonExport::from_json(text.as_bytes()).expect("the published form");
    assert_eq!((export.person, export.credentials.len(), export.consents.len()), (number, 1, 4));
    assert!(text.contains(ANNA) && text.contains(CONTACT), "{text}");
    assert!(!text.contains(BEN) && !text.contains(&bens.to_string()), "{text}");
    assert_eq!(
        with_password(&root, "POST", &format!("/players/{number}/export"), PASSWORD).status,
        200,
        "on her behalf"
    );

    assert_eq!(with_password(&root, "DELETE", "/players/me", PASSWORD).status, 409, "the last administrator");
    assert_eq!(with_password(&anna, "DELETE", "/players/me", "a wrong sentence 7").status, 401);
    let second = stranger.signed_in(ANNA);
    let erased = with_password(&anna, "DELETE", "/players/me", PASSWORD);
    assert_eq!(erased.status, 200, "{erased:?}");
    assert!(erased.body["removed_records"].as_u64() >= Some(7), "player, credential, consents, sign-ins: {erased:?}");
    assert_eq!((anna.get("/account").status, second.get("/account").status), (401, 401), "at once");
    let sign_in = |name: &str| stranger.post("/sign-in", &json!({ "name": name, "password": PASSWORD }));
    let [hers, nobodys] =
        [sign_in(ANNA), sign_in("nobody-at-all")].map(|answer| (answer.status, answer.body["code"].clone()));
    assert_eq!((hers.0, &hers), (401, &nobodys));
    assert_eq!(root.get(&format!("/players/{number}")).status, 404);
    assert_eq!(ben.get("/players/me").status, 200, "control: another one stays");
    assert_eq!(root.got("/admin/audit/verification")["sound"], json!(true));
    running.stops();
    is_gone(&home, number, bens);
    let mut running = service(&home);
    let again = Client::of(&mut running).post("/sign-in", &json!({ "name": ANNA, "password": PASSWORD }));
    assert_eq!(again.status, 401, "also after a new start");
    running.stops();
}

/// COMP-005: nothing of her is in the stores or in any file, and what is left opens no more.
fn is_gone(home: &Home, number: u64, bens: u64) {
    app::serve::ask::runtime().expect("a runtime").block_on(async {
        let open =
            |name: &str| Arc::new(Embedded::open(&home.service().join(name)).expect("a store")) as Arc<dyn Store>;
        let (main, keys) = (open("world.redb"), open("keys.redb"));
        let master = MasterKey::from_file(&home.service().join("master.key")).expect("a key");
        let people = People::new(Arc::clone(&main), Arc::new(Vault::open(keys, master).await.expect("a vault")));
        for (person, is_here) in [(number, false), (bens, true)] {
            assert_eq!(people.read(PersonId(person)).await.expect("it reads").is_some(), is_here);
            for kind in [Kind::Player, Kind::Credential, Kind::SignIn] {
                let query = Query::of(kind).within(Scope::Person(PersonId(person)));
                assert_eq!(!main.keys(&query).await.expect("keys").is_empty(), is_here, "{kind:?}");
            }
        }
        assert!(people.vault().erasure(PersonId(number)).await.expect("it reads").is_some());
        people.verify(.., None).await.expect("the chain is sound");
    });
    let control = home.service().join("control");
    std::fs::write(&control, format!("x{ANNA}x")).expect("it is written");
    assert_eq!(files_with(&home.service(), ANNA), [control.display().to_string()], "control: one is found");
    std::fs::remove_file(&control).expect("it is there");
    for text in [ANNA, CONTACT] {
        assert_eq!(files_with(&home.path("."), text), [""; 0]);
    }
}

fn now() -> Moment {
    Moment::default().plus(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970"))
}

fn wait(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

#[test]
fn a_breach_drill_lists_exactly_whose_data_was_touched() {
    let home = Home::new();
    let mut running = service(&home);
    let stranger = Client::of(&mut running);
    let names = ["root", "eve", "anna", "ben", "carol", "dave", "frida"];
    for name in names {
        account(&home, name, if ["root", "eve"].contains(&name) { "admin" } else { "player" });
    }
    let number = |name: &str| person(&stranger.signed_in(name));
    let [eve, anna, ben, carol, dave] = ["eve", "anna", "ben", "carol", "dave"].map(number);
    // Before the breach, and by somebody else.
    let root = stranger.signed_in("root");
    assert_eq!(root.get(&format!("/players/{carol}")).status, 200);
    wait(Duration::from_millis(20));
    let from = now();
    let thief = stranger.from([5, 5]).signed_in("eve");
    assert_eq!(thief.get(&format!("/players/{anna}")).status, 200);
    assert_eq!(with_password(&thief, "POST", &format!("/players/{ben}/export"), PASSWORD).status, 200);
    assert_eq!(with_password(&thief, "POST", &format!("/players/{carol}/export"), "not the password").status, 401);
    assert_eq!(with_password(&thief, "POST", "/players/4711/export", PASSWORD).status, 404, "nobody");
    let listed = thief.got("/admin/users?limit=1")["users"][0]["person"].as_str().expect("a number").to_owned();
    number("dave");
    wait(Duration::from_millis(20));
    let to = now();
    wait(Duration::from_millis(20));
    assert_eq!(root.get(&format!("/players/{carol}")).status, 200, "after it");
    let touched = |more: &str| {
        let told = home.told(&format!("person touched --from {from} --to {to} {more} --json"));
        let all = told["touched"].as_array().expect("a list").iter().map(|one| one["person"].as_str().expect("one"));
        (all.map(ToOwned::to_owned).collect::<BTreeSet<_>>(), told.clone())
    };
    let expected: BTreeSet<String> = [eve, anna, ben].iter().map(ToString::to_string).chain([listed]).collect();
    let (by_account, told) = touched(&format!("--by {eve} --discovered {to}"));
    assert_eq!(by_account, expected, "{told}");
    assert_eq!(touched("--address 127.1.5.5").0, expected);
    assert_eq!(touched("").0, expected.into_iter().chain([dave.to_string()]).collect(), "whatever happened meanwhile");
    // The drill's clock.
    assert_eq!(told["authority_hears_until"], to.plus(Duration::from_secs(72 * 3600)).to_string());
    let left_s = told["left_s"].as_u64().expect("a number");
    assert!((71 * 3600..=72 * 3600).contains(&left_s), "{left_s}");
    let shown = crate::process::text(&home.run(&format!("person touched --from {from} --to {to}")).stdout);
    assert!(shown.contains("the authority has to hear of it until") && shown.contains("person.export x1"), "{shown}");
    home.refused(&format!("person touched --from {to} --to {from}"), "--to is before --from");
    home.refused("person touched --from yesterday --to now", "RFC 3339");
    running.stops();
}

#[test]
fn a_licence_that_was_published_is_in_force_after_a_new_start() {
    let home = Home::new();
    let mut running = service(&home);
    let stranger = Client::of(&mut running);
    account(&home, "root", "admin");
    let root = stranger.signed_in("root");
    assert_eq!(root.get("/admin/users").status, 200);
    assert_eq!(put(&root, "/admin/licence", json!({ "version": 2 })), 204);
    assert_eq!(root.get("/admin/users").body["code"], "licence_required", "at once");
    running.stops();
    let mut running = service(&home);
    let root = Client::of(&mut running).signed_in("root");
    assert_eq!(root.get("/admin/users").body["code"], "licence_required", "it is kept");
    assert_eq!(root.got("/account")["licence_needed"], 2);
    assert_eq!(root.post("/account/licence", &json!({ "version": 1 })).status, 422, "another one");
    assert_eq!(root.post("/account/licence", &json!({ "version": 2 })).status, 204);
    assert_eq!(root.get("/admin/users").status, 200);
    running.stops();
    let mut running = service(&home);
    let root = Client::of(&mut running).signed_in("root");
    assert_eq!(root.get("/admin/users").status, 200, "and so is that it was accepted");
    running.stops();
}

/// The next request that comes to a receiver; the body of it.
fn received(listener: &TcpListener) -> Option<(String, Value)> {
    let (mut stream, _) = listener.accept().ok()?;
    stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(PATIENCE))).expect("a time-out");
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    let (head, body) = loop {
        let count = stream.read(&mut piece).expect("it comes");
        bytes.extend_from_slice(&piece[..count]);
        let all = crate::process::text(&bytes);
        if let Some((head, body)) = all.split_once("\r\n\r\n")
            && let Ok(value) = serde_json::from_str(body)
        {
            break (head.to_owned(), value);
        }
        assert!(count > 0, "{all}");
    };
    stream.write_all(b"HTTP/1.1 204 OK\r\ncontent-length: 0\r\n\r\n").expect("it takes the answer");
    Some((head, body))
}

#[test]
fn an_attack_on_the_api_is_told_to_the_receiver_and_a_name_is_none() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    listener.set_nonblocking(true).expect("it can wait");
    let secret = home.path("secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef").expect("it is written");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let mut command = home.command("serve --json");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    command.env("SPACETIME_SERVE__API__ALERT_WEBHOOK_URL", url);
    command.env("SPACETIME_SERVE__API__ALERT_WEBHOOK_SECRET_FILE", &secret);
    let mut running = Process::start(command);
    let client = Client::of(&mut running);
    account(&home, "anna", "player");
    let [honest, hostile] = [[7, 1], [7, 2]].map(|place| client.from(place).signed_in("anna"));
    // Refused and no sign: a name as people have it, thrice and once more.
    for _ in 0..4 {
        assert_eq!(honest.get("/players/O'Neill").status, 400);
        let login = json!({ "name": "O'Neill", "password": PASSWORD, "more": "O'Neill" });
        assert_eq!(honest.post("/sign-in", &login).status, 400);
    }
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(hostile.get("/players/1'%20OR%20'1'='1").status, 400);
    }
    let (head, body) = loop {
        if let Some(request) = received(&listener) {
            break request;
        }
        assert!(began.elapsed() < PATIENCE, "no alert came");
        wait(Duration::from_millis(10));
    };
    assert!(began.elapsed() < Duration::from_secs(5), "SEC-059: {:?}", began.elapsed());
    assert!(head.contains("spacetime-signature: sha256="), "{head}");
    assert_eq!(
        (&body["alert"]["rule"], &body["alert"]["address"]),
        (&"injection".into(), &"127.1.7.2".into()),
        "{body}"
    );
    assert_eq!(hostile.get("/account").body["code"], "banned");
    assert_eq!(honest.get("/account").status, 200, "control: the name");
    wait(Duration::from_millis(300));
    assert!(received(&listener).is_none(), "one alert for one attack");
    running.stops();
}
