//! Whether everybody can use a page, as axe-core 4.14.1 judges (`axe/`, MPL-2.0, as its npm package has it). Must never be
//! asked about a page that it has not been shown to complain of, were it faulty.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::browser::{Browser, Screen};
use crate::foreign::Foreign;

const AXE: &str = include_str!("axe/axe.min.js");
/// SHA-256 of the script as it was published.
const SHA256: &str = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c";
/// All rules of WCAG 2.2 up to AA, and what is good practice.
const RUN: &str = "const found = await axe.run(document, { runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', \
                   'wcag21aa', 'wcag22aa', 'best-practice'] }, resultTypes: ['violations'] }); \
                   return [found.passes.length, found.violations.map((v) => ({ id: v.id, impact: v.impact, help: v.help, \
                   nodes: v.nodes.map((n) => n.html + ' | ' + n.failureSummary) }))]";

/// What is seriously wrong with the page that is open: serious and critical findings.
fn findings(browser: &Browser) -> Vec<Value> {
    if browser.run("return typeof window.axe", &[]) == "undefined" {
        browser.run(AXE, &[]);
    }
    let told = browser.promised(RUN, &[]);
    assert!(told[0].as_u64() > Some(0), "it has judged nothing: {told}");
    let all = told[1].as_array().expect("findings").clone();
    all.into_iter().filter(|found| found["impact"] == "serious" || found["impact"] == "critical").collect()
}

/// That nothing is seriously wrong with the page that is open, on the screens of desks and phones, in light and in dark; nor
/// is it wider than the screen.
pub fn is_for_everybody(browser: &Browser, what: &str) {
    for screen in [Screen::DESKTOP, Screen::DESKTOP.dark(), Screen::PHONE, Screen::PHONE.dark()] {
        browser.shows(screen);
        // Until it has been laid out and drawn anew.
        browser.promised("await new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))", &[]);
        let wrong = findings(browser);
        assert!(wrong.is_empty(), "{what}, {screen:?}: {wrong:#?}");
        let wide = browser.run("return document.documentElement.scrollWidth", &[]);
        assert!(wide.as_u64() <= Some(screen.width.into()), "{what}, {screen:?}: it is {wide} pixels wide");
    }
    browser.shows(Screen::DESKTOP);
}

#[test]
fn the_judge_is_as_it_was_published_and_complains_of_a_faulty_page() {
    assert_eq!(Sha256::digest(AXE).iter().map(|byte| format!("{byte:02x}")).collect::<String>(), SHA256);
    let (browser, site) = (Browser::start(), Foreign::start());
    let page = |more: &str| {
        format!(
            "<!doctype html><html lang=en><title>a page</title><main><h1>A page</h1><p>Words.</p>{more}</main></html>"
        )
    };
    for (fault, found) in [
        ("", ""),
        ("<button></button>", "button-name"),
        ("<p style=\"color: #bbb; background: #fff\">Hardly to be seen</p>", "color-contrast"),
        ("<input type=text>", "label"),
        ("<canvas role=img></canvas>", "role-img-alt"),
    ] {
        site.page("/page", "", page(fault));
        browser.open(&format!("{}/page", site.origin()));
        let told: Vec<Value> = findings(&browser).into_iter().map(|finding| finding["id"].clone()).collect();
        assert_eq!(told, if found.is_empty() { Vec::new() } else { vec![json!(found)] }, "{fault}");
    }
}
