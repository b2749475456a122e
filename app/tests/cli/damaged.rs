//! What `spacetime replay` says of files that are no recordings, or no longer whole.

use crate::common::{Folder, assert_misused, code, json, run, stderr};

const READERS: [&str; 8] = [
    "replay info {}",
    "replay verify {}",
    "replay at {} --tick 0",
    "replay diff {} {}",
    "replay fork {} --tick 0 --out {}",
    "replay plot {} --out {}",
    "replay export {} --format csv --out {}",
    "replay export {} --format parquet --out {}",
];

/// A fixed stream of bytes that look random.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn what_is_no_recording_is_refused_by_every_reader() {
    let folder = Folder::new();
    let out = folder.file("out");
    let empty = folder.with("empty", "");
    let random = folder.with("random", noise(100_000));
    let text = folder.with("text", "name = \"demo\"\n");
    for line in READERS {
        let second = |file| if line.contains("diff") { file } else { out.as_path() };
        for (file, what) in [
            (folder.file("missing").as_path(), "there is no such file"),
            (folder.path(), "it is a directory"),
            (&empty, "cannot read"),
            (&random, "not a recording"),
            (&text, "not a recording"),
        ] {
            let paths = [file, second(file)];
            assert_misused(&run(line, &paths), what);
        }
    }
    assert!(!out.exists(), "nothing is written for what cannot be read");
}

#[test]
fn a_cut_recording_is_read_as_far_as_it_goes() {
    let folder = Folder::new();
    let whole = std::fs::read(folder.recording("whole.strec")).expect("a recording");
    let mut verified = Vec::new();
    for share in [0, 1, 10, 50, 90, 99] {
        let cut = folder.with("cut.strec", &whole[..whole.len() * share / 100]);
        let out = run("replay verify {} --json", &[&cut]);
        assert_eq!(code(&out), 2, "{share} %: {}", stderr(&out));
        assert_eq!(stderr(&out).lines().count(), 1, "{share} %");
        if out.stdout.is_empty() {
            continue;
        }
        let value = json(&out);
        assert_eq!(value["verdict"], "exact", "{share} %");
        assert_eq!(value["complete"], false);
        assert!(value["lost"].is_string());
        verified.push(value["ticks"].as_u64().expect("a number"));
        for line in ["replay info {}", "replay plot {} --out {}", "replay export {} --format csv --out {}"] {
            assert_eq!(code(&run(line, &[&cut, &folder.file("o")])), 2, "{share} %: {line}");
        }
    }
    assert!(verified.is_sorted() && verified.last() >= Some(&300), "{verified:?}");
}

#[test]
fn a_flipped_byte_is_never_accepted() {
    let folder = Folder::new();
    let whole = std::fs::read(folder.recording("whole.strec")).expect("a recording");
    for i in 0..25 {
        let mut bytes = whole.clone();
        let at = whole.len() * (4 * i + 1) / 100;
        bytes[at] ^= 0x10;
        let flipped = folder.with("flipped.strec", bytes);
        assert_eq!(code(&run("replay verify {}", &[&flipped])), 2, "byte {at}");
    }
}
