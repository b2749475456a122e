//! What is going to happen, in order of virtual time. Must never depend on anything but time and order of insertion.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A queue of happenings. Of those at one time, the first put in comes out first.
#[derive(Debug)]
pub struct Queue<T> {
    heap: BinaryHeap<Item<T>>,
    sequence: u64,
}

#[derive(Debug)]
struct Item<T> {
    at_us: u64,
    sequence: u64,
    what: T,
}

impl<T> Queue<T> {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }

    /// Puts something in for a time in microseconds.
    pub fn push(&mut self, at_us: u64, what: T) {
        self.sequence += 1;
        self.heap.push(Item { at_us, sequence: self.sequence, what });
    }

    /// Takes out what comes first, with its time.
    pub fn pop(&mut self) -> Option<(u64, T)> {
        self.heap.pop().map(|item| (item.at_us, item.what))
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Ord for Item<T> {
    // Turned around, as the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_us, other.sequence).cmp(&(self.at_us, self.sequence))
    }
}

impl<T> PartialOrd for Item<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Item<T> {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl<T> Eq for Item<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_at_one_time_comes_in_the_order_it_was_put_in() {
        let mut queue = Queue::new();
        for (at, what) in [(5, 'c'), (3, 'a'), (5, 'd'), (3, 'b'), (5, 'e')] {
            queue.push(at, what);
        }
        let order: String = std::iter::from_fn(|| queue.pop().map(|(_, what)| what)).collect();
        assert_eq!(order, "abcde");
    }
}
