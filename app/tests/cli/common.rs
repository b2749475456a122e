//! Runs the real binary for the command line's tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder of its own for a test, removed at its end.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file with these contents.
    pub fn with(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, contents).expect("a file is written");
        path
    }

    /// A recording of the shipped scenario `demo`: 400 ticks with keyframes every 100.
    pub fn recording(&self, name: &str) -> PathBuf {
        let path = self.file(name);
        let args = ["run", "demo", "--ticks", "400", "--keyframe-every", "100", "--record"];
        let out = spacetime(args.iter().map(Path::new).chain([path.as_path()]));
        assert_eq!(code(&out), 0, "{}", stderr(&out));
        path
    }
}

/// The binary, not yet started.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spacetime"));
    command.stdin(Stdio::null()).env_remove("SPACETIME_LOG");
    command
}

/// Runs the binary to its end.
pub fn spacetime<A: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = A>) -> Output {
    let out = command().args(args).output().expect("the binary runs");
    let told = stderr(&out);
    assert!(!told.contains("panicked"), "{told}");
    assert!(out.status.code().is_some(), "killed by a signal: {told}");
    out
}

/// As [`spacetime`], for arguments in one text, `{}` standing for the paths in turn.
pub fn run(line: &str, paths: &[&Path]) -> Output {
    let mut paths = paths.iter();
    let args: Vec<PathBuf> = line
        .split_whitespace()
        .map(|word| if word == "{}" { paths.next().expect("a path for {}").to_path_buf() } else { word.into() })
        .collect();
    spacetime(args)
}

pub fn code(out: &Output) -> i32 {
    out.status.code().expect("an exit code")
}

pub fn stdout(out: &Output) -> String {
    String::from_utf8(out.stdout.clone()).expect("UTF-8")
}

pub fn stderr(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// Standard output as JSON.
pub fn json(out: &Output) -> Value {
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {} {}", stdout(out), stderr(out)))
}

/// Checks that it ended with exit code 2 and one sentence that says `what`.
pub fn assert_misused(out: &Output, what: &str) {
    let told = stderr(out);
    assert_eq!(code(out), 2, "{told}{}", stdout(out));
    assert!(told.contains(what), "`{what}` is not in: {told}");
    assert_eq!(told.lines().count(), 1, "one sentence: {told}");
}
