//! A dark canvas with charts on it: font, colours, axes, legends. Knows nothing of recordings. Drawn at twice the
//! size and averaged down, so that lines and letters are smooth.

use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::register_font;

/// The drawing surface of a part of the picture.
pub type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
/// A chart with linear axes.
pub type Chart<'a, 'b> = ChartContext<'b, BitMapBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
/// Why something could not be drawn, in words.
pub type DrawError = String;

/// Background of the picture.
pub const GROUND: RGBColor = RGBColor(11, 14, 20);
/// Background of a panel.
pub const PANEL: RGBColor = RGBColor(17, 22, 32);
/// Text.
pub const INK: RGBColor = RGBColor(214, 220, 232);
/// Less important text.
pub const FAINT_INK: RGBColor = RGBColor(132, 144, 165);
/// Grid and frames.
pub const LINE: RGBColor = RGBColor(44, 54, 72);
/// Agreement.
pub const GOOD: RGBColor = RGBColor(46, 196, 132);
/// Disagreement.
pub const BAD: RGBColor = RGBColor(239, 71, 86);
/// Not known.
pub const UNKNOWN: RGBColor = RGBColor(108, 117, 135);
/// Series, told apart also by the colour-blind.
pub const SERIES: [RGBColor; 8] = [
    RGBColor(86, 180, 233),
    RGBColor(240, 170, 60),
    RGBColor(60, 200, 150),
    RGBColor(240, 110, 160),
    RGBColor(240, 228, 90),
    RGBColor(150, 130, 255),
    RGBColor(230, 100, 50),
    RGBColor(200, 205, 215),
];

const FONT: &[u8] = include_bytes!("../../../../fixtures/fonts/DejaVuSans.ttf");
const FONT_NAME: &str = "sans-serif";
/// Pictures with more pixels than this are drawn at their own size.
const SMOOTH_PIXELS_MAX: u64 = 8_000_000;

/// Runs `draw` on a canvas and gives the pixels, RGB, row by row. Sizes given to the helpers below are in pixels
/// of a picture of 1600 by 1000; `Style` scales them.
///
/// # Errors
/// What `draw` says.
pub fn render(
    size: (u32, u32),
    draw: impl FnOnce(&Area<'_>, Style) -> Result<(), DrawError>,
) -> Result<Vec<u8>, DrawError> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    if !REGISTERED.get_or_init(|| register_font(FONT_NAME, FontStyle::Normal, FONT).is_ok()) {
        return Err("the built-in font is damaged".to_owned());
    }
    let factor = if u64::from(size.0) * u64::from(size.1) <= SMOOTH_PIXELS_MAX { 2 } else { 1 };
    let (width, height) = (size.0 * factor, size.1 * factor);
    let mut pixels = vec![0; width as usize * height as usize * 3];
    {
        let area = BitMapBackend::with_buffer_and_format(&mut pixels, (width, height))
            .map_err(|e| e.to_string())?
            .into_drawing_area();
        area.fill(&GROUND).map_err(|e| e.to_string())?;
        let scale = (f64::from(width) / 1600.0).min(f64::from(height) / 1000.0);
        draw(&area, Style { scale })?;
        area.present().map_err(|e| e.to_string())?;
    }
    Ok(if factor == 1 { pixels } else { halve(&pixels, size) })
}

/// Averages blocks of two by two pixels.
fn halve(pixels: &[u8], (width, height): (u32, u32)) -> Vec<u8> {
    let (width, height) = (width as usize, height as usize);
    let row = width * 2 * 3;
    let mut out = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let at = 2 * y * row + 2 * x * 3 + channel;
                let sum: u16 = [0, 3, row, row + 3].iter().map(|&o| u16::from(pixels[at + o])).sum();
                out.push((sum / 4) as u8);
            }
        }
    }
    out
}

/// Sizes of things in this picture.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    scale: f64,
}

