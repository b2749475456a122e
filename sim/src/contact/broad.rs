//! Broadphase: which pairs may touch within the tick. Must never miss one that does, outside the limits that
//! `Solver` documents, and must find the same set whatever the order in memory and the number of threads.
//!
//! Each collider's box, swept in the frame of its region, is put into the cells of the one grid level that
//! suits its size; a box meets the others of its level there. Between two levels one side looks the other up:
//! the small ones look into the large cell that they are in, or the large ones through the small cells that
//! they cover, whichever is less work. Shots, and colliders that fly many times their own size in a tick, walk
//! along their path through the cells of each finer level piece by piece, so that one fast thing does not turn a
//! whole neighbourhood into candidates.
//!
//! Alternatives weighed: sweep and prune degrades to n^(5/3) in a cube; a tree over swept boxes is as robust
//! but has to be built or refitted each tick, several times the cost of these few hashes per collider; half
//! neighbourhoods (one cell per collider, 13 look-ups) cost more look-ups than a box of twice the cell's edge
//! costs entries.

use std::sync::atomic::{AtomicUsize, Ordering};

use glam::DVec3;
use rayon::prelude::*;

use super::frames::{Frames, Mark, Run};
use super::grid::{LEVELS, Quantised, edge_m, level_of};
use super::narrow::{self, Meeting, NEVER};
use super::table::{Node, PART_BITS, Part, for_each_cell, pairs_max, part_of};
use super::{Collider, Shot, make_room};

/// Colliders per piece of work. Fixed, so that nothing depends on the number of threads.
const CHUNK: usize = 2048;
/// With fewer colliders than this, splitting costs more than it gains.
const PARALLEL_MIN: usize = 3072;
/// A collider whose swept box is this many times its own size walks along its path.
const FAST: f64 = 4.0;
/// Levels above which a large collider always has the small ones look it up.
const WALK_LEVELS_MAX: usize = 12;
/// Cells that one walker visits on one level before it rather tests every collider of that level.
const WALK_CELLS_MAX: f64 = 65_536.0;
/// Regions that a shot crosses before it is rather tested against every collider: 30,000 km in a tick.
const REGIONS_MAX: u32 = 64;
const PARTS: usize = 1 << PART_BITS;

/// Two bodies that may touch: indices into the colliders, or the number of colliders plus an index into the
/// shots. Of two colliders the one with the lower id comes first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub a: u32,
    pub b: u32,
    /// How they meet if nothing else happens to them.
    pub meeting: Meeting,
}

/// The bodies of a tick.
#[derive(Clone, Copy)]
pub(super) struct Bodies<'a> {
    pub colliders: &'a [Collider],
    pub shots: &'a [Shot],
}

impl Bodies<'_> {
    /// The first meeting of `a` and `b` from the fraction `from` of the tick on.
    #[inline]
    pub fn meeting(&self, a: u32, b: u32, from: f64) -> Meeting {
        let first = &self.colliders[a as usize];
        match self.colliders.get(b as usize) {
            Some(second) => narrow::of_colliders(first, second, from),
            None => narrow::of_shot(first, &self.shots[b as usize - self.colliders.len()], from),
        }
    }

    #[inline]
    fn candidate(&self, a: u32, b: u32) -> Candidate {
        let swap = self.colliders.get(b as usize).is_some_and(|second| second.id < self.colliders[a as usize].id);
        let (a, b) = if swap { (b, a) } else { (a, b) };
        Candidate { a, b, meeting: self.meeting(a, b, 0.0) }
    }
}

/// What one piece of work writes.
#[derive(Debug, Default)]
struct Chunk {
    lists: [Vec<Node>; PARTS],
    runs: Vec<Run>,
    largest_m: f64,
    /// Boxes per level: of ordinary colliders, and of fast ones.
    slow: Levels,
    fast: Levels,
    found: Vec<Candidate>,
}

#[derive(Debug, Default)]
struct Cells {
    part: Part,
    pairs: Vec<[u32; 2]>,
    found: Vec<Candidate>,
    filled: bool,
}

#[derive(Clone, Copy, Debug)]
struct Levels([u32; LEVELS]);

impl Default for Levels {
    fn default() -> Self {
        Self([0; LEVELS])
    }
}

/// Who looks up whom: bit sets of levels, by level.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Levels that hold anything.
    used: u64,
    /// Coarser levels that a box of this level is looked up in.
    up: [u64; LEVELS],
    /// Finer levels that an ordinary box of this level is looked up in.
    down: [u64; LEVELS],
    boxes: Levels,
}

/// The buffers of the broadphase, kept from tick to tick. Holds no state: every tick starts afresh.
#[derive(Debug, Default)]
pub(super) struct Broadphase {
    frames: Frames,
    marks: Vec<Mark>,
    chunks: Vec<Chunk>,
    shot_chunks: Vec<Chunk>,
    parts: Vec<Cells>,
    order: Vec<u32>,
}

