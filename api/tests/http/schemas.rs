//! Input that breaks a rule of the published contract, one rule at a time.

use std::fmt::Write as _;

use api::http::openapi::openapi;
use api::http::params::Kind;
use api::http::{Build, route::Handler};
use serde_json::{Value, json};

use crate::routing::{head_of, path_of};
use crate::support::{Got, Running, table};

const POST: &str =
    "POST /test/echo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer player\r\ncontent-type: application/json";

#[tokio::test]
async fn a_body_is_what_the_schema_says_or_the_field_is_named() {
    let running = Running::start().await;
    let ask = async |body: &str| running.ask(POST, body.as_bytes()).await;
    let whole = json!({"word": "abc", "number": 1.5, "list": [1, 2]});
    let got = ask(&whole.to_string()).await;
    assert_eq!((got.status, got.json()), (200, whole));
    let nested = format!("{{\"word\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for (body, at) in [
        ("{\"word\":\"\",\"number\":1}", "/word"),
        ("{\"word\":\"123456789\",\"number\":1}", "/word"),
        ("{\"word\":1,\"number\":1}", "/word"),
        ("{\"word\":null,\"number\":1}", "/word"),
        ("{\"number\":1}", "/word"),
        ("{\"word\":\"a\"}", "/number"),
        ("{\"word\":\"a\",\"number\":-0.1}", "/number"),
        ("{\"word\":\"a\",\"number\":10.1}", "/number"),
        ("{\"word\":\"a\",\"number\":\"1\"}", "/number"),
        ("{\"word\":\"a\",\"number\":true}", "/number"),
        ("{\"word\":\"a\",\"number\":1,\"list\":[1,2,3,4]}", "/list"),
        ("{\"word\":\"a\",\"number\":1,\"list\":[-1]}", "/list/0"),
        ("{\"word\":\"a\",\"number\":1,\"list\":[1,4294967296]}", "/list/1"),
        ("{\"word\":\"a\",\"number\":1,\"list\":{}}", "/list"),
        ("{\"word\":\"a\",\"number\":1,\"role\":\"admin\"}", "/role"),
        ("{\"word\":\"a\",\"number\":1,\"__proto__\":{}}", "/__proto__"),
        ("{\"word\":\"a\",\"number\":1,\"word\":\"b\"}", ""),
        ("{\"word\":\"a\",\"number\":NaN}", ""),
        ("{\"word\":\"a\",\"number\":1e999}", ""),
        ("[]", ""),
        ("null", ""),
        ("{\"word\":\"a\",\"number\":1}{}", ""),
        (nested.get(..4000).unwrap_or_default(), ""),
    ] {
        let got = ask(body).await;
        assert_eq!((got.status, got.code().as_str(), got.at().as_str()), (400, "bad_input", at), "{body}");
    }
    let got = running.ask(POST, b"{\"word\":\"\xff\",\"number\":1}").await;
    assert_eq!((got.status, got.code().as_str()), (400, "bad_input"));
}

#[tokio::test]
async fn a_query_is_what_the_table_says_or_the_parameter_is_named() {
    let running = Running::start().await;
    let mut tried = 0;
    for route in table().routes().iter().filter(|route| !matches!(route.handler, Handler::Socket(_))) {
        let ask = async |query: String| {
            let head = head_of(route).replacen(&path_of(route), &format!("{}?{query}", path_of(route)), 1);
            running.ask(&format!("{head}\r\nauthorization: Bearer admin"), b"").await
        };
        for unknown in ["x=1", "__proto__=1", "Tick=7", "tick%00=7", "limit[]=1", "%74ick=7"] {
            let got = ask(unknown.to_owned()).await;
            assert_eq!((got.status, got.at().as_str()), (400, "query"), "{} {unknown}", route.id);
            tried += 1;
        }
        for param in route.query {
            for wrong in [
                "",
                "a",
                "-",
                "1.5",
                "1e3",
                "0x1",
                "%31%00",
                "%ff",
                "%",
                "99999999999999999999",
                "%201",
                "+1",
                "01",
                "1,2",
            ] {
                // Most of these are text.
                if matches!(param.kind, Kind::Text { .. }) && !matches!(wrong, "" | "%31%00" | "%ff" | "%") {
                    continue;
                }
                let got = ask(format!("{}={wrong}", param.name)).await;
                assert_eq!((got.status, got.at()), (400, format!("query.{}", param.name)), "{} {wrong}", route.id);
                tried += 1;
            }
            let got = ask(format!("{0}=7&{0}=7", param.name)).await;
            assert_eq!((got.status, got.at()), (400, format!("query.{}", param.name)), "{}", route.id);
        }
    }
    assert!(tried > 150, "{tried}");
    assert_eq!(running.get("/scene/hierarchy?limit=3&after=-2&tick=7", "guest").await.status, 200);
}

