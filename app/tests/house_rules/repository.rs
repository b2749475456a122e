//! Which files the repository has, and what cargo says about its packages. Must never look at build output or at
//! files that git ignores.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The folder that holds the workspace.
pub fn root() -> PathBuf {
    let app = Path::new(env!("CARGO_MANIFEST_DIR"));
    app.parent().expect("the package lies in a workspace").canonicalize().expect("the workspace exists")
}

/// Every file that is or could be committed, relative to the root, sorted.
pub fn files() -> Vec<String> {
    let root = root();
    let git = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output();
    let mut files = match git {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8(output.stdout).expect("file names are UTF-8");
            text.split('\0').filter(|f| root.join(f).is_file()).map(str::to_owned).collect()
        }
        // An unpacked archive, or no git: everything but hidden folders and build output.
        _ => {
            let mut found = Vec::new();
            walk(&root, &root, &mut found);
            found
        }
    };
    files.sort();
    assert!(files.iter().any(|f| f == "sim/src/lib.rs"), "the list of files is not that of this repository: {files:?}");
    files
}

/// The files whose name ends so, with their text.
pub fn texts(ending: &str) -> Vec<(String, String)> {
    let read = |file: String| {
        let text = std::fs::read_to_string(root().join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        (file, text)
    };
    files().into_iter().filter(|f| f.ends_with(ending)).map(read).collect()
}

/// All packages, those outside the workspace (fuzzing) included, as `cargo metadata` describes them.
pub fn packages() -> Vec<Value> {
    let mut packages: Vec<Value> = Vec::new();
    for manifest in files().iter().filter(|f| *f == "Cargo.toml" || f.ends_with("/Cargo.toml")) {
        let path = root().join(manifest);
        let known = |p: &Value| p["manifest_path"].as_str().is_some_and(|m| Path::new(m) == path);
        if !packages.iter().any(known) {
            packages.extend(metadata(&path));
        }
    }
    packages
}

fn metadata(manifest: &Path) -> Vec<Value> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(manifest)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}: {}", manifest.display(), String::from_utf8_lossy(&output.stderr));
    let value: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    value["packages"].as_array().expect("an array of packages").clone()
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_file() {
            let relative = path.strip_prefix(root).expect("below the root");
            found.push(relative.to_str().expect("file names are UTF-8").to_owned());
        } else if name != "target" && (!name.starts_with('.') || name == ".ci") {
            walk(root, &path, found);
        }
    }
}

#[test]
fn git_and_a_plain_walk_agree_on_the_sources() {
    let sources = |files: Vec<String>| -> Vec<String> { files.into_iter().filter(|f| f.ends_with(".rs")).collect() };
    let mut walked = Vec::new();
    walk(&root(), &root(), &mut walked);
    walked.sort();
    let known = sources(files());
    let walked = sources(walked);
    // A walk may see more (what git ignores), never less.
    assert!(known.iter().all(|f| walked.contains(f)), "{known:?}\n{walked:?}");
}
