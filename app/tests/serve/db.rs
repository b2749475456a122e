//! Worlds move between stores, and what arrives is compared; what is cut off on the way is finished, and never gone on with
//! from a half.

use std::path::{Path, PathBuf};

use persistence::{Batch, Change, Embedded, Key, Kind, Name, Query, Record, Rev, Setting, Store, Text, World};
use persistence_testkit::cluster::{Cluster, PASSWORD};

use crate::process::{Home, digests, text};

/// Runs on a runtime of one thread.
fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

/// All records of a kind in a file that nobody has open.
fn records(path: &Path, kinds: &[Kind]) -> Vec<Record> {
    wait(async {
        let store = Embedded::open(path).expect("a store");
        let mut copy = store.copy(kinds).await.expect("a copy");
        let mut records = Vec::new();
        while let Some(record) = copy.recv().await {
            records.push(record.expect("a record"));
        }
        store.close();
        records
    })
}

/// A new file with these records, those of a world with its fence.
fn store_with(path: &Path, records: &[Record]) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
    wait(async {
        let store = Embedded::open(path).expect("a store");
        let mut owner = None;
        for record in records {
            if let Record::World(world) = record {
                owner = Some((world.id.clone(), world.epoch));
            }
            let batch = Batch::new(vec![Change::Import(record.clone())]).expect("a batch");
            let batch = match (record.key().world(), &owner) {
                (Some(_), Some((world, epoch))) => batch.fenced(world.clone(), *epoch),
                _ => batch,
            };
            store.commit(&batch).await.expect("written");
        }
        store.close();
    });
}

/// The recording of a short life of a service, with its last digest.
fn recorded(home: &Home) -> (PathBuf, String) {
    let service = home.serving();
    home.status_until("to run", |status| status["durable"]["tick"].as_u64() > Some(100));
    home.asked("save keep");
    service.stops();
    let file = home.path("world.strec");
    let exported = home.told(&format!("db export --json {}", file.display()));
    (file, exported["digest"].as_str().expect("a digest").to_owned())
}

/// The records of a world in the order in which an import writes them.
fn in_order(path: &Path) -> (World, Vec<Record>) {
    let mut all = records(path, &[Kind::World, Kind::Snapshot, Kind::Segment]).into_iter();
    let Some(Record::World(world)) = all.next() else { panic!("a world") };
    let mut parts: Vec<Record> = all.collect();
    parts.sort_by_key(|record| match record {
        Record::Snapshot(save) => (save.tick, false),
        Record::Segment(piece) => (piece.first_tick, true),
        _ => panic!("another kind"),
    });
    (world, parts)
}

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
    assert!(text(&out.stderr).contains("has other records than"), "{}", text(&out.stderr));
    // It was not touched: the service goes on with it.
    assert_eq!(home.told("db status --json")["moving"], false);
    let mut service = home.serving();
    assert!(service.event("resumed")["tick"].as_u64() >= world["tick"].as_u64());
    service.stops();
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

#[test]
fn an_import_that_was_cut_off_is_finished_and_never_served() {
    let home = Home::new();
    let (file, digest) = recorded(&home);
    let import = format!("db import --json {}", file.display());
    let whole = Home::new();
    whole.told(&import);
    let (world, parts) = in_order(&whole.service().join("world.redb"));
    assert!(parts.len() >= 3, "{parts:?}");
    // As it is after each of these records.
    for cut in [0, 1, parts.len() / 2, parts.len()] {
        let half = Home::new();
        let unfinished = World { rev: Rev::FIRST, results_revision: 0, ..world.clone() };
        let there: Vec<Record> = std::iter::once(Record::World(unfinished)).chain(parts[..cut].to_vec()).collect();
        let store = half.service().join("world.redb");
        store_with(&store, &there);
        half.refused("serve", "only a part of the world main was imported");
        half.refused("db verify", "only a part of the world main was imported");
        let is_whole = |home: &Home| home.told("db status --json")["worlds"][0]["is_whole"].clone();
        assert_eq!(is_whole(&half), false);
        let done = half.told(&import);
        assert_eq!(is_whole(&half), true);
        assert_eq!((&done["written"], &done["digest"]), (&(parts.len() - cut).into(), &digest.as_str().into()));
        assert_eq!(half.told("db verify --json")["worlds"][0]["digest"], digest);
        assert_eq!(in_order(&store).1, parts, "the same recording gives the same records");
        half.refused(&import, "there is a world main already");
    }
    // What is there is of another recording, or is not what the recording has: nobody used it, and it goes.
    let unfinished = World { rev: Rev::FIRST, results_revision: 0, ..world };
    let mut other = unfinished.clone();
    other.scenario.0.push('\n');
    let Record::Snapshot(save) = parts[0].clone() else { panic!("a save first") };
    let label = Some(Name::new("other").expect("a name"));
    let save = persistence::Snapshot { label, ..save }.hashed();
    let beyond = persistence::Snapshot { tick: persistence::Tick(u64::from(u32::MAX)), ..save.clone() }.hashed();
    let part = World { id: Name::new("a-part").expect("a name"), ..unfinished.clone() };
    for there in [
        vec![Record::World(other), parts[0].clone()],
        vec![Record::World(unfinished.clone()), Record::Snapshot(save)],
        vec![Record::World(unfinished), parts[0].clone(), Record::Snapshot(beyond)],
    ] {
        let half = Home::new();
        let store = half.service().join("world.redb");
        store_with(&store, &there);
        half.refused("serve", "only a part of the world main was imported");
        let done = half.told(&import);
        assert_eq!(done["digest"], digest);
        assert_eq!(half.told("db verify --json")["worlds"][0]["digest"], digest);
        assert_eq!(records(&store, &[Kind::Snapshot, Kind::Segment]).len(), parts.len(), "and no other");
    }
    // A part keeps nobody from the worlds beside it.
    store_with(&whole.service().join("world.redb"), &[Record::World(part)]);
    let out = whole.run("db verify --json");
    let verified: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let worlds = verified["worlds"].as_array().expect("worlds");
    let told = |name: &str| worlds.iter().find(|world| world["name"] == name).expect("it is told of");
    assert_eq!(told("a-part")["is_whole"], false);
    assert_eq!((&told("main")["is_whole"], &told("main")["digest"]), (&true.into(), &digest.as_str().into()));
    whole.refused("db verify", "only a part of the world a-part was imported");
}

