//! The panels of the head-up display: clocks, speed, altitude, ship, target, network, warnings. Must never work out
//! anything but how a number is written.

use glam::vec2;

use super::colour::Colour;
use super::format::{self, Quantity, Short};
use super::layout::{Layout, Part};
use super::paint::{Align, Rect};
use super::painter::{Painter, Size};
use super::values::{HudValues, Network, Speed, Surroundings, Target};
use crate::text::Weight;

/// What is not known.
const UNKNOWN: &str = "\u{2014}";
/// Width of the column of units, in units of the design.
const UNITS: f32 = 36.0;
/// Seconds to an impact from which on a warning is red.
const DANGER_S: f64 = 30.0;

/// Paints every panel that has a place and something to show.
pub(super) fn paint(painter: &mut Painter<'_>, values: &HudValues, layout: &Layout) {
    if let Some(rect) = layout.rect(Part::Time) {
        time(painter, rect, values);
    }
    if let Some((rect, speed)) = layout.rect(Part::Speed).zip(values.speed.as_ref()) {
        paint_speed(painter, rect, speed, values);
    }
    if let Some((rect, around)) = layout.rect(Part::Altitude).zip(values.surroundings.as_ref()) {
        altitude(painter, rect, around);
    }
    let any_status = values.hull.or(values.fuel).or(values.delta_v_m_s).is_some();
    if let Some(rect) = layout.rect(Part::Status).filter(|_| any_status) {
        status(painter, rect, values);
    }
    if let Some((rect, target)) = layout.rect(Part::Target).zip(values.target.as_ref()) {
        paint_target(painter, rect, target, values.light_m_s);
    }
    if let Some(rect) = layout.rect(Part::Network) {
        match &values.network {
            Some(network) => paint_network(painter, rect, network),
            None => offline(painter, rect),
        }
    }
    if let Some(rect) = layout.rect(Part::Warnings) {
        warnings(painter, rect, values);
    }
}

/// Left and right end of a panel's text.
fn edges(painter: &Painter<'_>, rect: Rect) -> [f32; 2] {
    let margin = painter.px(12.0);
    [rect.min.x + margin, rect.max.x - margin]
}

/// A panel's baseline, so many units below its upper edge.
fn baseline(painter: &Painter<'_>, rect: Rect, units: f32) -> f32 {
    rect.min.y + painter.px(units)
}

/// The name of a panel, and to its right what it refers to.
fn header(painter: &mut Painter<'_>, rect: Rect, name: &str, of: &str, colour: Colour) {
    let [left, right] = edges(painter, rect);
    let y = baseline(painter, rect, 20.0);
    let used = painter.label(name, vec2(left, y), Align::Left);
    let face = painter.face(Size::Label, Weight::Bold);
    let of = painter.fit(of, face, right - left - used - painter.px(10.0));
    let ink = super::paint::Ink { face, colour, align: Align::Right, reading: false };
    painter.write(of.as_str(), vec2(right, y), ink);
}

/// The reading that matters most in a panel, over the column of the other readings as far as its unit allows.
fn large(painter: &mut Painter<'_>, rect: Rect, quantity: &Quantity) {
    let [_, right] = edges(painter, rect);
    let y = baseline(painter, rect, 50.0);
    let unit = painter.text.width_px(quantity.unit, painter.face(Size::Label, Weight::Medium));
    let column = right - unit.max(painter.px(UNITS));
    painter.label(quantity.unit, vec2(column, y), Align::Left);
    let number = quantity.number.as_str().trim_start();
    let end = column - painter.px(6.0);
    painter.reading(number, vec2(end, y), Size::Large, painter.palette.text, Align::Right);
}

fn time(painter: &mut Painter<'_>, rect: Rect, values: &HudValues) {
    painter.plate(rect);
    let [left, right] = edges(painter, rect);
    let y = |units: f32| rect.min.y + units * painter.view.scale;
    let rows = [y(22.0), y(45.0), y(65.0), y(85.0)];
    let written = |value: Option<f64>, write: fn(f64) -> Short| value.map_or(Short::from(UNKNOWN), write);
    let date = written(values.julian_date, format::date);
    let used = painter.reading(date.as_str(), vec2(left, rows[0]), Size::Value, painter.palette.text, Align::Left);
    // Beside the dates of a far past or future there is no room for it.
    if left + used + painter.px(34.0) < right {
        painter.label("TDB", vec2(right, rows[0]), Align::Right);
    }
    let coordinate = written(values.coordinate_s, format::elapsed);
    painter.row(left, right, rows[1], "Coordinate time", coordinate.as_str(), painter.palette.text);
    let proper = written(values.proper_s, format::elapsed);
    painter.row(left, right, rows[2], "Ship's clock", proper.as_str(), painter.palette.text);
    if values.paused {
        painter.row(left, right, rows[3], "Time factor", "paused", painter.palette.amber);
    } else {
        let factor = written(values.time_factor, format::time_factor);
        let colour = if values.time_factor == Some(1.0) { painter.palette.text } else { painter.palette.accent };
        painter.row(left, right, rows[3], "Time factor", factor.as_str(), colour);
    }
}

