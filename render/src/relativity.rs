//! What a moving eye sees, in closed formulas: aberration, Doppler shift, brightness, and light that took its time. The
//! shaders have the same formulas, and the tests compare them with these. Must never be used where the simulation
//! decides anything.
//!
//! Conventions: `beta` is a velocity as a fraction of the scenario's c, shorter than 1, in the frame in which all
//! directions and places are given (the simulation's, ICRF axes). Directions are unit vectors from the eye towards what
//! is seen, not of the light's travel. Nothing here is f32: pixels are checked against it.
//!
//! Sources: Rindler, "Relativity: Special, General, and Cosmological" (2nd edition, 2006), sections 4.1 (Doppler), 4.3
//! (aberration) and 4.4 (appearance of moving objects); Misner, Thorne and Wheeler, "Gravitation" (1973), section 22.6
//! (I/nu^3 is the same for every observer).

use glam::DVec3;

use crate::blackbody;

/// Shortest Doppler factor that is told apart from 0, so that brightness stays finite at any speed below c.
const LEAST: f64 = 1e-12;

/// Velocity as a fraction of c from proper velocity `u = gamma v` (m/s) and the scenario's c (m/s).
#[must_use]
pub fn beta_from_proper_velocity(u_m_s: DVec3, c_m_s: f64) -> DVec3 {
    let w = u_m_s / c_m_s;
    w / (1.0 + w.length_squared()).sqrt()
}

/// Lorentz factor of `beta`.
#[must_use]
pub fn gamma(beta: DVec3) -> f64 {
    1.0 / (1.0 - beta.length_squared()).max(LEAST * LEAST).sqrt()
}

/// Where an eye that moves with `beta` sees what lies in direction `towards` for an eye at rest at the same place: the
/// moving eye's own direction, its axes not turned. Everything crowds towards where it flies to.
///
/// Rindler 4.3 in vectors: `(n / gamma + beta (1 + n.beta gamma / (gamma + 1))) / (1 + n.beta)`.
#[must_use]
pub fn aberrated(towards: DVec3, beta: DVec3) -> DVec3 {
    let gamma = gamma(beta);
    let along = towards.dot(beta);
    let seen = towards / gamma + beta * (1.0 + along * gamma / (gamma + 1.0));
    // The divisor 1 + n.beta only scales; normalising takes the rounding along.
    seen.normalize_or(towards)
}

/// The inverse of [`aberrated`]: which direction at rest an eye that moves with `beta` sees in direction `seen`. With it
/// a pixel's ray is taken back.
#[must_use]
pub fn unaberrated(seen: DVec3, beta: DVec3) -> DVec3 {
    aberrated(seen, -beta)
}

/// The cone in which an eye that moves with `beta` sees what fills a cone for an eye at rest: middle and half-angle,
/// radians. A circle on the sky stays a circle (Rindler 4.3). Nothing where it holds the direction straight behind, from
/// which there may be no limit to how wide it gets.
#[must_use]
pub fn aberrated_cone(towards: DVec3, half_rad: f64, beta: DVec3) -> Option<(DVec3, f64)> {
    let speed = beta.length();
    if speed == 0.0 {
        return Some((towards, half_rad));
    }
    let ahead = beta / speed;
    let angle = towards.angle_between(ahead);
    if angle + half_rad >= core::f64::consts::PI {
        return None;
    }
    // tan(a'/2) = sqrt((1 - beta) / (1 + beta)) tan(a/2), for both sides of the cone.
    let shrunk = ((1.0 - speed) / (1.0 + speed)).sqrt();
    let seen = |angle: f64| 2.0 * (shrunk * (angle / 2.0).tan()).atan();
    let (near, far) = (seen(angle - half_rad), seen(angle + half_rad));
    let aside = (towards - ahead * towards.dot(ahead)).normalize_or(ahead.any_orthonormal_vector());
    let middle = (near + far) / 2.0;
    Some((ahead * middle.cos() + aside * middle.sin(), (far - near) / 2.0))
}

