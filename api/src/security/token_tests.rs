//! Tests of access tokens: good ones, forged ones and any bytes.

use proptest::prelude::*;

use super::*;

const NOW: Moment = Moment(1_800_000_000_000);

fn parties() -> Parties {
    Parties { issuer: "spacetime".into(), audience: "spacetime-api".into() }
}

fn sample(life_s: u64) -> Claims {
    let issued_s = NOW.0 / 1000;
    Claims { person: Person(7), sign_in: SignInId([3; 16]), issued_s, expires_s: issued_s + life_s, id: [5; 16] }
}

fn keys() -> Keys {
    Keys::in_memory().expect("random numbers")
}

fn check(keys: &Keys, token: &str) -> Result<Claims, &'static str> {
    verify(keys, &parties(), token.as_bytes(), NOW)
}

/// Signs any header and payload well.
fn forge(keys: &Keys, header: impl Fn(&str) -> String, payload: &str) -> String {
    let (message, signature) = keys.sign(|id| {
        let header = header(std::str::from_utf8(id).expect("hexadecimal"));
        format!("{}.{}", to_text(header.as_bytes()), to_text(payload.as_bytes()))
    });
    format!("{message}.{}", to_text(&signature))
}

fn own_header(id: &str) -> String {
    format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{id}"}}"#)
}

fn payload_of(token: &str) -> String {
    let part = token.split('.').nth(1).expect("three parts");
    String::from_utf8(from_text(part.as_bytes()).expect("base64url")).expect("text")
}

#[test]
fn a_token_says_what_was_put_into_it() {
    let keys = keys();
    let token = issue(&keys, &parties(), &sample(3600));
    assert_eq!(check(&keys, &token), Ok(sample(3600)));
    assert!(token.len() < 600, "{}", token.len());
    assert!(!payload_of(&token).contains("role"), "the role is not in it");
    assert_eq!(
        check(&keys, &forge(&keys, own_header, &payload_of(&token))),
        Ok(sample(3600)),
        "the tests' own forger works"
    );
}

