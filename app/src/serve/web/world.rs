//! The running world as the API has it: how it is from what the service's threads know, states from the feed, orders by the
//! desk. Must never change the world but by what goes into the session's log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use api::ports::{
    Control, ControlState, NewBreakpoint, Order, Peer, Receipt, Refused, View, World, WorldError, WorldStatus,
};
use async_trait::async_trait;
use persistence::{Digest, Journal, Mark, Tick};
use sim::Command;
use tokio::sync::watch;

use super::feed::Feed;
use super::orders;
use crate::serve::desk::{self, Lost, NotTaken, Outcome, Standing, Work};
use crate::serve::shared::Shared;
use crate::session::Order as Course;
use crate::session::control::Cause;
use crate::session::order::{Disobeyed, Place};

/// How long a hold may take to show once it is ordered: if somebody else lets the world go on meanwhile it never does.
const SHOWING: Duration = Duration::from_millis(500);
/// Time between two looks whether a tick may be told of.
const LOOK: Duration = Duration::from_millis(3);

/// The world of the service.
pub struct ServiceWorld {
    name: String,
    rate_hz: u32,
    /// The tick that was durable when the service began.
    durable: u64,
    shared: Arc<Shared>,
    journal: Arc<Journal>,
    feed: Arc<Feed>,
    next_breakpoint: AtomicU32,
}

impl ServiceWorld {
    /// Of this name, with ticks at this rate, durable up to this tick.
    #[must_use]
    pub fn new(
        name: String,
        rate_hz: u32,
        durable: u64,
        shared: Arc<Shared>,
        journal: Arc<Journal>,
        feed: Arc<Feed>,
    ) -> Self {
        Self { name, rate_hz, durable, shared, journal, feed, next_breakpoint: AtomicU32::new(1) }
    }

    /// Waits until others may be told of a tick.
    async fn published(&self, tick: u64) -> u64 {
        while self.shared.published_tick(tick) < tick {
            tokio::time::sleep(LOOK).await;
        }
        tick
    }

    /// The commands that orders are, in the state that is known.
    async fn commands(&self, orders: &[Order]) -> Result<Vec<Command>, WorldError> {
        // What may be tuned does not depend on how things are now.
        let is_tuning = orders.iter().all(|order| matches!(order, Order::Tune(_)));
        let kept = if is_tuning { self.feed.any() } else { None };
        let state = match kept {
            Some(state) => state,
            None => self.feed.view(None).await?,
        };
        orders::commands(orders, state.simulation())
    }

    async fn enter(&self, commands: Vec<Command>) -> Result<Receipt, WorldError> {
        let mut receipt = self.shared.desk.hand_in(Work::Commands(commands)).map_err(|e| not_taken(&e))?;
        if let Some(held) = receipt.entered().await.map_err(lost)?.waits {
            return Ok(Receipt::Queued { tick: self.published(held).await.saturating_add(1) });
        }
        let desk::Applied { tick, outcome } = receipt.applied().await.map_err(lost)?;
        let Outcome::Commands(outcomes) = outcome else { return Err(WorldError::Over) };
        let is_partly = outcomes.iter().any(Result::is_ok);
        let others = if is_partly { format!("; the others were applied at tick {tick}") } else { String::new() };
        let refused = outcomes.into_iter().enumerate().filter_map(|(at, outcome)| {
            // The state has changed since it was looked at.
            outcome.err().map(|refusal| Refused { at: format!("/{at}"), why: format!("{refusal}{others}") })
        });
        let refused: Vec<Refused> = refused.collect();
        if refused.is_empty() {
            Ok(Receipt::Applied { tick, breakpoint: None })
        } else {
            Err(WorldError::Refused(refused))
        }
    }

    async fn obey(&self, control: Control) -> Result<Receipt, WorldError> {
        let mut standing = self.shared.desk.standing();
        let (order, breakpoint) = self.order_of(&control)?;
        let receipt = self.shared.desk.hand_in(Work::Order(order)).map_err(|e| not_taken(&e))?;
        let desk::Applied { tick, outcome } = receipt.applied().await.map_err(lost)?;
        let Outcome::Order(result) = outcome else { return Err(WorldError::Over) };
        result.map_err(|e| disobeyed(&e))?;
        let tick = match control {
            Control::Hold => {
                // Where it does not show, somebody else has let the world go on at once.
                let _ = tokio::time::timeout(SHOWING, held_at(&mut standing)).await;
                tick
            }
            Control::Step(_) => self.published(stepped_from(&mut standing, tick).await?).await,
            Control::Run | Control::RunTo(_) | Control::Break(_) | Control::Clear(_) => tick,
        };
        Ok(Receipt::Applied { tick, breakpoint })
    }

