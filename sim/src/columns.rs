//! Copies of all columns, the common ground of snapshot and rollback: saving copies columns, restoring
//! copies them back. Must never lose or reorder a bit of a component.

use std::borrow::Cow;

use bytemuck::{cast_slice, cast_slice_mut};
use hecs::{ColumnBatchBuilder, ColumnBatchType};

use crate::component::{Component, Identity, Kind, Visitor, visit_components};
use crate::world::{Built, Moved, Near, World};

/// The rows of one kind: every column behind the other, in [`visit_components`] order, as 64-bit words.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct KindColumns {
    pub rows: usize,
    pub words: Vec<u64>,
}

/// A copy of all columns of all kinds, by [`Kind::ALL`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    pub kinds: [KindColumns; 4],
    /// Scratch: where row `i` by ascending id is stored, if rows are not stored so already.
    order: Vec<u32>,
}

/// Which row comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowOrder {
    /// As hecs has them: the fastest.
    AsStored,
    /// By ascending id: the same for equal states, whatever their history.
    ById,
}

/// 64-bit words in one row of `kind`.
pub(crate) fn row_words(kind: Kind) -> usize {
    struct Sum(usize);
    impl Visitor for Sum {
        fn visit<C: Component>(&mut self) {
            self.0 += size_of::<C>() / 8;
        }
    }
    let mut sum = Sum(0);
    visit_components(kind, &mut sum);
    sum.0
}

impl Columns {
    /// Copies the columns of `world` here, reusing what is allocated.
    pub fn capture(&mut self, world: &World, order: RowOrder) {
        for (kind, target) in Kind::ALL.into_iter().zip(&mut self.kinds) {
            target.rows = world.count(kind);
            target.words.resize(target.rows * row_words(kind), 0);
            self.order.clear();
            if order == RowOrder::ById {
                sort_rows(world, kind, &mut self.order);
            }
            let mut save = Save { world, kind, order: &self.order, words: &mut target.words };
            visit_components(kind, &mut save);
        }
    }

    /// The same rows by ascending id; nothing is copied where they are so already.
    pub fn by_id(&self) -> Cow<'_, Self> {
        struct Sort<'a> {
            words: &'a [u64],
            order: &'a [u32],
            sorted: &'a mut Vec<u64>,
        }
        impl Visitor for Sort<'_> {
            fn visit<C: Component>(&mut self) {
                let column = take_column::<C>(&mut self.words, self.order.len());
                for &row in self.order {
                    self.sorted.extend_from_slice(cast_slice(&column[row as usize..=row as usize]));
                }
            }
        }
        if Kind::ALL.into_iter().all(|kind| self.ids(kind).is_sorted()) {
            return Cow::Borrowed(self);
        }
        let mut sorted = Self::default();
        for (kind, target) in Kind::ALL.into_iter().zip(&mut sorted.kinds) {
            let ids = self.ids(kind);
            let mut order: Vec<u32> = (0..ids.len() as u32).collect();
            order.sort_unstable_by_key(|&row| ids[row as usize]);
            target.rows = ids.len();
            let words = &self.kinds[kind as usize].words[..];
            visit_components(kind, &mut Sort { words, order: &order, sorted: &mut target.words });
        }
        Cow::Owned(sorted)
    }

    /// Makes the entities of `world` equal to this copy. Columns are copied in place where the same
    /// entities are there in the same order, and rebuilt otherwise.
    pub fn restore_into(&self, world: &mut World) {
        let in_place = Kind::ALL.into_iter().zip(&self.kinds).all(|(kind, source)| {
            source.rows == world.count(kind) && (source.rows == 0 || self.ids(kind) == stored_ids(world, kind))
        });
        if in_place {
            for (kind, source) in Kind::ALL.into_iter().zip(&self.kinds) {
                visit_components(kind, &mut Load { world, kind, words: &source.words });
            }
        } else {
            world.clear();
            for (kind, source) in Kind::ALL.into_iter().zip(&self.kinds) {
                if source.rows > 0 {
                    respawn(world, kind, source);
                }
            }
            world.reindex();
        }
    }

    /// Whether there is a row with this id. The rows must be ordered by id.
    pub fn has(&self, id: u64) -> bool {
        Kind::ALL.into_iter().any(|kind| self.ids(kind).binary_search(&id).is_ok())
    }

    /// Ids of the rows of `kind`, in stored order. The identity is the first column.
    fn ids(&self, kind: Kind) -> &[u64] {
        let columns = &self.kinds[kind as usize];
        &columns.words[..columns.rows]
    }
}

