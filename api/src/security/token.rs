//! Access tokens: JSON Web Tokens (RFC 7519, RFC 9068) with one way to write each, signed by Ed25519 (RFC 8037). They say
//! who and by which sign-in, and never a role. Must never believe anything in a token before its signature was verified,
//! nor let its header choose how it is verified.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use super::keys::{KeyId, Keys};
use super::random::{from_hex, from_text, to_text};
use super::table::lock;
use crate::clock::Moment;
use crate::identity::{Person, SignInId};

/// Longest token that is looked at.
pub const TOKEN_BYTES_MAX: usize = 2048;
/// Longest life of a token, s.
pub const LIFE_S_MAX: u64 = 3600;
/// Why a token is not good when it once was.
pub const EXPIRED: &str = "expired";
/// Why a token is not good whose sign-in does not stand any more.
pub const ENDED: &str = "its sign-in has ended";
/// Why nobody was believed who sent none.
pub const MISSING: &str = "no token";
/// Why a token is not good that was issued later than it is now: the clock was set back.
pub const NOT_YET: &str = "not yet good";
/// Why a token is not good whose key is not known, or not any more.
pub const NO_KEY: &str = "no such key";

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who.
    pub person: Person,
    /// By which sign-in.
    pub sign_in: SignInId,
    /// When it was issued, and not before when it is good: seconds since 1970.
    pub issued_s: u64,
    /// When it ends: seconds since 1970.
    pub expires_s: u64,
    /// Names the token.
    pub id: [u8; 16],
}

impl Claims {
    /// When it ends.
    #[must_use]
    pub const fn expires(&self) -> Moment {
        Moment(self.expires_s.saturating_mul(1000))
    }

    /// Whether the time is right.
    fn at(&self, now: Moment) -> Result<(), &'static str> {
        match () {
            () if now >= self.expires() => Err(EXPIRED),
            () if now.0 < self.issued_s.saturating_mul(1000) => Err(NOT_YET),
            () => Ok(()),
        }
    }
}

/// Who issues tokens, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parties {
    /// Who issues them.
    pub issuer: String,
    /// Whom they are for.
    pub audience: String,
}

impl Parties {
    /// Whether both can be written without an escape.
    #[must_use]
    pub fn are_plain(&self) -> bool {
        [&self.issuer, &self.audience].iter().all(|text| {
            (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:/".contains(&b))
        })
    }
}

/// Writes a token.
#[must_use]
pub fn issue(keys: &Keys, parties: &Parties, claims: &Claims) -> String {
    let payload = format!(
        r#"{{"iss":"{}","aud":"{}","sub":"{}","sid":"{}","iat":{iat},"nbf":{iat},"exp":{},"jti":"{}"}}"#,
        parties.issuer,
        parties.audience,
        claims.person.0,
        claims.sign_in,
        claims.expires_s,
        to_text(&claims.id),
        iat = claims.issued_s
    );
    let (mut token, signature) = keys.sign(|id| {
        let header = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{}"}}"#, String::from_utf8_lossy(id));
        format!("{}.{}", to_text(header.as_bytes()), to_text(payload.as_bytes()))
    });
    token.push('.');
    token.push_str(&to_text(&signature));
    token
}

/// What a token says, if it is good. Any bytes may come.
///
/// # Errors
/// What is wrong with it, for the log.
pub fn verify(keys: &Keys, parties: &Parties, token: &[u8], now: Moment) -> Result<Claims, &'static str> {
    signed(keys, parties, token, now).map(|(_, claims)| claims)
}

fn signed(keys: &Keys, parties: &Parties, token: &[u8], now: Moment) -> Result<(KeyId, Claims), &'static str> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err("too long");
    }
    let mut parts = token.split(|byte| *byte == b'.');
    let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("not of three parts");
    };
    let signature: [u8; 64] =
        from_text(signature).and_then(|bytes| bytes.try_into().ok()).ok_or("no signature of 64 bytes")?;
    let id = key_id(&from_text(header).ok_or("the header is not base64url")?)?;
    let message = &token[..header.len() + 1 + payload.len()];
    if !keys.knows(&id, now) {
        return Err(NO_KEY);
    }
    if !keys.verifies(&id, now, message, &signature) {
        return Err("forged");
    }
    let claims = unverified_claims(&from_text(payload).ok_or("the payload is not base64url")?, parties)?;
    claims.at(now)?;
    Ok((id, claims))
}

/// The key id of a header that is exactly what is written here: there is no other algorithm, type or field.
///
/// # Errors
/// What is wrong with it.
pub fn key_id(header: &[u8]) -> Result<KeyId, &'static str> {
    let fields = object(header).ok_or("the header is not read")?;
    match fields.as_slice() {
        [("alg", Value::Text("EdDSA")), ("typ", Value::Text("at+jwt")), ("kid", Value::Text(id))] => {
            id.as_bytes().try_into().map_err(|_| "not a key's name")
        }
        _ => Err("not the one header"),
    }
}

