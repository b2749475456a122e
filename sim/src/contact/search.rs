//! Pairs between levels of the broadphase, and those that move along long paths. Must never depend on which box
//! was found first.
//!
//! Between two levels one side looks the other up: the small ones look into the large cell that they are in, or the
//! large ones through the small cells that they cover, whichever is less work. Shots, and colliders that fly many
//! times their own size in a tick, walk along their path through the cells of each finer level piece by piece, so
//! that one fast thing does not turn a whole neighbourhood into candidates.

use glam::DVec3;

use super::Collider;
use super::broad::{Bodies, Candidate, Cells};
use super::frames::{Frames, Mark};
use super::grid::{LEVELS, Quantised, edge_m, level_of};
use super::narrow::NEVER;
use super::table::{for_each_cell, part_of};

/// A collider whose swept box is this many times its own size walks along its path. Ships that cross one another's
/// orbits are below, rocks shot out of a gun above.
const FAST: f64 = 12.0;
/// Levels above which a large collider always has the small ones look it up.
const WALK_LEVELS_MAX: usize = 12;
/// Cells that one walker visits on one level before it rather tests every collider of that level.
const WALK_CELLS_MAX: f64 = 65_536.0;
/// Regions that a shot crosses before it is rather tested against every collider: 30,000 km in a tick.
const REGIONS_MAX: u32 = 64;

/// How many boxes there are on each level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels([u32; LEVELS]);

impl Default for Levels {
    fn default() -> Self {
        Self([0; LEVELS])
    }
}

impl Levels {
    pub fn add(&mut self, level: usize) {
        self.0[level] = self.0[level].wrapping_add(1);
    }

    pub fn sum<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for levels in all {
            sum.0.iter_mut().zip(levels.0).for_each(|(sum, n)| *sum = sum.wrapping_add(n));
        }
        sum
    }
}

/// Who looks up whom: bit sets of levels, by level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Levels that hold anything.
    used: u64,
    /// Coarser levels that a box of this level is looked up in.
    up: [u64; LEVELS],
    /// Finer levels that an ordinary box of this level is looked up in.
    down: [u64; LEVELS],
    boxes: Levels,
}

/// One collider's box in one frame.
pub(super) struct Swept {
    pub offset_m: DVec3,
    pub half_m: DVec3,
    pub level: usize,
    pub fast: bool,
}

impl Swept {
    #[inline(always)]
    pub fn new(collider: &Collider, frame_m: DVec3) -> Self {
        let path_m = collider.displacement_m - frame_m;
        let half_m = path_m.abs() * 0.5 + collider.radius_m;
        let extent_m = half_m.max_element();
        let (level, fast) = (level_of(extent_m), extent_m > FAST * collider.radius_m);
        Self { offset_m: collider.position.offset - collider.displacement_m * 0.5, half_m, level, fast }
    }
}

/// Tells apart the grids of different frames and levels.
#[inline(always)]
pub(super) fn grid_of(frame: u32, level: usize) -> u64 {
    u64::from(frame) << 6 | level as u64
}

/// The frames of every region that a collider belongs to.
pub(super) fn for_each_frame(frames: &Frames, collider: &Collider, visit: impl FnMut(u32)) {
    let half = collider.displacement_m.abs() * 0.5 + collider.radius_m;
    let offset = collider.position.offset - collider.displacement_m * 0.5;
    frames.for_each(collider.position.cell, offset, half, visit);
}

impl Plan {
    /// With so many boxes of ordinary colliders, and so many of fast ones.
    pub fn new(slow: &Levels, fast: &Levels) -> Self {
        let boxes = Levels::sum([slow, fast].into_iter());
        let mut plan = Self { used: 0, up: [0; LEVELS], down: [0; LEVELS], boxes };
        for coarse in 0..LEVELS {
            plan.used |= u64::from(boxes.0[coarse] > 0) << coarse;
            for fine in 0..coarse {
                if boxes.0[fine] == 0 || slow.0[coarse] == 0 {
                    continue;
                }
                // A box of half a coarse cell, in fine cells along each axis; a cell costs about half as much
                // as making the box that a fine collider looks up with.
                let steps = coarse - fine;
                let across = f64::from(1_u32 << steps.min(WALK_LEVELS_MAX)) * 0.5 + 1.0;
                let walk = f64::from(slow.0[coarse]) * across * across * across * 0.5;
                if steps <= WALK_LEVELS_MAX && walk < f64::from(boxes.0[fine]) {
                    plan.down[coarse] |= 1 << fine;
                } else {
                    plan.up[fine] |= 1 << coarse;
                }
            }
        }
        plan
    }

    /// Whether there is anything to look up between levels.
    pub fn has_levels(&self) -> bool {
        self.used.count_ones() > 1
    }
}

/// The filled table, for looking up.
pub(super) struct Search<'a> {
    pub frames: &'a Frames,
    pub parts: &'a [Cells],
    pub plan: &'a Plan,
    pub bodies: Bodies<'a>,
    pub marks: &'a [Mark],
    /// The order in which marks follow each other, if not that of the colliders.
    pub order: &'a [u32],
}

/// The path of a body over a stretch of the tick in one frame.
struct Path {
    cell: [i64; 3],
    /// Where the body is at the end of the tick, and how far it moved.
    offset_m: DVec3,
    displacement_m: DVec3,
    radius_m: f64,
    /// Fractions of the tick.
    stretch: (f64, f64),
}

