//! Ship classes: the two that come with the simulation and those that a scenario writes.

use glam::DVec3;

use super::parameters::{INERTIA, RELOAD};
use super::reader::{Checked, Table};
use super::{GROUPS_MAX, ScenarioError, ShipClass};

pub(super) const KEYS: &[&str] = &[
    "name",
    "based_on",
    "dry_mass_kg",
    "fuel_kg",
    "inertia_kg_m2",
    "radius_m",
    "main_thrust_n",
    "rcs_thrust_n",
    "torque_n_m",
    "turn_rate_rad_s",
    "exhaust_m_s",
    "drag_area_m2",
    "hull_j",
    "muzzle_m_s",
    "round_mass_kg",
    "round_life_s",
    "reload_ticks",
];

impl ShipClass {
    /// A small fast ship for one pilot: 10 m/s^2 with full tanks, 12 km/s in all.
    #[must_use]
    pub fn scout() -> Self {
        Self {
            name: "scout".to_owned(),
            dry_mass_kg: 8_000.0,
            fuel_kg: 4_000.0,
            inertia_kg_m2: DVec3::new(20_000.0, 60_000.0, 70_000.0),
            radius_m: 5.0,
            main_thrust_n: 120_000.0,
            rcs_thrust_n: 12_000.0,
            torque_n_m: 60_000.0,
            turn_rate_rad_s: 0.8,
            exhaust_m_s: 30_000.0,
            drag_area_m2: 20.0,
            hull_j: 2e6,
            muzzle_m_s: 2_000.0,
            round_mass_kg: 0.05,
            round_life_s: 5.0,
            reload_ticks: 9,
        }
    }

    /// A slow ship with big tanks: 3 m/s^2 with full tanks, 15 km/s in all.
    #[must_use]
    pub fn freighter() -> Self {
        Self {
            name: "freighter".to_owned(),
            dry_mass_kg: 60_000.0,
            fuel_kg: 40_000.0,
            inertia_kg_m2: DVec3::new(4e6, 1e7, 1e7),
            radius_m: 20.0,
            main_thrust_n: 300_000.0,
            rcs_thrust_n: 40_000.0,
            torque_n_m: 1e6,
            turn_rate_rad_s: 0.15,
            exhaust_m_s: 30_000.0,
            drag_area_m2: 300.0,
            hull_j: 2e7,
            muzzle_m_s: 1_000.0,
            round_mass_kg: 0.2,
            round_life_s: 8.0,
            reload_ticks: 45,
        }
    }
}

/// Reads every `[[class]]`. One with the name of a built-in class takes its place.
pub(super) fn read(file: &Table<'_>) -> Checked<Vec<ShipClass>> {
    let mut classes = vec![ShipClass::scout(), ShipClass::freighter()];
    let built_in = classes.len();
    let mut replaced = vec![false; built_in];
    for table in file.tables("class", GROUPS_MAX, KEYS)? {
        let name = table.name("name")?;
        let table = table.named(name);
        let place = classes.iter().position(|class| class.name == name);
        if place.is_some_and(|place| place >= built_in || replaced[place]) {
            return Err(table.error("name", "is given to two classes"));
        }
        let base = match table.optional_text("based_on")? {
            Some(base) => find(&classes, base).ok_or_else(|| unknown(&table, "based_on", base, &classes))?,
            None => place.unwrap_or(0),
        };
        let class = one(&table, name, &classes[base])?;
        match place {
            Some(place) => {
                replaced[place] = true;
                classes[place] = class;
            }
            None => classes.push(class),
        }
    }
    Ok(classes)
}

/// The class that a key names.
pub(super) fn named(table: &Table<'_>, key: &str, default: &str, classes: &[ShipClass]) -> Checked<usize> {
    let name = table.optional_text(key)?.unwrap_or(default);
    find(classes, name).ok_or_else(|| unknown(table, key, name, classes))
}

fn one(table: &Table<'_>, name: &str, base: &ShipClass) -> Checked<ShipClass> {
    let mut class = ShipClass { name: name.to_owned(), ..base.clone() };
    for parameter in ShipClass::PARAMETERS.iter().filter(|parameter| KEYS.contains(&parameter.name) && !parameter.whole)
    {
        if let Some(value) = table.optional_number(parameter.name, parameter.range)? {
            (parameter.set)(&mut class, value);
        }
    }
    if let Some(inertia) = table.vector("inertia_kg_m2", INERTIA)? {
        class.inertia_kg_m2 = inertia;
    }
    class.reload_ticks = table.whole_or("reload_ticks", RELOAD.min as u32, RELOAD.max as u32, class.reload_ticks)?;
    Ok(class)
}

fn find(classes: &[ShipClass], name: &str) -> Option<usize> {
    classes.iter().position(|class| class.name == name)
}

fn unknown(table: &Table<'_>, key: &str, name: &str, classes: &[ShipClass]) -> ScenarioError {
    let known: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
    table.unknown_name(key, name, "class", &known)
}
