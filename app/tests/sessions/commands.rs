//! `spacetime key`, `host`, `join` and `spectate`, as people use them: real processes over UDP on this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::{Folder, assert_misused, code, json, run, stderr, stdout};
use crate::peers::{PATIENCE, Peer, agree, verified};
use netcode::protocol::{Hash, SessionId, Time};
use netcode::transport::{Endpoint, Hello, Identity, Invite, InviteLink, Policy, Terms};

#[test]
fn a_key_is_made_once_and_kept_private() {
    let folder = Folder::new();
    let file = folder.file("deep/down/identity");
    let made = json(&run("key --json --identity {}", &[&file]));
    assert_eq!(made["made"], true);
    let key = made["key"].as_str().expect("a key").to_owned();
    assert_eq!(key.len(), 64);
    let shown = run("key --identity {}", &[&file]);
    assert!(stdout(&shown).starts_with(&key) && !stdout(&shown).contains("spacetime-identity-1"));
    assert_eq!(json(&run("key --json --identity {}", &[&file]))["made"], false);
    let home = crate::common::command()
        .arg("key")
        .arg("--json")
        .env("XDG_DATA_HOME", folder.path())
        .output()
        .expect("it runs");
    assert_eq!(json(&home)["file"], folder.file("spacetime/identity").to_str().expect("a path"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("own file");
        assert_misused(&run("key --identity {}", &[&file]), "chmod 600");
    }
    let wrong = folder.with("wrong", "no identity");
    #[cfg(unix)]
    std::fs::set_permissions(&wrong, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("own file");
    assert_misused(&run("key --identity {}", &[&wrong]), "not an identity");
    assert_misused(&run("key --identity {}", &[&wrong.join("below")]), "identity");
}

#[test]
fn what_cannot_be_is_said_at_once() {
    let folder = Folder::new();
    let key = folder.file("key");
    for (line, what) in [
        ("join http://example.org --identity {}", "this is no invite: an invite starts with spacetime://"),
        ("join spacetime://a:1/x#y --identity {}", "this is no invite"),
        ("host nowhere --identity {}", "there is no scenario"),
        ("host --listen 127.0.0.1:0 --advertise nonsense --identity {}", "a host and a port"),
        ("host --resume nowhere.strec --identity {}", "cannot read nowhere.strec"),
    ] {
        assert_misused(&run(line, &[&key]), what);
    }
    for line in
        ["host --turn 0", "host --turn 65", "host --allow 12", "host demo --resume x", "join", "host --pilot ace"]
    {
        assert_eq!(code(&run(line, &[])), 2, "{line}");
    }
    let recording = folder.recording("old.strec");
    let line = "host --listen 127.0.0.1:0 --resume {} --record {} --identity {}";
    assert_misused(&run(line, &[&recording, &recording, &key]), "record to another file");
    assert_eq!(code(&run("replay verify {}", &[&recording])), 0, "it is untouched");
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = taken.local_addr().expect("an address").to_string();
    let out = run(&format!("host --listen {address} --identity {{}}"), &[&key]);
    assert_misused(&out, "cannot open a UDP socket");
}

/// Hosts, lets `count - 1` join, plays for a while, and has all leave at once.
fn session_of(count: usize) {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &[]);
    let invite = host.invite();
    let mut peers: Vec<Peer> =
        (1..count).map(|i| Peer::join(folder.path(), &format!("peer{i}"), &invite, &[])).collect();
    peers.insert(0, host);
    let mut players: Vec<u64> = peers.iter_mut().map(Peer::active).collect();
    players.sort_unstable();
    assert_eq!(players, (1..=count as u64).collect::<Vec<_>>());
    peers.iter_mut().for_each(|peer| peer.plays(200));
    peers.iter_mut().for_each(Peer::dismiss);
    let recordings: Vec<_> = peers.iter().map(|peer| peer.recording.clone()).collect();
    for peer in peers {
        let summary = peer.ends().fine();
        assert!(summary["turns"].as_u64() > Some(60), "{summary}");
        assert!(summary["bytes_out_per_s"].as_f64() > Some(500.0), "{summary}");
    }
    let paths: Vec<&Path> = recordings.iter().map(|path| path.as_path()).collect();
    for path in &paths {
        verified(path, true);
    }
    assert!(agree(&paths) >= 200 * (count as u64 - 1));
}

#[test]
fn two_processes_play_the_same_session() {
    session_of(2);
}

#[test]
fn four_processes_play_the_same_session() {
    session_of(4);
}

#[test]
fn members_leave_one_after_the_other_and_none_waits_in_vain() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &[]);
    let invite = host.invite();
    let mut peers: Vec<Peer> = (1..6).map(|i| Peer::join(folder.path(), &format!("peer{i}"), &invite, &[])).collect();
    peers.push(host);
    for peer in &mut peers {
        peer.active();
    }
    // A few turns apart, so that some settle while others have gone.
    for peer in &mut peers {
        peer.dismiss();
        std::thread::park_timeout(Duration::from_millis(40));
    }
    for peer in peers {
        peer.ends().fine();
    }
}

