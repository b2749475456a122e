//! What a session asks of a world of 10,000 ships, beside stepping it: keeping a state each turn, going back, a snapshot of an
//! earlier turn, the copy around the own ship and running it ahead. Medians; one thread.
//! `cargo run --release -p app --example session_cost`

use std::sync::Arc;
use std::time::Instant;

use app::session::input::SessionInput;
use app::session::world::{SessionScenario, SimWorld};
use netcode::protocol::{Change, Frame, Hash, Player, Turn};
use netcode::speculation::Neighbourhood;
use netcode::world::World;

/// Rounds of each measurement.
const ROUNDS: usize = 101;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for (name, ticks_per_turn) in [("demo", 3), ("bench-1k", 3), ("bench-10k", 3), ("bench-10k", 1)] {
        pool.install(|| measure(name, ticks_per_turn))?;
    }
    Ok(())
}

fn measure(name: &str, ticks_per_turn: u32) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let text = sim::scenario::shipped().iter().find(|(n, _)| *n == name).ok_or("not shipped")?.1;
    let scenario = SessionScenario::new(text, ticks_per_turn).encode();
    let mut world = SimWorld::empty();
    let installed = median(5, || world.install(&scenario, &[]).is_ok());
    world.keep(None);
    let mut turn = 0;
    let mut run = |world: &mut SimWorld| {
        let changes = if turn == 0 { vec![Change::Join { player: Player(1), role: 1 }] } else { Vec::new() };
        let inputs = vec![(Player(1), SessionInput::default())];
        let frame = Arc::new(Frame { turn: Turn(turn), changes, inputs, chain: Hash::default() });
        world.execute(&frame);
        turn += 1;
        Turn(turn - 1)
    };
    // Longer than states are kept, so that every slot is warm.
    let mut now = Turn(0);
    for _ in 0..200 {
        now = run(&mut world);
        world.keep(Some(now));
        world.take_played(now).for_each(drop);
    }
    let (mut executed, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        executed.push(median(1, || {
            now = run(&mut world);
            world.take_played(now).for_each(drop);
        }));
        // Into the slot of long ago, which no cache holds any more.
        kept.push(median(1, || world.keep(Some(now))));
    }
    let [executed, kept] = [executed, kept].map(middle);
    let snapshot = median(ROUNDS, || world.snapshot());
    let earlier = (0..30).find_map(|back| world.snapshot_at(Some(Turn(now.0 - 10 - back))).map(|_| now.0 - 10 - back));
    let earlier = Turn(earlier.ok_or("no earlier state is kept")?);
    let snapshot_at = median(ROUNDS, || world.snapshot_at(Some(earlier)));
    let copied = median(ROUNDS, || world.near(Player(1)));
    let near = world.near(Player(1));
    let turns_ahead = 12 / ticks_per_turn;
    let ahead = median(ROUNDS, || {
        let mut ahead = near.clone();
        (0..turns_ahead).for_each(|_| ahead.advance(Player(1), &SessionInput::default()));
        ahead.simulation().digest()
    });
    let cloned = median(ROUNDS, || near.clone());
    let back = median(1, || world.roll_back(Some(earlier)));
    println!(
        "{name}, {ticks_per_turn} ticks a turn, {} entities\n  \
         install {installed:.3} ms; a turn {executed:.3} ms, keeping its state {kept:.3} ms; going back {back:.3} ms\n  \
         snapshot {snapshot:.3} ms, of an earlier turn {snapshot_at:.3} ms; kept states {:.1} MB\n  \
         copy around the own ship {copied:.3} ms ({} entities), copied again and 12 ticks ahead {ahead:.3} ms (copy {cloned:.3} ms)",
        world.simulation().entity_count(),
        world.kept_bytes() as f64 / 1e6,
        near.simulation().entity_count(),
    );
    Ok(())
}

/// Median time of a job, ms.
fn median<T>(rounds: usize, mut job: impl FnMut() -> T) -> f64 {
    let times = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(job());
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    middle(times)
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}
