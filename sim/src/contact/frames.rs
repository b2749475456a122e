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

/// Regions are 65 km wide, or wider where something larger is about. Narrow enough that neighbours in one
/// move alike, wide enough that few things reach over an edge.
const REGION_LEVEL_MIN: usize = level_of_edge(16);
/// Displacements are summed as whole multiples of 1/256 m, so that the order of summing cannot matter.
const SUM_PER_M: f64 = 256.0;

/// What the survey found out about one collider.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// Frame of its region; if it straddles, of another.
    pub frame: u32,
    /// Level of its box in that frame, or [`Mark::SKIPPED`].
    pub level: u8,
    /// Whether it belongs to more than one region.
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

/// A region as seen from one cell of space, a little shrunk: things inside are in no other.
#[derive(Clone, Copy, Debug)]
struct Region {
    cell: [i64; 3],
    lower_m: DVec3,
    upper_m: DVec3,
}

impl Default for Region {
    /// Holds nothing.
    fn default() -> Self {
        Self { cell: [0; 3], lower_m: DVec3::MAX, upper_m: DVec3::MIN }
    }
}

impl Region {
    /// The region that holds all of `reach`, the box of something at `cell`, `offset_m`.
    fn around(cell: [i64; 3], offset_m: DVec3, reach: &Quantised, level: usize) -> Self {
        let edge_m = edge_m(level);
        let unit_m = edge_m / UNITS as f64;
        let middle = |i: usize| (reach.lo[i] & (UNITS - 1)) as f64 + reach.hi[i].wrapping_sub(reach.lo[i]) as f64 * 0.5;
        // Where the place is in its region; a unit or two off, and so is the region's edge.
        let within = DVec3::new(middle(0), middle(1), middle(2)) * unit_m;
        let lower_m = offset_m - within;
        Self { cell, lower_m: lower_m + 4.0 * unit_m, upper_m: lower_m + (edge_m - 4.0 * unit_m) }
    }

    #[inline(always)]
    fn holds(&self, cell: [i64; 3], offset_m: DVec3, half_m: DVec3) -> bool {
        let (a, b) = (offset_m - half_m - self.lower_m, self.upper_m - offset_m - half_m);
        cell == self.cell && a.min(b).min_element() > 0.0
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

    /// Marks a chunk of colliders and notes its runs. Returns the largest swept half extent, in metres.
    pub fn survey<'a>(
        &self,
        colliders: impl Iterator<Item = &'a Collider>,
        marks: &mut [Mark],
        runs: &mut Vec<Run>,
    ) -> f64 {
        runs.clear();
        let mut largest_m = 0.0_f64;
        let mut run = Run::default();
        // The region of the run, shrunk by the largest extent that it is known for.
        let mut region = Region::default();
        for (collider, mark) in colliders.zip(marks) {
            if !collider.is_valid() {
                *mark = Mark { frame: 0, level: Mark::SKIPPED, straddles: false };
                continue;
            }
            let half = collider.displacement_m.abs() * 0.5 + collider.radius_m;
            largest_m = largest_m.max(half.max_element());
            let cell = collider.position.cell;
            let offset = collider.position.offset - collider.displacement_m * 0.5;
            let mut straddles = false;
            if !region.holds(cell, offset, half) {
                let reach = Quantised::new(cell, offset, half, self.region_level);
                let (first, more) = reach.cells();
                straddles = more != [0; 3];
                if !straddles {
                    runs.push(std::mem::take(&mut run));
                    run.frame = self.frame_of(cell_key(first, 0));
                    region = Region::around(cell, offset, &reach, self.region_level);
                }
            }
            let mut count = |run: &mut Run| {
                run.count = run.count.wrapping_add(1);
                for (sum, d) in run.sum.iter_mut().zip(collider.displacement_m.to_array()) {
                    *sum = sum.wrapping_add(round(d * SUM_PER_M));
                }
            };
            if straddles {
                self.for_each(cell, offset, half, |frame| {
                    let mut single = Run { frame, ..Run::default() };
                    count(&mut single);
                    runs.push(single);
                });
            } else {
                count(&mut run);
            }
            *mark = Mark { frame: run.frame, level: 0, straddles };
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
