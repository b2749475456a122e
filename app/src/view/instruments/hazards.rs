//! What a ship is about to run into: ground on its present course, and other things. Must never steer.

use glam::DVec3;
use sim::Kind;
use sim::frame_view::FrameView;

/// How long before the ground a pilot is warned, simulated seconds.
pub(super) const TERRAIN_S: f64 = 60.0;
/// How long before another thing.
pub(super) const MEETING_S: f64 = 30.0;
/// Whoever touches more gently means to: landing, docking.
const GENTLE_M_S: f64 = 1.0;
/// Steps in which a course is followed.
const STEPS: u32 = 120;

/// A ship's way about a body whose ground is a sphere: gravity of that body, and thrust as it is now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// From the body's centre, m.
    pub position_m: DVec3,
    /// m/s.
    pub velocity_m_s: DVec3,
    /// m/s^2.
    pub thrust_m_s2: DVec3,
    /// m^3/s^2.
    pub gm_m3_s2: f64,
    /// Distance of the ship's centre from the body's when it touches the ground, m.
    pub ground_m: f64,
}

impl Course {
    /// Seconds to the ground, if that is within `ahead_s` and the touch is not gentle. The way is followed by leapfrog
    /// steps, and each step's chord cut with the ground, so that nothing is too fast to be seen.
    pub fn impact_s(&self, ahead_s: f64) -> Option<f64> {
        let step_s = ahead_s / f64::from(STEPS);
        let (mut position, mut velocity) = (self.position_m, self.velocity_m_s);
        let resting = position.length() - self.ground_m < GENTLE_M_S && self.climb() > -GENTLE_M_S;
        if resting || self.ground_m <= 0.0 {
            return None;
        }
        let mut acceleration = self.acceleration(position);
        for step in 0..STEPS {
            let half = velocity + acceleration * (step_s / 2.0);
            if let Some(part_s) = touch_s(position, half, self.ground_m).filter(|part_s| *part_s <= step_s) {
                let down = -(position + half * part_s).normalize_or_zero().dot(half);
                return (down > GENTLE_M_S).then_some(f64::from(step) * step_s + part_s);
            }
            position += half * step_s;
            acceleration = self.acceleration(position);
            velocity = half + acceleration * (step_s / 2.0);
        }
        None
    }

    /// Whether it comes down to the ground without thrust: its orbit's lowest point is below, and it is not on its way
    /// out for good.
    pub fn comes_down(&self) -> bool {
        let distance = self.position_m.length();
        let energy = self.velocity_m_s.length_squared() / 2.0 - self.gm_m3_s2 / distance;
        if energy >= 0.0 && self.climb() > 0.0 {
            return false;
        }
        let momentum = self.position_m.cross(self.velocity_m_s).length_squared();
        let eccentricity = (1.0 + 2.0 * energy * momentum / self.gm_m3_s2.powi(2)).max(0.0).sqrt();
        momentum / self.gm_m3_s2 / (1.0 + eccentricity) < self.ground_m
    }

    fn climb(&self) -> f64 {
        self.position_m.normalize_or_zero().dot(self.velocity_m_s)
    }

    fn acceleration(&self, position_m: DVec3) -> DVec3 {
        let distance = position_m.length().max(self.ground_m);
        self.thrust_m_s2 - position_m * (self.gm_m3_s2 / distance.powi(3))
    }
}

/// Seconds from the current tick until something else is touched on a straight way, if that is within `ahead_s` and not gentle. Rounds do not
/// count: they are too small to be avoided.
pub(super) fn meeting_s(frame: &FrameView, ship: u64, ahead_s: f64) -> Option<f64> {
    let me = frame.ids.binary_search(&ship).ok()?;
    let (pose, mine) = (frame.current.get(me)?, frame.looks.get(me)?);
    let mut first: Option<f64> = None;
    for (at, ((kind, other), look)) in frame.kinds.iter().zip(&frame.current).zip(&frame.looks).enumerate() {
        if at == me || *kind == Kind::Projectile {
            continue;
        }
        let from = pose.position.minus(other.position);
        let relative = mine.velocity_m_s - look.velocity_m_s;
        let touch = touch_s(from, relative, f64::from(mine.radius_m + look.radius_m));
        let hard = |seconds: f64| -(from + relative * seconds).normalize_or_zero().dot(relative) > GENTLE_M_S;
        if let Some(seconds) = touch.filter(|seconds| *seconds <= ahead_s && hard(*seconds)) {
            first = Some(first.map_or(seconds, |earlier| earlier.min(seconds)));
        }
    }
    first
}

