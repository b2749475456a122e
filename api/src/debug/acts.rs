//! What a debug session can do: the same by a request and by a message on its socket. Must never change the world but by
//! orders of its log, each written into the audit log before it is entered.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::sessions::{DebugId, Left, SessionError, Watch};
use crate::http::{Api, Code, Problem};
use crate::identity::{Caller, Visit};
use crate::orders::{self, Applied};
use crate::ports::{Control, FieldValue, NewBreakpoint, Order, Receipt, WorldError};
use crate::routes::scene::EntityNow;
use crate::security::kinds::Kind;

/// How long an order may take until it is agreed.
const WAIT: Duration = Duration::from_secs(4);

/// What a session is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Tells how things are.
    State,
    /// Holds the world.
    Pause,
    /// Goes on for so many ticks.
    Step(u32),
    /// Goes on; up to a tick, where one is given.
    Run(Option<u64>),
    /// Sets a breakpoint.
    Break(NewBreakpoint),
    /// Clears one.
    Clear(u32),
    /// Watches a field.
    Watch(Watch),
    /// Stops watching.
    Unwatch(u32),
    /// Everything about an entity.
    Inspect(u64),
    /// Changes the world.
    Order(Kind, Vec<Order>),
}

/// What came of it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Done {
    /// How things are.
    State(DebugState),
    /// The world was told to stop or to go on.
    Controlled(Controlled),
    /// A watch was set.
    Watching(Watching),
    /// An entity.
    Entity(EntityNow),
    /// The world was changed.
    Applied(Applied),
    /// Nothing to tell.
    Nothing,
}

/// A session that was opened.
#[derive(Debug, Serialize, ToSchema)]
pub struct Opened {
    /// Names the session: part of the paths, and of messages on the socket. It is good with this sign-in only.
    #[schema(min_length = 32, max_length = 32)]
    pub session: String,
    /// The last confirmed tick.
    pub tick: u64,
    /// Whether the world is held.
    pub held: bool,
    /// How long the session lasts that is not used.
    pub idle_s: u64,
}

/// How a debug session is.
#[derive(Debug, Serialize, ToSchema)]
pub struct DebugState {
    /// The last confirmed tick; that of the values below.
    pub tick: u64,
    /// Digest of the state after it: 16 hex digits.
    #[schema(min_length = 16, max_length = 16)]
    pub digest: String,
    /// Whether the world is held.
    pub held: bool,
    /// The breakpoint that holds it, whoever has set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by_breakpoint: Option<u32>,
    /// Breakpoints of this session that are in force.
    pub breakpoints: Vec<u32>,
    /// What is watched.
    pub watches: Vec<WatchNow>,
}

/// A watched field.
#[derive(Debug, Serialize, ToSchema)]
pub struct WatchNow {
    /// Number of the watch.
    pub watch: u32,
    /// The entity.
    pub entity: u64,
    /// The component.
    pub component: String,
    /// The field.
    pub field: String,
    /// Its value; none where there is no such field now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub value: Option<FieldValue>,
}

/// The world was told to stop or to go on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Controlled {
    /// The tick at which it was told so; for steps, the one that they led to.
    pub tick: u64,
    /// Whether it is held now.
    pub held: bool,
    /// The breakpoint that was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub breakpoint: Option<u32>,
}

/// A watch that was set.
#[derive(Debug, Serialize, ToSchema)]
pub struct Watching {
    /// Its number.
    pub watch: u32,
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NoSuchSession | SessionError::NoSuchWatch => Self::logged(Code::NotFound, error.to_string()),
            SessionError::Full => Self::logged(Code::Conflict, error.to_string()),
        }
    }
}

