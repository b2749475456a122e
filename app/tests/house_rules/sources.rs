//! Rules about the text of source files: headers, lengths, left-over markers, silenced lints, paths of one machine, and
//! what may not stand in `sim`. Clippy checks some of them too, but only in the configuration that it builds.

use crate::assert_none;
use crate::repository::{files, root, texts};

/// Longest source file. The compass is 150 to 400; beyond this, two rooms are clearer.
const FILE_LINES_MAX: usize = 700;
/// Longest function, signature and braces included.
const FUNCTION_LINES_MAX: usize = 100;

/// From a file's text to complaints about it.
type Rule = fn(&str) -> Vec<String>;

/// The file opens with `//!` and says in words what it is for.
fn header(text: &str) -> Vec<String> {
    let first = text.lines().next().unwrap_or_default();
    match first.strip_prefix("//!") {
        Some(words) if words.split_whitespace().count() >= 3 => Vec::new(),
        Some(_) => vec!["line 1: the header does not say what the file is for".to_owned()],
        None => vec!["line 1: no `//!` header".to_owned()],
    }
}

/// The file is not too long.
fn file_length(text: &str) -> Vec<String> {
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX { vec![format!("{lines} lines, at most {FILE_LINES_MAX}")] } else { Vec::new() }
}

/// No function is too long. Relies on rustfmt: a function ends at the first `}` that stands as far in as its `fn`.
fn function_length(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut complaints = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line.trim_start()) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let closes = |l: &&str| {
            l.strip_prefix(indent)
                .is_some_and(|rest| rest.starts_with('}') || rest.starts_with(')') && rest.ends_with(';'))
        };
        if line.ends_with('}') || line.ends_with(';') {
            continue;
        }
        let length = lines[start..].iter().position(closes).map_or(0, |end| end + 1);
        if length > FUNCTION_LINES_MAX {
            complaints.push(format!("line {}: `{name}` has {length} lines, at most {FUNCTION_LINES_MAX}", start + 1));
        }
    }
    complaints
}

/// The name of the function that the line begins, if it begins one.
fn function_name(line: &str) -> Option<&str> {
    let before = line.split_once("fn ")?.0;
    let qualifier = |w: &str| matches!(w, "const" | "async" | "unsafe" | "extern" | "\"C\"") || w.starts_with("pub");
    before.split_whitespace().all(qualifier).then_some(())?;
    line.split_once("fn ")?.1.split(['(', '<']).next()
}

/// Nothing is left for later, printed for debugging, or switched off. Spelt in halves so as not to find itself.
fn markers(text: &str) -> Vec<String> {
    let banned = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("db", "g!("),
        concat!("#[ig", "nore"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ];
    find(text.lines().map(str::to_owned), &banned)
}

/// A silenced lint has its reason beside it: in the attribute, at the line's end, or on the line above.
fn silenced_lints(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut complaints = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let attribute = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
        if !attribute.iter().any(|start| line.trim_start().starts_with(start)) {
            continue;
        }
        let end = lines[i..].iter().position(|l| l.contains(")]")).map_or(i, |n| i + n);
        let whole = lines[i..=end].join(" ");
        let above = i.checked_sub(1).is_some_and(|above| lines[above].trim_start().starts_with("//"));
        if !(whole.contains("reason") || whole.contains("//") || above) {
            complaints.push(format!("line {}: silenced without a reason: {}", i + 1, line.trim()));
        }
    }
    complaints
}

/// No absolute path of somebody's machine. Spelt in halves so as not to find itself.
fn machine_paths(text: &str) -> Vec<String> {
    let roots = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
        concat!("/tmp", "/wt"),
    ];
    // Not the middle of something longer, such as `fixtures/home/x`, `../home/x` or `https://example.org/home/x`.
    let begins = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || "_-./~}".contains(c));
    let mut complaints = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if roots.iter().any(|start| line.match_indices(start).any(|(at, _)| begins(&line[..at]))) {
            complaints.push(format!("line {}: a path of one machine: {}", i + 1, line.trim()));
        }
    }
    complaints
}

/// `sim` outside its tests: no I/O, clock, threads, environment or unordered maps.
fn sim_purity(text: &str) -> Vec<String> {
    let banned = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "std::time::Instant",
        "std::time::SystemTime",
        "Instant::now",
        "HashMap",
        "HashSet",
        "println!(",
    ];
    let tests = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    let mut complaints = find(text[..tests].lines().map(code), &banned);
    // `use std::{fs, thread};` says the same in other words.
    for group in text[..tests].split("use std::{").skip(1).filter_map(|rest| rest.split("};").next()) {
        let names = group.split([',', '{', '}']).map(|name| name.split("::").next().unwrap_or_default().trim());
        for name in names.filter(|name| ["fs", "net", "env", "process", "thread"].contains(name)) {
            complaints.push(format!("`use std::{{.. {name} ..}}`"));
        }
    }
    complaints
}

