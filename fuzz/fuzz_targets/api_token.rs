//! Any bytes as an access token are refused: nobody has the key. The signature keeps a fuzzer from getting far, so the
//! bytes are also read as what is inside one; what is read has one spelling.
#![no_main]

use std::sync::LazyLock;

use api::clock::Moment;
use api::security::keys::Keys;
use api::security::token::{LIFE_S_MAX, Parties, key_id, unverified_claims, verify};
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::in_memory().unwrap());

fuzz_target!(|bytes: &[u8]| {
    let parties = Parties { issuer: "a".into(), audience: "b".into() };
    assert!(verify(&KEYS, &parties, bytes, Moment(1_800_000_000_000)).is_err());
    if let Ok(id) = key_id(bytes) {
        assert_eq!(bytes, [&br#"{"alg":"EdDSA","typ":"at+jwt","kid":""#[..], &id, br#""}"#].concat());
    }
    if let Ok(claims) = unverified_claims(bytes, &parties) {
        assert!(claims.person.0 > 0);
        assert!((1..=LIFE_S_MAX).contains(&(claims.expires_s - claims.issued_s)));
        let start = format!(r#"{{"iss":"a","aud":"b","sub":"{}","sid":"{}","#, claims.person.0, claims.sign_in);
        assert!(bytes.starts_with(start.as_bytes()));
    }
});
