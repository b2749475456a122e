//! JSON from outside, strictly: no repeated fields, no deep nesting, nothing behind the end. Must never build a value before
//! it has been counted how deep it nests.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// JSON nests at most so deep.
pub const DEPTH_MAX: usize = 32;

/// Why bytes are not JSON that is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It nests too deep.
    #[error("nests deeper than {DEPTH_MAX}")]
    TooDeep,
    /// A field is there twice.
    #[error("has a field twice")]
    Twice,
    /// It is not JSON.
    #[error("is not JSON")]
    NotJson,
}

/// Reads one value.
///
/// # Errors
/// [`JsonError`].
pub fn read(bytes: &[u8]) -> Result<Value, JsonError> {
    if depth(bytes) > DEPTH_MAX {
        return Err(JsonError::TooDeep);
    }
    match serde_json::from_slice::<Strict>(bytes) {
        Ok(Strict(value)) => Ok(value),
        Err(error) if error.is_data() => Err(JsonError::Twice),
        Err(_) => Err(JsonError::NotJson),
    }
}

/// How deep brackets nest outside of strings, at the deepest.
fn depth(bytes: &[u8]) -> usize {
    let (mut now, mut most, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                now += 1;
                most = most.max(now);
            }
            (false, b']' | b'}') => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// A value whose objects have no field twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let Strict(value) = fields.next_value()?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strict_json_is_taken() {
        for (text, expected) in [
            ("{\"a\":1,\"b\":{\"a\":2}}", Ok(())),
            ("{\"a\":1,\"a\":2}", Err(JsonError::Twice)),
            ("{\"a\":1,\"\\u0061\":2}", Err(JsonError::Twice)),
            ("{\"a\":1} x", Err(JsonError::NotJson)),
            ("", Err(JsonError::NotJson)),
            ("NaN", Err(JsonError::NotJson)),
            ("1e999", Err(JsonError::NotJson)),
            ("{'a':1}", Err(JsonError::NotJson)),
            ("\"\\ud800\"", Err(JsonError::NotJson)),
            ("[\"]\",\"\\\"[[[\"]", Ok(())),
        ] {
            assert_eq!(read(text.as_bytes()).map(|_| ()), expected, "{text}");
        }
        assert_eq!(read(b"\"\xff\""), Err(JsonError::NotJson));
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read(nested(DEPTH_MAX).as_bytes()).is_ok());
        for deep in [DEPTH_MAX + 1, 10_000, 1_000_000] {
            assert_eq!(read(nested(deep).as_bytes()), Err(JsonError::TooDeep));
        }
        assert_eq!(read("{\"a\":".repeat(10_000).as_bytes()), Err(JsonError::TooDeep));
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_refused_or_read_as_it_stands(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            if let Ok(value) = read(&bytes) {
                proptest::prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).ok(), Some(value));
            }
        }

        #[test]
        fn what_looks_like_json_is_read_as_others_read_it(text in "[\\[\\]{}:,\"a0-9.eE+ -]{0,40}") {
            match (read(text.as_bytes()), serde_json::from_str::<Value>(&text)) {
                (Ok(value), theirs) => proptest::prop_assert_eq!(theirs.ok(), Some(value)),
                (Err(JsonError::NotJson), theirs) => proptest::prop_assert!(theirs.is_err(), "{}", text),
                (Err(JsonError::Twice | JsonError::TooDeep), _) => {}
            }
        }
    }
}
