//! `spacetime run` and `spacetime demo`.

use crate::common::{Folder, assert_misused, code, json, run, stderr, stdout};

#[test]
fn json_has_what_scripts_need() {
    let out = run("run hundred --ticks 50 --json", &[]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    let value = json(&out);
    assert_eq!(value["scenario"], "hundred");
    assert_eq!(value["ticks"], 50);
    assert!(value["entities"].as_u64() >= Some(100));
    let digest = value["digest"].as_str().expect("a text");
    assert!(digest.len() == 16 && u64::from_str_radix(digest, 16).is_ok(), "{digest}");
    for number in [&value["wall_s"], &value["realtime_factor"]] {
        assert!(number.as_f64() > Some(0.0), "{value}");
    }
    let tick = |name: &str| value["tick_ms"][name].as_f64().expect("a number");
    assert!(0.0 < tick("p50") && tick("p50") <= tick("p99") && tick("p99") <= tick("max"));
}

#[test]
fn any_number_of_threads_gives_the_same_digest() {
    let digest = |threads: u32| {
        json(&run(&format!("run busy --ticks 40 --threads {threads} --json"), &[]))["digest"].to_string()
    };
    let one = digest(1);
    for threads in [2, 3, 8] {
        assert_eq!(digest(threads), one, "{threads} threads");
    }
}

#[test]
fn recording_does_not_change_the_run() {
    let folder = Folder::new();
    let file = folder.file("a.strec");
    let recorded = json(&run("run demo --ticks 120 --json --record {}", &[&file]));
    let bare = json(&run("run demo --ticks 120 --json", &[]));
    assert_eq!(recorded["digest"], bare["digest"]);
    let info = json(&run("replay info {} --json", &[&file]));
    assert_eq!(info["final_digest"], bare["digest"]);
    assert_eq!(info["ticks"], 120);
    assert_eq!(info["complete"], true);
}

#[test]
fn no_ticks_is_a_run_too() {
    let folder = Folder::new();
    let file = folder.file("none.strec");
    let value = json(&run("run demo --ticks 0 --json --record {}", &[&file]));
    assert_eq!(value["tick_ms"]["p50"], serde_json::Value::Null);
    let verdict = run("replay verify {} --json", &[&file]);
    assert_eq!(code(&verdict), 0, "{}", stderr(&verdict));
    assert_eq!(json(&verdict)["ticks"], 0);
    assert_eq!(code(&run("replay plot {} --out {}", &[&file, &folder.file("none.png")])), 0);
}

#[test]
fn misuse_is_said() {
    let folder = Folder::new();
    assert_misused(&run("run nowhere --ticks 1", &[]), "there is no scenario");
    let unwritable = folder.path().join("no/such/folder.strec");
    assert_misused(&run("run demo --ticks 1 --record {}", &[&unwritable]), "cannot write");
    assert_misused(&run("run demo --ticks 1 --record {}", &[folder.path()]), "it is a directory");
    let own = folder.with("own.toml", stdout(&run("scenario show demo", &[])));
    assert_misused(&run("run {} --ticks 1 --record {}", &[&own, &own]), "is also the input");
    assert!(std::fs::metadata(&own).expect("it is there").len() > 100, "the scenario was overwritten");
    for line in [
        "run demo",
        "run demo --ticks -1",
        "run demo --ticks 1e9",
        "run demo --ticks 1 --threads 0",
        "run demo --ticks 1 --threads 99999",
        "run demo --ticks 1 --keyframe-every 5",
        "run",
        "",
        "fly",
    ] {
        assert_eq!(code(&run(line, &[])), 2, "{line}");
    }
    #[cfg(target_os = "linux")]
    assert_misused(&run("run demo --ticks 500 --record /dev/full", &[]), "cannot write /dev/full");
}

#[test]
fn help_and_version_are_no_errors() {
    for line in ["--help", "--version", "help", "run --help", "replay --help", "replay verify --help"] {
        let out = run(line, &[]);
        assert_eq!(code(&out), 0, "{line}");
        assert!(!out.stdout.is_empty(), "{line}");
    }
    assert!(stdout(&run("--version", &[])).starts_with("spacetime 0."));
}

#[test]
fn the_demo_does_the_main_job() {
    let folder = Folder::new();
    let out = run("demo --seconds 2 --json --out {}", &[&folder.file("out")]);
    assert_eq!(code(&out), 0, "{}", stderr(&out));
    let summary = json(&out);
    assert_eq!(summary["peers_in_agreement"], 4);
    assert_eq!(summary["verdict"], "exact");
    assert!(summary["common_ticks"].as_u64() >= Some(2 * 90 - 9), "{summary}");
    let peers = summary["peers"].as_array().expect("peers");
    let mut players: Vec<_> = peers.iter().filter_map(|peer| peer["player"].as_u64()).collect();
    players.sort_unstable();
    assert_eq!(players, [1, 2, 3, 4]);
    for peer in peers {
        assert_eq!(peer["digest_at_last_common_tick"], summary["digest"]);
        assert_eq!((&peer["exact"], &peer["differing_ticks"]), (&true.into(), &0.into()));
        let path = std::path::PathBuf::from(peer["recordings"][0].as_str().expect("a recording"));
        assert_eq!(code(&run("replay verify {}", &[&path])), 0);
    }
    for figure in ["input_delay_ms", "stalled_share", "bytes_per_s", "bytes_per_s_per_link", "log_bytes_per_s"] {
        assert!(summary[figure].is_number(), "{figure}: {summary}");
    }
    let picture = std::fs::read(folder.file("out/demo.png")).expect("a picture");
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000);
    let keys: Vec<_> = std::fs::read_dir(folder.file("out"))
        .expect("a folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".key"))
        .collect();
    assert!(keys.is_empty(), "secrets are left behind: {keys:?}");
    let file = folder.with("file", "");
    assert_misused(&run("demo --seconds 1 --out {}", &[&file.join("below")]), "cannot write");
}

/// Command lines of the processes that have to do with this folder.
#[cfg(target_os = "linux")]
fn processes_of(folder: &std::path::Path) -> Vec<String> {
    let of = |entry: std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let cwd = std::fs::read_link(entry.path().join("cwd")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        (cwd == folder && line.contains("spacetime")).then_some(line)
    };
    std::fs::read_dir("/proc").expect("it is Linux").filter_map(|entry| of(entry.ok()?)).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn the_demo_leaves_no_process_behind() {
    use std::time::{Duration, Instant};
    for signal in ["-INT", "-KILL"] {
        let folder = Folder::new();
        let out = folder.file("out");
        std::fs::create_dir(&out).expect("a folder");
        let out = out.canonicalize().expect("it is there");
        let mut demo = crate::common::command()
            .args(["demo", "--seconds", "600", "--out"])
            .arg(&out)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the binary runs");
        let until = |what: &str, done: &dyn Fn() -> bool| {
            let began = Instant::now();
            while !done() {
                assert!(began.elapsed() < Duration::from_secs(120), "{signal}: {what} takes too long");
                std::thread::yield_now();
            }
        };
        until("starting", &|| processes_of(&out).len() == 4 && out.join("demo-4.strec").exists());
        let sent = std::process::Command::new("kill").args([signal, &demo.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success());
        let status = demo.wait().expect("it ends");
        assert_eq!(status.code(), if signal == "-INT" { Some(1) } else { None });
        until("ending", &|| processes_of(&out).is_empty());
    }
}
