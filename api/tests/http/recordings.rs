//! Recordings over sockets: ranges, uploads that end early or are none, names that are paths, and that nothing is done that
//! was not written down.

use std::sync::atomic::Ordering;
use std::time::Duration;

use api::http::{Access, Rules};
use api::identity::Role;

use crate::routing::head_of;
use crate::shelf::id;
use crate::support::{PATIENCE, Running, table};

const CONTENT: &[u8] = b"0123456789";

async fn shown() -> Running {
    let running = Running::start().await;
    running.shelf.put(id(1), CONTENT);
    running
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer operator{more}")
}

fn file(more: &str) -> String {
    get(&format!("/recordings/{}/file", id(1)), more)
}

fn upload(query: &str, more: &str) -> String {
    let kind = "content-type: application/octet-stream";
    format!("POST /recordings{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer operator\r\n{kind}{more}")
}

#[tokio::test]
async fn parts_of_a_file_are_those_that_were_asked_for() {
    let running = shown().await;
    for (range, status, body, of) in [
        ("", 200, "0123456789", None),
        ("\r\nrange: bytes=0-0", 206, "0", Some("bytes 0-0/10")),
        ("\r\nrange: bytes=2-5", 206, "2345", Some("bytes 2-5/10")),
        ("\r\nrange: bytes=7-", 206, "789", Some("bytes 7-9/10")),
        ("\r\nrange: bytes=-4", 206, "6789", Some("bytes 6-9/10")),
        ("\r\nrange: bytes=8-999", 206, "89", Some("bytes 8-9/10")),
        ("\r\nrange: bytes=0-1,4-5", 200, "0123456789", None),
        ("\r\nrange: lines=0-1", 200, "0123456789", None),
        ("\r\nrange: bytes=5-2", 200, "0123456789", None),
        ("\r\nrange: bytes=2-5\r\nif-range: \"tag-10\"", 206, "2345", Some("bytes 2-5/10")),
        ("\r\nrange: bytes=2-5\r\nif-range: \"tag-9\"", 200, "0123456789", None),
        ("\r\nrange: bytes=2-5\r\nif-range: W/\"tag-10\"", 200, "0123456789", None),
    ] {
        let got = running.ask(&file(range), b"").await;
        assert_eq!(
            (got.status, got.body.as_str(), got.header("content-range")),
            (status, body, of),
            "{range}: {got:?}"
        );
        assert_eq!(got.header("etag"), Some("\"tag-10\""));
        assert_eq!(got.header("accept-ranges"), Some("bytes"));
        assert_eq!(got.header("content-type"), Some("application/octet-stream"));
        let named = format!("attachment; filename=\"{}.strec\"", id(1));
        assert_eq!(got.header("content-disposition"), Some(named.as_str()));
    }
    for range in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999-"] {
        let got = running.ask(&file(&format!("\r\nrange: {range}")), b"").await;
        assert_eq!((got.status, got.header("content-range")), (416, Some("bytes */10")), "{range}: {got:?}");
        assert_eq!(got.code(), "no_such_range");
    }
    let twice = running.ask(&file("\r\nrange: bytes=0-1\r\nrange: bytes=2-3"), b"").await;
    assert_eq!((twice.status, twice.at().as_str()), (400, "header.range"));
    let mut client = running.client().await;
    client.send(format!("{}\r\n\r\n", file("").replacen("GET", "HEAD", 1)).as_bytes()).await;
    let head = client.head_reply().await.expect("a head");
    assert_eq!((head.status, head.header("content-length")), (200, Some("10")));
}

#[tokio::test]
async fn a_file_that_became_shorter_is_not_taken_for_whole() {
    let running = Running::start().await;
    running.shelf.put(id(1), &[0xff; 5]);
    let mut client = running.client().await;
    client.send(format!("{}\r\n\r\n", file("")).as_bytes()).await;
    let head = client.head_reply().await.expect("a head");
    assert_eq!(head.header("content-length"), Some("6"));
    assert!(client.is_closed_within(PATIENCE).await, "the connection ends before the last byte");
}

