//! Live-debug sessions by requests. Must never do what the socket would not.

use std::sync::Arc;

use serde::Deserialize;
use utoipa::ToSchema;

use super::change::{Changes, PROBLEMS};
use super::scene::EntityNow;
use crate::debug::acts::{Controlled, DebugState, Done, Opened, Watching};
use crate::debug::{Action, DebugId, Watch, act, acts, open};
use crate::http::params::{Kind, Param};
use crate::http::route::{Body, Method};
use crate::http::{Access, Answer, Answering, Api, Code, Doc, Handler, Limits, Problem, Reply, Request, Route, Schema};
use crate::identity::Role;
use crate::orders::Applied;
use crate::ports::NewBreakpoint;
use crate::security::kinds;

const OPERATOR: Access = Access::Role(Role::Operator);
const SESSION: Param =
    Param::required("session", Kind::Hex { digits: 32 }, "the debug session, as `/connect` named it");
const CONTROLLED: &[Answer] = &[Answer::json(200, Schema::of::<Controlled>(), "agreed")];
/// Most ticks of one step: what a request can wait for.
pub const STEPS_MAX: u32 = 300;

/// A row of a debug session, but for what differs.
const fn row(
    id: &'static str,
    method: Method,
    path: &'static str,
    summary: &'static str,
    handler: fn(Arc<Api>, Request) -> Answering,
) -> Route {
    Route {
        id,
        method,
        path,
        access: OPERATOR,
        limits: Limits { body_bytes: 0, ..Limits::WRITE },
        doc: Doc { tag: "debug", summary, text: "" },
        params: &[SESSION],
        query: &[],
        body: None,
        answers: CONTROLLED,
        problems: PROBLEMS,
        handler: Handler::Call(handler),
    }
}

/// The same with a body.
const fn with(route: Route, schema: Schema) -> Route {
    Route { body: Some(Body::Json(schema)), limits: Limits::WRITE, ..route }
}

/// The routes.
pub const ROUTES: &[Route] = &[
    Route {
        doc: Doc {
            tag: "debug",
            summary: "Open a live-debug session",
            text: "The session is good with this sign-in only, and ends after 900 s without use. With the last session the \
                   world goes on, and the breakpoints of a session go with it.",
        },
        params: &[],
        answers: &[Answer::json(201, Schema::of::<Opened>(), "open")],
        problems: &[Code::Conflict],
        ..row("connect", Method::Post, "/connect", "Open a live-debug session", connect)
    },
    Route {
        answers: &[Answer::json(200, Schema::of::<DebugState>(), "how it is")],
        limits: Limits::READ,
        ..row("debug_state", Method::Get, "/debug/{session}", "How the session is, with what it watches", state)
    },
    Route {
        answers: &[Answer::empty(204, "ended")],
        ..row("debug_close", Method::Delete, "/debug/{session}", "End the session", close)
    },
    row("debug_pause", Method::Post, "/debug/{session}/pause", "Hold the world", pause),
    with(
        row("debug_step", Method::Post, "/debug/{session}/step", "Go on for so many ticks", step),
        Schema::of::<Steps>(),
    ),
    with(
        row("debug_run", Method::Post, "/debug/{session}/run", "Go on; up to a tick, where one is given", run),
        Schema::of::<Run>(),
    ),
    with(
        row("debug_break", Method::Post, "/debug/{session}/breakpoints", "Set a breakpoint", set_breakpoint),
        Schema::of::<Break>(),
    ),
    Route {
        params: &[SESSION, Param::required("breakpoint", Kind::Whole { min: 0, max: u32::MAX as u64 }, "its number")],
        ..row(
            "debug_clear",
            Method::Delete,
            "/debug/{session}/breakpoints/{breakpoint}",
            "Clear a breakpoint of the session",
            clear,
        )
    },
    Route {
        answers: &[Answer::json(201, Schema::of::<Watching>(), "watched: `GET /debug/{session}` has its value")],
        problems: &[Code::Conflict],
        ..with(
            row("debug_watch", Method::Post, "/debug/{session}/watches", "Watch a field", watch),
            Schema::of::<NewWatch>(),
        )
    },
    Route {
        params: &[SESSION, Param::required("watch", Kind::Whole { min: 0, max: u32::MAX as u64 }, "its number")],
        answers: &[Answer::empty(204, "not watched any more")],
        ..row("debug_unwatch", Method::Delete, "/debug/{session}/watches/{watch}", "Stop watching a field", unwatch)
    },
    Route {
        params: &[SESSION, Param::required("entity", Kind::Whole { min: 0, max: u64::MAX }, "its id")],
        answers: &[Answer::json(200, Schema::of::<EntityNow>(), "the entity")],
        limits: Limits::READ,
        ..row("debug_inspect", Method::Get, "/debug/{session}/entities/{entity}", "Everything about an entity", inspect)
    },
    Route {
        answers: &[Answer::json(200, Schema::of::<Applied>(), "agreed")],
        ..with(
            row("debug_patch", Method::Post, "/debug/{session}/patch", "Set fields of components", patch),
            Schema::of::<Changes>(),
        )
    },
];

