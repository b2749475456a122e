//! Reads a scenario from TOML and checks every value, with messages that name the line. The parts of the file
//! are read where their rules live: bodies, classes, groups of things.

use toml::de::{DeTable, Error as TomlError};

use super::parameters::Range;
use super::reader::{Checked, Table, line_of, shortened};
use super::{Forces, Rules, Scenario, body, class, epoch, groups};

/// Longest text of a scenario, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// Why a text is no scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ScenarioError {
    /// Line in the text, from 1.
    pub line: usize,
    /// One sentence: where, what is there, and what was expected.
    pub message: String,
}

pub(super) const KEYS: &[&str] = &[
    "name",
    "description",
    "seed",
    "tick_rate_hz",
    "speed_of_light_m_s",
    "epoch_jd_tdb",
    "epoch",
    "solar_system",
    "forces",
    "rules",
    "body",
    "class",
    "fleet",
    "asteroid_field",
    "structure",
];
pub(super) const FORCES_KEYS: &[&str] = &["post_newtonian", "figures"];
pub(super) const RULES_KEYS: &[&str] = &["restitution", "friction", "strength_j_kg"];

/// Lowest and highest speed of light: a walking world would be all horizon, and beyond 1e12 m/s nothing is
/// left of relativity in 53 bits.
const SPEED_OF_LIGHT: Range = Range::new(100.0, 1e12);
const SPEED_OF_LIGHT_M_S: f64 = 299_792_458.0;

impl Scenario {
    /// Reads and checks a scenario.
    ///
    /// # Errors
    /// The first thing found wrong, with its line.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("the text has {} bytes, more than {TEXT_BYTES_MAX}", text.len());
            return Err(ScenarioError { line: 1, message });
        }
        let values = DeTable::parse(text).map_err(|error| not_toml(text, &error))?;
        let file = Table::root(text, values.get_ref(), KEYS)?;

        let name = file.name("name")?.to_owned();
        let description = description(&file)?;
        let seed = file.optional_whole("seed", 0, u64::MAX)?.unwrap_or(1);
        let tick_rate_hz = file.whole_or("tick_rate_hz", 1, 1000, 90)?;
        let speed_of_light_m_s = file.number_or("speed_of_light_m_s", SPEED_OF_LIGHT, SPEED_OF_LIGHT_M_S)?;
        let epoch_jd_tdb = epoch::read(&file)?;
        let forces = forces(&file)?;
        let rules = rules(&file)?;
        let bodies = body::read(&file, epoch_jd_tdb)?;
        let classes = class::read(&file)?;
        let groups = groups::read(&file, &bodies, &classes, speed_of_light_m_s)?;

        Ok(Self {
            name,
            description,
            seed,
            tick_rate_hz,
            speed_of_light_m_s,
            epoch_jd_tdb,
            forces,
            bodies,
            classes,
            fleets: groups.fleets,
            asteroid_fields: groups.asteroid_fields,
            structures: groups.structures,
            rules,
            text: text.to_owned(),
        })
    }
}

fn not_toml(text: &str, error: &TomlError) -> ScenarioError {
    let at = error.span().map_or(text.len(), |span| span.start);
    ScenarioError { line: line_of(text, at), message: format!("not TOML: {}", error.message().replace('\n', ", ")) }
}

fn description(file: &Table<'_>) -> Checked<String> {
    let description = file.optional_text("description")?.unwrap_or_default();
    if description.len() > 1000 || description.chars().any(char::is_control) {
        let found = format!("is {:?}, expected one line of at most 1000 bytes", shortened(description));
        return Err(file.error("description", &found));
    }
    Ok(description.to_owned())
}

fn forces(file: &Table<'_>) -> Checked<Forces> {
    let Some(table) = file.table("forces", FORCES_KEYS)? else {
        return Ok(Forces { post_newtonian: true, figures: true });
    };
    Ok(Forces { post_newtonian: table.flag_or("post_newtonian", true)?, figures: table.flag_or("figures", true)? })
}

fn rules(file: &Table<'_>) -> Checked<Rules> {
    let mut rules = Rules::default();
    if let Some(table) = file.table("rules", RULES_KEYS)? {
        for parameter in Rules::PARAMETERS {
            if let Some(value) = table.optional_number(parameter.name, parameter.range)? {
                (parameter.set)(&mut rules, value);
            }
        }
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::super::{class, placement};
    use super::*;

    #[test]
    fn the_page_describes_every_key() {
        let page = include_str!("../../../docs/SCENARIOS.md");
        let tables = [
            KEYS,
            FORCES_KEYS,
            RULES_KEYS,
            body::KEYS,
            body::FIGURE_KEYS,
            body::TIDE_KEYS,
            body::ATMOSPHERE_KEYS,
            class::KEYS,
            placement::ORBIT_KEYS,
            groups::CONTROLS_KEYS,
            &groups::fleet_keys(),
            &groups::field_keys(),
            &groups::structure_keys(),
        ];
        for key in tables.concat() {
            let written = [format!("`{key}`"), format!("`[{key}]`"), format!("`[[{key}]]`")];
            assert!(written.iter().any(|written| page.contains(written)), "{key} is not described");
        }
    }

    /// Keys of numbers that are read through the parameter tables are known keys, and the other way round.
    #[test]
    fn parameters_and_keys_agree() {
        let scalar = |name: &&str| !name.starts_with("inertia");
        let parameters = super::super::ShipClass::PARAMETERS.iter().map(|parameter| parameter.name).filter(scalar);
        let keys = class::KEYS.iter().copied().filter(|key| !["name", "based_on"].contains(key)).filter(scalar);
        assert!(parameters.eq(keys));
        assert!(Rules::PARAMETERS.iter().map(|parameter| parameter.name).eq(RULES_KEYS.iter().copied()));
    }
}
