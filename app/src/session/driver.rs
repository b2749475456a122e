//! Runs one peer of a session: the core, its replica of the world, and what goes on beside: recordings, desync bundles,
//! presentation ahead. Must never send by itself: the caller's [`Link`] does. Not made for two threads; step it inside
//! the rayon pool that the simulation is to use.

use std::path::{Path, PathBuf};

use netcode::Core;
use netcode::protocol::{Event, PeerKey, SessionId, Status, Time};
use netcode::replica::{Replica, ReplicaError};
use sim::Simulation;

use super::input::SessionInput;
use super::ledger::Ledger;
use super::recorder;
use super::side::{Cost, Foreseen, Side};
use super::world::SimWorld;
use crate::record;

/// How datagrams leave; a transport is one.
pub trait Link {
    /// Sends a datagram; it may get lost.
    fn send(&mut self, to: PeerKey, bytes: Vec<u8>);
    /// Keeps a link to this peer.
    fn connect(&mut self, to: PeerKey, address: Vec<u8>);
    /// Gives up the link to this peer.
    fn disconnect(&mut self, to: PeerKey);
}

/// What is done beside the session.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to record what is confirmed. A peer that has to take the world anew goes on in a file of its own, with
    /// `-2`, `-3`, ... before the ending.
    pub record: Option<PathBuf>,
    /// How to record.
    pub recording: record::Options,
    /// Below which folder desync bundles are written; nowhere if not given.
    pub bundles: Option<PathBuf>,
    /// Whether somebody looks on: presentation runs ahead, and what happens in the world is kept for
    /// [`Driver::take_happened`].
    pub shown: bool,
}

/// One peer of a session.
pub struct Driver<L: Link> {
    core: Core<SessionInput>,
    replica: Replica<SimWorld>,
    side: Side<L>,
}

/// What is confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tick of the state that this peer began with.
    pub first_tick: u64,
    /// Tick of the last confirmed state.
    pub tick: u64,
    /// Its digest.
    pub digest: u64,
}

/// How a driver ended.
#[derive(Debug, Default)]
pub struct Ending {
    /// Recordings that were written, the last one last.
    pub recordings: Vec<PathBuf>,
    /// What went wrong with the recordings, one sentence each.
    pub failures: Vec<String>,
    /// Desync bundles that were written.
    pub bundles: Vec<PathBuf>,
}

impl<L: Link> Driver<L> {
    /// A peer with this core.
    #[must_use]
    pub fn new(mut core: Core<SessionInput>, link: L, options: Options) -> Self {
        if options.record.is_some() {
            core.tell_signed();
        }
        Self { core, replica: Replica::new(SimWorld::empty()), side: Side::new(link, options) }
    }

    /// The same, with the log going somewhere else too.
    #[must_use]
    pub fn with_ledger(mut self, ledger: Box<dyn Ledger>) -> Self {
        self.side.ledgers.push(ledger);
        self
    }

    /// Tells where the log goes who is who.
    pub fn tell_known(&mut self) {
        let known = self.core.known_peers();
        self.side.ledgers().for_each(|ledger| ledger.known(&known));
    }

    /// The core, for what needs no driver: `handle`, `admit`, `leave`, `kick`, `fork`, `wake_at`.
    pub fn core(&mut self) -> &mut Core<SessionInput> {
        &mut self.core
    }

    /// The transport.
    pub fn link(&mut self) -> &mut L {
        &mut self.side.link
    }

    /// The core and the transport, for what needs both.
    pub fn parts(&mut self) -> (&mut Core<SessionInput>, &mut L) {
        (&mut self.core, &mut self.side.link)
    }

    /// Enters an input for the next turn that is open.
    pub fn submit(&mut self, now: Time, input: SessionInput) {
        if let Some(speculation) = &mut self.side.speculation {
            // The turn that the core will most likely enter it for; if not, what is shown is off until it is executed.
            speculation.submit(self.core.status().entered, input.clone());
        }
        self.core.submit(now, input);
    }

