//! Randomness for secrets and ids: the operating system's, and nothing else. Must never come from a seed, or from the
//! generator of a simulation.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

/// So many random bytes.
///
/// # Errors
/// [`NoRandomness`].
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// Bytes as base64url without padding.
pub(super) fn to_text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a base64url text without padding, if that is the only way to write them.
pub(super) fn from_text(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        text.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0')));
        text
    })
}

/// The bytes of exactly so many lower-case hexadecimal digits.
pub(super) fn from_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_chunks::<2>().0) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_way_to_write_bytes() {
        assert_eq!(from_hex(to_hex(&[0, 0x9f, 0xff]).as_bytes()), Some([0, 0x9f, 0xff]));
        for wrong in ["00", "0000000", "00000G", "0000FF"] {
            assert_eq!(from_hex::<3>(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(from_text(to_text(b"\xff\xfe").as_bytes()), Some(b"\xff\xfe".to_vec()));
        for wrong in ["__5", "__4=", "//4", "__4\n", " __4"] {
            assert_eq!(from_text(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
