//! A standby that every commit waits for, promoted: nothing acknowledged is lost, and the old server is not believed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use persistence::{Key, PersonId, Postgres, PostgresConfig, Record, Store, StoreError};
use persistence_testkit::cluster::Cluster;
use persistence_testkit::records;

use crate::common::{app, hasty, migrated, player, put, refused, run};

const WRITERS: u64 = 4;
/// Longest time without writes.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Writes players, ten a batch, until it is told to stop; notes the highest revision that was acknowledged, and when.
async fn load(
    store: Arc<Postgres>,
    writer: u64,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeMap<u64, (u64, Instant)>>>,
) {
    let mut rev = 1;
    while !stop.load(Ordering::Relaxed) {
        let people = writer * 10 + 1..=writer * 10 + 10;
        let batch = put(people.map(|person| Record::Player(records::player(person, rev, 100))));
        // The same batch until it is there: it may be there already.
        while let Err(error) = store.commit(&batch).await {
            assert!(error.is_transient(), "{error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        acknowledged.lock().expect("the list").insert(writer, (rev, Instant::now()));
        rev += 1;
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_primary_dies() {
    run(async {
        let mut primary = migrated(&[]).await;
        let standby = primary.standby("second");
        primary.require("second");
        let folder = tempfile::tempdir().expect("a folder");
        let seen_file = Some(folder.path().join("seen"));
        let both = PostgresConfig {
            url: Cluster::url_of(&[&primary, &standby], "spacetime_app"),
            root_certificate: None,
            seen_file: seen_file.clone(),
            connections_max: 8,
            ..hasty(&primary)
        };
        let store = Arc::new(Postgres::connect(both.clone()).await.expect("a store"));
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeMap::new())));
        let writer = |n| tokio::spawn(load(Arc::clone(&store), n, Arc::clone(&stop), Arc::clone(&acknowledged)));
        let writers: Vec<_> = (0..WRITERS).map(writer).collect();
        tokio::time::sleep(Duration::from_millis(700)).await;
        let killed = Instant::now();
        primary.kill();
        let before = acknowledged.lock().expect("the list").clone();
        standby.promote();
        let is_back =
            || acknowledged.lock().expect("the list").values().all(|(_, at)| *at > killed + Duration::from_millis(100));
        while !is_back() {
            assert!(killed.elapsed() < PAUSE_MAX, "no writes {:?} after the primary died", killed.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        println!("writes are back {:?} after the primary was killed", killed.elapsed());
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.expect("a writer");
        }
        assert!(before.len() == usize::try_from(WRITERS).expect("small") && before.values().all(|(rev, _)| *rev > 3));
        for (writer, (rev, _)) in acknowledged.lock().expect("the list").iter() {
            let (from, to) = (writer * 10, writer * 10 + 10);
            let rows = "SELECT count(*), min(rev), max(rev) FROM spacetime.players";
            let rows = format!("{rows} WHERE person > {from} AND person <= {to}");
            assert_eq!(standby.sql(&rows), format!("10|{rev}|{rev}"), "what was acknowledged is there, once");
        }

        // The old primary comes back, and would take writes.
        primary.restart();
        primary.set("synchronous_standby_names", "");
        assert_eq!(primary.sql("SELECT pg_is_in_recovery()"), "f");
        let old_first = PostgresConfig { seen_file: None, ..both.clone() };
        let newcomer = Postgres::connect(old_first).await.expect("the new primary, though the old one is named first");
        newcomer.commit(&player(900, 1)).await.expect("written");
        assert_eq!(standby.sql("SELECT count(*) FROM spacetime.players WHERE person = 900"), "1");
        let alone = PostgresConfig { seen_file, ..app(&primary) };
        let why = refused(alone).await;
        assert!(matches!(why, StoreError::Superseded(_)), "{why}");
        // Who knew the new one does not go back either, when that is out of reach.
        drop(standby);
        let mut last = store.commit(&player(901, 1)).await;
        for _ in 0..20 {
            if matches!(last, Err(StoreError::Superseded(_))) {
                break;
            }
            last = store.commit(&player(901, 1)).await;
        }
        assert!(matches!(last, Err(StoreError::Superseded(_))), "{last:?}");
        assert_eq!(primary.sql("SELECT count(*) FROM spacetime.players WHERE person >= 900"), "0");
    });
}

#[test]
fn a_commit_that_waits_for_the_standby_is_unknown_until_it_is_done() {
    run(async {
        let primary = migrated(&[]).await;
        let standby = primary.standby("second");
        primary.require("second");
        let store = Arc::new(Postgres::connect(hasty(&primary)).await.expect("a store"));
        let patient = Arc::new(Postgres::connect(app(&primary)).await.expect("a store"));
        store.commit(&player(1, 1)).await.expect("written");
        standby.pause();
        let (batch, began) = (player(1, 2), Instant::now());
        let waiting = store.commit(&batch).await;
        assert!(matches!(waiting, Err(StoreError::Unknown(_))), "{waiting:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());

        // Somebody cancels the wait of another commit: the server calls that a success.
        let other = player(2, 1);
        let cancelled = tokio::spawn({
            let (patient, other) = (Arc::clone(&patient), other.clone());
            async move { patient.commit(&other).await }
        });
        let waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'spacetime_app'";
        primary.await_that(&format!("SELECT count(*) > 0 {waits}"));
        primary.sql(&format!("SELECT pg_cancel_backend(pid) {waits}"));
        let cancelled = cancelled.await.expect("a task");
        assert!(matches!(cancelled, Err(StoreError::Unknown(_))), "{cancelled:?}");
        // It is there, and the standby does not have it: asking again does not make it safe.
        assert_eq!(primary.sql("SELECT count(*) FROM spacetime.players WHERE person = 2"), "1");
        let again = store.commit(&other).await;
        assert!(matches!(again, Err(StoreError::Unknown(_))), "{again:?}");

        standby.resume();
        store.commit(&batch).await.expect("resolved by asking again");
        store.commit(&other).await.expect("resolved by asking again");
        let Some(Record::Player(player)) = store.get(&Key::Player(PersonId(1))).await.expect("read") else {
            panic!("no player")
        };
        assert_eq!(player.rev.0, 2);
    });
}
