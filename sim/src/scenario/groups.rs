//! Fleets, asteroid fields and structures of a scenario file.

use glam::DVec3;

use super::parameters::{Plain, Range};
use super::placement::{self, Surroundings, radial_transverse_normal, unit};
use super::reader::{Checked, Table, one_of};
use super::{
    AsteroidField, Body, COUNT_MAX, ENTITIES_MAX, Fleet, GROUPS_MAX, PLAYER_MAX, Placement, ShipClass, Structure, class,
};
use crate::command::ControlInput;
use crate::component::Kind;

const FLEET_OWN_KEYS: &[&str] =
    &["name", "class", "count", "spacing_m", "jitter_m_s", "facing", "first_player", "players", "controls"];
const FIELD_OWN_KEYS: &[&str] = &["name", "count", "extent_m", "radius_m", "density_kg_m3", "jitter_m_s", "spin_rad_s"];
const STRUCTURE_OWN_KEYS: &[&str] = &["name", "radius_m", "mass_kg"];
pub(super) const CONTROLS_KEYS: &[&str] = &["main", "translate", "rotate", "assist"];

/// Random relative speeds; the speed of light limits them further.
const JITTER_M_S: Range = Range::new(0.0, 1e9);
const FACINGS: &[&str] = &["prograde", "retrograde", "outward", "inward", "normal"];

/// Keys of the three kinds of group, with those that place them.
pub(super) fn fleet_keys() -> Vec<&'static str> {
    [FLEET_OWN_KEYS, placement::KEYS].concat()
}

pub(super) fn field_keys() -> Vec<&'static str> {
    [FIELD_OWN_KEYS, placement::KEYS].concat()
}

pub(super) fn structure_keys() -> Vec<&'static str> {
    [STRUCTURE_OWN_KEYS, placement::KEYS].concat()
}

/// Everything that is placed.
#[derive(Default)]
pub(super) struct Groups {
    pub fleets: Vec<Fleet>,
    pub asteroid_fields: Vec<AsteroidField>,
    pub structures: Vec<Structure>,
    /// Names and placements of all groups read so far.
    placed: Vec<(String, Placement)>,
    entities: u64,
}

/// Reads every `[[fleet]]`, `[[asteroid_field]]` and `[[structure]]` in the order of the file, so that each can be
/// near one that stands above it, whatever its kind.
pub(super) fn read(file: &Table<'_>, bodies: &[Body], classes: &[ShipClass], c_m_s: f64) -> Checked<Groups> {
    let mut tables = Vec::new();
    tables.extend(file.tables("fleet", GROUPS_MAX, &fleet_keys())?.into_iter().map(|table| (Kind::Ship, table)));
    tables.extend(file.tables("asteroid_field", GROUPS_MAX, &field_keys())?.into_iter().map(|t| (Kind::Asteroid, t)));
    tables.extend(file.tables("structure", GROUPS_MAX, &structure_keys())?.into_iter().map(|t| (Kind::Structure, t)));
    tables.sort_by_key(|(_, table)| table.at());
    let mut groups = Groups::default();
    for (kind, table) in tables {
        match kind {
            Kind::Ship => {
                let fleet = groups.fleet(table, bodies, classes, c_m_s)?;
                groups.fleets.push(fleet);
            }
            Kind::Asteroid => {
                let field = groups.field(table, bodies, c_m_s)?;
                groups.asteroid_fields.push(field);
            }
            _ => {
                let structure = groups.structure(table, bodies, c_m_s)?;
                groups.structures.push(structure);
            }
        }
    }
    Ok(groups)
}

impl Groups {
    fn fleet(&mut self, table: Table<'_>, bodies: &[Body], classes: &[ShipClass], c_m_s: f64) -> Checked<Fleet> {
        let (name, table) = self.name(table)?;
        let class = class::named(&table, "class", "scout", classes)?;
        let count = self.count(&table)?;
        let jitter_m_s = table.number_or("jitter_m_s", JITTER_M_S, 0.0)?;
        let placement = self.place(&table, &name, bodies, c_m_s, jitter_m_s)?;
        let spacing_m = table.number_or("spacing_m", Range::above(0.0, 1e9), 100.0)?;
        let closest_m = 2.0 * classes[class].radius_m;
        if count > 1 && spacing_m < closest_m {
            let message = format!(
                "is {}, expected at least {}: neighbours of class {:?} would overlap",
                Plain(spacing_m),
                Plain(closest_m),
                classes[class].name
            );
            return Err(table.error("spacing_m", &message));
        }
        let first_player = table.whole_or("first_player", 0, PLAYER_MAX, 0)?;
        let players = table.whole_or("players", 1, count, if first_player == 0 { 1 } else { count })?;
        if first_player == 0 && table.has("players") {
            return Err(table.missing("first_player", "the first of the players that share the fleet"));
        }
        if first_player > 0 && u64::from(first_player) + u64::from(players) - 1 > u64::from(PLAYER_MAX) {
            return Err(table.error("first_player", &format!("leads to players above {PLAYER_MAX}")));
        }
        let facing = facing(&table, &placement)?;
        let controls = controls(&table)?;
        Ok(Fleet { name, class, count, placement, spacing_m, jitter_m_s, facing, first_player, players, controls })
    }

