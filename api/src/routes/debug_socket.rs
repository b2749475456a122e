//! Live-debug sessions over a WebSocket: the same as by requests, and told by itself when the world is held or goes on. Must
//! never do what a request would not.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::change::{Change, Changes};
use super::debug::{Break, NewWatch, STEPS_MAX};
use crate::debug::acts::{Done, close, open as open_session};
use crate::debug::{Action, DebugId, act};
use crate::http::route::{Body, Method};
use crate::http::{Access, Answer, Api, Code, Doc, Handler, Limits, Outbox, Problem, Route, Schema, Socket};
use crate::identity::{Caller, Role, Visit};
use crate::ports::{ControlState, Order};
use crate::security::kinds::Kind;

/// Time between two looks whether the world is held.
const LOOK: Duration = Duration::from_millis(50);

/// The routes.
pub const ROUTES: &[Route] = &[Route {
    id: "ws_debug",
    method: Method::Get,
    path: "/ws/debug",
    access: Access::Role(Role::Operator),
    // What a message asks for may wait for the world more than once.
    limits: Limits { body_bytes: 64 << 10, time: Duration::from_secs(15), ..Limits::SOCKET },
    doc: Doc {
        tag: "debug",
        summary: "Live-debug sessions",
        text: "A WebSocket. `open` answers with a session; every other message names it, and does what the route of its \
               name does. An answer is of type `done` with the `of` and what the route would answer in `answer`. A message \
               of type `control` comes whenever the world is held or goes on. A session that was opened here ends with the \
               socket.",
    },
    params: &[],
    query: &[],
    body: Some(Body::Json(Schema::of::<DebugMessage>())),
    answers: &[Answer::empty(101, "the WebSocket is open; the first message authenticates")],
    problems: &[],
    handler: Handler::Socket(open),
}];

/// A message to `/ws/debug`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum DebugMessage {
    /// Opens a session.
    Open {},
    /// Ends it.
    Close {
        /// The session.
        #[schema(min_length = 32, max_length = 32)]
        session: String,
    },
    /// Tells how it is, with what it watches.
    State {
        /// The session.
        #[schema(min_length = 32, max_length = 32)]
        session: String,
    },
    /// Holds the world.
    Pause {
        /// The session.
        #[schema(min_length = 32, max_length = 32)]
        session: String,
    },
    /// Goes on for so many ticks.
    Step {
        /// The session.
        #[schema(min_length = 32, max_length = 32)]
        session: String,
        /// How many.
        #[schema(minimum = 1, maximum = 300)]
        ticks: u32,
    },
    /// Goes on; up to a tick, where one is given.
    Run {
        /// The session.
        #[schema(min_length = 32, max_length = 32)]
        session: String,
        /// The tick.
        #[serde(default)]
        #[schema(nullable = false)]
        to_tick: Option<u64>,
    },
    /// Sets a breakpoint: at a tick, or on a condition.
    Break {
        /// The session.
        #[schema(min_length = 32, max_length = 32)]
        session: String,
        /// At this tick.
        #[serde(default)]
        #[schema(nullable = false)]
        tick: Option<u64>,
        /// At the first tick where this holds.
        #[serde(default)]
        #[schema(nullable = false, min_length = 1, max_length = 512)]
        condition: Option<String>,
    },
    /// Clears one.
    Clear {
        /// The session.
        #[schema(min_length = 32, max_length = 32)]
        session: String,
        /// Its number.
        breakpoint: u32,
    },
    /// Watches a field.
    Watch {
        /// The session.
        #[schema(min_length = 32, max_length = 32)]
        session: String,
        /// The entity.
        entity: u64,
        /// Name of the component.
        #[schema(min_length = 1, max_length = 64)]
        component: String,
        /// Name of the field.
        #[schema(min_length = 1, max_length = 64)]
        field: String,
    },
    /// Stops watching.
    Unwatch {
        /// The session.
        #[schema(min_length = 32, max_length = 32)]
        session: String,
        /// Number of the watch.
        watch: u32,
    },
    /// Everything about an entity.
    Inspect {
        /// The session.
        #[schema(min_length = 32, max_length = 32)]
        session: String,
        /// Its id.
        entity: u64,
    },
    /// Sets fields of components.
    Patch {
        /// The session.
        #[schema(min_length = 32, max_length = 32)]
        session: String,
        /// All of them or none.
        #[schema(min_items = 1, max_items = 32)]
        changes: Vec<Change>,
    },
}