#[test]
fn a_migration_that_was_cut_off_is_finished_and_never_served() {
    let home = Home::new();
    let (file, _) = recorded(&home);
    let from = home.service().join("world.redb");
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !Kind::OF_KEYS.contains(kind)).collect();
    let all = records(&from, &kinds);
    let mark = Setting { name: Name::new("moving").expect("a name"), rev: Rev::FIRST, value: Text(String::new()) };
    let (half, mark) = (Home::new(), Record::Setting(mark));
    let to = half.service().join("world.redb");
    let world = all.iter().position(|record| record.kind() == Kind::World).expect("a world");
    let there: Vec<Record> = std::iter::once(mark).chain(all[..world + 2].to_vec()).collect();
    store_with(&to, &there);
    for command in ["serve", "db verify", "db export x.strec", &format!("db import {}", file.display())] {
        half.refused(command, "only a part of what is moved into this store is there");
    }
    assert_eq!(half.told("db status --json")["moving"], true);
    // Meanwhile the source went on, so what is there is not what it has any more.
    home.serving().stops();
    let all = records(&from, &kinds);
    let digest = home.told("db verify --json")["worlds"][0]["digest"].clone();
    let elsewhere = half.path("elsewhere.redb");
    let onward = format!("db migrate --from {} --to {}", to.display(), elsewhere.display());
    half.refused(&onward, "is itself only a part");
    let moved = half.told(&format!("db migrate --json --from {} --to {}", from.display(), to.display()));
    assert_eq!(moved["same"], true, "{moved}");
    assert_eq!(records(&to, &kinds), all);
    assert_eq!(half.told("db status --json")["moving"], false);
    let mut service = half.serving();
    assert_eq!(service.event("resumed")["digest"], digest);
    service.stops();
}

#[test]
fn a_service_with_another_store_is_not_asked() {
    let home = Home::new();
    let service = home.serving();
    home.status_until("to run", |status| status["durable"]["tick"].as_u64() > Some(90));
    let own = home.told("db status --json");
    assert!(own["store"].as_str().is_some_and(|store| store.starts_with("the service at ")), "{own}");
    // By another name it is the same store.
    let link = home.path("link.redb");
    std::os::unix::fs::symlink(home.service().join("world.redb"), &link).expect("a link");
    let by = |store: &Path| {
        let config = home.path("other.toml");
        let text =
            format!("[store]\npath = {:?}\n[control]\nsocket = {:?}\n", store.display(), home.socket().display());
        std::fs::write(&config, text).expect("it is written");
        format!("--config {}", config.display())
    };
    let linked = home.told(&format!("db status --json {}", by(&link)));
    assert_eq!(linked["store"], own["store"]);
    // Another one is opened itself, or is not there.
    let elsewhere = home.path("elsewhere.redb");
    home.refused(&format!("db status {}", by(&elsewhere)), "there is no store yet");
    let out = home.run(&format!("db status {}", by(&elsewhere)));
    assert!(text(&out.stderr).contains("has another store"), "which one is asked is said: {}", text(&out.stderr));
    // And none is made there by mistake.
    let small = home.path("small.strec");
    let exported = home.run(&format!("db export {}", small.display()));
    assert_eq!(exported.status.code(), Some(0), "{}", text(&exported.stderr));
    home.refused(&format!("db import {} {}", by(&elsewhere), small.display()), "is not there yet");
    assert!(!elsewhere.exists());
    store_with(&elsewhere, &[]);
    let opened = home.told(&format!("db status --json {}", by(&elsewhere)));
    assert_eq!(opened["store"], elsewhere.display().to_string());
    assert_eq!(opened["records"]["world"], 0);
    assert_eq!(home.asked("status")["store"], format!("file {}", home.service().join("world.redb").display()));
    service.stops();
}

