//! Sets the build id that `--version` and recordings state. Must never run git: a tarball has none.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=SPACETIME_BUILD_ID");
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let commit = std::env::var("SPACETIME_BUILD_ID").ok().filter(|id| !id.is_empty()).or_else(commit);
    let build_id = commit.map_or_else(|| version.clone(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=SPACETIME_BUILD={}", build_id.lines().next().unwrap_or_default());
}

/// The first twelve digits of the commit that is checked out, read from git's files.
fn commit() -> Option<String> {
    let dot_git = Path::new("../.git");
    let git = match fs::read_to_string(dot_git) {
        // A worktree: a file that names its directory.
        Ok(pointer) => Path::new("..").join(pointer.strip_prefix("gitdir: ")?.trim()),
        Err(_) => dot_git.to_path_buf(),
    };
    let head = read_watched(&git.join("HEAD"))?;
    let Some(reference) = head.trim().strip_prefix("ref: ").map(str::to_owned) else { return short(head.trim()) };
    let common = match fs::read_to_string(git.join("commondir")) {
        Ok(common) => git.join(common.trim()),
        Err(_) => git,
    };
    if let Some(hash) = read_watched(&common.join(&reference)) {
        return short(hash.trim());
    }
    let packed = read_watched(&common.join("packed-refs"))?;
    let line = packed.lines().find(|line| line.ends_with(&format!(" {reference}")))?;
    short(line.split(' ').next()?)
}

fn short(hash: &str) -> Option<String> {
    (hash.len() >= 12 && hash.bytes().all(|b| b.is_ascii_hexdigit())).then(|| hash[..12].to_owned())
}

fn read_watched(path: &PathBuf) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    Some(text)
}