/// How far to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// Ticks.
    #[schema(minimum = 1, maximum = 300)]
    pub ticks: u32,
}

/// Where to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The tick at which the world is held again; on and on without it.
    #[serde(default)]
    #[schema(nullable = false)]
    pub to_tick: Option<u64>,
}

/// A breakpoint: one of both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Break {
    /// At this tick.
    #[serde(default)]
    #[schema(nullable = false)]
    pub tick: Option<u64>,
    /// At the first tick where this holds, such as `entity 12: Velocity.proper_m_s.x > 5`.
    #[serde(default)]
    #[schema(nullable = false, min_length = 1, max_length = 512)]
    pub condition: Option<String>,
}

/// A field to watch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWatch {
    /// The entity.
    pub entity: u64,
    /// Name of the component.
    #[schema(min_length = 1, max_length = 64)]
    pub component: String,
    /// Name of the field.
    #[schema(min_length = 1, max_length = 64)]
    pub field: String,
}

impl Break {
    /// The breakpoint that is meant.
    ///
    /// # Errors
    /// [`Problem`] where it is not one of both.
    pub fn read(self) -> Result<NewBreakpoint, Problem> {
        match (self.tick, self.condition) {
            (Some(tick), None) => Ok(NewBreakpoint::Tick(tick)),
            (None, Some(condition)) => Ok(NewBreakpoint::Condition(condition)),
            _ => Err(Problem::input("", "has to have a tick or a condition, and not both")),
        }
    }
}

impl From<NewWatch> for Watch {
    fn from(new: NewWatch) -> Self {
        Self { entity: new.entity, component: new.component, field: new.field }
    }
}

fn connect(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move { Reply::json_as(201, &open(&api, &request.visit, &request.caller()?).await?) })
}

fn close(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        acts::close(&api, &request.visit, &request.caller()?, session(&request)?).await?;
        Ok(Reply::empty(204))
    })
}

fn session(request: &Request) -> Result<DebugId, Problem> {
    let text = request.needed(request.text("session"))?;
    text.parse().map_err(|_| Problem::new(Code::NotFound))
}

/// Does something in the session that the path names.
fn does(api: Arc<Api>, request: Request, action: fn(&Request) -> Result<Action, Problem>) -> Answering {
    Box::pin(async move {
        let action = action(&request)?;
        let status = request.route.answers.first().map_or(200, |answer| answer.status);
        match act(&api, &request.visit, &request.caller()?, session(&request)?, action).await? {
            Done::Nothing => Ok(Reply::empty(status)),
            done => Reply::json_as(status, &done),
        }
    })
}

fn state(api: Arc<Api>, request: Request) -> Answering {
    does(api, request, |_| Ok(Action::State))
}

fn pause(api: Arc<Api>, request: Request) -> Answering {
    does(api, request, |_| Ok(Action::Pause))
}

fn step(api: Arc<Api>, request: Request) -> Answering {
    does(api, request, |request| Ok(Action::Step(request.json::<Steps>()?.ticks.clamp(1, STEPS_MAX))))
}

fn run(api: Arc<Api>, request: Request) -> Answering {
    does(api, request, |request| Ok(Action::Run(request.json::<Run>()?.to_tick)))
}

fn set_breakpoint(api: Arc<Api>, request: Request) -> Answering {
    does(api, request, |request| Ok(Action::Break(request.json::<Break>()?.read()?)))
}

fn clear(api: Arc<Api>, request: Request) -> Answering {
    does(api, request, |request| Ok(Action::Clear(small(request, "breakpoint")?)))
}

fn watch(api: Arc<Api>, request: Request) -> Answering {
    does(api, request, |request| Ok(Action::Watch(request.json::<NewWatch>()?.into())))
}

fn unwatch(api: Arc<Api>, request: Request) -> Answering {
    does(api, request, |request| Ok(Action::Unwatch(small(request, "watch")?)))
}

fn inspect(api: Arc<Api>, request: Request) -> Answering {
    does(api, request, |request| Ok(Action::Inspect(request.needed(request.whole("entity"))?)))
}

fn patch(api: Arc<Api>, request: Request) -> Answering {
    does(api, request, |request| Ok(Action::Order(kinds::Kind::Patch, vec![request.json::<Changes>()?.order()?])))
}

/// A number of a breakpoint or a watch.
fn small(request: &Request, name: &str) -> Result<u32, Problem> {
    request.needed(request.whole(name).and_then(|number| u32::try_from(number).ok()))
}
