//! What leads to a handler, and what does not.

use std::collections::BTreeSet;

use api::http::Access;
use api::http::params::{Kind, Param};
use api::http::route::{Body, Handler, Method, Route};

use crate::support::{Running, table};

/// A path of a route with something in its parameters.
pub fn path_of(route: &Route) -> String {
    let fill = |path: String, param: &Param| {
        let value = match param.kind {
            Kind::Hex { digits } => "0".repeat(digits),
            Kind::OneOf(words) => words[0].to_owned(),
            _ => "1".to_owned(),
        };
        path.replace(&format!("{{{}}}", param.name), &value)
    };
    route.params.iter().fold(route.path.to_owned(), fill)
}

/// A request of a route, without who asks.
pub fn head_of(route: &Route) -> String {
    let upgrade = if matches!(route.handler, Handler::Socket(_)) {
        "\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA=="
    } else {
        ""
    };
    let kind = match route.body {
        Some(Body::Json(_)) if upgrade.is_empty() => "\r\ncontent-type: application/json",
        Some(Body::Octets(_)) => "\r\ncontent-type: application/octet-stream",
        Some(Body::Json(_)) | None => "",
    };
    format!("{} {} HTTP/1.1\r\nhost: x{upgrade}{kind}", route.method.name(), path_of(route))
}

#[tokio::test]
async fn each_route_that_is_not_public_asks_for_a_role_and_takes_one_above() {
    let running = Running::start().await;
    let (table, mut tried) = (table(), BTreeSet::new());
    for route in table.routes() {
        tried.insert(route.id);
        let Access::Role(role) = route.access else { continue };
        // A socket authenticates by its first message: see there.
        if matches!(route.handler, Handler::Socket(_)) {
            continue;
        }
        let head = head_of(route);
        let ask = async |more: &str| running.ask(&format!("{head}{more}"), b"").await;
        let bodies = [
            ask("").await,
            ask("\r\nauthorization: Bearer nobody").await,
            ask("\r\nauthorization: Basic YTpi").await,
            ask("\r\nauthorization: Bearer").await,
            ask("\r\nauthorization: Bearer  operator").await,
            ask("\r\nauthorization: Bearer admin, Bearer admin").await,
            ask("\r\ncookie: token=admin; authorization=Bearer admin").await,
            ask("\r\nx-forwarded-for: 127.0.0.1\r\nx-http-method-override: OPTIONS\r\nx-api-key: admin").await,
        ];
        for got in &bodies {
            assert_eq!((got.status, got.code().as_str()), (401, "not_authenticated"), "{} {got:?}", route.id);
            let mut body = got.json();
            body["correlation"] = "".into();
            let mut first = bodies[0].json();
            first["correlation"] = "".into();
            assert_eq!(body, first, "{}: bodies tell bad tokens apart", route.id);
        }
        let twice = ask("\r\nauthorization: Bearer admin\r\nauthorization: Bearer guest").await;
        assert_eq!((twice.status, twice.at().as_str()), (400, "header.authorization"), "{}", route.id);
        let in_query = head.replace(&path_of(route), &format!("{}?token=admin&access_token=admin", path_of(route)));
        let got = running.ask(&in_query, b"").await;
        assert!(matches!(got.status, 400 | 401), "{in_query}: {got:?}");
        for other in api::identity::Role::ALL {
            let got = ask(&format!("\r\nauthorization: Bearer {other}")).await;
            assert_eq!(got.status == 403, other < role, "{} as {other}: {got:?}", route.id);
            assert_ne!(got.status, 401, "{} as {other}", route.id);
        }
    }
    assert_eq!(tried.len(), table.routes().len());
}

#[tokio::test]
async fn paths_are_taken_letter_by_letter() {
    let running = Running::start().await;
    assert_eq!(running.get("/status", "guest").await.status, 200);
    assert_eq!(running.get("/entities/1", "guest").await.status, 200);
    for wrong in [
        "/Status",
        "/STATUS",
        "/status/",
        "//status",
        "/./status",
        "/x/../status",
        "/st%61tus",
        "/status%2f",
        "/status;a=b",
        "/status%00",
        "//",
        "*",
        "/entities",
        "/entities/",
        "/entities//1",
        "/entities/1/",
        "/entities/../status",
    ] {
        let got = running.get(wrong, "admin").await;
        assert_eq!((got.status, got.code().as_str()), (404, "not_found"), "{wrong}");
    }
    for wrong in
        ["/entities/..", "/entities/1%00", "/entities/%31%2f..", "/entities/0x1", "/entities/-1", "/entities/%c0%af"]
    {
        let got = running.get(wrong, "admin").await;
        assert_eq!((got.status, got.at().as_str()), (400, "path.id"), "{wrong}");
    }
}

#[tokio::test]
async fn only_the_methods_of_a_path_do_anything() {
    let running = Running::start().await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "BREW"] {
        let got =
            running.ask(&format!("{method} /status HTTP/1.1\r\nhost: x\r\nauthorization: Bearer admin"), b"").await;
        assert_eq!((got.status, got.header("allow")), (405, Some("GET, HEAD, OPTIONS")), "{method}");
    }
    let overridden = "POST /status HTTP/1.1\r\nhost: x\r\nx-http-method-override: GET\r\nx-method-override: GET";
    assert_eq!(running.ask(overridden, b"").await.status, 405);
    let mut client = running.client().await;
    client.send(b"HEAD /status HTTP/1.1\r\nhost: x\r\nauthorization: Bearer guest\r\n\r\n").await;
    client.send(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // A HEAD's length is that of the GET, and no body comes behind it.
    let head = client.head_reply().await.expect("a reply");
    let get = running.get("/status", "guest").await;
    assert_eq!((head.status, head.header("content-type")), (200, get.header("content-type")));
    assert!(head.header("content-length").is_some_and(|length| length != "0"));
    assert_eq!(client.reply().await.map(|got| got.status), Some(404));
    let options = running.ask("OPTIONS /performance/set_quality HTTP/1.1\r\nhost: x", b"").await;
    assert_eq!((options.status, options.header("allow"), options.body.as_str()), (204, Some("POST, OPTIONS"), ""));
}

#[tokio::test]
async fn nothing_sends_a_caller_elsewhere() {
    let running = Running::start().await;
    let table = table();
    for route in table.routes() {
        for evil in ["https://evil.example/", "//evil.example", "\\\\evil.example", "/%5cevil.example"] {
            let path = format!("{}?next={evil}&url={evil}", path_of(route));
            for method in [route.method.name(), Method::Delete.name(), "OPTIONS"] {
                let head = format!(
                    "{method} {path} HTTP/1.1\r\nhost: evil.example\r\nauthorization: Bearer admin\r\nx-forwarded-host: {evil}\r\n\
                     referer: {evil}\r\nx-original-url: {evil}"
                );
                let got = running.ask(&head, b"").await;
                assert!(!(300..400).contains(&got.status), "{head}: {got:?}");
                assert_eq!((got.header("location"), got.header("refresh")), (None, None), "{head}");
                assert!(!format!("{got:?}").contains("evil"), "{head}: {got:?}");
            }
        }
    }
    // A handler that tries is a fault of the program.
    assert_eq!(running.get("/test/undocumented", "admin").await.status, 500);
}
