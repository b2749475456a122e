//! The Milky Way: a decoder for `fixtures/sky/milky_way.bin`, the glow of all stars too faint to be drawn one by one,
//! and the way from ICRF to galactic directions. Must never panic, whatever bytes it is given.
//!
//! Where the map comes from and how it is stored is described at the top of `fixtures/scripts/make_milky_way.py`.

use core::f64::consts::{FRAC_PI_6, PI, TAU};

use glam::{DMat3, DVec3};

use super::catalogue::ILLUMINANCE_OF_MAGNITUDE_0_LX;
use super::u32_at;

/// The map that comes with the program.
pub const MODEL: &[u8] = include_bytes!("../../../fixtures/sky/milky_way.bin");

/// Turns ICRF directions into galactic ones: x to the centre, y to longitude 90 degrees, z to the north pole. The
/// Hipparcos and Tycho Catalogues, ESA SP-1200 (1997), volume 1, section 1.5.3, equation 1.5.11.
pub const GALACTIC_FROM_ICRF: DMat3 = DMat3::from_cols(
    DVec3::new(-0.054_875_560_4, 0.494_109_427_9, -0.867_666_149_0),
    DVec3::new(-0.873_437_090_2, -0.444_829_630_0, -0.198_076_373_4),
    DVec3::new(-0.483_835_015_5, 0.746_982_244_5, 0.455_983_776_2),
);

/// Luminance of one S10, the light of one star of magnitude 10 in a square degree, cd/m^2.
pub const LUMINANCE_OF_S10_CD_M2: f64 = ILLUMINANCE_OF_MAGNITUDE_0_LX * 1e-4 / ((PI / 180.0) * (PI / 180.0));
/// What level 0 of the map stands for, S10.
pub const FLOOR_S10: f64 = 8.0;
/// Levels by which the light doubles.
pub const LEVELS_PER_OCTAVE: f64 = 32.0;

const MAGIC: [u8; 8] = *b"STMILKY\x01";
const HEADER_BYTES: usize = 16;

/// Why bytes are no map of the Milky Way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MilkyWayError {
    /// The first eight bytes are not the format's, or of another version.
    #[error("this is no map of the Milky Way of version 1: it begins with other bytes")]
    Magic,
    /// The header's size is not that of the file, or zero.
    #[error("the map of the Milky Way is to have {columns} x {rows} levels, but {found} bytes follow its header")]
    Size {
        /// Columns by the header.
        columns: u16,
        /// Rows by the header.
        rows: u16,
        /// Bytes behind the header.
        found: u64,
    },
    /// The bytes are damaged.
    #[error("the map of the Milky Way is damaged: its checksum is wrong")]
    Checksum,
}

/// The map: levels by galactic longitude and latitude, rows close to each other in the band.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MilkyWay {
    /// Columns, at least 1; the middle of column i lies at longitude `TAU * (i + 0.5) / columns`.
    pub columns: u16,
    /// Rows, at least 1; the middle of row j lies at `v = (j + 0.5) / rows`, see [`row_from_latitude`].
    pub rows: u16,
    /// One byte for each place, row by row from the north pole, as a texture of one channel.
    pub levels: Vec<u8>,
}

/// The map in `bytes`.
///
/// # Errors
/// If the bytes are not exactly a whole, undamaged map.
pub fn decode(bytes: &[u8]) -> Result<MilkyWay, MilkyWayError> {
    let (header, levels) = bytes.split_at_checked(HEADER_BYTES).ok_or(MilkyWayError::Magic)?;
    if header[..8] != MAGIC {
        return Err(MilkyWayError::Magic);
    }
    let [columns, rows] = [8, 10].map(|at| u16::from_le_bytes([header[at], header[at + 1]]));
    let found = levels.len() as u64;
    if found == 0 || found != u64::from(columns) * u64::from(rows) {
        return Err(MilkyWayError::Size { columns, rows, found });
    }
    if crc32fast::hash(levels) != u32_at(header, 12) {
        return Err(MilkyWayError::Checksum);
    }
    Ok(MilkyWay { columns, rows, levels: levels.to_vec() })
}

