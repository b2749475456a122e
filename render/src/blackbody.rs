//! The colour and brightness of a glowing body: Planck's law seen by the eye of the CIE 1931 standard observer.
//! Stars, the Sun, exhaust and Doppler shifts all take their colours from here. Must never be evaluated per frame and
//! object where a [`table`] would do.
//!
//! Sources: Planck's law with the exact constants of the SI (2019). Colour matching functions: the multi-lobe fit of
//! Wyman, Sloan and Shirley, "Simple Analytic Approximations to the CIE XYZ Color Matching Functions", Journal of
//! Computer Graphics Techniques 2 (2013) 2, 1-11. Matrix from XYZ to linear sRGB: IEC 61966-2-1.

/// Second radiation constant h c / k, in nanometre kelvin.
const C2_NM_K: f64 = 14_387_768.775;
/// First radiation constant for spectral radiance, 2 h c^2, in W m^2 / sr.
const C1L: f64 = 1.191_042_972e-16;
/// Luminous efficacy of 555 nm light, lm/W.
const LUMENS_PER_WATT: f64 = 683.002;
/// The visible band, in steps of [`STEP_NM`].
const BAND_NM: core::ops::RangeInclusive<u32> = 360..=830;
const STEP_NM: usize = 5;

/// Lowest temperature that has a colour here, K. Below, everything is as dark as makes no difference.
pub const COLDEST_K: f64 = 500.0;
/// Hottest temperature that changes the colour here, K. Beyond, only the brightness grows.
pub const HOTTEST_K: f64 = 1e9;

/// CIE 1931 tristimulus values of a black body's surface: Y is its luminance in cd/m^2.
#[must_use]
pub fn xyz(temperature_k: f64) -> [f64; 3] {
    let mut sum = [0.0; 3];
    if temperature_k.is_nan() || temperature_k <= 0.0 {
        return sum;
    }
    for wavelength_nm in BAND_NM.step_by(STEP_NM) {
        let wavelength_nm = f64::from(wavelength_nm);
        let weight = radiance_per_m(wavelength_nm, temperature_k) * (STEP_NM as f64 * 1e-9) * LUMENS_PER_WATT;
        for (sum, matching) in sum.iter_mut().zip(matching_functions(wavelength_nm)) {
            *sum += weight * matching;
        }
    }
    sum
}

/// Luminance of a black body's surface, cd/m^2.
#[must_use]
pub fn luminance_cd_m2(temperature_k: f64) -> f64 {
    xyz(temperature_k)[1]
}

/// Colour of a black body in linear sRGB (D65 white), scaled to luminance 1. Components below zero, which colours
/// deeper than the display can show would have, are cut off before the scaling. Temperatures are taken as the nearest
/// between [`COLDEST_K`] and [`HOTTEST_K`].
#[must_use]
pub fn linear_srgb(temperature_k: f64) -> [f32; 3] {
    let temperature_k = if temperature_k.is_nan() { COLDEST_K } else { temperature_k.clamp(COLDEST_K, HOTTEST_K) };
    let [x, y, z] = xyz(temperature_k);
    let shown = srgb_from_xyz([x / y, 1.0, z / y]).map(|c| c.max(0.0));
    let luminance = 0.212_639 * shown[0] + 0.715_169 * shown[1] + 0.072_192 * shown[2];
    shown.map(|c| (c / luminance) as f32)
}

/// [`linear_srgb`] for `len` temperatures from `coldest_k` to `hottest_k`, equal steps of 1/temperature apart: along
/// these the colour changes evenly, so a shader may interpolate between neighbours.
#[must_use]
pub fn table(coldest_k: f64, hottest_k: f64, len: usize) -> Vec<[f32; 3]> {
    let last = len.saturating_sub(1).max(1) as f64;
    let inverse = |i: usize| 1.0 / coldest_k + (1.0 / hottest_k - 1.0 / coldest_k) * (i as f64 / last);
    (0..len).map(|i| linear_srgb(1.0 / inverse(i))).collect()
}

