//! The ball that shows which way the ship points over the local horizon, and the ways that matter. Must never be seen
//! from the back: what is behind the ship is not shown.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use glam::{DVec3, Vec2, Vec3, vec2, vec3};

use super::colour::Colour;
use super::format;
use super::paint::{Align, Ink, Rect};
use super::painter::{Painter, Size};
use super::scene_marks::HALO;
use super::values::Attitude;
use crate::text::Weight;

/// The ball in pixels.
struct Ball {
    centre: Vec2,
    radius: f32,
}

impl Ball {
    /// Where a unit vector in the ship's axes lies: the ball is seen from behind, far away.
    fn at(&self, direction: Vec3) -> Vec2 {
        self.centre + self.radius * vec2(-direction.y, -direction.z)
    }
}

/// Paints the ball with the heading above it into a rectangle.
pub(super) fn paint(painter: &mut Painter<'_>, rect: Rect, attitude: &Attitude) {
    let horizon_from_ship = attitude.horizon_from_ship.normalize();
    if !horizon_from_ship.is_finite() {
        return;
    }
    let radius = (rect.size().x.min(rect.size().y - painter.px(24.0)) / 2.0 - painter.px(6.0)).max(1.0);
    let ball = Ball { centre: vec2(rect.centre().x, rect.max.y - radius - painter.px(6.0)), radius };
    painter.overlay.disc(ball.centre, radius + painter.px(6.0), painter.palette.plate);
    let ship_from_horizon = horizon_from_ship.inverse();
    let turned = |axis: DVec3| (ship_from_horizon * axis).as_vec3().normalize_or(Vec3::Z);
    let [north, west, up] = [turned(DVec3::X), turned(DVec3::Y), turned(DVec3::Z)];
    halves(painter, &ball, up);
    parallels(painter, &ball, [north, west, up]);
    names(painter, &ball, [north, west, up]);
    shade(painter, &ball);
    markers(painter, &ball, attitude);
    frame(painter, &ball);
    let forward = horizon_from_ship * DVec3::X;
    readings(painter, rect, &ball, forward);
}

/// Sky and ground: the ground is all that lies between the rim and the horizon's front half.
fn halves(painter: &mut Painter<'_>, ball: &Ball, up: Vec3) {
    painter.overlay.disc(ball.centre, ball.radius, painter.palette.sky);
    let Some((across, front)) = horizon_axes(up) else {
        // Straight up or straight down: only one half is seen.
        if up.x > 0.0 {
            painter.overlay.disc(ball.centre, ball.radius, painter.palette.sky);
        } else {
            painter.overlay.disc(ball.centre, ball.radius, painter.palette.ground);
        }
        return;
    };
    let down = -vec3(0.0, up.y, up.z).normalize();
    const PIECES: usize = 48;
    let pairs = (0..=PIECES).map(|i| {
        let (sine, cosine) = (PI * i as f32 / PIECES as f32).sin_cos();
        [ball.at(across * cosine + front * sine), ball.at(across * cosine + down * sine)]
    });
    let ground = painter.palette.ground;
    painter.overlay.ribbon(pairs, [ground, ground]);
}

/// Where the horizon meets the rim, and its foremost point.
fn horizon_axes(up: Vec3) -> Option<(Vec3, Vec3)> {
    let across = up.cross(Vec3::X).try_normalize().filter(|_| up.x.abs() < 0.9999)?;
    Some((across, across.cross(up)))
}

/// The horizon, circles of equal pitch, and meridians.
fn parallels(painter: &mut Painter<'_>, ball: &Ball, axes: [Vec3; 3]) {
    let [north, west, up] = axes;
    let colour = painter.palette.text;
    let (thin, thick) = (painter.hair(1.0), painter.hair(2.0));
    for step in -5i32..=5 {
        let pitch = (step as f32 * 15.0).to_radians();
        let (sine, cosine) = pitch.sin_cos();
        let (width, alpha) = match step {
            0 => (thick, 0.95),
            -4 | -2 | 2 | 4 => (thin, 0.42),
            _ => (thin, 0.2),
        };
        let circle = |angle: f32| up * sine + (north * angle.cos() + west * angle.sin()) * cosine;
        curve(painter, ball, (TAU, 16 + (32.0 * cosine) as usize), width, colour.alpha(alpha), circle);
    }
    for step in 0..12 {
        let angle = TAU * step as f32 / 12.0;
        let way = north * angle.cos() - west * angle.sin();
        let alpha = if step % 3 == 0 { 0.42 } else { 0.2 };
        // From 75 degrees down to 75 up, so that the poles stay open.
        let most = 75f32.to_radians();
        let meridian = |part: f32| way * (part - most).cos() + up * (part - most).sin();
        curve(painter, ball, (2.0 * most, 20), thin, colour.alpha(alpha), meridian);
    }
}

