//! Trades: wholly or not at all, each once, whatever the store does (FUNC-047).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use persistence::people::{Deal, Outcome, People, TradeError};
use persistence::{Inventory, Item, Key, Kind, PersonId, Record, Rev, Store, Token};

use crate::faulty::{FAULTS, Fault, Faulty, Plan, mix};
use crate::rig::{NOW, Rig, item, name, over};

const KINDS: [&str; 3] = ["gold", "ice", "iron"];

type Holdings = BTreeMap<(PersonId, String), i128>;

/// Players with 1,000 of each kind.
async fn players(rig: &Rig, count: usize) -> Vec<PersonId> {
    let mut players = Vec::new();
    for n in 0..count {
        let person = rig.person(&format!("player {n}")).await;
        let items = KINDS.iter().map(|kind| item(kind, 1000, b"as dug")).collect();
        rig.put([Record::Inventory(Inventory { person, rev: Rev::FIRST, items })]).await;
        players.push(person);
    }
    players
}

/// The `n`th deal of a seed: anything between anybody, now and then more than they have.
fn deal(players: &[PersonId], seed: u64, n: u64) -> Deal {
    let random = |what: u64| mix(seed ^ mix(n * 16 + what));
    let from = random(0) as usize % players.len();
    let to = (from + 1 + random(1) as usize % (players.len() - 1)) % players.len();
    let goods = |what: u64| -> Vec<Item> {
        let kind = KINDS[random(what) as usize % KINDS.len()];
        let count = 1 + random(what + 1) % 400;
        if random(what + 2) % 4 == 0 { Vec::new() } else { vec![item(kind, count, b"as dug")] }
    };
    let (gives, mut takes) = (goods(2), goods(5));
    if gives.is_empty() && takes.is_empty() {
        takes = vec![item("ice", 1, b"as dug")];
    }
    let mut id = [0; 16];
    id[..8].copy_from_slice(&random(8).to_le_bytes());
    id[8..].copy_from_slice(&n.to_le_bytes());
    Deal { id: Token(id), from: players[from], to: players[to], gives, takes }
}

/// From one moment: what everybody has is what they had and what the trades that are there gave them. Gives how many
/// trades those are.
async fn balance(store: &dyn Store, players: &[PersonId]) -> usize {
    let mut copy = store.copy(&[Kind::Inventory, Kind::Trade]).await.expect("the store answers");
    let (mut has, mut trades) = (Holdings::new(), 0);
    let mut due: Holdings = players.iter().flat_map(|p| KINDS.map(|kind| ((*p, kind.to_owned()), 1000))).collect();
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
    for kind in KINDS {
        let total: i128 = has.iter().filter(|((_, k), _)| k == kind).map(|(_, count)| count).sum();
        assert_eq!(total, 1000 * players.len() as i128, "{kind}");
    }
    trades
}

fn is_final(outcome: &Result<Outcome, TradeError>) -> bool {
    matches!(outcome, Ok(_) | Err(TradeError::Insufficient))
}

