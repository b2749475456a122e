//! Tuning: the numbers of ship classes and rules, which a logged command may replace while the world runs.
//! Every number is named by a path, so that command, file, snapshot and digest share one table.

mod file;

pub use file::{FILE_BYTES_MAX, FILE_COMMANDS_MAX, FILE_INPUT_BYTES_MAX, TuningProblem, commands, read, write};

use crate::refusal::Refusal;
use crate::scenario::{Parameter, Rules, Scenario, ShipClass};

/// The current numbers. Starts as the scenario has them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tuning {
    pub classes: Vec<ShipClass>,
    pub rules: Rules,
}

/// Whether someone may set the number to this: in its range, and not so small that it has lost digits.
fn judge<T>(parameter: &Parameter<T>, value: f64) -> Result<(), Refusal> {
    if !value.is_finite() {
        return Err(Refusal::NotFinite);
    }
    if parameter.accepts(value) && !value.is_subnormal() { Ok(()) } else { Err(Refusal::OutOfRange) }
}

/// Sets one number, if it may be that.
fn assign<T>(parameter: &Parameter<T>, target: &mut T, value: f64) -> Result<(), Refusal> {
    judge(parameter, value)?;
    (parameter.set)(target, value);
    Ok(())
}

/// Puts back one number of a saved state.
fn put_back<T>(parameter: &Parameter<T>, target: &mut T, value: f64) -> Option<()> {
    parameter.accepts(value).then(|| (parameter.set)(target, value))
}

impl Tuning {
    pub fn new(scenario: &Scenario) -> Self {
        Self { classes: scenario.classes.clone(), rules: scenario.rules }
    }

    /// Replaces the number at `path`: `class.NAME.PARAMETER` or `rules.PARAMETER`.
    pub fn set(&mut self, path: &str, value: f64) -> Result<(), Refusal> {
        if let Some(name) = path.strip_prefix("rules.") {
            let parameter = Rules::PARAMETERS.iter().find(|p| p.name == name).ok_or(Refusal::NoSuchParameter)?;
            return assign(parameter, &mut self.rules, value);
        }
        let (class, name) =
            path.strip_prefix("class.").and_then(|rest| rest.rsplit_once('.')).ok_or(Refusal::NoSuchParameter)?;
        let class = self.classes.iter_mut().find(|c| c.name == class).ok_or(Refusal::NoSuchParameter)?;
        let parameter = ShipClass::PARAMETERS.iter().find(|p| p.name == name).ok_or(Refusal::NoSuchParameter)?;
        assign(parameter, class, value)
    }

    /// All numbers in table order: class by class, then the rules.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let classes = self.classes.iter().flat_map(|c| ShipClass::PARAMETERS.iter().map(|p| (p.get)(c)));
        classes.chain(Rules::PARAMETERS.iter().map(|p| (p.get)(&self.rules)))
    }

    /// All numbers with their paths, in table order.
    pub fn by_path(&self) -> Vec<(String, f64)> {
        let of_class = |c: &ShipClass, p: &Parameter<ShipClass>| (format!("class.{}.{}", c.name, p.name), (p.get)(c));
        let classes = self.classes.iter().flat_map(|c| ShipClass::PARAMETERS.iter().map(move |p| of_class(c, p)));
        let rules = Rules::PARAMETERS.iter().map(|p| (format!("rules.{}", p.name), (p.get)(&self.rules)));
        classes.chain(rules).collect()
    }

    /// Puts back what [`Self::values`] gave; `None` if the count or a range does not fit.
    pub fn with_values(mut self, values: &[f64]) -> Option<Self> {
        if values.len() != self.classes.len() * ShipClass::PARAMETERS.len() + Rules::PARAMETERS.len() {
            return None;
        }
        let mut values = values.iter().copied();
        for class in &mut self.classes {
            for parameter in ShipClass::PARAMETERS {
                put_back(parameter, class, values.next()?)?;
            }
        }
        for parameter in Rules::PARAMETERS {
            put_back(parameter, &mut self.rules, values.next()?)?;
        }
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip_and_are_checked() {
        let mut tuning = Tuning { classes: vec![ShipClass::scout(), ShipClass::scout()], rules: Rules::default() };
        tuning.classes[1].name = "b.c".to_owned();
        assert_eq!(tuning.set("class.b.c.main_thrust_n", 7.0), Ok(()));
        assert_eq!(tuning.classes[1].main_thrust_n, 7.0);
        assert_eq!(tuning.set("rules.restitution", 1.5), Err(Refusal::OutOfRange));
        assert_eq!(tuning.set("rules.restitution", f64::NAN), Err(Refusal::NotFinite));
        assert_eq!(tuning.set("class.scout.colour", 1.0), Err(Refusal::NoSuchParameter));
        assert_eq!(tuning.set("class.nobody.hull_j", 1.0), Err(Refusal::NoSuchParameter));
        assert_eq!(tuning.set("", 1.0), Err(Refusal::NoSuchParameter));
        assert_eq!(tuning.set("rules.friction", 1e-310), Err(Refusal::OutOfRange), "subnormal");
        assert!(tuning.by_path().contains(&("class.b.c.main_thrust_n".to_owned(), 7.0)));
        assert!(tuning.by_path().into_iter().map(|(_, value)| value).eq(tuning.values()));
        let values: Vec<f64> = tuning.values().collect();
        assert_eq!(tuning.clone().with_values(&values), Some(tuning.clone()));
        assert_eq!(tuning.clone().with_values(&values[1..]), None);
    }
}
