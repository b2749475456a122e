//! The master key, which wraps the keys of people. It comes from outside: a file that only its owner reads, or a value of
//! the environment. Must never be printed, nor kept in memory once it is dropped.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::{Zeroize as _, Zeroizing};

use crate::record::Token;

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;
/// Most bytes of a file with a key: it may end in a line break.
const FILE_BYTES_MAX: u64 = 256;

/// 32 random bytes that wrap other keys.
#[derive(Clone)]
pub struct MasterKey {
    key: Zeroizing<[u8; KEY_BYTES]>,
    id: Token,
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// It is not 32 bytes in one of the two forms.
    #[error("a master key is 32 bytes, as 64 hexadecimal digits or in base64; this is something else")]
    Form,
    /// The file cannot be read or written.
    #[error("the file of the master key {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than its owner may read the file.
    #[error("others may read the file of the master key {path} (mode {mode:03o}): run chmod 600 on it")]
    Open {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

impl MasterKey {
    /// Reads a file that its owner alone may read.
    ///
    /// # Errors
    /// [`MasterKeyError`], but not `Random`.
    pub fn from_file(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        // A pipe would be waited for, and a folder says something odd.
        if !about.is_file() {
            return Err(failed(std::io::Error::other("it is no ordinary file")));
        }
        let mode = about.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Open { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize));
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
        Self::from_text(&text)
    }

    /// Reads 64 hexadecimal digits, or base64 with or without its padding. White space around them does not count.
    ///
    /// # Errors
    /// [`MasterKeyError::Form`].
    pub fn from_text(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let bytes = if text.len() == 2 * KEY_BYTES { hex(text) } else { base64(text) };
        let bytes = bytes.ok_or(MasterKeyError::Form)?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return Err(MasterKeyError::Form);
        }
        key.copy_from_slice(&bytes);
        Ok(Self::of(key))
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

    fn of(key: Zeroizing<[u8; KEY_BYTES]>) -> Self {
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

fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES));
    for pair in text.as_bytes().chunks(2) {
        let [high, low] = pair else { return None };
        bytes.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(bytes)
}

fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.strip_suffix('=').unwrap_or(text);
    // 32 bytes are 43 digits, the last of which has two bits too many.
    if digits.len() != 43 {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
    let (mut waiting, mut bits) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        waiting = (waiting << 6 | u32::from(value)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((waiting >> bits & 0xff) as u8);
        }
    }
    (waiting & 0b11 == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        let digits = "000102030405060708090a0b0c0d0e0f101112131415161718191a1B1C1D1E1F";
        let key = MasterKey::from_text(&format!(" {digits}\n")).unwrap();
        assert_eq!(key.bytes()[..], (0..32).collect::<Vec<u8>>()[..]);
        // By `xxd -r -p | base64`.
        let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        for text in [base64, base64.trim_end_matches('=')] {
            assert_eq!(MasterKey::from_text(text).unwrap().id(), key.id());
        }
        let one_short = &digits[1..];
        let not_canonical = base64.replace("8=", "9=");
        for bad in
            ["", "00", one_short, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", &not_canonical, &"ä".repeat(32)]
        {
            assert!(matches!(MasterKey::from_text(bad), Err(MasterKeyError::Form)), "{bad:?}");
        }
    }

    #[test]
    fn a_key_says_its_name_only() {
        let text = "7f".repeat(32);
        let key = MasterKey::from_text(&text).unwrap();
        let said = format!("{key:?}");
        assert!(said.contains(&key.id().to_string()) && !said.contains("7f7f") && !said.contains("127"), "{said}");
    }

    #[test]
    fn a_file_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master");
        let key = MasterKey::create(&path).unwrap();
        assert_eq!(MasterKey::from_file(&path).unwrap().id(), key.id());
        assert!(matches!(MasterKey::create(&path), Err(MasterKeyError::File { .. })), "it is not overwritten");
        for mode in [0o640, 0o604, 0o602] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = MasterKey::from_file(&path).unwrap_err();
            assert!(matches!(refused, MasterKeyError::Open { .. }), "{refused}");
        }
        assert!(matches!(MasterKey::from_file(folder.path()), Err(MasterKeyError::File { .. })));
        let nowhere = MasterKey::from_file(&folder.path().join("no")).unwrap_err();
        assert!(nowhere.to_string().contains("no"), "{nowhere}");
    }
}
