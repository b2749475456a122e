//! Golden digests: the same numbers in debug and release, on baseline and AVX2 builds, on any machine. They pin
//! the result of the whole step. They change only on purpose: `SPACETIME_MINT=1 cargo test -p sim --test golden`
//! writes the new ones, and the commit says why. Other digests are other results: `sim::RESULTS_REVISION` goes up in
//! the same commit, and `SPACETIME_MINT=revision cargo test -p sim --test golden revision` notes which digests are its.

#![expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]

use sim::RESULTS_REVISION;
use sim_testkit::busy;
use sim_testkit::common::shipped;

/// The worlds with golden digests, and for how many ticks.
const WORLDS: [(&str, u64); 4] = [("binary-star", 500), ("busy", 3000), ("contact-lab", 500), ("demo", 500)];

/// One digest every this many ticks: enough to find where to look, few enough to read.
const EVERY: u64 = 100;

fn fixture(name: &str) -> String {
    format!("{}/../fixtures/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"))
}

fn golden(name: &str) {
    let path = fixture(name);
    let ticks = WORLDS.iter().find(|(world, _)| *world == name).expect("it is in the list").1;
    let mut simulation = shipped(name);
    let mut lines = String::new();
    for tick in 1..=ticks {
        let frame = busy::inputs(&simulation);
        let digest = simulation.step(&frame).digest;
        if tick % EVERY == 0 {
            lines += &format!("{tick} {digest}\n");
        }
    }
    if std::env::var_os("SPACETIME_MINT").is_some_and(|what| what == "1") {
        std::fs::write(&path, &lines).expect("the fixture can be written");
    }
    let expected = std::fs::read_to_string(&path).expect("the golden digests are there");
    for (got, expected) in lines.lines().zip(expected.lines()) {
        assert_eq!(got, expected, "{name} parts from its golden digests within {EVERY} ticks before");
    }
    assert_eq!(lines.lines().count(), expected.lines().count());
}

#[test]
fn golden_busy() {
    golden("busy");
}

#[test]
fn golden_demo() {
    golden("demo");
}

#[test]
fn golden_binary_star() {
    golden("binary-star");
}

#[test]
fn golden_contact_lab() {
    golden("contact-lab");
}

/// One hash over all golden digests.
fn hash_of_all() -> String {
    let mut hash = blake3::Hasher::new();
    for (name, _) in WORLDS {
        let digests = std::fs::read_to_string(fixture(name)).expect("the golden digests are there");
        hash.update(format!("{name}\n{digests}").as_bytes());
    }
    hash.finalize().to_hex()[..32].to_owned()
}

/// What the list must end with: no number is used twice, and the last is the present one with the present digests.
fn fault_of(list: &str, revision: u64, hash: &str) -> Option<String> {
    let lines: Vec<(u64, &str)> = list
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(number, hash)| Some((number.parse().ok()?, hash)))
        .collect();
    if !lines.is_sorted_by(|a, b| a.0 < b.0) {
        return Some("the revisions are not ascending".to_owned());
    }
    match lines.last() {
        Some(&(last, noted)) if last == revision && noted == hash => None,
        Some(&(last, _)) if last == revision => {
            Some(format!("the golden digests changed since revision {revision}: raise sim::RESULTS_REVISION"))
        }
        _ => Some(format!("revision {revision} is not noted: mint it with SPACETIME_MINT=revision")),
    }
}

#[test]
fn the_revision_goes_up_with_the_digests() {
    let (path, hash) = (fixture("revisions"), hash_of_all());
    let mut list = std::fs::read_to_string(&path).expect("the revisions are there");
    let line = format!("{RESULTS_REVISION} {hash}\n");
    // A number that is noted already is never given other digests.
    let noted = list.lines().any(|l| l.starts_with(&format!("{RESULTS_REVISION} ")));
    if std::env::var_os("SPACETIME_MINT").is_some_and(|what| what == "revision") && !noted {
        list += &line;
        std::fs::write(&path, &list).expect("the fixture can be written");
    }
    assert_eq!(fault_of(&list, RESULTS_REVISION, &hash), None);
}

#[test]
fn a_forgotten_revision_is_noticed() {
    let list = "# words\n1 aa\n2 bb\n";
    assert_eq!(fault_of(list, 2, "bb"), None);
    assert!(fault_of(list, 2, "cc").is_some(), "new digests under an old number");
    assert!(fault_of(list, 3, "cc").is_some(), "a number that is not noted");
    assert!(fault_of(list, 1, "aa").is_some(), "back to an old number");
    assert!(fault_of("1 aa\n1 bb\n", 1, "bb").is_some(), "one number twice");
}
