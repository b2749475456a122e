//! The tests that every store passes. Each takes an empty store. [`store_tests!`](crate::store_tests) makes them tests of a
//! program.

use std::sync::Arc;

use persistence::{
    Batch, Change, Conflict, Epoch, Health, Key, Kind, Order, PersonId, Query, Record, Rev, Scope, Store, StoreError,
    Stored, Text, Tick, Token, Verdict, decide,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::model::Model;
use crate::records::{self, name, one_of_each};

/// An empty store.
pub type Empty = Arc<dyn Store>;

/// Makes a test of each case of the suite. `$make` is an async function without arguments that gives a guard and an
/// [`Empty`]; the guard is dropped after the test.
#[macro_export]
macro_rules! store_tests {
    ($make:path) => {
        $crate::store_tests!(
            $make:
            every_kind_comes_back_to_the_bit
            a_batch_is_whole_or_nothing
            revisions_guard_records
            what_is_imported_keeps_its_revision
            what_is_written_once_stays
            removing_is_guarded_too
            a_fence_holds_off_the_old_owner
            invalid_records_are_refused
            a_page_ends_early
            a_copy_is_of_one_moment
            no_update_is_lost
            the_store_does_as_the_model_does
            it_answers_that_it_is_well
        );
    };
    ($make:path: $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                let runtime = $crate::suite::runtime();
                let (guard, store) = runtime.block_on($make());
                runtime.block_on($crate::suite::$case(store));
                drop(guard);
            }
        )*
    };
}

/// A runtime for a test.
///
/// # Panics
/// Where the system gives none.
#[must_use]
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// To the bit: -0 is not 0.
///
/// # Panics
/// Where they differ.
pub fn assert_same(found: Option<&Record>, wanted: &Record) {
    let stored = found.map(|record| Stored { record: record.clone(), batch: Token::default() });
    let verdict = decide(stored.as_ref(), Token::default(), &Change::Import(wanted.clone()));
    assert_eq!(verdict, Verdict::Already, "found {found:?}, wanted {wanted:?}");
}

/// With the worlds that the records of [`records`] are of.
async fn with_worlds(store: &Empty) {
    store.commit(&batch([Record::World(records::world("w"))])).await.expect("a world");
}

fn fenced(changes: Vec<Change>) -> Batch {
    of(changes).fenced(name("w"), Epoch(1))
}

fn of(changes: Vec<Change>) -> Batch {
    Batch::new(changes).expect("a batch")
}

fn batch(records: impl IntoIterator<Item = Record>) -> Batch {
    of(records.into_iter().map(Change::Put).collect())
}

fn put(records: impl IntoIterator<Item = Record>) -> Batch {
    fenced(records.into_iter().map(Change::Put).collect())
}

