//! From a request to its reply: every check in one order, by the route's row. Must never run a handler before all of them, nor
//! let a handler's fault reach the connection.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{FutureExt, Stream, StreamExt};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{StatusCode, Uri};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{debug, error, info};
use warp::Reply as _;
use warp::reply::Response;
use warp::ws::Ws;

use super::cors::{self, Asking};
use super::door::Door;
use super::problem::{Code, Problem};
use super::reply::{Outgoing, Reply, Sent};
use super::request::{Content, Pieces, Request};
use super::route::{Access, Body, Handler, Method, Route};
use super::table::Found;
use super::{Api, headers, json, params, wire};
use crate::gate::{Count, Denied, Sign};
use crate::http::connection::Connection;
use crate::identity::{Caller, Visit};
use crate::security::hostile;
use crate::security::token::MISSING;

/// A request as it comes from its connection.
pub struct Arrived {
    /// What connection it came over.
    pub connection: Arc<Connection>,
    /// Names it.
    pub visit: Visit,
    /// Method.
    pub method: hyper::Method,
    /// Path and query.
    pub uri: Uri,
    /// Headers.
    pub head: HeaderMap,
    /// Whether there is a body.
    pub has_body: bool,
}

/// Bytes of a content that are handed to the connection at once: even a slow one has taken them before it counts as idle.
const AT_ONCE_BYTES: usize = 64 << 10;
/// Content that browsers run scripts of.
const PAGE: &str = "text/html; charset=utf-8";

