//! What goes wrong every day, in the console of a service with its usual allowances: mistyped passwords and numbers, a service
//! that asks for patience, a role that changes. Must never be given more than the service gives everybody.

use std::path::PathBuf;

use serde_json::json;

use crate::browser::{Browser, Screen};
use crate::flow::{number, until_state, until_told};
use crate::stage::Stage;

/// Notes how many states are asked for at once, and has the service ask for patience once in each place that is looked at
/// again and again.
const BUSY: &str = r#"
    const fetched = window.fetch;
    const asked = new Set();
    window.most = 0;
    let now = 0;
    window.fetch = async (...all) => {
        const kind = String(all[0]).match(/\/(jobs|states)\b/)?.[1];
        if (kind && !asked.has(kind)) {
            asked.add(kind);
            const headers = { "content-type": "application/problem+json", "retry-after": "1" };
            return new Response('{"title":"Too many requests","status":429}', { status: 429, headers });
        }
        if (kind !== "states") return fetched(...all);
        window.most = Math.max(window.most, ++now);
        try { return await fetched(...all); } finally { now -= 1; }
    };
    window.asked = asked;"#;

/// Has the page take its first token for one that ends in half a minute, and notes what its telemetry sockets do.
const SHORT: &str = r#"
    const fetched = window.fetch;
    window.refreshes = 0;
    window.fetch = async (...all) => {
        const [reply, path] = [await fetched(...all), String(all[0])];
        if (path.endsWith("/refresh")) window.refreshes += 1;
        if (!path.endsWith("/sign-in") || !reply.ok) return reply;
        const told = { ...(await reply.json()), access_expires: new Date(Date.now() + 32_000).toISOString() };
        return new Response(JSON.stringify(told), { status: reply.status, headers: reply.headers });
    };
    window.sockets = [];
    window.WebSocket = class extends window.WebSocket {
        constructor(path) {
            super(path);
            [this.offered, this.taken] = [[], 0];
            if (path.endsWith("/ws/telemetry")) window.sockets.push(this);
            this.addEventListener("message", (event) => {
                if (JSON.parse(event.data).type === "authenticated") this.taken += 1;
            });
        }
        send(text) {
            const message = JSON.parse(text);
            if (message.type === "authenticate") this.offered.push(message.token);
            super.send(text);
        }
    };"#;

/// Draws the handle of the timeline from one end to the other and back to a tick.
const DRAG: &str = r"
    const handle = document.querySelector('#timeline');
    const [min, max] = [Number(handle.min), Number(handle.max)];
    for (let n = 0; n <= 40; n++) {
        handle.value = n < 40 ? min + ((n * 7) % (max - min)) : arguments[0];
        handle.dispatchEvent(new Event('input'));
        await new Promise((go) => setTimeout(go, 25));
    }";

/// Two recordings that part at some tick: files.
fn parted(stage: &Stage) -> [PathBuf; 2] {
    let (key, demo, fork) = (stage.home.path("key"), stage.home.path("demo.strec"), stage.home.path("fork.strec"));
    let (key, [from, to]) = (key.display(), [demo.display(), fork.display()]);
    let host = "host demo --listen 127.0.0.1:0 --pilot shoot --seconds 2";
    stage.home.run(&format!("{host} --identity {key} --record {from}"));
    stage.home.run(&format!("replay fork {from} --tick 60 --inputs none --out {to}"));
    [demo, fork]
}

#[test]
fn two_recordings_are_compared_with_the_usual_allowance() {
    let stage = Stage::usual(&[]);
    let browser = &stage.browser;
    stage.somebody("pat", "operator");
    let files = parted(&stage);
    browser.before_pages(BUSY);
    stage.console("");
    stage.sign_in("pat");
    stage.view("recordings");
    for (file, name) in files.iter().zip(["demo", "fork"]) {
        browser.choose("#upload-file", file);
        until_told(browser, "#recording-result", &format!("{name} is here: complete"));
    }
    browser.click("[aria-label='Left demo']");
    browser.click("[aria-label='Right fork']");
    browser.click("#diff-run");
    browser.until("the first difference", "return document.querySelector('#first-difference').checkVisibility()");
    let first = number(browser, "#first-difference");
    assert!((61..=60 + 23).contains(&first), "{first}");
    assert_eq!(
        browser.run("return [...window.asked].sort()", &[]),
        json!(["jobs", "states"]),
        "patience was asked for"
    );
    until_told(browser, "#timeline-same", "different states");
    browser.promised(DRAG, &[json!(first - 1)]);
    until_told(browser, "#timeline-same", "same state");
    let shown = format!(
        "return ['left', 'right'].every((side) => document.querySelector(`#${{side}}-canvas`).ariaLabel.includes('tick {}:'))",
        first - 1
    );
    browser.until("both at the tick", &shown);
    assert_eq!(browser.run("return window.most", &[]), json!(1), "states are asked for one at a time");
    assert_eq!(browser.text("#message"), "", "nothing went wrong");
    stage.service.stops();
}

