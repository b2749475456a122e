//! Trades on PostgreSQL whose connections are cut at every statement, and that others get in the way of: each is there
//! wholly or not at all, and once (FUNC-047).

use std::sync::Arc;

use persistence::people::{Deal, MasterKey, Outcome, People, TradeError, Vault};
use persistence::{Embedded, Key, PersonId, Postgres, PostgresConfig, Record, Rev, Store, StoreError, Token};
use persistence_testkit::cluster::Cluster;
use persistence_testkit::proxy::{Cut, Proxy};
use persistence_testkit::trades::{KEPT, NOW, balance, goods, insist, players, storm};
use tempfile::TempDir;

use crate::common::{app, migrated, run, scale};

/// Trades that run while one is cut.
const OTHERS: u64 = 50;

/// A fleet's stores: PostgreSQL, and a file of keys.
struct Rig {
    _folder: TempDir,
    cluster: Cluster,
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    people: People,
}

impl Rig {
    async fn new() -> Self {
        let (folder, cluster) = (tempfile::tempdir().expect("a folder"), migrated(&[]).await);
        let keys = Embedded::open(&folder.path().join("keys.redb")).expect("a store");
        let vault = Vault::open(Arc::new(keys), MasterKey::random().expect("random numbers")).await;
        let vault = Arc::new(vault.expect("a vault"));
        let store: Arc<dyn Store> = Arc::new(Postgres::connect(app(&cluster)).await.expect("a store"));
        let people = People::new(Arc::clone(&store), Arc::clone(&vault));
        Self { _folder: folder, cluster, store, vault, people }
    }

    /// The same store through a proxy, in the open and by one connection.
    async fn through(&self, proxy: &Proxy) -> People {
        let url = proxy.url("spacetime_app");
        let config = PostgresConfig {
            url,
            root_certificate: None,
            connections_min: 1,
            connections_max: 1,
            ..app(&self.cluster)
        };
        let store = Postgres::connect(config).await.expect("a store");
        People::new(Arc::new(store), Arc::clone(&self.vault))
    }

    async fn inventory(&self, person: PersonId) -> (Rev, u64) {
        let found = self.store.get(&Key::Inventory(person)).await.expect("read");
        let Some(Record::Inventory(inventory)) = found else { panic!("no inventory") };
        let kept = inventory.items.iter().find(|item| item.kind.as_str() == KEPT);
        (inventory.rev, kept.map_or(0, |item| item.count))
    }
}

