//! Requests by seed, from the published document and from what earlier answers have taught. Must never know a route that the
//! document does not show.

use std::collections::BTreeMap;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::string::string_regex;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::document::{Document, Operation, range};

/// Numbers by seed: splitmix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below this.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("it fits")
    }

    /// In so many of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[7]
    }

    /// A text that a pattern such as `^[0-9a-f]{32}$` fits.
    pub fn text(&mut self, pattern: &str) -> String {
        let within = pattern.strip_prefix('^').and_then(|text| text.strip_suffix('$')).expect("a whole match");
        let seed: Vec<u8> = (0..32).map(|_| self.byte()).collect();
        let mut runner = TestRunner::new_with_rng(Default::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
        let drawn = string_regex(within).expect("a pattern").new_tree(&mut runner).expect("a text");
        drawn.current()
    }

    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Values that answers have shown, by the name of their field.
#[derive(Default)]
pub struct Known {
    pub values: BTreeMap<String, Vec<Value>>,
    /// Texts that are never used, as they would shut the fuzzer out.
    pub never: Vec<String>,
}

/// Values of a name that are remembered.
const REMEMBERED: usize = 40;

impl Known {
    /// Remembers what an answer shows.
    pub fn learn(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if name == "components" {
                        self.components(value);
                    }
                    if value.is_string() || value.is_number() {
                        self.hint(name, value.clone());
                    } else {
                        self.learn(value);
                    }
                }
            }
            Value::Array(items) => items.iter().take(REMEMBERED).for_each(|item| self.learn(item)),
            _ => {}
        }
    }

    /// The names of components and fields are the keys of what shows an entity.
    fn components(&mut self, shown: &Value) {
        for (component, fields) in shown.as_object().into_iter().flatten() {
            self.hint("component", json!(component));
            fields.as_object().into_iter().flatten().for_each(|(field, _)| self.hint("field", json!(field)));
        }
    }

    /// Remembers one value.
    pub fn hint(&mut self, name: &str, value: Value) {
        let is_never = value.as_str().is_some_and(|text| self.never.iter().any(|never| never == text));
        let values = self.values.entry(name.to_owned()).or_default();
        if !is_never && !values.contains(&value) {
            if values.len() == REMEMBERED {
                values.remove(0);
            }
            values.push(value);
        }
    }

    fn of(&self, name: &str) -> &[Value] {
        // Entities and recordings go by another name where they are listed.
        let name = if ["entity", "recording", "left", "right"].contains(&name) { "id" } else { name };
        self.values.get(name).map_or(&[], Vec::as_slice)
    }
}

/// A text as it goes into a path or a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A request without who asks.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

/// What a request is made of, before it is written.
#[derive(Clone, Debug, Default)]
pub struct Base {
    pub path: Vec<(String, String)>,
    pub query: Vec<(String, String)>,
    pub body: Option<Value>,
    /// Bytes of a file, in place of a body of JSON.
    pub octets: Option<Vec<u8>>,
}

impl Base {
    /// As it is sent.
    pub fn asked(&self, operation: &Operation) -> Asked {
        let fill = |path: String, (name, value): &(String, String)| path.replace(&format!("{{{name}}}"), value);
        let query: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (kind, body) = match &self.octets {
            Some(bytes) => ("application/octet-stream", Some(bytes.clone())),
            None => ("application/json", self.body.as_ref().map(|body| body.to_string().into_bytes())),
        };
        Asked {
            method: operation.method.clone(),
            path: self.path.iter().fold(operation.path.clone(), fill),
            query: query.join("&"),
            headers: body.iter().map(|_| ("content-type".to_owned(), kind.to_owned())).collect(),
            body,
        }
    }
}

/// Draws values that a document allows.
pub struct Draw<'a> {
    pub document: &'a Document,
    pub known: &'a Known,
    pub dice: &'a mut Dice,
}

