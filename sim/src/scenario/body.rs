//! Massive bodies: those of the Solar System preset and those that a scenario writes.

use core::f64::consts::{PI, TAU};

use glam::DVec3;

use super::parameters::Range;
use super::placement::{LENGTH_M_MAX, circular_orbit, per_km};
use super::reader::{Checked, Table, one_of};
use super::{Atmosphere, BODIES_MAX, Body, Figure, Tide, placement, preset};
use crate::bodies::{BodyError, check_bodies};

pub(super) const KEYS: &[&str] = &[
    "name",
    "gm_km3_s2",
    "mass_kg",
    "radius_km",
    "relative_to",
    "position_km",
    "velocity_km_s",
    "orbit",
    "pole_ra_dec_deg",
    "rotation_period_h",
    "figure",
    "tide",
    "atmosphere",
];
pub(super) const FIGURE_KEYS: &[&str] = &["j2", "c22", "faces", "radius_km"];
pub(super) const TIDE_KEYS: &[&str] = &["k2", "lag_s", "radius_km"];
pub(super) const ATMOSPHERE_KEYS: &[&str] = &["surface_density_kg_m3", "scale_height_km", "top_km"];

/// Newtonian constant of gravitation, m^3/(kg s^2) (CODATA 2018).
const G: f64 = 6.674_30e-11;
/// Up to ten billion times the Sun's.
const GM_KM3_S2: Range = Range::above(0.0, 1e21);
/// The same in kilograms.
const MASS_KG: Range = Range::above(0.0, 1e40);
const RADIUS_KM: Range = Range::new(0.0, 1e12);
const REFERENCE_RADIUS_KM: Range = Range::above(0.0, 1e12);
const SPEED_KM_S: Range = Range::within(299_792.0);

/// Reads `solar_system` and every `[[body]]`.
pub(super) fn read(file: &Table<'_>, epoch_jd_tdb: f64) -> Checked<Vec<Body>> {
    let mut bodies = match file.optional_text("solar_system")? {
        None => Vec::new(),
        Some(preset::NAME) => preset::solar_system(epoch_jd_tdb)
            .map_err(|why| file.error("solar_system", &format!("is not there: {why}")))?,
        Some(_) => return Err(file.error("solar_system", &format!("is unknown, expected {}", one_of(&[preset::NAME])))),
    };
    let from_preset = bodies.len();
    let tables = file.tables("body", BODIES_MAX.saturating_sub(from_preset), KEYS)?;
    let mut named = Vec::with_capacity(tables.len());
    for table in tables {
        let name = table.name("name")?;
        let table = table.named(name);
        if find(&bodies, name).is_some() {
            return Err(table.error("name", "is given to two bodies (capitals make no difference)"));
        }
        bodies.push(one(&table, name, &bodies)?);
        no_overlap(&table, &bodies)?;
        named.push(table);
    }
    // Bodies may face one another, so these names are looked up when all are known.
    for (place, table) in named.iter().enumerate() {
        let place = from_preset + place;
        let faces = faces(table, &bodies, place)?;
        if let Some(figure) = &mut bodies[place].figure {
            figure.faces = faces;
        }
    }
    // The integrator has the last word: what it cannot step must not become a world.
    let why = match check_bodies(&bodies) {
        Ok(()) => return Ok(bodies),
        Err(why) => why,
    };
    let place = match why {
        BodyError::TooMany => from_preset,
        BodyError::OutOfRange { body, .. } | BodyError::FacesNothing { body } | BodyError::Overlapping { body, .. } => {
            body
        }
    };
    Err(match place.checked_sub(from_preset).and_then(|own| named.get(own)) {
        Some(table) => table.error_here(&why.to_string()),
        None => file.error("solar_system", &why.to_string()),
    })
}

/// The body that a key names, or `None` without the key. Capitals make no difference.
pub(super) fn named(table: &Table<'_>, key: &str, bodies: &[Body]) -> Checked<Option<usize>> {
    let Some(name) = table.optional_text(key)? else { return Ok(None) };
    find(bodies, name).map(Some).ok_or_else(|| {
        let known: Vec<&str> = bodies.iter().map(|body| body.name.as_str()).collect();
        table.unknown_name(key, name, "body", &known)
    })
}

fn find(bodies: &[Body], name: &str) -> Option<usize> {
    bodies.iter().position(|body| body.name.eq_ignore_ascii_case(name))
}

fn one(table: &Table<'_>, name: &str, above: &[Body]) -> Checked<Body> {
    let gm_m3_s2 = match (table.optional_number("gm_km3_s2", GM_KM3_S2)?, table.optional_number("mass_kg", MASS_KG)?) {
        (Some(gm), None) => gm * 1e9,
        (None, Some(mass)) => mass * G,
        (None, None) => return Err(table.missing("gm_km3_s2", "it or mass_kg")),
        (Some(_), Some(_)) => return Err(table.error("mass_kg", "and gm_km3_s2 are both there, expected one of them")),
    };
    if gm_m3_s2 <= 0.0 {
        return Err(table.error(table.first_of(&["gm_km3_s2", "mass_kg"]).unwrap_or("gm_km3_s2"), "is too small"));
    }
    let radius_m = table.number("radius_km", RADIUS_KM)? * 1e3;
    let (position_m, velocity_m_s) = motion(table, gm_m3_s2, above)?;
    let period_h = table.optional_number("rotation_period_h", Range::within(1e9))?;
    if period_h.is_some_and(|period| period.abs() < 1e-6) {
        return Err(table.error("rotation_period_h", "is nearly 0, expected hours per turn (negative turns backward)"));
    }
    Ok(Body {
        name: name.to_owned(),
        gm_m3_s2,
        radius_m,
        position_m,
        velocity_m_s,
        figure: figure(table, radius_m)?,
        tide: tide(table, radius_m)?,
        pole: pole(table)?,
        rotation_rad_s: period_h.map_or(0.0, |period| TAU / (period * 3600.0)),
        atmosphere: atmosphere(table)?,
    })
}

