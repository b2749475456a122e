//! Secrets of 32 bytes that come from outside, as text in a file that only its owner reads. Must never show one, nor read
//! one that others can read, too.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Bytes of a secret.
pub const SECRET_BYTES: usize = 32;
/// Most bytes of a file with one: it may end in a line break.
const FILE_BYTES_MAX: u64 = 256;

/// A secret, overwritten when it is dropped.
pub type Secret = Zeroizing<[u8; SECRET_BYTES]>;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It is not 32 bytes in one of the two forms.
    #[error("it is not 32 bytes, as 64 hexadecimal digits or in base64")]
    Form,
    /// The file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than its owner may read the file.
    #[error("others may read {path} (mode {mode:03o}): run chmod 600 on it")]
    Open {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// Reads a file that its owner alone may read.
///
/// # Errors
/// [`SecretError`].
pub fn read(path: &Path) -> Result<Secret, SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    // A pipe would be waited for, as soon as it is opened, and a folder says something odd.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(std::io::Error::other("it is no ordinary file")));
    }
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    // Another one may have come in its place in between.
    if !about.is_file() {
        return Err(failed(std::io::Error::other("it is no ordinary file")));
    }
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Open { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize));
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    parse(&text)
}

/// Reads 64 hexadecimal digits, or base64 (RFC 4648, section 4 or 5) with or without its padding. White space around them
/// does not count.
///
/// # Errors
/// [`SecretError::Form`].
pub fn parse(text: &str) -> Result<Secret, SecretError> {
    let text = text.trim();
    let bytes = if text.len() == 2 * SECRET_BYTES { hex(text) } else { base64(text) };
    let bytes = bytes.filter(|bytes| bytes.len() == SECRET_BYTES).ok_or(SecretError::Form)?;
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    secret.copy_from_slice(&bytes);
    Ok(secret)
}

fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES));
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
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES + 1));
    let (mut waiting, mut bits) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
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
        let secret = parse(&format!(" {digits}\n")).unwrap();
        assert_eq!(secret[..], (0..32).collect::<Vec<u8>>()[..]);
        // By `xxd -r -p | base64`.
        let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        for text in [base64, base64.trim_end_matches('=')] {
            assert_eq!(parse(text).unwrap(), secret);
        }
        let url = "-h9EaY6z2P0iR2yRttsAJUpvlLneAyhNcpe84QYrUH_=";
        assert!(matches!(parse(url), Err(SecretError::Form)), "bits to spare");
        let [url, other] =
            ["-h9EaY6z2P0iR2yRttsAJUpvlLneAyhNcpe84QYrU_U", "+h9EaY6z2P0iR2yRttsAJUpvlLneAyhNcpe84QYrU/U"];
        assert_eq!(parse(url).ok(), parse(other).ok());
        assert_eq!(parse(other).unwrap()[..3], [0xfa, 0x1f, 0x44]);
        let one_short = &digits[1..];
        let not_canonical = base64.replace("8=", "9=");
        for bad in
            ["", "00", one_short, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", &not_canonical, &"ä".repeat(32)]
        {
            assert!(matches!(parse(bad), Err(SecretError::Form)), "{bad:?}");
        }
    }

    #[test]
    fn a_file_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "7f".repeat(32)).unwrap();
        for mode in [0o640, 0o604, 0o602] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = read(&path).unwrap_err();
            assert!(matches!(refused, SecretError::Open { .. }), "{refused}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(*read(&path).unwrap(), [0x7f; 32]);
        assert!(matches!(read(folder.path()), Err(SecretError::File { .. })));
        // A pipe that nobody writes into is not waited for.
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap().success());
        let (told, hears) = std::sync::mpsc::channel();
        std::thread::spawn(move || told.send(read(&pipe).is_err()));
        assert_eq!(hears.recv_timeout(std::time::Duration::from_secs(10)), Ok(true));
        let nowhere = read(&folder.path().join("no")).unwrap_err();
        assert!(nowhere.to_string().contains("no"), "{nowhere}");
    }
}
