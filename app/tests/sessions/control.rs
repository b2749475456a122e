//! What a person says to a running peer, a line each on its standard input: real processes over UDP on this machine.

use std::path::Path;

use crate::common::{Folder, json, run};
use crate::peers::{Peer, agree, verified};

const CONTROL: &str = "--control";

fn joined(folder: &Folder, name: &str, invite: &str) -> Peer {
    let mut peer = Peer::join(folder.path(), name, invite, &[CONTROL]);
    peer.active();
    peer
}

/// The answer was yes, and has this in it.
fn told(peer: &mut Peer, line: &str, part: &str) {
    let answer = peer.asked(line);
    assert!(answer["ok"] == true && answer["text"].as_str().is_some_and(|text| text.contains(part)), "{answer}");
}

/// The answer was no, with a sentence that has this in it.
fn denied(peer: &mut Peer, line: &str, part: &str) {
    let answer = peer.asked(line);
    assert!(answer["ok"] == false && answer["text"].as_str().is_some_and(|text| text.contains(part)), "{answer}");
}

#[test]
fn a_running_peer_answers_and_bad_lines_do_no_harm() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &[CONTROL]);
    let invite = host.invite();
    let mut peer = joined(&folder, "peer", &invite);
    told(&mut host, "help", "kick PLAYER");
    host.hears("the newcomer", |value| value["event"] == "joined" && value["player"] == 2);
    told(&mut host, "status", "you are player 1");
    told(&mut host, "status", "player 2: round trip");
    denied(&mut host, "dance", "`dance` is no command");
    denied(&mut host, "kick", "kick whom");
    denied(&mut host, "kick 1", "that is you");
    denied(&mut host, "kick 7", "player 7 is no member");
    denied(&mut peer, "kick 1", "only the one with the lower number");
    denied(&mut peer, "fork", "the session goes on");
    // What anybody in the session invites to is good.
    told(&mut peer, "invite", "anybody who has it can join");
    let invite = peer.invite();
    let mut third = joined(&folder, "third", &invite);
    told(&mut third, "leave", "leaving");
    third.ends().fine();
    peer.leaves();
    host.leaves();
}

#[test]
fn a_majority_votes_a_process_out_for_good() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &[CONTROL]);
    let invite = host.invite();
    let mut peer = joined(&folder, "peer", &invite);
    let mut victim = joined(&folder, "victim", &invite);
    for member in [&mut host, &mut peer] {
        member.hears("all three", |value| value["event"] == "joined" && value["player"] == 3);
    }
    told(&mut peer, "kick 3", "it takes 2 votes of 3");
    let vote = host.hears("the vote", |value| value["event"] == "vote");
    assert_eq!((&vote["by"], &vote["about"]), (&2.into(), &3.into()));
    host.plays(150);
    assert!(host.said.iter().all(|value| value["event"] != "left"), "one vote is not enough");
    told(&mut host, "kick 3", "you vote to remove player 3");
    for member in [&mut host, &mut peer] {
        member.hears("its end", |v| v["event"] == "left" && v["player"] == 3 && v["why"] == "kicked");
        member.plays(100);
    }
    let recording = victim.recording.clone();
    victim.hears("its own end", |value| value["event"] == "removed" && value["why"] == "kicked");
    victim.ends().refused("the members voted this player out of the session for good");
    verified(&recording, true);
    Peer::join(folder.path(), "victim-2", &invite, &[]).ends().refused("refused: this key was banned from the session");
    let recordings = [&host, &peer].map(|peer| peer.recording.clone());
    peer.leaves();
    host.leaves();
    let paths: Vec<&Path> = recordings.iter().chain([&recording]).map(|path| path.as_path()).collect();
    assert!(agree(&paths) > 150);
}

#[test]
fn whoever_is_left_alone_forks_and_goes_on_with_those_who_come() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &[CONTROL]);
    let invite = host.invite();
    let mut peer = joined(&folder, "peer", &invite);
    peer.plays(300);
    let old = host.crashes();
    peer.hears("the pause", |value| value["event"] == "paused");
    // The half without the lowest number waits, until its person decides.
    std::thread::park_timeout(std::time::Duration::from_secs(3));
    told(&mut peer, "status", "nothing was confirmed for");
    told(&mut peer, "fork", "keeps number and ship");
    let forked = peer.hears("the fork", |value| value["event"] == "forked");
    let tick = forked["tick"].as_u64().expect("a tick");
    assert!(tick > 300, "{forked}");
    peer.hears("that it is alone", |v| v["event"] == "left" && v["player"] == 1 && v["why"] == "forked");
    peer.plays(100);
    let invite = peer.invite();
    let mut back = Peer::join(folder.path(), "host-2", &invite, &[CONTROL]);
    assert_eq!(back.active(), 1, "the same player");
    let mut third = Peer::join(folder.path(), "third", &invite, &[]);
    assert_eq!(third.active(), 3);
    [&mut peer, &mut back].into_iter().for_each(|peer| peer.plays(100));
    let recordings = [&back, &third].map(|peer| peer.recording.clone());
    let before = peer.recording.clone();
    back.leaves();
    third.leaves();
    let summary = peer.leaves();
    let after = before.with_file_name("peer-2.strec");
    assert_eq!(summary["recordings"].as_array().map(Vec::len), Some(2), "{summary}");
    assert_eq!(verified(&before, true).end, tick, "the old one ends where the new one begins");
    assert_eq!(verified(&after, true).start, tick);
    assert!(agree(&[&before, &old]) > 200);
    assert!(agree(&[&after, &recordings[0], &recordings[1]]) > 100);
    for path in &recordings {
        verified(path, true);
    }
    let info = json(&run("replay info {} --json", &[&after]));
    assert_eq!(info["forked_from"]["tick"], tick, "{info}");
    assert_eq!(info["forked_from"]["identity"], json(&run("replay info {} --json", &[&before]))["identity"]);
    assert!(folder.file("peer-2.strec.players").exists(), "and can be resumed");
}

/// The fork left at once, as the leave that had been asked for before it still stood.
#[test]
fn whoever_is_leaving_does_not_fork() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &[CONTROL]);
    let mut peer = joined(&folder, "peer", &host.invite());
    peer.plays(30);
    host.crashes();
    peer.hears("the pause", |value| value["event"] == "paused");
    std::thread::park_timeout(std::time::Duration::from_secs(3));
    told(&mut peer, "leave", "leaving");
    denied(&mut peer, "fork", "you are leaving");
    peer.leaves();
}
