//! Recordings: lists, files, work on them, and what is to be seen in them. Must never show one to who may not see what
//! everybody did.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use hyper::HeaderMap;
use hyper::header;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::headers::value as header_value;
use crate::http::params::{Kind, LIMIT, Param};
use crate::http::range::{self, Wanted};
use crate::http::reply::Outgoing;
use crate::http::route::{Body, Method};
use crate::http::{Access, Answer, Answering, Api, Code, Doc, Handler, Limits, Problem, Reply, Request, Route, Schema};
use crate::identity::{Caller, Role, Visit};
use crate::orders::{record, record_failure};
use crate::ports::{Contents, Happenings, Job, Recording, RecordingError, Span, States, TimedId};
use crate::security::kinds;

/// A recording has what everybody did, also who is no operator any more.
pub(super) const OPERATOR: Access = Access::Role(Role::Operator);
/// Most characters of what people call a recording.
pub(super) const NAME_MAX: usize = 100;
/// The most bytes that a recording may have, whatever is configured.
const FILE_BYTES_MAX: usize = 2 << 30;
/// Bytes that are read at once; whoever does not take as many within the idle time of a connection is cut off.
const PIECE_BYTES: usize = 64 << 10;
const OCTETS: &str = "application/octet-stream";
const RECORDING: Param = Param::required("recording", Kind::Hex { digits: 32 }, "id of the recording");
const ANY_TICK: Kind = Kind::Whole { min: 0, max: u64::MAX };

const LIST: Route = Route {
    id: "recordings",
    method: Method::Get,
    path: "/recordings",
    access: OPERATOR,
    limits: Limits::READ,
    doc: Doc {
        tag: "recordings",
        summary: "Recordings, newest first",
        text: "`next` is the `after` of the next page; `capturing` is the capture that runs.",
    },
    params: &[],
    query: &[Param::optional("after", Kind::Hex { digits: 32 }, "lists what is older than this one"), LIMIT],
    body: None,
    answers: &[Answer::json(200, Schema::of::<Listed>(), "a page of them")],
    problems: &[],
    handler: Handler::Call(list),
};

const ONE: Route = Route {
    id: "recording",
    path: "/recordings/{recording}",
    doc: Doc { tag: "recordings", summary: "One recording", text: "" },
    params: &[RECORDING],
    query: &[],
    answers: &[Answer::json(200, Schema::of::<Recording>(), "the recording")],
    handler: Handler::Call(one),
    ..LIST
};

