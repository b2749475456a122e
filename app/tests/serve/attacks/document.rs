//! The published OpenAPI document as a client reads it, and a validator of its own. Must never share code with the API: what
//! the API believes of its document is what is in question.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

/// What the service publishes.
pub struct Document {
    whole: Value,
    pub operations: Vec<Operation>,
}

/// One operation.
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    pub access: String,
    pub params: Vec<Param>,
    /// Schema of the JSON that is its body.
    pub body: Option<Value>,
    /// Whether its body is bytes of a file.
    pub takes_octets: bool,
    pub messages: Option<Value>,
    /// By status: content types with the schema of each.
    pub answers: BTreeMap<u16, BTreeMap<String, Value>>,
}

/// A parameter of an operation.
pub struct Param {
    pub name: String,
    pub in_path: bool,
    pub required: bool,
    pub schema: Value,
}

/// Every keyword that the validator knows; a document with another one is not understood.
const KNOWN: &[&str] = &[
    "$ref",
    "additionalProperties",
    "anyOf",
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
    "oneOf",
    "pattern",
    "properties",
    "propertyNames",
    "required",
    "title",
    "type",
];

impl Document {
    /// Reads it.
    pub fn read(whole: Value) -> Self {
        let mut operations = Vec::new();
        for (path, methods) in whole["paths"].as_object().expect("paths") {
            for (method, operation) in methods.as_object().expect("methods") {
                operations.push(Operation::read(method, path, operation));
            }
        }
        Self { whole, operations }
    }

    /// The whole of it, to change something in it.
    pub fn whole(&self) -> &Value {
        &self.whole
    }

    /// The operation of this name.
    pub fn operation(&self, id: &str) -> &Operation {
        self.operations.iter().find(|operation| operation.id == id).unwrap_or_else(|| panic!("no operation {id}"))
    }

    /// A schema, or what it refers to.
    pub fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.strip_prefix('#').expect("a reference into the document");
                self.resolved(self.whole.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
            None => schema,
        }
    }

    /// What is wrong with a value, by JSON Schema; nothing where it is valid.
    pub fn wrong(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.check(schema, value, "", &mut found);
        found
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let schema = self.resolved(schema);
        let Some(rules) = schema.as_object() else { return };
        let unknown = rules.keys().find(|key| !KNOWN.contains(&key.as_str()));
        assert!(unknown.is_none(), "a keyword that is not known here: {unknown:?}");
        for (list, exactly_one) in [("oneOf", true), ("anyOf", false)] {
            let Some(branches) = schema[list].as_array() else { continue };
            let fitting = branches.iter().filter(|branch| self.wrong(branch, value).is_empty()).count();
            if fitting == 0 || (exactly_one && fitting > 1) {
                found.push(format!("{at}: {fitting} branches of {list} fit {value}"));
            }
        }
        if !is_of_type(schema, value) {
            return found.push(format!("{at}: {value} is not of type {}", schema["type"]));
        }
        if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
            found.push(format!("{at}: {value} is not listed"));
        }
        if rules.get("const").is_some_and(|only| only != value) {
            found.push(format!("{at}: {value} is not the constant"));
        }
        match value {
            Value::Number(_) => {
                if let Some(wrong) = out_of_range(schema, value) {
                    found.push(format!("{at}: {value} is {wrong}"));
                }
            }
            Value::String(text) => {
                let long = text.chars().count();
                if !is_within(schema, "minLength", "maxLength", long) {
                    found.push(format!("{at}: {long} characters"));
                }
                if schema["pattern"]
                    .as_str()
                    .is_some_and(|pattern| !Regex::new(pattern).expect("a pattern").is_match(text))
                {
                    found.push(format!("{at}: {text} does not fit {}", schema["pattern"]));
                }
            }
            Value::Array(items) => {
                if !is_within(schema, "minItems", "maxItems", items.len()) {
                    found.push(format!("{at}: {} items", items.len()));
                }
                if let Some(of) = rules.get("items") {
                    items.iter().enumerate().for_each(|(i, item)| self.check(of, item, &format!("{at}/{i}"), found));
                }
            }
            Value::Object(fields) => self.check_fields(rules, fields, at, found),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn check_fields(&self, rules: &Map<String, Value>, fields: &Map<String, Value>, at: &str, found: &mut Vec<String>) {
        for name in rules.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                found.push(format!("{at}/{name} is missing"));
            }
        }
        for (name, value) in fields {
            let at = format!("{at}/{name}");
            match (rules.get("properties").and_then(|known| known.get(name)), rules.get("additionalProperties")) {
                (Some(of), _) => self.check(of, value, &at, found),
                (None, Some(Value::Bool(false))) => found.push(format!("{at} is not listed")),
                (None, Some(of)) => self.check(of, value, &at, found),
                (None, None) => {}
            }
        }
    }
}

