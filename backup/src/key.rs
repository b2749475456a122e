//! The backup key: 32 bytes that seal every backup. It is another key than the one that wraps people's keys, so that who
//! has a backup and its key still knows nobody. Must never be printed, and is wiped from memory when it is dropped.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of the key.
const KEY_BYTES: usize = 32;
/// Most bytes of a key file: hexadecimal or base64, and white space around it.
const FILE_BYTES_MAX: u64 = 256;

/// Seals backups.
#[derive(Clone)]
pub struct BackupKey(Zeroizing<[u8; KEY_BYTES]>);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the key file {path}: {source}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Others may read the file.
    #[error("others may read the key file {0}: take their rights away with `chmod 600`")]
    Open(String),
    /// The text is no key.
    #[error(
        "the backup key is not 32 bytes as 64 hexadecimal digits or in base64; `head -c 32 /dev/urandom | base64` makes one"
    )]
    Malformed,
}

impl BackupKey {
    /// Of 32 bytes.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Of 64 hexadecimal digits, or base64 with or without padding; white space around it does not count.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        let is_key = if text.len() == 2 * KEY_BYTES {
            from_hex(text.as_bytes(), &mut bytes)
        } else {
            from_base64(text.trim_end_matches('=').as_bytes(), &mut bytes)
        };
        if is_key { Ok(Self(bytes)) } else { Err(KeyError::Malformed) }
    }

    /// Of a file that only its owner may read.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let name = path.display().to_string();
        let unreadable = |source| KeyError::Unreadable { path: name.clone(), source };
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.permissions().mode() & 0o077 != 0 {
            return Err(KeyError::Open(name));
        }
        let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize + 1));
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        Self::from_text(&text)
    }

    /// A key for one purpose.
    pub(crate) fn derive(&self, context: &str, salt: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(&self.0[..]).update(salt);
        let mut hash = hasher.finalize();
        let key = Zeroizing::new(*hash.as_bytes());
        hash.zeroize();
        hasher.zeroize();
        key
    }

    /// Names the key without telling anything about it.
    pub(crate) fn id(&self) -> [u8; 8] {
        let mut id = [0; 8];
        id.copy_from_slice(&self.derive("spacetime 2026 name of a backup key", &[])[..8]);
        id
    }

    /// The passphrase of pgBackRest's repositories: 64 hexadecimal digits.
    pub(crate) fn passphrase(&self) -> Zeroizing<String> {
        let key = self.derive("spacetime 2026 passphrase for pgBackRest", &[]);
        let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES));
        for byte in key.iter() {
            text.extend([byte >> 4, byte & 15].iter().filter_map(|nibble| char::from_digit(u32::from(*nibble), 16)));
        }
        text
    }
}

impl fmt::Debug for BackupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupKey")
    }
}

fn from_hex(text: &[u8], out: &mut [u8; KEY_BYTES]) -> bool {
    let digit = |c: u8| char::from(c).to_digit(16);
    out.iter_mut().zip(text.chunks_exact(2)).all(|(byte, pair)| match (digit(pair[0]), digit(pair[1])) {
        (Some(high), Some(low)) => {
            *byte = (high << 4 | low) as u8;
            true
        }
        _ => false,
    })
}

/// The alphabet of RFC 4648, section 4 or 5.
fn from_base64(text: &[u8], out: &mut [u8; KEY_BYTES]) -> bool {
    // 43 letters are 258 bits; the last two are zero.
    if text.len() != 43 {
        return false;
    }
    let (mut bits, mut count, mut at) = (0_u32, 0, 0);
    for letter in text {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = (bits & 0xff) << 6 | u32::from(value);
        count += 6;
        if count >= 8 && at < KEY_BYTES {
            count -= 8;
            out[at] = (bits >> count) as u8;
            at += 1;
        }
    }
    bits & 3 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_a_key_are_read() {
        let bytes: [u8; 32] = std::array::from_fn(|i| (i * 37 + 250) as u8);
        let hex: String = bytes.iter().map(|b| format!("{b:02X}")).collect();
        // Written by Python's base64 module.
        let base64 = "+h9EaY6z2P0iR2yRttsAJUpvlLneAyhNcpe84QYrUHU=";
        for text in [hex.as_str(), base64, base64.trim_end_matches('='), &format!("  {base64}\n")] {
            assert_eq!(*BackupKey::from_text(text).unwrap().0, bytes, "{text}");
        }
        let url = base64.replace('+', "-").replace('/', "_");
        assert_eq!(*BackupKey::from_text(&url).unwrap().0, bytes);
        for bad in ["", "abc", &hex[1..], &hex.replace('F', "G"), &base64[1..], &base64.replace('E', "%")] {
            assert!(matches!(BackupKey::from_text(bad), Err(KeyError::Malformed)), "{bad}");
        }
        assert!(BackupKey::from_text("//////////////////////////////////////////8=").is_ok());
        assert!(BackupKey::from_text("//////////////////////////////////////////9=").is_err(), "bits to spare");
    }

    #[test]
    fn a_key_shows_itself_nowhere() {
        let key = BackupKey::new([0xab; 32]);
        assert_eq!(format!("{key:?}"), "BackupKey");
        assert_eq!(key.passphrase().len(), 64);
        assert!(!key.passphrase().contains("abab"));
        assert_ne!(key.id(), BackupKey::new([0xac; 32]).id());
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, format!("{}\n", "5a".repeat(32))).unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o640);
        assert!(matches!(BackupKey::from_file(&path), Err(KeyError::Open(_))));
        mode(0o600);
        assert_eq!(*BackupKey::from_file(&path).unwrap().0, [0x5a; 32]);
        std::fs::write(&path, "x".repeat(1 << 20)).unwrap();
        assert!(matches!(BackupKey::from_file(&path), Err(KeyError::Malformed)));
        assert!(matches!(BackupKey::from_file(folder.path()), Err(KeyError::Unreadable { .. } | KeyError::Open(_))));
    }
}
