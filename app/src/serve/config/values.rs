//! Values of the configuration: from the file and the environment, each with where it came from, checked by the table.
//! Must never hold a value that its entry refuses, and never show a secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use netcode::transport::from_hex;
use persistence::Name;
use serde_json::{Value as Json, json};
use toml::de::{DeTable, DeValue};

use super::table::{self, ENTRIES, Entry, PREFIX, Type};
use crate::exit::Failure;
use crate::output;

/// Longest file that is read, bytes.
const BYTES_MAX: u64 = 1 << 20;
/// Longest text of a value, bytes.
const TEXT_BYTES_MAX: usize = 4096;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing was said.
    Default,
    /// A line of the file.
    File(usize),
    /// The environment.
    Environment,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Whole(u64),
    /// A text of any type.
    Text(String),
    /// A list.
    List(Vec<String>),
}

/// All values.
#[derive(Clone, PartialEq, Eq)]
pub struct Values {
    /// The file, where there is one.
    pub file: Option<PathBuf>,
    values: BTreeMap<String, (Value, Origin)>,
}

impl Values {
    /// The defaults, then the file, then the environment.
    ///
    /// # Errors
    /// [`Failure::Misused`] with a sentence for each mistake; [`Failure::Unreadable`].
    pub fn read(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, Failure> {
        let text = file.map(text_of).transpose()?;
        let (values, mistakes) = Self::of(file, text.as_deref().unwrap_or_default(), environment);
        if mistakes.is_empty() { Ok(values) } else { Err(Failure::Misused(mistakes.join("\n"))) }
    }

    /// The same of a text, with all mistakes.
    #[must_use]
    pub fn of(
        file: Option<&Path>,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> (Self, Vec<String>) {
        let mut values = Self { file: file.map(Path::to_owned), values: BTreeMap::new() };
        for entry in ENTRIES {
            if let Ok(value) = of_text(entry, entry.default) {
                values.values.insert(entry.key(), (value, Origin::Default));
            }
        }
        let mut mistakes = values.take_file(text);
        mistakes.extend(values.take_environment(environment));
        (values, mistakes)
    }

    fn take_file(&mut self, text: &str) -> Vec<String> {
        let name = self.file.as_deref().map_or("configuration".to_owned(), |path| path.display().to_string());
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let line = line_of(text, error.span().map_or(text.len(), |span| span.start));
                return vec![format!("{name}: line {line}: not TOML: {}", error.message().replace('\n', ", "))];
            }
        };
        let mut mistakes = Vec::new();
        self.take_table(text, "", table.get_ref(), &mut mistakes);
        mistakes.sort_unstable();
        mistakes.into_iter().map(|(line, mistake)| format!("{name}: line {line}: {mistake}")).collect()
    }

    fn take_table(&mut self, text: &str, section: &str, table: &DeTable<'_>, mistakes: &mut Vec<(usize, String)>) {
        for (name, value) in table.iter() {
            let line = line_of(text, name.span().start);
            let key =
                if section.is_empty() { name.get_ref().to_string() } else { format!("{section}.{}", name.get_ref()) };
            let is_section = ENTRIES.iter().any(|e| e.section == key || e.section.starts_with(&format!("{key}.")));
            match (value.get_ref(), table::find(&key)) {
                // That of `spacetime-backup`, which checks it itself.
                (DeValue::Table(_), None) if key == "backup" => {}
                (DeValue::Table(inner), None) if is_section => self.take_table(text, &key, inner, mistakes),
                (_, None) if is_section => mistakes.push((line, format!("{key} is a table: [{key}]"))),
                (_, None) => mistakes.push((line, format!("there is no key {}", shortened(&key)))),
                (_, Some(entry)) if entry.secret => {
                    let how = format!("{key} is a secret and stands in no configuration: set {}", entry.variable());
                    mistakes.push((line, format!("{how}, or name a file with {key}_file")));
                }
                (value, Some(entry)) => match of_toml(entry, value) {
                    Ok(value) => drop(self.values.insert(key, (value, Origin::File(line)))),
                    Err(wrong) => mistakes.push((line, format!("{key} {wrong}"))),
                },
            }
        }
    }

    fn take_environment(&mut self, environment: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
        let mut mistakes = Vec::new();
        for (variable, text) in environment {
            if !variable.starts_with(PREFIX) {
                continue;
            }
            let Some(entry) = ENTRIES.iter().find(|entry| entry.variable() == variable) else {
                mistakes.push(format!("environment: {}: there is no such key", shortened(&variable)));
                continue;
            };
            match of_text(entry, &text) {
                Ok(value) => drop(self.values.insert(entry.key(), (value, Origin::Environment))),
                Err(wrong) => mistakes.push(format!("environment: {variable}: {} {wrong}", entry.key())),
            }
        }
        mistakes.sort_unstable();
        mistakes
    }

