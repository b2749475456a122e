//! The journal and the guard over a store that fails, hangs and loses its answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persistence::{
    Batch, BreakerConfig, Digest, Embedded, Epoch, Guarded, Health, Journal, Key, Kind, Limits, Mark, Patience,
    PersonId, Phase, Query, Record, Rejected, Rev, Store, StoreError, Tick, Ticket,
};
use persistence_testkit::records::{self, name};
use persistence_testkit::suite;
use persistence_testkit::switched::{Switch, Switched};
use tempfile::TempDir;
use tokio::runtime::Handle;

const LIMITS: Limits = Limits { bytes: 1 << 20, batches: 40 };

async fn switched() -> (TempDir, Arc<Switched>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Embedded::open(&folder.path().join("store.redb")).expect("a store");
    store.commit(&Batch::put([Record::World(records::world("w"))]).expect("a batch")).await.expect("a world");
    (folder, Switched::new(Arc::new(store)))
}

fn segment(n: u64, epoch: u64) -> (Batch, Option<Mark>) {
    let segment = records::segment("w", n * 45, 45, 300);
    let mark = Mark { tick: segment.end(), digest: segment.digest };
    (Batch::put([Record::Segment(segment)]).expect("a batch").fenced(name("w"), Epoch(epoch)), Some(mark))
}

async fn segments(store: &dyn Store) -> usize {
    store.keys(&Query::of(Kind::Segment)).await.expect("listed").len()
}

#[test]
fn whoever_offers_never_waits_and_nothing_taken_is_lost() {
    suite::runtime().block_on(async {
        let (_folder, store) = switched().await;
        let journal = Journal::start(store.clone(), LIMITS, &Handle::current());
        store.set(Switch::Fails(StoreError::Unavailable("gone".to_owned())));
        let (mut taken, mut slowest) = (0, Duration::ZERO);
        let full = loop {
            let (batch, mark) = segment(taken, 1);
            let began = Instant::now();
            let offered = journal.offer(batch, mark);
            slowest = slowest.max(began.elapsed());
            match offered {
                Ok(ticket) => {
                    taken += 1;
                    assert_eq!(ticket, Ticket(taken), "batches are counted");
                }
                Err(full) => break full,
            }
        };
        assert_eq!((full, taken), (Rejected::Full, 40));
        assert!(slowest < Duration::from_millis(100), "{slowest:?}");
        let waiting = journal.drain(Duration::from_millis(200)).await;
        assert_eq!((waiting.batches, waiting.durable, waiting.written), (40, None, Ticket(0)), "{waiting:?}");
        assert_eq!(waiting.trouble, Some(StoreError::Unavailable("gone".to_owned())));
        assert!(waiting.age >= Some(Duration::from_millis(200)) && waiting.bytes > 40 * 300);
        store.set(Switch::Well);
        let drained = journal.drain(Duration::from_secs(5)).await;
        let last = Mark { tick: Tick(40 * 45), digest: Digest((39_u64 * 45).wrapping_mul(0x9e37_79b9_7f4a_7c15)) };
        assert_eq!((drained.batches, drained.bytes, drained.durable), (0, 0, Some(last)));
        assert_eq!((drained.trouble, drained.age, drained.written), (None, None, Ticket(40)));
        assert!(drained.commits < 20, "{} commits: batches that wait are written together", drained.commits);
        assert_eq!(segments(&*store).await, 40);
        let (batch, mark) = segment(taken, 1);
        journal.offer(batch, mark).expect("there is room again");
        assert_eq!(journal.drain(Duration::from_secs(5)).await.durable, mark);
    });
}

#[test]
fn lost_answers_are_found_again() {
    suite::runtime().block_on(async {
        let (_folder, store) = switched().await;
        let journal = Journal::start(store.clone(), LIMITS, &Handle::current());
        store.set(Switch::LosesAnswers);
        let player = Batch::put([Record::Player(records::player(1, 1, 10))]).expect("a batch");
        journal.offer(player, None).expect("room");
        let waiting = journal.drain(Duration::from_millis(200)).await;
        assert_eq!(waiting.batches, 1, "what nobody confirmed is not taken for done");
        assert!(matches!(waiting.trouble, Some(StoreError::Unknown(_))));
        // It was written all along; the same batch again is known by its name.
        store.set(Switch::Well);
        assert_eq!(journal.drain(Duration::from_secs(5)).await.batches, 0);
        let found = store.get(&Key::Player(PersonId(1))).await.expect("read").and_then(|record| record.rev());
        assert_eq!(found, Some(Rev(1)));
    });
}

#[test]
fn who_does_not_own_the_world_stops_writing() {
    suite::runtime().block_on(async {
        let (_folder, store) = switched().await;
        let journal = Journal::start(store.clone(), LIMITS, &Handle::current());
        let (batch, mark) = segment(0, 7);
        journal.offer(batch, mark).expect("room");
        let backlog = journal.drain(Duration::from_secs(5)).await;
        assert!(matches!(backlog.over, Some(StoreError::Fenced { .. })), "{backlog:?}");
        assert_eq!(backlog.durable, None);
        let (batch, mark) = segment(1, 7);
        assert!(matches!(journal.offer(batch, mark), Err(Rejected::Over(StoreError::Fenced { .. }))));
        assert_eq!(segments(&*store).await, 0);
    });
}

const BREAKER: BreakerConfig =
    BreakerConfig { failures: 3, open: Duration::from_millis(600), open_max: Duration::from_millis(1200), trials: 2 };
/// Long enough for a real disk under load.
const PATIENCE: Patience = Patience { read: Duration::from_millis(500), commit: Duration::from_millis(500) };

