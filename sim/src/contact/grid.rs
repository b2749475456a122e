//! Integer boxes on a hierarchy of uniform grids. Level `l` has cells of edge `2^(l - 3)` metres that cover
//! the whole of space, counted modulo 2^64. Must never let rounding make a box smaller than what it holds.
//!
//! A box is kept in units of 1/1024 of its level's edge, derived straight from cell and offset of a
//! `Position`, so that it is as fine at 1e20 m as at home. Coordinates are cut to 32 bits: boxes 2^22 grid
//! cells apart may look like neighbours, which costs a test and never a contact.

use glam::DVec3;

/// Levels 0 to 63: edges from 1/8 m to 2^60 m.
pub(super) const LEVELS: usize = 64;
/// Exponent of the edge of level 0.
const MIN_EXPONENT: i32 = -3;
/// A cell is at least this many times as wide as half of what it holds: a box lies in at most two cells per
/// axis, and mostly in one. A smaller number puts each box into more cells, a larger one more boxes into each.
const EDGE_PER_HALF_EXTENT: f64 = 7.0;
/// Units per edge, as a power of two.
const UNIT_BITS: i32 = 10;
/// Units per edge.
pub(super) const UNITS: i64 = 1 << UNIT_BITS;
/// `space::CELL_EDGE_M` as a power of two.
const SPACE_BITS: i32 = 20;

/// Adding and subtracting this rounds to the nearest integer and leaves it in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// The nearest integer to `x`, for `|x| < 2^51`. Two exact operations; no call, no saturation.
#[inline(always)]
pub(super) fn round(x: f64) -> i64 {
    (x + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i64
}

/// `2^exponent`, for exponents of normal numbers.
#[inline(always)]
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits((1023_i64.wrapping_add(exponent as i64) as u64) << 52)
}

/// The finest level whose cells suit boxes of this half extent in metres.
#[inline(always)]
pub(super) fn level_of(half_extent_m: f64) -> usize {
    let exponent = ((half_extent_m * EDGE_PER_HALF_EXTENT).to_bits() >> 52) as i32 & 0x7ff;
    exponent.wrapping_sub(1023 - 1 + MIN_EXPONENT).clamp(0, LEVELS as i32 - 1) as usize
}

/// Edge of a level's cells in metres.
#[inline(always)]
pub(super) fn edge_m(level: usize) -> f64 {
    power_of_two((level as i32).wrapping_add(MIN_EXPONENT))
}

/// The level with the edge `2^exponent` metres.
pub(super) const fn level_of_edge(exponent: i32) -> usize {
    (exponent - MIN_EXPONENT) as usize
}

/// A box in the units of a level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantised {
    /// Lower corner, rounded outwards.
    pub lo: [i64; 3],
    /// Upper corner, rounded outwards.
    pub hi: [i64; 3],
}

impl Quantised {
    /// The box `half_m` around the place `cell`, `offset_m`; the offset need not be canonical.
    #[inline(always)]
    pub fn new(cell: [i64; 3], offset_m: DVec3, half_m: DVec3, level: usize) -> Self {
        // Exponent of the unit.
        let unit = (level as i32).wrapping_add(MIN_EXPONENT - UNIT_BITS);
        let (a, b) = (offset_m - half_m, offset_m + half_m);
        let (mut lo, mut hi) = ([0; 3], [0; 3]);
        if unit <= SPACE_BITS {
            let per_unit = power_of_two(-unit);
            // At most 33: the finest unit is 2^-13 m.
            let up = (SPACE_BITS - unit) as u32;
            for i in 0..3 {
                let base = cell[i] << up;
                lo[i] = base.wrapping_add(round(a[i] * per_unit)).wrapping_sub(1);
                hi[i] = base.wrapping_add(round(b[i] * per_unit)).wrapping_add(1);
            }
        } else {
            let per_cell = power_of_two(-SPACE_BITS);
            let down = (unit - SPACE_BITS) as u32;
            for i in 0..3 {
                let (from, to) = (round(a[i] * per_cell), round(b[i] * per_cell));
                // Counted from `lo`, so that the seam of space, where cells wrap, opens no abyss.
                lo[i] = (cell[i].wrapping_add(from) >> down).wrapping_sub(1);
                hi[i] = lo[i].wrapping_add(to.wrapping_sub(from) >> down).wrapping_add(3);
            }
        }
        Self { lo, hi }
    }

    /// Lower corner of the first grid cell that the box touches, in units, and how many more it touches along
    /// each axis. Both modulo 2^64, so that boxes across the seam of a fine level are no exception.
    #[inline(always)]
    pub fn cells(&self) -> ([i64; 3], [u64; 3]) {
        let first = self.lo.map(|x| x & !(UNITS - 1));
        let more = |i: usize| ((self.hi[i] & !(UNITS - 1)).wrapping_sub(first[i]) >> UNIT_BITS) as u64;
        (first, [more(0), more(1), more(2)])
    }
}

const HASH_X: u64 = 0x9e37_79b9_7f4a_7c15;
const HASH_Y: u64 = 0xc2b2_ae3d_27d4_eb4f;
const HASH_Z: u64 = 0x1656_67b1_9e37_79f9;
const HASH_GRID: u64 = 0xd6e8_feb8_6659_fd93;

