//! Live debugging by script, of a session of four real peers: whatever is done over HTTP, all of them log the same and are the
//! same, and each recording replays bit for bit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use app::replay::Recording;
use serde_json::{Value, json};
use sim::Command;
use sim::input::SentCommand;

use super::draw::Dice;
use super::scene::service;
use crate::client::{Client, account};
use crate::process::{Home, Process, digests, scaled};

/// The service, with three more who play and record.
struct Four {
    home: Home,
    service: Process,
    peers: Vec<(Process, PathBuf)>,
    operator: Client,
}

impl Four {
    fn start() -> Self {
        let home = Home::new();
        let mut service = service(&home);
        let invite = service.event("invite")["invite"].as_str().expect("an invite").to_owned();
        let client = Client::of(&mut service);
        account(&home, "some-operator", "operator");
        let operator = client.signed_in("some-operator");
        let mut peers = Vec::new();
        for n in 1..=3 {
            let file = home.path(&format!("peer-{n}.strec"));
            let mut command = home.command("join --json --listen 127.0.0.1:0 --pilot climb --identity");
            command.arg(home.path(&format!("peer-{n}.key"))).arg("--record").arg(&file).arg(&invite);
            let mut peer = Process::start(command);
            peer.event("active");
            peers.push((peer, file));
        }
        home.status_until("all", |status| status["players"] == json!([1, 2, 3]));
        Self { home, service, peers, operator }
    }

    /// Ends all of it; the recordings, the service's own last.
    fn end(self, until: u64) -> (Home, Vec<PathBuf>) {
        self.home.status_until("that to be durable", |status| status["durable"]["tick"].as_u64() > Some(until + 30));
        let mut files = Vec::new();
        for (peer, file) in self.peers {
            peer.stops();
            files.push(file);
        }
        self.service.stops();
        let own = self.home.path("service.strec");
        self.home.told(&format!("db export --json {}", own.display()));
        files.push(own);
        (self.home, files)
    }
}

fn command(sent: &SentCommand) -> Command {
    Command::decode(&sent.bytes).expect("a command")
}

fn is_order(command: &Command) -> bool {
    use Command::{Interfere, Patch, SetTimeFactor, Tune};
    matches!(command, Patch { .. } | Tune { .. } | SetTimeFactor { .. } | Interfere { .. })
}

/// Commands of operators in a recording, by the tick of the state that they lead to.
fn orders(path: &Path) -> BTreeMap<u64, Vec<String>> {
    let mut recording = Recording::open(path).expect("a recording");
    let first = recording.reader.ticks().start;
    let mut found: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for step in recording.reader.frames_from(first) {
        let step = step.expect("it is whole");
        let all: Vec<String> =
            step.frame.commands.iter().map(command).filter(is_order).map(|order| format!("{order:?}")).collect();
        if !all.is_empty() {
            found.insert(step.tick + 1, all);
        }
    }
    found
}

/// All recordings verify and say the same of every tick that two of them have; how many ticks all have.
fn agree(files: &[PathBuf]) -> usize {
    let all: Vec<BTreeMap<u64, String>> = files.iter().map(|file| digests(file)).collect();
    let common: Vec<u64> = all[0].keys().filter(|tick| all.iter().all(|one| one.contains_key(tick))).copied().collect();
    for one in &all[1..] {
        for (tick, digest) in one {
            assert!(all[0].get(tick).is_none_or(|other| other == digest), "tick {tick}");
        }
    }
    let (first, last) = (common[0], common[common.len() - 1]);
    let within = |file: &PathBuf| -> Vec<(u64, Vec<String>)> {
        orders(file).into_iter().filter(|(at, _)| (first..=last).contains(at)).collect()
    };
    let logs: Vec<_> = files.iter().map(within).collect();
    assert!(logs.iter().all(|log| *log == logs[0]), "the logs differ");
    common.len()
}

