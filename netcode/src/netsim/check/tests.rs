//! Each check is shown to fire: a peer that does one thing wrong is told so. Must never use the real core.

use super::*;
use crate::netsim::toy::Toy;
use crate::protocol::{Change, Departure};
use crate::world::World;

/// Three founders at machines 0 to 2, machine 3 is free; each machine with a world.
struct Stage {
    checker: Checker,
    worlds: Vec<Toy>,
    chain: Hash,
}

type Step = fn(&mut Stage) -> Verdict;

impl Stage {
    fn new() -> Self {
        let mut stage = Self {
            checker: Checker::new(&[Player(1), Player(2), Player(3)], 4, 20),
            worlds: vec![Toy::default(); 4],
            chain: Hash::default(),
        };
        for node in 0..3 {
            stage.install(node, None, &[]).unwrap();
        }
        stage
    }

    fn install(&mut self, node: usize, turn: Option<Turn>, snapshot: &[u8]) -> Verdict {
        self.worlds[node].install(&Toy::scenario(50), snapshot).unwrap();
        self.worlds[node].keep(turn);
        self.checker.installed(node, turn, self.worlds[node].digest())
    }

    /// The next frame, with one new operation of each of the players.
    fn frame(&mut self, turn: u64, players: &[u32]) -> Frame<Ops> {
        let op = |player: &u32| (Player(*player), Ops(vec![self.checker.make(*player as usize - 1, 1).word()]));
        let inputs = players.iter().map(op).collect();
        self.chain.0[0] = self.chain.0[0].wrapping_add(1);
        Frame { turn: Turn(turn), changes: Vec::new(), inputs, chain: self.chain }
    }

    fn execute(&mut self, node: usize, frame: &Frame<Ops>) -> Verdict {
        let digest = self.worlds[node].execute(frame);
        self.worlds[node].keep(Some(frame.turn));
        self.checker.executed(node, &Arc::new(frame.clone()), digest, true)
    }

    fn confirm(&mut self, node: usize, frame: &Frame<Ops>) -> Verdict {
        self.checker.confirmed_up_to(node, frame.turn, frame.chain)
    }

    /// Turns executed and confirmed by all three, as they should be.
    fn play(&mut self, turns: std::ops::Range<u64>) -> Verdict {
        for turn in turns {
            let frame = self.frame(turn, &[1, 2, 3]);
            self.all(&frame)?;
        }
        Ok(())
    }

    fn all(&mut self, frame: &Frame<Ops>) -> Verdict {
        (0..3).try_for_each(|node| self.execute(node, frame))?;
        (0..3).try_for_each(|node| self.confirm(node, frame))
    }

    fn roll_back(&mut self, node: usize, to: u64) -> Verdict {
        assert!(self.worlds[node].roll_back(Some(Turn(to))));
        self.checker.rolled_back(node, Some(Turn(to)), Some(self.worlds[node].digest()))
    }
}

#[test]
fn a_session_as_it_should_be_passes() {
    let mut stage = Stage::new();
    stage.play(0..5).unwrap();
    let lonely = stage.frame(5, &[1, 2, 3]);
    stage.execute(2, &lonely).unwrap();
    stage.roll_back(2, 4).unwrap();
    let snapshot = stage.worlds[0].snapshot();
    stage.install(3, Some(Turn(4)), &snapshot).unwrap();
    let mut frame = lonely.clone();
    frame.chain.0[9] = 1;
    frame.changes = vec![Change::Join { player: Player(4), role: 0 }];
    frame.inputs.push((Player(4), Ops::default()));
    stage.all(&frame).unwrap();
    stage.execute(3, &frame).unwrap();
    stage.confirm(3, &frame).unwrap();
    stage.checker.truth.complete(Player(1), 1, 0, 6).unwrap();
    stage.checker.truth.quorums().unwrap();
}