fn swap(number: u64, [from, to]: [PersonId; 2]) -> Deal {
    let mut id = [0xcc; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    Deal { id: Token(id), from, to, gives: vec![goods(KEPT, 2)], takes: vec![goods(KEPT, 1)] }
}

/// Rows of a trade, over a connection that shares nothing with the store.
fn rows(cluster: &Cluster, deal: &Deal) -> String {
    let id: String = deal.id.0.iter().map(|byte| format!("{byte:02x}")).collect();
    cluster.sql(&format!("SELECT count(*) FROM spacetime.trades WHERE id = decode('{id}', 'hex')"))
}

#[test]
fn a_trade_that_is_cut_at_any_statement_is_there_wholly_or_not_at_all() {
    run(async {
        let rig = Rig::new().await;
        let all = players(&*rig.store, &rig.people, 12).await;
        let two = [all[0], all[1]];
        let proxy = Proxy::to(rig.cluster.port());
        let (mut done, mut number, mut fates) = (0, 0_u64, [0; 3]);
        for statements in 0_u64.. {
            let mut was_cut = false;
            for cut in [Cut::Before(statements), Cut::Answer(statements + 1)] {
                let (deal, people) = (swap(number, two), rig.through(&proxy).await);
                number += 1;
                let others = {
                    // All of them in both cases is for the long run.
                    let deals = if matches!(cut, Cut::Before(_)) || scale() > 1 { OTHERS } else { OTHERS / 10 };
                    let (store, people, all) = (Arc::clone(&rig.store), rig.people.clone(), all.clone());
                    tokio::spawn(async move { storm(&store, &people, &all, number, deals).await })
                };
                proxy.cut(cut);
                let outcome = people.trade(&deal, NOW).await;
                let there = rows(&rig.cluster, &deal);
                match &outcome {
                    Ok(_) => assert_eq!(there, "1", "{cut:?}"),
                    Err(TradeError::Store(StoreError::Unknown(_))) => {}
                    Err(_) => assert_eq!(there, "0", "{cut:?}: {outcome:?}, but it is there"),
                }
                let fate = match &outcome {
                    Ok(_) => 0,
                    Err(TradeError::Store(StoreError::Unknown(_))) => 1,
                    Err(_) => 2,
                };
                fates[fate] += 1;
                was_cut |= !proxy.will_cut();
                // What has no such statement is over; the next connection is not to be cut for it.
                proxy.cut(Cut::Before(u64::MAX));
                // Whoever does not know asks again, and it is done once.
                assert!(insist(&people, &deal).await, "{cut:?}");
                assert_eq!(people.trade(&deal, NOW).await, Ok(Outcome::Already), "{cut:?}");
                assert_eq!(rows(&rig.cluster, &deal), "1", "{cut:?}");
                done += 1 + others.await.expect("the others end");
                assert_eq!(balance(&*rig.store, &all).await, done, "{cut:?}");
            }
            if !was_cut {
                println!("{statements} statements; done, unknown, not done: {fates:?}");
                assert!(statements > 12, "a trade needs more than {statements} statements");
                break;
            }
        }
        // What the two gave each other, whatever the others did.
        assert_eq!(rig.inventory(two[0]).await.1, 1000 - number);
        assert_eq!(rig.inventory(two[1]).await.1, 1000 + number);
        assert!(fates[2] > 0, "nothing was cut: {fates:?}");
    });
}

/// Waits, at the server, until somebody waits for a lock there.
const UNTIL_SOMEBODY_WAITS: &str = "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted) LOOP \
     PERFORM pg_sleep(0.01); END LOOP; END $$;";

/// Does this to the two rows of inventories in a transaction of its own, while a trade goes on.
async fn in_the_way(rig: &Rig, two: [PersonId; 2], number: u64, first: &str, then: &str) {
    let before = rig.inventory(two[0]).await;
    let (people, deal) = (rig.people.clone(), swap(number, two));
    let script = format!("SET deadlock_timeout = '30s'; BEGIN; {first} {UNTIL_SOMEBODY_WAITS} {then} COMMIT");
    let trade = std::thread::scope(|scope| {
        scope.spawn(|| rig.cluster.sql(&script));
        let has_begun = "SELECT count(*) >= 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.granted AND \
             a.usename = 'postgres' AND l.relation = 'spacetime.inventories'::regclass AND a.query LIKE 'DO %'";
        rig.cluster.await_that(has_begun);
        let runtime = tokio::runtime::Handle::current();
        scope.spawn(move || runtime.block_on(people.trade(&deal, NOW))).join().expect("an answer")
    });
    assert_eq!(trade, Ok(Outcome::Done), "{script}");
    let after = rig.inventory(two[0]).await;
    assert_eq!((after.0, after.1 + 1), (before.0.next().next(), before.1), "the other one came first; each once");
}

#[test]
fn who_comes_first_in_a_conflict_or_a_deadlock_does_not_undo_the_other() {
    run(async {
        let rig = Rig::new().await;
        let mut two = [PersonId(0); 2];
        two.copy_from_slice(&players(&*rig.store, &rig.people, 2).await);
        two.sort_unstable();
        let [low, high] =
            two.map(|person| format!("UPDATE spacetime.inventories SET rev = rev + 1 WHERE person = {};", person.0));
        // The trade has read the old revision by then, and waits for the row.
        in_the_way(&rig, two, 1, &low, "").await;
        assert_eq!(rig.cluster.logged("deadlock detected"), 0);
        // It locks the lower one first and waits for the higher one. The other does so the other way round, and is more
        // patient, so that the trade is what the server ends.
        in_the_way(&rig, two, 2, &high, &low).await;
        assert_eq!(rig.cluster.logged("deadlock detected"), 1);
        assert_eq!(balance(&*rig.store, &two).await, 2);
    });
}
