//! What a caller is told when something is wrong, and what every reply carries.

use std::sync::atomic::Ordering;
use std::time::Duration;

use api::gate::Sign;
use api::http::{Breaker, Rules};
use api::ports::Condition;

use crate::support::{FAILS, Got, LATE, PATIENCE, Running, SECRET, count_of_different, essential};

fn assert_safe(got: &Got) {
    assert_eq!(got.header("x-content-type-options"), Some("nosniff"), "{got:?}");
    assert_eq!(got.header("x-frame-options"), Some("DENY"), "{got:?}");
    let policy = got.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{got:?}");
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{got:?}");
    assert!(got.header("cache-control").is_some_and(|value| value == "no-store" || value == "no-cache"), "{got:?}");
    assert_eq!(got.header("correlation-id").map(str::len), Some(24), "{got:?}");
    for never in ["server", "location", "refresh", "set-cookie", "x-powered-by"] {
        assert_eq!(got.header(never), None, "{got:?}");
    }
}

#[tokio::test]
async fn every_reply_is_safe_and_every_problem_tells_nothing() {
    let running = Running::start().await;
    let post = "POST /test/echo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer player\r\ncontent-type: application/json";
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer admin");
    let mut replies = Vec::new();
    for (head, body, status) in [
        (get("/nothing"), vec![], 404),
        ("PUT /status HTTP/1.1\r\nhost: x".to_owned(), vec![], 405),
        ("GET /status HTTP/1.1\r\nhost: x".to_owned(), vec![], 401),
        (get("/status?tick=x"), vec![], 400),
        (get("/status?tick=99"), vec![], 404),
        (get("/test/panic"), vec![], 500),
        (get("/test/fail"), vec![], 500),
        (get("/test/store"), vec![], 503),
        (get("/test/late"), vec![], 504),
        (get("/test/undocumented"), vec![], 500),
        (post.to_owned(), vec![b' '; 5000], 413),
        (post.replace("application/json", "text/xml"), b"<a/>".to_vec(), 415),
        (post.to_owned(), b"{".to_vec(), 400),
        (post.replace("player", "guest"), b"{}".to_vec(), 403),
        ("POST /performance/set_quality HTTP/1.1\r\nhost: x\r\nauthorization: Bearer operator\r\ncontent-type: application/json".to_owned(), b"{\"quality\":\"low\"}".to_vec(), 409),
    ] {
        let got = running.ask(&head, &body).await;
        assert_eq!(got.status, status, "{head}: {got:?}");
        replies.push(got);
    }
    running.gate.allowance.store(0, Ordering::SeqCst);
    let limited = running.get("/status", "guest").await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("2")));
    replies.push(limited);
    for got in &replies {
        assert_safe(got);
        let problem = got.json();
        let fields: Vec<&String> = problem.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
        let known = ["code", "correlation", "errors", "status", "title"];
        assert!(fields.iter().all(|field| known.contains(&field.as_str())), "{got:?}");
        assert_eq!(
            (problem["status"].as_u64(), problem["correlation"].as_str()),
            (Some(got.status.into()), got.header("correlation-id"))
        );
        for leak in ["SELECT", "postgres", "/run", "10.1.2.3", "::", "src/", ".rs", "panicked", SECRET] {
            assert!(!got.body.contains(leak), "{leak}: {got:?}");
        }
        assert!(got.status != 503 || got.header("retry-after").is_some(), "{got:?}");
    }
    let different =
        count_of_different(replies.iter().filter_map(|got| got.header("correlation-id").map(str::to_owned)));
    assert_eq!(different, replies.len());
    running.gate.allowance.store(1 << 40, Ordering::SeqCst);
    for path in ["/status", "/health", "/docs", "/docs/page.js", "/docs/page.css", "/openapi.json", "/metrics"] {
        let got = running.get(path, "operator").await;
        assert_eq!(got.status, 200, "{got:?}");
        assert_safe(&got);
    }
}

#[tokio::test]
async fn a_panic_leaves_the_connection_and_the_server_as_they_were() {
    let running = Running::start().await;
    let mut client = running.client().await;
    for _ in 0..3 {
        assert_eq!(client.ask("GET /test/panic HTTP/1.1\r\nhost: x", b"").await.status, 500);
        assert_eq!(client.ask("GET /health HTTP/1.1\r\nhost: x", b"").await.status, 200);
    }
}

