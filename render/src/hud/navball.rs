//! The ball that shows which way the ship points over the local horizon, and the ways that matter. Must never be seen
//! from the back: what is behind the ship is not shown.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use glam::{DVec3, Vec2, Vec3, vec2, vec3};

use super::colour::Colour;
use super::format;
use super::paint::{Align, Ink, Rect};
use super::painter::{Painter, Size};
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
        curve(painter, ball, circle, TAU, width, colour.alpha(alpha));
    }
    for step in 0..12 {
        let angle = TAU * step as f32 / 12.0;
        let way = north * angle.cos() - west * angle.sin();
        let alpha = if step % 3 == 0 { 0.42 } else { 0.2 };
        // From 75 degrees down to 75 up, so that the poles stay open.
        let most = 75f32.to_radians();
        let meridian = |part: f32| way * (part - most).cos() + up * (part - most).sin();
        curve(painter, ball, meridian, 2.0 * most, thin, colour.alpha(alpha));
    }
}

/// The part of a curve on the ball that faces the eye.
fn curve(painter: &mut Painter<'_>, ball: &Ball, point: impl Fn(f32) -> Vec3, length: f32, width: f32, colour: Colour) {
    const PIECES: usize = 48;
    let mut points = [Vec2::ZERO; PIECES + 1];
    let mut count = 0;
    for i in 0..=PIECES {
        let at = point(length * i as f32 / PIECES as f32);
        if at.x > 0.02 {
            points[count] = ball.at(at);
            count += 1;
        }
        if (at.x <= 0.02 || i == PIECES) && count > 0 {
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

/// Heading on a plate above the ball, pitch to its right.
fn readings(painter: &mut Painter<'_>, rect: Rect, ball: &Ball, forward: DVec3) {
    let flat = forward.x.hypot(forward.y);
    let pitch = format::degrees(forward.z.atan2(flat));
    // Axes are north, west, up, and a heading runs from north over east.
    let heading = if flat > 1e-9 { format::heading((-forward.y).atan2(forward.x)) } else { format::heading(0.0) };
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
    let dark = painter.palette.plate.alpha(0.55 * colour.alpha);
    for (width, colour) in [(width + 2.0, dark), (width, colour)] {
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