#[tokio::test]
async fn what_is_brought_along_is_kept_and_comes_back_as_it_was() {
    let running = Running::start().await;
    running.notes.open();
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[1] & 0x7f).collect();
    let got = running.ask(&upload("?name=..%2F..%2Fmine%20%C3%A9", ""), &bytes).await;
    assert_eq!(got.status, 201, "{got:?}");
    let recording = got.json();
    assert_eq!((&recording["name"], &recording["bytes"]), (&"../../mine é".into(), &300_000.into()));
    assert_eq!(running.shelf.kept(), [(Some("../../mine é".to_owned()), bytes.clone())]);
    let id = recording["id"].as_str().expect("an id");
    let back = running.ask(&get(&format!("/recordings/{id}/file"), ""), b"").await;
    assert_eq!(back.body.as_bytes(), bytes);
    let subjects = running.notes.subjects();
    assert_eq!(subjects, [format!("recording:{id}")], "written down before it was begun, and no failure");
}

#[tokio::test]
async fn what_is_no_recording_too_large_cut_off_or_slow_leaves_nothing() {
    let rules = Rules { body_time: Duration::from_millis(300), ..Rules::default() };
    let running = Running::with(rules, |_| {}, None).await;
    running.notes.open();
    let refused = running.ask(&upload("", ""), b"bad bytes").await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "refused"));
    assert_eq!(refused.json()["errors"][0]["why"], "this is not a recording");
    let large = running.ask(&upload("", ""), &vec![7; (1 << 20) + 1]).await;
    assert_eq!(large.status, 413, "{large:?}");
    let beyond = running.ask(&upload("", "\r\ncontent-length: 99999999999"), b"").await;
    assert_eq!(beyond.status, 413, "{beyond:?}");
    for kind in ["text/plain", "application/json", "application/octet-stream; charset=x"] {
        let head = upload("", "").replace("application/octet-stream", kind);
        assert_eq!(running.ask(&head, b"x").await.status, 415, "{kind}");
    }
    for name in ["", "%00", "%0a", "%ff", &"a".repeat(101)] {
        let got = running.ask(&upload(&format!("?name={name}"), ""), b"x").await;
        assert_eq!((got.status, got.at().as_str()), (400, "query.name"), "{name}");
    }
    // One sends half and nothing more, another half and hangs up.
    let mut slow = running.client().await;
    let half = format!("{}\r\ncontent-length: 100\r\n\r\nhalf", upload("", ""));
    slow.send(half.as_bytes()).await;
    assert_eq!(slow.reply().await.expect("a reply").status, 408);
    let mut gone = running.client().await;
    gone.send(half.as_bytes()).await;
    drop(gone);
    let until = tokio::time::Instant::now() + PATIENCE;
    while running.shelf.arriving() > 0 {
        assert!(tokio::time::Instant::now() < until, "something still waits for its rest");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(running.shelf.kept().is_empty());
    let failed = running.notes.failures();
    assert!(failed >= 3, "{failed} failures are written down");
}