impl Style {
    /// Pixels of the canvas for pixels of the design.
    #[must_use]
    pub fn px(self, design: f64) -> i32 {
        (design * self.scale).round() as i32
    }

    /// Width of a line, at least one pixel.
    #[must_use]
    pub fn width(self, design: f64) -> u32 {
        self.px(design).max(1) as u32
    }

    /// Text of a size and colour.
    #[must_use]
    pub fn text(self, size: f64, colour: RGBColor) -> TextStyle<'static> {
        (FONT_NAME, (size * self.scale).max(6.0)).into_font().color(&colour)
    }

    /// Writes text with its upper left corner at a place of the area.
    ///
    /// # Errors
    /// The canvas's.
    pub fn write(self, area: &Area<'_>, text: &str, at: (i32, i32), size: f64, ink: RGBColor) -> Result<(), DrawError> {
        area.draw_text(text, &self.text(size, ink), at).map_err(|e| e.to_string())
    }

    /// A panel with a heading and, below it, colour keys: the area inside it.
    ///
    /// # Errors
    /// The canvas's.
    pub fn panel<'a>(
        self,
        area: &Area<'a>,
        heading: &str,
        note: &str,
        keys: &[(String, RGBColor)],
    ) -> Result<Area<'a>, DrawError> {
        let gap = self.px(8.0);
        let area = area.margin(gap, gap, gap, gap);
        area.fill(&PANEL).map_err(|e| e.to_string())?;
        let (w, h) = area.dim_in_pixel();
        let frame = Rectangle::new([(0, 0), (w as i32 - 1, h as i32 - 1)], LINE.stroke_width(self.width(1.0)));
        area.draw(&frame).map_err(|e| e.to_string())?;
        self.write(&area, heading, (self.px(14.0), self.px(10.0)), 17.0, INK)?;
        let heading_width = area.estimate_text_size(heading, &self.text(17.0, INK)).map_or(0, |(w, _)| w) as i32;
        let note_at = (self.px(14.0) + heading_width + self.px(12.0), self.px(13.0));
        self.write(&area, note, note_at, 13.0, FAINT_INK)?;
        let rows = keys.len().div_ceil(2) as f64;
        self.legend(&area, (self.px(16.0), self.px(38.0)), keys)?;
        Ok(area.margin(self.px(36.0 + 20.0 * rows), self.px(6.0), self.px(8.0), self.px(14.0)))
    }

    /// A chart with axes over the given ranges.
    ///
    /// # Errors
    /// The canvas's.
    pub fn chart<'a, 'b>(
        self,
        area: &'b Area<'a>,
        x: (f64, f64),
        y: (f64, f64),
        names: (&str, &str),
        labels: (usize, usize),
    ) -> Result<Chart<'a, 'b>, DrawError> {
        let mut chart = ChartBuilder::on(area)
            .x_label_area_size(self.px(if names.0.is_empty() { 24.0 } else { 44.0 }))
            .y_label_area_size(self.px(72.0))
            .build_cartesian_2d(x.0..x.1, y.0..y.1)
            .map_err(|e| e.to_string())?;
        let steps = ((x.1 - x.0) / labels.0.max(1) as f64, (y.1 - y.0) / labels.1.max(1) as f64);
        chart
            .configure_mesh()
            .axis_style(LINE.stroke_width(self.width(1.0)))
            .bold_line_style(LINE.mix(0.75).stroke_width(self.width(1.0)))
            .light_line_style(TRANSPARENT)
            .x_labels(labels.0)
            .y_labels(labels.1)
            .x_label_formatter(&|v| number(*v, steps.0))
            .y_label_formatter(&|v| number(*v, steps.1))
            .label_style(self.text(12.5, FAINT_INK))
            .axis_desc_style(self.text(13.0, FAINT_INK))
            .x_desc(names.0)
            .y_desc(names.1)
            .draw()
            .map_err(|e| e.to_string())?;
        Ok(chart)
    }

    /// A line through points, in short pieces: the canvas leaves holes where one long line crosses itself.
    ///
    /// # Errors
    /// The canvas's.
    pub fn track(
        self,
        chart: &mut Chart<'_, '_>,
        points: &[(f64, f64)],
        colour: RGBColor,
        width: f64,
    ) -> Result<(), DrawError> {
        const PIECE: usize = 16;
        for from in (0..points.len().saturating_sub(1)).step_by(PIECE) {
            let piece = &points[from..points.len().min(from + PIECE + 1)];
            let line = PathElement::new(piece.to_vec(), colour.stroke_width(self.width(width)));
            chart.draw_series([line]).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Colour keys in two columns from a place of the area.
    fn legend(self, area: &Area<'_>, at: (i32, i32), entries: &[(String, RGBColor)]) -> Result<(), DrawError> {
        for (i, (label, colour)) in entries.iter().enumerate() {
            let column = (area.dim_in_pixel().0 as i32 - at.0) / 2;
            let (x, y) = (at.0 + column * (i % 2) as i32, at.1 + self.px(20.0) * (i / 2) as i32);
            let swatch = [(x, y + self.px(4.0)), (x + self.px(18.0), y + self.px(8.0))];
            area.draw(&Rectangle::new(swatch, colour.filled())).map_err(|e| e.to_string())?;
            self.write(area, label, (x + self.px(26.0), y), 13.0, INK)?;
        }
        Ok(())
    }
}

/// A range around values with room on either side; never empty, never too thin for its size to have marks.
#[must_use]
pub fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.filter(|v| v.is_finite()) {
        low = low.min(value);
        high = high.max(value);
    }
    if low > high {
        return (0.0, 1.0);
    }
    let least = (low.abs().max(high.abs()) * 1e-6).max(1e-9);
    let room = ((high - low) * 0.06).max(least);
    (low - room, high + room)
}

