//! Where the poles and prime meridians of the Solar System's bodies point. Must never decide anything in the
//! simulation, which has its own poles.
//!
//! Source: Archinal et al. 2018, "Report of the IAU Working Group on Cartographic Coordinates and Rotational Elements:
//! 2015", Celestial Mechanics and Dynamical Astronomy 130:22; the Earth, the Moon and Mars from the report of 2009
//! (Archinal et al. 2011, CMDA 109:101), whose series are short. Periodic terms are left out but for the Moon and
//! Neptune, where they exceed a tenth of a degree.

use glam::DQuat;

/// Julian date of J2000.0.
pub const J2000_JD: f64 = 2_451_545.0;

/// Right ascension of the pole and its change a century, declination and its change, prime meridian and its change a
/// day; degrees.
struct Elements {
    name: &'static str,
    right_ascension: [f64; 2],
    declination: [f64; 2],
    meridian: [f64; 2],
}

const fn of(name: &'static str, right_ascension: [f64; 2], declination: [f64; 2], meridian: [f64; 2]) -> Elements {
    Elements { name, right_ascension, declination, meridian }
}

const ELEMENTS: [Elements; 12] = [
    of("sun", [286.13, 0.0], [63.87, 0.0], [84.176, 14.1844]),
    of("mercury", [281.0103, -0.0328], [61.4155, -0.0049], [329.5988, 6.138_510_8]),
    of("venus", [272.76, 0.0], [67.16, 0.0], [160.20, -1.481_368_8]),
    of("earth", [0.0, -0.641], [90.0, -0.557], [190.147, 360.985_623_5]),
    of("moon", [269.9949, 0.0031], [66.5392, 0.0130], [38.3213, 13.176_358_15]),
    of("mars", [317.681_43, -0.1061], [52.886_50, -0.0609], [176.630, 350.891_982_26]),
    of("jupiter", [268.056_595, -0.006_499], [64.495_303, 0.002_413], [284.95, 870.536]),
    of("saturn", [40.589, -0.036], [83.537, -0.004], [38.90, 810.793_902_4]),
    of("titan", [39.4827, 0.0], [83.4279, 0.0], [186.5855, 22.576_976_8]),
    of("uranus", [257.311, 0.0], [-15.175, 0.0], [203.81, -501.160_092_8]),
    of("neptune", [299.36, 0.0], [43.46, 0.0], [249.978, 541.139_775_7]),
    of("pluto", [132.993, 0.0], [-6.163, 0.0], [302.695, 56.362_522_5]),
];

/// Arguments of the Moon's libration: degrees, and degrees a day.
const MOON_ARGUMENTS: [[f64; 2]; 13] = [
    [125.045, -0.052_992_1],
    [250.089, -0.105_984_2],
    [260.008, 13.012_000_9],
    [176.625, 13.340_715_4],
    [357.529, 0.985_600_3],
    [311.589, 26.405_708_4],
    [134.963, 13.064_993_0],
    [276.617, 0.328_714_6],
    [34.226, 1.748_487_7],
    [15.134, -0.158_976_3],
    [119.743, 0.003_609_6],
    [239.961, 0.164_357_3],
    [25.053, 12.959_008_8],
];
/// Sine terms of right ascension, cosine terms of declination, sine terms of the meridian; degrees.
const MOON_RIGHT_ASCENSION: [f64; 13] =
    [-3.8787, -0.1204, 0.0700, -0.0172, 0.0, 0.0072, 0.0, 0.0, 0.0, -0.0052, 0.0, 0.0, 0.0043];
const MOON_DECLINATION: [f64; 13] =
    [1.5419, 0.0239, -0.0278, 0.0068, 0.0, -0.0029, 0.0009, 0.0, 0.0, 0.0008, 0.0, 0.0, -0.0009];
const MOON_MERIDIAN: [f64; 13] =
    [3.5610, 0.1208, -0.0642, 0.0158, 0.0252, -0.0066, -0.0047, -0.0046, 0.0028, 0.0052, 0.0040, 0.0019, -0.0044];

