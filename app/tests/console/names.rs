//! Hostile text (SEC-003): names of accounts that are scripts, where the console shows them, and in every answer that a browser may be
//! led to. They are shown letter by letter and run nowhere, though a page that trusts them runs them.

use serde_json::json;

use crate::foreign::Foreign;
use crate::stage::{Stage, routes};

/// Names that run where they are taken for a part of the page.
pub const HOSTILE: &[&str] = &[
    "<img src=x onerror=ran('img')>",
    "<svg><animate onbegin=ran('svg') attributeName=x dur=1s>",
    "<details open ontoggle=ran('details')>",
    "\"><img src=x onerror=\"ran('quote')\">",
    "<iframe srcdoc='<img src=x onerror=parent.ran()>'></iframe>",
];
/// Notes what ran.
pub const WATCH: &str = "window.didRun = []; window.ran = (what) => { didRun.push(what ?? 'frame'); };";
/// What ran in the page since it was opened.
pub const RAN: &str = "return window.didRun.length";

#[test]
fn a_hostile_name_runs_where_it_is_trusted() {
    let (browser, careless) = (crate::browser::Browser::start(), Foreign::start());
    browser.before_pages(WATCH);
    for name in HOSTILE {
        browser.open(&format!("{}/", careless.origin()));
        assert_eq!(browser.run(RAN, &[]), json!(0));
        browser.run(
            "document.body.innerHTML = '<b title=\"' + arguments[0] + '\">' + arguments[0] + '</b>'",
            &[json!(name)],
        );
        let ran = browser.until(name, "return window.didRun.length > 0");
        assert_eq!(ran, json!(true), "{name}");
    }
}

#[test]
fn an_answer_is_no_page() {
    let (stage, careless) = (Stage::new(), Foreign::start());
    let browser = &stage.browser;
    browser.before_pages(WATCH);
    let script = "<script>ran('path')</script>";
    let encoded = "%3Cscript%3Eran('path')%3C/script%3E";
    // A server that repeats what it was asked for, as a page.
    careless.page("/repeated", "", format!("<!doctype html><p>no such thing: {script}</p>"));
    browser.open(&format!("{}/repeated", careless.origin()));
    assert_eq!(browser.run(RAN, &[]), json!(1));
    browser.log();
    let all = routes(&stage.client.got("/openapi.json"));
    let gets = all.iter().filter(|(method, _, row)| method == "GET" && row["x-messages"].is_null());
    let paths = gets.map(|(_, path, _)| path.replace(['{', '}'], ""));
    for path in paths.chain(["/".to_owned() + encoded]) {
        browser.open(&format!("{}{path}?{encoded}={encoded}#{encoded}", stage.url));
        let told =
            browser.run("return [window.didRun.length, document.contentType, document.documentElement.innerText]", &[]);
        let is_page = told[1] == "text/html";
        assert_eq!(told[0], json!(0), "{path}: {told}");
        assert!(!is_page || !told[2].as_str().unwrap_or_default().contains(script), "{path}: {told}");
    }
    stage.service.stops();
}
