//! `spacetime replay` on whole recordings: every subcommand, its output, and its exit code.

use crate::common::{Folder, assert_misused, code, json, run, stderr, stdout};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

#[test]
fn verify_is_exact_on_any_number_of_threads() {
    let folder = Folder::new();
    let file = folder.recording("a.strec");
    for threads in [1, 2, 5] {
        let out = run(&format!("replay verify {{}} --json --threads {threads}"), &[&file]);
        assert_eq!(code(&out), 0, "{}", stderr(&out));
        let value = json(&out);
        assert_eq!(value["verdict"], "exact");
        assert_eq!(value["ticks"], 400);
        assert_eq!(value["first_divergence"], Value::Null);
        assert_eq!(value["threads"], threads);
        assert!(value["realtime_factor"].as_f64() > Some(0.0));
    }
    assert!(stdout(&run("replay verify {}", &[&file])).starts_with("exact: 400 ticks compared"));
}

#[test]
fn info_tells_what_it_is() {
    let folder = Folder::new();
    let file = folder.recording("a.strec");
    let info = json(&run("replay info {} --json", &[&file]));
    assert_eq!(info["scenario"], "demo");
    assert_eq!(info["keyframes"]["ticks"], serde_json::json!([0, 100, 200, 300, 400]));
    assert_eq!(info["lost"], Value::Null);
    assert_eq!(info["bytes"].as_u64(), std::fs::metadata(&file).ok().map(|m| m.len()));
    assert!(stdout(&run("replay info {}", &[&file])).contains("complete"));
}

#[test]
fn at_is_the_same_from_any_keyframe() {
    let folder = Folder::new();
    let many = folder.recording("many.strec");
    let few = folder.file("few.strec");
    assert_eq!(code(&run("run demo --ticks 400 --record {}", &[&few])), 0);
    let state = |file| json(&run("replay at {} --tick 250 --json", &[file]));
    assert_eq!(state(&many), state(&few));
    assert_eq!(state(&many)["exact"], true);
    assert_eq!(state(&many)["entities"].as_array().map(Vec::len), Some(405));
    let one = json(&run("replay at {} --tick 250 --entity 1 --json", &[&many]));
    assert_eq!(one["entities"], serde_json::json!([state(&many)["entities"][0]]));
    assert_eq!(one["entities"][0]["components"]["Tank"]["fuel_kg"], 4000.0);
    assert!(stdout(&run("replay at {} --tick 0 --entity 1", &[&many])).contains("Position.offset"));
}

#[test]
fn a_tick_or_entity_that_is_not_there_is_said() {
    let folder = Folder::new();
    let file = folder.recording("a.strec");
    assert_misused(&run("replay at {} --tick 401", &[&file]), "it goes from tick 0 to tick 400");
    assert_misused(&run("replay at {} --tick 18446744073709551615", &[&file]), "has no tick");
    assert_eq!(code(&run("replay at {} --tick -1", &[&file])), 2);
    assert_misused(&run("replay at {} --tick 1 --entity 999999", &[&file]), "there is no entity 999999");
    let out = folder.file("f.strec");
    assert_misused(&run("replay fork {} --tick 401 --out {}", &[&file, &out]), "has no tick");
    assert!(!out.exists(), "nothing is written for a fork that cannot be");
    let table = folder.file("t.csv");
    assert_misused(&run("replay export {} --format csv --entity 0 --out {}", &[&file, &table]), "no entity 0");
}

