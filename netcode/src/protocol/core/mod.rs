//! The core as its driver sees it: what it holds, and the calls that go in. The work is done in the submodules, one
//! concern each; `poll` runs them in order.

mod access;
mod cutting;
mod demotion;
mod digests;
mod divergence;
mod following;
mod heads;
mod newcomers;
mod receive;
mod seats;
mod send;
mod signed;
mod sponsors;
mod states;
mod status;
mod turns;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::config::{Config, Genesis};
use super::cut::{Cut, Instance};
use super::delay::DelayWish;
use super::effect::{Change, Effect, Event, Frame};
use super::entry::Proposal;
use super::evidence::Proof;
use super::ids::{Hash, PeerKey, Player, SessionId, Time, Turn};
use super::input::Input;
use super::keeping::Keeping;
use super::ledger::{Ledger, Life};
use super::link::Link;
use super::pace::Pace;
use super::roster::Roster;
use super::wire::Message;

pub use access::{AccessVersion, KnownPeer};
use demotion::Demotions;
use digests::Digests;
use divergence::Divergence;
use following::Following;
pub use newcomers::Admission;
use newcomers::Newcomers;
use seats::Seats;
use status::Counters;
pub use status::{LinkStatus, Status};

/// How long a peer that leaves waits for a log that stands still, microseconds.
const LEAVING_US: u64 = 5_000_000;

/// How a peer wants to come in.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Whom to ask: a member that a link exists to.
    pub sponsor: PeerKey,
    /// Only to watch.
    pub spectator: bool,
    /// A number drawn at random at start, so that a restarted process is told from a repeated request.
    pub life: u64,
    /// [`super::Rules::simulation_revision`] of this build.
    pub simulation_revision: u64,
}

/// An executed turn.
#[derive(Clone, Debug)]
struct Record {
    turn: Turn,
    /// Chain hash before it.
    before: Hash,
    /// Membership in force during it.
    during: Arc<Roster>,
    /// The same with what the turn has settled.
    after: Arc<Roster>,
    /// Digest after it, once the world has told.
    digest: Option<u64>,
}

/// What is settled before the next turn, and what is in force in it.
#[derive(Clone, Debug)]
struct Front {
    /// First turn that is not executed.
    next: Turn,
    /// Chain hash before it.
    chain: Hash,
    /// Membership that the log up to there has settled.
    settled: Arc<Roster>,
    /// Membership in force in `next`.
    roster: Arc<Roster>,
    /// What changes with `next`.
    changes: Vec<Change>,
}

/// The session as far as it is known here: nothing before a snapshot has come.
#[derive(Debug)]
struct Session<I: Input> {
    genesis: Arc<Genesis>,
    /// Membership that was settled before the oldest record.
    base: Arc<Roster>,
    front: Front,
    /// The members in force in the next turn, by key.
    seats: Seats,
    /// Executed turns, the last one before `front.next`; the confirmed ones among them are kept for a while.
    records: VecDeque<Record>,
    /// First turn that is not confirmed.
    confirmed: Turn,
    /// How many members at least have yet to acknowledge that turn, when they were counted last, less those that have.
    lacking: usize,
    /// Up to where it was when old turns were forgotten last.
    pruned: Turn,
    ledger: Ledger<I>,
    /// Frames as executed and not yet old.
    frames: VecDeque<Arc<Frame<I>>>,
    /// Decided cuts by epoch.
    cuts: BTreeMap<u32, Cut>,
    instance: Option<Instance>,
    pace: Pace,
    delay: DelayWish,
    digests: Digests,
    divergence: Divergence,
    convicted: BTreeMap<Player, Proof>,
    /// Since when the log waits, if it does.
    waiting: Option<Waiting>,
    /// See [`Session::acknowledging`].
    acknowledges: Option<u32>,
}

/// A stand-still.
#[derive(Clone, Debug)]
struct Waiting {
    /// Since when nothing has moved.
    began: Time,
    /// Since when it waits in this epoch: a cut begins the count anew.
    since: Time,
    players: Vec<Player>,
    told: bool,
    paused: bool,
}

