//! A fuzzer that knows nothing but the published document: it draws requests from it, and holds each answer against it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::broken;
use super::document::Document;
use super::draw::{Asked, Dice, Draw, Known};
use super::raw::{Frames, Reply};
use super::scene::{Scene, Spare, ask, deviations, service};
use crate::client::PASSWORD;
use crate::process::{Home, scaled};

/// Operations that this service never answers with 2xx, and why.
const NEVER_WELL: &[(&str, &str)] = &[("set_quality", "a service draws nothing, so no presentation is attached")];

/// What came of it.
#[derive(Default)]
struct Tally {
    deviations: Vec<String>,
    server_errors: Vec<String>,
    taken_although_broken: Vec<String>,
    well: BTreeSet<String>,
    /// Requests that the document allows: all, and those that the contract refused.
    sound: u64,
    refused: BTreeMap<String, u64>,
    broken: u64,
}

impl Tally {
    fn note(&mut self, scene: &Scene, id: &str, asked: &Asked, reply: &Reply) {
        let operation = scene.document.operation(id);
        let shown = || {
            format!(
                "{} {}?{} {:?} -> {}",
                asked.method,
                asked.path,
                asked.query,
                asked.body.as_ref().map(|b| String::from_utf8_lossy(b).chars().take(300).collect::<String>()),
                reply.status
            )
        };
        for wrong in deviations(&scene.document, operation, reply) {
            self.deviations.push(format!("{wrong}: {}", shown()));
        }
        if reply.status >= 500 {
            self.server_errors.push(shown());
        }
        if (200..300).contains(&reply.status) {
            self.well.insert(id.to_owned());
        }
    }
}

/// A fuzzer of a scene.
struct Fuzzer {
    scene: Scene,
    known: Known,
    dice: Dice,
    spare: Spare,
    tally: Tally,
}

impl Fuzzer {
    fn new(mut scene: Scene, seed: u64) -> Self {
        let mut known = Known { never: vec!["some-admin".into(), scene.admin_person.clone()], ..Known::default() };
        // What a document cannot say: how a file of tuning and a condition are written.
        known.hint("file", json!("[class.scout]\nhull_j = 3e6\n"));
        known.hint("condition", json!("entity 1: Hull.health_j < 10"));
        known.hint("password", json!(PASSWORD));
        let spare = scene.spare("operator");
        Self { scene, known, dice: Dice(seed), spare, tally: Tally::default() }
    }

    fn run(&mut self, requests: u64) {
        let ids: Vec<String> =
            self.scene.document.operations.iter().filter(|o| o.messages.is_none()).map(|o| o.id.clone()).collect();
        for n in 0..requests {
            let id = &ids[usize::try_from(n).expect("it fits") % ids.len()];
            self.once(id);
        }
    }

    fn once(&mut self, id: &str) {
        let operation = self.scene.document.operation(id);
        let mut draw = Draw { document: &self.scene.document, known: &self.known, dice: &mut self.dice };
        let base = draw.base(operation);
        // Nothing is done to the one account that must not be shut out.
        if base.path.iter().any(|(_, value)| *value == self.scene.admin_person) {
            return;
        }
        let is_broken = self.dice.chance(30);
        let asked = if is_broken {
            let mut all = broken::all(&self.scene.document, operation, &base, &mut self.dice, 1);
            all.swap_remove(self.dice.below(all.len())).asked
        } else {
            base.asked(operation)
        };
        // Who gives a wrong password too often is shut out, so that is nothing for the administrator.
        let is_me = operation.path.starts_with("/players") && operation.body.is_some();
        let is_own = is_me || operation.path.starts_with("/account") || operation.path.starts_with("/sign");
        let is_stranger = operation.access == "public" || self.dice.chance(4);
        let from = self.scene.place();
        let client = match (is_own, is_stranger) {
            // Failures of signing in, and signs of an attack, are of an address, so each comes from one of its own.
            (_, true) => self.scene.stranger.from(from),
            (true, false) => self.spare.client.from(from),
            (false, false) => self.scene.admin.from(from),
        };
        let reply = ask(&client, &asked);
        self.tally.note(&self.scene, id, &asked, &reply);
        self.judge(id, is_broken, is_stranger, &asked, &reply);
        self.known.learn(&reply.json());
        self.go_on(id, is_own, is_stranger, &asked, &reply);
    }