/// Walks the columns of one [`KindColumns`] from first to last.
pub(crate) fn take_column<'a, C: Component>(words: &mut &'a [u64], rows: usize) -> &'a [C] {
    let (column, rest) = words.split_at(rows * size_of::<C>() / 8);
    *words = rest;
    cast_slice(column)
}

fn stored_ids(world: &World, kind: Kind) -> Vec<u64> {
    let column = world.archetype(kind).and_then(|a| a.get::<&Identity>());
    column.map_or_else(Vec::new, |ids| cast_slice(&ids).to_vec())
}

/// Leaves `order` empty where rows are stored by ascending id.
fn sort_rows(world: &World, kind: Kind, order: &mut Vec<u32>) {
    let Some(ids) = world.archetype(kind).and_then(|a| a.get::<&Identity>()) else { return };
    if !ids.is_sorted_by_key(|i| i.id) {
        order.extend(0..ids.len() as u32);
        order.sort_unstable_by_key(|&row| ids[row as usize].id);
    }
}

struct Save<'a> {
    world: &'a World,
    kind: Kind,
    order: &'a [u32],
    words: &'a mut [u64],
}

impl Visitor for Save<'_> {
    fn visit<C: Component>(&mut self) {
        let Some(column) = self.world.archetype(self.kind).and_then(|a| a.get::<&C>()) else { return };
        let (target, rest) = core::mem::take(&mut self.words).split_at_mut(size_of_val(&*column) / 8);
        self.words = rest;
        let target: &mut [C] = cast_slice_mut(target);
        if self.order.is_empty() {
            target.copy_from_slice(&column);
        } else {
            for (to, &from) in target.iter_mut().zip(self.order) {
                *to = column[from as usize];
            }
        }
    }
}

struct Load<'a> {
    world: &'a World,
    kind: Kind,
    words: &'a [u64],
}

impl Visitor for Load<'_> {
    fn visit<C: Component>(&mut self) {
        let Some(mut column) = self.world.archetype(self.kind).and_then(|a| a.get::<&mut C>()) else { return };
        let rows = column.len();
        column.copy_from_slice(take_column(&mut self.words, rows));
    }
}

/// Spawns all rows of a kind at once.
fn respawn(world: &mut World, kind: Kind, source: &KindColumns) {
    struct Types(ColumnBatchType);
    impl Visitor for Types {
        fn visit<C: Component>(&mut self) {
            self.0.add::<C>();
        }
    }
    struct Fill<'a> {
        batch: &'a ColumnBatchBuilder,
        words: &'a [u64],
        rows: usize,
    }
    impl Visitor for Fill<'_> {
        fn visit<C: Component>(&mut self) {
            let mut writer = self.batch.writer::<C>().expect("the batch was made with these types");
            for row in take_column::<C>(&mut self.words, self.rows) {
                assert!(writer.push(*row).is_ok(), "the batch has room for every row");
            }
        }
    }

    let mut types = Types(ColumnBatchType::new());
    visit_components(kind, &mut types);
    types.0.add::<Moved>().add::<Near>();
    if kind == Kind::Structure {
        types.0.add::<Built>();
    }
    let batch = types.0.into_batch(source.rows as u32);
    visit_components(kind, &mut Fill { batch: &batch, words: &source.words, rows: source.rows });
    fill_default::<Moved>(&batch);
    fill_default::<Near>(&batch);
    if kind == Kind::Structure {
        fill_default::<Built>(&batch);
    }
    world.ecs.spawn_column_batch(batch.build().expect("every column was filled"));
}

/// Fills a derived column, whose values the next tick writes before it reads them.
fn fill_default<T: Default + Send + Sync + 'static>(batch: &ColumnBatchBuilder) {
    let mut writer = batch.writer::<T>().expect("the batch was made with these types");
    while writer.push(T::default()).is_ok() {}
}
