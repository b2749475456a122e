//! A world goes on bit for bit after a save, from any tick that the log has; what was changed since is refused.

use app::record::{Options, Recorder};
use app::serve::resume;
use persistence::{Embedded, Key, Name, Record, Store as _, Tick};
use sim::{InputFrame, PlayerId, Scenario, Simulation};

use crate::process::{Home, digests};

/// 2,000 ticks of four pilots who all do something.
fn flight(scenario: &Scenario) -> (Vec<InputFrame>, Vec<u64>) {
    let mut simulation = Simulation::new(scenario);
    let (mut frames, mut digests) = (Vec::new(), Vec::new());
    for tick in 0..2000 {
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

#[test]
fn a_thousand_ticks_a_save_and_a_thousand_more_are_two_thousand_and_a_flipped_byte_is_refused() {
    let home = Home::new();
    let scenario = app::scenario_cmd::load("demo").expect("it is shipped");
    let (frames, digests) = flight(&scenario);
    // One process simulates the first thousand and saves.
    let half = home.path("half.strec");
    let mut recorder =
        Recorder::create(&half, &scenario, &Simulation::new(&scenario), Options::default(), &[]).expect("a file");
    let mut simulation = Simulation::new(&scenario);
    for (frame, digest) in frames.iter().zip(&digests).take(1000) {
        simulation.step(frame);
        recorder.add(frame, *digest).expect("it is written");
    }
    recorder.finish(&simulation).expect("it is written");
    let imported = home.told(&format!("db import --json {}", half.display()));
    assert_eq!(imported["digest"], app::output::hex(digests[999]));
    // This one has only the store.
    let store = home.service().join("world.redb");
    let name = Name::new("main").expect("a name");
    let runtime = app::serve::ask::runtime().expect("a runtime");
    let payload = runtime.block_on(async {
        let store = Embedded::open(&store).expect("a store");
        let world = resume::world(&store, &name).await.expect("it reads").expect("it is there");
        let scenario = resume::scenario_of(&world).expect("a scenario");
        let mut rebuilt = resume::rebuild(&store, &name, &scenario, None).await.expect("a state");
        assert_eq!((rebuilt.save, rebuilt.replayed), (Some(1000), 0), "from the save alone");
        for frame in &frames[1000..] {
            rebuilt.simulation.step(frame);
        }
        assert_eq!(rebuilt.simulation.digest().total, digests[1999]);
        let save = store.get(&Key::Snapshot(name.clone(), Tick(1000))).await.expect("it reads");
        let Some(Record::Snapshot(save)) = save else { panic!("a save") };
        save.payload
    });
    home.told("db verify --json");
    let mut bytes = std::fs::read(&store).expect("a file");
    let part = &payload[payload.len() / 2..payload.len() / 2 + 64];
    let places: Vec<usize> = bytes.windows(64).enumerate().filter(|(_, w)| *w == part).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the save is in the file as it is");
    for at in places {
        bytes[at] ^= 1;
    }
    std::fs::write(&store, bytes).expect("it is written");
    home.refused("db verify", "the store is damaged");
    let (code, _, told) = home.serve("").ends();
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("the store is damaged"), "{told}");
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
