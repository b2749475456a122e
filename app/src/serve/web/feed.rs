//! What the API sees of the world: confirmed ticks with their digests, and states of them where somebody asks. Fed by the
//! session's thread, which never waits for it. Must never show what is not confirmed, nor ask for states faster than they
//! are of use.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::ports::{View as _, WorldError};
use sim::{Scenario, Simulation};
use tokio::sync::watch;

use super::view::StateView;
use crate::serve::shared::Shared;
use crate::session::Ledger;
use crate::session::world::{Played, SimWorld};

/// Digests that are kept: ten minutes at 90 Hz.
const DIGESTS_MAX: usize = 54_000;
/// A state that is not older than this is new enough.
const FRESH: Duration = Duration::from_millis(100);
/// States that are kept for who goes through a list page by page.
const VIEWS_MAX: usize = 8;
/// Most entities in all states that are kept but the newest.
const ENTITIES_MAX: usize = 200_000;
/// Time between two looks whether a state may be told of.
const LOOK: Duration = Duration::from_millis(3);
/// How long a state may take to come.
const WAIT: Duration = Duration::from_secs(3);

/// A state as it was handed over.
#[derive(Clone)]
struct Raw {
    tick: u64,
    taken: Instant,
    /// How often a world had been installed then.
    installed: u64,
    snapshot: Arc<Vec<u8>>,
}

/// What is known.
#[derive(Default)]
struct Known {
    /// The last confirmed tick.
    tick: u64,
    /// The world is held: only its present state is new.
    is_held: bool,
    /// How often a world was installed: what was begun before the last time is of another log.
    installed: u64,
    /// The first tick whose digest is kept, and those from there on.
    first: u64,
    digests: VecDeque<u64>,
    /// Newest last.
    views: VecDeque<(Arc<StateView>, Instant)>,
    scenario: Option<Arc<Scenario>>,
}

/// Between the session's thread and the API.
pub struct Feed {
    shared: Arc<Shared>,
    known: Mutex<Known>,
    wanted: AtomicBool,
    states: watch::Sender<Option<Raw>>,
    /// One state is made at a time; others who wait for it take the same.
    making: tokio::sync::Mutex<()>,
}

