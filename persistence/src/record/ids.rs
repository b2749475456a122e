//! Names, numbers and hashes that records are made of. Must never hold a value that one of the stores cannot: numbers
//! stay below 2^63 and texts have no zero byte, as PostgreSQL takes neither.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Largest number that a store keeps.
pub const NUMBER_MAX: u64 = i64::MAX as u64;
/// Most bytes of a [`Name`].
pub const NAME_BYTES_MAX: usize = 64;
/// Most bytes of a [`Text`]: a scenario may have so many.
pub const TEXT_BYTES_MAX: usize = 16 << 20;

/// A person, by a random number that says nothing about them: 1 to 2^63 - 1. Worlds and logs know people by their seats
/// only, so without the person's key this number is a pseudonym.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PersonId(pub u64);

impl PersonId {
    /// The largest number that one may have.
    pub const MAX: Self = Self(NUMBER_MAX);
}

/// How often a record was written: the first has 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rev(pub u64);

impl Rev {
    /// Of a record that was never written before.
    pub const FIRST: Self = Self(1);

    /// Of the next writing.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Who may write a world: each process that opens it takes the next one, and those before it are shut out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

/// Steps that a world has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tick(pub u64);

/// Digest of a world's state. Any 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest(pub u64);

/// A moment: milliseconds since 1970-01-01 UTC, not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millis(pub u64);

impl Millis {
    /// The latest moment that a record may have: 9999-12-31.
    pub const MAX: Self = Self(253_402_214_400_000);

    /// Of the system's clock. Nothing before 1970.
    #[must_use]
    pub fn of(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// For the system's clock.
    #[must_use]
    pub fn time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0)
    }

    /// So much earlier, but not before 1970.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

macro_rules! bytes_type {
    ($(#[$doc:meta])* $name:ident, $size:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; $size]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

bytes_type!(
    /// BLAKE3, or a keyed hash by which a secret is found without being known.
    Hash,
    32
);
bytes_type!(
    /// A random number that names a batch, a sign-in or a trade.
    Token,
    16
);

/// Bytes that only the key of the person they belong to opens. Empty where there is nothing.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seal(#[serde(with = "bytes")] pub Vec<u8>);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({} bytes)", self.0.len())
    }
}

/// The name of a world, a setting, a kind of thing: 1 to 64 letters, digits and `._:-`, all ASCII.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// A name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to 64 letters, digits and . _ : - (ASCII), not {0:?}")]
pub struct NameError(String);

impl Name {
    /// Checked.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        let fits = (1..=NAME_BYTES_MAX).contains(&text.len());
        let sound = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
        if fits && sound { Ok(Self(text)) } else { Err(NameError(text.chars().take(80).collect())) }
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

/// Any text without a zero byte, of at most 16 MiB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Text(pub String);

/// Bytes as one string of bytes, not as a list of numbers.
pub(super) mod bytes {
    use serde::de::{Error, SeqAccess, Visitor};
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl<'d> Visitor<'d> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }

            // A format that knows no bytes, such as JSON, has a list.
            fn visit_seq<A: SeqAccess<'d>>(self, mut list: A) -> Result<Vec<u8>, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = list.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes)
            }
        }
        from.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["a", "earth-orbit", "A.b_c:9", &"x".repeat(64)] {
            assert_eq!(Name::new(good).map(String::from), Ok(good.to_owned()));
        }
        for bad in ["", " ", "a b", "ä", "a/b", "a\0b", &"x".repeat(65)] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn moments_are_the_clocks() {
        let time = UNIX_EPOCH + Duration::from_millis(1_234_567);
        assert_eq!(Millis::of(time), Millis(1_234_567));
        assert_eq!(Millis(1_234_567).time(), time);
        assert_eq!(Millis::of(UNIX_EPOCH - Duration::from_secs(1)), Millis(0));
        assert_eq!(Millis(5).before(Duration::from_secs(1)), Millis(0));
    }
}
