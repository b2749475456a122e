//! Sealed datagrams: index, low half of the nonce, ciphertext with tag. Must never pass a datagram twice, nor one that
//! the other end did not make.
//!
//! The tag does not cover the index and the flag by themselves: another index means another key, and the flag is
//! the nonce's top bit. So a change of either fails the tag.

use snow::StatelessTransportState;

use crate::protocol::wire::DATAGRAM_BYTES_MAX;

/// Bytes that a sealed datagram has more than what it carries: index 4, nonce 4, tag 16. laminar's header, 5 bytes that
/// are always the same for unreliable packets, is not sent.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// Most bytes one datagram carries for the core: all that it may want to send. Sealed, with the headers of UDP and
/// IPv6, that is 1252 bytes, and every path takes 1280.
pub const PAYLOAD_BYTES_MAX: usize = DATAGRAM_BYTES_MAX;
const _: () = assert!(PAYLOAD_BYTES_MAX + OVERHEAD_BYTES + 48 <= 1280);

pub(super) const HEADER_BYTES: usize = 8;
const TAG_BYTES: usize = 16;

/// Set in the first byte of handshake packets, so never part of an index.
pub(super) const HANDSHAKE_BIT: u8 = 0x80;
/// Set in the first byte of datagrams between the two transports.
const CONTROL_BIT: u32 = 0x4000_0000;
/// The bits of the first word that are the index.
pub(super) const INDEX_MASK: u32 = 0x3fff_ffff;
/// Nonces of control datagrams have this bit, those of data have not.
const CONTROL_NONCE: u64 = 1 << 63;

/// The clear part of a sealed datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub index: u32,
    pub control: bool,
    pub low: u32,
}

impl Header {
    /// The header of a datagram that is no handshake packet; `None` if it is too short to be sealed or too long.
    pub fn read(datagram: &[u8]) -> Option<Self> {
        if !(OVERHEAD_BYTES..=OVERHEAD_BYTES + PAYLOAD_BYTES_MAX).contains(&datagram.len()) {
            return None;
        }
        let (word, rest) = datagram.split_first_chunk::<4>()?;
        let word = u32::from_be_bytes(*word);
        let low = u32::from_be_bytes(*rest.first_chunk::<4>()?);
        Some(Self { index: word & INDEX_MASK, control: word & CONTROL_BIT != 0, low })
    }
}

/// Which nonces were seen: the highest, and a bit for each of the 1,024 up to it.
#[derive(Clone, Debug)]
pub struct Window {
    /// One more than the highest nonce seen; 0: none yet.
    next: u64,
    /// Bit `n % 1024`: nonce `n` was seen, for the last 1,024.
    seen: [u64; Self::BITS as usize / 64],
}

impl Default for Window {
    fn default() -> Self {
        Self { next: 0, seen: [0; Self::BITS as usize / 64] }
    }
}

impl Window {
    /// How far a datagram may come behind the newest.
    pub const BITS: u64 = 1024;

    /// The nonce with these low 32 bits that is nearest to the next one expected.
    #[must_use]
    pub fn expand(&self, low: u32) -> u64 {
        let near = (self.next & !0xffff_ffff) | u64::from(low);
        let half = 1 << 31;
        if near + half < self.next {
            near + (1 << 32)
        } else if near > self.next + half && near >> 32 != 0 {
            near - (1 << 32)
        } else {
            near
        }
    }

    /// Whether a nonce is new: neither seen nor too old to tell.
    #[must_use]
    pub fn is_new(&self, nonce: u64) -> bool {
        nonce >= self.next || (self.next - nonce <= Self::BITS && self.seen[Self::word(nonce)] & Self::bit(nonce) == 0)
    }

    /// Marks a nonce as seen; whether it is the highest so far.
    pub fn mark(&mut self, nonce: u64) -> bool {
        let newest = nonce >= self.next;
        if newest {
            let skipped = (nonce - self.next).min(Self::BITS);
            for passed in nonce - skipped..nonce {
                self.seen[Self::word(passed)] &= !Self::bit(passed);
            }
            self.next = nonce + 1;
        }
        self.seen[Self::word(nonce)] |= Self::bit(nonce);
        newest
    }

    fn word(nonce: u64) -> usize {
        (nonce % Self::BITS / 64) as usize
    }

    fn bit(nonce: u64) -> u64 {
        1 << (nonce % 64)
    }
}

/// The keys of one session, its next nonce and what it has seen.
pub(super) struct Seal {
    keys: StatelessTransportState,
    next_nonce: u64,
    window: Window,
}

/// Why a datagram does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenError {
    /// Seen before, or too old to tell.
    Replayed,
    /// The tag is wrong.
    Forged,
}

impl Seal {
    pub fn new(keys: StatelessTransportState) -> Self {
        Self { keys, next_nonce: 0, window: Window::default() }
    }

