//! What must hold at every step of every peer, whatever the network does. Must never touch the peers: it only watches.

use std::collections::HashMap;
use std::sync::Arc;

use super::ops::{Op, Ops};
use super::toy;
use super::truth::{Truth, Verdict};
use crate::protocol::{Frame, Hash, Player, Turn};

/// A peer as its effects show it.
#[derive(Debug, Default)]
struct View {
    /// Whether it has a world.
    installed: bool,
    /// First turn that is in `log`.
    base: u64,
    /// Digest of the world before it.
    base_digest: u64,
    /// Executed turns, with the digest after each.
    log: Vec<(Arc<Frame<Ops>>, u64)>,
    /// First turn that is not confirmed.
    confirmed: u64,
}

impl View {
    fn next(&self) -> u64 {
        self.base + self.log.len() as u64
    }

    fn digest_before(&self, turn: u64) -> u64 {
        if turn == self.base { self.base_digest } else { self.log[(turn - self.base) as usize - 1].1 }
    }
}

/// Watches all peers of a session.
#[derive(Debug)]
pub struct Checker {
    /// The log that all have to agree on.
    pub truth: Truth,
    views: Vec<View>,
    /// What a chain hash stands for: contents of the frame, digest after it, and who had it first.
    bound: HashMap<Hash, (u64, u64, usize)>,
    /// Most turns that a peer may have executed and not confirmed.
    open_turns_max: u64,
}

impl Checker {
    /// For founders at the first machines, and so many machines in all.
    #[must_use]
    pub fn new(founders: &[Player], nodes: usize, open_turns_max: u64) -> Self {
        let views = (0..nodes).map(|_| View::default()).collect();
        Self { truth: Truth::new(founders, nodes), views, bound: HashMap::new(), open_turns_max }
    }

    /// First turn that a machine has not confirmed.
    #[must_use]
    pub fn confirmed(&self, node: usize) -> u64 {
        self.views[node].confirmed
    }

    /// First turn that a machine has not executed.
    #[must_use]
    pub fn next(&self, node: usize) -> u64 {
        self.views[node].next()
    }

    /// Confirmed frames of a machine from this turn on, those that it executed itself.
    pub fn frames(&self, node: usize, from: u64) -> impl Iterator<Item = &Arc<Frame<Ops>>> {
        let view = &self.views[node];
        let to = (view.confirmed.max(view.base) - view.base) as usize;
        let from = (from.max(view.base) - view.base) as usize;
        view.log[from.min(to)..to].iter().map(|(frame, _)| frame)
    }

    /// The members of each turn that a machine has executed and is not confirmed by any, from this turn on.
    pub fn members_from(&self, node: usize, from: u64) -> impl Iterator<Item = Vec<Player>> {
        let view = &self.views[node];
        let from = (from.max(view.base) - view.base) as usize;
        let frames = view.log.iter().skip(from).map(|(frame, _)| frame);
        frames.map(|frame| frame.inputs.iter().map(|(player, _)| *player).collect())
    }

    /// A process starts, with nothing.
    pub fn started(&mut self, node: usize) {
        self.views[node] = View::default();
    }

    /// A machine makes its next operation.
    pub fn make(&mut self, node: usize, life: u8) -> Op {
        self.truth.make(node, life)
    }

    /// A state was installed, `digest` is its digest.
    ///
    /// # Errors
    /// It takes back what the peer had confirmed, or differs from what is confirmed elsewhere.
    pub fn installed(&mut self, node: usize, turn: Option<Turn>, digest: u64) -> Verdict {
        let base = turn.map_or(0, |turn| turn.0 + 1);
        let view = &mut self.views[node];
        if base < view.confirmed {
            return Err(format!(
                "a state before turn {base} is installed, confirmed are all before {}",
                view.confirmed
            ));
        }
        if let Some(theirs) = turn.and_then(|turn| self.truth.digest(turn.0))
            && theirs != digest
        {
            return Err(format!("the state installed before turn {base} is {digest:016x}, confirmed is {theirs:016x}"));
        }
        *view = View { installed: true, base, base_digest: digest, log: Vec::new(), confirmed: view.confirmed };
        Ok(())
    }

