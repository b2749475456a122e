//! What load does to the ticks, and what sockets with samples cost.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::Amount;
use crate::service::Service;
use crate::wrk::Wrk;

/// Requests a second that are offered.
const OFFERED_PER_S: u32 = 2_000;
/// Connections that they come over.
const CONNECTIONS: u32 = 20;

/// The ticks' costs without requests, with an offered load, and with as many as go; each in a service of its own, as the
/// sums are of a whole session.
pub fn ticks(program: &Path, wrk: &Wrk, amount: Amount) -> Value {
    let idle = of_ticks(program, |_| wait(amount.load));
    let offered = of_ticks(program, |service| offer(service, amount.load));
    let saturated = of_ticks(program, |service| {
        wrk.run(&service.url("/status"), Some(service.token()), amount.load);
    });
    json!({ "idle": idle, "offered_2000_per_s": offered, "saturated": saturated })
}

fn of_ticks(program: &Path, load: impl FnOnce(&Service)) -> Value {
    let service = Service::start(program);
    load(&service);
    let late = service.client().timed("GET", "/status", None).1["world"]["late_turns"].clone();
    let sum = service.end();
    json!({ "tick_ms": sum["tick_ms"], "tick_cpu_ms": sum["tick_cpu_ms"], "late_turns": late, "cpu_share": sum["cpu_share"] })
}

fn wait(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

/// Offers requests at an even rate, whether they are answered in time or not.
fn offer(service: &Service, time: Duration) {
    let answered = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for number in 0..CONNECTIONS {
            let (mut client, answered) = (service.client(), &answered);
            scope.spawn(move || {
                let step = Duration::from_secs(1) * CONNECTIONS / OFFERED_PER_S;
                let began = Instant::now() + step * number / CONNECTIONS;
                for round in 0..(time.as_secs_f64() / step.as_secs_f64()) as u32 {
                    if let Some(left) = (began + step * round).checked_duration_since(Instant::now()) {
                        wait(left);
                    }
                    assert_eq!(client.ask("GET", "/status", None).0, 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let wanted = time.as_secs_f64() * f64::from(OFFERED_PER_S);
    let answered = answered.into_inner() as f64;
    assert!(answered > wanted * 0.95, "{answered} of {wanted}");
}

/// What sockets at ten samples a second cost, as a share of one core: the process with them less the process without.
pub fn sockets(service: &Service, amount: Amount) -> Value {
    let before = share(service, amount.load);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let samples = AtomicU64::new(0);
    let with = runtime.block_on(async {
        let all = (0..amount.sockets).map(|_| watch(service, &samples));
        let watching = futures_util::future::join_all(all);
        let measured = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let (cpu, count, began) = (sum(service), samples.load(Ordering::Relaxed), Instant::now());
            tokio::time::sleep(amount.load).await;
            let time = began.elapsed().as_secs_f64();
            ((sum(service) - cpu) as f64 / CLOCK_HZ / time, (samples.load(Ordering::Relaxed) - count) as f64 / time)
        };
        tokio::select! {
            figures = measured => figures,
            _ = watching => panic!("a socket was closed"),
        }
    });
    json!({ "sockets": amount.sockets, "samples_per_s": with.1, "core_share": with.0 - before, "core_share_without": before })
}

/// What the kernel counts CPU time in, a second.
const CLOCK_HZ: f64 = 100.0;

fn sum(service: &Service) -> u64 {
    service.cpu().iter().map(|(_, ticks)| ticks).sum()
}

fn share(service: &Service, time: Duration) -> f64 {
    let (cpu, began) = (sum(service), Instant::now());
    wait(time);
    (sum(service) - cpu) as f64 / CLOCK_HZ / began.elapsed().as_secs_f64()
}

/// One socket that takes samples until it is dropped.
async fn watch(service: &Service, samples: &AtomicU64) {
    let url = format!("ws://127.0.0.1:{}/ws/telemetry", service.port());
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a socket");
    for message in [
        json!({ "type": "authenticate", "token": service.token() }),
        json!({ "type": "subscribe", "seq": 2, "rate_hz": 10 }),
    ] {
        socket.send(Message::text(message.to_string())).await.expect("sent");
    }
    while let Some(Ok(message)) = socket.next().await {
        let is_sample = message.to_text().is_ok_and(|text| text.contains("\"sample\""));
        samples.fetch_add(u64::from(is_sample), Ordering::Relaxed);
    }
}
