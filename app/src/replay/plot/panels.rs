//! What is on the picture: orbits, the close-up, heights, clocks, and the band of digest agreement.

use glam::DVec3;
use plotters::prelude::*;

use super::picture::{self, Area, BAD, DrawError, FAINT_INK, GOOD, INK, LINE, SERIES, Style, UNKNOWN, range, square};
use crate::output::grouped;
use crate::replay::trajectories::{CloseUp, Flight, Ship};

/// Most bodies with a panel of their own.
const BODY_PANELS_MAX: usize = 3;
/// Most ships named in one legend.
const LEGEND_MAX: usize = 6;

/// Colours of what is no ship.
const ROCK: RGBColor = RGBColor(112, 118, 132);
const ROUND: RGBColor = RGBColor(255, 120, 80);
const IMPACT: RGBColor = RGBColor(255, 220, 120);

/// Draws the whole picture; the pixels, RGB.
///
/// # Errors
/// What the canvas refuses.
pub fn compose(flight: &Flight, title: &str, note: &str, size: (u32, u32)) -> Result<Vec<u8>, DrawError> {
    picture::render(size, |area, style| {
        let area = area.margin(style.px(10.0), style.px(10.0), style.px(14.0), style.px(14.0));
        let (head, rest) = area.split_vertically(style.px(64.0));
        heading(flight, &head, style, title, note)?;
        let height = rest.dim_in_pixel().1 as i32;
        let (charts, band) = rest.split_vertically(height - style.px(138.0));
        let (upper, lower) = charts.split_vertically((f64::from(charts.dim_in_pixel().1) * 0.63) as i32);
        places(flight, &upper, style)?;
        let (left, right) = lower.split_horizontally(lower.dim_in_pixel().0 as i32 / 2);
        heights(flight, &left, style)?;
        clocks(flight, &right, style)?;
        agreement(flight, &band, style)
    })
}

fn heading(flight: &Flight, area: &Area<'_>, style: Style, title: &str, note: &str) -> Result<(), DrawError> {
    style.write(area, title, (style.px(10.0), style.px(4.0)), 28.0, INK)?;
    style.write(area, note, (style.px(10.0), style.px(40.0)), 14.0, FAINT_INK)?;
    let (first, last) = flight.ticks;
    let seconds = (last - first) as f64 / f64::from(flight.rate_hz.max(1));
    let facts = format!(
        "{} ships   {} ticks ({seconds:.1} s at {} Hz)   {} shots   {} impacts",
        grouped(flight.ships_total as u64),
        grouped(last - first),
        flight.rate_hz,
        grouped(flight.shots),
        grouped(flight.impacts)
    );
    let (width, _) = area.estimate_text_size(&facts, &style.text(14.0, FAINT_INK)).map_err(|e| e.to_string())?;
    let x = (area.dim_in_pixel().0 as i32 - width as i32 - style.px(10.0)).max(style.px(10.0));
    style.write(area, &facts, (x, style.px(14.0)), 14.0, FAINT_INK)
}

/// A panel per body that ships are near to, and the close-up.
fn places(flight: &Flight, area: &Area<'_>, style: Style) -> Result<(), DrawError> {
    let bodies = &flight.bodies[..flight.bodies.len().min(BODY_PANELS_MAX)];
    let count = bodies.len() + usize::from(flight.close_up.is_some());
    let mut panels = area.split_evenly((1, count.max(1))).into_iter();
    for (body, name, radius_m) in bodies {
        let Some(panel) = panels.next() else { break };
        let ships: Vec<(usize, &Ship)> =
            flight.ships.iter().enumerate().filter(|(_, s)| s.body == Some(*body)).collect();
        orbits(&panel, style, name, *radius_m, &ships)?;
    }
    match (&flight.close_up, panels.next()) {
        (Some(close_up), Some(panel)) => near(flight, close_up, &panel, style),
        (None, Some(panel)) => {
            let panel = style.panel(&panel, "No ships near any body", "", &[])?;
            panel.fill(&picture::PANEL).map_err(|e| e.to_string())
        }
        _ => Ok(()),
    }
}