/// What is known of a request in the end.
#[derive(Default)]
struct Known {
    route: Option<(usize, &'static Route)>,
    caller: Option<Caller>,
}

/// Answers a request, whatever becomes of it.
pub async fn answer<S, B>(api: Arc<Api>, arrived: Arc<Arrived>, body: S, upgrade: Option<Ws>) -> Response
where
    S: Stream<Item = Result<B, warp::Error>> + Send + 'static,
    B: Buf + Send,
{
    let began = api.ports.clock.passed();
    let _counted = api.metrics.begin();
    let asking = api.rules.origins.look(&arrived.head);
    let (visit, is_tls) = (arrived.visit, arrived.connection.is_tls);
    let mut known = Known::default();
    let body: Pieces = if arrived.has_body {
        Box::pin(body.map(|piece| match piece {
            Ok(mut buffer) => Ok(buffer.copy_to_bytes(buffer.remaining())),
            Err(error) => Err(Problem::logged(Code::BadRequest, error.to_string())),
        }))
    } else {
        Box::pin(futures_util::stream::empty())
    };
    let outcome = route_and_run(&api, &arrived, body, upgrade, &asking, &mut known).await;
    let mut response = match outcome {
        Ok(Answered::Reply(reply)) => respond(reply, &arrived.connection),
        Ok(Answered::Upgrade(mut response)) => {
            response.headers_mut().extend(headers::safe(false, is_tls));
            response
        }
        Err(problem) => respond(tell(&api, visit, &problem, &known), &arrived.connection),
    };
    cors::allow_reading(&asking, response.headers_mut());
    response.headers_mut().insert(headers::CORRELATION, headers::value(visit.correlation.text()));
    let (status, time) = (response.status().as_u16(), api.ports.clock.passed().saturating_sub(began));
    api.metrics.answered(known.route, status, time);
    let id = known.route.map_or("none", |(_, route)| route.id);
    debug!(target: "api::access", route = id, method = %arrived.method, status, address = %visit.address, correlation = %visit.correlation, time_us = time.as_micros());
    response
}

enum Answered {
    Reply(Reply),
    Upgrade(Response),
}

async fn route_and_run(
    api: &Arc<Api>,
    arrived: &Arc<Arrived>,
    body: Pieces,
    upgrade: Option<Ws>,
    asking: &Asking,
    known: &mut Known,
) -> Result<Answered, Problem> {
    let (visit, head) = (arrived.visit, &arrived.head);
    api.ports.gate.admit(&visit, Count::Request)?;
    let path = arrived.uri.path();
    let method = method_of(&arrived.method);
    let (place, segments) = match api.table.find(method, path) {
        Found::Route(place, segments) => (place, segments),
        Found::OtherMethods(methods) => {
            return other_method(api, arrived, asking, &methods).map(Answered::Reply);
        }
        Found::Nothing => {
            api.ports.gate.saw(&visit, if leaves_its_folder(path) { Sign::Traversal } else { Sign::NoSuchRoute });
            return Err(Problem::new(Code::NotFound));
        }
    };
    let Some(route) = api.table.routes().get(place).copied() else { return Err(Problem::new(Code::NotFound)) };
    known.route = Some((place, route));
    headers::check(head)?;
    let is_socket = matches!(route.handler, Handler::Socket(_));
    if *asking == Asking::Foreign && (route.method.changes() || is_socket) {
        return Err(Problem::new(Code::ForeignOrigin));
    }
    if let Handler::Socket(open) = route.handler {
        headers::check_body(route, head, arrived.has_body)?;
        params::read_query(route.query, arrived.uri.query())?;
        let upgrade = upgrade.ok_or_else(|| Problem::input("header.upgrade", "has to ask for a WebSocket"))?;
        return super::socket::upgrade(api, Arc::clone(arrived), route, place, upgrade, open).map(Answered::Upgrade);
    }
    known.caller = authenticate(api, &visit, route, head)?;
    // Strangers learn nothing of what a route takes.
    headers::check_body(route, head, arrived.has_body)?;
    let request = Request {
        visit,
        caller: known.caller,
        route,
        path: params::read_path(route.params, &segments)
            .map_err(|problem| Problem { sign: hostile::sign_in(segments.iter().copied()).map(Box::new), ..problem })?,
        query: params::read_query(route.query, arrived.uri.query())
            .map_err(|problem| Problem { sign: hostile::sign_in(arrived.uri.query()).map(Box::new), ..problem })?,
        arrived: Arc::clone(arrived),
        content: content(api, route, body).await?,
    };
    // A body may have taken long to arrive: whoever was let in before it may be nobody by now.
    if let (Some(_), Access::Role(role), Some(caller)) = (route.body, route.access, &known.caller) {
        api.ports.gate.still_stands(caller)?;
        api.ports.gate.permits(caller, role)?;
    }
    let Handler::Call(handler) = route.handler else { return Err(Problem::new(Code::Failed)) };
    let reply = handle(api, api.door(place)?, route, || handler(Arc::clone(api), request)).await?;
    check_reply(api, route, &reply)?;
    let person = known.caller.map(|caller| caller.person);
    api.ports.gate.saw(&visit, Sign::Served { person, route: place, bytes: reply.length() });
    Ok(Answered::Reply(reply))
}

fn method_of(method: &hyper::Method) -> Option<Method> {
    match *method {
        hyper::Method::GET | hyper::Method::HEAD => Some(Method::Get),
        hyper::Method::POST => Some(Method::Post),
        hyper::Method::PUT => Some(Method::Put),
        hyper::Method::PATCH => Some(Method::Patch),
        hyper::Method::DELETE => Some(Method::Delete),
        _ => None,
    }
}

/// The path is known, the method is not one of its own: OPTIONS is told which there are.
fn other_method(api: &Api, arrived: &Arrived, asking: &Asking, methods: &[Method]) -> Result<Reply, Problem> {
    let mut names: Vec<&str> = methods.iter().map(|method| method.name()).collect();
    if methods.contains(&Method::Get) {
        names.push("HEAD");
    }
    names.push("OPTIONS");
    let allow = names.join(", ");
    if arrived.method != hyper::Method::OPTIONS {
        api.ports.gate.saw(&arrived.visit, Sign::NoSuchRoute);
        return Err(Problem { allow: Some(allow), ..Problem::new(Code::MethodNotAllowed) });
    }
    headers::check(&arrived.head)?;
    let allow = headers::value(allow);
    let wanted = arrived.head.get(header::ACCESS_CONTROL_REQUEST_METHOD);
    let is_method = |wanted: &HeaderValue| methods.iter().any(|method| wanted.as_bytes() == method.name().as_bytes());
    let mut reply = Reply::empty(204).with(header::ALLOW, allow.clone());
    match (asking, wanted) {
        (Asking::Foreign, _) => return Err(Problem::new(Code::ForeignOrigin)),
        (Asking::Listed(_), Some(wanted)) if is_method(wanted) => reply.headers.extend(cors::preflight(allow)),
        _ => {}
    }
    Ok(reply)
}

/// Whether a path looks as if it were to lead out of its folder.
fn leaves_its_folder(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    ["..", "%2e", "%252e", "%5c", "\\", "%00", "%c0"].iter().any(|part| lower.contains(part))
}

/// Who asks, and whether they may.
fn authenticate(api: &Api, visit: &Visit, route: &Route, head: &HeaderMap) -> Result<Option<Caller>, Problem> {
    let gate = &api.ports.gate;
    let bearer = headers::bearer(head).map_err(|why| {
        // What the gate looks at it notes itself.
        gate.saw(visit, Sign::BadToken(why));
        Denied::Unauthenticated(why)
    });
    let verified = bearer.and_then(|token| token.map(|token| gate.verify(visit, token)).transpose());
    let caller = match (route.access, verified) {
        // A token that has run out keeps nobody from signing in again.
        (Access::Public, Err(Denied::Unauthenticated(_))) => None,
        (Access::Public, verified) => verified?,
        (Access::Role(role), verified) => {
            let caller = verified?.ok_or(Denied::Unauthenticated(MISSING))?;
            gate.permits(&caller, role).inspect_err(|denied| {
                if *denied == Denied::Forbidden {
                    gate.saw(visit, Sign::Forbidden(caller.person));
                }
            })?;
            Some(caller)
        }
    };
    if let Some(caller) = &caller {
        gate.admit_caller(caller, Count::Request)?;
    }
    Ok(caller)
}

/// Reads what was sent, by what the route takes.
async fn content(api: &Arc<Api>, route: &'static Route, body: Pieces) -> Result<Content, Problem> {
    let limited = || limited(body, route.limits.body_bytes);
    match route.body {
        None => Ok(Content::None),
        Some(Body::Octets(_)) => {
            Ok(Content::Octets(deadlined(limited(), api.rules.body_time, route.limits.octets_time())))
        }
        Some(Body::Json(schema)) => {
            let all = gathered(limited());
            let bytes =
                tokio::time::timeout(api.rules.body_time, all).await.map_err(|_| Problem::new(Code::Slow))??;
            let value = json::read(&bytes).map_err(|error| Problem::input("", error.to_string()))?;
            let wrong = api.table.schemas().wrong(&schema.name(), &value);
            if wrong.is_empty() {
                return Ok(Content::Json(value));
            }
            Err(Problem {
                sign: hostile::sign_in_value(&value).map(Box::new),
                ..Problem::errors(Code::BadInput, wrong)
            })
        }
    }
}

async fn gathered(mut pieces: Pieces) -> Result<Bytes, Problem> {
    let mut all = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all.freeze())
}