/// Linear sRGB (D65) of CIE XYZ.
#[must_use]
pub fn srgb_from_xyz([x, y, z]: [f64; 3]) -> [f64; 3] {
    [
        3.240_970 * x - 1.537_383 * y - 0.498_611 * z,
        -0.969_244 * x + 1.875_968 * y + 0.041_555 * z,
        0.055_630 * x - 0.203_977 * y + 1.056_972 * z,
    ]
}

/// Planck's law: W / (m^2 sr) per metre of wavelength.
fn radiance_per_m(wavelength_nm: f64, temperature_k: f64) -> f64 {
    let wavelength_m = wavelength_nm * 1e-9;
    C1L / wavelength_m.powi(5) / (C2_NM_K / (wavelength_nm * temperature_k)).exp_m1()
}

/// The fitted CIE 1931 colour matching functions.
fn matching_functions(wavelength_nm: f64) -> [f64; 3] {
    // A Gaussian with one width to the left of its centre and another to the right.
    let lobe = |height: f64, centre: f64, left: f64, right: f64| {
        let t = (wavelength_nm - centre) / if wavelength_nm < centre { left } else { right };
        height * (-0.5 * t * t).exp()
    };
    [
        lobe(1.056, 599.8, 37.9, 31.0) + lobe(0.362, 442.0, 16.0, 26.7) + lobe(-0.065, 501.1, 20.4, 26.2),
        lobe(0.821, 568.8, 46.9, 40.5) + lobe(0.286, 530.9, 16.3, 31.1),
        lobe(1.217, 437.0, 11.8, 36.0) + lobe(0.681, 459.0, 26.0, 13.8),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chromaticity(temperature_k: f64) -> [f64; 2] {
        let [x, y, z] = xyz(temperature_k);
        [x / (x + y + z), y / (x + y + z)]
    }

    #[test]
    fn chromaticities_are_those_of_the_planckian_locus() {
        // CIE illuminant A, and points of the locus as colour science tables give them (CIE 1931, 2 degrees).
        for (temperature_k, x, y) in [
            (2855.5, 0.4476, 0.4074),
            (2000.0, 0.5267, 0.4133),
            (4000.0, 0.3805, 0.3768),
            (6500.0, 0.3135, 0.3237),
            (10000.0, 0.2807, 0.2884),
        ] {
            let [found_x, found_y] = chromaticity(temperature_k);
            assert!(
                (found_x - x).abs() < 0.004 && (found_y - y).abs() < 0.004,
                "{temperature_k} K: {found_x:.4} {found_y:.4}"
            );
        }
    }

    #[test]
    fn the_sun_is_as_bright_as_it_is() {
        // 1.6e9 cd/m^2 outside the atmosphere, seen over the whole disc; a black body of its temperature has 1.9e9.
        let luminance = luminance_cd_m2(5772.0);
        assert!((1.7e9..2.0e9).contains(&luminance), "{luminance:e}");
    }

    #[test]
    fn colours_have_luminance_one_and_go_from_red_to_blue() {
        let mut before = f32::INFINITY;
        for temperature_k in [800.0, 1500.0, 3000.0, 5772.0, 8000.0, 15000.0, 40000.0, 1e6] {
            let [r, g, b] = linear_srgb(temperature_k);
            assert!((0.212_639 * r + 0.715_169 * g + 0.072_192 * b - 1.0).abs() < 1e-5);
            let warmth = r / b.max(1e-6);
            assert!(warmth < before, "{temperature_k} K: {r} {g} {b}");
            before = warmth;
        }
        let white = linear_srgb(6504.0);
        assert!(white.iter().all(|c| (c - 1.0).abs() < 0.06), "{white:?}");
    }

    #[test]
    fn no_temperature_gives_anything_but_a_colour() {
        for temperature_k in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, 1e300] {
            assert!(linear_srgb(temperature_k).iter().all(|c| c.is_finite() && *c >= 0.0), "{temperature_k}");
            assert!(xyz(temperature_k).iter().all(|c| !c.is_nan()), "{temperature_k}");
        }
        assert_eq!(table(1000.0, 10000.0, 0).len(), 0);
        assert_eq!(table(1000.0, 10000.0, 1), [linear_srgb(1000.0)]);
        let two = table(1000.0, 10000.0, 2);
        assert!((two[1][2] - linear_srgb(10000.0)[2]).abs() < 1e-6);
    }
}
