//! Runs a flight at its tick rate by the wall's clock, in a thread of its own. The clock decides when a tick is done and
//! never what is in it. Must never run ahead, and never try to make up for more than a moment.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::flight::Flight;
use super::folders::{NewFile, discard_empty};
use super::world::{Inside, Notice, Order, Pulse, World};
use crate::exit::Failure;
use crate::{run, scenario_cmd};

/// Most ticks that are made up for: what is later than that is dropped, and the world is slower than it should be.
const BEHIND_MAX: u32 = 6;
/// How long a world that stands still waits for orders.
const STANDS: Duration = Duration::from_millis(50);

/// When ticks are due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    tick: Duration,
    /// When the next one is.
    next: Duration,
    /// Ticks that were never done.
    pub dropped: u64,
}

impl Pace {
    /// So many ticks a second, the first one now.
    #[must_use]
    pub fn new(rate_hz: u32, now: Duration) -> Self {
        Self { tick: Duration::from_secs(1) / rate_hz.max(1), next: now, dropped: 0 }
    }

    /// How long to wait for the next one.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Duration {
        self.next.saturating_sub(now)
    }

    /// When the next tick is due, if it is by now; the one after it is due a tick later.
    pub fn take(&mut self, now: Duration) -> Option<Duration> {
        let late = now.checked_sub(self.next)?;
        let behind = late.as_nanos() / self.tick.as_nanos().max(1);
        if behind > u128::from(BEHIND_MAX) {
            let lost = u32::try_from(behind).unwrap_or(u32::MAX) - BEHIND_MAX;
            self.dropped += u64::from(lost);
            self.next += self.tick.saturating_mul(lost);
        }
        let due = self.next;
        self.next += self.tick;
        Some(due)
    }

    /// Nothing is due from before now on.
    pub fn restart(&mut self, now: Duration) {
        self.next = now;
    }
}

/// Starts a flight alone in a scenario: name of a shipped one, or path of a file. What it cannot be had for, a scenario or a
/// recording, it ends with.
///
/// # Errors
/// [`Failure`] where there are no threads.
pub fn start(scenario: &str, record: Option<NewFile>) -> Result<World, Failure> {
    let (name, pool) = (scenario.to_owned(), pool()?);
    let open = move || {
        let scenario = scenario_cmd::load(&name)?;
        let path = record.map(|file| file.reserve()).transpose()?;
        Flight::new(&scenario, path.as_deref()).inspect_err(|_| path.iter().for_each(|path| discard_empty(path)))
    };
    World::start("flight", open, move |flight, inside| pool.install(|| fly(flight, inside)))
}

/// A pool that leaves processors for the picture.
///
/// # Errors
/// [`Failure::Machine`].
pub fn pool() -> Result<rayon::ThreadPool, Failure> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    run::pool(std::num::NonZero::new((processors / 2).clamp(1, 8)))
}

fn fly(mut flight: Flight, mut inside: Inside) -> Result<(), Failure> {
    let began = Instant::now();
    let rate_hz = flight.simulation().scenario().tick_rate_hz;
    let mut pace = Pace::new(rate_hz, Duration::ZERO);
    let mut held = false;
    inside.board.introduce(flight.simulation().scenario());
    inside.outlet.publish(flight.simulation());
    let player = flight.player().0;
    inside.board.tell(|status| (status.player, status.may_set_time) = (Some(player), true));
    loop {
        let wait = if held { STANDS } else { pace.wait(began.elapsed()) };
        match inside.orders.recv_timeout(wait) {
            Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return flight.finish(),
            Ok(Order::Hold(wanted)) => {
                held = wanted;
                hold(&inside, &flight, held);
                pace.restart(began.elapsed());
            }
            Ok(order) => flight.order(order),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if !held && let Some(due) = pace.take(began.elapsed()) {
            tick(&mut flight, &mut inside, (began + due, rate_hz), pace.dropped);
        }
    }
}

fn hold(inside: &Inside, flight: &Flight, held: bool) {
    inside.board.tell(|status| status.held = held);
    if held {
        let tick = flight.simulation().tick().0;
        inside.board.beat(Pulse { tick, fraction: 1.0, at: Instant::now(), per_s: 0.0 });
    }
}

fn tick(flight: &mut Flight, inside: &mut Inside, (due, rate_hz): (Instant, u32), dropped: u64) {
    let (report, failed) = flight.tick();
    let (tick, digest) = (report.tick.0, report.digest.total);
    for event in &report.events {
        // Nobody listens to a world that is left.
        let _ = inside.notices.send(Notice::Happened { tick, event: *event });
    }
    if let Some(failure) = failed {
        inside.say(format!("The flight is not recorded any more: {failure}"));
    }
    inside.outlet.publish(flight.simulation());
    inside.board.beat(Pulse { tick, fraction: 0.0, at: due, per_s: f64::from(rate_hz) });
    let (ship, recording) = (flight.ship(), flight.recording());
    inside.board.tell(|status| {
        (status.ship, status.digest, status.dropped_ticks) = (ship, digest, dropped);
        if status.recording.as_deref() != recording {
            status.recording = recording.map(std::path::Path::to_owned);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn ticks_come_at_their_time_and_a_long_gap_is_dropped() {
        let mut pace = Pace::new(100, ms(0));
        assert_eq!((pace.take(ms(0)), pace.take(ms(9))), (Some(ms(0)), None));
        assert_eq!(pace.wait(ms(4)), ms(6));
        let due: Vec<_> = std::iter::from_fn(|| pace.take(ms(39))).collect();
        assert_eq!(due, [ms(10), ms(20), ms(30)], "what is a little late is made up for");
        let count = std::iter::from_fn(|| pace.take(ms(5_000))).count();
        assert_eq!((count, pace.dropped), (BEHIND_MAX as usize + 1, 490));
        pace.restart(ms(9_000));
        assert_eq!((pace.take(ms(9_000)), pace.take(ms(9_000))), (Some(ms(9_000)), None));
    }

    #[test]
    fn a_flight_runs_stands_and_ends() {
        let world = start("earth-orbit", None).unwrap();
        world.wait_until(|world| world.view(Instant::now()).0.tick.0 > 5);
        world.order(Order::Hold(true));
        world.wait_until(|world| world.status().held);
        let tick = world.view(Instant::now()).0.tick;
        std::thread::park_timeout(ms(60));
        let (view, fraction) = world.view(Instant::now());
        assert_eq!((view.tick, fraction), (tick, 1.0));
        world.order(Order::Hold(false));
        world.order(Order::TimeFactor(16));
        world.wait_until(|world| world.view(Instant::now()).0.time_factor.quarters() == 16);
        let happened =
            |notice: &Notice| matches!(notice, Notice::Happened { event: sim::Event::TimeFactor { .. }, .. });
        assert!(world.notices().iter().any(happened));
        assert!(world.status().ship.is_some() && world.scenario().is_some() && !world.has_ended());
        world.end().1.unwrap();
    }
}
