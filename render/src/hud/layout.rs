//! Where the parts of the head-up display stand, for any size of picture and for the eye of a headset. Must never let
//! two parts overlap, nor one leave the safe rectangle: a part without room is left out.

use glam::{DVec3, Vec2, vec2};

use super::paint::Rect;

/// What is painted on: a picture, or the picture of one eye.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Width and height, pixels.
    pub size: Vec2,
    /// Where text and instruments may stand.
    pub safe: Rect,
    /// Pixels per unit of the design, which is made for a picture of 1280 by 720 with a scale of 1.
    pub scale: f32,
    /// Tangents of the angles to the left, right, upper and lower edge; left and down are negative.
    pub tangents: [f32; 4],
}

/// No text gets smaller than three quarters of what it is at 1280 by 720.
const LEAST_SCALE: f32 = 0.75;

impl View {
    /// A window or a picture, whose field of view is `vertical_rad` high. `zoom` is a person's choice, 1 as designed.
    #[must_use]
    pub fn screen(width: u32, height: u32, vertical_rad: f32, zoom: f32) -> Self {
        let size = vec2(width.max(1) as f32, height.max(1) as f32);
        let scale = ((size / vec2(1280.0, 720.0)).min_element() * zoom).clamp(LEAST_SCALE, 8.0);
        let up = (vertical_rad / 2.0).tan();
        let right = up * size.x / size.y;
        let safe = Rect { min: Vec2::ZERO, max: size }.inset((16.0 * scale).round());
        Self { size, safe, scale, tangents: [-right, right, up, -up] }
    }

    /// The picture of an eye. Instruments stand where an eye turns to without effort, 30 degrees to each side and
    /// 25 up and down, and text has the angle that it has on a screen with a field of view of 60 degrees.
    #[must_use]
    pub fn eye(width: u32, height: u32, tangents: [f32; 4], zoom: f32) -> Self {
        let size = vec2(width.max(1) as f32, height.max(1) as f32);
        let [left, right, up, down] = tangents;
        let per_tangent = size / vec2(right - left, up - down);
        let at = |x: f32, y: f32| vec2(x - left, up - y) * per_tangent;
        let (wide, high) = (30f32.to_radians().tan(), 25f32.to_radians().tan());
        let safe = Rect { min: at(-wide, high).max(Vec2::ZERO).ceil(), max: at(wide, -high).min(size).floor() };
        let designed = 360.0 / 30f32.to_radians().tan();
        let scale = (per_tangent.min_element() / designed * zoom).clamp(LEAST_SCALE, 8.0);
        Self { size, safe, scale, tangents }
    }

    /// Where a direction is seen (x forward, y left, z up), pixels; nothing behind.
    #[must_use]
    pub fn project(&self, direction: DVec3) -> Option<Vec2> {
        let [left, right, up, down] = self.tangents;
        let x = (-direction.y / direction.x) as f32;
        let y = (direction.z / direction.x) as f32;
        let at = vec2((x - left) / (right - left), (up - y) / (up - down)) * self.size;
        (direction.x > 0.0 && at.is_finite()).then_some(at)
    }

    /// Pixels per radian in the middle of the picture.
    #[must_use]
    pub fn pixels_per_radian(&self) -> f32 {
        self.size.x / (self.tangents[1] - self.tangents[0])
    }
}

/// A part of the display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Which way the ship points.
    Navball,
    /// Speed and throttle.
    Speed,
    /// Altitude and gravity.
    Altitude,
    /// What needs attention.
    Warnings,
    /// A replay's bar.
    Timeline,
    /// Hull and fuel.
    Status,
    /// What is aimed at.
    Target,
    /// Date and clocks.
    Time,
    /// Other players.
    Network,
    /// What a tutorial says.
    Subtitle,
    /// A short message.
    Toast,
}

impl Part {
    /// All of them, the most important first.
    pub const ALL: [Self; 11] = [
        Self::Navball,
        Self::Speed,
        Self::Altitude,
        Self::Warnings,
        Self::Timeline,
        Self::Subtitle,
        Self::Status,
        Self::Target,
        Self::Time,
        Self::Network,
        Self::Toast,
    ];
}

