//! A server of this crate over a world, a gate and stores that live in memory, and a client that sends bytes as they are.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::clock::{Moment, SystemClock};
use api::gate::{Count, Denied, Gatekeeper, Sign};
use api::http::route::{Body, Method};
use api::http::{
    Access, Answer, Answering, Api, Bound, Build, Code, Doc, Handler, Limits, Listen, Outbox, Ports, Problem, Reply,
    Request, Route, Rules, Schema, Server, Socket, Table, Tls,
};
use api::identity::{Caller, Person, Role, SignInId, Visit};
use api::ports::{
    Account, AccountError, Accounts, Act, AuditError, AuditLog, Body as WorldBody, Component, Condition, Control,
    ControlState, Entity, Entry, Erased, FieldValue, Health, Kept, Link, NewAccount, Node, Order, Outcome, Pace, Part,
    Peer, People, PeopleError, Purpose, Reading, Receipt, Recordings, Said, Setting, Settings, StoredSignIn, View,
    World, WorldError, WorldStatus,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use utoipa::ToSchema;

use crate::shelf::Shelf;

/// Nothing here takes longer on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Lets in whoever has a token that is the name of a role, so many requests per address.
#[derive(Default)]
pub struct Gate {
    pub allowance: AtomicU64,
    pub revoked: AtomicBool,
    /// The licence is a newer one than anybody has accepted.
    pub is_unlicensed: AtomicBool,
    pub signs: Mutex<Vec<Sign>>,
    pub ends_at: AtomicU64,
}

impl Gate {
    fn caller(&self, token: &str) -> Option<Caller> {
        let role: Role = token.parse().ok()?;
        let expires = match self.ends_at.load(Ordering::SeqCst) {
            0 => Moment(u64::MAX),
            at => Moment(at),
        };
        Some(Caller { person: Person(role as u64 + 1), role, sign_in: SignInId([role as u8; 16]), expires })
    }
}

impl Gatekeeper for Gate {
    fn admit(&self, visit: &Visit, _: Count) -> Result<(), Denied> {
        if visit.address != IpAddr::from([127, 0, 0, 1]) {
            return Ok(());
        }
        let spend = |left: u64| left.checked_sub(1);
        let spent = self.allowance.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend);
        spent.map(|_| ()).map_err(|_| Denied::TooMany(Duration::from_millis(1500)))
    }

    fn verify(&self, visit: &Visit, bearer: &str) -> Result<Caller, Denied> {
        self.caller(bearer).ok_or_else(|| {
            self.saw(visit, Sign::BadToken("unknown"));
            Denied::Unauthenticated("unknown")
        })
    }

    fn still_stands(&self, _: &Caller) -> Result<(), Denied> {
        if self.revoked.load(Ordering::SeqCst) { Err(Denied::Unauthenticated("revoked")) } else { Ok(()) }
    }

    fn permits(&self, caller: &Caller, needed: Role) -> Result<(), Denied> {
        match caller.role {
            _ if self.is_unlicensed.load(Ordering::SeqCst) => Err(Denied::Licence),
            role if role < needed => Err(Denied::Forbidden),
            _ => Ok(()),
        }
    }

    fn admit_caller(&self, _: &Caller, _: Count) -> Result<(), Denied> {
        Ok(())
    }

    fn saw(&self, _: &Visit, sign: Sign) {
        self.signs.lock().expect("signs").push(sign);
    }
}

/// A world of five entities and two bodies that stands still.
pub struct Still;

impl View for Still {
    fn tick(&self) -> u64 {
        7
    }

    fn digest(&self) -> u64 {
        0xabc
    }

    fn nodes(&self, behind: Option<i64>, limit: usize) -> (Vec<Node>, bool) {
        let ids: Vec<i64> = (-2..=5).filter(|id| *id != 0 && behind.is_none_or(|behind| *id > behind)).collect();
        let node = |id: &i64| Node {
            id: *id,
            parent: None,
            kind: "ship".into(),
            name: String::new(),
            components: vec!["Motion"],
        };
        (ids.iter().take(limit).map(node).collect(), ids.len() > limit)
    }

