//! The backup key: 32 bytes that seal every backup. It is another key than the one that wraps people's keys, so that who
//! has a backup and its key still knows nobody. Must never be printed, and is wiped from memory when it is dropped.

use std::fmt;
use std::path::Path;

use persistence::secret::{self, SECRET_BYTES, Secret, SecretError};
use zeroize::{Zeroize as _, Zeroizing};

/// Seals backups.
#[derive(Clone)]
pub struct BackupKey(Secret);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[error("the backup key: {0}")]
pub struct KeyError(#[from] SecretError);

impl BackupKey {
    /// Of 32 bytes.
    #[must_use]
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Of 64 hexadecimal digits, or base64 with or without padding; white space around it does not count.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        Ok(Self(secret::parse(text)?))
    }

    /// Of a file that only its owner may read.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        Ok(Self(secret::read(path)?))
    }

    /// A key for one purpose.
    pub(crate) fn derive(&self, context: &str, salt: &[u8]) -> Zeroizing<[u8; SECRET_BYTES]> {
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
        let mut text = Zeroizing::new(String::with_capacity(2 * SECRET_BYTES));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_itself_nowhere() {
        let key = BackupKey::new([0xab; 32]);
        assert_eq!(format!("{key:?}"), "BackupKey");
        assert_eq!(key.passphrase().len(), 64);
        assert!(!key.passphrase().contains("abab"));
        assert_ne!(key.id(), BackupKey::new([0xac; 32]).id());
    }
}
