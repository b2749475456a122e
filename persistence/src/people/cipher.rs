//! Bytes under a key: XChaCha20-Poly1305 with a random nonce, bound to a person and to what the bytes are for. Must never
//! open what was changed, or what was sealed for somebody or something else.
//!
//! A seal is a version (1 byte, 1), the nonce (24 bytes), and the ciphertext with its tag (16 bytes more than the plain).

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::master::KEY_BYTES;
use crate::record::{PersonId, Seal};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// What a seal is bound to.
pub(super) fn bound(purpose: &str, person: PersonId, context: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + context.len());
    // Neither purposes nor numbers contain what follows them: no two ways to read the same bytes.
    out.extend(purpose.as_bytes());
    out.push(0);
    out.extend(person.0.to_be_bytes());
    out.extend(context);
    out
}

/// Seals. Nothing where the operating system has no random number, or there is more than a cipher can take.
pub(super) fn seal(key: &[u8; KEY_BYTES], bound: &[u8], plain: &[u8]) -> Option<Seal> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).ok()?;
    let payload = Payload { msg: plain, aad: bound };
    let sealed = cipher(key).encrypt(&XNonce::from(nonce), payload).ok()?;
    let mut out = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
    out.push(VERSION);
    out.extend(nonce);
    out.extend(sealed);
    Some(Seal(out))
}

/// Opens. Nothing where it is not what was sealed.
pub(super) fn open(key: &[u8; KEY_BYTES], bound: &[u8], seal: &Seal) -> Option<Zeroizing<Vec<u8>>> {
    let (&version, rest) = seal.0.split_first()?;
    if version != VERSION {
        return None;
    }
    let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload { msg: sealed, aad: bound };
    cipher(key).decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
}

fn cipher(key: &[u8; KEY_BYTES]) -> XChaCha20Poly1305 {
    let mut key = Key::from(*key);
    let cipher = XChaCha20Poly1305::new(&key);
    zeroize::Zeroize::zeroize(key.as_mut_slice());
    cipher
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_opens_only_where_it_belongs() {
        let bound_to = |person| bound("test", PersonId(person), b"a");
        let seal = seal(&[7; 32], &bound_to(1), b"plain").unwrap();
        assert_eq!(open(&[7; 32], &bound_to(1), &seal).unwrap().as_slice(), b"plain");
        assert!(open(&[8; 32], &bound_to(1), &seal).is_none(), "another key");
        assert!(open(&[7; 32], &bound_to(2), &seal).is_none(), "another person");
        assert!(open(&[7; 32], &bound("test", PersonId(1), b"b"), &seal).is_none(), "another context");
        assert!(open(&[7; 32], &bound("tes", PersonId(1), b"a"), &seal).is_none(), "another purpose");
        for bit in 0..seal.0.len() * 8 {
            let mut other = seal.clone();
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&[7; 32], &bound_to(1), &other).is_none(), "bit {bit}");
        }
        for length in 0..seal.0.len() {
            assert!(open(&[7; 32], &bound_to(1), &Seal(seal.0[..length].to_vec())).is_none());
        }
    }

    /// From draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    #[test]
    fn it_is_the_published_cipher() {
        let key: [u8; 32] = std::array::from_fn(|n| 0x80 + n as u8);
        let nonce: [u8; 24] = std::array::from_fn(|n| 0x40 + n as u8);
        let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
            sunscreen would be it.";
        let payload = Payload { msg: plain, aad: &aad };
        let sealed = cipher(&key).encrypt(&XNonce::from(nonce), payload).unwrap();
        assert_eq!(sealed[..8], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
        assert_eq!(sealed[sealed.len() - 16..][..4], [0xc0, 0x87, 0x59, 0x24]);
    }
}