#[test]
fn the_breaker_sheds_load_and_closes_by_itself() {
    suite::runtime().block_on(async {
        let (_folder, store) = switched().await;
        let guarded = Guarded::new(store.clone(), BREAKER, PATIENCE);
        let key = Key::World(name("w"));
        store.set(Switch::Late(Duration::from_secs(10)));
        for _ in 0..2 {
            assert_eq!(guarded.get(&key).await, Err(StoreError::TimedOut(PATIENCE.read)));
        }
        assert_eq!(guarded.guarding().phase, Phase::Closed, "one failure fewer than it takes");
        assert_eq!(guarded.get(&key).await, Err(StoreError::TimedOut(PATIENCE.read)));
        let opened = Instant::now();
        let reached = store.calls();
        while let Err(StoreError::BreakerOpen(_)) = guarded.get(&key).await {
            // Refused at once: nobody waits for a store that does not answer.
            assert!(opened.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let open = opened.elapsed() - PATIENCE.read;
        // To the moment in the breaker's own tests; here as well as a busy machine tells the time.
        assert!((570..=1600).contains(&open.as_millis()), "open for {open:?}, not for 600 ms");
        assert_eq!(store.calls(), reached + 1, "one trial reached the store");
        let began = Instant::now();
        assert!(matches!(guarded.get(&key).await, Err(StoreError::BreakerOpen(_))));
        assert!(began.elapsed() < PATIENCE.read, "refused at once");
        let told = guarded.health().await;
        assert_eq!(told, Health::Ill(StoreError::TimedOut(PATIENCE.read)), "why it opened, not that it did");
        store.set(Switch::Well);
        let healed = Instant::now();
        let mut trials = 0;
        while guarded.guarding().phase != Phase::Closed {
            trials += u32::from(guarded.get(&key).await.is_ok());
            assert!(healed.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(trials, BREAKER.trials);
        let phases: Vec<Phase> = guarded.guarding().transitions.iter().map(|(phase, _)| *phase).collect();
        assert_eq!(phases, [Phase::Open, Phase::HalfOpen, Phase::Open, Phase::HalfOpen, Phase::Closed]);
        assert_eq!(guarded.guarding().failure, None);
        assert!(matches!(guarded.health().await, Health::Well { .. }));
    });
}

#[test]
fn a_commit_without_an_answer_is_unknown_and_callers_mistakes_are_no_failures() {
    suite::runtime().block_on(async {
        let (_folder, store) = switched().await;
        let guarded = Guarded::new(store.clone(), BREAKER, PATIENCE);
        store.set(Switch::Late(Duration::from_secs(10)));
        let player = Batch::put([Record::Player(records::player(1, 1, 10))]).expect("a batch");
        assert!(matches!(guarded.commit(&player).await, Err(StoreError::Unknown(_))));
        store.set(Switch::Well);
        guarded.commit(&player).await.expect("sent again");
        let stale = Batch::put([Record::Player(records::player(1, 1, 9))]).expect("a batch");
        for _ in 0..10 {
            assert!(matches!(guarded.commit(&stale).await, Err(StoreError::Conflict(_))));
        }
        assert_eq!(guarded.guarding().changes, 0);
    });
}

#[test]
fn a_trial_that_its_caller_gives_up_holds_nobody_up() {
    suite::runtime().block_on(async {
        let (_folder, store) = switched().await;
        let patience = Patience { read: Duration::from_millis(200), commit: Duration::from_millis(200) };
        let guarded = Guarded::new(store.clone(), BREAKER, patience);
        let key = Key::World(name("w"));
        store.set(Switch::Late(Duration::from_secs(10)));
        while guarded.guarding().phase == Phase::Closed {
            assert!(guarded.get(&key).await.is_err());
        }
        // Refused at once until one is let through, and that one is not waited for.
        let hasty = || tokio::time::timeout(Duration::from_millis(50), guarded.get(&key));
        while hasty().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let phases: Vec<Phase> = guarded.guarding().transitions.iter().map(|(phase, _)| *phase).collect();
        assert_eq!(phases, [Phase::Open, Phase::HalfOpen, Phase::Open], "it counts as one that failed");
    });
}

#[test]
fn a_call_from_before_the_breaker_opened_is_no_trial() {
    suite::runtime().block_on(async {
        let (_folder, store) = switched().await;
        let breaker = BreakerConfig { open: Duration::from_millis(50), ..BREAKER };
        let patience = Patience { read: Duration::from_secs(30), commit: Duration::from_secs(30) };
        let guarded = Guarded::new(store.clone(), breaker, patience);
        let key = Key::World(name("w"));
        let under_way = || tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>());
        store.set(Switch::Late(Duration::from_secs(20)));
        let mut before = Box::pin(guarded.get(&key));
        tokio::select! {
            found = &mut before => panic!("too early: {found:?}"),
            _ = under_way() => {}
        }
        store.set(Switch::Fails(StoreError::Unavailable("gone".to_owned())));
        while guarded.guarding().phase == Phase::Closed {
            assert!(guarded.get(&key).await.is_err());
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
        store.set(Switch::Late(Duration::from_millis(200)));
        let mut trial = Box::pin(guarded.get(&key));
        tokio::select! {
            found = &mut trial => panic!("too early: {found:?}"),
            _ = under_way() => {}
        }
        assert_eq!(guarded.guarding().phase, Phase::HalfOpen);
        drop(before);
        assert!(trial.await.is_ok());
        assert_eq!(guarded.guarding().phase, Phase::HalfOpen, "nobody gave the trial up");
        store.set(Switch::Well);
        assert!(guarded.get(&key).await.is_ok());
        assert_eq!(guarded.guarding().phase, Phase::Closed, "it and another one went well");
    });
}
