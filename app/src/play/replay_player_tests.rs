//! Laws of playing a recording: however one gets to a tick, it is the same one.

use std::path::Path;

use sim::command::ControlInput;
use sim::frame_view::FrameView;

use super::*;
use crate::play::flight::Flight;
use crate::play::world::Order;
use crate::scenario_cmd;

const TICKS: u64 = 1_000;

/// A flight with something in its log.
fn recorded(folder: &Path) -> Recording {
    let path = folder.join("flight.strec");
    let mut flight = Flight::new(&scenario_cmd::load("earth-orbit").unwrap(), Some(&path)).unwrap();
    for tick in 0..TICKS {
        match tick {
            10 => flight.order(Order::Controls(ControlInput { main: 9_000, assist: true, ..ControlInput::default() })),
            300 => flight.order(Order::TimeFactor(16)),
            420 => flight.order(Order::Fire),
            _ => {}
        }
        assert!(flight.tick().1.is_none());
    }
    flight.finish().unwrap();
    Recording::open(&path).unwrap()
}

/// Time for so many ticks, of which the last two are not asked for.
fn at_most(ticks: u64) -> impl FnMut() -> bool {
    let mut left = ticks - 1;
    move || {
        left = left.saturating_sub(1);
        left > 0
    }
}

fn shown(feed: &Outlet) -> FrameView {
    (*feed.latest()).clone()
}

#[test]
fn seeking_then_stepping_is_playing() {
    let folder = tempfile::tempdir().unwrap();
    let recording = recorded(folder.path());
    let (mut played, mut feed) = (Player::new(recording.reopen().unwrap()).unwrap(), Outlet::new());
    played.play(true, &mut feed).unwrap();
    let (mut sought, mut other) = (Player::new(recording).unwrap(), Outlet::new());
    for (tick, steps) in [(950, 5), (30, 1), (301, 7), (0, 3), (899, 2), (1_000, 0), (500, -1), (1, -1)] {
        sought.seek(tick, &mut other).unwrap();
        for _ in 0..i64::abs(steps) {
            sought.step_by(steps.signum(), &mut other).unwrap();
        }
        let to = tick.saturating_add_signed(steps);
        assert_eq!((sought.simulation().tick().0, sought.position()), (to, to as f64));
        if played.position() > to as f64 {
            played.seek(0, &mut feed).unwrap();
        }
        played.play(true, &mut feed).unwrap();
        while played.position() < to as f64 && played.is_playing() {
            played.advance(1.0 / 90.0, at_most(10), &mut feed).unwrap();
        }
        if to > 0 {
            assert_eq!(sought.simulation().digest(), played.simulation().digest(), "tick {to}");
        }
        let (a, b) = (shown(&other), shown(&feed));
        if played.simulation().tick().0 == to && to > 1 {
            assert_eq!((a.ids, a.previous, a.current), (b.ids, b.previous, b.current), "what is seen at tick {to}");
        }
    }
    assert_eq!((sought.departed_at(), played.departed_at()), (None, None));
}

#[test]
fn speed_is_ticks_per_ticks_time() {
    let folder = tempfile::tempdir().unwrap();
    let recording = recorded(folder.path());
    for (speed, position) in [(1.0, 90.0), (0.1, 9.0), (0.01, 9.0), (5.0, 450.0), (100.0, 1_000.0), (1e9, 1_000.0)] {
        let (mut player, mut feed) = (Player::new(recording.reopen().unwrap()).unwrap(), Outlet::new());
        player.set_speed(speed);
        player.play(true, &mut feed).unwrap();
        for _ in 0..60 {
            player.advance(1.0 / 60.0, at_most(1_000), &mut feed).unwrap();
        }
        assert!((player.position() - position).abs() < 1e-6, "{speed}: {}", player.position());
        assert_eq!(player.is_playing(), position < 1_000.0, "it stands at the end");
        assert_eq!(player.simulation().tick().0, player.position().ceil() as u64);
    }
    let (mut player, mut feed) = (Player::new(recording).unwrap(), Outlet::new());
    player.set_speed(f64::NAN);
    player.play(true, &mut feed).unwrap();
    player.advance(10.0, at_most(5), &mut feed).unwrap();
    assert_eq!((player.position(), player.speed()), (5.0, 1.0), "never more ticks at once than allowed");
    player.play(false, &mut feed).unwrap();
    player.advance(1.0, at_most(50), &mut feed).unwrap();
    assert_eq!(player.position(), 5.0);
    assert_eq!(
        (stepped(1.0, true), stepped(1.0, false), stepped(100.0, true), stepped(0.1, false)),
        (2.0, 0.5, 100.0, 0.1)
    );
}

