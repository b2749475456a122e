//! Any bytes are an export of a person or refused; one that reads is written as it was read, also as tables.
#![no_main]

use libfuzzer_sys::fuzz_target;
use persistence::people::PersonExport;

fuzz_target!(|bytes: &[u8]| {
    let Ok(export) = PersonExport::from_json(bytes) else { return };
    let text = export.to_json().expect("what was read is written");
    assert_eq!(PersonExport::from_json(text.as_bytes()).as_ref(), Ok(&export));
    assert!(!export.to_tables().expect("what was read is written").is_empty());
});
