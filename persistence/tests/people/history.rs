//! What is removed of a world's past: whatever stays of its log can be had from a save that stays.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use persistence::people::{History, Periods, Thinned};
use persistence::{
    Batch, Epoch, Key, Kind, Millis, Name, Query, Record, Scope, Segment, Snapshot, Store, StoreError, Tick,
};
use persistence_testkit::hooked::{Hooked, Hooks};
use persistence_testkit::records;
use persistence_testkit::trades::mix;

use crate::faulty::{Fault, Faulty, Plan};
use crate::rig::{NOW, Rig, name};

const HOUR: u64 = 3_600_000;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A world whose ticks are a minute each, so that days are few records.
struct Past {
    world: Name,
    store: Arc<dyn Store>,
    history: History,
}

impl Past {
    async fn new(rig: &Rig, world: &str) -> Self {
        rig.put([Record::World(records::world(world))]).await;
        Self { world: name(world), store: Arc::clone(&rig.store), history: Self::unread(&name(world)) }
    }

    fn unread(world: &Name) -> History {
        History::new(world.clone(), Epoch(1))
    }

    async fn put(&self, all: Vec<Record>) {
        let batch = Batch::put(all).unwrap().fenced(self.world.clone(), Epoch(1));
        self.store.commit(&batch).await.unwrap();
    }

    fn save(&self, tick: u64, taken: Millis, label: Option<&str>) -> Record {
        let save = records::snapshot(self.world.as_str(), tick, 10);
        Record::Snapshot(Snapshot { taken, label: label.map(name), ..save }.hashed())
    }

    fn piece(&self, first: u64, ticks: u64, written: Millis) -> Record {
        let piece = records::segment(self.world.as_str(), first, u32::try_from(ticks).unwrap(), 10);
        Record::Segment(Segment { written, ..piece }.hashed())
    }

    async fn all(&self, kind: Kind) -> Vec<Record> {
        let query = Query::of(kind).within(Scope::World(self.world.clone())).first(100_000);
        self.store.list(&query).await.unwrap().records
    }

    async fn saves(&self) -> Vec<Snapshot> {
        let all = self.all(Kind::Snapshot).await.into_iter();
        all.filter_map(|r| if let Record::Snapshot(save) = r { Some(save) } else { None }).collect()
    }

    async fn log(&self) -> Vec<Segment> {
        let all = self.all(Kind::Segment).await.into_iter();
        all.filter_map(|r| if let Record::Segment(piece) = r { Some(piece) } else { None }).collect()
    }

    async fn thin(&mut self, periods: &Periods, now: Millis) -> Thinned {
        self.history.thin(&*self.store, periods, now).await.unwrap()
    }

    async fn ticks(&self) -> (Vec<u64>, Vec<u64>) {
        let saves = self.saves().await.iter().map(|save| save.tick.0).collect();
        (saves, self.log().await.iter().map(|piece| piece.first_tick.0).collect())
    }
}

fn periods(days: u32, saves: usize) -> Periods {
    Periods { log: (days > 0).then_some(DAY * days), saves, ..Periods::default() }
}

/// Pieces of the log that no unbroken log leads to from a save.
fn lost(saves: &[Snapshot], log: &[Segment]) -> Vec<u64> {
    let mut reached: BTreeSet<u64> = saves.iter().map(|save| save.tick.0).collect();
    let mut lost = Vec::new();
    for piece in log {
        if reached.contains(&piece.first_tick.0) {
            reached.insert(piece.end().0);
        } else {
            lost.push(piece.first_tick.0);
        }
    }
    lost
}

#[tokio::test]
async fn the_log_goes_up_to_a_save_and_saves_thin_out() {
    let rig = Rig::new().await;
    let mut past = Past::new(&rig, "w").await;
    let begin = NOW.0 - NOW.0 % (24 * HOUR);
    let at = |hour: u64| Millis(begin + hour * HOUR);
    // Five days: a save every six hours, a piece of the log every three; a label at 18 h, a gap from 60 h to 66 h.
    let mut all = Vec::new();
    for hour in (0..=120).step_by(3) {
        if hour % 6 == 0 {
            all.push(past.save(hour, at(hour), (hour == 18).then_some("kept")));
        }
        if !(60..66).contains(&hour) && hour < 120 {
            all.push(past.piece(hour, 3, at(hour + 3)));
        }
    }
    past.put(all).await;
    // For good: the first, the one with a label, the one behind the gap, and the newest two. No log goes.
    let before = past.ticks().await.1;
    let thinned = past.thin(&periods(0, 2), at(120)).await;
    assert_eq!(past.ticks().await, (vec![0, 18, 66, 114, 120], before));
    assert_eq!(thinned, Thinned { saves: 16, segments: 0 });
    assert_eq!(past.thin(&periods(0, 2), at(120)).await, Thinned::default());

    // For two days: the first of each day stays, too.
    let mut past = Past::new(&rig, "two-days").await;
    let mut all = Vec::new();
    for hour in (0..=120).step_by(3) {
        if hour % 6 == 0 {
            all.push(past.save(hour, at(hour), (hour == 18).then_some("kept")));
        }
        if !(60..66).contains(&hour) && hour < 120 {
            all.push(past.piece(hour, 3, at(hour + 3)));
        }
    }
    past.put(all).await;
    // A moment before the save at 66 h is old enough, the one at 60 h is the base.
    let thinned = past.thin(&periods(2, 2), Millis(at(66 + 48).0 - 1)).await;
    let (saves, log) = past.ticks().await;
    assert_eq!(saves, [18, 60, 66, 72, 96, 114, 120]);
    assert_eq!(log, (66..120).step_by(3).collect::<Vec<_>>());
    assert_eq!(thinned, Thinned { saves: 14, segments: 20 });
    // And then that one; it stays, although nothing leads to it.
    past.thin(&periods(2, 2), at(66 + 48)).await;
    assert_eq!(past.ticks().await.0, [18, 66, 72, 96, 114, 120]);
    // A day later: the next one of a day.
    past.thin(&periods(2, 2), at(96 + 48)).await;
    assert_eq!(past.ticks().await, (vec![18, 96, 114, 120], (96..120).step_by(3).collect()));
}

