//! The server is killed at random moments while batches are written: what was acknowledged is there, and nothing by halves.

use std::sync::Arc;
use std::time::Duration;

use persistence::{Batch, Postgres, PostgresConfig, Record, Store};
use persistence_testkit::records;

use crate::common::{app, migrated, put, recovery, run, scale};

/// People whose records one batch writes.
const PEOPLE: u64 = 40;
const WRITERS: u64 = 2;

fn batch(writer: u64, rev: u64) -> Batch {
    let people = writer * PEOPLE + 1..=(writer + 1) * PEOPLE;
    let player = |person| Record::Player(records::player(person, rev, 200));
    let inventory = |person| Record::Inventory(records::inventory(person, rev, 1 + rev % 3));
    put(people.flat_map(|person| [player(person), inventory(person)]))
}

/// Writes one revision after the other until there is an error; gives back the last batch, which may be there or not.
async fn write(store: Arc<Postgres>, writer: u64, mut rev: u64) -> (u64, Batch) {
    loop {
        let batch = batch(writer, rev);
        if store.commit(&batch).await.is_err() {
            return (rev, batch);
        }
        rev += 1;
    }
}

#[test]
fn what_was_acknowledged_survives_the_server() {
    run(async {
        let mut cluster = migrated(&[]).await;
        let config = PostgresConfig { connections_min: 1, connections_max: 4, ..app(&cluster) };
        let store = Arc::new(Postgres::connect(config).await.expect("a store"));
        let mut revs = [1_u64; 2];
        let (mut moment, mut unknown, mut written) = (0x2545_f491_4f6c_dd1d_u64, 0, 0);
        for trial in 0..20 * scale() {
            let writers =
                (0..WRITERS).zip(revs).map(|(writer, rev)| tokio::spawn(write(Arc::clone(&store), writer, rev)));
            let writers: Vec<_> = writers.collect();
            moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            tokio::time::sleep(Duration::from_micros(5_000 + (moment >> 33) % 120_000)).await;
            cluster.kill();
            let mut last = Vec::new();
            for writer in writers {
                last.push(writer.await.expect("a writer"));
            }
            cluster.restart();
            for (writer, (rev, batch)) in last.into_iter().enumerate() {
                let (from, to) = (writer as u64 * PEOPLE, (writer as u64 + 1) * PEOPLE);
                let found = cluster.sql(&format!(
                    "SELECT count(*), coalesce(min(rev), 0), coalesce(max(rev), 0), coalesce(sum(parts), 0) FROM (SELECT \
                     person, rev, 0 AS parts FROM spacetime.players UNION ALL SELECT person, rev, (SELECT count(*) FROM \
                     spacetime.items i WHERE i.person = v.person) FROM spacetime.inventories v) a \
                     WHERE person > {from} AND person <= {to}"
                ));
                // All of the last acknowledged one, or all of the one after it.
                let whole = |rev: u64| match rev {
                    0 => "0|0|0|0".to_owned(),
                    rev => format!("{}|{rev}|{rev}|{}", 2 * PEOPLE, PEOPLE * (1 + rev % 3)),
                };
                assert!(found == whole(rev - 1) || found == whole(rev), "trial {trial}: {found}, {rev} was on its way");
                unknown += u32::from(found == whole(rev));
                recovery(&*store).await;
                store.commit(&batch).await.expect("whatever became of it, it is there now");
                written += rev + 1 - revs[writer];
                revs[writer] = rev + 1;
            }
        }
        println!("{} trials, {written} batches, {unknown} of those without an answer were there", 20 * scale());
        assert!(written > 20 * u64::from(scale()), "{written} batches test nothing");
    });
}
