//! The real Solar System: states from JPL DE421 at any date from 1900 to 2050, and what the bodies are like.
//! Must never be needed by a world of other bodies.

use glam::DVec3;

use super::query::states_at_seconds;
use crate::scenario::{Atmosphere, Body, Figure, Forces, Tide};

/// Made by `fixtures/scripts/make_ephemeris.py`, which describes the format.
const STATES: &str = include_str!("../../../fixtures/ephemeris/de421_states.txt");

const J2000_JD: f64 = 2_451_545.0;
const DAY_S: f64 = 86_400.0;

/// A date for which there is no data.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("JD {jd} is outside the ephemeris, which holds JD {first} to {last} (TDB)")]
pub struct EpochError {
    /// The date asked for, Julian date, TDB.
    pub jd: f64,
    /// First date held.
    pub first: f64,
    /// Last date held.
    pub last: f64,
}

/// Sun, planets, Moon and Pluto at Julian date `epoch_jd_tdb`, barycentric, ICRF axes.
///
/// At a date of the fixture the states are the fixture's, bit for bit; at another they are integrated from the
/// nearest of those with all forces. Beyond Mars a planet stands for the barycentre and mass of its system.
///
/// # Errors
/// A date outside the fixture, or not finite.
pub fn solar_system(epoch_jd_tdb: f64) -> Result<Vec<Body>, EpochError> {
    let (first, last) = (epochs().next().unwrap_or(J2000_JD), epochs().last().unwrap_or(J2000_JD));
    let refused = EpochError { jd: epoch_jd_tdb, first, last };
    if !(epoch_jd_tdb >= first && epoch_jd_tdb <= last) {
        return Err(refused);
    }
    let distance = |jd: &f64| (jd - epoch_jd_tdb).abs();
    let nearest = epochs().min_by(|a, b| distance(a).total_cmp(&distance(b))).ok_or(refused)?;
    let mut bodies = at_fixture_epoch(nearest);
    if nearest != epoch_jd_tdb {
        let all = Forces { post_newtonian: true, figures: true };
        let elapsed_s = (epoch_jd_tdb - nearest) * DAY_S;
        let states = states_at_seconds(&bodies, all, 90, &[elapsed_s]).map_err(|_| refused)?;
        for (body, state) in bodies.iter_mut().zip(states.iter().flatten()) {
            (body.position_m, body.velocity_m_s) = (state.position_m, state.velocity_m_s);
        }
        turn_poles(&mut bodies, epoch_jd_tdb);
    }
    Ok(bodies)
}

/// Dates of the fixture, ascending.
fn epochs() -> impl Iterator<Item = f64> {
    STATES.lines().filter_map(|line| line.strip_prefix("epoch ")?.parse().ok())
}

/// The bodies at a date of the fixture, in the fixture's order.
fn at_fixture_epoch(jd: f64) -> Vec<Body> {
    let gms = STATES.lines().filter_map(|line| line.strip_prefix("gm ")?.split_once(' '));
    let gm_m3_s2 = |name: &str| gms.clone().find(|(n, _)| *n == name)?.1.parse::<f64>().ok().map(|gm| gm * 1e9);
    let here = |line: &&str| line.strip_prefix("epoch ").and_then(|at| at.parse().ok()) != Some(jd);
    let lines = STATES.lines().skip_while(here).skip(1).take_while(|line| !line.starts_with("epoch "));
    let mut bodies = Vec::new();
    for line in lines {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        let numbers: Vec<f64> = words.filter_map(|word| word.parse().ok()).map(|km: f64| km * 1000.0).collect();
        let known = FACTS.iter().find(|f| f.name == name).zip(gm_m3_s2(name));
        // The fixture is part of the program, and a test reads all of it.
        let (Some((facts, gm_m3_s2)), &[x, y, z, vx, vy, vz]) = (known, numbers.as_slice()) else { continue };
        bodies.push(Body {
            name: name.to_owned(),
            gm_m3_s2,
            radius_m: facts.radius_m,
            position_m: DVec3::new(x, y, z),
            velocity_m_s: DVec3::new(vx, vy, vz),
            figure: facts.figure,
            tide: facts.tide,
            pole: DVec3::Z,
            rotation_rad_s: facts.spin_deg_day * (RADIANS / DAY_S),
            atmosphere: facts.atmosphere,
        });
    }
    turn_poles(&mut bodies, jd);
    bodies
}

/// Sets the poles of date.
fn turn_poles(bodies: &mut [Body], jd: f64) {
    let centuries = (jd - J2000_JD) / 36_525.0;
    for body in bodies {
        let Some(facts) = FACTS.iter().find(|f| f.name == body.name) else { continue };
        let [right_ascension, ra_rate, declination, dec_rate] = facts.pole_deg;
        let (ra, dec) =
            ((right_ascension + ra_rate * centuries) * RADIANS, (declination + dec_rate * centuries) * RADIANS);
        let (sin_ra, cos_ra) = (libm::sin(ra), libm::cos(ra));
        let (sin_dec, cos_dec) = (libm::sin(dec), libm::cos(dec));
        body.pole = DVec3::new(cos_dec * cos_ra, cos_dec * sin_ra, sin_dec);
    }
}

const RADIANS: f64 = std::f64::consts::PI / 180.0;