/// Frequency seen by an eye that moves with `beta`, over that seen at rest, for light from the direction `towards` (as
/// seen at rest): above 1 is bluer. Rindler 4.1: `gamma (1 + n.beta)`.
#[must_use]
pub fn doppler_of_eye(towards: DVec3, beta: DVec3) -> f64 {
    (gamma(beta) * (1.0 + towards.dot(beta))).max(LEAST)
}

/// Frequency seen at rest over that emitted by a source that moves with `beta` and is seen in direction `towards`:
/// `1 / (gamma (1 + n.beta))`, since a source that comes nearer moves against `towards`.
#[must_use]
pub fn doppler_of_source(towards: DVec3, beta: DVec3) -> f64 {
    1.0 / (gamma(beta) * (1.0 + towards.dot(beta)).max(LEAST))
}

/// Doppler factor of a moving source for a moving eye; `towards` is the direction at rest, of the light's arrival.
#[must_use]
pub fn doppler(towards: DVec3, source: DVec3, eye: DVec3) -> f64 {
    doppler_of_eye(towards, eye) * doppler_of_source(towards, source)
}

/// What radiance (light per area, solid angle and second, over all wavelengths) is multiplied by under a Doppler factor:
/// D^4, from I/nu^3 being the same for all, times D for the width of the band.
#[must_use]
pub fn radiance_factor(doppler: f64) -> f64 {
    (doppler * doppler) * (doppler * doppler)
}

/// What the irradiance (light per area) of a point is multiplied by when the eye's motion gives it a Doppler factor: D^2.
/// Its radiance grows by D^4, and the solid angle that it fills shrinks by D^2.
#[must_use]
pub fn irradiance_factor(doppler: f64) -> f64 {
    doppler * doppler
}

/// How much larger a small patch of sky looks (solid angle) under a Doppler factor of the eye's motion: D^-2.
#[must_use]
pub fn solid_angle_factor(doppler: f64) -> f64 {
    1.0 / (doppler * doppler)
}

/// Temperature of a black body under a Doppler factor: it stays one, at `doppler` times the temperature.
#[must_use]
pub fn shifted_temperature_k(temperature_k: f64, doppler: f64) -> f64 {
    temperature_k * doppler
}

/// Colour and brightness of a black body under a Doppler factor: linear sRGB, scaled so that the same body unshifted has
/// luminance 1. Exact: the shifted body's luminance is that of a black body `doppler` times as hot, at the same solid
/// angle, which is not D^4 but what of it the eye can see.
#[must_use]
pub fn shifted_black_body(temperature_k: f64, doppler: f64) -> [f32; 3] {
    let shifted_k = shifted_temperature_k(temperature_k, doppler);
    let before = blackbody::luminance_cd_m2(temperature_k);
    let brightness = if before > 0.0 { (blackbody::luminance_cd_m2(shifted_k) / before) as f32 } else { 0.0 };
    blackbody::linear_srgb(shifted_k).map(|c| c * brightness)
}

/// Where a source that moves evenly is seen, and when its light left it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Metres from the eye, where the source was as the light left it.
    pub place_m: DVec3,
    /// Seconds that the light was under way, at least 0.
    pub delay_s: f64,
}

/// Retarded position of a source that is at `place_m` (metres from the eye) now and moves with `velocity_m_s`, slower
/// than `c_m_s`: the root of |p - v t| = c t with t >= 0, written so that nothing cancels.
#[must_use]
pub fn retarded(place_m: DVec3, velocity_m_s: DVec3, c_m_s: f64) -> Seen {
    // (c^2 - v^2) t^2 + 2 p.v t - p^2 = 0, of which one root is above zero.
    let a = (c_m_s - velocity_m_s.length()) * (c_m_s + velocity_m_s.length());
    let half_b = place_m.dot(velocity_m_s);
    let p2 = place_m.length_squared();
    let root = (half_b * half_b + a.max(0.0) * p2).sqrt();
    let delay_s = if half_b > 0.0 {
        p2 / (half_b + root)
    } else if a > 0.0 {
        (root - half_b) / a
    } else {
        // At the speed of light and coming closer: its light arrives with it.
        0.0
    };
    let delay_s = if delay_s.is_finite() { delay_s } else { 0.0 };
    Seen { place_m: place_m - velocity_m_s * delay_s, delay_s }
}