/// The same pieces, with a problem where they become too many.
fn limited(pieces: Pieces, limit: usize) -> Pieces {
    let mut left = Some(limit);
    Box::pin(pieces.map(move |piece| {
        let piece = piece?;
        left = left.and_then(|left| left.checked_sub(piece.len()));
        if left.is_some() { Ok(piece) } else { Err(Problem::new(Code::TooLarge)) }
    }))
}

/// The same pieces, with a problem where one lets itself be waited for, or all of them together do.
fn deadlined(pieces: Pieces, time: Duration, all: Duration) -> Pieces {
    let end = Instant::now() + all;
    Box::pin(futures_util::stream::unfold(Some(pieces), move |pieces| async move {
        let mut pieces = pieces?;
        match tokio::time::timeout_at(end.min(Instant::now() + time), pieces.next()).await {
            Ok(piece) => piece.map(|piece| (piece, Some(pieces))),
            Err(_) => Some((Err(Problem::new(Code::Slow)), None)),
        }
    }))
}

/// Goes through the route's door and runs its handler. Whoever waits is answered in time; what changes something runs
/// to its end all the same, also where whoever asked for it has hung up.
async fn handle(
    api: &Arc<Api>,
    door: &Arc<Door>,
    route: &'static Route,
    start: impl FnOnce() -> super::Answering,
) -> Result<Reply, Problem> {
    let inside = door.enter().ok_or_else(|| busy(api, "at_once"))?;
    if let Err(wait) = door.try_handler(api.rules.breaker, api.ports.clock.passed()) {
        return Err(busy(api, "breaker").again_in(wait));
    }
    let time = route.limits.time;
    let answering = match std::panic::catch_unwind(AssertUnwindSafe(start)) {
        Ok(answering) => guarded(answering),
        Err(panic) => return judged(api, door, Some(Err(panicked(panic.as_ref())))),
    };
    if !route.method.changes() {
        let in_time = tokio::time::timeout(time, answering).await.ok();
        return judged(api, door, in_time);
    }
    let (tell, told) = oneshot::channel();
    let (api, door) = (Arc::clone(api), Arc::clone(door));
    tokio::spawn(async move {
        let _inside = inside;
        let mut answering = pin!(answering);
        let in_time = tokio::time::timeout(time, answering.as_mut()).await.ok();
        let is_late = in_time.is_none();
        // Whoever has hung up is told nothing.
        drop(tell.send(judged(&api, &door, in_time)));
        if is_late && let Err(problem) = answering.await {
            let (code, detail) = (problem.code.told().1, problem.detail.as_str());
            error!(route = route.id, code, detail, "a handler that took too long did not do it in the end either");
        }
    });
    told.await.map_err(|_| Problem::logged(Code::Failed, "the handler's task has ended without a word"))?
}

