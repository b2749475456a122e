//! A world that runs in a thread of its own, as the client sees it: orders go in, frame views, a status and notices come
//! out. The same for a flight alone, a session and a replay. Must never make the client wait.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use render::extract::Blasts;
use render::hud::values::Network;
use sim::command::ControlInput;
use sim::frame_view::FrameView;
use sim::{Event, Scenario};

use super::outlet::{Outlet, Window};
use crate::exit::Failure;

/// What a world can be told. What does not suit it is passed over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// The pilot's controls from now on.
    Controls(ControlInput),
    /// One shot.
    Fire,
    /// A new ship after the loss of one's own.
    Respawn,
    /// Quarter-ticks of simulated time per tick.
    TimeFactor(u32),
    /// Stand still, or go on; a session goes on without it.
    Hold(bool),
    /// Replay: run, or stand.
    Play(bool),
    /// Replay: so many ticks on, or back.
    Step(i64),
    /// Replay: to this tick, as near as there is one.
    Seek(u64),
    /// Replay: so many ticks per tick's time.
    Speed(f64),
    /// Come to an end.
    End,
}

/// Something that a person may want to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// Something happened in the world.
    Happened {
        /// In this tick.
        tick: u64,
        /// What.
        event: Event,
    },
    /// A sentence.
    Said(String),
}

/// Where the world is between the two ticks of its frame view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pulse {
    /// The view's tick.
    pub tick: u64,
    /// Share of the way from the tick before, at [`Self::at`].
    pub fraction: f64,
    /// When that was.
    pub at: Instant,
    /// How fast it grows, per second; 0 where the world stands.
    pub per_s: f64,
}

impl Pulse {
    /// The share at `now`.
    #[must_use]
    pub fn fraction_at(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.fraction + since * self.per_s).clamp(0.0, 1.0)
    }
}

/// How a world is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// The player whose ship it is.
    pub player: Option<u32>,
    /// The player's ship.
    pub ship: Option<u64>,
    /// Whether that player may change how fast time runs.
    pub may_set_time: bool,
    /// It stands still.
    pub held: bool,
    /// Digest after the last tick.
    pub digest: u64,
    /// Where it is recorded.
    pub recording: Option<PathBuf>,
    /// How the session is.
    pub network: Option<Network>,
    /// How the replay is.
    pub replay: Option<ReplayStatus>,
    /// Ticks that came too late to be caught up with.
    pub dropped_ticks: u64,
}

/// How a replay is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplayStatus {
    /// First tick of the recording.
    pub first: u64,
    /// Its last.
    pub last: u64,
    /// Ticks per second of the recording.
    pub rate_hz: u32,
    /// Where it is, in ticks.
    pub position: f64,
    /// Whether it runs.
    pub playing: bool,
    /// Ticks per tick's time.
    pub speed: f64,
    /// First tick known whose digest is not the recorded one.
    pub departed_at: Option<u64>,
    /// What was entered into the log at this tick, in words.
    pub entries: String,
    /// What is in the recording, by tick; and whether it did harm.
    pub marks: Arc<Vec<(u64, bool)>>,
}

/// What a world's thread writes and the client reads.
#[derive(Debug)]
pub struct Board {
    pulse: Mutex<Pulse>,
    status: Mutex<Status>,
    scenario: OnceLock<Arc<Scenario>>,
    open: AtomicBool,
}

impl Board {
    fn new() -> Self {
        let pulse = Pulse { tick: 0, fraction: 1.0, at: Instant::now(), per_s: 0.0 };
        Self {
            pulse: Mutex::new(pulse),
            status: Mutex::default(),
            scenario: OnceLock::new(),
            open: AtomicBool::new(false),
        }
    }

    /// Says where the world is.
    pub fn beat(&self, pulse: Pulse) {
        *held(&self.pulse) = pulse;
    }

    /// Changes the status.
    pub fn tell(&self, change: impl FnOnce(&mut Status)) {
        change(&mut held(&self.status));
    }

    /// Says which world it is; the first time counts.
    pub fn introduce(&self, scenario: &Scenario) {
        let _ = self.scenario.set(Arc::new(scenario.clone()));
    }
}

/// They are plain values: whoever panicked while it held one has left it whole.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a world's thread has.
pub struct Inside {
    /// What it is told.
    pub orders: Receiver<Order>,
    /// What it says.
    pub notices: Sender<Notice>,
    /// How it is.
    pub board: Arc<Board>,
    /// What it looks like.
    pub outlet: Outlet,
}

impl Inside {
    /// Says a sentence.
    pub fn say(&self, sentence: impl Into<String>) {
        // Nobody listens to a world that is left.
        let _ = self.notices.send(Notice::Said(sentence.into()));
    }
}

