//! What goes wrong while a store is in use: each has a name, nothing is half done, and it passes without a restart.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persistence::{
    Inventory, Item, Key, Kind, PersonId, Postgres, PostgresConfig, Record, Rev, Store, StoreError, Token, Trade,
};
use persistence_testkit::cluster::Cluster;
use persistence_testkit::records::{self, name};

use crate::common::{app, hasty, illness, migrate, migrated, player, put, recovery, run, scale, store};

#[test]
fn an_exhausted_pool_says_so() {
    run(async {
        let cluster = migrated(&[]).await;
        let config = PostgresConfig { connections_min: 1, connections_max: 2, ..hasty(&cluster) };
        let store = Postgres::connect(config).await.expect("a store");
        store.commit(&put((1..=500).map(|n| Record::Player(records::player(n, 1, 0))))).await.expect("written");
        // Copies that nobody takes hold on to their connections.
        let held =
            [store.copy(&[Kind::Player]).await.expect("a copy"), store.copy(&[Kind::Player]).await.expect("a copy")];
        let began = Instant::now();
        assert_eq!(illness(&store).await, StoreError::PoolExhausted(2));
        assert_eq!(store.commit(&player(1, 2)).await, Err(StoreError::PoolExhausted(2)));
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        drop(held);
        recovery(&store).await;
        store.commit(&player(1, 2)).await.expect("written");
    });
}

#[test]
fn a_stopped_server_is_timed_out_here() {
    run(async {
        let cluster = migrated(&[]).await;
        let store = Postgres::connect(PostgresConfig { connections_max: 4, ..hasty(&cluster) }).await.expect("a store");
        store.commit(&player(1, 1)).await.expect("written");
        cluster.pause();
        for _ in 0..3 {
            let began = Instant::now();
            let write = store.commit(&player(1, 2)).await;
            assert!(matches!(write, Err(StoreError::TimedOut(_) | StoreError::Unknown(_))), "{write:?}");
            assert!(matches!(store.get(&Key::Player(PersonId(1))).await, Err(StoreError::TimedOut(_))));
            assert!(matches!(illness(&store).await, StoreError::TimedOut(_)));
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        }
        cluster.resume();
        recovery(&store).await;
        // Nothing of what timed out before COMMIT is done later, behind our back.
        store.commit(&player(1, 2)).await.expect("written");
        assert_eq!(cluster.sql("SELECT rev FROM spacetime.players"), "2");
    });
}

#[test]
fn states_of_the_server_have_names() {
    run(async {
        let mut cluster = migrated(&[]).await;
        let store = Postgres::connect(hasty(&cluster)).await.expect("a store");
        cluster.set("default_transaction_read_only", "on");
        let write = store.commit(&player(1, 1)).await;
        assert!(matches!(write, Err(StoreError::ReadOnly(_))), "{write:?}");
        assert!(matches!(illness(&store).await, StoreError::ReadOnly(_)));
        cluster.set("default_transaction_read_only", "off");
        recovery(&store).await;
        store.commit(&player(1, 1)).await.expect("written");

        cluster.sql("ALTER ROLE spacetime_app CONNECTION LIMIT 0");
        cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'spacetime_app'");
        cluster.await_that("SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'spacetime_app'");
        let why = illness(&store).await;
        assert!(matches!(&why, StoreError::Unavailable(text) if text.contains("too many connections")), "{why}");
        cluster.sql("ALTER ROLE spacetime_app CONNECTION LIMIT -1");
        recovery(&store).await;

        cluster.sql("REVOKE INSERT ON spacetime.players FROM spacetime_app");
        let write = store.commit(&player(2, 1)).await;
        assert!(matches!(write, Err(StoreError::Refused(_))), "{write:?}");
        cluster.sql("GRANT INSERT ON spacetime.players TO spacetime_app");
        store.commit(&player(2, 1)).await.expect("written");

        cluster.stop();
        assert!(matches!(illness(&store).await, StoreError::Unavailable(_)));
        assert!(matches!(store.commit(&player(1, 2)).await, Err(StoreError::Unavailable(_))));
        cluster.restart();
        recovery(&store).await;
        store.commit(&player(1, 2)).await.expect("written");
        assert_eq!(cluster.sql("SELECT person, rev FROM spacetime.players ORDER BY person"), "1|2\n2|1");
    });
}

#[test]
fn a_full_disk_takes_nothing_by_halves() {
    run(async {
        let cluster = Cluster::start_with_disk(16);
        migrate(&cluster).await;
        cluster.sql("ALTER TABLE spacetime.snapshots SET TABLESPACE small");
        cluster.sql("CREATE TABLE filler TABLESPACE small AS SELECT generate_series(1, 180000)");
        let store = store(&cluster).await;
        store.commit(&put([Record::World(records::world("w"))])).await.expect("a world");
        let mut written = 0_u64;
        let why = loop {
            let snapshot = Record::Snapshot(records::snapshot("w", written, 3 << 20));
            let batch = put([snapshot, Record::Player(records::player(written + 1, 1, 9))]);
            match store.commit(&batch.fenced(name("w"), persistence::Epoch(1))).await {
                Ok(()) => written += 1,
                Err(why) => break why,
            }
            assert!(written < 10, "the disk is never full");
        };
        assert!(written > 1 && matches!(why, StoreError::DiskFull(_)), "{written}: {why}");
        assert_eq!(cluster.sql("SELECT count(*) FROM spacetime.players"), written.to_string());
        assert_eq!(cluster.sql("SELECT count(*) FROM spacetime.snapshots"), written.to_string());
        let oldest = Key::Snapshot(name("w"), persistence::Tick(0));
        assert!(store.get(&oldest).await.expect("what is there reads").is_some());
        cluster.sql("DROP TABLE filler");
        let snapshot = Record::Snapshot(records::snapshot("w", 99, 3 << 20));
        store.commit(&put([snapshot]).fenced(name("w"), persistence::Epoch(1))).await.expect("there is room");
    });
}

