//! The real Solar System as a starting point of scenarios.

use super::Body;

/// What `solar_system` may say in a scenario.
pub(super) const NAME: &str = "de421";

/// Sun, planets, Moon and Pluto at the epoch. On failure, why there is nothing for that epoch.
pub(super) fn solar_system(epoch_jd_tdb: f64) -> Result<Vec<Body>, String> {
    crate::bodies::solar_system(epoch_jd_tdb).map_err(|error| error.to_string())
}
