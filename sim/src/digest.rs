//! Digests: a 64-bit hash of the state after a tick, with one sub-digest per component type and per
//! resource. Independent of storage order and of threads. A fingerprint against error, not a signature:
//! netcode signs hashes of another kind.
//!
//! Each component of each entity is hashed together with the entity's id; the hashes of one type are added
//! modulo 2^64, which any order of rows and any split over threads gives alike.

use hecs::Archetype;

use crate::component::{COMPONENTS, Component, Identity, Kind, Visitor, visit_components};
use crate::world::{CHUNK_ROWS, World};

/// Names of the resources with a sub-digest of their own.
pub const RESOURCES: [&str; 6] = ["Time", "Members", "Tuning", "Ids", "Bodies", "Wave"];
/// How many of them every state has. Those behind are in digests and snapshots only where there is something in them,
/// so that a world without is what it was before there were any.
pub(crate) const RESOURCES_ALWAYS: usize = 5;

/// Hash of a state and of its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Hash over all parts: what is recorded and exchanged.
    pub total: u64,
    /// One per component type, by [`Component::INDEX`].
    pub components: [u64; COMPONENTS.len()],
    /// One per resource, by its place in [`RESOURCES`]; 0 for waves where no entity's differs from the first.
    pub resources: [u64; RESOURCES.len()],
}

impl Digest {
    /// Name of the first part that differs, components before resources.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<&'static str> {
        let parts = |d: &Self| d.components.into_iter().chain(d.resources).collect::<Vec<_>>();
        let names = COMPONENTS.into_iter().chain(RESOURCES);
        names.zip(parts(self).into_iter().zip(parts(other))).find(|(_, (a, b))| a != b).map(|(name, _)| name)
    }

    /// Puts the parts together.
    pub(crate) fn new(components: [u64; COMPONENTS.len()], resources: [u64; RESOURCES.len()]) -> Self {
        let mut hash = Hasher::new(0);
        let (always, perhaps) = resources.split_at(RESOURCES_ALWAYS);
        components.iter().chain(always).for_each(|&word| hash.word(word));
        perhaps.iter().filter(|&&word| word != 0).for_each(|&word| hash.word(word));
        Self { total: hash.finish(), components, resources }
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.total)
    }
}

/// Odd constants with as many ones as zeros, from the digits of pi.
const SALT: [u64; 3] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345, 0xa409_3822_299f_31d1];

/// Multiplies to 128 bits and folds: the mixing step of wyhash (Wang Yi, 2019).
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Hash over a sequence of words.
pub(crate) struct Hasher(u64);

impl Hasher {
    #[inline(always)]
    pub fn new(seed: u64) -> Self {
        Self(seed ^ SALT[0])
    }

    #[inline(always)]
    pub fn word(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word, SALT[1]).wrapping_add(SALT[2]);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    #[inline(always)]
    pub fn finish(self) -> u64 {
        fold(self.0 ^ SALT[2], SALT[0])
    }
}

/// Hash of one component of one entity: one multiplication for two words.
#[inline(always)]
fn row_hash<C: Component>(seed: u64, id: u64, row: &C) -> u64 {
    let words: &[u64] = bytemuck::cast_slice(core::slice::from_ref(row));
    let mut hash = seed ^ fold(id ^ SALT[0], SALT[1]);
    let mut pairs = words.chunks_exact(2);
    for pair in &mut pairs {
        hash = fold(hash ^ pair[0], pair[1] ^ SALT[2]);
    }
    match pairs.remainder() {
        [last] => fold(hash ^ last, SALT[1]),
        _ => fold(hash, SALT[1]),
    }
}

/// One sum of row hashes per component type.
type Sums = [u64; COMPONENTS.len()];

/// Sub-digests of all component types.
pub(crate) fn digest_components(world: &World) -> Sums {
    Kind::ALL
        .into_iter()
        .fold([0; COMPONENTS.len()], |sums, kind| add(sums, digest_rows(world, kind, 0, world.count(kind))))
}

fn add(mut a: Sums, b: Sums) -> Sums {
    a.iter_mut().zip(b).for_each(|(a, b)| *a = a.wrapping_add(b));
    a
}

/// Row hashes of all columns of a kind, from row `from` to before `to`. Sums modulo 2^64 are the same
/// however the rows are cut.
fn digest_rows(world: &World, kind: Kind, from: usize, to: usize) -> Sums {
    /// Rows below which a second thread costs more than it gives.
    const SPLIT_ROWS: usize = 2 * CHUNK_ROWS;
    if to - from > SPLIT_ROWS {
        let middle = from + (to - from) / 2;
        let (left, right) =
            rayon::join(|| digest_rows(world, kind, from, middle), || digest_rows(world, kind, middle, to));
        return add(left, right);
    }

    struct Add<'a> {
        archetype: &'a Archetype,
        ids: &'a [Identity],
        kind: Kind,
        from: usize,
        to: usize,
        sums: Sums,
    }
    impl Visitor for Add<'_> {
        fn visit<C: Component>(&mut self) {
            let Some(rows) = self.archetype.get::<&C>() else { return };
            let seed = SALT[0] ^ ((C::INDEX as u64) << 8 | self.kind as u64);
            let sum = column_hash::<C>(seed, self.ids, &rows[self.from..self.to]);
            self.sums[C::INDEX] = self.sums[C::INDEX].wrapping_add(sum);
        }
    }
    let Some(archetype) = world.archetype(kind) else { return [0; COMPONENTS.len()] };
    let Some(ids) = archetype.get::<&Identity>() else { return [0; COMPONENTS.len()] };
    let mut add = Add { archetype, ids: &ids[from..to], kind, from, to, sums: [0; COMPONENTS.len()] };
    visit_components(kind, &mut add);
    add.sums
}

/// Sum of the row hashes of one column.
fn column_hash<C: Component>(seed: u64, ids: &[Identity], rows: &[C]) -> u64 {
    ids.iter().zip(rows).fold(0u64, |sum, (id, row)| sum.wrapping_add(row_hash(seed, id.id, row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Tank;

    #[test]
    fn every_bit_counts() {
        let base = row_hash(1, 7, &Tank { fuel_kg: 1.0 });
        for bit in 0..64 {
            let changed = Tank { fuel_kg: f64::from_bits(1.0f64.to_bits() ^ (1 << bit)) };
            assert_ne!(row_hash(1, 7, &changed), base);
            assert_ne!(row_hash(1, 7 ^ (1 << bit), &Tank { fuel_kg: 1.0 }), base);
        }
    }

    #[test]
    fn swapped_values_are_seen() {
        let ids = [Identity { id: 1 }, Identity { id: 2 }];
        let [a, b] = [Tank { fuel_kg: 1.0 }, Tank { fuel_kg: 2.0 }];
        assert_ne!(column_hash(0, &ids, &[a, b]), column_hash(0, &ids, &[b, a]));
        let reversed = [ids[1], ids[0]];
        assert_eq!(column_hash(0, &ids, &[a, b]), column_hash(0, &reversed, &[b, a]));
    }
}
