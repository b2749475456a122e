//! A world goes on bit for bit after a save, from any tick that the log has; what was changed since is refused.

use std::path::Path;
use std::process::Command;

use app::record::{Options, Recorder};
use app::replay::Recording;
use app::serve::config::Config;
use app::serve::{resume, stores};
use persistence::{Embedded, Key, Name, Record, Store as _, Tick};
use sim::{InputFrame, PlayerId, Scenario, Simulation};

use crate::postgres::prepared;
use crate::process::{Home, digests, text};

/// Ticks before the save, and after it.
const HALF: u64 = 1000;
/// In a process of the test's own, the recording whose second half it is to go on with.
const GO_ON_WITH: &str = "SPACETIME_TEST_GO_ON_WITH";
/// What such a process says before its digest.
const DIGEST: &str = "digest of the last tick: ";

/// Two halves of four pilots who all do something.
fn flight(scenario: &Scenario) -> (Vec<InputFrame>, Vec<u64>) {
    let mut simulation = Simulation::new(scenario);
    let (mut frames, mut digests) = (Vec::new(), Vec::new());
    for tick in 0..2 * HALF {
        let mut frame = if tick == 0 { app::run::joining(scenario) } else { InputFrame::default() };
        for player in 1..=4 {
            let Some(&ship) = simulation.ships_of(PlayerId(player)).first() else { continue };
            for command in app::pilot::Script::Auto.of_player(player).commands(ship, tick, scenario.tick_rate_hz) {
                frame.push(PlayerId(player), &command);
            }
        }
        digests.push(simulation.step(&frame).digest.total);
        frames.push(frame);
    }
    (frames, digests)
}

fn record(path: &Path, scenario: &Scenario, frames: &[InputFrame], digests: &[u64]) {
    let mut simulation = Simulation::new(scenario);
    let mut recorder = Recorder::create(path, scenario, &simulation, Options::default(), &[]).expect("a file");
    for (frame, digest) in frames.iter().zip(digests) {
        simulation.step(frame);
        recorder.add(frame, *digest).expect("it is written");
    }
    recorder.finish(&simulation).expect("it is written");
}

/// In a process that has only the store and the recorded inputs: loads the save, feeds them, and says where that leads.
fn go_on(recording: &Path) {
    let config = Config::load(None).expect("a configuration");
    let loaded = app::serve::ask::runtime().expect("a runtime").block_on(async {
        let opened = stores::open(&config).await.expect("a store");
        let world = resume::world(&*opened.store, &config.world).await.expect("it reads").expect("it is there");
        let scenario = resume::scenario_of(&world).expect("a scenario");
        resume::rebuild(&*opened.store, &config.world, &scenario, None).await
    });
    let mut loaded = match loaded {
        Ok(loaded) => loaded,
        Err(refusal) => return println!("{refusal}"),
    };
    assert_eq!((loaded.save, loaded.replayed), (Some(HALF), 0), "from the save alone");
    let mut recording = Recording::open(recording).expect("a recording");
    for step in recording.reader.frames_from(HALF) {
        loaded.simulation.step(&step.expect("it is whole").frame);
    }
    assert_eq!(loaded.simulation.tick().0, 2 * HALF);
    println!("{DIGEST}{}", app::output::hex(loaded.simulation.digest().total));
}

/// What such a process says: this very test, started again with the home of the service.
fn fresh_process(home: &Home, test: &str, recording: &Path) -> String {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    for (name, value) in home.command("").get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.args(["--exact", "--nocapture", test]).env(GO_ON_WITH, recording);
    let out = command.output().expect("it runs");
    assert!(out.status.success(), "{}{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout)
}

/// The same for every store: `flip` changes a byte in the middle of the save.
fn two_halves_are_one_whole(test: &str, home: &Home, flip: impl FnOnce()) {
    let scenario = app::scenario_cmd::load("demo").expect("it is shipped");
    let (frames, digests) = flight(&scenario);
    let (half, whole) = (home.path("half.strec"), home.path("whole.strec"));
    record(&half, &scenario, &frames[..HALF as usize], &digests);
    record(&whole, &scenario, &frames, &digests);
    // One process simulates the first half and saves; another one has what is stored.
    let imported = home.told(&format!("db import --json {}", half.display()));
    assert_eq!(imported["digest"], app::output::hex(digests[HALF as usize - 1]));
    let said = fresh_process(home, test, &whole);
    let one_run = format!("{DIGEST}{}", app::output::hex(digests[2 * HALF as usize - 1]));
    assert!(said.contains(&one_run), "{one_run}, but: {said}");
    home.told("db verify --json");
    flip();
    home.refused("db verify", "the store is damaged");
    let said = fresh_process(home, test, &whole);
    assert!(said.contains("the store is damaged") && !said.contains(DIGEST), "{said}");
    let (code, _, told) = home.serve("").ends();
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("the store is damaged"), "{told}");
}

