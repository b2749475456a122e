//! Looking inside a state, and naming what differs between two. Reads only.

use serde::Serialize;

use crate::component::{Component, Kind, Visitor, visit_components};
use crate::digest::RESOURCES;
use crate::field::Value;
use crate::schema::{WAVE, WAVE_FIELDS};
use crate::simulation::Simulation;

/// Everything about one entity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntityState {
    /// Stable id.
    pub id: u64,
    /// Kind of entity.
    pub kind: Kind,
    /// Its components, in the order of the snapshot format, and its wave.
    pub components: Vec<ComponentState>,
}

/// One component of an entity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComponentState {
    /// Name of the type.
    pub name: &'static str,
    /// Its fields in memory order.
    pub fields: Vec<(&'static str, Value)>,
}

/// The first thing that differs between two states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Component or resource.
    pub component: &'static str,
    /// The entity, for a component.
    pub entity: Option<u64>,
    /// Name of the field; `existence` where only one side has the entity.
    pub field: String,
    /// Value in the first state.
    pub a: String,
    /// Value in the second state.
    pub b: String,
}

impl EntityState {
    /// The value of a field, if the entity has it.
    #[must_use]
    pub fn field(&self, component: &str, field: &str) -> Option<Value> {
        let component = self.components.iter().find(|c| c.name == component)?;
        component.fields.iter().find(|(name, _)| *name == field).map(|(_, value)| *value)
    }
}

impl Simulation {
    /// Everything about one entity, if there is one with this id.
    #[must_use]
    pub fn inspect(&self, id: u64) -> Option<EntityState> {
        struct Read<'a> {
            simulation: &'a Simulation,
            id: u64,
            components: Vec<ComponentState>,
        }
        impl Visitor for Read<'_> {
            fn visit<C: Component>(&mut self) {
                let Some(component) = self.simulation.state.world.get::<C>(self.id) else { return };
                let bytes = bytemuck::bytes_of(&component);
                let fields = C::FIELDS.iter().map(|f| (f.name, f.read(bytes))).collect();
                self.components.push(ComponentState { name: C::NAME, fields });
            }
        }
        let kind = self.kind(id)?;
        let mut read = Read { simulation: self, id, components: Vec::new() };
        visit_components(kind, &mut read);
        let wave = self.state.waves.get(id);
        let fields = [wave.amplitude(), wave.phase_turns()].map(Value::F64);
        let fields = WAVE_FIELDS.iter().map(|field| field.name).zip(fields).collect();
        read.components.push(ComponentState { name: WAVE, fields });
        Some(EntityState { id, kind, components: read.components })
    }

    /// The first difference to another state of the same scenario: resources that entities follow from come
    /// last, so that what is named is as concrete as can be.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<Difference> {
        let (a, b) = (self.digest(), other.digest());
        a.first_difference(&b)?;
        self.entity_difference(other).or_else(|| {
            let at = (0..RESOURCES.len()).find(|&i| a.resources[i] != b.resources[i])?;
            let (field, a, b) = self.resource_difference(other, RESOURCES[at]);
            Some(Difference { component: RESOURCES[at], entity: None, field, a, b })
        })
    }

    fn entity_difference(&self, other: &Self) -> Option<Difference> {
        let mut ids: Vec<u64> = self.state.world.ids().chain(other.state.world.ids()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().find_map(|id| {
            let (Some(a), Some(b)) = (self.inspect(id), other.inspect(id)) else {
                let there = |s: &Self| s.kind(id).map_or("absent", Kind::name).to_owned();
                let (a, b) = (there(self), there(other));
                return Some(Difference { component: "Identity", entity: Some(id), field: "existence".into(), a, b });
            };
            a.components.iter().zip(&b.components).find_map(|(x, y)| {
                let fields = x.fields.iter().zip(&y.fields);
                let ((field, a), (_, b)) = fields.into_iter().find(|((_, a), (_, b))| bits(a) != bits(b))?;
                Some(Difference {
                    component: x.name,
                    entity: Some(id),
                    field: (*field).to_owned(),
                    a: a.to_string(),
                    b: b.to_string(),
                })
            })
        })
    }

    /// The first entity with another wave, and both waves to the last bit.
    fn wave_difference(&self, other: &Self) -> (String, String, String) {
        let (a, b) = (&self.state.waves, &other.state.waves);
        let ids = a.iter().chain(b.iter()).map(|(id, _)| id).filter(|&id| a.get(id) != b.get(id));
        let id = ids.min().unwrap_or_default();
        let shown = |wave: crate::waves::Phasor| format!("{:?} / 2^32", wave.parts());
        (format!("of {id}"), shown(a.get(id)), shown(b.get(id)))
    }

    /// What differs inside a resource, as far as it can be told in one line.
    fn resource_difference(&self, other: &Self, name: &str) -> (String, String, String) {
        let (a, b) = (&self.state, &other.state);
        let pair = |field: &str, x: String, y: String| (field.to_owned(), x, y);
        match name {
            "Time" if a.time.tick != b.time.tick => pair("tick", a.time.tick.to_string(), b.time.tick.to_string()),
            "Time" if a.time.now != b.time.now => {
                pair("quarter_ticks", a.time.now.0.to_string(), b.time.now.0.to_string())
            }
            "Time" => pair("factor", a.time.factor.to_string(), b.time.factor.to_string()),
            "Members" if a.members != b.members => {
                pair("members", format!("{:?}", a.members), format!("{:?}", b.members))
            }
            "Members" => pair("refused", format!("{:?}", a.refused), format!("{:?}", b.refused)),
            "Tuning" => {
                let (at, (x, y)) = a
                    .tuning
                    .values()
                    .zip(b.tuning.values())
                    .enumerate()
                    .find(|(_, (x, y))| x.to_bits() != y.to_bits())
                    .unwrap_or_default();
                pair(&format!("value {at}"), format!("{x:?}"), format!("{y:?}"))
            }
            WAVE => self.wave_difference(other),
            "Ids" => pair("last_id", a.last_id.to_string(), b.last_id.to_string()),
            _ => {
                let at = a.body_states.iter().zip(&b.body_states).position(|(x, y)| x != y);
                let at = at.unwrap_or_default();
                let name = self.scenario().bodies.get(at).map_or("integrator", |body| body.name.as_str());
                let state = |s: &crate::state::State| format!("{:?}", s.body_states.get(at).map(|b| b.position_m));
                pair(name, state(a), state(b))
            }
        }
    }
}

/// Bits of a value, so that NaN and the two zeros are told apart.
fn bits(value: &Value) -> Vec<u64> {
    match value {
        Value::F64(v) => vec![v.to_bits()],
        Value::Vec3(v) => v.to_array().map(f64::to_bits).to_vec(),
        Value::Quat(v) => v.to_array().map(f64::to_bits).to_vec(),
        Value::U64(v) => vec![*v],
        Value::I64(v) => vec![*v as u64],
        Value::Cell(v) => v.map(|c| c as u64).to_vec(),
        Value::U32(v) => vec![u64::from(*v)],
        Value::I16(v) => vec![*v as u64],
        Value::I16x3(v) => v.map(|c| c as u64).to_vec(),
    }
}