/// The lockstep protocol of one peer.
pub struct Core<I: Input> {
    config: Config,
    key: PeerKey,
    life: u64,
    session: Option<Session<I>>,
    following: Option<Following>,
    newcomers: Newcomers,
    links: BTreeMap<PeerKey, Link>,
    keeping: Keeping,
    demotions: Demotions,
    /// Submitted, not yet entered.
    inputs: VecDeque<I>,
    proposals: Vec<Proposal>,
    effects: Vec<Effect<I>>,
    counters: Counters,
    /// First turn of each life that was not told with a signature; none where nobody wants to know.
    signed: Option<BTreeMap<Life, Turn>>,
    /// Something new is there to be sent to everybody.
    fresh: bool,
    /// Messages that are said more than once, as nobody answers them: when next, how often, to whom.
    repeated: Vec<(Time, u32, PeerKey, Message)>,
    leaving: Option<Time>,
    /// When the log moved last: something was executed or confirmed.
    moved: Time,
    /// The turn at which this peer ceased to be a member, last time it did.
    left_at: Option<Turn>,
    stopped: bool,
    polled: Time,
    /// Something came that may need more than an acknowledgement to be taken.
    stirred: bool,
    /// An acknowledgement was taken.
    acknowledged: bool,
    /// When everything is looked at again at the latest.
    look_at: Time,
}

impl<I: Input> Core<I> {
    /// A founding member of a session. `start`: the world at turn 0 where it is not the scenario's first state.
    #[must_use]
    pub fn found(now: Time, config: Config, genesis: Arc<Genesis>, start: Option<Arc<Vec<u8>>>) -> Self {
        let mut core = Self::empty(config, 0);
        let roster = Arc::new(Roster::new(&genesis));
        let chain = start_chain(&genesis);
        let (scenario, snapshot) = (Arc::new(genesis.scenario.clone()), start.unwrap_or_default());
        core.effects.push(Effect::Install { turn: None, scenario, snapshot });
        for member in roster.members.iter().filter(|m| m.key != core.key) {
            core.links.insert(member.key, Link::new(now));
            core.effects.push(Effect::Connect { to: member.key, address: Vec::new() });
        }
        core.session = Some(Session::new(now, genesis, Turn(0), chain, roster));
        core.become_active(now);
        core
    }

    /// A peer that wants to come into a running session.
    #[must_use]
    pub fn join(now: Time, config: Config, wish: Wish) -> Self {
        let mut core = Self::empty(config, wish.life);
        core.links.insert(wish.sponsor, Link::new(now));
        core.following = Some(Following::new(now, wish));
        core
    }

    fn empty(config: Config, life: u64) -> Self {
        Self {
            key: PeerKey(config.identity.verifying_key().to_bytes()),
            config,
            life,
            session: None,
            following: None,
            newcomers: Newcomers::default(),
            links: BTreeMap::new(),
            keeping: Keeping::default(),
            demotions: Demotions::default(),
            inputs: VecDeque::new(),
            proposals: Vec::new(),
            effects: Vec::new(),
            counters: Counters::default(),
            signed: None,
            fresh: false,
            repeated: Vec::new(),
            leaving: None,
            moved: Time(0),
            left_at: None,
            stopped: false,
            polled: Time(0),
            stirred: true,
            acknowledged: false,
            look_at: Time(0),
        }
    }

    /// The transport has a link to this peer now: what was said in vain is said again at once.
    pub fn connected(&mut self, now: Time, key: PeerKey) {
        self.stirred = true;
        if let Some(link) = self.links.get_mut(&key) {
            link.send_at = now;
        }
        if let Some(following) = self.following.as_mut().filter(|following| *following.sponsor() == key) {
            following.ask_again();
        }
    }

    /// Takes an input for the next turn that is entered; more than one are merged.
    pub fn submit(&mut self, _now: Time, input: I) {
        self.inputs.push_back(input);
    }

    /// Does what is due and appends what is to be done, in order.
    pub fn poll(&mut self, now: Time, effects: &mut Vec<Effect<I>>) {
        self.polled = now;
        if self.acknowledged && self.is_quiet(now) {
            self.confirm_acknowledged(now);
        }
        if !self.is_quiet(now) {
            self.look_at_everything(now);
        }
        effects.append(&mut self.effects);
    }

    /// Whether acknowledgements are all that there is to do now: the log moves, and nobody wants anything else. Most
    /// datagrams come between two turns, when it is so.
    fn is_quiet(&self, now: Time) -> bool {
        let calm = |s: &Session<I>| {
            let moves = s.waiting.is_none() && s.pace.due(now) < s.front.next;
            moves
                && s.instance.is_none()
                && s.digests.desync.is_none()
                && s.convicted.is_empty()
                && s.divergence.is_calm()
        };
        now < self.look_at
            && !self.stirred
            && self.following.is_none()
            && self.leaving.is_none()
            && self.repeated.is_empty()
            && self.newcomers.is_idle()
            && self.session.as_ref().is_some_and(calm)
    }

    fn look_at_everything(&mut self, now: Time) {
        if !self.stopped {
            self.watch_step(now);
            self.follow(now);
            self.advance(now);
            self.cut(now);
            self.resolve_divergence(now);
            self.compare_digests(now);
            self.serve_newcomers(now);
            self.finish_leaving(now);
        }
        self.repeat(now);
        self.send(now);
        self.stirred = false;
        self.look_at = self.rest_wakes_at(now);
    }

