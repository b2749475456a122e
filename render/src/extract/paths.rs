//! Lines that ships follow: orbits by osculating elements, and where the own ship goes if nobody touches its controls.
//! Must never be read by the simulation: these are sketches for the eye.

use glam::DVec3;

/// Points of a line.
pub(super) const POINTS: usize = 192;
/// Share of the time in which a ship would fall around its body by a radian, per step of a prediction.
const STEP: f64 = 0.04;
/// Farthest true anomaly of an open orbit that is drawn, as a share of the one at which it ends.
const OPEN_SHARE: f64 = 0.985;

/// A body that pulls: place and velocity against the body that dominates, m and m/s.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pull {
    pub gm_m3_s2: f64,
    pub at_m: DVec3,
    pub velocity_m_s: DVec3,
}

/// Index of the body whose tide is the strongest at a place, which is the one that a ship there goes around:
/// `bodies` gives their gm (m3/s2) and the way to them (m).
pub(super) fn dominating(bodies: impl Iterator<Item = (f64, DVec3)>) -> Option<usize> {
    let tide = |(gm, to): (f64, DVec3)| gm / to.length().max(1.0).powi(3);
    bodies.map(tide).enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
}

/// Points of the osculating orbit through `r` (m) with velocity `v` (m/s) around a centre of `gm` (m3/s2), from the
/// ship on, all relative to the centre; none for one that falls straight down.
///
/// Source: Vallado 2013, "Fundamentals of Astrodynamics and Applications", section 2.4 (elements from a state).
pub(super) fn orbit(r: DVec3, v: DVec3, gm: f64) -> Option<impl Iterator<Item = DVec3>> {
    let momentum = r.cross(v);
    let eccentricity = v.cross(momentum) / gm - r.normalize_or_zero();
    let (e, parameter) = (eccentricity.length(), momentum.length_squared() / gm);
    let sound = parameter.is_finite() && e.is_finite() && parameter > 1e-6 * r.length();
    if !sound {
        return None;
    }
    let normal = momentum.normalize();
    // Toward the periapsis; for a circle toward the ship.
    let x = if e > 1e-9 { eccentricity / e } else { r.normalize() };
    let y = normal.cross(x);
    let ship = r.dot(y).atan2(r.dot(x));
    let closed = e < 0.999;
    // Even steps of the eccentric anomaly go around a long ellipse evenly.
    let flat = if closed { ((1.0 - e) / (1.0 + e)).sqrt() } else { 1.0 };
    let from = if closed { 2.0 * (flat * (ship / 2.0).tan()).atan() } else { ship };
    let to = if closed { from + core::f64::consts::TAU } else { OPEN_SHARE * (-1.0 / e.max(1.0)).acos() };
    if to <= from {
        // So far out that the way left is a straight line.
        return None;
    }
    Some((0..=POINTS).map(move |i| {
        let along = from + (to - from) * i as f64 / POINTS as f64;
        let (sin, cos) = if closed {
            let (sin, cos) = along.sin_cos();
            // Of the true anomaly.
            ((1.0 - e * e).sqrt() * sin / (1.0 - e * cos), (cos - e) / (1.0 - e * cos))
        } else {
            along.sin_cos()
        };
        (x * cos + y * sin) * (parameter / (1.0 + e * cos))
    }))
}

/// Where a ship at `r` with velocity `v` falls, relative to the centre it falls around, which has `gm` and `radius_m`
/// and moves under the `others` too. Velocity Verlet with steps that follow the distance; ends at the ground.
pub(super) fn fall(r: DVec3, v: DVec3, (gm, radius_m): (f64, f64), others: &[Pull]) -> impl Iterator<Item = DVec3> {
    let pull = move |r: DVec3, t: f64| {
        let toward = |d: DVec3, gm: f64| d * (gm / d.length_squared().max(1.0).powf(1.5));
        // What pulls the centre as well does not bend the way around it.
        let tide = |other: &Pull| {
            let at = other.at_m + other.velocity_m_s * t;
            toward(at - r, other.gm_m3_s2) - toward(at, other.gm_m3_s2)
        };
        toward(-r, gm) + others.iter().map(tide).sum::<DVec3>()
    };
    let (mut r, mut v, mut t) = (r, v, 0.0);
    let mut acceleration = pull(r, t);
    let mut landed = false;
    (0..=POINTS).map_while(move |i| {
        if landed {
            return None;
        }
        if i > 0 {
            let step = STEP * (r.length().powi(3) / gm.max(1e-9)).sqrt().clamp(1e-3, 1e9);
            r += v * step + acceleration * (0.5 * step * step);
            t += step;
            let next = pull(r, t);
            v += (acceleration + next) * (0.5 * step);
            acceleration = next;
            landed = r.length() <= radius_m;
        }
        r.is_finite().then_some(r)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GM: f64 = 3.986e14;

    #[test]
    fn a_closed_orbit_begins_and_ends_at_the_ship_and_keeps_its_energy() {
        let (r, v) = (DVec3::new(7e6, 1e6, -2e5), DVec3::new(-900.0, 7900.0, 600.0));
        let points: Vec<_> = orbit(r, v, GM).expect("it is one").collect();
        assert!((points[0] - r).length() < 1e-3 && (points[POINTS] - r).length() < 1e-3);
        let momentum = r.cross(v).normalize();
        let energy = v.length_squared() / 2.0 - GM / r.length();
        let axis = -GM / (2.0 * energy);
        let far = points.iter().map(|p| p.length()).fold(0.0, f64::max);
        let near = points.iter().map(|p| p.length()).fold(f64::MAX, f64::min);
        assert!(((far + near) / 2.0 / axis - 1.0).abs() < 1e-3, "{far} {near} {axis}");
        assert!(points.iter().all(|p| p.dot(momentum).abs() < 1e-3));
    }

    #[test]
    fn an_open_orbit_runs_away_and_a_fall_straight_down_has_none() {
        let points: Vec<_> = orbit(DVec3::X * 7e6, DVec3::Y * 13_000.0, GM).expect("it is one").collect();
        assert!(points.windows(2).all(|p| p[1].length() > p[0].length()) && points.iter().all(|p| p.is_finite()));
        assert!(orbit(DVec3::X * 7e6, DVec3::X * -10.0, GM).is_none());
        assert!(orbit(DVec3::ZERO, DVec3::ZERO, GM).is_none());
    }

    #[test]
    fn a_fall_follows_the_orbit_and_ends_at_the_ground() {
        let (r, v) = (DVec3::X * 7e6, DVec3::Y * (GM / 7e6f64).sqrt());
        for p in fall(r, v, (GM, 6.4e6), &[]) {
            assert!((p.length() / 7e6 - 1.0).abs() < 1e-3);
        }
        let down: Vec<_> = fall(r, v * 0.5, (GM, 6.4e6), &[]).collect();
        assert!(down.len() < POINTS && down.last().is_some_and(|p| p.length() <= 6.4e6));
    }

    #[test]
    fn a_moon_keeps_its_ship_though_the_sun_pulls_harder() {
        // Over the Earth's Moon: Sun, Earth, Moon.
        let bodies = [(1.327e20, DVec3::X * 1.5e11), (GM, DVec3::Y * 3.8e8), (4.9e12, DVec3::Z * 2e6)];
        assert_eq!(dominating(bodies.into_iter()), Some(2));
        assert_eq!(dominating([].into_iter()), None);
    }
}