/// Trades at once, each asked for until its fate is known; a reader looks on all the time.
async fn storm(rig: &Rig, people: &People, players: &[PersonId], seed: u64, trades: u64) {
    let is_over = Arc::new(AtomicBool::new(false));
    let reader = {
        let (store, players, is_over) = (Arc::clone(&rig.store), players.to_vec(), Arc::clone(&is_over));
        tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                balance(&*store, &players).await;
            }
        })
    };
    let tasks: Vec<_> = (0..trades)
        .map(|n| {
            let (people, deal) = (people.clone(), deal(players, seed, n));
            tokio::spawn(async move {
                loop {
                    let outcome = people.trade(&deal, NOW).await;
                    if is_final(&outcome) {
                        return outcome.is_ok();
                    }
                    assert!(!matches!(outcome, Err(TradeError::Invalid(_) | TradeError::OtherTrade)), "{outcome:?}");
                }
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.expect("a trade ends"));
    }
    is_over.store(true, Ordering::Relaxed);
    reader.await.expect("no half of a trade was seen");
    assert_eq!(
        balance(&*rig.store, players).await,
        done,
        "seed {seed}: trades that are there, and that were said to be"
    );
    assert!(done > trades as usize / 4, "seed {seed}: only {done} of {trades}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_trades_at_once_conserve_every_total() {
    let rig = Rig::new().await;
    let players = players(&rig, 8).await;
    storm(&rig, &rig.people, &players, 1, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_trades_over_a_store_that_fails_conserve_every_total() {
    let scale: u64 = std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    for seed in 0..4 * scale {
        let rig = Rig::new().await;
        let players = players(&rig, 8).await;
        let faulty: Arc<dyn Store> = Faulty::new(&rig.store, Plan::OneIn(5, seed));
        let people = over(&faulty, &rig.keys, &rig.master).await;
        storm(&rig, &people, &players, seed, 50).await;
    }
}

#[tokio::test]
async fn a_fault_at_any_call_leaves_all_or_nothing() {
    let rig = Rig::new().await;
    let faults = FAULTS.iter().flat_map(|fault| [1, 3, u64::MAX].map(|count| (*fault, count)));
    for (fault, count) in faults {
        for call in 0.. {
            let two = players(&rig, 2).await;
            let (gives, takes) = (vec![item("gold", 3, b"as dug")], vec![item("iron", 1000, b"as dug")]);
            let mut id = [0; 16];
            id[..8].copy_from_slice(&two[0].0.to_le_bytes());
            let deal = Deal { id: Token(id), from: two[0], to: two[1], gives, takes };
            let faulty = Faulty::new(&rig.store, Plan::From(call, count, fault));
            let store: Arc<dyn Store> = faulty.clone();
            let outcome = over(&store, &rig.keys, &rig.master).await.trade(&deal, NOW).await;
            let is_there = rig.get(Key::Trade(deal.id)).await.is_some();
            match &outcome {
                Ok(_) => assert!(is_there, "{fault:?} at {call}"),
                Err(TradeError::Store(error)) if error.reason() == "unknown" => {}
                Err(_) => assert!(!is_there, "{fault:?} at {call}: {outcome:?}"),
            }
            // Whoever does not know asks again.
            rig.people.trade(&deal, NOW).await.unwrap();
            assert_eq!(rig.people.trade(&deal, NOW).await, Ok(Outcome::Already));
            for (person, gold) in [(two[0], 997), (two[1], 1003)] {
                let Some(Record::Inventory(has)) = rig.get(Key::Inventory(person)).await else { panic!("it is there") };
                let count = |kind| has.items.iter().find(|item| item.kind == name(kind)).map_or(0, |item| item.count);
                assert_eq!(count("gold"), gold, "{fault:?} at {call}");
                assert_eq!(has.rev, Rev(2), "{fault:?} at {call}: written once");
            }
            if faulty.calls() <= call {
                assert!(call > 4, "a trade needs more than {call} calls");
                break;
            }
        }
    }
    assert!(FAULTS.contains(&Fault::After));
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_nothing_written() {
    let rig = Rig::new().await;
    let two = players(&rig, 2).await;
    let before = rig.all().await;
    let deal = |gives, takes| Deal { id: Token([1; 16]), from: two[0], to: two[1], gives, takes };
    let gold = |count| vec![item("gold", count, b"as dug")];
    let twice = vec![item("gold", 1, b"as dug"), item("gold", 1, b"as dug")];
    let cases = [
        (deal(gold(1001), Vec::new()), TradeError::Insufficient),
        (deal(gold(1), gold(1001)), TradeError::Insufficient),
        (deal(vec![item("silver", 1, &[])], Vec::new()), TradeError::Insufficient),
        (deal(vec![item("gold", 1, b"cast")], Vec::new()), TradeError::Insufficient),
        (deal(Vec::new(), Vec::new()), TradeError::Invalid("nothing is exchanged")),
        (deal(twice, Vec::new()), TradeError::Invalid("items ascend by kind, none twice")),
        (deal(gold(0), Vec::new()), TradeError::Invalid("an item counts 1 to 2^63 - 1")),
        (Deal { to: two[0], ..deal(gold(1), Vec::new()) }, TradeError::Invalid("a trade has two people")),
        (Deal { to: PersonId(1), ..deal(gold(1), Vec::new()) }, TradeError::NoPlayer),
    ];
    for (deal, error) in cases {
        assert_eq!(rig.people.trade(&deal, NOW).await, Err(error));
    }
    assert_eq!(rig.all().await, before);
    rig.people.trade(&deal(gold(1), Vec::new()), NOW).await.unwrap();
    assert_eq!(rig.people.trade(&deal(gold(2), Vec::new()), NOW).await, Err(TradeError::OtherTrade));
}