    /// Puts a sealed datagram into `out`; `None` if the payload is too long.
    pub fn seal(&mut self, index: u32, control: bool, payload: &[u8], out: &mut Vec<u8>) -> Option<()> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return None;
        }
        let counter = self.next_nonce;
        let flag = if control { CONTROL_BIT } else { 0 };
        out.clear();
        out.extend_from_slice(&(index & INDEX_MASK | flag).to_be_bytes());
        out.extend_from_slice(&(counter as u32).to_be_bytes());
        out.resize(OVERHEAD_BYTES + payload.len(), 0);
        self.keys.write_message(full(counter, control), payload, &mut out[HEADER_BYTES..]).ok()?;
        self.next_nonce += 1;
        Some(())
    }

    /// Opens a datagram into `out`: the length of the payload, and whether its nonce is the highest so far.
    pub fn open(&mut self, header: Header, datagram: &[u8], out: &mut [u8]) -> Result<(usize, bool), OpenError> {
        let counter = self.window.expand(header.low);
        // 2^62 datagrams are never sent; and the top bit is the flag's.
        if counter >= CONTROL_NONCE / 2 {
            return Err(OpenError::Forged);
        }
        if !self.window.is_new(counter) {
            return Err(OpenError::Replayed);
        }
        let sealed = datagram.get(HEADER_BYTES..).ok_or(OpenError::Forged)?;
        let length =
            self.keys.read_message(full(counter, header.control), sealed, out).map_err(|_| OpenError::Forged)?;
        Ok((length, self.window.mark(counter)))
    }
}

fn full(counter: u64, control: bool) -> u64 {
    if control { counter | CONTROL_NONCE } else { counter }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn ends() -> (Seal, Seal) {
        let params: snow::params::NoiseParams = "Noise_NN_25519_AESGCM_BLAKE2s".parse().expect("known");
        let mut a = snow::Builder::new(params.clone()).build_initiator().expect("no keys needed");
        let mut b = snow::Builder::new(params).build_responder().expect("no keys needed");
        let (mut message, mut payload) = ([0; 128], [0; 128]);
        let length = a.write_message(&[], &mut message).expect("first");
        b.read_message(&message[..length], &mut payload).expect("first");
        let length = b.write_message(&[], &mut message).expect("second");
        a.read_message(&message[..length], &mut payload).expect("second");
        let seal = |state: snow::HandshakeState| Seal::new(state.into_stateless_transport_mode().expect("finished"));
        (seal(a), seal(b))
    }

    #[test]
    fn a_datagram_opens_once_and_any_changed_bit_shows() {
        let (mut a, mut b) = ends();
        let mut wire = Vec::new();
        a.seal(77, false, b"fifty-five", &mut wire).expect("short");
        assert_eq!(wire.len(), 10 + OVERHEAD_BYTES);
        let mut out = [0; 2048];
        // Bits of the index choose another session, so they are not this seal's to notice.
        for bit in (0..wire.len() * 8).filter(|bit| *bit == 1 || *bit >= 32) {
            let mut bent = wire.clone();
            bent[bit / 8] ^= 0x80 >> (bit % 8);
            let header = Header::read(&bent).expect("long enough");
            assert!(b.open(header, &bent, &mut out).is_err(), "bit {bit}");
        }
        let header = Header::read(&wire).expect("long enough");
        assert_eq!(header, Header { index: 77, control: false, low: 0 });
        assert_eq!(b.open(header, &wire, &mut out), Ok((10, true)));
        assert_eq!(&out[..10], b"fifty-five");
        assert_eq!(b.open(header, &wire, &mut out), Err(OpenError::Replayed));
        assert!(a.open(header, &wire, &mut out).is_err(), "not back to its sender");
    }

    #[test]
    fn nonces_go_on_past_what_travels() {
        let (mut a, mut b) = ends();
        a.next_nonce = u64::from(u32::MAX) - 2;
        b.window.mark(a.next_nonce - 1);
        let (mut wire, mut out) = (Vec::new(), [0; 2048]);
        for _ in 0..6 {
            a.seal(1, true, &[], &mut wire).expect("short");
            let header = Header::read(&wire).expect("long enough");
            assert_eq!(b.open(header, &wire, &mut out), Ok((0, true)));
        }
    }

    proptest! {
        #[test]
        fn the_window_is_a_set_of_the_newest(jumps in prop::collection::vec(-1200i64..1200, 1..200)) {
            let (mut window, mut seen, mut at) = (Window::default(), BTreeSet::new(), 5000u64);
            for jump in jumps {
                at = at.saturating_add_signed(jump);
                let highest = seen.last().copied();
                let expected = !seen.contains(&at) && highest.is_none_or(|highest| at + Window::BITS > highest);
                prop_assert_eq!(window.is_new(at), expected, "{}", at);
                if expected {
                    prop_assert_eq!(window.mark(at), highest.is_none_or(|highest| at > highest));
                    seen.insert(at);
                }
            }
        }

        #[test]
        fn low_bits_are_enough(next in 0u64..1 << 40, off in -(1i64 << 31) + 1..(1i64 << 31) - 1) {
            let window = Window { next, ..Window::default() };
            let nonce = next.saturating_add_signed(off);
            prop_assert_eq!(window.expand(nonce as u32), nonce);
        }
    }
}
