//! `spacetime replay at`: the state at one tick, rebuilt from the nearest keyframe.

use std::path::Path;

use serde_json::{Map, Value, json};
use sim::field::Value as FieldValue;
use sim::{EntityState, Simulation};

use super::Recording;
use crate::exit::{Failure, Outcome};
use crate::output::{self, hex};

/// Runs `spacetime replay at`.
///
/// # Errors
/// [`Failure`] for a tick or an entity that is not there, and for what cannot be read on the way.
pub fn command(path: &Path, tick: u64, entity: Option<u64>, json: bool) -> Result<Outcome, Failure> {
    let mut recording = Recording::open(path)?;
    let rebuilt = recording.state_at(tick)?;
    let simulation = &rebuilt.simulation;
    let ids = match entity {
        Some(id) if simulation.kind(id).is_none() => {
            return Err(Failure::Misused(format!("there is no entity {id} at tick {tick}")));
        }
        Some(id) => vec![id],
        None => simulation.entity_ids(),
    };
    let states: Vec<EntityState> = ids.iter().filter_map(|&id| simulation.inspect(id)).collect();
    let time_s = simulation.time().seconds(recording.scenario.tick_rate_hz);
    if json {
        let bodies = bodies_json(simulation);
        output::print_json(&json!({
            "tick": tick,
            "time_s": time_s,
            "time_factor": f64::from(simulation.time_factor().quarters()) / 4.0,
            "digest": hex(simulation.digest().total),
            "exact": rebuilt.departed_at.is_none(),
            "departed_at": rebuilt.departed_at,
            "entities": states.iter().map(entity_json).collect::<Vec<_>>(),
            "bodies": if entity.is_none() { bodies } else { Value::Null },
        }))?;
    } else {
        let mut text = format!(
            "tick {tick}, {time_s} s after the epoch at {}, digest {}\n",
            simulation.time_factor(),
            hex(simulation.digest().total)
        );
        for state in &states {
            text.push_str(&format!("\n{} {}\n", state.kind.name(), state.id));
            for component in &state.components {
                for (field, value) in &component.fields {
                    text.push_str(&format!("  {:32} {value}\n", format!("{}.{field}", component.name)));
                }
            }
        }
        output::print(&text)?;
    }
    match rebuilt.departed_at {
        None => Ok(Outcome::Fine),
        Some(departed) => Ok(Outcome::Different(format!(
            "this build does not reproduce the recording: the digest of tick {departed} differs, so the state shown \
             is not the recorded one"
        ))),
    }
}

/// An entity as JSON: its components as objects of fields, vectors as arrays.
fn entity_json(state: &EntityState) -> Value {
    let mut components = Map::new();
    for component in &state.components {
        let fields = component.fields.iter().map(|(name, value)| ((*name).to_owned(), value_json(*value))).collect();
        components.insert(component.name.to_owned(), Value::Object(fields));
    }
    json!({ "id": state.id, "kind": state.kind.name(), "components": components })
}

fn value_json(value: FieldValue) -> Value {
    match value {
        FieldValue::F64(v) => json!(v),
        FieldValue::Vec3(v) => json!(v.to_array()),
        FieldValue::Quat(v) => json!(v.to_array()),
        FieldValue::U64(v) => json!(v),
        FieldValue::I64(v) => json!(v),
        FieldValue::Cell(v) => json!(v),
        FieldValue::U32(v) => json!(v),
        FieldValue::I16(v) => json!(v),
        FieldValue::I16x3(v) => json!(v),
    }
}

fn bodies_json(simulation: &Simulation) -> Value {
    let body = |(body, state): (&sim::scenario::Body, &sim::bodies::BodyState)| {
        json!({
            "name": body.name,
            "position_m": state.position.to_metres().to_array(),
            "velocity_m_s": state.velocity_m_s.to_array(),
        })
    };
    simulation.scenario().bodies.iter().zip(simulation.bodies()).map(body).collect()
}
