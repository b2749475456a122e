//! Every view of the console: for everybody, on desks and on phones, in light and in dark; and with people whose names are
//! scripts. Must never pass over a view that the console has.

use serde_json::json;

use crate::axe::is_for_everybody;
use crate::client::PASSWORD;
use crate::names::{HOSTILE, RAN, WATCH};
use crate::stage::Stage;

/// The views of who may everything.
pub const VIEWS: &[&str] = &["world", "debug", "recordings", "peers", "health", "alerts", "audit", "account"];

#[test]
fn every_view_is_for_everybody() {
    let stage = Stage::new();
    let browser = &stage.browser;
    stage.somebody("admin", "admin");
    stage.console("");
    is_for_everybody(browser, "signing in");
    stage.sign_in("admin");
    let all = browser.run("return [...document.querySelectorAll('section[id^=view-]')].map((v) => v.id.slice(5))", &[]);
    assert_eq!(all, json!(VIEWS));
    for view in VIEWS {
        stage.view(view);
        if *view == "world" {
            browser.until("a drawn world", "return document.querySelector('#world-canvas').dataset.ready === 'true'");
            browser.until("the tree", "return document.querySelectorAll('#tree [data-entity]').length > 0");
            browser.click("#tree [data-entity=\"1\"]");
        }
        if *view == "debug" {
            browser.click("#debug-connect");
            browser.until("a session", "return document.querySelector('#debug-state').innerText.includes('running')");
        }
        is_for_everybody(browser, view);
    }
    browser.is_clean("all views");
    stage.service.stops();
}

#[test]
fn hostile_names_are_shown_letter_by_letter() {
    let stage = Stage::new();
    let browser = &stage.browser;
    browser.before_pages(WATCH);
    let admin = stage.somebody("admin", "admin");
    let name = |number: usize| HOSTILE[number];
    for number in 0..HOSTILE.len() {
        let account = json!({ "name": name(number), "password": PASSWORD, "role": "admin" });
        admin.done("/admin/users", &account);
    }
    for number in 0..HOSTILE.len() {
        stage.console("");
        stage.sign_in(name(number));
        // What is shown of a name is its letters, and whatever else could be typed is echoed so as well.
        let shown = "return document.body.innerText.includes(arguments[0])";
        stage.view("account");
        assert_eq!(browser.run(shown, &[json!(name(number))]), json!(true), "{}", name(number));
        for view in if number == 0 { VIEWS } else { &["audit", "account"] } {
            stage.view(view);
        }
        stage.view("debug");
        if number == 0 {
            browser.click("#debug-connect");
            browser.until("a session", "return document.querySelector('#debug-state').innerText.includes('running')");
            for field in ["component", "field", "value"] {
                browser.write(&format!("#patch-{field}"), name(number));
            }
            browser.write("#patch-entity", "1");
            browser.click("#patch-submit");
            browser.until("a refusal", "return document.querySelector('#patch-result').innerText.trim() !== ''");
            browser.write("#breakpoint-condition", name(number));
            browser.click("#breakpoint-form button");
            browser.until("a refusal", "return document.querySelector('#message').innerText.trim() !== ''");
        }
        assert_eq!(browser.run(RAN, &[]), json!(0), "{}", name(number));
        assert_eq!(browser.run("return document.querySelectorAll('img[src=x], main iframe').length", &[]), json!(0));
        let log = browser.log();
        assert!(!log.iter().any(|entry| entry.text.contains(crate::browser::REFUSED)), "{log:#?}");
    }
    stage.service.stops();
}
