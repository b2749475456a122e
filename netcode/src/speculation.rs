//! Presentation ahead of the session: a small copy of the world is stepped on with the own inputs that are still on
//! their way, so that the own ship answers within one frame. Must never touch the real world: what it shows was not
//! agreed on, and is thrown away when the truth comes in.
//!
//! What the others will do is not known; their controls stay as they are, which is the likeliest thing for 100 ms.

use std::collections::BTreeMap;

use crate::protocol::{Input, Player, Turn};

/// A copy of a part of the world, cheap to copy and to step.
pub trait Neighbourhood: Clone {
    /// One member's input for one turn.
    type Input: Input;

    /// Steps all ticks of one turn in which `player` enters this input and nobody else anything.
    fn advance(&mut self, player: Player, input: &Self::Input);
}

/// Most own inputs that are kept; the oldest go first.
const INPUTS_MAX: usize = 1024;

/// The world around the own ship, ahead of what was executed.
#[derive(Clone, Debug)]
pub struct Speculation<N: Neighbourhood> {
    player: Player,
    ahead_turns_max: u64,
    /// The truth, as of `executed`.
    base: N,
    executed: Option<Turn>,
    /// Own inputs on their way, by the turn they are entered for.
    inputs: BTreeMap<Turn, N::Input>,
    ahead: N,
    /// Last turn that `ahead` contains.
    reached: Option<Turn>,
    stepped: u64,
}

impl<N: Neighbourhood> Speculation<N> {
    /// Begins with a copy of the world as it is after `executed`. At most `ahead_turns_max` turns are run ahead: what
    /// it costs to run them is the most that one call takes.
    #[must_use]
    pub fn new(player: Player, ahead_turns_max: u64, base: N, executed: Option<Turn>) -> Self {
        let (ahead, inputs) = (base.clone(), BTreeMap::new());
        Self { player, ahead_turns_max, base, executed, inputs, ahead, reached: executed, stepped: 0 }
    }

    /// The truth came in: a new copy of the world, as it is after `executed`, which may also lie further back than the
    /// last one. What was predicted since is forgotten, and run again from here when it is asked for.
    pub fn rebase(&mut self, base: N, executed: Option<Turn>) {
        self.ahead = base.clone();
        self.base = base;
        self.executed = executed;
        self.reached = executed;
    }

    /// Everything up to this turn is final: its inputs will not be needed again.
    pub fn settle(&mut self, confirmed: Turn) {
        self.inputs = self.inputs.split_off(&confirmed.plus(1));
    }

    /// The own input that was entered for `turn`. For a turn that was run ahead already, it is run again.
    pub fn submit(&mut self, turn: Turn, input: N::Input) {
        self.inputs.insert(turn, input);
        if self.inputs.len() > INPUTS_MAX {
            self.inputs.pop_first();
        }
        if self.reached >= Some(turn) && self.executed < Some(turn) {
            self.start_over();
        }
    }

    /// The world after `to`, as far as it can be foreseen.
    pub fn ahead(&mut self, to: Turn) -> &N {
        let most = self
            .executed
            .map_or(self.ahead_turns_max.checked_sub(1).map(Turn), |turn| Some(turn.plus(self.ahead_turns_max)));
        let to = Some(to).min(most).max(self.executed);
        if to < self.reached {
            self.start_over();
        }
        while self.reached < to {
            let turn = self.reached.map_or(Turn(0), |turn| turn.plus(1));
            match self.inputs.get(&turn) {
                Some(input) => self.ahead.advance(self.player, input),
                None => self.ahead.advance(self.player, &N::Input::neutral()),
            }
            self.reached = Some(turn);
            self.stepped += 1;
        }
        &self.ahead
    }

    /// Last turn that is executed, as far as this knows.
    #[must_use]
    pub fn executed(&self) -> Option<Turn> {
        self.executed
    }

    /// Turns that were run ahead so far, for metrics.
    #[must_use]
    pub fn stepped(&self) -> u64 {
        self.stepped
    }

