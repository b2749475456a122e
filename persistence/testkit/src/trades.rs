//! Trades for tests: players with goods, deals between them by a seed, many at once, and the sum of it all. Must never
//! take a trade for done that is not in the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use persistence::people::{Deal, Outcome, People, Profile, TradeError};
use persistence::{Batch, Inventory, Item, Kind, Millis, PersonId, Record, Rev, Store, Token};

use crate::records::name;

/// What is traded by [`deal`].
pub const KINDS: [&str; 3] = ["gold", "ice", "iron"];
/// What players have besides; [`deal`] leaves it alone.
pub const KEPT: &str = "opal";
/// What a player begins with, of each kind.
pub const UNITS: u64 = 1000;
/// When all of it happens.
pub const NOW: Millis = Millis(1_800_000_000_000);

type Holdings = BTreeMap<(PersonId, String), i128>;

fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().chain([KEPT])
}

/// SplitMix64.
#[must_use]
pub fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// So many of a kind.
#[must_use]
pub fn goods(kind: &str, count: u64) -> Item {
    Item { kind: name(kind), count, data: b"as dug".to_vec() }
}

/// Players with [`UNITS`] of each kind.
///
/// # Panics
/// Where the store fails.
pub async fn players(store: &dyn Store, people: &People, count: usize) -> Vec<PersonId> {
    let mut players = Vec::new();
    for n in 0..count {
        let profile = Profile { name: format!("player {n}"), ..Profile::default() };
        let person = people.create(&profile, NOW).await.expect("a person");
        let items = kinds().map(|kind| goods(kind, UNITS)).collect();
        let inventory = Record::Inventory(Inventory { person, rev: Rev::FIRST, items });
        store.commit(&Batch::put([inventory]).expect("a batch")).await.expect("the store takes it");
        players.push(person);
    }
    players
}

/// The `n`th deal of a seed: anything between anybody, now and then more than they have.
#[must_use]
pub fn deal(players: &[PersonId], seed: u64, n: u64) -> Deal {
    let random = |what: u64| mix(seed ^ mix(n * 16 + what));
    let from = random(0) as usize % players.len();
    let to = (from + 1 + random(1) as usize % (players.len() - 1)) % players.len();
    let some = |what: u64| -> Vec<Item> {
        let kind = KINDS[random(what) as usize % KINDS.len()];
        let count = 1 + random(what + 1) % 400;
        if random(what + 2).is_multiple_of(4) { Vec::new() } else { vec![goods(kind, count)] }
    };
    let (gives, mut takes) = (some(2), some(5));
    if gives.is_empty() && takes.is_empty() {
        takes = vec![goods("ice", 1)];
    }
    let mut id = [0; 16];
    id[..8].copy_from_slice(&random(8).to_le_bytes());
    id[8..].copy_from_slice(&n.to_le_bytes());
    Deal { id: Token(id), from: players[from], to: players[to], gives, takes }
}

/// From one moment: what everybody has is what they had and what the trades that are there gave them. Gives how many
/// trades those are.
///
/// # Panics
/// Where it is not.
pub async fn balance(store: &dyn Store, players: &[PersonId]) -> usize {
    let mut copy = store.copy(&[Kind::Inventory, Kind::Trade]).await.expect("the store answers");
    let (mut has, mut trades) = (Holdings::new(), 0);
    let mut due: Holdings =
        players.iter().flat_map(|p| kinds().map(|kind| ((*p, kind.to_owned()), i128::from(UNITS)))).collect();
    while let Some(record) = copy.recv().await {
        match record.expect("a sound record") {
            Record::Inventory(inventory) => {
                for item in inventory.items {
                    has.insert((inventory.person, item.kind.to_string()), i128::from(item.count));
                }
            }
            Record::Trade(trade) => {
                trades += 1;
                for (goods, from, to) in [(&trade.gives, trade.from, trade.to), (&trade.takes, trade.to, trade.from)] {
                    for item in goods {
                        *due.entry((from, item.kind.to_string())).or_default() -= i128::from(item.count);
                        *due.entry((to, item.kind.to_string())).or_default() += i128::from(item.count);
                    }
                }
            }
            other => panic!("{other:?} was not asked for"),
        }
    }
    due.retain(|_, count| *count != 0);
    assert_eq!(has, due, "after {trades} trades");
    for kind in kinds() {
        let total: i128 = has.iter().filter(|((_, k), _)| k == kind).map(|(_, count)| count).sum();
        assert_eq!(total, i128::from(UNITS) * players.len() as i128, "{kind}");
    }
    trades
}

/// Asks for a deal until its fate is known: whether it was done.
///
/// # Panics
/// Where it could never be.
pub async fn insist(people: &People, deal: &Deal) -> bool {
    loop {
        match people.trade(deal, NOW).await {
            Ok(Outcome::Done | Outcome::Already) => return true,
            Err(TradeError::Insufficient) => return false,
            Err(why @ (TradeError::Invalid(_) | TradeError::OtherTrade)) => panic!("{why}"),
            Err(_) => {}
        }
    }
}

/// Deals of a seed, all at once, each asked for until its fate is known; a reader of the same store looks on all the time.
/// Gives how many were done.
///
/// # Panics
/// Where half of a trade is seen.
pub async fn storm(store: &Arc<dyn Store>, people: &People, players: &[PersonId], seed: u64, deals: u64) -> usize {
    let is_over = Arc::new(AtomicBool::new(false));
    let reader = {
        let (store, players, is_over) = (Arc::clone(store), players.to_vec(), Arc::clone(&is_over));
        tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                balance(&*store, &players).await;
            }
        })
    };
    let tasks: Vec<_> = (0..deals)
        .map(|n| {
            let (people, deal) = (people.clone(), deal(players, seed, n));
            tokio::spawn(async move { insist(&people, &deal).await })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.expect("a trade ends"));
    }
    is_over.store(true, Ordering::Relaxed);
    reader.await.expect("no half of a trade was seen");
    done
}
