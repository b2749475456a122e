//! The handshake written by hand, from docs/NETCODE.md and with snow alone: what another implementation, or another
//! version of this one, would send.

use crate::support::{Net, Peer, address, hello, identity, members, run};
use netcode::protocol::{PROTOCOL_VERSION, Time};
use netcode::transport::{Answer, Packet, Refusal, mark, mark_key};

const HOST: &str = "10.0.0.1:1000";
const SELF: &str = "10.0.0.2:1000";

/// What the host answers to a first Noise message with this payload.
fn answer(payload: &[u8]) -> Option<Answer> {
    let (net, mut now) = (Net::default(), Time(0));
    let mut host = Peer::new(&net, 1, HOST, hello(), members(&[2]));
    let mut exchange = |bytes: &[u8]| {
        net.inject(address(SELF), address(HOST), bytes);
        run(&mut now, 1, &mut [&mut host]);
        net.take(address(SELF)).pop().map(|(_, bytes)| bytes)
    };
    let echo = [3; 8];
    let hello = [&[0x80, 0, 0, 0, 7][..], &echo, &mark(&mark_key(&identity(1).key()), 7, &echo)].concat();
    let reply = exchange(&hello).expect("a cookie");
    assert_eq!(reply[..13], [&[0x81, 0, 0, 0, 7][..], &echo].concat(), "29 bytes, as many as were sent");
    assert_eq!((reply.len(), hello.len()), (29, 29));
    let cookie = &reply[13..];

    let prologue = [b"spacetime transport 1", cookie].concat();
    let remote = ed25519_dalek::VerifyingKey::from_bytes(&identity(1).key().0).expect("a key").to_montgomery();
    let mut noise = snow::Builder::new("Noise_IK_25519_AESGCM_BLAKE2s".parse().expect("known"))
        .local_private_key(&identity(2).noise_secret())
        .and_then(|builder| builder.remote_public_key(remote.as_bytes()))
        .and_then(|builder| builder.prologue(&prologue))
        .and_then(snow::Builder::build_initiator)
        .expect("sound keys");
    let mut message = vec![0; 1024];
    let length = noise.write_message(payload, &mut message).expect("room");
    let reply = exchange(&[&[0x82, 0, 0, 0, 7][..], cookie, &message[..length]].concat())?;
    assert_eq!(reply[..5], [0x83, 0, 0, 0, 7]);
    assert!(matches!(Packet::parse(&reply), Some(Packet::Answer { index: 7, .. })));
    let mut payload = [0; 128];
    let length = noise.read_message(&reply[5..], &mut payload).expect("from the host");
    Answer::from_bytes(&payload[..length])
}

fn introduction(version: u32) -> Vec<u8> {
    let hello = hello();
    let mut bytes = version.to_le_bytes().to_vec();
    bytes.extend_from_slice(&[1; 8]);
    bytes.extend_from_slice(&hello.session.0);
    bytes.extend_from_slice(&hello.scenario.0);
    bytes.extend_from_slice(&hello.revision.to_le_bytes());
    bytes.extend_from_slice(&identity(2).key().0);
    bytes
}

#[test]
fn another_version_is_told_so_whatever_else_it_says() {
    assert!(matches!(answer(&introduction(PROTOCOL_VERSION)), Some(Answer::Accept(_))));
    let refused = Some(Answer::Refuse(Refusal::Version { there: PROTOCOL_VERSION }));
    assert_eq!(answer(&introduction(PROTOCOL_VERSION + 1)), refused);
    assert_eq!(answer(&(PROTOCOL_VERSION + 1).to_le_bytes()), refused, "a layout we do not know");
    assert_eq!(answer(&[&introduction(9)[..], &[0; 200]].concat()), refused);
}

#[test]
fn a_key_that_is_not_proven_gets_no_answer() {
    let mut stolen = introduction(PROTOCOL_VERSION);
    stolen[68..100].copy_from_slice(&identity(5).key().0);
    assert_eq!(answer(&stolen), None);
    let own = [&introduction(PROTOCOL_VERSION)[..68], &identity(1).key().0].concat();
    assert_eq!(answer(&own), None, "nor the host's own");
    assert_eq!(answer(&introduction(PROTOCOL_VERSION)[..90]), None, "nor one cut off");
}
