//! Tables of a TOML text, read key by key, with messages that name line, key and what was expected. Knows
//! nothing of scenarios; must never panic, whatever the text holds.

use glam::DVec3;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ScenarioError;
use super::parameters::{Plain, Range};

/// What reading gives: a value, or the first thing found wrong.
pub(super) type Checked<T> = Result<T, ScenarioError>;

/// A table of the text.
pub(super) struct Table<'t> {
    text: &'t str,
    values: &'t DeTable<'t>,
    /// Byte at which its header, or the table itself, stands.
    at: usize,
    /// How messages call it; empty for the file itself.
    label: String,
}

impl<'t> Table<'t> {
    /// The whole file. Unknown keys are refused here and in every table below.
    pub fn root(text: &'t str, values: &'t DeTable<'t>, known: &[&str]) -> Checked<Self> {
        Self { text, values, at: 0, label: String::new() }.with_keys(known)
    }

    /// Adds a name to what messages call it.
    pub fn named(mut self, name: &str) -> Self {
        self.label = format!("{} {name:?}", self.label);
        self
    }

    /// Byte of the text at which it begins.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The first of these keys that is there.
    pub fn first_of<'k>(&self, keys: &[&'k str]) -> Option<&'k str> {
        keys.iter().find(|key| self.has(key)).copied()
    }

    /// A number, or `None` without the key. Whole numbers are numbers too.
    pub fn optional_number(&self, key: &str, range: Range) -> Checked<Option<f64>> {
        let expected = || format!("a number {range}");
        let Some(value) = self.values.get(key) else { return Ok(None) };
        match number(value).filter(|&number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.unexpected(key, value, &expected())),
        }
    }

    /// A number.
    pub fn number(&self, key: &str, range: Range) -> Checked<f64> {
        self.optional_number(key, range)?.ok_or_else(|| self.missing(key, &format!("a number {range}")))
    }

    /// A number, or `default` without the key.
    pub fn number_or(&self, key: &str, range: Range, default: f64) -> Checked<f64> {
        Ok(self.optional_number(key, range)?.unwrap_or(default))
    }

    /// A whole number from `min` to `max`, or `None` without the key.
    pub fn optional_whole(&self, key: &str, min: u64, max: u64) -> Checked<Option<u64>> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        let whole = value.get_ref().as_integer().and_then(|i| u64::from_str_radix(i.as_str(), i.radix()).ok());
        match whole.filter(|whole| (min..=max).contains(whole)) {
            Some(whole) => Ok(Some(whole)),
            None => Err(self.unexpected(key, value, &format!("a whole number from {min} to {max}"))),
        }
    }

    /// A whole number that fits `u32`.
    pub fn whole(&self, key: &str, min: u32, max: u32) -> Checked<u32> {
        self.optional_u32(key, min, max)?
            .ok_or_else(|| self.missing(key, &format!("a whole number from {min} to {max}")))
    }

    /// A whole number that fits `u32`, or `default` without the key.
    pub fn whole_or(&self, key: &str, min: u32, max: u32, default: u32) -> Checked<u32> {
        Ok(self.optional_u32(key, min, max)?.unwrap_or(default))
    }

    fn optional_u32(&self, key: &str, min: u32, max: u32) -> Checked<Option<u32>> {
        let whole = self.optional_whole(key, u64::from(min), u64::from(max))?;
        Ok(whole.and_then(|whole| u32::try_from(whole).ok()))
    }

    /// `true` or `false`, or `default` without the key.
    pub fn flag_or(&self, key: &str, default: bool) -> Checked<bool> {
        let Some(value) = self.values.get(key) else { return Ok(default) };
        value.get_ref().as_bool().ok_or_else(|| self.unexpected(key, value, "true or false"))
    }

    /// A text in quotes, or `None` without the key.
    pub fn optional_text(&self, key: &str) -> Checked<Option<&'t str>> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        value.get_ref().as_str().map(Some).ok_or_else(|| self.unexpected(key, value, "a text in quotes"))
    }

    /// A name: 1 to 64 of `a-z A-Z 0-9 - _`, starting with a letter.
    pub fn name(&self, key: &str) -> Checked<&'t str> {
        let expected = "a name of 1 to 64 letters, digits, '-' and '_' that starts with a letter";
        let Some(value) = self.values.get(key) else { return Err(self.missing(key, expected)) };
        let is_name = |name: &&str| {
            name.len() <= 64
                && name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        value.get_ref().as_str().filter(is_name).ok_or_else(|| self.unexpected(key, value, expected))
    }

    /// One of a few words, or `default` without the key.
    pub fn word_or(&self, key: &str, words: &[&'static str], default: &'static str) -> Checked<&'static str> {
        let Some(value) = self.values.get(key) else { return Ok(default) };
        let known = |text: &str| words.iter().find(|&&word| word == text).copied();
        value.get_ref().as_str().and_then(known).ok_or_else(|| self.unexpected(key, value, &one_of(words)))
    }

    /// `N` numbers in brackets, or `None` without the key.
    pub fn numbers<const N: usize>(&self, key: &str, range: Range) -> Checked<Option<[f64; N]>> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        let expected = || format!("[{}] with numbers {range}", ["..."; N].join(", "));
        let items = value.get_ref().as_array().filter(|items| items.len() == N);
        let Some(items) = items else { return Err(self.unexpected(key, value, &expected())) };
        let mut numbers = [0.0; N];
        for (place, item) in numbers.iter_mut().zip(items.iter()) {
            *place = number(item)
                .filter(|&number| range.contains(number))
                .ok_or_else(|| self.unexpected(key, item, &expected()))?;
        }
        Ok(Some(numbers))
    }

    /// Three numbers in brackets, or `None` without the key.
    pub fn vector(&self, key: &str, range: Range) -> Checked<Option<DVec3>> {
        Ok(self.numbers(key, range)?.map(DVec3::from_array))
    }

    /// A table below a key, or `None` without the key.
    pub fn table(&self, key: &str, known: &[&str]) -> Checked<Option<Self>> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        let expected = format!("a table: {key} = {{ ... }} or [{key}]");
        let Some(values) = value.get_ref().as_table() else { return Err(self.unexpected(key, value, &expected)) };
        let label = if self.label.is_empty() { key.to_owned() } else { format!("{}, {key}", self.label) };
        Self { text: self.text, values, at: self.key_at(key), label }.with_keys(known).map(Some)
    }

    /// The tables `[[key]]`, at most `most`.
    pub fn tables(&self, key: &str, most: usize, known: &[&str]) -> Checked<Vec<Self>> {
        let Some(value) = self.values.get(key) else { return Ok(Vec::new()) };
        let expected = format!("tables that each begin with [[{key}]]");
        let Some(items) = value.get_ref().as_array() else { return Err(self.unexpected(key, value, &expected)) };
        let mut tables = Vec::new();
        for (count, item) in items.iter().enumerate() {
            let Some(values) = item.get_ref().as_table() else { return Err(self.unexpected(key, item, &expected)) };
            let at = item.span().start;
            if count == most {
                return Err(self.error_at(at, &format!("there are more than {most} [[{key}]]")));
            }
            tables.push(Self { text: self.text, values, at, label: key.to_owned() }.with_keys(known)?);
        }
        Ok(tables)
    }

    /// The value of a key as the parser gave it.
    pub fn raw(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.values.get(key)
    }

    /// Something wrong with the value of `key`, or with the table where it has no such key.
    pub fn error(&self, key: &str, message: &str) -> ScenarioError {
        let at = self.values.get(key).map_or(self.at, |value| value.span().start);
        self.error_at(at, &format!("{key} {message}"))
    }

    /// Something wrong with the table as a whole.
    pub fn error_here(&self, message: &str) -> ScenarioError {
        self.error_at(self.at, message)
    }

    /// `key` is missing.
    pub fn missing(&self, key: &str, expected: &str) -> ScenarioError {
        self.error_at(self.at, &format!("{key} is missing, expected {expected}"))
    }

    /// `value`, found at `key`, is not what was `expected`.
    pub fn unexpected(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) -> ScenarioError {
        let written = self.text.get(value.span()).unwrap_or_default();
        let written = match number(value) {
            // A whole line of digits says less than its value.
            Some(number) if written.len() > 24 && number.is_finite() => Plain(number).to_string(),
            _ => shortened(written),
        };
        self.error_at(value.span().start, &format!("{key} is {written}, expected {expected}"))
    }

    /// The name at `key` is no name of a `what`; says which there are.
    pub fn unknown_name(&self, key: &str, name: &str, what: &str, known: &[&str]) -> ScenarioError {
        const LISTED: usize = 80;
        let hint = nearest(name, known).map_or(String::new(), |near| format!("did you mean {near:?}? "));
        let mut list = known.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
        match known.len() {
            0 => list.push_str("none"),
            1..=LISTED => {}
            more => list.push_str(&format!(" and {} more", more - LISTED)),
        }
        self.error(key, &format!("is {:?}, which is no {what} stated above; {hint}known are {list}", shortened(name)))
    }

    fn error_at(&self, at: usize, message: &str) -> ScenarioError {
        let label = if self.label.is_empty() { String::new() } else { format!("{}: ", self.label) };
        ScenarioError { line: line_of(self.text, at), message: format!("{label}{message}") }
    }

    /// Byte at which a key stands.
    fn key_at(&self, key: &str) -> usize {
        self.values.get_key_value(key).map_or(self.at, |(key, _)| key.span().start)
    }

    fn with_keys(self, known: &[&str]) -> Checked<Self> {
        let unknown = self.values.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else { return Ok(self) };
        let hint = match nearest(key.get_ref(), known) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known are {}", known.join(", ")),
        };
        Err(self.error_at(key.span().start, &format!("unknown key {}, {hint}", shortened(key.get_ref()))))
    }
}

/// The line, from 1, of a byte of the text.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count()
}

/// `"a"`, `"a" or "b"`, and so on.
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// A piece of the text fit for a one-line message.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

/// The known word that `word` is probably a slip of.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    if word.len() > 64 {
        return None;
    }
    let slips = |candidate: &&str| edits(word.as_bytes(), candidate.as_bytes());
    let near = known.iter().copied().min_by_key(|candidate| slips(candidate))?;
    let unit_forgotten = near.starts_with(word) && word.len() >= 3;
    (unit_forgotten || slips(&near) <= 1 + near.len() / 5).then_some(near)
}

/// Levenshtein distance without regard to case.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let kept = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = row[j + 1];
            row[j + 1] = kept.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The number that a value holds; it may be infinite or NaN.
fn number(value: &Spanned<DeValue<'_>>) -> Option<f64> {
    match value.get_ref() {
        DeValue::Float(float) => float.as_str().parse().ok(),
        DeValue::Integer(integer) => {
            i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|integer| integer as f64)
        }
        _ => None,
    }
}
