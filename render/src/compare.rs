//! Compares two pictures as an eye does: colours in CIE L*a*b*, after a blur over what an eye does not take apart. Must
//! never be exact: other drivers round differently.

use crate::picture::Picture;

/// Colour difference (CIE 1976) from which a pixel counts as different; 2.3 is just noticeable.
const NOTICED: f32 = 4.0;
/// Pixels on each side that are averaged.
const BLUR: i64 = 1;

/// How two pictures differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Share of pixels that look different, 0 to 1.
    pub share: f64,
    /// The largest colour difference.
    pub worst: f32,
    /// The first picture in grey, with red where the second differs.
    pub picture: Picture,
}

/// Compares pictures of one size; nothing for two sizes.
#[must_use]
pub fn compare(expected: &Picture, found: &Picture) -> Option<Difference> {
    if (expected.width, expected.height) != (found.width, found.height) {
        return None;
    }
    let [a, b] = [lab(expected), lab(found)];
    let mut picture = expected.clone();
    let (mut different, mut worst) = (0u64, 0.0f32);
    for ((a, b), pixel) in a.iter().zip(&b).zip(picture.rgba.chunks_exact_mut(4)) {
        let apart = (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>().sqrt();
        worst = worst.max(apart);
        different += u64::from(apart > NOTICED);
        let grey = (a[0] * 1.2) as u8;
        let red = if apart > NOTICED { 255 } else { grey.saturating_add((apart * 30.0) as u8) };
        pixel.copy_from_slice(&[red, grey, grey, 255]);
    }
    let pixels = (u64::from(expected.width) * u64::from(expected.height)).max(1);
    Some(Difference { share: different as f64 / pixels as f64, worst, picture })
}

/// L*a*b* of each pixel, from the blurred picture.
fn lab(picture: &Picture) -> Vec<[f32; 3]> {
    let linear: Vec<[f32; 3]> =
        picture.rgba.chunks_exact(4).map(|p| [p[0], p[1], p[2]].map(|c| linear(f32::from(c) / 255.0))).collect();
    let (width, height) = (i64::from(picture.width), i64::from(picture.height));
    let mut out = Vec::with_capacity(linear.len());
    for y in 0..height {
        for x in 0..width {
            let (mut sum, mut count) = ([0.0; 3], 0.0);
            for v in (y - BLUR).max(0)..=(y + BLUR).min(height - 1) {
                for u in (x - BLUR).max(0)..=(x + BLUR).min(width - 1) {
                    let pixel = linear[(v * width + u) as usize];
                    (0..3).for_each(|i| sum[i] += pixel[i]);
                    count += 1.0;
                }
            }
            out.push(lab_of(sum.map(|s| s / count)));
        }
    }
    out
}

/// IEC 61966-2-1.
fn linear(c: f32) -> f32 {
    if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
}

/// CIE 1976 L*a*b* of linear sRGB, relative to its white (D65).
fn lab_of([r, g, b]: [f32; 3]) -> [f32; 3] {
    let x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505;
    let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089;
    let f = |t: f32| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
    let (x, y, z) = (f(x), f(y), f(z));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(colour: [u8; 3]) -> Picture {
        let rgba = (0..32 * 32).flat_map(|_| [colour[0], colour[1], colour[2], 255]).collect();
        Picture { width: 32, height: 32, rgba }
    }

    #[test]
    fn known_colours_have_known_coordinates() {
        for (rgb, expected) in
            [([1.0; 3], [100.0, 0.0, 0.0]), ([0.0; 3], [0.0; 3]), ([1.0, 0.0, 0.0], [53.24, 80.09, 67.2])]
        {
            let found = lab_of(rgb);
            assert!((0..3).all(|i| (found[i] - expected[i]).abs() < 0.2), "{found:?}");
        }
    }

    #[test]
    fn what_an_eye_sees_counts() {
        let grey = flat([100; 3]);
        assert_eq!(compare(&grey, &grey).unwrap().share, 0.0);
        assert_eq!(compare(&grey, &flat([102, 101, 101])).unwrap().share, 0.0, "rounding is not seen");
        assert_eq!(compare(&grey, &flat([100, 112, 100])).unwrap().share, 1.0, "a tint is seen");
        let mut spot = grey.clone();
        for y in 10..14 {
            let at = 4 * (y * 32 + 10);
            spot.rgba[at..at + 16].fill(255);
        }
        let found = compare(&grey, &spot).unwrap();
        assert!(found.share > 0.015 && found.share < 0.04, "{}", found.share);
        assert_eq!(found.picture.at(12, 12)[0], 255, "and marked red");
        assert!(compare(&grey, &Picture { width: 16, height: 64, ..grey.clone() }).is_none());
    }
}
