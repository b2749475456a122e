//! Holds a JSON value against a schema, as far as ours go. Must never pass over a keyword that it does not know.

use serde_json::Value;

/// What is wrong with `value`, each with the path to it.
pub fn complaints(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let name = rule.as_str().and_then(|r| r.strip_prefix("#/$defs/")).expect("a reference into $defs");
                check(root, &root["$defs"][name], value, path, found);
                true
            }
            "const" => value == rule,
            "anyOf" => rule.as_array().expect("a list").iter().any(|one| {
                let mut inner = Vec::new();
                check(root, one, value, path, &mut inner);
                inner.is_empty()
            }),
            "type" => is_a(value, rule.as_str().expect("one type")),
            "minimum" => value.as_f64() >= rule.as_f64(),
            "maximum" => value.as_f64() <= rule.as_f64(),
            "minLength" => value.as_str().is_some_and(|s| s.chars().count() as u64 >= rule.as_u64().expect("a count")),
            "maxLength" => value.as_str().is_some_and(|s| s.chars().count() as u64 <= rule.as_u64().expect("a count")),
            "minItems" => value.as_array().is_some_and(|a| a.len() as u64 >= rule.as_u64().expect("a count")),
            "maxItems" => value.as_array().is_some_and(|a| a.len() as u64 <= rule.as_u64().expect("a count")),
            "pattern" => value.as_str().is_some_and(|text| matches(rule.as_str().expect("a pattern"), text)),
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{path}/{n}"), found);
                }
                true
            }
            "required" => {
                let names = rule.as_array().expect("a list").iter().filter_map(Value::as_str);
                names.into_iter().all(|name| value.get(name).is_some())
            }
            "properties" => {
                for (name, rule) in rule.as_object().expect("an object") {
                    value.get(name).into_iter().for_each(|v| check(root, rule, v, &format!("{path}/{name}"), found));
                }
                true
            }
            "additionalProperties" => {
                let known = |name: &String| schema["properties"].get(name).is_some();
                let others = value.as_object().into_iter().flatten().filter(|(name, _)| !known(name));
                others.fold(true, |holds, (name, v)| {
                    if rule.is_object() {
                        check(root, rule, v, &format!("{path}/{name}"), found);
                    }
                    holds && *rule != Value::Bool(false)
                })
            }
            other => panic!("the schema has {other}, which is not known here"),
        };
        if !holds {
            found.push(format!("{path}: {keyword}"));
        }
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("there is no type {other}"),
    }
}

/// The three patterns that the schema has.
fn matches(pattern: &str, text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    match pattern {
        "^-?[0-9]{1,20}$" => (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()),
        "^([0-9a-f]{2})*$" => {
            text.len().is_multiple_of(2) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        }
        "^[A-Za-z0-9._:-]{1,64}$" => persistence::Name::new(text).is_ok(),
        other => panic!("the pattern {other} is not known here"),
    }
}
