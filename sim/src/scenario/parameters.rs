//! Numbers of ship classes and rules as data: name, allowed range, and how to get and set them. The scenario
//! reader and a tuning reload both use these tables, so that neither lets in what the other refuses.

use super::{Rules, ShipClass};

/// An interval of allowed values. NaN and infinities are in none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Smallest allowed value.
    pub min: f64,
    /// Largest allowed value.
    pub max: f64,
    /// Whether `min` itself is refused.
    pub open: bool,
}

impl Range {
    /// From `min` to `max`, both allowed.
    #[must_use]
    pub const fn new(min: f64, max: f64) -> Self {
        Self { min, max, open: false }
    }

    /// Above `min`, at most `max`.
    #[must_use]
    pub const fn above(min: f64, max: f64) -> Self {
        Self { min, max, open: true }
    }

    /// From `-limit` to `limit`.
    #[must_use]
    pub const fn within(limit: f64) -> Self {
        Self::new(-limit, limit)
    }

    /// Whether `value` is allowed.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        value.is_finite() && value <= self.max && if self.open { value > self.min } else { value >= self.min }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.open {
            write!(f, "above {} and at most {}", Plain(self.min), Plain(self.max))
        } else {
            write!(f, "from {} to {}", Plain(self.min), Plain(self.max))
        }
    }
}

/// A number as a person would write it: `0.4`, `1000000`, `1e21`.
pub(super) struct Plain(pub f64);

impl std::fmt::Display for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.0.abs();
        if size == 0.0 || (1e-4..1e9).contains(&size) { write!(f, "{}", self.0) } else { write!(f, "{:e}", self.0) }
    }
}

/// One number of a `T`.
#[derive(Clone, Copy, Debug)]
pub struct Parameter<T> {
    /// Name, as in a tuning path behind `class.NAME.` or `rules.`.
    pub name: &'static str,
    /// What it may be.
    pub range: Range,
    /// Whether it must be a whole number.
    pub whole: bool,
    /// Reads it.
    pub get: fn(&T) -> f64,
    /// Writes it. The value must have been [accepted](Self::accepts).
    pub set: fn(&mut T, f64),
}

impl<T> Parameter<T> {
    /// Whether `value` may be set.
    #[must_use]
    pub fn accepts(&self, value: f64) -> bool {
        self.range.contains(value) && (!self.whole || libm::floor(value) == value)
    }
}

macro_rules! number {
    ($($field:tt).+, $range:expr) => { number!(stringify!($($field).+), $($field).+, $range) };
    ($name:expr, $($field:tt).+, $range:expr) => {
        Parameter { name: $name, range: $range, whole: false, get: |t| t.$($field).+, set: |t, v| t.$($field).+ = v }
    };
}

/// Moments of inertia, kg m^2: not so small that a torque makes a spin that is no number.
pub(super) const INERTIA: Range = Range::new(1.0, 1e18);
/// Ticks between two shots.
pub(super) const RELOAD: Range = Range::new(1.0, 1e6);

impl ShipClass {
    /// Every number of a class. The moments of inertia are one each here and one array in a scenario file.
    pub const PARAMETERS: &'static [Parameter<Self>] = &[
        number!(dry_mass_kg, Range::new(1e-3, 1e12)),
        number!(fuel_kg, Range::new(0.0, 1e12)),
        number!("inertia_x_kg_m2", inertia_kg_m2.x, INERTIA),
        number!("inertia_y_kg_m2", inertia_kg_m2.y, INERTIA),
        number!("inertia_z_kg_m2", inertia_kg_m2.z, INERTIA),
        number!(radius_m, Range::new(0.01, 1e5)),
        number!(main_thrust_n, Range::new(0.0, 1e12)),
        number!(rcs_thrust_n, Range::new(0.0, 1e12)),
        number!(torque_n_m, Range::new(0.0, 1e12)),
        number!(turn_rate_rad_s, Range::new(0.0, 100.0)),
        number!(exhaust_m_s, Range::new(1.0, 299_792_458.0)),
        number!(drag_area_m2, Range::new(0.0, 1e6)),
        number!(hull_j, Range::new(1.0, 1e18)),
        number!(muzzle_m_s, Range::new(1.0, 1e7)),
        number!(round_mass_kg, Range::new(1e-6, 1e6)),
        number!(round_life_s, Range::new(0.01, 3600.0)),
        Parameter {
            name: "reload_ticks",
            range: RELOAD,
            whole: true,
            get: |class| f64::from(class.reload_ticks),
            set: |class, value| class.reload_ticks = value as u32,
        },
    ];
}

impl Rules {
    /// Every number of the rules.
    pub const PARAMETERS: &'static [Parameter<Self>] = &[
        number!(restitution, Range::new(0.0, 1.0)),
        number!(friction, Range::new(0.0, 10.0)),
        number!(strength_j_kg, Range::new(1e-3, 1e12)),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_in_no_range() {
        let any = Range::within(f64::MAX);
        assert!(any.contains(0.0) && any.contains(f64::MAX));
        assert!(!any.contains(f64::NAN) && !any.contains(f64::INFINITY) && !any.contains(-f64::INFINITY));
        assert!(!Range::above(0.0, 1.0).contains(0.0) && Range::new(0.0, 1.0).contains(0.0));
    }

    #[test]
    fn every_parameter_reads_back_what_was_set() {
        let mut class = crate::scenario::ShipClass::scout();
        for parameter in ShipClass::PARAMETERS {
            (parameter.set)(&mut class, parameter.range.max);
            assert_eq!((parameter.get)(&class), parameter.range.max, "{}", parameter.name);
        }
        for parameter in ShipClass::PARAMETERS {
            assert_eq!((parameter.get)(&class), parameter.range.max, "{} was overwritten", parameter.name);
        }
        let reload = ShipClass::PARAMETERS.iter().find(|p| p.whole).unwrap();
        assert!(reload.accepts(3.0) && !reload.accepts(3.5) && !reload.accepts(0.0));
    }

    #[test]
    fn ranges_read_like_prose() {
        assert_eq!(Range::above(0.0, 1e21).to_string(), "above 0 and at most 1e21");
        assert_eq!(Range::new(0.01, 3600.0).to_string(), "from 0.01 to 3600");
    }
}
