//! Samples of the world's status over a WebSocket. Must never make a sample for one socket alone.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::http::route::{Body, Method};
use crate::http::telemetry::{RATE_HZ, Sample};
use crate::http::{Access, Answer, Api, Code, Doc, Handler, Limits, Outbox, Route, Schema, Socket};
use crate::identity::{Caller, Role, Visit};

/// The routes.
pub const ROUTES: &[Route] = &[Route {
    id: "ws_telemetry",
    method: Method::Get,
    path: "/ws/telemetry",
    access: Access::Role(Role::Guest),
    limits: Limits { body_bytes: 4096, ..Limits::SOCKET },
    doc: Doc {
        tag: "telemetry",
        summary: "Samples of the world's status",
        text: "A WebSocket. `{\"type\":\"subscribe\",\"seq\":1,\"rate_hz\":10}` begins, 1 to 10 samples a second; their number \
               `sample` rises. With `\"scene\":true`, messages of type `scene` tell where bodies are, twice a second while \
               the world goes on: at most 1000, as `/physics/bodies` has them. Whoever is slow gets the newest one. \
               `{\"type\":\"unsubscribe\",\"seq\":2}` ends.",
    },
    params: &[],
    query: &[],
    body: Some(Body::Json(Schema::of::<TelemetryMessage>())),
    answers: &[Answer::empty(101, "the WebSocket is open; the first message authenticates")],
    problems: &[],
    handler: Handler::Socket(open),
}];

/// A message to `/ws/telemetry`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum TelemetryMessage {
    /// Begins, or changes the rate.
    Subscribe {
        /// Samples a second.
        #[schema(minimum = 1, maximum = 10)]
        rate_hz: u64,
        /// Where bodies are as well.
        #[serde(default)]
        #[schema(nullable = false)]
        scene: Option<bool>,
    },
    /// Ends.
    Unsubscribe {},
}

struct Watching {
    samples: watch::Receiver<Option<Sample>>,
    scenes: Option<watch::Receiver<Option<Sample>>>,
    api: Arc<Api>,
    rate_hz: u64,
    /// Number of the sample that was sent last.
    sent: u64,
}

fn open(api: Arc<Api>, _: Visit, _: Caller) -> Box<dyn Socket> {
    Box::new(Watching { samples: api.telemetry.watch(), scenes: None, api, rate_hz: 0, sent: 0 })
}

/// Whether a sample falls into another interval of this rate than the one that was sent last.
const fn is_due(number: u64, sent: u64, rate_hz: u64) -> bool {
    number.saturating_mul(rate_hz) / RATE_HZ > sent.saturating_mul(rate_hz) / RATE_HZ
}

#[async_trait]
impl Socket for Watching {
    async fn open(&mut self, _: &mut Outbox) {}

    async fn message(&mut self, message: &Value, out: &mut Outbox) -> Result<(), Problem> {
        let message = TelemetryMessage::deserialize(message)
            .map_err(|error| Problem::logged(Code::BadInput, error.to_string()))?;
        let (rate_hz, scene) = match message {
            TelemetryMessage::Subscribe { rate_hz, scene } => (rate_hz, scene.unwrap_or(false)),
            TelemetryMessage::Unsubscribe {} => (0, false),
        };
        self.rate_hz = rate_hz;
        self.scenes = scene.then(|| {
            let mut scenes = self.api.telemetry.watch_scenes();
            // The one that there is, is new here.
            scenes.mark_changed();
            scenes
        });
        out.send(json!({"type": "subscribed", "rate_hz": self.rate_hz}).to_string());
        Ok(())
    }

    async fn next(&mut self, out: &mut Outbox) {
        tokio::select! {
            changed = self.samples.changed() => if changed.is_err() {
                // The program that makes samples is gone, and so will be this socket.
                std::future::pending::<()>().await;
            },
            scene = next_of(self.scenes.as_mut()) => {
                if let Some(scene) = scene {
                    out.scene(scene.text);
                }
                return;
            }
        }
        let newest = self.samples.borrow_and_update().clone();
        if let Some(sample) = newest.filter(|sample| is_due(sample.number, self.sent, self.rate_hz)) {
            self.sent = sample.number;
            out.sample(sample.text);
        }
    }
}

/// The next scene, for who wants scenes.
async fn next_of(scenes: Option<&mut watch::Receiver<Option<Sample>>>) -> Option<Sample> {
    let Some(scenes) = scenes else { return std::future::pending().await };
    if scenes.changed().await.is_err() {
        return std::future::pending().await;
    }
    scenes.borrow_and_update().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_rate_takes_samples_evenly() {
        for rate_hz in 1..=10 {
            let (mut sent, mut taken) = (0, Vec::new());
            for number in 1..=100 {
                if is_due(number, sent, rate_hz) {
                    sent = number;
                    taken.push(number);
                }
            }
            assert_eq!(taken.len() as u64, 10 * rate_hz);
            let gaps = taken.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(gaps.clone().max().unwrap_or(0) - gaps.min().unwrap_or(0) <= 1, "{rate_hz}: {taken:?}");
        }
    }
}