/// The claims of a payload: all of them, each once, in their order, and no others. Not to be believed: nothing here looks
/// at a signature or at the time.
///
/// # Errors
/// What is wrong with them.
pub fn unverified_claims(payload: &[u8], parties: &Parties) -> Result<Claims, &'static str> {
    use Value::{Number, Text};
    let fields = object(payload).ok_or("the payload is not read")?;
    let [
        ("iss", Text(issuer)),
        ("aud", Text(audience)),
        ("sub", Text(person)),
        ("sid", Text(sign_in)),
        ("iat", Number(issued_s)),
        ("nbf", Number(not_before_s)),
        ("exp", Number(expires_s)),
        ("jti", Text(id)),
    ] = *fields.as_slice()
    else {
        return Err("not the claims of a token");
    };
    if issuer != parties.issuer {
        return Err("of another issuer");
    }
    if audience != parties.audience {
        return Err("for another audience");
    }
    let person = number(person.as_bytes()).filter(|person| *person > 0).ok_or("not a person")?;
    let sign_in = from_hex(sign_in.as_bytes()).ok_or("not a sign-in")?;
    let id = from_text(id.as_bytes()).and_then(|bytes| bytes.try_into().ok()).ok_or("not a token's name")?;
    if not_before_s != issued_s || expires_s <= issued_s || expires_s - issued_s > LIFE_S_MAX {
        return Err("not a token's time");
    }
    Ok(Claims { person: Person(person), sign_in: SignInId(sign_in), issued_s, expires_s, id })
}

/// A value in a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value<'a> {
    Text(&'a str),
    Number(u64),
}

/// Fields of an object that has only texts without escapes and whole numbers, and no white space: what tokens here are
/// made of. At most ten.
fn object(bytes: &[u8]) -> Option<Vec<(&str, Value<'_>)>> {
    let mut rest = bytes.strip_prefix(b"{")?;
    let mut fields = Vec::new();
    loop {
        let (name, behind) = text(rest)?;
        let behind = behind.strip_prefix(b":")?;
        let (value, behind) = match text(behind) {
            Some((value, behind)) => (Value::Text(value), behind),
            None => {
                let digits = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let (digits, behind) = behind.split_at(digits);
                (Value::Number(number(digits)?), behind)
            }
        };
        fields.push((name, value));
        match behind {
            b"}" => return Some(fields),
            [b',', behind @ ..] if fields.len() < 10 => rest = behind,
            _ => return None,
        }
    }
}

/// A text in quotes, and what is behind it.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(b"\"")?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let (inside, behind) = rest.split_at(end);
    let is_plain = inside.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\');
    Some((std::str::from_utf8(inside).ok().filter(|_| is_plain)?, behind.get(1..)?))
}

/// A whole number as it is written one way only.
fn number(digits: &[u8]) -> Option<u64> {
    let is_canonical = digits == b"0" || digits.first().is_some_and(|first| (b'1'..=b'9').contains(first));
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok().filter(|_| is_canonical)
}

/// Parts of the cache with a lock each.
const SHARDS: usize = 16;

type Shard = HashMap<[u8; 32], (KeyId, Claims)>;

/// Tokens that were verified, by their hash: the signature is not computed for each request. Whether one is over, and
/// whether its key still counts, is asked each time; whether its sign-in stands is the caller's to ask.
pub struct Verified {
    shards: Vec<Mutex<Shard>>,
    tokens_max_each: usize,
}

impl Verified {
    /// For about so many tokens.
    #[must_use]
    pub fn new(tokens_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            tokens_max_each: tokens_max.div_ceil(SHARDS).max(1),
        }
    }

    /// As [`verify`].
    ///
    /// # Errors
    /// As [`verify`].
    pub fn verify(&self, keys: &Keys, parties: &Parties, token: &[u8], now: Moment) -> Result<Claims, &'static str> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err("too long");
        }
        let hash = *blake3::hash(token).as_bytes();
        let known = self.shard(&hash).get(&hash).copied();
        if let Some((key, claims)) = known {
            claims.at(now)?;
            return if keys.knows(&key, now) { Ok(claims) } else { Err("no such key") };
        }
        let (key, claims) = signed(keys, parties, token, now)?;
        let mut shard = self.shard(&hash);
        if shard.len() >= self.tokens_max_each {
            shard.retain(|_, (_, claims)| claims.expires() > now);
        }
        if shard.len() >= self.tokens_max_each {
            shard.clear();
        }
        shard.insert(hash, (key, claims));
        Ok(claims)
    }

    /// Forgets tokens that are over.
    pub fn sweep(&self, now: Moment) {
        for shard in &self.shards {
            lock(shard).retain(|_, (_, claims)| claims.expires() > now);
        }
    }

    /// Tokens that are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn shard(&self, hash: &[u8; 32]) -> MutexGuard<'_, Shard> {
        // There are SHARDS of them, so the index is in range.
        lock(&self.shards[usize::from(hash[0]) % SHARDS])
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
