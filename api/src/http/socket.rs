//! The loop around a WebSocket: authenticates by the first message, checks each further one, ends when the sign-in does or
//! its access token, unless a newer one has come.
//! Must never hand a message to a route before its sender is known.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite;
use tracing::{debug, error};
use warp::Reply as _;
use warp::reply::Response;
use warp::ws::{Message, WebSocket, Ws};

use super::dispatch::Arrived;
use super::door::Door;
use super::listen::ended;
use super::metrics::Counted;
use super::problem::Problem;
use super::route::{Access, Body, Route};
use super::ws::{Close, Next, Outbox, Socket};
use super::{Api, json as strict};
use crate::gate::{Count, Denied, Sign};
use crate::identity::{Caller, Visit};
use crate::security::hostile;

/// Makes the socket of a route's caller.
pub type Open = fn(Arc<Api>, Visit, Caller) -> Box<dyn Socket>;

/// Answers a request for a WebSocket, and starts its loop.
pub(super) fn upgrade(
    api: &Arc<Api>,
    arrived: Arc<Arrived>,
    route: &'static Route,
    place: usize,
    upgrade: Ws,
    open: Open,
) -> Result<Response, Problem> {
    let door = Arc::clone(api.door(place)?);
    let counted = Counted::new(&api.metrics.sockets);
    let most = route.limits.body_bytes;
    let link = Link { api: Arc::clone(api), visit: arrived.visit, route, door };
    let reply = upgrade.max_message_size(most).max_frame_size(most).on_upgrade(move |socket| async move {
        converse(link, socket, open).await;
        // Until here it counts as a connection and as a socket.
        drop((arrived, counted));
    });
    Ok(reply.into_response())
}

/// What the parts of a loop share.
struct Link {
    api: Arc<Api>,
    visit: Visit,
    route: &'static Route,
    door: Arc<Door>,
}

/// How a socket ends; nothing where the other end has gone.
type End = Option<Close>;

async fn converse(link: Link, socket: WebSocket, open: Open) {
    let (mut sink, mut stream) = socket.split();
    let first = timeout(link.api.rules.sockets.authenticate_time, authenticate(&link, &mut stream)).await;
    let end = match first {
        Err(_) => Some(Close::NotAuthenticated),
        Ok(Err(end)) => end,
        // Who has not said who they are takes up no place of the route.
        Ok(Ok(caller)) => match link.door.enter() {
            None => Some(Close::TooMany),
            Some(_inside) => speak(&link, caller, open, &mut stream, &mut sink).await,
        },
    };
    let Some(close) = end else { return };
    let (code, reason, _) = close.told();
    link.api.metrics.refuse(reason);
    debug!(correlation = %link.visit.correlation, route = link.route.id, code, "a socket is closed");
    // The other end has a second to take the reason and to answer it.
    let goodbye = async {
        if sink.send(Message::close_with(code, reason)).await.is_ok() {
            while let Some(Ok(_)) = stream.next().await {}
        }
    };
    drop(timeout(Duration::from_secs(1), goodbye).await);
}

/// Reads and writes until either is over.
async fn speak(
    link: &Link,
    caller: Caller,
    open: Open,
    stream: &mut SplitStream<WebSocket>,
    sink: &mut SplitSink<WebSocket, Message>,
) -> End {
    let out = Outbox::default();
    let reading = AssertUnwindSafe(read(link, caller, open, stream, out.clone())).catch_unwind();
    tokio::select! {
        end = reading => end.unwrap_or_else(|_| {
            error!(correlation = %link.visit.correlation, route = link.route.id, "a socket panicked");
            Some(Close::Failed)
        }),
        end = write(link, &out, sink) => end,
    }
}

/// Reads the first message, by which somebody says who they are.
async fn authenticate(link: &Link, stream: &mut SplitStream<WebSocket>) -> Result<Caller, End> {
    let message = loop {
        match next_message(stream).await? {
            Some(message) => break message,
            None => count(link).map_err(Some)?,
        }
    };
    count(link).map_err(Some)?;
    let message = strict::read(message.as_bytes()).map_err(|_| Some(Close::Contract))?;
    caller_of(link, &message).map_err(Some)
}

