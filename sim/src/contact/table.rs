//! A hash table of grid cells, in parts that are filled independently of one another: each part holds the cells
//! whose hash begins with its number. Must never let the order of filling decide which pairs are found.

use super::grid::{Quantised, cell_key, mix, neighbour_key};

/// Parts of a large world's table, as a power of two.
pub(super) const PART_BITS: u32 = 4;
/// A bucket of more boxes than this stops the filling. Spheres of one size that lie as close as they can and do not
/// overlap reach about 100.
const CROWD_MAX: u32 = 512;
/// So do more pairs than this per box on average, which bounds the memory they take.
const PAIRS_PER_BOX_MAX: usize = 16;
/// With some buckets crowded, those of more boxes than this give each box only so many pairs.
const CROWD: u32 = 64;
const CROWD_PAIRS: u32 = 8;
const NONE: u32 = u32::MAX;
/// The bits of a hash below the part's number.
const BELOW_PART: u32 = u32::MAX >> PART_BITS;

/// A box in one of the cells that it touches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    lo: [i32; 3],
    /// Index of the collider, shifted by [`LOWEST_BITS`]; below it, per axis, whether this cell is the first of
    /// those that the box touches.
    who: u32,
    hi: [i32; 3],
    /// The cell's hash; in the table, the next node of the same bucket.
    next: u32,
}

const LOWEST_BITS: u32 = 3;
const LOWEST: u32 = 7;

/// How many colliders a table can tell apart.
pub(super) const INDEX_MAX: usize = (1 << (32 - LOWEST_BITS)) - 2;

impl Node {
    /// The box of collider `index` without a cell.
    #[inline(always)]
    fn new(quantised: &Quantised, index: u32) -> Self {
        let cut = |x: [i64; 3]| [x[0] as i32, x[1] as i32, x[2] as i32];
        Self { lo: cut(quantised.lo), hi: cut(quantised.hi), who: index << LOWEST_BITS, next: 0 }
    }

    #[inline(always)]
    fn index(&self) -> u32 {
        self.who >> LOWEST_BITS
    }

    #[inline(always)]
    fn overlaps(&self, other: &Self) -> bool {
        let mut sign = 0;
        for i in 0..3 {
            sign |= self.hi[i].wrapping_sub(other.lo[i]) | other.hi[i].wrapping_sub(self.lo[i]);
        }
        sign >= 0
    }

    /// Two boxes meet in up to eight cells. Only in one of them is each axis the first for one of the boxes,
    /// and there the pair counts.
    #[inline(always)]
    fn meets_here(&self, other: &Self) -> bool {
        (self.who | other.who) & LOWEST == LOWEST && self.overlaps(other) && self.index() != other.index()
    }
}

/// Calls `visit` with the box once for each cell of the grid `grid` that it touches.
#[inline(always)]
pub(super) fn for_each_cell(quantised: &Quantised, index: u32, grid: u64, mut visit: impl FnMut(Node)) {
    let node = Node::new(quantised, index);
    let (first, more) = quantised.cells();
    let key = cell_key(first, grid);
    if more == [0; 3] {
        return visit(Node { who: node.who | LOWEST, next: mix(key), ..node });
    }
    for z in 0..=more[2] {
        for y in 0..=more[1] {
            for x in 0..=more[0] {
                let lowest = u32::from(x == 0) | u32::from(y == 0) << 1 | u32::from(z == 0) << 2;
                visit(Node { who: node.who | lowest, next: mix(neighbour_key(key, x, y, z)), ..node });
            }
        }
    }
}

/// One part of the table.
#[derive(Debug, Default)]
pub(super) struct Part {
    head: Vec<u32>,
    nodes: Vec<Node>,
    /// Bits of the hash that choose the bucket.
    bits: u32,
    /// Boxes per bucket, counted only where some are too crowded.
    counts: Vec<u32>,
}

