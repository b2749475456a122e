//! Where a scenario puts things, against directions worked out by hand.

use glam::DVec3;
use sim::Scenario;
use sim::scenario::Placement;

/// A planet whose circular orbits at 100 km from its centre have a speed of 2 km/s.
const PLANET: &str = "name = \"test\"\n[[body]]\nname = \"planet\"\ngm_km3_s2 = 400\nradius_km = 10\n\
    position_km = [1000, 0, 0]\nvelocity_km_s = [0, 3, 0]\n";

fn parse(more: &str) -> Scenario {
    let text = format!("{PLANET}{more}");
    Scenario::parse(&text).unwrap_or_else(|error| panic!("{error} in:\n{text}"))
}

/// Position in units of 100 km and velocity in units of 2 km/s on an orbit.
fn orbit(pole: &str, elements: &str) -> [DVec3; 2] {
    let more = format!(
        "{pole}\n[[structure]]\nname = \"s\"\naround = \"planet\"\nradius_m = 1\nmass_kg = 1\n\
        orbit = {{ radius_km = 100, {elements} }}"
    );
    let Placement { body, position_m, velocity_m_s } = parse(&more).structures[0].placement;
    assert_eq!(body, Some(0));
    [position_m / 1e5, velocity_m_s / 2e3]
}

#[track_caller]
fn same(found: [DVec3; 2], expected: [DVec3; 2]) {
    // A few roundings of sines and cosines.
    assert!((found[0] - expected[0]).length() < 1e-14 && (found[1] - expected[1]).length() < 1e-14, "{found:?}");
}

#[test]
fn orbital_elements_mean_what_they_should() {
    use DVec3 as V;
    same(orbit("", "phase_deg = 0"), [V::X, V::Y]);
    same(orbit("", "phase_deg = 90"), [V::Y, -V::X]);
    same(orbit("", "inclination_deg = 90"), [V::X, V::Z]);
    same(orbit("", "inclination_deg = 180"), [V::X, -V::Y]);
    same(orbit("", "inclination_deg = 90, phase_deg = 90"), [V::Z, -V::X]);
    same(orbit("", "node_deg = 90"), [V::Y, -V::X]);
    same(orbit("", "node_deg = 90, inclination_deg = 90"), [V::Y, V::Z]);
    same(orbit("", "node_deg = 90, inclination_deg = 90, phase_deg = 90"), [V::Z, -V::Y]);
}

#[test]
fn the_plane_is_the_equator_unless_said_otherwise() {
    use DVec3 as V;
    // A pole along ICRF -y: the equator's axes are x, then pole cross x = +z.
    let pole = "pole_ra_dec_deg = [270, 0]";
    same(orbit(pole, "phase_deg = 0"), [V::X, V::Z]);
    same(orbit(pole, "inclination_deg = 90"), [V::X, -V::Y]);
    same(orbit(pole, "plane = \"icrf\""), [V::X, V::Y]);
    // A pole along x, where x cannot be laid onto the equator and y is.
    same(orbit("pole_ra_dec_deg = [0, 0]", "phase_deg = 0"), [V::Y, V::Z]);
}

#[test]
fn beside_a_group_along_its_orbit() {
    let text = "[[fleet]]\nname = \"base\"\ncount = 1\naround = \"planet\"\norbit = { radius_km = 100, phase_deg = 90 }\n\
        [[structure]]\nname = \"s\"\nnear = \"base\"\nradius_m = 1\nmass_kg = 1\n\
        position_m = [1, 20, 300]\nvelocity_m_s = [1, 2, 3]\n";
    let base = parse(text).fleets[0].placement;
    let beside = |more: &str| {
        let placement = parse(&format!("{text}{more}")).structures[0].placement;
        assert_eq!(placement.body, base.body);
        (placement.position_m - base.position_m, placement.velocity_m_s - base.velocity_m_s)
    };
    let close = |a: DVec3, b: DVec3| (a - b).length() < 1e-9;
    let (offset, drift) = beside("");
    assert!(close(offset, DVec3::new(1.0, 20.0, 300.0)) && close(drift, DVec3::new(1.0, 2.0, 3.0)));
    // At a phase of 90 degrees up is +y, ahead is -x, and the orbit's normal is +z.
    let (offset, drift) = beside("axes = \"rtn\"");
    assert!(close(offset, DVec3::new(-20.0, 1.0, 300.0)) && close(drift, DVec3::new(-2.0, 1.0, 3.0)), "{offset}");
}

