//! Thousands of connections that do nothing, held by a process of their own, which is this test program once more.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::raw::{Frames, Wire};
use super::scene::service;
use crate::client::{Client, account};
use crate::process::{Home, PATIENCE, Process, scaled, turns_between};

/// Says to the child program where to connect to, and how often.
const CROWD: &str = "SPACETIME_TEST_CROWD";
/// Connections of one address; the service lets 256 in.
const OF_ONE: usize = 200;
/// More memory than this for one connection is not what it needs.
const BYTES_MAX: u64 = 64 << 10;

/// Not a test of its own: what the child does. It says when all are there, and ends when its input does.
#[test]
fn the_crowd() {
    let Ok(told) = std::env::var(CROWD) else { return };
    let (address, count) = told.split_once(' ').expect("an address and a number");
    let (address, count): (SocketAddr, usize) =
        (address.parse().expect("an address"), count.parse().expect("a number"));
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("as many as there may be");
    let mut all: Vec<TcpStream> = (0..count).map(|n| one(address, n)).collect();
    // Each is let in and answered once, and does nothing from then on.
    for stream in &mut all {
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").expect("it is taken");
    }
    let mut answered = 0;
    for stream in &all {
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("an answer");
        answered += usize::from(line.starts_with("HTTP/1.1 200"));
    }
    println!("crowd {answered}");
    drop(std::io::stdin().read_line(&mut String::new()));
}

fn one(address: SocketAddr, n: usize) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let place = u16::try_from(n / OF_ONE + 1).expect("few addresses").to_be_bytes();
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    let from = std::net::SocketAddrV4::new(Ipv4Addr::new(127, 3, place[0], place[1]), 0);
    bind(&socket, &from).expect("an address of this machine's");
    connect(&socket, &address).expect("it listens");
    TcpStream::from(socket)
}

/// The child program with its crowd, until it is dropped.
struct Crowd {
    child: Child,
    input: Option<ChildStdin>,
}