/// Opens a session.
///
/// # Errors
/// [`Problem`].
pub async fn open(api: &Api, visit: &Visit, caller: &Caller) -> Result<Opened, Problem> {
    let id = DebugId::random().map_err(|e| Problem::logged(Code::Unavailable, e.to_string()))?;
    orders::record(api, visit, caller, Kind::DebugCommand, "world".to_owned(), "open").await?;
    api.debug.open(id, *caller, api.ports.clock.passed())?;
    let status = api.ports.world.status();
    Ok(Opened {
        session: id.to_string(),
        tick: status.tick,
        held: status.control.held,
        idle_s: super::sessions::IDLE.as_secs(),
    })
}

/// Ends a session: its breakpoints go, and the world goes on if nobody else debugs.
///
/// # Errors
/// [`Problem`].
pub async fn close(api: &Api, visit: &Visit, caller: &Caller, id: DebugId) -> Result<(), Problem> {
    api.debug.touch(id, caller, api.ports.clock.passed())?;
    orders::record(api, visit, caller, Kind::DebugCommand, "world".to_owned(), "close").await?;
    let left = api.debug.close(id, caller, api.ports.clock.passed())?;
    tidy(api, left).await;
    Ok(())
}

/// Ends the sessions that are over by themselves, and does what is left of others. To be called about once a second.
pub async fn sweep(api: &Api) {
    let now = api.ports.clock.passed();
    let mut left = api.debug.expire(now, |owner| api.ports.gate.still_stands(owner).is_ok());
    // The world before the sessions: what is seen of it here is none of a session that opens meanwhile.
    let control = api.ports.world.status().control;
    if api.debug.is_aftermath(now) {
        left.was_last |= control.held;
        left.breakpoints.extend(control.breakpoints);
    }
    tidy(api, left).await;
}

/// Does what is left when sessions end. What the world does not take now stays owed, and [`sweep`] tries it again.
async fn tidy(api: &Api, left: Left) {
    let mut breakpoints = left.breakpoints;
    if left.was_last {
        // Also those whose setting nobody was told of.
        let there = api.ports.world.status().control.breakpoints;
        if api.debug.is_empty() {
            breakpoints.extend(there);
        }
    }
    let clears = breakpoints.into_iter().map(Control::Clear);
    let is_news = api.debug.owe(clears.chain(left.was_last.then_some(Control::Run)));
    for control in api.debug.owed() {
        if control == Control::Run && !api.debug.is_empty() {
            // It is held for somebody else now, whose end lets it go on.
            api.debug.paid(&control);
            continue;
        }
        match api.ports.world.control(control.clone(), WAIT).await {
            // A breakpoint at a tick that was hit is gone with it.
            Ok(_) | Err(WorldError::NoSuchBreakpoint) => api.debug.paid(&control),
            Err(error @ (WorldError::Full | WorldError::Late | WorldError::Over)) => {
                if is_news {
                    tracing::warn!("{control:?} after the end of a debug session has to wait: {error}");
                }
                return;
            }
            Err(error) => {
                tracing::error!("{control:?} after the end of a debug session: {error}");
                api.debug.paid(&control);
            }
        }
    }
}

