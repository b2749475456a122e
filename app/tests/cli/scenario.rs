//! `spacetime scenario`: list, show, check, and what happens to a reader that goes away.

use crate::common::{Folder, assert_misused, code, command, json, run, stdout};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn the_list_names_the_default_first() {
    let out = run("scenario list", &[]);
    assert_eq!(code(&out), 0);
    let text = stdout(&out);
    let names: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names.first(), Some(&"demo"));
    for name in ["bench-1k", "bench-10k", "bench-100k"] {
        assert!(names.contains(&name), "{name}");
    }
    let listed = json(&run("scenario list --json", &[]));
    assert_eq!(listed["scenarios"].as_array().map(Vec::len), Some(names.len()));
    assert_eq!(listed["scenarios"][0]["name"], "demo");
    assert_eq!(listed["scenarios"][0]["default"], true);
}

#[test]
fn every_shipped_scenario_is_good_and_can_start_ones_own() {
    let folder = Folder::new();
    for line in stdout(&run("scenario list", &[])).lines() {
        let name = line.split_whitespace().next().expect("a name");
        let shown = run(&format!("scenario show {name}"), &[]);
        assert_eq!(code(&shown), 0);
        let own = folder.with("own.toml", &shown.stdout);
        let checked = json(&run("scenario check {} --json", &[&own]));
        assert_eq!(checked["ok"], true, "{name}");
        assert_eq!(checked["name"], name);
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let folder = Folder::new();
    let text = stdout(&run("scenario show demo", &[]));
    let line = 1 + text.lines().position(|l| l.starts_with("seed")).expect("a seed");
    let wrong = folder.with("wrong.toml", text.replace("seed = 2026", "seed = \"x\""));
    assert_misused(&run("scenario check {}", &[&wrong]), &format!("line {line}"));
    let checked = run("scenario check {} --json", &[&wrong]);
    assert_eq!(code(&checked), 2);
    assert_eq!(json(&checked)["line"], line);
    assert_misused(&run("run {} --ticks 1", &[&wrong]), &format!("line {line}"));
}

#[test]
fn what_is_no_scenario_is_refused() {
    let folder = Folder::new();
    assert_misused(&run("scenario show nowhere", &[]), "there is no scenario `nowhere`");
    assert_misused(&run("scenario check {}", &[&folder.file("missing.toml")]), "there is no such file");
    assert_misused(&run("scenario check {}", &[folder.path()]), "it is a directory");
    assert_misused(&run("scenario check {}", &[&folder.with("empty.toml", "")]), "line 1");
    let binary = folder.with("binary.toml", [b'a', b'\n', 0xff, 0xfe]);
    assert_misused(&run("scenario check {}", &[&binary]), "line 2: it is not UTF-8");
    let long = folder.with("long.toml", vec![b'#'; (16 << 20) + 1]);
    assert_misused(&run("scenario check {}", &[&long]), "longer than 16 MiB");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = command()
        .args(["scenario", "show", "busy"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let mut told = String::new();
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    while stderr.read_line(&mut told).expect("readable") > 0 {}
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{told}");
    assert_eq!(told, "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let full = std::fs::File::create("/dev/full").expect("/dev/full");
    let out = command().args(["scenario", "list"]).stdout(full).output().expect("the binary runs");
    assert_misused(&out, "cannot write standard output");
}
