//! The graphics device is lost: a layer between the program and the driver says so.

use std::path::PathBuf;
use std::process::Command;

use super::{Played, command};

/// Lets the device be lost after so many submissions, so many times; late is while they are waited for.
fn lose(command: &mut Command, folder: &tempfile::TempDir, submits: u32, devices: u32, late: bool) {
    std::fs::write(folder.path().join("faults.json"), vulkan_faults::manifest(&library())).expect("a file");
    command
        .env("VK_INSTANCE_LAYERS", vulkan_faults::NAME)
        .env("VK_LAYER_PATH", folder.path())
        .env("VULKAN_FAULTS_SUBMITS", submits.to_string())
        .env("VULKAN_FAULTS_DEVICES", devices.to_string())
        .env("VULKAN_FAULTS_LATE", u8::from(late).to_string());
}

/// The layer, which cargo builds where it builds this program.
fn library() -> PathBuf {
    let here = std::env::current_exe().expect("this program is a file");
    let library =
        here.with_file_name(format!("{}vulkan_faults{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX));
    assert!(library.exists(), "{}", library.display());
    library
}

/// A window whose device is lost, again and again.
fn opens_again_and_says_so(late: bool) {
    let layer = tempfile::tempdir().expect("a folder");
    let mut played = Played::start_with(&["--scenario", "demo"], |command| lose(command, &layer, 30, 1000, late));
    played.until("a message", |line| line["message"].as_str().is_some_and(|said| said.contains("was lost and opened")));
    // Lost again at once: it is no use.
    let (_, said) = played.end_as(2);
    assert!(said.contains("the graphics device was lost while"), "{said}");
}

#[test]
fn a_window_opens_a_device_again_that_refuses_work() {
    opens_again_and_says_so(false);
}

#[test]
fn a_window_opens_a_device_again_that_never_finishes() {
    opens_again_and_says_so(true);
}

#[test]
fn a_lost_device_draws_no_picture_and_panics_nowhere() {
    let folder = tempfile::tempdir().expect("a folder");
    // A map, the frame and its copy are three submissions.
    for (submits, late) in [(0, false), (1, false), (2, false), (0, true), (1, true), (2, true)] {
        let out = folder.path().join("lost.png");
        let mut shot = command(&folder, "");
        lose(&mut shot, &folder, submits, 1, late);
        shot.args(["shot", "demo", "--size", "64x64", "--out"]).arg(&out);
        let output = shot.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && !said.contains("panicked"), "{submits}, {late}: {said}");
        assert!(said.contains("the graphics device was lost while"), "{submits}, {late}: {said}");
        assert!(!out.exists(), "{submits}, {late}");
    }
}
