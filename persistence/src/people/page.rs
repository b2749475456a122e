//! Walks through records page by page. Must never hold more than a page of them.

use crate::error::StoreError;
use crate::record::Record;
use crate::store::{Query, Store};

/// All records of a query, however many; each page from its own moment.
pub(super) struct Pages<'a> {
    store: &'a dyn Store,
    next: Option<Query>,
}

impl<'a> Pages<'a> {
    /// As many in a page as the query says.
    pub(super) fn new(store: &'a dyn Store, query: Query) -> Self {
        Self { store, next: Some(query) }
    }

    /// The next page; nothing behind the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Record>>, StoreError> {
        let Some(query) = self.next.take() else { return Ok(None) };
        let page = self.store.list(&query).await?;
        if page.more {
            self.next = page.records.last().map(|last| query.beyond(last.key()));
        }
        Ok(Some(page.records))
    }

    /// The rest, in one list: for what one person has.
    pub(super) async fn all(mut self) -> Result<Vec<Record>, StoreError> {
        let mut all = Vec::new();
        while let Some(page) = self.next().await? {
            all.extend(page);
        }
        Ok(all)
    }
}