/// One random act, and the tick that it came to, where it entered the log.
fn act(client: &Client, session: &str, dice: &mut Dice) -> Option<u64> {
    let of = |what: &str| format!("/debug/{session}/{what}");
    let tick = |answer: &Value| answer["tick"].as_u64();
    match dice.below(8) {
        0 => drop(client.done(&of("pause"), &Value::Null)),
        1 => {
            client.done(&of("pause"), &Value::Null);
            let before = tick(&client.got("/status")["world"]).expect("a tick");
            let ticks = 1 + dice.below(30) as u64;
            assert_eq!(tick(&client.done(&of("step"), &json!({ "ticks": ticks }))), Some(before + ticks));
        }
        2 => drop(client.done(&of("run"), &json!({}))),
        3 | 4 => {
            let fuel = dice.below(500) as f64 + 0.5;
            let change = json!({ "entity": 1, "component": "Tank", "field": "fuel_kg", "value": fuel });
            return tick(&client.done("/edit/applyChanges", &json!({ "changes": [change] })));
        }
        5 => {
            let file = format!("[class.scout]\nmain_thrust_n = {}\n", 1000 + dice.below(200_000));
            return tick(&client.done("/execute/reload", &json!({ "file": file })));
        }
        6 => {
            let factor = (1 + dice.below(8)) as f64 / 4.0;
            return tick(&client.done("/time/set_dilation", &json!({ "factor": factor })));
        }
        _ => {
            let refused = json!({ "file": format!("[class.scout]\nwings = {}\n", dice.below(9)) });
            assert_eq!(client.post("/execute/reload", &refused).status, 422);
        }
    }
    None
}

#[test]
fn whatever_is_done_to_four_peers_each_recording_verifies() {
    let four = Four::start();
    let session = four.operator.done("/connect", &Value::Null)["session"].as_str().expect("a session").to_owned();
    let (mut dice, mut entered) = (Dice(14), Vec::new());
    for _ in 0..scaled(50) {
        entered.extend(act(&four.operator, &session, &mut dice));
    }
    assert!(!entered.is_empty());
    assert_eq!(four.operator.ask("DELETE", &format!("/debug/{session}"), None).status, 204);
    four.operator.done("/time/set_dilation", &json!({ "factor": 1 }));
    let last = four.operator.got("/status")["world"]["tick"].as_u64().expect("a tick");
    let (home, files) = four.end(last);
    let ticks = agree(&files);
    println!("{} acts entered the log, {ticks} ticks are in all four recordings", entered.len());
    assert!(ticks > 100, "{ticks}");
    let log = orders(files.last().expect("the service's"));
    for tick in entered {
        assert!(log.contains_key(&tick), "what was answered is not at tick {tick}: {:?}", log.keys());
    }
    drop(home);
}

#[test]
fn a_reload_is_at_one_tick_on_every_peer_and_motion_changes_with_it() {
    let four = Four::start();
    let reload = |file: &str| four.operator.post("/execute/reload", &json!({ "file": file }));
    assert_eq!(reload("[class.scout]\nrcs_thrust_n = full\n").status, 422);
    let before = four.operator.got("/status")["world"]["tick"].as_u64().expect("a tick");
    four.home.status_until("thrust", |status| status["durable"]["tick"].as_u64() > Some(before + 180));
    let answer = reload("[class.scout]\nrcs_thrust_n = 9e4\n");
    assert_eq!(answer.status, 200, "{answer:?}");
    let tick = answer.body["tick"].as_u64().expect("a tick");
    let (home, files) = four.end(tick + 60);
    agree(&files);
    for file in &files {
        let at: Vec<u64> = orders(file).into_keys().collect();
        assert_eq!(at, [tick], "{}: what was malformed is not in it", file.display());
        let velocities = |with: bool| {
            let mut recording = Recording::open(file).expect("a recording");
            let mut state = recording.state_at(tick - 3).expect("a state").simulation;
            let mut seen = Vec::new();
            for step in recording.reader.frames_from(tick - 3).take(6) {
                let mut frame = step.expect("it is whole").frame;
                if !with {
                    // The control: the same log without the reload.
                    frame.commands.retain(|sent| !matches!(command(sent), Command::Tune { .. }));
                }
                state.step(&frame);
                let ships = state.members().flat_map(|(player, _)| state.ships_of(player)).collect::<Vec<_>>();
                let fast = |ship: u64| state.inspect(ship).and_then(|ship| ship.field("Velocity", "proper_m_s"));
                seen.push(format!("{:?}", ships.into_iter().map(fast).collect::<Vec<_>>()));
            }
            seen
        };
        let (changed, unchanged) = (velocities(true), velocities(false));
        // States of tick - 2, tick - 1, tick, ...
        assert_eq!(changed[..2], unchanged[..2], "not a tick earlier");
        assert_ne!(changed[2], unchanged[2], "from that tick on");
    }
    drop(home);
}