/// The routes.
pub const ROUTES: &[Route] = &[
    LIST,
    Route {
        id: "recording_upload",
        method: Method::Post,
        limits: Limits { body_bytes: FILE_BYTES_MAX, time: Duration::from_secs(1200), at_once: 4 },
        doc: Doc {
            tag: "recordings",
            summary: "Bring a recording along",
            text: "It is kept if this build can read it. One that is cut off or damaged behind its header is kept as incomplete.",
        },
        query: &[Param::optional("name", Kind::Text { max: NAME_MAX }, "what people are to call it")],
        body: Some(Body::Octets(OCTETS)),
        answers: &[Answer::json(201, Schema::of::<Recording>(), "it is kept")],
        problems: &[Code::Conflict, Code::Refused],
        handler: Handler::Call(upload),
        ..LIST
    },
    ONE,
    Route {
        id: "recording_delete",
        method: Method::Delete,
        limits: Limits { body_bytes: 0, ..Limits::WRITE },
        doc: Doc { tag: "recordings", summary: "Take a recording away", text: "A live one has to be ended first." },
        answers: &[Answer::empty(204, "it is gone")],
        problems: &[Code::Conflict],
        handler: Handler::Call(delete),
        ..ONE
    },
    Route {
        id: "recording_file",
        path: "/recordings/{recording}/file",
        doc: Doc {
            tag: "recordings",
            summary: "The file of a recording",
            text: "Of a live one as far as it is written.",
        },
        answers: &[
            Answer::other(200, OCTETS, "all of it"),
            Answer::other(206, OCTETS, "the part that `Range` asks for"),
        ],
        handler: Handler::Call(file),
        ..ONE
    },
    Route {
        id: "recording_states",
        path: "/recordings/{recording}/states",
        limits: Limits { time: Duration::from_secs(20), at_once: 4, body_bytes: 0 },
        doc: Doc {
            tag: "recordings",
            summary: "Where everything was at ticks of a recording",
            text: "An answer has at most 600 states, 20,000 entities, and what a second or two of work give: `next_tick` is the \
                   `from_tick` of the rest. Where it is the tick that was asked for, that state is still being rebuilt.",
        },
        query: &[
            Param::optional("from_tick", ANY_TICK, "the first state; that of the beginning without it"),
            Param::optional("to_tick", ANY_TICK, "up to this tick; only the first state without it"),
            Param::optional("every", Kind::Whole { min: 1, max: 1_000_000 }, "every so many ticks; 1 without it"),
        ],
        answers: &[Answer::json(200, Schema::of::<States>(), "states")],
        problems: &[Code::Refused],
        handler: Handler::Call(states),
        ..ONE
    },
    Route {
        id: "recording_events",
        path: "/recordings/{recording}/events",
        limits: Limits { time: Duration::from_secs(20), at_once: 4, body_bytes: 0 },
        doc: Doc {
            tag: "recordings",
            summary: "Who came and went, and what operators did",
            text: "As it was entered into the log; whether the simulation refused it is not told. Go on with \
                   `from_tick=next_tick` and `skip=next_skip`.",
        },
        query: &[
            Param::optional("from_tick", ANY_TICK, "from this tick on; from the beginning without it"),
            Param::optional("skip", Kind::Whole { min: 0, max: 10_000 }, "leaves out so many events of that tick"),
            LIMIT,
        ],
        answers: &[Answer::json(200, Schema::of::<Happenings>(), "events")],
        problems: &[Code::Refused],
        handler: Handler::Call(events),
        ..ONE
    },
    Route {
        id: "recording_verify",
        method: Method::Post,
        path: "/recordings/{recording}/verify",
        limits: Limits { body_bytes: 0, ..Limits::WRITE },
        doc: Doc {
            tag: "recordings",
            summary: "Simulate a recording again and compare",
            text: "A job beside the running world, one at a time; `GET /recordings/jobs/{job}` tells of it.",
        },
        answers: ACCEPTED,
        problems: &[Code::Conflict],
        handler: Handler::Call(verify),
        ..ONE
    },
    Route {
        id: "recordings_diff",
        method: Method::Post,
        path: "/recordings/diff",
        limits: Limits::WRITE,
        doc: Doc {
            tag: "recordings",
            summary: "Find out where two recordings part",
            text: "A job, as a verification is: the first tick that differs, and in which component, entity and field.",
        },
        params: &[],
        body: Some(Body::Json(Schema::of::<Pair>())),
        answers: ACCEPTED,
        problems: &[Code::NotFound, Code::Conflict],
        handler: Handler::Call(diff),
        ..ONE
    },
    Route {
        id: "recordings_job",
        path: "/recordings/jobs/{job}",
        doc: Doc {
            tag: "recordings",
            summary: "How far a verification or comparison is",
            text: "The last 64 are kept while the service runs.",
        },
        params: &[Param::required("job", Kind::Hex { digits: 32 }, "id of the job")],
        answers: &[Answer::json(200, Schema::of::<Job>(), "the job")],
        handler: Handler::Call(job),
        ..ONE
    },
];
const ACCEPTED: &[Answer] = &[Answer::json(202, Schema::of::<Accepted>(), "it will be done")];

/// A page of recordings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recordings)]
struct Listed {
    /// The recordings.
    #[schema(max_items = 1000)]
    recordings: Vec<Recording>,
    /// `after` of the next page, where there is one.
    #[schema(value_type = Option<String>)]
    next: Option<TimedId>,
    /// The capture that runs, or has ended by itself and was not told of yet.
    #[schema(value_type = Option<String>)]
    capturing: Option<TimedId>,
}

