//! What is painted over the scene itself: where the nose points, where the ship moves to, and what is aimed at. Must
//! never cover an instrument.

use glam::{DVec3, Vec2, vec2};

use super::format;
use super::layout::{Layout, Part};
use super::navball::{Mark, draw_mark};
use super::paint::{Align, Ink, Rect};
use super::painter::{Painter, Size};
use super::values::{HudValues, Target};
use crate::text::Weight;

/// How dark it is around a mark, so that it is seen before a bright planet.
pub(super) const HALO: f32 = 0.85;

/// Paints all marks.
pub(super) fn paint(painter: &mut Painter<'_>, values: &HudValues, layout: &Layout) {
    let seen = |direction: DVec3| painter.view.project(values.camera_from_ship * direction);
    let nose = seen(DVec3::X);
    let way = values.attitude.and_then(|attitude| attitude.prograde).and_then(seen);
    if let Some(at) = way.filter(|at| is_free(painter, layout, Rect::around(*at, Vec2::splat(painter.px(12.0))))) {
        draw_mark(painter, Mark::Prograde, at, painter.px(10.0), painter.palette.text);
    }
    if let Some(at) = nose.filter(|at| is_free(painter, layout, Rect::around(*at, Vec2::splat(painter.px(14.0))))) {
        boresight(painter, at.round());
    }
    if let Some(target) = &values.target {
        paint_target(painter, target, layout);
    }
}

fn is_free(painter: &Painter<'_>, layout: &Layout, rect: Rect) -> bool {
    let covered = Part::ALL.iter().filter_map(|part| layout.rect(*part)).any(|part| part.overlaps(rect));
    painter.view.safe.contains(rect) && !covered
}

/// Four short lines around a dot.
fn boresight(painter: &mut Painter<'_>, at: Vec2) {
    let accent = painter.palette.accent;
    let dark = painter.palette.plate.alpha(HALO);
    let (near, far, width) = (painter.px(6.0), painter.px(13.0), painter.hair(1.5));
    let halo = painter.px(3.5).max(3.0);
    for (more, colour) in [(halo, dark), (0.0, accent)] {
        let width = width + more;
        for way in [Vec2::X, Vec2::NEG_X, Vec2::Y, Vec2::NEG_Y] {
            painter.overlay.line(at + way * (near - more / 2.0), at + way * (far + more / 2.0), width, colour);
        }
        painter.overlay.disc(at, width * 0.75, colour);
    }
}

fn paint_target(painter: &mut Painter<'_>, target: &Target, layout: &Layout) {
    let radius = (target.radius_rad.clamp(0.0, 1.5).tan() as f32) * painter.view.pixels_per_radian();
    let most = painter.view.size.min_element() * 0.4;
    // In this order also for what is no number.
    let half = (radius + painter.px(7.0)).min(most).max(painter.px(14.0));
    let picture = Rect { min: Vec2::ZERO, max: painter.view.size }.inset(painter.px(14.0));
    let seen = painter.view.project(target.direction);
    match seen.filter(|at| picture.contains(Rect::around(*at, Vec2::ZERO))) {
        Some(at) => {
            bracket(painter, at.round(), half.round());
            name(painter, target, at, half, layout);
        }
        None => arrow(painter, target.direction, layout),
    }
}

/// Corners of a square.
fn bracket(painter: &mut Painter<'_>, at: Vec2, half: f32) {
    let accent = painter.palette.accent;
    let dark = painter.palette.plate.alpha(HALO);
    let (length, width) = ((half * 0.45).min(painter.px(14.0)), painter.hair(1.5));
    let halo = painter.px(3.5).max(3.0);
    for (more, colour) in [(halo, dark), (0.0, accent)] {
        let (width, length) = (width + more, length + more / 2.0);
        for (x, y) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)] {
            let corner = at + vec2(x, y) * half;
            let ends = [corner - vec2(x * length, 0.0), corner, corner - vec2(0.0, y * length)];
            painter.overlay.polyline(&ends, width, colour);
        }
    }
}

