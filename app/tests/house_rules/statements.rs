//! SEC-049: all SQL is fixed text with bound values. Statements are made in one file, from tables that are constants; no other
//! source puts one together. What PostgreSQL itself has seen is looked at by the tests of `persistence`.

use crate::assert_none;
use crate::repository::texts;

/// The only file that may put statements together.
const MAKER: &str = "persistence/src/postgres/sql.rs";
/// How statements begin.
const VERBS: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    "WITH ",
    "TRUNCATE ",
    "DROP ",
    "ALTER ",
    "CREATE ",
    "COPY ",
    "GRANT ",
    "REVOKE ",
    "EXECUTE ",
    "CALL ",
];
/// What puts texts together.
const JOINS: &[&str] =
    &["format!(", "write!(", "format_args!(", "push_str(", "concat!(", "+ \"", ".join(", ".replace("];

/// A literal that begins as a statement does, in a line that puts texts together or behind one that ends so.
fn assembled(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut before = "";
    for (n, line) in text.lines().enumerate() {
        let is_statement = VERBS.iter().any(|verb| line.contains(&format!("\"{verb}")));
        let joins = |line: &str| JOINS.iter().any(|join| line.contains(join));
        if is_statement && (joins(line) || joins(before) && before.trim_end().ends_with('(')) {
            complaints.push(format!("line {}: a statement is put together: bind values instead", n + 1));
        }
        // A literal that goes on is what the next line belongs to.
        before = line;
    }
    complaints
}

/// Where statements are put together, nothing may come in but what is compiled: no text from anywhere.
fn takes_text(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let own = text.split("#[cfg(test)]").next().unwrap_or_default();
    for (n, line) in own.lines().enumerate() {
        let signature = line.trim_start();
        let is_offered = signature.starts_with("pub(super) fn ") || signature.starts_with("pub fn ");
        let parameters =
            signature.split_once('(').map_or("", |(_, rest)| rest.rsplit_once(')').map_or(rest, |(p, _)| p));
        if is_offered && ["&str", "String", "impl ", "dyn "].iter().any(|kind| parameters.contains(kind)) {
            complaints.push(format!("line {}: text from outside would become a statement", n + 1));
        }
    }
    complaints
}

/// Sources of the program, without tests.
fn sources() -> Vec<(String, String)> {
    let is_source = |path: &str| path.contains("/src/") && !path.contains("testkit") && !path.ends_with("tests.rs");
    texts(".rs").into_iter().filter(|(path, _)| is_source(path)).collect()
}

#[test]
fn statements_are_fixed_text() {
    let all = sources();
    assert!(all.iter().any(|(path, _)| path == MAKER), "{MAKER} has another name");
    let complaints = all.iter().flat_map(|(path, text)| {
        let found = if path == MAKER { takes_text(text) } else { assembled(text) };
        found.into_iter().map(move |complaint| format!("{path}: {complaint}"))
    });
    assert_none(&complaints.collect::<Vec<_>>());
}

#[test]
fn a_planted_statement_is_found() {
    for planted in [
        "let sql = format!(\"SELECT * FROM players WHERE name = '{name}'\");",
        "let sql = format!(\n    \"DELETE FROM {table} WHERE id = 1\",\n);",
        "let mut sql = String::from(x); sql.push_str(\"UPDATE a SET b = \");",
        "let sql = x + \"DROP TABLE a\";",
    ] {
        assert_eq!(assembled(planted).len(), 1, "{planted}");
    }
    assert_eq!(assembled("client.query(\"SELECT a FROM b WHERE c = $1\", &[&c])"), [""; 0], "control: bound");
    assert_eq!(assembled("format!(\"{n} rows\")"), [""; 0], "control: no statement");
    assert_eq!(takes_text("pub(super) fn get(table: &Table, which: &str) -> String {").len(), 1);
    assert_eq!(takes_text("pub(super) fn get(table: &Table) -> String {"), [""; 0]);
}
