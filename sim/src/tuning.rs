//! Tuning: the numbers of ship classes and rules, which a logged command may replace while the world runs.
//! Every number is named by a path, so that command, snapshot and digest share one table.

use crate::refusal::Refusal;
use crate::scenario::{Rules, Scenario, ShipClass};

/// The current numbers. Starts as the scenario has them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tuning {
    pub classes: Vec<ShipClass>,
    pub rules: Rules,
}

/// One number of a class or of the rules: its name and the range it may have.
pub(crate) struct Parameter<T> {
    pub name: &'static str,
    pub min: f64,
    pub max: f64,
    pub get: fn(&T) -> f64,
    pub set: fn(&mut T, f64),
}

macro_rules! parameters {
    ($($name:literal, $min:expr, $max:expr, $($field:ident).+ $(as $ty:ty)?;)+) => {
        &[$(Parameter {
            name: $name,
            min: $min,
            max: $max,
            get: |t| t.$($field).+ $(as $ty as f64)?,
            set: |t, value| t.$($field).+ = value $(as $ty)?,
        }),+]
    };
}

/// Smallest number taken for a quantity that has to be above zero.
const POSITIVE: f64 = 1e-9;

/// Numbers of a ship class, with their ranges.
pub(crate) const CLASS_PARAMETERS: &[Parameter<ShipClass>] = parameters! {
    "dry_mass_kg", POSITIVE, 1e15, dry_mass_kg;
    "fuel_kg", 0.0, 1e15, fuel_kg;
    "inertia_x_kg_m2", POSITIVE, 1e24, inertia_kg_m2.x;
    "inertia_y_kg_m2", POSITIVE, 1e24, inertia_kg_m2.y;
    "inertia_z_kg_m2", POSITIVE, 1e24, inertia_kg_m2.z;
    "radius_m", POSITIVE, 1e5, radius_m;
    "main_thrust_n", 0.0, 1e15, main_thrust_n;
    "rcs_thrust_n", 0.0, 1e15, rcs_thrust_n;
    "torque_n_m", 0.0, 1e18, torque_n_m;
    "turn_rate_rad_s", 0.0, 100.0, turn_rate_rad_s;
    "exhaust_m_s", POSITIVE, 1e12, exhaust_m_s;
    "drag_area_m2", 0.0, 1e9, drag_area_m2;
    "hull_j", 0.0, 1e18, hull_j;
    "muzzle_m_s", 0.0, 1e12, muzzle_m_s;
    "round_mass_kg", POSITIVE, 1e9, round_mass_kg;
    "round_life_s", 0.0, 3600.0, round_life_s;
    "reload_ticks", 0.0, 1e6, reload_ticks as u32;
};

/// Numbers of the rules, with their ranges.
pub(crate) const RULE_PARAMETERS: &[Parameter<Rules>] = parameters! {
    "restitution", 0.0, 1.0, restitution;
    "friction", 0.0, 100.0, friction;
    "strength_j_kg", 0.0, 1e12, strength_j_kg;
};

impl<T> Parameter<T> {
    /// Whether `value` may be this number.
    pub fn accepts(&self, value: f64) -> bool {
        (self.min..=self.max).contains(&value)
    }

    fn assign(&self, target: &mut T, value: f64) -> Result<(), Refusal> {
        if !value.is_finite() {
            return Err(Refusal::NotFinite);
        }
        if !self.accepts(value) {
            return Err(Refusal::OutOfRange);
        }
        (self.set)(target, value);
        Ok(())
    }
}

impl Tuning {
    pub fn new(scenario: &Scenario) -> Self {
        Self { classes: scenario.classes.clone(), rules: scenario.rules }
    }

    /// Replaces the number at `path`: `class.NAME.PARAMETER` or `rules.PARAMETER`.
    pub fn set(&mut self, path: &str, value: f64) -> Result<(), Refusal> {
        if let Some(name) = path.strip_prefix("rules.") {
            let parameter = RULE_PARAMETERS.iter().find(|p| p.name == name).ok_or(Refusal::NoSuchParameter)?;
            return parameter.assign(&mut self.rules, value);
        }
        let (class, name) =
            path.strip_prefix("class.").and_then(|rest| rest.rsplit_once('.')).ok_or(Refusal::NoSuchParameter)?;
        let class = self.classes.iter_mut().find(|c| c.name == class).ok_or(Refusal::NoSuchParameter)?;
        let parameter = CLASS_PARAMETERS.iter().find(|p| p.name == name).ok_or(Refusal::NoSuchParameter)?;
        parameter.assign(class, value)
    }

    /// All numbers in table order: class by class, then the rules.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let classes = self.classes.iter().flat_map(|c| CLASS_PARAMETERS.iter().map(|p| (p.get)(c)));
        classes.chain(RULE_PARAMETERS.iter().map(|p| (p.get)(&self.rules)))
    }

    /// Puts back what [`Self::values`] gave; `None` if the count or a range does not fit.
    pub fn with_values(mut self, values: &[f64]) -> Option<Self> {
        if values.len() != self.classes.len() * CLASS_PARAMETERS.len() + RULE_PARAMETERS.len() {
            return None;
        }
        let mut values = values.iter().copied();
        for class in &mut self.classes {
            for parameter in CLASS_PARAMETERS {
                parameter.assign(class, values.next()?).ok()?;
            }
        }
        for parameter in RULE_PARAMETERS {
            parameter.assign(&mut self.rules, values.next()?).ok()?;
        }
        Some(self)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use glam::DVec3;

    pub(crate) fn scout() -> ShipClass {
        ShipClass {
            name: "scout".to_owned(),
            dry_mass_kg: 8_000.0,
            fuel_kg: 4_000.0,
            inertia_kg_m2: DVec3::new(30_000.0, 80_000.0, 90_000.0),
            radius_m: 8.0,
            main_thrust_n: 240_000.0,
            rcs_thrust_n: 20_000.0,
            torque_n_m: 60_000.0,
            turn_rate_rad_s: 1.0,
            exhaust_m_s: 50_000.0,
            drag_area_m2: 20.0,
            hull_j: 5e6,
            muzzle_m_s: 2_000.0,
            round_mass_kg: 0.5,
            round_life_s: 4.0,
            reload_ticks: 9,
        }
    }

    #[test]
    fn values_round_trip_and_are_checked() {
        let mut tuning = Tuning { classes: vec![scout(), scout()], rules: Rules::default() };
        tuning.classes[1].name = "b.c".to_owned();
        assert_eq!(tuning.set("class.b.c.main_thrust_n", 7.0), Ok(()));
        assert_eq!(tuning.classes[1].main_thrust_n, 7.0);
        assert_eq!(tuning.set("rules.restitution", 1.5), Err(Refusal::OutOfRange));
        assert_eq!(tuning.set("rules.restitution", f64::NAN), Err(Refusal::NotFinite));
        assert_eq!(tuning.set("class.scout.colour", 1.0), Err(Refusal::NoSuchParameter));
        assert_eq!(tuning.set("class.nobody.hull_j", 1.0), Err(Refusal::NoSuchParameter));
        assert_eq!(tuning.set("", 1.0), Err(Refusal::NoSuchParameter));
        let values: Vec<f64> = tuning.values().collect();
        assert_eq!(tuning.clone().with_values(&values), Some(tuning.clone()));
        assert_eq!(tuning.clone().with_values(&values[1..]), None);
    }
}