/// Retarded position of a source that is known at two times: `before_m` at `step_s` seconds ago and `now_m` now (metres
/// from the eye's present place), on the straight line through both, which also stands for its past before them.
/// `step_s` above 0. A source that seems faster than light is taken at c: between ticks it may have been put elsewhere.
#[must_use]
pub fn retarded_between(before_m: DVec3, now_m: DVec3, step_s: f64, c_m_s: f64) -> Seen {
    let velocity_m_s = (now_m - before_m) / step_s;
    if !velocity_m_s.is_finite() {
        return Seen { place_m: now_m, delay_s: now_m.length() / c_m_s };
    }
    retarded(now_m, velocity_m_s.clamp_length_max(c_m_s * (1.0 - 1e-9)), c_m_s)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const C: f64 = 299_792_458.0;

    fn near(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance * b.abs().max(1.0)
    }

    /// A light ray's four-momentum (energy, momentum) seen by an observer with velocity `beta`, by the matrix of the
    /// Lorentz boost (Misner, Thorne and Wheeler, box 2.4): the independent way to aberration and Doppler shift.
    fn boosted(energy: f64, momentum: DVec3, beta: DVec3) -> (f64, DVec3) {
        let gamma = 1.0 / (1.0 - beta.dot(beta)).sqrt();
        let along = momentum.dot(beta);
        let share = if beta == DVec3::ZERO { 0.0 } else { (gamma - 1.0) * along / beta.dot(beta) - gamma * energy };
        (gamma * (energy - along), momentum + beta * share)
    }

    fn unit() -> impl Strategy<Value = DVec3> {
        (-1.0..1.0f64, 0.0..core::f64::consts::TAU).prop_map(|(z, turn)| {
            let r = (1.0 - z * z).sqrt();
            DVec3::new(r * turn.cos(), r * turn.sin(), z)
        })
    }

    fn beta() -> impl Strategy<Value = DVec3> {
        (unit(), prop_oneof![0.0..0.999f64, 0.999..0.999_999f64, Just(0.0)]).prop_map(|(n, b)| n * b)
    }

    #[test]
    fn aberration_is_that_of_the_textbook() {
        // Rindler 4.3: tan(a'/2) = sqrt((1-b)/(1+b)) tan(a/2), the angle from the direction of flight.
        for b in [0.1, 0.5, 0.9, 0.999f64] {
            for degrees in [1.0, 45.0, 90.0, 135.0, 179.0f64] {
                let angle = degrees.to_radians();
                let seen = aberrated(DVec3::new(angle.cos(), angle.sin(), 0.0), DVec3::X * b);
                let expected = 2.0 * (((1.0 - b) / (1.0 + b)).sqrt() * (angle / 2.0).tan()).atan();
                assert!(near(seen.y.atan2(seen.x), expected, 1e-9), "{b} {degrees}");
            }
        }
        // Yearly aberration: 20.5 arc seconds at the Earth's 29.78 km/s.
        let seen = aberrated(DVec3::Y, DVec3::X * (29_780.0 / C));
        assert!(near(seen.x.atan2(seen.y).to_degrees() * 3600.0, 20.49, 1e-3));
        assert_eq!(aberrated(DVec3::Z, DVec3::ZERO), DVec3::Z);
    }

    #[test]
    fn doppler_factors_are_those_of_the_textbook() {
        let b = DVec3::X * 0.6;
        assert!(near(doppler_of_eye(DVec3::X, b), 2.0, 1e-12), "flying towards it at 0.6 c doubles the frequency");
        assert!(near(doppler_of_eye(-DVec3::X, b), 0.5, 1e-12));
        assert!(near(doppler_of_eye(DVec3::Y, b), 1.25, 1e-12), "an eye's clock is slow");
        assert!(near(doppler_of_source(DVec3::Y, b), 0.8, 1e-12), "a source's clock is slow");
        assert!(near(doppler_of_source(DVec3::X, b), 0.5, 1e-12), "it flies away");
        assert!(near(doppler(DVec3::X, b, b), 1.0, 1e-12), "side by side there is no shift");
        assert!(near(doppler(DVec3::Y, b, b), 1.0, 1e-12));
    }

    #[test]
    fn brightness_has_the_right_powers() {
        assert_eq!(radiance_factor(2.0), 16.0);
        assert_eq!(irradiance_factor(2.0), 4.0);
        assert!(near(radiance_factor(0.7) * solid_angle_factor(0.7), irradiance_factor(0.7), 1e-12));
        // Stefan and Boltzmann agree: twice the temperature is sixteen times the radiance.
        assert_eq!(shifted_temperature_k(3000.0, 2.0), 6000.0);
    }

    #[test]
    fn a_cone_holds_what_is_seen_of_it_and_no_more() {
        for beta in [DVec3::ZERO, DVec3::new(0.3, -0.5, 0.2), DVec3::new(0.0, 0.0, 0.99)] {
            for towards in [DVec3::Z, DVec3::new(1.0, 2.0, -0.5).normalize(), DVec3::NEG_Y] {
                let half = 0.3f64;
                let (middle, wide) = aberrated_cone(towards, half, beta).unwrap();
                let (u, v) = towards.any_orthonormal_pair();
                for step in 0..24 {
                    let (sin, cos) = (f64::from(step) * 0.2618).sin_cos();
                    let edge = towards * half.cos() + (u * cos + v * sin) * half.sin();
                    assert!(near(aberrated(edge, beta).angle_between(middle), wide, 1e-9), "{beta} {towards}");
                }
            }
        }
        assert_eq!(aberrated_cone(DVec3::NEG_X, 0.2, DVec3::X * 0.5), None);
    }

    #[test]
    fn a_shifted_black_body_is_a_hotter_one() {
        let luminance = |[r, g, b]: [f32; 3]| f64::from(0.212_639 * r + 0.715_169 * g + 0.072_192 * b);
        assert!(near(luminance(shifted_black_body(5772.0, 1.0)), 1.0, 1e-4));
        let [r, _, b] = shifted_black_body(5772.0, 2.0);
        assert!(b > r, "the Sun ahead is blue");
        let [r, _, b] = shifted_black_body(5772.0, 0.5);
        assert!(r > 4.0 * b, "the Sun behind is red");
        // Its visible light falls faster than D^4 to the red, and rises slower than that to the blue.
        assert!(luminance(shifted_black_body(5772.0, 0.5)) < radiance_factor(0.5));
        assert!(luminance(shifted_black_body(5772.0, 2.0)) < radiance_factor(2.0));
        for doppler in [0.0, 1e-9, 1e9, f64::INFINITY] {
            assert!(shifted_black_body(5772.0, doppler).iter().all(|c| !c.is_nan()), "{doppler}");
        }
    }

    #[test]
    fn velocities_come_from_proper_velocities() {
        let u = DVec3::X * (0.75 * C);
        assert!(near(beta_from_proper_velocity(u, C).x, 0.6, 1e-12));
        assert!(near(gamma(DVec3::X * 0.6), 1.25, 1e-12));
        assert!(beta_from_proper_velocity(DVec3::Y * 1e20, C).length() <= 1.0);
        assert!(gamma(DVec3::X).is_finite());
    }

    #[test]
    fn light_takes_its_time() {
        // At rest one light-second away.
        let seen = retarded(DVec3::X * C, DVec3::ZERO, C);
        assert!(near(seen.delay_s, 1.0, 1e-12) && seen.place_m.distance(DVec3::X * C) < 1e-3);
        // Passing right by at 0.6 c: it was 0.6 t back, and 0.64 t^2 = 1 of the way across.
        let seen = retarded(DVec3::Y * C, DVec3::X * (0.6 * C), C);
        assert!(near(seen.delay_s, 1.25, 1e-12) && near(seen.place_m.x / C, -0.75, 1e-12));
        // Flying away at 0.6 c, now at 1 light-second: it was seen at 0.625, as 1 = d (1 + 0.6).
        let seen = retarded(DVec3::X * C, DVec3::X * (0.6 * C), C);
        assert!(near(seen.place_m.x / C, 0.625, 1e-12));
        // Coming closer: 1 = d (1 - 0.6).
        let seen = retarded(DVec3::X * C, DVec3::X * (-0.6 * C), C);
        assert!(near(seen.place_m.x / C, 2.5, 1e-12));
    }

    #[test]
    fn two_ticks_say_where_it_was() {
        let tick_s = 1.0 / 90.0;
        let velocity = DVec3::new(100.0, -40.0, 7.0);
        let now = DVec3::new(3000.0, 200.0, -50.0);
        // A scenario with c = 300 m/s.
        let known = retarded_between(now - velocity * tick_s, now, tick_s, 300.0);
        let moving = retarded(now, velocity, 300.0);
        assert!(known.place_m.distance(moving.place_m) < 1e-6 && near(known.delay_s, moving.delay_s, 1e-9));
        // Put elsewhere from one tick to the next, or without time between: still a place.
        for (before, step_s) in [(DVec3::splat(-1e9), tick_s), (DVec3::ZERO, 0.0), (DVec3::NAN, tick_s)] {
            let seen = retarded_between(before, now, step_s, 300.0);
            assert!(seen.place_m.is_finite() && seen.delay_s >= 0.0, "{seen:?}");
        }
    }

    proptest! {
        #[test]
        fn aberration_and_doppler_are_one_lorentz_boost(towards in unit(), beta in beta()) {
            let (energy, momentum) = boosted(1.0, -towards, beta);
            prop_assert!(near(doppler_of_eye(towards, beta), energy, 1e-6));
            // Straight behind at nearly c, a direction hangs on the last digits of 1 - beta.
            prop_assume!(energy > 1e-2);
            prop_assert!(aberrated(towards, beta).distance(-momentum / energy) < 1e-6);
        }

        #[test]
        fn aberration_can_be_taken_back(towards in unit(), beta in beta()) {
            prop_assert!(unaberrated(aberrated(towards, beta), beta).distance(towards) < 1e-5);
            prop_assert!((aberrated(towards, beta).length() - 1.0).abs() < 1e-12);
        }

        #[test]
        fn small_patches_shrink_as_told(towards in unit(), beta in (unit(), 0.0..0.95f64).prop_map(|(n, b)| n * b)) {
            // The area between two directions close by and this one, before and after.
            let (side, other) = (towards.any_orthonormal_vector() * 1e-4, towards.cross(towards.any_orthonormal_vector()) * 1e-4);
            let turned = |n: DVec3| aberrated(n.normalize(), beta);
            let centre = turned(towards);
            let after = (turned(towards + side) - centre).cross(turned(towards + other) - centre).length();
            let factor = after / side.cross(other).length();
            prop_assert!(near(factor, solid_angle_factor(doppler_of_eye(towards, beta)), 2e-3 * factor.max(1.0)));
        }

        #[test]
        fn retarded_light_has_travelled_as_far_as_it_could(
            place in (unit(), 1.0..1e12f64), velocity in beta(),
        ) {
            let place_m = place.0 * place.1;
            let seen = retarded(place_m, velocity * C, C);
            prop_assert!(seen.delay_s >= 0.0);
            prop_assert!(near(seen.place_m.length(), C * seen.delay_s, 1e-6));
            prop_assert!((seen.place_m + velocity * C * seen.delay_s).distance(place_m) < 1e-6 * seen.place_m.length().max(place.1));
        }
    }
}
