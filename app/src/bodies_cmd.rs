//! `spacetime bodies`: where the bodies of a scenario are at given dates. The integration is the simulation's own.

use serde_json::json;
use sim::Scenario;
use sim::bodies::{BodyState, states_at_seconds};

use crate::cli::BodiesArgs;
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::scenario_cmd;

/// Furthest date from the epoch, in days: 2,700 years, which takes about a minute.
pub const DAYS_MAX: f64 = 1e6;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// Runs `spacetime bodies`.
///
/// # Errors
/// [`Failure`] for a scenario that cannot be read and a date that is too far away.
pub fn command(args: &BodiesArgs) -> Result<Outcome, Failure> {
    let scenario = scenario_cmd::load(&args.scenario)?;
    for jd in &args.at {
        if (jd - scenario.epoch_jd_tdb).abs() > DAYS_MAX {
            return Err(Failure::Misused(format!(
                "JD {jd:?} is more than {DAYS_MAX} days from the scenario's epoch, JD {}",
                scenario.epoch_jd_tdb
            )));
        }
    }
    let states = states(&scenario, &args.at)?;
    if args.json {
        let at: Vec<_> = args.at.iter().zip(&states).map(|(jd, states)| moment(&scenario, *jd, states)).collect();
        output::print_json(&json!({ "at": at }))?;
    } else {
        output::print(&table(&scenario, &args.at, &states))?;
    }
    Ok(Outcome::Fine)
}

/// The bodies at every date, integrated from the epoch in either direction.
fn states(scenario: &Scenario, dates: &[f64]) -> Result<Vec<Vec<BodyState>>, Failure> {
    let times_s: Vec<f64> = dates.iter().map(|jd| (jd - scenario.epoch_jd_tdb) * SECONDS_PER_DAY).collect();
    states_at_seconds(&scenario.bodies, scenario.forces, scenario.tick_rate_hz, &times_s)
        .map_err(|e| Failure::Misused(e.to_string()))
}

fn moment(scenario: &Scenario, jd: f64, states: &[BodyState]) -> serde_json::Value {
    let body = |(body, state): (&sim::scenario::Body, &BodyState)| {
        json!({
            "name": body.name,
            "position_km": (state.position.to_metres() / 1e3).to_array(),
            "velocity_km_s": (state.velocity_m_s / 1e3).to_array(),
        })
    };
    json!({ "jd": jd, "bodies": scenario.bodies.iter().zip(states).map(body).collect::<Vec<_>>() })
}

fn table(scenario: &Scenario, dates: &[f64], states: &[Vec<BodyState>]) -> String {
    let mut text = String::from("Barycentric, ICRF axes, TDB; km and km/s\n");
    let width = scenario.bodies.iter().map(|b| b.name.chars().count()).max().unwrap_or(0);
    for (jd, states) in dates.iter().zip(states) {
        text.push_str(&format!("\nJD {jd}\n"));
        for (body, state) in scenario.bodies.iter().zip(states) {
            let [x, y, z] = (state.position.to_metres() / 1e3).to_array();
            let [u, v, w] = (state.velocity_m_s / 1e3).to_array();
            text.push_str(&format!(
                "{:width$} {x:>20.3} {y:>20.3} {z:>20.3} {u:>14.8} {v:>14.8} {w:>14.8}\n",
                body.name
            ));
        }
    }
    text
}