    fn bodies(&self, behind: Option<i64>, limit: usize) -> (Vec<WorldBody>, bool) {
        let (nodes, has_more) = self.nodes(behind, limit);
        let body = |node: Node| WorldBody {
            id: node.id,
            name: node.name,
            kind: node.kind,
            mass_kg: 1e3,
            cell: [1, 2, 3],
            offset_m: [0.5; 3],
            velocity_m_s: [0.0; 3],
            radius_m: 1.0,
        };
        (nodes.into_iter().map(body).collect(), has_more)
    }

    fn entity(&self, id: u64) -> Option<Entity> {
        let fields = vec![
            ("velocity_m_s", FieldValue::Numbers(vec![1.0, 2.0, 3.0])),
            ("cell", FieldValue::Wholes(vec![1, -2, 3])),
            ("count", FieldValue::Whole(-1)),
            ("large", FieldValue::Large(u64::MAX)),
        ];
        (1..=5).contains(&id).then(|| Entity {
            id,
            kind: "ship".into(),
            components: vec![Component { name: "Motion", fields }],
        })
    }
}

#[async_trait]
impl World for Still {
    fn status(&self) -> WorldStatus {
        WorldStatus {
            world: "still".into(),
            tick: 7,
            digest: 0xabc,
            durable_tick: 6,
            rate_hz: 90,
            time_factor_quarters: 4,
            players: 2,
            entities: 5,
            turns: (3, 0, 100),
            pace: Pace { turn_ticks: 3, turn_cost_us: 250, input_delay_turns: 2, roll_backs: 0 },
            control: ControlState::default(),
        }
    }

    fn peers(&self) -> Vec<Peer> {
        let link = Link { round_trip_us: 1500, loss: 0.25, redundancy: 2, relays: false };
        vec![
            Peer { player: Some(1), ship: Some(3), key: Some("ab".repeat(32)), link: Some(link) },
            Peer { player: Some(2), ship: None, key: None, link: None },
        ]
    }

    fn digest_at(&self, tick: u64) -> Option<u64> {
        (tick == 7).then_some(0xabc)
    }

    async fn view(&self, tick: Option<u64>) -> Result<Arc<dyn View>, WorldError> {
        if tick.is_none_or(|tick| tick == 7) { Ok(Arc::new(Self)) } else { Err(WorldError::NotKept) }
    }

    async fn check(&self, _: &[Order]) -> Result<(), WorldError> {
        Ok(())
    }

    async fn order(&self, _: Vec<Order>, _: Duration) -> Result<Receipt, WorldError> {
        Err(WorldError::Over)
    }

    async fn control(&self, _: Control, _: Duration) -> Result<Receipt, WorldError> {
        Err(WorldError::Over)
    }
}

/// Nothing was set.
struct NoSettings;

impl Settings for NoSettings {
    fn all(&self) -> Vec<Setting> {
        Vec::new()
    }
}

/// Stores that are down, and say so in words that nobody outside may read.
pub struct Down;

/// What [`Down`] says.
pub const SECRET: &str =
    "connection to /run/postgresql failed: SELECT * FROM accounts at 10.1.2.3 (tokio_postgres::Error)";

#[async_trait]
impl Accounts for Down {
    async fn by_name(&self, _: &str) -> Result<Option<Account>, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn by_person(&self, _: Person) -> Result<Option<Account>, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn list(&self, _: Option<Person>, _: usize) -> Result<(Vec<Account>, bool), AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn create(&self, _: &NewAccount) -> Result<Account, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn update(&self, _: &Account) -> Result<Account, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn sign_ins(&self, _: Moment) -> Result<Vec<StoredSignIn>, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn put_sign_in(&self, _: &StoredSignIn) -> Result<u64, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn licence(&self) -> Result<u32, AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }

    async fn publish_licence(&self, _: u32) -> Result<(), AccountError> {
        Err(AccountError::Unavailable(SECRET.into()))
    }
}