/// When a point that starts at `from` and moves at `velocity` enters a sphere about the origin, s; 0 if it is inside and
/// goes deeper.
fn touch_s(from: DVec3, velocity: DVec3, radius_m: f64) -> Option<f64> {
    let along = from.dot(velocity);
    if along >= 0.0 {
        return None;
    }
    let speed2 = velocity.length_squared();
    // Over radius, without loss of digits near the ground.
    let above = (from.length() - radius_m) * (from.length() + radius_m);
    let root = along * along - speed2 * above;
    if root < 0.0 {
        return None;
    }
    // The near root of t^2 v^2 + 2 t (r.v) + above = 0, without cancellation.
    Some((above / (root.sqrt() - along)).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Earth, from 1,000 m over its ground at rest.
    fn over_earth() -> Course {
        Course {
            position_m: DVec3::X * 6_372_000.0,
            velocity_m_s: DVec3::ZERO,
            thrust_m_s2: DVec3::ZERO,
            gm_m3_s2: 3.986e14,
            ground_m: 6_371_000.0,
        }
    }

    #[test]
    fn a_stone_falls_for_as_long_as_the_formula_says() {
        // sqrt(2 h / g) with g = GM / r^2 = 9.8187 m/s^2 half way down.
        let found = over_earth().impact_s(60.0).unwrap();
        assert!((found - 14.272).abs() < 0.01, "{found}");
        assert_eq!(over_earth().impact_s(14.0), None, "it is too far");
    }

    #[test]
    fn thrust_that_carries_the_ship_ends_the_warning() {
        let hovering = Course { thrust_m_s2: DVec3::X * 9.9, ..over_earth() };
        assert_eq!(hovering.impact_s(60.0), None);
        let slower = Course { thrust_m_s2: DVec3::X * 5.0, ..over_earth() };
        assert!(slower.impact_s(60.0).unwrap() > 19.0);
    }

    #[test]
    fn a_low_circular_orbit_is_no_danger_and_one_that_is_too_slow_is() {
        let r = 6_381_000.0;
        let orbit = |share: f64| Course {
            position_m: DVec3::Y * r,
            velocity_m_s: DVec3::X * (share * (3.986e14 / r).sqrt()),
            ..over_earth()
        };
        assert!(!orbit(1.0).comes_down() && orbit(0.9).comes_down());
        assert_eq!(orbit(1.0).impact_s(60.0), None);
        // Falls at g (1 - 0.9^2): sqrt(2 * 10 km / (9.79 * 0.19)) = 103.7 s.
        let found = orbit(0.9).impact_s(120.0).unwrap();
        assert!((found - 103.7).abs() < 1.5, "{found}");
    }

    #[test]
    fn nothing_is_too_fast_to_be_seen() {
        // Ten thousand kilometres in a hundredth of a second.
        let course =
            Course { position_m: DVec3::new(-1.6371e7, 0.0, 0.0), velocity_m_s: DVec3::X * 1e9, ..over_earth() };
        let found = course.impact_s(60.0).unwrap();
        assert!((found - 0.01).abs() < 1e-6, "{found}");
        let past = Course { position_m: DVec3::new(-1.6371e7, 6.4e6, 0.0), ..course };
        assert_eq!(past.impact_s(60.0), None);
        assert!(!Course { velocity_m_s: -course.velocity_m_s, ..course }.comes_down(), "it leaves for good");
    }

    #[test]
    fn what_lies_on_the_ground_is_in_no_danger() {
        let resting = Course { position_m: DVec3::X * 6_371_000.0, velocity_m_s: DVec3::Y * 465.0, ..over_earth() };
        assert_eq!(resting.impact_s(60.0), None);
    }

    #[test]
    fn spheres_are_touched_when_the_straight_way_meets_them() {
        let cases = [
            (DVec3::X * -10.0, DVec3::X * 2.0, 4.0, Some(3.0)),
            (DVec3::X * -10.0, DVec3::X * -2.0, 4.0, None),
            (DVec3::new(-10.0, 3.0, 0.0), DVec3::X, 5.0, Some(6.0)),
            (DVec3::new(-10.0, 6.0, 0.0), DVec3::X, 5.0, None),
            (DVec3::X * -1.0, DVec3::X, 5.0, Some(0.0)),
            (DVec3::X * -1.0, DVec3::ZERO, 5.0, None),
        ];
        for (from, velocity, radius, expected) in cases {
            let found = touch_s(from, velocity, radius).map(|seconds| (seconds * 1e9).round() / 1e9);
            assert_eq!(found, expected, "{from} {velocity}");
        }
    }
}