#[tokio::test]
async fn ids_that_are_paths_reach_nothing() {
    let running = shown().await;
    running.notes.open();
    for wrong in ["..%2f..%2fetc%2fpasswd", "%2e%2e", "..", "jobs", "diff", &"A".repeat(32), &"0".repeat(33), "%00"] {
        for (method, rest) in [("GET", ""), ("GET", "/file"), ("GET", "/states"), ("DELETE", ""), ("POST", "/verify")] {
            let head =
                format!("{method} /recordings/{wrong}{rest} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer operator");
            let got = running.ask(&head, b"").await;
            assert!(matches!(got.status, 400 | 404 | 405), "{method} {wrong}{rest}: {got:?}");
        }
    }
    assert_eq!(running.shelf.calls.load(Ordering::SeqCst), 0);
    let unknown = running.ask(&get(&format!("/recordings/{}/file", id(7)), ""), b"").await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn nothing_is_begun_ended_taken_in_or_taken_away_unlogged() {
    let running = shown().await;
    let one = format!("/recordings/{}", id(1));
    for (method, path, kind, body) in [
        ("POST", "/capture/start", "\r\ncontent-type: application/json", "{}"),
        ("POST", "/capture/stop", "", ""),
        ("POST", "/recordings", "\r\ncontent-type: application/octet-stream", "bytes"),
        ("DELETE", one.as_str(), "", ""),
    ] {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer operator{kind}");
        let got = running.ask(&head, body.as_bytes()).await;
        assert_eq!((got.status, got.code().as_str()), (503, "unavailable"), "{method} {path}: {got:?}");
        assert_eq!((running.shelf.calls.load(Ordering::SeqCst), running.shelf.arriving()), (0, 0), "{method} {path}");
        running.notes.open();
        let again = running.ask(&head, body.as_bytes()).await;
        assert!(matches!(again.status, 200..=204 | 409), "{method} {path}: {again:?}");
        assert_eq!(running.shelf.calls.swap(0, Ordering::SeqCst), 1, "{method} {path}");
        running.notes.shut();
    }
}

#[tokio::test]
async fn recordings_are_for_operators_and_above() {
    let running = shown().await;
    let all = table();
    let of_recordings: Vec<_> = all.routes().iter().filter(|route| route.doc.tag == "recordings").collect();
    assert!(of_recordings.len() >= 12, "{}", of_recordings.len());
    for route in of_recordings {
        assert_eq!(route.access, Access::Role(Role::Operator), "{}", route.id);
        let head = format!("{}\r\nauthorization: Bearer player", head_of(route));
        assert_eq!(running.ask(&head, b"").await.status, 403, "{}", route.id);
    }
}

#[tokio::test]
async fn what_does_not_go_is_told_where_it_is_wrong() {
    let running = shown().await;
    let of = |rest: &str| get(&format!("/recordings/{}/{rest}", id(1)), "");
    let beyond = running.ask(&of("states?from_tick=10"), b"").await;
    assert_eq!((beyond.status, beyond.at().as_str()), (400, "query.from_tick"));
    let backwards = running.ask(&of("states?from_tick=5&to_tick=4"), b"").await;
    assert_eq!((backwards.status, backwards.at().as_str()), (400, "query.to_tick"));
    assert_eq!(running.ask(&of("states?from_tick=5&to_tick=6&every=2"), b"").await.status, 200);
    assert_eq!(running.ask(&of("events?from_tick=5&skip=2&limit=7"), b"").await.status, 200);
    let pair = |left: String, right: String| format!("{{\"left\":\"{left}\",\"right\":\"{right}\"}}");
    let diff =
        "POST /recordings/diff HTTP/1.1\r\nhost: x\r\nauthorization: Bearer operator\r\ncontent-type: application/json";
    for (body, status) in [
        (pair(id(1).to_string(), id(2).to_string()), 404),
        (pair(id(1).to_string(), id(1).to_string()), 429),
        (pair("..".into(), id(1).to_string()), 400),
        (pair(format!("+{}", "1".repeat(31)), id(1).to_string()), 400),
    ] {
        assert_eq!(running.ask(diff, body.as_bytes()).await.status, status, "{body}");
    }
    let listed = running.get("/recordings?limit=1", "operator").await.json();
    assert_eq!((&listed["recordings"][0]["by"], &listed["next"]), (&"3".into(), &serde_json::Value::Null));
    assert_eq!(listed["recordings"][0]["created"], "1970-01-01T00:00:00.005Z");
}

#[tokio::test]
async fn what_somebody_brings_who_is_signed_out_meanwhile_is_not_kept() {
    let running = shown().await;
    running.notes.open();
    let kept = running.get("/recordings", "operator").await.body;
    let head = format!("{}\r\ncontent-length: 4\r\n\r\n", upload("", ""));
    for (is_revoked, status) in [(true, 401), (false, 201)] {
        let mut client = running.client().await;
        client.send(head.as_bytes()).await;
        client.send(b"ab").await;
        // What was sent has been let in before.
        tokio::time::sleep(Duration::from_millis(300)).await;
        running.gate.revoked.store(is_revoked, Ordering::SeqCst);
        client.send(b"cd").await;
        assert_eq!(client.reply().await.map(|got| got.status), Some(status));
        running.gate.revoked.store(false, Ordering::SeqCst);
        let now = running.get("/recordings", "operator").await.body;
        assert_eq!(now == kept, is_revoked, "{now}");
    }
}
