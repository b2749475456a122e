//! Any text is an invite or refused with a message; and any bytes behind a sound beginning.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netcode::protocol::SessionId;
use netcode::transport::{Invite, InviteLink, from_base64, to_base64};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        for text in [text.to_owned(), format!("spacetime://[::1]:1/{text}")] {
            match text.parse::<InviteLink>() {
                Ok(link) => assert_eq!(link.to_string(), text.trim()),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        if let Some(decoded) = from_base64(text) {
            assert_eq!(to_base64(&decoded), text);
        }
    }
    if let Some(array) = bytes.first_chunk::<{ Invite::BYTES }>()
        && let Some(invite) = Invite::from_bytes(SessionId::default(), array)
    {
        assert_eq!(invite.to_bytes(), *array);
        let link = InviteLink { host: "host".to_owned(), port: 1, invite };
        assert!(link.to_string().parse::<InviteLink>().is_err(), "nobody signed it");
    }
});
