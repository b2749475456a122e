//! The fonts of the program: shaping of single lines and drawing of single glyphs. Must never load another font.

use std::fmt;
use std::sync::Arc;

use cosmic_text::fontdb::{self, Database, Source};
use cosmic_text::{
    Attrs, AttrsList, CacheKey, CacheKeyFlags, Fallback, Family, FontFeatures, FontSystem, Hinting, ShapeLine, Shaping,
    SubpixelBin, SwashCache, SwashContent, Wrap,
};

use super::{Face, Weight};

const MEDIUM: &[u8] = include_bytes!("../../../fixtures/fonts/Inter-Medium.otf");
const BOLD: &[u8] = include_bytes!("../../../fixtures/fonts/Inter-SemiBold.otf");
const OTHERS: &[u8] = include_bytes!("../../../fixtures/fonts/DejaVuSans.ttf");

/// Height of capitals over the em square (Inter, table OS/2: 2048 of 2816).
pub(super) const CAP_HEIGHT: f32 = 0.727;

/// A glyph of a line: pixels from the left end of the baseline, y downward.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glyph {
    pub(super) key: CacheKey,
    pub(super) x: f32,
    pub(super) y: f32,
}

/// A glyph as the atlas knows it: shape and size, and how many quarters of a pixel it is to the right of a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlyphKey {
    pub(super) glyph: CacheKey,
    pub(super) quarter: u8,
}

/// A drawn glyph.
#[derive(Debug, Default)]
pub(super) struct Image {
    /// From the origin to the left edge, pixels.
    pub(super) left: i32,
    /// From the baseline up to the upper edge, pixels.
    pub(super) top: i32,
    pub(super) width: u16,
    pub(super) height: u16,
    /// Row by row, 255 is covered.
    pub(super) coverage: Vec<u8>,
}

/// The one font for what the first lacks.
struct OthersOnly;

impl Fallback for OthersOnly {
    fn common_fallback(&self) -> &[&'static str] {
        &["DejaVu Sans"]
    }

    fn forbidden_fallback(&self) -> &[&'static str] {
        &[]
    }

    fn script_fallback(&self, _: unicode_script::Script, _: &str) -> &[&'static str] {
        &[]
    }
}

/// The fonts, and scratch for shaping.
pub(super) struct Fonts {
    system: FontSystem,
    swash: SwashCache,
    features: FontFeatures,
    clean: String,
}

impl Fonts {
    pub(super) fn new() -> Self {
        let mut database = Database::new();
        for font in [MEDIUM, BOLD, OTHERS] {
            database.load_font_source(Source::Binary(Arc::new(font)));
        }
        let mut features = FontFeatures::new();
        features.enable(cosmic_text::FeatureTag::new(b"tnum"));
        let system = FontSystem::new_with_locale_and_db_and_fallback("en-US".into(), database, OthersOnly);
        Self { system, swash: SwashCache::new(), features, clean: String::new() }
    }

    /// Appends the glyphs of a line and returns its width in pixels.
    pub(super) fn shape(&mut self, text: &str, face: Face, glyphs: &mut Vec<Glyph>) -> f32 {
        // Breaks would make several paragraphs, which may run in several directions; a line is one.
        self.clean.clear();
        let broken = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
        self.clean.extend(text.chars().map(|c| if broken(c) { ' ' } else { c }));
        let weight = match face.weight {
            Weight::Medium => fontdb::Weight::MEDIUM,
            Weight::Bold => fontdb::Weight::SEMIBOLD,
        };
        let attributes = Attrs::new().family(Family::Name("Inter")).weight(weight).font_features(self.features.clone());
        let list = AttrsList::new(&attributes);
        let shaped = ShapeLine::new(&mut self.system, &self.clean, &list, Shaping::Advanced, 4);
        let lines = shaped.layout(face.size_px(), None, Wrap::None, None, None, Hinting::Disabled);
        let mut width_px = 0.0;
        for line in &lines {
            glyphs.extend(line.glyphs.iter().map(|glyph| {
                let (x, y) = (glyph.x + glyph.font_size * glyph.x_offset, glyph.y - glyph.font_size * glyph.y_offset);
                let key = CacheKey {
                    font_id: glyph.font_id,
                    glyph_id: glyph.glyph_id,
                    font_size_bits: glyph.font_size.to_bits(),
                    x_bin: SubpixelBin::Zero,
                    y_bin: SubpixelBin::Zero,
                    font_weight: glyph.font_weight,
                    flags: CacheKeyFlags::empty(),
                };
                Glyph { key, x: width_px + x, y }
            }));
            width_px += line.w;
        }
        width_px
    }

    /// Draws a glyph; what cannot be drawn is empty.
    pub(super) fn draw(&mut self, key: GlyphKey) -> Image {
        let x_bin =
            [SubpixelBin::Zero, SubpixelBin::One, SubpixelBin::Two, SubpixelBin::Three][usize::from(key.quarter % 4)];
        let image = self.swash.get_image_uncached(&mut self.system, CacheKey { x_bin, ..key.glyph });
        let Some(image) = image.filter(|image| image.content == SwashContent::Mask) else { return Image::default() };
        let (Ok(width), Ok(height)) = (image.placement.width.try_into(), image.placement.height.try_into()) else {
            return Image::default();
        };
        Image { left: image.placement.left, top: image.placement.top, width, height, coverage: image.data }
    }
}

impl fmt::Debug for Fonts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fonts").finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Glyph {
    /// Whether it is the box that stands for what no font has.
    pub(super) fn is_missing(&self) -> bool {
        self.key.glyph_id == 0
    }
}