/// A world's life by a seed: what comes in one day.
struct Life {
    seed: u64,
    drawn: u64,
    tick: u64,
    now: u64,
    /// The log leads up to here.
    has_log: bool,
}

impl Life {
    fn draw(&mut self, below: u64) -> u64 {
        self.drawn += 1;
        mix(self.seed.wrapping_mul(1 << 20).wrapping_add(self.drawn)) % below
    }

    /// About a day: saves, pieces, gaps, labels; now and then a clock that was put back.
    fn day(&mut self, past: &Past) -> Vec<Record> {
        let (mut all, end) = (Vec::new(), self.tick + 1440);
        while self.tick < end {
            if !self.has_log || self.draw(4) == 0 {
                let label = (self.draw(8) == 0).then_some("kept");
                let back = if self.draw(12) == 0 { HOUR * self.draw(40) } else { 0 };
                all.push(past.save(self.tick, Millis(self.now - back), label));
                self.has_log = true;
            }
            let ticks = 30 + self.draw(120);
            match self.draw(12) {
                // Nothing of these ticks is in the log; it begins anew with a save.
                0 => self.has_log = false,
                // The log leads to a save, and another one is in the middle of a piece.
                1 => {
                    all.push(past.piece(self.tick, ticks, Millis(self.now)));
                    all.push(past.save(self.tick + ticks / 2, Millis(self.now), None));
                }
                _ => all.push(past.piece(self.tick, ticks, Millis(self.now))),
            }
            self.tick += ticks;
            self.now += ticks * 60_000;
        }
        all
    }
}

/// What was there before a round, and is to be after.
async fn law(past: &Past, before: (Vec<Snapshot>, Vec<Segment>), periods: &Periods, now: Millis, what: &str) {
    let (saves, log) = (past.saves().await, past.log().await);
    assert_eq!(lost(&saves, &log), [0; 0], "{what}: pieces of the log that cannot be had any more");
    let ticks: BTreeSet<u64> = saves.iter().map(|save| save.tick.0).collect();
    let is_kept = |save: &Snapshot| ticks.contains(&save.tick.0);
    assert!(before.0.iter().filter(|save| save.label.is_some()).all(is_kept), "{what}: labels stay");
    let unlabelled = before.0.iter().rev().filter(|save| save.label.is_none());
    assert!(unlabelled.take(periods.saves).all(is_kept), "{what}: the newest stay");
    let from = periods.log.map_or(Millis(0), |log| now.before(log));
    let pieces: BTreeSet<u64> = log.iter().map(|piece| piece.first_tick.0).collect();
    let young = before.1.iter().filter(|piece| piece.written > from);
    assert!(young.clone().all(|piece| pieces.contains(&piece.first_tick.0)), "{what}: what is not old stays");
    if periods.log.is_none() {
        assert_eq!(log, before.1, "{what}: the log is kept for good");
        assert_eq!(before.0.first(), saves.first(), "{what}: the first stays");
    }
}

#[tokio::test]
async fn whatever_stays_of_a_log_can_be_had_again() {
    let rig = Rig::new().await;
    let (mut pieces, mut broken) = (0, 0);
    for seed in 0..12 * scale() {
        let mut past = Past::new(&rig, &format!("w{seed}")).await;
        let mut life = Life { seed, drawn: 0, tick: 0, now: NOW.0, has_log: false };
        let periods = periods(u32::try_from(life.draw(4)).unwrap(), 1 + life.draw(4) as usize);
        for day in 0..6 {
            past.put(life.day(&past)).await;
            let now = Millis(life.now);
            let before = (past.saves().await, past.log().await);
            assert_eq!(lost(&before.0, &before.1), [0; 0], "seed {seed}: as the service leaves it");
            if life.draw(2) == 0 {
                // Cut off at some call; a new process goes on.
                let fault = if life.draw(8) == 0 { Fault::After } else { Fault::Before };
                let plan = Plan::From(life.draw(40), u64::MAX, fault);
                let faulty = Faulty::new(&past.store, plan);
                broken += u64::from(past.history.thin(&*faulty, &periods, now).await.is_err());
                let what = format!("seed {seed}, day {day}, cut off");
                law(&past, (before.0.clone(), before.1.clone()), &periods, now, &what).await;
                past.history = Past::unread(&past.world);
            }
            past.thin(&periods, now).await;
            law(&past, before, &periods, now, &format!("seed {seed}, day {day}")).await;
            assert_eq!(past.thin(&periods, now).await, Thinned::default(), "seed {seed}: once more changes nothing");
            pieces += past.log().await.len();
        }
    }
    assert!(pieces > 500 && broken > 10, "{pieces} pieces, {broken} cut off");
}

