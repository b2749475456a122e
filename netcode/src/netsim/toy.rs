//! A small world for simulated peers: a hash of everything that ever happened, a tally per player and some bytes, so
//! that snapshots have a size. Must never differ between two peers that executed the same frames.

use serde::{Deserialize, Serialize};

use super::ops::Ops;
use super::random::{Fold, scramble};
use crate::protocol::{Change, Departure, Frame, Turn};
use crate::world::{Difference, World};

/// A number that tells departures apart in a hash.
const fn departure(why: Departure) -> u64 {
    why as u64
}

/// Hash of all that a frame says except its chain hash.
#[must_use]
pub fn content(frame: &Frame<Ops>) -> u64 {
    let mut fold = Fold(frame.turn.0);
    fold.number(frame.changes.len() as u64);
    for change in &frame.changes {
        match *change {
            Change::Join { player, role } => fold.number(1 << 40 | u64::from(role) << 32 | u64::from(player.0)),
            Change::Leave { player, why } => fold.number(2 << 40 | departure(why) << 32 | u64::from(player.0)),
        }
    }
    for (player, ops) in &frame.inputs {
        fold.number(u64::from(player.0) << 32 | ops.0.len() as u64);
        ops.0.iter().for_each(|word| fold.number(*word));
    }
    fold.0
}

/// All of the state but the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    history: u64,
    turns: u64,
    tallies: Vec<(u32, u64)>,
    /// Sum of [`cell_hash`] over all bytes, so that a digest covers them without reading them.
    cells_hash: u64,
}

#[derive(Clone, Debug)]
struct Kept {
    turn: Option<Turn>,
    head: Head,
    /// Bytes overwritten since, with what they were.
    overwritten: Vec<(u32, u8)>,
}

/// The world.
#[derive(Clone, Debug, Default)]
pub struct Toy {
    head: Head,
    cells: Vec<u8>,
    kept: Vec<Kept>,
}

fn cell_hash(index: usize, value: u8) -> u64 {
    scramble((index as u64) << 8 | u64::from(value))
}

impl Toy {
    /// A scenario: how many bytes the world has.
    #[must_use]
    pub fn scenario(bytes: u32) -> Vec<u8> {
        bytes.to_le_bytes().to_vec()
    }

    /// Digest of the present state.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut fold = Fold(self.head.history);
        fold.number(self.head.turns);
        fold.number(self.head.cells_hash);
        self.head.tallies.iter().for_each(|(player, tally)| fold.number(u64::from(*player) << 40 ^ *tally));
        fold.0
    }

    /// Forgets kept states of turns before this one.
    pub fn forget(&mut self, before: Turn) {
        let first = self.kept.iter().position(|kept| kept.turn >= Some(before)).unwrap_or(self.kept.len());
        self.kept.drain(..first.min(self.kept.len().saturating_sub(1)));
    }

    /// How many states are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// The exact state after a turn that is kept.
    #[must_use]
    pub fn snapshot_after(&self, turn: Turn) -> Option<Vec<u8>> {
        if self.kept.last().is_some_and(|kept| kept.turn == Some(turn) && kept.overwritten.is_empty()) {
            return Some(self.snapshot());
        }
        let mut earlier = self.clone();
        earlier.roll_back(Some(turn)).then(|| earlier.snapshot())
    }

    fn write(&mut self, word: u64) {
        if self.cells.is_empty() {
            return;
        }
        let index = (scramble(word) % self.cells.len() as u64) as usize;
        let (old, new) = (self.cells[index], word as u8);
        if let Some(kept) = self.kept.last_mut() {
            kept.overwritten.push((index as u32, old));
        }
        self.cells[index] = new;
        let sum = self.head.cells_hash.wrapping_sub(cell_hash(index, old));
        self.head.cells_hash = sum.wrapping_add(cell_hash(index, new));
    }
}

impl World for Toy {
    type Input = Ops;

    fn execute(&mut self, frame: &Frame<Ops>) -> u64 {
        let mut fold = Fold(self.head.history);
        fold.number(content(frame));
        self.head.history = fold.0;
        self.head.turns = self.head.turns.wrapping_add(1);
        for (player, ops) in &frame.inputs {
            match self.head.tallies.binary_search_by_key(&player.0, |(player, _)| *player) {
                Ok(at) => self.head.tallies[at].1 = self.head.tallies[at].1.wrapping_add(ops.0.len() as u64),
                Err(at) => self.head.tallies.insert(at, (player.0, ops.0.len() as u64)),
            }
            ops.0.iter().for_each(|word| self.write(*word));
        }
        self.digest()
    }

    fn keep(&mut self, turn: Option<Turn>) {
        self.kept.push(Kept { turn, head: self.head.clone(), overwritten: Vec::new() });
    }

