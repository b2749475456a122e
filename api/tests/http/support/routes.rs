//! The tests' own routes: one for each way a handler can go wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use api::http::route::{Body, Method};
use api::http::{
    Access, Answer, Answering, Api, Code, Doc, Handler, Limits, Outbox, Problem, Reply, Request, Route, Schema, Socket,
    Table,
};
use api::identity::Role;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::SECRET;

/// How often the handler of `/test/echo` was run.
pub static RUNS: AtomicUsize = AtomicUsize::new(0);
/// How often the handler of `/test/late/write` came to its end.
pub static LATE: AtomicUsize = AtomicUsize::new(0);
/// How often the handler of `/test/broken` was run, which one test asks for.
pub static FAILS: AtomicUsize = AtomicUsize::new(0);

/// A body with one field of each kind.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Echo {
    /// A word.
    #[schema(min_length = 1, max_length = 8)]
    pub word: String,
    /// A number.
    #[schema(minimum = 0, maximum = 10)]
    pub number: f64,
    /// Some numbers.
    #[serde(default)]
    #[schema(max_items = 3, required = false)]
    pub list: Vec<u32>,
}

const GET: Route = Route {
    id: "test_panic",
    method: Method::Get,
    path: "/test/panic",
    access: Access::Public,
    limits: Limits { at_once: 2, ..Limits::READ },
    doc: Doc { tag: "test", summary: "For tests", text: "" },
    params: &[],
    query: &[],
    body: None,
    answers: &[Answer::empty(204, "done")],
    problems: &[],
    handler: Handler::Call(panics),
};

const POST: Route = Route {
    id: "test_echo",
    method: Method::Post,
    path: "/test/echo",
    access: Access::Role(Role::Player),
    limits: Limits { body_bytes: 4096, ..Limits::WRITE },
    body: Some(Body::Json(Schema::of::<Echo>())),
    answers: &[Answer::json(200, Schema::of::<Echo>(), "the same")],
    handler: Handler::Call(echo),
    ..GET
};

const TEST_ROUTES: &[Route] = &[
    GET,
    POST,
    Route { id: "test_fail", path: "/test/fail", handler: Handler::Call(fails), ..GET },
    Route { id: "test_broken", path: "/test/broken", handler: Handler::Call(broken), ..GET },
    Route { id: "test_store", path: "/test/store", handler: Handler::Call(store), ..GET },
    Route { id: "test_slow", path: "/test/slow", handler: Handler::Call(slow), ..GET },
    Route { id: "test_undocumented", path: "/test/undocumented", handler: Handler::Call(undocumented), ..GET },
    Route {
        id: "test_late",
        path: "/test/late",
        limits: Limits { time: Duration::from_millis(100), ..Limits::READ },
        handler: Handler::Call(slow),
        ..GET
    },
    Route {
        id: "test_late_write",
        path: "/test/late/write",
        limits: Limits { body_bytes: 0, time: Duration::from_millis(100), ..Limits::WRITE },
        body: None,
        answers: &[Answer::empty(204, "done")],
        handler: Handler::Call(late_write),
        ..POST
    },
    Route {
        id: "test_lasting",
        path: "/test/lasting",
        answers: &[Answer::other(200, "application/octet-stream", "takes three seconds")],
        handler: Handler::Call(lasting),
        ..GET
    },
    Route {
        id: "test_large",
        path: "/test/large",
        answers: &[Answer::other(200, "application/octet-stream", "two million bytes")],
        handler: Handler::Call(large),
        ..GET
    },
    Route {
        id: "test_socket",
        path: "/test/socket",
        access: Access::Role(Role::Guest),
        limits: Limits { at_once: 2, ..Limits::SOCKET },
        body: Some(Body::Json(Schema::of::<Echo>())),
        answers: &[Answer::empty(101, "open")],
        handler: Handler::Socket(|_, _, _| Box::new(Quiet)),
        ..GET
    },
    Route {
        id: "test_octets",
        path: "/test/octets",
        body: Some(Body::Octets("application/octet-stream")),
        answers: &[Answer::other(200, "application/octet-stream", "the same")],
        handler: Handler::Call(octets),
        ..POST
    },
];

/// A socket that says nothing.
struct Quiet;

#[async_trait]
impl Socket for Quiet {
    async fn open(&mut self, _: &mut Outbox) {}

    async fn message(&mut self, _: &Value, _: &mut Outbox) -> Result<(), Problem> {
        Ok(())
    }

    async fn next(&mut self, _: &mut Outbox) {
        std::future::pending().await
    }
}

fn lasting(_: Arc<Api>, _: Request) -> Answering {
    Box::pin(async {
        let pieces = futures_util::stream::unfold(0, |n| async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            (n < 10).then(|| (Ok(bytes::Bytes::from_static(b"0123456789")), n + 1))
        });
        Ok(Reply::pieces(200, "application/octet-stream", Box::pin(pieces), 100))
    })
}

fn large(_: Arc<Api>, _: Request) -> Answering {
    Box::pin(async { Ok(Reply::whole(200, "application/octet-stream", vec![7; 2_000_000])) })
}

fn panics(_: Arc<Api>, _: Request) -> Answering {
    Box::pin(async { panic!("{SECRET}") })
}

fn broken(_: Arc<Api>, _: Request) -> Answering {
    FAILS.fetch_add(1, Ordering::SeqCst);
    Box::pin(async { Err(Problem::logged(Code::Failed, SECRET)) })
}

fn fails(_: Arc<Api>, _: Request) -> Answering {
    Box::pin(async { Err(Problem::logged(Code::Failed, SECRET)) })
}

fn store(api: Arc<Api>, _: Request) -> Answering {
    Box::pin(async move {
        api.ports.accounts.by_name("a").await?;
        Ok(Reply::empty(204))
    })
}

fn slow(_: Arc<Api>, _: Request) -> Answering {
    Box::pin(async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(Reply::empty(204))
    })
}

fn late_write(_: Arc<Api>, _: Request) -> Answering {
    Box::pin(async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        LATE.fetch_add(1, Ordering::SeqCst);
        Ok(Reply::empty(204))
    })
}

fn undocumented(_: Arc<Api>, _: Request) -> Answering {
    Box::pin(async { Ok(Reply::empty(302)) })
}

fn echo(_: Arc<Api>, request: Request) -> Answering {
    RUNS.fetch_add(1, Ordering::SeqCst);
    Box::pin(async move { Reply::json(&request.json::<Echo>()?) })
}

fn octets(_: Arc<Api>, mut request: Request) -> Answering {
    Box::pin(async move {
        use futures_util::TryStreamExt;
        let all: Vec<bytes::Bytes> = request.pieces()?.try_collect().await?;
        let bytes = all.concat();
        let length = bytes.len() as u64;
        let pieces = futures_util::stream::iter([Ok(bytes::Bytes::from(bytes))]);
        Ok(Reply::pieces(200, "application/octet-stream", Box::pin(pieces), length))
    })
}

/// The program's routes and the tests' own.
pub fn table() -> Table {
    let program = api::routes::table().expect("the program's table");
    Table::new(program.routes().iter().copied().chain(TEST_ROUTES)).expect("the tests' table")
}
