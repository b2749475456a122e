//! What the API of a running service costs: requests a second and their times by `wrk`, beside a bare hyper server in the
//! same minute; calls that steer; sockets with samples; and what all of it does to the ticks. Writes `api.json` where
//! `scripts/bench` looks for it. Without the program next to this one, or without `wrk`, there is nothing to measure.

mod bare;
mod client;
mod load;
mod service;
mod wrk;

use std::time::Duration;

use benches::{is_wanted, write_results};
use serde_json::{Value, json};

use client::{Client, quantiles_ms};
use service::Service;
use wrk::Wrk;

/// How much is measured.
#[derive(Clone, Copy)]
struct Amount {
    /// Of each round of `wrk`.
    round: Duration,
    /// Rounds of each thing that is compared, by turns.
    rounds: usize,
    /// Calls that steer.
    calls: usize,
    /// Of each load whose effect on the ticks is looked at.
    load: Duration,
    sockets: usize,
}

/// Connections of those calls that come at once.
const CONNECTIONS: usize = 50;

const FULL: Amount =
    Amount { round: Duration::from_secs(3), rounds: 9, calls: 500, load: Duration::from_secs(20), sockets: 200 };
const TEST: Amount =
    Amount { round: Duration::from_secs(1), rounds: 1, calls: 3, load: Duration::from_secs(1), sockets: 5 };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [argument, body] = &arguments[..]
        && argument == bare::ARGUMENT
    {
        bare::serve(body);
        return;
    }
    if !is_wanted(&arguments, "api") {
        return;
    }
    let is_measured = arguments.iter().any(|argument| argument == "--bench");
    let amount = if is_measured { FULL } else { TEST };
    let (Some(program), Some(wrk)) = (service::program(), Wrk::find()) else {
        println!("api: nothing to measure without `spacetime` of the same build and without `wrk`");
        return;
    };
    let figures = json!({
        "requests": requests(&Service::start(&program), &wrk, amount),
        "calls": calls(&Service::start(&program), amount),
        "ticks": load::ticks(&program, &wrk, amount),
        "sockets": load::sockets(&Service::start(&program), amount),
    });
    if is_measured {
        write_results("api", &figures);
    }
}

/// Requests a second, by turns with a bare hyper server that answers with as many bytes.
fn requests(service: &Service, wrk: &Wrk, amount: Amount) -> Value {
    let (status, length) = service.client().ask("GET", "/status", None);
    assert_eq!(status, 200);
    let bare = bare::Bare::start(length);
    let (mut bares, mut statuses, mut healths) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..amount.rounds {
        bares.push(wrk.run(&bare.url(), None, amount.round));
        statuses.push(wrk.run(&service.url("/status"), Some(service.token()), amount.round));
        healths.push(wrk.run(&service.url("/health"), None, amount.round));
    }
    json!({
        "body_bytes": length,
        "bare_hyper": wrk::median(&bares),
        "status": wrk::median(&statuses),
        "health": wrk::median(&healths),
        "status_to_bare": wrk::median_ratio(&statuses, &bares),
    })
}

/// Calls that steer: one after the other, as a person or a script makes them, and over many connections at once.
fn calls(service: &Service, amount: Amount) -> Value {
    let file = json!({ "file": "[class.scout]\nhull_j = 3e6\n" });
    let reload = |client: &mut Client| client.timed("POST", "/execute/reload", Some(&file)).0;
    let mut client = service.client();
    let connects = (0..amount.calls).map(|_| connect(&mut client)).collect();
    let reloads = (0..amount.calls).map(|_| reload(&mut client)).collect();
    let mut many: Vec<Client> = std::iter::repeat_with(|| service.signed_in()).flatten().take(CONNECTIONS).collect();
    let each = amount.calls.div_ceil(CONNECTIONS);
    json!({
        "connect_ms": quantiles_ms(connects),
        "reload_ms": quantiles_ms(reloads),
        "connections": CONNECTIONS,
        "connect_at_once_ms": quantiles_ms(at_once(&mut many, 2 * each, &connect)),
        "reload_at_once_ms": quantiles_ms(at_once(&mut many, each, &reload)),
    })
}

/// Opens a debug session, and ends it; only the first is timed.
fn connect(client: &mut Client) -> Duration {
    let (took, body) = client.timed("POST", "/connect", None);
    let session = body["session"].as_str().expect("a session").to_owned();
    client.timed("DELETE", &format!("/debug/{session}"), None);
    took
}

/// The same call over each connection so many times.
fn at_once(clients: &mut [Client], each: usize, call: &(impl Fn(&mut Client) -> Duration + Sync)) -> Vec<Duration> {
    std::thread::scope(|scope| {
        let all: Vec<_> = clients
            .iter_mut()
            .map(|client| scope.spawn(move || (0..each).map(|_| call(client)).collect::<Vec<_>>()))
            .collect();
        all.into_iter().flat_map(|one| one.join().expect("no panic")).collect()
    })
}
