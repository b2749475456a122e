//! One run: machines, network and checker, moved on from one happening to the next. Must never let a peer see anything
//! but what a driver would give it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::check::Checker;
use super::network::Network;
use super::node::{Node, STEP_US, Want};
use super::peer::Peer;
use super::plan::{Fault, NODES_MAX, Plan};
use super::queue::Queue;
use super::random::{Fold, Random};
use super::report::{Failure, Outcome, Tally};
use super::toy::Toy;
use super::truth::{Verdict, is_quorum};
use crate::protocol::{Admission, Founder, Genesis, PeerKey, Player, Rules, SessionId, Wish};

/// A driver polls at least so often, microseconds.
const POLL_US_MAX: u64 = 4000;
/// However much in a hurry a core is, it is polled no more often than this, microseconds.
const POLL_US_MIN: u64 = 100;
/// Datagrams that a socket holds for a busy process.
const INBOX_MAX: usize = 512;
/// Time between two looks at what machines need from outside, microseconds.
const NURSE_US: u64 = 250_000;
/// A process that has got no world in this time is started anew with another sponsor, microseconds.
const JOIN_US_MAX: u64 = 4_000_000;
/// Entries of so long a time may be held, microseconds, and of so many turns that are not executed.
const ENTRIES_US_MAX: u64 = 40_000_000;
const ENTRIES_AHEAD_MAX: u64 = 1024;
/// Lines of the trace that are kept.
const TRACE_LINES: usize = 400;
/// Operations that a player makes at most before it waits for some to be confirmed.
const OPEN_OPS_MAX: u64 = 300;
/// What a newcomer may do; the toy world does not care.
const ROLE: u8 = 1;

/// What can happen.
#[derive(Debug)]
pub enum Happening {
    /// A datagram arrives at a machine, for the process that ran when it was sent.
    Arrive {
        /// Where.
        to: usize,
        /// For which process.
        life: u8,
        /// From whom.
        from: PeerKey,
        /// What.
        bytes: Vec<u8>,
    },
    /// A process is looked after: what came is handled, and it is polled.
    Wake(usize),
    /// A founder starts.
    Found(usize),
    /// A player makes an input.
    Submit(usize, u8),
    /// The next trouble.
    Trouble,
    /// Trouble of the network ends.
    Ease(u64),
    /// A machine is as fast as before.
    Recover(usize),
    /// A process joins at a machine where none runs.
    Join(usize),
    /// What machines need from outside is looked after.
    Nurse,
    /// All trouble ends.
    Heal,
    /// By now the session has to go on.
    Expect,
}

/// A run.
pub struct Simulation<'a, P> {
    pub(super) plan: &'a Plan,
    pub(super) seed: u64,
    pub(super) rules: Rules,
    pub(super) genesis: Arc<Genesis>,
    pub(super) now_us: u64,
    pub(super) queue: Queue<Happening>,
    pub(super) network: Network,
    pub(super) nodes: Vec<Node<P>>,
    pub(super) by_key: BTreeMap<PeerKey, usize>,
    pub(super) checker: Checker,
    pub(super) tally: Tally,
    pub(super) hash: Fold,
    pub(super) random: Random,
    pub(super) trace: VecDeque<String>,
    pub(super) healed: bool,
    /// Turns confirmed when the session had to have recovered.
    pub(super) expected: Option<u64>,
    /// A datagram that was sent, for strangers to bend.
    pub(super) sample: Vec<u8>,
}

impl<'a, P: Peer> Simulation<'a, P> {
    /// A run of a plan for one seed.
    pub fn new(plan: &'a Plan, seed: u64) -> Self {
        let mut random = Random::new(seed, 1);
        let newcomers = if plan.has(Fault::Join) || plan.has(Fault::Spectate) { 3 } else { 0 };
        let count = (plan.peers + newcomers).min(NODES_MAX);
        let mut session = [0; 16];
        session[..8].copy_from_slice(&random.bits().to_le_bytes());
        let rules = plan.rules(SessionId(session));
        let mut nodes: Vec<Node<P>> = (0..count).map(|index| Node::new(index, &mut random)).collect();
        for node in &mut nodes {
            node.clock.offset_us = random.below(1 << 40);
            node.delay_turns = rules.delay_turns;
            if plan.has(Fault::Skew) {
                let most = if random.chance(0.1) { 5000 } else { 300 };
                node.clock.ppm = random.between(0, 2 * most) as i64 - most as i64;
            }
        }
        let founder = |(i, node): (usize, &Node<P>)| Founder {
            player: Player(i as u32 + 1),
            key: node.key,
            role: ROLE,
            address: node.config.address.clone(),
        };
        let founders: Vec<Founder> = nodes.iter().take(plan.peers).enumerate().map(founder).collect();
        let players: Vec<Player> = founders.iter().map(|founder| founder.player).collect();
        let open_turns_max = u64::from(rules.delay_turns_max) * 3 + u64::from(rules.window_turns) * 2 + 8;
        let genesis = Genesis {
            rules: rules.clone(),
            founders,
            known: Vec::new(),
            scenario: Toy::scenario(plan.world_bytes),
            start: None,
        };
        Self {
            plan,
            seed,
            genesis: Arc::new(genesis),
            now_us: 0,
            queue: Queue::new(),
            network: Network::new(plan, count, Random::new(seed, 2)),
            by_key: nodes.iter().enumerate().map(|(i, node)| (node.key, i)).collect(),
            nodes,
            checker: Checker::new(&players, count, open_turns_max),
            tally: Tally::default(),
            hash: Fold::default(),
            random,
            trace: VecDeque::new(),
            healed: false,
            expected: None,
            sample: vec![0; 40],
            rules,
        }
    }

