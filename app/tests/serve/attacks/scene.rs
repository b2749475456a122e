//! A service with people in it, and for each operation a request that is answered well. Must never leave an operation out:
//! the tests count them.

use serde_json::{Value, json};

use super::document::{Document, Operation};
use super::draw::{Asked, Base};
use super::raw::{Reply, Wire};
use crate::client::{Client, PASSWORD, account};
use crate::process::{Home, Process};

/// A service whose limits do not get into the way.
pub fn service(home: &Home) -> Process {
    let mut command = home.command("serve --json");
    for key in ["REQUESTS", "PERSON_REQUESTS", "PERSON_MESSAGES"] {
        command.env(format!("SPACETIME_SERVE__API__{key}_PER_MINUTE"), "1000000");
    }
    command.env("SPACETIME_SERVE__API__REGISTRATION", "open");
    Process::start(command)
}

/// Who asks, and what there is.
pub struct Scene {
    pub document: Document,
    pub admin: Client,
    pub admin_person: String,
    pub stranger: Client,
    licence: u64,
    places: u16,
    spares: usize,
}

/// Somebody whose sign-in may end.
pub struct Spare {
    pub client: Client,
    pub name: String,
    pub person: String,
    pub refresh: String,
}

/// Sends a request as somebody, with a connection of its own.
pub fn ask(client: &Client, asked: &Asked) -> Reply {
    let query = if asked.query.is_empty() { String::new() } else { format!("?{}", asked.query) };
    let mut head = format!("{} {}{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n", asked.method, asked.path);
    if !client.token().is_empty() {
        head.push_str(&format!("authorization: Bearer {}\r\n", client.token()));
    }
    for (name, value) in &asked.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = &asked.body {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    let mut wire = Wire::open(client);
    // A body that is too long is not taken to its end.
    wire.send([head.as_bytes(), b"\r\n", asked.body.as_deref().unwrap_or_default()].concat());
    wire.reply().unwrap_or_else(|| panic!("no reply to {}", String::from_utf8_lossy(head.as_bytes())))
}

impl Scene {
    /// Of a service that runs.
    pub fn of(home: &Home, service: &mut Process) -> Self {
        let stranger = Client::of(service);
        account(home, "some-admin", "admin");
        let signed_in = stranger.done("/sign-in", &json!({ "name": "some-admin", "password": PASSWORD }));
        let admin = stranger.with(signed_in["access"].as_str().expect("a token"));
        let document = Document::read(admin.got("/openapi.json"));
        let admin_person = signed_in["person"].as_str().expect("a number").to_owned();
        Self { document, admin, admin_person, stranger, licence: 0, places: 0, spares: 0 }
    }

    /// The next address of this machine's.
    pub fn place(&mut self) -> [u8; 2] {
        self.places = self.places % 60_000 + 1;
        let [high, low] = self.places.to_be_bytes();
        [high, low]
    }

    /// A new account with this role, signed in.
    pub fn spare(&mut self, role: &str) -> Spare {
        self.spares += 1;
        let name = format!("spare {}", self.spares);
        self.admin.done("/admin/users", &json!({ "name": name, "password": PASSWORD, "role": role }));
        let from = self.place();
        let signed_in = self.stranger.from(from).done("/sign-in", &json!({ "name": name, "password": PASSWORD }));
        let text = |key: &str| signed_in[key].as_str().expect("text").to_owned();
        Spare { client: self.stranger.with(&text("access")), person: text("person"), refresh: text("refresh"), name }
    }

    /// Accepts whatever version of the licence is the current one.
    pub fn accept(&mut self, version: u64) {
        self.licence = version;
        self.admin.done("/account/licence", &json!({ "version": version }));
    }

    /// A request of an operation that is answered well, and who sends it; what it needs is made first.
    pub fn sound(&mut self, operation: &Operation) -> (Client, Base) {
        let base = |path: &[(&str, String)], body: Value| Base {
            path: path.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            query: Vec::new(),
            body: Some(body).filter(|body| !body.is_null()),
            octets: None,
        };
        let id = operation.id.as_str();
        if id.starts_with("debug_") {
            let (path, body) = self.in_session(id);
            let path: Vec<(&str, String)> = path.iter().map(|(name, value)| (*name, value.clone())).collect();
            return (self.stranger.with(self.admin.token()), base(&path, body));
        }
        let admin = self.stranger.with(self.admin.token());
        if operation.path.starts_with("/recordings") || operation.path.starts_with("/capture") {
            return (admin, self.of_recordings(operation));
        }
        if operation.path.starts_with("/players") {
            return self.of_person(operation);
        }
        let change = json!({ "entity": 1, "component": "Tank", "field": "fuel_kg", "value": 123.5 });
        let body = match id {
            "admin_lift_ban" => json!({ "address": self.banned() }),
            "admin_publish_licence" => json!({ "version": self.licence + 1 }),
            "admin_add_user" | "register" => {
                self.spares += 1;
                let mut body = json!({ "name": format!("spare {}", self.spares), "password": PASSWORD });
                if id == "admin_add_user" {
                    body["role"] = json!("guest");
                } else {
                    body["licence"] = json!(self.licence);
                }
                body
            }
            "apply_changes" => json!({ "changes": [change] }),
            "reload" => json!({ "file": "[class.scout]\nhull_j = 3e6\n" }),
            "apply_interference" => json!({ "entity": 2, "amplitude": 0.5, "phase_turns": 0.25 }),
            "set_dilation" => json!({ "factor": 1.0 }),
            "set_quality" => json!({ "quality": "low" }),
            _ => Value::Null,
        };
        if !body.is_null() {
            let place = self.place();
            let client = if id == "register" { self.stranger.from(place) } else { admin };
            return (client, base(&[], body));
        }
        match id {
            "admin_ban" | "admin_unban" | "admin_set_role" | "admin_end_sign_ins" => {
                let person = self.spare("guest").person;
                let body = match id {
                    "admin_ban" => json!({ "for_s": 60 }),
                    "admin_set_role" => json!({ "role": "player" }),
                    _ => Value::Null,
                };
                if id == "admin_unban" {
                    self.admin.ask("PUT", &format!("/admin/users/{person}/ban"), Some(&json!({ "for_s": 60 })));
                }
                (admin, base(&[("person", person)], body))
            }
            "accept_licence" | "change_password" | "refresh" | "sign_in" | "sign_out" | "end_sign_in" => self.own(id),
            "entity" => (admin, base(&[("id", "1".into())], Value::Null)),
            "console_file" => {
                let page = self.stranger.get("/console").body;
                let version = page.as_str().and_then(|page| page.split("/console/").nth(1)?.split('/').next());
                let path = [("version", version.expect("a version")), ("folder", "js"), ("file", "main.js")];
                (admin, base(&path.map(|(name, value)| (name, value.to_owned())), Value::Null))
            }
            _ => (admin, base(&[], Value::Null)),
        }
    }

    /// A request about recordings. There is one that is whole, and it is the one that is asked for.
    fn of_recordings(&mut self, operation: &Operation) -> Base {
        let (id, mut base) = (operation.id.as_str(), Base::default());
        match id {
            "capture_start" | "capture_stop" => {
                self.admin.post("/capture/stop", &Value::Null);
                if id == "capture_stop" {
                    self.admin.done("/capture/start", &json!({}));
                } else {
                    base.body = Some(json!({ "name": "all of it" }));
                }
            }
            "recording_upload" => base.octets = Some(self.file()),
            "recordings_diff" => base.body = Some(json!({ "left": self.recording(), "right": self.recording() })),
            "recordings_job" => {
                let recording = self.recording();
                let accepted = self.admin.done(&format!("/recordings/{recording}/verify"), &Value::Null);
                base.path.push(("job".to_owned(), accepted["job"].as_str().expect("an id").to_owned()));
            }
            "recordings" => {}
            _ => base.path.push(("recording".to_owned(), self.recording())),
        }
        base
    }

    /// The file of a capture.
    fn file(&mut self) -> Vec<u8> {
        self.admin.post("/capture/stop", &Value::Null);
        self.admin.done("/capture/start", &json!({}));
        let id = self.admin.done("/capture/stop", &Value::Null)["id"].as_str().expect("an id").to_owned();
        self.admin.octets("GET", &format!("/recordings/{id}/file"), "", b"").2
    }

    /// A new recording, brought along.
    fn recording(&mut self) -> String {
        let file = self.file();
        let head = "content-type: application/octet-stream\r\n";
        let (status, _, kept) = self.admin.octets("POST", "/recordings", head, &file);
        let kept: Value = serde_json::from_slice(&kept).unwrap_or_default();
        kept["id"].as_str().unwrap_or_else(|| panic!("{status} {kept}")).to_owned()
    }

    /// A request about what is kept of somebody new, by themselves.
    fn of_person(&mut self, operation: &Operation) -> (Client, Base) {
        let client = self.spare("guest").client;
        let consent = json!({ "given": true, "version": 1 });
        let body = match operation.id.as_str() {
            "player_contact" => {
                client.ask("PUT", "/players/me/consents/contact", Some(&consent));
                Some(json!({ "contact": "somebody@example.org" }))
            }
            "player_export" | "player_erase" => Some(json!({ "password": PASSWORD })),
            "player_say" => Some(consent),
            _ => None,
        };
        let filled = |name: &str| (name.to_owned(), if name == "person" { "me" } else { "contact" }.to_owned());
        let path = operation.params.iter().filter(|param| param.in_path).map(|param| filled(&param.name)).collect();
        (client, Base { path, body, ..Base::default() })
    }

    /// What somebody does with their own account.
    fn own(&mut self, id: &str) -> (Client, Base) {
        let spare = self.spare("guest");
        let (mut path, mut body, mut client) = (Vec::new(), None, spare.client);
        match id {
            "accept_licence" => {
                // Chance may have published the last version that there can be.
                if self.licence < u64::from(u32::MAX) {
                    self.admin.ask("PUT", "/admin/licence", Some(&json!({ "version": self.licence + 1 })));
                    self.accept(self.licence + 1);
                }
                body = Some(json!({ "version": self.licence }));
            }
            "change_password" => body = Some(json!({ "old": PASSWORD, "new": "another long sentence 8" })),
            "refresh" => body = Some(json!({ "refresh": spare.refresh })),
            "sign_in" => body = Some(json!({ "name": spare.name, "password": PASSWORD })),
            "end_sign_in" => {
                let all = client.got("/sign-ins");
                path.push(("sign_in".to_owned(), all["sign_ins"][0]["sign_in"].as_str().expect("an id").to_owned()));
            }
            _ => {}
        }
        if matches!(id, "refresh" | "sign_in") {
            let from = self.place();
            client = self.stranger.from(from);
        }
        (client, Base { path, body, ..Base::default() })
    }

    /// In a debug session, the only one.
    fn in_session(&mut self, id: &str) -> (Vec<(&'static str, String)>, Value) {
        let session = self.session();
        let done = |what: &str, body: Value| self.admin.done(&format!("/debug/{session}/{what}"), &body);
        let watch = json!({ "entity": 1, "component": "Tank", "field": "fuel_kg" });
        let mut path = vec![("session", session.clone())];
        let mut body = Value::Null;
        match id {
            "debug_break" => body = json!({ "tick": 1_000_000_000 }),
            "debug_clear" => {
                let set = done("breakpoints", json!({ "tick": 1_000_000_000 }));
                path.push(("breakpoint", set["breakpoint"].to_string()));
            }
            "debug_inspect" => path.push(("entity", "1".into())),
            "debug_patch" => {
                body = json!({ "changes": [{ "entity": 1, "component": "Tank", "field": "fuel_kg", "value": 99 }] })
            }
            "debug_run" => body = json!({}),
            "debug_step" => {
                done("pause", Value::Null);
                body = json!({ "ticks": 2 });
            }
            "debug_watch" => body = watch,
            "debug_unwatch" => path.push(("watch", done("watches", watch)["watch"].to_string())),
            _ => {}
        }
        (path, body)
    }

    /// The administrator with a new sign-in; the one of before ends, and its debug sessions with it.
    pub fn sign_in_again(&mut self) {
        let from = self.place();
        let body = json!({ "name": "some-admin", "password": PASSWORD });
        let again = self.stranger.from(from).done("/sign-in", &body);
        self.admin.post("/sign-out", &Value::Null);
        self.admin = self.stranger.with(again["access"].as_str().expect("a token"));
    }

    /// A debug session of the administrator's; all others are ended by ending a sign-in's worth of them.
    pub fn session(&mut self) -> String {
        let opened = self.admin.post("/connect", &Value::Null);
        if opened.status == 409 {
            self.sign_in_again();
            return self.session();
        }
        opened.body["session"].as_str().unwrap_or_else(|| panic!("a session: {opened:?}")).to_owned()
    }

    /// An address that is banned now.
    fn banned(&mut self) -> String {
        let place = self.place();
        let attacker = self.stranger.from(place);
        while attacker.get("/a/../b").status != 403 {}
        format!("127.1.{}.{}", place[0], place[1])
    }
}

/// What is wrong with a reply by the document; nothing where it says what it may say.
pub fn deviations(document: &Document, operation: &Operation, reply: &Reply) -> Vec<String> {
    let Some(kinds) = operation.answers.get(&reply.status) else { return vec![format!("status {}", reply.status)] };
    let mut found = Vec::new();
    for (name, wanted) in [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY")] {
        if reply.header(name) != Some(wanted) {
            found.push(format!("{name} is missing"));
        }
    }
    for never in ["location", "refresh", "set-cookie", "server"] {
        if reply.header(never).is_some() {
            found.push(format!("a header {never}"));
        }
    }
    let Some(kind) = reply.header("content-type") else {
        if !reply.body.is_empty() || !kinds.is_empty() {
            found.push(format!("no content type where there is one of {:?}", kinds.keys()));
        }
        return found;
    };
    match kinds.get(kind) {
        Some(schema) if schema.is_object() => match serde_json::from_slice(&reply.body) {
            Ok(value) => found.extend(document.wrong(schema, &value)),
            Err(error) => found.push(format!("no JSON: {error}")),
        },
        Some(_) => {}
        None => found.push(format!("content of type {kind}")),
    }
    if kind == "application/problem+json" {
        let said = String::from_utf8_lossy(&reply.body).into_owned();
        for leak in [
            "::",
            ".rs",
            "panicked",
            "thread '",
            "/tmp",
            "/home",
            "SELECT",
            "redb",
            "127.0.0.1",
            "tokio",
            "hyper",
            "serde",
        ] {
            if said.contains(leak) {
                found.push(format!("it tells {leak}: {said}"));
            }
        }
        if reply.json()["status"] != json!(reply.status)
            || reply.json()["correlation"].as_str() != reply.header("correlation-id")
        {
            found.push(format!("it contradicts its head: {said}"));
        }
    }
    found
}
