//! What a backup counts of its records while they pass: the footer of a file, and what its reader compares it with. Must
//! never keep a record.

use std::collections::BTreeMap;

use persistence::{Digest, Epoch, Hash, Kind, Name, Record, Tick};
use serde::{Deserialize, Serialize};

use super::{ArchiveError, RECORD_BYTES_MAX, number_of};

/// What stands at the end of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footer {
    /// How many records of each kind, ascending by kind; kinds without any are left out.
    pub counts: Vec<(Kind, u64)>,
    /// Bytes of the records before they were compressed, with what is between them.
    pub bytes: u64,
    /// BLAKE3 of those.
    pub hash: Hash,
    /// Of each world, ascending by name.
    pub worlds: Vec<End>,
}

/// How far a world had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Which.
    pub world: Name,
    /// Who might write it then.
    pub epoch: Epoch,
    /// The last tick that the backup can bring back, and the digest there; nothing where there is neither log nor save.
    pub last: Option<(Tick, Digest)>,
}

impl Footer {
    /// All records together.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }
}

/// Counts.
#[derive(Default)]
pub(crate) struct Tally {
    counts: BTreeMap<Kind, u64>,
    bytes: u64,
    hasher: blake3::Hasher,
    worlds: BTreeMap<Name, End>,
}

impl Tally {
    /// Counts a record: what stands before it in a file, and its bytes there.
    pub(crate) fn add(&mut self, record: &Record) -> Result<([u8; 5], Vec<u8>), ArchiveError> {
        let bytes = postcard::to_stdvec(record).map_err(|_| ArchiveError::Unfit("it cannot be encoded"))?;
        let length = u32::try_from(bytes.len()).ok().filter(|length| u64::from(*length) <= RECORD_BYTES_MAX);
        let [a, b, c, d] = length.ok_or(ArchiveError::Unfit("it is too large"))?.to_le_bytes();
        let head = [number_of(record.kind()), a, b, c, d];
        self.bytes(&head);
        self.bytes(&bytes);
        self.record(record);
        Ok((head, bytes))
    }

    pub(super) fn record(&mut self, record: &Record) {
        *self.counts.entry(record.kind()).or_default() += 1;
        match record {
            Record::World(world) => {
                let (id, epoch) = (world.id.clone(), world.epoch);
                self.worlds.insert(id.clone(), End { world: id, epoch, last: None });
            }
            Record::Snapshot(snapshot) => self.reached(&snapshot.world, snapshot.tick, snapshot.digest),
            Record::Segment(segment) => self.reached(&segment.world, segment.end(), segment.digest),
            _ => {}
        }
    }

    fn reached(&mut self, world: &Name, tick: Tick, digest: Digest) {
        if let Some(end) = self.worlds.get_mut(world)
            && end.last.is_none_or(|(last, _)| last < tick)
        {
            end.last = Some((tick, digest));
        }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hasher.update(bytes);
    }

    pub(crate) fn footer(&self) -> Footer {
        Footer {
            counts: self.counts.iter().map(|(kind, count)| (*kind, *count)).collect(),
            bytes: self.bytes,
            hash: Hash(self.hasher.finalize().into()),
            worlds: self.worlds.values().cloned().collect(),
        }
    }
}
