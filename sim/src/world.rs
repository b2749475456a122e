//! The entities: one hecs archetype per kind, an index by stable id, and access to columns as slices.
//! Must never expose hecs' own entity numbers: they depend on the history of insertions.

use std::collections::BTreeMap;

use hecs::{Archetype, Entity};

use crate::component::{
    Assist, Attitude, Berth, Clock, Component, Controls, Hull, Identity, Kind, Round, Solid, Spin, Tank, Velocity,
    Weapon,
};
use crate::space::Position;

/// Displacement of an entity during the last tick, metres. Derived: written by motion and read by contact
/// within one tick, so neither digests nor snapshots hold it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moved(pub glam::DVec3);

/// One more than the index of the body whose air or ground an entity may meet this tick, or 0. Derived, like
/// [`Moved`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Near(pub u64);

/// Tells structures from asteroids, which have the same components.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Built;

/// Everything that is an entity.
#[derive(Default)]
pub(crate) struct World {
    pub ecs: hecs::World,
    /// Stable id to hecs entity. Derived from the [`Identity`] columns.
    index: BTreeMap<u64, Entity>,
}

/// A ship's components, for spawning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShipRow {
    pub position: Position,
    pub velocity: Velocity,
    pub attitude: Attitude,
    pub spin: Spin,
    pub hull: Hull,
    pub controls: Controls,
    pub assist: Assist,
    pub tank: Tank,
    pub clock: Clock,
    pub weapon: Weapon,
    pub berth: Berth,
}

/// An asteroid's or structure's components, for spawning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SolidRow {
    pub position: Position,
    pub velocity: Velocity,
    pub attitude: Attitude,
    pub spin: Spin,
    pub hull: Hull,
    pub solid: Solid,
}

impl World {
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// The hecs entity with this stable id.
    pub fn entity(&self, id: u64) -> Option<Entity> {
        self.index.get(&id).copied()
    }

    /// Stable ids in ascending order.
    pub fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.index.keys().copied()
    }

    pub fn spawn_ship(&mut self, id: u64, r: ShipRow) {
        let entity = self.ecs.spawn((
            Identity { id },
            r.position,
            r.velocity,
            r.attitude,
            r.spin,
            r.hull,
            r.controls,
            r.assist,
            r.tank,
            r.clock,
            r.weapon,
            r.berth,
            Moved::default(),
            Near::default(),
        ));
        self.index.insert(id, entity);
    }

    pub fn spawn_solid(&mut self, id: u64, r: SolidRow, kind: Kind) {
        let row = (Identity { id }, r.position, r.velocity, r.attitude, r.spin, r.hull, r.solid);
        let derived = (Moved::default(), Near::default());
        let entity = if kind == Kind::Structure {
            self.ecs.spawn((row.0, row.1, row.2, row.3, row.4, row.5, row.6, derived.0, derived.1, Built))
        } else {
            self.ecs.spawn((row.0, row.1, row.2, row.3, row.4, row.5, row.6, derived.0, derived.1))
        };
        self.index.insert(id, entity);
    }

    pub fn spawn_round(&mut self, id: u64, position: Position, velocity: Velocity, round: Round) {
        let entity = self.ecs.spawn((Identity { id }, position, velocity, round, Moved::default(), Near::default()));
        self.index.insert(id, entity);
    }

    /// Removes an entity; `false` if there was none.
    pub fn despawn(&mut self, id: u64) -> bool {
        match self.index.remove(&id) {
            Some(entity) => self.ecs.despawn(entity).is_ok(),
            None => false,
        }
    }

    /// What kind of entity has this id.
    pub fn kind(&self, id: u64) -> Option<Kind> {
        let entity = self.ecs.entity(self.entity(id)?).ok()?;
        Some(if entity.has::<Berth>() {
            Kind::Ship
        } else if entity.has::<Round>() {
            Kind::Projectile
        } else if entity.has::<Built>() {
            Kind::Structure
        } else {
            Kind::Asteroid
        })
    }

    /// A copy of one component of one entity.
    pub fn get<C: Component>(&self, id: u64) -> Option<C> {
        self.ecs.get::<&C>(self.entity(id)?).ok().map(|c| *c)
    }

    /// Replaces one component of one entity; `false` if it has none.
    pub fn set<C: Component>(&mut self, id: u64, value: C) -> bool {
        let Some(entity) = self.entity(id) else { return false };
        match self.ecs.get::<&mut C>(entity) {
            Ok(mut place) => {
                *place = value;
                true
            }
            Err(_) => false,
        }
    }

    /// The archetype that holds the entities of `kind`, once there has been one.
    pub fn archetype(&self, kind: Kind) -> Option<&Archetype> {
        self.ecs.archetypes().find(|a| match kind {
            Kind::Ship => a.has::<Berth>(),
            Kind::Projectile => a.has::<Round>(),
            Kind::Structure => a.has::<Built>(),
            Kind::Asteroid => a.has::<Solid>() && !a.has::<Built>(),
        })
    }

    /// How many entities of `kind` there are.
    pub fn count(&self, kind: Kind) -> usize {
        self.archetype(kind).map_or(0, |a| a.len() as usize)
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.ecs.clear();
        self.index.clear();
    }

    /// Rebuilds the index after columns were replaced as a whole.
    pub fn reindex(&mut self) {
        self.index.clear();
        for (entity, identity) in &mut self.ecs.query::<(Entity, &Identity)>() {
            self.index.insert(identity.id, entity);
        }
    }
}

