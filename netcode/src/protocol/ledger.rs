//! The entries known here, by author and turn, with the chain of each author. Bounded: nothing far ahead of the log is
//! kept, and what is older than the log's tail is forgotten.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::entry::{Entry, chain_entry};
use super::ids::{Hash, Player, Turn};
use super::input::Input;

/// How many turns ahead of its first missing entry an author may be.
pub const AHEAD_TURNS_MAX: u64 = 512;

/// One life of one player.
pub type Life = (Player, u32);

/// The entries of one life.
#[derive(Clone, Debug)]
pub struct Author<I> {
    /// Turn of `entries[0]`.
    start: Turn,
    /// Author chain before `start`.
    before: Hash,
    entries: VecDeque<Option<Arc<Entry<I>>>>,
    /// Chains after the entries from `start` on, as far as none is missing.
    chains: VecDeque<Hash>,
}

impl<I: Input> Author<I> {
    /// An author whose first entry is for turn `start`, with the chain before it.
    pub fn new(start: Turn, before: Hash) -> Self {
        Self { start, before, entries: VecDeque::new(), chains: VecDeque::new() }
    }

    /// The oldest turn whose entry is kept.
    pub fn start(&self) -> Turn {
        self.start
    }

    /// First turn without an entry.
    pub fn missing(&self) -> Turn {
        self.start.plus(self.chains.len() as u64)
    }

    /// One past the last turn with an entry.
    pub fn end(&self) -> Turn {
        self.start.plus(self.entries.len() as u64)
    }

    /// The entry for a turn.
    pub fn get(&self, turn: Turn) -> Option<&Arc<Entry<I>>> {
        let at = turn.0.checked_sub(self.start.0)?;
        self.entries.get(usize::try_from(at).ok()?)?.as_ref()
    }

    /// The author chain after a turn; `None` where an entry up to it is missing or it is too long ago.
    pub fn chain_after(&self, turn: Turn) -> Option<Hash> {
        let next = turn.0.checked_add(1)?;
        self.chain_before(Turn(next))
    }

    /// The author chain before a turn.
    pub fn chain_before(&self, turn: Turn) -> Option<Hash> {
        let at = usize::try_from(turn.0.checked_sub(self.start.0)?).ok()?;
        if at == 0 { Some(self.before) } else { self.chains.get(at - 1).copied() }
    }

    /// Keeps an entry; `false` where it is known, too old or too far ahead.
    pub fn insert(&mut self, turn: Turn, entry: Entry<I>) -> bool {
        let Some(at) = turn.0.checked_sub(self.start.0) else { return false };
        if turn.0 >= self.missing().0.saturating_add(AHEAD_TURNS_MAX) {
            return false;
        }
        let at = at as usize;
        if self.entries.len() <= at {
            self.entries.resize(at + 1, None);
        }
        if self.entries[at].is_some() {
            return false;
        }
        self.entries[at] = Some(Arc::new(entry));
        self.extend_chain();
        true
    }

    fn extend_chain(&mut self) {
        while let Some(Some(entry)) = self.entries.get(self.chains.len()) {
            let before = self.chains.back().unwrap_or(&self.before);
            let chain = chain_entry(before, self.missing(), &entry.bytes);
            self.chains.push_back(chain);
        }
    }

    /// How many turns there is room for.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Which of the 32 turns after the first missing one are here, lowest bit first.
    pub fn mask(&self) -> u32 {
        let first = self.chains.len() + 1;
        let there = |i: &u32| self.entries.get(first + *i as usize).is_some_and(Option::is_some);
        (0..32).filter(there).fold(0, |mask, i| mask | 1 << i)
    }

    /// Forgets the entries before a turn, as far as none is missing.
    pub fn prune(&mut self, turn: Turn) {
        while self.start < turn {
            let Some(chain) = self.chains.pop_front() else { return };
            self.entries.pop_front();
            self.before = chain;
            self.start = self.start.plus(1);
        }
    }

    /// Forgets the entries from a turn on: they were not what the others have.
    pub fn drop_from(&mut self, turn: Turn) {
        let keep = usize::try_from(turn.0.saturating_sub(self.start.0)).unwrap_or(usize::MAX);
        self.entries.truncate(keep);
        self.chains.truncate(keep);
    }
}

/// All authors.
#[derive(Clone, Debug)]
pub struct Ledger<I> {
    authors: BTreeMap<Life, Author<I>>,
}

impl<I: Input> Default for Ledger<I> {
    fn default() -> Self {
        Self { authors: BTreeMap::new() }
    }
}

impl<I: Input> Ledger<I> {
    /// The entries of one life, if it is known.
    pub fn author(&self, life: Life) -> Option<&Author<I>> {
        self.authors.get(&life)
    }

