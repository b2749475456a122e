//! The one log that all of a session must confirm: what was confirmed first anywhere, turn by turn, who was a member
//! then, and whose inputs were in it. Must never take anything from one peer that another contradicts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::network::Set;
use super::ops::{Op, Ops};
use super::toy;
use crate::protocol::{Change, Frame, Hash, Player};

/// Turns at the end of an epoch that a cut may confirm at once, at most.
const CUT_TURNS_MAX: u64 = 100;

/// Nothing, or what is wrong, as a sentence.
pub type Verdict = Result<(), String>;

/// Whether these are a quorum of the members: more than half, or half with the lowest number among them.
#[must_use]
pub fn is_quorum(members: &[Player], present: impl Fn(Player) -> bool) -> bool {
    let count = members.iter().filter(|player| present(**player)).count();
    count * 2 > members.len()
        || (count > 0 && count * 2 == members.len() && members.iter().min().is_some_and(|lowest| present(*lowest)))
}

#[derive(Debug)]
struct Record {
    frame: Arc<Frame<Ops>>,
    content: u64,
    digest: u64,
    by: usize,
}

/// One player's confirmed operations.
#[derive(Debug)]
struct Author {
    /// Its machine, once that is known.
    node: Option<usize>,
    /// Counts its times as a member.
    stint: u32,
    /// Its first operation in this stint.
    first: Option<Op>,
    /// Its last operation, and the stint that it was in.
    last: Option<(Op, u32)>,
}

/// A turn that was confirmed before a quorum of its members had executed it. Right only if the epoch ended in a cut.
#[derive(Debug)]
struct Early {
    turn: u64,
    by: usize,
}

/// The log of a session.
#[derive(Debug)]
pub struct Truth {
    records: Vec<Option<Record>>,
    /// For each turn, who executed it with which chain hash.
    executions: Vec<Vec<(Hash, Set)>>,
    /// How many turns are folded into what follows.
    folded: usize,
    members: Vec<Player>,
    /// First turn of each epoch but the first, of those that changed who is a member.
    epochs: Vec<u64>,
    /// Turns a little after the beginning of epochs of any kind.
    begun: BTreeSet<u64>,
    authors: BTreeMap<Player, Author>,
    early: Vec<Early>,
    /// How many operations each life of each machine made.
    made: Vec<Vec<u32>>,
}

impl Truth {
    /// An empty log of founders, who sit at the first machines in this order.
    #[must_use]
    pub fn new(founders: &[Player], nodes: usize) -> Self {
        let author = |(node, player): (usize, &Player)| {
            (*player, Author { node: Some(node), stint: 0, first: None, last: None })
        };
        Self {
            records: Vec::new(),
            executions: Vec::new(),
            folded: 0,
            members: founders.to_vec(),
            epochs: Vec::new(),
            begun: BTreeSet::new(),
            authors: founders.iter().enumerate().map(author).collect(),
            early: Vec::new(),
            made: vec![Vec::new(); nodes],
        }
    }

