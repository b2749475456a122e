//! Captures of the running world. Must never begin or end one before that is written down.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;

use super::recordings::{NAME_MAX, OPERATOR, audited, draw};
use crate::http::route::{Body, Method};
use crate::http::{Answer, Answering, Api, Code, Doc, Handler, Limits, Problem, Reply, Request, Route, Schema};
use crate::ports::{Recording, RecordingError};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route {
        id: "capture_start",
        method: Method::Post,
        path: "/capture/start",
        access: OPERATOR,
        limits: Limits { time: Duration::from_secs(15), at_once: 4, ..Limits::WRITE },
        doc: Doc {
            tag: "recordings",
            summary: "Capture the running world as a recording",
            text: "From its `first_tick` on every tick is in it, with all that was entered: it replays bit for bit. One at a \
                   time.",
        },
        params: &[],
        query: &[],
        body: Some(Body::Json(Schema::of::<Start>())),
        answers: &[Answer::json(201, Schema::of::<Recording>(), "it has begun")],
        problems: &[Code::Conflict],
        handler: Handler::Call(start),
    },
    Route {
        id: "capture_stop",
        method: Method::Post,
        path: "/capture/stop",
        access: OPERATOR,
        limits: Limits { time: Duration::from_secs(60), at_once: 4, body_bytes: 0 },
        doc: Doc {
            tag: "recordings",
            summary: "End the capture",
            text: "Answers when the file is whole. A capture that has ended by itself, such as for want of room, is told of \
                   once, with `why`.",
        },
        params: &[],
        query: &[],
        body: None,
        answers: &[Answer::json(200, Schema::of::<Recording>(), "it has ended")],
        problems: &[Code::Conflict],
        handler: Handler::Call(stop),
    },
];

/// How a capture is called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CaptureStart)]
struct Start {
    /// What people are to call it.
    #[serde(default)]
    #[schema(required = false, min_length = 1, max_length = 100)]
    name: Option<String>,
}

fn start(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let Start { name } = request.json()?;
        let is_plain =
            |name: &String| (1..=NAME_MAX).contains(&name.chars().count()) && !name.contains(char::is_control);
        if !name.as_ref().is_none_or(is_plain) {
            return Err(Problem::input(
                "/name",
                format!("has to have 1 to {NAME_MAX} characters, none a control character"),
            ));
        }
        let (caller, id) = (request.caller()?, draw(&api)?);
        let starting = api.ports.recordings.start(id, caller.person, name);
        let recording = audited(&api, &request.visit, &caller, id, "a capture is begun", starting).await?;
        Reply::json_as(201, &recording)
    })
}

fn stop(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let none = || RecordingError::Conflict("no capture runs".to_owned());
        let id = api.ports.recordings.capturing().ok_or_else(none)?;
        let stopping = api.ports.recordings.stop();
        let recording = audited(&api, &request.visit, &request.caller()?, id, "the capture is ended", stopping).await?;
        Reply::json(&recording)
    })
}
