//! A deliberately broken system is caught by `verify` and named by `diff`.

use std::path::Path;
use std::sync::Arc;

use crate::common::{Folder, code, json, run as spacetime};
use app::progress::Progress;
use app::record::{Options, Recorder};
use app::replay::diff::{Report, diff};
use app::replay::{Recording, verify};
use app::{run, scenario_cmd};
use sim::fault::Fault;
use sim::{InputFrame, Simulation, System};

const TICKS: u64 = 60;

/// Records the scenario `demo` with a fault, or without.
fn record(path: &Path, fault: Option<Fault>, keyframe_ticks: u32) {
    let scenario = scenario_cmd::load("demo").expect("it ships");
    let mut simulation = Simulation::new(&scenario);
    if let Some(fault) = fault {
        simulation.inject_fault(fault);
    }
    let options = Options { keyframe_ticks: Some(keyframe_ticks), fork: None };
    let mut recorder = Recorder::create(path, &scenario, &simulation, options, &[]).expect("writable");
    let mut frame = run::joining(&scenario);
    for _ in 0..TICKS {
        let report = simulation.step(&frame);
        recorder.push(&frame, report.digest.total, &simulation).expect("writable");
        frame = InputFrame::default();
    }
    recorder.finish(&simulation).expect("writable");
}

fn compare(a: &Path, b: &Path, fault_of_b: Option<Fault>) -> Report {
    let mut pair = [Recording::open(a).expect("readable"), Recording::open(b).expect("readable")];
    // As if each recording were stepped by the build that made it.
    pair[1].prepare = fault_of_b.map(|fault| -> app::replay::Prepare { Arc::new(move |s| s.inject_fault(fault)) });
    diff(&mut pair).expect("readable")
}

#[test]
fn the_broken_system_is_named_where_it_can_be_watched() {
    let folder = Folder::new();
    let (good, bad) = (folder.file("good.strec"), folder.file("bad.strec"));
    record(&good, None, 25);
    for (tick, system, entity, component, field) in [
        (31, System::Motion, 3, "Velocity", "proper_m_s"),
        (1, System::Commands, 20, "Velocity", "proper_m_s"),
        (60, System::Surface, 405, "Velocity", "proper_m_s"),
        (26, System::Contact, 1, "Tank", "fuel_kg"),
    ] {
        let fault = Fault { tick, system, entity };
        record(&bad, Some(fault), 25);
        let report = compare(&good, &bad, Some(fault));
        assert!(!report.identical);
        assert_eq!(report.tick, Some(tick), "{report:?}");
        assert_eq!((report.system, report.system_observed), (Some(system.name()), true), "{report:?}");
        let difference = report.difference.expect("a difference");
        assert_eq!((difference.component.as_str(), difference.field.as_str()), (component, field), "{difference}");
        assert_eq!(difference.entity, Some(entity));
        assert_ne!(difference.a, difference.b);
    }
}

#[test]
fn a_recording_of_another_build_is_judged_by_its_keyframes() {
    let folder = Folder::new();
    let (good, bad) = (folder.file("good.strec"), folder.file("bad.strec"));
    record(&good, None, 1);
    let fault = Fault { tick: 31, system: System::Motion, entity: 3 };
    record(&bad, Some(fault), 1);
    for (a, b, culprit) in [(&good, &bad, "b"), (&bad, &good, "a")] {
        let report = compare(a, b, None);
        assert_eq!(report.tick, Some(31));
        assert_eq!(report.not_reproduced, [culprit]);
        assert_eq!(report.difference_tick, Some(31));
        assert_eq!((report.system, report.system_observed), (Some("motion"), false), "{report:?}");
        let difference = report.difference.expect("a difference");
        assert_eq!((difference.component.as_str(), difference.entity), ("Velocity", Some(3)), "{difference}");
    }
    // The same through the command line, which cannot know the fault.
    let out = spacetime("replay diff {} {} --json", &[&good, &bad]);
    assert_eq!(code(&out), 1);
    let report = json(&out);
    assert_eq!(report["tick"], 31);
    assert_eq!(report["component"], "Velocity");
    assert_eq!(report["entity"], 3);
    assert_eq!(report["field"], "proper_m_s");
    assert_eq!(report["system"], "motion");
}

#[test]
fn a_late_keyframe_still_names_the_entity() {
    let folder = Folder::new();
    let (good, bad) = (folder.file("good.strec"), folder.file("bad.strec"));
    record(&good, None, 25);
    record(&bad, Some(Fault { tick: 31, system: System::Motion, entity: 3 }), 25);
    let report = compare(&good, &bad, None);
    assert_eq!((report.tick, report.difference_tick), (Some(31), Some(50)));
    assert_eq!(report.difference.and_then(|d| d.entity), Some(3));
}

#[test]
fn verify_catches_it() {
    let folder = Folder::new();
    let bad = folder.file("bad.strec");
    record(&bad, Some(Fault { tick: 31, system: System::Motion, entity: 3 }), 25);
    let mut recording = Recording::open(&bad).expect("readable");
    let verdict = verify::verify(&mut recording, None, Progress::new(true)).expect("readable");
    assert_eq!(verdict.verdict, "diverged");
    assert_eq!(verdict.first_divergence.map(|d| d.tick), Some(31));
    let out = spacetime("replay verify {} --json", &[&bad]);
    assert_eq!(code(&out), 1);
    assert_eq!(json(&out)["first_divergence"]["tick"], 31);
    assert_eq!(code(&spacetime("replay plot {} --out {}", &[&bad, &folder.file("bad.png")])), 1);
    assert_eq!(code(&spacetime("replay fork {} --tick 40 --out {}", &[&bad, &folder.file("f.strec")])), 1);
}

#[test]
fn a_changed_first_state_is_no_exact_recording() {
    let folder = Folder::new();
    let file = folder.file("moved.strec");
    let scenario = scenario_cmd::load("demo").expect("it ships");
    let mut other = scenario.clone();
    other.fleets[0].spacing_m += 1.0;
    let mut simulation = Simulation::new(&other);
    let mut recorder = Recorder::create(&file, &scenario, &simulation, Options::default(), &[]).expect("writable");
    for _ in 0..5 {
        let report = simulation.step(&InputFrame::default());
        recorder.push(&InputFrame::default(), report.digest.total, &simulation).expect("writable");
    }
    recorder.finish(&simulation).expect("writable");
    // Refused outright or found different, but never exact.
    assert_ne!(code(&spacetime("replay verify {}", &[&file])), 0);
}