    /// How many turns are confirmed anywhere.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.records.len() as u64
    }

    /// How many epochs began, the first not counted.
    #[must_use]
    pub fn epochs(&self) -> u64 {
        self.epochs.len() as u64
    }

    /// The digest after a turn, if it is confirmed.
    #[must_use]
    pub fn digest(&self, turn: u64) -> Option<u64> {
        Some(self.records.get(turn as usize)?.as_ref()?.digest)
    }

    /// A machine makes its next operation.
    pub fn make(&mut self, node: usize, life: u8) -> Op {
        let lives = &mut self.made[node];
        lives.resize(lives.len().max(usize::from(life)), 0);
        let number = lives[usize::from(life) - 1];
        lives[usize::from(life) - 1] += 1;
        Op { node: node as u8, life, number }
    }

    /// How many operations a life of a machine has made.
    #[must_use]
    pub fn made(&self, node: usize, life: u8) -> u32 {
        self.made[node].get(usize::from(life).wrapping_sub(1)).copied().unwrap_or(0)
    }

    /// A machine has this number in the session.
    ///
    /// # Errors
    /// It had another one, or another machine has it.
    pub fn seat(&mut self, node: usize, player: Player) -> Verdict {
        if let Some((other, _)) = self.authors.iter().find(|(other, a)| **other != player && a.node == Some(node)) {
            return Err(format!("machine {node} is {player} now, and was {other}"));
        }
        let author = self.authors.entry(player).or_insert(Author { node: None, stint: 0, first: None, last: None });
        match author.node {
            Some(other) if other != node => Err(format!("{player} is machine {node} now, and was machine {other}")),
            _ => {
                author.node = Some(node);
                Ok(())
            }
        }
    }

    /// A machine that has executed all turns before this one is in another epoch than before. A cut that removes nobody
    /// shows in no frame.
    pub fn epoch_began(&mut self, next: u64) {
        self.begun.insert(next);
    }

    /// A machine executed a turn.
    pub fn executed(&mut self, node: usize, turn: u64, chain: Hash) {
        let turn = turn as usize;
        if self.executions.len() <= turn {
            self.executions.resize(turn + 1, Vec::new());
        }
        match self.executions[turn].iter_mut().find(|(hash, _)| *hash == chain) {
            Some((_, set)) => *set |= 1 << node,
            None => self.executions[turn].push((chain, 1 << node)),
        }
    }

    /// A machine confirmed a turn that it had executed.
    ///
    /// # Errors
    /// It contradicts what was confirmed before, or the frame is not one that a session could have.
    pub fn confirmed(&mut self, node: usize, frame: &Arc<Frame<Ops>>, digest: u64) -> Verdict {
        let turn = frame.turn.0 as usize;
        if self.records.len() <= turn {
            self.records.resize_with(turn + 1, || None);
        }
        let content = toy::content(frame);
        if let Some(record) = &self.records[turn] {
            let by = record.by;
            if record.frame.chain != frame.chain {
                let (ours, theirs) = (frame.chain, record.frame.chain);
                return Err(format!("two chain hashes for confirmed turn {turn}: {ours:?}, and {theirs:?} at {by}"));
            }
            if record.content != content {
                return Err(format!("two frames for confirmed turn {turn}, here and at {by}, with one chain hash"));
            }
            if record.digest != digest {
                let theirs = record.digest;
                return Err(format!("two digests for confirmed turn {turn}: {digest:016x}, and {theirs:016x} at {by}"));
            }
            return Ok(());
        }
        self.records[turn] = Some(Record { frame: frame.clone(), content, digest, by: node });
        while let Some(Some(record)) = self.records.get(self.folded) {
            let (frame, by) = (record.frame.clone(), record.by);
            self.folded += 1;
            self.fold(&frame, by)?;
        }
        Ok(())
    }

    fn fold(&mut self, frame: &Frame<Ops>, by: usize) -> Verdict {
        let turn = frame.turn;
        for change in &frame.changes {
            self.change(change).map_err(|wrong| format!("{turn}: {wrong}"))?;
        }
        if !frame.changes.is_empty() {
            self.epochs.push(turn.0);
        }
        if !frame.inputs.iter().map(|(player, _)| player).eq(&self.members) {
            let authors: Vec<u32> = frame.inputs.iter().map(|(player, _)| player.0).collect();
            let members: Vec<u32> = self.members.iter().map(|player| player.0).collect();
            return Err(format!("{turn}: inputs are of {authors:?}, members are {members:?}"));
        }
        for (player, ops) in &frame.inputs {
            ops.0.iter().try_for_each(|word| self.operation(*player, *word)).map_err(|e| format!("{turn}: {e}"))?;
        }
        let executed = self.executions.get(turn.0 as usize).into_iter().flatten();
        let set = executed.filter(|(hash, _)| *hash == frame.chain).fold(0, |all, (_, set)| all | set);
        let present = |player| self.authors.get(&player).and_then(|a| a.node).is_some_and(|node| set >> node & 1 == 1);
        if !is_quorum(&self.members, present) {
            self.early.push(Early { turn: turn.0, by });
        }
        Ok(())
    }

    fn change(&mut self, change: &Change) -> Verdict {
        match *change {
            Change::Join { player, .. } => match self.members.binary_search(&player) {
                Ok(_) => Err(format!("{player} joins, and is a member already")),
                Err(at) => {
                    self.members.insert(at, player);
                    let author =
                        self.authors.entry(player).or_insert(Author { node: None, stint: 0, first: None, last: None });
                    author.stint += 1;
                    author.first = None;
                    Ok(())
                }
            },
            Change::Leave { player, why } => match self.members.binary_search(&player) {
                Err(_) => Err(format!("{player} goes ({why:?}), and is no member")),
                Ok(at) => {
                    self.members.remove(at);
                    Ok(())
                }
            },
        }
    }

    fn operation(&mut self, player: Player, word: u64) -> Verdict {
        let Some(op) = Op::of(word) else {
            return Err(format!("{player}'s input {word:016x} was altered or invented: nobody made it"));
        };
        let node = usize::from(op.node);
        if node >= self.made.len() || self.made(node, op.life) <= op.number {
            return Err(format!("{player}'s {op:?} was invented: it has not been made"));
        }
        if self.authors.get(&player).is_none_or(|author| author.node.is_none()) {
            self.seat(node, player)?;
        }
        let Some(author) = self.authors.get_mut(&player) else { return Err(format!("{player} is nobody")) };
        if author.node != Some(node) {
            return Err(format!("{op:?} counts for {player}, who is at machine {:?}", author.node));
        }
        if let Some((last, stint)) = author.last {
            if (op.life, op.number) <= (last.life, last.number) {
                return Err(format!("{player}'s {op:?} comes again or too late, after {last:?}"));
            }
            if stint == author.stint && (op.life, op.number) != (last.life, last.number + 1) {
                return Err(format!("{player}'s inputs between {last:?} and {op:?} are lost"));
            }
        }
        author.first.get_or_insert(op);
        author.last = Some((op, author.stint));
        Ok(())
    }

    /// Whether a player's operations of one life are all confirmed, from one number up to before another.
    ///
    /// # Errors
    /// Some are missing.
    pub fn complete(&self, player: Player, life: u8, from: u32, to: u32) -> Verdict {
        if from >= to {
            return Ok(());
        }
        let author = self.authors.get(&player).ok_or_else(|| format!("{player} is nobody"))?;
        let first = author.first.filter(|op| op.life == life).map_or(u32::MAX, |op| op.number);
        let last = author.last.filter(|(op, stint)| op.life == life && *stint == author.stint);
        let next = last.map_or(0, |(op, _)| op.number + 1);
        if first > from || next < to {
            return Err(format!(
                "{player}'s inputs {from} to {} are lost: confirmed are those from {first} to before {next}",
                to - 1
            ));
        }
        Ok(())
    }

    /// Every turn was confirmed after a quorum of its members had executed it, or was part of a decided cut.
    ///
    /// # Errors
    /// One was not.
    pub fn quorums(&self) -> Verdict {
        for Early { turn, by } in &self.early {
            // Which ends of epochs were cuts is not to be seen. One that is decided may not be followed by a frame yet.
            let changed = self.epochs.iter().copied().find(|from| from > turn);
            let begun = self.begun.range(turn + 1..).next().copied();
            let end = changed.into_iter().chain(begun).min().unwrap_or(self.folded as u64);
            if turn + CUT_TURNS_MAX < end {
                return Err(format!("turn {turn} was confirmed at {by} before a quorum had executed it"));
            }
        }
        Ok(())
    }
}
