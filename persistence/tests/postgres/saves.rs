//! Players that are saved with a standby that each commit waits for: what was acknowledged is there, to the bit, when the
//! server is killed at once (PERF-026), and in whatever script it was written (FUNC-045).

use std::sync::Arc;

use persistence::people::{MasterKey, People, Profile, Vault};
use persistence::{Embedded, Key, Millis, Postgres, Record, Rev, Setting, Store, Text};
use persistence_testkit::records::{self, name};
use persistence_testkit::suite::assert_same;

use crate::common::{app, migrated, put, recovery, run, scale, store};

/// Kinds of things in a full inventory, as many as are allowed.
const KINDS: u64 = 1024;

fn full(person: u64) -> [Record; 2] {
    [Record::Player(records::player(person, 1, 300)), Record::Inventory(records::inventory(person, 1, KINDS))]
}

#[test]
fn saves_that_were_acknowledged_are_whole_after_a_kill_on_both_servers() {
    run(async {
        let mut primary = migrated(&[]).await;
        let standby = primary.standby("second");
        primary.require("second");
        let writer = store(&primary).await;
        let saves = 20 * u64::from(scale());
        for person in 1..=saves {
            writer.commit(&put(full(person))).await.expect("acknowledged");
        }
        primary.kill();
        primary.restart();
        recovery(&writer).await;
        standby.promote();
        let promoted = Postgres::connect(app(&standby)).await.expect("a store");
        // Ten of them, anywhere.
        for n in 0..10_u64 {
            let person = 1 + persistence_testkit::trades::mix(n) % saves;
            for record in full(person) {
                for store in [&writer, &promoted] {
                    assert_same(store.get(&record.key()).await.expect("it reads").as_ref(), &record);
                }
            }
        }
        let rows = format!("SELECT count(*) = {} FROM spacetime.items", saves * KINDS);
        assert_eq!((primary.sql(&rows), standby.sql(&rows)), ("t".to_owned(), "t".to_owned()));
    });
}

#[test]
fn text_of_any_script_is_the_same_over_another_connection() {
    run(async {
        let (folder, cluster) = (tempfile::tempdir().expect("a folder"), migrated(&[]).await);
        let store: Arc<dyn Store> = Arc::new(store(&cluster).await);
        let texts = ["Ünïcödé", "Привет", "山田 太郎", "שלום عليكم", "नमस्ते", "👩‍🚀🪐", "e\u{301} ≠ é", "a\\b'c\"d\n\t$1"];
        for (n, text) in texts.into_iter().enumerate() {
            let (setting, rev) = (name(&format!("text-{n}")), Rev::FIRST);
            let record = Record::Setting(Setting { name: setting, rev, value: Text(text.to_owned()) });
            store.commit(&put([record.clone()])).await.expect("written");
            let bytes: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            let read = cluster.sql(&format!(
                "SELECT encode(convert_to(value, 'UTF8'), 'hex') FROM spacetime.settings WHERE name = 'text-{n}'"
            ));
            assert_eq!(read, bytes, "{text}");
            assert_eq!(store.get(&record.key()).await, Ok(Some(record)));
        }
        // What is private is sealed in the row, opens to the same, and each save is one revision more.
        let keys = Arc::new(Embedded::open(&folder.path().join("keys.redb")).expect("a store"));
        let vault = Vault::open(keys, MasterKey::random().expect("random numbers")).await.expect("a vault");
        let people = People::new(Arc::clone(&store), Arc::new(vault));
        let extra = (0..).zip(texts).map(|(n, text)| (format!("field {n}"), text.to_owned())).collect();
        let profile = Profile { name: texts[..6].join(" | "), extra, ..Profile::default() };
        let person = people.create(&profile, Millis(1)).await.expect("a person");
        for rev in 1..=3 {
            let found = store.get(&Key::Player(person)).await.expect("read");
            let Some(Record::Player(player)) = found else { panic!("no player") };
            let sealed: String = player.private.0.iter().map(|byte| format!("{byte:02x}")).collect();
            let row = cluster
                .sql(&format!("SELECT rev, encode(private, 'hex') FROM spacetime.players WHERE person = {}", person.0));
            assert_eq!(row, format!("{rev}|{sealed}"));
            assert!(!player.private.0.windows(6).any(|bytes| texts[2].as_bytes().starts_with(bytes)), "in the open");
            assert_eq!(people.read(person).await.expect("read").map(|(_, read)| read), Some(profile.clone()));
            people.save(person, |player, _| player.seen = Millis(rev)).await.expect("saved");
        }
    });
}
