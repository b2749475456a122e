//! When two spheres on straight lines first touch. Must never depend on which of the two is asked about.

use glam::DVec3;

use super::{Collider, Shot};

/// Metres. Contacts that would close by less than this within the tick are left alone: it is above the
/// rounding of a position, 6e-11 m, and below anything that matters.
pub(super) const SLOP_M: f64 = 1e-9;

/// Fraction of the tick at which nothing happens any more.
pub(super) const NEVER: f64 = f64::INFINITY;

/// How a pair meets within a tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Meeting {
    /// Fraction of the tick at which the two touch and close in, or [`NEVER`].
    pub at: f64,
    /// Whether the two overlap at the start.
    pub overlapping: bool,
}

/// The first meeting between the fractions `from` and 1 of a tick of two spheres whose centres end
/// `end_m` apart after moving `path_m` relative to each other, and which touch at a distance of `reach_m`.
#[inline]
pub(super) fn meeting(end_m: DVec3, path_m: DVec3, reach_m: f64, from: f64) -> Meeting {
    let left = 1.0 - from;
    let start = end_m - path_m * left;
    let approach = start.dot(path_m);
    let distance = start.length();
    // Written as a product, the difference of the squares keeps its digits when the two nearly touch.
    let gap = (distance - reach_m) * (distance + reach_m);
    if gap <= 0.0 {
        let closing = -approach * left > SLOP_M * reach_m;
        return Meeting { at: if closing { from } else { NEVER }, overlapping: true };
    }
    let never = Meeting { at: NEVER, overlapping: false };
    if approach >= 0.0 {
        return never;
    }
    // |start + path s|^2 = reach^2, with the discriminant taken from the closest approach: b^2 - a c cancels
    // when the path is long.
    let path2 = path_m.length_squared();
    let closest = start - path_m * (approach / path2);
    let discriminant = path2 * (reach_m * reach_m - closest.length_squared());
    if discriminant <= 0.0 {
        return never;
    }
    let root = discriminant.sqrt();
    let wait = gap / (root - approach);
    if wait > left || root * left <= SLOP_M * reach_m {
        return never;
    }
    Meeting { at: from + wait, overlapping: false }
}

/// The first meeting of two colliders.
#[inline]
pub(super) fn of_colliders(a: &Collider, b: &Collider, from: f64) -> Meeting {
    let path = a.displacement_m - b.displacement_m;
    meeting(a.position.minus(b.position), path, a.radius_m + b.radius_m, from)
}

/// The first meeting of a collider and a shot that someone else fired. A shot inside a collider has met it,
/// whichever way it moves: so none slips through between two ticks.
#[inline]
pub(super) fn of_shot(a: &Collider, shot: &Shot, from: f64) -> Meeting {
    if shot.shooter == a.id {
        return Meeting { at: NEVER, overlapping: false };
    }
    let path = a.displacement_m - shot.displacement_m;
    let met = meeting(a.position.minus(shot.position), path, a.radius_m, from);
    if met.overlapping { Meeting { at: from, overlapping: false } } else { met }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn head_on_from_one_metre_away() {
        let met = meeting(DVec3::X * -2.0, DVec3::X * -5.0, 2.0, 0.0);
        assert_eq!(met, Meeting { at: 0.2, overlapping: false });
    }

    #[test]
    fn a_graze_meets_and_a_miss_does_not() {
        let path = DVec3::X * 111.0;
        let end = |y: f64| DVec3::new(60.0, y, 0.0);
        assert!(meeting(end(0.999_999), path, 1.0, 0.0).at < 1.0);
        assert_eq!(meeting(end(1.000_001), path, 1.0, 0.0).at, NEVER);
    }

    #[test]
    fn overlapping_pairs_meet_only_while_they_close_in() {
        let at = |path: f64| meeting(DVec3::X + DVec3::X * path, DVec3::X * path, 2.0, 0.0);
        assert_eq!(at(-0.1), Meeting { at: 0.0, overlapping: true });
        assert_eq!(at(0.1), Meeting { at: NEVER, overlapping: true });
        assert_eq!(at(0.0), Meeting { at: NEVER, overlapping: true });
    }

    proptest! {
        /// At the meeting the two are as far apart as they reach, and it comes first: sampled before, they
        /// are further apart.
        #[test]
        fn a_meeting_is_the_first_touch(
            end in prop::array::uniform3(-200.0f64..200.0),
            path in prop::array::uniform3(-200.0f64..200.0),
            reach in 0.1f64..50.0, from in 0.0f64..1.0,
        ) {
            let (end, path) = (DVec3::from(end), DVec3::from(path));
            let met = meeting(end, path, reach, from);
            let distance = |t: f64| (end - path * (1.0 - t)).length();
            prop_assert_eq!(met.overlapping, distance(from) <= reach);
            // Lengths up to 700 m have a last place of 1e-13 m; at a graze the root loses half the digits.
            if met.at < 1.0 && !met.overlapping {
                prop_assert!(met.at >= from);
                prop_assert!((distance(met.at) - reach).abs() < 1e-9 * reach.max(1.0));
            }
            for k in 0..=200 {
                let t = from + (met.at.min(1.0) - from) * (f64::from(k) / 200.0);
                prop_assert!(met.overlapping || distance(t) > reach - 1e-6);
            }
        }
    }
}
