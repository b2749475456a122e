//! Where things are at the start: around a body on a circular orbit or at given coordinates, near another
//! group, or anywhere relative to the barycentre.

use core::f64::consts::PI;

use glam::DVec3;

use super::parameters::{Plain, Range};
use super::reader::{Checked, Table};
use super::{Body, Placement, body};

/// The keys that place a group.
pub(super) const KEYS: &[&str] =
    &["around", "near", "orbit", "axes", "position_km", "position_m", "velocity_km_s", "velocity_m_s"];
pub(super) const ORBIT_KEYS: &[&str] =
    &["altitude_km", "radius_km", "inclination_deg", "node_deg", "phase_deg", "plane"];

/// Farthest from the barycentre, m, along each axis: the size of the Galaxy.
pub(super) const LENGTH_M_MAX: f64 = 1e21;
/// Highest speed of anything at the start, in units of the scenario's speed of light: gamma 707.
pub(super) const BETA_MAX: f64 = 0.999_999;

/// What a group can be placed by.
pub(super) struct Surroundings<'s> {
    pub bodies: &'s [Body],
    /// Groups that were read before, by name.
    pub groups: &'s [(String, Placement)],
    pub speed_of_light_m_s: f64,
}

/// Reads the placement of a group. `jitter_m_s` is added to its members' speeds later, and is part of the check
/// against the speed of light.
pub(super) fn read(table: &Table<'_>, surroundings: &Surroundings<'_>, jitter_m_s: f64) -> Checked<Placement> {
    let around = body::named(table, "around", surroundings.bodies)?;
    let near = near(table, surroundings.groups)?;
    if around.is_some() && near.is_some() {
        return Err(table.error("near", "and around are both there, expected one of them"));
    }
    if table.has("axes") && near.is_none() {
        return Err(table.error("axes", "is for a placement that is near another group"));
    }
    let placement = match (table.table("orbit", ORBIT_KEYS)?, near) {
        (Some(orbit), _) => on_orbit(table, &orbit, around.map(|index| (index, &surroundings.bodies[index])))?,
        (None, Some(base)) => beside(table, base)?,
        (None, None) => at_coordinates(table, around)?,
    };
    check(table, &placement, surroundings, jitter_m_s)?;
    Ok(placement)
}

/// Position and velocity relative to `origin` on a circular orbit, m and m/s, ICRF axes, for the given
/// gravitational parameter (Newtonian, oblateness left out).
pub(super) fn circular_orbit(orbit: &Table<'_>, origin: &Body, gm_m3_s2: f64) -> Checked<(DVec3, DVec3)> {
    let lengths_km = Range::new(0.0, LENGTH_M_MAX / 1e3);
    let altitude = orbit.optional_number("altitude_km", lengths_km)?;
    let radius = orbit.optional_number("radius_km", Range::above(0.0, LENGTH_M_MAX / 1e3))?;
    let radius_m = match (altitude, radius) {
        (Some(altitude), None) => origin.radius_m + altitude * 1e3,
        (None, Some(radius)) => radius * 1e3,
        (None, None) => return Err(orbit.missing("altitude_km", "it or radius_km")),
        (Some(_), Some(_)) => {
            return Err(orbit.error("radius_km", "and altitude_km are both there, expected one of them"));
        }
    };
    if radius_m < 1e-3 {
        return Err(orbit.error_here("the orbit's radius is nearly 0"));
    }
    let angle = |key, limit| Ok(orbit.number_or(key, Range::within(limit), 0.0)? * (PI / 180.0));
    let (inclination, node, phase) =
        (angle("inclination_deg", 180.0)?, angle("node_deg", 360.0)?, angle("phase_deg", 360.0)?);
    let [x, y, z] = match orbit.word_or("plane", &["equator", "icrf"], "equator")? {
        "icrf" => [DVec3::X, DVec3::Y, DVec3::Z],
        _ => equator(origin.pole),
    };
    // Ascending node, and the direction a quarter of a turn ahead of it in the orbit's plane.
    let ascending = x * libm::cos(node) + y * libm::sin(node);
    let across = y * libm::cos(node) - x * libm::sin(node);
    let ahead = across * libm::cos(inclination) + z * libm::sin(inclination);
    let (sin, cos) = (libm::sin(phase), libm::cos(phase));
    let speed = libm::sqrt(gm_m3_s2 / radius_m);
    Ok(((ascending * cos + ahead * sin) * radius_m, (ahead * cos - ascending * sin) * speed))
}