/// Rows of several columns side by side, which can be cut into independent parts.
pub(crate) trait Rows: Sized + Send {
    fn len(&self) -> usize;
    fn cut(self, at: usize) -> (Self, Self);
}

/// Rows that one task works on at a time. Fixed, so that the cut does not depend on the number of threads.
pub(crate) const CHUNK_ROWS: usize = 512;

/// Runs `work` on every chunk, on all threads of the current pool where there is more than one chunk.
/// Chunks are independent: nothing may depend on which runs first.
pub(crate) fn for_each_chunk<R: Rows>(rows: R, work: &(impl Fn(R) + Sync)) {
    let len = rows.len();
    if len <= CHUNK_ROWS {
        if len > 0 {
            work(rows);
        }
        return;
    }
    let middle = len.div_ceil(CHUNK_ROWS) / 2 * CHUNK_ROWS;
    let (left, right) = rows.cut(middle);
    rayon::join(|| for_each_chunk(left, work), || for_each_chunk(right, work));
}

/// Declares a set of columns of one kind, with its access function.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $ty:ty),+ $(,)? }) => {
        $(#[$doc])*
        pub(crate) struct $name<'a> { $(pub $field: &'a mut [$ty]),+ }

        impl $crate::world::Rows for $name<'_> {
            fn len(&self) -> usize {
                [$(self.$field.len()),+][0]
            }
            fn cut(self, at: usize) -> (Self, Self) {
                $(let $field = self.$field.split_at_mut(at);)+
                (Self { $($field: $field.0),+ }, Self { $($field: $field.1),+ })
            }
        }

        impl $name<'_> {
            /// Lends the columns of the kind to `work`; does nothing where there are no such entities.
            pub fn with<T: Default>(
                world: &$crate::world::World,
                kind: $crate::component::Kind,
                work: impl FnOnce($name<'_>) -> T,
            ) -> T {
                let Some(archetype) = world.archetype(kind) else { return T::default() };
                $(let Some(mut $field) = archetype.get::<&mut $ty>() else { return T::default() };)+
                work($name { $($field: &mut $field),+ })
            }
        }
    };
}
pub(crate) use columns;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn chunks_cover_every_row_once() {
        columns! { Ids { identity: Identity } }
        assert!(!Ids::with(&World::default(), Kind::Ship, |_| true), "an empty world has no columns");
        for len in [1usize, 511, 512, 513, 5_000] {
            let mut ids = vec![Identity { id: 0 }; len];
            let chunks = AtomicUsize::new(0);
            for_each_chunk(Ids { identity: &mut ids }, &|rows: Ids<'_>| {
                assert!(rows.len() <= CHUNK_ROWS);
                chunks.fetch_add(1, Ordering::Relaxed);
                rows.identity.iter_mut().for_each(|i| i.id += 1);
            });
            assert!(ids.iter().all(|i| i.id == 1));
            assert_eq!(chunks.into_inner(), len.div_ceil(CHUNK_ROWS));
        }
    }
}