/// However often saves are thinned out, the log does not grow beyond a day more than it is to be kept.
#[tokio::test]
async fn the_log_does_not_grow_for_good() {
    let rig = Rig::new().await;
    let mut past = Past::new(&rig, "w").await;
    for hour in 0..24 * 8 {
        let now = Millis(NOW.0 + hour * HOUR);
        past.put(vec![past.save(hour, now, None), past.piece(hour, 1, now)]).await;
        past.thin(&periods(2, 3), now).await;
        let (saves, log) = past.ticks().await;
        assert!(saves.len() <= 3 + 4 && log.len() <= 24 * 3 + 1, "after {hour} h: {saves:?}, {} pieces", log.len());
    }
    assert!(past.ticks().await.1.len() > 24 * 2, "and is there for as long as it should");
}

#[tokio::test]
async fn another_owners_world_is_left_alone() {
    let rig = Rig::new().await;
    let mut past = Past::new(&rig, "w").await;
    past.put((0..5).map(|n| past.save(n, NOW, None)).collect()).await;
    let Some(Record::World(world)) = rig.get(Key::World(name("w"))).await else { panic!("a world") };
    rig.put([Record::World(persistence::World { rev: world.rev.next(), epoch: Epoch(2), ..world })]).await;
    let refused = past.history.thin(&*past.store, &periods(0, 1), NOW).await;
    assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{refused:?}");
    assert_eq!(past.saves().await.len(), 5);
}

/// A world that stood still for longer than its log is kept: its newest saves are all that there is of it.
#[tokio::test]
async fn the_newest_saves_stay_however_old_they_are() {
    let rig = Rig::new().await;
    let mut past = Past::new(&rig, "w").await;
    let mut all: Vec<Record> = (0..6).map(|n| past.save(n, Millis(NOW.0 + n * HOUR), None)).collect();
    all.extend((0..6).map(|n| past.piece(n, 1, Millis(NOW.0 + n * HOUR))));
    past.put(all).await;
    let later = Millis(NOW.0 + 100 * 24 * HOUR);
    assert_eq!(past.thin(&periods(2, 60), later).await, Thinned { saves: 0, segments: 5 });
    assert_eq!(past.thin(&periods(2, 3), later).await, Thinned { saves: 3, segments: 0 });
    assert_eq!(past.ticks().await, (vec![3, 4, 5], vec![5]));
}

/// One record does not read, and what is read is counted.
struct Torn {
    torn: Mutex<(Key, StoreError)>,
    gets: AtomicU64,
}

#[async_trait]
impl Hooks for Torn {
    async fn before_get(&self, _store: &dyn Store, key: &Key) -> Result<(), StoreError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        let (torn, error) = self.torn.lock().unwrap().clone();
        if torn == *key { Err(error) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_save_that_does_not_read_stays_and_holds_nothing_up() {
    let rig = Rig::new().await;
    let past = Past::new(&rig, "w").await;
    past.put((0..8).map(|n| past.save(n, Millis(NOW.0 + n * HOUR), None)).collect()).await;
    let key = Key::Snapshot(name("w"), Tick(5));
    let gone = StoreError::Unavailable("so it was told".to_owned());
    let hooks = Torn { torn: Mutex::new((key, gone)), gets: AtomicU64::new(0) };
    let torn = Hooked { inner: Arc::clone(&past.store), hooks };
    let gets = || torn.hooks.gets.load(Ordering::Relaxed);
    // Old enough are those up to the torn one.
    let now = Millis(NOW.0 + (5 + 48) * HOUR);
    let mut history = Past::unread(&past.world);
    assert!(history.thin(&torn, &periods(2, 1), now).await.is_err());
    assert_eq!(gets(), 6);
    torn.hooks.torn.lock().unwrap().1 = StoreError::Corrupt("so it was told".to_owned());
    history.thin(&torn, &periods(2, 1), now).await.unwrap();
    assert_eq!(gets(), 6 + 3, "what was read is not read again");
    // 4 is the base, and behind the torn one the next stays.
    assert_eq!(past.ticks().await.0, [4, 5, 6, 7]);
    history.thin(&torn, &periods(2, 1), now).await.unwrap();
    assert_eq!((gets(), past.ticks().await.0), (9, vec![4, 5, 6, 7]), "nor is the torn one");
}

/// 1 for a tenth of the full length.
fn scale() -> u64 {
    std::env::var("SPACETIME_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1)
}