impl Draw<'_> {
    /// A request that the document allows.
    pub fn base(&mut self, operation: &Operation) -> Base {
        let (mut path, mut query) = (Vec::new(), Vec::new());
        for param in &operation.params {
            if param.required || self.dice.chance(30) {
                let value = self.value(&param.schema, &param.name);
                let value = encoded(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                if param.in_path { &mut path } else { &mut query }.push((param.name.clone(), value));
            }
        }
        let body = operation.body.as_ref().map(|schema| self.value(schema, ""));
        let octets = operation.takes_octets.then(|| (0..self.dice.below(300)).map(|_| self.dice.byte()).collect());
        Base { path, query, body, octets }
    }

    /// A value that a schema allows, for a field of this name.
    pub fn value(&mut self, schema: &Value, name: &str) -> Value {
        let schema = self.document.resolved(schema);
        if !name.is_empty() && self.dice.chance(75) {
            // A number that is shown as text is one in a path, and the other way round.
            let fits = |value: &&Value| self.document.wrong(schema, value).is_empty();
            let number = |value: &Value| Some(json!(value.as_str()?.parse::<u64>().ok()?));
            let known: Vec<Value> =
                self.known.of(name).iter().flat_map(|v| [Some(v.clone()), number(v)]).flatten().collect();
            let known: Vec<&Value> = known.iter().filter(fits).collect();
            if !known.is_empty() {
                return (*self.dice.pick(&known)).clone();
            }
        }
        if let Some(branches) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            let branch = self.dice.below(branches.len());
            return self.value(&branches[branch], name);
        }
        if let Some(listed) = schema["enum"].as_array() {
            return self.dice.pick(listed).clone();
        }
        match schema["type"].as_str().or_else(|| schema["type"][0].as_str()) {
            Some("boolean") => json!(self.dice.chance(50)),
            Some("integer") => self.whole(schema),
            Some("number") => self.number(schema),
            Some("string") => json!(self.text(schema)),
            Some("array") => {
                let least = schema["minItems"].as_u64().unwrap_or(0);
                let most = schema["maxItems"].as_u64().unwrap_or(least + 4).min(least + 4);
                let count = least + self.dice.next() % (most - least + 1);
                (0..count).map(|_| self.value(&schema["items"], name)).collect()
            }
            Some("object") => self.object(schema),
            _ => self.anything(),
        }
    }

    fn object(&mut self, schema: &Value) -> Value {
        let required = schema["required"].as_array();
        let mut fields = Map::new();
        for (name, of) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = required.is_some_and(|required| required.iter().any(|there| there == name));
            if is_required || self.dice.chance(50) {
                fields.insert(name.clone(), self.value(of, name));
            }
        }
        Value::Object(fields)
    }

    fn whole(&mut self, schema: &Value) -> Value {
        let (least, most) = range(schema);
        let span = u64::try_from(most - least).unwrap_or(u64::MAX);
        let step = match self.dice.below(6) {
            0 => 0,
            1 => span,
            2 => span.saturating_sub(1),
            3 => self.dice.next().min(span),
            _ => (self.dice.next() % 100).min(span),
        };
        let drawn = least + i128::from(step);
        u64::try_from(drawn).map_or_else(|_| json!(i64::try_from(drawn).expect("it fits")), |drawn| json!(drawn))
    }

    fn number(&mut self, schema: &Value) -> Value {
        let (least, most) = (schema["minimum"].as_f64().unwrap_or(-1e9), schema["maximum"].as_f64().unwrap_or(1e9));
        let part = (self.dice.next() >> 11) as f64 / (1u64 << 53) as f64;
        let drawn = match self.dice.below(6) {
            0 => least,
            1 => most,
            2 => f64::MIN_POSITIVE,
            3 => 1.0,
            4 => (part * 16.0).round() / 4.0,
            _ => least + part * (most - least),
        };
        let step = schema["multipleOf"].as_f64();
        json!(step.map_or(drawn, |step| (drawn / step).round() * step).clamp(least, most))
    }

    fn text(&mut self, schema: &Value) -> String {
        if let Some(pattern) = schema["pattern"].as_str() {
            return self.dice.text(pattern);
        }
        let least = usize::try_from(schema["minLength"].as_u64().unwrap_or(0)).expect("small");
        let most = usize::try_from(schema["maxLength"].as_u64().unwrap_or(200)).expect("small");
        let hostile = [
            "'; DROP TABLE accounts;--",
            "<script>alert(1)</script>",
            "../../etc/passwd",
            "${7*7}",
            "\u{0}",
            "𝕏🚀\u{202e}",
        ];
        let count = match self.dice.below(8) {
            0 => least,
            1 => most,
            _ => least + self.dice.below((most - least).min(24) + 1),
        };
        let mut text = if self.dice.chance(25) { (*self.dice.pick(&hostile)).to_owned() } else { String::new() };
        text = text.chars().take(count).collect();
        let missing = count - text.chars().count();
        text.extend((0..missing).map(|_| char::from(b' ' + u8::try_from(self.dice.below(95)).expect("a letter"))));
        text
    }

    fn anything(&mut self) -> Value {
        match self.dice.below(6) {
            0 => Value::Null,
            1 => json!(self.dice.chance(50)),
            2 => json!(self.dice.below(1000)),
            3 => json!([1.0, -2.5, 3.0]),
            4 => json!({ "a": [] }),
            _ => self.number(&json!({})),
        }
    }
}
