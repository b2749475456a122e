//! Samples of the world's status, made once for all who watch. Must never make the world wait, nor go silent unseen: its
//! heartbeat is a part of the program's health.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use super::Api;
use super::listen::ended;
use crate::clock::Moment;
use crate::ports::{Condition, Part};

/// Samples per second; subscribers get these or fewer.
pub const RATE_HZ: u64 = 10;
/// Time between two scenes, for those who ask for them: each is a state of the whole world.
const SCENE_EVERY: Duration = Duration::from_millis(500);
/// Bodies in a scene.
pub const SCENE_BODIES_MAX: usize = 1000;

/// Without a sample for so long, the stream is not well.
const LATE: Duration = Duration::from_secs(2);
/// A message that waits for so long to be taken is a sign of a socket that is blocked.
const BLOCKED: Duration = Duration::from_secs(2);

/// One sample, as text that is the same for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Rises by one from sample to sample.
    pub number: u64,
    /// The message.
    pub text: Arc<str>,
}

/// The stream of samples.
#[derive(Debug)]
pub struct Telemetry {
    newest: watch::Sender<Option<Sample>>,
    scenes: watch::Sender<Option<Sample>>,
    beat: AtomicU64,
    is_started: AtomicBool,
    blocked: AtomicUsize,
    task: Mutex<Option<AbortHandle>>,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            newest: watch::Sender::new(None),
            scenes: watch::Sender::new(None),
            beat: AtomicU64::new(0),
            is_started: AtomicBool::new(false),
            blocked: AtomicUsize::new(0),
            task: Mutex::new(None),
        }
    }
}

impl Telemetry {
    /// Watches the samples.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Sample>> {
        self.newest.subscribe()
    }

    /// Watches where things are; while nobody does, nothing is made.
    #[must_use]
    pub fn watch_scenes(&self) -> watch::Receiver<Option<Sample>> {
        self.scenes.subscribe()
    }

    /// How the stream is.
    #[must_use]
    pub fn part(&self, now: Moment) -> Part {
        let checked = Moment(self.beat.load(Ordering::Acquire));
        let blocked = self.blocked.load(Ordering::Acquire);
        let (condition, reason, why) = if now.since(checked) > LATE {
            (Condition::Degraded, "late", format!("no sample for {} ms", now.since(checked).as_millis()))
        } else if blocked > 0 {
            (Condition::Degraded, "blocked", format!("{blocked} sockets take nothing"))
        } else {
            (Condition::Well, "", String::new())
        };
        Part { name: "telemetry", condition, reason, why, checked, needs: &[], is_essential: false }
    }

    /// Kills the task that makes samples, as a fault would; another one takes its place a moment later.
    pub fn kill(&self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            task.abort();
        }
    }

    /// Starts to make samples, once, and again whenever the task that makes them has died.
    pub(super) fn start(&self, api: &Arc<Api>) {
        if self.is_started.swap(true, Ordering::AcqRel) {
            return;
        }
        let (api, mut ending) = (Arc::clone(api), api.ending.subscribe());
        tokio::spawn(async move {
            loop {
                let task = tokio::spawn(both(Arc::clone(&api)));
                *api.telemetry.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
                tokio::select! {
                    outcome = task => warn!(is_panic = outcome.is_err_and(|error| error.is_panic()), "the telemetry task died"),
                    () = ended(&mut ending) => break,
                }
                tokio::select! {
                    () = tokio::time::sleep(LATE * 2) => {}
                    () = ended(&mut ending) => break,
                }
            }
            api.telemetry.kill();
        });
    }

    /// Waits for a message to be taken, and lets the stream's health show where that takes too long.
    pub(super) async fn watched<T>(&self, sending: impl Future<Output = T>) -> T {
        let mut sending = std::pin::pin!(sending);
        if let Ok(done) = tokio::time::timeout(BLOCKED, sending.as_mut()).await {
            return done;
        }
        let _blocked = Blocked::new(&self.blocked);
        sending.await
    }
}

/// A socket is blocked until this is dropped.
struct Blocked<'a>(&'a AtomicUsize);

impl<'a> Blocked<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Samples and scenes: what a scene waits for does not hold a sample up.
async fn both(api: Arc<Api>) {
    tokio::join!(sample(Arc::clone(&api)), scene(api));
}

async fn scene(api: Arc<Api>) {
    let mut ticks = interval(SCENE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut made = None;
    loop {
        ticks.tick().await;
        if api.telemetry.scenes.receiver_count() == 0 {
            continue;
        }
        // A world that is late shows the scene that was.
        let Ok(view) = api.ports.world.view(None).await else { continue };
        let state = (view.tick(), view.digest());
        if made.replace(state) == Some(state) {
            continue;
        }
        let (bodies, has_more) = view.bodies(None, SCENE_BODIES_MAX);
        let bodies = bodies.iter().map(|body| {
            json!({ "id": body.id, "cell": body.cell, "offset_m": body.offset_m, "velocity_m_s": body.velocity_m_s })
        });
        let message = json!({
            "type": "scene", "tick": state.0, "digest": format!("{:016x}", state.1),
            "bodies": bodies.collect::<Vec<_>>(), "has_more": has_more,
        });
        let text = Arc::from(message.to_string());
        api.telemetry.scenes.send_modify(|scene| {
            let number = scene.as_ref().map_or(0, |scene| scene.number) + 1;
            *scene = Some(Sample { number, text });
        });
    }
}

async fn sample(api: Arc<Api>) {
    let mut ticks = interval(Duration::from_millis(1000 / RATE_HZ));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = api.telemetry.newest.borrow().as_ref().map_or(0, |sample| sample.number);
    loop {
        ticks.tick().await;
        number += 1;
        let (now, world) = (api.ports.clock.now(), api.ports.world.status());
        api.telemetry.beat.store(now.0, Ordering::Release);
        let (turns, late_turns, longest_stall_us) = world.turns;
        let message = json!({
            "type": "sample", "sample": number, "at": now.to_string(), "tick": world.tick,
            "digest": format!("{:016x}", world.digest), "durable_tick": world.durable_tick,
            "time_factor_quarters": world.time_factor_quarters, "players": world.players, "entities": world.entities,
            "turns": turns, "late_turns": late_turns, "longest_stall_us": longest_stall_us, "turn_cost_us": world.pace.turn_cost_us, "roll_backs": world.pace.roll_backs,
            "held": world.control.held,
        });
        let text = Arc::from(message.to_string());
        api.telemetry.newest.send_replace(Some(Sample { number, text }));
    }
}