/// SEC-005: every forgery, beside the token that it was made of.
#[test]
fn forged_tokens_are_thrown_out() {
    let (keys, other) = (keys(), keys());
    let token = issue(&keys, &parties(), &sample(3600));
    assert!(check(&keys, &token).is_ok(), "control: it works");
    let parts: Vec<&str> = token.split('.').collect();
    let payload = payload_of(&token);
    let signed = |header: &str, payload: &str| forge(&keys, |id| header.replace("KID", id), payload);
    let none = to_text(br#"{"alg":"none","typ":"at+jwt"}"#);
    // A symmetric signature with the public key as its secret: what a verifier that asks the header would accept.
    let symmetric = {
        let header = to_text(own_header("x").replace("EdDSA", "HS256").as_bytes());
        let message = format!("{header}.{}", parts[1]);
        let mac = blake3::keyed_hash(keys.public().as_bytes(), message.as_bytes());
        format!("{message}.{}", to_text(mac.as_bytes()))
    };
    let own = own_header("KID");
    let other_claims = to_text(payload.replace(r#""sub":"7""#, r#""sub":"1""#).as_bytes());
    let forgeries = [
        ("none", format!("{none}.{}.", parts[1])),
        ("none, signature kept", format!("{none}.{}.{}", parts[1], parts[2])),
        ("symmetric", symmetric),
        ("altered claims", format!("{}.{other_claims}.{}", parts[0], parts[2])),
        ("clipped", token[..token.len() - 1].to_owned()),
        ("clipped by a quartet", token[..token.len() - 4].to_owned()),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("somebody else's key", issue(&other, &parties(), &sample(3600))),
        ("unknown key id", signed(&own_header("0123456789abcdef"), &payload)),
        ("path as key id", signed(&own_header("../../dev/null"), &payload)),
        ("absolute path as key id", signed(&own_header("/proc/self/environ"), &payload)),
        ("key in the header", signed(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"KID","jwk":"x"}"#, &payload)),
        ("algorithm in other case", signed(&own.replace("EdDSA", "eddsa"), &payload)),
        ("other type", signed(&own.replace("at+jwt", "JWT"), &payload)),
        ("algorithm twice", signed(&own.replace(r#"{"alg""#, r#"{"alg":"EdDSA","alg""#), &payload)),
        ("wrong issuer", signed(&own, &payload.replace("\"spacetime\"", "\"spacetimf\""))),
        ("wrong audience", signed(&own, &payload.replace("spacetime-api", "spacetime-apj"))),
        ("four parts", format!("{token}.x")),
        ("white space", format!(" {token}")),
        ("padding", format!("{token}=")),
        ("empty", String::new()),
        ("long", "a.".repeat(5000)),
    ];
    for (what, forgery) in &forgeries {
        assert!(check(&keys, forgery).is_err(), "{what}");
        let cache = Verified::new(100);
        assert!(cache.verify(&keys, &parties(), token.as_bytes(), NOW).is_ok());
        assert!(cache.verify(&keys, &parties(), forgery.as_bytes(), NOW).is_err(), "{what}, behind a cache");
        assert_eq!(cache.remembered(), 1, "what is bad is not remembered");
    }
}

/// Payloads that are signed well and yet are none: a role in them, repeated or not, is never read (SEC-040).
#[test]
fn claims_are_exactly_the_claims() {
    let keys = keys();
    let good = payload_of(&issue(&keys, &parties(), &sample(60)));
    let iat = NOW.0 / 1000;
    let times = |nbf: u64, exp: u64| {
        good.replace(&format!("\"nbf\":{iat}"), &format!("\"nbf\":{nbf}"))
            .replace(&format!("\"exp\":{}", iat + 60), &format!("\"exp\":{exp}"))
    };
    let changed = |from: &str, to: &str| {
        let text = good.replace(from, to);
        assert_ne!(text, good, "{from}");
        text
    };
    let bad = [
        changed("\"sub\":\"7\",", ""),
        changed("\"sub\":\"7\"", "\"sub\":\"7\",\"sub\":\"8\""),
        changed("\"sub\":\"7\"", "\"sub\":7"),
        changed("\"sub\":\"7\"", "\"sub\":\"07\""),
        changed("\"sub\":\"7\"", "\"sub\":\"0\""),
        changed("\"sub\":\"7\"", "\"sub\":\"-7\""),
        changed("\"sub\":\"7\"", "\"sub\":\"99999999999999999999\""),
        changed("}", ",\"role\":\"admin\"}"),
        changed("}", ",\"role\":\"\"}"),
        changed("}", ",\"role\":\"guest\",\"role\":\"admin\"}"),
        changed("{", "{ "),
        changed("\"iss\"", "\"\\u0069ss\""),
        times(iat + 60, iat + 60),
        times(iat, iat + LIFE_S_MAX + 1),
        times(iat, iat),
        times(iat, u64::MAX),
        "{}".into(),
        "[]".into(),
        String::new(),
    ];
    for payload in &bad {
        assert!(check(&keys, &forge(&keys, own_header, payload)).is_err(), "{payload}");
    }
    let future = Claims { issued_s: iat + 1, expires_s: iat + 60, ..sample(60) };
    assert_eq!(check(&keys, &issue(&keys, &parties(), &future)), Err("not yet good"));
}

/// SEC-037: to the second, through the cache too; SEC-036: a retired key.
#[test]
fn tokens_die_on_time_and_with_their_key() {
    let keys = keys();
    let (cache, token) = (Verified::new(100), issue(&keys, &parties(), &sample(3600)));
    let at = |ms: u64| cache.verify(&keys, &parties(), token.as_bytes(), Moment(NOW.0 + ms));
    assert!(at(0).is_ok() && at(3_599_000).is_ok() && at(3_599_999).is_ok());
    assert_eq!((at(3_600_000), at(3_601_000)), (Err(EXPIRED), Err(EXPIRED)));
    assert_eq!(cache.verify(&keys, &parties(), token.as_bytes(), Moment(NOW.0 - 1)), Err("not yet good"));
    keys.rotate(NOW, std::time::Duration::from_secs(10)).expect("a new key");
    assert!(at(9_999).is_ok(), "control: a former key still counts");
    assert_eq!(at(10_000), Err("no such key"));
    cache.sweep(Moment(NOW.0 + 3_600_000));
    assert_eq!(cache.remembered(), 0);
}

#[test]
fn the_cache_is_bounded() {
    let (keys, cache) = (keys(), Verified::new(64));
    for i in 0..500u64 {
        let token = issue(&keys, &parties(), &Claims { person: Person(i + 1), ..sample(60) });
        assert_eq!(cache.verify(&keys, &parties(), token.as_bytes(), NOW).map(|claims| claims.person.0), Ok(i + 1));
        assert!(cache.remembered() <= 64);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused_and_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert!(verify(&keys(), &parties(), &bytes, NOW).is_err());
        if let Some(fields) = object(&bytes) {
            prop_assert!(!fields.is_empty());
        }
    }

    #[test]
    fn one_changed_byte_is_one_too_many(at in 0usize..1000, to in any::<u8>()) {
        let keys = keys();
        let mut token = issue(&keys, &parties(), &sample(60)).into_bytes();
        let at = at % token.len();
        prop_assume!(token[at] != to);
        token[at] = to;
        prop_assert!(verify(&keys, &parties(), &token, NOW).is_err());
    }

    /// What is read of an object is all of it: written again it is the same bytes.
    #[test]
    fn objects_have_one_spelling(text in r#"\{("[a-c]{0,2}":("[ -~]{0,3}"|[0-9]{1,3}),?){0,4}\}"#) {
        if let Some(fields) = object(text.as_bytes()) {
            let written: Vec<String> = fields.iter().map(|(name, value)| match value {
                Value::Text(value) => format!("\"{name}\":\"{value}\""),
                Value::Number(value) => format!("\"{name}\":{value}"),
            }).collect();
            prop_assert_eq!(format!("{{{}}}", written.join(",")), text);
        }
    }

    #[test]
    fn all_that_is_issued_is_good(person in 1u64.., life in 1u64..=3600, id in any::<[u8; 16]>(), sign_in in any::<[u8; 16]>()) {
        let claims = Claims { person: Person(person), sign_in: SignInId(sign_in), id, ..sample(life) };
        let keys = keys();
        prop_assert_eq!(check(&keys, &issue(&keys, &parties(), &claims)), Ok(claims));
    }
}
