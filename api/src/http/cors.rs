//! Which web origins may read replies, and change anything. Must never allow an origin that is not listed letter by letter.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The origins whose pages may ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

/// A list of origins is not safe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an origin: it has to be http:// or https://, a host and perhaps a port, and never `*`")]
pub struct NotAnOrigin(pub String);

impl Origins {
    /// Of these, such as `https://console.example:8443`.
    ///
    /// # Errors
    /// [`NotAnOrigin`] for anything that a browser would not send as an origin.
    pub fn new(origins: impl IntoIterator<Item = String>) -> Result<Self, NotAnOrigin> {
        let is_host = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-.:[]".contains(&c);
        let is_origin = |origin: &String| {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            host.is_some_and(|host| !host.is_empty() && host.bytes().all(is_host))
        };
        let origins: Vec<String> = origins.into_iter().collect();
        match origins.iter().find(|origin| !is_origin(origin)) {
            Some(wrong) => Err(NotAnOrigin(wrong.clone())),
            None => Ok(Self(origins)),
        }
    }

    /// What the caller's origin is to us.
    #[must_use]
    pub fn look(&self, headers: &HeaderMap) -> Asking {
        match headers.get(header::ORIGIN) {
            None => Asking::NoPage,
            Some(origin) if self.0.iter().any(|listed| listed.as_bytes() == origin.as_bytes()) => {
                Asking::Listed(origin.clone())
            }
            Some(_) => Asking::Foreign,
        }
    }
}

/// Who asks, as the header `Origin` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asking {
    /// No page of another origin: a script, or a page's own reading.
    NoPage,
    /// A page whose origin is listed.
    Listed(HeaderValue),
    /// Another page.
    Foreign,
}

/// Headers that a page may send.
const MAY_SEND: HeaderValue = HeaderValue::from_static("authorization, content-type, range");
/// Headers that a page may read.
const MAY_READ: HeaderValue = HeaderValue::from_static("correlation-id, retry-after, etag, content-range");
/// For how many seconds a browser may remember.
const REMEMBER_S: HeaderValue = HeaderValue::from_static("600");

/// Adds to a reply what a page of a listed origin needs to read it.
pub fn allow_reading(asking: &Asking, headers: &mut HeaderMap) {
    if let Asking::Listed(origin) = asking {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, MAY_READ);
    }
}

/// What a preflight of a listed origin is told about a path with these methods.
#[must_use]
pub fn preflight(methods: HeaderValue) -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, MAY_SEND),
        (header::ACCESS_CONTROL_MAX_AGE, REMEMBER_S),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_letter_by_letter() -> Result<(), NotAnOrigin> {
        let origins = Origins::new(["https://console.example".to_owned()])?;
        let look = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            origins.look(&headers)
        };
        assert!(matches!(look("https://console.example"), Asking::Listed(_)));
        for foreign in [
            "null",
            "",
            "*",
            "http://console.example",
            "https://console.example:8443",
            "https://console.example.evil",
            "https://evil-console.example",
            "https://console.exampl",
            "https://CONSOLE.example",
            "https://console.example/",
        ] {
            assert_eq!(look(foreign), Asking::Foreign, "{foreign}");
        }
        assert_eq!(origins.look(&HeaderMap::new()), Asking::NoPage);
        Ok(())
    }

    #[test]
    fn what_is_no_origin_is_not_listed() {
        for wrong in ["*", "null", "https://*.example", "https://a/", "ftp://a", "a", "https://", "https://A"] {
            assert_eq!(Origins::new([wrong.to_owned()]), Err(NotAnOrigin(wrong.to_owned())));
        }
    }
}
