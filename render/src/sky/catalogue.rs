//! The stars: a decoder for `fixtures/sky/hipparcos.bin`, where they stand at a given time, what colour they have and
//! how bright they are. Must never panic, whatever bytes it is given, nor hold more memory than their length explains.
//!
//! The format is described at the top of `fixtures/scripts/make_stars.py`.

use core::f64::consts::{FRAC_PI_2, TAU};

use glam::DVec3;

use super::u32_at;
use crate::blackbody;

/// The catalogue that comes with the program: 117,955 stars of the Hipparcos catalogue and two more.
pub const HIPPARCOS: &[u8] = include_bytes!("../../../fixtures/sky/hipparcos.bin");

/// The catalogue's epoch, J1991.25, in Julian years of 365.25 days from J2000.0.
pub const EPOCH_YEARS: f64 = -8.75;
/// Illuminance of a star of magnitude 0 outside the atmosphere, lux (the Sun: -26.74 mag and 1.27e5 lx).
pub const ILLUMINANCE_OF_MAGNITUDE_0_LX: f64 = 2.54e-6;
/// B-V of a star whose colour nobody measured: white, a little warm, as most of the catalogue is.
const USUAL_COLOUR_INDEX: f64 = 0.6;

const MAGIC: [u8; 8] = *b"STSTARS\x01";
const HEADER_BYTES: usize = 16;
const STAR_BYTES: usize = 18;
const UNKNOWN_COLOUR: u32 = 0x7fff;
/// One step of proper motion, 0.5 milliarcseconds, in radians.
const PROPER_MOTION_STEP_RAD: f64 = 0.0005 / 3600.0 * (TAU / 360.0);

