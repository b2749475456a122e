//! The client of `spacetime play` in a session with a real host: joining, flying, leaving, without its window.

use std::path::Path;
use std::time::{Duration, Instant};

use app::play::client::{Client, Start};
use app::play::folders::Folders;
use app::play::input::Event;
use app::play::keys::{Input, Key};
use app::replay::Recording;
use serde_json::Value;
use sim::{Command, PlayerId};

use crate::common::Folder;
use crate::peers::{Peer, verified};

/// Makes frames until the client's state is so.
fn until(client: &mut Client, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        client.frame(Instant::now(), [320, 180]);
        let state = client.state();
        if is_so(&state) {
            return state;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: {state}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn a_pilot_at_a_window_joins_flies_and_leaves() {
    let folder = Folder::new();
    std::fs::write(folder.file("settings.toml"), "guided = true\n").expect("a file");
    let mut host = Peer::host(folder.path(), "host", &[]);
    let invite = host.invite();
    let folders = Folders {
        settings: folder.file("settings.toml"),
        recordings: folder.file("recordings"),
        screenshots: folder.file("screenshots"),
    };
    let identity = Some(folder.file("pilot"));
    let mut client =
        Client::new(folders, identity, &Start::Join(invite), Instant::now()).unwrap_or_else(|e| panic!("{e}"));
    let state = until(&mut client, "a ship", |state| state["game"]["ship"].is_u64() && state["game"]["peers"] == 1);
    assert_eq!((&state["game"]["kind"], &state["game"]["player"]), (&"session".into(), &2.into()));
    let tick = state["tick"].as_u64().expect("a tick");
    client.event(&Event::Set(Input::Key(Key::KeyZ), 1.0));
    // What is seen is ahead of what the session has agreed on, by the input delay and the turn that is open.
    until(&mut client, "a lead", |state| state["game"]["lead"].as_u64() >= Some(3));
    let began = Instant::now();
    while !client.show(|_, front| front.values.is_some_and(|values| values.throttle == Some(1.0))) {
        assert!(began.elapsed() < Duration::from_secs(60), "full throttle never came");
        client.frame(Instant::now(), [320, 180]);
        std::thread::park_timeout(Duration::from_millis(5));
    }
    client.show(|_, front| assert!(front.values.is_some_and(|values| values.network.is_some())));
    // Time is not a pilot's to change, and nobody can stop a session.
    client.event(&Event::Set(Input::Key(Key::Period), 1.0));
    until(&mut client, "a refusal", |state| {
        state["message"].as_str().is_some_and(|said| said.contains("Only an operator"))
    });
    client.event(&Event::Set(Input::Key(Key::Escape), 1.0));
    let paused = until(&mut client, "the menu", |state| state["page"] == "paused");
    until(&mut client, "it goes on behind it", |state| state["tick"].as_u64() > paused["tick"].as_u64());
    assert!(paused["tick"].as_u64() > Some(tick));
    client.close();
    host.hears("that the pilot left", |value| {
        value["event"] == "left" && value["player"] == 2 && value["why"] == "left"
    });
    host.leaves();
    let recordings: Vec<_> = std::fs::read_dir(folder.file("recordings")).expect("a folder").collect();
    let of_the_pilot = recordings.into_iter().map(|entry| entry.expect("an entry").path());
    let own = of_the_pilot.filter(|path| path.extension().is_some_and(|ending| ending == "strec")).collect::<Vec<_>>();
    assert_eq!(own.len(), 1, "{own:?}");
    verified(&own[0], true);
    assert!(has_full_throttle(&own[0], 2), "what the pilot saw at once came to the session as well");
}

/// Whether the session's log has full throttle of this player.
fn has_full_throttle(recording: &Path, player: u32) -> bool {
    let mut recording = Recording::open(recording).expect("a recording");
    let first = recording.reader.ticks().start;
    let mut steps = recording.reader.frames_from(first);
    steps.any(|step| {
        let commands = step.expect("a tick").frame.commands;
        commands.iter().filter(|sent| sent.player == PlayerId(player)).any(|sent| {
            matches!(Command::decode(&sent.bytes), Ok(Command::Controls { controls, .. }) if controls.main == i16::MAX)
        })
    })
}