fn find(lines: impl Iterator<Item = String>, banned: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (i, line) in lines.enumerate() {
        for word in banned.iter().filter(|word| line.contains(**word)) {
            complaints.push(format!("line {}: `{word}`", i + 1));
        }
    }
    complaints
}

/// Holds a rule against every Rust file below a folder ("" for all).
fn check(below: &str, rule: Rule) {
    let sources = texts(".rs").into_iter().filter(|(file, _)| file.starts_with(below));
    let said = sources.flat_map(|(file, text)| rule(&text).into_iter().map(move |c| format!("{file}: {c}")));
    assert_none(&said.collect::<Vec<_>>());
}

#[test]
fn every_file_says_what_it_is_for() {
    check("", header);
}

#[test]
fn no_file_is_too_long() {
    check("", file_length);
}

#[test]
fn no_function_is_too_long() {
    check("", function_length);
}

#[test]
fn nothing_is_left_for_later() {
    check("", markers);
}

#[test]
fn silenced_lints_have_a_reason() {
    check("", silenced_lints);
}

#[test]
fn sim_is_pure() {
    check("sim/src/", sim_purity);
}

#[test]
fn no_path_of_one_machine() {
    let mut complaints = Vec::new();
    for file in files() {
        // What is not text is not looked into.
        if let Ok(text) = std::fs::read_to_string(root().join(&file)) {
            complaints.extend(machine_paths(&text).into_iter().map(|c| format!("{file}: {c}")));
        }
    }
    assert_none(&complaints);
}

/// How often each rule complains about text that it must, and must not, complain about.
#[test]
fn each_rule_can_fail() {
    let long_file = "\n".repeat(FILE_LINES_MAX + 1);
    let body = |lines: usize| "        work();\n".repeat(lines);
    let long_function =
        format!("impl A {{\n    pub(crate) const fn f(\n        a: u8,\n    ) {{\n{}    }}\n}}\n", body(97));
    let short_function = format!("impl A {{\n    pub fn f() {{\n{}    }}\n\n    fn g();\n}}\n", body(98));
    let halves = |a: &str, b: &str| format!("{a}{b}");
    let cases: &[(&str, Rule, String, usize)] = &[
        ("no header", header, "use std::fmt;\n".into(), 1),
        ("empty header", header, "//! placeholder\n".into(), 1),
        ("empty file", header, String::new(), 1),
        ("good header", header, "//! What this is for.\n".into(), 0),
        ("long file", file_length, long_file, 1),
        ("short file", file_length, "\n".into(), 0),
        ("long function", function_length, long_function, 1),
        ("short function", function_length, short_function, 0),
        ("not a function", function_length, "let fn_name = a_fn (1);".into(), 0),
        ("left for later", markers, halves("    to", "do!()"), 1),
        ("debug print", markers, halves("    db", "g!(x)"), 1),
        ("switched-off test", markers, halves("#[ig", "nore]"), 1),
        ("clean code", markers, "let x = 1;".into(), 0),
        ("bare allow", silenced_lints, "#[allow(dead)]\nfn f() {}".into(), 1),
        ("allow over lines", silenced_lints, "#![expect(\n  a,\n  b\n)]\n".into(), 1),
        ("reason inside", silenced_lints, "#[allow(\n  a,\n  reason = \"b\"\n)]".into(), 0),
        ("reason above", silenced_lints, "// Because.\n#[allow(a)]".into(), 0),
        ("path", machine_paths, halves("open(\"/ro", "ot/x\")"), 1),
        ("path in a page", machine_paths, halves("see /wo", "rk/main/x"), 1),
        ("relative path", machine_paths, "fixtures/work/x and ../work/x and https://a.b/home/x".into(), 0),
        ("map", sim_purity, "use std::collections::HashMap;".into(), 1),
        ("file", sim_purity, "let f = std::fs::read(p);".into(), 1),
        ("file in a group", sim_purity, "use std::{\n    fmt,\n    fs::File,\n};".into(), 1),
        ("clock", sim_purity, "fn f() { let _ = Instant::now(); }".into(), 1),
        ("comment", sim_purity, "// never a HashMap".into(), 0),
        ("test module", sim_purity, "fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }".into(), 0),
    ];
    for (name, rule, text, complaints) in cases {
        assert_eq!(rule(text).len(), *complaints, "{name}: {:?}", rule(text));
    }
}
