//! Any text whatever is a scenario or is refused: no panic, no endless work. Shipped files are mutated, and random
//! TOML is written with the keys of the format. The same property belongs into a fuzz target; this one runs with
//! the other tests.
#![expect(clippy::disallowed_types, reason = "a test may bound how long parsing takes")]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use sim::Scenario;
use sim::scenario::{BODIES_MAX, ENTITIES_MAX, TEXT_BYTES_MAX, generate, shipped};

/// Parses; what is accepted must hold what the documentation promises.
fn check(text: &str) {
    match Scenario::parse(text) {
        Ok(scenario) => holds(&scenario),
        Err(error) => {
            assert!(error.line >= 1 && error.line <= text.split('\n').count().max(1), "{error}");
            assert!(!error.message.is_empty() && error.message.len() < 20_000 && !error.message.contains('\n'));
        }
    }
}

fn holds(scenario: &Scenario) {
    assert!((1..=1000).contains(&scenario.tick_rate_hz));
    assert!(scenario.speed_of_light_m_s >= 100.0 && scenario.epoch_jd_tdb.is_finite());
    assert!(scenario.bodies.len() <= BODIES_MAX);
    for body in &scenario.bodies {
        assert!(body.gm_m3_s2 > 0.0 && body.gm_m3_s2.is_finite() && body.radius_m >= 0.0);
        assert!(body.position_m.is_finite() && body.velocity_m_s.is_finite() && body.rotation_rad_s.is_finite());
        assert!((body.pole.length() - 1.0).abs() < 1e-12);
    }
    let mut entities = scenario.structures.len() as u64;
    let placements = (scenario.fleets.iter().map(|fleet| fleet.placement))
        .chain(scenario.asteroid_fields.iter().map(|field| field.placement))
        .chain(scenario.structures.iter().map(|structure| structure.placement));
    for placement in placements {
        assert!(placement.position_m.is_finite() && placement.velocity_m_s.is_finite());
        assert!(placement.body.is_none_or(|body| body < scenario.bodies.len()));
    }
    for (index, fleet) in (0..).zip(&scenario.fleets) {
        assert!(fleet.class < scenario.classes.len() && fleet.count >= 1);
        assert!((fleet.facing.length() - 1.0).abs() < 1e-12);
        entities += u64::from(fleet.count);
        for slot in [0, fleet.count - 1] {
            assert!(generate::fleet_slot(fleet, slot).is_finite());
            assert!(generate::fleet_jitter(scenario.seed, index, fleet, slot).is_finite());
        }
    }
    for (index, field) in (0..).zip(&scenario.asteroid_fields) {
        entities += u64::from(field.count);
        let rock = generate::asteroid(scenario.seed, index, field, field.count - 1);
        assert!(rock.offset_m.is_finite() && rock.mass_kg > 0.0 && rock.mass_kg.is_finite());
    }
    assert!(entities <= u64::from(ENTITIES_MAX));
}

/// Things that a mutation puts into a file.
const SPLINTERS: &[&str] = &[
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1e308",
    "1e-308",
    "-0.0",
    "9223372036854775807",
    "18446744073709551616",
    "0xff",
    "\"\"",
    "\"sun\"",
    "[]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    "\n",
    "#",
    ".",
    "true",
    "[nan, nan, nan]",
    "2000-01-01",
    "[1e300, 1e300, 1e300]",
    "around = \"earth\"",
    "near = \"swarm\"",
    "\u{0}",
    "\u{feff}",
    "\u{1f680}",
    "'''",
    "\"\"\"",
    "\r",
    "\\",
    "[[fleet]]",
    "[[body]]\nname = \"x\"",
    "orbit = { radius_km = 1e-9 }",
    "count = 1000000",
];

fn mutated() -> impl Strategy<Value = String> {
    let cut = (any::<prop::sample::Index>(), 0usize..12, prop::sample::select(SPLINTERS), any::<bool>());
    (0..shipped().len(), prop::collection::vec(cut, 1..6)).prop_map(|(which, cuts)| {
        let mut text = shipped()[which].1.to_owned();
        for (at, len, splinter, keep) in cuts {
            let boundary = |mut at: usize| {
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                at
            };
            let start = boundary(at.index(text.len() + 1));
            let end = boundary((start + len).min(text.len())).max(start);
            text.replace_range(start..end, if keep { splinter } else { "" });
        }
        text
    })
}

