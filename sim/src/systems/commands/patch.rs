//! Patches: fields of components set by name, all of them or none. What the components would be is built beside the state
//! and judged there; only a patch that is well from end to end touches the state.

use crate::command::{FieldPatch, PATCH_FIELDS_MAX};
use crate::component::{Berth, COMPONENTS, Component, Hull, Kind, Visitor, visit_components};
use crate::refusal::{Objection, Refusal};
use crate::schema::is_patchable;
use crate::state::State;

/// A component as it would be.
pub(super) struct Change {
    entity: u64,
    kind: Kind,
    /// [`Component::INDEX`] of its type.
    index: usize,
    words: Vec<u64>,
}

/// What the patch would change, or all that is wrong with it. Values are judged only if every field is there: two
/// fields of one component may fit only together.
pub(super) fn changes(state: &State, fields: &[FieldPatch]) -> Result<Vec<Change>, Vec<Objection>> {
    if fields.len() > PATCH_FIELDS_MAX {
        return Err(vec![Refusal::Full.into()]);
    }
    let mut changes = Vec::new();
    let mut wrong = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        wrong.extend(enter(state, &mut changes, field).err().map(|reason| reason.at(i)));
    }
    if wrong.is_empty() {
        let unfit = fields.iter().enumerate().filter(|(_, field)| !fits(state, &changes, field));
        wrong.extend(unfit.map(|(i, _)| Refusal::OutOfRange.at(i)));
    }
    if wrong.is_empty() { Ok(changes) } else { Err(wrong) }
}

pub(super) fn patch(state: &mut State, fields: &[FieldPatch]) -> Result<(), Refusal> {
    struct Write<'a>(&'a mut State, &'a Change);
    impl Visitor for Write<'_> {
        fn visit<C: Component>(&mut self) {
            if C::INDEX == self.1.index {
                self.0.world.set::<C>(self.1.entity, bytemuck::cast_slice(&self.1.words)[0]);
            }
        }
    }
    let changes = changes(state, fields).map_err(super::operate::first)?;
    for change in &changes {
        visit_components(change.kind, &mut Write(state, change));
    }
    Ok(())
}

/// Writes one field into the component as it would be.
fn enter(state: &State, changes: &mut Vec<Change>, field: &FieldPatch) -> Result<(), Refusal> {
    struct Set<'a> {
        state: &'a State,
        changes: &'a mut Vec<Change>,
        field: &'a FieldPatch,
        kind: Kind,
        result: Result<(), Refusal>,
    }
    impl Visitor for Set<'_> {
        fn visit<C: Component>(&mut self) {
            let FieldPatch { entity, ref component, ref field, value } = *self.field;
            if C::NAME != component {
                return;
            }
            let Some(place) = C::FIELDS.iter().find(|f| f.name == field) else { return };
            let Some(mut changed) = would_be::<C>(self.state, self.changes, entity) else { return };
            if !place.write(bytemuck::bytes_of_mut(&mut changed), value) {
                return;
            }
            let words = bytemuck::cast_slice(core::slice::from_ref(&changed)).to_vec();
            let index = C::INDEX;
            match self.changes.iter_mut().find(|c| c.entity == entity && c.index == index) {
                Some(change) => change.words = words,
                None => self.changes.push(Change { entity, kind: self.kind, index, words }),
            }
            self.result = Ok(());
        }
    }
    if !field.value.is_finite() {
        return Err(Refusal::NotFinite);
    }
    if field.value.is_subnormal() {
        return Err(Refusal::OutOfRange);
    }
    let component = field.component.as_str();
    if COMPONENTS.contains(&component) && !is_patchable(component) {
        return Err(Refusal::NotAllowed);
    }
    let kind = state.world.kind(field.entity).ok_or(Refusal::NoSuchEntity)?;
    let mut set = Set { state, changes, field, kind, result: Err(Refusal::NoSuchField) };
    visit_components(kind, &mut set);
    set.result
}

/// Whether the component that a field is of could be part of a state.
fn fits(state: &State, changes: &[Change], field: &FieldPatch) -> bool {
    struct Check<'a>(&'a State, &'a [Change], &'a FieldPatch, bool);
    impl Visitor for Check<'_> {
        fn visit<C: Component>(&mut self) {
            if C::NAME == self.2.component {
                self.3 = would_be::<C>(self.0, self.1, self.2.entity).is_some_and(|c| c.is_sound());
            }
        }
    }
    let Some(kind) = state.world.kind(field.entity) else { return false };
    let mut check = Check(state, changes, field, false);
    visit_components(kind, &mut check);
    let berth_fits = would_be::<Berth>(state, changes, field.entity).is_none_or(|b| state.berth_is_sound(&b));
    // What has no hull left is gone, unless it is a ship: only an impact may do that.
    let hull = would_be::<Hull>(state, changes, field.entity);
    let hull_fits = kind == Kind::Ship || hull.is_none_or(|h| h.health_j > 0.0);
    check.3 && berth_fits && hull_fits
}

/// A component as it would be, or as it is.
fn would_be<C: Component>(state: &State, changes: &[Change], entity: u64) -> Option<C> {
    let change = changes.iter().find(|c| c.entity == entity && c.index == C::INDEX);
    match change {
        Some(change) => bytemuck::cast_slice(&change.words).first().copied(),
        None => state.world.get(entity),
    }
}
