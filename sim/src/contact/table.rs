//! A hash table of grid cells, in parts that are filled independently of one another: each part holds the cells
//! whose hash begins with its number. Must never let the order of filling decide which pairs are found.
//!
//! A part is sorted by bucket, so that the boxes of a cell lie side by side, and is then tested bucket by
//! bucket.

use super::grid::{NEXT, Quantised, UNITS, cell_key, mix, neighbour_key};

/// Parts of the table, as a power of two.
pub(super) const PART_BITS: u32 = 4;
/// A bucket of more boxes than this stops the filling. Spheres of one size that lie as close as they can without
/// overlapping reach about 400.
const CROWD_MAX: usize = 1024;
/// So do more pairs than this per box on average, which bounds the memory they take.
const PAIRS_PER_BOX_MAX: usize = 16;
/// With some buckets crowded, those of more boxes than this give each box only so many pairs.
const CROWD: usize = 64;
const CROWD_PAIRS: usize = 8;
/// The bits of a hash below the part's number.
const BELOW_PART: u32 = u32::MAX >> PART_BITS;

/// A box in one of the cells that it touches. Corners are in units from the cell's corner, each coordinate in
/// fifteen bits of its own, plus [`BIAS`] so that it is positive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Node {
    lo: u64,
    hi: u64,
    /// Index of the collider, shifted by [`LOWEST_BITS`]; below it, per axis, whether this cell is the first of
    /// those that the box touches.
    who: u32,
    /// The cell's.
    hash: u32,
}

const LOWEST_BITS: u32 = 3;
const LOWEST: u32 = 7;
/// Two cells: beyond the box of any resident, and far from 2^15 on the other side.
const BIAS: i64 = 2 * UNITS;
/// The bit above each coordinate.
const GUARD: u64 = spread([1 << 15; 3]);

/// Three coordinates side by side.
#[inline(always)]
const fn spread(x: [i64; 3]) -> u64 {
    (x[0] as u64).wrapping_add((x[1] as u64) << 16).wrapping_add((x[2] as u64) << 32)
}

/// How many bodies a table can tell apart.
pub(super) const INDEX_MAX: usize = (1 << (32 - LOWEST_BITS)) - 2;

/// What to take from corners so that they count from the next cell along the axes whose bits are set.
const BEYOND: [u64; 8] = {
    let mut table = [0; 8];
    let mut axes = 0;
    while axes < 8 {
        table[axes] = spread([UNITS * (axes as i64 & 1), UNITS * (axes as i64 >> 1 & 1), UNITS * (axes as i64 >> 2)]);
        axes += 1;
    }
    table
};

impl Node {
    #[inline(always)]
    fn index(&self) -> u32 {
        self.who >> LOWEST_BITS
    }

    /// Whether no coordinate of one upper corner is below that of the other lower corner: no subtraction borrows
    /// its guard bit.
    #[inline(always)]
    fn overlaps(&self, other: &Self) -> bool {
        let one = (self.hi | GUARD).wrapping_sub(other.lo);
        let two = (other.hi | GUARD).wrapping_sub(self.lo);
        one & two & GUARD == GUARD
    }

    /// Two boxes meet in up to eight cells. Only in one of them is each axis the first for one of the boxes,
    /// and there the pair counts. A body in two regions that share a frame meets itself, which does not.
    #[inline(always)]
    fn meets_here(&self, other: &Self) -> bool {
        self.overlaps(other)
            && self.hash == other.hash
            && (self.who | other.who) & LOWEST == LOWEST
            && self.index() != other.index()
    }
}

/// Calls `visit` with the box once for each cell of the grid `grid` that it touches.
#[inline(always)]
pub(super) fn for_each_cell(quantised: &Quantised, index: u32, grid: u64, mut visit: impl FnMut(Node)) {
    let (first, more) = quantised.cells();
    let key = cell_key(first, grid);
    let who = index << LOWEST_BITS;
    if more[0] | more[1] | more[2] <= 1 {
        // One or two cells along each axis: every subset of the axes that have two.
        let from = |corner: [i64; 3]| {
            let near = |i: usize| corner[i].wrapping_sub(first[i]).wrapping_add(BIAS);
            spread([near(0), near(1), near(2)])
        };
        let (lo, hi) = (from(quantised.lo), from(quantised.hi));
        let axes = more[0] | more[1] << 1 | more[2] << 2;
        let mut beyond = 0_u64;
        loop {
            let cell = beyond as usize & 7;
            let (lo, hi) = (lo.wrapping_sub(BEYOND[cell]), hi.wrapping_sub(BEYOND[cell]));
            let hash = mix(key.wrapping_add(NEXT[cell]));
            visit(Node { lo, hi, who: who | (LOWEST & !(beyond as u32)), hash });
            beyond = beyond.wrapping_sub(axes) & axes;
            if beyond == 0 {
                return;
            }
        }
    }
    for_each_of_many_cells(quantised, who, (first, more), key, visit);
}