#[test]
fn facings() {
    let facing = |word: &str| {
        let orbit = "orbit = { radius_km = 100, phase_deg = 90 }";
        let text = format!("[[fleet]]\nname = \"f\"\ncount = 1\naround = \"planet\"\n{orbit}\nfacing = {word}\n");
        parse(&text).fleets[0].facing
    };
    for (word, expected) in [
        ("\"prograde\"", -DVec3::X),
        ("\"retrograde\"", DVec3::X),
        ("\"outward\"", DVec3::Y),
        ("\"inward\"", -DVec3::Y),
        ("\"normal\"", DVec3::Z),
        ("[0, 3e-9, -4e-9]", DVec3::new(0.0, 0.6, -0.8)),
    ] {
        assert!((facing(word) - expected).length() < 1e-15, "{word}: {}", facing(word));
    }
}

#[test]
fn bodies_relative_to_bodies() {
    let scenario = parse(
        "[[body]]\nname = \"moon\"\ngm_km3_s2 = 500\nradius_km = 1\nrelative_to = \"Planet\"\norbit = { altitude_km = 90 }\n\
        [[body]]\nname = \"moonlet\"\nmass_kg = 1e15\nradius_km = 1\nrelative_to = \"moon\"\n\
        position_km = [0, 0, 5]\nvelocity_km_s = [1, 0, 0]\n",
    );
    let [_, moon, moonlet] = &scenario.bodies[..] else { panic!("three bodies") };
    assert!((moon.position_m - DVec3::new(1.1e6, 0.0, 0.0)).length() < 1e-9);
    // Both masses count: sqrt(900 / 100) = 3 km/s, on top of the planet's own 3.
    assert!((moon.velocity_m_s - DVec3::new(0.0, 6e3, 0.0)).length() < 1e-9);
    assert!((moonlet.position_m - DVec3::new(1.1e6, 0.0, 5e3)).length() < 1e-9);
    assert!((moonlet.velocity_m_s - DVec3::new(1e3, 6e3, 0.0)).length() < 1e-9);
    assert_eq!(moonlet.gm_m3_s2, 1e15 * 6.674_30e-11);
}

#[test]
fn groups_may_refer_to_any_group_above() {
    let structure = "[[structure]]\nname = \"s\"\nradius_m = 1\nmass_kg = 1\n";
    let fleet = "[[fleet]]\nname = \"f\"\ncount = 2\n";
    let here = "position_km = [0, 500, 0]\n";
    let by_fleet = parse(&format!("{fleet}{here}{structure}near = \"f\"\n"));
    let by_structure = parse(&format!("{structure}{here}{fleet}near = \"s\"\n"));
    assert_eq!(by_fleet.fleets[0].placement, by_structure.fleets[0].placement);
    assert_eq!(by_fleet.structures[0].placement, by_structure.structures[0].placement);
}

#[test]
fn controls_are_quantised() {
    let text = "[[fleet]]\nname = \"f\"\ncount = 1\nposition_km = [0, 0, 99]\n\
        controls = { main = 1, translate = [-1, 0, 0.5], rotate = [1e-9, 0, 1], assist = true }";
    let controls = parse(text).fleets[0].controls;
    assert_eq!((controls.main, controls.assist), (32_767, true));
    assert_eq!((controls.translate, controls.rotate), ([-32_767, 0, 16_384], [0, 0, 32_767]));
}

#[test]
fn classes_build_on_classes() {
    let scenario = parse(
        "[[class]]\nname = \"scout\"\nfuel_kg = 1\n[[class]]\nname = \"tug\"\nbased_on = \"scout\"\nreload_ticks = 3\n\
        inertia_kg_m2 = [1, 2, 3]\n[[class]]\nname = \"barge\"\nbased_on = \"freighter\"\n",
    );
    let [scout, freighter, tug, barge] = &scenario.classes[..] else { panic!("four classes") };
    assert_eq!((scout.fuel_kg, scout.dry_mass_kg), (1.0, 8000.0), "the file's scout takes the place of the other");
    assert_eq!((tug.fuel_kg, tug.reload_ticks, tug.inertia_kg_m2), (1.0, 3, DVec3::new(1.0, 2.0, 3.0)));
    assert_eq!((barge.hull_j, barge.name.as_str()), (freighter.hull_j, "barge"));
}
