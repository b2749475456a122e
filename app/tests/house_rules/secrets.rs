//! SEC-020, COMP-021: no secret lies in the repository: no private key, no token of a service, no password in an address. Looks
//! at text files only, and at what a secret looks like; what is drawn for a test when it runs is none.

use crate::assert_none;
use crate::repository::texts;

/// How tokens of services begin, and how many characters follow.
const TOKENS: &[(&str, usize)] =
    &[("AKIA", 16), ("ghp_", 36), ("github_pat_", 22), ("glpat-", 20), ("xoxb-", 20), ("sk_live_", 16), ("AIza", 35)];

/// Endings of the files that are looked at.
const ENDINGS: &[&str] =
    &[".rs", ".toml", ".md", ".sh", ".json", ".yml", ".yaml", ".service", ".conf", ".sql", ".py", ".js", ".html"];

fn secrets(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (n, line) in text.lines().enumerate() {
        if let Some(what) = secret_of(line) {
            complaints.push(format!("line {}: {what}", n + 1));
        }
    }
    complaints
}

fn secret_of(line: &str) -> Option<&'static str> {
    // Words apart: this file must not find itself.
    let begins = ["-----BEGIN ", "PRIVATE KEY-----"];
    if line.trim_start().starts_with(begins[0]) && line.contains(begins[1]) {
        return Some("a private key");
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    for (begin, length) in TOKENS {
        let token = line.split(|c| !is_word(c)).find_map(|word| word.strip_prefix(begin));
        if token.is_some_and(|rest| rest.len() >= *length && rest.chars().any(|c| c.is_ascii_digit())) {
            return Some("a token of a service");
        }
    }
    let mut addresses = line.split("http://").skip(1).chain(line.split("https://").skip(1));
    let is_open = addresses.any(|rest| rest.split(['/', '"', ' ', '`', ')']).next().is_some_and(has_password));
    is_open.then_some("a password in an address")
}

/// Whether the part before the path holds a password that could be one.
fn has_password(host: &str) -> bool {
    let password = host.split_once('@').and_then(|(user, _)| user.split_once(':')).map_or("", |(_, password)| password);
    password.len() >= 8
}

#[test]
fn nothing_in_the_tree_looks_like_a_secret() {
    let all = ENDINGS.iter().flat_map(|ending| texts(ending));
    let mut looked_at = 0;
    let complaints: Vec<String> = all
        .inspect(|_| looked_at += 1)
        .flat_map(|(path, text)| secrets(&text).into_iter().map(move |found| format!("{path}: {found}")))
        .collect();
    assert_none(&complaints);
    assert!(looked_at > 300, "{looked_at} files were looked at");
}

#[test]
fn a_planted_secret_is_found() {
    let digits = "0123456789".repeat(4);
    for planted in [
        ["-----BEGIN ", "RSA PRIVATE KEY-----"].concat(),
        ["  -----BEGIN ", "PRIVATE KEY-----"].concat(),
        format!("token = \"ghp_{digits}\""),
        format!("AKIA{}", &digits[..16]),
        ["https://deploy:", "hunter2hunter2@registry.example.org/"].concat(),
    ] {
        assert_eq!(secrets(&planted).len(), 1, "{planted}");
    }
    for plain in [
        "a private key",
        "ghp_",
        "https://example.org:8080/a@b",
        "AKIA and so on",
        "https://user:word@ops.example.org/",
    ] {
        assert_eq!(secrets(plain), [""; 0], "control: {plain}");
    }
}
