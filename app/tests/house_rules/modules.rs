//! No dead source file: each `.rs` file is a cargo target or is declared as a module by one that is reachable.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::assert_none;
use crate::repository::{packages, root, texts};

/// The files that `text`, which stands in `file`, pulls in, whether they exist or not. `is_root` for a target's first
/// file, whose modules lie beside it.
fn declared(file: &Path, is_root: bool, text: &str) -> Vec<PathBuf> {
    let beside = file.parent().unwrap_or(Path::new(""));
    let own = if is_root || file.ends_with("mod.rs") { beside.to_owned() } else { file.with_extension("") };
    let mut found = Vec::new();
    let mut path_attribute = None;
    for line in text.lines().map(str::trim) {
        if let Some(path) = line.strip_prefix("#[path = \"").and_then(|rest| rest.split('"').next()) {
            path_attribute = Some(beside.join(path));
        } else if let Some(name) = module_name(line) {
            let usual = [own.join(format!("{name}.rs")), own.join(name).join("mod.rs")];
            found.extend(path_attribute.take().map_or_else(|| usual.to_vec(), |path| vec![path]));
        } else if let Some(path) = line.split("include!(\"").nth(1).and_then(|rest| rest.split('"').next()) {
            found.push(beside.join(path));
        }
    }
    found
}

/// The name in `mod name;`, whatever its visibility.
fn module_name(line: &str) -> Option<&str> {
    let declaration = line.split("//").next()?.trim().strip_suffix(';')?;
    let (visibility, name) = declaration.rsplit_once("mod ")?;
    let visible = visibility.trim();
    (visible.is_empty() || visible == "pub" || visible.starts_with("pub(")).then_some(name)
}

#[test]
fn no_source_file_is_dead() {
    let root = root();
    let mut waiting: Vec<(PathBuf, bool)> = Vec::new();
    for package in packages() {
        for target in package["targets"].as_array().into_iter().flatten() {
            waiting.extend(target["src_path"].as_str().map(|path| (PathBuf::from(path), true)));
        }
    }
    assert!(!waiting.is_empty(), "cargo names no targets");
    let mut alive = BTreeSet::new();
    while let Some((file, is_root)) = waiting.pop() {
        let Ok(file) = file.canonicalize() else { continue };
        if alive.insert(file.clone()) {
            let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            waiting.extend(declared(&file, is_root, &text).into_iter().map(|path| (path, false)));
        }
    }
    let dead = texts(".rs").into_iter().map(|(file, _)| file).filter(|file| !alive.contains(&root.join(file)));
    assert_none(&dead.map(|file| format!("{file}: no target and no `mod` leads to it")).collect::<Vec<_>>());
}

#[test]
fn declarations_lead_to_the_right_files() {
    let of = |file: &str, is_root, text| -> Vec<String> {
        declared(Path::new(file), is_root, text).iter().map(|path| path.display().to_string()).collect()
    };
    assert_eq!(of("s/lib.rs", true, "pub mod a;"), ["s/a.rs", "s/a/mod.rs"]);
    assert_eq!(of("s/a.rs", false, "pub(crate) mod b; // why"), ["s/a/b.rs", "s/a/b/mod.rs"]);
    assert_eq!(of("s/a/mod.rs", false, "mod b;"), ["s/a/b.rs", "s/a/b/mod.rs"]);
    assert_eq!(of("s/a.rs", false, "#[path = \"c/x.rs\"]\nmod b;"), ["s/c/x.rs"]);
    assert_eq!(of("s/a.rs", false, "include!(\"t.rs\");"), ["s/t.rs"]);
    assert!(of("s/a.rs", false, "// mod b;\nmod tests {\nlet modest = 1;").is_empty());
}
