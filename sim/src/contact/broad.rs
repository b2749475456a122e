//! Broadphase: which pairs may touch within the tick. Must never miss one that does, outside the limits that
//! `Solver` documents, and must find the same set whatever the order in memory and the number of threads.
//!
//! Each collider's box, swept in the frame of its region, is put into the cells of the one grid level that
//! suits its size; a box meets the others of its level there. `search` finds what is left.
//!
//! Alternatives weighed: sweep and prune degrades to n^(5/3) in a cube; a tree over swept boxes is as robust, but
//! is built or refitted each tick by comparisons that depend on one another, where a hash needs none; half
//! neighbourhoods need one cell per collider but 13 look-ups, where boxes need one or two entries on average.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::frames::{Frames, Mark, Run};
use super::grid::Quantised;
use super::narrow::{self, Meeting};
use super::search::{Levels, Plan, Search, Swept, for_each_frame, grid_of};
use super::table::{Node, PART_BITS, Part, for_each_cell, pairs_max, part_of};
use super::{Collider, Shot, make_room};

/// Colliders per piece of work. Fixed, so that nothing depends on the number of threads.
const CHUNK: usize = 1024;
/// With fewer colliders than this, splitting costs more than it gains.
const PARALLEL_MIN: usize = 3072;
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
    pub fn candidate(&self, a: u32, b: u32) -> Candidate {
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

/// One part of the table, and the pairs in it.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub part: Part,
    pairs: Vec<[u32; 2]>,
    found: Vec<Candidate>,
    filled: bool,
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
        let sum = |of: fn(&Chunk) -> &Levels| Levels::sum(chunks.iter().map(of));
        let plan = Plan::new(&sum(|chunk| &chunk.slow), &sum(|chunk| &chunk.fast));
        let search = Search { frames, parts, plan: &plan, bodies, marks, order };
        let pairs = AtomicUsize::new(0);
        let pairs_max = if order.is_empty() { pairs_max(colliders.len()) } else { usize::MAX };
        if plan.has_levels() {
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
        count.add(swept.level);
        let quantised = Quantised::new(collider.position.cell, swept.offset_m, swept.half_m, swept.level);
        for_each_cell(&quantised, index, grid_of(frame, swept.level), |node| self.lists[part_of(&node)].push(node));
        swept.level as u8
    }
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