/// The same for boxes of any size.
fn for_each_of_many_cells(
    quantised: &Quantised,
    who: u32,
    (first, more): ([i64; 3], [u64; 3]),
    key: u64,
    mut visit: impl FnMut(Node),
) {
    for z in 0..=more[2] {
        for y in 0..=more[1] {
            for x in 0..=more[0] {
                let cell = [x, y, z];
                let near = |corner: [i64; 3]| {
                    spread(std::array::from_fn(|i| {
                        let start = first[i].wrapping_add((cell[i] as i64).wrapping_mul(UNITS));
                        corner[i].wrapping_sub(start).clamp(-BIAS, BIAS).wrapping_add(BIAS)
                    }))
                };
                let (lo, hi) = (near(quantised.lo), near(quantised.hi));
                let lowest = u32::from(x == 0) | u32::from(y == 0) << 1 | u32::from(z == 0) << 2;
                visit(Node { lo, hi, who: who | lowest, hash: mix(neighbour_key(key, x, y, z)) });
            }
        }
    }
}

/// The part that a node belongs to.
#[inline(always)]
pub(super) fn part_of(node: &Node) -> usize {
    (node.hash >> (32 - PART_BITS)) as usize
}

/// How many pairs `boxes` boxes may find before that counts as crowded.
pub(super) fn pairs_max(boxes: usize) -> usize {
    boxes * PAIRS_PER_BOX_MAX + 4096
}

/// One part of the table.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Sorted by bucket.
    nodes: Vec<Node>,
    /// Where each bucket begins; one more at the end.
    starts: Vec<u32>,
    /// Bits of the hash that choose the bucket.
    bits: u32,
    crowded: bool,
}

impl Part {
    /// Fills the part with `lists`, and appends each pair of colliders whose boxes overlap to `found`. False
    /// where a bucket is too crowded; with `crowded`, boxes in such a bucket find only the first few pairs among
    /// those just after them.
    pub fn fill<'a>(
        &mut self,
        lists: impl Iterator<Item = &'a [Node]> + Clone,
        crowded: bool,
        found: &mut Vec<[u32; 2]>,
    ) -> bool {
        self.crowded = crowded;
        let count = self.sort(lists);
        let pairs_max = pairs_max(count);
        let mut start = 0;
        for bucket in 1..self.starts.len() {
            let end = self.starts[bucket] as usize;
            let run = start..end;
            start = end;
            if run.len() < 2 {
                continue;
            }
            let nodes = &self.nodes[run];
            if crowded && nodes.len() > CROWD {
                some_pairs(nodes, found);
            } else if !crowded && (nodes.len() > CROWD_MAX || found.len() > pairs_max) {
                return false;
            } else {
                each_pair(nodes, found);
            }
        }
        true
    }

    /// Counting sort by bucket. Returns how many there are.
    fn sort<'a>(&mut self, lists: impl Iterator<Item = &'a [Node]> + Clone) -> usize {
        let count: usize = lists.clone().map(<[Node]>::len).sum();
        // One to two buckets per box.
        self.bits = count.next_power_of_two().trailing_zeros().clamp(4, 32 - PART_BITS);
        self.starts.clear();
        // Twice as many: a count close to a power of two goes to and fro.
        super::make_room(&mut self.starts, (2 << self.bits) + 1);
        self.starts.resize((1 << self.bits) + 1, 0);
        if self.nodes.len() < count {
            super::make_room(&mut self.nodes, count);
            self.nodes.resize(count, Node::default());
        }
        // Loops in loops: an iterator over all lists at once is slower.
        for list in lists.clone() {
            for node in list {
                let count = &mut self.starts[bucket(node.hash, self.bits) + 1];
                *count = count.wrapping_add(1);
            }
        }
        // Each count becomes the place of its bucket's next box, and, with all of them in place, its end.
        let mut place = 0_u32;
        for count in &mut self.starts {
            place = place.wrapping_add(std::mem::replace(count, place));
        }
        for list in lists {
            for node in list {
                let place = &mut self.starts[bucket(node.hash, self.bits) + 1];
                self.nodes[*place as usize] = *node;
                *place = place.wrapping_add(1);
            }
        }
        count
    }

    /// Appends a pair for each collider whose box overlaps `node` in its cell.
    #[inline]
    pub fn probe(&self, node: &Node, mut found: impl FnMut(u32, u32)) {
        let bucket = bucket(node.hash, self.bits);
        let nodes = &self.nodes[self.starts[bucket] as usize..self.starts[bucket + 1] as usize];
        let limit = if self.crowded && nodes.len() > CROWD { CROWD_PAIRS } else { usize::MAX };
        let met = nodes.iter().filter(|other| other.meets_here(node)).take(limit);
        met.for_each(|other| found(other.index(), node.index()));
    }
}

#[inline(always)]
fn bucket(hash: u32, bits: u32) -> usize {
    ((hash & BELOW_PART) >> (32 - PART_BITS - bits)) as usize
}

/// Tests each against each.
#[inline(always)]
fn each_pair(nodes: &[Node], found: &mut Vec<[u32; 2]>) {
    for (i, node) in nodes.iter().enumerate() {
        for other in &nodes[i + 1..] {
            if other.meets_here(node) {
                found.push([node.index(), other.index()]);
            }
        }
    }
}

/// Tests a crowd, whose order in memory follows the ids.
#[cold]
fn some_pairs(nodes: &[Node], found: &mut Vec<[u32; 2]>) {
    for (i, node) in nodes.iter().enumerate() {
        let next = nodes[i + 1..].iter().take(CROWD_MAX).filter(|other| other.meets_here(node));
        found.extend(next.take(CROWD_PAIRS).map(|other| [node.index(), other.index()]));
    }
}
