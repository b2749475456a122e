//! The input log's entries: what happened to the membership and what was commanded in one tick. Commands
//! are kept as the bytes that were sent; what they mean, and whether they are allowed, is settled in `step`.

use serde::{Deserialize, Serialize};

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
    /// Flies, and changes the world: time factor, spawn, despawn, patch, tuning.
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
}
