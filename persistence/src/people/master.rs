//! The master key, which wraps the keys of people. It comes from outside: a file that only its owner reads, or a value of
//! the environment. Must never be printed, nor kept in memory once it is dropped.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::{Zeroize as _, Zeroizing};

use crate::record::Token;
use crate::secret::{self, SECRET_BYTES, Secret, SecretError};

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = SECRET_BYTES;

/// 32 random bytes that wrap other keys.
#[derive(Clone)]
pub struct MasterKey {
    key: Secret,
    id: Token,
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// It cannot be read.
    #[error("the master key: {0}")]
    Secret(#[from] SecretError),
    /// The file cannot be written.
    #[error("the file of the master key {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

impl MasterKey {
    /// Reads a file that its owner alone may read.
    ///
    /// # Errors
    /// [`MasterKeyError::Secret`].
    pub fn from_file(path: &Path) -> Result<Self, MasterKeyError> {
        Ok(Self::of(secret::read(path)?))
    }

    /// Reads 64 hexadecimal digits, or base64 with or without its padding. White space around them does not count.
    ///
    /// # Errors
    /// [`MasterKeyError::Secret`].
    pub fn from_text(text: &str) -> Result<Self, MasterKeyError> {
        Ok(Self::of(secret::parse(text)?))
    }

    /// Makes a new one in a file that its owner alone may read, and that must not be there yet.
    ///
    /// # Errors
    /// [`MasterKeyError::File`], [`MasterKeyError::Random`].
    pub fn create(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
        let key = Self::random()?;
        let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES + 1));
        for byte in key.key.iter() {
            text.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0')));
        }
        text.push('\n');
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        // Its name has to survive, too: without it, whatever it wraps is lost.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(key)
    }

    /// Makes a new one.
    ///
    /// # Errors
    /// [`MasterKeyError::Random`].
    pub fn random() -> Result<Self, MasterKeyError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(key.as_mut_slice()).map_err(MasterKeyError::Random)?;
        Ok(Self::of(key))
    }

    fn of(key: Secret) -> Self {
        let mut whole = blake3::derive_key("spacetime 2026 number of a master key", key.as_slice());
        let mut id = [0; 16];
        id.copy_from_slice(&whole[..16]);
        whole.zeroize();
        Self { key, id: Token(id) }
    }

    /// Names it without saying anything about it.
    #[must_use]
    pub fn id(&self) -> Token {
        self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_its_name_only() {
        let text = "7f".repeat(32);
        let key = MasterKey::from_text(&text).unwrap();
        let said = format!("{key:?}");
        assert!(said.contains(&key.id().to_string()) && !said.contains("7f7f") && !said.contains("127"), "{said}");
    }

    #[test]
    fn a_new_one_is_for_its_owner_alone_and_overwrites_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master");
        let key = MasterKey::create(&path).unwrap();
        assert_eq!(MasterKey::from_file(&path).unwrap().id(), key.id());
        assert!(matches!(MasterKey::create(&path), Err(MasterKeyError::File { .. })), "it is not overwritten");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let refused = MasterKey::from_file(&path).unwrap_err().to_string();
        assert!(refused.contains("the master key: others may read"), "{refused}");
    }
}