/// A handler whose fault stays its own.
async fn guarded(answering: super::Answering) -> Result<Reply, Problem> {
    AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

/// What a handler said in its time, and what the door makes of it: a world that is late is no fault of the handler.
fn judged(api: &Api, door: &Door, in_time: Option<Result<Reply, Problem>>) -> Result<Reply, Problem> {
    let is_well = match &in_time {
        Some(Err(problem)) => problem.code != Code::Failed,
        Some(Ok(_)) => true,
        None => false,
    };
    door.tried(api.rules.breaker, api.ports.clock.passed(), is_well);
    in_time.unwrap_or_else(|| Err(Problem::logged(Code::Late, "the handler took too long")))
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Problem {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::logged(Code::Failed, format!("the handler panicked: {}", said.unwrap_or("without a word")))
}

pub(super) fn busy(api: &Api, reason: &'static str) -> Problem {
    api.metrics.refuse(reason);
    Problem::logged(Code::Unavailable, reason).again_in(Duration::from_secs(1))
}

/// Whether a reply is what the route's row says; in a debug build, its content as well.
fn check_reply(api: &Api, route: &Route, reply: &Reply) -> Result<(), Problem> {
    let wrong = |what: String| Problem::logged(Code::Failed, format!("{} is not documented: {what}", route.id));
    let said = |answer: &&super::Answer| answer.status == reply.status && answer.content == reply.content_type;
    let answer = route.answers.iter().find(said).ok_or_else(|| wrong(format!("status {}", reply.status)))?;
    if cfg!(debug_assertions)
        && let (Some(schema), Sent::Whole(bytes)) = (answer.schema, &reply.sent)
    {
        let value = json::read(bytes).map_err(|error| wrong(error.to_string()))?;
        let refused = api.table.schemas().wrong(&schema.name(), &value);
        if let Some(first) = refused.first() {
            return Err(wrong(format!("{} {}", first.at, first.why)));
        }
    }
    Ok(())
}

/// Bytes piece by piece, as the other end takes them.
fn pieces_of(bytes: Bytes) -> Outgoing {
    Box::pin(futures_util::stream::unfold(bytes, |mut left| async move {
        let piece = left.split_to(left.len().min(AT_ONCE_BYTES));
        (!piece.is_empty()).then_some((Ok(piece), left))
    }))
}

/// A reply with the headers that each has.
fn respond(reply: Reply, connection: &Arc<Connection>) -> Response {
    let length = reply.length();
    let streamed = |pieces| warp::reply::stream(wire::exactly(pieces, length, Arc::clone(connection))).into_response();
    let mut response = match reply.sent {
        Sent::Whole(bytes) if bytes.len() <= AT_ONCE_BYTES => Response::new(bytes.into()),
        Sent::Whole(bytes) => streamed(pieces_of(bytes)),
        Sent::Pieces(pieces, _) => streamed(pieces),
    };
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let head = response.headers_mut();
    *head = headers::safe(reply.content_type == Some(PAGE), connection.is_tls);
    if let Some(kind) = reply.content_type {
        head.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if reply.status != 204 {
        head.insert(header::CONTENT_LENGTH, length.into());
    }
    for (name, value) in reply.headers.into_iter().filter(|(name, _)| headers::may_add(name)) {
        head.insert(name, value);
    }
    response
}

/// Writes a problem to the log, and its neutral side to the caller.
fn tell(api: &Api, visit: Visit, problem: &Problem, known: &Known) -> Reply {
    let (status, code, _) = problem.code.told();
    let route = known.route.map_or("none", |(_, route)| route.id);
    let person = known.caller.map(|caller| caller.person.0);
    let (correlation, address, detail) = (visit.correlation, visit.address, problem.detail.as_str());
    if status >= 500 {
        error!(%correlation, %address, route, person, code, detail);
    } else {
        info!(%correlation, %address, route, person, code, detail);
    }
    if matches!(problem.code, Code::BadInput | Code::BadRequest | Code::TooLarge | Code::UnsupportedType) {
        api.ports.gate.saw(&visit, problem.sign.as_deref().cloned().unwrap_or(Sign::BadInput));
    }
    api.metrics.refuse(code);
    let body = serde_json::to_vec(&problem.body(visit.correlation)).unwrap_or_default();
    let mut reply = Reply::whole(status, "application/problem+json", body);
    let retry = match problem.code {
        Code::TooMany | Code::Unavailable => Some(problem.retry_after.unwrap_or(Duration::from_secs(1))),
        _ => problem.retry_after,
    };
    if let Some(time) = retry {
        // Rounded up: whoever comes then is let in.
        let seconds = time.as_millis().div_ceil(1000).max(1);
        reply = reply.with(header::RETRY_AFTER, headers::value(seconds.to_string()));
    }
    if let Some(allow) = &problem.allow {
        reply = reply.with(header::ALLOW, headers::value(allow.clone()));
    }
    if let Some(length) = problem.length {
        reply = reply.with(header::CONTENT_RANGE, headers::value(format!("bytes */{length}")));
    }
    if problem.code == Code::BadRequest {
        // Where it ended is not sure: what follows is not taken for another request.
        reply = reply.with(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if problem.code == Code::NotAuthenticated {
        reply = reply.with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    reply
}