impl Search<'_> {
    /// Looks a collider up in the levels that are not its own.
    #[inline]
    pub fn between_levels(&self, k: usize, index: usize, out: &mut Vec<Candidate>) {
        let (mark, collider) = (self.marks[k], &self.bodies.colliders[index]);
        if mark.level == Mark::SKIPPED {
            return;
        }
        let look = |frame: u32, out: &mut Vec<Candidate>| {
            let swept = Swept::new(collider, self.frames.displacement_m(frame));
            let finer = (1_u64 << swept.level) - 1;
            let mut levels = self.plan.up[swept.level];
            if swept.fast {
                for level in bits(self.plan.used & finer) {
                    self.walk(index, &Path::of_collider(collider), frame, level, out);
                }
            } else {
                levels |= self.plan.down[swept.level];
            }
            for level in bits(levels) {
                let quantised = Quantised::new(collider.position.cell, swept.offset_m, swept.half_m, level);
                self.look_up(&quantised, index as u32, grid_of(frame, level), out);
            }
        };
        if mark.straddles {
            for_each_frame(self.frames, collider, |frame| look(frame, out));
        } else {
            look(mark.frame, out);
        }
    }

    /// Walks a shot along its path through every level.
    pub fn shot(&self, k: usize, out: &mut Vec<Candidate>) {
        let shot = &self.bodies.shots[k];
        if !shot.is_valid() {
            return;
        }
        let index = self.bodies.colliders.len() + k;
        // Pieces short enough to belong to two regions per axis at most.
        let pieces = pieces(shot.displacement_m, 2.0 * self.frames.half_extent_max_m());
        if pieces > REGIONS_MAX {
            return self.all_of(index, out, |_| true);
        }
        for piece in 0..pieces {
            let stretch = (f64::from(piece) / f64::from(pieces), f64::from(piece + 1) / f64::from(pieces));
            let path = Path {
                cell: shot.position.cell,
                offset_m: shot.position.offset,
                displacement_m: shot.displacement_m,
                radius_m: 0.0,
                stretch,
            };
            let (offset, half) = path.box_in(DVec3::ZERO, stretch);
            self.frames.for_each(path.cell, offset, half, |frame| {
                for level in bits(self.plan.used) {
                    self.walk(index, &path, frame, level, out);
                }
            });
        }
    }

    /// Looks a body up along its path in the cells of one level.
    fn walk(&self, index: usize, path: &Path, frame: u32, level: usize, out: &mut Vec<Candidate>) {
        let frame_m = self.frames.displacement_m(frame);
        let (from, to) = path.stretch;
        let edge = edge_m(level);
        let pieces = pieces((path.displacement_m - frame_m) * (to - from), edge);
        let across = 2.0 * path.radius_m / edge + 2.0;
        let cells = f64::from(pieces) * across * across * across;
        if cells > WALK_CELLS_MAX && cells > f64::from(self.plan.boxes.0[level]) {
            // A collider in several regions may be on another level in each.
            return self.all_of(index, out, |mark| usize::from(mark.level) == level || mark.straddles);
        }
        let each = (to - from) / f64::from(pieces);
        for piece in 0..pieces {
            let stretch = (from + each * f64::from(piece), from + each * f64::from(piece + 1));
            let (offset, half) = path.box_in(frame_m, stretch);
            let quantised = Quantised::new(path.cell, offset, half, level);
            self.look_up(&quantised, index as u32, grid_of(frame, level), out);
        }
    }

    #[inline(always)]
    fn look_up(&self, quantised: &Quantised, index: u32, grid: u64, out: &mut Vec<Candidate>) {
        for_each_cell(quantised, index, grid, |node| {
            self.parts[part_of(&node)].part.probe(&node, |a, b| {
                out.push(self.bodies.candidate(a, b));
            });
        });
    }

    /// Tests a body that would walk too far against the colliders that `mark` chooses, one after the other, and
    /// keeps those that it meets.
    #[cold]
    fn all_of(&self, index: usize, out: &mut Vec<Candidate>, choose: impl Fn(&Mark) -> bool) {
        for (k, mark) in self.marks.iter().enumerate() {
            let other = if self.order.is_empty() { k } else { self.order[k] as usize };
            if other != index && mark.level != Mark::SKIPPED && choose(mark) {
                let candidate = self.bodies.candidate(other as u32, index as u32);
                if candidate.meeting.at < NEVER || candidate.meeting.overlapping {
                    out.push(candidate);
                }
            }
        }
    }
}

impl Path {
    fn of_collider(collider: &Collider) -> Self {
        Self {
            cell: collider.position.cell,
            offset_m: collider.position.offset,
            displacement_m: collider.displacement_m,
            radius_m: collider.radius_m,
            stretch: (0.0, 1.0),
        }
    }

    /// Centre (as an offset from the cell) and half extent of the box around a stretch of the path, in a frame
    /// that is where space is at the middle of the tick.
    fn box_in(&self, frame_m: DVec3, (from, to): (f64, f64)) -> (DVec3, DVec3) {
        let middle = 0.5 * (from + to);
        let offset = self.offset_m - self.displacement_m * (1.0 - middle) - frame_m * (middle - 0.5);
        let half = (self.displacement_m - frame_m).abs() * (0.5 * (to - from)) + self.radius_m;
        (offset, half)
    }
}

/// Into how many pieces no longer than `longest_m` along any axis a path is cut.
fn pieces(path_m: DVec3, longest_m: f64) -> u32 {
    // `as` cuts at 2^32 - 1, far above what valid displacements ask for.
    ((path_m.abs().max_element() / longest_m) as u32).saturating_add(1)
}

/// The positions of the bits that are set, lowest first.
fn bits(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = set.trailing_zeros();
        set &= set.wrapping_sub(1);
        (lowest < u64::BITS).then_some(lowest as usize)
    })
}