#[tokio::test]
async fn a_handler_that_keeps_failing_is_left_alone_and_others_are_not() {
    let breaker = Breaker { failures: 3, rest: Duration::from_secs(2) };
    let running = Running::with(Rules { breaker, ..Rules::default() }, |_| {}, None).await;
    let before = FAILS.load(Ordering::SeqCst);
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(running.get("/test/broken", "guest").await.status);
        assert_eq!(running.get("/status", "guest").await.status, 200);
    }
    assert_eq!(statuses, [500, 500, 500, 503, 503, 503, 503, 503, 503, 503]);
    assert_eq!(FAILS.load(Ordering::SeqCst) - before, 3, "the handler was run while it was to be left alone");
    // After its rest one trial is let through.
    let began = std::time::Instant::now();
    while running.get("/test/broken", "guest").await.status == 503 {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(FAILS.load(Ordering::SeqCst) - before, 4);
    assert_eq!(running.get("/test/broken", "guest").await.status, 503);
}

#[tokio::test]
async fn what_changes_something_runs_to_its_end_though_it_is_late() {
    let (running, before) = (Running::start().await, LATE.load(Ordering::SeqCst));
    let post = "POST /test/late/write HTTP/1.1\r\nhost: x\r\nauthorization: Bearer player";
    let got = running.ask(post, b"").await;
    assert_eq!((got.status, got.code().as_str()), (504, "late"));
    let began = std::time::Instant::now();
    while LATE.load(Ordering::SeqCst) == before {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn whoever_is_signed_out_while_the_body_arrives_may_do_nothing() {
    let running = Running::start().await;
    let body = "{\"word\":\"a\",\"number\":1}";
    let head = format!(
        "POST /test/echo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer player\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    for (is_revoked, status) in [(false, 200), (true, 401)] {
        let mut client = running.client().await;
        client.send(head.as_bytes()).await;
        client.send(&body.as_bytes()[..1]).await;
        running.gate.revoked.store(is_revoked, Ordering::SeqCst);
        client.send(&body.as_bytes()[1..]).await;
        assert_eq!(client.reply().await.map(|got| got.status), Some(status));
    }
}

#[tokio::test]
async fn a_route_takes_so_many_at_once() {
    let running = Running::start().await;
    let ask = || running.get("/test/slow", "guest");
    let (a, b, c, d) = tokio::join!(ask(), ask(), ask(), ask());
    let mut statuses = [a, b, c, d].map(|got| got.status);
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 204, 503, 503]);
}

#[tokio::test]
async fn only_operators_are_told_why_something_is_ill() {
    let running = Running::start().await;
    *running.parts.0.lock().expect("parts") = vec![essential(Condition::Ill)];
    let guest = running.get("/health", "guest").await;
    let nobody = running.ask("GET /health HTTP/1.1\r\nhost: x", b"").await;
    let operator = running.get("/health", "operator").await;
    assert_eq!([guest.status, nobody.status, operator.status], [503; 3]);
    assert!(!guest.body.contains("SELECT") && !nobody.body.contains("SELECT") && !nobody.body.contains("late"));
    assert!(operator.body.contains("SELECT"));
    assert_eq!(operator.json()["parts"][0]["checked_at"], "1970-01-01T00:00:00.005Z");
}

#[tokio::test]
async fn what_may_be_a_part_of_an_attack_is_noted() {
    let running = Running::start().await;
    running.get("/a/../../etc/passwd", "guest").await;
    running.get("/nothing", "guest").await;
    running.get("/status", "nobody").await;
    running.get("/metrics", "guest").await;
    running.get("/status?tick=x", "guest").await;
    running.get("/status", "guest").await;
    // Evidence in what was refused; a name as people have it is none, and what is taken is not looked at.
    running.get("/status?tick=1'%20OR%20'1'='1", "guest").await;
    running.get("/status?tick=O'Neill", "guest").await;
    let echo = async |body: &str| {
        let head = format!(
            "POST /test/echo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer player\r\ncontent-type: application/json\r\n\
             content-length: {}",
            body.len()
        );
        running.ask(&head, body.as_bytes()).await.status
    };
    assert_eq!(echo("{\"word\":\"../../etc\",\"number\":1}").await, 400, "too long");
    assert_eq!(echo("{\"word\":\"<script>\",\"number\":1}").await, 200, "it fits");
    assert_eq!(echo("{\"word\":\"<script>alert(1)\",\"number\":1}").await, 400);
    let signs = running.gate.signs.lock().expect("signs").clone();
    let kinds: Vec<&str> = signs
        .iter()
        .map(|sign| match sign {
            Sign::Traversal => "traversal",
            Sign::NoSuchRoute => "route",
            Sign::BadToken(_) => "token",
            Sign::Forbidden(_) => "forbidden",
            Sign::BadInput => "input",
            Sign::Injection(what) => what,
            Sign::Served { .. } => "served",
            _ => "other",
        })
        .collect();
    let usual = ["traversal", "route", "token", "forbidden", "input", "served"];
    assert_eq!(kinds, [&usual[..], &["sql", "input", "traversal", "served", "page"]].concat());
}