    /// The value of a key, and where it came from.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&(Value, Origin)> {
        self.values.get(key)
    }

    /// A number; 0 for a key that has none.
    #[must_use]
    pub fn whole(&self, key: &str) -> u64 {
        if let Some((Value::Whole(number), _)) = self.get(key) { *number } else { 0 }
    }

    /// A text; empty for a key that has none.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        if let Some((Value::Text(text), _)) = self.get(key) { text.clone() } else { String::new() }
    }

    /// A path, where one was given.
    #[must_use]
    pub fn path(&self, key: &str) -> Option<PathBuf> {
        Some(self.text(key)).filter(|text| !text.is_empty()).map(PathBuf::from)
    }

    /// A list.
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<String> {
        if let Some((Value::List(list), _)) = self.get(key) { list.clone() } else { Vec::new() }
    }

    /// Each key with its value and origin, without secrets: `{"log.group_ms": {"value": 250, "from": "default"}}`.
    #[must_use]
    pub fn json(&self) -> Json {
        let one = |entry: &Entry| {
            let (value, origin) = self.get(&entry.key())?;
            let shown = match value {
                Value::Text(text) if entry.secret && text.is_empty() => json!("(not set)"),
                _ if entry.secret => json!("(set)"),
                Value::Whole(number) => json!(number),
                Value::Text(text) => json!(text),
                Value::List(list) => json!(list),
            };
            let from = match origin {
                Origin::Default => "default".to_owned(),
                Origin::Environment => entry.variable(),
                Origin::File(line) => {
                    let name = self.file.as_deref().unwrap_or(Path::new("configuration"));
                    format!("{}: line {line}", name.display())
                }
            };
            Some((entry.key(), json!({ "value": shown, "from": from })))
        };
        ENTRIES.iter().filter_map(one).collect::<serde_json::Map<_, _>>().into()
    }
}

fn of_toml(entry: &Entry, value: &DeValue<'_>) -> Result<Value, String> {
    match (entry.kind, value) {
        (Type::Whole(..), DeValue::Integer(number)) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
            checked_whole(entry, number.and_then(|number| u64::try_from(number).ok()))
        }
        (Type::Keys | Type::Origins, DeValue::Array(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            texts.map_or_else(|| Err(wanted(entry)), |texts| checked_list(entry, &texts))
        }
        (Type::Whole(..) | Type::Keys | Type::Origins, _) => Err(wanted(entry)),
        (_, DeValue::String(text)) => of_text(entry, text),
        _ => Err(wanted(entry)),
    }
}

fn of_text(entry: &Entry, text: &str) -> Result<Value, String> {
    if text.len() > TEXT_BYTES_MAX || text.contains(char::is_control) {
        return Err("is one line of at most 4096 bytes".to_owned());
    }
    let sound = match entry.kind {
        Type::Whole(..) => return checked_whole(entry, text.parse().ok()),
        Type::Keys | Type::Origins => {
            return checked_list(entry, &text.split(',').map(str::trim).filter(|t| !t.is_empty()).collect::<Vec<_>>());
        }
        Type::Choice(words) => words.contains(&text),
        Type::Name => Name::new(text).is_ok(),
        Type::Address => text.parse::<std::net::SocketAddr>().is_ok(),
        Type::Text | Type::Path => true,
    };
    if sound { Ok(Value::Text(text.to_owned())) } else { Err(wanted(entry)) }
}

fn checked_whole(entry: &Entry, number: Option<u64>) -> Result<Value, String> {
    let Type::Whole(least, most) = entry.kind else { return Err(wanted(entry)) };
    number.filter(|number| (least..=most).contains(number)).map(Value::Whole).ok_or_else(|| wanted(entry))
}

fn checked_list(entry: &Entry, texts: &[&str]) -> Result<Value, String> {
    let is_sound = |text: &&&str| match entry.kind {
        Type::Origins => is_origin(text),
        _ => from_hex::<32>(text).is_some(),
    };
    let sound = texts.iter().filter(is_sound).count() == texts.len();
    if sound { Ok(Value::List(texts.iter().map(|text| (*text).to_owned()).collect())) } else { Err(wanted(entry)) }
}

/// Whether this is the origin of web pages as browsers write it: scheme, host, and a port where it is not the usual one.
/// There is none for everybody.
fn is_origin(text: &str) -> bool {
    let Some((scheme @ ("http" | "https"), host)) = text.split_once("://") else { return false };
    let (name, port) = host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let usual = if scheme == "http" { "80" } else { "443" };
    let is_name = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-.".contains(&c);
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|n| n > 0 && n.to_string() == port) && port != usual;
    (1..=253).contains(&name.len()) && name.bytes().all(is_name) && port.is_none_or(is_port)
}

/// What the value should have been, as a clause. The value itself is not shown: it may be a secret in a wrong place.
fn wanted(entry: &Entry) -> String {
    let unit = if entry.unit.is_empty() { String::new() } else { format!(" ({})", entry.unit) };
    match entry.kind {
        Type::Whole(least, most) => format!("is a whole number from {least} to {most}{unit}"),
        Type::Choice(words) => format!("is one of {}", words.join(", ")),
        Type::Name => "is a name: 1 to 64 letters, digits and . _ : - (ASCII)".to_owned(),
        Type::Text | Type::Path => "is a text".to_owned(),
        Type::Address => "is an address and a port, such as 127.0.0.1:4850".to_owned(),
        Type::Keys => "is a list of public keys, each 64 lower-case hexadecimal digits".to_owned(),
        Type::Origins => {
            "is a list of origins, each such as https://ops.example.org or http://127.0.0.1:9000".to_owned()
        }
    }
}

fn text_of(path: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let read = output::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|e| Failure::unreadable(path, output::plain(&e)))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Failure::unreadable(path, "it is longer than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes().iter().take(e.utf8_error().valid_up_to()).filter(|byte| **byte == b'\n').count();
        Failure::unreadable(path, format!("line {line}: it is not UTF-8 text"))
    })
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}

fn shortened(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
