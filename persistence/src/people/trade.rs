//! Trades between two players: both inventories and the note of the trade in one batch. Must never make or lose a thing,
//! nor apply a trade twice.

use super::People;
use super::commit::{ROUNDS_MAX, commit, look, pause};
use super::error::TradeError;
use crate::batch::Batch;
use crate::error::StoreError;
use crate::record::{Inventory, Item, Key, Millis, PersonId, Record, Rev, Token, Trade};

/// Most kinds of things that an inventory holds.
const KINDS_MAX: usize = 1024;
/// Most things of a kind.
const COUNT_MAX: u64 = i64::MAX as u64;

/// What two players exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deal {
    /// A random number that names it: who asks again with the same number trades once.
    pub id: Token,
    /// Who began it.
    pub from: PersonId,
    /// The other one.
    pub to: PersonId,
    /// What `from` gives, with the particulars that it has there.
    pub gives: Vec<Item>,
    /// What `from` gets.
    pub takes: Vec<Item>,
}

/// How a trade came to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Now.
    Done,
    /// When it was asked for before.
    Already,
}

impl People {
    /// Exchanges things, wholly or not at all.
    ///
    /// # Errors
    /// [`TradeError`]. After [`StoreError::Unknown`] the same deal is to be asked for again; after any other error nothing
    /// was exchanged.
    pub async fn trade(&self, deal: &Deal, now: Millis) -> Result<Outcome, TradeError> {
        let trade = of(deal, now)?;
        let mut is_sent = false;
        for round in 0..ROUNDS_MAX {
            let key = Key::Trade(deal.id);
            let found = if is_sent { look(&*self.store, &key).await? } else { self.store.get(&key).await? };
            match found {
                None => {}
                Some(Record::Trade(found)) if found == (Trade { at: found.at, ..trade.clone() }) => {
                    return Ok(if is_sent { Outcome::Done } else { Outcome::Already });
                }
                Some(_) => return Err(TradeError::OtherTrade),
            }
            let batch = self.exchange(&trade).await?;
            match commit(&*self.store, &batch).await {
                Ok(()) => return Ok(Outcome::Done),
                // Another trade came first, or this one did and its answer was lost: the note of it tells.
                Err(StoreError::Conflict(_)) => is_sent = true,
                Err(error) => return Err(error.into()),
            }
            pause(round).await;
        }
        Err(TradeError::Busy)
    }

    /// What is to be written, by what the two have now.
    async fn exchange(&self, trade: &Trade) -> Result<Batch, TradeError> {
        let mut from = self.holdings(trade.from).await?;
        let mut to = self.holdings(trade.to).await?;
        // Nobody gives what they are only about to get.
        trade.gives.iter().try_for_each(|item| give(&mut from.items, item))?;
        trade.takes.iter().try_for_each(|item| give(&mut to.items, item))?;
        trade.gives.iter().try_for_each(|item| take(&mut to.items, item))?;
        trade.takes.iter().try_for_each(|item| take(&mut from.items, item))?;
        Ok(Batch::put([Record::Inventory(from), Record::Inventory(to), Record::Trade(trade.clone())])?)
    }

    /// What a player has, with the revision that is to be written.
    async fn holdings(&self, person: PersonId) -> Result<Inventory, TradeError> {
        if self.store.get(&Key::Player(person)).await?.is_none() {
            return Err(TradeError::NoPlayer);
        }
        match self.store.get(&Key::Inventory(person)).await? {
            Some(Record::Inventory(inventory)) => Ok(Inventory { rev: inventory.rev.next(), ..inventory }),
            _ => Ok(Inventory { person, rev: Rev::FIRST, items: Vec::new() }),
        }
    }
}

/// The note of a trade, with goods in their order.
fn of(deal: &Deal, at: Millis) -> Result<Trade, TradeError> {
    let Deal { id, from, to, mut gives, mut takes } = deal.clone();
    gives.sort_by(|a, b| a.kind.cmp(&b.kind));
    takes.sort_by(|a, b| a.kind.cmp(&b.kind));
    if gives.is_empty() && takes.is_empty() {
        return Err(TradeError::Invalid("nothing is exchanged"));
    }
    let trade = Trade { id, at, from, to, gives, takes };
    Record::Trade(trade.clone()).check().map_err(TradeError::Invalid)?;
    Ok(trade)
}

fn give(items: &mut Vec<Item>, goods: &Item) -> Result<(), TradeError> {
    let at = items.binary_search_by(|item| item.kind.cmp(&goods.kind)).map_err(|_| TradeError::Insufficient)?;
    let item = items.get_mut(at).filter(|item| item.data == goods.data).ok_or(TradeError::Insufficient)?;
    item.count = item.count.checked_sub(goods.count).ok_or(TradeError::Insufficient)?;
    if item.count == 0 {
        items.remove(at);
    }
    Ok(())
}

fn take(items: &mut Vec<Item>, goods: &Item) -> Result<(), TradeError> {
    match items.binary_search_by(|item| item.kind.cmp(&goods.kind)) {
        Ok(at) => {
            let item = items.get_mut(at).filter(|item| item.data == goods.data).ok_or(TradeError::NoRoom)?;
            item.count = item.count.checked_add(goods.count).ok_or(TradeError::NoRoom)?;
            if item.count > COUNT_MAX { Err(TradeError::NoRoom) } else { Ok(()) }
        }
        Err(at) if items.len() < KINDS_MAX => {
            items.insert(at, goods.clone());
            Ok(())
        }
        Err(_) => Err(TradeError::NoRoom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Name;

    fn item(kind: &str, count: u64) -> Item {
        Item { kind: Name::new(kind).unwrap(), count, data: Vec::new() }
    }

    #[test]
    fn goods_are_counted_exactly() {
        let mut items = vec![item("iron", 5)];
        assert_eq!(give(&mut items, &item("gold", 1)), Err(TradeError::Insufficient));
        assert_eq!(give(&mut items, &item("iron", 6)), Err(TradeError::Insufficient));
        assert_eq!(give(&mut items, &Item { data: vec![1], ..item("iron", 1) }), Err(TradeError::Insufficient));
        give(&mut items, &item("iron", 2)).unwrap();
        take(&mut items, &item("gold", 1)).unwrap();
        assert_eq!(items, [item("gold", 1), item("iron", 3)]);
        give(&mut items, &item("iron", 3)).unwrap();
        assert_eq!(items, [item("gold", 1)]);
        assert_eq!(take(&mut items, &item("gold", COUNT_MAX)), Err(TradeError::NoRoom));
        assert_eq!(take(&mut items, &Item { data: vec![1], ..item("gold", 1) }), Err(TradeError::NoRoom));
        let mut full: Vec<Item> = (0..KINDS_MAX).map(|n| item(&format!("k{n:04}"), 1)).collect();
        assert_eq!(take(&mut full, &item("more", 1)), Err(TradeError::NoRoom));
    }
}
