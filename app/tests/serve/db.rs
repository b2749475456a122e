//! Worlds move between stores, and what arrives is compared.

use crate::process::{Home, digests, text};

#[test]
fn a_world_moves_by_a_recording_and_by_a_copy() {
    let home = Home::new();
    let service = home.serving();
    home.status_until("to run", |status| status["durable"]["tick"].as_u64() > Some(150));
    home.asked("save keep");
    service.stops();
    let verified = home.told("db verify --json");
    let world = &verified["worlds"][0];
    let file = home.path("world.strec");
    let exported = home.told(&format!("db export --json {}", file.display()));
    assert_eq!((&exported["last_tick"], &exported["digest"]), (&world["tick"], &world["digest"]));
    assert_eq!(exported["gap_until"], serde_json::Value::Null);
    assert_eq!(digests(&file).values().last().map(String::as_str), world["digest"].as_str());
    // As a second world of the same store, and as the first of another one.
    let imported = home.told(&format!("db import --json --world second {}", file.display()));
    assert_eq!(imported["digest"], world["digest"]);
    home.refused(&format!("db import --world second {}", file.display()), "there is a world second already");
    let elsewhere = Home::new();
    elsewhere.told(&format!("db import --json {}", file.display()));
    assert_eq!(elsewhere.told("db verify --json")["worlds"][0]["digest"], world["digest"]);
    // Everything, by a copy; again it changes nothing.
    let (from, to) = (home.service().join("world.redb"), home.path("copy.redb"));
    let migrate = format!("db migrate --json --from {} --to {}", from.display(), to.display());
    for _ in 0..2 {
        let moved = home.told(&migrate);
        assert_eq!((&moved["same"], &moved["to"]["world"]["records"]), (&true.into(), &2.into()), "{moved}");
    }
    home.refused(&format!("db migrate --from {0} --to {0}", to.display()), "both are one store");
    home.refused("db migrate --from /no/such/store.redb --to x.redb", "there is no store");
    // A service goes on with the copy.
    home.configure(&format!("[store]\npath = {:?}\n", to.display()));
    let mut service = home.serving();
    let resumed = service.event("resumed");
    assert_eq!((&resumed["tick"], &resumed["digest"]), (&world["tick"], &world["digest"]));
    service.stops();
    let out = home.run(&migrate);
    assert_eq!(out.status.code(), Some(2), "the target went on: {}", text(&out.stdout));
    assert!(text(&out.stderr).contains("was written by somebody else"), "{}", text(&out.stderr));
}

#[test]
fn what_is_no_recording_is_not_imported_and_what_is_no_store_is_not_opened() {
    let home = Home::new();
    home.refused("db status", "there is no store yet");
    let junk = home.path("junk");
    std::fs::write(&junk, vec![7; 100_000]).expect("it is written");
    home.refused(&format!("db import {}", junk.display()), "this is not a recording");
    home.configure(&format!("[store]\npath = {:?}\n", junk.display()));
    home.refused("db status", "this is no file of redb");
    home.refused("serve", "this is no file of redb");
}