/// A grid cell before mixing, from its lower corner in units. A sum, so that a neighbour's key is one addition
/// away. `grid` tells levels and frames apart.
#[inline(always)]
pub(super) fn cell_key(corner: [i64; 3], grid: u64) -> u64 {
    (corner[0] as u64)
        .wrapping_mul(HASH_X)
        .wrapping_add((corner[1] as u64).wrapping_mul(HASH_Y))
        .wrapping_add((corner[2] as u64).wrapping_mul(HASH_Z))
        .wrapping_add(grid.wrapping_mul(HASH_GRID))
}

const STEP_X: u64 = HASH_X << UNIT_BITS;
const STEP_Y: u64 = HASH_Y << UNIT_BITS;
const STEP_Z: u64 = HASH_Z << UNIT_BITS;

/// The key of the cell `x`, `y`, `z` cells further on.
#[inline(always)]
pub(super) fn neighbour_key(key: u64, x: u64, y: u64, z: u64) -> u64 {
    key.wrapping_add(x.wrapping_mul(STEP_X)).wrapping_add(y.wrapping_mul(STEP_Y)).wrapping_add(z.wrapping_mul(STEP_Z))
}

/// What leads from a cell's key to that of the next cell along the axes whose bits (x 1, y 2, z 4) are set.
pub(super) const NEXT: [u64; 8] = {
    let mut steps = [0_u64; 8];
    let mut axes = 0;
    while axes < 8 {
        if axes & 1 != 0 {
            steps[axes] = steps[axes].wrapping_add(STEP_X);
        }
        if axes & 2 != 0 {
            steps[axes] = steps[axes].wrapping_add(STEP_Y);
        }
        if axes & 4 != 0 {
            steps[axes] = steps[axes].wrapping_add(STEP_Z);
        }
        axes += 1;
    }
    steps
};

/// 32 well mixed bits of a key.
#[inline(always)]
pub(super) fn mix(key: u64) -> u32 {
    ((key ^ (key >> 32)).wrapping_mul(0xff51_afd7_ed55_8ccd) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Position;
    use proptest::prelude::*;

    #[test]
    fn a_level_is_as_wide_as_it_says() {
        for half in [1e-9, 0.01, 0.03, 0.0313, 1.0, 1.09, 2.0, 10.0, 500.0, 1e6, 1e12] {
            let level = level_of(half);
            assert!(edge_m(level) > EDGE_PER_HALF_EXTENT * half, "{half}");
            assert!(level == 0 || edge_m(level - 1) <= EDGE_PER_HALF_EXTENT * half, "{half}");
        }
        assert_eq!(edge_m(level_of_edge(16)), 65_536.0);
        assert_eq!(level_of(0.0), 0);
    }

    #[test]
    fn rounding_is_to_the_nearest() {
        for (x, n) in [(0.0, 0), (0.4, 0), (-0.4, 0), (1.6, 2), (-1.6, -2), (1e15, 1_000_000_000_000_000), (-7.0, -7)] {
            assert_eq!(round(x), n);
        }
    }

    proptest! {
        /// One place written with two different cells lands in boxes that touch, on every level.
        #[test]
        fn a_place_is_the_same_seen_from_two_cells(
            cell in any::<[i64; 3]>(), x in -6e5f64..6e5, half in 1e-3f64..1e9, step in 1i64..3,
        ) {
            let edge = crate::space::CELL_EDGE_M;
            for level in level_of(half)..LEVELS {
                let here = Quantised::new(cell, DVec3::splat(x), DVec3::splat(half), level);
                let there = cell.map(|c| c.wrapping_add(step));
                let moved = DVec3::splat(x - edge * step as f64);
                let there = Quantised::new(there, moved, DVec3::splat(half), level);
                for i in 0..3 {
                    prop_assert!(there.hi[i].wrapping_sub(here.lo[i]) >= 0);
                    prop_assert!(here.hi[i].wrapping_sub(there.lo[i]) >= 0);
                    prop_assert!(here.lo[i].wrapping_sub(there.lo[i]).abs() <= 2, "level {level}");
                }
                let (first, more) = here.cells();
                prop_assert!(more.iter().all(|&n| n <= 1), "{more:?}");
                let next = [first[0].wrapping_add(1 << UNIT_BITS), first[1], first[2]];
                prop_assert_eq!(cell_key(next, 5), neighbour_key(cell_key(first, 5), 1, 0, 0));
            }
        }
    }

    #[test]
    fn a_box_far_out_is_as_fine_as_at_home() {
        let far = Position::from_metres(DVec3::splat(1e20));
        let level = level_of(1.0);
        let a = Quantised::new(far.cell, far.offset, DVec3::ONE, level);
        let b = Quantised::new(far.cell, far.offset + DVec3::X * 2.1, DVec3::ONE, level);
        assert!(a.hi[0].wrapping_sub(b.lo[0]) < 0, "0.1 m apart");
        assert!(a.hi[1].wrapping_sub(b.lo[1]) >= 0);
    }
}
