//! A recording process that is killed at any moment loses the open segment at most. SPACETIME_SCALE multiplies
//! the number of trials.

use crate::common::{Folder, code, command, json, run, stderr};
use std::process::Stdio;

#[test]
fn whatever_a_killed_process_wrote_reads_back_and_verifies() {
    let scale: u64 = std::env::var("SPACETIME_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let folder = Folder::new();
    let mut with_ticks = 0;
    for trial in 0..10 * scale {
        let file = folder.file("killed.strec");
        let _ = std::fs::remove_file(&file);
        let mut child = command()
            .args(["run", "hundred", "--ticks", "100000000", "--threads", "1", "--record"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        // Spread over the header, the first segments and keyframes: at once, or when the file has grown so far.
        let length_wanted = (trial * 7_919) % 50_000;
        while std::fs::metadata(&file).map_or(0, |m| m.len()) < length_wanted {
            std::thread::yield_now();
        }
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        let Ok(length) = std::fs::metadata(&file).map(|m| m.len()) else { continue };
        let out = run("replay verify {} --json", &[&file]);
        let told = stderr(&out);
        assert_eq!(code(&out), 2, "{length} bytes: {told}");
        if out.stdout.is_empty() {
            // Killed before the header was whole.
            assert!(told.contains("header") || told.contains("not a recording"), "{length} bytes: {told}");
            continue;
        }
        let verdict = json(&out);
        assert_eq!(verdict["verdict"], "exact");
        assert_eq!(verdict["unverified"], serde_json::json!([]), "{verdict}");
        let lost = verdict["lost"].as_str().expect("what is lost");
        assert!(lost.contains("truncated at byte") && lost.contains("lost"), "{lost}");
        let info = json(&run("replay info {} --json", &[&file]));
        // Every whole segment, of which each but the first at a keyframe has 90 ticks, was compared.
        assert_eq!(info["ticks"], verdict["ticks"]);
        assert_eq!(verdict["ticks"].as_u64().map(|t| t % 90), Some(0));
        with_ticks += u64::from(verdict["ticks"].as_u64() > Some(0));
    }
    assert!(with_ticks > 0, "no trial got as far as a whole segment");
}