    fn field(&mut self, table: Table<'_>, bodies: &[Body], c_m_s: f64) -> Checked<AsteroidField> {
        let (name, table) = self.name(table)?;
        let count = self.count(&table)?;
        let jitter_m_s = table.number_or("jitter_m_s", JITTER_M_S, 0.0)?;
        let placement = self.place(&table, &name, bodies, c_m_s, jitter_m_s)?;
        let radii = Range::new(0.01, 1e5);
        let [smallest, largest] = table.numbers::<2>("radius_m", radii)?.unwrap_or([1.0, 10.0]);
        if smallest > largest {
            return Err(
                table.error("radius_m", "has a smallest radius above the largest, expected [smallest, largest]")
            );
        }
        Ok(AsteroidField {
            name,
            count,
            placement,
            extent_m: table.number("extent_m", Range::new(0.0, 1e12))?,
            radius_m: (smallest, largest),
            density_kg_m3: table.number_or("density_kg_m3", Range::new(1.0, 30_000.0), 2_000.0)?,
            jitter_m_s,
            spin_rad_s: table.number_or("spin_rad_s", Range::new(0.0, 10.0), 0.05)?,
        })
    }

    fn structure(&mut self, table: Table<'_>, bodies: &[Body], c_m_s: f64) -> Checked<Structure> {
        let (name, table) = self.name(table)?;
        let placement = self.place(&table, &name, bodies, c_m_s, 0.0)?;
        self.entities += 1;
        let radius_m = table.number("radius_m", Range::new(0.01, 1e5))?;
        let mass_kg = table.number("mass_kg", Range::new(1e-3, 1e18))?;
        Ok(Structure { name, placement, radius_m, mass_kg })
    }

    /// The name of a group, which no other group may have.
    fn name<'t>(&self, table: Table<'t>) -> Checked<(String, Table<'t>)> {
        let name = table.name("name")?;
        let table = table.named(name);
        if self.placed.iter().any(|(known, _)| known == name) {
            return Err(table.error("name", "is given to two fleets, asteroid fields or structures"));
        }
        Ok((name.to_owned(), table))
    }

    fn count(&mut self, table: &Table<'_>) -> Checked<u32> {
        let count = table.whole("count", 1, COUNT_MAX)?;
        self.entities += u64::from(count);
        if self.entities > u64::from(ENTITIES_MAX) {
            let message = format!("brings the entities to {}, more than {ENTITIES_MAX}", self.entities);
            return Err(table.error("count", &message));
        }
        Ok(count)
    }

    fn place(
        &mut self,
        table: &Table<'_>,
        name: &str,
        bodies: &[Body],
        speed_of_light_m_s: f64,
        jitter_m_s: f64,
    ) -> Checked<Placement> {
        let surroundings = Surroundings { bodies, groups: &self.placed, speed_of_light_m_s };
        let placement = placement::read(table, &surroundings, jitter_m_s)?;
        self.placed.push((name.to_owned(), placement));
        Ok(placement)
    }
}

/// The unit vector along which ships point, ICRF: a direction of their motion or a vector.
fn facing(table: &Table<'_>, placement: &Placement) -> Checked<DVec3> {
    let Some(value) = table.raw("facing") else { return Ok(unit(placement.velocity_m_s).unwrap_or(DVec3::X)) };
    let expected = || format!("{} or a vector [x, y, z] other than 0", one_of(FACINGS));
    let direction = match value.get_ref().as_str() {
        Some("prograde") => unit(placement.velocity_m_s),
        Some("retrograde") => unit(-placement.velocity_m_s),
        Some("outward") => unit(placement.position_m),
        Some("inward") => unit(-placement.position_m),
        Some("normal") => radial_transverse_normal(placement).map(|[_, _, normal]| normal),
        Some(_) => return Err(table.unexpected("facing", value, &expected())),
        None if value.get_ref().is_array() => table.vector("facing", Range::within(1e100))?.and_then(unit),
        None => return Err(table.unexpected("facing", value, &expected())),
    };
    direction
        .ok_or_else(|| table.unexpected("facing", value, &format!("{}; this one has no direction here", expected())))
}

fn controls(table: &Table<'_>) -> Checked<ControlInput> {
    let Some(table) = table.table("controls", CONTROLS_KEYS)? else { return Ok(ControlInput::default()) };
    // `round` of at most 32767 in size fits; `as` saturates and maps no value elsewhere.
    let quantised = |deflection: f64| libm::round(deflection * 32_767.0) as i16;
    let axes = |key| Ok(table.numbers::<3>(key, Range::within(1.0))?.unwrap_or_default().map(quantised));
    Ok(ControlInput {
        main: quantised(table.number_or("main", Range::new(0.0, 1.0), 0.0)?),
        translate: axes("translate")?,
        rotate: axes("rotate")?,
        assist: table.flag_or("assist", false)?,
    })
}