    /// As [`Self::author`], to change.
    pub fn author_mut(&mut self, life: Life) -> Option<&mut Author<I>> {
        self.authors.get_mut(&life)
    }

    /// Opens a life, if it is not open.
    pub fn open(&mut self, life: Life, start: Turn, before: Hash) {
        self.authors.entry(life).or_insert_with(|| Author::new(start, before));
    }

    /// Opens a life anew, with nothing in it.
    pub fn reopen(&mut self, life: Life, start: Turn, before: Hash) {
        self.authors.insert(life, Author::new(start, before));
    }

    /// The life of a player that wrote, or would have written, at a turn.
    pub fn life_at(&self, player: Player, turn: Turn) -> Option<(Life, &Author<I>)> {
        let lives = self.authors.range((player, 0)..=(player, u32::MAX)).rev();
        lives.map(|(life, author)| (*life, author)).find(|(_, author)| author.start <= turn)
    }

    /// The entry of a life for a turn.
    pub fn get(&self, life: Life, turn: Turn) -> Option<&Arc<Entry<I>>> {
        self.author(life)?.get(turn)
    }

    /// First turn without an entry of this life; turn 0 if it is unknown.
    pub fn missing(&self, life: Life) -> Turn {
        self.author(life).map_or(Turn(0), Author::missing)
    }

    /// Forgets what is older than a turn, and lives that are over and have nothing left.
    pub fn prune(&mut self, turn: Turn, is_over: impl Fn(Life) -> bool) {
        self.authors.retain(|life, author| {
            author.prune(turn);
            !(author.end() <= turn && is_over(*life))
        });
    }

    /// Keeps the lives that a filter lets through: it is told the first turn that is known of each.
    pub fn retain(&mut self, keep: impl Fn(Life, Turn) -> bool) {
        self.authors.retain(|life, author| keep(*life, author.start));
    }

    /// All lives.
    pub fn lives(&self) -> impl Iterator<Item = (Life, &Author<I>)> {
        self.authors.iter().map(|(life, author)| (*life, author))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(i: u8) -> Entry<Vec<u8>> {
        Entry::new(vec![i], &mut Vec::new())
    }

    #[test]
    fn entries_may_come_in_any_order_and_chain_the_same() {
        let mut straight = Author::new(Turn(10), Hash::default());
        let mut mixed = straight.clone();
        (10..15).for_each(|t| assert!(straight.insert(Turn(t), entry(t as u8))));
        for t in [12, 14, 10, 13, 11] {
            assert!(mixed.insert(Turn(t), entry(t as u8)));
        }
        assert!(!mixed.insert(Turn(12), entry(99)), "the first one counts");
        assert_eq!((mixed.missing(), mixed.chain_after(Turn(14))), (Turn(15), straight.chain_after(Turn(14))));
        assert_ne!(mixed.chain_after(Turn(13)), mixed.chain_after(Turn(14)));
    }

    #[test]
    fn gaps_show_in_the_mask() {
        let mut author = Author::new(Turn(0), Hash::default());
        for t in [0, 1, 3, 6] {
            author.insert(Turn(t), entry(1));
        }
        assert_eq!((author.missing(), author.mask()), (Turn(2), 0b1001));
    }

    #[test]
    fn old_entries_go_and_chains_stay() {
        let mut author = Author::new(Turn(0), Hash::default());
        (0..10).for_each(|t| assert!(author.insert(Turn(t), entry(t as u8))));
        let chain = author.chain_after(Turn(4));
        author.prune(Turn(5));
        assert_eq!((author.chain_before(Turn(5)), author.chain_after(Turn(3))), (chain, None));
        assert!(author.get(Turn(4)).is_none() && author.get(Turn(5)).is_some());
        assert!(!author.insert(Turn(4), entry(4)), "too old");
    }

    #[test]
    fn nothing_far_ahead_is_kept() {
        let mut author = Author::new(Turn(0), Hash::default());
        assert!(!author.insert(Turn(AHEAD_TURNS_MAX), entry(0)));
        assert!(!author.insert(Turn(u64::MAX), entry(0)));
        assert!(author.insert(Turn(AHEAD_TURNS_MAX - 1), entry(0)));
    }

    #[test]
    fn dropped_entries_can_be_replaced() {
        let mut author = Author::new(Turn(0), Hash::default());
        (0..6).for_each(|t| assert!(author.insert(Turn(t), entry(t as u8))));
        author.drop_from(Turn(3));
        assert_eq!(author.missing(), Turn(3));
        assert!(author.insert(Turn(3), entry(77)));
        assert_eq!(author.missing(), Turn(4));
    }
}