/// Why bytes are no star catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// The first eight bytes are not the format's, or of another version.
    #[error("this is no star catalogue of version 1: it begins with other bytes")]
    Magic,
    /// The number of stars in the header does not fit the file's length.
    #[error("the star catalogue has {found} bytes where its header asks for {expected}")]
    Length {
        /// Bytes that the header asks for.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The bytes are damaged.
    #[error("the star catalogue is damaged: its checksum is wrong")]
    Checksum,
    /// A record says what no star can be.
    #[error("star {index} of the catalogue is impossible: {what}")]
    Star {
        /// Place in the file, from 0.
        index: u32,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// One star as the catalogue has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Star {
    /// Number in the Hipparcos catalogue.
    pub hip: u32,
    /// ICRS right ascension at [`EPOCH_YEARS`], radians in [0, 2 pi).
    pub right_ascension_rad: f64,
    /// ICRS declination at [`EPOCH_YEARS`], radians.
    pub declination_rad: f64,
    /// Proper motion towards growing right ascension (times cos declination) and towards north, radians a Julian year.
    pub proper_motion_rad_per_year: [f64; 2],
    /// Magnitude in Hipparcos' own wide band, which is within 0.2 of V for all but red stars.
    pub hp_magnitude: f32,
    /// Johnson B-V, where it is known.
    pub colour_index: Option<f32>,
}

impl Star {
    /// Unit vector towards the star from the Solar System barycentre, ICRF axes, `years` Julian years (TDB) after
    /// J2000.0. Proper motion is linear in the plane that touches the sphere at the star's catalogue position (The
    /// Hipparcos and Tycho Catalogues, ESA SP-1200 (1997), volume 1, section 1.2.8, with no radial motion).
    #[must_use]
    pub fn direction(&self, years: f64) -> DVec3 {
        let (sin_ra, cos_ra) = self.right_ascension_rad.sin_cos();
        let (sin_de, cos_de) = self.declination_rad.sin_cos();
        let towards = DVec3::new(cos_de * cos_ra, cos_de * sin_ra, sin_de);
        let east = DVec3::new(-sin_ra, cos_ra, 0.0);
        let north = DVec3::new(-sin_de * cos_ra, -sin_de * sin_ra, cos_de);
        let [pm_ra, pm_de] = self.proper_motion_rad_per_year;
        (towards + (east * pm_ra + north * pm_de) * (years - EPOCH_YEARS)).normalize()
    }

    /// Temperature of the star's light, kelvin.
    #[must_use]
    pub fn temperature_k(&self) -> f64 {
        temperature_from_colour_index(self.colour_index.map_or(USUAL_COLOUR_INDEX, f64::from))
    }

    /// Colour in linear sRGB, scaled to luminance 1.
    #[must_use]
    pub fn linear_srgb(&self) -> [f32; 3] {
        blackbody::linear_srgb(self.temperature_k())
    }

    /// Irradiance in the visible band as a multiple of a star's of magnitude 0.
    #[must_use]
    pub fn relative_irradiance(&self) -> f32 {
        relative_irradiance(f64::from(self.hp_magnitude)) as f32
    }
}

/// Temperature in kelvin of a black body with this B-V: Ballesteros, "New insights into black bodies", EPL 97 (2012)
/// 34008, equation 14. Taken at the nearest B-V between -0.4 (21,700 K) and 6 (1,350 K), beyond which no star lies.
#[must_use]
pub fn temperature_from_colour_index(b_v: f64) -> f64 {
    let b_v = if b_v.is_nan() { USUAL_COLOUR_INDEX } else { b_v.clamp(-0.4, 6.0) };
    4600.0 * (1.0 / (0.92 * b_v + 1.7) + 1.0 / (0.92 * b_v + 0.62))
}

/// Irradiance of a star of this magnitude as a multiple of one of magnitude 0 (Pogson's ratio).
#[must_use]
pub fn relative_irradiance(magnitude: f64) -> f64 {
    10f64.powf(-0.4 * magnitude)
}

/// The stars in `bytes`, brightest first.
///
/// # Errors
/// If the bytes are not exactly a whole, undamaged catalogue.
pub fn decode(bytes: &[u8]) -> Result<Vec<Star>, CatalogueError> {
    let (header, body) = bytes.split_at_checked(HEADER_BYTES).ok_or(CatalogueError::Magic)?;
    if header[..8] != MAGIC {
        return Err(CatalogueError::Magic);
    }
    let count = u32_at(header, 8);
    let expected = u64::from(count) * STAR_BYTES as u64;
    if expected != body.len() as u64 {
        let header = HEADER_BYTES as u64;
        return Err(CatalogueError::Length { expected: expected + header, found: bytes.len() as u64 });
    }
    if crc32fast::hash(body) != u32_at(header, 12) {
        return Err(CatalogueError::Checksum);
    }
    let mut stars: Vec<Star> = Vec::with_capacity(body.len() / STAR_BYTES);
    for (record, index) in body.chunks_exact(STAR_BYTES).zip(0..) {
        let star = star(record).map_err(|what| CatalogueError::Star { index, what })?;
        if stars.last().is_some_and(|before| before.hp_magnitude > star.hp_magnitude) {
            return Err(CatalogueError::Star { index, what: "it is brighter than the one before" });
        }
        stars.push(star);
    }
    Ok(stars)
}

/// One record of exactly [`STAR_BYTES`].
fn star(record: &[u8]) -> Result<Star, &'static str> {
    let i16_at = |at: usize| i16::from_le_bytes([record[at], record[at + 1]]);
    let declination = u32_at(record, 4).cast_signed();
    if declination == i32::MIN {
        return Err("its declination lies beyond the pole");
    }
    let name = u32_at(record, 14);
    let (hip, colour) = (name & 0x1_ffff, name >> 17);
    if hip == 0 {
        return Err("it has no Hipparcos number");
    }
    Ok(Star {
        hip,
        right_ascension_rad: f64::from(u32_at(record, 0)) / 4_294_967_296.0 * TAU,
        declination_rad: f64::from(declination) / f64::from(i32::MAX) * FRAC_PI_2,
        proper_motion_rad_per_year: [8, 10].map(|at| f64::from(i16_at(at)) * PROPER_MOTION_STEP_RAD),
        hp_magnitude: f32::from(i16_at(12)) / 1000.0,
        colour_index: (colour != UNKNOWN_COLOUR).then(|| (f64::from(colour) * 0.001 - 1.0) as f32),
    })
}