/// Axes of a body's equator: x is the direction of the vernal equinox (ICRF x) laid onto the equator, z is the
/// pole. Continuous for every pole but one along ICRF x, where ICRF y takes its place; the node of the equator
/// on the ICRF's would be undefined for the Earth.
fn equator(pole: DVec3) -> [DVec3; 3] {
    let lay = |axis: DVec3| axis - pole * axis.dot(pole);
    let (x, y) = (lay(DVec3::X), lay(DVec3::Y));
    let x = if x.length() > 1e-6 { x / x.length() } else { y / y.length() };
    [x, pole.cross(x), pole]
}

/// Radial, transverse and normal unit vectors of a motion around a body; `None` where it goes straight up,
/// straight down or nowhere.
pub(super) fn radial_transverse_normal(placement: &Placement) -> Option<[DVec3; 3]> {
    let radial = unit(placement.position_m)?;
    let forward = unit(placement.velocity_m_s)?;
    let normal = radial.cross(forward);
    if normal.length() < 1e-6 {
        return None;
    }
    let normal = normal / normal.length();
    Some([radial, normal.cross(radial), normal])
}

/// The unit vector of a finite vector, or `None` for zero.
pub(super) fn unit(vector: DVec3) -> Option<DVec3> {
    // Dividing by the largest component first keeps squares of tiny and huge ones from under- and overflow.
    let largest = vector.abs().max_element();
    (largest > 0.0).then(|| vector / largest).filter(|v| v.is_finite()).map(|v| v / v.length())
}

/// The range of a length given in kilometres.
pub(super) const fn per_km(limit_m: f64) -> Range {
    Range::within(limit_m / 1e3)
}

/// Whether a place is within the bounds of a scenario.
pub(super) fn is_near_enough(position_m: DVec3) -> bool {
    position_m.is_finite() && position_m.abs().max_element() <= LENGTH_M_MAX
}

fn near(table: &Table<'_>, groups: &[(String, Placement)]) -> Checked<Option<Placement>> {
    let Some(name) = table.optional_text("near")? else { return Ok(None) };
    match groups.iter().find(|(known, _)| known == name) {
        Some((_, placement)) => Ok(Some(*placement)),
        None => {
            let known: Vec<&str> = groups.iter().map(|(known, _)| known.as_str()).collect();
            Err(table.unknown_name("near", name, "fleet, asteroid field or structure", &known))
        }
    }
}

fn on_orbit(table: &Table<'_>, orbit: &Table<'_>, around: Option<(usize, &Body)>) -> Checked<Placement> {
    let Some((index, origin)) = around else { return Err(table.missing("around", "the body that is orbited")) };
    if let Some(key) = table.first_of(&["position_km", "position_m", "velocity_km_s", "velocity_m_s"]) {
        return Err(table.error(key, "and orbit are both there, expected one of them"));
    }
    let (position_m, velocity_m_s) = circular_orbit(orbit, origin, origin.gm_m3_s2)?;
    Ok(Placement { body: Some(index), position_m, velocity_m_s })
}

fn beside(table: &Table<'_>, base: Placement) -> Checked<Placement> {
    let position = length(table)?.unwrap_or(DVec3::ZERO);
    let velocity = speed(table)?.unwrap_or(DVec3::ZERO);
    let [x, y, z] = match table.word_or("axes", &["icrf", "rtn"], "icrf")? {
        "rtn" => radial_transverse_normal(&base).ok_or_else(|| {
            table.error("axes", "is \"rtn\", but the group that this is near moves straight up or down, or not at all")
        })?,
        _ => [DVec3::X, DVec3::Y, DVec3::Z],
    };
    let turned = |v: DVec3| x * v.x + y * v.y + z * v.z;
    Ok(Placement {
        body: base.body,
        position_m: base.position_m + turned(position),
        velocity_m_s: base.velocity_m_s + turned(velocity),
    })
}

