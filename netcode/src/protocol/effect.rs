//! What the core asks for and tells, in the order in which it is to be done.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::evidence::Proof;
use super::ids::{Hash, PeerKey, Player, Turn};
use super::signed::SignedEntries;

/// A change of the membership, effective before the inputs of its turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A player is a member from this turn on.
    Join {
        /// Who.
        player: Player,
        /// As what.
        role: u8,
    },
    /// A player is none any more.
    Leave {
        /// Who.
        player: Player,
        /// Why.
        why: Departure,
    },
}

/// Why a member is one no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Departure {
    /// It said so.
    Left,
    /// It fell silent and the others went on.
    Silent,
    /// A quorum voted it out.
    Kicked,
    /// It could not keep step, and watches from now on.
    Demoted,
    /// It sent two different entries for one turn.
    Exposed,
    /// The same player came back in a new incarnation.
    Replaced,
    /// It is not of the session that another one has begun alone.
    Forked,
}

/// One entry of the log: what all members did in one turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame<I> {
    /// Which turn.
    pub turn: Turn,
    /// Changes of the membership, in the order they were agreed.
    pub changes: Vec<Change>,
    /// Inputs by player id; one of each member.
    pub inputs: Vec<(Player, I)>,
    /// Chain hash up to and with this frame.
    pub chain: Hash,
}

/// Something to do or to know, in order.
#[derive(Clone, Debug)]
pub enum Effect<I> {
    /// Send a datagram, at most [`super::wire::DATAGRAM_BYTES_MAX`] bytes. It may get lost.
    Send {
        /// To whom.
        to: PeerKey,
        /// What.
        bytes: Vec<u8>,
    },
    /// Keep a link to this peer from now on.
    Connect {
        /// To whom.
        to: PeerKey,
        /// As its transport wrote it; may be empty.
        address: Vec<u8>,
    },
    /// No link to this peer is needed any more.
    Disconnect {
        /// To whom.
        to: PeerKey,
    },
    /// Step the world with this frame, then answer with [`super::Core::executed`].
    Execute(Arc<Frame<I>>),
    /// Undo every executed turn after this one (`None`: back to the state before turn 0).
    RollBack {
        /// Last turn that stays, if any.
        to: Option<Turn>,
    },
    /// Everything up to here is final: it can be recorded and shown.
    Confirm {
        /// Last confirmed turn.
        turn: Turn,
        /// Its chain hash.
        chain: Hash,
    },
    /// The exact state after this executed turn is wanted; answer with [`super::Core::snapshot`].
    SnapshotWanted {
        /// After which turn.
        turn: Turn,
    },
    /// Replace the world: build it from the scenario, or load the snapshot where there is one.
    Install {
        /// Last turn that the state contains; `None`: the state before turn 0.
        turn: Option<Turn>,
        /// The scenario, as in [`super::Genesis::scenario`].
        scenario: Arc<Vec<u8>>,
        /// The exact state; empty: the scenario's first.
        snapshot: Arc<Vec<u8>>,
    },
    /// Compare the world's state after `turn` with another peer's, and keep both for a report.
    Compare {
        /// Whose.
        with: Player,
        /// After which turn.
        turn: Turn,
        /// The other's exact state.
        snapshot: Arc<Vec<u8>>,
    },
    /// Something happened that people or programs may want to know.
    Event(Event),
}

/// Something to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// This peer is a member from this turn on.
    Active {
        /// Its number.
        player: Player,
        /// First turn with an entry of it.
        from: Turn,
    },
    /// This peer, which wants to come in, has come so far.
    Coming(Coming),
    /// The membership changed at this turn.
    Changed {
        /// The change.
        change: Change,
        /// Effective from.
        turn: Turn,
    },
    /// A member votes to remove another one for good. It may still be rolled back.
    Voted {
        /// Who.
        by: Player,
        /// Whom.
        about: Player,
    },
    /// This peer is not a member any more and follows as a spectator, or comes back by itself.
    Removed {
        /// Why.
        why: Departure,
    },
    /// This peer's wish to join was refused.
    Refused(Refusal),
    /// The log waits for these members.
    Waiting {
        /// For whom.
        players: Vec<Player>,
    },
    /// No quorum can be reached: the session stands still here.
    Paused,
    /// The log moves again.
    Resumed {
        /// How long it stood still, in milliseconds.
        after_ms: u64,
    },
    /// Input delay in force from this turn on.
    Delay {
        /// In turns.
        turns: u32,
        /// From when.
        turn: Turn,
    },
    /// A member was proved to have sent two different entries for one turn.
    Exposed {
        /// The proof, for anyone to check.
        proof: Box<Proof>,
    },
    /// States differ after a confirmed turn, although the logs agree.
    Desync {
        /// First turn whose digests differ, as far as digests are kept.
        turn: Turn,
        /// Whether this peer is in the minority, and takes the others' state.
        ours_is_wrong: bool,
        /// Digest of every member that told one, by player.
        digests: Vec<(Player, u64)>,
    },
    /// States differ and no majority agrees: the session stops here.
    Stopped {
        /// After which turn.
        turn: Turn,
    },
    /// What a member entered in these confirmed turns, with its signature; only after [`super::Core::tell_signed`].
    Signed(Box<SignedEntries>),
    /// A leave that was asked for is complete: the peer can go.
    Gone,
}

/// How far a peer has come that wants to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coming {
    /// The world's state is on its way.
    Loading {
        /// After which turn.
        turn: Turn,
        /// How much there is to load, packed, in bytes.
        bytes: u64,
    },
    /// It is here, and signed by a quorum; the turns since then are made up for.
    Installed {
        /// After which turn.
        turn: Turn,
    },
    /// It has told its sponsor that it keeps step: the next thing is [`Event::Active`].
    Ready {
        /// How many turns were made up for.
        turns: u64,
    },
}

/// Why a wish to join is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Nobody invited this key.
    #[error("this key is not invited to the session")]
    NotInvited,
    /// A one-time invite was used before.
    #[error("the one-time invite was used before")]
    InviteSpent,
    /// The invite's time is over.
    #[error("the invite has expired")]
    InviteExpired,
    /// There are as many members as the rules allow.
    #[error("the session is full")]
    Full,
    /// The session removed this player for good.
    #[error("this player was removed from the session")]
    Banned,
    /// The world costs more than half of real time on the machine that wants to join.
    #[error("this machine is too slow: stepping the world takes more than half of real time")]
    TooSlow,
    /// The session cannot serve a snapshot now.
    #[error("the session cannot serve a newcomer at present")]
    Busy,
    /// Results of the simulation differ between the two builds.
    #[error("the simulation revisions differ: {theirs} there, {ours} here")]
    Revision {
        /// Of the session.
        theirs: u64,
        /// Of this build.
        ours: u64,
    },
    /// The snapshot did not hash to what a quorum signed.
    #[error("the snapshot is not what the session's members signed")]
    BadSnapshot,
}
