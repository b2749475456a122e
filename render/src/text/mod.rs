//! Text as rectangles of an atlas of glyphs, crisp at any size: each glyph is drawn at the very pixel size that is asked
//! for. Must never look at the fonts of the machine, so that every machine shows the same picture.

mod atlas;
mod fonts;

use std::collections::HashMap;

pub use atlas::{Atlas, Slot};
use fonts::{Fonts, Glyph, GlyphKey};

/// How a text is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Face {
    /// Height of the em square in quarters of a pixel.
    quarters: u16,
    /// Thickness of the strokes.
    pub weight: Weight,
}

/// Thickness of the strokes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weight {
    /// For text.
    Medium,
    /// For headings and readings.
    Bold,
}

impl Face {
    /// Sizes outside 4 to 400 pixels are brought inside.
    #[must_use]
    pub fn new(size_px: f32, weight: Weight) -> Self {
        let size_px = if size_px.is_finite() { size_px.clamp(4.0, 400.0) } else { 4.0 };
        Self { quarters: (size_px * 4.0).round() as u16, weight }
    }

    /// Height of the em square, pixels.
    #[must_use]
    pub fn size_px(self) -> f32 {
        f32::from(self.quarters) / 4.0
    }

    /// Height of capitals and digits over the baseline, pixels.
    #[must_use]
    pub fn cap_height_px(self) -> f32 {
        self.size_px() * fonts::CAP_HEIGHT
    }
}

/// One glyph to draw: a rectangle of the picture and one of the same size of the atlas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlyphQuad {
    /// Left edge, pixels.
    pub x: i32,
    /// Upper edge, pixels.
    pub y: i32,
    /// Where the atlas has it, and its size in pixels.
    pub slot: Slot,
}

/// A text that was shaped, with its origin at the left end of its baseline.
#[derive(Debug)]
struct Line {
    glyphs: Vec<Glyph>,
    width_px: f32,
    used: u64,
}

/// Shapes texts and keeps their glyphs. Once warm, texts that were shown lately cost no allocation; nor does
/// [`Text::place_reading`] for any text of characters that were shown before.
#[derive(Debug)]
pub struct Text {
    fonts: Fonts,
    atlas: Atlas,
    lines: HashMap<Face, HashMap<Box<str>, Line>>,
    cells: HashMap<(char, Face), (Option<Glyph>, f32)>,
    frame: u64,
}

/// Lines that were not shown for this many frames are forgotten.
const KEPT_FRAMES: u64 = 600;
/// Most lines, and most single characters, that are kept.
const MOST_KEPT: usize = 4096;

impl Text {
    /// With the fonts of the program and nothing else.
    #[must_use]
    pub fn new() -> Self {
        Self {
            fonts: Fonts::new(),
            atlas: Atlas::new(atlas::WIDTH, atlas::MOST_HEIGHT),
            lines: HashMap::new(),
            cells: HashMap::new(),
            frame: 0,
        }
    }

    /// Starts a frame: what was placed before may from now on make room in the atlas.
    pub fn begin_frame(&mut self) {
        self.frame += 1;
        self.atlas.begin_frame();
        let frame = self.frame;
        let kept: usize = self.lines.values().map(HashMap::len).sum();
        if frame.is_multiple_of(KEPT_FRAMES) || kept > MOST_KEPT {
            // Too many at once: keep only what the last frame showed.
            let age = if kept > MOST_KEPT { 1 } else { KEPT_FRAMES };
            self.lines.values_mut().for_each(|lines| lines.retain(|_, line| line.used + age >= frame));
            self.lines.retain(|_, lines| !lines.is_empty());
        }
        if self.cells.len() > MOST_KEPT {
            self.cells.clear();
        }
    }

    /// The glyphs; what it has of [`Atlas::take_changed`] is to be copied to the picture's device before drawing.
    pub fn atlas(&mut self) -> &mut Atlas {
        &mut self.atlas
    }

    /// Width of a text as [`Self::place`] sets it, pixels.
    pub fn width_px(&mut self, text: &str, face: Face) -> f32 {
        self.line(text, face).width_px
    }

    /// Width of a text as [`Self::place_reading`] sets it, pixels.
    pub fn reading_width_px(&mut self, text: &str, face: Face) -> f32 {
        text.chars().map(|character| self.cell(character, face).1).sum()
    }

    /// Sets one line from `left` on with its baseline at `baseline`, both in pixels. Line breaks count as blanks.
    /// What the atlas has no room for is left out.
    pub fn place(&mut self, text: &str, face: Face, left: f32, baseline: f32, mut put: impl FnMut(GlyphQuad)) {
        self.line(text, face);
        let line = self.lines.get(&face).and_then(|lines| lines.get(text));
        for glyph in line.iter().flat_map(|line| &line.glyphs) {
            put_glyph(&mut self.fonts, &mut self.atlas, glyph, left, baseline, &mut put);
        }
    }

    /// As [`Self::place`] for readings, whose text changes all the time: character by character, digits all of one
    /// width, without kerning.
    pub fn place_reading(&mut self, text: &str, face: Face, left: f32, baseline: f32, mut put: impl FnMut(GlyphQuad)) {
        let mut x = left;
        for character in text.chars() {
            let (glyph, width_px) = self.cell(character, face);
            if let Some(glyph) = glyph {
                put_glyph(&mut self.fonts, &mut self.atlas, &glyph, x, baseline, &mut put);
            }
            x += width_px;
        }
    }

