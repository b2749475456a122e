//! Peers join the service's session, and find their numbers and ships again after it was started anew.

use app::serve::resume;
use persistence::{Embedded, Name};
use sim::PlayerId;

use crate::process::{Home, Process};

fn player(peer: &mut Process) -> u64 {
    peer.event("active")["player"].as_u64().expect("a number")
}

/// The ships of players 1 and 2 in the store's last state.
fn ships(home: &Home) -> [Vec<u64>; 2] {
    let name = Name::new("main").expect("a name");
    app::serve::ask::runtime().expect("a runtime").block_on(async {
        let store = Embedded::open(&home.service().join("world.redb")).expect("a store");
        let world = resume::world(&store, &name).await.expect("it reads").expect("it is there");
        let scenario = resume::scenario_of(&world).expect("a scenario");
        let state = resume::rebuild(&store, &name, &scenario, None).await.expect("a state").simulation;
        assert!(state.members().all(|(player, _)| player.0 != 0), "the service is nobody in the world");
        [1, 2].map(|player| state.ships_of(PlayerId(player)))
    })
}

#[test]
fn peers_come_back_with_their_numbers_and_ships_after_a_crash_of_the_service() {
    let home = Home::new();
    let mut service = home.serving();
    let invite = service.event("invite")["invite"].as_str().expect("an invite").to_owned();
    let mut first = home.join("first.key", &invite);
    assert_eq!(player(&mut first), 1, "the service takes no number that a player could have");
    home.status_until("some time", |status| status["durable"]["tick"].as_u64() > Some(90));
    let mut second = home.join("second.key", &invite);
    assert_eq!(player(&mut second), 2);
    let status = home.status_until("both", |status| status["players"] == serde_json::json!([1, 2]));
    let tick = status["tick"].as_u64().expect("a tick");
    home.status_until("both to be durable", |status| status["durable"]["tick"].as_u64() > Some(tick + 45));
    service.crashes();
    first.crashes();
    second.crashes();
    let before = ships(&home);
    assert!(before.iter().all(|ships| ships.len() == 1), "{before:?}");
    let mut service = home.serving();
    let invite = service.event("invite")["invite"].as_str().expect("an invite").to_owned();
    // The other way round, and a third one between them.
    let mut second = home.join("second.key", &invite);
    assert_eq!(player(&mut second), 2);
    let mut third = home.join("third.key", &invite);
    assert_eq!(player(&mut third), 3);
    let mut first = home.join("first.key", &invite);
    assert_eq!(player(&mut first), 1);
    home.status_until("all", |status| status["players"] == serde_json::json!([1, 2, 3]));
    for peer in [first, second, third] {
        peer.stops();
    }
    service.stops();
    assert_eq!(ships(&home), before);
}

#[test]
fn a_world_whose_peers_are_gone_goes_on_alone() {
    let home = Home::new();
    home.configure("[session]\nalone_s = 4\n");
    let mut service = home.serving();
    let invite = service.event("invite")["invite"].as_str().expect("an invite").to_owned();
    let mut first = home.join("first.key", &invite);
    assert_eq!(player(&mut first), 1);
    let mut second = home.join("second.key", &invite);
    assert_eq!(player(&mut second), 2);
    home.status_until("both", |status| status["players"] == serde_json::json!([1, 2]));
    // The service is one of three: too few to go on, and nobody to say `fork`.
    first.crashes();
    second.crashes();
    let forked = service.event("forked");
    let tick = forked["tick"].as_u64().expect("a tick");
    let status = home.status_until("to go on", |status| status["durable"]["tick"].as_u64() > Some(tick + 90));
    assert_eq!((&status["players"], &status["gap"]), (&serde_json::json!([]), &serde_json::Value::Null));
    // Who comes back has the old number, by an invite of now.
    let invite = home.asked("invite")["invite"].as_str().expect("an invite").to_owned();
    let mut second = home.join("second.key", &invite);
    assert_eq!(player(&mut second), 2);
    second.stops();
    service.stops();
    let file = home.path("all.strec");
    home.told(&format!("db export --json {}", file.display()));
    assert!(crate::process::digests(&file).contains_key(&(tick + 90)), "one log without a gap");
}
