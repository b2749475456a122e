//! The star catalogue against published positions, and its decoder against any bytes. Must never compare with numbers
//! that were taken from the catalogue itself.

use glam::DVec3;
use proptest::prelude::*;
use render::sky::catalogue::{self, CatalogueError, EPOCH_YEARS, HIPPARCOS, Star, decode};

fn stars() -> Vec<Star> {
    decode(HIPPARCOS).expect("the catalogue that comes with the program is whole")
}

fn star(stars: &[Star], hip: u32) -> &Star {
    stars.iter().find(|s| s.hip == hip).unwrap_or_else(|| panic!("HIP {hip} is missing"))
}

/// Unit vector of ICRS hours, minutes, seconds and degrees, arc minutes, arc seconds; the sign counts for all three.
fn icrs(ra: [f64; 3], sign: f64, de: [f64; 3]) -> DVec3 {
    let sexagesimal = |[whole, minutes, seconds]: [f64; 3]| whole + minutes / 60.0 + seconds / 3600.0;
    let (ra, de) = ((sexagesimal(ra) * 15.0).to_radians(), (sign * sexagesimal(de)).to_radians());
    DVec3::new(de.cos() * ra.cos(), de.cos() * ra.sin(), de.sin())
}

fn degrees_between(a: DVec3, b: DVec3) -> f64 {
    a.cross(b).length().atan2(a.dot(b)).to_degrees()
}

/// HIP number, name, and the ICRS position at epoch J2000.0 that SIMBAD gives.
fn known() -> Vec<(u32, &'static str, DVec3)> {
    vec![
        (32349, "Sirius", icrs([6.0, 45.0, 8.917], -1.0, [16.0, 42.0, 58.02])),
        (11767, "Polaris", icrs([2.0, 31.0, 49.095], 1.0, [89.0, 15.0, 50.79])),
        (27989, "Betelgeuse", icrs([5.0, 55.0, 10.305], 1.0, [7.0, 24.0, 25.43])),
        (91262, "Vega", icrs([18.0, 36.0, 56.336], 1.0, [38.0, 47.0, 1.28])),
        (71683, "Rigil Kentaurus", icrs([14.0, 39.0, 36.494], -1.0, [60.0, 50.0, 2.37])),
        (80763, "Antares", icrs([16.0, 29.0, 24.460], -1.0, [26.0, 25.0, 55.21])),
        (87937, "Barnard's star", icrs([17.0, 57.0, 48.498], 1.0, [4.0, 41.0, 36.21])),
        (25930, "Mintaka", icrs([5.0, 32.0, 0.400], -1.0, [0.0, 17.0, 56.74])),
        (26311, "Alnilam", icrs([5.0, 36.0, 12.813], -1.0, [1.0, 12.0, 6.91])),
        (55203, "Xi Ursae Majoris", icrs([11.0, 18.0, 10.902], 1.0, [31.0, 31.0, 44.98])),
        (26727, "Alnitak", icrs([5.0, 40.0, 45.527], -1.0, [1.0, 56.0, 34.26])),
    ]
}

#[test]
fn known_stars_stand_where_they_are_published_at_j2000() {
    let stars = stars();
    for (hip, name, published) in known() {
        let off = degrees_between(star(&stars, hip).direction(0.0), published);
        // Alpha Centauri's own orbit moves it by a second of arc in those years.
        assert!(off < 0.0005, "{name} stands {off:.6} degrees from where it is");
    }
}

#[test]
fn barnards_star_has_moved_after_fifty_years() {
    // Proper motion from Gaia DR3, another satellite: -801.551 and +10362.394 mas a year.
    let stars = stars();
    let (_, _, at_2000) = known().into_iter().find(|k| k.0 == 87937).expect("it is in the table");
    let east = DVec3::Z.cross(at_2000).normalize();
    let north = at_2000.cross(east);
    let mas = (0.001f64 / 3600.0).to_radians();
    let at_2050 = (at_2000 + 50.0 * mas * (east * -801.551 + north * 10362.394)).normalize();
    let found = star(&stars, 87937).direction(50.0);
    assert!(degrees_between(found, at_2050) < 0.001, "{:.6}", degrees_between(found, at_2050));
    // 519.7 arc seconds, and not those of 50 years since J1991.25.
    assert!((degrees_between(found, star(&stars, 87937).direction(0.0)) - 0.1443).abs() < 0.001);
}

#[test]
fn orions_belt_has_its_shape() {
    let stars = stars();
    let [mintaka, alnilam, alnitak] = [25930, 26311, 26727].map(|hip| star(&stars, hip).direction(0.0));
    let published: Vec<DVec3> = [25930, 26311, 26727]
        .iter()
        .map(|hip| known().iter().find(|k| k.0 == *hip).expect("it is in the table").2)
        .collect();
    assert!((degrees_between(mintaka, alnilam) - degrees_between(published[0], published[1])).abs() < 5e-4);
    assert!((degrees_between(alnilam, alnitak) - degrees_between(published[1], published[2])).abs() < 5e-4);
    // Nearly a straight line: 172.5 degrees at the middle star.
    let at_the_middle = |to: DVec3| (to - alnilam * to.dot(alnilam)).normalize();
    let bend = degrees_between(at_the_middle(mintaka), at_the_middle(alnitak));
    assert!((bend - 172.5).abs() < 0.5, "{bend}");
}

