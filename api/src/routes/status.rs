//! How the program is: which build, how far the world is, how its parts are. Must never make anything wait for a tick.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::params::{Kind, Param};
use crate::http::route::Method;
use crate::http::{Access, Answer, Answering, Api, Doc, Handler, Limits, Reply, Request, Route, Schema};
use crate::identity::Role;
use crate::ports::{Condition, ControlState, Part};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route {
        id: "status",
        method: Method::Get,
        path: "/status",
        access: Access::Role(Role::Guest),
        limits: Limits::READ,
        doc: Doc {
            tag: "status",
            summary: "The build and the world",
            text: "With `tick`, the digest after that tick, while it is kept: a few seconds.",
        },
        params: &[],
        query: &[Param::optional("tick", Kind::Whole { min: 0, max: u64::MAX }, "the tick whose digest is asked for")],
        body: None,
        answers: &[Answer::json(200, Schema::of::<Status>(), "how it is")],
        problems: &[crate::http::Code::NotFound],
        handler: Handler::Call(status),
    },
    Route {
        id: "health",
        method: Method::Get,
        path: "/health",
        access: Access::Public,
        limits: Limits::READ,
        doc: Doc { tag: "status", summary: "How the parts are", text: "Operators are told why as well." },
        params: &[],
        query: &[],
        body: None,
        answers: &[
            Answer::json(200, Schema::of::<Health>(), "it does what it is for"),
            Answer::json(503, Schema::of::<Health>(), "an essential part is ill"),
        ],
        problems: &[],
        handler: Handler::Call(health),
    },
];

/// The build and the world.
#[derive(Debug, Serialize, ToSchema)]
struct Status {
    /// Version of the program.
    version: String,
    /// BLAKE3 of the program's file.
    build: String,
    /// When it began, RFC 3339.
    began: String,
    /// Seconds since.
    uptime_s: u64,
    /// The moment that it is, RFC 3339.
    now: String,
    /// The world.
    world: WorldNow,
    /// What was asked for by `tick`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    at: Option<DigestAt>,
}

/// A digest.
#[derive(Debug, Serialize, ToSchema)]
struct DigestAt {
    /// After this tick.
    tick: u64,
    /// 16 hex digits.
    #[schema(min_length = 16, max_length = 16)]
    digest: String,
}

/// The world, after its last confirmed tick.
#[derive(Debug, Serialize, ToSchema)]
struct WorldNow {
    /// Its name in the store.
    world: String,
    /// The last confirmed tick.
    tick: u64,
    /// Digest of the state after it: 16 hex digits.
    #[schema(min_length = 16, max_length = 16)]
    digest: String,
    /// The last tick that is durable.
    durable_tick: u64,
    /// Ticks per second.
    rate_hz: u32,
    /// Simulated time per tick, in quarters of a tick.
    time_factor_quarters: u32,
    /// Peers in the session, the service not counted.
    players: u64,
    /// Entities.
    entities: u64,
    /// Turns so far.
    turns: u64,
    /// Turns that came late.
    late_turns: u64,
    /// The longest stand-still.
    longest_stall_us: u64,
    /// Ticks in each turn.
    turn_ticks: u32,
    /// What the last turns cost on average.
    turn_cost_us: u64,
    /// Turns between an input and its effect.
    input_delay_turns: u32,
    /// Roll-backs of executed turns.
    roll_backs: u64,
    /// What holds it.
    control: ControlState,
}