    fn judge(&mut self, id: &str, is_broken: bool, is_stranger: bool, asked: &Asked, reply: &Reply) {
        if is_broken {
            self.tally.broken += 1;
            if reply.status < 400 {
                self.tally.taken_although_broken.push(format!("{asked:?} -> {}", reply.status));
            }
        } else if !is_stranger || reply.status != 401 {
            self.tally.sound += 1;
            if reply.code() == "bad_input" || reply.code() == "bad_request" {
                *self.tally.refused.entry(id.to_owned()).or_default() += 1;
            }
        }
    }

    /// Whatever would shut the fuzzer out is put right.
    fn go_on(&mut self, id: &str, is_own: bool, is_stranger: bool, asked: &Asked, reply: &Reply) {
        if id == "admin_publish_licence" && reply.status == 204 {
            let body: Value =
                asked.body.as_ref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
            self.scene.accept(body["version"].as_u64().expect("a version"));
        }
        let is_over = matches!(reply.status, 401 | 429) || ["banned", "not_allowed"].contains(&reply.code().as_str());
        let has_changed = id == "change_password" && reply.status == 200;
        if is_own && !is_stranger && (is_over || has_changed || matches!(id, "sign_out" | "end_sign_in")) {
            self.spare = self.scene.spare("operator");
        } else if !is_own && !is_stranger && is_over {
            // Only so many keys are kept: a token outlives sixteen rotations and no more.
            assert_eq!(reply.status, 401, "the fuzzer is shut out: {reply:?}");
            self.scene.sign_in_again();
        }
        // A sign-in has eight debug sessions at most; the fuzzer ends all of them now and then.
        if id == "connect" && reply.status == 409 {
            let session = self.scene.session();
            self.known.hint("session", json!(session));
        }
    }

    /// Requests that are known to be answered well, for what luck has not reached.
    fn reach(&mut self) {
        let missing =
            |tally: &Tally, id: &str| !tally.well.contains(id) && !NEVER_WELL.iter().any(|(never, _)| *never == id);
        let ids: Vec<String> =
            self.scene.document.operations.iter().filter(|o| o.messages.is_none()).map(|o| o.id.clone()).collect();
        for id in ids.iter().filter(|id| missing(&self.tally, id)).cloned().collect::<Vec<_>>() {
            let document = std::mem::replace(&mut self.scene.document, Document::read(json!({ "paths": {} })));
            let operation = document.operation(&id);
            let (client, base) = self.scene.sound(operation);
            let asked = base.asked(operation);
            self.scene.document = document;
            let reply = ask(&client, &asked);
            self.tally.note(&self.scene, &id, &asked, &reply);
            if id == "admin_publish_licence" {
                self.go_on(&id, false, false, &asked, &reply);
            }
            assert!(!missing(&self.tally, &id), "{id} is never answered well: {asked:?} {reply:?}");
        }
        assert!(ids.iter().all(|id| !missing(&self.tally, id)));
        for (never, _) in NEVER_WELL {
            assert!(!self.tally.well.contains(*never), "{never} is answered well: strike it off the list");
        }
    }

