//! The bodies at any moments asked for, before or after the epoch: for tools. Must never be needed by a tick.

use super::BodyState;
use super::ephemeris::Ephemeris;
use crate::scenario::{Body, Forces};
use crate::time::quarters_per_second;

/// Farthest from the epoch that may be asked for: 10,000 years, in seconds.
pub const QUERY_MAX_S: f64 = 3.155_76e11;

/// A moment that cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{time_s} s from the epoch is more than 10,000 years, or not a number")]
pub struct QueryError {
    /// Seconds from the epoch.
    pub time_s: f64,
}

/// States of `bodies` at each of `times_s`, seconds from the epoch in any order, negative for before it.
///
/// Both ways the integration starts at the epoch, so a moment's state does not depend on what else is asked,
/// and forward it is the state that a simulation of `rate_hz` ticks a second has then.
///
/// # Errors
/// A time that is not finite or farther away than [`QUERY_MAX_S`].
pub fn states_at_seconds(
    bodies: &[Body],
    forces: Forces,
    rate_hz: u32,
    times_s: &[f64],
) -> Result<Vec<Vec<BodyState>>, QueryError> {
    if let Some(&time_s) = times_s.iter().find(|t| !t.is_finite() || t.abs() > QUERY_MAX_S) {
        return Err(QueryError { time_s });
    }
    let mut order: Vec<usize> = (0..times_s.len()).collect();
    order.sort_by(|&a, &b| times_s[a].abs().total_cmp(&times_s[b].abs()));
    let mut ways = [Ephemeris::new(bodies, forces, rate_hz), Ephemeris::backward(bodies, forces, rate_hz)];
    let mut states = vec![Vec::new(); times_s.len()];
    for index in order {
        let time_s = times_s[index];
        let way = &mut ways[usize::from(time_s < 0.0)];
        let quarters = time_s * quarters_per_second(rate_hz);
        way.cover(quarters);
        way.states_at(quarters, &mut states[index]);
    }
    Ok(states)
}
