//! Parameters of paths and queries: typed, in range, each named once. Must never take a parameter that the route does not
//! list.

use super::problem::Problem;

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether it has to be there.
    pub required: bool,
    /// What it is for.
    pub what: &'static str,
}

impl Param {
    /// One that has to be there.
    #[must_use]
    pub const fn required(name: &'static str, kind: Kind, what: &'static str) -> Self {
        Self { name, kind, required: true, what }
    }

    /// One that may be left out.
    #[must_use]
    pub const fn optional(name: &'static str, kind: Kind, what: &'static str) -> Self {
        Self { name, kind, required: false, what }
    }
}

/// The parameter that says how long a page may be.
pub const LIMIT: Param =
    Param::optional("limit", Kind::Whole { min: 1, max: 1000 }, "how many to list at most; 100 without it");

/// Whoever asks, where a person is named.
const ME: &str = "me";
/// The greatest number that a person may have.
pub const PERSON_MAX: u64 = i64::MAX as u64;

/// A tick of the world, where an older state may be asked for.
pub const TICK: Param =
    Param::optional("tick", Kind::Whole { min: 0, max: u64::MAX }, "the state after this tick; the newest without it");

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A whole number, in decimal without sign or leading zeros.
    Whole {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A whole number that may be below zero.
    Signed {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// Letters, digits, `-`, `_`, `.`, from 1 to so many; never beginning with a dot.
    Name {
        /// How many at most.
        max: usize,
    },
    /// Any text without control characters, from 1 to so many characters.
    Text {
        /// How many at most.
        max: usize,
    },
    /// Exactly so many hex digits in lower case.
    Hex {
        /// How many.
        digits: usize,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// `me`, or the number of a person.
    Person,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// Of [`Kind::Whole`] and [`Kind::Person`].
    Whole(u64),
    /// Of [`Kind::Signed`].
    Signed(i64),
    /// Of [`Kind::Name`], [`Kind::Text`], [`Kind::Hex`], [`Kind::OneOf`]; of [`Kind::Person`] only `me`.
    Text(String),
    /// Of [`Kind::Flag`].
    Flag(bool),
}

impl Kind {
    /// Reads a value.
    ///
    /// # Errors
    /// What it has to be, as a sentence without subject.
    pub fn read(self, text: &str) -> Result<Given, String> {
        match self {
            Self::Whole { min, max } => canonical::<u64>(text)
                .filter(|n| (min..=max).contains(n))
                .map(Given::Whole)
                .ok_or_else(|| format!("has to be a whole number from {min} to {max}")),
            Self::Signed { min, max } => canonical::<i64>(text)
                .filter(|n| (min..=max).contains(n))
                .map(Given::Signed)
                .ok_or_else(|| format!("has to be a whole number from {min} to {max}")),
            Self::Name { max } => {
                let good = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
                let is_name = (1..=max).contains(&text.len()) && text.bytes().all(good) && !text.starts_with('.');
                let why =
                    || format!("has to have 1 to {max} letters, digits, -, _ or dots, and not to begin with a dot");
                is_name.then(|| Given::Text(text.to_owned())).ok_or_else(why)
            }
            Self::Text { max } => {
                let is_plain = (1..=max).contains(&text.chars().count()) && !text.chars().any(char::is_control);
                let why = || format!("has to have 1 to {max} characters, none of them a control character");
                is_plain.then(|| Given::Text(text.to_owned())).ok_or_else(why)
            }
            Self::Hex { digits } => {
                let is_hex = text.len() == digits && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
                is_hex.then(|| Given::Text(text.to_owned())).ok_or_else(|| format!("has to have {digits} hex digits"))
            }
            Self::OneOf(words) => words
                .contains(&text)
                .then(|| Given::Text(text.to_owned()))
                .ok_or_else(|| format!("has to be one of {}", words.join(", "))),
            Self::Flag => match text {
                "true" => Ok(Given::Flag(true)),
                "false" => Ok(Given::Flag(false)),
                _ => Err("has to be true or false".to_owned()),
            },
            Self::Person if text == ME => Ok(Given::Text(ME.to_owned())),
            Self::Person => canonical::<u64>(text)
                .filter(|n| (1..=PERSON_MAX).contains(n))
                .map(Given::Whole)
                .ok_or_else(|| format!("has to be {ME}, or a whole number from 1 to {PERSON_MAX}")),
        }
    }
}

/// A number that is spelt in the one way that it is written back.
fn canonical<N: std::str::FromStr + ToString>(text: &str) -> Option<N> {
    if text.len() > 20 {
        return None;
    }
    text.parse::<N>().ok().filter(|n| n.to_string() == text)
}

/// Parameters with their values.
pub type Values = Vec<(&'static str, Given)>;

/// Reads a query by what a route lists.
///
/// # Errors
/// [`Problem`] that names the parameter.
pub fn read_query(listed: &'static [Param], query: Option<&str>) -> Result<Values, Problem> {
    let mut values = Values::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(param) = listed.iter().find(|param| param.name == name) else {
            return Err(Problem::input("query", "has a parameter that is not known here"));
        };
        let at = format!("query.{name}");
        if values.iter().any(|(there, _)| *there == param.name) {
            return Err(Problem::input(at, "is there twice"));
        }
        let Some(text) = decode(&text.replace('+', " ")) else {
            return Err(Problem::input(at, "is not text in UTF-8 with percent signs"));
        };
        values.push((param.name, param.kind.read(&text).map_err(|why| Problem::input(at, why))?));
    }
    match listed.iter().find(|param| param.required && !values.iter().any(|(name, _)| *name == param.name)) {
        Some(missing) => Err(Problem::input(format!("query.{}", missing.name), "is missing")),
        None => Ok(values),
    }
}

/// Reads the `{name}`s of a path by what a route lists.
///
/// # Errors
/// [`Problem`] that names the parameter.
pub fn read_path(listed: &'static [Param], segments: &[&str]) -> Result<Values, Problem> {
    let read = |(param, segment): (&Param, &&str)| {
        let at = || format!("path.{}", param.name);
        let text = decode(segment).ok_or_else(|| Problem::input(at(), "is not text in UTF-8 with percent signs"))?;
        Ok((param.name, param.kind.read(&text).map_err(|why| Problem::input(at(), why))?))
    };
    listed.iter().zip(segments).map(read).collect()
}

/// Percent signs taken away, once.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|c| char::from(c).to_digit(16));
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &[Param] = &[
        LIMIT,
        Param::required("after", Kind::Signed { min: -5, max: 5 }, "where"),
        Param::optional("name", Kind::Name { max: 4 }, "which"),
        Param::optional("title", Kind::Text { max: 4 }, "what it is called"),
    ];

    #[test]
    fn what_is_listed_is_read() {
        let values = read_query(LISTED, Some("after=-5&limit=1000&name=a%2Db"));
        let expected =
            [("after", Given::Signed(-5)), ("limit", Given::Whole(1000)), ("name", Given::Text("a-b".into()))];
        assert_eq!(values, Ok(expected.to_vec()));
        let titled = read_query(LISTED, Some("after=0&title=.%2F+%c3%a9"));
        assert_eq!(titled.map(|values| values[1].1.clone()), Ok(Given::Text("./ é".into())));
    }

    #[test]
    fn a_person_is_a_number_or_oneself() {
        assert_eq!(Kind::Person.read("me"), Ok(Given::Text("me".into())));
        assert_eq!(Kind::Person.read("7"), Ok(Given::Whole(7)));
        for wrong in ["", "0", "Me", "07", "-1", "me/", "9223372036854775808", "'7"] {
            assert!(Kind::Person.read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, at) in [
            ("", "query.after"),
            ("after=6", "query.after"),
            ("after=+1", "query.after"),
            ("after=01", "query.after"),
            ("after=1&after=1", "query.after"),
            ("after=1&limit=0", "query.limit"),
            ("after=1&limit=1001", "query.limit"),
            ("after=1&limit", "query.limit"),
            ("after=1&limit=99999999999999999999999", "query.limit"),
            ("after=1&name=..", "query.name"),
            ("after=1&name=a%2Fb", "query.name"),
            ("after=1&name=%00", "query.name"),
            ("after=1&name=%c0%af", "query.name"),
            ("after=1&name=%2", "query.name"),
            ("after=1&name=abcde", "query.name"),
            ("after=1&other=1", "query"),
            ("after=1&Limit=1", "query"),
            ("after=1&title=", "query.title"),
            ("after=1&title=%0a", "query.title"),
            ("after=1&title=%c2%85", "query.title"),
            ("after=1&title=%c3%a9%c3%a9%c3%a9%c3%a9%c3%a9", "query.title"),
        ] {
            let found = read_query(LISTED, Some(query)).err().and_then(|problem| problem.errors.first().cloned());
            assert_eq!(found.map(|error| error.at).as_deref(), Some(at), "{query}");
        }
    }
}
