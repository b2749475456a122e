//! The guided flight, flown by a script that does what the guide says, in the real scenario.

use glam::DVec3;
use sim::command::ControlInput;
use sim::frame_view::{FrameFeed, FrameReader};

use super::*;
use crate::play::flight::Flight;
use crate::play::pilot::stepped;
use crate::play::targets;
use crate::play::world::Order;
use crate::scenario_cmd;

/// Full deflection.
const FULL: f64 = 32_767.0;

/// A pilot who does what the step asks for, with the controls that a person has.
fn hands(step: &str, frame: &FrameView, ship: u64, aim: &mut Option<Aim>) -> Vec<Order> {
    let controls = |controls: ControlInput| vec![Order::Controls(ControlInput { assist: true, ..controls })];
    match step {
        "turn" => controls(ControlInput { rotate: [0, 0, 20_000], ..ControlInput::default() }),
        "throttle" => controls(ControlInput { main: 10_000, ..ControlInput::default() }),
        "assist_off" => vec![Order::Controls(ControlInput::default())],
        "target" => {
            *aim = targets::stepped(frame, Some(ship), *aim, true);
            Vec::new()
        }
        "time_faster" => vec![Order::TimeFactor(stepped(frame.time_factor, true))],
        "time_normal" => vec![Order::TimeFactor(stepped(frame.time_factor, false))],
        "approach" | "dock" => controls(toward(frame, ship)),
        _ => controls(ControlInput::default()),
    }
}

/// Thrusters toward the station, as fast as it can still be stopped.
fn toward(frame: &FrameView, ship: u64) -> ControlInput {
    let at = frame.ids.binary_search(&ship).expect("the ship is there");
    let sight = Sight::of(frame, 90, ship, None).and_then(|sight| sight.station).expect("a station");
    let station = frame.ids.binary_search(&sight.id).expect("it is there");
    let way = frame.current[station].position.minus(frame.current[at].position).normalize();
    let left = (sight.gap_m - DOCKED_M / 2.0).max(0.0);
    let wanted = way * (2.0 * 0.3 * left).sqrt().min(15.0);
    let change = wanted - (frame.looks[at].velocity_m_s - frame.looks[station].velocity_m_s);
    let body: DVec3 = frame.current[at].icrf_from_body.inverse() * change;
    let push = |metres_s: f64| (metres_s * 2.0).clamp(-1.0, 1.0) * FULL;
    ControlInput { translate: [body.x, body.y, body.z].map(|v| push(v) as i16), ..ControlInput::default() }
}

/// Flies until the guide is over or the seconds are; gives the steps done, in order.
fn fly(seconds: u64) -> Vec<&'static str> {
    let scenario = scenario_cmd::load(SCENARIO).expect("it is shipped");
    let mut flight = Flight::new(&scenario, None).expect("no file is written");
    let (mut feed, mut guide, mut aim, mut done) = (FrameFeed::new(), Guide::default(), None, Vec::new());
    let reader: FrameReader = feed.reader();
    for _ in 0..seconds * u64::from(scenario.tick_rate_hz) {
        let (report, _) = flight.tick();
        assert!(report.refused.is_empty(), "{:?}", report.refused);
        feed.publish(flight.simulation());
        let (frame, ship) = (reader.latest(), flight.ship().expect("a ship"));
        let Some(step) = guide.step() else { break };
        let sight = Sight::of(&frame, scenario.tick_rate_hz, ship, aim).expect("a ship to see from");
        if guide.look(&sight) {
            done.push(step.name);
        }
        if let Some(step) = guide.step() {
            hands(step.name, &frame, ship, &mut aim).into_iter().for_each(|order| flight.order(order));
        }
    }
    done
}

#[test]
fn whoever_does_what_it_says_docks() {
    let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    assert_eq!(fly(240), names);
}

#[test]
fn nothing_is_done_by_itself_and_all_can_be_skipped() {
    let mut guide = Guide::default();
    let scenario = scenario_cmd::load(SCENARIO).expect("it is shipped");
    let (mut flight, mut feed) = (Flight::new(&scenario, None).expect("no file"), FrameFeed::new());
    for _ in 0..20 * 90 {
        flight.tick();
        feed.publish(flight.simulation());
        let sight = Sight::of(&feed.reader().latest(), 90, flight.ship().expect("a ship"), None);
        guide.look(&sight.expect("a ship to see from"));
    }
    assert_eq!(guide.step().map(|step| step.name), Some("turn"), "only the welcome passes");
    (0..STEPS.len()).for_each(|_| guide.skip());
    assert!(guide.is_over() && guide.says(&Bindings::default()).is_none());
}

#[test]
fn texts_name_the_inputs_that_are_bound() {
    let bindings = Bindings::default();
    for (at, step) in STEPS.iter().enumerate() {
        let guide = Guide { step: at, begun: None };
        let said = guide.says(&bindings).expect("a text");
        assert!(!said.contains('{') && !said.contains("(nothing)"), "{}: {said}", step.name);
        assert!(said.len() < 200, "{}: three lines hold no more: {said}", step.name);
    }
    let mut bound = Bindings::default();
    bound.set(Action::Assist, Vec::new());
    assert_eq!(filled("a {assist} b {nonsense} c {", &bound), "a (nothing) b (nothing) c (nothing)");
}
