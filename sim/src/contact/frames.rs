//! Frames of reference that move along with what is near: each region of space gets the mean displacement of
//! the colliders in it, and boxes are taken relative to that. Must never decide whether two things touch: any
//! frame gives the same contacts, a good one gives fewer pairs to test.
//!
//! Everything near the Earth moves at 30 km/s along the axes of the ICRF, 330 m a tick, and a rock field
//! swept that far would be one heap of overlapping boxes. Relative to its neighbours a rock hardly moves.
//!
//! Two things that touch share the place where they touch, so both belong to the region which that place is
//! in: a collider belongs to every region that its swept box reaches, and is looked for in each.

use glam::DVec3;

use super::Collider;
use super::grid::{Quantised, UNITS, cell_key, edge_m, level_of, level_of_edge, mix, neighbour_key, round};
use crate::space::CELL_EDGE_M;

/// Regions are the cells of space, 1,049 km wide, or wider where something larger is about: narrow enough that
/// neighbours in one move alike, and cheap to tell.
const REGION_LEVEL_MIN: usize = level_of_edge(20);
/// Displacements are summed as whole multiples of 1/256 m, so that the order of summing cannot matter.
const SUM_PER_M: f64 = 256.0;

/// What the survey found out about one collider.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// Frame of its region, if there is only one.
    pub frame: u32,
    /// Level of its box in that frame, or [`Mark::SKIPPED`].
    pub level: u8,
    /// Whether it may belong to more than one region.
    pub straddles: bool,
}

impl Mark {
    /// Not a collider: see [`Collider::is_valid`].
    pub const SKIPPED: u8 = u8::MAX;
}

/// A run of colliders in one region.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    frame: u32,
    count: u32,
    sum: [i64; 3],
}

impl Run {
    #[inline(always)]
    fn count(&mut self, displacement_m: DVec3) {
        self.count = self.count.wrapping_add(1);
        for (sum, d) in self.sum.iter_mut().zip(displacement_m.to_array()) {
            *sum = sum.wrapping_add(round(d * SUM_PER_M));
        }
    }
}

/// The frames of one tick.
#[derive(Debug, Default)]
pub(super) struct Frames {
    sums: Vec<(u64, [i64; 3])>,
    displacement_m: Vec<DVec3>,
    region_level: usize,
}

impl Frames {
    /// Starts a tick with `count` colliders and regions of the smallest size.
    pub fn start(&mut self, count: usize) {
        // Regions share a frame when their hashes do, so few frames are correct too.
        let slots = (count / 4).next_power_of_two().clamp(16, 4096);
        self.sums.clear();
        self.sums.resize(slots, (0, [0; 3]));
        self.region_level = REGION_LEVEL_MIN;
    }

    /// Makes regions wide enough for the largest swept half extent. True where that changed anything.
    pub fn widen(&mut self, half_extent_m: f64) -> bool {
        let level = level_of(half_extent_m).max(REGION_LEVEL_MIN);
        std::mem::replace(&mut self.region_level, level) != level
    }

    /// Marks a chunk of colliders and notes its runs. Returns the largest swept half extent in metres of those
    /// that may be too large for their region.
    pub fn survey<'a>(
        &self,
        colliders: impl Iterator<Item = &'a Collider>,
        marks: &mut [Mark],
        runs: &mut Vec<Run>,
    ) -> f64 {
        runs.clear();
        let mut largest_m = 0.0_f64;
        let mut run = Run::default();
        let mut run_cell = [0; 3];
        run.frame = self.frame_of(cell_key(run_cell, 0));
        // With wider regions, nothing is known to lie within one cell of space.
        let within_m = if self.region_level == REGION_LEVEL_MIN { CELL_EDGE_M / 2.0 } else { -1.0 };
        for (collider, mark) in colliders.zip(marks) {
            let cell = collider.position.cell;
            let half = collider.displacement_m.abs() * 0.5 + collider.radius_m;
            let offset = collider.position.offset - collider.displacement_m * 0.5;
            let reach = offset.abs() + half;
            // Well inside its cell, and not a number nowhere: then it is valid, too. No short cuts: seldom false.
            let inside = (reach.x < within_m) & (reach.y < within_m) & (reach.z < within_m);
            if inside & (collider.radius_m >= 0.0) {
                if cell != run_cell {
                    runs.push(run);
                    run_cell = cell;
                    run = Run {
                        frame: self.frame_of(cell_key(cell.map(|c| c.wrapping_mul(UNITS)), 0)),
                        ..Run::default()
                    };
                }
                run.count(collider.displacement_m);
                *mark = Mark { frame: run.frame, level: 0, straddles: false };
            } else if collider.is_valid() {
                largest_m = largest_m.max(half.max_element());
                if half.max_element() > self.half_extent_max_m() {
                    // Too large for these regions: they are widened, and this survey does not count.
                    continue;
                }
                self.for_each(cell, offset, half, |frame| {
                    let mut single = Run { frame, ..Run::default() };
                    single.count(collider.displacement_m);
                    runs.push(single);
                });
                *mark = Mark { frame: run.frame, level: 0, straddles: true };
            } else {
                *mark = Mark { frame: 0, level: Mark::SKIPPED, straddles: false };
            }
        }
        runs.push(run);
        largest_m
    }

    /// Adds the runs of a chunk.
    pub fn add(&mut self, runs: &[Run]) {
        for run in runs {
            let (count, sum) = &mut self.sums[run.frame as usize];
            *count = count.wrapping_add(u64::from(run.count));
            for (sum, d) in sum.iter_mut().zip(run.sum) {
                *sum = sum.wrapping_add(d);
            }
        }
    }

    /// Ends the survey: each frame moves by the mean of its colliders.
    pub fn finish(&mut self) {
        self.displacement_m.clear();
        self.displacement_m.extend(self.sums.iter().map(|&(count, sum)| {
            let scale = SUM_PER_M * count.max(1) as f64;
            DVec3::new(sum[0] as f64, sum[1] as f64, sum[2] as f64) / scale
        }));
    }

    /// How far a frame moves over the tick.
    #[inline(always)]
    pub fn displacement_m(&self, frame: u32) -> DVec3 {
        self.displacement_m[frame as usize]
    }

    /// Calls `visit` with the frame of each region that a box in space reaches.
    #[inline]
    pub fn for_each(&self, cell: [i64; 3], offset_m: DVec3, half_m: DVec3, mut visit: impl FnMut(u32)) {
        // Cells of space lie around their origins, those of a grid behind theirs.
        let offset_m = offset_m + CELL_EDGE_M / 2.0;
        let (first, more) = Quantised::new(cell, offset_m, half_m, self.region_level).cells();
        let key = cell_key(first, 0);
        for z in 0..=more[2] {
            for y in 0..=more[1] {
                for x in 0..=more[0] {
                    visit(self.frame_of(neighbour_key(key, x, y, z)));
                }
            }
        }
    }

    /// The widest half extent in metres that reaches at most two regions along each axis.
    pub fn half_extent_max_m(&self) -> f64 {
        edge_m(self.region_level) / 4.0
    }

    #[inline(always)]
    fn frame_of(&self, key: u64) -> u32 {
        // A power of two of slots, at least 16.
        mix(key) & (self.sums.len() as u32).wrapping_sub(1)
    }
}