#[test]
fn a_fork_with_the_recorded_inputs_is_the_same_flight() {
    let folder = Folder::new();
    let file = folder.recording("a.strec");
    let fork = folder.file("fork.strec");
    let out = run("replay fork {} --tick 150 --out {} --json", &[&file, &fork]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    assert_eq!(json(&out)["ticks"], 250);
    assert_eq!(json(&out)["digest"], json(&run("replay info {} --json", &[&file]))["final_digest"]);
    let info = json(&run("replay info {} --json", &[&fork]));
    assert_eq!((info["first_tick"].as_u64(), info["last_tick"].as_u64()), (Some(150), Some(400)));
    assert_eq!(info["forked_from"]["tick"], 150);
    assert_eq!(code(&run("replay verify {}", &[&fork])), 0);
    let diff = run("replay diff {} {} --json", &[&file, &fork]);
    assert_eq!(code(&diff), 1);
    assert_eq!(json(&diff)["differ_in"], "length");
    assert_eq!(json(&diff)["ticks_compared"], 250);
    // Further than the original, and from its very end.
    assert_eq!(code(&run("replay fork {} --tick 400 --ticks 20 --out {}", &[&file, &fork])), 0);
    assert_eq!(json(&run("replay verify {} --json", &[&fork]))["ticks"], 20);
    assert_misused(&run("replay fork {} --tick 1 --out {}", &[&file, &file]), "is also the input");
    assert_eq!(code(&run("replay verify {}", &[&file])), 0, "the original is untouched");
}

#[test]
fn diff_tells_equal_from_different() {
    let folder = Folder::new();
    let (a, b) = (folder.recording("a.strec"), folder.recording("b.strec"));
    let same = run("replay diff {} {} --json", &[&a, &b]);
    assert_eq!(code(&same), 0, "{}", stderr(&same));
    assert_eq!(json(&same)["identical"], true);
    assert_eq!(json(&same)["ticks_compared"], 400);
    let other = folder.file("other.strec");
    assert_eq!(code(&run("run hundred --ticks 20 --record {}", &[&other])), 0);
    let out = run("replay diff {} {} --json", &[&a, &other]);
    assert_eq!(code(&out), 1);
    assert_eq!(json(&out)["differ_in"], "scenario");
    assert!(stderr(&out).contains("different scenarios: demo and hundred"));
}

#[test]
fn diff_names_what_different_inputs_did() {
    let folder = Folder::new();
    let (demo, fork) = (folder.file("demo.strec"), folder.file("fork.strec"));
    let line = "host demo --listen 127.0.0.1:0 --pilot shoot --seconds 2 --identity {} --record {}";
    assert_eq!(code(&run(line, &[&folder.file("key"), &demo])), 0);
    assert_eq!(code(&run("replay fork {} --tick 60 --inputs none --out {}", &[&demo, &fork])), 0);
    let out = run("replay diff {} {} --json", &[&demo, &fork]);
    assert_eq!(code(&out), 1);
    let report = json(&out);
    // The gunner fires every 22 ticks, counted from when the session took the first input.
    assert_eq!(report["differ_in"], "inputs");
    let tick = report["tick"].as_u64().expect("a tick");
    assert!((61..=60 + 23).contains(&tick), "{tick}");
    assert_eq!(report["system"], "commands");
    assert_eq!(report["system_observed"], true);
    for key in ["component", "entity", "field", "a", "b"] {
        assert!(!report[key].is_null(), "{key}: {report}");
    }
    assert!(stderr(&out).contains("Fire"), "{}", stderr(&out));
}

#[test]
fn tables_of_all_forms_hold_the_same() {
    let folder = Folder::new();
    let file = folder.recording("a.strec");
    let (csv, jsonl, parquet) = (folder.file("a.csv"), folder.file("a.jsonl"), folder.file("a.parquet"));
    for (form, out) in [("csv", &csv), ("jsonl", &jsonl), ("parquet", &parquet)] {
        let line = format!("replay export {{}} --format {form} --every 200 --out {{}} --json");
        let done = run(&line, &[&file, out]);
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        assert_eq!(json(&done)["rows"], 3 * 405);
    }
    let csv = std::fs::read_to_string(csv).expect("a table");
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().expect("a head line").split(',').collect();
    let jsonl = std::fs::read_to_string(jsonl).expect("a table");
    let objects: Vec<(&str, Value)> =
        jsonl.lines().map(|line| (line, serde_json::from_str(line).expect("an object"))).collect();
    let reader = SerializedFileReader::new(std::fs::File::open(parquet).expect("a table")).expect("Parquet");
    let rows: Vec<_> = reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row")).collect();
    assert_eq!((objects.len(), rows.len()), (3 * 405, 3 * 405));
    for ((line, (text_line, object)), row) in lines.zip(&objects).zip(&rows) {
        let values: Vec<&str> = line.split(',').collect();
        assert_eq!(values.len(), head.len());
        for ((name, text), (column, field)) in head.iter().zip(values).zip(row.get_column_iter()) {
            assert_eq!(name, column);
            match field {
                Field::Null => assert!(text.is_empty() && object.get(name).is_none(), "{name}"),
                Field::Long(v) => assert!(text.parse() == Ok(*v) && object[*name].as_i64() == Some(*v), "{name}"),
                Field::Str(v) => assert!(text == v && object[*name].as_str() == Some(v), "{name}"),
                Field::Double(v) => {
                    // Bit for bit: what is exported is the state.
                    assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(v.to_bits()), "{name}");
                    assert!(text_line.contains(&format!("\"{name}\":{text}")), "{name}: {text_line}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[test]
fn pictures_have_the_size_asked_for() {
    let folder = Folder::new();
    let file = folder.recording("a.strec");
    let picture = folder.file("a.png");
    let out = run("replay plot {} --size 640x400 --out {} --json", &[&file, &picture]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    assert_eq!(json(&out)["disagreeing_ticks"], 0);
    let bytes = std::fs::read(&picture).expect("a picture");
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((word(16), word(20)), (640, 400));
    for size in ["0x0", "1x1", "999999x10", "640", "x"] {
        let line = format!("replay plot {{}} --size {size} --out {{}}");
        assert_eq!(code(&run(&line, &[&file, &picture])), 2, "{size}");
    }
}

#[test]
fn what_cannot_be_written_is_said() {
    let folder = Folder::new();
    let file = folder.recording("a.strec");
    let nowhere = folder.path().join("no/where");
    for line in [
        "replay fork {} --tick 1 --out {}",
        "replay plot {} --out {}",
        "replay export {} --format csv --out {}",
        "replay export {} --format jsonl --out {}",
        "replay export {} --format parquet --out {}",
    ] {
        assert_misused(&run(line, &[&file, &nowhere]), "cannot write");
        assert_misused(&run(line, &[&file, folder.path()]), "cannot write");
        assert_misused(&run(line, &[&file, &file]), "is also the input");
        #[cfg(target_os = "linux")]
        assert_misused(&run(line, &[&file, std::path::Path::new("/dev/full")]), "cannot write");
    }
}