impl Crowd {
    fn of(address: SocketAddr, count: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["attacks::crowd::the_crowd", "--exact", "--nocapture"]).env(CROWD, format!("{address} {count}"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
        let input = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let said = lines.find_map(|line| line.split("crowd ").nth(1).and_then(|n| n.trim().parse::<usize>().ok()));
        assert_eq!(said, Some(count), "all are let in and answered");
        Self { child, input }
    }

    fn ends(mut self) {
        drop(self.input.take());
        self.child.wait().expect("it ends");
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Bytes in memory of a process, and how many descriptors it has open.
fn costs(process: &Process) -> (u64, usize) {
    let of = |what: &str| format!("/proc/{}/{what}", process.id());
    let status = std::fs::read_to_string(of("status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number");
    (kib << 10, std::fs::read_dir(of("fd")).expect("it runs").count())
}

#[test]
fn thousands_of_idle_connections_cost_little_and_nobody_else_notices() {
    let count = usize::try_from(scaled(1000)).expect("few");
    let home = Home::new();
    let mut service = service(&home);
    let client = Client::of(&mut service);
    account(&home, "some-operator", "operator");
    let operator = client.signed_in("some-operator");
    let before = costs(&service);
    let (began, asked) = (home.asked("status"), Instant::now());
    let crowd = Crowd::of(operator.address(), count);
    let during = costs(&service);
    let mut times = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        assert_eq!(operator.get("/status").status, 200);
        times.push(began.elapsed());
    }
    let mut wire = Wire::open(&operator);
    wire.send(format!("GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", operator.token()));
    let text = String::from_utf8(wire.reply().expect("a reply").body).expect("text");
    let open = text.lines().find_map(|line| line.strip_prefix("spacetime_api_connections ")?.parse::<usize>().ok());
    drop(wire);
    // A share of turns needs a while to be one.
    while asked.elapsed() < Duration::from_secs(2) {
        std::thread::park_timeout(Duration::from_millis(100));
    }
    let (turns, late, seconds) = turns_between(&began, &home.asked("status"));
    times.sort_unstable();
    let each = during.0.saturating_sub(before.0) / count as u64;
    println!(
        "{count} connections: {} B of memory each, descriptors {} -> {}, /status p50 {:?} max {:?}, {turns} turns in {seconds:.1} s, {late} late",
        each, before.1, during.1, times[25], times[49]
    );
    assert!(open.is_some_and(|open| open >= count), "{open:?} of {count} are open");
    assert!(during.1 >= count, "{} descriptors", during.1);
    assert!(each < BYTES_MAX, "{each} B each");
    assert!(times[25] < Duration::from_millis(100) && times[49] < Duration::from_secs(3), "{times:?}");
    assert!(turns as f64 / seconds > 25.0, "{turns} turns in {seconds} s");
    crowd.ends();
    let deadline = Instant::now() + PATIENCE;
    while costs(&service).1 > before.1 + 2 {
        assert!(Instant::now() < deadline, "{} descriptors, {} before", costs(&service).1, before.1);
        std::thread::park_timeout(Duration::from_millis(50));
    }
    service.stops();
}

/// One who comes, does something and vanishes, mostly in the middle of it.
fn come_and_go(operator: &Client, n: u64) {
    let mut wire = Wire::open(operator);
    let head = format!("host: x\r\nauthorization: Bearer {}\r\n", operator.token());
    let json = "content-type: application/json\r\n";
    match n % 5 {
        0 => drop(wire.send("GET /hea")),
        1 => drop(wire.send(format!("POST /execute/reload HTTP/1.1\r\n{head}{json}content-length: 60000\r\n\r\n{{"))),
        2 => {
            wire.send(format!("GET /scene/hierarchy?limit=1000 HTTP/1.1\r\n{head}\r\n"));
        }
        3 => drop(Frames::signed_in(operator, "/ws/telemetry")),
        _ => {
            let mut frames = Frames::signed_in(operator, "/ws/debug");
            frames.say(&serde_json::json!({ "type": "open", "seq": 1 }));
            frames.hear_until("a session", |text| text["of"] == "open" || text["re"] == 1);
        }
    }
}

#[test]
fn who_comes_acts_and_vanishes_leaves_nothing_behind() {
    let home = Home::new();
    let mut service = service(&home);
    let client = Client::of(&mut service);
    account(&home, "some-operator", "operator");
    let operator = client.signed_in("some-operator");
    let before = costs(&service).1;
    let settled = || {
        let deadline = Instant::now() + PATIENCE;
        while costs(&service).1 > before + 2 {
            assert!(Instant::now() < deadline, "{} descriptors, {before} before", costs(&service).1);
            std::thread::park_timeout(Duration::from_millis(50));
        }
        costs(&service).0
    };
    let cycles = scaled(1000);
    (0..cycles).for_each(|n| come_and_go(&operator, n));
    let warm = settled();
    (0..cycles).for_each(|n| come_and_go(&operator, n));
    let after = settled();
    println!("{cycles} cycles: {warm} B, then {after} B");
    // What the world itself needs more of meanwhile, its log and its history, is in it.
    assert!(after < warm + warm / 20 + (4 << 20), "{warm} B, then {after} B");
    service.stops();
}

#[test]
fn a_service_that_may_not_have_so_many_descriptors_says_so_and_raises_what_it_may() {
    let home = Home::new();
    let limited = |limits: &str| {
        let program = home.command("serve --json");
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit {limits} && exec \"$0\" serve --json")).arg(program.get_program());
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
        Process::start(command)
    };
    let (code, _, complaints) = limited("-n 500").ends();
    assert_eq!(code, Some(2), "{complaints}");
    assert!(complaints.contains("api.connections_max") && complaints.contains("descriptors"), "{complaints}");
    // The soft limit alone is raised by the service itself.
    let mut service = limited("-Sn 500");
    service.event("serving");
    service.stops();
}