/// One collider's box in one frame.
struct Swept {
    offset_m: DVec3,
    half_m: DVec3,
    level: usize,
    fast: bool,
}

impl Swept {
    #[inline(always)]
    fn new(collider: &Collider, frame_m: DVec3) -> Self {
        let path_m = collider.displacement_m - frame_m;
        let half_m = path_m.abs() * 0.5 + collider.radius_m;
        let extent_m = half_m.max_element();
        let (level, fast) = (level_of(extent_m), extent_m > FAST * collider.radius_m);
        Self { offset_m: collider.position.offset - collider.displacement_m * 0.5, half_m, level, fast }
    }
}

/// Tells apart the grids of different frames and levels.
#[inline(always)]
fn grid_of(frame: u32, level: usize) -> u64 {
    u64::from(frame) << 6 | level as u64
}

impl Broadphase {
    /// Whether the last call found too many boxes in one place to test them all.
    #[cfg(test)]
    pub fn is_crowded(&self) -> bool {
        !self.order.is_empty()
    }

    /// Finds the pairs that may touch and appends them, in no particular order.
    pub fn candidates(&mut self, bodies: Bodies, out: &mut Vec<Candidate>) {
        self.order.clear();
        if !self.find(bodies) {
            // Somewhere too many boxes share a cell. Which pairs are looked at must then follow from the ids.
            self.order.extend(0..bodies.colliders.len() as u32);
            self.order.sort_unstable_by_key(|&i| bodies.colliders[i as usize].id);
            self.find(bodies);
        }
        let lists = || {
            let chunks = self.chunks.iter().chain(&self.shot_chunks).map(|c| &c.found);
            chunks.chain(self.parts.iter().map(|p| &p.found))
        };
        make_room(out, lists().map(Vec::len).sum());
        lists().for_each(|list| out.extend_from_slice(list));
    }

    /// False where a cell is too crowded to go on without an order.
    fn find(&mut self, bodies: Bodies) -> bool {
        let parallel = bodies.colliders.len() >= PARALLEL_MIN;
        let Self { frames, marks, chunks, shot_chunks, parts, order } = self;
        let (colliders, order) = (bodies.colliders, order.as_slice());
        let at = |k: usize| if order.is_empty() { k } else { order[k] as usize };
        chunks.resize_with(colliders.len().div_ceil(CHUNK), Chunk::default);
        shot_chunks.resize_with(bodies.shots.len().div_ceil(CHUNK), Chunk::default);
        parts.resize_with(PARTS, Cells::default);
        // All of them are written below.
        marks.resize(colliders.len(), Mark { frame: 0, level: Mark::SKIPPED, straddles: false });

        // Frames.
        frames.start(colliders.len());
        loop {
            each_marked(parallel, chunks, marks, |first, chunk, marks| {
                let of_chunk = (first..first + marks.len()).map(|k| &colliders[at(k)]);
                chunk.largest_m = frames.survey(of_chunk, marks, &mut chunk.runs);
            });
            if !frames.widen(chunks.iter().fold(0.0, |most, chunk| chunk.largest_m.max(most))) {
                break;
            }
        }
        chunks.iter().for_each(|chunk| frames.add(&chunk.runs));
        frames.finish();

        // Boxes.
        each_marked(parallel, chunks, marks, |first, chunk, marks| {
            chunk.start();
            for (k, mark) in (first..).zip(marks) {
                if mark.level != Mark::SKIPPED {
                    chunk.enter(frames, at(k) as u32, &colliders[at(k)], mark);
                }
            }
        });

        // Cells, and the pairs within a level.
        let lists = &*chunks;
        each(parallel, parts, |number, cells| {
            let Cells { part, pairs, found, filled } = cells;
            pairs.clear();
            found.clear();
            let lists = lists.iter().map(|chunk| chunk.lists[number].as_slice());
            *filled = part.fill(lists, !order.is_empty(), pairs);
            found.extend(pairs.iter().map(|&[a, b]| bodies.candidate(a, b)));
            make_room(pairs, 0);
            make_room(found, 0);
        });
        if !parts.iter().all(|part| part.filled) {
            return false;
        }

        // Pairs between levels, and walkers.
        let plan = Plan::new(chunks);
        let search = Search { frames, parts, plan: &plan, bodies, marks, order };
        let pairs = AtomicUsize::new(0);
        let pairs_max = if order.is_empty() { pairs_max(colliders.len()) } else { usize::MAX };
        if plan.used.count_ones() > 1 {
            each(parallel, chunks, |number, chunk| {
                let first = number * CHUNK;
                for k in first..(first + CHUNK).min(colliders.len()) {
                    let before = chunk.found.len();
                    search.between_levels(k, at(k), &mut chunk.found);
                    let more = chunk.found.len() - before;
                    // Whether the sum ends up above the limit does not depend on who adds first.
                    if more > 0 && pairs.fetch_add(more, Ordering::Relaxed) > pairs_max {
                        return;
                    }
                }
                make_room(&mut chunk.found, 0);
            });
        }
        if pairs.into_inner() > pairs_max {
            return false;
        }
        each(parallel || bodies.shots.len() >= CHUNK, shot_chunks, |number, chunk| {
            let first = number * CHUNK;
            chunk.found.clear();
            for k in first..(first + CHUNK).min(bodies.shots.len()) {
                search.shot(k, &mut chunk.found);
            }
            make_room(&mut chunk.found, 0);
        });
        true
    }
}