/// An audit log that is down like the stores, or holds what comes.
#[derive(Default)]
pub struct Notes {
    is_open: AtomicBool,
    acts: Mutex<Vec<Act>>,
}

impl Notes {
    pub fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }

    pub fn shut(&self) {
        self.is_open.store(false, Ordering::SeqCst);
    }

    /// What the acts were about.
    pub fn subjects(&self) -> Vec<String> {
        self.acts.lock().expect("acts").iter().map(|act| act.subject.clone()).collect()
    }

    /// How many of them did not come about.
    pub fn failures(&self) -> usize {
        self.acts.lock().expect("acts").iter().filter(|act| act.outcome == Outcome::Failed).count()
    }
}

#[async_trait]
impl AuditLog for Notes {
    async fn record(&self, act: Act) -> Result<u64, AuditError> {
        if !self.is_open.load(Ordering::SeqCst) {
            return Err(AuditError::Unavailable(SECRET.into()));
        }
        let mut acts = self.acts.lock().expect("acts");
        acts.push(act);
        Ok(acts.len() as u64)
    }

    async fn page(&self, _: Reading, _: usize) -> Result<(Vec<Entry>, bool), AuditError> {
        Err(AuditError::Unavailable(SECRET.into()))
    }

    async fn verify(&self) -> Result<u64, AuditError> {
        Err(AuditError::Unavailable(SECRET.into()))
    }
}

fn no_people<T>() -> Result<T, PeopleError> {
    Err(PeopleError::Unavailable(SECRET.into()))
}

#[async_trait]
impl People for Down {
    async fn read(&self, _: Person) -> Result<Kept, PeopleError> {
        no_people()
    }

    async fn export(&self, _: Person) -> Result<String, PeopleError> {
        no_people()
    }

    async fn erase(&self, _: Person) -> Result<Erased, PeopleError> {
        no_people()
    }

    fn purposes(&self) -> &'static [Purpose] {
        &[]
    }

    async fn said(&self, _: Person, _: &Purpose) -> Result<Vec<Said>, PeopleError> {
        no_people()
    }

    async fn say(&self, _: Person, _: &Purpose, _: bool) -> Result<(), PeopleError> {
        no_people()
    }

    async fn keep_contact(&self, _: Person, _: &str) -> Result<(), PeopleError> {
        no_people()
    }
}

/// Parts as a test sets them.
#[derive(Default)]
pub struct Parts(pub Mutex<Vec<Part>>);

impl Health for Parts {
    fn parts(&self) -> Vec<Part> {
        self.0.lock().expect("parts").clone()
    }
}

/// An essential part in this condition.
pub fn essential(condition: Condition) -> Part {
    let (name, reason) = ("world", "late");
    Part { name, condition, reason, why: SECRET.into(), checked: Moment(5), needs: &[], is_essential: true }
}

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

/// A server.
pub struct Running {
    pub api: Arc<Api>,
    pub gate: Arc<Gate>,
    pub parts: Arc<Parts>,
    pub shelf: Arc<Shelf>,
    pub notes: Arc<Notes>,
    pub server: Server,
}

impl Running {
    /// With usual limits.
    pub async fn start() -> Self {
        Self::with(Rules::default(), |_| {}, None).await
    }

    /// With these.
    pub async fn with(rules: Rules, change: impl FnOnce(&mut Listen), tls: Option<Arc<Tls>>) -> Self {
        Self::around(table(), rules, change, tls, |_| {}).await
    }

    /// With these routes as well.
    pub async fn of(table: Table, rules: Rules, change: impl FnOnce(&mut Listen), tls: Option<Arc<Tls>>) -> Self {
        Self::around(table, rules, change, tls, |_| {}).await
    }