    fn order_of(&self, control: &Control) -> Result<(Course, Option<u32>), WorldError> {
        let order = match control {
            Control::Hold => Course::Hold,
            Control::Step(ticks) => Course::Step { ticks: *ticks },
            Control::Run => Course::Run,
            Control::RunTo(tick) => Course::RunTo { tick: *tick },
            Control::Clear(id) => Course::Clear { id: *id },
            Control::Break(at) => {
                let id = self.next_breakpoint.fetch_add(1, Ordering::Relaxed);
                let order = match at {
                    NewBreakpoint::Tick(tick) => Course::Break { id, at: Place::Tick(*tick) },
                    NewBreakpoint::Condition(text) => {
                        let wrong = |why: String| WorldError::Refused(vec![Refused { at: "/condition".into(), why }]);
                        Course::break_if(id, text).map_err(|e| wrong(e.to_string()))?
                    }
                };
                return Ok((order, Some(id)));
            }
        };
        Ok((order, None))
    }
}

/// Waits until the world is held; gives the tick.
async fn held_at(standing: &mut watch::Receiver<Standing>) -> Result<u64, WorldError> {
    let held = standing.wait_for(|standing| standing.held.is_some()).await.map_err(|_| WorldError::Over)?;
    held.held.map(|(tick, _)| tick).ok_or(WorldError::Over)
}

/// Waits until the world that went on from a tick is held beyond it.
async fn stepped_from(standing: &mut watch::Receiver<Standing>, from: u64) -> Result<u64, WorldError> {
    let is_there = |standing: &Standing| standing.held.is_some_and(|(tick, _)| tick > from);
    let held = standing.wait_for(is_there).await.map_err(|_| WorldError::Over)?;
    held.held.map(|(tick, _)| tick).ok_or(WorldError::Over)
}

fn not_taken(error: &NotTaken) -> WorldError {
    match error {
        NotTaken::Full => WorldError::Full,
        NotTaken::Over => WorldError::Over,
        NotTaken::Nothing | NotTaken::TooMuch(_) => {
            WorldError::Refused(vec![Refused { at: String::new(), why: error.to_string() }])
        }
    }
}

fn lost(error: Lost) -> WorldError {
    match error {
        Lost::Ended => WorldError::Over,
        // It may be in the log.
        Lost::Cut => WorldError::Late,
    }
}

fn disobeyed(error: &Disobeyed) -> WorldError {
    let at = match error {
        Disobeyed::NoSuchBreakpoint { .. } => return WorldError::NoSuchBreakpoint,
        Disobeyed::Past { .. } => "/tick",
        Disobeyed::Condition(_) => "/condition",
        Disobeyed::NotAllowed | Disobeyed::Full => "",
    };
    WorldError::Refused(vec![Refused { at: at.to_owned(), why: error.to_string() }])
}

#[async_trait]
impl World for ServiceWorld {
    fn status(&self) -> WorldStatus {
        let state = self.shared.state().clone();
        let reached = state.executed.unwrap_or(Mark { tick: Tick(0), digest: Digest(0) });
        let published = self.shared.published(reached);
        let durable = self.journal.backlog().durable.map_or(self.durable, |mark| mark.tick.0);
        let standing = self.shared.desk.standing().borrow().clone();
        let held = standing.held.filter(|(tick, _)| *tick <= published.tick.0);
        let by_breakpoint =
            held.and_then(|(_, by)| if let Cause::Breakpoint { id, .. } = by { Some(id) } else { None });
        WorldStatus {
            world: self.name.clone(),
            tick: published.tick.0,
            digest: published.digest.0,
            durable_tick: durable,
            rate_hz: self.rate_hz,
            time_factor_quarters: state.time_factor_quarters,
            players: state.members.len(),
            entities: state.entities,
            turns: (state.turns.all, state.turns.late, state.turns.late_us_max),
            pace: state.pace,
            control: ControlState {
                held: held.is_some(),
                held_at_tick: held.map(|(tick, _)| tick),
                by_breakpoint,
                breakpoints: standing.breakpoints.iter().map(|breakpoint| breakpoint.id).collect(),
            },
        }
    }

    fn peers(&self) -> Vec<Peer> {
        self.shared.state().peers.clone()
    }

    fn digest_at(&self, tick: u64) -> Option<u64> {
        // In the synchronous mode nobody is told of what could still be lost.
        (self.shared.published_tick(tick) >= tick).then(|| self.feed.digest_at(tick))?
    }

    async fn view(&self, tick: Option<u64>) -> Result<Arc<dyn View>, WorldError> {
        Ok(self.feed.view(tick).await?)
    }

    async fn check(&self, orders: &[Order]) -> Result<(), WorldError> {
        self.commands(orders).await.map(|_| ())
    }

    async fn order(&self, orders: Vec<Order>, wait: Duration) -> Result<Receipt, WorldError> {
        let commands = self.commands(&orders).await?;
        tokio::time::timeout(wait, self.enter(commands)).await.unwrap_or(Err(WorldError::Late))
    }

    async fn control(&self, control: Control, wait: Duration) -> Result<Receipt, WorldError> {
        tokio::time::timeout(wait, self.obey(control)).await.unwrap_or(Err(WorldError::Late))
    }
}
