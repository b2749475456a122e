//! Trades: wholly or not at all, each once, whatever the store does (FUNC-047).

use std::sync::Arc;

use persistence::people::{Deal, Outcome, People, TradeError};
use persistence::{Key, PersonId, Record, Rev, Store, Token};
use persistence_testkit::trades::{self, balance};

use crate::faulty::{FAULTS, Fault, Faulty, Plan};
use crate::rig::{NOW, Rig, item, name, over};

async fn players(rig: &Rig, count: usize) -> Vec<PersonId> {
    trades::players(&*rig.store, &rig.people, count).await
}

/// Trades at once; all that are there were said to be, and the other way round.
async fn storm(rig: &Rig, people: &People, players: &[PersonId], seed: u64, deals: u64) {
    let done = trades::storm(&rig.store, people, players, seed, deals).await;
    let there = balance(&*rig.store, players).await;
    assert_eq!(there, done, "seed {seed}: trades that are there, and that were said to be");
    assert!(done > deals as usize / 4, "seed {seed}: only {done} of {deals}");
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