fn paint_speed(painter: &mut Painter<'_>, rect: Rect, speed: &Speed, values: &HudValues) {
    painter.plate(rect);
    header(painter, rect, "Speed", speed.reference.as_str(), painter.palette.label);
    large(painter, rect, &format::speed(speed.metres_per_second, values.light_m_s));
    let ends = edges(painter, rect);
    let share = Quantity { number: format::share_of_c(speed.share_of_c), unit: "c" };
    painter.quantity_row(ends, baseline(painter, rect, 74.0), "Fraction", &share, UNITS);
    bar_row(painter, rect, 94.0, "Throttle", values.throttle, painter.palette.accent);
}

fn altitude(painter: &mut Painter<'_>, rect: Rect, around: &Surroundings) {
    painter.plate(rect);
    header(painter, rect, "Altitude", around.name.as_str(), painter.palette.label);
    large(painter, rect, &format::distance(around.altitude_m));
    let ends = edges(painter, rect);
    let climb = format::speed(around.climb_m_s, f64::INFINITY);
    painter.quantity_row(ends, baseline(painter, rect, 74.0), "Climb", &climb, UNITS);
    let gravity = format::acceleration(around.gravity_m_s2);
    painter.quantity_row(ends, baseline(painter, rect, 94.0), "Gravity", &gravity, UNITS);
}

fn status(painter: &mut Painter<'_>, rect: Rect, values: &HudValues) {
    painter.plate(rect);
    let palette = painter.palette;
    let (assist, colour) = match values.assist {
        Some(true) => ("Assist on", palette.accent),
        Some(false) => ("Assist off", palette.label),
        None => ("", palette.label),
    };
    header(painter, rect, "Ship", assist, colour);
    let by_share = |share: Option<f64>| match share {
        Some(share) if share < 0.1 => palette.red,
        Some(share) if share < 0.25 => palette.amber,
        _ => palette.text,
    };
    bar_row(painter, rect, 45.0, "Hull", values.hull, by_share(values.hull));
    bar_row(painter, rect, 69.0, "Fuel", values.fuel, by_share(values.fuel));
    let left = values
        .delta_v_m_s
        .map_or(Quantity { number: Short::from(UNKNOWN), unit: "" }, |left| format::speed(left, values.light_m_s));
    painter.quantity_row(edges(painter, rect), baseline(painter, rect, 94.0), "Delta-v", &left, UNITS);
}

/// A name, a bar, and per cent.
fn bar_row(painter: &mut Painter<'_>, rect: Rect, units: f32, name: &str, share: Option<f64>, colour: Colour) {
    let [left, right] = edges(painter, rect);
    let y = baseline(painter, rect, units);
    painter.label(name, vec2(left, y), Align::Left);
    let value = share.map_or(Short::from(UNKNOWN), |share| {
        let percent = format::percent(share);
        Short::of(format_args!("{}\u{2009}%", percent.number.as_str().trim_start()))
    });
    painter.reading(value.as_str(), vec2(right, y), Size::Value, painter.palette.text, Align::Right);
    let cap = painter.face(Size::Label, Weight::Medium).cap_height_px();
    let middle = (y - cap / 2.0).round();
    let half = painter.px(2.5);
    let bar =
        Rect { min: vec2(left + painter.px(64.0), middle - half), max: vec2(right - painter.px(54.0), middle + half) };
    painter.bar(bar, share.unwrap_or(0.0) as f32, colour);
}

fn paint_target(painter: &mut Painter<'_>, rect: Rect, target: &Target, light_m_s: f64) {
    painter.plate(rect);
    header(painter, rect, "Target", target.name.as_str(), painter.palette.accent);
    large(painter, rect, &format::distance(target.distance_m));
    let [left, right] = edges(painter, rect);
    let closing = format::speed(target.closing_m_s, light_m_s);
    painter.quantity_row([left, right], baseline(painter, rect, 74.0), "Closing", &closing, UNITS);
    let arrival = target.distance_m / target.closing_m_s;
    let arrival = if target.closing_m_s > 0.0 { format::until(arrival) } else { Short::from(UNKNOWN) };
    painter.row(left, right, baseline(painter, rect, 94.0), "Arrival in", arrival.as_str(), painter.palette.text);
}