#[tokio::test]
async fn lists_page_to_their_end() {
    let running = Running::start().await;
    for (path, list) in [("/scene/hierarchy", "nodes"), ("/physics/bodies", "bodies")] {
        let (mut ids, mut after) = (Vec::new(), String::new());
        loop {
            let page = running.get(&format!("{path}?limit=3{after}"), "guest").await.json();
            ids.extend(page[list].as_array().into_iter().flatten().filter_map(|item| item["id"].as_i64()));
            let Some(next) = page["next"].as_i64() else { break };
            after.clear();
            write!(after, "&after={next}").expect("text");
        }
        assert_eq!(ids, [-2, -1, 1, 2, 3, 4, 5], "{path}");
    }
    let entity = running.get("/entities/3", "guest").await.json();
    assert_eq!(entity["components"]["Motion"]["large"], json!(u64::MAX));
    assert_eq!(running.get("/entities/6", "guest").await.status, 404);
    assert_eq!(running.get("/entities/3?tick=8", "guest").await.status, 404);
    assert_eq!(running.get("/status?tick=7", "guest").await.json()["at"]["digest"], "0000000000000abc");
}

/// Bodies of routes that take more are not sent whole; the one limiter is the same for all.
const FLOOD_MAX: usize = 16 << 20;

#[tokio::test]
async fn types_of_content_and_their_lengths_are_checked_on_every_route() {
    let running = Running::start().await;
    let xml = b"<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
    for route in table().routes() {
        let whole = format!("{}\r\nauthorization: Bearer admin", head_of(route));
        let kinds = ["\r\ncontent-type: application/json", "\r\ncontent-type: application/octet-stream"];
        let head = kinds.iter().fold(whole.clone(), |head, kind| head.replace(kind, ""));
        for kind in [
            "text/xml",
            "application/xml",
            "application/soap+xml",
            "image/svg+xml",
            "application/jsonx",
            "application/json;a=b",
        ] {
            let got = running.ask(&format!("{head}\r\ncontent-type: {kind}"), xml).await;
            assert_eq!(got.status, 415, "{} {kind}: {got:?}", route.id);
        }
        let got =
            running.ask(&format!("{head}\r\ncontent-type: application/json\r\ncontent-encoding: gzip"), xml).await;
        assert_eq!(got.status, 415, "{}", route.id);
        // The body itself is never sent.
        let mut client = running.client().await;
        let length = route.limits.body_bytes.saturating_add(1).max(20_000_000);
        client.send(format!("{whole}\r\ncontent-length: {length}\r\n\r\n").as_bytes()).await;
        assert_eq!(client.reply().await.map(|got| got.status), Some(413), "{}", route.id);
        if route.limits.body_bytes > FLOOD_MAX {
            continue;
        }
        let mut client = running.client().await;
        client.send(format!("{whole}\r\ntransfer-encoding: chunked\r\n\r\n").as_bytes()).await;
        for _ in 0..20.max(route.limits.body_bytes / 4096 + 2) {
            client.send(format!("1000\r\n{}\r\n", " ".repeat(4096)).as_bytes()).await;
        }
        assert_eq!(client.reply().await.map(|got| got.status), Some(413), "{}", route.id);
    }
}

#[tokio::test]
async fn octets_go_both_ways_as_streams() {
    let running = Running::start().await;
    let head = POST.replace("application/json", "application/octet-stream").replace("echo", "octets");
    let got = running.ask(&head, &[b'x'; 4096]).await;
    assert_eq!((got.status, got.body.len()), (200, 4096));
    assert_eq!(running.ask(&head, &[b'x'; 4097]).await.status, 413);
}

#[tokio::test]
async fn the_document_has_every_route_and_its_references_lead_somewhere() {
    let table = table();
    let page = openapi(&table, &Build { version: "0".into(), hash: String::new() });
    let count =
        page["paths"].as_object().into_iter().flatten().filter_map(|(_, methods)| Some(methods.as_object()?.len()));
    assert_eq!(count.sum::<usize>(), table.routes().len());
    let text = page.to_string();
    for name in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page["components"]["schemas"][name].is_object(), "{name}");
    }
    let running = Running::start().await;
    let got: Got = running.get("/openapi.json", "guest").await;
    assert_eq!(got.json()["openapi"], "3.1.0");
    assert!(got.header("etag").is_some_and(|tag| tag.len() == 34));
    assert_eq!(got.json()["paths"]["/status"]["get"]["x-access"], Value::from("guest"));
}
