//! Keys that sign access tokens: Ed25519, one that signs and former ones that still verify. Must never print a secret, nor
//! look anything up outside memory for a key id that a caller names.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::random::{self, from_hex, to_hex};
use super::table::lock;
use crate::clock::Moment;

const HEADING: &str = "spacetime-api-keys-1";
/// Longest key file that is read.
const FILE_BYTES_MAX: u64 = 8192;
/// Former keys that are kept; a rotation beyond it drops the oldest.
const FORMER_MAX: usize = 16;
/// Different bytes that a drawn secret has at least; 32 random ones have fewer once in 10^20 draws.
const DIFFERENT_MIN: usize = 12;

/// Names a key: the beginning of its public part's hash, in hexadecimal.
pub type KeyId = [u8; 16];

/// Why the keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("key file {path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Others on this machine can read or change the secret.
    #[error("key file {path} has mode {mode:03o}: others can get at the secret; make it 600 (chmod 600 {path})")]
    Exposed {
        /// Which file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold keys.
    #[error("key file {path}: {why}")]
    Malformed {
        /// Which file.
        path: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The system gives no random numbers.
    #[error(transparent)]
    Random(#[from] random::NoRandomness),
}

/// The keys at one time.
#[derive(Clone)]
struct Ring {
    /// Wiped when it is dropped.
    signing: Arc<SigningKey>,
    current: KeyId,
    former: Vec<Former>,
}

#[derive(Clone)]
struct Former {
    id: KeyId,
    key: VerifyingKey,
    until: Moment,
}

/// Keys, the file that they are in, and their rotation.
pub struct Keys {
    ring: ArcSwap<Ring>,
    file: Option<PathBuf>,
    rotating: Mutex<()>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", String::from_utf8_lossy(&self.current()))
    }
}

fn id_of(key: &VerifyingKey) -> KeyId {
    let mut id = [0; 16];
    id.copy_from_slice(to_hex(&blake3::hash(key.as_bytes()).as_bytes()[..8]).as_bytes());
    id
}

impl Ring {
    fn new(seed: &[u8; 32], former: Vec<Former>) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let current = id_of(&signing.verifying_key());
        Self { signing: Arc::new(signing), current, former }
    }

    fn drawn(former: Vec<Former>) -> Result<Self, KeyError> {
        Ok(Self::new(&Zeroizing::new(random::bytes::<32>()?), former))
    }

    fn to_text(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(to_hex(self.signing.as_bytes()));
        let mut text = Zeroizing::new(format!("{HEADING}\ncurrent {}\n", *secret));
        for former in &self.former {
            text.push_str(&format!("former {} {}\n", to_hex(former.key.as_bytes()), former.until.0));
        }
        text
    }
}

/// Reads the text of a key file. Any bytes may come.
fn parse(bytes: &[u8]) -> Result<Ring, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let mut lines = text.lines();
    if lines.next() != Some(HEADING) {
        return Err("its first line is not \"spacetime-api-keys-1\"");
    }
    let seed = lines.next().and_then(|line| line.strip_prefix("current ")).and_then(|hex| from_hex(hex.as_bytes()));
    let seed: Zeroizing<[u8; 32]> =
        Zeroizing::new(seed.ok_or("its second line is not \"current\" and 64 lower-case hexadecimal digits")?);
    let mut different = Zeroizing::new(*seed);
    different.sort_unstable();
    if different.windows(2).filter(|pair| pair[0] != pair[1]).count() + 1 < DIFFERENT_MIN {
        return Err("the secret is not a random one");
    }
    let mut former = Vec::new();
    for line in lines {
        let parsed = line.strip_prefix("former ").and_then(|rest| rest.split_once(' ')).and_then(|(hex, until)| {
            let key = VerifyingKey::from_bytes(&from_hex(hex.as_bytes())?).ok().filter(|key| !key.is_weak())?;
            Some(Former { id: id_of(&key), key, until: Moment(until.parse().ok()?) })
        });
        former.push(parsed.ok_or("a line is not \"former\", a public key and a time")?);
        if former.len() > FORMER_MAX {
            return Err("it has more than 16 former keys");
        }
    }
    Ok(Ring::new(&seed, former))
}

