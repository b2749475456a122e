//! `spacetime bodies`: dates in any order, before and after the epoch, for scenarios of one's own too.

use crate::common::{Folder, assert_misused, code, json, run, stderr, stdout};
use serde_json::Value;

/// Two bodies that circle one another in 100 hours; the text of a scenario file.
const TWO_STARS: &str = r#"
name = "two-stars"
description = "Two equal stars on a circle"
seed = 1
epoch_jd_tdb = 2400000.5

[forces]
post_newtonian = false
figures = false

[[body]]
name = "left"
gm_km3_s2 = 1e9
radius_km = 1000
position_km = [-934311.7, 0, 0]
velocity_km_s = [0, -16.3, 0]

[[body]]
name = "right"
gm_km3_s2 = 1e9
radius_km = 1000
position_km = [934311.7, 0, 0]
velocity_km_s = [0, 16.3, 0]
"#;

fn vector(value: &Value) -> [f64; 3] {
    let component = |i: usize| value[i].as_f64().unwrap_or_else(|| panic!("three numbers: {value}"));
    [component(0), component(1), component(2)]
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn earth(moment: &Value) -> &Value {
    let bodies = moment["bodies"].as_array().expect("bodies");
    bodies.iter().find(|b| b["name"] == "earth").expect("the Earth")
}

#[test]
fn the_answer_is_in_the_order_of_the_question() {
    let epoch = json(&run("scenario show demo --json", &[]))["epoch_jd_tdb"].as_f64().expect("an epoch");
    let dates = [epoch + 30.0, epoch, epoch - 20.0, epoch + 30.0];
    let list = dates.map(|jd| jd.to_string()).join(",");
    let out = run(&format!("bodies demo --at {list} --json"), &[]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    let at = json(&out)["at"].clone();
    assert_eq!(at.as_array().map(Vec::len), Some(4));
    for (moment, jd) in at.as_array().expect("moments").iter().zip(dates) {
        assert_eq!(moment["jd"].as_f64(), Some(jd));
        let sun_distance_km = distance(vector(&earth(moment)["position_km"]), [0.0; 3]);
        assert!((1.45e8..1.55e8).contains(&sun_distance_km), "{sun_distance_km}");
        let speed_km_s = distance(vector(&earth(moment)["velocity_km_s"]), [0.0; 3]);
        assert!((28.0..32.0).contains(&speed_km_s), "{speed_km_s}");
    }
    assert_eq!(at[0], at[3], "what else is asked changes nothing");
    let place = |i: usize| vector(&earth(&at[i])["position_km"]);
    // A degree a day, less a little: 30 days are about half an astronomical unit of chord.
    assert!(distance(place(0), place(1)) > 5e7, "the Earth has moved");
    assert!(distance(place(2), place(1)) > 3e7, "the Earth came from somewhere");
    assert!(stdout(&run(&format!("bodies demo --at {epoch}"), &[])).contains("earth"));
}

/// States of JPL DE421 that the fixture has for a date: name and position in km.
fn de421(jd: &str) -> Vec<(String, [f64; 3])> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/ephemeris/de421_reference.txt");
    let text = std::fs::read_to_string(path).expect("the fixture");
    let from = text.lines().skip_while(|line| *line != format!("epoch {jd}")).skip(1);
    let states = from.take_while(|line| !line.starts_with("epoch"));
    let parse = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |i: usize| words[i].parse().expect("a number");
        (words[0].to_owned(), [number(1), number(2), number(3)])
    };
    states.map(parse).collect()
}

#[test]
fn the_real_solar_system_is_where_jpl_says() {
    let folder = Folder::new();
    let file = folder.with("real.toml", "name = \"real\"\nsolar_system = \"de421\"\nepoch_jd_tdb = 2451545.0\n");
    // A year before J2000, a day, a month, a year and ten years after, not in order.
    let dates = ["2455197.5", "2451546.0", "2451179.75", "2451575.0", "2451910.25"];
    let out = run(&format!("bodies {{}} --json --at {}", dates.join(",")), &[&file]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    for (moment, jd) in json(&out)["at"].as_array().expect("moments").iter().zip(dates) {
        let reference = de421(jd);
        assert_eq!(reference.len(), 11, "JD {jd}");
        for (name, place) in reference {
            let bodies = moment["bodies"].as_array().expect("bodies");
            let body = bodies.iter().find(|b| b["name"] == name.as_str()).expect("every body of the fixture");
            let error_km = distance(vector(&body["position_km"]), place);
            // What is promised for ten years from J2000.
            let allowed_km = if name == "moon" { 15.0 } else { 5.0 };
            assert!(error_km <= allowed_km, "{name} at JD {jd}: {error_km} km");
        }
    }
}

#[test]
fn scenarios_of_ones_own_have_their_own_epoch() {
    let folder = Folder::new();
    let file = folder.with("two.toml", TWO_STARS);
    let out = run("bodies {} --at 2400000.5,2400001.5,2399999.5 --json", &[&file]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    let at = &json(&out)["at"];
    let start = vector(&at[0]["bodies"][1]["position_km"]);
    assert!(distance(start, [934_311.7, 0.0, 0.0]) < 1e-6, "{start:?}");
    // A day later and a day before are mirror images, to far less than the 1.4 million km in between.
    let (later, before) = (vector(&at[1]["bodies"][1]["position_km"]), vector(&at[2]["bodies"][1]["position_km"]));
    assert!(distance(later, [before[0], -before[1], before[2]]) < 1e-3, "{later:?} {before:?}");
    assert!(distance(later, before) > 1e6, "{later:?} {before:?}");
}

#[test]
fn dates_that_are_none_are_refused() {
    for list in ["nan", "inf", "-inf", "1e999", "x", "", "2451545,", "2451545,x", "0x10"] {
        let out = crate::common::spacetime(["bodies", "demo", "--json", "--at", list]);
        assert_eq!(code(&out), 2, "{list}");
        assert!(stderr(&out).contains("Julian date") || list.is_empty(), "{list}: {}", stderr(&out));
    }
    for far in ["1e300", "-1e300", "9e9", "-5"] {
        assert_misused(
            &crate::common::spacetime(["bodies", "demo", "--json", "--at", far]),
            "days from the scenario's epoch",
        );
    }
    assert_eq!(code(&run("bodies demo", &[])), 2);
    assert_misused(&run("bodies nowhere --at 2451545", &[]), "there is no scenario");
}