fn paint_network(painter: &mut Painter<'_>, rect: Rect, network: &Network) {
    painter.plate(rect);
    let state = match (network.stalled, network.held, network.peers) {
        (true, _, _) => Short::from("waiting"),
        (false, Some(_), _) => Short::from("held"),
        (false, None, 1) => Short::from("1 peer"),
        (false, None, peers) => Short::of(format_args!("{peers} peers")),
    };
    let colour = if network.stalled || network.held.is_some() { painter.palette.amber } else { painter.palette.text };
    header(painter, rect, "Network", state.as_str(), colour);
    let ends = edges(painter, rect);
    for (units, name, value) in
        [(43.0, "Round trip", network.round_trip_ms), (64.0, "Input delay", network.input_delay_ms)]
    {
        let number = match value {
            Some(value) if value.is_finite() => Short::of(format_args!("{:.0}", value.clamp(0.0, 99_999.0))),
            _ => Short::from(UNKNOWN),
        };
        let quantity = Quantity { number, unit: "ms" };
        painter.quantity_row(ends, baseline(painter, rect, units), name, &quantity, 24.0);
    }
}

/// A small plate in the corner.
fn offline(painter: &mut Painter<'_>, rect: Rect) {
    let size = vec2(painter.px(78.0), painter.px(30.0)).round();
    let plate = Rect { min: vec2(rect.max.x - size.x, rect.min.y), max: vec2(rect.max.x, rect.min.y + size.y) };
    painter.plate(plate);
    let y = baseline(painter, plate, 20.0);
    painter.label("Offline", vec2(plate.centre().x, y), Align::Centre);
}

/// A warning as it is written.
struct Notice {
    text: Short,
    danger: bool,
}

fn warnings(painter: &mut Painter<'_>, rect: Rect, values: &HudValues) {
    let given = &values.warnings;
    let impact = |name: &str, seconds: Option<f64>| {
        seconds.map(|seconds| Notice {
            text: Short::of(format_args!("{name} in {}", format::until(seconds).as_str())),
            danger: seconds < DANGER_S,
        })
    };
    let notice = |given: bool, text: &str, danger| given.then(|| Notice { text: Short::from(text), danger });
    let mut notices = [
        impact("Collision", given.collision_s),
        impact("Terrain", given.terrain_s),
        notice(given.high_gravity, "Gravity beyond thrust", true),
        notice(given.low_fuel, "Fuel low", false),
        notice(given.near_light, "Near the speed of light", false),
        notice(values.network.is_some_and(|network| network.stalled), "Waiting for another player", false),
        values
            .network
            .and_then(|network| network.held)
            .map(|tick| Notice { text: Short::of(format_args!("Held at tick {tick}")), danger: false }),
    ];
    // What is dangerous comes first; the order is kept otherwise.
    notices.sort_by_key(|notice| !notice.as_ref().is_some_and(|notice| notice.danger));
    let (height, step) = (painter.px(28.0).floor(), painter.px(33.0).floor());
    for (row, notice) in notices.iter().flatten().take(3).enumerate() {
        let y = rect.min.y + row as f32 * step;
        paint_notice(painter, Rect { min: vec2(rect.min.x, y), max: vec2(rect.max.x, y + height) }, notice);
    }
}

fn paint_notice(painter: &mut Painter<'_>, rect: Rect, notice: &Notice) {
    let palette = painter.palette;
    let (plate, ink, edge) = if notice.danger {
        (palette.red_plate, palette.text, palette.red)
    } else {
        (palette.plate, palette.amber, palette.amber)
    };
    let radius = painter.px(4.0);
    painter.overlay.fill(rect, radius, plate);
    let line = painter.hair(1.5);
    painter.overlay.outline(rect.inset(line / 2.0), radius, line, edge);
    let face = painter.face(Size::Value, Weight::Bold);
    let y = rect.centre().y + face.cap_height_px() / 2.0;
    // A triangle with a stroke and a dot.
    let at = vec2(rect.min.x + painter.px(19.0), rect.centre().y);
    let size = painter.px(8.0);
    let corner = |x: f32, y: f32| at + vec2(x, y) * size;
    painter.overlay.triangle([corner(0.0, -0.95), corner(1.05, 0.85), corner(-1.05, 0.85)], ink);
    let stroke = painter.hair(1.5);
    painter.overlay.line(corner(0.0, -0.3), corner(0.0, 0.3), stroke, plate.alpha(1.0));
    painter.overlay.disc(corner(0.0, 0.58), stroke * 0.6, plate.alpha(1.0));
    painter.reading(notice.text.as_str(), vec2(rect.centre().x + painter.px(8.0), y), Size::Value, ink, Align::Centre);
}