    /// Does all that is due. Call it after every datagram and at `wake_at`.
    ///
    /// # Errors
    /// [`ReplicaError`]: this peer cannot go on and has to join again.
    pub fn drive(&mut self, now: Time) -> Result<(), ReplicaError> {
        let result = self.replica.drive(now, &mut self.core, &mut self.side);
        let player = self.core.status().player;
        if self.side.player != player {
            self.side.player = player;
            self.side.speculation = None;
        }
        self.side.write_bundles();
        self.side.give_states(&self.replica);
        result
    }

    /// After an error of [`Self::drive`]: forgets the world and comes back with the others' state, in a new life. `false`
    /// where nobody else is there to take it from.
    pub fn start_over(&mut self, now: Time) -> bool {
        let others = self.core.start_over(now);
        if others {
            self.replica = Replica::new(SimWorld::empty());
            self.side.lose_world();
        }
        others
    }

    /// Goes on alone in a new session, from the last confirmed state, and with a recording of its own that says what it
    /// goes on from. Gives the tick of that state; `None`, and nothing has changed, for who never was a player.
    ///
    /// # Errors
    /// [`ReplicaError`]: this peer cannot go on.
    pub fn fork(&mut self, now: Time, session: SessionId) -> Result<Option<u64>, ReplicaError> {
        let Some(effects) = self.core.fork(now, session) else { return Ok(None) };
        for effect in effects {
            self.replica.apply(effect, &mut self.side)?;
        }
        self.side.speculation = None;
        let world = self.replica.world();
        self.side.fork_log(self.replica.executed(), world);
        Ok(Some(world.simulation().tick().0))
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.side.events)
    }

    /// The world as it was executed, perhaps not confirmed.
    #[must_use]
    pub fn simulation(&self) -> &Simulation {
        self.replica.world().simulation()
    }

    /// The tick that the world is held at, as it is confirmed, if an order or a breakpoint holds it.
    #[must_use]
    pub fn held(&self) -> Option<u64> {
        self.side.held
    }

    /// The replica of the world.
    #[must_use]
    pub fn replica(&self) -> &Replica<SimWorld> {
        &self.replica
    }

    /// Where the session stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.core.status()
    }

    /// The world as it was executed, and the surroundings of the own ship as of the turn that inputs are entered for now:
    /// what a pilot should see. The latter not for who has no ship, or where nobody looks on.
    pub fn views(&mut self) -> (&Simulation, Option<Foreseen<'_>>) {
        let to = self.core.status().entered;
        let ahead = self.side.ahead(&self.replica, to);
        (self.replica.world().simulation(), ahead)
    }

    /// The digest of [`Self::simulation`], where it was executed here and not put back since.
    #[must_use]
    pub fn digest(&self) -> Option<u64> {
        self.side.digest
    }

    /// What happened in the world and is confirmed since the last call, with its ticks; nothing where nobody looks on.
    pub fn take_happened(&mut self) -> Vec<(u64, sim::Event)> {
        std::mem::take(&mut self.side.happened)
    }

    /// Whether there is a world to look at: not before the first state came, nor after [`Self::start_over`] until the next.
    #[must_use]
    pub fn has_world(&self) -> bool {
        self.side.has_world
    }

    /// What is confirmed since the world was installed last; nothing before.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.side.progress
    }

    /// The same, as far as others may be told.
    #[must_use]
    pub fn told(&self) -> Option<Progress> {
        let reached = self.side.progress?;
        Some(self.side.ledgers.iter().fold(reached, |told, ledger| ledger.told(told)))
    }

    /// What the last turns have cost to step and keep; in no order, and not all of a long session.
    pub fn costs_us(&self) -> impl Iterator<Item = Cost> {
        self.side.costs_us.iter().copied()
    }

    /// Where the recording that is written now goes.
    #[must_use]
    pub fn recording_path(&self) -> Option<&Path> {
        self.side.file.path().map(PathBuf::as_path)
    }

    /// How the recording is doing, if there is one now.
    #[must_use]
    pub fn recording(&self) -> Option<recorder::Status> {
        self.side.file.status()
    }

    /// Why there is no recording any more, or none of all, although there should be one.
    #[must_use]
    pub fn recording_failure(&self) -> Option<String> {
        self.side.file.failure()
    }

    /// Ends everything in good order: the recording gets a last keyframe, bundles are waited for.
    #[must_use]
    pub fn finish(mut self) -> (L, Ending) {
        self.side.end_log(Some(&self.replica));
        self.side.finish()
    }
}
