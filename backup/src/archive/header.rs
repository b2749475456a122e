//! The beginning of a backup, in the open, so that backups can be listed without the key. Must never tell more than when
//! a backup was taken and of what. That it was not changed is known only once the first frame opens.

use std::io::Read;

use persistence::{Kind, Millis, Name, Token};

use super::{ArchiveError, kind_of, number_of};
use crate::key::BackupKey;

/// What a backup begins with.
const MAGIC: [u8; 8] = *b"\xabSTBACK\n";
/// The version that is written and read. Raise it whenever a record or this format changes.
pub const FORMAT_VERSION: u16 = 1;
/// Bytes before the list of kinds.
const FIXED_BYTES: usize = 76;
/// Bytes of the checksum at the end.
const CHECKSUM_BYTES: usize = 8;
/// Most bytes that a header may have.
pub const HEADER_BYTES_MAX: usize = FIXED_BYTES + 1 + Kind::ALL.len() + 1 + 64 + CHECKSUM_BYTES;

/// What a backup says of itself in the open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Names the backup. Random.
    pub id: Token,
    /// When it was taken.
    pub taken: Millis,
    /// Of which store.
    pub store: Name,
    /// Which kinds of records it has, ascending.
    pub kinds: Vec<Kind>,
    /// Makes its frames' key its own. Random.
    pub(super) salt: [u8; 32],
    /// Names the backup key.
    pub(super) key_id: [u8; 8],
}

impl Header {
    /// Of a new backup.
    ///
    /// # Errors
    /// [`ArchiveError::Io`] where the system gives no random numbers.
    pub fn new(key: &BackupKey, store: Name, taken: Millis) -> Result<Self, ArchiveError> {
        let mut random = [0; 48];
        getrandom::fill(&mut random).map_err(|e| ArchiveError::Io(std::io::Error::other(e.to_string())))?;
        let (mut id, mut salt) = ([0; 16], [0; 32]);
        id.copy_from_slice(&random[..16]);
        salt.copy_from_slice(&random[16..]);
        Ok(Self { id: Token(id), taken, store, kinds: super::kinds(), salt, key_id: key.id() })
    }

    /// As it stands in the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES_MAX);
        out.extend(MAGIC);
        out.extend(FORMAT_VERSION.to_le_bytes());
        out.extend([0; 2]);
        out.extend(self.id.0);
        out.extend(self.taken.0.to_le_bytes());
        out.extend(self.salt);
        out.extend(self.key_id);
        out.push(self.kinds.len() as u8);
        out.extend(self.kinds.iter().map(|kind| number_of(*kind)));
        out.push(self.store.as_str().len() as u8);
        out.extend(self.store.as_str().as_bytes());
        let bytes = ((out.len() + CHECKSUM_BYTES) as u16).to_le_bytes();
        out[10..12].copy_from_slice(&bytes);
        let sum = checksum(&out);
        out.extend(sum);
        out
    }

    /// Reads it, and nothing behind it.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn read(input: &mut impl Read) -> Result<Self, ArchiveError> {
        let mut start = [0; 12];
        input.read_exact(&mut start).map_err(cut_off)?;
        if start[..8] != MAGIC {
            return Err(ArchiveError::Foreign);
        }
        let version = u16::from_le_bytes([start[8], start[9]]);
        if version != FORMAT_VERSION {
            return Err(ArchiveError::Version { found: version, needed: FORMAT_VERSION });
        }
        let length = usize::from(u16::from_le_bytes([start[10], start[11]]));
        if !(FIXED_BYTES + CHECKSUM_BYTES..=HEADER_BYTES_MAX).contains(&length) {
            return Err(ArchiveError::damaged("its header has a length that none has"));
        }
        let mut bytes = start.to_vec();
        bytes.resize(length, 0);
        input.read_exact(&mut bytes[12..]).map_err(cut_off)?;
        Self::decode(&bytes).ok_or_else(|| ArchiveError::damaged("its header is not what was written"))
    }

    /// The header of these bytes, all of them.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (contents, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
        if checksum(contents) != *sum {
            return None;
        }
        let rest = contents.get(12..)?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (taken, rest) = rest.split_first_chunk::<8>()?;
        let (salt, rest) = rest.split_first_chunk::<32>()?;
        let (key_id, rest) = rest.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first()?;
        let (kinds, rest) = rest.split_at_checked(usize::from(*count))?;
        let (length, name) = rest.split_first()?;
        let kinds: Vec<Kind> = kinds.iter().map(|number| kind_of(*number)).collect::<Option<_>>()?;
        let taken = Millis(u64::from_le_bytes(*taken));
        let sound = name.len() == usize::from(*length) && kinds.is_sorted_by(|a, b| a < b) && taken <= Millis::MAX;
        let store = Name::new(std::str::from_utf8(name).ok()?).ok()?;
        sound.then_some(Self { id: Token(*id), taken, store, kinds, salt: *salt, key_id: *key_id })
    }

    /// What a person calls the backup, and its file: the moment in UTC and the first four bytes of its id.
    #[must_use]
    pub fn name(&self) -> String {
        let [a, b, c, d, ..] = self.id.0;
        format!("{}-{a:02x}{b:02x}{c:02x}{d:02x}", crate::moment::compact(self.taken))
    }

    /// The key of its frames.
    pub(super) fn frame_key(&self, key: &BackupKey) -> zeroize::Zeroizing<[u8; 32]> {
        key.derive("spacetime 2026 frames of a backup", &self.salt)
    }

    /// What binds every frame to it.
    pub(super) fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.encode()).as_bytes()
    }
}

fn checksum(contents: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&blake3::hash(contents).as_bytes()[..CHECKSUM_BYTES]);
    sum
}

fn cut_off(error: std::io::Error) -> ArchiveError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return ArchiveError::damaged("it is cut off in its header");
    }
    ArchiveError::reading(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let store = Name::new("main").unwrap();
        let (id, taken) = (Token([7; 16]), Millis(1_795_435_489_000));
        Header { id, taken, store, kinds: super::super::kinds(), salt: [9; 32], key_id: [1; 8] }
    }

    #[test]
    fn the_bytes_are_those_of_the_page() {
        let bytes = header().encode();
        assert_eq!(bytes.len(), 76 + 1 + 13 + 1 + 4 + 8);
        assert_eq!(&bytes[..12], b"\xabSTBACK\n\x01\x00\x67\x00");
        assert_eq!(&bytes[28..36], &1_795_435_489_000_u64.to_le_bytes());
        assert_eq!(&bytes[76..95], b"\x0d\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x04main");
        assert_eq!(Header::read(&mut &bytes[..]).unwrap(), header());
        assert_eq!(header().name(), "20261123T120449Z-07070707");
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_refused() {
        let sound = header().encode();
        for bit in 0..sound.len() * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::read(&mut &bytes[..]).is_err(), "bit {bit}");
        }
        for length in 0..sound.len() {
            assert!(Header::read(&mut &sound[..length]).is_err(), "{length} bytes");
        }
    }
}
