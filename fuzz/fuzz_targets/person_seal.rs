//! Any bytes are a seal, or what is inside one, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = persistence::people::decodes(bytes);
});
