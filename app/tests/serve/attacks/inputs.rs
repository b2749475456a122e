//! Each rule of the published document, broken one at a time on every route: a refusal that names what is wrong, and nothing
//! done.

use serde_json::{Value, json};

use super::broken;
use super::document::Document;
use super::draw::Dice;
use super::scene::{Scene, ask, deviations, service};
use crate::process::Home;

/// Entries of the audit log that are read at once.
const PAGE: usize = 1000;
/// Broken requests of each operation.
const LEAST: usize = 100;

/// Actions in the audit log from a place on.
fn done_after(scene: &Scene, after: u64) -> (Vec<String>, u64) {
    let (mut found, mut last) = (Vec::new(), after);
    loop {
        let page = scene.admin.got(&format!("/admin/audit?limit={PAGE}&after={last}"));
        let entries = page["entries"].as_array().expect("entries");
        // Broken input from everywhere raises alerts, which is no act of those who sent it; and this test reads the log.
        let is_act = |entry: &&Value| entry["action"] != "alert" && entry["subject"] != "audit";
        let done = entries.iter().filter(|entry| entry["outcome"] == "done").filter(is_act);
        found.extend(done.map(|entry| entry["action"].as_str().expect("text").to_owned()));
        last = entries.last().map_or(last, |newest| newest["seq"].as_u64().expect("a place"));
        // To read the log is written down as well, so there is always a next entry.
        if entries.len() < PAGE {
            return (found, last);
        }
    }
}

#[test]
fn every_broken_rule_is_refused_by_name_and_nothing_is_done() {
    let home = Home::new();
    let mut service = service(&home);
    let mut scene = Scene::of(&home, &mut service);
    let mut dice = Dice(46);
    let document = Document::read(scene.document.whole().clone());
    let operations: Vec<_> = document.operations.iter().filter(|operation| operation.messages.is_none()).collect();
    // The requests are sound but for the one rule: unbroken, each is answered well.
    let mut sound = Vec::new();
    for operation in &operations {
        let (client, base) = scene.sound(operation);
        let asked = base.asked(operation);
        let reply = ask(&client, &asked);
        assert!(reply.status < 300 || operation.id == "set_quality", "{asked:?}: {reply:?}");
        if operation.id == "admin_publish_licence" {
            scene.accept(base.body.as_ref().expect("a body")["version"].as_u64().expect("a version"));
        }
        sound.push(base);
    }
    // The world is held: whatever any of them did would show in its next state.
    let session = scene.session();
    scene.admin.done(&format!("/debug/{session}/pause"), &Value::Null);
    let world = |scene: &Scene| {
        let world = scene.admin.got("/status")["world"].take();
        (world["tick"].clone(), world["digest"].clone())
    };
    let before = world(&scene);
    let (mut tried, mut wrong) = (0, Vec::new());
    let guest = scene.spare("guest");
    let (_, place) = done_after(&scene, 0);
    for (operation, base) in operations.iter().zip(&sound) {
        let all = broken::all(&document, operation, base, &mut dice, LEAST);
        assert!(all.len() >= LEAST);
        for one in all {
            let from = scene.place();
            let client = if operation.access == "guest" { &guest.client } else { &scene.admin }.from(from);
            let reply = ask(&client, &one.asked);
            tried += 1;
            let at = reply.json()["errors"][0]["at"].as_str().map(str::to_owned);
            let is_within =
                |wanted: &str| at.as_deref().is_some_and(|at| at == wanted || at.starts_with(&format!("{wanted}/")));
            let is_named = one.at.as_deref().is_none_or(is_within) || one.at.as_deref() == Some("header.authorization");
            let is_refused = matches!(reply.status, 400 | 413 | 415)
                || (one.at.as_deref() == Some("header.authorization") && reply.status == 401);
            if !is_refused || !is_named {
                wrong.push(format!("{} {} -> {} {at:?} instead of {:?}", operation.id, one.what, reply.status, one.at));
            }
            wrong.extend(deviations(&document, operation, &reply));
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}: {:#?}", wrong.len(), &wrong[..wrong.len().min(30)]);
    assert!(tried >= LEAST * operations.len());
    assert_eq!(world(&scene), before);
    assert_eq!(done_after(&scene, place).0, [""; 0], "something was done");
    // What was accepted before still is.
    scene.admin.done(&format!("/debug/{session}/step"), &json!({ "ticks": 1 }));
    assert_ne!(world(&scene), before);
    service.stops();
}
