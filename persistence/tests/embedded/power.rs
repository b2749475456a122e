//! Cuts of the power, full disks and flipped bits: nothing acknowledged is lost, nothing is half applied, nothing panics.

use std::panic::AssertUnwindSafe;

use persistence::{Batch, Embedded, Epoch, Health, Key, Kind, PersonId, Query, Record, Scope, Store, StoreError, Tick};
use persistence_testkit::records::{self, name};
use persistence_testkit::suite;
use tokio::runtime::Runtime;

use crate::disk::Disk;

fn scale() -> u64 {
    std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

/// A stream of numbers by a seed: SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// The `n`-th thing that is written: two records that belong together, and a piece of a log.
fn step(n: u64) -> Batch {
    let bytes = usize::try_from(n * 37 % 3000).expect("small");
    let player = Record::Player(records::player(1, n, bytes));
    let inventory = Record::Inventory(records::inventory(1, n, n % 7));
    let segment = Record::Segment(records::segment("w", (n - 1) * 45, 45, bytes * 2));
    Batch::put([player, inventory, segment]).expect("a batch").fenced(name("w"), Epoch(1))
}

/// How many steps the store has, all of them whole.
async fn steps(store: &Embedded) -> u64 {
    let player = match store.get(&Key::Player(PersonId(1))).await.expect("read") {
        Some(Record::Player(player)) => player.rev.0,
        _ => 0,
    };
    let inventory = match store.get(&Key::Inventory(PersonId(1))).await.expect("read") {
        Some(Record::Inventory(inventory)) => inventory.rev.0,
        _ => 0,
    };
    let segments = store.keys(&Query::of(Kind::Segment).within(Scope::World(name("w")))).await.expect("listed");
    assert_eq!((player, inventory), (segments.len() as u64, segments.len() as u64), "a step is half there");
    let ticks: Vec<Key> = (0..player).map(|n| Key::Segment(name("w"), Tick(n * 45))).collect();
    assert_eq!(segments, ticks);
    for key in &ticks {
        store.get(key).await.expect("read");
    }
    player
}

/// One disk through some cuts of the power. Gives how many steps it survived, and how many cuts came while something was
/// being written.
fn survive(runtime: &Runtime, seed: u64) -> (u64, u64) {
    let (mut random, disk) = (Random(seed), Disk::default());
    let (mut acknowledged, mut cut_short) = (0, 0);
    // A file is made under another name and gets its own once it is whole, so no cut comes while there is none.
    disk.open().expect("a new store").close();
    for _ in 0..3 {
        disk.power_on(Some(random.below(250)));
        runtime.block_on(async {
            let Ok(store) = disk.open() else { return };
            let world = Batch::put([Record::World(records::world("w"))]).expect("a batch");
            match store.commit(&world).await {
                Ok(()) | Err(StoreError::Conflict(_)) => {}
                Err(_) => return,
            }
            let mut next = steps_or_cut(&store).await.unwrap_or(u64::MAX - 1).saturating_add(1);
            for _ in 0..12 {
                match store.commit(&step(next)).await {
                    Ok(()) => acknowledged = next,
                    Err(_) => {
                        cut_short += 1;
                        return;
                    }
                }
                next += 1;
            }
        });
        let share = 1 + random.below(4);
        disk.lose_power(|| random.below(4) < share);
        let found = runtime.block_on(async { steps(&disk.open().expect("it opens after a cut")).await });
        assert!(found == acknowledged || found == acknowledged + 1, "{found} steps, {acknowledged} acknowledged");
        acknowledged = found;
    }
    (acknowledged, cut_short)
}

/// How many steps the store has, unless the power goes meanwhile.
async fn steps_or_cut(store: &Embedded) -> Option<u64> {
    match store.get(&Key::Player(PersonId(1))).await {
        Ok(Some(Record::Player(player))) => Some(player.rev.0),
        Ok(_) => Some(0),
        Err(_) => None,
    }
}

#[test]
fn cuts_of_the_power_lose_nothing_acknowledged() {
    let runtime = suite::runtime();
    let (mut steps, mut cut_short) = (0, 0);
    for seed in 0..1000 * scale() {
        let survived = std::panic::catch_unwind(AssertUnwindSafe(|| survive(&runtime, seed)));
        let (survived, cut) = survived.unwrap_or_else(|_| panic!("seed {seed}: see above"));
        steps += survived;
        cut_short += cut;
    }
    assert!(steps > 1000 && cut_short > 300, "{steps} steps and {cut_short} cuts show little");
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let runtime = suite::runtime();
    let disk = Disk::default();
    let store = disk.open().expect("a store");
    runtime.block_on(async {
        store.commit(&Batch::put([Record::World(records::world("w"))]).expect("a batch")).await.expect("written");
        disk.resize(Some(disk.used() + (4 << 20)));
        let (mut next, mut refused) = (1, None);
        let big = |n| {
            let segment = Record::Segment(records::segment("w", n * 45, 45, 200_000));
            Batch::put([segment]).expect("a batch").fenced(name("w"), Epoch(1))
        };
        while refused.is_none() {
            assert!(next < 1000, "the disk never fills up");
            match store.commit(&big(next)).await {
                Ok(()) => next += 1,
                Err(error) => refused = Some(error),
            }
        }
        assert!(matches!(refused, Some(StoreError::DiskFull(_))), "{refused:?}");
        assert!(next > 2, "nothing was written before");
        let kept = store.keys(&Query::of(Kind::Segment)).await.expect("reading goes on");
        assert_eq!(kept.len() as u64, next - 1);
        // There is room again, and nothing has to be restarted for it.
        disk.resize(None);
        store.commit(&big(next)).await.expect("written");
        assert!(matches!(store.health().await, Health::Well { .. }));
    });
}

#[test]
fn a_flipped_bit_is_refused_or_does_not_matter() {
    let runtime = suite::runtime();
    let disk = Disk::default();
    {
        let store = disk.open().expect("a store");
        runtime.block_on(async {
            store.commit(&Batch::put([Record::World(records::world("w"))]).expect("a batch")).await.expect("written");
            for n in 1..20 {
                store.commit(&step(n)).await.expect("written");
            }
        });
    }
    let wanted = runtime.block_on(async { everything(&disk.open().expect("opens")).await.expect("it is whole") });
    let (mut random, mut refused) = (Random(7), 0);
    // The panics that redb may have on a damaged file are errors by the time they are out; their messages help nobody.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for _ in 0..400 * scale() {
        let (byte, bit) = (random.below(disk.used()) as usize, (random.below(8)) as u8);
        disk.flip(byte, bit);
        let found = match disk.open() {
            Ok(store) => runtime.block_on(everything(&store)),
            Err(error) => Err(error),
        };
        match found {
            Ok(found) => assert_eq!(found, wanted, "bit {bit} of byte {byte} changed what is read"),
            Err(_) => refused += 1,
        }
        disk.flip(byte, bit);
    }
    std::panic::set_hook(hook);
    assert!(refused > 5, "{refused} flips were refused: they hit nothing");
}

async fn everything(store: &Embedded) -> Result<Vec<Record>, StoreError> {
    let mut copy = store.copy(&Kind::ALL).await?;
    let mut records = Vec::new();
    while let Some(record) = copy.recv().await {
        records.push(record?);
    }
    Ok(records)
}
