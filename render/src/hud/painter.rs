//! The common pieces of the display: plates, labels, readings, bars. Must never decide what is shown.

use glam::{Vec2, vec2};

use super::colour::{Colour, Palette};
use super::format::{Inline, Quantity};
use super::layout::View;
use super::paint::{Align, Ink, Overlay, Rect};
use crate::text::{Face, Text, Weight};

/// Sizes of text, in units of the design: pixels at 1280 by 720.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// Names of readings, units.
    Label,
    /// Readings, menu items.
    Value,
    /// The readings that matter most.
    Large,
    /// Headings of menus.
    Title,
}

impl Size {
    fn units(self) -> f32 {
        match self {
            Self::Label => 13.0,
            Self::Value => 15.0,
            Self::Large => 25.0,
            Self::Title => 28.0,
        }
    }
}

/// Paints on a list with one set of colours and sizes.
pub(super) struct Painter<'a> {
    pub(super) overlay: &'a mut Overlay,
    pub(super) text: &'a mut Text,
    pub(super) palette: &'a Palette,
    pub(super) view: &'a View,
}

impl<'a> Painter<'a> {
    pub(super) fn new(overlay: &'a mut Overlay, text: &'a mut Text, palette: &'a Palette, view: &'a View) -> Self {
        Self { overlay, text, palette, view }
    }

    /// Pixels of so many units.
    pub(super) fn px(&self, units: f32) -> f32 {
        units * self.view.scale
    }

    /// Width of a thin line in pixels: never less than one, else whole ones and halves.
    pub(super) fn hair(&self, units: f32) -> f32 {
        ((units * self.view.scale * 2.0).round() / 2.0).max(1.0)
    }

    pub(super) fn face(&self, size: Size, weight: Weight) -> Face {
        Face::new((self.px(size.units()) * 2.0).round() / 2.0, weight)
    }

    /// A dark plate with a hairline around it.
    pub(super) fn plate(&mut self, rect: Rect) {
        let radius = self.px(4.0);
        self.overlay.fill(rect, radius, self.palette.plate);
        self.overlay.outline(rect.inset(0.5), radius, 1.0, self.palette.rule);
    }

    /// Writes one line on a baseline in whole pixels; returns its width in pixels.
    pub(super) fn write(&mut self, string: &str, at: Vec2, ink: Ink) -> f32 {
        self.overlay.text(self.text, string, at.round(), ink)
    }

    /// The name of something.
    pub(super) fn label(&mut self, string: &str, at: Vec2, align: Align) -> f32 {
        let ink =
            Ink { face: self.face(Size::Label, Weight::Medium), colour: self.palette.label, align, reading: false };
        self.write(string, at, ink)
    }

    /// A reading.
    pub(super) fn reading(&mut self, string: &str, at: Vec2, size: Size, colour: Colour, align: Align) -> f32 {
        let ink = Ink { face: self.face(size, Weight::Bold), colour, align, reading: true };
        self.write(string, at, ink)
    }

    /// A name and what is read, on one baseline from edge to edge.
    pub(super) fn row(&mut self, left: f32, right: f32, baseline: f32, name: &str, value: &str, colour: Colour) {
        self.label(name, vec2(left, baseline), Align::Left);
        self.reading(value, vec2(right, baseline), Size::Value, colour, Align::Right);
    }

    /// As [`Self::row`] with a unit, whose column is `unit_units` wide.
    pub(super) fn quantity_row(
        &mut self,
        edges: [f32; 2],
        baseline: f32,
        name: &str,
        value: &Quantity,
        unit_units: f32,
    ) {
        let [left, right] = edges;
        let column = right - self.px(unit_units);
        self.row(left, column - self.px(5.0), baseline, name, value.number.as_str().trim_start(), self.palette.text);
        self.label(value.unit, vec2(column, baseline), Align::Left);
    }