/// Two of this many people trade at a time.
const PEOPLE: u64 = 12;
/// What each of them begins with.
const UNITS: u64 = 100;

fn purse(person: u64, rev: u64, units: u64) -> Record {
    let item = Item { kind: name("unit"), count: units, data: Vec::new() };
    Record::Inventory(Inventory { person: PersonId(person), rev: Rev(rev), items: vec![item] })
}

/// Moves a unit, however often it takes; gives back the trade once it is acknowledged.
async fn trade(store: &Postgres, from: u64, to: u64, id: Token) -> Option<Token> {
    loop {
        let mut batch = Vec::new();
        for (person, gain) in [(from, -1), (to, 1)] {
            let Ok(Some(Record::Inventory(inventory))) = store.get(&Key::Inventory(PersonId(person))).await else {
                break;
            };
            let units = inventory.items.first().map_or(0, |item| item.count);
            let units = units.checked_add_signed(gain).filter(|units| *units > 0)?;
            batch.push(purse(person, inventory.rev.0 + 1, units));
        }
        if batch.len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        let gives = vec![Item { kind: name("unit"), count: 1, data: Vec::new() }];
        let (from, to) = (PersonId(from), PersonId(to));
        let at = persistence::Millis(1);
        batch.push(Record::Trade(Trade { id, at, from, to, gives, takes: Vec::new() }));
        let batch = put(batch);
        // The same batch again, until it is known what became of it.
        loop {
            match store.commit(&batch).await {
                Ok(()) => return Some(id),
                Err(StoreError::Conflict(_)) => break,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[test]
fn trades_are_whole_whatever_is_cut() {
    run(async {
        let cluster = migrated(&[]).await;
        let config = PostgresConfig { connections_max: 12, ..app(&cluster) };
        let store = Arc::new(Postgres::connect(config).await.expect("a store"));
        store.commit(&put((1..=PEOPLE).map(|person| purse(person, 1, UNITS)))).await.expect("written");
        let rounds = 8 * u64::from(scale());
        let traders = (0..8).map(|task: u64| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut done = Vec::new();
                for round in 0..rounds {
                    let from = (task * 5 + round * 7) % PEOPLE + 1;
                    let to = (from + task + round) % PEOPLE + 1;
                    if from != to {
                        let mut id = [0; 16];
                        id[..8].copy_from_slice(&(task * 1000 + round).to_be_bytes());
                        done.extend(trade(&store, from, to, Token(id)).await);
                    }
                }
                done
            })
        });
        let traders: Vec<_> = traders.collect();
        // Meanwhile connections are cut, at whatever statement they are.
        let mut cuts = 0;
        while !traders.iter().all(tokio::task::JoinHandle::is_finished) {
            let cut = "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE \
                       usename = 'spacetime_app' AND state <> 'idle' LIMIT 2) a";
            cuts += cluster.sql(cut).parse::<u64>().expect("a number");
            let sums = cluster.sql("SELECT sum(count) FROM spacetime.items");
            assert_eq!(sums, (PEOPLE * UNITS).to_string(), "half a trade shows");
        }
        let mut done = Vec::new();
        for trader in traders {
            done.extend(trader.await.expect("a trader"));
        }
        assert!(cuts > 0 && done.len() > 20, "{cuts} cuts, {} trades", done.len());
        assert_eq!(cluster.sql("SELECT sum(count) FROM spacetime.items"), (PEOPLE * UNITS).to_string());
        assert_eq!(cluster.sql("SELECT count(*) FROM spacetime.trades"), done.len().to_string(), "each was done once");
        // What each has is what the trades say.
        let wrong = "SELECT count(*) FROM spacetime.items i WHERE i.count <> 100 \
                     + (SELECT count(*) FROM spacetime.trades t WHERE t.taker = i.person) \
                     - (SELECT count(*) FROM spacetime.trades t WHERE t.giver = i.person)";
        assert_eq!(cluster.sql(wrong), "0");
    });
}

#[test]
fn whoever_holds_a_lock_holds_up_nobody_for_long() {
    run(async {
        let cluster = migrated(&[]).await;
        let patient = store(&cluster).await;
        let hasty = Postgres::connect(hasty(&cluster)).await.expect("a store");
        patient.commit(&player(1, 1)).await.expect("written");
        std::thread::scope(|scope| {
            scope.spawn(|| cluster.sql("BEGIN; LOCK TABLE spacetime.players; SELECT pg_sleep(2); COMMIT"));
            cluster.await_that(
                "SELECT count(*) = 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted \
                 AND relation = 'spacetime.players'::regclass",
            );
            let (runtime, began) = (tokio::runtime::Handle::current(), Instant::now());
            let late = scope.spawn(move || runtime.block_on(hasty.commit(&player(1, 2)))).join().expect("an answer");
            assert!(matches!(late, Err(StoreError::TimedOut(_))), "{late:?}");
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        });
        patient.commit(&player(1, 2)).await.expect("nothing of it was done");
    });
}
