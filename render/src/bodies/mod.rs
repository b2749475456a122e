//! What the massive bodies look like: which surface, air and rings each has, and how it is turned. Must never decide
//! anything in the simulation.

pub mod elements;
mod look;
pub(crate) mod map;

pub use look::{Air, Look, Rings};

use glam::{DQuat, DVec3};
use sim::Position;

use crate::scene::Body;

/// A body of the simulation at a Julian date (TDB).
///
/// Bodies of the Solar System are known by their names, in any case; any other gets a rocky surface and turns around
/// its pole (ICRF) at so many radians a second.
#[must_use]
pub fn body(
    name: &str,
    position: Position,
    (mean_radius_m, gm_m3_s2): (f64, f64),
    (pole, rotation_rad_s): (DVec3, f64),
    jd_tdb: f64,
) -> Body {
    body_of(&name.to_lowercase(), position, (mean_radius_m, gm_m3_s2), (pole, rotation_rad_s), jd_tdb)
}

/// As [`body`], for a name in lower case.
pub(crate) fn body_of(
    name: &str,
    position: Position,
    (mean_radius_m, gm_m3_s2): (f64, f64),
    (pole, rotation_rad_s): (DVec3, f64),
    jd_tdb: f64,
) -> Body {
    let look = Look::of(name);
    let [equator, flattened] = look.figure();
    let turned = elements::icrf_from_body(name, jd_tdb);
    Body {
        look,
        position,
        icrf_from_body: turned.unwrap_or_else(|| turning(pole, rotation_rad_s, jd_tdb)),
        radius_m: mean_radius_m * equator,
        gm_m3_s2,
        flattened,
    }
}

/// The attitude of a body that turns evenly, with any prime meridian.
fn turning(pole: DVec3, rotation_rad_s: f64, jd_tdb: f64) -> DQuat {
    let seconds = (jd_tdb - elements::J2000_JD) * 86_400.0;
    let up = DQuat::from_rotation_arc(DVec3::Z, pole.normalize_or(DVec3::Z));
    up * DQuat::from_rotation_z((rotation_rad_s * seconds) % core::f64::consts::TAU)
}
