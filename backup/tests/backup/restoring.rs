//! Restores: record by record, at a tick, from the second folder, and never half or over something.

use backup::repository::Repository;
use backup::restore::{RestoreError, What, restore};
use backup::take::take;
use persistence::people::{MasterKey, Vault};
use persistence::{Batch, Digest, Epoch, Key, PersonId, Record, Rev, Store, StoreError, Tick};
use persistence_testkit::records::{self, name};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::support::{NOW, Place, SEGMENT_TICKS, all, fly, import, main_name, open, resume, store_with_each, wait};

#[test]
fn any_store_comes_back_record_by_record() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..6 {
        let place = Place::new();
        let mut found =
            proptest::collection::vec(records::any_record(), 0..60).new_tree(&mut runner).unwrap().current();
        found.retain(|record| record.key() != Key::World(name("w")));
        found.sort_by_key(Record::key);
        found.dedup_by_key(|record| record.key());
        wait(async {
            let store = open(&place.path("store"));
            let mut world = records::world("w");
            (world.rev, world.epoch) = (Rev(77), Epoch(9));
            import(&*store, vec![Record::World(world)]).await;
            import(&*store, found).await;
            let written = all(&*store).await;
            let repository = Repository::new(place.path("r1"));
            take(&*store, &main_name(), &place.key(), NOW, std::slice::from_ref(&repository)).await.unwrap();
            let entry = repository.find_at(&main_name(), NOW).unwrap();
            let to = place.path("restored");
            restore(&entry, &place.key(), &to, &What::Whole, async |_| Ok(0)).await.unwrap();
            assert_eq!(all(&*open(&to)).await, written);
        });
    }
}

/// At every tick around the ends of segments and saves: the state is the one of then, and the log ends there.
#[test]
fn a_world_comes_back_at_any_tick() {
    let place = Place::new();
    let (flight, rest) = wait(async {
        let store = open(&place.path("store"));
        import(&*store, vec![Record::World(records::world("w"))]).await;
        import(&*store, records::one_of_each()).await;
        let flight = fly(&*store, 5 * SEGMENT_TICKS + 7).await;
        let rest = others(&all(&*store).await);
        (flight, rest)
    });
    place.must("now --store store");
    let last = flight.digests.len() as u64;
    for tick in [0, 1, 39, 40, 41, 119, 120, 121, 150, last - 1, last] {
        let to = format!("at-{tick}");
        let out = place.must(&format!("restore latest --to {to} --world flown --tick {tick} --erasures-later"));
        assert!(out.contains(&format!("world flown: up to tick {tick}, digest")), "{out}");
        wait(async {
            let store = open(&place.path(&to));
            let simulation = resume(&*store, "flown", tick).await;
            assert_eq!(simulation.tick().0, tick);
            if let Some(before) = tick.checked_sub(1) {
                assert_eq!(simulation.digest().total, flight.digests[before as usize], "{tick}");
            }
            let found = all(&*store).await;
            assert_eq!(others(&found), rest, "{tick}");
            for record in &found {
                match record {
                    Record::Segment(piece) if piece.world == name("flown") => assert!(piece.end().0 <= tick),
                    Record::Snapshot(save) if save.world == name("flown") => assert!(save.tick.0 <= tick),
                    _ => {}
                }
            }
            // Whoever had the world before is shut out.
            let Some(Record::World(world)) = store.get(&Key::World(name("flown"))).await.unwrap() else { panic!() };
            assert_eq!((world.epoch, world.rev), (Epoch(4), Rev(2)));
            let old = records::segment("flown", tick, 1, 1);
            let batch = Batch::put([Record::Segment(old)]).unwrap().fenced(name("flown"), Epoch(3));
            assert!(matches!(store.commit(&batch).await, Err(StoreError::Fenced { .. })));
        });
    }
    for (line, why) in [
        (format!("--world flown --tick {}", last + 1), format!("ends at tick {last}")),
        ("--world gone --tick 0".to_owned(), "has no world gone".to_owned()),
        ("--world w --tick 60".to_owned(), "ends at tick 0".to_owned()),
    ] {
        let (code, _, error) = place.run(&format!("restore latest --to none {line} --erasures-later"));
        assert_eq!(code, 2);
        assert!(error.contains(&why), "{error}");
        assert!(!place.path("none").exists());
    }
}

/// All that is not of the world that was flown.
fn others(records: &[Record]) -> Vec<Record> {
    let of_it = |record: &Record| {
        record.key() == Key::World(name("flown")) || record.key().world().is_some_and(|world| *world == name("flown"))
    };
    records.iter().filter(|record| !of_it(record)).cloned().collect()
}

