//! A world's log as it lies in a store: its pieces one after another, and the ticks of its saves. Must never say whether
//! they fit together; whoever knows what a world is does.

use std::collections::{BTreeSet, VecDeque};

use crate::error::StoreError;
use crate::record::{Key, Kind, Name, Record, Scope, Segment, Tick};
use crate::store::{Query, Store};

/// Pieces that are read at once; fewer where they are heavy.
const PAGE: usize = 64;

/// Pieces of a world's log in the order of their ticks, few of them in memory. What is written behind them meanwhile comes,
/// too.
pub struct Pieces<'a> {
    store: &'a dyn Store,
    query: Query,
    page: VecDeque<Record>,
    more: bool,
}

impl<'a> Pieces<'a> {
    /// Those that begin at this tick or later.
    #[must_use]
    pub fn of(store: &'a dyn Store, world: &Name, from: Tick) -> Self {
        let mut query = Query::of(Kind::Segment).within(Scope::World(world.clone())).first(PAGE);
        query.beyond = from.0.checked_sub(1).map(|tick| Key::Segment(world.clone(), Tick(tick)));
        Self { store, query, page: VecDeque::new(), more: true }
    }

    /// The next one, if there is one.
    ///
    /// # Errors
    /// Those of [`Store::list`].
    pub async fn next(&mut self) -> Result<Option<Segment>, StoreError> {
        loop {
            match self.page.pop_front() {
                Some(Record::Segment(piece)) => return Ok(Some(piece)),
                Some(_) => {}
                None if self.more => {
                    let page = self.store.list(&self.query).await?;
                    self.query.beyond = page.records.last().map(Record::key).or(self.query.beyond.take());
                    self.more = page.more && !page.records.is_empty();
                    self.page = page.records.into();
                }
                None => return Ok(None),
            }
        }
    }
}

/// The ticks of all saves of a world.
///
/// # Errors
/// Those of [`Store::keys`].
pub async fn saves(store: &dyn Store, world: &Name) -> Result<BTreeSet<u64>, StoreError> {
    let mut saves = BTreeSet::new();
    let mut query = Query::of(Kind::Snapshot).within(Scope::World(world.clone()));
    loop {
        let keys = store.keys(&query).await?;
        let Some(last) = keys.last() else { return Ok(saves) };
        query = query.beyond(last.clone());
        saves.extend(
            keys.into_iter().filter_map(|key| if let Key::Snapshot(_, tick) = key { Some(tick.0) } else { None }),
        );
    }
}
