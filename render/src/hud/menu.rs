//! Menus, a replay's bar, messages and subtitles, painted from plain structs. Must never know of a key or a pointer.

use glam::{Vec2, vec2};

use super::layout::{TOAST_HEIGHT, View};
use super::paint::{Align, Ink, Rect};
use super::painter::{Painter, Size};
use crate::text::Weight;

/// A list to choose from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Menu<'a> {
    /// At the top.
    pub title: &'a str,
    /// From top to bottom; what has no room is scrolled to when it is selected.
    pub items: &'a [Item<'a>],
    /// Index of the one that is marked.
    pub selected: usize,
    /// Index of the first line that has room, as near as the list's ends allow; unless given, the marked one stands in the
    /// middle.
    pub first: Option<usize>,
    /// At the bottom; may be empty.
    pub help: &'a str,
}

/// A line of a menu.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Item<'a> {
    /// What it is called.
    pub label: &'a str,
    /// What it stands at.
    pub value: Value<'a>,
    /// Whether it can be chosen.
    pub enabled: bool,
}

/// What a line of a menu stands at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing: it does something.
    None,
    /// It opens another menu.
    Submenu,
    /// A text that does not change here.
    Text(&'a str),
    /// One of several.
    Choice(&'a str),
    /// On or off.
    Toggle(bool),
    /// A share from 0 to 1, and how it reads.
    Slider(f32, &'a str),
}

/// Where a replay is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeline<'a> {
    /// Share of the recording, 0 to 1.
    pub position: f32,
    /// What has happened, at shares of the recording.
    pub marks: &'a [TimelineMark],
    /// Whether it runs.
    pub playing: bool,
    /// Time at the position.
    pub time: &'a str,
    /// Length of the recording.
    pub length: &'a str,
    /// How fast it runs.
    pub speed: &'a str,
}

/// Something that happened in a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimelineMark {
    /// Share of the recording, 0 to 1.
    pub at: f32,
    /// Whether it did harm.
    pub harm: bool,
}

/// Heights of the parts of a menu in units.
const TITLE: f32 = 62.0;
const ROW: f32 = 34.0;
const FOOT: f32 = 44.0;
const WIDTH: f32 = 480.0;
/// Share of a line that what it stands at may take.
const VALUE_SHARE: f32 = 0.46;

/// Where a menu and its lines stand, for whoever paints and whoever points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rows {
    /// All of it.
    pub plate: Rect,
    /// Index of the first line that has room.
    pub first: usize,
    /// How many have.
    pub shown: usize,
    /// How many there are.
    pub all: usize,
    /// Upper edge of the first one, pixels.
    top: f32,
    /// Height of each, pixels.
    height: f32,
}

impl Rows {
    /// Of a menu in a view: in its middle.
    #[must_use]
    pub fn of(view: &View, menu: &Menu<'_>) -> Self {
        let px = |units: f32| units * view.scale;
        let foot = if menu.help.is_empty() { 12.0 } else { FOOT };
        let height = px(ROW).floor().max(1.0);
        // A message above it has room too.
        let room = view.safe.size().y - px(2.0 * (TOAST_HEIGHT + 6.0) + TITLE + foot);
        let all = menu.items.len();
        let shown = ((room / height).floor() as usize).clamp(1, all.max(1));
        let selected = menu.selected.min(all.saturating_sub(1));
        // The selected one stands in the middle of the list, as far as the list's ends allow.
        let first = menu.first.unwrap_or(selected.saturating_sub(shown / 2)).min(all.saturating_sub(shown));
        let size = vec2(px(WIDTH).min(view.safe.size().x), px(TITLE + foot) + height * shown as f32);
        let plate = Rect::around(view.safe.centre(), size / 2.0);
        let plate = Rect { min: plate.min.round(), max: plate.max.round() };
        Self { plate, first, shown, all, top: plate.min.y + px(TITLE).round(), height }
    }

    /// Where a line stands; nothing for one that has no room now.
    #[must_use]
    pub fn rect(&self, index: usize) -> Option<Rect> {
        let at = index.checked_sub(self.first).filter(|at| *at < self.shown && index < self.all)?;
        let top = self.top + at as f32 * self.height;
        Some(Rect { min: vec2(self.plate.min.x, top), max: vec2(self.plate.max.x, top + self.height) })
    }