    /// A bar that is filled from the left.
    pub(super) fn bar(&mut self, rect: Rect, share: f32, colour: Colour) {
        let radius = rect.size().y / 2.0;
        self.overlay.fill(rect, radius, self.palette.rule);
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        let filled = Rect { min: rect.min, max: vec2(rect.min.x + rect.size().x * share, rect.max.y) };
        self.overlay.fill(filled, radius, colour);
    }

    /// As much of a text as is no wider than `width_px`; an ellipsis stands for the rest.
    pub(super) fn fit(&mut self, string: &str, face: Face, width_px: f32) -> Inline<255> {
        if self.text.width_px(string, face) <= width_px {
            return Inline::from(string);
        }
        let dots = self.text.reading_width_px("\u{2026}", face);
        let (mut used, mut end) = (0.0, 0);
        let mut one = [0; 4];
        for (at, character) in string.char_indices() {
            used += self.text.reading_width_px(character.encode_utf8(&mut one), face);
            if used + dots > width_px {
                break;
            }
            end = at + character.len_utf8();
        }
        Inline::of(format_args!("{}\u{2026}", string[..end].trim_end()))
    }

    /// Breaks a text at blanks into at most `N` lines that are no wider than `width_px`, as far as words allow.
    /// The last takes the rest.
    pub(super) fn wrap<'t, const N: usize>(&mut self, string: &'t str, face: Face, width_px: f32) -> [&'t str; N] {
        let mut lines = [""; N];
        let mut rest = string.trim();
        for (i, line) in lines.iter_mut().enumerate() {
            let mut end = rest.len();
            if i + 1 < N {
                let (mut used, mut last_blank) = (0.0, None);
                let mut one = [0; 4];
                for (at, character) in rest.char_indices() {
                    if character == ' ' {
                        last_blank = Some(at);
                    }
                    used += self.text.reading_width_px(character.encode_utf8(&mut one), face);
                    if used > width_px
                        && let Some(blank) = last_blank
                    {
                        end = blank;
                        break;
                    }
                }
            }
            *line = rest[..end].trim();
            rest = rest[end..].trim();
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_smaller_than_twelve_pixels_at_720_lines() {
        let (mut overlay, mut text, palette) = (Overlay::default(), Text::new(), Palette::default());
        for (width, height, least) in [(1280, 720, 12.0), (1920, 1080, 18.0), (3840, 2160, 36.0), (640, 360, 9.5)] {
            let view = View::screen(width, height, 1.0, 1.0);
            let painter = Painter::new(&mut overlay, &mut text, &palette, &view);
            for size in [Size::Label, Size::Value, Size::Large, Size::Title] {
                let found = painter.face(size, Weight::Medium).size_px();
                assert!(found >= least, "{size:?} at {width} x {height}: {found}");
            }
        }
    }

    #[test]
    fn texts_are_cut_and_broken_to_the_width_given() {
        let (mut overlay, mut text, palette) = (Overlay::default(), Text::new(), Palette::default());
        let view = View::screen(1280, 720, 1.0, 1.0);
        let mut painter = Painter::new(&mut overlay, &mut text, &palette, &view);
        let face = painter.face(Size::Value, Weight::Medium);
        let words = "Push the throttle up until the engine runs";
        for width in [0.0, 20.0, 100.0, 200.0, 1000.0] {
            let cut = painter.fit(words, face, width);
            let found = painter.text.width_px(cut.as_str(), face);
            assert!(found <= width.max(face.size_px()), "{cut:?} is {found} wide, not {width}");
            assert_eq!(cut.as_str() == words, width == 1000.0);
            let lines = painter.wrap::<3>(words, face, width);
            assert_eq!(lines.join(" ").trim(), words, "nothing is lost");
            assert!(width < 100.0 || painter.text.width_px(lines[0], face) <= width);
        }
        assert_eq!(painter.wrap::<2>("  ", face, 100.0), ["", ""]);
        assert_eq!(painter.wrap::<2>("a b", face, 0.0), ["a", "b"]);
    }
}
