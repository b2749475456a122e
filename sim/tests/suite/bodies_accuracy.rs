//! The integrated Solar System against JPL DE421. The reference dates are in a fixture of their own; bounds are
//! about 1.3 times what was measured (docs/INTEGRATOR.md), so that a wrong force shows.

use glam::DVec3;
use sim::bodies::{BodyState, Ephemeris, solar_system, states_at_seconds};
use sim::scenario::Forces;
use sim::time::SimTime;

const ALL: Forces = Forces { post_newtonian: true, figures: true };
const J2000: f64 = 2_451_545.0;

/// Positions of DE421 in km at a date of the reference fixture, by the bodies' order.
fn reference_km(jd: f64) -> Vec<DVec3> {
    let text = include_str!("../../../fixtures/ephemeris/de421_reference.txt");
    let block = text.split("epoch ").find(|block| block.lines().next().and_then(|l| l.parse().ok()) == Some(jd));
    let numbers = |line: &str| line.split(' ').skip(1).map(|word| word.parse().unwrap()).collect::<Vec<f64>>();
    block.unwrap().lines().skip(1).map(numbers).map(|n| DVec3::new(n[0], n[1], n[2])).collect()
}

fn integrated(from: f64, to: f64, forces: Forces) -> Vec<BodyState> {
    let bodies = solar_system(from).unwrap();
    states_at_seconds(&bodies, forces, 90, &[(to - from) * 86_400.0]).unwrap().remove(0)
}

/// Barycentric position errors in km, by the bodies' order, and the Moon's seen from the Earth.
fn errors_km(from: f64, to: f64, forces: Forces) -> (Vec<f64>, f64) {
    let (states, reference) = (integrated(from, to, forces), reference_km(to));
    assert_eq!((states.len(), reference.len()), (11, 11));
    let error = |i: usize| states[i].position_m / 1000.0 - reference[i];
    ((0..11).map(|i| error(i).length()).collect(), (error(4) - error(3)).length())
}

/// `bounds_km`: Sun, Mercury, Venus, Earth, Moon, Mars, Jupiter, Saturn, Uranus, Neptune, Pluto, Moon from Earth.
fn check(from: f64, to: f64, bounds_km: [f64; 12]) {
    let (mut errors, moon) = errors_km(from, to, ALL);
    errors.push(moon);
    println!("{from} to {to}: {errors:.4?}");
    for (i, (error, bound)) in errors.iter().zip(bounds_km).enumerate() {
        assert!(*error <= bound, "{from} to {to}, body {i}: {error} km is more than {bound} km");
    }
}

#[test]
fn days_and_a_year_from_j2000() {
    check(J2000, J2000 + 1.0, [0.002, 0.002, 0.002, 0.002, 0.002, 0.002, 0.002, 0.002, 0.001, 0.001, 0.001, 1e-4]);
    check(J2000, J2000 + 30.0, [0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.001, 0.001, 0.001, 0.001]);
    check(J2000, J2000 + 365.25, [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.02, 0.01, 0.01, 0.05]);
}

#[test]
fn ten_years_from_j2000() {
    check(J2000, J2000 + 3652.5, [0.3, 0.3, 0.3, 1.3, 1.8, 1.4, 0.4, 4.8, 1.1, 0.5, 0.5, 0.5]);
}

#[test]
fn fifty_years_forward_and_back() {
    check(J2000, J2000 + 18_262.5, [0.4, 0.5, 0.8, 6.5, 7.0, 23.0, 15.0, 4.0, 33.0, 15.0, 12.0, 2.2]);
    check(J2000, J2000 - 18_262.5, [0.4, 0.9, 0.8, 6.5, 8.5, 7.0, 19.0, 8.0, 33.0, 15.0, 15.0, 2.4]);
    let start = 2_451_179.75;
    check(start, start + 18_262.5, [0.8, 0.7, 0.6, 6.0, 5.0, 32.0, 15.0, 4.0, 33.0, 15.0, 12.0, 2.2]);
}

#[test]
fn each_force_is_needed() {
    let error = |post_newtonian, figures| errors_km(J2000, J2000 + 3652.5, Forces { post_newtonian, figures });
    let (newton, _) = error(false, false);
    assert!(newton[1] > 1500.0, "Mercury without relativity: {} km", newton[1]);
    let (_, moon) = error(true, false);
    assert!(moon > 150.0, "the Moon without figures: {moon} km");
}

#[test]
fn a_date_between_the_fixtures_is_integrated_to() {
    // 1969 and half way between two fixtures, 2.5 years from each.
    for jd in [2_440_400.5, J2000 + 913.125] {
        let reference = reference_km(jd);
        for (body, reference) in solar_system(jd).unwrap().iter().zip(reference) {
            let error_km = (body.position_m / 1000.0 - reference).length();
            assert!(error_km < 1.5, "{} at {jd}: {error_km} km", body.name);
        }
    }
}

#[test]
fn the_earths_pole_turns_under_the_pull_of_moon_and_sun() {
    // Precession comes out of the torque on the Earth's figure: 20.04 arc seconds a year toward the equinox.
    // Nutation, 9 arc seconds either way in 18.6 years, comes with it.
    let bodies = solar_system(J2000).unwrap();
    let mut ephemeris = Ephemeris::new(&bodies, ALL, 90);
    let years = 18.6;
    let time = SimTime((years * 365.25 * 86_400.0 * 360.0) as i64);
    ephemeris.advance_to(time, time);
    let moved = ephemeris.pole(3).unwrap() - bodies[3].pole;
    let expected = years * 20.04 / 206_264.8;
    assert!((moved.x / expected - 1.0).abs() < 0.01 && moved.y.abs() < 3e-5, "{moved}, expected {expected} along x");
    assert_eq!(ephemeris.pole(4), Some(bodies[4].pole), "the Moon's is held");
    assert_eq!(ephemeris.pole(5), None);
}
