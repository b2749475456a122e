//! Schemas as data: what utoipa derives from a type, and a checker of values against it. Must never know a schema that the
//! document does not show: requests are checked by what is published.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};
use utoipa::openapi::{RefOr, schema::Schema as Described};
use utoipa::{PartialSchema, ToSchema};

use crate::ports::Refused;

/// The schema of a type, in the table of routes.
#[derive(Clone, Copy)]
pub struct Schema {
    name: fn() -> Cow<'static, str>,
    own: fn() -> RefOr<Described>,
    others: fn(&mut Vec<(String, RefOr<Described>)>),
}

impl Schema {
    /// Of this type.
    #[must_use]
    pub const fn of<T: ToSchema>() -> Self {
        Self { name: T::name, own: <T as PartialSchema>::schema, others: T::schemas }
    }

    /// Its name in the document.
    #[must_use]
    pub fn name(&self) -> String {
        (self.name)().into_owned()
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Schema({})", self.name())
    }
}

/// All schemas of a table, by name, as the document shows them: objects have no fields but those that are listed.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    by_name: BTreeMap<String, Value>,
}

/// Schemas cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Two different types have one name.
    #[error("two different schemas are called {0}")]
    Twice(String),
    /// A schema uses what the checker does not know.
    #[error("the schema {0} uses `{1}`, which is not checked")]
    Unknown(String, String),
    /// It cannot be written as JSON.
    #[error("the schema {0} cannot be written")]
    Unwritable(String),
}

/// Keywords that the checker knows, or that need no check.
const KNOWN: &[&str] = &[
    "$ref",
    "additionalProperties",
    "const",
    "default",
    "deprecated",
    "description",
    "enum",
    "example",
    "examples",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "multipleOf",
    "anyOf",
    "oneOf",
    "properties",
    "propertyNames",
    "required",
    "title",
    "type",
];

impl Schemas {
    /// Adds one with all that it refers to.
    ///
    /// # Errors
    /// [`SchemaError`].
    pub fn add(&mut self, schema: Schema) -> Result<(), SchemaError> {
        let mut all = vec![(schema.name(), (schema.own)())];
        (schema.others)(&mut all);
        for (name, described) in all {
            let mut value = serde_json::to_value(described).map_err(|_| SchemaError::Unwritable(name.clone()))?;
            close(&mut value);
            if let Some(unknown) = unknown_keyword(&value) {
                return Err(SchemaError::Unknown(name, unknown));
            }
            if self.by_name.get(&name).is_some_and(|there| *there != value) {
                return Err(SchemaError::Twice(name));
            }
            self.by_name.insert(name, value);
        }
        Ok(())
    }

    /// All of them, for the document.
    #[must_use]
    pub fn all(&self) -> &BTreeMap<String, Value> {
        &self.by_name
    }

    /// What is wrong with a value by the schema of this name; nothing where it is as it should be.
    #[must_use]
    pub fn wrong(&self, name: &str, value: &Value) -> Vec<Refused> {
        let mut found = Vec::new();
        match self.by_name.get(name) {
            Some(schema) => self.check(schema, value, "", &mut found),
            None => push(&mut found, "", "there is no such schema"),
        }
        found
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<Refused>) {
        if found.len() >= FOUND_MAX {
            return;
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let name = reference.rsplit('/').next().unwrap_or_default();
            match self.by_name.get(name) {
                Some(schema) => self.check(schema, value, at, found),
                None => push(found, at, "there is no such schema"),
            }
            return;
        }
        if let Some(branches) = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array) {
            return self.check_branches(branches, value, at, found);
        }
        if !is_of_type(schema, value) {
            return push(found, at, format!("has to be {}", types(schema).join(" or ")));
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
            && !allowed.contains(value)
        {
            let words: Vec<String> = allowed.iter().map(ToString::to_string).collect();
            push(found, at, format!("has to be one of {}", words.join(", ")));
        }
        if schema.get("const").is_some_and(|only| only != value) {
            push(found, at, "is not the value that belongs here");
        }
        match value {
            Value::Number(number) => check_number(schema, number, at, found),
            Value::String(text) => check_count(schema, "Length", text.chars().count(), "characters", at, found),
            Value::Array(items) => {
                check_count(schema, "Items", items.len(), "items", at, found);
                if let Some(of) = schema.get("items") {
                    items.iter().enumerate().for_each(|(i, item)| self.check(of, item, &format!("{at}/{i}"), found));
                }
            }
            Value::Object(fields) => self.check_fields(schema, fields, at, found),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn check_fields(&self, schema: &Value, fields: &Map<String, Value>, at: &str, found: &mut Vec<Refused>) {
        let known = schema.get("properties").and_then(Value::as_object);
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                push(found, &pointer(at, name), "is missing");
            }
        }
        for (name, value) in fields {
            match (known.and_then(|known| known.get(name)), schema.get("additionalProperties")) {
                (Some(of), _) => self.check(of, value, &pointer(at, name), found),
                (None, Some(of @ Value::Object(_))) => self.check(of, value, &pointer(at, name), found),
                (None, Some(Value::Bool(true))) => {}
                // Where nothing is listed, anything goes; where something is, `close` has said `false`.
                (None, None) if known.is_none() => {}
                (None, _) => push(found, &pointer(at, name), "is not known here"),
            }
        }
    }

