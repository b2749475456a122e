//! Headers: what is refused of a request's, and what every reply carries. Must never let a reply go without these.

use std::sync::LazyLock;

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::problem::{Code, Problem};
use super::route::{Body, Handler, Route};

/// The header that names a request.
pub const CORRELATION: HeaderName = HeaderName::from_static("correlation-id");

const API_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

const ALWAYS: [(HeaderName, HeaderValue); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-embedder-policy"), HeaderValue::from_static("require-corp")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), microphone=(), geolocation=()"),
    ),
];

/// Headers that no reply has, whatever a handler says.
const NEVER: [HeaderName; 4] = [header::SERVER, header::LOCATION, header::REFRESH, header::SET_COOKIE];

/// What every reply has, without TLS and with it. To clone it costs less than to hash each name for each reply.
static SAFE: LazyLock<[HeaderMap; 2]> = LazyLock::new(|| {
    // With room in its index for what a reply adds.
    let mut plain = HeaderMap::with_capacity(24);
    plain.extend(ALWAYS.map(|(name, value)| (Some(name), value)));
    plain.insert(header::CONTENT_SECURITY_POLICY, API_POLICY);
    plain.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Pages of listed origins are told so.
    plain.insert(header::VARY, HeaderValue::from_static("origin"));
    let mut encrypted = plain.clone();
    let value = HeaderValue::from_static("max-age=31536000; includeSubDomains");
    encrypted.insert(header::STRICT_TRANSPORT_SECURITY, value);
    [plain, encrypted]
});

/// The headers that a reply begins with.
#[must_use]
pub fn safe(is_page: bool, is_tls: bool) -> HeaderMap {
    let mut headers = SAFE[usize::from(is_tls)].clone();
    if is_page {
        headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    }
    headers
}

/// Whether a handler may add this header. How long a reply may be kept it knows best.
#[must_use]
pub fn may_add(name: &HeaderName) -> bool {
    !NEVER.contains(name) && (*name == header::CACHE_CONTROL || !SAFE[1].contains_key(name))
}

/// Headers that say who asks, for what, or where a body ends: two of one would be read in two ways.
const ONCE: [HeaderName; 9] = [
    header::AUTHORIZATION,
    header::HOST,
    header::ORIGIN,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::RANGE,
    header::IF_RANGE,
];

/// Whether the headers go together, before anything is read into them.
///
/// # Errors
/// [`Code::BadRequest`].
pub fn check(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.len() == headers.keys_len() {
        return Ok(());
    }
    match ONCE.iter().find(|name| headers.get_all(*name).iter().nth(1).is_some()) {
        Some(twice) => Err(Problem::errors(Code::BadRequest, vec![refused(twice, "is there twice")])),
        None => Ok(()),
    }
}

/// Whether the body is of the type that the route takes, and not larger.
///
/// # Errors
/// [`Code::UnsupportedType`], [`Code::TooLarge`].
pub fn check_body(route: &Route, headers: &HeaderMap, has_body: bool) -> Result<(), Problem> {
    let unsupported = |name: &HeaderName, why: &str| Problem::errors(Code::UnsupportedType, vec![refused(name, why)]);
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(unsupported(&header::CONTENT_ENCODING, "has to be left out"));
    }
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_socket = matches!(route.handler, Handler::Socket(_));
    let takes = if is_socket { None } else { route.body };
    let is_right = match takes {
        None if !has_body => true,
        None => content_type.is_none(),
        Some(Body::Json(_)) => {
            matches!(content_type, Some(b"application/json" | b"application/json; charset=utf-8"))
        }
        Some(Body::Octets(expected)) => content_type == Some(expected.as_bytes()),
    };
    if !is_right {
        return Err(unsupported(&header::CONTENT_TYPE, "is not what the route takes"));
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let is_too_long = length.is_some_and(|length| length > route.limits.body_bytes as u64);
    if is_too_long || (takes.is_none() && has_body) { Err(Problem::new(Code::TooLarge)) } else { Ok(()) }
}

fn refused(name: &HeaderName, why: &str) -> crate::ports::Refused {
    crate::ports::Refused { at: format!("header.{name}"), why: why.to_owned() }
}

/// The longest token that is looked at.
const TOKEN_MAX: usize = 4096;

/// What bearer tokens are written with (RFC 6750), as a table: each request has some hundred letters to look at.
const IN_TOKENS: [bool; 256] = {
    let mut table = [false; 256];
    let mut c = 0;
    while c < 256 {
        table[c] =
            (c as u8).is_ascii_alphanumeric() || matches!(c as u8, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
        c += 1;
    }
    table
};

/// The bearer token of a request.
///
/// # Errors
/// What is wrong with the header, for the log.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let value = value.to_str().map_err(|_| "not ASCII")?;
    let token =
        value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token);
    match token {
        Some(token) if (1..=TOKEN_MAX).contains(&token.len()) && token.bytes().all(|c| IN_TOKENS[usize::from(c)]) => {
            Ok(Some(token))
        }
        _ => Err("not a bearer token"),
    }
}

/// A header's value of bytes that are known to be printable.
pub(crate) fn value(text: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static("-"))
}