    fn line(&mut self, text: &str, face: Face) -> &Line {
        let lines = self.lines.entry(face).or_default();
        // Not `entry`: it would take a boxed text each time.
        if !lines.contains_key(text) {
            let mut glyphs = Vec::new();
            let width_px = self.fonts.shape(text, face, &mut glyphs);
            lines.insert(text.into(), Line { glyphs, width_px, used: 0 });
        }
        let line = lines.get_mut(text).expect("put in above where it was not");
        line.used = self.frame;
        line
    }

    fn cell(&mut self, character: char, face: Face) -> (Option<Glyph>, f32) {
        *self.cells.entry((character, face)).or_insert_with(|| {
            let mut glyphs = Vec::with_capacity(1);
            let width_px = self.fonts.shape(character.encode_utf8(&mut [0; 4]), face, &mut glyphs);
            (glyphs.first().copied(), width_px)
        })
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

/// Fetches a glyph from the atlas, or draws it into it, at the place in quarters of a pixel that is nearest.
fn put_glyph(
    fonts: &mut Fonts,
    atlas: &mut Atlas,
    glyph: &Glyph,
    left: f32,
    baseline: f32,
    put: &mut impl FnMut(GlyphQuad),
) {
    // Far outside any picture there is nothing to see, and the whole numbers below would overflow.
    let (x, y) = (left + glyph.x, (baseline + glyph.y).round());
    if !(x.abs() < 1e6 && y.abs() < 1e6) {
        return;
    }
    let quarters = (x * 4.0).round() as i32;
    let key = GlyphKey { glyph: glyph.key, quarter: quarters.rem_euclid(4) as u8 };
    let placed = atlas.get(key).or_else(|| {
        let image = fonts.draw(key);
        atlas.insert(key, image.left, image.top, image.width, image.height, &image.coverage)
    });
    if let Some((left_px, top_px, slot)) = placed
        && slot.width > 0
    {
        put(GlyphQuad { x: quarters.div_euclid(4) + left_px, y: y as i32 - top_px, slot });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quads(text: &mut Text, string: &str, face: Face) -> Vec<GlyphQuad> {
        let mut found = Vec::new();
        text.place(string, face, 10.0, 100.0, |quad| found.push(quad));
        found
    }

    #[test]
    fn capitals_stand_on_the_baseline_and_are_as_high_as_said() {
        let mut text = Text::new();
        for size in [12.0, 16.0, 40.0, 200.0] {
            let face = Face::new(size, Weight::Medium);
            let quad = quads(&mut text, "H", face)[0];
            assert_eq!(quad.y + i32::from(quad.slot.height), 100, "size {size}");
            let height = f32::from(quad.slot.height);
            assert!((height - face.cap_height_px()).abs() <= 1.0, "size {size}: {height}");
        }
    }

    #[test]
    fn digits_are_all_of_one_width() {
        let mut text = Text::new();
        for weight in [Weight::Medium, Weight::Bold] {
            let face = Face::new(15.0, weight);
            let widths = "0123456789\u{2007}".chars().map(|digit| text.reading_width_px(&digit.to_string(), face));
            let widths: Vec<f32> = widths.collect();
            assert!(widths.iter().all(|width| (width - widths[0]).abs() < 0.02), "{weight:?}: {widths:?}");
        }
    }

    #[test]
    fn all_signs_that_readings_use_are_in_the_fonts() {
        let mut fonts = Fonts::new();
        for character in "0123456789ABCXYZabcxyz.,:;-+\u{2212}\u{d7}\u{b0}\u{b2}%/\u{394}\u{3c4}\u{3b3}\u{2014}\u{221e}\u{2026}\u{b7}\u{2192}"
            .chars()
        {
            let mut glyphs = Vec::new();
            fonts.shape(&character.to_string(), Face::new(16.0, Weight::Medium), &mut glyphs);
            assert!(glyphs.iter().all(|glyph| !glyph.is_missing()) && glyphs.len() == 1, "{character:?}");
        }
    }

    #[test]
    fn what_the_first_font_lacks_comes_from_the_second() {
        let mut fonts = Fonts::new();
        let mut glyphs = Vec::new();
        // Georgian is in DejaVu Sans only.
        fonts.shape("a\u{10d0}", Face::new(16.0, Weight::Medium), &mut glyphs);
        assert!(glyphs.iter().all(|glyph| !glyph.is_missing()));
        assert_ne!(glyphs[0].key.font_id, glyphs[1].key.font_id);
    }

    #[test]
    fn the_same_text_gives_the_same_quads_again() {
        let mut text = Text::new();
        let face = Face::new(15.0, Weight::Bold);
        let first = quads(&mut text, "Earth 384 400 km", face);
        for _ in 0..KEPT_FRAMES * 2 {
            text.begin_frame();
        }
        assert!(text.lines.is_empty(), "what is not shown is forgotten");
        assert_eq!(quads(&mut text, "Earth 384 400 km", face), first);
    }

    #[test]
    fn the_number_of_kept_lines_is_bounded() {
        let mut text = Text::new();
        for i in 0..3 * MOST_KEPT {
            text.begin_frame();
            text.width_px(&i.to_string(), Face::new(12.0, Weight::Medium));
            assert!(text.lines.values().map(HashMap::len).sum::<usize>() <= MOST_KEPT + 1);
        }
    }

    proptest! {
        #[test]
        fn any_text_at_any_place_is_set(string in "\\PC*|(?s:.*)", size in any::<f32>(), x in any::<f32>(), y in any::<f32>()) {
            thread_local!(static TEXT: std::cell::RefCell<Text> = std::cell::RefCell::new(Text::new()));
            TEXT.with_borrow_mut(|text| {
                text.begin_frame();
                let face = Face::new(size.clamp(4.0, 60.0), Weight::Medium);
                text.place(&string, face, x, y, |_| ());
                text.place_reading(&string, face, x, y, |_| ());
            });
        }
    }
}