#[test]
fn what_is_mistyped_ends_nothing() {
    let stage = Stage::usual(&[]);
    let browser = &stage.browser;
    stage.somebody("pat", "operator");
    // What moves for those who want it to.
    browser.shows_moving(Screen::DESKTOP, true);
    browser.before_pages(
        "const frame = window.requestAnimationFrame.bind(window); window.frames_drawn = 0; \
         window.requestAnimationFrame = (call) => frame((at) => { window.frames_drawn += 1; call(at); });",
    );
    stage.console("");
    stage.sign_in("pat");
    browser.until("a world that moves", "return window.frames_drawn > 20");
    browser.shows(Screen::DESKTOP);
    browser.run("window.isSame = true", &[]);
    stage.view("account");
    browser.write("#password-old", "not the right one");
    browser.write("#password-new", "a sentence that is long 8");
    browser.click("#password-form button");
    until_told(browser, "#message", "not your password");
    assert_eq!(browser.text("#message"), "That is not your password until now.");
    stage.view("debug");
    // Somebody clicks twice.
    let twice = "const button = document.querySelector('#debug-connect'); button.click(); \
                 await new Promise((go) => setTimeout(go)); button.click();";
    browser.promised(twice, &[]);
    until_state(browser, "running");
    browser.click("#debug-pause");
    until_state(browser, "held at tick");
    let held = number(browser, "#debug-state");
    for wrong in ["1000", "0", "1.5"] {
        browser.write("#debug-step-count", wrong);
        browser.click("#debug-step");
        until_told(browser, "#message", "a whole number from 1 to 300");
        stage.view("account");
        stage.view("debug");
        assert_eq!(browser.text("#message"), "");
    }
    browser.write("#debug-step-count", "2");
    browser.click("#debug-step");
    until_state(browser, &format!("held at tick {}", held + 2));
    assert_eq!(browser.run("return window.isSame", &[]), json!(true), "the page is the same all the time");
    stage.service.stops();
}

#[test]
fn who_accepts_the_licence_is_told_of_alerts() {
    let stage = Stage::usual(&[("API__LICENCE_VERSION", "7")]);
    let browser = &stage.browser;
    stage.somebody("pat", "operator");
    stage.console("");
    stage.sign_in("pat");
    assert_eq!(browser.text("#who"), "pat · guest");
    stage.view("account");
    browser.write("#licence-version", "7");
    browser.click("#licence-form button");
    until_told(browser, "#who", "operator");
    stage.view("alerts");
    until_told(browser, "#alerts-body", "no alerts");
    let guesser = stage.client.from([8, 8]);
    for guess in 0..6 {
        guesser.post("/sign-in", &json!({ "name": "pat", "password": format!("a wrong guess {guess}") }));
    }
    until_told(browser, "#alerts-body", "127.1.8.8");
    until_told(browser, "#alerts-body", "failed sign ins");
    stage.service.stops();
}

fn until_later(browser: &Browser) {
    let shown = number(browser, "#tick");
    let later =
        format!("return Number(document.querySelector('#tick').innerText.replace(/\\D/g, '')) > {}", shown + 60);
    browser.until("the world to go on", &later);
}

#[test]
fn a_socket_lives_on_with_a_newer_token_and_a_lost_one_comes_back() {
    let stage = Stage::usual(&[]);
    let browser = &stage.browser;
    stage.somebody("pat", "operator");
    browser.before_pages(SHORT);
    stage.console("");
    stage.sign_in("pat");
    browser.until("a newer token to be taken", "return window.sockets.some((one) => one.taken === 2)");
    until_later(browser);
    let told = "return [sockets.length, refreshes, new Set(sockets[0].offered).size, sockets[0].readyState]";
    assert_eq!(browser.run(told, &[]), json!([1, 1, 2, 1]), "one socket, one exchange, two tokens, open");
    browser.run("window.sockets[0].close()", &[]);
    browser.until("a socket in its place", "return window.sockets[1]?.taken === 1");
    until_later(browser);
    stage.service.stops();
}
