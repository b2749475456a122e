//! What was entered while the world is held: changes of the membership and commands, which go into the next tick that is
//! executed, in order. Must never split what one member entered for one tick, and never grow without bound: what is too
//! much is left out by a rule that is the same on every peer.

use netcode::protocol::Turn;
use serde::{Deserialize, Serialize};
use sim::input::{COMMAND_BYTES_MAX, FRAME_MEMBERSHIP_MAX};
use sim::{Command, Membership, PlayerId};

use super::input::COMMANDS_MAX;

/// Most commands of a pilot that wait, and their bytes. A later command for a ship's controls takes an earlier one's place.
const PILOT_MAX: (usize, usize) = (COMMANDS_MAX, 4 << 10);
/// The same of an operator.
const OPERATOR_MAX: (usize, usize) = (8 * COMMANDS_MAX, 64 << 10);
/// Most batches in a state that another peer sent.
const BATCHES_MAX: usize = 1 << 16;

/// What one member entered for one tick: it is never split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Who.
    pub player: PlayerId,
    /// For which turn.
    pub turn: Turn,
    /// Encoded commands, in order.
    pub commands: Vec<Vec<u8>>,
}

impl Batch {
    fn bytes(&self) -> usize {
        self.commands.iter().map(Vec::len).sum()
    }
}

/// What was entered for one tick.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// In the order they were agreed.
    pub membership: Vec<Membership>,
    /// By player, and of one player in the order they were entered.
    pub batches: Vec<Batch>,
}