/// The part of a curve on the ball that faces the eye; so long, in so many pieces.
fn curve(
    painter: &mut Painter<'_>,
    ball: &Ball,
    (length, pieces): (f32, usize),
    width: f32,
    colour: Colour,
    point: impl Fn(f32) -> Vec3,
) {
    const MOST: usize = 48;
    let mut points = [Vec2::ZERO; MOST + 1];
    let pieces = pieces.min(MOST);
    let mut count = 0;
    for i in 0..=pieces {
        let at = point(length * i as f32 / pieces as f32);
        if at.x > 0.02 {
            points[count] = ball.at(at);
            count += 1;
        }
        if (at.x <= 0.02 || i == pieces) && count > 0 {
            painter.overlay.polyline(&points[..count], width, colour);
            count = 0;
        }
    }
}

/// Points of the compass and degrees of pitch, where they face the eye.
fn names(painter: &mut Painter<'_>, ball: &Ball, axes: [Vec3; 3]) {
    let [north, west, up] = axes;
    let face = painter.face(Size::Label, Weight::Bold);
    let (sky, ground) = (painter.palette.sky, painter.palette.ground);
    let mut put = |string: &str, at: Vec3, under: Colour| {
        // Gone near the rim, where it would be cramped.
        let alpha = ((at.x - 0.5) / 0.12).clamp(0.0, 1.0);
        if alpha > 0.0 {
            let point = ball.at(at);
            let half = vec2(painter.text.width_px(string, face), face.cap_height_px()) / 2.0 + 2.0;
            painter.overlay.fill(Rect::around(point, half), 2.0, under.alpha(0.85 * alpha));
            let ink = Ink { face, colour: painter.palette.text.alpha(alpha), align: Align::Centre, reading: false };
            painter.write(string, point + vec2(0.0, face.cap_height_px() / 2.0), ink);
        }
    };
    let lifted = |way: Vec3, degrees: f32| {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        way * cosine + up * sine
    };
    for (name, way) in [("N", north), ("W", west), ("S", -north), ("E", -west)] {
        put(name, lifted(way, 7.5), sky);
        for (name, pitch) in [("30", 30.0), ("60", 60.0), ("\u{2212}30", -30.0), ("\u{2212}60", -60.0)] {
            put(name, lifted(way, pitch), if pitch > 0.0 { sky } else { ground });
        }
    }
}

/// Darkens the ball towards its rim, so that it looks round.
fn shade(painter: &mut Painter<'_>, ball: &Ball) {
    let dark = painter.palette.plate;
    const PIECES: usize = 64;
    for (inner, outer, alphas) in [(0.62, 0.85, [0.0, 0.2]), (0.85, 1.0, [0.2, 0.62])] {
        let ring = (0..=PIECES).map(|i| {
            let way = Vec2::from_angle(TAU * i as f32 / PIECES as f32) * ball.radius;
            [ball.centre + way * inner, ball.centre + way * outer]
        });
        painter.overlay.ribbon(ring, alphas.map(|alpha| dark.alpha(alpha)));
    }
}

/// The rim, and the ship's own mark in the middle.
fn frame(painter: &mut Painter<'_>, ball: &Ball) {
    let (text, accent) = (painter.palette.text, painter.palette.accent);
    let (line, bold) = (painter.hair(1.5), painter.hair(2.0));
    painter.overlay.circle(ball.centre, ball.radius, line, painter.palette.label.alpha(0.8));
    for step in -6i32..=6 {
        // Degrees of roll at the top.
        let way = Vec2::from_angle(-FRAC_PI_2 + (step as f32 * 10.0).to_radians());
        let length = painter.px(if step % 3 == 0 { 5.0 } else { 3.0 });
        let from = ball.centre + way * (ball.radius + 1.0);
        painter.overlay.line(from, from + way * length, painter.hair(1.0), text.alpha(0.7));
    }
    // Wings, and a dot between.
    let (near, far, drop) = (painter.px(9.0), painter.px(26.0), painter.px(6.0));
    for side in [-1.0, 1.0] {
        let at = |x: f32, y: f32| ball.centre + vec2(side * x, y);
        let points = [at(far, 0.0), at(near, 0.0), at(near - drop * 0.6, drop)];
        painter.overlay.polyline(&points, bold + 2.0, painter.palette.plate.alpha(0.6));
        painter.overlay.polyline(&points, bold, accent);
    }
    painter.overlay.disc(ball.centre, painter.px(2.2), accent);
}