impl Part {
    /// Fills the part with `lists`, and calls `found` with each pair of colliders whose boxes overlap. False
    /// where a bucket is too crowded; with `crowded`, boxes in such a bucket find only the first few pairs among
    /// those just before them.
    pub fn fill<'a>(
        &mut self,
        lists: impl Iterator<Item = &'a [Node]> + Clone,
        crowded: bool,
        mut found: impl FnMut(u32, u32),
    ) -> bool {
        let count: usize = lists.clone().map(<[Node]>::len).sum();
        // Two to four buckets per box.
        let pairs_max = pairs_max(count);
        let mut pairs = 0_usize;
        self.bits = (2 * count).next_power_of_two().trailing_zeros().clamp(4, 32 - PART_BITS);
        self.head.clear();
        self.head.resize(1 << self.bits, NONE);
        self.nodes.clear();
        super::make_room(&mut self.nodes, count);
        self.counts.clear();
        if crowded {
            self.counts.resize(1 << self.bits, 0);
            for node in lists.clone().flatten() {
                let bucket = self.bucket(node.next);
                self.counts[bucket] = self.counts[bucket].saturating_add(1);
            }
        }
        for list in lists {
            for node in list {
                let bucket = self.bucket(node.next);
                let next = self.head[bucket];
                if next != NONE {
                    match self.walk(bucket, next, node, &mut found) {
                        Some(more) if crowded || pairs <= pairs_max => pairs = pairs.wrapping_add(more as usize),
                        _ => return false,
                    }
                }
                self.head[bucket] = self.nodes.len() as u32;
                self.nodes.push(Node { next, ..*node });
            }
        }
        true
    }

    /// Calls `found` with each collider whose box overlaps `node` in its cell.
    #[inline]
    pub fn probe(&self, node: &Node, mut found: impl FnMut(u32, u32)) {
        let bucket = self.bucket(node.next);
        let next = self.head[bucket];
        if next != NONE {
            self.walk(bucket, next, node, &mut found);
        }
    }

    #[inline(always)]
    fn bucket(&self, hash: u32) -> usize {
        ((hash & BELOW_PART) >> (32 - PART_BITS - self.bits)) as usize
    }

    /// How many pairs were found, or `None` where the bucket turned out to be crowded.
    #[inline(always)]
    fn walk(&self, bucket: usize, mut next: u32, node: &Node, found: &mut impl FnMut(u32, u32)) -> Option<u32> {
        if self.counts.get(bucket).is_some_and(|&count| count > CROWD) {
            return Some(self.walk_crowd(next, node, found));
        }
        let (mut steps, mut pairs) = (0_u32, 0_u32);
        while next != NONE {
            let other = &self.nodes[next as usize];
            if other.meets_here(node) {
                found(other.index(), node.index());
                pairs = pairs.wrapping_add(1);
            }
            steps = steps.wrapping_add(1);
            if steps > CROWD_MAX {
                return None;
            }
            next = other.next;
        }
        Some(pairs)
    }

    #[cold]
    fn walk_crowd(&self, mut next: u32, node: &Node, found: &mut impl FnMut(u32, u32)) -> u32 {
        let mut pairs = 0_u32;
        for _ in 0..CROWD_MAX {
            if next == NONE || pairs == CROWD_PAIRS {
                break;
            }
            let other = &self.nodes[next as usize];
            if other.meets_here(node) {
                found(other.index(), node.index());
                pairs = pairs.wrapping_add(1);
            }
            next = other.next;
        }
        pairs
    }
}

/// How many pairs `boxes` boxes may find before that counts as crowded.
pub(super) fn pairs_max(boxes: usize) -> usize {
    boxes * PAIRS_PER_BOX_MAX + 4096
}

/// The part that a node belongs to.
#[inline(always)]
pub(super) fn part_of(node: &Node) -> usize {
    (node.next >> (32 - PART_BITS)) as usize
}
