//! Links in pages lead somewhere, every page is linked from another, and the README names its two commands. Looks at
//! links inside the repository only, never at the network.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::assert_none;
use crate::repository::{root, texts};

/// Targets of the page's links and pictures, without those into the web. Code is left out.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Even parts lie outside of `code`.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        found.extend(targets.filter(|t| !t.contains("://") && !t.starts_with("mailto:")).map(str::to_owned));
    }
    found
}

/// The names by which a page's headings can be linked to, as web viewers of Markdown make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings.map(|h| h.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

/// Where a link in `page` leads, relative to the root, with its anchor. An empty path is the page itself.
fn target(page: &str, link: &str) -> (String, Option<String>) {
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor.to_owned())));
    if path.is_empty() {
        return (page.to_owned(), anchor);
    }
    let mut resolved = PathBuf::new();
    for part in Path::new(page).parent().unwrap_or(Path::new("")).join(path).components() {
        match part {
            Component::ParentDir if resolved.pop() => {}
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    (resolved.display().to_string(), anchor)
}

/// What is wrong with the links of one page. `exists` says whether a path is there, `read` gives a page's text.
fn broken(page: &str, text: &str, exists: &dyn Fn(&str) -> bool, read: &dyn Fn(&str) -> String) -> Vec<String> {
    let mut complaints = Vec::new();
    for link in links(text) {
        let (path, anchor) = target(page, &link);
        if !exists(&path) {
            complaints.push(format!("{page}: {link} leads nowhere"));
        } else if let Some(anchor) = anchor.filter(|_| path.ends_with(".md"))
            && !anchors(&read(&path)).contains(&anchor)
        {
            complaints.push(format!("{page}: {link} names no heading of {path}"));
        }
    }
    complaints
}

#[test]
fn every_link_leads_somewhere() {
    let root = root();
    let exists = |path: &str| root.join(path).exists();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    let pages = texts(".md");
    assert_none(&pages.iter().flat_map(|(page, text)| broken(page, text, &exists, &read)).collect::<Vec<_>>());
}

#[test]
fn every_page_in_docs_is_linked_from_another() {
    let pages = texts(".md");
    let linked: BTreeSet<String> =
        pages.iter().flat_map(|(page, text)| links(text).into_iter().map(|link| target(page, &link).0)).collect();
    let lost = pages.iter().filter(|(page, _)| page.starts_with("docs/") && !linked.contains(page));
    assert_none(&lost.map(|(page, _)| format!("{page}: no page links to it")).collect::<Vec<_>>());
}

#[test]
fn the_readme_names_its_two_commands() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md exists");
    for command in ["scripts/demo", "scripts/test"] {
        assert!(readme.contains(command), "README.md does not name {command}");
        assert!(root().join(command).is_file(), "{command} is gone");
    }
}

/// Names of tests in the tables of a page: what stands as code in columns that are headed so.
fn named_tests(page: &str) -> BTreeSet<String> {
    let (mut found, mut columns) = (BTreeSet::new(), Vec::new());
    for line in page.lines() {
        let Some(row) = line.strip_prefix('|') else {
            columns.clear();
            continue;
        };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if columns.is_empty() {
            columns = cells.iter().map(|cell| matches!(*cell, "test" | "attack" | "control")).collect();
            continue;
        }
        let is_name =
            |word: &&str| word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_:".contains(&c));
        for (cell, _) in cells.iter().zip(&columns).filter(|(_, holds_tests)| **holds_tests) {
            found.extend(cell.split('`').skip(1).step_by(2).filter(is_name).map(str::to_owned));
        }
    }
    found
}

/// Whether a test, or a fuzz target, of this name is in one of these files; all but its last part are parts of the path.
fn is_there(name: &str, sources: &[(String, String)]) -> bool {
    let mut parts: Vec<&str> = name.split("::").collect();
    let Some(function) = parts.pop() else { return false };
    let declared = format!("fn {function}(");
    sources.iter().any(|(path, text)| {
        let is_within = |part: &&str| *part == "tests" || path.split('/').any(|folder| folder.starts_with(part));
        let is_test = text.match_indices(&declared).any(|(at, _)| {
            let before: Vec<&str> = text[..at].lines().rev().take(8).collect();
            before.iter().any(|line| line.contains("test]") || line.contains("proptest!"))
        });
        path == &format!("fuzz/fuzz_targets/{function}.rs") || (is_test && parts.iter().all(is_within))
    })
}

#[test]
fn every_test_that_the_page_of_security_names_is_there() {
    let page = std::fs::read_to_string(root().join("docs/SECURITY.md")).expect("it is there");
    let (named, sources) = (named_tests(&page), texts(".rs"));
    assert!(named.len() > 60, "{}", named.len());
    let lost = named.iter().filter(|name| !is_there(name, &sources));
    assert_none(&lost.map(|name| format!("docs/SECURITY.md: there is no test {name}")).collect::<Vec<_>>());
}

#[test]
fn each_rule_can_fail() {
    let table = "| claim | test |\n|---|---|\n| `a` | `gate::opens`, `x y` |\n\n| a | b |\n|---|---|\n| `c` | `d` |\n";
    assert_eq!(named_tests(table).into_iter().collect::<Vec<_>>(), ["gate::opens"]);
    let source = |path: &str, text: &str| [(path.to_owned(), text.to_owned())];
    assert!(is_there("gate::tests::opens", &source("api/src/gate.rs", "#[test]\nfn opens() {}")));
    assert!(!is_there("gate::opens", &source("api/src/door.rs", "#[test]\nfn opens() {}")));
    assert!(!is_there("gate::opens", &source("api/src/gate.rs", "fn opens() {}")));
    assert!(is_there("gate", &source("fuzz/fuzz_targets/gate.rs", "")));
    let exists = |path: &str| ["docs/A.md", "docs/a.png", "README.md"].contains(&path);
    let read = |_: &str| "# The *one* idea\n".to_owned();
    let complaints = |text: &str| broken("docs/A.md", text, &exists, &read).len();
    assert_eq!(complaints("[x](B.md)"), 1);
    assert_eq!(complaints("![x](../a.png) and [y](../README.md)"), 1);
    assert_eq!(complaints("[x](A.md#no-such-heading) [y](#nor-this)"), 2);
    assert_eq!(complaints("[x](A.md#the-one-idea) ![p](a.png \"title\") [w](https://example.org/B.md)"), 0);
    assert_eq!(complaints("```\n[x](B.md)\n```\n`a[0](B.md)`"), 0);
    assert_eq!(target("README.md", "docs/../docs/A.md").0, "docs/A.md");
    assert_eq!(target("docs/A.md", "../../outside.md").0, "../outside.md");
}