#[test]
fn slow_motion_goes_between_ticks() {
    let folder = tempfile::tempdir().unwrap();
    let (mut player, mut feed) = (Player::new(recorded(folder.path())).unwrap(), Outlet::new());
    player.seek(100, &mut feed).unwrap();
    assert_eq!(player.fraction(), 1.0);
    player.set_speed(0.1);
    player.play(true, &mut feed).unwrap();
    player.advance(1.0 / 90.0 * 2.5, at_most(50), &mut feed).unwrap();
    assert!((player.fraction() - 0.25).abs() < 1e-9 && player.simulation().tick().0 == 101);
    assert_eq!(shown(&feed).tick.0, 101);
    player.step_by(1, &mut feed).unwrap();
    assert_eq!((player.position(), player.is_playing()), (101.0, false));
    player.step_by(-1, &mut feed).unwrap();
    assert_eq!(player.position(), 100.0);
}

#[test]
fn the_log_is_shown_and_beyond_its_ends_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut player, mut feed) = (Player::new(recorded(folder.path())).unwrap(), Outlet::new());
    assert_eq!(player.marks(), [(301, false)], "the time factor; controls and shots are no marks");
    for (tick, words) in
        [(1, "player 1 joins as operator"), (11, "throttle 27 %, assist on"), (301, "sets time to 4x"), (421, "fires")]
    {
        player.seek(tick, &mut feed).unwrap();
        assert!(player.entries().contains(words), "{tick}: {}", player.entries());
    }
    player.seek(u64::MAX, &mut feed).unwrap();
    assert_eq!(player.position(), TICKS as f64);
    player.step_by(i64::MAX, &mut feed).unwrap();
    player.step_by(i64::MIN, &mut feed).unwrap();
    assert_eq!(player.position(), 0.0);
    player.seek(TICKS, &mut feed).unwrap();
    player.play(true, &mut feed).unwrap();
    assert_eq!((player.position(), player.is_playing()), (0.0, true), "at the end it begins anew");
}

#[test]
fn another_build_is_found_out() {
    use sim::fault::Fault;
    let folder = tempfile::tempdir().unwrap();
    let mut recording = recorded(folder.path());
    recording.prepare = Some(std::sync::Arc::new(|simulation: &mut Simulation| {
        let ship = simulation.ships_of(sim::PlayerId(1))[0];
        simulation.inject_fault(Fault { tick: 20, system: sim::System::Motion, entity: ship });
    }));
    let (mut player, mut feed) = (Player::new(recording).unwrap(), Outlet::new());
    player.play(true, &mut feed).unwrap();
    player.advance(1.0, at_most(200), &mut feed).unwrap();
    assert_eq!(player.departed_at(), Some(20));
}

#[test]
fn a_seek_into_damage_stands_where_it_got_to() {
    let folder = tempfile::tempdir().unwrap();
    drop(recorded(folder.path()));
    let path = folder.path().join("flight.strec");
    let last = Recording::open(&path).unwrap().reader.segments().last().copied().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[last.offset as usize + 40] ^= 0xff;
    std::fs::write(&path, &bytes).unwrap();
    let (mut player, mut feed) = (Player::new(Recording::open(&path).unwrap()).unwrap(), Outlet::new());
    player.seek(100, &mut feed).unwrap();
    assert!(player.seek(TICKS, &mut feed).is_err());
    assert_eq!(player.position(), player.simulation().tick().0 as f64);
    assert_eq!(shown(&feed).tick, player.simulation().tick());
    assert_eq!(player.digest(), player.simulation().digest().total);
}
