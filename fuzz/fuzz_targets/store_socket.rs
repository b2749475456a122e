//! Any bytes on the control socket are a request or an answer, or refused; and what decodes can be checked.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = persistence::remote::decodes(bytes);
});