    /// The line under a point of the picture, pixels from its upper left corner.
    #[must_use]
    pub fn at(&self, point: Vec2) -> Option<usize> {
        let inside = |rect: Rect| point.cmpge(rect.min).all() && point.cmplt(rect.max).all();
        (self.first..self.first + self.shown).find(|index| self.rect(*index).is_some_and(inside))
    }
}

/// Where the way of a slider is in its line.
#[must_use]
pub fn slider_bar(view: &View, line: Rect) -> Rect {
    let px = |units: f32| units * view.scale;
    let (left, right) = (line.min.x + px(26.0), line.max.x - px(26.0));
    let (begin, end) = (right - (right - left) * VALUE_SHARE, right - px(72.0));
    Rect::around(vec2((begin + end) / 2.0, line.centre().y.round()), vec2((end - begin) / 2.0, px(2.0)))
}

/// Where the way of a replay's bar is in the bar's place; nothing where it has no room.
#[must_use]
pub fn timeline_bar(view: &View, place: Rect) -> Option<Rect> {
    let px = |units: f32| units * view.scale;
    let (left, right) = (place.min.x + px(146.0), place.max.x - px(172.0));
    let middle = place.centre().y.round();
    let bar = Rect { min: vec2(left, middle - px(2.5)), max: vec2(right, middle + px(2.5)) };
    (right - left >= px(40.0)).then_some(bar)
}

/// Paints a menu in the middle, over a dimmed scene.
pub(super) fn paint_menu(painter: &mut Painter<'_>, menu: &Menu<'_>) {
    let whole = Rect { min: Vec2::ZERO, max: painter.view.size };
    painter.overlay.fill(whole, 0.0, painter.palette.plate.alpha(0.6));
    let rows = Rows::of(painter.view, menu);
    let rect = rows.plate;
    let selected = menu.selected.min(menu.items.len().saturating_sub(1));
    painter.plate(rect);
    let margin = painter.px(22.0);
    let face = painter.face(Size::Title, Weight::Bold);
    let title = painter.fit(menu.title, face, rect.size().x - 2.0 * margin);
    let ink = Ink { face, colour: painter.palette.text, align: Align::Left, reading: false };
    painter.write(title.as_str(), vec2(rect.min.x + margin, rect.min.y + painter.px(40.0)), ink);
    let rule = Rect::new(rect.min.x + margin, rows.top - painter.px(8.0).round(), rect.size().x - 2.0 * margin, 1.0);
    painter.overlay.fill(rule, 0.0, painter.palette.rule);
    for (index, item) in menu.items.iter().enumerate() {
        if let Some(line) = rows.rect(index) {
            paint_item(painter, line, item, index == selected);
        }
    }
    scroll_bar(painter, &rows);
    if !menu.help.is_empty() {
        let face = painter.face(Size::Label, Weight::Medium);
        let help = painter.fit(menu.help, face, rect.size().x - 2.0 * margin);
        let at = vec2(rect.min.x + margin, rect.max.y - painter.px(16.0));
        painter.label(help.as_str(), at, Align::Left);
    }
}

fn scroll_bar(painter: &mut Painter<'_>, rows: &Rows) {
    if rows.shown >= rows.all {
        return;
    }
    let height = rows.height * rows.shown as f32;
    let part = |items: usize| height * items as f32 / rows.all as f32;
    let x = rows.plate.max.x - painter.px(8.0);
    let thumb = Rect::new(x, rows.top + part(rows.first), painter.px(3.0), part(rows.shown));
    let colour = painter.palette.label.alpha(0.6);
    painter.overlay.fill(thumb, painter.px(1.5), colour);
}

