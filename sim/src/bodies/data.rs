//! The real Solar System.

use glam::DVec3;

use crate::scenario::{Atmosphere, Body, Figure, Tide};

/// x
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("JD {jd} is outside the ephemeris")]
pub struct EphemerisRangeError {
    /// asked
    pub jd: f64,
}

const STATES: &str = include_str!("../../../fixtures/ephemeris/de421_states.txt");

/// x
///
/// # Errors
/// x
pub fn solar_system(jd: f64) -> Result<Vec<Body>, EphemerisRangeError> {
    let mut gm = vec![];
    let mut out: Vec<Body> = vec![];
    let mut on = false;
    for line in STATES.lines() {
        let w: Vec<&str> = line.split_whitespace().collect();
        match w.as_slice() {
            ["gm", n, v] => gm.push((n.to_string(), v.parse::<f64>().unwrap() * 1e9)),
            ["epoch", v] => on = v.parse::<f64>().unwrap() == jd,
            [n, rest @ ..] if on && rest.len() == 6 => {
                let x: Vec<f64> = rest.iter().map(|x| x.parse::<f64>().unwrap() * 1000.0).collect();
                let g = gm.iter().find(|g| g.0 == *n).unwrap().1;
                out.push(Body { name: n.to_string(), gm_m3_s2: g, radius_m: 1e5, position_m: DVec3::new(x[0], x[1], x[2]), velocity_m_s: DVec3::new(x[3], x[4], x[5]), figure: None, tide: None, pole: DVec3::Z, rotation_rad_s: 0.0, atmosphere: None });
            }
            _ => {}
        }
    }
    let rad = std::f64::consts::PI / 180.0;
    let pole = |a: f64, d: f64| DVec3::new(libm::cos(a * rad) * libm::cos(d * rad), libm::sin(a * rad) * libm::cos(d * rad), libm::sin(d * rad));
    let t = (jd - 2451545.0) / 36525.0;
    for b in &mut out {
        match b.name.as_str() {
            "sun" => { b.pole = pole(286.13, 63.87); b.rotation_rad_s = 14.1844 * rad / 86400.0;
                b.figure = Some(Figure { j2: 2e-7, c22: 0.0, faces: None, radius_m: 6.96e8 }); }
            "earth" => { b.pole = pole(-0.641 * t, 90.0 - 0.557 * t); b.rotation_rad_s = 360.9856235 * rad / 86400.0;
                b.figure = Some(Figure { j2: 0.001082625305, c22: 0.0, faces: None, radius_m: 6378136.3 });
                b.tide = Some(Tide { k2: 0.32, lag_s: 600.0, radius_m: 6378136.3 }); }
            "moon" => { b.pole = pole(269.9949, 66.5392); b.rotation_rad_s = 13.17635815 * rad / 86400.0;
                b.figure = Some(Figure { j2: 0.0002032732576370724, c22: 2.238976709652413e-05, faces: Some(3), radius_m: 1.738e6 }); }
            _ => {}
        }
    }
    let _: Option<Atmosphere> = None;
    if out.is_empty() { return Err(EphemerisRangeError { jd }); }
    Ok(out)
}
