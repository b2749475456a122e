//! The real Solar System as a starting point of scenarios.

use glam::DVec3;

use super::{Atmosphere, Body, Figure};

/// What `solar_system` may say in a scenario.
pub(super) const NAME: &str = "de421";

/// Sun, planets, Moon and Pluto at the epoch. On failure, why there is nothing for that epoch.
///
/// TO BE REPLACED by `crate::bodies::solar_system(epoch_jd_tdb)`: for now a hand-written table of states near
/// J2000, good for tests of reading only, whatever the epoch.
pub(super) fn solar_system(epoch_jd_tdb: f64) -> Result<Vec<Body>, String> {
    let _ = epoch_jd_tdb;
    Ok(vec![
        body("sun", 132_712_440_041.279, 696_000.0, [-1.067e6, -3.96e5, -1.38e5], [0.0093, -0.0101, -0.0046]),
        body("mercury", 22_032.09, 2_439.7, [-2.05e7, -6.03e7, -3.01e7], [37.0, -8.4, -8.3]),
        body("venus", 324_858.592, 6_051.8, [-1.085e8, -7.3e6, 3.5e6], [1.4, -32.0, -14.5]),
        Body {
            figure: Some(Figure { j2: 1.082_626e-3, c22: 0.0, faces: None, radius_m: 6_378_136.3 }),
            rotation_rad_s: 7.292_115e-5,
            atmosphere: Some(Atmosphere { surface_density_kg_m3: 1.225, scale_height_m: 8_500.0, top_m: 150_000.0 }),
            ..body("earth", 398_600.435_5, 6_371.008_4, [-2.756e7, 1.323e8, 5.74e7], [-29.78, -5.03, -2.18])
        },
        body("moon", 4_902.800_1, 1_737.4, [-2.785e7, 1.321e8, 5.733e7], [-29.14, -5.70, -2.48]),
        body("mars", 42_828.375, 3_389.5, [2.07e8, -5e4, -5.6e6], [1.2, 23.9, 10.9]),
        body("jupiter", 126_712_764.1, 69_911.0, [5.973e8, 4.086e8, 1.606e8], [-7.9, 10.18, 4.555]),
        body("saturn", 37_940_585.2, 58_232.0, [9.577e8, 9.24e8, 3.4e8], [-7.4, 6.1, 2.8]),
        body("uranus", 5_794_548.6, 25_362.0, [2.158e9, -1.87e9, -8.5e8], [4.6, 4.3, 1.8]),
        body("neptune", 6_836_535.0, 24_622.0, [2.514e9, -3.44e9, -1.47e9], [4.5, 2.9, 1.1]),
        body("pluto", 977.0, 1_188.3, [-1.478e9, -4.18e9, -8.6e8], [5.3, -2.0, -2.2]),
    ])
}

fn body(name: &str, gm_km3_s2: f64, radius_km: f64, position_km: [f64; 3], velocity_km_s: [f64; 3]) -> Body {
    Body {
        name: name.to_owned(),
        gm_m3_s2: gm_km3_s2 * 1e9,
        radius_m: radius_km * 1e3,
        position_m: DVec3::from_array(position_km) * 1e3,
        velocity_m_s: DVec3::from_array(velocity_km_s) * 1e3,
        figure: None,
        tide: None,
        pole: DVec3::Z,
        rotation_rad_s: 0.0,
        atmosphere: None,
    }
}