    fn roll_back(&mut self, turn: Option<Turn>) -> bool {
        let Some(target) = self.kept.iter().rposition(|kept| kept.turn == turn) else { return false };
        for kept in self.kept.drain(target + 1..).rev() {
            kept.overwritten.iter().rev().for_each(|(index, old)| self.cells[*index as usize] = *old);
        }
        let kept = &mut self.kept[target];
        kept.overwritten.drain(..).rev().for_each(|(index, old)| self.cells[index as usize] = old);
        self.head = kept.head.clone();
        true
    }

    fn snapshot(&self) -> Vec<u8> {
        // Plain numbers and bytes cannot fail to be written to memory.
        postcard::to_allocvec(&(&self.head, &self.cells)).unwrap_or_default()
    }

    fn install(&mut self, scenario: &[u8], snapshot: &[u8]) -> Result<(), String> {
        let (head, cells) = if snapshot.is_empty() {
            let size = scenario.try_into().map_err(|_| "a scenario has four bytes".to_owned())?;
            let cells: Vec<u8> = (0..u32::from_le_bytes(size)).map(|i| scramble(u64::from(i)) as u8).collect();
            (Head::default(), cells)
        } else {
            postcard::from_bytes::<(Head, Vec<u8>)>(snapshot).map_err(|e| format!("the snapshot: {e}"))?
        };
        let cells_hash = cells.iter().enumerate().fold(0u64, |sum, (i, v)| sum.wrapping_add(cell_hash(i, *v)));
        if !snapshot.is_empty() && head.cells_hash != cells_hash {
            return Err("the snapshot's bytes are not those that its hash is of".to_owned());
        }
        *self = Self { head: Head { cells_hash, ..head }, cells, kept: Vec::new() };
        Ok(())
    }

    fn first_difference(&self, other: &[u8]) -> Result<Option<Difference>, String> {
        let mut theirs = Self::default();
        theirs.install(&[], other)?;
        let differs = |component: &str, field: &str, ours: String, theirs: String| {
            Ok(Some(Difference { component: component.into(), entity: None, field: field.into(), ours, theirs }))
        };
        if self.head != theirs.head {
            return differs("head", "all", format!("{:?}", self.head), format!("{:?}", theirs.head));
        }
        match self.cells.iter().zip(&theirs.cells).position(|(a, b)| a != b) {
            Some(i) => differs("cells", &i.to_string(), self.cells[i].to_string(), theirs.cells[i].to_string()),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netsim::ops::Op;
    use crate::protocol::{Hash, Player};

    fn frame(turn: u64, number: u32) -> Frame<Ops> {
        let inputs = vec![(Player(1), Ops(vec![Op { node: 0, life: 1, number }.word()])), (Player(2), Ops::default())];
        Frame { turn: Turn(turn), changes: Vec::new(), inputs, chain: Hash::default() }
    }

    fn played(turns: u64) -> Toy {
        let mut toy = Toy::default();
        toy.install(&Toy::scenario(16), &[]).unwrap();
        toy.keep(None);
        for turn in 0..turns {
            toy.execute(&frame(turn, turn as u32));
            toy.keep(Some(Turn(turn)));
        }
        toy
    }

    #[test]
    fn rolling_back_returns_the_exact_state() {
        let mut toy = played(40);
        let end = toy.snapshot();
        assert_eq!(toy.snapshot_after(Turn(9)), Some(played(10).snapshot()));
        assert!(toy.roll_back(Some(Turn(19))));
        assert_eq!(toy.snapshot(), played(20).snapshot());
        assert_eq!(toy.digest(), played(20).digest());
        (20..40).for_each(|turn| {
            toy.execute(&frame(turn, turn as u32));
            toy.keep(Some(Turn(turn)));
        });
        assert_eq!(toy.snapshot(), end);
        assert!(toy.roll_back(None));
        assert_eq!(toy.snapshot(), played(0).snapshot());
        assert!(!toy.roll_back(Some(Turn(3))), "forgotten with the roll-back");
    }

    #[test]
    fn a_snapshot_installs_and_a_bent_one_does_not() {
        let toy = played(12);
        let mut other = Toy::default();
        other.install(&[], &toy.snapshot()).unwrap();
        assert_eq!(other.digest(), toy.digest());
        assert_eq!(other.first_difference(&toy.snapshot()), Ok(None));
        assert!(other.first_difference(&played(11).snapshot()).unwrap().is_some());
        let mut bent = toy.snapshot();
        *bent.last_mut().unwrap() ^= 1;
        assert!(other.install(&[], &bent).is_err());
    }

    #[test]
    fn old_states_are_forgotten_but_never_the_last() {
        let mut toy = played(12);
        toy.forget(Turn(8));
        assert_eq!(toy.kept(), 4);
        assert!(!toy.clone().roll_back(Some(Turn(7))));
        assert!(toy.clone().roll_back(Some(Turn(8))));
        toy.forget(Turn(100));
        assert_eq!(toy.kept(), 1);
    }
}
