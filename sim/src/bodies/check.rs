//! Whether a list of bodies can be integrated. Must never judge what is merely unlike the real world.

use super::MAX_BODIES;
use super::model::{SPEED_OF_LIGHT_M_S, closest_m};
use crate::scenario::Body;

/// Why bodies cannot be integrated; `body` is an index into the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More than [`MAX_BODIES`].
    #[error("more than 64 bodies")]
    TooMany,
    /// A value is not finite or outside its range.
    #[error("{what}")]
    OutOfRange {
        /// Which body.
        body: usize,
        /// The rule it breaks.
        what: &'static str,
    },
    /// The figure faces a body that is not there, or its own.
    #[error("the figure must face another body of the list")]
    FacesNothing {
        /// Which body.
        body: usize,
    },
    /// The centre of one lies inside the other, or both are in one place.
    #[error("the body's centre lies inside another body")]
    Overlapping {
        /// Which body.
        body: usize,
        /// The other, earlier in the list.
        other: usize,
    },
}

/// Checks bodies before they are given to [`super::Ephemeris::new`].
///
/// # Errors
/// The first rule broken.
pub fn check_bodies(bodies: &[Body]) -> Result<(), BodyError> {
    if bodies.len() > MAX_BODIES {
        return Err(BodyError::TooMany);
    }
    for (body, b) in bodies.iter().enumerate() {
        for (kept, what) in rules(b) {
            if !kept {
                return Err(BodyError::OutOfRange { body, what });
            }
        }
        if b.figure.and_then(|f| f.faces).is_some_and(|faces| faces >= bodies.len() || faces == body) {
            return Err(BodyError::FacesNothing { body });
        }
        for (other, o) in bodies[..body].iter().enumerate() {
            if b.position_m.distance(o.position_m) <= closest_m(b, o) {
                return Err(BodyError::Overlapping { body, other });
            }
        }
    }
    Ok(())
}

/// What must hold of a body by itself. Written so that NaN breaks a rule.
fn rules(b: &Body) -> [(bool, &'static str); 9] {
    let figure = b.figure.is_none_or(|f| f.j2.abs() <= 0.5 && f.c22.abs() <= 0.5 && length(f.radius_m));
    let tide = b.tide.is_none_or(|t| t.k2 >= 0.0 && t.k2 <= 1.5 && t.lag_s.abs() <= 1e7 && length(t.radius_m));
    let air = b.atmosphere.is_none_or(|a| {
        a.surface_density_kg_m3 >= 0.0 && a.surface_density_kg_m3 <= 1e9 && a.scale_height_m > 0.0 && length(a.top_m)
    });
    [
        (b.gm_m3_s2 > 0.0 && b.gm_m3_s2 <= 1e30, "the gravitational parameter must be above 0, at most 1e30 m^3/s^2"),
        (length(b.radius_m), "the radius must be 0 to 1e15 m"),
        (b.position_m.is_finite() && b.position_m.abs().max_element() <= 1e22, "the position must be within 1e22 m"),
        (b.velocity_m_s.length() < SPEED_OF_LIGHT_M_S, "the velocity must be below the speed of light"),
        ((b.pole.length() - 1.0).abs() <= 1e-6, "the pole must be a unit vector"),
        (b.rotation_rad_s.abs() <= 1e4, "the rotation must be within 1e4 rad/s"),
        (figure, "J2 and C22 must be within 0.5, and the figure's radius 0 to 1e15 m"),
        (tide, "k2 must be 0 to 1.5, the lag within 1e7 s, and the tide's radius 0 to 1e15 m"),
        (air, "air must be 0 to 1e9 kg/m^3, its scale height above 0, and its top 0 to 1e15 m"),
    ]
}

fn length(metres: f64) -> bool {
    (0.0..=1e15).contains(&metres)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    fn check(change: impl FnOnce(&mut Vec<Body>), expected: Result<(), BodyError>) {
        let mut bodies =
            vec![Body::point(1e20, DVec3::ZERO, DVec3::ZERO), Body::point(1e10, DVec3::X * 1e11, DVec3::Y * 3e4)];
        change(&mut bodies);
        let got = check_bodies(&bodies);
        match (got, expected) {
            (Err(BodyError::OutOfRange { body: a, .. }), Err(BodyError::OutOfRange { body: b, .. })) => {
                assert_eq!(a, b)
            }
            _ => assert_eq!(got, expected),
        }
    }

    #[test]
    fn what_cannot_be_integrated_is_refused() {
        let range = |body| Err(BodyError::OutOfRange { body, what: "" });
        check(|_| (), Ok(()));
        check(|b| b.clear(), Ok(()));
        check(|b| b[1].position_m = DVec3::ZERO, Err(BodyError::Overlapping { body: 1, other: 0 }));
        check(|b| b[0].radius_m = 2e11, Err(BodyError::Overlapping { body: 1, other: 0 }));
        check(|b| b[0].position_m.y = f64::NAN, range(0));
        check(|b| b[1].velocity_m_s.x = 3e8, range(1));
        check(|b| b[1].gm_m3_s2 = 0.0, range(1));
        check(|b| b[1].pole = DVec3::ZERO, range(1));
        check(|b| b.resize(65, Body::point(1.0, DVec3::ONE, DVec3::ZERO)), Err(BodyError::TooMany));
        let facing = |faces| Some(crate::scenario::Figure { j2: 1e-3, c22: 1e-5, faces: Some(faces), radius_m: 1e6 });
        check(|b| b[0].figure = facing(1), Ok(()));
        check(|b| b[0].figure = facing(0), Err(BodyError::FacesNothing { body: 0 }));
        check(|b| b[0].figure = facing(2), Err(BodyError::FacesNothing { body: 0 }));
    }
}