impl Operation {
    fn read(method: &str, path: &str, said: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let param = |said: &Value| Param {
            name: text(&said["name"]),
            in_path: said["in"] == "path",
            required: said["required"] == true,
            schema: said["schema"].clone(),
        };
        let content = |response: &Value| {
            let kinds = response["content"].as_object().into_iter().flatten();
            kinds.map(|(kind, media)| (kind.clone(), media["schema"].clone())).collect()
        };
        let parameters = said["parameters"].as_array().into_iter().flatten();
        let answers = said["responses"].as_object().expect("responses");
        let bodies = &said["requestBody"]["content"];
        let body = &bodies["application/json"]["schema"];
        let takes_octets = bodies["application/octet-stream"].is_object();
        assert!(bodies.is_null() || body.is_object() || takes_octets, "{path}: a body of a kind that is not known");
        Self {
            id: text(&said["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            access: text(&said["x-access"]),
            // Headers may always be left out; what is wrong with them has tests of its own.
            params: parameters.filter(|said| said["in"] != "header").map(param).collect(),
            body: Some(body.clone()).filter(Value::is_object),
            takes_octets,
            messages: said.get("x-messages").cloned(),
            answers: answers.iter().map(|(at, said)| (at.parse().expect("a status"), content(said))).collect(),
        }
    }
}

fn is_of_type(schema: &Value, value: &Value) -> bool {
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("a type that is not known: {other}"),
    };
    match &schema["type"] {
        Value::Null => true,
        Value::Array(several) => several.iter().filter_map(Value::as_str).any(is),
        one => is(one.as_str().expect("a type")),
    }
}

/// Whole numbers of a schema's format.
pub fn range(schema: &Value) -> (i128, i128) {
    let whole = |key: &str| {
        let said = &schema[key];
        said.as_i64().map(i128::from).or_else(|| said.as_u64().map(i128::from))
    };
    // A format says how many bits there are; with a least value of 0 all of them are the number's.
    let unsigned = whole("minimum").is_some_and(|least| least >= 0);
    let (least, most) = match (schema["format"].as_str(), unsigned) {
        (Some("int32"), true) => (0, i128::from(u32::MAX)),
        (Some("int32"), false) => (i128::from(i32::MIN), i128::from(i32::MAX)),
        (_, true) => (0, i128::from(u64::MAX)),
        (_, false) => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    (whole("minimum").unwrap_or(least), whole("maximum").unwrap_or(most))
}

fn out_of_range(schema: &Value, value: &Value) -> Option<&'static str> {
    let whole = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    if let Some(whole) = whole {
        let (least, most) = range(schema);
        let is_integer = schema["type"] == "integer" || schema["type"][0] == "integer";
        if is_integer && !(least..=most).contains(&whole) {
            return Some("out of range");
        }
    }
    let number = value.as_f64().expect("a number");
    let is_less = schema["minimum"].as_f64().is_some_and(|least| number < least);
    let is_more = schema["maximum"].as_f64().is_some_and(|most| number > most);
    if schema["multipleOf"].as_f64().is_some_and(|step| number % step != 0.0) {
        return Some("no multiple");
    }
    (is_less || is_more).then_some("too small or too large")
}

fn is_within(schema: &Value, least: &str, most: &str, count: usize) -> bool {
    let limit = |key: &str| schema[key].as_u64().map(|limit| usize::try_from(limit).expect("a small limit"));
    limit(least).is_none_or(|least| least <= count) && limit(most).is_none_or(|most| count <= most)
}