    /// When to poll next at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Time {
        let now = self.polled;
        let turn = self.session.as_ref().map_or(Time(u64::MAX), |s| s.pace.next_turn_at(now));
        turn.min(self.look_at).max(now)
    }

    /// When anything but the next turn is due.
    fn rest_wakes_at(&self, now: Time) -> Time {
        let transfers =
            self.newcomers.wake_at().min(self.following.as_ref().map_or(Time(u64::MAX), Following::wake_at));
        let links = self.links.values().map(|link| link.send_at).min().unwrap_or(Time(u64::MAX));
        // Time-outs need no exact time.
        let states = self.session.as_ref().map_or(Time(u64::MAX), |s| s.digests.wake_at());
        transfers.min(states).min(links).min(now.plus(20_000)).max(now)
    }

    /// Asks to leave in good order; [`super::Event::Gone`] says when it is done.
    pub fn leave(&mut self, now: Time) {
        self.stirred = true;
        if self.leaving.is_none() {
            self.leaving = Some(now);
            self.proposals.push(Proposal::Leave);
        }
    }

    /// Votes to remove a player for good.
    pub fn kick(&mut self, player: Player) {
        self.stirred = true;
        let vote = Proposal::Kick { player };
        if !self.proposals.contains(&vote) {
            self.proposals.push(vote);
        }
    }

    /// A person's decision after [`super::Event::Paused`]: a new session from the last confirmed turn, with this peer as
    /// its only member. What is to be done for that comes first, and leaves the world as it was confirmed. `None`, and
    /// nothing has changed, while no session is known or this key never was a player of it.
    pub fn fork(&mut self, now: Time, session: SessionId) -> Option<Vec<Effect<I>>> {
        self.stirred = true;
        let old = self.session.as_mut()?;
        let me = old.front.settled.player_of(&self.key)?;
        let mut effects = std::mem::take(&mut self.effects);
        let confirmed = old.confirmed;
        if old.front.next > confirmed {
            old.roll_back(now, confirmed, &mut effects);
            self.counters.roll_backs += 1;
        }
        let mut genesis = (*old.genesis).clone();
        genesis.rules.session = session;
        self.life = self.life.wrapping_add(1);
        let roster = Arc::new(old.front.settled.forked(me, self.life, confirmed));
        let chain = super::entry::chain_entry(&start_chain(&genesis), confirmed, &old.front.chain.0);
        effects.extend(self.links.keys().map(|to| Effect::Disconnect { to: *to }));
        self.session = Some(Session::new(now, Arc::new(genesis), confirmed, chain, roster));
        self.links.clear();
        self.newcomers = Newcomers::default();
        (self.following, self.leaving, self.left_at, self.stopped) = (None, None, None, false);
        self.keeping.forget();
        self.demotions = Demotions::default();
        self.proposals.clear();
        self.repeated.clear();
        Some(effects)
    }

    fn finish_leaving(&mut self, now: Time) {
        let Some(since) = self.leaving else { return };
        // As long as the log moves, it is only a matter of time.
        let stands = now.since(since.max(self.moved)) > LEAVING_US;
        let gone = match &self.session {
            None => true,
            Some(session) => {
                let member = session.front.roster.member_by_key(&self.key);
                let alone = session.front.roster.members.len() == 1;
                // Later epochs are none of this peer's business: it may be that nobody is left to confirm them.
                let settled = self.left_at.filter(|_| member.is_none()).unwrap_or(session.front.roster.first);
                // Others may need our acknowledgement to confirm our last turn.
                let heard = |link: &Link| link.confirmed >= settled || now.since(link.heard) > 4_000_000;
                match member {
                    Some(_) => (alone && self.links.values().all(heard)) || stands,
                    None => (session.confirmed >= settled && self.links.values().all(heard)) || stands,
                }
            }
        };
        if gone {
            self.sign_last_head();
            self.note_signed();
            self.effects.push(Effect::Event(Event::Gone));
            // With what was executed here: others may have this peer's word left to wait for.
            self.links.values_mut().for_each(|link| link.send_at = now);
            let all: Vec<PeerKey> = self.links.keys().copied().collect();
            all.into_iter().for_each(|key| self.post_repeatedly(now, key, Message::Farewell));
            self.leaving = None;
            self.stopped = true;
        }
    }
}

/// The chain hash before turn 0: the hash of the genesis.
fn start_chain(genesis: &Genesis) -> Hash {
    // Plain structs of integers and vectors always encode.
    Hash(blake3::hash(&postcard::to_stdvec(genesis).unwrap_or_default()).into())
}
