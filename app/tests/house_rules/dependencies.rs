//! Dependencies point one way, and what must be pinned is pinned. The table below is the law; a new package needs a row
//! before it builds here, which is the moment to think about its place.

use serde_json::Value;

use crate::assert_none;
use crate::repository::packages;

/// Which of our packages each of our packages may depend on, in every kind of dependency. Nothing may depend on `app`
/// or `benches`.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    // For its tests.
    ("sim", &["sim-testkit"]),
    ("sim-testkit", &["sim"]),
    // Its own tests ask for its feature `testnet`.
    ("netcode", &["netcode"]),
    ("mesh", &["sim"]),
    // For its tests.
    ("persistence", &["sim", "persistence-testkit"]),
    ("persistence-testkit", &["persistence"]),
    ("backup", &["sim", "persistence", "persistence-testkit"]),
    ("render", &["sim"]),
    // What its users test device loss with.
    ("vulkan-faults", &[]),
    ("xr", &["render"]),
    ("api", &[]),
    (
        "app",
        &[
            "sim",
            "netcode",
            "mesh",
            "persistence",
            "persistence-testkit",
            // For its tests only: the service starts no backup.
            "backup",
            "render",
            "vulkan-faults",
            "xr",
            "api",
            "readiness",
        ],
    ),
    ("benches", &["sim", "netcode", "mesh", "persistence", "persistence-testkit", "render", "xr", "api"]),
    ("sim-fuzz", &["sim", "netcode", "persistence", "backup", "api"]),
];

/// Crates of others that a package of ours must not use, and why.
const MUST_NOT_USE: &[(&str, &[&str], &str)] = &[
    ("sim", &["tokio", "async-std", "smol", "futures"], "no async in `sim`"),
    ("sim", &["rand", "getrandom", "fastrand", "ahash"], "no randomness of the operating system in `sim`"),
    ("sim", &["chrono", "time", "tracing", "log"], "no clock and no output in `sim`"),
    ("api", &["tokio-postgres", "sqlx", "postgres", "rusqlite", "redb"], "no SQL in `api`"),
];

/// Dependencies of ours that only tests may have.
const ONLY_FOR_TESTS: &[(&str, &str)] = &[("app", "backup")];

/// Packages of ours that are for tests, and must be in no program.
const FOR_TESTS: &[&str] = &["sim-testkit", "persistence-testkit", "vulkan-faults"];

/// Crates whose arithmetic or layout decides bits of the state: pinned exactly in `sim`.
const PINNED: &[&str] = &["hecs", "glam", "libm", "pulp", "postcard", "bytemuck"];

/// One dependency, as far as the rules look at it.
#[derive(Clone, Debug, Default)]
struct Dependency {
    of: String,
    on: String,
    /// `dev`, `build` or nothing.
    kind: String,
    requirement: String,
    features: Vec<String>,
}

fn dependencies(packages: &[Value]) -> Vec<Dependency> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            found.push(Dependency {
                of: text(&package["name"]),
                on: text(&dependency["name"]),
                kind: text(&dependency["kind"]),
                requirement: text(&dependency["req"]),
                features: dependency["features"].as_array().into_iter().flatten().map(text).collect(),
            });
        }
    }
    found
}

/// `ours` are the names of our packages.
fn directions(ours: &[String], dependencies: &[Dependency]) -> Vec<String> {
    let row = |name: &str| MAY_DEPEND_ON.iter().find(|(package, _)| *package == name);
    let unknown = ours.iter().filter(|name| row(name).is_none());
    let mut complaints: Vec<String> = unknown.map(|name| format!("{name}: has no row in MAY_DEPEND_ON")).collect();
    for Dependency { of, on, kind, .. } in dependencies {
        let is_for_tests = FOR_TESTS.contains(&on.as_str()) || ONLY_FOR_TESTS.contains(&(of.as_str(), on.as_str()));
        if is_for_tests && kind != "dev" {
            complaints.push(format!("{of} -> {on}: is for tests, so name it among the dev-dependencies"));
        }
        // A package may name itself, to switch a feature on in its own tests.
        let allowed = of == on || row(of).is_none_or(|(_, allowed)| allowed.contains(&on.as_str()));
        if ours.contains(on) && !allowed {
            complaints.push(format!("{of} -> {on}: against the direction of dependencies"));
        }
    }
    complaints
}