#[test]
fn a_one_time_invite_is_good_once_and_its_player_may_come_back() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &["--one-time", "--invites", "2"]);
    let invite = host.invite();
    let mut first = Peer::join(folder.path(), "first", &invite, &[]);
    assert_eq!(first.active(), 2);
    host.hears("the newcomer", |value| value["event"] == "joined" && value["player"] == 2);
    Peer::join(folder.path(), "second", &invite, &[]).ends().refused("refused: the one-time invite was used before");
    first.leaves();
    let mut again = Peer::join(folder.path(), "first-2", &invite, &[]);
    assert_eq!(again.active(), 2, "the same player again");
    again.leaves();
    host.leaves();
}

#[test]
fn an_expired_invite_is_refused() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &["--expires", "1"]);
    let invite = host.invite();
    host.plays(200);
    Peer::join(folder.path(), "late", &invite, &[]).ends().refused("refused: the invite has expired");
    host.leaves();
}

#[test]
fn an_invite_to_another_session_and_ones_own_are_refused() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &[]);
    let link: InviteLink = host.invite().parse().expect("an invite");
    let identity = Identity::load(&folder.file("host.key")).expect("the host's");
    let terms = Terms { session: SessionId([7; 16]), ..link.invite.terms.clone() };
    let other = InviteLink { invite: Invite::issue(terms, identity.signing()), ..link.clone() };
    Peer::join(folder.path(), "lost", &other.to_string(), &[]).ends().refused("that peer is in another session");
    let own = Peer::join(folder.path(), "host-2", &link.to_string(), &[]).ends();
    assert_eq!(own.code, Some(2));
    assert!(own.complaints.contains("this invite is your own"), "{}", own.complaints);
    // Signed by somebody else, so somebody else is expected there.
    let stranger = Identity::from_seed(&[3; 32]);
    let forged = InviteLink { invite: Invite::issue(link.invite.terms.clone(), stranger.signing()), ..link };
    Peer::join(folder.path(), "fooled", &forged.to_string(), &[]).ends().refused("nobody answers there");
    host.leaves();
}

#[test]
fn a_session_of_another_revision_is_refused() {
    let folder = Folder::new();
    let (identity, session) = (Identity::from_seed(&[5; 32]), SessionId([9; 16]));
    let hello = Hello { session, scenario: Hash::default(), revision: sim::RESULTS_REVISION + 1 };
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut endpoint = Endpoint::bind(any, identity.clone(), hello, Policy::default()).expect("a socket");
    let port = endpoint.local_addr().expect("an address").port();
    let terms = Terms { session, id: [1; 16], role: 1, expires_unix_s: 0, one_time: false };
    let link = InviteLink { host: "127.0.0.1".into(), port, invite: Invite::issue(terms, identity.signing()) };
    let peer = Peer::join(folder.path(), "other", &link.to_string(), &[]);
    let began = Instant::now();
    let done = std::thread::spawn(move || peer.ends());
    while !done.is_finished() && began.elapsed() < PATIENCE {
        endpoint.poll(Time(began.elapsed().as_micros() as u64));
        endpoint.wait(Duration::from_millis(10)).expect("the socket works");
    }
    let there = sim::RESULTS_REVISION + 1;
    done.join().expect("no panic").refused(&format!("the simulation revisions differ: {there} there"));
}

