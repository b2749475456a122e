//! Pages of others against somebody who is signed in (SEC-007, SEC-010, SEC-025): they act for nobody, read nothing, and
//! show none of our pages in a frame. Beside each, the same done where nothing defends: there it works.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::browser::{Browser, OTHER_SITE};
use crate::client::Client;
use crate::foreign::Foreign;
use crate::stage::{Stage, routes};

/// What a page of somebody else's tries: every state-changing route in every way that a page has, images and scripts of every
/// other one, sockets. It has even got hold of a token.
const ACT: &str = include_str!("attack.js");

/// How often each route was answered, by route and status.
fn counted(admin: &Client) -> BTreeMap<(String, u16), u64> {
    let all = admin.got("/metrics");
    let all = all.as_str().expect("text");
    let lines = all.lines().filter_map(|line| line.strip_prefix("spacetime_api_requests_total{"));
    let value = |labels: &str, name: &str| -> Option<String> {
        Some(labels.split(&format!("{name}=\"")).nth(1)?.split('"').next()?.to_owned())
    };
    let one = |line: &str| {
        let (labels, count) = line.split_once("} ")?;
        Some(((value(labels, "route")?, value(labels, "status")?.parse().ok()?), count.parse().ok()?))
    };
    lines.map(|line| one(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// What was answered in the meantime.
fn since(before: &BTreeMap<(String, u16), u64>, after: BTreeMap<(String, u16), u64>) -> BTreeMap<(String, u16), u64> {
    let grown = after.into_iter().map(|(key, count)| (count - before.get(&key).copied().unwrap_or(0), key));
    grown.filter(|(count, _)| *count > 0).map(|(count, key)| (key, count)).collect()
}

/// The attack, as a page at this origin does it.
fn attack(browser: &Browser, origin: &str, stage: &Stage, token: &str, all: &[(String, String, Value)]) -> Value {
    browser.open(&format!("{origin}/"));
    let filled = |path: &str| -> String {
        let part = |part: &str| if part.starts_with('{') { "1".to_owned() } else { part.to_owned() };
        path.replace("{session}", &"0".repeat(32)).split('/').map(part).collect::<Vec<_>>().join("/")
    };
    let calls = all.iter().map(|(method, path, row)| json!([method, filled(path), row["x-messages"].is_object()]));
    browser.promised(ACT, &[json!(stage.url), json!(token), json!(calls.collect::<Vec<_>>())])
}

#[test]
fn a_foreign_page_cannot_act_for_anybody_nor_read() {
    let (attacker, listed, careless) = (Foreign::start(), Foreign::start(), Foreign::start());
    let stage = Stage::with(&[("API__ORIGINS", &listed.origin())]);
    let browser = &stage.browser;
    let admin = stage.somebody("admin", "admin");
    let victim = stage.somebody("victim", "admin");
    let token = stage.token("victim");
    let all = routes(&admin.got("/openapi.json"));
    let id = |row: &Value| row["operationId"].as_str().expect("an id").to_owned();
    let changing: Vec<_> = all.iter().filter(|(method, _, _)| method != "GET").map(|(_, _, row)| id(row)).collect();
    let sockets: Vec<_> =
        all.iter().filter(|(_, _, row)| row["x-messages"].is_object()).map(|(_, _, row)| id(row)).collect();
    assert!(changing.len() > 25 && sockets.len() == 3, "{changing:?} {sockets:?}");
    let noticed = |admin: &Client| admin.got("/admin/audit?limit=1000")["entries"].as_array().expect("entries").len();
    let (before, written) = (counted(&admin), noticed(&admin));
    // From another port of the same host, from another site, and from nowhere that it tells.
    for origin in [attacker.origin(), attacker.origin_at(OTHER_SITE)] {
        let told = attack(browser, &origin, &stage, &token, &all);
        assert_eq!(told["read"], json!([]), "{origin}");
        assert_eq!(told["sockets"], json!([]), "{origin}");
        assert!(told["tried"].as_u64() > Some(150), "{told}");
    }
    let answered = since(&before, counted(&admin));
    for route in changing.iter().chain(&sockets) {
        let of: Vec<_> = answered.iter().filter(|((name, _), _)| name == route).collect();
        let refused = of.iter().all(|((_, status), _)| *status == 403);
        // A page cannot even send what needs a preflight: only POST comes through to the route.
        let is_post = all.iter().any(|(method, _, row)| id(row) == *route && method == "POST");
        assert!(refused && (!of.is_empty() || !is_post && !sockets.contains(route)), "{route}: {of:?}");
    }
    // What is only read is not read with a cookie either.
    let protected = all.iter().filter(|(method, _, row)| method == "GET" && row["x-access"] != "public");
    for row in protected.map(|(_, _, row)| id(row)).filter(|route| !sockets.contains(route)) {
        let of = |status| answered.get(&(row.clone(), status)).copied().unwrap_or(0);
        // The one that asks here is the administrator.
        let own = u64::from(row == "metrics" || row == "admin_audit");
        assert!(of(401) > 0 && of(200) <= own, "{row}: {answered:?}");
    }
    let entries = admin.got("/admin/audit?limit=1000");
    let done = entries["entries"].as_array().expect("entries").iter().skip(written).filter(|e| e["outcome"] == "done");
    assert_eq!(done.count(), 0, "{entries}");
    assert_eq!(victim.get("/status").status, 200, "whoever was attacked is still signed in");
    browser.log();

    // The same page at a listed origin may act and read, with a token and never without.
    let before = counted(&admin);
    let told = attack(browser, &listed.origin(), &stage, &token, &all);
    let read = told["read"].as_array().expect("a list");
    assert!(read.iter().any(|what| what == "GET /status") && read.iter().any(|what| what == "POST /connect"), "{told}");
    assert_eq!(told["sockets"].as_array().map(Vec::len), Some(3), "{told}");
    let answered = since(&before, counted(&admin));
    assert!(answered.contains_key(&("connect".to_owned(), 201)), "{answered:?}");
    assert_eq!(told["without a token"], json!([]), "no cookie is an identity");
    browser.log();

    // A service that knows people by a cookie and asks nobody where they come from: the same attack acts and reads there.
    careless.page("/sign-in", "set-cookie: who=victim\r\n", "signed in");
    let anybody = "access-control-allow-origin: *\r\naccess-control-allow-headers: authorization, content-type\r\n";
    careless.page("/act", anybody, "done");
    browser.open(&format!("{}/sign-in", careless.origin()));
    browser.open(&format!("{}/", attacker.origin()));
    let told = browser.promised(ACT, &[json!(careless.origin()), json!("none"), json!([["POST", "/act", false]])]);
    assert_eq!(told["read"], json!(["POST /act", "POST /act"]));
    let acts = careless.asked("/act");
    let fooled = acts.iter().filter(|asked| asked.method == "POST" && asked.head.contains("cookie: who=victim"));
    let bodies: Vec<_> = fooled.map(|asked| asked.body.as_str()).collect();
    assert!(bodies.iter().any(|body| body.starts_with("{\"")) && bodies.len() >= 5, "{bodies:?}");
    browser.log();
    stage.service.stops();
}

/// A page that shows others in frames of several kinds.
fn frames(url: &str) -> String {
    format!(
        "<!doctype html><title>a game</title><iframe src=\"{url}\"></iframe>\
         <iframe sandbox=\"allow-scripts allow-forms allow-same-origin\" src=\"{url}\"></iframe>"
    )
}

/// What the frames of a page show: where each is, and its title.
fn shown(browser: &Browser) -> Vec<(String, String)> {
    let read = "return [location.href, document.title]";
    let frame = |number| browser.in_frame(number, || browser.run(read, &[]));
    let pair =
        |told: Value| (told[0].as_str().expect("a place").to_owned(), told[1].as_str().expect("a title").to_owned());
    (0..2).map(|number| pair(frame(number))).collect()
}

#[test]
fn no_page_is_shown_in_a_frame_nor_held_by_its_opener() {
    let (attacker, careless) = (Foreign::start(), Foreign::start());
    let stage = Stage::new();
    let browser = &stage.browser;
    let all = routes(&stage.client.got("/openapi.json"));
    let is_page = |row: &Value| row["responses"]["200"]["content"].get("text/html; charset=utf-8").is_some();
    let mut pages: Vec<_> = all.iter().filter(|(_, _, row)| is_page(row)).map(|(_, path, _)| path.clone()).collect();
    assert!(pages.iter().any(|path| path == "/docs"), "{pages:?}");
    // What is no page is shown by a browser, too.
    pages.extend(["/openapi.json", "/nothing"].map(str::to_owned));
    for path in &pages {
        attacker.page("/frames", "", frames(&format!("{}{path}", stage.url)));
        for origin in [attacker.origin(), attacker.origin_at(OTHER_SITE)] {
            browser.open(&format!("{origin}/frames"));
            for (place, title) in shown(browser) {
                assert!(place.starts_with("chrome-error:") && !title.contains("SpaceTime"), "{path}: {place} {title}");
            }
        }
        browser.log();
    }
    // The very same page from a server that forbids nothing.
    let page = stage.client.got("/docs");
    careless.page("/docs", "", page.as_str().expect("a page"));
    attacker.page("/frames", "", frames(&format!("{}/docs", careless.origin())));
    browser.open(&format!("{}/frames", attacker.origin()));
    for (place, title) in shown(browser) {
        assert_eq!((place, title.as_str()), (format!("{}/docs", careless.origin()), "SpaceTime API"));
    }
    // Whoever opens a page in another window has no hold on it.
    let open = "const other = window.open(arguments[0]); await new Promise((go) => setTimeout(go, 1500)); \
                const closed = other.closed; other.close(); return closed";
    assert_eq!(browser.promised(open, &[json!(format!("{}/docs", stage.url))]), json!(true));
    assert_eq!(browser.promised(open, &[json!(format!("{}/docs", careless.origin()))]), json!(false));
    browser.log();
    stage.service.stops();
}