    /// Runs to the end, or to the first broken rule.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        let troubled = !self.plan.faults.is_empty();
        for index in 0..self.plan.peers {
            let late_us = if troubled { self.random.below(100_000) } else { 0 };
            self.queue.push(late_us, Happening::Found(index));
        }
        if troubled {
            self.queue.push(500_000, Happening::Trouble);
        }
        self.queue.push(NURSE_US, Happening::Nurse);
        let (healed_us, end_us) = (self.plan.healed_us(), self.plan.end_us());
        self.queue.push(healed_us, Happening::Heal);
        self.queue.push(healed_us + (end_us - healed_us) * 6 / 10, Happening::Expect);
        let mut verdict = Ok(());
        while let Some((at_us, what)) = self.queue.pop() {
            if at_us > end_us || verdict.is_err() {
                break;
            }
            self.now_us = at_us;
            verdict = self.happen(what);
        }
        for index in 0..self.nodes.len() {
            self.count_stalls(index);
        }
        let verdict = verdict.and_then(|()| self.conclude());
        self.note_ends();
        self.tally.virtual_us = self.now_us;
        self.tally.turns = self.checker.truth.turns();
        self.tally.epochs = self.checker.truth.epochs();
        let trace: Vec<String> = self.trace.into();
        let failure = verdict.err().map(|what| Failure {
            seed: self.seed,
            at_ms: self.now_us / 1000,
            what,
            command: self.plan.command(self.seed),
            trace: trace.clone(),
        });
        Outcome { tally: self.tally, failure, hash: self.hash.0, trace }
    }

    /// Notes where every process stands.
    fn note_ends(&mut self) {
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            let Some(status) = node.peer.as_ref().map(Peer::status) else { continue };
            let members: Vec<u32> = status.members.iter().map(|player| player.0).collect();
            let (want, life, active) = (node.want, node.life, node.active());
            let (epoch, next, confirmed) = (status.epoch, status.next_turn.0, status.unconfirmed.0);
            self.note(index, || {
                format!(
                    "life {life}, wants {want:?}, active {active}, is {:?}: epoch {epoch} of {members:?}, executed all \
                     before {next}, confirmed all before {confirmed}",
                    status.player
                )
            });
        }
    }

    fn happen(&mut self, what: Happening) -> Verdict {
        match what {
            Happening::Arrive { to, life, from, bytes } => return self.arrive(to, life, from, bytes),
            Happening::Wake(index) => return self.wake(index),
            Happening::Found(index) => self.found(index),
            Happening::Submit(index, life) => return self.submit(index, life),
            Happening::Trouble => self.trouble(),
            Happening::Ease(id) => self.network.end(id),
            Happening::Recover(index) => self.nodes[index].step_us = STEP_US,
            Happening::Join(index) => self.join(index),
            Happening::Nurse => {
                self.nurse();
                return self.memory();
            }
            Happening::Heal => self.heal(),
            Happening::Expect => self.expected = Some(self.checker.truth.turns()),
        }
        Ok(())
    }

    fn arrive(&mut self, to: usize, life: u8, from: PeerKey, bytes: Vec<u8>) -> Verdict {
        let node = &mut self.nodes[to];
        // What was sealed for a process that has ended does not open for the next one.
        if !node.up() || node.life != life || node.inbox.len() >= INBOX_MAX {
            return Ok(());
        }
        node.inbox.push((from, bytes));
        if node.busy_us <= self.now_us { self.attend(to) } else { Ok(()) }
    }

    fn wake(&mut self, index: usize) -> Verdict {
        let node = &mut self.nodes[index];
        if node.wake_us != self.now_us {
            // It was looked after in the meantime, and is due at another time.
            return Ok(());
        }
        node.wake_us = u64::MAX;
        if node.busy_us > self.now_us {
            let busy_us = node.busy_us;
            self.arm(index, busy_us);
            return Ok(());
        }
        self.attend(index)
    }

    /// Sees to it that a process is looked after at this time at the latest.
    pub(super) fn arm(&mut self, index: usize, at_us: u64) {
        let node = &mut self.nodes[index];
        if at_us < node.wake_us {
            node.wake_us = at_us;
            self.queue.push(at_us, Happening::Wake(index));
        }
    }

    /// Hands a process what came, polls it and does what it says.
    fn attend(&mut self, index: usize) -> Verdict {
        let node = &mut self.nodes[index];
        let Some(mut peer) = node.peer.take() else { return Ok(()) };
        let local = node.clock.local(self.now_us);
        let inbox = std::mem::take(&mut node.inbox);
        let mut effects = Vec::new();
        self.measured(|| {
            inbox.iter().for_each(|(from, bytes)| peer.handle(local, *from, bytes));
            peer.poll(local, &mut effects);
        });
        self.tally.polls += 1;
        let mut cost_us = 0;
        let verdict = effects
            .drain(..)
            .try_for_each(|effect| self.apply(index, &mut peer, effect, &mut cost_us))
            .map_err(|wrong| format!("machine {index}: {wrong}"));
        let wake = peer.wake_at();
        self.tally.hurried += u64::from(wake <= local);
        let node = &mut self.nodes[index];
        let epoch = peer.epoch();
        if std::mem::replace(&mut node.epoch, epoch) < epoch && node.active_from.is_some() {
            let next = self.checker.next(index);
            self.checker.truth.epoch_began(next);
        }
        let node = &mut self.nodes[index];
        node.peer = Some(peer);
        node.busy_us = self.now_us + cost_us;
        let due_us = node.clock.virtual_us(wake).clamp(self.now_us + POLL_US_MIN, self.now_us + POLL_US_MAX);
        // Something was executed, and the core has been told: it may have more to do right away.
        let due_us = if cost_us > 0 { node.busy_us } else { due_us };
        if std::mem::take(&mut node.gone) {
            self.count_stalls(index);
            self.nodes[index].end();
        } else {
            self.arm(index, due_us);
        }
        verdict
    }

    /// Runs a piece of a core's work, on the stop watch where the plan asks for it.
    pub(super) fn measured(&mut self, work: impl FnOnce()) {
        if !self.plan.measure_cpu {
            return work();
        }
        let start = std::time::Instant::now();
        work();
        self.tally.cpu_ns += start.elapsed().as_nanos() as u64;
    }

    fn submit(&mut self, index: usize, life: u8) -> Verdict {
        let node = &mut self.nodes[index];
        if !node.up() || node.life != life {
            return Ok(());
        }
        let period_us = u128::from(self.rules.turn_us()) * 1_000_000 / (1_000_000 + node.clock.ppm) as u128;
        self.queue.push(self.now_us + period_us as u64, Happening::Submit(index, life));
        if node.active_from.is_none() || node.open_ops >= OPEN_OPS_MAX || node.busy_us > self.now_us {
            return Ok(());
        }
        let op = self.checker.make(index, life);
        node.submitted_us.push(self.now_us);
        node.open_ops += 1;
        let local = node.clock.local(self.now_us);
        let Some(mut peer) = node.peer.take() else { return Ok(()) };
        self.measured(|| peer.submit(local, super::ops::Ops(vec![op.word()])));
        self.nodes[index].peer = Some(peer);
        self.attend(index)
    }

    fn found(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let local = node.clock.local(self.now_us);
        node.want = Want::Member;
        node.begin(self.now_us, P::found(local, node.config.clone(), self.genesis.clone()));
        node.player = Some(Player(index as u32 + 1));
        node.active_from = Some(0);
        self.started(index);
    }

    /// Starts a process that joins, or tries again later where nobody can sponsor it.
    fn join(&mut self, index: usize) {
        if self.nodes[index].up() || self.nodes[index].want == Want::Out {
            return;
        }
        let alive: Vec<usize> = (0..self.nodes.len()).filter(|other| self.nodes[*other].active()).collect();
        let near = |other: &usize| self.network.reaches(index, *other) && self.network.reaches(*other, index);
        let best: Vec<usize> = alive.iter().copied().filter(near).collect();
        let Some(sponsor) = self.random.pick(if best.is_empty() { &alive } else { &best }) else {
            self.queue.push(self.now_us + 500_000, Happening::Join(index));
            return;
        };
        let wish = Wish {
            sponsor: self.nodes[sponsor].key,
            spectator: self.nodes[index].want == Want::Spectator,
            life: self.random.bits(),
            simulation_revision: self.rules.simulation_revision,
        };
        let offset_us = self.random.below(1 << 40);
        let now_us = self.now_us;
        let node = &mut self.nodes[index];
        node.clock.offset_us = offset_us;
        node.step_us = STEP_US;
        node.begin(now_us, P::join(node.clock.local(now_us), node.config.clone(), wish));
        if node.want == Want::Member {
            node.joining_since_us.get_or_insert(now_us);
        }
        let life = node.life;
        self.note(index, || format!("joins as life {life}, sponsored by {sponsor}"));
        self.started(index);
    }

    fn started(&mut self, index: usize) {
        self.checker.started(index);
        for other in 0..self.nodes.len() {
            if other != index && self.nodes[other].up() {
                self.admit(index, other);
                self.admit(other, index);
            }
        }
        let life = self.nodes[index].life;
        let phase_us = self.random.below(self.rules.turn_us());
        self.queue.push(self.now_us + phase_us, Happening::Submit(index, life));
        self.arm(index, self.now_us);
    }

    /// The transport of one machine lets another in.
    fn admit(&mut self, at: usize, whom: usize) {
        let (key, address) = (self.nodes[whom].key, self.nodes[whom].config.address.clone());
        if let Some(peer) = &mut self.nodes[at].peer {
            peer.admit(key, Admission { role: ROLE, invite: None, address });
        }
    }

    /// The process at a machine ends at once.
    pub(super) fn kill(&mut self, index: usize) {
        self.count_stalls(index);
        self.nodes[index].end();
    }

    fn count_stalls(&mut self, index: usize) {
        if let Some(peer) = &self.nodes[index].peer {
            self.tally.stalled += peer.status().stalled_turns;
        }
    }

    /// What a person or a script beside a process would do: start it anew when it cannot get in.
    fn nurse(&mut self) {
        self.queue.push(self.now_us + NURSE_US, Happening::Nurse);
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            let waited_us = self.now_us.saturating_sub(node.started_us);
            let refused = node.refused.is_some_and(|(at_us, _)| self.now_us - at_us >= 500_000);
            if !node.up() || node.want == Want::Out || !(refused || !node.installed && waited_us > JOIN_US_MAX) {
                continue;
            }
            self.note(index, || "gives up, and is started anew".to_owned());
            self.kill(index);
            self.join(index);
        }
    }

    /// A core holds no more than the entries of a while, of whoever was a member then.
    fn memory(&self) -> Verdict {
        let turns = ENTRIES_US_MAX / self.rules.turn_us() + ENTRIES_AHEAD_MAX;
        for (index, node) in self.nodes.iter().enumerate() {
            let held = node.peer.as_ref().map_or(0, |peer| peer.status().entries_held) as u64;
            // Twice: a player can have been there in two lives.
            let most = turns * 2 * self.nodes.len() as u64;
            if held > most {
                return Err(format!("machine {index}: {held} entries are held, more than {most}"));
            }
        }
        Ok(())
    }

    /// The last epoch that any process knows, and its members.
    pub(super) fn last_epoch(&self) -> (u32, Vec<Player>) {
        let known = self.nodes.iter().filter_map(|node| node.peer.as_ref()).map(Peer::status);
        known.map(|status| (status.epoch, status.members)).max_by_key(|(epoch, _)| *epoch).unwrap_or_default()
    }

    /// The members of every epoch whose quorum is still needed: of the turns that nobody has confirmed yet, and of the
    /// last epoch. Whoever is no member any more may still be one whose word confirms what came before it went.
    pub(super) fn electorates(&self) -> Vec<Vec<Player>> {
        let live = || (0..self.nodes.len()).filter(|index| self.nodes[*index].up());
        let confirmed = live().map(|index| self.checker.confirmed(index)).max().unwrap_or(0);
        let mut all = vec![self.last_epoch().1];
        if let Some(first) = live().max_by_key(|index| self.checker.next(*index)) {
            all.extend(self.checker.members_from(first, confirmed));
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whether the session can go on if these machines are not there.
    pub(super) fn goes_on_without(&self, lost: &[usize]) -> bool {
        let stays = |(index, node): (usize, &Node<P>)| {
            (node.active() && node.want != Want::Out && !lost.contains(&index)).then_some(node.player).flatten()
        };
        let staying: Vec<Player> = self.nodes.iter().enumerate().filter_map(stays).collect();
        self.electorates().iter().all(|members| is_quorum(members, |player| staying.contains(&player)))
    }

    /// Notes what happened, for whoever reads about a broken rule.
    pub(super) fn note(&mut self, index: usize, what: impl FnOnce() -> String) {
        if self.trace.len() == TRACE_LINES {
            self.trace.pop_front();
        }
        let (seconds, us) = (self.now_us / 1_000_000, self.now_us % 1_000_000);
        self.trace.push_back(format!("{seconds:3}.{us:06} machine {index:2}: {}", what()));
    }
}
