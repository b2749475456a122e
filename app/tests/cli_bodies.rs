//! `spacetime bodies`: dates in any order, before and after the epoch, for scenarios of one's own too.

mod common;

use common::{Folder, assert_misused, code, json, run, stderr, stdout};
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
        let out = common::spacetime(["bodies", "demo", "--json", "--at", list]);
        assert_eq!(code(&out), 2, "{list}");
        assert!(stderr(&out).contains("Julian date") || list.is_empty(), "{list}: {}", stderr(&out));
    }
    for far in ["1e300", "-1e300", "9e9", "-5"] {
        assert_misused(&common::spacetime(["bodies", "demo", "--json", "--at", far]), "days from the scenario's epoch");
    }
    assert_eq!(code(&run("bodies demo", &[])), 2);
    assert_misused(&run("bodies nowhere --at 2451545", &[]), "there is no scenario");
}