    fn start_over(&mut self) {
        self.ahead = self.base.clone();
        self.reached = self.executed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two ships on a line: a player's input sets its speed, which stays until the next one.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Line {
        places: [i64; 2],
        speeds: [i64; 2],
    }

    impl Line {
        fn set(&mut self, player: Player, input: &[u8]) {
            if let Some(&speed) = input.first() {
                self.speeds[player.0 as usize - 1] = i64::from(speed);
            }
        }

        fn go(&mut self) {
            self.places.iter_mut().zip(self.speeds).for_each(|(place, speed)| *place += speed);
        }

        /// The truth: both enter something.
        fn truth(&mut self, own: &[u8], other: &[u8]) {
            self.set(Player(1), own);
            self.set(Player(2), other);
            self.go();
        }
    }

    impl Neighbourhood for Line {
        type Input = Vec<u8>;

        fn advance(&mut self, player: Player, input: &Vec<u8>) {
            self.set(player, input);
            self.go();
        }
    }

    #[test]
    fn the_own_ship_answers_at_once() {
        let mut world = Line::default();
        world.truth(&[], &[3]);
        let mut speculation = Speculation::new(Player(1), 8, world.clone(), Some(Turn(0)));
        assert_eq!(speculation.ahead(Turn(4)).places, [0, 15], "the other goes on as it went");
        // Entered for turn 5, the first that is still open: seen in the very next look.
        speculation.submit(Turn(5), vec![7]);
        assert_eq!(speculation.ahead(Turn(5)).places, [7, 18]);
        assert_eq!(world.places, [0, 3], "the world knows nothing of it");
    }

    #[test]
    fn a_wrong_guess_is_replaced() {
        let mut world = Line::default();
        let mut speculation = Speculation::new(Player(1), 8, world.clone(), None);
        speculation.submit(Turn(1), vec![1]);
        assert_eq!(speculation.ahead(Turn(3)).places, [3, 0]);
        // The other started in turn 0, which nobody could know.
        world.truth(&[], &[10]);
        speculation.rebase(world.clone(), Some(Turn(0)));
        assert_eq!(speculation.ahead(Turn(3)).places, [3, 40]);
        world.truth(&[1], &[0]);
        speculation.rebase(world.clone(), Some(Turn(1)));
        assert_eq!(speculation.ahead(Turn(3)).places, [3, 10]);
        // An own input that changes what was shown already, too.
        speculation.submit(Turn(3), vec![5]);
        assert_eq!(speculation.ahead(Turn(3)).places, [7, 10]);
        assert_eq!(speculation.ahead(Turn(2)).places, [2, 10], "and it can be looked at earlier");
    }

    #[test]
    fn a_roll_back_of_the_world_still_finds_the_own_inputs() {
        let start = Line::default();
        let mut speculation = Speculation::new(Player(1), 8, start.clone(), None);
        speculation.submit(Turn(0), vec![2]);
        let mut world = start.clone();
        world.truth(&[2], &[]);
        speculation.rebase(world.clone(), Some(Turn(0)));
        assert_eq!(speculation.ahead(Turn(1)).places, [4, 0]);
        speculation.rebase(start, None);
        assert_eq!(speculation.ahead(Turn(1)).places, [4, 0], "the input of turn 0 was not confirmed yet");
        speculation.settle(Turn(0));
        assert!(speculation.inputs.is_empty());
    }

    #[test]
    fn work_is_bounded() {
        let mut speculation = Speculation::new(Player(1), 4, Line::default(), Some(Turn(10)));
        speculation.ahead(Turn(1_000_000));
        assert_eq!((speculation.stepped(), speculation.reached), (4, Some(Turn(14))));
        speculation.ahead(Turn(3));
        assert_eq!(speculation.reached, Some(Turn(10)), "not before what was executed");
        for turn in 0..5_000 {
            speculation.submit(Turn(turn), vec![1]);
        }
        assert_eq!(speculation.inputs.len(), INPUTS_MAX);
        let mut none = Speculation::new(Player(1), 0, Line::default(), None);
        none.ahead(Turn(5));
        assert_eq!(none.reached, None);
    }
}