/// Two recordings.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecordingPair)]
struct Pair {
    /// The one.
    #[schema(min_length = 32, max_length = 32)]
    left: String,
    /// The other.
    #[schema(min_length = 32, max_length = 32)]
    right: String,
}

/// A job that will be done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobAccepted)]
struct Accepted {
    /// Its id.
    #[schema(value_type = String, min_length = 32, max_length = 32)]
    job: TimedId,
}

/// A new id.
pub(super) fn draw(api: &Api) -> Result<TimedId, Problem> {
    let drawn = TimedId::draw(api.ports.clock.now());
    drawn.map_err(|error| Problem::logged(Code::Unavailable, error.to_string()))
}

/// Does something with a recording that is written down first; where it does not come about, that is, too.
pub(super) async fn audited<T>(
    api: &Api,
    visit: &Visit,
    caller: &Caller,
    id: TimedId,
    what: &str,
    doing: impl Future<Output = Result<T, RecordingError>>,
) -> Result<T, Problem> {
    let subject = format!("recording:{id}");
    record(api, visit, caller, kinds::Kind::Recording, subject.clone(), what).await?;
    match doing.await {
        Ok(done) => Ok(done),
        Err(error) => {
            record_failure(api, visit, caller, kinds::Kind::Recording, subject, &format!("{what}: {error}")).await;
            Err(error.into())
        }
    }
}

/// An id of the path or the query, which has the digits of one.
fn id(request: &Request, name: &str) -> Result<TimedId, Problem> {
    let text = request.needed(request.text(name))?;
    text.parse().map_err(|_| Problem::logged(Code::NotFound, "no id"))
}

fn known(api: &Api, id: TimedId) -> Result<Recording, Problem> {
    api.ports.recordings.get(id).ok_or_else(|| RecordingError::NotFound.into())
}

fn list(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let after = request.text("after").and_then(|text| text.parse().ok());
        let (recordings, more) = api.ports.recordings.list(after, request.page().limit);
        let next = recordings.last().filter(|_| more).map(|recording| recording.id);
        Reply::json(&Listed { recordings, next, capturing: api.ports.recordings.capturing() })
    })
}

fn one(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move { Reply::json(&known(&api, id(&request, "recording")?)?) })
}

fn delete(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let id = known(&api, id(&request, "recording")?)?.id;
        let removing = api.ports.recordings.remove(id);
        audited(&api, &request.visit, &request.caller()?, id, "a recording is taken away", removing).await?;
        Ok(Reply::empty(204))
    })
}

fn upload(api: Arc<Api>, mut request: Request) -> Answering {
    Box::pin(async move {
        let (caller, id, mut pieces) = (request.caller()?, draw(&api)?, request.pieces()?);
        let name = request.text("name").map(ToOwned::to_owned);
        let taking = api.ports.recordings.take_in(id, caller.person, name);
        let mut incoming = audited(&api, &request.visit, &caller, id, "a recording is brought along", taking).await?;
        let arriving = async {
            while let Some(piece) = pieces.next().await {
                incoming.write(piece?).await?;
            }
            // It may have taken long to arrive.
            api.ports.gate.still_stands(&caller)?;
            api.ports.gate.permits(&caller, Role::Operator)?;
            Ok(incoming.keep().await?)
        };
        let arrived: Result<Recording, Problem> = arriving.await;
        if let Err(problem) = &arrived {
            let why = problem.errors.first().map_or(problem.code.told().1, |refused| refused.why.as_str());
            let subject = format!("recording:{id}");
            record_failure(&api, &request.visit, &caller, kinds::Kind::Recording, subject, why).await;
        }
        Reply::json_as(201, &arrived?)
    })
}