fn at_coordinates(table: &Table<'_>, around: Option<usize>) -> Checked<Placement> {
    let position = length(table)?.ok_or_else(|| table.missing("position_km", "[x, y, z], an orbit or near"))?;
    let velocity = match (speed(table)?, around) {
        (Some(velocity), _) => velocity,
        (None, None) => DVec3::ZERO,
        (None, Some(_)) => return Err(table.missing("velocity_km_s", "[x, y, z] relative to the body, or an orbit")),
    };
    Ok(Placement { body: around, position_m: position, velocity_m_s: velocity })
}

fn length(table: &Table<'_>) -> Checked<Option<DVec3>> {
    either(table, ["position_m", "position_km"], LENGTH_M_MAX)
}

fn speed(table: &Table<'_>) -> Checked<Option<DVec3>> {
    either(table, ["velocity_m_s", "velocity_km_s"], 1e12)
}

/// A vector given in metres or in kilometres.
fn either(table: &Table<'_>, [metres, kilometres]: [&str; 2], limit: f64) -> Checked<Option<DVec3>> {
    match (table.vector(metres, Range::within(limit))?, table.vector(kilometres, per_km(limit))?) {
        (Some(_), Some(_)) => {
            Err(table.error(kilometres, &format!("and {metres} are both there, expected one of them")))
        }
        (metres, kilometres) => Ok(metres.or(kilometres.map(|v| v * 1e3))),
    }
}

fn check(table: &Table<'_>, placement: &Placement, surroundings: &Surroundings<'_>, jitter_m_s: f64) -> Checked<()> {
    let origin = placement.body.map(|index| &surroundings.bodies[index]);
    let position = placement.position_m + origin.map_or(DVec3::ZERO, |body| body.position_m);
    if !is_near_enough(position) {
        return Err(table.error_here("the position is more than 1e21 m from the barycentre"));
    }
    let velocity = placement.velocity_m_s + origin.map_or(DVec3::ZERO, |body| body.velocity_m_s);
    // The corner of a cube is sqrt(3) half-edges from its centre.
    let fastest = velocity.length() + jitter_m_s * libm::sqrt(3.0);
    let limit = BETA_MAX * surroundings.speed_of_light_m_s;
    if fastest > limit {
        return Err(table.error_here(&format!(
            "its members move at up to {} m/s past the barycentre, more than {BETA_MAX} of the scenario's speed of light, {} m/s",
            Plain(libm::round(fastest)),
            Plain(surroundings.speed_of_light_m_s)
        )));
    }
    for (index, body) in surroundings.bodies.iter().enumerate() {
        // Relative to its own body the placement is exact; to others it is rounded.
        let away = if placement.body == Some(index) { placement.position_m } else { position - body.position_m };
        if away.length() < body.radius_m * (1.0 - 1e-9) {
            return Err(table.error_here(&format!("it is inside {:?}", body.name)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_equator_has_orthogonal_axes_for_any_pole() {
        for pole in [DVec3::Z, -DVec3::Z, DVec3::X, -DVec3::X, DVec3::new(0.6, 0.0, 0.8), DVec3::new(0.48, -0.6, 0.64)]
        {
            let [x, y, z] = equator(pole);
            assert_eq!(z, pole);
            for (a, b) in [(x, y), (y, z), (z, x)] {
                assert!(a.dot(b).abs() < 1e-15, "{pole}");
            }
            assert!((x.cross(y) - z).length() < 1e-15 && (x.length() - 1.0).abs() < 1e-15, "{pole}");
        }
    }

    #[test]
    fn unit_vectors_of_extremes() {
        assert_eq!(unit(DVec3::ZERO), None);
        for size in [1e-300, 1.0, 1e300] {
            let found = unit(DVec3::new(3.0, 0.0, 4.0) * size).unwrap();
            assert!((found - DVec3::new(0.6, 0.0, 0.8)).length() < 1e-15);
        }
    }
}
