//! The console's files: all that lie in its folder are served, each names only what exists, and nothing in them needs more
//! than the content policy gives. Must never look at what others have written but for its checksum.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("console")
}

fn path_of(file: &File) -> String {
    format!("{}/{}", file.folder, file.name)
}

/// Own files with their text.
fn own() -> Vec<(String, &'static str)> {
    let text = |file: &File| (path_of(file), std::str::from_utf8(file.bytes).expect("UTF-8"));
    let files = FILES.iter().filter(|file| file.folder != "vendor").map(text);
    files.chain([("index.html".to_owned(), INDEX)]).collect()
}

/// What stands behind each of these beginnings, up to the end of the string.
fn quoted<'a>(text: &'a str, beginning: &str) -> Vec<&'a str> {
    text.split(beginning).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_file_of_the_folder_is_served_once_and_has_a_type() {
    let mut served: Vec<String> = FILES.iter().map(path_of).collect();
    served.sort();
    let mut lying = Vec::new();
    for name in ["css", "img", "js", "vendor"] {
        for entry in std::fs::read_dir(folder().join(name)).expect("a folder") {
            let file = entry.expect("an entry").file_name().into_string().expect("UTF-8");
            if kind_of(&file).is_some() {
                lying.push(format!("{name}/{file}"));
            }
        }
    }
    lying.sort();
    assert_eq!(served, lying);
    for (name, kind) in [("a.js", JAVASCRIPT), ("a.min.css", CSS), ("a.svg", SVG)] {
        assert_eq!(kind_of(name), Some(kind));
    }
    for name in ["a.LICENSE", "README.md", "SHA256SUMS", "js", ""] {
        assert_eq!(kind_of(name), None, "{name}");
    }
}

#[test]
fn what_others_have_written_is_what_they_have_published() {
    let sums = std::fs::read_to_string(folder().join("vendor/SHA256SUMS")).expect("checksums");
    let mut named = BTreeSet::new();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").expect("a checksum and a name");
        let bytes = match FILES.iter().find(|file| file.folder == "vendor" && file.name == name) {
            Some(file) => file.bytes.to_vec(),
            None => std::fs::read(folder().join("vendor").join(name)).expect("a licence"),
        };
        let hex: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, sum, "{name}");
        named.insert(name);
    }
    let vendored = FILES.iter().filter(|file| file.folder == "vendor");
    assert!(vendored.map(|file| file.name).all(|name| named.contains(name)), "{named:?}");
    assert!(["three.LICENSE", "uPlot.LICENSE"].iter().all(|name| named.contains(name)), "{named:?}");
}

#[test]
fn every_module_that_is_imported_and_every_file_that_the_page_names_is_served() {
    let served: BTreeSet<String> = FILES.iter().map(path_of).collect();
    let mut imported = BTreeSet::new();
    for file in FILES.iter().filter(|file| file.folder == "js") {
        let text = std::str::from_utf8(file.bytes).expect("UTF-8");
        let names =
            quoted(text, " from \"").into_iter().chain(quoted(text, "import \"")).chain(quoted(text, "import(\""));
        for name in names {
            let path = match (name.strip_prefix("./"), name.strip_prefix("../")) {
                (Some(beside), _) => format!("js/{beside}"),
                (None, Some(above)) => above.to_owned(),
                (None, None) => name.to_owned(),
            };
            assert!(served.contains(&path), "{} imports {name}", file.name);
            imported.insert(path);
        }
    }
    let named: Vec<&str> = ["src=\"", "href=\""].iter().flat_map(|beginning| quoted(INDEX, beginning)).collect();
    for name in named.iter().filter(|name| name.starts_with('/') && **name != "/docs") {
        let path = name.strip_prefix(PLACE).unwrap_or_else(|| panic!("{name} has no version"));
        assert!(served.contains(path), "the page names {name}");
        imported.insert(path.to_owned());
    }
    // `three.module.min.js` imports its own other half.
    imported.insert("vendor/three.core.min.js".to_owned());
    assert_eq!(served, imported, "what nobody asks for is not served");
}

#[test]
fn nothing_of_our_own_needs_more_than_the_policy_gives() {
    for (name, text) in own() {
        for never in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "localStorage",
            "sessionStorage",
            "document.cookie",
            "javascript:",
            "http://",
            "https://",
            "<style",
            " style=\"",
        ] {
            let is_name_space =
                never == "http://" && text.matches(never).count() == text.matches("http://www.w3.org/2000/svg").count();
            assert!(!text.contains(never) || is_name_space, "{name} has {never}");
        }
    }
    for tag in INDEX.split('<').filter(|tag| !tag.starts_with('/')) {
        let inside = tag.split('>').next().unwrap_or_default();
        assert!(!inside.split_whitespace().any(|word| word.starts_with("on") && word.contains('=')), "<{inside}>");
        assert!(!inside.starts_with("script") || inside.contains("src=\"") && tag.ends_with('>'), "<{inside}>");
    }
}

#[test]
fn each_module_says_what_it_is_for_and_stays_small() {
    for file in FILES.iter().filter(|file| file.folder == "js") {
        let text = std::str::from_utf8(file.bytes).expect("UTF-8");
        assert!(text.starts_with("// "), "{}", file.name);
        assert!(text.lines().count() <= 350, "{}", file.name);
    }
}

#[test]
fn the_page_names_the_version_which_changes_with_any_byte() {
    let page = std::str::from_utf8(&CONSOLE.page).expect("UTF-8");
    assert!(!page.contains("VERSION") && page.contains(&format!("/console/{}/js/main.js", CONSOLE.version)));
    let other = version_of(FILES.iter().map(|file| if file.name == "main.js" { b"".as_slice() } else { file.bytes }));
    assert!(other != CONSOLE.version && other.len() == VERSION_DIGITS);
    assert_eq!(version_of(FILES.iter().map(|file| file.bytes)), CONSOLE.version);
}
