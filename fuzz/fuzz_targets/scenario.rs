//! Any text is a scenario or refused with a message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sim::Scenario;

fuzz_target!(|text: &str| {
    if let Err(error) = Scenario::parse(text) {
        assert!(!error.to_string().is_empty());
    }
});
