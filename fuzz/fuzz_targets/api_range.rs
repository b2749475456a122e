//! The header `Range`: any bytes, for contents of any length.

#![no_main]

use api::http::range::{self, Wanted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, &[u8])| {
    let (length, value) = input;
    if let Wanted::Part(part) = range::read(value, length) {
        assert!(part.start < part.end && part.end <= length);
    }
});
