//! Plays a recording by the wall's clock, in a thread of its own. Must never leave an order waiting for long: ticks are done
//! in small portions.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::engine::pool;
use super::replay_player::Player;
use super::world::{Inside, Notice, Order, Pulse, ReplayStatus, World};
use crate::exit::Failure;
use crate::replay::Recording;

/// Time between two portions.
const PORTION: Duration = Duration::from_millis(5);
/// How long a replay that stands waits for orders.
const STANDS: Duration = Duration::from_millis(50);
/// Most time that simulating takes in a portion: the rest is for orders.
const WORK: Duration = Duration::from_millis(4);
/// Time that is not made up for.
const BEHIND_MAX: Duration = Duration::from_millis(100);

/// Opens a recording and starts to play it. What cannot be read it ends with.
///
/// # Errors
/// [`Failure`] where there are no threads.
pub fn start(path: &Path) -> Result<World, Failure> {
    let (path, pool) = (path.to_owned(), pool()?);
    let open = move || Player::new(Recording::open(&path)?);
    World::start("replay", open, move |player, inside| {
        pool.install(|| Room { player, inside, shared: Arc::default(), ran: false }.run())
    })
}

struct Room {
    player: Player,
    inside: Inside,
    /// The marks as they were told last.
    shared: Arc<Vec<(u64, bool)>>,
    /// It ran when it was held.
    ran: bool,
}

impl Room {
    fn run(mut self) -> Result<(), Failure> {
        self.inside.board.introduce(&self.player.recording().scenario);
        if let Some(loss) = self.player.recording().loss() {
            self.inside.say(loss.to_string());
        }
        let first = self.player.recording().reader.ticks().start;
        self.player.seek(first, &mut self.inside.outlet)?;
        self.player.play(true, &mut self.inside.outlet)?;
        let mut last = Instant::now();
        loop {
            self.tell();
            let wait = if self.player.is_playing() { PORTION.saturating_sub(last.elapsed()) } else { STANDS };
            match self.inside.orders.recv_timeout(wait) {
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Ok(order) => {
                    if let Err(failure) = self.obey(order) {
                        // What is damaged is not shown; the rest of the recording still is.
                        self.inside.say(failure.to_string());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            let passed = now.saturating_duration_since(last).min(BEHIND_MAX);
            last = now;
            match self.player.advance(passed.as_secs_f64(), || now.elapsed() < WORK, &mut self.inside.outlet) {
                Ok(happened) => happened.into_iter().for_each(|(tick, event)| {
                    // Nobody listens to a world that is left.
                    let _ = self.inside.notices.send(Notice::Happened { tick, event });
                }),
                Err(failure) => {
                    self.inside.say(failure.to_string());
                    self.player.play(false, &mut self.inside.outlet)?;
                }
            }
        }
    }

    fn obey(&mut self, order: Order) -> Result<(), Failure> {
        match order {
            Order::Play(playing) => self.player.play(playing, &mut self.inside.outlet),
            Order::Hold(true) => {
                self.ran = self.player.is_playing();
                self.player.play(false, &mut self.inside.outlet)
            }
            Order::Hold(false) if std::mem::take(&mut self.ran) => self.player.play(true, &mut self.inside.outlet),
            Order::Step(ticks) => self.player.step_by(ticks, &mut self.inside.outlet),
            Order::Seek(tick) => self.player.seek(tick, &mut self.inside.outlet),
            Order::Speed(speed) => {
                self.player.set_speed(speed);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn tell(&mut self) {
        let player = &self.player;
        let recording = player.recording();
        let rate_hz = recording.scenario.tick_rate_hz;
        let moving = if player.is_playing() { f64::from(rate_hz) * player.speed() } else { 0.0 };
        let tick = player.simulation().tick().0;
        // Between two portions the picture moves on by itself, up to the tick that is known.
        let pulse = Pulse { tick, fraction: player.fraction(), at: Instant::now(), per_s: moving };
        self.inside.board.beat(pulse);
        if self.shared.len() != player.marks().len() {
            self.shared = Arc::new(player.marks().to_vec());
        }
        let status = ReplayStatus {
            first: recording.reader.ticks().start,
            last: recording.last_tick(),
            rate_hz,
            position: player.position(),
            playing: player.is_playing(),
            speed: player.speed(),
            departed_at: player.departed_at(),
            entries: player.entries(),
            marks: Arc::clone(&self.shared),
        };
        let digest = player.digest();
        self.inside.board.tell(|told| (told.digest, told.held, told.replay) = (digest, !status.playing, Some(status)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::play::flight::Flight;
    use crate::scenario_cmd;

    #[test]
    fn a_replay_plays_seeks_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.strec");
        let mut flight = Flight::new(&scenario_cmd::load("earth-orbit").unwrap(), Some(&path)).unwrap();
        (0..400).for_each(|_| drop(flight.tick().1));
        flight.finish().unwrap();
        let world = start(&path).unwrap();
        let until = |is_so: &dyn Fn(&ReplayStatus) -> bool| {
            world.wait_until(|world| world.status().replay.is_some_and(|status| is_so(&status)));
        };
        until(&|status| status.position > 5.0 && status.playing);
        world.order(Order::Play(false));
        world.order(Order::Seek(300));
        until(&|status| status.position == 300.0 && !status.playing);
        assert_eq!(world.view(Instant::now()).0.tick.0, 300);
        world.order(Order::Step(-1));
        until(&|status| status.position == 299.0);
        world.order(Order::Speed(10.0));
        world.order(Order::Play(true));
        until(&|status| status.position == 400.0 && !status.playing && status.departed_at.is_none());
        world.end().1.unwrap();
        assert!(start(&folder.path().join("nothing.strec")).unwrap().end().1.is_err());
    }
}
