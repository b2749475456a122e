//! A recording proves who sent what: with the signatures beside it, and against whoever changes either.

use std::path::{Path, PathBuf};

use crate::common::{Folder, code, json, run, stdout};
use crate::peers::{Peer, agree};

/// The recordings of a host and of one that joins, in a folder of their own, after a short flight with this pilot.
fn flown(folder: &Path, pilot: &str) -> [PathBuf; 2] {
    std::fs::create_dir_all(folder).expect("it can be made");
    let line = format!("host --listen 127.0.0.1:0 --pilot {pilot}");
    let mut host = Peer::start(folder, "host", &line, &[]);
    let mut peer = Peer::join(folder, "peer", &host.invite(), &[]);
    peer.active();
    peer.plays(200);
    let recordings = [&host, &peer].map(|peer| peer.recording.clone());
    peer.leaves();
    host.leaves();
    recordings
}

fn signatures(recording: &Path) -> PathBuf {
    recording.with_file_name(format!("{}.signed", recording.file_name().expect("a file").to_string_lossy()))
}

#[test]
fn every_input_is_signed_by_its_sender_and_nothing_else_passes() {
    let folder = Folder::new();
    let one = flown(&folder.file("one"), "dance");
    let two = flown(&folder.file("two"), "climb");
    assert!(agree(&[&one[0], &one[1]]) > 200);
    for recording in &one {
        let verdict = json(&run("replay verify {} --json", &[recording]));
        let players = verdict["signed"]["players"].as_array().expect("signatures").clone();
        assert_eq!(players.len(), 2, "{verdict}");
        for (player, name) in players.iter().zip(["host", "peer"]) {
            assert_eq!(player["signed_ticks"], player["ticks"], "{verdict}");
            assert!(player["ticks"].as_u64() > Some(200), "{verdict}");
            let key = json(&run("key --json --identity {}", &[&recording.with_file_name(format!("{name}.key"))]));
            assert_eq!(player["key"], key["key"], "{verdict}");
        }
    }

    // Another flight's signatures, under this one's inputs.
    let honest = std::fs::read(signatures(&one[0])).expect("it is there");
    std::fs::copy(signatures(&two[0]), signatures(&one[0])).expect("it can be copied");
    let output = run("replay verify {}", &[&one[0]]);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("signed other inputs for tick"), "{}", stdout(&output));

    // A piece cut off: what stands before it still counts, and the loss is told.
    std::fs::write(signatures(&one[0]), &honest[..honest.len() * 2 / 3]).expect("it can be written");
    let output = run("replay verify {} --json", &[&one[0]]);
    assert_eq!(code(&output), 2);
    let verdict: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let host = &verdict["signed"]["players"][0];
    assert!(host["signed_ticks"].as_u64() > Some(0) && host["signed_ticks"] != host["ticks"], "{verdict}");

    // A bit flipped in a signature, the last thing in the file.
    let mut bent = honest;
    *bent.last_mut().expect("not empty") ^= 1;
    std::fs::write(signatures(&one[0]), bent).expect("it can be written");
    let output = run("replay verify {}", &[&one[0]]);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("is false"), "{}", stdout(&output));
}