/// How far down the map a galactic latitude (radians) lies: 0 at the north pole, 1 at the south pole, a square root's
/// worth steeper in the band: `v = (1 - t) / 2`, `t = (4/3) b / (|b| + 30 degrees)`.
#[must_use]
pub fn row_from_latitude(latitude_rad: f64) -> f64 {
    0.5 - (2.0 / 3.0) * latitude_rad / (latitude_rad.abs() + FRAC_PI_6)
}

/// The latitude (radians) at `v` of the way down the map; the inverse of [`row_from_latitude`].
#[must_use]
pub fn latitude_from_row(v: f64) -> f64 {
    let t = 0.75 * (1.0 - 2.0 * v);
    FRAC_PI_6 * t / (1.0 - t.abs())
}

impl MilkyWay {
    /// Light from the direction `icrf` (a unit vector), in S10, between the four levels around it.
    #[must_use]
    pub fn s10(&self, icrf: DVec3) -> f64 {
        let galactic = GALACTIC_FROM_ICRF * icrf;
        let u = (galactic.y.atan2(galactic.x) / TAU).rem_euclid(1.0);
        let v = row_from_latitude(galactic.z.clamp(-1.0, 1.0).asin());
        let (left, right, x) = self.neighbours(u, self.columns, |i, n| i.rem_euclid(n));
        let (above, below, y) = self.neighbours(v, self.rows, |i, n| i.clamp(0, n - 1));
        let level = |row: usize, column: usize| f64::from(self.levels[row * usize::from(self.columns) + column]);
        let upper = level(above, left) * (1.0 - x) + level(above, right) * x;
        let lower = level(below, left) * (1.0 - x) + level(below, right) * x;
        FLOOR_S10 * ((upper * (1.0 - y) + lower * y) / LEVELS_PER_OCTAVE).exp2()
    }

    /// Luminance towards `icrf` (a unit vector), cd/m^2.
    #[must_use]
    pub fn luminance_cd_m2(&self, icrf: DVec3) -> f64 {
        self.s10(icrf) * LUMINANCE_OF_S10_CD_M2
    }