#[test]
fn an_allowed_key_needs_no_invite_of_its_own() {
    let folder = Folder::new();
    let key = json(&run("key --json --identity {}", &[&folder.file("friend.key")]))["key"].clone();
    let key = key.as_str().expect("a key");
    let mut host = Peer::host(folder.path(), "host", &["--expires", "1", "--allow", key]);
    let invite = host.invite();
    host.plays(200);
    // The invite only says where to go: its time is over.
    let mut friend = Peer::join(folder.path(), "friend", &invite, &[]);
    assert_eq!(friend.active(), 2);
    friend.leaves();
    host.leaves();
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_in_good_order_and_a_second_one_at_once() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &[]);
    let invite = host.invite();
    let mut peer = Peer::join(folder.path(), "peer", &invite, &[]);
    let mut hasty = Peer::join(folder.path(), "hasty", &invite, &[]);
    let (player, last) = (peer.active(), hasty.active());
    peer.plays(100);
    peer.signal("-INT");
    host.hears("the farewell", |v| v["event"] == "left" && v["player"] == player && v["why"] == "left");
    let recording = peer.recording.clone();
    peer.ends().fine();
    verified(&recording, true);
    // Two at once: no time to leave, but what was confirmed is recorded.
    let recording = hasty.recording.clone();
    hasty.signal("-INT");
    hasty.signal("-TERM");
    let ended = hasty.ends();
    assert!(matches!(ended.code, Some(0 | 1)), "{}", ended.complaints);
    verified(&recording, true);
    host.hears("its end", |v| v["event"] == "left" && v["player"] == last);
    let own = host.recording.clone();
    host.signal("-INT");
    host.ends().fine();
    verified(&own, true);
}

#[test]
fn a_killed_peer_is_left_behind_and_comes_back_as_the_same_player() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &[]);
    let invite = host.invite();
    let mut peers: Vec<Peer> = (1..3).map(|i| Peer::join(folder.path(), &format!("peer{i}"), &invite, &[])).collect();
    let players: Vec<u64> = peers.iter_mut().map(Peer::active).collect();
    peers.iter_mut().for_each(|peer| peer.plays(200));
    let mut other = peers.pop().expect("two");
    let victim = peers.pop().expect("two").crashes();
    for peer in [&mut host, &mut other] {
        peer.hears("the loss", |v| v["event"] == "left" && v["player"] == players[0] && v["why"] == "silent");
        peer.plays(100);
    }
    let mut back = Peer::join(folder.path(), "peer1-2", &invite, &[]);
    assert_eq!(back.active(), players[0]);
    back.plays(100);
    let recordings = [&host, &other, &back].map(|peer| peer.recording.clone());
    for peer in [&mut host, &mut other, &mut back] {
        peer.dismiss();
    }
    for peer in [host, other, back] {
        peer.ends().fine();
    }
    let mut paths: Vec<&Path> = recordings.iter().map(|path| path.as_path()).collect();
    for path in &paths {
        verified(path, true);
    }
    verified(&victim, false);
    paths.push(&victim);
    assert!(agree(&paths) > 300);
}

