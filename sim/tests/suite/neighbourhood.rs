//! The small copy around a player's ships: the own ship goes as in the whole world, bit for bit, and the copy is
//! small, cheap and leaves the world alone.

use sim::command::ControlInput;
use sim::{Command, InputFrame, Kind, Membership, PlayerId, Role, Simulation};
use sim_testkit::busy;
use sim_testkit::common;
use sim_testkit::common::shipped;

/// Everything about a ship, except what others do to it.
fn own_state(simulation: &Simulation, ship: u64) -> String {
    format!("{:?}", simulation.inspect(ship))
}

fn steer(player: PlayerId, ship: u64, tick: u64) -> InputFrame {
    let mut frame = InputFrame::default();
    if tick == 0 {
        frame.membership.push(Membership::Join { player, role: Role::Pilot });
    }
    let rotate = [0, 900, (tick as i16 % 40) * 100];
    let controls = ControlInput { main: 20_000, translate: [0, 500, -300], rotate, assist: tick % 50 < 25 };
    frame.push(player, &Command::Controls { ship, controls });
    frame
}

#[test]
fn a_lone_ship_goes_as_in_the_whole_world() {
    // The two over Jupiter are 500 m apart; within 100 m of one there is nothing.
    let mut whole = shipped("demo");
    let player = PlayerId(3);
    let ship = whole.ships_of(player)[0];
    for tick in 0..40 {
        whole.step(&steer(player, ship, tick));
    }
    let mut small = whole.neighbourhood(player, 100.0, 64);
    assert_eq!(small.entity_ids(), [ship]);
    assert_eq!(small.tick(), whole.tick());
    for tick in 40..400 {
        let frame = steer(player, ship, tick);
        whole.step(&frame);
        small.step(&frame);
        assert_eq!(own_state(&small, ship), own_state(&whole, ship), "tick {tick}");
    }
    assert_ne!(small.digest(), whole.digest(), "it cannot be mistaken for the world");
}

#[test]
fn neighbours_go_as_in_the_whole_world_until_someone_from_outside_comes() {
    let mut whole = shipped("demo");
    let player = PlayerId(1);
    let own = whole.ships_of(player);
    let mut small = whole.neighbourhood(player, 1_000.0, 1_000);
    assert!(small.entity_count() > 400, "{}: the rocks are near", small.entity_count());
    for tick in 0..12 {
        let frame = steer(player, own[0], tick);
        whole.step(&frame);
        small.step(&frame);
    }
    for id in small.entity_ids() {
        assert_eq!(own_state(&small, id), own_state(&whole, id));
    }
}

#[test]
fn the_nearest_are_taken_and_the_own_first() {
    let mut whole = shipped("busy");
    for _ in 0..50 {
        whole.step(&busy::inputs(&whole));
    }
    let before = whole.digest();
    let player = PlayerId(2);
    let own = whole.ships_of(player);
    for most in [0, 1, own.len(), own.len() + 20] {
        let small = whole.neighbourhood(player, 5_000.0, most);
        assert!(small.entity_count() <= most);
        let kept = small.ships_of(player);
        assert_eq!(kept, own[..most.min(own.len())], "at most {most}");
    }
    let all = whole.neighbourhood(player, f64::INFINITY, usize::MAX);
    assert_eq!(all.digest(), whole.digest(), "nothing is left out where everything is near");
    assert_eq!(all.snapshot(), whole.snapshot());
    let nobody = whole.neighbourhood(PlayerId(999), 5_000.0, 64);
    assert_eq!(nobody.entity_count(), 0);
    assert_eq!(whole.digest(), before);
    // What is taken is nearer than what is not.
    let some = whole.neighbourhood(player, f64::INFINITY, own.len() + 30);
    let place = |id| common::position(&whole, id);
    let distance = |id| own.iter().map(|&ship| place(id).minus(place(ship)).length()).fold(f64::INFINITY, f64::min);
    let taken = some.entity_ids();
    let farthest = taken.iter().map(|&id| distance(id)).fold(0.0, f64::max);
    assert!(whole.entity_ids().into_iter().filter(|id| !taken.contains(id)).all(|id| distance(id) >= farthest));
    assert!(taken.iter().any(|&id| whole.kind(id) == Some(Kind::Asteroid)), "not ships alone");
}
