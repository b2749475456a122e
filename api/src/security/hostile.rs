//! Text that was refused: whether it looks like an attempt on a database, a file system, a shell or a page. Must never be
//! what keeps such text out: that is the contract's schema, values bound to fixed statements, and names that are no paths.
//! This is evidence for an alert only, so it may well miss something.

use serde_json::Value;

use crate::gate::Sign;
use crate::http::params::decode;

/// Most bytes of a text that are looked at.
const LOOKED_AT_MAX: usize = 4096;

const TRAVERSAL: &[&str] = &["../", "..\\", "..%2f", "..%5c", "%2e%2e", "%252e", "/etc/passwd", "c:\\", "%c0%ae"];

/// What hardly anybody types by mistake, in lower case; by what it is an attempt on.
const SIGNS: &[(&str, &[&str])] = &[
    ("nul", &["\0", "%00"]),
    (
        "sql",
        &[
            "' or ",
            "'or'",
            "\" or ",
            "' and ",
            "';",
            "'--",
            "' --",
            "union select",
            "union all select",
            "drop table",
            "insert into ",
            "delete from ",
            "pg_sleep",
            "sleep(",
            "waitfor delay",
            "xp_cmdshell",
            "information_schema",
        ],
    ),
    ("page", &["<script", "</script", "javascript:", "onerror=", "onload=", "<iframe", "<img ", "<svg"]),
    ("shell", &["$(", "`", "; rm ", ";rm ", "| sh", "|sh", "&& ", "/bin/sh"]),
    ("template", &["${", "{{", "<%"]),
];

/// The first sign among refused texts, each as it stands and with its percent signs taken away.
pub(crate) fn sign_in<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Sign> {
    texts.into_iter().find_map(|text| sign_of(text).or_else(|| sign_of(&decode(&text.replace('+', " "))?)))
}

/// The first sign in a refused value: in its texts, and in the names of its fields.
pub(crate) fn sign_in_value(value: &Value) -> Option<Sign> {
    match value {
        Value::String(text) => sign_in([text.as_str()]),
        Value::Array(items) => items.iter().find_map(sign_in_value),
        Value::Object(fields) => {
            fields.iter().find_map(|(name, value)| sign_in([name.as_str()]).or_else(|| sign_in_value(value)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// What a refused text is a sign of, if it is one.
pub(crate) fn sign_of(text: &str) -> Option<Sign> {
    let end = text.floor_char_boundary(LOOKED_AT_MAX);
    let lower = text.get(..end)?.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if has(TRAVERSAL) {
        return Some(Sign::Traversal);
    }
    SIGNS.iter().find(|(_, parts)| has(parts)).map(|(what, _)| Sign::Injection(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_told_from_names() {
        for (text, sign) in [
            ("' OR '1'='1", Sign::Injection("sql")),
            ("x'; DROP TABLE players; --", Sign::Injection("sql")),
            ("1 UNION  SELECT", Sign::Injection("")),
            ("1 union select password", Sign::Injection("sql")),
            ("a\0b", Sign::Injection("nul")),
            ("<ScRiPt>alert(1)</script>", Sign::Injection("page")),
            ("x$(reboot)", Sign::Injection("shell")),
            ("${jndi:x}", Sign::Injection("template")),
            ("../../etc/shadow", Sign::Traversal),
            ("..%2F..%2Fx", Sign::Traversal),
        ] {
            // What is spelt in a way that is not known is missed: evidence, not defence.
            let expected = (sign != Sign::Injection("")).then_some(sign);
            assert_eq!(sign_of(text), expected, "{text}");
        }
    }

    #[test]
    fn ordinary_text_is_no_sign() {
        for text in [
            "O'Neill",
            "d'Arc",
            "Ada Lovelace",
            "Jürgen Groß",
            "山田 太郎",
            "Tom & Jerry",
            "a.b-c_d",
            "it's 5 o'clock",
            "3 < 4",
            "R&D",
            "100%",
            "Robert or Bobby",
            "me@example.org",
            "",
            "a..b",
            "#1; second",
        ] {
            assert_eq!(sign_of(text), None, "{text}");
        }
        assert_eq!(sign_of(&"ä".repeat(5000)), None);
    }
}
