//! What a session is: the rules that all its peers share, and what one peer brings along.

use serde::{Deserialize, Serialize};

use super::ids::{Hash, PeerKey, Player, SessionId};

/// Version of the protocol on the wire. Peers of different versions refuse each other in the handshake.
pub const PROTOCOL_VERSION: u32 = 4;

/// Most members a session can have.
pub const MEMBERS_MAX: usize = 64;

/// The rules of a session, the same for all of its peers and part of its genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Which session.
    pub session: SessionId,
    /// Ticks per second.
    pub tick_rate_hz: u32,
    /// Ticks that share one exchange of inputs.
    pub ticks_per_turn: u32,
    /// Turns between the entry that settles a change of membership and the turn it takes effect at.
    pub window_turns: u32,
    /// Input delay at the start, in turns. Who is alone has none.
    pub delay_turns: u32,
    /// Least input delay that may be wished for.
    pub delay_turns_min: u32,
    /// Greatest input delay that may be wished for.
    pub delay_turns_max: u32,
    /// How long the log may wait for a member before it is removed, in milliseconds.
    pub silence_ms_max: u32,
    /// Turns between signed heads of the author chains.
    pub head_turns: u32,
    /// Turns between digests that peers compare.
    pub digest_turns: u32,
    /// Most members at a time, at most [`MEMBERS_MAX`].
    pub members_max: u32,
    /// Number that changes when the same inputs give other results.
    pub simulation_revision: u64,
}

impl Rules {
    /// Rules for a rate and a number of ticks per turn, with everything else as usual: window 0.7 s, input delay
    /// of about 67 ms at first and up to 0.5 s, silence of 1.5 s, a signed head each second, a digest each turn.
    #[must_use]
    pub fn usual(session: SessionId, tick_rate_hz: u32, ticks_per_turn: u32) -> Self {
        let turns = |ms: u64| {
            let per_second = u64::from(tick_rate_hz) * 1000;
            (ms * per_second).div_ceil(1_000_000 * u64::from(ticks_per_turn.max(1))).max(1) as u32
        };
        Self {
            session,
            tick_rate_hz,
            ticks_per_turn,
            window_turns: turns(700),
            delay_turns: turns(67),
            delay_turns_min: 1,
            delay_turns_max: turns(500),
            silence_ms_max: 1500,
            head_turns: turns(1000),
            digest_turns: 1,
            members_max: 16,
            simulation_revision: 0,
        }
    }

    /// Length of a turn, in microseconds.
    #[must_use]
    pub fn turn_us(&self) -> u64 {
        (u64::from(self.ticks_per_turn) * 1_000_000 / u64::from(self.tick_rate_hz.max(1))).max(1)
    }
}

/// A member of the first epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Founder {
    /// Number in the session.
    pub player: Player,
    /// Identity.
    pub key: PeerKey,
    /// What it may do; the world knows what the number means.
    pub role: u8,
    /// How others reach it, as its transport writes it; may be empty.
    pub address: Vec<u8>,
}

/// How a session began. Its hash starts the chain hash, so that sessions cannot be confused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// The rules.
    pub rules: Rules,
    /// Members of epoch 0, by player id.
    pub founders: Vec<Founder>,
    /// Players known from an earlier session, who get their number back when they join: for sessions that are resumed.
    pub known: Vec<(PeerKey, Player)>,
    /// The scenario, as the world reads it.
    pub scenario: Vec<u8>,
    /// Hash of the world at turn 0, where it is not simply the scenario's first state.
    pub start: Option<Hash>,
}

/// What one peer brings along.
#[derive(Clone, Debug)]
pub struct Config {
    /// The signing key: the peer's identity.
    pub identity: ed25519_dalek::SigningKey,
    /// How others can reach this peer, as its transport writes it; empty if only by the links that exist.
    pub address: Vec<u8>,
}
