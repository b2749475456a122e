//! Positions: an integer cell plus an offset inside it, in metres from the Solar System barycentre along
//! the axes of the ICRF. Must never fall back to one f64 per axis where two things are compared.
//!
//! Alternatives weighed: `f64` metres alone lose 0.1 mm at 1e12 m and 16 km at 1e20 m; fixed-point `i128`
//! is exact everywhere but doubles the cost of every difference; a floating origin moves the problem into
//! the state. A cell and an offset keep one rule: differences are taken first, rounding comes after.

use bytemuck::{Pod, Zeroable};
use glam::DVec3;
use serde::{Deserialize, Serialize};

/// Edge of a cell in metres: 2^20, so that recentring only ever subtracts an exact multiple.
pub const CELL_EDGE_M: f64 = 1_048_576.0;

/// A place: `cell * CELL_EDGE_M + offset`, with every component of `offset` in `[-EDGE/2, EDGE/2]`.
///
/// Cells count modulo 2^64, so space closes on itself after 1.9e25 m and no sum can overflow.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable, Serialize, Deserialize)]
pub struct Position {
    /// Which cell, counted from the one centred on the barycentre.
    pub cell: [i64; 3],
    /// Metres from the cell's centre.
    pub offset: DVec3,
}

impl Position {
    /// The barycentre of the Solar System.
    pub const ORIGIN: Self = Self { cell: [0; 3], offset: DVec3::ZERO };

    /// The place at `metres` from the barycentre, as exactly as the argument says it.
    #[inline]
    #[must_use]
    pub fn from_metres(metres: DVec3) -> Self {
        Self { cell: [0; 3], offset: metres }.recentred()
    }

    /// The place `displacement` metres from here. One rounding, at the scale of a cell.
    #[inline]
    #[must_use]
    pub fn plus(self, displacement: DVec3) -> Self {
        Self { cell: self.cell, offset: self.offset + displacement }.recentred()
    }

    /// The vector in metres from `other` to here: exact up to one rounding at the scale of the difference.
    #[inline(always)]
    #[must_use]
    pub fn minus(self, other: Self) -> DVec3 {
        let axis = |i: usize| self.cell[i].wrapping_sub(other.cell[i]) as f64 * CELL_EDGE_M;
        DVec3::new(axis(0), axis(1), axis(2)) + (self.offset - other.offset)
    }

    /// Metres from the barycentre, rounded to f64. For forces that fall off with distance, for output, and
    /// never for comparing two places.
    #[inline(always)]
    #[must_use]
    pub fn to_metres(self) -> DVec3 {
        let axis = |i: usize| self.cell[i] as f64 * CELL_EDGE_M;
        DVec3::new(axis(0), axis(1), axis(2)) + self.offset
    }

    /// Moves whole cells out of the offset. Exact: the quotient times a power of two has few bits, and the
    /// remainder is a multiple of the offset's last place.
    #[inline(always)]
    fn recentred(self) -> Self {
        let Self { mut cell, mut offset } = self;
        // Almost every tick stays inside its cell.
        if offset.abs().max_element() > CELL_EDGE_M / 2.0 {
            for (axis, cell) in cell.iter_mut().enumerate() {
                let whole = libm::rint(offset[axis] / CELL_EDGE_M);
                offset[axis] -= whole * CELL_EDGE_M;
                // `as` saturates beyond 2^63 cells, which no finite scenario value reaches.
                *cell = cell.wrapping_add(whole as i64);
            }
        }
        Self { cell, offset }
    }

    /// Whether the offset is finite and inside its cell, as every position in a state must be.
    #[inline]
    #[must_use]
    pub fn is_canonical(self) -> bool {
        self.offset.is_finite() && self.offset.abs().max_element() <= CELL_EDGE_M / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two things one metre apart, drifting together at 30 km/s, `from` metres away from everything.
    fn drift_together(from: f64) -> f64 {
        let start = Position::from_metres(DVec3::new(from, -from, from / 3.0));
        let step = DVec3::new(30_000.0, 17.3, -4.1) / 90.0;
        let (mut a, mut b) = (start, start.plus(DVec3::X));
        for _ in 0..10_000 {
            a = a.plus(step);
            b = b.plus(step);
        }
        (b.minus(a).length() - 1.0).abs()
    }

    #[test]
    fn a_metre_stays_a_metre_anywhere() {
        for from in [0.0, 1e12, 1e20] {
            let error = drift_together(from);
            assert!(error < 1e-3, "{from:e} m out: {error:e} m");
        }
    }

    #[test]
    fn a_slow_relative_drift_is_seen_far_out() {
        for from in [1e12, 1e20] {
            let mut a = Position::from_metres(DVec3::splat(from));
            let mut b = a;
            let together = DVec3::splat(30_000.0 / 90.0);
            for _ in 0..90 * 60 {
                a = a.plus(together);
                b = b.plus(together + DVec3::X * (0.01 / 90.0));
            }
            let drift = b.minus(a).x;
            assert!((drift / 0.6 - 1.0).abs() < 0.01, "{from:e} m out: {drift} m");
        }
    }

    proptest! {
        #[test]
        fn recentring_keeps_the_place(x in -1e9f64..1e9, d in -1e9f64..1e9) {
            let a = Position::from_metres(DVec3::new(x, 0.0, 0.0));
            let b = a.plus(DVec3::new(d, 0.0, 0.0));
            prop_assert!(b.is_canonical());
            // Two roundings at the scale of 1e9 m, whose last place is 1.2e-7 m.
            prop_assert!((b.minus(a).x - d).abs() <= 2.4e-7);
        }

        #[test]
        fn differences_are_antisymmetric(a in any::<[i32; 3]>(), b in any::<[i32; 3]>(), o in -5e5f64..5e5) {
            let at = |c: [i32; 3], o| Position { cell: c.map(i64::from), offset: DVec3::splat(o) };
            prop_assert_eq!(at(a, o).minus(at(b, -o)), -at(b, -o).minus(at(a, o)));
        }
    }
}