impl Due {
    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.membership.is_empty() && self.batches.is_empty()
    }

    /// Adds a batch behind the same player's earlier ones.
    pub fn push(&mut self, batch: Batch) {
        let at = self.batches.partition_point(|other| other.player <= batch.player);
        self.batches.insert(at, batch);
    }

    /// The next tick's inputs are these, and of what waits here as much as one tick takes: of each player whole batches of
    /// at most [`COMMANDS_MAX`] commands. The rest goes on waiting.
    pub fn next(&mut self, due: Self) -> Self {
        if self.is_empty() {
            return due;
        }
        self.add_membership(due.membership, |_| true);
        due.batches.into_iter().for_each(|batch| self.push(batch));
        let mut next = Self { membership: std::mem::take(&mut self.membership), batches: Vec::new() };
        let (mut player, mut room) = (PlayerId(0), 0);
        for batch in std::mem::take(&mut self.batches) {
            if batch.player != player {
                (player, room) = (batch.player, COMMANDS_MAX);
            }
            if batch.commands.len() <= room {
                room -= batch.commands.len();
                next.batches.push(batch);
            } else {
                // Nor anything of this player behind it.
                room = 0;
                self.batches.push(batch);
            }
        }
        next
    }

    /// Keeps what is entered for a tick that is not executed. `role` says who is a member, and whether as an operator.
    pub fn keep(&mut self, due: Self, role: impl Fn(PlayerId) -> Option<bool>) {
        for change in &due.membership {
            if let Membership::Leave { player } = change {
                self.batches.retain(|batch| batch.player != *player);
            }
        }
        self.add_membership(due.membership, |player| role(player).is_some());
        for mut batch in due.batches {
            let is_operator = role(batch.player).unwrap_or(false);
            if !is_operator {
                self.replace_controls(&mut batch);
            }
            let of_player = || self.batches.iter().filter(|other| other.player == batch.player);
            let (count, bytes) = if is_operator { OPERATOR_MAX } else { PILOT_MAX };
            let commands = of_player().map(|other| other.commands.len()).sum::<usize>() + batch.commands.len();
            if commands <= count && of_player().map(Batch::bytes).sum::<usize>() + batch.bytes() <= bytes {
                self.push(batch);
            }
        }
    }

    /// Whether something of this player's and turn's waits.
    #[must_use]
    pub fn has(&self, player: PlayerId, turn: Turn) -> bool {
        self.batches.iter().any(|batch| batch.player == player && batch.turn == turn)
    }

    /// Of a ship's controls the last counts: earlier ones need not wait.
    fn replace_controls(&mut self, batch: &mut Batch) {
        let ship = |bytes: &[u8]| match Command::decode(bytes) {
            Ok(Command::Controls { ship, .. }) => Some(ship),
            _ => None,
        };
        let mut last = Vec::new();
        batch.commands.reverse();
        batch.commands.retain(|bytes| match ship(bytes) {
            Some(ship) if last.contains(&ship) => false,
            Some(ship) => {
                last.push(ship);
                true
            }
            None => true,
        });
        batch.commands.reverse();
        if last.is_empty() {
            return;
        }
        for earlier in self.batches.iter_mut().filter(|earlier| earlier.player == batch.player) {
            earlier.commands.retain(|bytes| !ship(bytes).is_some_and(|ship| last.contains(&ship)));
        }
        self.batches.retain(|earlier| !earlier.commands.is_empty());
    }

    /// Adds changes; of one player there are never more than a leaving and a coming. `is_member` says of whom the world
    /// knows: that somebody leaves who is not known need not wait.
    fn add_membership(&mut self, changes: Vec<Membership>, is_member: impl Fn(PlayerId) -> bool) {
        for change in changes {
            let (Membership::Join { player, .. } | Membership::Leave { player }) = change;
            let joins = matches!(change, Membership::Join { .. });
            let is_same = |other: &Membership| match *other {
                Membership::Join { player: of, .. } => of == player,
                Membership::Leave { player: of } => of == player && !joins,
            };
            self.membership.retain(|other| !is_same(other));
            if joins || is_member(player) {
                self.membership.push(change);
            }
        }
    }

    /// Whether a peer's state may hold this.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let fits = |batch: &Batch| {
            let long = batch.commands.iter().any(|command| command.len() > COMMAND_BYTES_MAX);
            !long && (1..=COMMANDS_MAX).contains(&batch.commands.len())
        };
        self.membership.len() <= FRAME_MEMBERSHIP_MAX
            && self.batches.len() <= BATCHES_MAX
            && self.batches.is_sorted_by_key(|batch| batch.player)
            && self.batches.iter().all(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::Role;
    use sim::command::ControlInput;

    fn batch(player: u32, turn: u64, commands: &[&[u8]]) -> Batch {
        let commands = commands.iter().map(|bytes| bytes.to_vec()).collect();
        Batch { player: PlayerId(player), turn: Turn(turn), commands }
    }

    fn due(batches: Vec<Batch>) -> Due {
        Due { membership: Vec::new(), batches }
    }

    fn controls(ship: u64, main: i16) -> Vec<u8> {
        Command::Controls { ship, controls: ControlInput { main, ..ControlInput::default() } }.encode()
    }

    const PILOT: fn(PlayerId) -> Option<bool> = |_| Some(false);

    #[test]
    fn nothing_that_waits_changes_nothing() {
        let one = due(vec![batch(1, 5, &[&[1, 3], &[1, 4]]), batch(2, 5, &[&[7]])]);
        let mut waiting = Due::default();
        assert_eq!(waiting.next(one.clone()), one);
        assert!(waiting.is_empty());
    }

    #[test]
    fn what_waits_comes_first_and_in_order() {
        let mut waiting = Due::default();
        waiting.keep(due(vec![batch(1, 5, &[&[1, 1]]), batch(2, 5, &[&[1, 2]])]), PILOT);
        waiting.keep(due(vec![batch(1, 6, &[&[1, 3]])]), PILOT);
        let next = waiting.next(due(vec![batch(1, 7, &[&[1, 4]]), batch(3, 7, &[&[1, 5]])]));
        let order: Vec<_> = next.batches.iter().map(|b| (b.player.0, b.turn.0)).collect();
        assert_eq!(order, [(1, 5), (1, 6), (1, 7), (2, 5), (3, 7)]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_batch_is_never_split_and_nothing_overtakes_it() {
        let many: Vec<&[u8]> = vec![&[1, 1]; 40];
        let mut waiting = Due::default();
        let operator = |_| Some(true);
        waiting.keep(due(vec![batch(1, 5, &many)]), operator);
        waiting.keep(due(vec![batch(1, 6, &many), batch(2, 6, &many)]), operator);
        waiting.keep(due(vec![batch(1, 7, &[&[1, 2]])]), operator);
        let turns = |due: &Due| due.batches.iter().map(|b| (b.player.0, b.turn.0)).collect::<Vec<_>>();
        assert_eq!(turns(&waiting.next(Due::default())), [(1, 5), (2, 6)]);
        assert_eq!(turns(&waiting.next(Due::default())), [(1, 6), (1, 7)]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn of_controls_the_last_waits_and_the_rest_is_bounded() {
        let mut waiting = Due::default();
        for turn in 0..200 {
            let (a, b, c) = (controls(1, turn as i16), controls(1, 7), controls(2, turn as i16));
            waiting.keep(due(vec![batch(1, turn, &[&a, &b, &c])]), PILOT);
        }
        assert_eq!(waiting.batches, [batch(1, 199, &[&controls(1, 7), &controls(2, 199)])]);
        for turn in 0..200 {
            waiting.keep(due(vec![batch(2, turn, &[&[1, 9]]), batch(3, turn, &[&[0; 1000]])]), PILOT);
        }
        let count = |player| waiting.batches.iter().filter(|b| b.player.0 == player).count();
        assert_eq!((count(2), count(3)), (62, 4), "the first ones stay");
        assert!(waiting.is_sound());
    }

    #[test]
    fn who_comes_and_goes_in_a_hold_leaves_nothing() {
        let member = |player: PlayerId| (player.0 <= 2).then_some(false);
        let join = |player, role| Membership::Join { player: PlayerId(player), role };
        let leave = |player| Membership::Leave { player: PlayerId(player) };
        let mut waiting = Due::default();
        let mut keep = |changes: &[Membership]| {
            waiting.keep(Due { membership: changes.to_vec(), batches: vec![batch(9, 1, &[&[1, 1]])] }, member);
            waiting.clone()
        };
        keep(&[join(9, Role::Pilot), leave(2)]);
        let found = keep(&[leave(9), join(2, Role::Pilot)]);
        assert_eq!(found.membership, [leave(2), join(2, Role::Pilot)]);
        assert_eq!(found.batches.len(), 1, "only what came with the leaving");
        assert_eq!(keep(&[leave(2), leave(2)]).membership, [leave(2)]);
        for number in 100..5000 {
            keep(&[join(number, Role::Pilot), leave(number)]);
        }
        assert_eq!(keep(&[join(1, Role::Operator)]).membership, [leave(2), join(1, Role::Operator)]);
    }
}
