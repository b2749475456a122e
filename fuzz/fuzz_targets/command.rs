//! Any bytes are a command or refused; what decodes encodes to something that decodes to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sim::Command;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(command) = Command::decode(bytes) {
        // NaN is not equal to itself, so compare what travels.
        let encoded = command.encode();
        let again = Command::decode(&encoded).expect("what was encoded decodes");
        assert_eq!(again.encode(), encoded);
    }
});