fn paint_item(painter: &mut Painter<'_>, rect: Rect, item: &Item<'_>, selected: bool) {
    let palette = painter.palette;
    if selected {
        let line = Rect {
            min: rect.min + vec2(painter.px(12.0), painter.px(2.0)),
            max: rect.max - vec2(painter.px(12.0), painter.px(2.0)),
        };
        painter.overlay.fill(line, painter.px(3.0), palette.accent.alpha(0.05));
        let mark = Rect { min: line.min, max: vec2(line.min.x + painter.px(3.0), line.max.y) };
        painter.overlay.fill(mark, 1.0, palette.accent);
    }
    let colour = match (item.enabled, selected) {
        (true, true) => palette.accent,
        (true, false) => palette.text,
        (false, _) => palette.label.alpha(0.55),
    };
    let face = painter.face(Size::Value, if selected { Weight::Bold } else { Weight::Medium });
    let y = rect.centre().y + face.cap_height_px() / 2.0;
    let (left, right) = (rect.min.x + painter.px(26.0), rect.max.x - painter.px(26.0));
    let wide = if item.value == Value::None { right - left } else { (right - left) * 0.52 };
    let label = painter.fit(item.label, face, wide);
    let ink = |align| Ink { face, colour, align, reading: false };
    painter.write(label.as_str(), vec2(left, y), ink(Align::Left));
    let room = (right - left) * VALUE_SHARE;
    match item.value {
        Value::None => {}
        Value::Submenu => {
            let at = vec2(right, rect.centre().y);
            chevron(painter, at, 1.0, colour);
        }
        Value::Text(string) => {
            let string = painter.fit(string, face, room);
            painter.write(string.as_str(), vec2(right, y), ink(Align::Right));
        }
        Value::Choice(string) => {
            let arrows = painter.px(16.0);
            let string = painter.fit(string, face, room - 2.0 * arrows);
            let width = painter.write(string.as_str(), vec2(right - arrows, y), ink(Align::Right));
            chevron(painter, vec2(right, rect.centre().y), 1.0, colour);
            chevron(painter, vec2(right - 2.0 * arrows - width, rect.centre().y), -1.0, colour);
        }
        Value::Toggle(on) => toggle(painter, vec2(right, rect.centre().y), on, item.enabled),
        Value::Slider(share, string) => {
            let string = painter.fit(string, face, painter.px(62.0));
            painter.write(string.as_str(), vec2(right, y), ink(Align::Right));
            let bar = slider_bar(painter.view, rect);
            painter.bar(bar, share, colour);
            let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
            painter.overlay.disc(vec2(bar.min.x + bar.size().x * share, bar.centre().y), painter.px(6.0), colour);
        }
    }
}

/// An angle bracket whose tip is at `x`.
fn chevron(painter: &mut Painter<'_>, tip: Vec2, side: f32, colour: super::colour::Colour) {
    let size = painter.px(4.5);
    let points = [tip + vec2(-side, -1.0) * size, tip, tip + vec2(-side, 1.0) * size];
    painter.overlay.polyline(&points, painter.hair(1.75), colour);
}

fn toggle(painter: &mut Painter<'_>, right: Vec2, on: bool, enabled: bool) {
    let palette = painter.palette;
    let size = vec2(painter.px(34.0), painter.px(18.0)).round();
    let rect = Rect::new(right.x - size.x, (right.y - size.y / 2.0).round(), size.x, size.y);
    let alpha = if enabled { 1.0 } else { 0.5 };
    let radius = size.y / 2.0;
    let knob = |x: f32| vec2(x, rect.centre().y);
    if on {
        painter.overlay.fill(rect, radius, palette.accent.alpha(alpha));
        painter.overlay.disc(knob(rect.max.x - radius), radius - painter.px(3.0), palette.plate.alpha(1.0));
    } else {
        let line = painter.hair(1.5);
        painter.overlay.outline(rect.inset(line / 2.0), radius, line, palette.label.alpha(0.8 * alpha));
        painter.overlay.disc(knob(rect.min.x + radius), radius - painter.px(5.0), palette.label.alpha(alpha));
    }
}