/// Rectangles of the parts, in whole pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    rects: [Option<Rect>; Part::ALL.len()],
}

/// Height of the panels at the bottom, in units.
const PANEL_HEIGHT: f32 = 108.0;
/// Width of the panels, in units.
const PANEL_WIDTH: f32 = 232.0;
/// Between parts, in units.
const GAP: f32 = 8.0;

impl Layout {
    /// For a view and the parts that are shown.
    #[must_use]
    pub fn new(view: &View, shown: impl Fn(Part) -> bool) -> Self {
        let unit = view.scale;
        let room = view.safe.size() / unit;
        let foot = if shown(Part::Timeline) { 44.0 + GAP } else { 0.0 };
        let wide = room.x >= 4.0 * PANEL_WIDTH + 4.0 * GAP + NAVBALL.x;
        let mut layout = Self { rects: [None; Part::ALL.len()] };
        for part in Part::ALL.into_iter().filter(|part| shown(*part)) {
            let (min, size) = place(part, room, foot, shown(Part::Warnings), wide);
            let corner = (view.safe.min + min * unit).round();
            let rect = Rect { min: corner, max: corner + (size * unit).floor() };
            let free = layout.rects.iter().flatten().all(|other| !other.overlaps(rect));
            layout.rects[index(part)] = (free && view.safe.contains(rect)).then_some(rect);
        }
        layout
    }

    /// Where a part stands; nothing where it has no room.
    #[must_use]
    pub fn rect(&self, part: Part) -> Option<Rect> {
        self.rects[index(part)]
    }
}

const NAVBALL: Vec2 = vec2(188.0, 208.0);

/// Upper left corner and size of a part in a room, all in units from the room's corner.
fn place(part: Part, room: Vec2, foot: f32, warnings: bool, wide: bool) -> (Vec2, Vec2) {
    let panel = vec2(PANEL_WIDTH, PANEL_HEIGHT);
    let bottom = room.y - foot;
    let (right, middle) = (room.x - PANEL_WIDTH, room.x / 2.0);
    // In a wide room the readings stand beside the navball, otherwise above what is in the corners.
    let beside = middle - NAVBALL.x / 2.0 - GAP - PANEL_WIDTH;
    let low = bottom - PANEL_HEIGHT;
    let high = low - GAP - PANEL_HEIGHT;
    // What is left between the panels at the sides.
    let between = (room.x - 2.0 * (PANEL_WIDTH + GAP)).clamp(0.0, 560.0);
    let centred = |y: f32, width: f32, height: f32| (vec2(middle - width / 2.0, y), vec2(width, height));
    let above = bottom - NAVBALL.y - GAP;
    match part {
        Part::Navball => centred(bottom - NAVBALL.y, NAVBALL.x, NAVBALL.y),
        Part::Speed if wide => (vec2(beside, low), panel),
        Part::Speed => (vec2(0.0, high), panel),
        Part::Altitude if wide => (vec2(room.x - beside - PANEL_WIDTH, low), panel),
        Part::Altitude => (vec2(right, high), panel),
        Part::Status => (vec2(0.0, low), panel),
        Part::Target => (vec2(right, low), panel),
        Part::Time => (Vec2::ZERO, vec2(PANEL_WIDTH, 100.0)),
        Part::Network => (vec2(right, 0.0), vec2(PANEL_WIDTH, 78.0)),
        Part::Warnings => centred(0.0, between.min(300.0), WARNINGS_HEIGHT),
        Part::Timeline => (vec2(0.0, room.y - 44.0), vec2(room.x, 44.0)),
        Part::Subtitle => {
            // In a narrow room it stands above the readings too, where it may be wide.
            let above = if wide { above } else { above.min(high - GAP) };
            centred(above - SUBTITLE_HEIGHT, room.x.min(560.0), SUBTITLE_HEIGHT)
        }
        Part::Toast => {
            let top = if warnings { WARNINGS_HEIGHT + GAP } else { 0.0 };
            centred(top, room.x.min(if wide { 420.0 } else { between }), TOAST_HEIGHT)
        }
    }
}