/// What the ephemeris does not say.
struct Facts {
    name: &'static str,
    /// Mean radius.
    radius_m: f64,
    /// Right ascension, its rate per century, declination, its rate per century, of the north pole, ICRF.
    pole_deg: [f64; 4],
    spin_deg_day: f64,
    figure: Option<Figure>,
    tide: Option<Tide>,
    atmosphere: Option<Atmosphere>,
}

/// Density at the mean radius (at 1 bar for the giants), scale height; air ends where 25 scale heights have
/// thinned it by 7e10.
const fn air(surface_density_kg_m3: f64, scale_height_m: f64) -> Option<Atmosphere> {
    Some(Atmosphere { surface_density_kg_m3, scale_height_m, top_m: 25.0 * scale_height_m })
}

const fn facts(name: &'static str, radius_m: f64, pole_deg: [f64; 4], spin_deg_day: f64) -> Facts {
    Facts { name, radius_m, pole_deg, spin_deg_day, figure: None, tide: None, atmosphere: None }
}

/// Radii, poles and spins: Archinal et al. 2018, "Report of the IAU Working Group on Cartographic Coordinates
/// and Rotational Elements: 2015"; the Earth's and the Moon's poles from its 2009 report, the Moon's without
/// periodic terms, Neptune's as of J2000. Figures and tide: the constants of DE421 (J2SUN, ASUN; J2E, AE; J2M,
/// C22M, AM; K2E2), so that they act as they did there; figures that DE421 leaves out are left out here. DE421
/// has one lag each for slow, daily and half-daily tides (5530, 963 and 568 s); 600 s for all makes the Moon
/// recede as it does there, to 1 %. Air: NASA planetary fact sheets (D. R. Williams, NSSDCA).
#[rustfmt::skip]
const FACTS: [Facts; 11] = [
    Facts {
        figure: Some(Figure { j2: 2e-7, c22: 0.0, faces: None, radius_m: 696_000_000.0 }),
        ..facts("sun", 695_700_000.0, [286.13, 0.0, 63.87, 0.0], 14.1844)
    },
    facts("mercury", 2_439_400.0, [281.0103, -0.0328, 61.4155, -0.0049], 6.138_510_8),
    Facts { atmosphere: air(65.0, 15_900.0), ..facts("venus", 6_051_800.0, [272.76, 0.0, 67.16, 0.0], -1.481_368_8) },
    Facts {
        figure: Some(Figure { j2: 0.001_082_625_305, c22: 0.0, faces: None, radius_m: 6_378_136.3 }),
        tide: Some(Tide { k2: 0.32, lag_s: 600.0, radius_m: 6_378_136.3 }),
        atmosphere: air(1.217, 8_500.0),
        ..facts("earth", 6_371_008.4, [0.0, -0.641, 90.0, -0.557], 360.985_623_5)
    },
    Facts {
        figure: Some(Figure {
            j2: 2.032_732_576_370_724e-4, c22: 2.238_976_709_652_413e-5, faces: Some(3), radius_m: 1_738_000.0,
        }),
        ..facts("moon", 1_737_400.0, [269.9949, 0.0031, 66.5392, 0.0130], 13.176_358_15)
    },
    Facts {
        atmosphere: air(0.020, 11_100.0),
        ..facts("mars", 3_389_500.0, [317.681_43, -0.1061, 52.886_50, -0.0609], 350.891_982_26)
    },
    Facts {
        atmosphere: air(0.16, 27_000.0),
        ..facts("jupiter", 69_911_000.0, [268.056_595, -0.006_499, 64.495_303, 0.002_413], 870.536)
    },
    Facts { atmosphere: air(0.19, 59_500.0), ..facts("saturn", 58_232_000.0, [40.589, -0.036, 83.537, -0.004], 810.793_902_4) },
    Facts { atmosphere: air(0.42, 27_700.0), ..facts("uranus", 25_362_000.0, [257.311, 0.0, -15.175, 0.0], -501.160_092_8) },
    Facts { atmosphere: air(0.45, 19_700.0), ..facts("neptune", 24_622_000.0, [299.333, 0.0, 42.950, 0.0], 541.139_775_7) },
    facts("pluto", 1_188_300.0, [132.993, 0.0, -6.163, 0.0], 56.362_522_5),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_of_the_fixture_holds_every_body() {
        assert_eq!(epochs().count(), 31);
        assert!(epochs().any(|jd| jd == J2000_JD));
        for jd in epochs() {
            let bodies = solar_system(jd).unwrap();
            assert!(bodies.iter().map(|b| b.name.as_str()).eq(FACTS.iter().map(|f| f.name)), "{jd}");
            super::super::check_bodies(&bodies).unwrap();
        }
    }

    #[test]
    fn the_states_are_the_fixtures_bit_for_bit() {
        let bodies = solar_system(J2000_JD).unwrap();
        let line = STATES.split("epoch 2451545.0\n").nth(1).and_then(|rest| rest.lines().nth(3)).unwrap();
        let numbers: Vec<f64> = line.split(' ').skip(1).map(|w| w.parse::<f64>().unwrap() * 1000.0).collect();
        let earth = &bodies[3];
        assert!(line.starts_with("earth "));
        assert_eq!([earth.position_m.to_array(), earth.velocity_m_s.to_array()].concat(), numbers);
    }

    #[test]
    fn a_date_outside_is_refused() {
        for jd in [f64::NAN, f64::INFINITY, 2_415_019.9, 2_469_807.6] {
            assert!(solar_system(jd).is_err(), "{jd}");
        }
    }
}
