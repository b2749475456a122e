//! Darkness around the middle of the picture, or over all of it, against sickness. It is no pass of its own: what writes
//! to the finished picture multiplies its light by it (`shaders/comfort.wgsl`). That is the same as to darken the
//! finished picture, since light is blended linearly, and costs no second look at each pixel. Must never show anything.

use crate::hud::Comfort;

/// The dark begins softly, over so many radians: 10 degrees.
const EDGE_RAD: f32 = 0.175;
/// From this angle on there is nothing to darken, radians: no flat picture reaches as far.
const WIDEST_RAD: f32 = 1.55;

/// `Frame::comfort` of `shaders/frame.wgsl`; zeros where the picture stays as it is.
pub(crate) fn pack(comfort: Comfort) -> [f32; 4] {
    let fade = if comfort.fade.is_finite() { comfort.fade.clamp(0.0, 1.0) } else { 0.0 };
    let clear = comfort.clear_rad.filter(|angle| *angle < WIDEST_RAD).map(|angle| angle.max(0.0));
    let [from, over] = clear.map_or([0.0; 2], |clear| {
        let squared = |angle: f32| angle.tan().powi(2);
        let (from, to) = (squared(clear), squared((clear + EDGE_RAD).min(WIDEST_RAD)));
        [from, 1.0 / (to - from).max(1e-6)]
    });
    [from, over, fade, 0.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asked_for_darkens_nothing() {
        assert_eq!(pack(Comfort::default()), [0.0; 4]);
        assert_eq!(pack(Comfort { clear_rad: None, fade: f32::NAN }), [0.0; 4]);
        for wide in [1.6, f32::INFINITY, f32::NAN] {
            assert_eq!(pack(Comfort { clear_rad: Some(wide), fade: 0.0 }), [0.0; 4], "{wide}");
        }
        assert_eq!(pack(Comfort { clear_rad: None, fade: 2.0 }), [0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn the_edge_begins_and_ends_at_its_angles() {
        for clear in [-1.0, 0.0, 0.5, 1.45] {
            let [from, over, fade, _] = pack(Comfort { clear_rad: Some(clear), fade: 0.25 });
            let (first, last) = (clear.max(0.0), (clear.max(0.0) + EDGE_RAD).min(WIDEST_RAD));
            assert!((from.sqrt().atan() - first).abs() < 1e-4 && fade == 0.25);
            assert!(((from + 1.0 / over).sqrt().atan() - last).abs() < 1e-4, "{clear}");
        }
    }
}