/// What a message asks for.
enum Asked {
    Open,
    Close(DebugId),
    Act(DebugId, Action),
}

impl DebugMessage {
    fn read(self) -> Result<Asked, Problem> {
        let of = |session: String| -> Result<DebugId, Problem> {
            session.parse().map_err(|_| Problem::input("/session", "has to have 32 hex digits"))
        };
        Ok(match self {
            Self::Open {} => Asked::Open,
            Self::Close { session } => Asked::Close(of(session)?),
            Self::State { session } => Asked::Act(of(session)?, Action::State),
            Self::Pause { session } => Asked::Act(of(session)?, Action::Pause),
            Self::Step { session, ticks } => Asked::Act(of(session)?, Action::Step(ticks.clamp(1, STEPS_MAX))),
            Self::Run { session, to_tick } => Asked::Act(of(session)?, Action::Run(to_tick)),
            Self::Break { session, tick, condition } => {
                Asked::Act(of(session)?, Action::Break(Break { tick, condition }.read()?))
            }
            Self::Clear { session, breakpoint } => Asked::Act(of(session)?, Action::Clear(breakpoint)),
            Self::Watch { session, entity, component, field } => {
                Asked::Act(of(session)?, Action::Watch(NewWatch { entity, component, field }.into()))
            }
            Self::Unwatch { session, watch } => Asked::Act(of(session)?, Action::Unwatch(watch)),
            Self::Inspect { session, entity } => Asked::Act(of(session)?, Action::Inspect(entity)),
            Self::Patch { session, changes } => {
                let orders: Vec<Order> = vec![Changes { changes }.order()?];
                Asked::Act(of(session)?, Action::Order(Kind::Patch, orders))
            }
        })
    }
}

/// Somebody who debugs.
struct Debugger {
    api: Arc<Api>,
    visit: Visit,
    caller: Caller,
    /// Sessions that were opened here.
    opened: Vec<DebugId>,
    told: Option<ControlState>,
}

fn open(api: Arc<Api>, visit: Visit, caller: Caller) -> Box<dyn Socket> {
    Box::new(Debugger { api, visit, caller, opened: Vec::new(), told: None })
}

impl Debugger {
    async fn answer(&mut self, asked: Asked) -> Result<Value, Problem> {
        let (api, visit, caller) = (&*self.api, &self.visit, &self.caller);
        let written = |error: serde_json::Error| Problem::logged(Code::Failed, error.to_string());
        match asked {
            Asked::Open => {
                let opened = open_session(api, visit, caller).await?;
                self.opened.extend(opened.session.parse::<DebugId>());
                serde_json::to_value(opened).map_err(written)
            }
            Asked::Close(id) => {
                close(api, visit, caller, id).await?;
                self.opened.retain(|opened| *opened != id);
                Ok(Value::Null)
            }
            Asked::Act(id, action) => match act(api, visit, caller, id, action).await? {
                Done::Nothing => Ok(Value::Null),
                done => serde_json::to_value(done).map_err(written),
            },
        }
    }
}

#[async_trait]
impl Socket for Debugger {
    async fn open(&mut self, _: &mut Outbox) {}

    async fn message(&mut self, message: &Value, out: &mut Outbox) -> Result<(), Problem> {
        let of = message["type"].clone();
        let message =
            DebugMessage::deserialize(message).map_err(|error| Problem::logged(Code::BadInput, error.to_string()))?;
        let answer = self.answer(message.read()?).await?;
        out.send(json!({ "type": "done", "of": of, "answer": answer }).to_string());
        Ok(())
    }

    fn renewed(&mut self, caller: Caller) {
        self.caller = caller;
        let now = self.api.ports.clock.passed();
        for id in &self.opened {
            // One that is over stays over.
            let _ = self.api.debug.touch(*id, &caller, now);
        }
    }

    async fn next(&mut self, out: &mut Outbox) {
        loop {
            let status = self.api.ports.world.status();
            if self.told.as_ref() != Some(&status.control) {
                let message = json!({ "type": "control", "tick": status.tick, "control": &status.control });
                self.told = Some(status.control);
                out.send(message.to_string());
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// What was opened here goes with the socket; what is left to do about the world is done beside it.
impl Drop for Debugger {
    fn drop(&mut self) {
        self.opened.iter().for_each(|id| self.api.debug.abandon(*id));
    }
}