/// Radians from north over east, and above the horizon, of a direction in the horizon's axes (north, west, up).
fn heading_and_pitch(direction: DVec3) -> [f64; 2] {
    let flat = direction.x.hypot(direction.y);
    let heading = if flat > 1e-9 { (-direction.y).atan2(direction.x) } else { 0.0 };
    [heading, direction.z.atan2(flat)]
}

/// Heading on a plate above the ball, pitch to its right.
fn readings(painter: &mut Painter<'_>, rect: Rect, ball: &Ball, forward: DVec3) {
    let [heading, pitch] = heading_and_pitch(forward);
    let (heading, pitch) = (format::heading(heading), format::degrees(pitch));
    let half = vec2(painter.px(52.0), painter.px(11.0)).round();
    let plate = Rect::around(vec2(ball.centre.x, rect.min.y + half.y).round(), half);
    painter.plate(plate);
    let baseline = plate.centre().y + painter.face(Size::Value, Weight::Bold).cap_height_px() / 2.0;
    let gap = painter.px(4.0);
    let colour = painter.palette.text;
    painter.reading(heading.as_str(), vec2(ball.centre.x - gap, baseline), Size::Value, colour, Align::Right);
    painter.reading(pitch.as_str(), vec2(ball.centre.x + gap, baseline), Size::Value, colour, Align::Left);
}

fn markers(painter: &mut Painter<'_>, ball: &Ball, attitude: &Attitude) {
    let size = painter.px(8.0);
    let palette = painter.palette;
    let marks: [(Option<DVec3>, f64, Colour, Mark); 6] = [
        (attitude.normal, 1.0, palette.label, Mark::Normal),
        (attitude.normal, -1.0, palette.label, Mark::AntiNormal),
        (attitude.prograde, -1.0, palette.text, Mark::Retrograde),
        (attitude.prograde, 1.0, palette.text, Mark::Prograde),
        (attitude.target, -1.0, palette.accent, Mark::AntiTarget),
        (attitude.target, 1.0, palette.accent, Mark::Target),
    ];
    for (direction, sign, colour, mark) in marks {
        let Some(direction) = direction.and_then(DVec3::try_normalize) else { continue };
        let direction = (direction * sign).as_vec3();
        if direction.x > 0.0 {
            // Fades out at the very rim.
            let colour = colour.alpha((direction.x / 0.15).min(1.0));
            // Marks stay whole within the ball.
            let at = ball.at(direction) - ball.centre;
            let at = ball.centre + at.clamp_length_max(ball.radius - size * 0.6);
            draw_mark(painter, mark, at, size, colour);
        }
    }
}

/// A way that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A ring with three spokes outward.
    Prograde,
    /// A ring with a cross.
    Retrograde,
    /// A triangle that points up.
    Normal,
    /// A triangle that points down.
    AntiNormal,
    /// A ring in four pieces with a dot.
    Target,
    /// A dot with three spokes.
    AntiTarget,
}

