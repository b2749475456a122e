//! The input log's entries: what happened to the membership and what was commanded in one tick. Commands
//! are kept as the bytes that were sent; what they mean, and whether they are allowed, is settled in `step`.
//!
//! A frame has rules of its own: how many entries it may have, how long they may be, and their order. `step` takes
//! any frame and refuses, and counts, the commands that break a rule; a recording takes only frames that break none.
//! So whoever collects frames from outside calls [`InputFrame::make_lawful`] first, steps what is left and records
//! the same.

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// A player, numbered by the session. 0 is nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlayerId(pub u32);

impl std::fmt::Display for PlayerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "player {}", self.0)
    }
}

/// What a member may command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Watches.
    Spectator,
    /// Flies ships that are theirs.
    Pilot,
    /// Flies, and changes the world: time factor, spawn, despawn, patch, tuning, interference.
    Operator,
}

/// A change of the membership, effective before the commands of its tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Membership {
    /// A player is a member from this tick, with this role; a member's role is replaced.
    Join {
        /// Who.
        player: PlayerId,
        /// As what.
        role: Role,
    },
    /// A player is no longer a member; the controls of their ships go to neutral.
    Leave {
        /// Who.
        player: PlayerId,
    },
}

/// Most bytes a command may have. Longer ones are refused before they are decoded.
pub const COMMAND_BYTES_MAX: usize = 1024;
/// Most commands in one frame.
pub const FRAME_COMMANDS_MAX: usize = 4096;
/// Most membership entries in one frame.
pub const FRAME_MEMBERSHIP_MAX: usize = 256;

/// One player's or operator's intent for one tick, exactly as sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentCommand {
    /// Who sent it.
    pub player: PlayerId,
    /// An encoded [`crate::Command`], or anything else a network may bring.
    pub bytes: Vec<u8>,
}

/// The inputs of one tick: membership entries, then commands by player id and submission order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFrame {
    /// Changes of the membership, in the order they were agreed.
    pub membership: Vec<Membership>,
    /// Commands; [`InputFrame::push`] keeps them ordered by player.
    pub commands: Vec<SentCommand>,
}

impl InputFrame {
    /// Whether nothing was entered this tick.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.membership.is_empty() && self.commands.is_empty()
    }

    /// Adds a command behind the same player's earlier ones.
    pub fn push(&mut self, player: PlayerId, command: &crate::Command) {
        let at = self.commands.partition_point(|c| c.player <= player);
        self.commands.insert(at, SentCommand { player, bytes: command.encode() });
    }

    /// Which of the rules of frames is broken, if one is. `step` refuses commands, and passes over membership
    /// entries, of such a frame; a recording refuses all of it.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), FrameError> {
        if self.membership.len() > FRAME_MEMBERSHIP_MAX {
            return Err(FrameError::Membership { count: self.membership.len() });
        }
        if self.commands.len() > FRAME_COMMANDS_MAX {
            return Err(FrameError::Commands { count: self.commands.len() });
        }
        if let Some(long) = self.commands.iter().find(|c| c.bytes.len() > COMMAND_BYTES_MAX) {
            return Err(FrameError::CommandBytes { bytes: long.bytes.len() });
        }
        if !self.commands.is_sorted_by_key(|c| c.player) {
            return Err(FrameError::Order);
        }
        Ok(())
    }

    /// Takes out what breaks a rule, and says how much that was: after it [`Self::check`] finds nothing. What is left
    /// is what `step` would have looked at, so the world goes the same way; only the refusals are not counted.
    pub fn make_lawful(&mut self) -> usize {
        let before = self.membership.len() + self.commands.len();
        self.membership.truncate(FRAME_MEMBERSHIP_MAX);
        let mut gate = Gate::default();
        self.commands.retain(|command| gate.admit(command).is_ok());
        before - self.membership.len() - self.commands.len()
    }
}

/// Which rule of input frames is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// More than [`FRAME_MEMBERSHIP_MAX`].
    #[error("{count} membership entries in one frame, {FRAME_MEMBERSHIP_MAX} are allowed")]
    Membership {
        /// How many there are.
        count: usize,
    },
    /// More than [`FRAME_COMMANDS_MAX`].
    #[error("{count} commands in one frame, {FRAME_COMMANDS_MAX} are allowed")]
    Commands {
        /// How many there are.
        count: usize,
    },
    /// More than [`COMMAND_BYTES_MAX`].
    #[error("a command of {bytes} bytes, {COMMAND_BYTES_MAX} are allowed")]
    CommandBytes {
        /// How many it has.
        bytes: usize,
    },
    /// A player's command behind one of a player with a higher number.
    #[error("the commands are not ordered by player")]
    Order,
}

/// Looks at the commands of a frame one after the other, and says of each whether the rules of frames let it stand.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    seen: usize,
    highest: PlayerId,
}

impl Gate {
    /// The next command of the frame.
    pub fn admit(&mut self, command: &SentCommand) -> Result<(), Refusal> {
        self.seen += 1;
        if self.seen > FRAME_COMMANDS_MAX {
            return Err(Refusal::Full);
        }
        if command.bytes.len() > COMMAND_BYTES_MAX {
            return Err(Refusal::TooLong);
        }
        if command.player < self.highest {
            return Err(Refusal::Malformed);
        }
        self.highest = command.player;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The check, the gate that `step` uses, and the cleaning are one rule in three forms.
        #[test]
        fn the_rules_agree(
            players in proptest::collection::vec(0u32..4, 0..12),
            long in proptest::collection::vec(any::<bool>(), 12),
            crowd in any::<bool>(),
            entries in 0usize..300,
        ) {
            let sent = |(player, long): (&u32, &bool)| SentCommand {
                player: PlayerId(*player),
                bytes: vec![1; if *long { COMMAND_BYTES_MAX + 1 } else { 2 }],
            };
            let mut commands: Vec<_> = players.iter().zip(&long).map(sent).collect();
            if crowd {
                commands.extend(vec![SentCommand { player: PlayerId(9), bytes: vec![] }; FRAME_COMMANDS_MAX]);
            }
            let membership = vec![Membership::Leave { player: PlayerId(1) }; entries];
            let frame = InputFrame { membership, commands };
            let mut gate = Gate::default();
            let refused = frame.commands.iter().filter(|c| gate.admit(c).is_err()).count();
            let beyond = entries.saturating_sub(FRAME_MEMBERSHIP_MAX);
            let mut lawful = frame.clone();
            prop_assert_eq!(lawful.make_lawful(), refused + beyond);
            prop_assert_eq!(frame.check().is_ok(), refused + beyond == 0);
            prop_assert_eq!(lawful.check(), Ok(()));
            prop_assert_eq!(lawful.make_lawful(), 0);
        }
    }
}
