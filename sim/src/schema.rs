//! What an entity is made of, as a table for tools: components, their fields, types and units, and what a patch may set.
//! Made from the declarations that the state itself uses, so it cannot say anything else than what holds.

use serde::Serialize;

use crate::component::{COMPONENTS, Component, Identity, Kind, Visitor, visit_components};
use crate::field::{Field, ValueKind};

/// Name of an entity's wave, among its components and among the resources of a digest. It is kept apart from the
/// components, as most entities' waves are as at first.
pub const WAVE: &str = "Wave";

/// What is told of a wave.
pub(crate) const WAVE_FIELDS: [Field; 2] =
    [Field::new("amplitude", 0, ValueKind::F64, "1"), Field::new("phase_turns", 8, ValueKind::F64, "turns")];

/// One component, as [`crate::Simulation::inspect`] shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComponentSchema {
    /// Name of the type.
    pub name: &'static str,
    /// Kinds of entities that have it.
    pub kinds: Vec<Kind>,
    /// Whether [`crate::Command::Patch`] may set its fields.
    pub patchable: bool,
    /// Its fields in memory order.
    pub fields: Vec<FieldSchema>,
}

/// One field of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FieldSchema {
    /// Name.
    pub name: &'static str,
    /// Type of its value.
    pub kind: ValueKind,
    /// What one of it is.
    pub unit: &'static str,
}

impl From<&Field> for FieldSchema {
    fn from(field: &Field) -> Self {
        Self { name: field.name, kind: field.kind, unit: field.unit }
    }
}

/// Whether a patch may set fields of the component: of every one but who the entity is, which all else refers to.
#[must_use]
pub fn is_patchable(component: &str) -> bool {
    component != Identity::NAME && COMPONENTS.contains(&component)
}

/// Every component, in the order of their digests, and the wave.
#[must_use]
pub fn components() -> Vec<ComponentSchema> {
    struct Describe {
        kind: Kind,
        found: Vec<Option<ComponentSchema>>,
    }
    impl Visitor for Describe {
        fn visit<C: Component>(&mut self) {
            let described = self.found[C::INDEX].get_or_insert_with(|| ComponentSchema {
                name: C::NAME,
                kinds: Vec::new(),
                patchable: is_patchable(C::NAME),
                fields: C::FIELDS.iter().map(FieldSchema::from).collect(),
            });
            described.kinds.push(self.kind);
        }
    }
    let mut describe = Describe { kind: Kind::Ship, found: vec![None; COMPONENTS.len()] };
    for kind in Kind::ALL {
        describe.kind = kind;
        visit_components(kind, &mut describe);
    }
    let wave = ComponentSchema {
        name: WAVE,
        kinds: Kind::ALL.to_vec(),
        patchable: false,
        fields: WAVE_FIELDS.iter().map(FieldSchema::from).collect(),
    };
    describe.found.into_iter().flatten().chain([wave]).collect()
}
