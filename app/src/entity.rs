//! Reads what is known of an entity out of its inspected components, by name. Must never interpret: a field
//! that is not there is `None`.

use glam::{DQuat, DVec3};
use sim::field::Value;
use sim::{EntityState, Position};

/// A number of type f64.
#[must_use]
pub fn number(state: &EntityState, component: &str, name: &str) -> Option<f64> {
    match state.field(component, name)? {
        Value::F64(v) => Some(v),
        _ => None,
    }
}

/// A number of type u32.
#[must_use]
pub fn count(state: &EntityState, component: &str, name: &str) -> Option<u32> {
    match state.field(component, name)? {
        Value::U32(v) => Some(v),
        _ => None,
    }
}

/// A vector.
#[must_use]
pub fn vector(state: &EntityState, component: &str, name: &str) -> Option<DVec3> {
    match state.field(component, name)? {
        Value::Vec3(v) => Some(v),
        _ => None,
    }
}

/// Where it points.
#[must_use]
pub fn attitude(state: &EntityState) -> Option<DQuat> {
    match state.field("Attitude", "icrf_from_body")? {
        Value::Quat(v) => Some(v),
        _ => None,
    }
}

/// Where it is.
#[must_use]
pub fn position(state: &EntityState) -> Option<Position> {
    match (state.field("Position", "cell")?, state.field("Position", "offset")?) {
        (Value::Cell(cell), Value::Vec3(offset)) => Some(Position { cell, offset }),
        _ => None,
    }
}
