//! Any bytes are signed entries or refused; and nothing that was made up has a signature.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netcode::protocol::signed::SignedEntries;

fuzz_target!(|bytes: &[u8]| {
    if let Some(signed) = SignedEntries::decode(bytes) {
        assert!(!signed.holds(), "nobody signed it");
        let turn = signed.last().unwrap_or(signed.first());
        let _ = signed.input::<Vec<u8>>(turn);
        assert_eq!(SignedEntries::decode(&signed.encode()), Some(signed));
    }
});