impl Chunk {
    fn start(&mut self) {
        (self.slow, self.fast) = Default::default();
        self.found.clear();
        for list in &mut self.lists {
            make_room(list, 0);
            list.clear();
        }
    }

    /// Puts a collider's boxes onto the lists.
    #[inline(always)]
    fn enter(&mut self, frames: &Frames, index: u32, collider: &Collider, mark: &mut Mark) {
        if mark.straddles {
            self.enter_all(frames, index, collider, mark);
        } else {
            mark.level = self.enter_in(mark.frame, frames, index, collider);
        }
    }

    #[cold]
    fn enter_all(&mut self, frames: &Frames, index: u32, collider: &Collider, mark: &mut Mark) {
        for_each_frame(frames, collider, |frame| mark.level = self.enter_in(frame, frames, index, collider));
    }

    #[inline(always)]
    fn enter_in(&mut self, frame: u32, frames: &Frames, index: u32, collider: &Collider) -> u8 {
        let swept = Swept::new(collider, frames.displacement_m(frame));
        let count = if swept.fast { &mut self.fast } else { &mut self.slow };
        count.0[swept.level] = count.0[swept.level].wrapping_add(1);
        let quantised = Quantised::new(collider.position.cell, swept.offset_m, swept.half_m, swept.level);
        for_each_cell(&quantised, index, grid_of(frame, swept.level), |node| self.lists[part_of(&node)].push(node));
        swept.level as u8
    }
}

/// The frames of every region that a collider belongs to.
fn for_each_frame(frames: &Frames, collider: &Collider, visit: impl FnMut(u32)) {
    let half = collider.displacement_m.abs() * 0.5 + collider.radius_m;
    let offset = collider.position.offset - collider.displacement_m * 0.5;
    frames.for_each(collider.position.cell, offset, half, visit);
}

impl Plan {
    fn new(chunks: &[Chunk]) -> Self {
        let total = |of: fn(&Chunk) -> &Levels| {
            let mut sum = Levels::default();
            for chunk in chunks {
                sum.0.iter_mut().zip(of(chunk).0).for_each(|(sum, n)| *sum = sum.wrapping_add(n));
            }
            sum
        };
        let (slow, fast) = (total(|chunk| &chunk.slow), total(|chunk| &chunk.fast));
        let mut boxes = slow;
        boxes.0.iter_mut().zip(fast.0).for_each(|(sum, n)| *sum = sum.wrapping_add(n));
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
}

/// The filled table, for looking up.
struct Search<'a> {
    frames: &'a Frames,
    parts: &'a [Cells],
    plan: &'a Plan,
    bodies: Bodies<'a>,
    marks: &'a [Mark],
    order: &'a [u32],
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
    fn between_levels(&self, k: usize, index: usize, out: &mut Vec<Candidate>) {
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
    fn shot(&self, k: usize, out: &mut Vec<Candidate>) {
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

/// Calls `work` for each item with its number, on all threads of the pool or on this one.
fn each<T: Send>(parallel: bool, items: &mut [T], work: impl Fn(usize, &mut T) + Send + Sync) {
    if parallel {
        items.par_iter_mut().enumerate().for_each(|(number, item)| work(number, item));
    } else {
        items.iter_mut().enumerate().for_each(|(number, item)| work(number, item));
    }
}

/// The same for chunks of colliders and their marks; `work` is told the first one's number.
fn each_marked(
    parallel: bool,
    chunks: &mut [Chunk],
    marks: &mut [Mark],
    work: impl Fn(usize, &mut Chunk, &mut [Mark]) + Send + Sync,
) {
    if parallel {
        let zipped = chunks.par_iter_mut().zip(marks.par_chunks_mut(CHUNK)).enumerate();
        zipped.for_each(|(number, (chunk, marks))| work(number * CHUNK, chunk, marks));
    } else {
        let zipped = chunks.iter_mut().zip(marks.chunks_mut(CHUNK)).enumerate();
        zipped.for_each(|(number, (chunk, marks))| work(number * CHUNK, chunk, marks));
    }
}