impl Feed {
    /// Of a world of which others may be told what is known there.
    #[must_use]
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            known: Mutex::default(),
            wanted: AtomicBool::new(false),
            states: watch::Sender::new(None),
            making: tokio::sync::Mutex::default(),
        }
    }

    /// Any state that is kept: for what does not depend on how things are now.
    pub fn any(&self) -> Option<Arc<StateView>> {
        self.known().views.back().map(|(view, _)| Arc::clone(view))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The digest after a tick, while it is kept.
    pub fn digest_at(&self, tick: u64) -> Option<u64> {
        let known = self.known();
        let at = usize::try_from(tick.checked_sub(known.first)?).ok()?;
        known.digests.get(at).copied()
    }

    /// A state that is kept: the newest one if it is new enough, or the one of a tick.
    fn kept(&self, tick: Option<u64>) -> Option<Arc<StateView>> {
        let known = self.known();
        if let Some(tick) = tick {
            return known.views.iter().map(|(view, _)| view).find(|view| view.tick() == tick).cloned();
        }
        let (view, taken) = known.views.back()?;
        let is_fresh = !known.is_held && taken.elapsed() < FRESH;
        (view.tick() == known.tick || is_fresh).then(|| Arc::clone(view))
    }

    /// A confirmed state: that of a tick, if it is kept or is the last one; without a tick, one that is new.
    ///
    /// # Errors
    /// [`WorldError::NotKept`], [`WorldError::Late`].
    pub async fn view(&self, tick: Option<u64>) -> Result<Arc<StateView>, WorldError> {
        if let Some(view) = self.kept(tick) {
            return Ok(view);
        }
        if tick.is_some_and(|tick| tick != self.known().tick) {
            return Err(WorldError::NotKept);
        }
        let made = tokio::time::timeout(WAIT, self.make(tick)).await.map_err(|_| WorldError::Late)??;
        if tick.is_some_and(|tick| tick != made.tick()) { Err(WorldError::NotKept) } else { Ok(made) }
    }

    async fn make(&self, tick: Option<u64>) -> Result<Arc<StateView>, WorldError> {
        let asked = Instant::now();
        let _turn = self.making.lock().await;
        // Somebody else was before us, and what they got is what we want.
        if let Some(view) = self.kept(tick) {
            return Ok(view);
        }
        let mut states = self.states.subscribe();
        self.wanted.store(true, Ordering::Release);
        let raw = states.wait_for(|raw| raw.as_ref().is_some_and(|raw| raw.taken >= asked)).await;
        let raw = raw.map_err(|_| WorldError::Over)?.clone().ok_or(WorldError::Over)?;
        let scenario = self.known().scenario.clone().ok_or(WorldError::Over)?;
        let (taken, tick, installed) = (raw.taken, raw.tick, raw.installed);
        let restored = tokio::task::spawn_blocking(move || {
            Simulation::restore(&scenario, &raw.snapshot).map(|simulation| Arc::new(StateView::new(simulation)))
        });
        let view = restored.await.ok().and_then(Result::ok).ok_or(WorldError::Over)?;
        while self.shared.published_tick(tick) < tick {
            tokio::time::sleep(LOOK).await;
        }
        self.keep(&view, taken, installed);
        Ok(view)
    }

    fn keep(&self, view: &Arc<StateView>, taken: Instant, installed: u64) {
        let mut removed = Vec::new();
        let mut known = self.known();
        if known.installed != installed {
            return;
        }
        known.views.push_back((Arc::clone(view), taken));
        let entities =
            |known: &Known| known.views.iter().map(|(view, _)| view.simulation().entity_count()).sum::<usize>();
        while known.views.len() > VIEWS_MAX || known.views.len() > 1 && entities(&known) > ENTITIES_MAX {
            removed.extend(known.views.pop_front());
        }
        drop(known);
        // Whole worlds: that takes a while, and the session's thread must not wait for it.
        drop(removed);
    }
}

/// Hands over what is confirmed.
pub struct FeedLedger(pub Arc<Feed>);

impl Ledger for FeedLedger {
    fn installed(&mut self, _turn: u64, world: &SimWorld, _snapshot: &[u8]) {
        let simulation = world.simulation();
        let (tick, digest) = (simulation.tick().0, simulation.digest().total);
        let scenario = Some(Arc::new(simulation.scenario().clone()));
        let (digests, is_held) = (VecDeque::from([digest]), world.control().held().is_some());
        let mut known = self.0.known();
        let installed = known.installed + 1;
        let now = Known { tick, is_held, installed, first: tick, digests, views: VecDeque::new(), scenario };
        let before = std::mem::replace(&mut *known, now);
        drop(known);
        drop(before);
    }

    fn played(&mut self, played: &Played) {
        let mut known = self.0.known();
        known.is_held = played.control.held().is_some();
        for tick in &played.ticks {
            if known.digests.len() == DIGESTS_MAX {
                known.digests.pop_front();
                known.first += 1;
            }
            known.digests.push_back(tick.report.digest.total);
            known.tick = tick.report.tick.0;
        }
    }

    fn wants_state(&mut self) -> bool {
        self.0.wanted.load(Ordering::Acquire)
    }

    fn state(&mut self, tick: u64, _digest: u64, snapshot: Vec<u8>) {
        self.0.wanted.store(false, Ordering::Release);
        let (installed, snapshot) = (self.0.known().installed, Arc::new(snapshot));
        self.0.states.send_replace(Some(Raw { tick, taken: Instant::now(), installed, snapshot }));
    }

    fn ended(&mut self, _last: Option<Vec<u8>>) {}
}
