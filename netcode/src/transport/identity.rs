//! Who this peer is: an Ed25519 key in a file that only its owner can read. The Noise key is the same key on the
//! Montgomery curve, so that a peer has one public identity. Never prints the secret.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use ed25519_dalek::{SigningKey, VerifyingKey};

use super::text::{from_hex, to_hex};
use crate::protocol::PeerKey;

const HEADING: &str = "spacetime-identity-1 ";
/// Longest identity file that is read.
const FILE_BYTES_MAX: u64 = 256;

/// A peer's secret identity.
#[derive(Clone)]
pub struct Identity {
    signing: SigningKey,
}

/// Why an identity cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("identity file {path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Others on this machine can read the secret.
    #[error("identity file {path} has mode {mode:03o}: others can read the secret; make it 600 (chmod 600 {path})")]
    Exposed {
        /// Which file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The bytes are no identity.
    #[error("not an identity: expected one line, \"spacetime-identity-1\" and 64 lower-case hexadecimal digits")]
    Malformed,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.key())
    }
}

impl Identity {
    /// A new identity.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn generate() -> Result<Self, IdentityError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(IdentityError::Random)?;
        Ok(Self::from_seed(&seed))
    }

    /// The identity of a 32-byte seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self { signing: SigningKey::from_bytes(seed) }
    }

    /// The public identity.
    #[must_use]
    pub fn key(&self) -> PeerKey {
        PeerKey(self.signing.verifying_key().to_bytes())
    }

    /// The key that signs.
    #[must_use]
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The X25519 secret of the same identity, for Noise (RFC 7748 scalar; clamped where it is used).
    #[must_use]
    pub fn noise_secret(&self) -> [u8; 32] {
        self.signing.to_scalar_bytes()
    }

    /// Reads an identity from the text of its file. Any bytes may come.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, IdentityError> {
        let text = std::str::from_utf8(bytes).map_err(|_| IdentityError::Malformed)?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let seed = line.strip_prefix(HEADING).and_then(from_hex::<32>).ok_or(IdentityError::Malformed)?;
        Ok(Self::from_seed(&seed))
    }

    /// The text of its file: one line. This is the secret.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{HEADING}{}\n", to_hex(self.signing.as_bytes()))
    }

    /// Reads the identity of a file.
    ///
    /// # Errors
    /// If the file cannot be read, is readable to others, or holds something else.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let failed = |source| IdentityError::Io { path: path.display().to_string(), source };
        let file = File::open(path).map_err(failed)?;
        private(&file, path)?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
        Self::parse(&bytes)
    }

    /// Writes the identity to a new file with mode 600. An existing file is never overwritten: it may be somebody's
    /// only key.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn store(&self, path: &Path) -> Result<(), IdentityError> {
        let failed = |source| IdentityError::Io { path: path.display().to_string(), source };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        private(&file, path)?;
        file.write_all(self.to_text().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
    }
}

/// Refuses a file that others can read or write. Asks the open file, not the path, which could be exchanged.
#[cfg(unix)]
fn private(file: &File, path: &Path) -> Result<(), IdentityError> {
    use std::os::unix::fs::PermissionsExt;
    let path = path.display().to_string();
    match file.metadata() {
        Ok(found) if found.permissions().mode() & 0o077 == 0 => Ok(()),
        Ok(found) => Err(IdentityError::Exposed { path, mode: found.permissions().mode() & 0o777 }),
        Err(source) => Err(IdentityError::Io { path, source }),
    }
}

#[cfg(not(unix))]
fn private(_file: &File, _path: &Path) -> Result<(), IdentityError> {
    Ok(())
}

/// The X25519 public key of an identity; `None` where the bytes are no point of the curve or one of small order.
#[must_use]
pub(super) fn noise_public(key: &PeerKey) -> Option<[u8; 32]> {
    let point = VerifyingKey::from_bytes(&key.0).ok()?;
    (!point.is_weak()).then(|| point.to_montgomery().to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_round_trips_and_nothing_else_parses() {
        let identity = Identity::from_seed(&[7; 32]);
        let text = identity.to_text();
        assert_eq!(Identity::parse(text.as_bytes()).expect("own text").key(), identity.key());
        for wrong in ["", "spacetime-identity-1 ", "spacetime-identity-2 00", &text.to_uppercase(), &text[1..]] {
            assert!(matches!(Identity::parse(wrong.as_bytes()), Err(IdentityError::Malformed)), "{wrong:?}");
        }
        assert!(!format!("{identity:?}").contains("0707"), "the secret stays secret");
    }

    #[test]
    fn the_montgomery_keys_belong_together() {
        let identity = Identity::from_seed(&[9; 32]);
        let resolver = snow::resolvers::DefaultResolver;
        let mut dh = snow::resolvers::CryptoResolver::resolve_dh(&resolver, &snow::params::DHChoice::Curve25519)
            .expect("snow has X25519");
        dh.set(&identity.noise_secret());
        assert_eq!(Some(dh.pubkey()), noise_public(&identity.key()).as_ref().map(|key| &key[..]));
    }

    #[test]
    fn points_of_small_order_are_no_identities() {
        let mut one = [0; 32];
        one[0] = 1;
        assert_eq!(noise_public(&PeerKey(one)), None);
        assert_eq!(noise_public(&PeerKey([0; 32])), None);
    }

    #[cfg(unix)]
    #[test]
    fn files_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let identity = Identity::generate().expect("random numbers");
        identity.store(&path).expect("a new file");
        let mode = |path: &Path| std::fs::metadata(path).expect("the file").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(Identity::load(&path).expect("own file").key(), identity.key());
        assert!(matches!(identity.store(&path), Err(IdentityError::Io { .. })), "never overwritten");
        for exposed in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(exposed)).expect("own file");
            let error = Identity::load(&path).expect_err("others can read it").to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
    }
}