/// Widens one of two ranges so that a unit is as long on both axes of a chart of this size.
#[must_use]
pub fn square(x: (f64, f64), y: (f64, f64), (width, height): (f64, f64)) -> ((f64, f64), (f64, f64)) {
    let per_pixel = ((x.1 - x.0) / width.max(1.0)).max((y.1 - y.0) / height.max(1.0));
    let widen = |r: (f64, f64), pixels: f64| {
        let (middle, half) = ((r.0 + r.1) / 2.0, per_pixel * pixels.max(1.0) / 2.0);
        (middle - half, middle + half)
    };
    (widen(x, width), widen(y, height))
}

/// A mark's number with as many digits as the distance between marks asks for.
fn number(value: f64, step: f64) -> String {
    let step = step.abs().max(f64::MIN_POSITIVE);
    if value.abs() < step * 1e-6 {
        return "0".to_owned();
    }
    if value.abs() >= 1e7 || (value.abs() < 1e-4 && step < 1e-4) {
        return format!("{value:.1e}");
    }
    let digits = (1.0 - step.log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_never_empty() {
        for values in [vec![], vec![5.0], vec![1e12, 1e12], vec![f64::NAN, 0.0], vec![f64::INFINITY]] {
            let (low, high) = range(values.iter().copied());
            assert!(low.is_finite() && high.is_finite() && low < high, "{values:?}");
        }
    }

    #[test]
    fn numbers_are_as_long_as_needed() {
        for (value, step, text) in
            [(0.0, 1.0, "0"), (2000.0, 500.0, "2000"), (0.25, 0.25, "0.25"), (-1.5, 0.5, "-1.5"), (2e8, 1e8, "2.0e8")]
        {
            assert_eq!(number(value, step), text);
        }
    }

    #[test]
    fn halving_averages() {
        let pixels = [0, 0, 0, 4, 4, 4, 8, 8, 8, 12, 12, 12];
        assert_eq!(halve(&pixels, (1, 1)), [6, 6, 6]);
    }
}
