//! One simulated machine: its clock, its speed, and the process on it, if one runs. Must never reach another machine.

use ed25519_dalek::SigningKey;

use super::random::Random;
use super::toy::Toy;
use crate::protocol::{Config, PeerKey, Player, Refusal, Time};

/// A machine's monotonic clock against virtual time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// What it shows at virtual time 0, microseconds.
    pub offset_us: u64,
    /// Microseconds that it gains in a second.
    pub ppm: i64,
}

impl Clock {
    /// What it shows.
    #[must_use]
    pub fn local(&self, virtual_us: u64) -> Time {
        let gained = i128::from(virtual_us) * i128::from(self.ppm) / 1_000_000;
        Time((i128::from(self.offset_us) + i128::from(virtual_us) + gained).max(0) as u64)
    }

    /// The virtual time at which it shows at least this, give or take a microsecond or two.
    #[must_use]
    pub fn virtual_us(&self, local: Time) -> u64 {
        let since = u128::from(local.0.saturating_sub(self.offset_us));
        let rate = (1_000_000 + self.ppm).max(1) as u128;
        (since * 1_000_000).div_ceil(rate).min(u128::from(u64::MAX)) as u64
    }
}

/// What a machine's player wants to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// A member.
    Member,
    /// A spectator.
    Spectator,
    /// Nothing any more: it leaves, was voted out, or has never been there.
    Out,
}

/// A machine.
#[derive(Debug)]
pub struct Node<P> {
    /// Its identity.
    pub config: Config,
    /// The public half.
    pub key: PeerKey,
    /// Its clock.
    pub clock: Clock,
    /// The process, if one runs.
    pub peer: Option<P>,
    /// Counts processes.
    pub life: u8,
    /// When the process started, virtual microseconds.
    pub started_us: u64,
    /// The process's world.
    pub world: Toy,
    /// Datagrams that arrived while it was busy.
    pub inbox: Vec<(PeerKey, Vec<u8>)>,
    /// Until when it does nothing else.
    pub busy_us: u64,
    /// When it is looked after next.
    pub wake_us: u64,
    /// What stepping the world costs, microseconds per turn.
    pub step_us: u64,
    /// What its player wants.
    pub want: Want,
    /// Its number, once known.
    pub player: Option<Player>,
    /// While a member: its first operation as one.
    pub active_from: Option<u32>,
    /// Since when it wants to be a member and is none.
    pub joining_since_us: Option<u64>,
    /// Whether the process has a world.
    pub installed: bool,
    /// When and why its wish was refused.
    pub refused: Option<(u64, Refusal)>,
    /// When each operation of this life was submitted.
    pub submitted_us: Vec<u64>,
    /// How many of them are not confirmed.
    pub open_ops: u64,
    /// Number of the epoch, when it was looked after last.
    pub epoch: u32,
    /// Input delay in force, turns.
    pub delay_turns: u32,
    /// When it executed last.
    pub executed_us: u64,
    /// Its core said that it has left: the process ends.
    pub gone: bool,
}

/// What stepping the toy world is said to cost, microseconds per turn.
pub const STEP_US: u64 = 500;

impl<P> Node<P> {
    /// A machine without a process.
    pub fn new(index: usize, random: &mut Random) -> Self {
        let mut secret = [0; 32];
        secret.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&random.bits().to_le_bytes()));
        let identity = SigningKey::from_bytes(&secret);
        let key = PeerKey(identity.verifying_key().to_bytes());
        Self {
            config: Config { identity, address: vec![index as u8] },
            key,
            clock: Clock { offset_us: 0, ppm: 0 },
            peer: None,
            life: 0,
            started_us: 0,
            world: Toy::default(),
            inbox: Vec::new(),
            busy_us: 0,
            wake_us: u64::MAX,
            step_us: STEP_US,
            want: Want::Out,
            player: None,
            active_from: None,
            joining_since_us: None,
            installed: false,
            refused: None,
            submitted_us: Vec::new(),
            open_ops: 0,
            epoch: 0,
            delay_turns: 0,
            executed_us: 0,
            gone: false,
        }
    }

    /// A new process starts.
    pub fn begin(&mut self, now_us: u64, peer: P) {
        self.peer = Some(peer);
        self.life = self.life.saturating_add(1);
        self.started_us = now_us;
        self.world = Toy::default();
        self.inbox.clear();
        self.busy_us = now_us;
        self.wake_us = u64::MAX;
        self.active_from = None;
        self.installed = false;
        self.refused = None;
        self.submitted_us.clear();
        self.open_ops = 0;
        self.epoch = 0;
        self.executed_us = now_us;
        self.gone = false;
    }

    /// The process ends.
    pub fn end(&mut self) -> Option<P> {
        self.active_from = None;
        self.inbox.clear();
        self.peer.take()
    }

    /// Whether a process runs.
    pub fn up(&self) -> bool {
        self.peer.is_some()
    }

    /// Whether it is a member.
    pub fn active(&self) -> bool {
        self.up() && self.active_from.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_runs_wrong_is_read_both_ways() {
        for ppm in [-5000, -1, 0, 300, 5000] {
            let clock = Clock { offset_us: 123_456_789, ppm };
            for virtual_us in [0, 1, 999_999, 86_400_000_000] {
                let back = clock.virtual_us(clock.local(virtual_us));
                assert!(back.abs_diff(virtual_us) <= 2, "{ppm} {virtual_us} {back}");
            }
        }
        assert_eq!(Clock { offset_us: 0, ppm: 0 }.virtual_us(Time(u64::MAX)), u64::MAX);
        assert_eq!(Clock { offset_us: 9, ppm: 0 }.virtual_us(Time(0)), 0);
    }
}