/// Does something in a session of this caller.
///
/// # Errors
/// [`Problem`].
pub async fn act(api: &Api, visit: &Visit, caller: &Caller, id: DebugId, action: Action) -> Result<Done, Problem> {
    let now = api.ports.clock.passed();
    api.debug.touch(id, caller, now)?;
    match action {
        Action::State => state(api, caller, id, now).await.map(Done::State),
        Action::Pause => steer(api, visit, caller, id, Control::Hold).await,
        Action::Step(ticks) => steer(api, visit, caller, id, Control::Step(ticks)).await,
        Action::Run(None) => steer(api, visit, caller, id, Control::Run).await,
        Action::Run(Some(tick)) => steer(api, visit, caller, id, Control::RunTo(tick)).await,
        Action::Break(at) => steer(api, visit, caller, id, Control::Break(at)).await,
        Action::Clear(breakpoint) => {
            if !api.debug.breakpoints(id, caller, now)?.contains(&breakpoint) {
                return Err(WorldError::NoSuchBreakpoint.into());
            }
            let done = steer(api, visit, caller, id, Control::Clear(breakpoint)).await;
            // It is the session's until it is gone.
            if done.as_ref().map_or_else(|problem| problem.code == Code::NotFound, |_| true) {
                // Where the session is over, its breakpoints are not its own any more.
                let _ = api.debug.forget_breakpoint(id, caller, breakpoint, api.ports.clock.passed());
            }
            done
        }
        Action::Watch(watch) => {
            let watch = api.debug.watch(id, caller, watch, now)?;
            Ok(Done::Watching(Watching { watch }))
        }
        Action::Unwatch(watch) => {
            api.debug.unwatch(id, caller, watch, now)?;
            Ok(Done::Nothing)
        }
        Action::Inspect(entity) => {
            let view = api.ports.world.view(None).await?;
            let found = view.entity(entity).ok_or(WorldError::NoSuchEntity)?;
            Ok(Done::Entity(EntityNow::of(&*view, found)))
        }
        Action::Order(kind, all) => orders::enter(api, visit, caller, kind, all).await.map(Done::Applied),
    }
}

/// Steers the world on behalf of a session. What that leaves where the session has ended meanwhile is cleared away.
async fn steer(api: &Api, visit: &Visit, caller: &Caller, id: DebugId, order: Control) -> Result<Done, Problem> {
    let sets = matches!(order, Control::Break(_));
    let done = control(api, visit, caller, order).await;
    let set = match &done {
        Ok(Done::Controlled(controlled)) => controlled.breakpoint.filter(|_| sets),
        _ => None,
    };
    if set.map_or_else(|| api.debug.is_open(id), |breakpoint| api.debug.note_breakpoint(id, breakpoint)) {
        return done;
    }
    tidy(api, Left { breakpoints: set.into_iter().collect(), was_last: api.debug.is_empty() }).await;
    done.and(Err(SessionError::NoSuchSession.into()))
}

async fn control(api: &Api, visit: &Visit, caller: &Caller, control: Control) -> Result<Done, Problem> {
    orders::record(api, visit, caller, Kind::DebugCommand, "world".to_owned(), &format!("{control:?}")).await?;
    // Whoever waits may go away, and what came late may come when the session is over.
    api.debug.note_steering(api.ports.clock.passed());
    let receipt = api.ports.world.control(control, WAIT).await?;
    let held = api.ports.world.status().control.held;
    let (tick, breakpoint) = match receipt {
        Receipt::Applied { tick, breakpoint } => (tick, breakpoint),
        Receipt::Queued { tick } => (tick, None),
    };
    Ok(Done::Controlled(Controlled { tick, held, breakpoint }))
}

async fn state(api: &Api, caller: &Caller, id: DebugId, now: Duration) -> Result<DebugState, Problem> {
    let watches = api.debug.watches(id, caller, now)?;
    let own = api.debug.breakpoints(id, caller, now)?;
    let view = api.ports.world.view(None).await?;
    let control = api.ports.world.status().control;
    let value = |watch: &Watch| {
        let entity = view.entity(watch.entity)?;
        let component = entity.components.into_iter().find(|component| component.name == watch.component)?;
        component.fields.into_iter().find(|(name, _)| *name == watch.field).map(|(_, value)| value)
    };
    let shown = watches.into_iter().map(|(number, watch)| WatchNow {
        watch: number,
        value: value(&watch),
        entity: watch.entity,
        component: watch.component,
        field: watch.field,
    });
    Ok(DebugState {
        tick: view.tick(),
        digest: format!("{:016x}", view.digest()),
        held: control.held,
        by_breakpoint: control.by_breakpoint,
        breakpoints: own.into_iter().filter(|breakpoint| control.breakpoints.contains(breakpoint)).collect(),
        watches: shown.collect(),
    })
}
