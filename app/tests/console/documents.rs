//! The page that describes the API (`/docs`), in a browser: whole, without a complaint, and for everybody. Must never depend
//! on the console.

use serde_json::json;

use crate::axe::is_for_everybody;
use crate::stage::{Stage, routes};

#[test]
fn the_page_of_the_api_shows_every_route() {
    let stage = Stage::new();
    let browser = &stage.browser;
    browser.open(&format!("{}/docs", stage.url));
    browser.until("the description", "return document.querySelector('#schemas article') !== null");
    let all = routes(&stage.client.got("/openapi.json"));
    let headings = browser.run("return [...document.querySelectorAll('#routes h2')].map((h) => h.innerText)", &[]);
    let expected: Vec<_> = all.iter().map(|(method, path, _)| json!(format!("{method} {path}"))).collect();
    assert_eq!(headings, json!(expected));
    // Whatever it names is there.
    let named = "return [...document.querySelectorAll('[src],[href]')].map((e) => e.src || e.href)";
    let named = browser.run(named, &[]);
    let named: Vec<_> = named.as_array().expect("a list").iter().map(|url| url.as_str().expect("an address")).collect();
    assert!(named.len() > all.len(), "{named:?}");
    let (links, files): (Vec<&str>, Vec<&str>) = named.iter().partition(|url| url.contains('#'));
    for link in links {
        let found =
            browser.run("return document.getElementById(arguments[0]) !== null", &[json!(link.split('#').nth(1))]);
        assert_eq!(found, json!(true), "{link}");
    }
    for file in files {
        let path = file.strip_prefix(&stage.url).unwrap_or_else(|| panic!("{file} is of another origin"));
        assert_eq!(stage.client.get(path).status, 200, "{file}");
    }
    browser.is_clean("the page of the API");
    is_for_everybody(browser, "the page of the API");
    browser.is_clean("the page of the API");
    stage.service.stops();
}
