//! The documents: OpenAPI 3.1 and Markdown, from the table. Must never say what the dispatcher does not do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::Build;
use super::params::{Kind, Param};
use super::problem::Code;
use super::route::{Access, Answer, Body, Handler, Route};
use super::table::Table;
use super::ws::Close;

/// The documents as they are served.
#[derive(Clone, Debug)]
pub struct Documents {
    /// OpenAPI 3.1 as JSON.
    pub openapi: Bytes,
    /// Its tag: changes when it does.
    pub tag: String,
}

impl Documents {
    /// Of this table.
    #[must_use]
    pub fn of(table: &Table, build: &Build) -> Self {
        let openapi = Bytes::from(openapi(table, build).to_string());
        let tag = format!("\"{}\"", blake3::hash(&openapi).to_hex().split_at(32).0);
        Self { openapi, tag }
    }
}

/// The OpenAPI document.
#[must_use]
pub fn openapi(table: &Table, build: &Build) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in table.routes() {
        let method = route.method.name().to_ascii_lowercase();
        paths.entry(route.path).or_default().insert(method, operation(route));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "SpaceTime",
            "version": build.version,
            "description": "Watch, steer and debug a running simulation. Times are RFC 3339 or ticks, digests have 16 hex \
                digits, units are in names. Problems are RFC 9457.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": table.schemas().all(),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "tags": [route.doc.tag],
        "summary": route.doc.summary,
        "security": match route.access {
            Access::Public => json!([{}]),
            Access::Role(_) => json!([{"bearer": []}]),
        },
        "x-access": access(route),
        "responses": responses(route),
    });
    let place = |param: &Param, at: &str| {
        json!({"name": param.name, "in": at, "required": param.required, "description": param.what,
            "schema": kind_schema(param.kind)})
    };
    let params: Vec<Value> = route.params.iter().map(|param| place(param, "path")).collect();
    let query = route.query.iter().map(|param| place(param, "query"));
    let all: Vec<Value> = params.into_iter().chain(query).chain(range_headers(route)).collect();
    if let Some(object) = operation.as_object_mut() {
        if !all.is_empty() {
            object.insert("parameters".into(), all.into());
        }
        if !route.doc.text.is_empty() {
            object.insert("description".into(), route.doc.text.into());
        }
        match (route.handler, route.body) {
            (Handler::Socket(_), Some(Body::Json(schema))) => {
                object.insert("x-messages".into(), reference(&schema.name()));
            }
            (_, Some(Body::Json(schema))) => {
                let content = json!({"application/json": {"schema": reference(&schema.name())}});
                object.insert("requestBody".into(), json!({"required": true, "content": content}));
            }
            (_, Some(Body::Octets(kind))) => {
                let mut content = Map::new();
                content.insert(kind.into(), json!({}));
                object.insert("requestBody".into(), json!({"required": true, "content": content}));
            }
            (_, None) => {}
        }
    }
    operation
}

/// The headers by which a part of a content is asked for.
fn range_headers(route: &Route) -> impl Iterator<Item = Value> {
    let header = |name: &str, what: &str| json!({"name": name, "in": "header", "required": false, "description": what, "schema": {"type": "string"}});
    let headers = [
        header("Range", "`bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT`; anything else is ignored"),
        header("If-Range", "an `ETag`: all is sent where it is not the content's any more"),
    ];
    headers.into_iter().filter(|_| route.takes_ranges())
}