/// A running world, from outside.
pub struct World {
    orders: Sender<Order>,
    notices: Receiver<Notice>,
    board: Arc<Board>,
    window: Window,
    /// Says once that the world is open.
    opened: Receiver<()>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

impl World {
    /// Starts a world: `open` makes what `run` needs, both in the world's own thread, for reading files and finding
    /// others take their time.
    ///
    /// # Errors
    /// [`Failure::Machine`] where the system gives no thread.
    pub fn start<T>(
        name: &str,
        open: impl FnOnce() -> Result<T, Failure> + Send + 'static,
        run: impl FnOnce(T, Inside) -> Result<(), Failure> + Send + 'static,
    ) -> Result<Self, Failure> {
        let ((orders, inbox), (outbox, notices), (ready, opened)) = (channel(), channel(), channel());
        let board = Arc::new(Board::new());
        let outlet = Outlet::new();
        let window = outlet.window();
        let inside = Inside { orders: inbox, notices: outbox, board: Arc::clone(&board), outlet };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let whole = open()?;
            inside.board.open.store(true, Ordering::Release);
            // Whoever does not wait for it asks the board.
            let _ = ready.send(());
            run(whole, inside)
        });
        let thread = thread.map_err(|e| Failure::Machine(format!("cannot start the world's thread: {e}")))?;
        Ok(Self { orders, notices, board, window, opened, thread: Some(thread) })
    }

    /// Whether it could be opened, so far.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.board.open.load(Ordering::Acquire)
    }

    /// Waits until it is open, or has ended instead. Not for whoever has a window to serve.
    pub fn wait_until_open(&self) {
        let _ = self.opened.recv();
    }

    /// Tells it something.
    pub fn order(&self, order: Order) {
        // A world that has ended says so through `ended`.
        let _ = self.orders.send(order);
    }

    /// What it has said since the last call.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.try_iter().collect()
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> Status {
        held(&self.board.status).clone()
    }

    /// Which world it is; a session says it once it has come.
    #[must_use]
    pub fn scenario(&self) -> Option<Arc<Scenario>> {
        self.board.scenario.get().cloned()
    }

    /// What it looks like, and how far it is between the view's two ticks.
    #[must_use]
    pub fn view(&self, now: Instant) -> (Arc<FrameView>, f64) {
        // The pulse is read first: where the view is newer, its way has just begun.
        let pulse = *held(&self.board.pulse);
        let view = self.window.view();
        let fraction = if view.tick.0 > pulse.tick { 0.0 } else { pulse.fraction_at(now) };
        (view, fraction)
    }

    /// How many ticks what is seen lies ahead of what was executed.
    #[must_use]
    pub fn lead_ticks(&self) -> u64 {
        self.window.lead_ticks()
    }

    /// Copies the explosions that are seen.
    pub fn blasts(&self, to: &mut Blasts) {
        self.window.blasts(to);
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Asks it to end; [`Self::has_ended`] says when it has.
    pub fn leave(&self) {
        self.order(Order::End);
    }

    /// As [`Self::end`], but waits no longer than that; what is not at its end then is left to itself.
    pub fn end_by(mut self, deadline: Instant) -> (Vec<Notice>, Result<(), Failure>) {
        self.leave();
        let mut said = Vec::new();
        loop {
            match self.notices.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(notice) => said.push(notice),
                // Nobody is there to say anything any more.
                Err(RecvTimeoutError::Disconnected) => return (said, self.end().1),
                Err(RecvTimeoutError::Timeout) => {
                    self.thread = None;
                    let sentence = "it did not end in time: what was recorded may lack its end";
                    return (said, Err(Failure::Machine(sentence.to_owned())));
                }
            }
        }
    }

    /// Ends it, and waits until what it records is whole. Gives the last that it has said, and what it ended with.
    pub fn end(mut self) -> (Vec<Notice>, Result<(), Failure>) {
        self.order(Order::End);
        let result = match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(Failure::Machine("the world's thread panicked; please report this".to_owned())),
        };
        (self.notices(), result)
    }
}

#[cfg(test)]
impl World {
    /// Both sides of a world without a thread.
    pub fn bare() -> (Inside, Self) {
        let ((orders, inbox), (outbox, notices), (_, opened)) = (channel(), channel(), channel());
        let (board, outlet) = (Arc::new(Board::new()), Outlet::new());
        let window = outlet.window();
        let inside = Inside { orders: inbox, notices: outbox, board: Arc::clone(&board), outlet };
        (inside, Self { orders, notices, board, window, opened, thread: None })
    }

    /// Waits until it is as wanted, and fails a test where that takes too long.
    pub fn wait_until(&self, mut is_so: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", self.status());
            std::thread::park_timeout(std::time::Duration::from_millis(2));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.order(Order::End);
        if let Some(thread) = self.thread.take() {
            // What it ended with is asked for by `end`; here only the recording matters.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_way_between_two_ticks_has_ends() {
        let at = Instant::now();
        let pulse = Pulse { tick: 5, fraction: 0.25, at, per_s: 90.0 };
        assert_eq!(pulse.fraction_at(at), 0.25);
        assert!((pulse.fraction_at(at + Duration::from_micros(5000)) - 0.7).abs() < 1e-9);
        assert_eq!(pulse.fraction_at(at + Duration::from_secs(9)), 1.0);
        let stands = Pulse { per_s: 0.0, ..pulse };
        assert_eq!(stands.fraction_at(at + Duration::from_secs(9)), 0.25);
    }

    #[test]
    fn a_world_ends_with_what_its_thread_said() {
        let world = World::start(
            "test",
            || Ok("here"),
            |said, inside| {
                inside.say(said);
                while inside.orders.recv() != Ok(Order::End) {}
                Err(Failure::Misused("gone".to_owned()))
            },
        );
        let world = world.expect("a thread");
        world.wait_until_open();
        assert!(world.is_open() && !world.has_ended() && world.scenario().is_none());
        let (said, result) = world.end();
        assert_eq!((said.len(), result.map_err(|e| e.to_string())), (1, Err("gone".to_owned())));
        let shut = World::start("test", || Err::<(), _>(Failure::Misused("shut".to_owned())), |(), _| Ok(()));
        let shut = shut.expect("a thread");
        shut.wait_until_open();
        assert!(!shut.is_open() && shut.end().1.is_err_and(|e| e.to_string() == "shut"));
        let world = World::start("test", || Ok(()), |(), _| panic!("on purpose")).expect("a thread");
        assert!(world.end().1.is_err_and(|e| e.to_string().contains("panicked")));
    }
}