    /// With these, and other ports.
    pub async fn around(
        table: Table,
        rules: Rules,
        change: impl FnOnce(&mut Listen),
        tls: Option<Arc<Tls>>,
        ports_change: impl FnOnce(&mut Ports),
    ) -> Self {
        let gate = Arc::new(Gate { allowance: AtomicU64::new(1 << 40), ..Gate::default() });
        let (parts, shelf, notes) =
            (Arc::new(Parts::default()), Arc::new(Shelf::default()), Arc::new(Notes::default()));
        let mut ports = Ports {
            world: Arc::new(Still),
            accounts: Arc::new(Down),
            audit: Arc::clone(&notes) as Arc<dyn AuditLog>,
            people: Arc::new(Down),
            health: Arc::clone(&parts) as Arc<dyn Health>,
            presentation: None,
            recordings: Arc::clone(&shelf) as Arc<dyn Recordings>,
            gate: Arc::clone(&gate) as Arc<dyn Gatekeeper>,
            security: None,
            settings: Arc::new(NoSettings),
            clock: Arc::new(SystemClock::default()),
        };
        ports_change(&mut ports);
        let build = Build { version: "0".into(), hash: "0".repeat(64) };
        let api = Arc::new(Api::new(ports, build, table, rules));
        let mut listen = Listen::at(SocketAddr::from(([127, 0, 0, 1], 0)));
        listen.connections = 600;
        change(&mut listen);
        let server = Bound::open(listen, tls).await.expect("a server").serve(Arc::clone(&api));
        Self { api, gate, parts, shelf, notes, server }
    }

    /// A connection to it.
    pub async fn client(&self) -> Client {
        let stream = TcpStream::connect(self.server.address()).await.expect("a connection");
        Client { stream, read: Vec::new() }
    }

    /// One request over a connection of its own: a head without its end, and a body.
    pub async fn ask(&self, head: &str, body: &[u8]) -> Got {
        self.client().await.ask(head, body).await
    }

    /// `GET` of a path as somebody.
    pub async fn get(&self, path: &str, role: &str) -> Got {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {role}"), b"").await
    }
}

/// A client that sends what it is told to.
pub struct Client {
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// A reply.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Got {
    /// Values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(there, _)| there == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a problem.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Where the first error of a problem is.
    pub fn at(&self) -> String {
        self.json()["errors"][0]["at"].as_str().unwrap_or("nowhere").to_owned()
    }
}

impl Client {
    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) {
        // A server that has hung up is seen by who reads.
        drop(self.stream.write_all(bytes).await);
    }

    /// One request: a head without its end, and a body.
    pub async fn ask(&mut self, head: &str, body: &[u8]) -> Got {
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        self.send(&[head.as_bytes(), b"\r\n", length.as_bytes(), b"\r\n", body].concat()).await;
        self.reply().await.expect("a reply")
    }

    /// The next reply; nothing at the end of the stream.
    pub async fn reply(&mut self) -> Option<Got> {
        let mut got = self.head_reply().await?;
        let length: usize = got.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.read.len() < length {
            self.more().await?;
        }
        got.body = String::from_utf8_lossy(&self.read.drain(..length).collect::<Vec<u8>>()).into_owned();
        Some(got)
    }

    /// The next reply's head, where no body follows.
    pub async fn head_reply(&mut self) -> Option<Got> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            self.more().await?;
        };
        let head = String::from_utf8(self.read.drain(..end + 4).collect()).expect("a head in ASCII");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(Got { status, headers: lines.filter_map(pair).collect(), body: String::new() })
    }

    /// Whether the server ends the connection within a time.
    pub async fn is_closed_within(&mut self, time: Duration) -> bool {
        let end = async {
            while self.more().await.is_some() {
                self.read.clear();
            }
        };
        tokio::time::timeout(time, end).await.is_ok()
    }

    async fn more(&mut self) -> Option<()> {
        let mut buffer = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("in time");
        let read = read.unwrap_or(0);
        self.read.extend_from_slice(&buffer[..read]);
        (read > 0).then_some(())
    }
}

/// Ids that are different.
pub fn count_of_different(ids: impl IntoIterator<Item = String>) -> usize {
    ids.into_iter().collect::<BTreeSet<_>>().len()
}