/// What a peer does wrong after four good turns, and what it is told.
const WRONG: &[(&str, Step)] = &[
    ("two chain hashes for confirmed turn 4", |s| {
        let mut frame = s.frame(4, &[1, 2, 3]);
        s.all(&frame)?;
        let mut other = Stage::new();
        other.play(0..4)?;
        s.checker.views[0] = std::mem::take(&mut other.checker.views[0]);
        frame.chain.0[20] = 1;
        s.worlds[0] = other.worlds[0].clone();
        s.execute(0, &frame)?;
        s.confirm(0, &frame)
    }),
    ("differs from 0's, although their chain hashes are equal", |s| {
        let mut frame = s.frame(4, &[1, 2, 3]);
        s.execute(0, &frame)?;
        frame.inputs[0].1.0.clear();
        s.execute(1, &frame)
    }),
    ("by one log", |s| {
        let frame = s.frame(4, &[1, 2, 3]);
        s.execute(0, &frame)?;
        let other = s.frame(9, &[1, 2, 3]);
        s.worlds[1].execute(&other);
        s.execute(1, &frame)
    }),
    ("rolled back to before turn 3, confirmed are all before 4", |s| s.roll_back(1, 2)),
    ("the world is", |s| {
        let frames = [s.frame(4, &[1, 2, 3]), s.frame(5, &[1, 2, 3])];
        frames.iter().try_for_each(|frame| s.execute(0, frame))?;
        s.checker.rolled_back(0, Some(Turn(4)), Some(s.worlds[0].digest()))
    }),
    ("turn 5 is executed, the next one is 4", |s| {
        let frame = s.frame(5, &[1, 2, 3]);
        s.execute(0, &frame)
    }),
    ("turn 3 is confirmed again", |s| {
        let chain = s.chain;
        s.checker.confirmed_up_to(0, Turn(3), chain)
    }),
    ("turn 4 is confirmed, executed are 0 to before 4", |s| {
        let frame = s.frame(4, &[1, 2, 3]);
        s.confirm(0, &frame)
    }),
    ("turn 4 is confirmed as", |s| {
        let frame = s.frame(4, &[1, 2, 3]);
        s.execute(0, &frame)?;
        s.checker.confirmed_up_to(0, Turn(4), Hash([9; 32]))
    }),
    ("although nothing from turn 4 on is confirmed", |s| {
        (4..40).try_for_each(|turn| {
            let frame = s.frame(turn, &[1, 2, 3]);
            s.execute(0, &frame)
        })
    }),
    ("player 2's inputs between", |s| {
        s.frame(4, &[2]);
        let frame = s.frame(4, &[1, 2, 3]);
        s.all(&frame)
    }),
    ("comes again or too late", |s| {
        let mut frame = s.frame(4, &[1, 2, 3]);
        frame.inputs[1].1.0.push(Op { node: 1, life: 1, number: 2 }.word());
        s.all(&frame)
    }),
    ("was altered or invented", |s| {
        let mut frame = s.frame(4, &[1, 2, 3]);
        frame.inputs[1].1.0[0] ^= 1;
        s.all(&frame)
    }),
    ("was invented: it has not been made", |s| {
        let mut frame = s.frame(4, &[1, 2, 3]);
        frame.inputs[1].1.0.push(Op { node: 1, life: 1, number: 5 }.word());
        s.all(&frame)
    }),
    ("counts for player 1", |s| {
        let mut frame = s.frame(4, &[1, 2, 3]);
        let (a, b) = (frame.inputs[0].1.clone(), frame.inputs[1].1.clone());
        (frame.inputs[0].1, frame.inputs[1].1) = (b, a);
        s.all(&frame)
    }),
    ("inputs are of [1, 2], members are [1, 2, 3]", |s| {
        let frame = s.frame(4, &[1, 2]);
        s.all(&frame)
    }),
    ("player 3 joins, and is a member already", |s| {
        let mut frame = s.frame(4, &[1, 2, 3]);
        frame.changes = vec![Change::Join { player: Player(3), role: 0 }];
        s.all(&frame)
    }),
    ("player 9 goes", |s| {
        let mut frame = s.frame(4, &[1, 2, 3]);
        frame.changes = vec![Change::Leave { player: Player(9), why: Departure::Left }];
        s.all(&frame)
    }),
    ("the state installed before turn 4 is", |s| {
        let mut other = s.worlds[0].clone();
        let frame = s.frame(9, &[1]);
        other.execute(&frame);
        s.install(3, Some(Turn(3)), &other.snapshot())
    }),
    ("is installed, confirmed are all before 4", |s| s.install(0, None, &[])),
    ("player 2's inputs 0 to 5 are lost", |s| s.checker.truth.complete(Player(2), 1, 0, 6)),
    ("turn 4 was confirmed at 0 before a quorum had executed it", |s| {
        for turn in 4..110 {
            s.checker.truth.quorums()?;
            let frame = s.frame(turn, &[1, 2, 3]);
            s.execute(0, &frame)?;
            s.confirm(0, &frame)?;
        }
        s.checker.truth.quorums()
    }),
    ("machine 0 is player 5 now, and was player 1", |s| s.checker.truth.seat(0, Player(5))),
    ("player 1 is machine 3 now, and was machine 0", |s| s.checker.truth.seat(3, Player(1))),
];

#[test]
fn every_wrong_step_is_told() {
    for (expected, step) in WRONG {
        let mut stage = Stage::new();
        stage.play(0..4).unwrap();
        let verdict = step(&mut stage);
        assert!(verdict.as_ref().is_err_and(|text| text.contains(expected)), "{expected}: {verdict:?}");
    }
}

#[test]
fn two_digests_of_one_confirmed_turn_are_told() {
    let mut stage = Stage::new();
    stage.play(0..4).unwrap();
    let frame = Arc::new(stage.frame(4, &[1, 2, 3]));
    stage.checker.truth.confirmed(0, &frame, 1).unwrap();
    let verdict = stage.checker.truth.confirmed(1, &frame, 2);
    assert!(verdict.unwrap_err().contains("two digests for confirmed turn 4"));
}