impl Keys {
    /// A new key in memory only: tokens end with the process.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn in_memory() -> Result<Self, KeyError> {
        Ok(Self::of(Ring::drawn(Vec::new())?, None))
    }

    /// The keys of a file, which is made with a new key if there is none.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::Io { path: path.display().to_string(), source };
        let file = match File::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let ring = Ring::drawn(Vec::new())?;
                write(path, &ring).map_err(failed)?;
                return Ok(Self::of(ring, Some(path.to_owned())));
            }
            opened => opened.map_err(failed)?,
        };
        private(&file, path)?;
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        let ring = match bytes.len() as u64 > FILE_BYTES_MAX {
            true => Err("it is too long"),
            false => parse(&bytes),
        };
        let ring = ring.map_err(|why| KeyError::Malformed { path: path.display().to_string(), why })?;
        Ok(Self::of(ring, Some(path.to_owned())))
    }

    fn of(ring: Ring, file: Option<PathBuf>) -> Self {
        Self { ring: ArcSwap::from_pointee(ring), file, rotating: Mutex::new(()) }
    }

    /// Signs with a new key from now on. The former one verifies for as long as a token that it signed lives.
    ///
    /// # Errors
    /// [`KeyError`]; then the key is the one that it was.
    pub fn rotate(&self, now: Moment, token_life: Duration) -> Result<KeyId, KeyError> {
        let _one_at_a_time = lock(&self.rotating);
        let old = self.ring.load();
        let mut former: Vec<Former> = old.former.iter().filter(|former| former.until > now).cloned().collect();
        former.push(Former { id: old.current, key: old.signing.verifying_key(), until: now.plus(token_life) });
        former.drain(..former.len().saturating_sub(FORMER_MAX));
        let ring = Ring::drawn(former)?;
        if let Some(path) = &self.file {
            write(path, &ring).map_err(|source| KeyError::Io { path: path.display().to_string(), source })?;
        }
        let id = ring.current;
        self.ring.store(Arc::new(ring));
        Ok(id)
    }

    /// Names the key that signs.
    #[must_use]
    pub fn current(&self) -> KeyId {
        self.ring.load().current
    }

    /// The public part of the key that signs.
    #[must_use]
    pub fn public(&self) -> VerifyingKey {
        self.ring.load().signing.verifying_key()
    }

    /// Signs what is made for the key that signs now.
    pub(super) fn sign(&self, message: impl FnOnce(&KeyId) -> String) -> (String, [u8; 64]) {
        let ring = self.ring.load();
        let message = message(&ring.current);
        let signature = ring.signing.sign(message.as_bytes()).to_bytes();
        (message, signature)
    }

    /// Whether a key of this id verifies at this moment.
    #[must_use]
    pub fn knows(&self, id: &[u8], now: Moment) -> bool {
        self.find(id, now).is_some()
    }

    /// Whether the key of this id has made the signature.
    #[must_use]
    pub fn verifies(&self, id: &[u8], now: Moment, message: &[u8], signature: &[u8; 64]) -> bool {
        self.find(id, now).is_some_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }

    fn find(&self, id: &[u8], now: Moment) -> Option<VerifyingKey> {
        let ring = self.ring.load();
        if ring.current == id {
            return Some(ring.signing.verifying_key());
        }
        ring.former.iter().find(|former| former.id == id && now < former.until).map(|former| former.key)
    }
}

/// Writes beside the file and renames, so that there is one whole file at all times.
fn write(path: &Path, ring: &Ring) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(ring.to_text().as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Refuses a file that others can read or write. Asks the open file, not the path, which could be exchanged.
#[cfg(unix)]
fn private(file: &File, path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = path.display().to_string();
    match file.metadata() {
        Ok(found) if !found.is_file() => Err(KeyError::Malformed { path, why: "it is not a file" }),
        Ok(found) if found.permissions().mode() & 0o077 == 0 => Ok(()),
        Ok(found) => Err(KeyError::Exposed { path, mode: found.permissions().mode() & 0o777 }),
        Err(source) => Err(KeyError::Io { path, source }),
    }
}

#[cfg(not(unix))]
fn private(_file: &File, _path: &Path) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_key_verifies_until_its_tokens_are_over() {
        let keys = Keys::in_memory().expect("random numbers");
        let (message, signature) = keys.sign(|_| "x".into());
        let old = keys.current();
        let hour = Duration::from_secs(3600);
        keys.rotate(Moment(1000), hour).expect("a new key");
        assert_ne!(keys.current(), old);
        assert!(keys.verifies(&old, Moment(3_600_999), message.as_bytes(), &signature));
        assert!(!keys.verifies(&old, Moment(3_601_000), message.as_bytes(), &signature), "it is over");
        assert!(!keys.verifies(&keys.current(), Moment(1000), message.as_bytes(), &signature), "not the new one's");
        for _ in 0..40 {
            keys.rotate(Moment(1000), hour).expect("a new key");
        }
        assert!(keys.ring.load().former.len() <= FORMER_MAX && !keys.knows(&old, Moment(1000)));
    }

    #[test]
    fn nothing_prints_the_secret_and_unknown_ids_are_unknown() {
        let keys = Keys::in_memory().expect("random numbers");
        let secret = to_hex(keys.ring.load().signing.as_bytes());
        assert!(keys.ring.load().to_text().contains(&secret), "control: it would be found");
        assert!(!format!("{keys:?}").contains(&secret[..8]));
        for id in [&b""[..], b"../../etc/passwd", b"/dev/null", b"0000000000000000", &keys.current()[..15]] {
            assert!(!keys.knows(id, Moment(0)), "{}", String::from_utf8_lossy(id));
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_private_whole_and_kept() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("api.key");
        let keys = Keys::open(&path).expect("a new file");
        let mode = || fs::metadata(&path).expect("the file").permissions().mode() & 0o777;
        let first = keys.current();
        keys.rotate(Moment(0), Duration::from_secs(60)).expect("a new key");
        assert_eq!(mode(), 0o600);
        let again = Keys::open(&path).expect("own file");
        assert_eq!(again.current(), keys.current());
        assert!(again.knows(&first, Moment(59_999)) && !again.knows(&first, Moment(60_000)));
        for exposed in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(exposed)).expect("own file");
            let error = Keys::open(&path).expect_err("others can read it").to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
        assert!(Keys::open(folder.path()).is_err(), "a folder");
    }

    #[test]
    fn short_default_and_foreign_files_are_refused() {
        let good = Ring::drawn(Vec::new()).expect("random numbers").to_text();
        assert!(parse(good.as_bytes()).is_ok(), "control");
        let key = |hex: &str| format!("{HEADING}\ncurrent {hex}\n");
        for bad in [
            String::new(),
            good[..good.len() - 3].to_owned(),
            good.to_uppercase(),
            key(&"0".repeat(64)),
            key(&"0123456789abcdef".repeat(4)),
            key("changeme"),
            format!("{}former x 1\n", *good),
            format!("{}former {} 1\n", *good, "0".repeat(64)),
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
