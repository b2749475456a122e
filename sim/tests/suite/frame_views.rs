//! Frame views as readers get them: two consecutive ticks, matched by id, unchanged while they are held.

use glam::DVec3;
use sim::command::ControlInput;
use sim::field::Value;
use sim::frame_view::FrameFeed;
use sim::{Command, InputFrame};
use sim_testkit::common::{command, fly, place, position, shipped};

#[test]
fn a_view_holds_two_consecutive_ticks() {
    let mut simulation = shipped("busy");
    let mut feed = FrameFeed::new();
    let reader = feed.reader();
    feed.publish(&simulation);
    let first = reader.latest();
    assert_eq!(first.previous, first.current, "nothing came before");

    let gone = first.ids[3];
    command(&mut simulation, &[Command::Despawn { entity: gone }]);
    feed.publish(&simulation);
    let second = reader.latest();
    assert_eq!(second.tick.0, 1);
    assert!(second.ids.is_sorted() && second.ids == simulation.entity_ids() && !second.ids.contains(&gone));
    for (i, id) in second.ids.iter().enumerate() {
        let before = first.ids.binary_search(id).expect("it was there before");
        assert_eq!(second.previous[i], first.current[before], "{id}");
        assert_eq!(second.current[i].position, position(&simulation, *id), "{id}");
    }
    assert_eq!(second.bodies_previous, first.bodies_current);

    // What a reader holds stays as it was, however many ticks follow.
    let held = (*first).clone();
    for _ in 0..10 {
        simulation.step(&InputFrame::default());
        feed.publish(&simulation);
    }
    assert_eq!((first.tick, &first.current), (held.tick, &held.current));
    assert_eq!(reader.latest().tick, simulation.tick());
}

#[test]
fn the_camera_sees_what_is_between_the_ticks() {
    let mut simulation = shipped("earth-orbit");
    let mut feed = FrameFeed::new();
    feed.publish(&simulation);
    let before = place(&simulation, 1);
    simulation.step(&InputFrame::default());
    feed.publish(&simulation);
    let view = feed.reader().latest();
    let (after, camera) = (place(&simulation, 1), position(&simulation, 1).plus(DVec3::new(10.0, 0.0, 0.0)));
    let mut seen = Vec::new();
    view.seen_from(camera, 0.25, &mut seen);
    let expected = (before - after) * 0.75 - DVec3::X * 10.0;
    // Barycentric f64 metres, from which the expectation comes, have a last place of 30 micrometres here.
    assert!((seen[0].position_m.as_dvec3() - expected).length() < 5e-4, "{} {expected}", seen[0].position_m);
}

#[test]
fn a_view_shows_what_a_ship_does() {
    let mut simulation = shipped("earth-orbit");
    let mut feed = FrameFeed::new();
    let controls = ControlInput { main: i16::MAX, translate: [0, -16384, 0], ..ControlInput::default() };
    command(&mut simulation, &[Command::Controls { ship: 1, controls }]);
    fly(&mut simulation, 90);
    feed.publish(&simulation);
    let view = feed.reader().latest();
    let (ship, look) = (simulation.inspect(1).expect("a ship"), view.looks[0]);
    assert_eq!((view.ids[0], look.throttle), (1, 1.0));
    assert!((look.thrusters.y + 0.5).abs() < 1e-4, "{:?}", look.thrusters);
    let class = &simulation.scenario().classes[look.class as usize];
    assert_eq!((look.radius_m, look.hull), (class.radius_m as f32, 1.0));
    let fuel = match ship.field("Tank", "fuel_kg") {
        Some(Value::F64(kg)) => kg / class.fuel_kg,
        other => panic!("{other:?}"),
    };
    assert!(fuel < 1.0 && (f64::from(look.fuel) - fuel).abs() < 1e-6, "{fuel}");
    let Some(Value::Vec3(proper)) = ship.field("Velocity", "proper_m_s") else { panic!("a velocity") };
    // At 30 km/s beside the real speed of light.
    assert!((look.velocity_m_s - proper).length() < 1e-3, "{:?}", look.velocity_m_s);
    assert_eq!(view.bodies_velocity_m_s[3], simulation.bodies()[3].velocity_m_s);
    assert_eq!((view.time_factor, view.looks.len()), (simulation.time_factor(), view.ids.len()));
}
