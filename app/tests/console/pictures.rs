//! How the console looks: pictures of its views that were looked at once and kept in `golden/`, compared as an eye compares.
//!
//! Pins: layout, colours and letters in light and in dark, on a desk and on a phone. Mint anew only on purpose, after looking
//! at the result: `SPACETIME_WRITE_PICTURES=1 cargo nextest run -p app --test console golden`. On failure the picture found
//! and its differences lie in the folder that the message names.

use std::path::{Path, PathBuf};

use render::Picture;
use render::compare::compare;
use serde_json::json;

use crate::browser::{Browser, Screen};
use crate::stage::Stage;

/// Share of pixels that may look different. Letters are drawn the same by one version of the browser to the last bit; from
/// one version to the next their edges move by parts of a pixel, which is less than this, and one button less is more.
const SHARE_MAX: f64 = 0.003;
/// The tick at which the world is held: late enough for a busy machine to hold it in time.
const TICK: u64 = 1800;
/// Largest picture, bytes.
const BYTES_MAX: u64 = 150_000;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console/golden").join(format!("{name}.png"))
}

/// What is on the screen, once it has been drawn.
fn drawn(browser: &Browser) -> Picture {
    let script = "await document.fonts.ready; \
                  await new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))";
    browser.promised(script, &[]);
    browser.picture()
}

/// What is wrong with what is on the screen, by the picture of that name.
fn check(browser: &Browser, name: &str) -> Option<String> {
    let (found, path) = (drawn(browser), path(name));
    let expected = Picture::load(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(std::fs::metadata(&path).expect("a file").len() <= BYTES_MAX, "{name} is too large to be kept");
    let Some(difference) = compare(&expected, &found) else { return Some(format!("{name}: another size")) };
    if difference.share <= SHARE_MAX {
        return None;
    }
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    found.save(&out.join(format!("{name}.found.png"))).expect("it is written");
    difference.picture.save(&out.join(format!("{name}.difference.png"))).expect("it is written");
    Some(format!("{name}: {:.2} % of pixels differ; see {}", difference.share * 100.0, out.display()))
}

/// The screens of a view: names and sizes.
const SCREENS: [(&str, Screen); 3] =
    [("light", Screen::DESKTOP), ("dark", Screen::DESKTOP.dark()), ("phone", Screen::PHONE)];

/// Checks what is shown on all screens.
fn all(browser: &Browser, view: &str, wrong: &mut Vec<String>) {
    for (name, screen) in SCREENS {
        browser.shows(screen);
        let name = format!("{view}-{name}");
        if std::env::var_os("SPACETIME_WRITE_PICTURES").is_some() {
            drawn(browser).save(&path(&name)).expect("it is written");
        }
        wrong.extend(check(browser, &name));
    }
    browser.shows(Screen::DESKTOP);
}

#[test]
fn golden_views_look_as_they_did() {
    let stage = Stage::new();
    let browser = &stage.browser;
    // The world is held at one tick, so that every run shows the same.
    let operator = stage.somebody("holder", "operator");
    let session = operator.done("/connect", &json!(null))["session"].as_str().expect("a session").to_owned();
    let held = operator.done(&format!("/debug/{session}/pause"), &json!(null))["tick"].as_u64().expect("a tick");
    assert!(held < TICK, "the machine is too slow to hold the world before tick {TICK}: {held}");
    operator.done(&format!("/debug/{session}/run"), &json!({ "to_tick": TICK }));
    stage.somebody("admin", "admin");
    let mut wrong = Vec::new();
    stage.console("?still=1");
    all(browser, "sign-in", &mut wrong);
    stage.sign_in("admin");
    stage.home.status_until("the world to be held", |status| status["tick"].as_u64() >= Some(TICK));
    stage.view("world");
    browser.until("a drawn world", "return document.querySelector('#world-canvas').dataset.ready === 'true'");
    browser.until("the tree", "return document.querySelectorAll('#tree [data-entity]').length > 0");
    all(browser, "world", &mut wrong);
    stage.view("debug");
    browser.click("#debug-connect");
    browser.until("a session", "return document.querySelector('#debug-state').innerText.includes('held')");
    all(browser, "debug", &mut wrong);
    // What was changed on purpose is seen: a colour, and a panel that is gone.
    browser.run("document.querySelector('#debug-connect').closest('.panel').style.background = 'seagreen'", &[]);
    let turned = check(browser, "debug-light").is_some();
    browser.run("document.querySelector('#debug-connect').closest('.panel').style = ''", &[]);
    assert!(check(browser, "debug-light").is_none(), "as it was");
    browser.run("document.querySelector('#patch-form').hidden = true", &[]);
    let hidden = check(browser, "debug-light").is_some();
    stage.view("recordings");
    all(browser, "recordings", &mut wrong);
    assert!(turned && hidden, "{turned} {hidden}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    browser.is_clean("the pictures");
    stage.service.stops();
}
