//! A picture that pictures and words are put on. Must never write outside itself.

use render::Picture;
use render::text::{Face, Text, Weight};

/// Text.
pub(super) const INK: [u8; 3] = [214, 220, 232];
/// Less important text.
pub(super) const FAINT: [u8; 3] = [132, 144, 165];
const GROUND: [u8; 3] = [11, 14, 20];
const PANEL: [u8; 3] = [17, 22, 32];
/// Size of a plate's text, pixels.
const PLATE_TEXT: u32 = 12;

/// The picture as it grows.
pub(super) struct Canvas {
    picture: Picture,
    text: Text,
}

impl Canvas {
    /// An empty one.
    pub fn new(width: u32, height: u32) -> Self {
        let rgba = [GROUND[0], GROUND[1], GROUND[2], 255].repeat(width as usize * height as usize);
        Self { picture: Picture { width, height, rgba }, text: Text::new() }
    }

    /// What was made.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Puts a picture with its upper left corner at a place.
    pub fn put(&mut self, picture: &Picture, [left, top]: [u32; 2]) {
        let columns = picture.width.min(self.picture.width.saturating_sub(left)) as usize;
        if columns == 0 {
            return;
        }
        for (row, y) in picture.rgba.chunks_exact(4 * picture.width.max(1) as usize).zip(top..self.picture.height) {
            let to = 4 * (y as usize * self.picture.width as usize + left as usize);
            self.picture.rgba[to..to + 4 * columns].copy_from_slice(&row[..4 * columns]);
        }
    }

    /// A cell without a picture.
    pub fn blank(&mut self, at: [u32; 2], [width, height]: [u32; 2]) {
        let rgba = [PANEL[0], PANEL[1], PANEL[2], 255].repeat(width as usize * height as usize);
        self.put(&Picture { width, height, rgba }, at);
    }

    /// Writes a line from a place (left end of the baseline) up to a column, cut where there is no room: `[end, size]`.
    pub fn write(
        &mut self,
        text: &str,
        [left, baseline]: [u32; 2],
        [end, size]: [u32; 2],
        weight: Weight,
        ink: [u8; 3],
    ) {
        self.text.begin_frame();
        let face = Face::new(size as f32, weight);
        let line = self.fit(text, face, end.saturating_sub(left) as f32);
        let mut quads = Vec::new();
        self.text.place(&line, face, left as f32, baseline as f32, |quad| quads.push(quad));
        let atlas = self.text.atlas();
        let columns = usize::from(atlas.size()[0]);
        for quad in quads {
            for y in 0..quad.slot.height {
                for x in 0..quad.slot.width {
                    let texel = usize::from(quad.slot.y + y) * columns + usize::from(quad.slot.x + x);
                    let coverage = atlas.texels().get(texel).copied().unwrap_or(0);
                    blend(&mut self.picture, quad.x + i32::from(x), quad.y + i32::from(y), ink, coverage);
                }
            }
        }
    }

    /// A word on a dark plate in the lower left corner of a cell that is so wide.
    pub fn plate(&mut self, text: &str, [left, bottom]: [u32; 2], width: u32) {
        let face = Face::new(PLATE_TEXT as f32, Weight::Medium);
        let wide = (self.text.width_px(text, face).ceil() as u32 + 12).min(width);
        self.blank([left, bottom.saturating_sub(20)], [wide, 20]);
        self.write(text, [left + 6, bottom.saturating_sub(6)], [left + width - 6, PLATE_TEXT], Weight::Medium, INK);
    }

    /// As much of a text as has room.
    fn fit(&mut self, text: &str, face: Face, width_px: f32) -> String {
        if self.text.width_px(text, face) <= width_px {
            return text.to_owned();
        }
        let mut cut = text.to_owned();
        while cut.pop().is_some() {
            let shorter = format!("{}\u{2026}", cut.trim_end());
            if self.text.width_px(&shorter, face) <= width_px {
                return shorter;
            }
        }
        cut
    }
}

/// Lets ink cover a pixel in part; outside the picture there is nothing to cover.
fn blend(picture: &mut Picture, x: i32, y: i32, ink: [u8; 3], coverage: u8) {
    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
    if x >= picture.width || y >= picture.height {
        return;
    }
    let at = 4 * (y as usize * picture.width as usize + x as usize);
    let share = u16::from(coverage);
    for (under, ink) in picture.rgba[at..at + 3].iter_mut().zip(ink) {
        *under = ((u16::from(ink) * share + u16::from(*under) * (255 - share) + 127) / 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_and_words_stay_inside() {
        let mut canvas = Canvas::new(40, 30);
        let white = Picture { width: 20, height: 20, rgba: vec![255; 1600] };
        canvas.put(&white, [30, 20]);
        assert_eq!([canvas.picture().at(30, 20)[0], canvas.picture().at(29, 20)[0]], [255, GROUND[0]]);
        canvas.put(&white, [90, 29]);
        canvas.blank([0, 0], [100, 5]);
        assert_eq!(canvas.picture().at(39, 4)[..3], PANEL);
        canvas.write("Long words do not fit", [2, 25], [28, 12], Weight::Bold, INK);
        let lit = |x: std::ops::Range<u32>| {
            x.flat_map(|x| (5..30).map(move |y| (x, y))).filter(|(x, y)| canvas.picture().at(*x, *y)[0] > 120).count()
        };
        assert!(lit(0..30) > 10, "there are letters");
        assert_eq!(canvas.picture().rgba.len(), 4 * 40 * 30);
        canvas.write("off", [38, 2], [100, 12], Weight::Bold, INK);
        canvas.plate("chase", [0, 3], 40);
    }
}