/// Who somebody is, by a message that says so and nothing else.
fn caller_of(link: &Link, message: &Value) -> Result<Caller, Close> {
    let gate = &link.api.ports.gate;
    let object = message.as_object().filter(|object| object.len() == 2 && is_authentication(message));
    let token = object.and_then(|object| object.get("token")?.as_str()).ok_or(Close::NotAuthenticated)?;
    let caller = gate.verify(&link.visit, token).map_err(|denied| close_of(&denied))?;
    permits(link, &caller).map_err(|denied| {
        if denied == Denied::Forbidden {
            gate.saw(&link.visit, Sign::Forbidden(caller.person));
        }
        close_of(&denied)
    })?;
    Ok(caller)
}

/// Whether they may be on the socket: their role is enough, and they have accepted the licence that is in force.
fn permits(link: &Link, caller: &Caller) -> Result<(), Denied> {
    // The table has no socket that is public.
    let Access::Role(role) = link.route.access else { return Err(Denied::Forbidden) };
    link.api.ports.gate.permits(caller, role)
}

fn is_authentication(message: &Value) -> bool {
    message.get("type").is_some_and(|kind| kind == "authenticate")
}

/// Says as what somebody is let in, and until when; which message that answers, where it was not the first.
fn hello(caller: &Caller, seq: Option<u64>) -> String {
    let mut hello = json!({"type": "authenticated", "role": caller.role, "expires_at": caller.expires.to_string()});
    if let Some(seq) = seq {
        hello["re"] = seq.into();
    }
    hello.to_string()
}

/// Whether the address may send one message more; pings and pongs are messages too.
fn count(link: &Link) -> Result<(), Close> {
    link.api.ports.gate.admit(&link.visit, Count::Message).map_err(|denied| close_of(&denied))
}

/// The next text; nothing for a ping or a pong, which warp answers by itself.
async fn next_message(stream: &mut SplitStream<WebSocket>) -> Result<Option<Message>, End> {
    match stream.next().await {
        Some(Ok(message)) if message.is_text() => Ok(Some(message)),
        Some(Ok(message)) if message.is_close() => Err(None),
        Some(Ok(message)) if message.is_binary() => Err(Some(Close::NotText)),
        Some(Ok(_)) => Ok(None),
        Some(Err(error)) => Err(broken(&error)),
        None => Err(None),
    }
}

/// What is said to whom sends what is no message.
fn broken(error: &warp::Error) -> End {
    use tungstenite::Error;
    match std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>()) {
        Some(Error::Capacity(_)) => Some(Close::TooLarge),
        Some(Error::Utf8(_)) => Some(Close::NotUtf8),
        Some(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => None,
        Some(Error::Protocol(_)) => Some(Close::Contract),
        _ => None,
    }
}

fn close_of(denied: &Denied) -> Close {
    match denied {
        Denied::Unauthenticated(_) | Denied::Banned => Close::NotAuthenticated,
        Denied::Forbidden | Denied::Licence => Close::NotAllowed,
        Denied::TooMany(_) => Close::TooMany,
        Denied::Unavailable(_) => Close::Failed,
    }
}