/// Draws a mark of a radius in pixels, dark around it so that it is seen on anything.
pub(super) fn draw_mark(painter: &mut Painter<'_>, mark: Mark, at: Vec2, size: f32, colour: Colour) {
    let width = painter.hair(1.75);
    let dark = painter.palette.plate.alpha(HALO * colour.alpha);
    for (width, colour) in [(width + painter.px(2.5).max(2.0), dark), (width, colour)] {
        let overlay = &mut *painter.overlay;
        let mut spoke = |degrees: f32, from: f32, to: f32| {
            let way = Vec2::from_angle(degrees.to_radians()) * size;
            overlay.line(at + way * from, at + way * to, width, colour);
        };
        match mark {
            Mark::Prograde => {
                [180.0, 270.0, 0.0].into_iter().for_each(|degrees| spoke(degrees, 0.6, 1.15));
                overlay.circle(at, size * 0.6, width, colour);
                overlay.disc(at, width * 0.7, colour);
            }
            Mark::Retrograde => {
                [45.0, 135.0, 225.0, 315.0].into_iter().for_each(|degrees| spoke(degrees, 0.0, 0.6));
                [90.0, 210.0, 330.0].into_iter().for_each(|degrees| spoke(degrees, 0.6, 1.1));
                overlay.circle(at, size * 0.6, width, colour);
            }
            Mark::Normal | Mark::AntiNormal => {
                let side = if mark == Mark::Normal { -1.0 } else { 1.0 };
                let corner = |x: f32, y: f32| at + vec2(x, y * side) * size;
                let [a, b, c] = [corner(0.0, 0.85), corner(0.75, -0.45), corner(-0.75, -0.45)];
                overlay.polyline(&[a.midpoint(b), b, c, a, a.midpoint(b)], width, colour);
            }
            Mark::Target => {
                for quarter in 0..4 {
                    let from = FRAC_PI_2 * quarter as f32 + 0.35;
                    overlay.arc(at, size * 0.8, from, from + FRAC_PI_2 - 0.7, width, colour);
                }
                overlay.disc(at, width * 0.9, colour);
            }
            Mark::AntiTarget => {
                [90.0, 210.0, 330.0].into_iter().for_each(|degrees| spoke(degrees, 0.35, 0.9));
                overlay.disc(at, width * 0.7, colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hud::colour::Palette;
    use crate::hud::layout::View;
    use crate::hud::paint::Overlay;
    use crate::text::Text;
    use glam::DQuat;

    #[test]
    fn headings_run_from_north_over_east() {
        for (turn, heading, pitch) in [
            (DQuat::IDENTITY, 0.0, 0.0),
            // Turned to the left, from north to west.
            (DQuat::from_rotation_z(90f64.to_radians()), -90.0, 0.0),
            (DQuat::from_rotation_z(-45f64.to_radians()), 45.0, 0.0),
            // The nose goes up when the ship turns about its left backwards.
            (DQuat::from_rotation_y(-30f64.to_radians()), 0.0, 30.0),
            (DQuat::from_rotation_y(-90f64.to_radians()), 0.0, 90.0),
        ] {
            let found = heading_and_pitch(turn * DVec3::X).map(f64::to_degrees);
            assert!((found[0] - heading).abs() < 1e-6 && (found[1] - pitch).abs() < 1e-6, "{found:?}");
        }
    }

    /// What is painted for an attitude, and the ball's centre.
    fn painted(attitude: &Attitude) -> (Overlay, Vec2) {
        let (mut overlay, mut text, palette) = (Overlay::default(), Text::new(), Palette::default());
        let view = View::screen(1280, 720, 1.0, 1.0);
        let mut painter = Painter::new(&mut overlay, &mut text, &palette, &view);
        let rect = Rect::new(100.0, 100.0, 188.0, 208.0);
        paint(&mut painter, rect, attitude);
        (overlay, vec2(194.0, rect.max.y - 92.0))
    }

    /// Where the paint of a colour lies as seen from the centre of the ball.
    fn middle_of(attitude: &Attitude, colour: Colour) -> Vec2 {
        let (overlay, centre) = painted(attitude);
        let red = (colour.red * 65_535.0).round() as u16;
        let of_colour = |v: &&crate::hud::paint::Vertex| v.colour[0] == red && v.colour[3] == u16::MAX;
        let (mut sum, mut count) = (Vec2::ZERO, 0.0);
        for vertex in overlay.vertices.iter().filter(of_colour) {
            sum += Vec2::from(vertex.position) - centre;
            count += 1.0;
        }
        sum / count
    }

    #[test]
    fn the_ground_is_where_it_is() {
        let ground = Palette::default().ground;
        let seen = |turn: DQuat| middle_of(&Attitude { horizon_from_ship: turn, ..Attitude::default() }, ground);
        assert!(seen(DQuat::IDENTITY).y > 20.0, "below");
        assert!(seen(DQuat::from_rotation_x(180f64.to_radians())).y < -20.0, "above, when upside down");
        // Rolled to the right, the ground comes up on the right: x is forward, so this turns left up, right down.
        assert!(seen(DQuat::from_rotation_x(90f64.to_radians())).x > 20.0, "to the right");
        assert!(seen(DQuat::from_rotation_y(90f64.to_radians())).length() < 1.0, "all of it, straight down");
        let up = Attitude { horizon_from_ship: DQuat::from_rotation_y(-90f64.to_radians()), ..Attitude::default() };
        let (overlay, _) = painted(&up);
        let red = (ground.red * 65_535.0).round() as u16;
        assert!(!overlay.vertices.iter().any(|v| v.colour[0] == red && v.colour[3] == u16::MAX), "none, straight up");
    }

    #[test]
    fn marks_are_on_the_side_that_they_point_to() {
        let accent = Palette::default().accent;
        let bare = middle_of(&Attitude::default(), accent);
        for (direction, side) in [
            (DVec3::new(1.0, 1.0, 0.0), Vec2::NEG_X),
            (DVec3::new(1.0, -1.0, 0.0), Vec2::X),
            (DVec3::new(1.0, 0.0, 1.0), Vec2::NEG_Y),
            (DVec3::new(1.0, 0.0, -1.0), Vec2::Y),
        ] {
            let seen = middle_of(&Attitude { target: Some(direction), ..Attitude::default() }, accent);
            assert!((seen - bare).normalize().dot(side) > 0.95, "{direction}: {seen}");
        }
        let nothing = Attitude { target: Some(DVec3::ZERO), prograde: Some(DVec3::NAN), ..Attitude::default() };
        assert_eq!(painted(&nothing).0.vertices, painted(&Attitude::default()).0.vertices);
    }
}