/// Swaps values of a shipped file for others, so that the text stays TOML and the checks of values are reached.
fn revalued() -> impl Strategy<Value = String> {
    let swap = (any::<prop::sample::Index>(), value());
    (0..shipped().len(), prop::collection::vec(swap, 1..4)).prop_map(|(which, swaps)| {
        let mut lines: Vec<String> = shipped()[which].1.lines().map(str::to_owned).collect();
        for (at, value) in swaps {
            let at = at.index(lines.len());
            if let Some((key, _)) = lines[at].clone().split_once(" = ") {
                lines[at] = format!("{key} = {value}");
            }
        }
        lines.join("\n")
    })
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<f64>().prop_map(|x| format!("{x:?}").replace("NaN", "nan")),
        (-1e4..1e4f64).prop_map(|x| format!("{x:?}")),
        any::<i64>().prop_map(|x| x.to_string()),
        (0..2000i64).prop_map(|x| x.to_string()),
        any::<bool>().prop_map(|x| x.to_string()),
        prop::sample::select(&[
            "\"earth\"",
            "\"sun\"",
            "\"scout\"",
            "\"swarm\"",
            "\"rtn\"",
            "\"prograde\"",
            "1999-01-01"
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::btree_map(key(), inner, 0..4).prop_map(|pairs| {
                let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                format!("{{ {} }}", pairs.join(", "))
            }),
        ]
    })
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&[
        "name",
        "seed",
        "epoch",
        "solar_system",
        "forces",
        "rules",
        "body",
        "class",
        "fleet",
        "structure",
        "count",
        "asteroid_field",
        "around",
        "near",
        "orbit",
        "axes",
        "position_m",
        "velocity_m_s",
        "altitude_km",
        "radius_km",
        "gm_km3_s2",
        "mass_kg",
        "figure",
        "j2",
        "faces",
        "tide",
        "atmosphere",
        "facing",
        "controls",
        "spacing_m",
    ])
}

fn written() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => (key(), value()).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => prop::sample::select(&["[[fleet]]", "[[body]]", "[[class]]", "[rules]", "[forces]", "[[structure]]"])
            .prop_map(str::to_owned),
        1 => Just("name = \"n\"".to_owned()),
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| format!("name = \"x\"\n{}", lines.join("\n")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn mutations_of_shipped_files(text in mutated()) {
        check(&text);
    }

    #[test]
    fn other_values_in_shipped_files(text in revalued()) {
        check(&text);
    }

    #[test]
    fn random_toml(text in written()) {
        check(&text);
    }

    #[test]
    fn random_text(text in "\\PC{0,200}") {
        check(&text);
    }
}

/// Texts that are all depth or all width: refused or read, on a test's small stack, in a moment.
#[test]
fn deep_and_wide_texts() {
    let fill = |piece: &str| piece.repeat((TEXT_BYTES_MAX - 200) / piece.len());
    let nest = |open: &str, depth: usize| open.repeat(depth);
    let dotted = "a.".repeat(70) + "a";
    for text in [
        format!("name = {}", fill("[")),
        format!("name = {}", fill("{a=")),
        format!("{}a = 1", fill("a.")),
        format!("[{}a]", fill("a.")),
        format!("[{dotted}]\n{}", nest(&format!("{dotted} = {{"), 70)),
        format!("[{dotted}]\nx = {}1{}", nest(&format!("{{{dotted} = "), 70), nest("}", 70)),
        format!("name = \"a\"\n{}", fill("[[fleet]]\n")),
        format!("name = \"a\"\nfleet = [{}]", fill("{},")),
        format!("name = \"a\"\nfleet = [{}]", fill("1,")),
        (0..60_000).map(|i| format!("k{i} = 1\n")).collect(),
        (0..20_000).map(|i| format!("[t{i}.a.b.c.d.e]\n")).collect(),
        format!("name = \"a\"\nseed = {}", fill("9")),
        format!("name = \"a\"\nspeed_of_light_m_s = {}.5", fill("9")),
        format!("name = \"{}\"", fill("n")),
    ] {
        let start = Instant::now();
        check(&text);
        // A hundredth of this is enough on an idle machine.
        assert!(start.elapsed() < Duration::from_secs(10), "{} bytes took {:?}", text.len(), start.elapsed());
    }
}