/// Barycentric position and velocity: as written, or on top of another body's.
fn motion(table: &Table<'_>, gm_m3_s2: f64, above: &[Body]) -> Checked<(DVec3, DVec3)> {
    let origin = named(table, "relative_to", above)?.map(|index| &above[index]);
    let (position, velocity) = if let Some(orbit) = table.table("orbit", placement::ORBIT_KEYS)? {
        let Some(origin) = origin else { return Err(table.missing("relative_to", "the body that it orbits")) };
        if let Some(key) = table.first_of(&["position_km", "velocity_km_s"]) {
            return Err(table.error(key, "and orbit are both there, expected one of them"));
        }
        circular_orbit(&orbit, origin, origin.gm_m3_s2 + gm_m3_s2)?
    } else {
        let position = table.vector("position_km", per_km(LENGTH_M_MAX))?;
        let position = position.ok_or_else(|| table.missing("position_km", "[x, y, z] or an orbit"))?;
        let velocity = table.vector("velocity_km_s", SPEED_KM_S)?;
        let velocity = velocity.ok_or_else(|| table.missing("velocity_km_s", "[x, y, z]"))?;
        (position * 1e3, velocity * 1e3)
    };
    let (from, along) = origin.map_or((DVec3::ZERO, DVec3::ZERO), |origin| (origin.position_m, origin.velocity_m_s));
    let (position, velocity) = (from + position, along + velocity);
    let key = table.first_of(&["orbit", "position_km"]).unwrap_or("position_km");
    if !placement::is_near_enough(position) {
        return Err(table.error(key, "puts it more than 1e21 m from the barycentre"));
    }
    if velocity.length() >= 299_792_458.0 {
        return Err(table.error(key, "makes it faster than light"));
    }
    Ok((position, velocity))
}

fn no_overlap(table: &Table<'_>, bodies: &[Body]) -> Checked<()> {
    let Some((last, others)) = bodies.split_last() else { return Ok(()) };
    let touches = |other: &&Body| (last.position_m - other.position_m).length() <= last.radius_m + other.radius_m;
    match others.iter().find(touches) {
        None => Ok(()),
        Some(other) => {
            let key = table.first_of(&["orbit", "position_km"]).unwrap_or("position_km");
            Err(table.error(key, &format!("makes it overlap {:?}", other.name)))
        }
    }
}

fn pole(table: &Table<'_>) -> Checked<DVec3> {
    let [ra_deg, dec_deg] = match table.numbers::<2>("pole_ra_dec_deg", Range::within(360.0))? {
        None => return Ok(DVec3::Z),
        Some(pole) => pole,
    };
    if dec_deg.abs() > 90.0 {
        return Err(table.error("pole_ra_dec_deg", "has a declination (the second number) beyond -90 to 90"));
    }
    let (ra, dec) = (ra_deg * (PI / 180.0), dec_deg * (PI / 180.0));
    let pole = DVec3::new(libm::cos(dec) * libm::cos(ra), libm::cos(dec) * libm::sin(ra), libm::sin(dec));
    Ok(pole / pole.length())
}

fn figure(table: &Table<'_>, radius_m: f64) -> Checked<Option<Figure>> {
    let Some(table) = table.table("figure", FIGURE_KEYS)? else { return Ok(None) };
    let j2 = table.number("j2", Range::within(0.5))?;
    let c22 = table.number_or("c22", Range::within(0.5), 0.0)?;
    if c22 != 0.0 && !table.has("faces") {
        return Err(table.missing("faces", "the body that the long axis of c22 points at"));
    }
    Ok(Some(Figure { j2, c22, faces: None, radius_m: reference_radius(&table, radius_m)? }))
}

fn faces(table: &Table<'_>, bodies: &[Body], place: usize) -> Checked<Option<usize>> {
    let Some(figure) = table.table("figure", FIGURE_KEYS)? else { return Ok(None) };
    let faces = named(&figure, "faces", bodies)?;
    if faces == Some(place) {
        return Err(figure.error("faces", "is the body itself, expected another one"));
    }
    Ok(faces)
}

fn tide(table: &Table<'_>, radius_m: f64) -> Checked<Option<Tide>> {
    let Some(table) = table.table("tide", TIDE_KEYS)? else { return Ok(None) };
    Ok(Some(Tide {
        k2: table.number("k2", Range::new(0.0, 1.5))?,
        lag_s: table.number_or("lag_s", Range::within(1e6), 0.0)?,
        radius_m: reference_radius(&table, radius_m)?,
    }))
}

fn reference_radius(table: &Table<'_>, radius_m: f64) -> Checked<f64> {
    match table.optional_number("radius_km", REFERENCE_RADIUS_KM)? {
        Some(radius_km) => Ok(radius_km * 1e3),
        None if radius_m > 0.0 => Ok(radius_m),
        None => Err(table.missing("radius_km", "a reference radius, for the body's own is 0")),
    }
}

fn atmosphere(table: &Table<'_>) -> Checked<Option<Atmosphere>> {
    let Some(table) = table.table("atmosphere", ATMOSPHERE_KEYS)? else { return Ok(None) };
    Ok(Some(Atmosphere {
        surface_density_kg_m3: table.number("surface_density_kg_m3", Range::new(0.0, 1e4))?,
        scale_height_m: table.number("scale_height_km", Range::new(1e-3, 1e6))? * 1e3,
        top_m: table.number("top_km", Range::new(0.0, 1e7))? * 1e3,
    }))
}
