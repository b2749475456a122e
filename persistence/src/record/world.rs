//! What a world is rebuilt from: its scenario, saves and log. What they mean is the simulation's; here they are bytes
//! with a tick, a digest and a hash. Must never trust bytes whose hash is another.

use serde::{Deserialize, Serialize};

use super::ids::{Digest, Epoch, Hash, Millis, Name, PersonId, Rev, Seal, Text, Tick, bytes};

/// A world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// Names it.
    pub id: Name,
    /// How often it was written.
    pub rev: Rev,
    /// Of the process that may write it.
    pub epoch: Epoch,
    /// When it was made.
    pub created: Millis,
    /// Text of its scenario.
    pub scenario: Text,
    /// Ticks per second.
    pub tick_rate_hz: u32,
    /// Revision of the simulation's results that its log needs.
    pub results_revision: u32,
    /// Program that made it.
    pub build: Text,
}

/// Who has which number in a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// In which world.
    pub world: Name,
    /// The number, as logs have it.
    pub number: u32,
    /// How often it was written.
    pub rev: Rev,
    /// Who.
    pub person: PersonId,
    /// A keyed hash of the public key that they join with, by which it is found.
    pub tag: Hash,
    /// Whether they may not come back.
    pub banned: bool,
    /// The public key.
    pub private: Seal,
}

/// The exact state of a world after a tick.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Of which world.
    pub world: Name,
    /// Steps taken.
    pub tick: Tick,
    /// Digest of the state.
    pub digest: Digest,
    /// When it was taken.
    pub taken: Millis,
    /// What a person calls it, where it was saved by one: not removed by age.
    pub label: Option<Name>,
    /// Version of how the payload is packed.
    pub format: u32,
    /// The state, packed: at most 512 MiB.
    #[serde(with = "bytes")]
    pub payload: Vec<u8>,
    /// See [`Snapshot::hashed`].
    pub hash: Hash,
}

/// A piece of a world's log: the inputs of some consecutive ticks.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Of which world.
    pub world: Name,
    /// Its first frame is applied to the state at this tick.
    pub first_tick: Tick,
    /// So many frames: at least one.
    pub ticks: u32,
    /// Digest of the state after the last one.
    pub digest: Digest,
    /// When it was written.
    pub written: Millis,
    /// Version of how the payload is packed.
    pub format: u32,
    /// The frames and their digests, packed.
    #[serde(with = "bytes")]
    pub payload: Vec<u8>,
    /// See [`Segment::hashed`].
    pub hash: Hash,
}

impl Snapshot {
    /// With the hash that belongs to the rest: BLAKE3 of everything else in this order, texts with their length before them.
    #[must_use]
    pub fn hashed(mut self) -> Self {
        self.hash = self.expected();
        self
    }

    pub(crate) fn expected(&self) -> Hash {
        let mut hasher = Hasher::new("spacetime 2026 snapshot of a world");
        hasher.name(&self.world).number(self.tick.0).number(self.digest.0).number(self.taken.0);
        hasher.number(u64::from(self.label.is_some()));
        self.label.iter().for_each(|label| {
            hasher.name(label);
        });
        hasher.number(u64::from(self.format)).bytes(&self.payload);
        hasher.finish()
    }
}

impl Segment {
    /// With the hash that belongs to the rest: BLAKE3 of everything else in this order, texts with their length before them.
    #[must_use]
    pub fn hashed(mut self) -> Self {
        self.hash = self.expected();
        self
    }

    pub(crate) fn expected(&self) -> Hash {
        let mut hasher = Hasher::new("spacetime 2026 segment of a log");
        hasher.name(&self.world).number(self.first_tick.0).number(u64::from(self.ticks)).number(self.digest.0);
        hasher.number(self.written.0).number(u64::from(self.format)).bytes(&self.payload);
        hasher.finish()
    }

    /// The tick of the state after its last frame.
    #[must_use]
    pub fn end(&self) -> Tick {
        Tick(self.first_tick.0.saturating_add(u64::from(self.ticks)))
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({} at {}, {} bytes, {})", self.world, self.tick.0, self.payload.len(), self.hash)
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, end) = (self.first_tick.0, self.end().0);
        write!(f, "Segment({} {first}..{end}, {} bytes, {})", self.world, self.payload.len(), self.hash)
    }
}

/// Hashes fields so that no two different records give the same bytes.
pub(crate) struct Hasher(blake3::Hasher);

impl Hasher {
    pub(crate) fn new(context: &str) -> Self {
        Self(blake3::Hasher::new_derive_key(context))
    }

    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
        self
    }

    pub(crate) fn name(&mut self, name: &Name) -> &mut Self {
        self.bytes(name.as_str().as_bytes())
    }

    pub(crate) fn finish(&self) -> Hash {
        Hash(self.0.finalize().into())
    }
}
