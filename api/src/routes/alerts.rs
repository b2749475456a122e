//! Alerts about attacks and unusual behaviour: to be looked up, and over a WebSocket as they are raised. Must never make
//! whoever raises one wait for whoever reads it.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::accounts::security;
use super::admin::AFTER;
use crate::http::params::LIMIT;
use crate::http::route::{Body, Method};
use crate::http::{
    Access, Answer, Answering, Api, Code, Doc, Handler, Limits, Outbox, Problem, Reply, Request, Route, Schema, Socket,
};
use crate::identity::{Caller, Role, Visit};
use crate::security::intrusion::Alert;
use crate::security::{self as gate, Told};

const LIST: Route = Route {
    id: "admin_alerts",
    method: Method::Get,
    path: "/admin/alerts",
    access: Access::Role(Role::Admin),
    limits: Limits::READ,
    doc: Doc {
        tag: "admin",
        summary: "Alerts about attacks and unusual behaviour",
        text: "Those since the start that are kept, oldest first.",
    },
    params: &[],
    query: &[AFTER, LIMIT],
    body: None,
    answers: &[Answer::json(200, Schema::of::<Alerts>(), "a page of alerts")],
    problems: &[],
    handler: Handler::Call(alerts),
};

/// The routes.
pub const ROUTES: &[Route] = &[
    LIST,
    Route {
        id: "ws_alerts",
        path: "/ws/alerts",
        access: Access::Role(Role::Operator),
        limits: Limits { body_bytes: 4096, at_once: 64, ..Limits::SOCKET },
        doc: Doc {
            tag: "admin",
            summary: "Alerts as they are raised",
            text: "A WebSocket. `{\"type\":\"subscribe\",\"seq\":1,\"after\":0}` begins: those behind `after` that are kept come \
                   first, then new ones, each as `{\"type\":\"alert\",\"alert\":{..}}` with what `GET /admin/alerts` shows of it. \
                   `{\"type\":\"missed\",\"count\":3}` tells of those that are kept no more. \
                   `{\"type\":\"unsubscribe\",\"seq\":2}` ends.",
        },
        query: &[],
        body: Some(Body::Json(Schema::of::<AlertsMessage>())),
        answers: &[Answer::empty(101, "the WebSocket is open; the first message authenticates")],
        handler: Handler::Socket(open),
        ..LIST
    },
];

/// A page of alerts.
#[derive(Debug, Serialize, ToSchema)]
struct Alerts {
    /// The alerts.
    #[schema(max_items = 1000)]
    alerts: Vec<OneAlert>,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OneAlert {
    /// Counts alerts since the start, from 1.
    seq: u64,
    /// What raised it.
    rule: String,
    /// When, RFC 3339.
    at: String,
    /// When what raised it began, RFC 3339.
    since: String,
    /// From where.
    address: String,
    /// Whose account it is about, by number.
    person: Option<String>,
    /// How much of it there was.
    count: u64,
    /// Names the request that was the last straw.
    correlation: String,
    /// The address is banned until then, RFC 3339.
    banned_until: Option<String>,
}

impl From<&Alert> for OneAlert {
    fn from(alert: &Alert) -> Self {
        Self {
            seq: alert.seq,
            rule: alert.rule.name().to_owned(),
            at: alert.at.to_string(),
            since: alert.since.to_string(),
            address: alert.address.to_string(),
            person: alert.person.map(|person| person.0.to_string()),
            count: alert.count,
            correlation: alert.correlation.to_string(),
            banned_until: alert.banned_until.map(|until| until.to_string()),
        }
    }
}

fn alerts(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let page = request.page();
        let all = security(&api)?.recent_alerts(page.after.unwrap_or_default(), page.limit);
        Reply::json(&Alerts { alerts: all.iter().map(OneAlert::from).collect() })
    })
}

/// A message to `/ws/alerts`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum AlertsMessage {
    /// Begins.
    Subscribe {
        /// Behind the alert of this number; 0 for all that are kept.
        after: u64,
    },
    /// Ends.
    Unsubscribe {},
}

struct Watching {
    api: Arc<Api>,
    alerts: Option<gate::Alerts>,
}

fn open(api: Arc<Api>, _: Visit, _: Caller) -> Box<dyn Socket> {
    Box::new(Watching { api, alerts: None })
}

#[async_trait]
impl Socket for Watching {
    async fn open(&mut self, _: &mut Outbox) {}

    async fn message(&mut self, message: &Value, out: &mut Outbox) -> Result<(), Problem> {
        let message =
            AlertsMessage::deserialize(message).map_err(|error| Problem::logged(Code::BadInput, error.to_string()))?;
        let told = match message {
            AlertsMessage::Subscribe { after } => {
                let alerts = security(&self.api)?.alerts(after);
                let told = json!({ "type": "subscribed", "after": alerts.behind() });
                self.alerts = Some(alerts);
                told
            }
            AlertsMessage::Unsubscribe {} => {
                self.alerts = None;
                json!({ "type": "unsubscribed" })
            }
        };
        out.send(told.to_string());
        Ok(())
    }

    async fn next(&mut self, out: &mut Outbox) {
        // Who takes nothing is closed by the outbox; what is kept waits for whoever takes something.
        out.room().await;
        let told = match &mut self.alerts {
            Some(alerts) => alerts.next().await,
            None => std::future::pending().await,
        };
        out.send(match told {
            Told::Missed(count) => json!({ "type": "missed", "count": count }).to_string(),
            Told::Alert(alert) => json!({ "type": "alert", "alert": OneAlert::from(&*alert) }).to_string(),
        });
    }
}
