//! Headsets, sound and the quality of pictures, where a presentation is attached. Must never pretend that one is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::route::{Body, Method};
use crate::http::{Access, Answer, Answering, Api, Code, Doc, Handler, Limits, Problem, Reply, Request, Route, Schema};
use crate::identity::Role;
use crate::ports::{AudioSource, Controller, PresentationError, Quality};

const CONTROLLERS: Route = Route {
    id: "vr_controllers",
    method: Method::Get,
    path: "/vr/controllers",
    access: Access::Role(Role::Guest),
    limits: Limits::READ,
    doc: Doc { tag: "presentation", summary: "Controllers of the headset", text: "None where none is attached." },
    params: &[],
    query: &[],
    body: None,
    answers: &[Answer::json(200, Schema::of::<Controllers>(), "those that are there")],
    problems: &[],
    handler: Handler::Call(controllers),
};

/// The routes.
pub const ROUTES: &[Route] = &[
    CONTROLLERS,
    Route {
        id: "audio_sources",
        path: "/audio/sources",
        doc: Doc { tag: "presentation", summary: "What sounds now", text: "Nothing where no sound is attached." },
        answers: &[Answer::json(200, Schema::of::<AudioSources>(), "what sounds")],
        handler: Handler::Call(audio_sources),
        ..CONTROLLERS
    },
    Route {
        id: "set_quality",
        method: Method::Post,
        path: "/performance/set_quality",
        access: Access::Role(Role::Operator),
        limits: Limits::WRITE,
        doc: Doc {
            tag: "presentation",
            summary: "Sets the quality of pictures",
            text: "A conflict where none are made.",
        },
        params: &[],
        query: &[],
        body: Some(Body::Json(Schema::of::<SetQuality>())),
        answers: &[Answer::empty(204, "it is set")],
        problems: &[Code::Conflict],
        handler: Handler::Call(set_quality),
    },
];

/// Controllers of a headset.
#[derive(Debug, Serialize, ToSchema)]
struct Controllers {
    /// Whether a headset is attached.
    is_attached: bool,
    /// Its controllers.
    controllers: Vec<Controller>,
}

fn controllers(api: Arc<Api>, _: Request) -> Answering {
    Box::pin(async move {
        let attached = api.ports.presentation.as_ref();
        let controllers = attached.map(|presentation| presentation.controllers()).unwrap_or_default();
        Reply::json(&Controllers { is_attached: attached.is_some(), controllers })
    })
}

/// What sounds.
#[derive(Debug, Serialize, ToSchema)]
struct AudioSources {
    /// Whether sound is attached.
    is_attached: bool,
    /// What sounds now.
    sources: Vec<AudioSource>,
}

fn audio_sources(api: Arc<Api>, _: Request) -> Answering {
    Box::pin(async move {
        let attached = api.ports.presentation.as_ref();
        let sources = attached.map(|presentation| presentation.audio_sources()).unwrap_or_default();
        Reply::json(&AudioSources { is_attached: attached.is_some(), sources })
    })
}

/// The quality that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetQuality {
    /// How much effort goes into pictures.
    quality: Quality,
}

fn set_quality(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let SetQuality { quality } = request.json()?;
        let none = || Problem::logged(Code::Conflict, "no presentation is attached");
        let presentation = api.ports.presentation.as_ref().ok_or_else(none)?;
        presentation.set_quality(quality).await.map_err(|error| match error {
            PresentationError::NotPossible => Problem::logged(Code::Conflict, error.to_string()),
            PresentationError::Unavailable(_) => Problem::logged(Code::Unavailable, error.to_string()),
        })?;
        Ok(Reply::empty(204))
    })
}
