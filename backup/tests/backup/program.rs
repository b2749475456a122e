//! The program itself: lists, ages, modes, configuration, usage.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use backup::repository::{Pruned, Repository};
use backup::take::take;
use persistence::{Millis, Name};
use persistence_testkit::records::name;

use crate::support::{NOW, Place, main_name, open, store_with_each, wait};

const DAY_MS: u64 = 24 * 3600 * 1000;

/// Takes a backup that is so many days old, and gives its name.
fn aged(place: &Place, store: &Name, days: u64) -> String {
    let source = open(&place.path("store"));
    let now = Millis(NOW.0 - days * DAY_MS);
    let repository = Repository::new(place.path("r1"));
    wait(take(&*source, store, &place.key(), now, &[repository])).unwrap().header.name()
}

fn prune(place: &Place, days: u64) -> Pruned {
    let repository = Repository::new(place.path("r1"));
    let keep = Duration::from_millis(days * DAY_MS);
    repository.lock().unwrap().prune(&place.key(), NOW, keep).unwrap()
}

#[test]
fn what_is_old_goes_but_never_the_last_good_one() {
    let place = Place::new();
    store_with_each(&place.path("store"));
    let main: Vec<String> = [90, 45, 31, 30, 29, 0].map(|days| aged(&place, &main_name(), days)).to_vec();
    let other: Vec<String> = [80, 60, 40].map(|days| aged(&place, &name("other"), days)).to_vec();
    let pruned = prune(&place, 30);
    let gone = |names: &[String]| names.iter().all(|name| pruned.removed.contains(name));
    assert!(gone(&main[..3]) && gone(&other[..2]) && pruned.removed.len() == 5, "{pruned:?}");
    assert_eq!(pruned.spared.len(), 1);
    assert_eq!(pruned.spared[0].0, other[2]);
    // Of what is left, the young ones of `main` are damaged: then an old one is the last good one.
    let old = aged(&place, &main_name(), 50);
    let older = aged(&place, &main_name(), 70);
    for file in place.backups("r1") {
        let young = main[3..].iter().any(|name| file.to_string_lossy().contains(name.as_str()));
        if young {
            let mut bytes = std::fs::read(&file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(file, bytes).unwrap();
        }
    }
    let pruned = prune(&place, 30);
    assert_eq!(pruned.removed, [older]);
    assert!(pruned.spared.iter().any(|(name, why)| *name == old && why.contains("last good")), "{pruned:?}");
    assert_eq!(place.backups("r1").len(), 5);
    // Where none is good, all stay.
    for file in place.backups("r1") {
        std::fs::write(&file, &std::fs::read(&file).unwrap()[..200]).unwrap();
    }
    assert!(prune(&place, 1).removed.is_empty());
    assert_eq!(place.backups("r1").len(), 5);
}

#[test]
fn backups_are_listed_for_people_and_programs() {
    let place = Place::new();
    store_with_each(&place.path("store"));
    std::fs::create_dir(place.path("r1")).unwrap();
    assert!(place.must("list").contains("there are no backups"));
    let first = aged(&place, &main_name(), 2);
    place.must("now --store store --name fleet");
    std::fs::write(place.path("r1/junk.stbackup"), "junk").unwrap();
    let listed: serde_json::Value = serde_json::from_str(&place.must("list --json")).unwrap();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!((listed[0]["name"].as_str(), listed[0]["store"].as_str()), (Some(first.as_str()), Some("main")));
    assert_eq!(listed[0]["taken"], "2026-11-21T12:04:49.000Z");
    assert_eq!(listed[1]["store"], "fleet");
    assert!(listed[2]["damage"].as_str().unwrap().contains("cut off"), "{:?}", listed[2]);
    place.must(&format!("verify {}", &first[..10]));
    assert!(place.run("verify 2").2.contains("more than one"));
    assert!(place.run("verify 1999").2.contains("no backup 1999"));
    assert!(place.must("prune --keep-days 1 --name main").contains("junk stays"));
}

#[test]
fn only_the_owner_reads_a_backup() {
    let place = Place::new();
    store_with_each(&place.path("store"));
    place.must("now --store store --repo2 r2");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in ["r1", "r2"] {
        assert_eq!(mode(&place.path(folder)), 0o700);
        assert_eq!(mode(&place.backups(folder)[0]), 0o600);
    }
}

#[test]
fn the_services_file_says_what_is_not_given() {
    let place = Place::new();
    store_with_each(&place.path("store"));
    let text = "[store]\nkind = \"embedded\"\n\n[backup]\nrepo = \"here\"\nstore = \"store\"\nkey_file = \"key\"\n";
    std::fs::write(place.path("spacetime.toml"), text).unwrap();
    let run = |line: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spacetime-backup"));
        command.env("SPACETIME_CONFIG", "spacetime.toml").current_dir(place.folder.path());
        crate::support::told(&command.args(line.split(' ')).output().unwrap())
    };
    assert_eq!(run("now").0, 0);
    assert_eq!(place.backups("here").len(), 1);
    assert_eq!(run("verify").0, 0);
    std::fs::write(place.path("spacetime.toml"), text.replace("store =", "stoer =")).unwrap();
    let (code, _, error) = run("now");
    assert_eq!(code, 2);
    assert!(error.contains("stoer"), "{error}");
}

#[test]
fn help_and_misuse() {
    let place = Place::new();
    for line in ["--help", "now --help", "restore --help", "--version"] {
        assert!(!place.must(line).is_empty());
    }
    for line in ["", "later", "restore latest", "now", "prune --keep-days 0"] {
        let (code, _, error) = place.run(line);
        assert_eq!(code, 2, "{line}");
        assert!(!error.is_empty());
    }
}