/// The save in a file that nobody has open.
fn payload(store: &Path) -> Vec<u8> {
    app::serve::ask::runtime().expect("a runtime").block_on(async {
        let store = Embedded::open(store).expect("a store");
        let save = store.get(&Key::Snapshot(Name::new("main").expect("a name"), Tick(HALF))).await.expect("it reads");
        let Some(Record::Snapshot(save)) = save else { panic!("a save") };
        save.payload
    })
}

/// Whether this is a process of a test's own; then its work is done.
fn went_on() -> bool {
    let recording = std::env::var_os(GO_ON_WITH);
    recording.iter().for_each(|path| go_on(Path::new(path)));
    recording.is_some()
}

#[test]
fn a_thousand_ticks_a_save_and_a_thousand_more_are_two_thousand_and_a_flipped_byte_is_refused() {
    if went_on() {
        return;
    }
    let home = Home::new();
    let test = "continuity::a_thousand_ticks_a_save_and_a_thousand_more_are_two_thousand_and_a_flipped_byte_is_refused";
    two_halves_are_one_whole(test, &home, || {
        let store = home.service().join("world.redb");
        let payload = payload(&store);
        let mut bytes = std::fs::read(&store).expect("a file");
        let part = &payload[payload.len() / 2..payload.len() / 2 + 64];
        let places: Vec<usize> = bytes.windows(64).enumerate().filter(|(_, w)| *w == part).map(|(at, _)| at).collect();
        assert!(!places.is_empty(), "the save is in the file as it is");
        for at in places {
            bytes[at] ^= 1;
        }
        std::fs::write(&store, bytes).expect("it is written");
    });
}

#[test]
fn the_same_with_postgresql() {
    if went_on() {
        return;
    }
    let home = Home::new();
    let cluster = prepared(&home, &[], "", "");
    two_halves_are_one_whole("continuity::the_same_with_postgresql", &home, || {
        let middle = "length(payload) / 2";
        let changed = cluster.sql(&format!(
            "UPDATE spacetime.snapshots SET payload = set_byte(payload, {middle}, get_byte(payload, {middle}) # 1) \
             WHERE world = 'main' AND tick = {HALF} RETURNING tick"
        ));
        assert_eq!(changed, HALF.to_string());
    });
}

#[test]
fn a_world_goes_on_from_an_earlier_tick_only_if_what_comes_behind_may_go() {
    let home = Home::new();
    let service = home.serving();
    let saved = home.asked("save");
    let tick = saved["tick"].as_u64().expect("a tick") + 45;
    home.status_until("to run on", |status| status["durable"]["tick"].as_u64() > Some(tick + 90));
    service.stops();
    let file = home.path("before.strec");
    home.told(&format!("db export --json {}", file.display()));
    let before = digests(&file);
    home.refused(&format!("serve --at-tick {tick}"), "to go on from tick");
    home.refused("serve --at-tick 99999999 --discard-after", "has no tick 99999999");
    let mut service = home.serve(&format!("--at-tick {tick} --discard-after"));
    let resumed = service.event("resumed");
    assert_eq!(
        (resumed["tick"].as_u64(), resumed["digest"].as_str()),
        (Some(tick), before.get(&tick).map(String::as_str))
    );
    service.event("serving");
    home.status_until("to run on", |status| status["durable"]["tick"].as_u64() > Some(tick + 20));
    service.stops();
    // Nothing before that tick is lost, and what comes behind it follows.
    let file = home.path("whole.strec");
    home.told(&format!("db export --json {}", file.display()));
    let whole = digests(&file);
    assert!((1..=tick).all(|tick| whole.get(&tick) == before.get(&tick)), "all of it is there");
    assert!(whole.keys().next_back() > Some(&(tick + 20)), "and what follows");
    let file = home.path("after.strec");
    home.told(&format!("db export --json --from-tick {tick} {}", file.display()));
    assert!(digests(&file).keys().next() == Some(&(tick + 1)), "it begins there");
    // Exactly at its end it goes on too, although there is a save of that tick already.
    let end = home.told("db status --json")["worlds"][0]["tick"].as_u64().expect("a tick");
    let mut service = home.serve(&format!("--at-tick {end}"));
    service.event("serving");
    home.asked("save");
    home.status_until("to run on", |status| status["durable"]["tick"].as_u64() > Some(end + 20));
    service.stops();
}
