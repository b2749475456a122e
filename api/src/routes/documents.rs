//! What describes the API, and its counters. Must never tell anything of the running world but counters.

use std::sync::Arc;

use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue};

use crate::http::route::Method;
use crate::http::{Access, Answer, Answering, Api, Doc, Handler, Limits, Reply, Request, Route};
use crate::identity::Role;

const PAGE: &str = include_str!("documents/page.html");
const SCRIPT: &str = include_str!("documents/page.js");
const STYLE: &str = include_str!("documents/page.css");

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const METRICS: Route = Route {
    id: "metrics",
    method: Method::Get,
    path: "/metrics",
    access: Access::Role(Role::Operator),
    limits: Limits::READ,
    doc: Doc { tag: "telemetry", summary: "Counters of the API for Prometheus", text: "" },
    params: &[],
    query: &[],
    body: None,
    answers: &[Answer::other(200, OPENMETRICS, "OpenMetrics text")],
    problems: &[],
    handler: Handler::Call(metrics),
};

const DOCS: Route = Route {
    id: "docs",
    method: Method::Get,
    path: "/docs",
    access: Access::Public,
    limits: Limits::READ,
    doc: Doc { tag: "documents", summary: "This description as a page", text: "" },
    params: &[],
    query: &[],
    body: None,
    answers: &[Answer::other(200, HTML, "the page")],
    problems: &[],
    handler: Handler::Call(page),
};

/// The routes.
pub const ROUTES: &[Route] = &[
    METRICS,
    Route { id: "telemetry_metrics", path: "/telemetry/metrics", ..METRICS },
    Route {
        id: "openapi",
        path: "/openapi.json",
        doc: Doc {
            tag: "documents",
            summary: "This description as OpenAPI 3.1",
            text: "It changes with the build only, and so does its `ETag`.",
        },
        answers: &[Answer::other(200, "application/json", "the document")],
        handler: Handler::Call(openapi),
        ..DOCS
    },
    DOCS,
    Route {
        id: "docs_script",
        path: "/docs/page.js",
        doc: Doc { tag: "documents", summary: "The page's script", text: "" },
        answers: &[Answer::other(200, JAVASCRIPT, "the script")],
        handler: Handler::Call(script),
        ..DOCS
    },
    Route {
        id: "docs_style",
        path: "/docs/page.css",
        doc: Doc { tag: "documents", summary: "The page's style", text: "" },
        answers: &[Answer::other(200, CSS, "the style")],
        handler: Handler::Call(style),
        ..DOCS
    },
];

fn metrics(api: Arc<Api>, _: Request) -> Answering {
    Box::pin(async move {
        if let Some(security) = &api.ports.security {
            api.metrics.raised(security.alert_counts().map(|(rule, count)| (rule.name(), count)));
        }
        Ok(Reply::whole(200, OPENMETRICS, api.metrics.text()))
    })
}

fn openapi(api: Arc<Api>, _: Request) -> Answering {
    Box::pin(async move {
        let documents = &api.documents;
        let tag = HeaderValue::from_str(&documents.tag).unwrap_or(HeaderValue::from_static("\"\""));
        let reply = Reply::whole(200, "application/json", documents.openapi.clone());
        Ok(reply.with(ETAG, tag).with(CACHE_CONTROL, HeaderValue::from_static("no-cache")))
    })
}

fn page(_: Arc<Api>, _: Request) -> Answering {
    Box::pin(async { Ok(Reply::whole(200, HTML, PAGE)) })
}

fn script(_: Arc<Api>, _: Request) -> Answering {
    Box::pin(async { Ok(Reply::whole(200, JAVASCRIPT, SCRIPT)) })
}

fn style(_: Arc<Api>, _: Request) -> Answering {
    Box::pin(async { Ok(Reply::whole(200, CSS, STYLE)) })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::http::openapi::markdown;

    /// With `SPACETIME_WRITE_DOCS=1`, writes it.
    #[test]
    fn the_written_page_is_what_the_table_says() -> Result<(), Box<dyn std::error::Error>> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/API.md");
        let page = markdown(&crate::routes::table()?);
        if std::env::var_os("SPACETIME_WRITE_DOCS").is_some_and(|value| value == "1") {
            std::fs::write(&file, &page)?;
        }
        let written = std::fs::read_to_string(&file)?;
        let first = written.lines().zip(page.lines()).find(|(written, now)| written != now);
        assert!(written == page, "docs/API.md is not what the table says ({first:?}): write it anew as it says itself");
        Ok(())
    }
}
