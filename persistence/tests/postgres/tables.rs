//! What stands in the tables, read over connections that share nothing with the store.

use persistence::{Change, Epoch, Item, Key, PersonId, Record, Rev, Store, StoreError, Tick};
use persistence_testkit::records::{self, name};

use crate::common::{migrated, put, run, store};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn rows_hold_what_was_written_to_the_bit() {
    run(async {
        let cluster = migrated(&[]).await;
        let store = store(&cluster).await;
        let player = records::player(5, 1, 300);
        let inventory = records::inventory(5, 1, 1024);
        store
            .commit(&put([Record::Player(player.clone()), Record::Inventory(inventory.clone())]))
            .await
            .expect("written");
        let place = player.place.clone().expect("a place");
        let row = "SELECT rev, extract(epoch FROM seen) * 1000, place_world, place_tick, cell_x, cell_y, cell_z, \
                   encode(float8send(offset_x), 'hex'), encode(float8send(offset_y), 'hex'), \
                   encode(float8send(offset_z), 'hex'), encode(private, 'hex') FROM spacetime.players WHERE person = 5";
        let bits = place.offset_m.map(|offset| hex(&offset.to_bits().to_be_bytes()));
        let wanted = format!(
            "1|1.000000|w|1|{}|-1|{}|{}|{}|{}|{}",
            i64::MIN,
            i64::MAX,
            bits[0],
            bits[1],
            bits[2],
            hex(&player.private.0)
        );
        assert_eq!(cluster.sql(row), wanted);
        let items =
            cluster.sql("SELECT kind, count, encode(data, 'hex') FROM spacetime.items WHERE person = 5 ORDER BY kind");
        let line = |item: &Item| format!("{}|{}|{}", item.kind, item.count, hex(&item.data));
        assert_eq!(items, inventory.items.iter().map(line).collect::<Vec<_>>().join("\n"));
        // Each save is one revision more, and an old one is refused.
        store.commit(&put([Record::Player(records::player(5, 2, 9))])).await.expect("written");
        assert_eq!(cluster.sql("SELECT rev FROM spacetime.players"), "2");
        let stale = store.commit(&put([Record::Player(records::player(5, 2, 10))])).await;
        assert!(matches!(stale, Err(StoreError::Conflict(_))), "{stale:?}");
        // Another connection's nonce is read, too.
        cluster.sql("INSERT INTO spacetime.settings VALUES ('nonce', 1, decode(repeat('00', 16), 'hex'), 'ünique')");
        let Some(Record::Setting(setting)) = store.get(&Key::Setting(name("nonce"))).await.expect("read") else {
            panic!("no setting")
        };
        assert_eq!(setting.value.0, "ünique");
    });
}

/// As the first version of the tables had them. What is changed about the tables has to bring these along.
const ROWS_OF_V1: &str = "
    INSERT INTO spacetime.players VALUES (7, 3, decode(repeat('0a', 16), 'hex'), '2023-11-14 22:13:20.123+00',
        '2024-01-01 00:00:00+00', 'w', 90, -9223372036854775808, 0, 1, '-0', 0.1, 5e-324, '\\x00ff');
    INSERT INTO spacetime.inventories VALUES (7, 2, decode(repeat('00', 16), 'hex'));
    INSERT INTO spacetime.items VALUES (7, 'b', 9223372036854775807, '\\x'), (7, 'B', 1, '\\x01');
    INSERT INTO spacetime.worlds VALUES ('w', 4, decode(repeat('0b', 16), 'hex'), 2, '2023-11-14 22:13:20+00',
        '# ☃', 90, 1, '0.1.0');";

#[test]
fn an_older_row_still_reads() {
    run(async {
        let cluster = migrated(&[]).await;
        let store = store(&cluster).await;
        cluster.sql(ROWS_OF_V1);
        let Some(Record::Player(player)) = store.get(&Key::Player(PersonId(7))).await.expect("read") else {
            panic!("no player")
        };
        assert_eq!((player.rev, player.created.0, player.private.0), (Rev(3), 1_700_000_000_123, vec![0, 255]));
        let place = player.place.expect("a place");
        assert_eq!((place.tick, place.cell), (Tick(90), [i64::MIN, 0, 1]));
        assert_eq!(place.offset_m.map(f64::to_bits), [-0.0_f64, 0.1, 5e-324].map(f64::to_bits));
        let Some(Record::Inventory(inventory)) = store.get(&Key::Inventory(PersonId(7))).await.expect("read") else {
            panic!("no inventory")
        };
        let items: Vec<_> = inventory.items.iter().map(|item| (item.kind.as_str(), item.count)).collect();
        assert_eq!(items, [("B", 1), ("b", i64::MAX as u64)], "names are in the order of their bytes");
        let Some(Record::World(world)) = store.get(&Key::World(name("w"))).await.expect("read") else {
            panic!("no world")
        };
        assert_eq!((world.epoch, world.scenario.0.as_str()), (Epoch(2), "# ☃"));
    });
}

#[test]
fn what_was_damaged_is_not_given_out() {
    run(async {
        let cluster = migrated(&[]).await;
        let store = store(&cluster).await;
        store.commit(&put([Record::World(records::world("w"))])).await.expect("a world");
        let kept =
            [Record::Segment(records::segment("w", 0, 45, 900)), Record::Snapshot(records::snapshot("w", 45, 900))];
        store.commit(&put(kept.clone()).fenced(name("w"), Epoch(1))).await.expect("written");
        let flip = |table: &str, at: u32| {
            let set = format!("payload = set_byte(payload, {at}, get_byte(payload, {at}) # 1)");
            cluster.sql(&format!("UPDATE spacetime.{table} SET {set}"));
        };
        for (record, table) in kept.iter().zip(["segments", "snapshots"]) {
            for at in [0, 450, 899] {
                flip(table, at);
                let read = store.get(&record.key()).await;
                assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
                flip(table, at);
                assert_eq!(store.get(&record.key()).await.expect("mended").as_ref(), Some(record));
            }
            cluster.sql(&format!("UPDATE spacetime.{table} SET digest = digest # 1"));
            let read = store.get(&record.key()).await;
            assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
            let mut copy = store.copy(&[record.kind()]).await.expect("a copy");
            assert!(matches!(copy.recv().await, Some(Err(StoreError::Corrupt(_)))));
        }
    });
}

#[test]
fn what_is_removed_leaves_nothing() {
    run(async {
        let cluster = migrated(&[]).await;
        let store = store(&cluster).await;
        let kept: Vec<Record> =
            records::one_of_each().into_iter().filter(|record| record.key().world().is_none()).collect();
        store.commit(&put(kept.clone())).await.expect("written");
        let all = "SELECT sum((xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM spacetime.' || relname, \
                   true, true, '')))[1]::text::int) FROM pg_class WHERE relnamespace = 'spacetime'::regnamespace \
                   AND relkind = 'r' AND relname <> 'schema_history'";
        assert_ne!(cluster.sql(all), "0");
        let gone = kept.iter().map(|record| Change::Remove(record.key(), None)).collect();
        store.commit(&persistence::Batch::new(gone).expect("a batch")).await.expect("removed");
        assert_eq!(cluster.sql(all), "0", "parts go with what they are parts of");
    });
}