/// Turns a body's axes (z to its north pole, x to its prime meridian) into those of the ICRF, at a Julian date (TDB).
/// Nothing for a body that is not in the table.
#[must_use]
pub fn icrf_from_body(name: &str, jd_tdb: f64) -> Option<DQuat> {
    let elements = ELEMENTS.iter().find(|e| e.name == name)?;
    let days = jd_tdb - J2000_JD;
    let centuries = days / 36_525.0;
    let mut right_ascension = elements.right_ascension[0] + elements.right_ascension[1] * centuries;
    let mut declination = elements.declination[0] + elements.declination[1] * centuries;
    let mut meridian = elements.meridian[0] + elements.meridian[1] * days;
    if name == "moon" {
        for (i, [at, rate]) in MOON_ARGUMENTS.into_iter().enumerate() {
            let (sin, cos) = (at + rate * days).to_radians().sin_cos();
            right_ascension += MOON_RIGHT_ASCENSION[i] * sin;
            declination += MOON_DECLINATION[i] * cos;
            meridian += MOON_MERIDIAN[i] * sin;
        }
        meridian -= 1.4e-12 * days * days;
    } else if name == "neptune" {
        let (sin, cos) = (357.85 + 52.316 * centuries).to_radians().sin_cos();
        right_ascension += 0.70 * sin;
        declination -= 0.51 * cos;
        meridian -= 0.48 * sin;
    }
    Some(attitude(right_ascension.to_radians(), declination.to_radians(), meridian.rem_euclid(360.0).to_radians()))
}

/// The attitude of a body whose pole has that right ascension and declination, and whose prime meridian lies that far
/// east of where its equator crosses the ICRF's, radians.
#[must_use]
pub fn attitude(right_ascension: f64, declination: f64, meridian: f64) -> DQuat {
    use core::f64::consts::FRAC_PI_2;
    DQuat::from_rotation_z(right_ascension + FRAC_PI_2)
        * DQuat::from_rotation_x(FRAC_PI_2 - declination)
        * DQuat::from_rotation_z(meridian)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;
    use sim::bodies::solar_system;

    #[test]
    fn poles_are_those_of_the_simulation() {
        for body in solar_system(J2000_JD).unwrap() {
            let pole = icrf_from_body(&body.name, J2000_JD).unwrap() * DVec3::Z;
            let apart = pole.angle_between(body.pole).to_degrees();
            // The simulation leaves out the Moon's nodding, 1.6 degrees, and Neptune's, half a degree.
            let allowed = if body.name == "moon" { 1.7 } else { 0.6 };
            assert!(apart < allowed, "{}: {apart}", body.name);
        }
    }

    #[test]
    fn the_moon_shows_the_earth_its_face() {
        let mut widest = 0.0f64;
        for day in 0..28 {
            let jd = J2000_JD + f64::from(day) + 20.0;
            let bodies = solar_system(jd).unwrap();
            let place = |name: &str| bodies.iter().find(|b| b.name == name).unwrap().position_m;
            let face = icrf_from_body("moon", jd).unwrap() * DVec3::X;
            widest = widest.max(face.angle_between(place("earth") - place("moon")).to_degrees());
        }
        // Libration in longitude and latitude, at most 7.9 and 6.9 degrees.
        assert!((4.0..10.5).contains(&widest), "{widest}");
    }

    #[test]
    fn greenwich_faces_the_sun_at_noon() {
        // J2000.0 is noon of 1 January 2000 to a minute; the Sun was 3 minutes (0.8 degrees) behind.
        let bodies = solar_system(J2000_JD).unwrap();
        let sun = (bodies[0].position_m - bodies[3].position_m).normalize();
        let seen = icrf_from_body("earth", J2000_JD).unwrap().inverse() * sun;
        let longitude = seen.y.atan2(seen.x).to_degrees();
        assert!((longitude - 0.8).abs() < 0.5, "{longitude}");
        assert!((seen.z.asin().to_degrees() + 23.03).abs() < 0.1);
    }
}
