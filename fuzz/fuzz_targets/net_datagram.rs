//! Datagrams of the lockstep core: any bytes are one or none, and what was read writes and reads back to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netcode::protocol::wire::Datagram;

fuzz_target!(|bytes: &[u8]| {
    let Some(datagram) = Datagram::decode(bytes) else { return };
    assert_eq!(Datagram::decode(&datagram.encode()), Some(datagram), "a datagram does not survive being written");
});