fn access(route: &Route) -> String {
    match route.access {
        Access::Public => "public".into(),
        Access::Role(role) => role.name().into(),
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn responses(route: &Route) -> Value {
    let mut by_status: BTreeMap<String, (Vec<String>, Map<String, Value>)> = BTreeMap::new();
    for Answer { status, content, schema, what } in route.answers {
        let (said, contents) = by_status.entry(status.to_string()).or_default();
        said.push((*what).to_owned());
        if let Some(kind) = content {
            let media = schema.map_or(json!({}), |schema| json!({"schema": reference(&schema.name())}));
            contents.insert((*kind).to_owned(), media);
        }
    }
    for code in route.all_problems() {
        let (status, name, _) = code.told();
        let (said, contents) = by_status.entry(status.to_string()).or_default();
        said.push(format!("`{name}`"));
        contents.insert("application/problem+json".into(), json!({"schema": reference("Problem")}));
    }
    let described = by_status.into_iter().map(|(status, (said, contents))| {
        let mut response = json!({"description": said.join(", ")});
        if let Some(object) = response.as_object_mut()
            && !contents.is_empty()
        {
            object.insert("content".into(), contents.into());
        }
        (status, response)
    });
    Value::Object(described.collect())
}

fn kind_schema(kind: Kind) -> Value {
    match kind {
        Kind::Whole { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Signed { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Name { max } => json!({"type": "string", "minLength": 1, "maxLength": max,
            "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]*$"}),
        Kind::Text { max } => json!({"type": "string", "minLength": 1, "maxLength": max, "pattern": "^\\P{Cc}+$"}),
        Kind::Hex { digits } => json!({"type": "string", "pattern": format!("^[0-9a-f]{{{digits}}}$")}),
        Kind::OneOf(words) => json!({"type": "string", "enum": words}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Person => json!({"type": "string", "pattern": "^(me|[1-9][0-9]{0,18})$"}),
    }
}

const HEAD: &str = "\
# HTTP and WebSocket API

This page is generated from the table of routes; a test compares it. To write it anew:
`SPACETIME_WRITE_DOCS=1 cargo nextest run -p api the_written_page`. The same as OpenAPI 3.1 is at `GET /openapi.json`.

Whoever asks sends `Authorization: Bearer TOKEN`; nothing else says who somebody is. Times are RFC 3339 or ticks, digests
have 16 hex digits, units are in names. Bodies are `application/json` in UTF-8, without unknown or repeated fields, nested
at most 32 deep. Lists page by `after` and `limit`. Each reply has a `Correlation-Id`, which leads to the details in the log.
GET answers HEAD as well; OPTIONS tells a path's methods. There are no redirects and no cookies.
";

/// The page for people.
#[must_use]
pub fn markdown(table: &Table) -> String {
    let mut page = String::from(HEAD);
    let tags: BTreeSet<&str> = table.routes().iter().map(|route| route.doc.tag).collect();
    page.push_str("\n## Routes\n\n| route | who | what |\n|---|---|---|\n");
    for route in table.routes() {
        line(
            &mut page,
            format_args!("| `{} {}` | {} | {} |", route.method.name(), route.path, access(route), route.doc.summary),
        );
    }
    for tag in tags {
        line(&mut page, format_args!("\n## {tag}"));
        table.routes().iter().filter(|route| route.doc.tag == tag).for_each(|route| section(&mut page, route));
    }
    page.push_str("\n## Problems\n\nContent `application/problem+json`, schema `Problem`.\n\n| code | status | title |\n|---|---|---|\n");
    for (status, name, title) in Code::ALL.map(Code::told) {
        line(&mut page, format_args!("| `{name}` | {status} | {title} |"));
    }
    page.push_str(
        "\n## WebSockets\n\nThe first message is `{\"type\":\"authenticate\",\"token\":\"...\"}`, within ten seconds. Each further \
         one has a `seq` that is greater than the one before; a message of type `problem` names it as `re`. Text only.\n\nA socket is closed when its \
         access token ends. Until then `{\"type\":\"authenticate\",\"seq\":7,\"token\":\"...\"}` with a newer token of the same \
         sign-in, as `POST /refresh` gives it, lets it live on: the answer is of type `authenticated` as the first one, with \
         `re`.\n\n\
         | close code | reason | what it means |\n|---|---|---|\n",
    );
    for (code, name, what) in Close::ALL.map(Close::told) {
        line(&mut page, format_args!("| {code} | `{name}` | {what} |"));
    }
    page.push_str("\n## Schemas\n");
    for (name, schema) in table.schemas().all() {
        let text = serde_json::to_string_pretty(schema).unwrap_or_default();
        line(&mut page, format_args!("\n### {name}\n\n```json\n{text}\n```"));
    }
    page
}

fn section(page: &mut String, route: &Route) {
    line(page, format_args!("\n### `{} {}`\n\n{}.", route.method.name(), route.path, route.doc.summary));
    if !route.doc.text.is_empty() {
        line(page, format_args!("{}", route.doc.text));
    }
    let limits = route.limits;
    let who = match route.access {
        Access::Public => "everybody".to_owned(),
        Access::Role(role) => format!("{role} or above"),
    };
    line(page, format_args!("\n- who: {who}"));
    line(page, format_args!("- limits: {} at once, {} s", limits.at_once, limits.time.as_secs()));
    for param in route.params.iter().chain(route.query) {
        let needed = if param.required { "" } else { ", may be left out" };
        line(page, format_args!("- `{}`: {} ({}{needed})", param.name, param.what, kind_words(param.kind)));
    }
    match (route.handler, route.body) {
        (Handler::Socket(_), Some(Body::Json(schema))) => {
            line(page, format_args!("- messages: `{}`, at most {} bytes", schema.name(), limits.body_bytes));
        }
        (_, Some(Body::Json(schema))) => {
            line(page, format_args!("- body: `{}`, at most {} bytes", schema.name(), limits.body_bytes));
        }
        (_, Some(Body::Octets(kind))) => {
            let time = limits.octets_time().as_secs();
            line(page, format_args!("- body: `{kind}`, at most {} bytes, within {time} s", limits.body_bytes))
        }
        (_, None) => {}
    }
    if route.takes_ranges() {
        line(
            page,
            format_args!("- headers: `Range` for one part, `If-Range`; the answer has `ETag` and `Accept-Ranges`"),
        );
    }
    for answer in route.answers {
        let content = match (answer.schema, answer.content) {
            (Some(schema), _) => format!(" (`{}`)", schema.name()),
            (None, Some(kind)) => format!(" (`{kind}`)"),
            (None, None) => String::new(),
        };
        line(page, format_args!("- {}: {}{content}", answer.status, answer.what));
    }
    let problems: Vec<String> = route.all_problems().iter().map(|code| format!("`{}`", code.told().1)).collect();
    line(page, format_args!("- problems: {}", problems.join(", ")));
}

fn kind_words(kind: Kind) -> String {
    match kind {
        Kind::Whole { min, max: u64::MAX } => format!("whole number from {min}"),
        Kind::Whole { min, max } => format!("whole number, {min} to {max}"),
        Kind::Signed { min: i64::MIN, max: i64::MAX } => "whole number".to_owned(),
        Kind::Signed { min, max } => format!("whole number, {min} to {max}"),
        Kind::Name { max } => format!("name of up to {max} characters"),
        Kind::Text { max } => format!("text of up to {max} characters"),
        Kind::Hex { digits } => format!("{digits} hex digits"),
        Kind::OneOf(words) => words.join(" or "),
        Kind::Flag => "true or false".to_owned(),
        Kind::Person => "`me`, or the number of a person".to_owned(),
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    page.write_fmt(format_args!("{text}\n")).unwrap_or_default();
}
