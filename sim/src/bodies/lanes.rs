//! The layout of vectors in the kernels: four bodies side by side. Must never hold arithmetic of its own
//! that would depend on how many the hardware does at once.
//!
//! A field of vectors is `3 * blocks` entries: the x of all bodies in blocks of four, then y, then z.

/// Bodies per block.
pub(super) const LANES: usize = 4;

/// One component of four bodies.
pub(super) type Lanes = [f64; LANES];

/// The three axes of a field.
#[inline(always)]
pub(super) fn axes(field: &[Lanes], blocks: usize) -> [&[Lanes]; 3] {
    let (x, rest) = field.split_at(blocks);
    let (y, z) = rest.split_at(blocks);
    [x, y, &z[..blocks]]
}

/// Vector of body `i`.
#[inline(always)]
pub(super) fn vector(field: &[Lanes], blocks: usize, i: usize) -> [f64; 3] {
    let flat = field.as_flattened();
    [flat[i], flat[blocks * LANES + i], flat[2 * blocks * LANES + i]]
}

/// Adds `k * v` to the vector of body `i`.
#[inline(always)]
pub(super) fn add(field: &mut [Lanes], blocks: usize, i: usize, k: f64, v: [f64; 3]) {
    let flat = field.as_flattened_mut();
    for (axis, v) in v.into_iter().enumerate() {
        flat[axis * blocks * LANES + i] += k * v;
    }
}
