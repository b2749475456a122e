//! A value for each of some turns, in order. What comes is mostly the newest, and what goes the oldest: one ring, so
//! that only its end is touched.

use std::collections::VecDeque;
use std::ops::Range;

use super::ids::Turn;

/// Values by turn.
#[derive(Clone, Debug, Default)]
pub struct Series(VecDeque<(Turn, u64)>);

impl Series {
    /// Sets the value of a turn.
    pub fn insert(&mut self, turn: Turn, value: u64) {
        let at = self.from(turn);
        match self.0.get_mut(at) {
            Some(there) if there.0 == turn => there.1 = value,
            _ => self.0.insert(at, (turn, value)),
        }
    }

    /// The value of a turn.
    pub fn get(&self, turn: Turn) -> Option<u64> {
        self.0.get(self.from(turn)).filter(|(other, _)| *other == turn).map(|(_, value)| *value)
    }

    /// The last turn, and its value.
    pub fn newest(&self) -> Option<(Turn, u64)> {
        self.0.back().copied()
    }

    /// Those of these turns that have a value.
    pub fn range(&self, turns: Range<Turn>) -> impl DoubleEndedIterator<Item = (Turn, u64)> {
        let start = self.from(turns.start);
        self.0.range(start..self.from(turns.end).max(start)).copied()
    }

    /// Forgets a turn and what comes after it.
    pub fn drop_from(&mut self, turn: Turn) {
        self.0.truncate(self.from(turn));
    }

    /// Forgets what comes before a turn.
    pub fn drop_before(&mut self, turn: Turn) {
        self.0.drain(..self.from(turn));
    }

    /// Forgets the oldest, beyond so many.
    pub fn keep(&mut self, most: usize) {
        self.0.drain(..self.0.len().saturating_sub(most));
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Where the first turn is that is not before this one.
    fn from(&self, turn: Turn) -> usize {
        match self.0.back() {
            Some((last, _)) if *last >= turn => self.0.partition_point(|(other, _)| *other < turn),
            _ => self.0.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_series_is_an_ordered_map(steps in prop::collection::vec((0u8..6, 0u64..40), 0..80)) {
            let (mut series, mut map) = (Series::default(), BTreeMap::new());
            for (step, turn) in steps {
                match step {
                    0..3 => {
                        series.insert(Turn(turn), turn ^ 5);
                        map.insert(Turn(turn), turn ^ 5);
                    }
                    3 => {
                        series.drop_from(Turn(turn));
                        map.split_off(&Turn(turn));
                    }
                    4 => {
                        series.drop_before(Turn(turn));
                        map = map.split_off(&Turn(turn));
                    }
                    _ => {
                        series.keep(turn as usize);
                        while map.len() > turn as usize {
                            map.pop_first();
                        }
                    }
                }
                prop_assert_eq!(series.get(Turn(turn)), map.get(&Turn(turn)).copied());
                let from = |turn: Turn| map.range(turn..Turn(30).max(turn)).map(|(t, v)| (*t, *v)).collect::<Vec<_>>();
                prop_assert_eq!(series.range(Turn(turn)..Turn(30)).collect::<Vec<_>>(), from(Turn(turn)));
                prop_assert_eq!(series.newest(), map.last_key_value().map(|(t, v)| (*t, *v)));
            }
        }
    }
}
