//! What somebody does in the console from signing in to signing out: with a pointer, and with the keyboard alone. Each act is
//! looked at twice: in the page, and by a script at the API.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::browser::{Browser, Logged, Screen};
use crate::client::{Client, PASSWORD};
use crate::stage::Stage;
use crate::views::VIEWS;

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// The digits that can be read there.
pub fn number(browser: &Browser, selector: &str) -> u64 {
    let text = browser.text(selector);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{selector} has no number: {text:?}"))
}

fn tick(client: &Client) -> u64 {
    client.got("/status")["world"]["tick"].as_u64().expect("a tick")
}

fn pass(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

/// Waits until what the page tells of the run has this in it.
pub fn until_state(browser: &Browser, what: &str) {
    let script = format!("return document.querySelector('#debug-state').innerText.includes('{what}')");
    browser.until(what, &script);
}

/// Waits until a place has a text with this in it, whatever the case.
pub fn until_told(browser: &Browser, selector: &str, what: &str) {
    let script = format!(
        "return document.querySelector('{selector}').innerText.toLowerCase().includes('{}')",
        what.to_lowercase()
    );
    browser.until(&format!("{selector} to tell of {what}"), &script);
}

/// How many colours can be told apart within a part of the page.
fn colours(browser: &Browser, selector: &str) -> usize {
    let place = "const r = document.querySelector(arguments[0]).getBoundingClientRect(); \
                 return [r.left, r.top, r.right, r.bottom].map((v) => Math.max(0, Math.round(v)))";
    let place = browser.run(place, &[json!(selector)]);
    let picture = browser.picture();
    let at = |i: usize, max: u32| u32::try_from(place[i].as_u64().expect("a place")).expect("a place").min(max);
    let (left, top) = (at(0, picture.width), at(1, picture.height));
    let (right, bottom) = (at(2, picture.width), at(3, picture.height));
    assert!(right > left + 50 && bottom > top + 50, "{selector} is hardly there: {place}");
    let all = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
    all.map(|(x, y)| picture.at(x, y)).collect::<HashSet<_>>().len()
}

/// A stage with an operator at the API, and the same person's console open and signed in.
fn signed_in() -> (Stage, Client) {
    let stage = Stage::new();
    let operator = stage.somebody("pat", "operator");
    stage.console("");
    stage.sign_in("pat");
    (stage, operator)
}

fn holds_the_world(stage: &Stage, operator: &Client) -> u64 {
    let browser = &stage.browser;
    browser.click("#debug-pause");
    until_state(browser, "held at tick");
    let held = number(browser, "#debug-state");
    let shown = number(browser, "#tick");
    assert_eq!(tick(operator), held);
    pass(Duration::from_secs(2));
    assert_eq!((tick(operator), number(browser, "#debug-state")), (held, held), "for two seconds");
    assert!(shown <= held && number(browser, "#tick") <= held);
    held
}

fn until_held_at(browser: &Browser, operator: &Client, at: u64) {
    browser.until(
        &format!("the world to be held at {at}"),
        &format!("return document.querySelector('#debug-state').innerText.replace(/\\D/g, '') === '{at}'"),
    );
    assert_eq!(tick(operator), at);
}

fn patches(browser: &Browser, operator: &Client, held: u64) {
    for (field, value) in [("entity", "1"), ("component", "Tank"), ("field", "fuel_kg"), ("value", "123.5")] {
        browser.write(&format!("#patch-{field}"), value);
    }
    browser.click("#patch-submit");
    browser.until("the patch", "return document.querySelector('#patch-result').innerText.trim() !== ''");
    browser.click("#debug-step");
    until_held_at(browser, operator, held + 1);
    let fuel = &operator.got("/entities/1")["components"]["Tank"]["fuel_kg"];
    assert_eq!(*fuel, json!(123.5), "{}", browser.text("#patch-result"));
    // What cannot be patched is told, and nothing is changed.
    browser.write("#patch-field", "nothing");
    browser.click("#patch-submit");
    until_told(browser, "#patch-result", "nothing");
}

#[test]
fn a_world_is_watched_held_stepped_broken_into_and_patched() {
    let (stage, operator) = signed_in();
    let browser = &stage.browser;
    stage.view("world");
    browser.until("a drawn world", "return document.querySelector('#world-canvas').dataset.ready === 'true'");
    assert!(colours(browser, "#world-canvas") > 20, "the picture of the world is empty");
    let first = number(browser, "#tick");
    browser.until(
        "the tick to rise",
        &format!("return +document.querySelector('#tick').innerText.replace(/\\D/g, '') > {first} + 60"),
    );
    assert!(!browser.text("#digest").is_empty());
    // Everything in the world is in the tree, and what is chosen there is shown.
    browser.until("the tree", "return document.querySelectorAll('#tree [data-entity]').length > 0");
    browser.click("#tree [data-entity=\"1\"]");
    until_told(browser, "#inspector", "fuel_kg");

    stage.view("debug");
    browser.click("#debug-connect");
    until_state(browser, "running");
    let held = holds_the_world(&stage, &operator);
    browser.click("#debug-step");
    until_held_at(browser, &operator, held + 1);
    browser.write("#debug-step-count", "5");
    browser.click("#debug-step");
    until_held_at(browser, &operator, held + 6);
    browser.write("#debug-step-count", "1");
    browser.write("#breakpoint-tick", &(held + 60).to_string());
    browser.click("#breakpoint-form button");
    browser.until("the breakpoint", "return document.querySelectorAll('#breakpoints li').length === 1");
    browser.click("#debug-run");
    until_held_at(browser, &operator, held + 60);
    patches(browser, &operator, held + 60);
    // Of what was refused the browser itself tells in its log, and of nothing else.
    let complaints = browser.log();
    let refused =
        |entry: &&Logged| entry.level == "SEVERE" && !entry.text.contains("the server responded with a status of 4");
    assert!(!complaints.iter().any(|entry| refused(&entry)), "{complaints:#?}");
    browser.click("#debug-run");
    until_state(browser, "running");
    browser.click("#sign-out");
    browser.until("to be signed out", "return document.querySelector('#sign-in').checkVisibility()");
    browser.is_clean("watching and debugging");
    stage.service.stops();
}

/// All text of the page, whether it is shown or not, but for its messages; and what is in its fields.
const CONTENT: &str = "const page = document.body.cloneNode(true); page.querySelector('#message').textContent = ''; \
    const fields = [...document.querySelectorAll('input, textarea, select')].map((field) => field.value); \
    return [page.textContent, fields.join('|')]";

#[test]
fn a_sign_in_is_over_once_it_is_signed_out() {
    let stage = Stage::new();
    let operator = stage.somebody("pat", "operator");
    let browser = &stage.browser;
    stage.console("");
    let bare = browser.run(CONTENT, &[]);
    stage.sign_in("pat");
    // The token is nowhere that another page or a later visitor could find it; here the page's own requests are watched.
    let stored = "return [document.cookie, localStorage.length, JSON.stringify({ ...sessionStorage })].join('|')";
    let stored = browser.run(stored, &[]);
    assert_eq!(stored, json!("|0|{}"));
    browser.run(
        "const fetched = window.fetch; window.fetch = (...all) => { \
         const head = new Headers(all[1]?.headers ?? all[0]?.headers); \
         window.taken = head.get('authorization') ?? window.taken; return fetched(...all); }",
        &[],
    );
    // What is shown and what is typed, in every view.
    for view in VIEWS.iter().filter(|view| !["audit", "account"].contains(view)) {
        stage.view(view);
    }
    stage.view("account");
    for (field, typed) in [("tuning-text", "hull_j = 1"), ("password-old", "a secret"), ("tree-filter", "Terra")] {
        let write = "document.getElementById(arguments[0]).value = arguments[1]";
        browser.run(write, &[json!(field), json!(typed)]);
    }
    assert_ne!(browser.run(CONTENT, &[]), bare);
    let taken = browser.until("a request with a token", "return window.taken ?? null");
    let taken = taken.as_str().and_then(|header| header.strip_prefix("Bearer ")).expect("a token").to_owned();
    let thief = stage.client.with(&taken);
    assert_eq!(thief.get("/status").status, 200);
    browser.click("#sign-out");
    browser.until("to be signed out", "return document.querySelector('#sign-in').checkVisibility()");
    assert_eq!(thief.get("/status").status, 401, "the token is dead at once");
    assert_eq!(operator.get("/status").status, 200, "the other sign-in of the same person is not");
    // Nothing of what was shown or typed is left, and a wrong password shows nothing.
    assert_eq!(browser.run(CONTENT, &[]), bare);
    assert_eq!(browser.text("#message"), "You are signed out.");
    browser.write("#name", "pat");
    browser.write("#password", "not the right one");
    browser.click("#sign-in-submit");
    browser.until("a refusal", "return document.querySelector('#message').innerText.trim() !== ''");
    let views = "return [...document.querySelectorAll('section[id^=view-]')].filter((v) => v.checkVisibility()).length";
    assert_eq!(browser.run(views, &[]), json!(0));
    stage.service.stops();
}

/// Moves the focus on by the keyboard until it is there.
fn tab_to(browser: &Browser, selector: &str) {
    let is_there = "return document.activeElement.matches(arguments[0])";
    for _ in 0..120 {
        if browser.run(is_there, &[json!(selector)]) == json!(true) {
            let seen = "const s = getComputedStyle(document.activeElement); \
                        return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none'";
            assert_eq!(browser.run(seen, &[]), json!(true), "{selector}: that it has the focus is not seen");
            return;
        }
        browser.press(TAB);
    }
    panic!("the keyboard does not lead to {selector}");
}

#[test]
fn the_keyboard_alone_is_enough_also_on_a_phone() {
    for screen in [Screen::DESKTOP, Screen::PHONE] {
        let stage = Stage::new();
        let operator = stage.somebody("kim", "operator");
        let browser = &stage.browser;
        browser.shows(screen);
        stage.console("");
        tab_to(browser, "#name");
        browser.press("kim");
        tab_to(browser, "#password");
        browser.press(PASSWORD);
        browser.press(ENTER);
        stage.is_signed_in();
        tab_to(browser, "#nav-debug");
        browser.press(ENTER);
        tab_to(browser, "#debug-connect");
        browser.press(ENTER);
        until_state(browser, "running");
        tab_to(browser, "#debug-pause");
        browser.press(ENTER);
        until_state(browser, "held at tick");
        let held = tick(&operator);
        tab_to(browser, "#debug-step");
        browser.press(ENTER);
        until_held_at(browser, &operator, held + 1);
        tab_to(browser, "#sign-out");
        browser.press(ENTER);
        browser.until("to be signed out", "return document.querySelector('#sign-in').checkVisibility()");
        browser.is_clean("the keyboard alone");
        stage.service.stops();
    }
}
