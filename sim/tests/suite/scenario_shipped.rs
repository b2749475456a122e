//! The shipped scenarios: each parses, is called by its name, and holds what its description promises.

use sim::Scenario;
use sim::scenario::{generate, shipped};

fn get(name: &str) -> Scenario {
    let (_, text) = shipped().iter().find(|(shipped, _)| *shipped == name).expect("a shipped scenario");
    Scenario::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_shipped_scenario_parses_under_its_name() {
    assert_eq!(shipped()[0].0, "demo", "the default comes first");
    for (name, text) in shipped() {
        let scenario = get(name);
        assert_eq!(&scenario.name, name);
        assert_eq!(&scenario.text, text);
        assert!(!scenario.description.is_empty(), "{name} has no description");
    }
}

#[test]
fn bench_scenarios_differ_in_count_only() {
    let [small, middle, large] = ["bench-1k", "bench-10k", "bench-100k"].map(get);
    let count = |scenario: &Scenario| scenario.fleets[0].count;
    assert_eq!([count(&small), count(&middle), count(&large)], [1_000, 10_000, 100_000]);
    for other in [middle, large] {
        let mut fleets = other.fleets.clone();
        fleets[0].count = 1_000;
        assert_eq!((&fleets, &other.classes), (&small.fleets, &small.classes));
    }
}

#[test]
fn the_demo_has_four_pilots_and_rocks_ahead() {
    let demo = get("demo");
    let players: Vec<u32> =
        demo.fleets.iter().flat_map(|fleet| (0..fleet.count).map(|slot| generate::fleet_player(fleet, slot))).collect();
    assert_eq!(players, [1, 2, 3, 4]);
    // The rocks start clear of the patrol and drift into it.
    let (patrol, field) = (&demo.fleets[0], &demo.asteroid_fields[0]);
    let apart = field.placement.position_m - patrol.placement.position_m;
    let closing = patrol.placement.velocity_m_s - field.placement.velocity_m_s;
    assert!((apart.length() - 350.0).abs() < 1e-3, "{}", apart.length());
    assert!((closing.dot(apart.normalize()) - 10.0).abs() < 1e-3);
}

#[test]
fn orbits_are_circular_at_the_stated_height() {
    let scenario = get("earth-orbit");
    let relay = scenario.structures.iter().find(|structure| structure.name == "relay").unwrap();
    let earth = &scenario.bodies[relay.placement.body.unwrap()];
    let (r, v) = (relay.placement.position_m, relay.placement.velocity_m_s);
    assert!((r.length() / 42_164e3 - 1.0).abs() < 1e-14);
    assert!(r.dot(v).abs() / (r.length() * v.length()) < 1e-14, "no radial speed");
    // A sidereal day, 86,164 s; the radius is rounded to kilometres.
    let period_s = std::f64::consts::TAU * r.length() / v.length();
    assert!((period_s - 86_164.0).abs() < 5.0, "{period_s} s");
    assert!(r.dot(earth.pole).abs() / r.length() < 1e-14, "over the equator");

    let station = scenario.structures.iter().find(|structure| structure.name == "station").unwrap();
    let (r, v) = (station.placement.position_m, station.placement.velocity_m_s);
    let inclination_deg = r.cross(v).normalize().angle_between(earth.pole).to_degrees();
    assert!((inclination_deg - 51.6).abs() < 1e-9, "{inclination_deg}");
}

#[test]
fn the_binary_star_circles_its_barycentre() {
    let scenario = get("binary-star");
    let [alpha, beta] = [&scenario.bodies[0], &scenario.bodies[1]];
    let mass = alpha.gm_m3_s2 + beta.gm_m3_s2;
    let centre = (alpha.position_m * alpha.gm_m3_s2 + beta.position_m * beta.gm_m3_s2) / mass;
    let drift = (alpha.velocity_m_s * alpha.gm_m3_s2 + beta.velocity_m_s * beta.gm_m3_s2) / mass;
    // The file rounds to kilometres and metres per second.
    assert!(centre.length() < 1e3 && drift.length() < 1.0, "{centre} {drift}");
    let apart = alpha.position_m - beta.position_m;
    let circular_m_s = (mass / apart.length()).sqrt();
    let relative_m_s = (alpha.velocity_m_s - beta.velocity_m_s).length();
    assert!((relative_m_s / circular_m_s - 1.0).abs() < 1e-4);
}

/// A fleet is a count, not a list: reading 100,000 ships costs no more than reading 1,000.
#[test]
fn no_shipped_text_is_long() {
    for (name, text) in shipped() {
        assert!(text.len() < 4096, "{name}: {} bytes", text.len());
    }
}