    /// The same for messages to WebSockets.
    fn sockets(&mut self, messages: u64) {
        let sockets: Vec<(String, Value)> =
            self.scene.document.operations.iter().filter_map(|o| Some((o.path.clone(), o.messages.clone()?))).collect();
        assert_eq!(sockets.len(), 3);
        for (path, schema) in sockets {
            let mut frames = Frames::signed_in(&self.scene.admin, &path);
            for seq in 1..=messages {
                let mut draw = Draw { document: &self.scene.document, known: &self.known, dice: &mut self.dice };
                let mut message = draw.value(&schema, "");
                message["seq"] = json!(seq);
                let is_session = message
                    .get("session")
                    .is_none_or(|s| s.as_str().is_some_and(|s| s.bytes().all(|c| c.is_ascii_hexdigit())));
                frames.say(&message);
                let answer = frames.hear_until(&message.to_string(), |text| {
                    ["done", "subscribed", "unsubscribed"].iter().any(|kind| text["type"] == *kind)
                        || text["re"] == json!(seq)
                });
                if answer["type"] == "problem" {
                    let wrong = self
                        .scene
                        .document
                        .wrong(&json!({ "$ref": "#/components/schemas/Problem" }), &answer["problem"]);
                    self.tally.deviations.extend(wrong);
                    let code = answer["problem"]["code"].as_str().unwrap_or_default();
                    if ["failed", "late", "unavailable"].contains(&code) {
                        self.tally.server_errors.push(format!("{message} -> {answer}"));
                    }
                    assert!(is_session || code == "bad_input", "{message} -> {answer}");
                }
                self.known.learn(&answer["answer"]);
            }
            // What the schema does not show is refused with the code that is documented.
            frames.say(&json!({ "type": "nothing", "seq": messages + 1 }));
            assert_eq!(frames.closed(), Some(4400));
        }
    }
}

#[test]
fn every_answer_is_what_the_document_says() {
    let home = Home::new();
    let mut service = service(&home);
    let scene = Scene::of(&home, &mut service);
    let mut fuzzer = Fuzzer::new(scene, 6);
    fuzzer.run(scaled(2000));
    fuzzer.reach();
    fuzzer.sockets(scaled(40));
    let tally = &fuzzer.tally;
    println!("{} sound, of these refused {:?}; {} broken", tally.sound, tally.refused, tally.broken);
    assert!(
        tally.deviations.is_empty(),
        "{} beside the document: {:#?}",
        tally.deviations.len(),
        &tally.deviations[..tally.deviations.len().min(20)]
    );
    assert!(
        tally.server_errors.is_empty(),
        "{} server errors: {:#?}",
        tally.server_errors.len(),
        &tally.server_errors[..tally.server_errors.len().min(20)]
    );
    assert!(tally.taken_although_broken.is_empty(), "{:#?}", tally.taken_although_broken);
    // What a schema cannot say is refused as bad input as well; there is little of it.
    let refused: u64 = tally.refused.values().sum();
    assert!(refused * 20 < tally.sound, "{refused} of {} sound requests: {:?}", tally.sound, tally.refused);
    assert!(tally.broken * 5 > tally.sound, "{} broken", tally.broken);
    assert_eq!(fuzzer.scene.admin.get("/health").status, 200);
    service.stops();
}

/// What of the document is turned into a lie: its name, the pointer to it, and how.
type Lie = (&'static str, &'static str, fn(&mut Value));

/// The control: a document that says something else of one route is found out.
#[test]
fn a_document_that_does_not_tell_the_truth_is_found_out() {
    let home = Home::new();
    let mut service = service(&home);
    let scene = Scene::of(&home, &mut service);
    let lies: [Lie; 5] = [
        ("status", "/paths/~1status/get/responses", |responses| {
            drop(responses.as_object_mut().map(|all| all.remove("200")))
        }),
        ("health", "/components/schemas/Health/required", |required| {
            *required = json!(["parts", "condition", "wings"])
        }),
        ("openapi", "/paths/~1openapi.json/get/responses/200/content", |content| {
            *content = json!({ "text/plain": {} })
        }),
        ("physics_bodies", "/components/schemas/BodyNow/properties/mass_kg", |mass| mass["maximum"] = json!(-1.0)),
        ("admin_users", "/components/schemas/User/properties", |fields| {
            drop(fields.as_object_mut().map(|all| all.remove("role")))
        }),
    ];
    for (id, at, lie) in lies {
        let mut whole = scene.document.whole().clone();
        lie(whole.pointer_mut(at).unwrap_or_else(|| panic!("{at}")));
        let lying = Document::read(whole);
        let asked = Asked {
            method: "GET".into(),
            path: lying.operation(id).path.clone(),
            query: String::new(),
            headers: Vec::new(),
            body: None,
        };
        let reply = ask(&scene.admin, &asked);
        assert_eq!(deviations(&scene.document, scene.document.operation(id), &reply), [""; 0], "{id}");
        assert!(!deviations(&lying, lying.operation(id), &reply).is_empty(), "{id}: the lie is not found out");
    }
    service.stops();
}