    /// A turn was executed, by a member or another; `digest` is the world's digest after it.
    ///
    /// # Errors
    /// It is not the next one, or the same log made something else elsewhere.
    pub fn executed(&mut self, node: usize, frame: &Arc<Frame<Ops>>, digest: u64, member: bool) -> Verdict {
        let view = &mut self.views[node];
        let (turn, next) = (frame.turn, view.next());
        if !view.installed {
            return Err(format!("{turn} is executed without a world"));
        }
        if turn.0 != next {
            return Err(format!("{turn} is executed, the next one is {next}"));
        }
        // A follower that catches up is told what is confirmed some time after it has executed.
        if member && turn.0 - view.confirmed.max(view.base) >= self.open_turns_max {
            return Err(format!("{turn} is executed, although nothing from turn {} on is confirmed", view.confirmed));
        }
        view.log.push((frame.clone(), digest));
        let content = toy::content(frame);
        let (theirs, their_digest, by) = *self.bound.entry(frame.chain).or_insert((content, digest, node));
        if theirs != content {
            return Err(format!("{turn} differs from {by}'s, although their chain hashes are equal"));
        }
        if their_digest != digest {
            return Err(format!("after {turn} the world is {digest:016x} and {by}'s {their_digest:016x}, by one log"));
        }
        self.truth.executed(node, turn.0, frame.chain);
        Ok(())
    }

    /// Executed turns were undone, `digest` is the world's digest now; `None` where it does not keep that state.
    ///
    /// # Errors
    /// One of them was confirmed, or the world is not what it was then.
    pub fn rolled_back(&mut self, node: usize, to: Option<Turn>, digest: Option<u64>) -> Verdict {
        let view = &mut self.views[node];
        let next = to.map_or(0, |turn| turn.0 + 1);
        if next < view.confirmed {
            return Err(format!("rolled back to before turn {next}, confirmed are all before {}", view.confirmed));
        }
        if next < view.base || next > view.next() {
            return Err(format!("rolled back to before turn {next}, known are {} to {}", view.base, view.next()));
        }
        view.log.truncate((next - view.base) as usize);
        let was = view.digest_before(next);
        match digest {
            Some(now) if now == was => Ok(()),
            Some(now) => Err(format!("rolled back to before turn {next}, the world is {now:016x} and was {was:016x}")),
            None => Err(format!("rolled back to before turn {next}, a state that is not kept, nor need it be")),
        }
    }

    /// Turns were confirmed.
    ///
    /// # Errors
    /// They are not the next ones, not executed, or others confirmed something else.
    pub fn confirmed_up_to(&mut self, node: usize, turn: Turn, chain: Hash) -> Verdict {
        let view = &mut self.views[node];
        let to = turn.0 + 1;
        if to <= view.confirmed {
            return Err(format!("{turn} is confirmed again, after all before {}", view.confirmed));
        }
        if to > view.next() || to < view.base {
            return Err(format!("{turn} is confirmed, executed are {} to before {}", view.base, view.next()));
        }
        let from = view.confirmed.max(view.base);
        view.confirmed = to;
        if from == to {
            // The state that was installed.
            return Ok(());
        }
        let view = &self.views[node];
        let newly = &view.log[(from - view.base) as usize..(to - view.base) as usize];
        if let Some((frame, _)) = newly.last()
            && frame.chain != chain
        {
            return Err(format!("{turn} is confirmed as {chain:?}, executed was {:?}", frame.chain));
        }
        if let (Some(before), true) = (from.checked_sub(1), from == view.base)
            && let Some(theirs) = self.truth.digest(before)
            && theirs != view.base_digest
        {
            return Err(format!("the state installed before turn {from} is not the one that is confirmed"));
        }
        newly.iter().try_for_each(|(frame, digest)| self.truth.confirmed(node, frame, *digest))
    }
}

#[cfg(test)]
mod tests;