#[test]
fn a_session_goes_on_when_its_host_is_killed_and_takes_it_back() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &[]);
    let invite = host.invite();
    let mut peers: Vec<Peer> =
        (1..3).map(|i| Peer::join(folder.path(), &format!("peer{i}"), &invite, &["--invites", "1"])).collect();
    for peer in &mut peers {
        peer.active();
    }
    host.plays(100);
    let old = host.crashes();
    for peer in &mut peers {
        peer.hears("the loss", |v| v["event"] == "left" && v["player"] == 1);
        peer.plays(100);
    }
    // Any member may invite.
    let invite = peers[0].invite();
    let mut back = Peer::join(folder.path(), "host-2", &invite, &[]);
    assert_eq!(back.active(), 1);
    back.plays(100);
    let recordings: Vec<_> = peers.iter().chain([&back]).map(|peer| peer.recording.clone()).chain([old]).collect();
    let mut all: Vec<Peer> = peers.into_iter().chain([back]).collect();
    all.iter_mut().for_each(Peer::dismiss);
    all.into_iter().for_each(|peer| drop(peer.ends().fine()));
    agree(&recordings.iter().map(|path| path.as_path()).collect::<Vec<_>>());
}

#[test]
fn a_session_resumes_from_a_recording_with_who_rejoins() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &[]);
    let invite = host.invite();
    let mut peers: Vec<Peer> = (1..3).map(|i| Peer::join(folder.path(), &format!("peer{i}"), &invite, &[])).collect();
    let players: Vec<u64> = peers.iter_mut().map(Peer::active).collect();
    host.plays(300);
    let old = host.crashes();
    peers.into_iter().for_each(|peer| drop(peer.crashes()));
    let end = verified(&old, false).end;
    assert!(end > 200, "{end}");
    let old_text = old.to_str().expect("a path").to_owned();
    let mut host = Peer::host(folder.path(), "host-2", &["--resume", &old_text]);
    assert_eq!(host.active(), 1);
    let invite = host.invite();
    // Only one of the two, and a newcomer.
    let mut second = Peer::join(folder.path(), "peer2-2", &invite, &[]);
    assert_eq!(second.active(), players[1]);
    let mut newcomer = Peer::join(folder.path(), "newcomer", &invite, &[]);
    assert_eq!(newcomer.active(), 4);
    host.plays(100);
    let recordings = [&host, &second, &newcomer].map(|peer| peer.recording.clone());
    [host, second, newcomer].into_iter().for_each(|peer| drop(peer.leaves()));
    let paths: Vec<&Path> = recordings.iter().map(|path| path.as_path()).collect();
    let ticks: Vec<_> = paths.iter().map(|path| verified(path, true)).collect();
    assert_eq!(ticks[0].start, end, "it goes on where the recording ended");
    assert!(agree(&paths) > 0);
    let info = json(&run("replay info {} --json", &[&recordings[0]]));
    assert!(info.to_string().contains("fork"), "{info}");
}

#[test]
fn a_spectator_sees_everything_and_is_no_player() {
    let folder = Folder::new();
    let mut host = Peer::host(folder.path(), "host", &[]);
    let invite = host.invite();
    let mut watcher = Peer::start(folder.path(), "watcher", "spectate --listen 127.0.0.1:0", &[&invite]);
    watcher.hears("the session", |value| value["event"] == "watching");
    watcher.plays(200);
    host.plays(1);
    assert!(host.said.iter().all(|value| value["event"] != "joined"));
    let recordings = [host.recording.clone(), watcher.recording.clone()];
    host.leaves();
    let ended = watcher.ends();
    assert!(ended.said.iter().any(|value| value["event"] == "over"), "{:?}", ended.said.last());
    assert_eq!(ended.fine()["player"], serde_json::Value::Null);
    let paths: Vec<&Path> = recordings.iter().map(|path| path.as_path()).collect();
    for path in &paths {
        verified(path, true);
    }
    assert!(agree(&paths) >= 200);
}

#[test]
fn people_are_told_in_sentences() {
    let folder = Folder::new();
    let out = run("host --listen 127.0.0.1:0 --seconds 1 --turn 9 --identity {}", &[&folder.file("key")]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    let text = stdout(&out);
    for part in ["invite: spacetime://127.0.0.1:", "you are player 1", "input delay", "stalls"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