fn file(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let id = id(&request, "recording")?;
        let contents = api.ports.recordings.open(id).await?;
        let (length, tag) = (contents.length(), format!("\"{}\"", contents.tag()));
        let (status, part) = match wanted(request.headers(), length, &tag) {
            Wanted::All => (200, 0..length),
            Wanted::Part(part) => (206, part),
            Wanted::Nothing => {
                return Err(Problem { length: Some(length), ..Problem::new(Code::NoSuchRange) });
            }
        };
        let name = format!("attachment; filename=\"{id}.strec\"");
        let of = format!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1));
        let reply = Reply::pieces(status, OCTETS, read(contents, part.clone()), part.end - part.start)
            .with(header::ACCEPT_RANGES, header::HeaderValue::from_static("bytes"))
            .with(header::ETAG, header_value(tag))
            .with(header::CONTENT_DISPOSITION, header_value(name));
        Ok(if status == 206 { reply.with(header::CONTENT_RANGE, header_value(of)) } else { reply })
    })
}

/// What part is asked for; all of it where the caller has a part of something else.
fn wanted(headers: &HeaderMap, length: u64, tag: &str) -> Wanted {
    let Some(range) = headers.get(header::RANGE) else { return Wanted::All };
    let is_same = headers.get(header::IF_RANGE).is_none_or(|known| known.as_bytes() == tag.as_bytes());
    if is_same { range::read(range.as_bytes(), length) } else { Wanted::All }
}

/// These bytes of a file, piece by piece.
fn read(contents: Arc<dyn Contents>, part: std::ops::Range<u64>) -> Outgoing {
    Box::pin(futures_util::stream::unfold((contents, part), |(contents, part)| async move {
        let left = usize::try_from(part.end.saturating_sub(part.start)).unwrap_or(usize::MAX);
        if left == 0 {
            return None;
        }
        let (from, at) = (Arc::clone(&contents), part.start);
        let piece = tokio::task::spawn_blocking(move || from.read_at(at, left.min(PIECE_BYTES))).await;
        let piece = piece.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        // A file that has become shorter ends the connection: whoever reads it must not take it for whole.
        let piece = piece.and_then(|piece| {
            if piece.is_empty() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(Bytes::from(piece)) }
        });
        let next = piece.as_ref().map_or(part.end, |piece| part.start.saturating_add(piece.len() as u64));
        Some((piece, (contents, next..part.end)))
    }))
}

fn states(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let id = id(&request, "recording")?;
        let (from_tick, to_tick) = (request.whole("from_tick"), request.whole("to_tick"));
        if from_tick.zip(to_tick).is_some_and(|(from, to)| from > to) {
            return Err(Problem::input("query.to_tick", "has to be from_tick or behind it"));
        }
        let span = Span { from_tick, to_tick, every: request.whole("every").unwrap_or(1) };
        Reply::json(&api.ports.recordings.states(id, span).await?)
    })
}

fn events(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let id = id(&request, "recording")?;
        let (from, skip) = (request.whole("from_tick"), request.whole("skip").unwrap_or(0));
        Reply::json(&api.ports.recordings.events(id, from, skip, request.page().limit).await?)
    })
}

fn verify(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let (id, job) = (id(&request, "recording")?, draw(&api)?);
        api.ports.recordings.verify(job, id)?;
        Reply::json_as(202, &Accepted { job })
    })
}

fn diff(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let Pair { left, right } = request.json()?;
        let id = |at: &str, text: &str| text.parse().map_err(|_| Problem::input(at, "has to have 32 hex digits"));
        let (left, right, job) = (id("/left", &left)?, id("/right", &right)?, draw(&api)?);
        api.ports.recordings.compare(job, left, right)?;
        Reply::json_as(202, &Accepted { job })
    })
}

fn job(api: Arc<Api>, request: Request) -> Answering {
    Box::pin(async move {
        let job = api.ports.recordings.job(id(&request, "job")?);
        Reply::json(&job.ok_or_else(|| Problem::logged(Code::NotFound, "no such job"))?)
    })
}