/// Paints a replay's bar.
pub(super) fn paint_timeline(painter: &mut Painter<'_>, rect: Rect, timeline: &Timeline<'_>) {
    painter.plate(rect);
    let palette = painter.palette;
    let face = painter.face(Size::Value, Weight::Bold);
    let middle = rect.centre().y.round();
    let y = middle + face.cap_height_px() / 2.0;
    play_sign(painter, vec2(rect.min.x + painter.px(22.0), middle), timeline.playing);
    let edge = painter.px(130.0);
    let at = vec2(rect.min.x + edge, y);
    painter.reading(timeline.time, at, Size::Value, palette.text, Align::Right);
    painter.reading(timeline.speed, vec2(rect.max.x - painter.px(14.0), y), Size::Value, palette.accent, Align::Right);
    let length = vec2(rect.max.x - painter.px(66.0), y);
    painter.reading(timeline.length, length, Size::Value, palette.label, Align::Right);
    let Some(bar) = timeline_bar(painter.view, rect) else { return };
    let (left, right) = (bar.min.x, bar.max.x);
    painter.bar(bar, timeline.position, palette.accent);
    let x = |share: f32| left + (right - left) * if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    for mark in timeline.marks {
        let colour = if mark.harm { palette.red } else { palette.text };
        let half = vec2(painter.hair(2.0) / 2.0, painter.px(7.0));
        painter.overlay.fill(Rect::around(vec2(x(mark.at).round(), middle), half), 0.0, colour);
    }
    painter.overlay.disc(vec2(x(timeline.position), middle), painter.px(8.0), palette.plate.alpha(1.0));
    painter.overlay.disc(vec2(x(timeline.position), middle), painter.px(6.0), palette.accent);
}

/// Two bars while it runs (what a press does), a triangle while it stands.
fn play_sign(painter: &mut Painter<'_>, at: Vec2, playing: bool) {
    let size = painter.px(7.0);
    let colour = painter.palette.accent;
    if playing {
        for side in [-0.6, 0.6] {
            let bar = Rect::around(at + vec2(side * size, 0.0), vec2(size * 0.28, size));
            painter.overlay.fill(bar, 1.0, colour);
        }
    } else {
        let corner = |x: f32, y: f32| at + vec2(x, y) * size;
        painter.overlay.triangle([corner(-0.7, -1.0), corner(1.0, 0.0), corner(-0.7, 1.0)], colour);
    }
}

/// Paints a message in one line.
pub(super) fn paint_toast(painter: &mut Painter<'_>, rect: Rect, toast: &str) {
    let face = painter.face(Size::Value, Weight::Medium);
    let toast = painter.fit(toast, face, rect.size().x - painter.px(28.0));
    let half = (painter.text.width_px(toast.as_str(), face) / 2.0 + painter.px(14.0)).ceil();
    let centre = rect.centre().round();
    let plate = Rect { min: vec2(centre.x - half, rect.min.y), max: vec2(centre.x + half, rect.max.y) };
    let plate = Rect { min: plate.min.max(rect.min), max: plate.max.min(rect.max) };
    painter.plate(plate);
    let ink = Ink { face, colour: painter.palette.text, align: Align::Centre, reading: false };
    painter.write(toast.as_str(), vec2(centre.x, centre.y + face.cap_height_px() / 2.0), ink);
}

/// Paints up to three centred lines.
pub(super) fn paint_subtitle(painter: &mut Painter<'_>, rect: Rect, subtitle: &str) {
    let face = painter.face(Size::Value, Weight::Medium);
    let width = rect.size().x - painter.px(28.0);
    let lines = painter.wrap::<3>(subtitle, face, width);
    let count = lines.iter().take_while(|line| !line.is_empty()).count();
    if count == 0 {
        return;
    }
    let widest = lines.iter().map(|line| painter.text.width_px(line, face)).fold(0.0, f32::max).min(width);
    let (row, centre) = (painter.px(19.0), rect.centre());
    let half = vec2(widest / 2.0 + painter.px(14.0), row * count as f32 / 2.0 + painter.px(7.0));
    let plate = Rect { min: (centre - half).floor(), max: (centre + half).ceil() };
    painter.plate(Rect { min: plate.min.max(rect.min), max: plate.max.min(rect.max) });
    let first = centre.y - half.y + painter.px(7.0) + (row + face.cap_height_px()) / 2.0;
    for (i, line) in lines[..count].iter().enumerate() {
        let line = painter.fit(line, face, width);
        let ink = Ink { face, colour: painter.palette.text, align: Align::Centre, reading: false };
        painter.write(line.as_str(), vec2(centre.x, first + row * i as f32), ink);
    }
}
