//! Any bytes are a handshake packet, an introduction, an answer or an identity file, or none; what is read writes back to
//! the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netcode::transport::{Answer, Identity, Introduction, Packet};

fuzz_target!(|bytes: &[u8]| {
    if let Some(packet) = Packet::parse(bytes) {
        assert_eq!(packet.to_bytes(), bytes);
    }
    if let Some(introduction) = Introduction::from_bytes(bytes) {
        assert_eq!(introduction.to_bytes(), bytes);
    }
    if let Some(answer) = Answer::from_bytes(bytes) {
        assert_eq!(answer.to_bytes(), bytes);
    }
    if let Ok(identity) = Identity::parse(bytes) {
        assert_eq!(identity.to_text().trim_end().as_bytes(), bytes.strip_suffix(b"\n").unwrap_or(bytes));
    }
});