/// Orbits around one body, seen from above the first ship's orbit.
fn orbits(area: &Area<'_>, style: Style, name: &str, radius_m: f64, ships: &[(usize, &Ship)]) -> Result<(), DrawError> {
    let keys = ship_keys(ships.iter().copied());
    let heading = format!("Around {}", capitalised(name));
    let panel = style.panel(area, &heading, "seen onto the first ship's orbit", &keys)?;
    let Some((_, first)) = ships.first() else { return Ok(()) };
    let start = first.relative_m.iter().flatten().next().copied().unwrap_or(DVec3::X);
    let (right, up) = orbit_plane(start, first.velocity_m_s);
    let flat = |p: DVec3| (p.dot(right) / 1e3, p.dot(up) / 1e3);
    let tracks: Vec<(usize, Vec<(f64, f64)>)> =
        ships.iter().map(|(i, s)| (*i, s.relative_m.iter().flatten().map(|p| flat(*p)).collect())).collect();
    let points = || tracks.iter().flat_map(|(_, track)| track.iter().copied());
    let radius_km = radius_m / 1e3;
    // The body belongs into the picture unless the ships are far away or hardly move.
    let (mut x, mut y) = (range(points().map(|p| p.0)), range(points().map(|p| p.1)));
    let spread = (x.1 - x.0).max(y.1 - y.0);
    let with_body = spread > 0.02 * radius_km;
    if with_body {
        let disc = [(-radius_km, -radius_km), (radius_km, radius_km)];
        x = range(points().map(|p| p.0).chain(disc.iter().map(|p| p.0)));
        y = range(points().map(|p| p.1).chain(disc.iter().map(|p| p.1)));
    }
    let (w, h) = panel.dim_in_pixel();
    let plot_size = (f64::from(w as i32 - style.px(72.0)), f64::from(h as i32 - style.px(44.0)));
    let (x, y) = square(x, y, plot_size);
    let mut chart = style.chart(&panel, x, y, ("km from the centre", "km"), (6, 6))?;
    if with_body {
        let ground = body_colour(name);
        // A soft edge outward, then the disc.
        for ring in (0..6).rev() {
            let halo = Polygon::new(circle(0.0, 0.0, radius_km * (1.0 + 0.006 * f64::from(ring))), ground.mix(0.18));
            chart.draw_series([halo]).map_err(|e| e.to_string())?;
        }
        chart.draw_series([Polygon::new(circle(0.0, 0.0, radius_km), ground)]).map_err(|e| e.to_string())?;
    }
    for (i, track) in &tracks {
        style.track(&mut chart, track, colour(*i), 1.4)?;
    }
    for (i, track) in &tracks {
        if let (Some(start), Some(end)) = (track.first(), track.last()) {
            let hollow = Circle::new(*start, style.px(5.0), colour(*i).stroke_width(style.width(1.5)));
            chart.draw_series([hollow]).map_err(|e| e.to_string())?;
            chart.draw_series([Circle::new(*end, style.px(4.5), colour(*i).filled())]).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

/// The first group of ships, seen from what they fly beside.
fn near(flight: &Flight, close_up: &CloseUp, area: &Area<'_>, style: Style) -> Result<(), DrawError> {
    let seconds = (close_up.ticks.1 - close_up.ticks.0) as f64 / f64::from(flight.rate_hz.max(1));
    let heading = format!("Close up, first {seconds:.0} s");
    let ships = close_up.tracks.iter().filter_map(|(i, _)| flight.ships.get(*i).map(|ship| (*i, ship)));
    let mut keys = ship_keys(ships);
    keys.push(("rocks and structures, at the end".to_owned(), ROCK));
    if !close_up.rounds.is_empty() {
        keys.push((format!("{} rounds", grouped(close_up.rounds.len() as u64)), ROUND));
    }
    if !close_up.impacts.is_empty() {
        keys.push((format!("{} impacts", grouped(close_up.impacts.len() as u64)), IMPACT));
    }
    let panel = style.panel(area, &heading, &format!("seen from {}", close_up.reference), &keys)?;
    let first = close_up.tracks.first().map_or(0, |(i, _)| *i);
    let ship = flight.ships.get(first);
    let start = ship.and_then(|s| s.relative_m.iter().flatten().next().copied()).unwrap_or(DVec3::X);
    let (radial, along) = orbit_plane(start, ship.map_or(DVec3::Y, |s| s.velocity_m_s));
    let flat = |p: &DVec3| (p.dot(along), p.dot(radial));
    let tracks: Vec<(usize, Vec<(f64, f64)>)> =
        close_up.tracks.iter().map(|(i, track)| (*i, track.iter().map(flat).collect())).collect();
    let points = || tracks.iter().flat_map(|(_, track)| track.iter().copied()).chain([(0.0, 0.0)]);
    let (x, y) = (range(points().map(|p| p.0)), range(points().map(|p| p.1)));
    let (w, h) = panel.dim_in_pixel();
    let plot_size = (f64::from(w as i32 - style.px(72.0)), f64::from(h as i32 - style.px(44.0)));
    let (x, y) = square(x, y, plot_size);
    let mut chart = style.chart(&panel, x, y, ("m along the orbit", "m up"), (6, 6))?;
    let inside = |p: &(f64, f64)| p.0 > x.0 && p.0 < x.1 && p.1 > y.0 && p.1 < y.1;
    let per_pixel = (x.1 - x.0) / plot_size.0.max(1.0);
    for (at, radius_m) in &close_up.solids {
        let at = flat(at);
        if inside(&at) {
            let pixels = (radius_m / per_pixel).clamp(f64::from(style.px(1.0)), 4e3) as i32;
            let rock = Circle::new(at, pixels, ROCK.mix(0.85).filled());
            chart.draw_series([rock]).map_err(|e| e.to_string())?;
        }
    }
    for (_, track) in &close_up.rounds {
        let track: Vec<(f64, f64)> = track.iter().map(flat).filter(inside).collect();
        style.track(&mut chart, &track, ROUND, 1.0)?;
    }
    for at in close_up.impacts.iter().map(flat).filter(inside) {
        let star = Cross::new(at, style.px(4.0), IMPACT.stroke_width(style.width(1.5)));
        chart.draw_series([star]).map_err(|e| e.to_string())?;
    }
    for (i, track) in &tracks {
        style.track(&mut chart, track, colour(*i), 2.2)?;
        if let Some(end) = track.last() {
            chart.draw_series([Circle::new(*end, style.px(4.5), colour(*i).filled())]).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

/// Ships at the Earth and at Jupiter on one scale: what changes is told, not what is.
fn heights(flight: &Flight, area: &Area<'_>, style: Style) -> Result<(), DrawError> {
    let height = |ship: &Ship, at: usize| {
        let start = ship.relative_m.iter().flatten().next()?;
        ship.relative_m.get(at).copied().flatten().map(|p| (p.length() - start.length()) / 1e3)
    };
    series(flight, area, style, ("Height gained above the nearest body", "km"), height)
}

fn clocks(flight: &Flight, area: &Area<'_>, style: Style) -> Result<(), DrawError> {
    let most = flight.ships.iter().flat_map(|s| s.lag_s.iter().flatten()).fold(0.0_f64, |m, v| m.max(v.abs()));
    let (unit, per_s) = match most {
        m if m < 1e-6 => ("ns", 1e9),
        m if m < 1e-3 => ("µs", 1e6),
        m if m < 1.0 => ("ms", 1e3),
        _ => ("s", 1.0),
    };
    let lag = |ship: &Ship, at: usize| ship.lag_s.get(at).copied().flatten().map(|lag| lag * per_s);
    series(flight, area, style, ("How far the ships' own clocks lag behind", unit), lag)
}

/// Lines over ticks, one per ship, with the changes of the time factor marked.
fn series(
    flight: &Flight,
    area: &Area<'_>,
    style: Style,
    (heading, unit): (&str, &str),
    value: impl Fn(&Ship, usize) -> Option<f64>,
) -> Result<(), DrawError> {
    let panel = style.panel(area, heading, &format!("{unit}, over ticks"), &[])?;
    let values = || flight.ships.iter().flat_map(|s| (0..flight.sampled.len()).filter_map(|at| value(s, at)));
    let x = tick_range(flight);
    let y = range(values());
    let mut chart = style.chart(&panel, x, y, ("", unit), (8, 5))?;
    for (tick, _) in flight.factors.iter().skip(1) {
        let line = [(*tick as f64, y.0), (*tick as f64, y.1)];
        let line = PathElement::new(line, FAINT_INK.mix(0.6).stroke_width(style.width(1.0)));
        chart.draw_series([line]).map_err(|e| e.to_string())?;
    }
    for (i, ship) in flight.ships.iter().enumerate() {
        let points = flight.sampled.iter().enumerate();
        let points: Vec<(f64, f64)> =
            points.filter_map(|(at, tick)| value(ship, at).map(|v| (*tick as f64, v))).collect();
        style.track(&mut chart, &points, colour(i), 1.8)?;
    }
    Ok(())
}

/// Green where the digests agree, red where they do not.
fn agreement(flight: &Flight, area: &Area<'_>, style: Style) -> Result<(), DrawError> {
    let count = |kind| -> u64 {
        flight.agreement.iter().filter(|a| a.agrees == kind).map(|a| (a.to + 1).saturating_sub(a.from)).sum()
    };
    let (same, other, lost) = (count(Some(true)), count(Some(false)), count(None));
    let mut note = format!("{} ticks agree", grouped(same));
    if other > 0 {
        note.push_str(&format!(", {} differ", grouped(other)));
    }
    if lost > 0 {
        note.push_str(&format!(", {} cannot be read", grouped(lost)));
    }
    let panel = style.panel(area, "Digests, recorded and simulated again", &note, &[])?;
    let x = tick_range(flight);
    let mut chart = ChartBuilder::on(&panel)
        .x_label_area_size(style.px(40.0))
        .margin_left(style.px(72.0))
        .build_cartesian_2d(x.0..x.1, 0.0..1.0)
        .map_err(|e| e.to_string())?;
    for range in &flight.agreement {
        let colour = match range.agrees {
            Some(true) => GOOD,
            Some(false) => BAD,
            None => UNKNOWN,
        };
        // A single tick that differs must be seen, however long the recording.
        let least = if range.agrees == Some(true) { 0.0 } else { (x.1 - x.0) / 600.0 };
        let from = (range.from as f64 - 1.0).max(x.0);
        let to = (range.to as f64).max(from + least).min(x.1);
        chart.draw_series([Rectangle::new([(from, 0.25), (to, 1.0)], colour.filled())]).map_err(|e| e.to_string())?;
    }
    chart
        .configure_mesh()
        .disable_mesh()
        .disable_y_axis()
        .axis_style(LINE.stroke_width(style.width(1.0)))
        .x_labels(12)
        .x_label_formatter(&|tick| grouped(tick.max(0.0) as u64))
        .label_style(style.text(12.5, FAINT_INK))
        .axis_desc_style(style.text(13.0, FAINT_INK))
        .x_desc("tick")
        .draw()
        .map_err(|e| e.to_string())?;
    for (i, (tick, factor)) in flight.factors.iter().enumerate().take(12) {
        let next = flight.factors.get(i + 1).map_or(x.1, |(tick, _)| *tick as f64);
        // Where there is no room for a label there is none.
        if (next - *tick as f64) / (x.1 - x.0) > 0.05 {
            let (left, top) = chart.backend_coord(&(*tick as f64, 1.0));
            let (panel_left, panel_top) = (panel.get_pixel_range().0.start, panel.get_pixel_range().1.start);
            let at = (left - panel_left + style.px(8.0), top - panel_top + style.px(6.0));
            style.write(&panel, &format!("time factor {factor}"), at, 13.0, picture::GROUND)?;
        }
    }
    Ok(())
}

/// Names and colours of ships, as many as there is room for.
fn ship_keys<'a>(ships: impl Iterator<Item = (usize, &'a Ship)>) -> Vec<(String, RGBColor)> {
    let mut keys: Vec<(String, RGBColor)> = ships.map(|(i, ship)| (ship.label.clone(), colour(i))).collect();
    if keys.len() > LEGEND_MAX {
        let more = keys.len() - (LEGEND_MAX - 1);
        keys.truncate(LEGEND_MAX - 1);
        keys.push((format!("and {more} more"), FAINT_INK));
    }
    keys
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The colour a body is known by, darkened; slate for those of other systems.
fn body_colour(name: &str) -> RGBColor {
    match name {
        "sun" => RGBColor(150, 116, 30),
        "mercury" | "moon" | "pluto" => RGBColor(84, 82, 80),
        "venus" => RGBColor(126, 106, 68),
        "earth" => RGBColor(30, 66, 116),
        "mars" => RGBColor(122, 58, 38),
        "jupiter" => RGBColor(118, 88, 62),
        "saturn" => RGBColor(124, 108, 70),
        "uranus" => RGBColor(66, 112, 118),
        "neptune" => RGBColor(44, 66, 130),
        _ => RGBColor(62, 72, 92),
    }
}

fn tick_range(flight: &Flight) -> (f64, f64) {
    let (first, last) = flight.ticks;
    (first as f64, last.max(first + 1) as f64)
}

fn colour(series: usize) -> RGBColor {
    SERIES[series % SERIES.len()]
}

/// Unit vectors in the orbit's plane: outward at the start, and a quarter turn further on.
fn orbit_plane(position: DVec3, velocity: DVec3) -> (DVec3, DVec3) {
    let right = position.try_normalize().unwrap_or(DVec3::X);
    let up = (velocity - right * velocity.dot(right)).try_normalize();
    (right, up.unwrap_or_else(|| right.any_orthonormal_vector()))
}

fn circle(x: f64, y: f64, radius: f64) -> Vec<(f64, f64)> {
    const CORNERS: usize = 180;
    let corner = |i: usize| {
        let angle = i as f64 / CORNERS as f64 * std::f64::consts::TAU;
        (x + radius * angle.cos(), y + radius * angle.sin())
    };
    (0..=CORNERS).map(corner).collect()
}