#[test]
fn nothing_is_written_over_and_nothing_is_left_half() {
    let place = Place::new();
    store_with_each(&place.path("store"));
    place.must("now --store store");
    std::fs::write(place.path("there"), "precious").unwrap();
    let (code, _, error) = place.run("restore latest --to there --erasures-later");
    assert_eq!(code, 2);
    assert!(error.contains("is there already"), "{error}");
    assert_eq!(std::fs::read(place.path("there")).unwrap(), b"precious");
    let before = place.names(".");
    // Erasures that cannot be applied: nobody may come back.
    let entry = Repository::new(place.path("r1")).list().unwrap().remove(0);
    let refused =
        wait(restore(&entry, &place.key(), &place.path("new"), &What::Whole, async |_| Err("no keys".into())));
    assert!(matches!(refused, Err(RestoreError::Erasures(_))));
    assert_eq!(place.names("."), before);
    // Erasures see the store before it has its name, and what they do is in it.
    let erase = async |store: std::sync::Arc<dyn Store>| {
        let batch = Batch::new(vec![persistence::Change::Remove(Key::Player(PersonId(1)), None)]);
        store.commit(&batch.unwrap()).await.map(|()| 1).map_err(|e| e.to_string())
    };
    let restored = wait(restore(&entry, &place.key(), &place.path("new"), &What::Whole, erase)).unwrap();
    assert_eq!(restored.erased, 1);
    let store = open(&place.path("new"));
    assert_eq!(wait(store.get(&Key::Player(PersonId(1)))), Ok(None));
    // Without a word about erasures nothing is restored.
    let (code, _, error) = place.run("restore latest --to other");
    assert_eq!(code, 2);
    assert!(error.contains("erased"), "{error}");
}

/// Who was erased after the backup was taken does not come back with it.
#[test]
fn an_older_backup_does_not_bring_the_erased_back() {
    let place = Place::new();
    store_with_each(&place.path("store"));
    place.must("now --store store");
    std::fs::copy(place.path("key"), place.path("master")).unwrap();
    // One in which the service never made a key is not the service's.
    open(&place.path("keys")).close();
    let (code, _, error) = place.run("restore latest --to other --keys keys --master-key-file master");
    assert!(code == 2 && error.contains("key") && !place.path("other").exists(), "{error}");
    wait(async {
        let keys = open(&place.path("keys"));
        let master = MasterKey::from_file(&place.path("master")).unwrap();
        Vault::open(keys.clone(), master).await.unwrap();
        let at = NOW;
        import(&*keys, vec![Record::Erasure(persistence::Erasure { person: PersonId(1), at })]).await;
        keys.close();
    });
    let out = place.must("restore latest --to restored --keys keys --master-key-file master");
    assert!(out.contains("1 people were erased again"), "{out}");
    let store = open(&place.path("restored"));
    let found = wait(all(&*store));
    let is_theirs = |record: &&Record| record.people().contains(&Some(PersonId(1)));
    let left: Vec<&str> = found.iter().filter(is_theirs).map(|record| record.kind().name()).collect();
    assert_eq!(left, ["seat", "trade", "audit"], "under a number that says nothing");
    let (code, _, error) = place.run("restore latest --to other --keys none --master-key-file master");
    assert_eq!(code, 2);
    assert!(error.contains("no such file") && !place.path("other").exists() && !place.path("none").exists(), "{error}");
}

#[test]
fn the_second_folder_helps_out() {
    let place = Place::new();
    let written = store_with_each(&place.path("store"));
    place.must("now --store store --repo2 r2");
    let first = &place.backups("r1")[0];
    let mut bytes = std::fs::read(first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(first, bytes).unwrap();
    let (code, _, error) = place.run("restore latest --to alone --erasures-later");
    assert_eq!(code, 2);
    assert!(error.contains("damaged"), "{error}");
    place.must("restore latest --to restored --repo2 r2 --erasures-later");
    assert_eq!(wait(all(&*open(&place.path("restored")))), written);
    std::fs::remove_dir_all(place.path("r1")).unwrap();
    place.must("restore --at 2999-01-01T00:00:00Z --to again --repo2 r2 --erasures-later");
    assert_eq!(wait(all(&*open(&place.path("again")))), written);
}

/// A log that was not what the world did is found by simulating it again, and by nothing else.
#[test]
fn deep_verification_simulates_every_world_again() {
    let place = Place::new();
    let flight = wait(async { fly(&*open(&place.path("store")), 3 * SEGMENT_TICKS + 5).await });
    place.must("now --store store");
    let out = place.must("verify --deep");
    assert!(out.contains("world flown: 125 ticks and 2 saves are as they were recorded"), "{out}");
    wait(async {
        let store = open(&place.path("store"));
        let key = Key::Segment(name("flown"), Tick(SEGMENT_TICKS));
        let Some(Record::Segment(mut piece)) = store.get(&key).await.unwrap() else { panic!() };
        let range = SEGMENT_TICKS as usize..2 * SEGMENT_TICKS as usize;
        let mut digests = flight.digests[range.clone()].to_vec();
        digests[11] ^= 1;
        piece.payload = sim::recording::pack_segment(&flight.frames[range], &digests).unwrap();
        piece.digest = Digest(*digests.last().unwrap());
        let remove = Batch::new(vec![persistence::Change::Remove(key, None)]).unwrap().fenced(name("flown"), Epoch(3));
        store.commit(&remove).await.unwrap();
        import(&*store, vec![Record::Segment(piece.hashed())]).await;
    });
    std::fs::remove_dir_all(place.path("r1")).unwrap();
    place.must("now --store store");
    place.must("verify");
    let (code, _, error) = place.run("verify --deep");
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("tick 52 has another digest"), "{error}");
}