    /// One of the branches has to hold. What is told is about the branch whose constant fields are the value's, or the one
    /// that comes closest.
    fn check_branches(&self, branches: &[Value], value: &Value, at: &str, found: &mut Vec<Refused>) {
        let mut nearest: Option<Vec<Refused>> = None;
        for branch in branches {
            let mut wrong = Vec::new();
            self.check(branch, value, at, &mut wrong);
            if wrong.is_empty() {
                return;
            }
            if self.is_meant(branch, value) {
                nearest = Some(wrong);
                break;
            }
            if branches.len() == 2 && types(self.resolved(branch)) != ["null"] && !value.is_null() {
                nearest.get_or_insert(wrong);
            }
        }
        match nearest {
            Some(wrong) => found.extend(wrong),
            None => push(found, at, "is none of what may stand here"),
        }
    }

    /// Whether a field that has only one possible value in this branch has that value.
    fn is_meant(&self, branch: &Value, value: &Value) -> bool {
        let fields = self.resolved(branch).get("properties").and_then(Value::as_object);
        fields.into_iter().flatten().any(|(name, of)| {
            let only = of.get("const").or_else(|| match of.get("enum").and_then(Value::as_array).map(Vec::as_slice) {
                Some([only]) => Some(only),
                _ => None,
            });
            only.is_some() && only == value.get(name)
        })
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next());
        name.and_then(|name| self.by_name.get(name)).unwrap_or(schema)
    }
}

/// More is not told of one value.
const FOUND_MAX: usize = 20;

fn push(found: &mut Vec<Refused>, at: &str, why: impl Into<String>) {
    found.push(Refused { at: at.to_owned(), why: why.into() });
}

/// The JSON pointer of a field. Long names, which only an outsider's input has, are cut.
fn pointer(at: &str, name: &str) -> String {
    let name: String = name.chars().take(64).filter(|c| !c.is_control()).collect();
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_of_type(schema: &Value, value: &Value) -> bool {
    let types = types(schema);
    types.is_empty()
        || types.iter().any(|kind| match *kind {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => false,
        })
}

fn check_number(schema: &Value, number: &serde_json::Number, at: &str, found: &mut Vec<Refused>) {
    let limit = |key: &str| schema.get(key).and_then(Value::as_number);
    if let Some(least) = limit("minimum").filter(|least| is_less(number, least)) {
        push(found, at, format!("has to be {least} or more"));
    }
    if let Some(most) = limit("maximum").filter(|most| is_less(most, number)) {
        push(found, at, format!("has to be {most} or less"));
    }
    if let Some(step) = limit("multipleOf").filter(|step| !is_multiple(number, step)) {
        push(found, at, format!("has to be a multiple of {step}"));
    }
    let fits = match schema.get("format").and_then(Value::as_str) {
        Some("int32") if schema.get("minimum").is_some() => number.as_u64().is_some_and(|n| u32::try_from(n).is_ok()),
        Some("int32") => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        Some("int64") if schema.get("minimum").is_none() => number.as_i64().is_some(),
        _ => true,
    };
    if !fits {
        push(found, at, "is out of range");
    }
}

/// Exact for steps such as a quarter, of which a float holds every multiple.
fn is_multiple(number: &serde_json::Number, step: &serde_json::Number) -> bool {
    number.as_f64().zip(step.as_f64()).is_some_and(|(number, step)| number % step == 0.0)
}

/// Whole numbers are compared as such: beyond 2^53 a float would not tell them apart.
fn is_less(a: &serde_json::Number, b: &serde_json::Number) -> bool {
    let whole = |n: &serde_json::Number| n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a < b,
        _ => a.as_f64() < b.as_f64(),
    }
}

fn check_count(schema: &Value, what: &str, count: usize, unit: &str, at: &str, found: &mut Vec<Refused>) {
    let limit = |key: String| schema.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    if let Some(least) = limit(format!("min{what}")).filter(|least| count < *least) {
        push(found, at, format!("has to have {least} {unit} or more"));
    }
    if let Some(most) = limit(format!("max{what}")).filter(|most| count > *most) {
        push(found, at, format!("has to have {most} {unit} or fewer"));
    }
}

/// Objects that list fields have no others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("properties").is_some_and(Value::is_object)
                && object.get("type").is_some_and(|kind| *kind == "object")
                && !object.contains_key("additionalProperties")
            {
                object.insert("additionalProperties".into(), Value::Bool(false));
            }
            // More than one branch may fit where no tag tells them apart: 7 is a whole number and a number.
            if let Some(branches) = object.remove("oneOf") {
                let is_tagged = branches.as_array().is_some_and(|branches| branches.iter().all(has_tag));
                object.insert(if is_tagged { "oneOf" } else { "anyOf" }.into(), branches);
            }
            object.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Whether an object has a field that can only have one value.
fn has_tag(branch: &Value) -> bool {
    let is_one = |of: &Value| of.get("enum").and_then(Value::as_array).is_some_and(|words| words.len() == 1);
    branch.get("properties").and_then(Value::as_object).is_some_and(|fields| fields.values().any(is_one))
}

fn unknown_keyword(schema: &Value) -> Option<String> {
    let object = schema.as_object()?;
    if let Some(unknown) = object.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Some(unknown.clone());
    }
    let lists = ["oneOf", "anyOf"].into_iter().filter_map(|key| object.get(key)?.as_array()).flatten();
    let fields = object.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let inner = ["items", "additionalProperties"].into_iter().filter_map(|key| object.get(key));
    lists.chain(fields).chain(inner).find_map(unknown_keyword)
}