#[test]
fn a_world_moves_into_postgresql_and_back() {
    let (home, cluster) = (Home::new(), Cluster::start(&[]));
    let (_, digest) = recorded(&home);
    let config = |role: &str| {
        std::fs::write(home.path("password"), PASSWORD).expect("it is written");
        let config = home.path(&format!("{role}.toml"));
        let text = format!(
            "[store]\nkind = \"postgres\"\n[store.postgres]\nurl = {:?}\npassword_file = {:?}\nroot_certificate = {:?}\n",
            cluster.url(role),
            home.path("password").display(),
            cluster.root_certificate().display(),
        );
        std::fs::write(&config, text).expect("it is written");
        config.display().to_string()
    };
    home.told(&format!("db prepare --json --config {}", config("spacetime_owner")));
    let postgres = config("spacetime_app");
    let (from, back) = (home.service().join("world.redb"), home.path("back.redb"));
    let there = home.told(&format!("db migrate --json --from {} --to {postgres}", from.display()));
    let again = home.told(&format!("db migrate --json --from {postgres} --to {}", back.display()));
    for moved in [&there, &again] {
        assert_eq!(moved["same"], true, "{moved}");
        assert_eq!((&moved["from"], &moved["to"]), (&there["from"], &there["from"]), "every kind is the same");
    }
    assert!(there["from"]["segment"]["records"].as_u64() > Some(0), "{there}");
    // By a recording, out of it and into it.
    let file = home.path("postgres.strec");
    let exported = home.told(&format!("db export --json --config {postgres} {}", file.display()));
    assert_eq!(exported["digest"], digest);
    let imported = home.told(&format!("db import --json --config {postgres} --world second {}", file.display()));
    assert_eq!(imported["digest"], digest);
    let verified = home.told(&format!("db verify --json --config {postgres}"));
    let worlds = verified["worlds"].as_array().expect("worlds");
    assert_eq!(worlds.iter().map(|world| world["digest"].as_str()).collect::<Vec<_>>(), [Some(&*digest); 2]);
    // Whose fault it is, is said by name.
    home.refused(&format!("db migrate --from {postgres} --to {}", home.path("world.strec").display()), "world.strec:");
    drop(cluster);
    home.refused(&format!("db migrate --from {postgres} --to {}", back.display()), "the PostgreSQL store:");
}

#[test]
fn an_export_that_fails_leaves_what_was_there() {
    let home = Home::new();
    let (file, _) = recorded(&home);
    std::fs::write(&file, "what was there before").expect("it is written");
    let export = format!("db export {}", file.display());
    let before = std::fs::read_dir(home.path(".")).expect("a folder").count();
    // A piece of the log in the middle is damaged: what lies before it is no recording by the name that was asked for.
    let store = home.service().join("world.redb");
    let pieces = records(&store, &[Kind::Segment]);
    let Some(Record::Segment(last)) = pieces.last() else { panic!("a log") };
    wait(async {
        let store = Embedded::open(&store).expect("a store");
        let name = Name::new("main").expect("a name");
        let Some(Record::World(world)) = store.get(&Key::World(name.clone())).await.expect("read") else {
            panic!("a world")
        };
        let damaged = persistence::Segment { payload: vec![7; 40], ..last.clone() }.hashed();
        for change in
            [Change::Remove(Key::Segment(name.clone(), last.first_tick), None), Change::Put(Record::Segment(damaged))]
        {
            let batch = Batch::new(vec![change]).expect("a batch").fenced(name.clone(), world.epoch);
            store.commit(&batch).await.expect("written");
        }
        assert!(store.list(&Query::of(Kind::Segment)).await.is_ok());
        store.close();
    });
    home.refused(&export, "the log of the world main from tick");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "what was there before");
    assert_eq!(std::fs::read_dir(home.path(".")).expect("a folder").count(), before, "nothing is left beside it");
    home.refused("db export /dev/null", "it is there, and no file");
}
