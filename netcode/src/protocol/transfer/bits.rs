//! A set of chunk numbers below a fixed bound. Must never index out of its words, whatever numbers come.

/// A set of numbers below `len`.
#[derive(Clone, Debug)]
pub(super) struct Bits {
    words: Vec<u64>,
    len: u32,
    /// Every number below this one is in the set.
    first_clear: u32,
    /// One more than the greatest number in the set.
    end: u32,
    count: u32,
}

impl Bits {
    pub(super) fn new(len: u32) -> Self {
        Self { words: vec![0; len.div_ceil(64) as usize], len, first_clear: 0, end: 0, count: 0 }
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// How many are in the set.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// One more than the greatest number in the set.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    pub(super) fn is_full(&self) -> bool {
        self.count == self.len
    }

    /// The least number that is not in the set; `len` if all are.
    pub(super) fn first_clear(&self) -> u32 {
        self.first_clear
    }

    pub(super) fn contains(&self, index: u32) -> bool {
        self.words.get((index / 64) as usize).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Adds the numbers from `start` to before `end`, as far as they are below the bound.
    pub(super) fn insert(&mut self, start: u32, end: u32) {
        let end = end.min(self.len);
        let mut at = start.max(self.first_clear);
        if at >= end {
            return;
        }
        self.end = self.end.max(end);
        while at < end {
            let stop = (at / 64 * 64).saturating_add(64).min(end);
            let mask = (u64::MAX >> (64 - (stop - at))) << (at % 64);
            let word = &mut self.words[(at / 64) as usize]; // at < end <= len
            self.count += (mask & !*word).count_ones();
            *word |= mask;
            at = stop;
        }
        self.first_clear = self.run_end(self.first_clear, true);
    }

    /// The first number from `from` on that is not (or, with `set` false: that is) in the set; `len` if none.
    fn run_end(&self, from: u32, set: bool) -> u32 {
        let mut at = from;
        while at < self.len {
            let word = self.words[(at / 64) as usize]; // at < len
            let other = (if set { !word } else { word }) >> (at % 64);
            if other != 0 {
                return (at + other.trailing_zeros()).min(self.len);
            }
            at = (at / 64 + 1).saturating_mul(64);
        }
        self.len
    }

    /// Behind the first missing number, in turn: how many are missing, how many are there. At most `max` pairs.
    pub(super) fn ranges(&self, max: usize) -> Vec<(u32, u32)> {
        let mut ranges = Vec::new();
        let mut at = self.first_clear;
        while at < self.end && ranges.len() < max {
            let start = self.run_end(at, false);
            let end = self.run_end(start, true);
            ranges.push((start - at, end - start));
            at = end;
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_plain_set(len in 1..300u32, inserts in prop::collection::vec((0..400u32, 0..100u32), 0..20)) {
            let mut bits = Bits::new(len);
            let mut plain = vec![false; len as usize];
            for (start, count) in inserts {
                bits.insert(start, start + count);
                plain.iter_mut().skip(start as usize).take(count as usize).for_each(|is| *is = true);
                prop_assert_eq!(bits.count() as usize, plain.iter().filter(|is| **is).count());
                prop_assert_eq!(bits.first_clear() as usize, plain.iter().position(|is| !is).unwrap_or(len as usize));
                let mut told = vec![false; len as usize];
                told[..bits.first_clear() as usize].fill(true);
                let mut at = bits.first_clear();
                for (missing, there) in bits.ranges(usize::MAX) {
                    prop_assert!(missing > 0 && there > 0);
                    told[(at + missing) as usize..(at + missing + there) as usize].fill(true);
                    at += missing + there;
                }
                prop_assert_eq!(&told, &plain);
            }
            prop_assert!((0..500).all(|index| bits.contains(index) == plain.get(index as usize).copied().unwrap_or(false)));
        }
    }
}