fn conflict(result: Result<(), StoreError>) -> Conflict {
    match result {
        Err(StoreError::Conflict(conflict)) => conflict,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn every_kind_comes_back_to_the_bit(store: Empty) {
    with_worlds(&store).await;
    let records = one_of_each();
    store.commit(&put(records.clone())).await.expect("written");
    for record in &records {
        assert_same(store.get(&record.key()).await.expect("read").as_ref(), record);
        let page = store.list(&Query::of(record.kind()).first(9)).await.expect("listed");
        assert!(page.records.contains(record) && !page.more, "{record:?}");
        if let Some(next) = records::next(record) {
            store.commit(&put([next.clone()])).await.expect("written again");
            assert_same(store.get(&next.key()).await.expect("read").as_ref(), &next);
        }
    }
    assert_eq!(store.get(&Key::Player(PersonId(77))).await, Ok(None));
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn a_batch_is_whole_or_nothing(store: Empty) {
    let player = |person, rev| Record::Player(records::player(person, rev, 10));
    store.commit(&batch([player(2, 1)])).await.expect("written");
    // The third is refused, whatever came before and comes behind it.
    let third = batch([player(1, 1), Record::Inventory(records::inventory(1, 1, 3)), player(2, 3), player(3, 1)]);
    let refused = conflict(store.commit(&third).await);
    assert_eq!((refused.key, refused.found, refused.wanted), (Key::Player(PersonId(2)), Some(Rev(1)), Some(Rev(3))));
    for key in [Key::Player(PersonId(1)), Key::Inventory(PersonId(1)), Key::Player(PersonId(3))] {
        assert_eq!(store.get(&key).await, Ok(None), "{key:?}");
    }
    let twice = batch([player(5, 1), player(5, 1)]);
    assert!(matches!(store.commit(&twice).await, Err(StoreError::InvalidBatch(_))));
    assert_eq!(store.commit(&of(Vec::new())).await, Ok(()), "nothing to do is done");
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn revisions_guard_records(store: Empty) {
    let player = |rev, bytes| batch([Record::Player(records::player(1, rev, bytes))]);
    assert_eq!(conflict(store.commit(&player(2, 0)).await).found, None, "the first has revision 1");
    let first = player(1, 8);
    store.commit(&first).await.expect("the first");
    store.commit(&first).await.expect("the same batch again is done already");
    assert_eq!(conflict(store.commit(&player(1, 8)).await).found, Some(Rev(1)), "another batch that writes the same");
    assert_eq!(conflict(store.commit(&player(1, 9)).await).found, Some(Rev(1)), "another first");
    store.commit(&player(2, 9)).await.expect("the next");
    assert_eq!(conflict(store.commit(&player(1, 8)).await).found, Some(Rev(2)), "an older one");
    assert_eq!(conflict(store.commit(&player(4, 9)).await).found, Some(Rev(2)), "one is left out");
    let found = store.get(&Key::Player(PersonId(1))).await.expect("read");
    assert_same(found.as_ref(), &Record::Player(records::player(1, 2, 9)));
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn what_is_imported_keeps_its_revision(store: Empty) {
    let import = |rev, bytes| of(vec![Change::Import(Record::Player(records::player(1, rev, bytes)))]);
    store.commit(&import(7, 8)).await.expect("imported");
    store.commit(&import(7, 8)).await.expect("whoever imports the same has nothing to do");
    assert_eq!(conflict(store.commit(&import(8, 8)).await).found, Some(Rev(7)), "an import never overwrites");
    store.commit(&batch([Record::Player(records::player(1, 8, 1))])).await.expect("it goes on from there");
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn what_is_written_once_stays(store: Empty) {
    with_worlds(&store).await;
    let first = Record::Segment(records::segment("w", 0, 45, 100));
    store.commit(&put([first.clone()])).await.expect("written");
    store.commit(&put([first.clone()])).await.expect("done already");
    let other = Record::Segment(records::segment("w", 0, 44, 100));
    assert_eq!(conflict(store.commit(&put([other])).await).wanted, None);
    assert_same(store.get(&first.key()).await.expect("read").as_ref(), &first);
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn removing_is_guarded_too(store: Empty) {
    let key = Key::Player(PersonId(1));
    let remove = |rev| of(vec![Change::Remove(key.clone(), rev)]);
    store.commit(&remove(Some(Rev(1)))).await.expect("what is not there is removed");
    for rev in 1..=2 {
        store.commit(&batch([Record::Player(records::player(1, rev, 1))])).await.expect("written");
    }
    assert_eq!(conflict(store.commit(&remove(Some(Rev(1)))).await).found, Some(Rev(2)));
    store.commit(&remove(Some(Rev(2)))).await.expect("removed");
    assert_eq!(store.get(&key).await, Ok(None));
    store.commit(&batch([Record::Player(records::player(1, 1, 1))])).await.expect("it begins anew");
    store.commit(&remove(None)).await.expect("removed whatever it is");
    let inventory = Record::Inventory(records::inventory(1, 1, 5));
    store.commit(&batch([inventory.clone()])).await.expect("written");
    store.commit(&of(vec![Change::Remove(inventory.key(), None)])).await.expect("removed");
    let mine = Query::of(Kind::Inventory).within(Scope::Person(PersonId(1)));
    assert_eq!(store.keys(&mine).await, Ok(Vec::new()));
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn a_fence_holds_off_the_old_owner(store: Empty) {
    let segment = |tick| Record::Segment(records::segment("w", tick, 45, 10));
    let fence = |tick, epoch| batch([segment(tick)]).fenced(name("w"), Epoch(epoch));
    let nobody = store.commit(&fence(0, 1)).await;
    assert!(matches!(nobody, Err(StoreError::Fenced { found: None, .. })), "{nobody:?}");
    with_worlds(&store).await;
    assert!(matches!(store.commit(&batch([segment(0)])).await, Err(StoreError::InvalidBatch(_))));
    let other = batch([segment(0)]).fenced(name("x"), Epoch(1));
    assert!(matches!(store.commit(&other).await, Err(StoreError::InvalidBatch(_))));
    store.commit(&fence(0, 1)).await.expect("the owner writes");
    let Some(Record::World(world)) = store.get(&Key::World(name("w"))).await.expect("read") else { panic!("no world") };
    let claimed = Record::World(persistence::World { rev: world.rev.next(), epoch: Epoch(2), ..world.clone() });
    store.commit(&batch([claimed.clone()])).await.expect("claimed");
    let late = persistence::World { rev: world.rev.next(), epoch: Epoch(2), build: Text("other".into()), ..world };
    conflict(store.commit(&batch([Record::World(late)])).await);
    let fenced = store.commit(&fence(45, 1)).await;
    assert!(matches!(fenced, Err(StoreError::Fenced { found: Some(Epoch(2)), ours: Epoch(1), .. })), "{fenced:?}");
    assert_eq!(store.get(&segment(45).key()).await, Ok(None));
    store.commit(&fence(45, 2)).await.expect("the new owner writes");
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn invalid_records_are_refused(store: Empty) {
    with_worlds(&store).await;
    let mut bad = Vec::new();
    let mut player = records::player(1, 1, 0);
    player.person = PersonId(0);
    bad.push(Record::Player(player.clone()));
    player.person = PersonId(1 << 63);
    bad.push(Record::Player(player));
    let mut player = records::player(1, 0, 0);
    bad.push(Record::Player(player.clone()));
    player.rev = Rev(1);
    player.place.iter_mut().for_each(|place| place.offset_m[1] = f64::NAN);
    bad.push(Record::Player(player));
    let mut segment = records::segment("w", 0, 45, 10);
    segment.payload[3] ^= 1;
    bad.push(Record::Segment(segment));
    bad.push(Record::Segment(records::segment("w", u64::MAX >> 1, 45, 10)));
    bad.push(Record::World(persistence::World { scenario: Text("a\0b".into()), ..records::world("z") }));
    let mut inventory = records::inventory(1, 1, 3);
    inventory.items.swap(0, 1);
    bad.push(Record::Inventory(inventory));
    for record in bad {
        let refused = store.commit(&put([record.clone()])).await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{record:?}: {refused:?}");
        assert_eq!(store.get(&record.key()).await.ok().flatten(), None);
    }
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn a_page_ends_early(store: Empty) {
    with_worlds(&store).await;
    for tick in 0..5 {
        store.commit(&put([Record::Snapshot(records::snapshot("w", tick, 12 << 20))])).await.expect("written");
    }
    let mut query = Query::of(Kind::Snapshot).within(Scope::World(name("w")));
    let (mut ticks, mut pages) = (Vec::new(), 0);
    loop {
        let page = store.list(&query).await.expect("listed");
        pages += 1;
        ticks.extend(page.records.iter().map(|record| record.key()));
        assert!(page.records.len() <= 4, "a page is too heavy");
        let Some(last) = page.records.last().filter(|_| page.more) else { break };
        query = query.beyond(last.key());
    }
    assert_eq!(ticks, (0..5).map(|tick| Key::Snapshot(name("w"), Tick(tick))).collect::<Vec<_>>());
    assert!(pages >= 2);
    let last = store.list(&query.clone().down().first(1)).await.expect("listed");
    assert!(last.records.len() == 1 && last.more);
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn a_copy_is_of_one_moment(store: Empty) {
    // 60 units are always shared by two people; each writing moves one.
    let share = |person, rev, count| {
        Record::Inventory(persistence::Inventory {
            person: PersonId(person),
            rev: Rev(rev),
            items: vec![persistence::Item { kind: name("unit"), count, data: Vec::new() }],
        })
    };
    // In between there is enough that a copy takes a while.
    let others: Vec<Record> = (10..500).map(|n| Record::Inventory(records::inventory(n, 1, 2))).collect();
    store.commit(&batch(others)).await.expect("written");
    store.commit(&batch([share(1, 1, 31), share(900, 1, 29)])).await.expect("written");
    let writing = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for rev in 2..40 {
                let odd = rev % 2;
                let batch = batch([share(1, rev, 30 + odd), share(900, rev, 30 - odd)]);
                store.commit(&batch).await.expect("written");
            }
        }
    });
    for _ in 0..5 {
        let mut copy = store.copy(&[Kind::Inventory]).await.expect("copied");
        let (mut units, mut records) = (0, 0);
        while let Some(record) = copy.recv().await {
            let Record::Inventory(inventory) = record.expect("read") else { panic!("another kind") };
            units += inventory.items.iter().filter(|i| i.kind == name("unit")).map(|i| i.count).sum::<u64>();
            records += 1;
        }
        assert_eq!((units, records), (60, 492));
    }
    writing.await.expect("the writer");
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn no_update_is_lost(store: Empty) {
    const TASKS: u64 = 6;
    const TIMES: u64 = 15;
    store.commit(&batch([Record::Player(records::player(1, 1, 0))])).await.expect("written");
    let tasks = (0..TASKS).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..TIMES {
                loop {
                    let key = Key::Player(PersonId(1));
                    let Some(Record::Player(player)) = store.get(&key).await.expect("read") else { panic!("gone") };
                    let next = Record::Player(records::player(1, player.rev.0 + 1, 0));
                    // Two may want to write the very same: one of them has to try again.
                    match store.commit(&batch([next])).await {
                        Ok(()) => break,
                        Err(StoreError::Conflict(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for task in tasks {
        task.await.expect("a task");
    }
    let Some(Record::Player(player)) = store.get(&Key::Player(PersonId(1))).await.expect("read") else {
        panic!("gone")
    };
    assert_eq!(player.rev, Rev(1 + TASKS * TIMES));
}

/// What is done to a store and to the model.
#[derive(Clone, Debug)]
enum Deed {
    Write(Vec<Change>),
    Again,
    List(Query),
    Copy(Vec<Kind>),
}

fn any_change() -> impl Strategy<Value = Change> {
    (records::any_record(), 0..5_u8).prop_map(|(record, what)| match what {
        4 => Change::Import(records::next(&record).unwrap_or(record)),
        0 => Change::Remove(record.key(), None),
        1 => Change::Remove(record.key(), Some(Rev(1))),
        2 => Change::Put(records::next(&record).unwrap_or(record)),
        _ => Change::Put(record),
    })
}

fn any_query() -> impl Strategy<Value = Query> {
    let kind = proptest::sample::select(&Kind::ALL[..]);
    let beyond = proptest::option::of(records::any_record());
    (kind, beyond, 0..3_u8, 0..5_u64, any::<bool>(), 0..8_usize).prop_map(|(kind, beyond, scope, who, up, limit)| {
        let beyond = beyond.map(|record| record.key());
        let kind = beyond.as_ref().map_or(kind, Key::kind);
        let scope = match scope {
            0 => Scope::All,
            1 => Scope::Person(PersonId(who + 1)),
            _ => Scope::World(if who == 0 { name("x0") } else { name("w") }),
        };
        let order = if up { Order::Up } else { Order::Down };
        Query { kind, scope, beyond, order, limit }
    })
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => proptest::collection::vec(any_change(), 1..6).prop_map(Deed::Write),
        1 => Just(Deed::Again),
        4 => any_query().prop_map(Deed::List),
        1 => proptest::sample::subsequence(&Kind::ALL[..], 0..4).prop_map(Deed::Copy),
    ]
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn the_store_does_as_the_model_does(store: Empty) {
    let mut model = Model::default();
    let world = batch([Record::World(records::world("w"))]);
    store.commit(&world).await.expect("a world");
    model.commit(&world).expect("a world");
    let scale: usize = std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut last = world;
    let (mut written, mut listed) = (0, 0);
    for _ in 0..300 * scale {
        let deed = any_deed().new_tree(&mut runner).expect("a deed").current();
        match deed {
            Deed::Write(changes) => {
                last = fenced(changes);
                // Of many changes some are refused nearly always; those of one record each are written more often.
                let parts = last.changes.clone().into_iter().map(|change| fenced(vec![change]));
                for batch in std::iter::once(last.clone()).chain(parts) {
                    let wanted = model.commit(&batch);
                    let found = store.commit(&batch).await;
                    assert_eq!(found.is_ok(), wanted.is_ok(), "{found:?} {wanted:?} {batch:?}");
                    if let (Err(StoreError::Conflict(found)), Err(StoreError::Conflict(wanted))) = (&found, &wanted)
                        && batch.changes.len() == 1
                    {
                        assert_eq!(found, wanted);
                    }
                    written += usize::from(wanted.is_ok());
                }
            }
            Deed::Again => {
                assert_eq!(store.commit(&last).await.is_ok(), model.commit(&last).is_ok(), "{last:?}");
            }
            Deed::List(query) => {
                let wanted = model.list(&query);
                let page = store.list(&query).await.expect("listed");
                assert_eq!(page.records.len(), wanted.len(), "{query:?}");
                page.records.iter().zip(&wanted).for_each(|(found, wanted)| assert_same(Some(found), wanted));
                let keys: Vec<Key> = wanted.iter().map(Record::key).collect();
                assert_eq!(store.keys(&query).await, Ok(keys), "{query:?}");
                let all = model.list(&Query { limit: usize::MAX, ..query }).len();
                assert_eq!(page.more, all > wanted.len());
                listed += wanted.len();
            }
            Deed::Copy(kinds) => {
                let mut copy = store.copy(&kinds).await.expect("copied");
                for wanted in model.copy(&kinds) {
                    assert_same(copy.recv().await.expect("one more").ok().as_ref(), &wanted);
                }
                assert_eq!(copy.recv().await, None);
            }
        }
    }
    assert!(written > 100 && listed > 50, "{written} written, {listed} listed: the deeds test nothing");
}

#[expect(missing_docs, reason = "a case says what it shows by its name")]
pub async fn it_answers_that_it_is_well(store: Empty) {
    let health = store.health().await;
    assert!(matches!(health, Health::Well { .. }), "{health:?}");
}
