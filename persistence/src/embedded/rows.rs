//! Rows of the embedded store: a version, the batch that wrote it, the record in postcard, and a checksum over key and row. Rows of earlier
//! versions are turned into records of today here, and nowhere else. Must never give out a row that was damaged.

use serde::Deserialize;

use crate::batch::Stored;
use crate::error::StoreError;
use crate::record::{Kind, Millis, PersonId, Place, Player, Record, Rev, Seal, Token};

/// The version that is written. Raise it when a record changes, and keep the old form below.
const VERSION: u8 = 2;
/// Bytes of the checksum at the end of a row.
const CHECKSUM_BYTES: usize = 8;

/// The row of a record.
pub(super) fn encode(key: &[u8], record: &Record, batch: Token) -> Result<Vec<u8>, StoreError> {
    let head = [&[VERSION][..], &batch.0].concat();
    let row =
        postcard::to_extend(record, head).map_err(|e| StoreError::Other(format!("a record cannot be encoded: {e}")))?;
    Ok(sealed(key, row))
}

/// The record of a row.
pub(super) fn decode(kind: Kind, key: &[u8], row: &[u8]) -> Result<Stored, StoreError> {
    let damaged = |why: &str| StoreError::Corrupt(format!("a row of {} {why}", kind.name()));
    let end = row.len().checked_sub(CHECKSUM_BYTES).ok_or_else(|| damaged("is cut off"))?;
    let (contents, sum) = row.split_at(end);
    if checksum(key, contents) != *sum {
        return Err(damaged("has another checksum than what was written"));
    }
    let (version, contents) = contents.split_first().ok_or_else(|| damaged("is empty"))?;
    let (batch, contents) = match version {
        1 => (Token([0; 16]), contents),
        _ => contents.split_first_chunk().map(|(id, rest)| (Token(*id), rest)).ok_or_else(|| damaged("is cut off"))?,
    };
    let record = match (version, kind) {
        (1, Kind::Player) => postcard::from_bytes::<v1::Player>(contents).map(|player| Record::Player(player.into())),
        (1 | 2, _) => postcard::from_bytes(contents),
        (newer, _) => return Err(damaged(&format!("has version {newer}, this program knows {VERSION}"))),
    };
    let record = record.map_err(|_| damaged("does not decode"))?;
    record.check().map_err(damaged)?;
    if record.kind() != kind || record.key().bytes() != key {
        return Err(damaged("is in another one's place"));
    }
    Ok(Stored { record, batch })
}

fn sealed(key: &[u8], mut row: Vec<u8>) -> Vec<u8> {
    let sum = checksum(key, &row);
    row.extend(sum);
    row
}

fn checksum(key: &[u8], contents: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes()).update(key).update(contents);
    let mut sum = [0; CHECKSUM_BYTES];
    hasher.finalize_xof().fill(&mut sum);
    sum
}

/// Rows as version 1 had them.
mod v1 {
    use super::*;

    /// Behind the number of its kind. It did not say when a player was seen, nor which batch wrote it.
    #[derive(Deserialize)]
    #[cfg_attr(test, derive(serde::Serialize))]
    pub struct Player {
        pub kind: u32,
        pub person: PersonId,
        pub rev: Rev,
        pub created: Millis,
        pub place: Option<Place>,
        pub private: Seal,
    }

    impl From<Player> for super::Player {
        fn from(row: Player) -> Self {
            let Player { kind: _, person, rev, created, place, private } = row;
            Self { person, rev, created, seen: created, place, private }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Key;

    #[test]
    fn rows_of_version_1_still_read() {
        let person = PersonId(7);
        let row = v1::Player {
            kind: 0,
            person,
            rev: Rev(3),
            created: Millis(5),
            place: None,
            private: Seal(b"secret".to_vec()),
        };
        let key = Key::Player(person).bytes();
        let bytes = sealed(&key, postcard::to_extend(&row, vec![1]).unwrap());
        // As that version wrote it.
        let golden = "01000703050006736563726574";
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(&bytes[..bytes.len() - CHECKSUM_BYTES]), golden);
        let Record::Player(player) = decode(Kind::Player, &key, &bytes).unwrap().record else { panic!("a player") };
        assert_eq!((player.rev, player.seen, player.private.0), (Rev(3), Millis(5), b"secret".to_vec()));
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        let record = Record::Erasure(crate::Erasure { person: PersonId(9), at: Millis(1) });
        let key = record.key().bytes();
        let batch = Token([5; 16]);
        let row = encode(&key, &record, batch).unwrap();
        assert_eq!(decode(Kind::Erasure, &key, &row), Ok(Stored { record, batch }));
        for bit in 0..row.len() * 8 {
            let mut row = row.clone();
            row[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(decode(Kind::Erasure, &key, &row), Err(StoreError::Corrupt(_))), "bit {bit}");
        }
        for length in 0..row.len() {
            assert!(decode(Kind::Erasure, &key, &row[..length]).is_err());
        }
        let elsewhere = Key::Erasure(PersonId(8)).bytes();
        assert!(decode(Kind::Erasure, &elsewhere, &row).is_err());
    }
}