#[test]
fn the_catalogue_is_whole_and_begins_with_the_brightest() {
    let stars = stars();
    assert_eq!(stars.len(), 117_957);
    // Sirius, Canopus, Vega, Arcturus, Rigil Kentaurus.
    assert_eq!(stars[..5].iter().map(|s| s.hip).collect::<Vec<_>>(), [32349, 30438, 91262, 69673, 71683]);
    assert!(stars.is_sorted_by(|a, b| a.hp_magnitude <= b.hp_magnitude));
    let mut names: Vec<u32> = stars.iter().map(|s| s.hip).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), stars.len(), "a star is in there twice");
    assert_eq!(stars.iter().filter(|s| s.colour_index.is_none()).count(), 1143);
    assert!(stars.iter().all(|s| (s.direction(100.0).length() - 1.0).abs() < 1e-12));
}

#[test]
fn brightness_follows_the_magnitude() {
    let stars = stars();
    // Sirius outshines Polaris (V -1.46 and 1.98) twenty-four-fold; Hp differs from V by a tenth of it here.
    let ratio = star(&stars, 32349).relative_irradiance() / star(&stars, 11767).relative_irradiance();
    assert!((ratio / 23.8 - 1.0).abs() < 0.4, "{ratio}");
    assert!((catalogue::relative_irradiance(5.0) - 0.01).abs() < 1e-12);
    // All stars together: 6.1e-4 lx at most is what the integrated starlight of surveys allows.
    let all: f64 = stars.iter().map(|s| f64::from(s.relative_irradiance())).sum();
    let lux = all * catalogue::ILLUMINANCE_OF_MAGNITUDE_0_LX;
    assert!((1e-4..6e-4).contains(&lux), "{lux:e}");
}

#[test]
fn colours_are_those_of_the_stars() {
    let stars = stars();
    // Effective temperatures, to the tenth that a colour index can tell: Sirius A0, Betelgeuse M1, Arcturus K1.5.
    for (hip, temperature_k) in [(32349, 9900.0), (27989, 3600.0), (69673, 4290.0)] {
        let found = star(&stars, hip).temperature_k();
        assert!((found / temperature_k - 1.0f64).abs() < 0.12, "HIP {hip}: {found}");
    }
    // The Sun's B-V is 0.653 and its temperature 5772 K.
    assert!((catalogue::temperature_from_colour_index(0.653) - 5772.0).abs() < 60.0);
    let [r, _, b] = star(&stars, 27989).linear_srgb();
    assert!(r > 3.0 * b, "Betelgeuse is orange");
    let [r, _, b] = star(&stars, 32349).linear_srgb();
    assert!(b > r, "Sirius is blue");
    for b_v in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.674] {
        let temperature_k = catalogue::temperature_from_colour_index(b_v);
        assert!((1300.0..22000.0).contains(&temperature_k), "{b_v}: {temperature_k}");
    }
}

#[test]
fn the_epoch_is_the_catalogues_own() {
    let stars = stars();
    let barnard = star(&stars, 87937);
    let (ra, de) = (barnard.right_ascension_rad, barnard.declination_rad);
    let listed = DVec3::new(de.cos() * ra.cos(), de.cos() * ra.sin(), de.sin());
    assert!(degrees_between(barnard.direction(EPOCH_YEARS), listed) < 1e-9);
}

#[test]
fn each_kind_of_damage_has_its_name() {
    assert_eq!(decode(&[]), Err(CatalogueError::Magic));
    assert_eq!(decode(&HIPPARCOS[..15]), Err(CatalogueError::Magic));
    let changed = |at: usize, to: u8| {
        let mut bytes = HIPPARCOS.to_vec();
        bytes[at] = to;
        decode(&bytes).expect_err("one byte is wrong")
    };
    assert_eq!(changed(7, 2), CatalogueError::Magic);
    assert!(matches!(changed(11, 0xff), CatalogueError::Length { .. }));
    assert_eq!(changed(16 + 18 * 1000, HIPPARCOS[16 + 18 * 1000] ^ 1), CatalogueError::Checksum);
    assert!(matches!(decode(&HIPPARCOS[..HIPPARCOS.len() - 1]), Err(CatalogueError::Length { .. })));
    // A catalogue out of order, under a right checksum.
    let body: Vec<u8> = [&HIPPARCOS[16 + 18..16 + 36], &HIPPARCOS[16..16 + 18]].concat();
    assert!(matches!(decode(&sealed(&body)), Err(CatalogueError::Star { index: 1, .. })));
}

/// A catalogue of these records with a right header.
fn sealed(body: &[u8]) -> Vec<u8> {
    let count = u32::try_from(body.len() / 18).expect("a test's catalogue is small");
    [&HIPPARCOS[..8], &count.to_le_bytes(), &crc32fast::hash(body).to_le_bytes(), body].concat()
}

proptest! {
    #[test]
    fn any_bytes_are_an_error_or_stars(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn any_records_are_an_error_or_sound_stars(
        records in prop::collection::vec(any::<[u8; 18]>(), 0..20),
        years in -1e4..1e4f64,
    ) {
        let mut records = records;
        records.sort_by_key(|r| i16::from_le_bytes([r[12], r[13]]));
        if let Ok(stars) = decode(&sealed(&records.concat())) {
            prop_assert_eq!(stars.len(), records.len());
            for star in stars {
                prop_assert!((star.direction(years).length() - 1.0).abs() < 1e-9);
                prop_assert!(star.temperature_k().is_finite() && star.relative_irradiance() > 0.0);
                prop_assert!(star.linear_srgb().iter().all(|c| c.is_finite() && *c >= 0.0));
                prop_assert!((0.0..=core::f64::consts::TAU).contains(&star.right_ascension_rad));
                prop_assert!(star.declination_rad.abs() <= core::f64::consts::FRAC_PI_2);
            }
        }
    }
}
