//! A confirmed state of the world as the API shows it. Must never change it, nor round a number of it.

use api::ports::{Body, Component, Entity, FieldValue, Node, View};
use sim::field::Value;
use sim::{EntityState, Simulation};

use crate::entity;

/// Newton's constant, m^3/(kg s^2): CODATA 2018. A body's mass is its gravitational parameter over it.
const G: f64 = 6.674_30e-11;

/// A state that does not change any more.
pub struct StateView {
    simulation: Simulation,
    /// Stable ids, ascending.
    ids: Vec<u64>,
    digest: u64,
}

impl StateView {
    /// Of this state.
    #[must_use]
    pub fn new(simulation: Simulation) -> Self {
        Self { ids: simulation.entity_ids(), digest: simulation.digest().total, simulation }
    }

    /// The state itself.
    #[must_use]
    pub fn simulation(&self) -> &Simulation {
        &self.simulation
    }

    /// The state itself, to go on with.
    #[must_use]
    pub fn into_simulation(self) -> Simulation {
        self.simulation
    }

    /// How an entity is turned, for what is.
    #[must_use]
    pub fn attitude(&self, id: i64) -> Option<[f64; 4]> {
        let state = self.simulation.inspect(u64::try_from(id).ok()?)?;
        entity::attitude(&state).map(|turn| turn.to_array())
    }

    /// The place of a massive body, which has an id below zero.
    fn body_at(&self, id: i64) -> Option<usize> {
        let at = usize::try_from(id.checked_neg()?.checked_sub(1)?).ok()?;
        (at < self.simulation.bodies().len()).then_some(at)
    }

    /// Ids behind one, bodies first from the last of the scenario on, so that they ascend; at most so many, and whether there
    /// are more.
    fn behind(&self, behind: Option<i64>, limit: usize) -> (Vec<i64>, bool) {
        let bodies = (1..=self.simulation.bodies().len()).rev().filter_map(|n| i64::try_from(n).ok()).map(|n| -n);
        let from =
            behind.map_or(0, |behind| self.ids.partition_point(|id| i64::try_from(*id).is_ok_and(|id| id <= behind)));
        let entities = self.ids[from..].iter().filter_map(|id| i64::try_from(*id).ok());
        let mut all = bodies.filter(|id| behind.is_none_or(|behind| *id > behind)).chain(entities);
        let page: Vec<i64> = all.by_ref().take(limit).collect();
        (page, all.next().is_some())
    }

    fn node(&self, id: i64) -> Option<Node> {
        if let Some(at) = self.body_at(id) {
            let name = self.simulation.scenario().bodies.get(at)?.name.clone();
            return Some(Node { id, parent: None, kind: "body".to_owned(), name, components: Vec::new() });
        }
        let state = self.simulation.inspect(u64::try_from(id).ok()?)?;
        let shooter = match state.field("Round", "shooter") {
            // A ship that is gone is nobody's parent.
            Some(Value::U64(shooter)) if self.simulation.kind(shooter).is_some() => i64::try_from(shooter).ok(),
            _ => None,
        };
        let components = state.components.iter().map(|component| component.name).collect();
        Some(Node { id, parent: shooter, kind: state.kind.name().to_owned(), name: self.name(&state), components })
    }

    fn body(&self, id: i64) -> Option<Body> {
        if let Some(at) = self.body_at(id) {
            let (state, body) = (self.simulation.bodies().get(at)?, self.simulation.scenario().bodies.get(at)?);
            return Some(Body {
                id,
                name: body.name.clone(),
                kind: "body".to_owned(),
                mass_kg: body.gm_m3_s2 / G,
                cell: state.position.cell,
                offset_m: state.position.offset.to_array(),
                velocity_m_s: state.velocity_m_s.to_array(),
                radius_m: body.radius_m,
            });
        }
        let state = self.simulation.inspect(u64::try_from(id).ok()?)?;
        let place = entity::position(&state)?;
        let (mass_kg, radius_m) = self.mass_and_radius(&state);
        Some(Body {
            id,
            name: self.name(&state),
            kind: state.kind.name().to_owned(),
            mass_kg,
            cell: place.cell,
            offset_m: place.offset.to_array(),
            velocity_m_s: entity::vector(&state, "Velocity", "proper_m_s")?.to_array(),
            radius_m,
        })
    }

    /// What a ship is called: its fleet and its place in it.
    fn name(&self, state: &EntityState) -> String {
        let berth = |field| entity::count(state, "Berth", field).and_then(|n| usize::try_from(n).ok());
        let fleet = berth("fleet").and_then(|fleet| self.simulation.scenario().fleets.get(fleet));
        fleet.zip(berth("slot")).map_or_else(String::new, |(fleet, slot)| format!("{} {}", fleet.name, slot + 1))
    }

    fn mass_and_radius(&self, state: &EntityState) -> (f64, f64) {
        let class = entity::count(state, "Berth", "class").and_then(|n| usize::try_from(n).ok());
        let class = class.and_then(|class| self.simulation.classes().get(class));
        let number = |component, field| entity::number(state, component, field).unwrap_or_default();
        match class {
            Some(class) => (class.dry_mass_kg + number("Tank", "fuel_kg"), class.radius_m),
            None => (number("Solid", "mass_kg") + number("Round", "mass_kg"), number("Solid", "radius_m")),
        }
    }
}

/// As the API has it: a number stays the number that it is.
fn shown(value: Value) -> FieldValue {
    match value {
        Value::F64(v) => FieldValue::Number(v),
        Value::Vec3(v) => FieldValue::Numbers(v.to_array().to_vec()),
        Value::Quat(v) => FieldValue::Numbers(v.to_array().to_vec()),
        Value::U64(v) => i64::try_from(v).map_or(FieldValue::Large(v), FieldValue::Whole),
        Value::I64(v) => FieldValue::Whole(v),
        Value::Cell(v) => FieldValue::Wholes(v.to_vec()),
        Value::U32(v) => FieldValue::Whole(i64::from(v)),
        Value::I16(v) => FieldValue::Whole(i64::from(v)),
        Value::I16x3(v) => FieldValue::Wholes(v.map(i64::from).to_vec()),
    }
}

impl View for StateView {
    fn tick(&self) -> u64 {
        self.simulation.tick().0
    }

    fn digest(&self) -> u64 {
        self.digest
    }

    fn nodes(&self, behind: Option<i64>, limit: usize) -> (Vec<Node>, bool) {
        let (ids, more) = self.behind(behind, limit);
        (ids.into_iter().filter_map(|id| self.node(id)).collect(), more)
    }

    fn bodies(&self, behind: Option<i64>, limit: usize) -> (Vec<Body>, bool) {
        let (ids, more) = self.behind(behind, limit);
        (ids.into_iter().filter_map(|id| self.body(id)).collect(), more)
    }

    fn entity(&self, id: u64) -> Option<Entity> {
        let state = self.simulation.inspect(id)?;
        let components = state.components.iter().map(|component| Component {
            name: component.name,
            fields: component.fields.iter().map(|(name, value)| (*name, shown(*value))).collect(),
        });
        Some(Entity { id, kind: state.kind.name().to_owned(), components: components.collect() })
    }
}