/// Name and distance on a plate beside the bracket, on the first side where they cover nothing.
fn name(painter: &mut Painter<'_>, target: &Target, at: Vec2, half: f32, layout: &Layout) {
    let distance = format::distance(target.distance_m);
    let distance = format::Short::of(format_args!("{} {}", distance.number.as_str().trim_start(), distance.unit));
    let (bold, medium) = (painter.face(Size::Label, Weight::Bold), painter.face(Size::Label, Weight::Medium));
    let name = painter.fit(target.name.as_str(), bold, painter.px(180.0));
    let width = painter.text.width_px(name.as_str(), bold);
    let width = width.max(painter.text.reading_width_px(distance.as_str(), medium)) + painter.px(14.0);
    let size = vec2(width, painter.px(40.0)).ceil();
    let gap = half + painter.px(8.0);
    let corners = [
        vec2(gap, -size.y / 2.0),
        vec2(-gap - size.x, -size.y / 2.0),
        vec2(-size.x / 2.0, gap),
        vec2(-size.x / 2.0, -gap - size.y),
    ];
    let plates = corners.map(|corner| {
        let min = (at + corner).round();
        Rect { min, max: min + size }
    });
    let Some(plate) = plates.into_iter().find(|plate| is_free(painter, layout, *plate)) else { return };
    painter.plate(plate);
    let (accent, white) = (painter.palette.accent, painter.palette.text);
    let left = plate.min.x + painter.px(7.0);
    let ink = |face, colour, reading| Ink { face, colour, align: Align::Left, reading };
    painter.write(name.as_str(), vec2(left, plate.min.y + painter.px(16.0)), ink(bold, accent, false));
    painter.write(distance.as_str(), vec2(left, plate.min.y + painter.px(33.0)), ink(medium, white, true));
}

/// A triangle on an oval about the middle, between what stands above and below, that points to what is out of sight.
fn arrow(painter: &mut Painter<'_>, direction: DVec3, layout: &Layout) {
    let middle = painter.view.project(DVec3::X).unwrap_or(painter.view.safe.centre());
    // Straight behind any way is as good: turn right.
    let way = vec2(-direction.y as f32, -direction.z as f32).normalize_or(Vec2::X);
    let safe = painter.view.safe;
    let lower_edge = |part| layout.rect(part).map_or(safe.min.y, |rect: Rect| rect.max.y);
    let upper_edge = |part| layout.rect(part).map_or(safe.max.y, |rect: Rect| rect.min.y);
    let top = lower_edge(Part::Warnings).max(lower_edge(Part::Toast));
    let bottom = upper_edge(Part::Navball).min(upper_edge(Part::Subtitle));
    // Around the middle of what is free, if the middle of the picture has too little room.
    let need = painter.px(60.0).min((bottom - top) / 2.0).max(0.0);
    let middle = vec2(middle.x, middle.y.min(bottom - need).max(top + need));
    let margin = painter.px(20.0);
    let high = ((middle.y - top).min(bottom - middle.y) - margin).max(0.0);
    let wide = (painter.px(60.0).max(high) * 1.7).min(safe.size().x / 2.0 - margin);
    let size = painter.px(11.0);
    // Further to the sides where something is in the way.
    let places = [1.0, 1.25, 1.5, 1.75, 2.0, 2.5].map(|wider| middle + way * vec2(wide * wider, high));
    let free = |at: &Vec2| is_free(painter, layout, Rect::around(*at, Vec2::splat(1.4 * size)));
    let Some(at) = places.into_iter().find(free) else { return };
    let corner = |ahead: f32, aside: f32| at + (way * ahead + way.perp() * aside) * size;
    let accent = painter.palette.accent;
    let dark = painter.palette.plate.alpha(HALO);
    painter.overlay.triangle([corner(1.35, 0.0), corner(-0.85, 1.1), corner(-0.85, -1.1)], dark);
    painter.overlay.triangle([corner(1.0, 0.0), corner(-0.65, 0.8), corner(-0.65, -0.8)], accent);
}