const WARNINGS_HEIGHT: f32 = 94.0;
/// Height of a short message in units; without instruments it stands at the top.
pub(super) const TOAST_HEIGHT: f32 = 30.0;
const SUBTITLE_HEIGHT: f32 = 72.0;

fn index(part: Part) -> usize {
    part as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check_apart(view: &View, layout: &Layout) {
        for (i, a) in layout.rects.iter().enumerate() {
            let Some(a) = a else { continue };
            assert!(view.safe.contains(*a), "{:?} leaves {:?}", Part::ALL[i], view.safe);
            assert_eq!([a.min, a.max].map(Vec2::round), [a.min, a.max], "whole pixels");
            for b in layout.rects[..i].iter().flatten() {
                assert!(!a.overlaps(*b), "{a:?} overlaps {b:?} in {view:?}");
            }
        }
    }

    #[test]
    fn everything_has_room_in_common_sizes() {
        for (width, height) in [
            (640, 360),
            (800, 480),
            (800, 600),
            (1024, 768),
            (1280, 720),
            (1280, 800),
            (1280, 1024),
            (1366, 768),
            (1600, 900),
            (1920, 1080),
            (1920, 1200),
            (2560, 1080),
            (2560, 1440),
            (3440, 1440),
            (3840, 2160),
            (720, 1280),
        ] {
            let view = View::screen(width, height, 1.0, 1.0);
            let layout = Layout::new(&view, |part| part != Part::Timeline);
            check_apart(&view, &layout);
            for part in Part::ALL {
                let narrow = width < height && part != Part::Navball;
                assert!(
                    layout.rect(part).is_some() || part == Part::Timeline || narrow,
                    "{width} x {height}: no {part:?}"
                );
            }
            let layout = Layout::new(&view, |_| true);
            check_apart(&view, &layout);
            assert!(layout.rect(Part::Timeline).is_some(), "{width} x {height}");
        }
    }

    #[test]
    fn everything_has_room_in_the_eye_of_a_headset() {
        // Fields of common headsets, the nose cutting one side.
        for tangents in [[-1.38, 0.84, 0.97, -1.11], [-0.84, 1.38, 0.97, -1.11], [-1.0, 1.0, 1.0, -1.0]] {
            for (width, height) in [(2064, 2208), (1440, 1600), (1832, 1920), (3840, 3744)] {
                let view = View::eye(width, height, tangents, 1.0);
                let layout = Layout::new(&view, |part| part != Part::Timeline);
                check_apart(&view, &layout);
                for part in Part::ALL {
                    assert!(layout.rect(part).is_some() || part == Part::Timeline, "{width} x {height}: no {part:?}");
                }
            }
            // Too small for all of it, but never a heap.
            let view = View::eye(512, 512, tangents, 1.0);
            check_apart(&view, &Layout::new(&view, |part| part != Part::Timeline));
        }
    }

    #[test]
    fn straight_ahead_is_where_the_camera_sees_it() {
        let view = View::eye(2000, 1000, [-1.5, 0.5, 0.75, -0.25], 1.0);
        assert_eq!(view.project(DVec3::X), Some(vec2(1500.0, 750.0)));
        assert_eq!(view.project(DVec3::new(1.0, 1.5, 0.75)), Some(Vec2::ZERO));
        assert_eq!(view.project(DVec3::NEG_X), None);
        assert_eq!(view.project(DVec3::Y), None);
        assert_eq!(view.project(DVec3::NAN), None);
    }

    proptest! {
        #[test]
        fn parts_are_apart_in_any_view(
            width in 1u32..8000, height in 1u32..5000, zoom in 0.3f32..4.0, shown: [bool; 11], eye: bool,
        ) {
            let view = if eye {
                View::eye(width, height, [-1.2, 0.9, 1.0, -1.1], zoom)
            } else {
                View::screen(width, height, 1.0, zoom)
            };
            check_apart(&view, &Layout::new(&view, |part| shown[part as usize]));
        }
    }
}
