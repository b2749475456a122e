//! Frame views as readers get them: two consecutive ticks, matched by id, unchanged while they are held.

mod common;

use common::{command, place, position, shipped};
use glam::DVec3;
use sim::frame_view::FrameFeed;
use sim::{Command, InputFrame};

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
