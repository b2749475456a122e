//! Who is in the session, and over which links. Must never tell where somebody is to be reached.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::route::Method;
use crate::http::{Access, Answer, Answering, Api, Doc, Handler, Limits, Reply, Request, Route, Schema};
use crate::identity::Role;
use crate::ports;

/// The routes.
pub const ROUTES: &[Route] = &[Route {
    id: "peers",
    method: Method::Get,
    path: "/peers",
    access: Access::Role(Role::Operator),
    limits: Limits::READ,
    doc: Doc {
        tag: "status",
        summary: "Peers of the session, and links",
        text: "Members by number, then those who only have a link. The service itself is not listed.",
    },
    params: &[],
    query: &[],
    body: None,
    answers: &[Answer::json(200, Schema::of::<Peers>(), "all of them")],
    problems: &[],
    handler: Handler::Call(peers),
}];

/// Peers of the session.
#[derive(Debug, Serialize, ToSchema)]
struct Peers {
    /// The last confirmed tick.
    tick: u64,
    /// Turns between an input and its effect.
    input_delay_turns: u32,
    /// Ticks in each turn.
    turn_ticks: u32,
    /// All of them.
    peers: Vec<PeerNow>,
}

/// A peer.
#[derive(Debug, Serialize, ToSchema)]
struct PeerNow {
    /// Number in the session, of a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    player: Option<u32>,
    /// Its first ship, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ship: Option<u64>,
    /// Its identity in hex, where there is a link to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    key: Option<String>,
    /// The link, where there is one; another member is reached by way of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    link: Option<PeerLink>,
}

/// A link to a peer.
#[derive(Debug, Serialize, ToSchema)]
struct PeerLink {
    /// Smoothed round-trip time.
    round_trip_us: u64,
    /// Share of datagrams lost on the way here, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    loss: f64,
    /// How many consecutive datagrams carry each entry.
    redundancy: u32,
    /// Whether it wants entries of others passed on.
    relays: bool,
}

fn peers(api: Arc<Api>, _: Request) -> Answering {
    Box::pin(async move {
        let status = api.ports.world.status();
        let peers = api.ports.world.peers().into_iter().map(|ports::Peer { player, ship, key, link }| PeerNow {
            player,
            ship,
            key,
            link: link.map(|ports::Link { round_trip_us, loss, redundancy, relays }| PeerLink {
                round_trip_us,
                loss,
                redundancy,
                relays,
            }),
        });
        let ports::Pace { input_delay_turns, turn_ticks, .. } = status.pace;
        Reply::json(&Peers { tick: status.tick, input_delay_turns, turn_ticks, peers: peers.collect() })
    })
}