fn status(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let world = api.ports.world.status();
        let at = match request.whole("tick") {
            Some(tick) => {
                let digest = api.ports.world.digest_at(tick).ok_or(crate::ports::WorldError::NotKept)?;
                Some(DigestAt { tick, digest: format!("{digest:016x}") })
            }
            None => None,
        };
        let now = api.ports.clock.now();
        let (turns, late_turns, longest_stall_us) = world.turns;
        Reply::json(&Status {
            version: api.build.version.clone(),
            build: api.build.hash.clone(),
            began: api.began.to_string(),
            uptime_s: now.since(api.began).as_secs(),
            now: now.to_string(),
            world: WorldNow {
                world: world.world,
                tick: world.tick,
                digest: format!("{:016x}", world.digest),
                durable_tick: world.durable_tick,
                rate_hz: world.rate_hz,
                time_factor_quarters: world.time_factor_quarters,
                players: world.players as u64,
                entities: world.entities as u64,
                turns,
                late_turns,
                longest_stall_us,
                turn_ticks: world.pace.turn_ticks,
                turn_cost_us: world.pace.turn_cost_us,
                input_delay_turns: world.pace.input_delay_turns,
                roll_backs: world.pace.roll_backs,
                control: world.control,
            },
            at,
        })
    })
}

/// How the parts are.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// The worst of the essential parts; degraded where another one is not well.
    condition: Condition,
    /// All parts.
    parts: Vec<PartNow>,
}

/// One part.
#[derive(Debug, Serialize, ToSchema)]
struct PartNow {
    /// Its name.
    name: &'static str,
    /// How it is.
    condition: Condition,
    /// When it was looked at last, RFC 3339.
    checked_at: String,
    /// One word why, for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// A sentence why, for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    why: Option<String>,
}

fn health(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let tells_why = request.caller.is_some_and(|caller| caller.role >= Role::Operator);
        let mut parts = api.ports.health.parts();
        parts.push(api.telemetry.part(api.ports.clock.now()));
        propagate(&mut parts);
        let condition = overall(&parts);
        let parts = parts.into_iter().map(|part| {
            let tells_why = tells_why && part.condition != Condition::Well;
            PartNow {
                name: part.name,
                condition: part.condition,
                checked_at: part.checked.to_string(),
                reason: tells_why.then(|| part.reason.to_owned()),
                why: tells_why.then_some(part.why),
            }
        });
        let body = Health { condition, parts: parts.collect() };
        Reply::json_as(if condition == Condition::Ill { 503 } else { 200 }, &body)
    })
}

/// What an ill part is needed for is ill as well, however far that goes.
fn propagate(parts: &mut [Part]) {
    let mut conditions: BTreeMap<&str, Condition> = parts.iter().map(|part| (part.name, part.condition)).collect();
    for _ in 0..parts.len() {
        for part in parts.iter_mut() {
            let cause = part.needs.iter().find(|name| conditions.get(*name) == Some(&Condition::Ill));
            if let Some(cause) = cause.filter(|_| part.condition != Condition::Ill) {
                part.condition = Condition::Ill;
                part.reason = "needs";
                part.why = format!("it needs {cause}, which is ill");
                conditions.insert(part.name, Condition::Ill);
            }
        }
    }
}

/// The worst of the essential parts; nothing else makes the whole worse than degraded.
fn overall(parts: &[Part]) -> Condition {
    let worst = parts
        .iter()
        .map(|part| if part.is_essential { part.condition } else { part.condition.min(Condition::Degraded) });
    worst.max().unwrap_or(Condition::Well)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;

    fn part(name: &'static str, condition: Condition, needs: &'static [&'static str], is_essential: bool) -> Part {
        Part { name, condition, reason: "", why: String::new(), checked: Moment(0), needs, is_essential }
    }

    #[test]
    fn illness_goes_to_what_depends_on_it_and_only_essential_parts_make_the_whole_ill() {
        let mut parts = [
            part("console", Condition::Well, &["accounts"], false),
            part("accounts", Condition::Well, &["store"], false),
            part("store", Condition::Ill, &[], false),
            part("world", Condition::Well, &[], true),
        ];
        assert_eq!(overall(&parts), Condition::Degraded);
        propagate(&mut parts);
        assert_eq!(
            parts.each_ref().map(|part| part.condition),
            [Condition::Ill, Condition::Ill, Condition::Ill, Condition::Well]
        );
        assert_eq!(overall(&parts), Condition::Degraded);
        parts[3].condition = Condition::Ill;
        assert_eq!(overall(&parts), Condition::Ill);
        assert_eq!(overall(&[]), Condition::Well);
    }
}