    /// The two places next to `at` (0 to 1) of `count`, and how far it lies towards the second.
    fn neighbours(&self, at: f64, count: u16, wrap: impl Fn(i64, i64) -> i64) -> (usize, usize, f64) {
        let at = at * f64::from(count) - 0.5;
        let first = at.floor();
        // A direction that is no number counts as the first place.
        let index = |i: i64| usize::try_from(wrap(i, i64::from(count))).unwrap_or(0);
        let between = if at.is_nan() { 0.0 } else { at - first };
        (index(first as i64), index(first as i64 + 1), between)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map() -> MilkyWay {
        decode(MODEL).expect("the map that comes with the program is whole")
    }

    /// Galactic longitude and latitude in degrees as an ICRF direction.
    fn galactic(longitude: f64, latitude: f64) -> DVec3 {
        let (l, b) = (longitude.to_radians(), latitude.to_radians());
        GALACTIC_FROM_ICRF.transpose() * DVec3::new(b.cos() * l.cos(), b.cos() * l.sin(), b.sin())
    }

    fn icrf(ra: f64, de: f64) -> DVec3 {
        let (ra, de) = (ra.to_radians(), de.to_radians());
        DVec3::new(de.cos() * ra.cos(), de.cos() * ra.sin(), de.sin())
    }

    fn mean(map: &MilkyWay, longitudes: core::ops::Range<i32>, latitude: f64) -> f64 {
        let count = f64::from(longitudes.end - longitudes.start);
        longitudes.map(|l| map.s10(galactic(f64::from(l), latitude))).sum::<f64>() / count
    }

    #[test]
    fn the_galactic_axes_lie_where_they_are_defined() {
        // North pole and ascending node by definition; the centre as it follows (266.40500, -28.93617).
        assert!(galactic(0.0, 90.0).distance(icrf(192.85948, 27.12825)) < 1e-8);
        assert!(galactic(32.93192, 0.0).distance(icrf(282.85948, 0.0)) < 1e-8);
        assert!(galactic(0.0, 0.0).distance(icrf(266.40500, -28.93617)) < 1e-6);
        // A rotation: Deneb, by its published coordinates in both systems.
        assert!(galactic(84.28474, 1.99754).distance(icrf(310.357_979_7, 45.280_338_9)) < 1e-6);
        assert!((GALACTIC_FROM_ICRF.determinant() - 1.0).abs() < 1e-9);
        let unity = GALACTIC_FROM_ICRF * GALACTIC_FROM_ICRF.transpose();
        assert!(unity.abs_diff_eq(DMat3::IDENTITY, 1e-9));
    }

    #[test]
    fn rows_and_latitudes_are_inverse_to_each_other() {
        for degrees in [-90.0, -45.0, -3.0, 0.0, 0.2, 10.0, 90.0f64] {
            let there = latitude_from_row(row_from_latitude(degrees.to_radians()));
            assert!((there.to_degrees() - degrees).abs() < 1e-9, "{degrees}");
        }
        assert!(row_from_latitude(90f64.to_radians()).abs() < 1e-12);
    }

    #[test]
    fn the_sky_is_as_bright_as_surveys_say() {
        let map = map();
        // Leinert et al. (1998), figure 1 and table 1: 30 S10 at the poles, some hundreds in the band.
        for pole in [90.0, -90.0] {
            assert!((20.0..40.0).contains(&mean(&map, 0..360, pole)));
        }
        let band = mean(&map, 0..360, 0.0);
        assert!((120.0..350.0).contains(&band), "{band}");
        // 20.6 mag per square arc second for 700 S10, which is 0.6 mcd/m^2.
        assert!((LUMINANCE_OF_S10_CD_M2 * 700.0 - 5.8e-4).abs() < 0.2e-4);
    }

    #[test]
    fn the_band_its_bulge_and_its_rifts_are_there() {
        let map = map();
        assert!(mean(&map, 0..360, 2.0) > 3.0 * mean(&map, 0..360, 40.0));
        // Brighter to the centre than away from it, south of the rift.
        assert!(mean(&map, -10..10, -4.0) > 2.0 * mean(&map, 170..190, -4.0));
        // The rift north of the plane towards Aquila, beside the bright band south of it.
        assert!(mean(&map, 20..35, 3.0) < 0.5 * mean(&map, 20..35, -3.0));
        // The Large Magellanic Cloud (RA 80.9, declination -69.8) against its surroundings.
        assert!(map.s10(icrf(80.9, -69.8)) > 3.0 * map.s10(icrf(40.0, -69.8)));
    }

    #[test]
    fn damage_has_a_name() {
        assert_eq!(decode(&[]), Err(MilkyWayError::Magic));
        assert_eq!(decode(&MODEL[1..]), Err(MilkyWayError::Magic));
        assert!(matches!(decode(&MODEL[..MODEL.len() - 1]), Err(MilkyWayError::Size { .. })));
        let mut bytes = MODEL.to_vec();
        bytes[5000] ^= 4;
        assert_eq!(decode(&bytes), Err(MilkyWayError::Checksum));
        bytes[8..12].fill(0);
        assert_eq!(decode(&bytes[..16]), Err(MilkyWayError::Size { columns: 0, rows: 0, found: 0 }));
    }

    #[test]
    fn every_direction_has_light() {
        let smallest = MilkyWay { columns: 1, rows: 1, levels: vec![32] };
        for direction in [DVec3::X, -DVec3::X, DVec3::Z, -DVec3::Z, DVec3::NAN, DVec3::ZERO, DVec3::INFINITY] {
            assert_eq!(smallest.s10(direction), 16.0);
            assert!(map().s10(direction).is_finite());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_or_a_map(bytes in prop::collection::vec(any::<u8>(), 0..64), whole in any::<bool>()) {
            let mut bytes = bytes;
            if whole && bytes.len() > HEADER_BYTES {
                let (header, levels) = bytes.split_at_mut(HEADER_BYTES);
                header[..8].copy_from_slice(&MAGIC);
                header[8..10].copy_from_slice(&(levels.len() as u16).to_le_bytes());
                header[10..12].copy_from_slice(&1u16.to_le_bytes());
                header[12..].copy_from_slice(&crc32fast::hash(levels).to_le_bytes());
                let map = decode(&bytes).expect("the header is right");
                prop_assert!(map.s10(DVec3::X) >= FLOOR_S10);
            } else {
                prop_assert!(decode(&bytes).is_err());
            }
        }
    }
}