async fn read(
    link: &Link,
    mut caller: Caller,
    open: Open,
    stream: &mut SplitStream<WebSocket>,
    mut out: Outbox,
) -> End {
    let rules = link.api.rules.sockets;
    let mut socket = open(Arc::clone(&link.api), link.visit, caller);
    let (mut checks, mut pings) = (interval(rules.check_every), interval(rules.ping_every));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ending = link.api.ending.subscribe();
    let (mut heard, mut seq) = (Instant::now(), None);
    out.send(hello(&caller, None));
    socket.open(&mut out).await;
    loop {
        tokio::select! {
            message = next_message(stream) => {
                heard = Instant::now();
                let message = match message {
                    Ok(message) => message,
                    Err(end) => return end,
                };
                if let Err(close) = count(link) {
                    return Some(close);
                }
                if let Some(message) = message {
                    let taken = take(link, &mut caller, socket.as_mut(), &message, &mut seq, &mut out);
                    match timeout(link.route.limits.time, taken).await {
                        Ok(Ok(())) => {}
                        Ok(Err(close)) => return Some(close),
                        Err(_) => return Some(Close::Failed),
                    }
                }
            }
            () = socket.next(&mut out) => {}
            _ = pings.tick() => out.ping(),
            _ = checks.tick() => {
                let gate = &link.api.ports.gate;
                let stays = gate.still_stands(&caller).and_then(|()| gate.may_stay(&link.visit));
                if let Err(denied) = stays.and_then(|()| permits(link, &caller)) {
                    return Some(close_of(&denied));
                }
                if link.api.ports.clock.now() >= caller.expires {
                    return Some(Close::NotAuthenticated);
                }
                if heard.elapsed() > rules.silent_time {
                    return Some(Close::Silent);
                }
            }
            () = ended(&mut ending) => return Some(Close::Ending),
        }
    }
}

/// Checks one message and hands it on.
async fn take(
    link: &Link,
    caller: &mut Caller,
    socket: &mut dyn Socket,
    message: &Message,
    last: &mut Option<u64>,
    out: &mut Outbox,
) -> Result<(), Close> {
    link.api.metrics.messages_in.inc();
    link.api.ports.gate.admit_caller(caller, Count::Message).map_err(|denied| close_of(&denied))?;
    let refuse = |close: Close| {
        link.api.ports.gate.saw(&link.visit, Sign::BadInput);
        close
    };
    let mut value = strict::read(message.as_bytes()).map_err(|_| refuse(Close::Contract))?;
    let seq = value.as_object_mut().and_then(|object| object.remove("seq")).and_then(|seq| seq.as_u64());
    let seq = seq.ok_or_else(|| refuse(Close::Contract))?;
    if last.is_some_and(|last| seq <= last) {
        return Err(refuse(Close::Sequence));
    }
    *last = Some(seq);
    if is_authentication(&value) {
        let newer = caller_of(link, &value)?;
        if newer.sign_in != caller.sign_in {
            return Err(Close::NotAuthenticated);
        }
        *caller = newer;
        socket.renewed(newer);
        out.send(hello(&newer, Some(seq)));
        return Ok(());
    }
    let Some(Body::Json(schema)) = link.route.body else { return Err(Close::Failed) };
    if !link.api.table.schemas().wrong(&schema.name(), &value).is_empty() {
        let sign = hostile::sign_in_value(&value).unwrap_or(Sign::BadInput);
        link.api.ports.gate.saw(&link.visit, sign);
        return Err(Close::Contract);
    }
    if let Err(problem) = socket.message(&value, out).await {
        let (correlation, code, detail) = (link.visit.correlation, problem.code.told().1, problem.detail.as_str());
        debug!(%correlation, route = link.route.id, code, detail);
        let body: Value = serde_json::to_value(problem.body(correlation)).unwrap_or_default();
        out.send(json!({"type": "problem", "re": seq, "problem": body}).to_string());
    }
    Ok(())
}

/// Sends what waits, one after the other.
async fn write(link: &Link, out: &Outbox, sink: &mut SplitSink<WebSocket, Message>) -> End {
    let stall_time = link.api.rules.sockets.stall_time;
    loop {
        let message = match out.next().await {
            Next::Text(text) => Message::text(text),
            Next::Sample(text) => Message::text(&*text),
            Next::Ping => Message::ping(Vec::new()),
            Next::Overfull => return Some(Close::Silent),
        };
        let sending = link.api.telemetry.watched(sink.send(message));
        match timeout(stall_time, sending).await {
            Ok(Ok(())) => link.api.metrics.messages_out.inc(),
            Ok(Err(_)) => return None,
            Err(_) => return Some(Close::Silent),
        };
    }
}