fn forbidden(dependencies: &[Dependency]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Dependency { of, on, .. } in dependencies {
        for (_, _, why) in MUST_NOT_USE.iter().filter(|(us, them, _)| us == of && them.contains(&on.as_str())) {
            complaints.push(format!("{of} -> {on}: {why}"));
        }
    }
    complaints
}

fn unpinned(dependencies: &[Dependency]) -> Vec<String> {
    let mut complaints = Vec::new();
    for d in dependencies.iter().filter(|d| d.of == "sim" && PINNED.contains(&d.on.as_str())) {
        if !d.requirement.starts_with('=') {
            complaints.push(format!("sim -> {} {}: computes state, so pin it with `=`", d.on, d.requirement));
        }
        if d.on == "glam" && !d.features.iter().any(|feature| feature == "libm") {
            complaints.push("sim -> glam: without its `libm` feature it uses the platform's trigonometry".to_owned());
        }
    }
    complaints
}

#[test]
fn dependencies_point_one_way() {
    let packages = packages();
    let ours: Vec<String> = packages.iter().filter_map(|p| p["name"].as_str()).map(str::to_owned).collect();
    assert!(ours.iter().any(|name| name == "sim"), "cargo names no package `sim`: {ours:?}");
    assert_none(&directions(&ours, &dependencies(&packages)));
}

#[test]
fn packages_use_only_what_suits_them() {
    assert_none(&forbidden(&dependencies(&packages())));
}

#[test]
fn what_computes_state_is_pinned() {
    let dependencies = dependencies(&packages());
    assert!(dependencies.iter().any(|d| d.of == "sim" && d.on == "glam"), "sim no longer uses glam: mend PINNED");
    assert_none(&unpinned(&dependencies));
}

#[test]
fn each_rule_can_fail() {
    let ours = ["sim", "render", "xr", "app", "benches", "api"].map(str::to_owned);
    let one = |of: &str, on: &str| vec![Dependency { of: of.into(), on: on.into(), ..Dependency::default() }];
    for (of, on) in [("sim", "app"), ("xr", "sim"), ("app", "benches"), ("benches", "app"), ("api", "sim")] {
        assert_eq!(directions(&ours, &one(of, on)).len(), 1, "{of} -> {on}");
    }
    for on in ["vulkan-faults", "backup"] {
        assert_eq!(directions(&ours, &one("app", on)).len(), 1, "{on} is for tests");
    }
    for (of, on) in [("app", "sim"), ("xr", "render"), ("benches", "sim"), ("sim", "sim"), ("sim", "glam")] {
        assert!(directions(&ours, &one(of, on)).is_empty(), "{of} -> {on}");
    }
    assert_eq!(directions(&["newcomer".to_owned()], &[]).len(), 1);
    assert_eq!(forbidden(&one("sim", "tokio")).len(), 1);
    assert!(forbidden(&one("app", "tokio")).is_empty());

    let glam = |requirement: &str, feature: &str| {
        let features = vec![feature.to_owned()];
        vec![Dependency {
            of: "sim".into(),
            on: "glam".into(),
            kind: String::new(),
            requirement: requirement.into(),
            features,
        }]
    };
    assert_eq!(unpinned(&glam("^0.34", "libm")).len(), 1);
    assert_eq!(unpinned(&glam("=0.34.3", "std")).len(), 1);
    assert!(unpinned(&glam("=0.34.3", "libm")).is_empty());
}
