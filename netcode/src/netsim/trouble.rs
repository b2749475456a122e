//! What goes wrong, and when: drawn from the seed as the run goes on. Must never leave anything broken once the plan says
//! that all is well again.

use super::network::{Set, Trouble};
use super::node::{STEP_US, Want};
use super::peer::Peer;
use super::plan::Fault;
use super::simulation::{Happening, Simulation};
use crate::protocol::{PeerKey, Player};

/// Probability that a crash is let happen although too few are left to go on.
const RUTHLESS: f64 = 0.02;

impl<P: Peer> Simulation<'_, P> {
    /// The next trouble begins, and the one after it is set for later.
    pub(super) fn trouble(&mut self) {
        let spacing_us = (2e6 / self.plan.intensity.max(1e-3)) as u64;
        let next_us = self.now_us + self.random.below(spacing_us).max(1000);
        if next_us >= self.plan.healed_us() || self.healed {
            return;
        }
        self.queue.push(next_us, Happening::Trouble);
        let Some(fault) = self.random.pick(&self.plan.faults) else { return };
        match fault {
            Fault::Crash => self.crash(),
            Fault::Partition => self.partition(),
            Fault::Burst => {
                let trouble = Trouble::Loss(self.random.between(30, 95) as f64 / 100.0);
                self.on_some_links(trouble, 200, 2000);
            }
            Fault::Bandwidth => {
                let trouble = Trouble::Bandwidth(self.random.between(30_000, 500_000));
                self.on_some_links(trouble, 500, 3000);
            }
            Fault::Detour => {
                let trouble = Trouble::Delay(self.random.between(20_000, 300_000));
                self.on_some_links(trouble, 500, 4000);
            }
            Fault::Slow => self.slow(),
            Fault::Freeze => self.freeze(),
            Fault::Skew => {}
            Fault::Join => self.newcomer(Want::Member),
            Fault::Spectate => self.newcomer(Want::Spectator),
            Fault::Leave => self.leave(),
            Fault::Kick => self.kick(),
            Fault::Garbage => self.garbage(),
        }
    }

    /// All trouble ends; who had crashed comes back.
    pub(super) fn heal(&mut self) {
        self.healed = true;
        self.network.heal(self.now_us);
        self.note(0, || "all is well from now on".to_owned());
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            node.step_us = STEP_US;
            node.busy_us = node.busy_us.min(self.now_us);
            if node.up() {
                self.arm(index, self.now_us);
            } else {
                self.queue.push(self.now_us, Happening::Join(index));
            }
        }
    }

    /// Machines that a filter lets through.
    fn those(&self, filter: impl Fn(&super::node::Node<P>) -> bool) -> Vec<usize> {
        (0..self.nodes.len()).filter(|index| filter(&self.nodes[*index])).collect()
    }

    /// A time within these milliseconds from now.
    fn within(&mut self, least_ms: u64, most_ms: u64) -> u64 {
        self.now_us + self.random.between(least_ms, most_ms) * 1000
    }

    fn crash(&mut self) {
        let several = if self.random.chance(0.25) { self.random.between(2, 3) } else { 1 };
        for _ in 0..several {
            let up = self.those(|node| node.up());
            let Some(index) = self.random.pick(&up) else { return };
            if !self.goes_on_without(&[index]) && !self.random.chance(RUTHLESS) {
                continue;
            }
            self.tally.event("crash");
            self.note(index, || "crashes".to_owned());
            self.kill(index);
            let node = &mut self.nodes[index];
            if node.want == Want::Member {
                node.joining_since_us = Some(self.now_us);
            }
            let back_us = self.within(100, 3000);
            self.queue.push(back_us, Happening::Join(index));
        }
    }

    fn partition(&mut self) {
        let count = self.nodes.len();
        let all: Set = if count == 64 { Set::MAX } else { (1 << count) - 1 };
        let some: Set = match self.random.below(3) {
            0 => 1 << self.random.below(count as u64),
            1 => self.random.bits() & all,
            // About half of the members.
            _ => (0..count).filter(|i| i % 2 == 0).fold(0, |set, i| set | 1 << i),
        };
        let until_us = self.within(100, 5000);
        let one_way = self.random.chance(0.3);
        self.note(0, || format!("{some:b} and the rest are cut off, one way: {one_way}, until {until_us}"));
        self.tally.event("partition");
        let id = self.network.begin(some, all & !some, Trouble::Cut);
        self.queue.push(until_us, Happening::Ease(id));
        if !one_way {
            let id = self.network.begin(all & !some, some, Trouble::Cut);
            self.queue.push(until_us, Happening::Ease(id));
        }
    }

    fn on_some_links(&mut self, trouble: Trouble, least_ms: u64, most_ms: u64) {
        let one: Set = 1 << self.random.below(self.nodes.len() as u64);
        let other: Set = 1 << self.random.below(self.nodes.len() as u64);
        let (from, to) = match self.random.below(4) {
            0 => (Set::MAX, Set::MAX),
            1 => (one, Set::MAX),
            2 => (Set::MAX, one),
            _ => (one, other),
        };
        let until_us = self.within(least_ms, most_ms);
        self.note(0, || format!("{trouble:?} from {from:b} to {to:b} until {until_us}"));
        self.tally.event("bad links");
        let id = self.network.begin(from, to, trouble);
        self.queue.push(until_us, Happening::Ease(id));
    }

    fn slow(&mut self) {
        let index = self.random.below(self.nodes.len() as u64) as usize;
        // One in three is slow for so long that it has to be made a spectator, and has to come back.
        let lasts = self.random.chance(0.33);
        let percent = if lasts { self.random.between(120, 400) } else { self.random.between(30, 180) };
        let until_us = if lasts { self.within(3500, 8000) } else { self.within(300, 2500) };
        self.nodes[index].step_us = self.rules.turn_us() * percent / 100;
        self.note(index, || format!("needs {percent} % of a turn's time to step it, until {until_us}"));
        self.tally.event("slow machine");
        self.queue.push(until_us, Happening::Recover(index));
    }

    fn freeze(&mut self) {
        let up = self.those(|node| node.up());
        let Some(index) = self.random.pick(&up) else { return };
        let until_us = self.within(50, 2500);
        self.note(index, || format!("does nothing until {until_us}"));
        self.tally.event("freeze");
        self.nodes[index].busy_us = until_us;
    }

    fn newcomer(&mut self, want: Want) {
        let count = self.plan.peers;
        let free: Vec<usize> = self.those(|node| node.life == 0).into_iter().filter(|index| *index >= count).collect();
        let Some(index) = self.random.pick(&free) else { return };
        self.tally.event(if want == Want::Member { "newcomer" } else { "spectator" });
        self.nodes[index].want = want;
        self.queue.push(self.now_us, Happening::Join(index));
    }

    fn leave(&mut self) {
        let members = self.those(|node| node.active() && node.want == Want::Member);
        let Some(index) = self.random.pick(&members) else { return };
        if members.len() < 2 || !self.goes_on_without(&[index]) {
            return;
        }
        self.tally.event("leave");
        self.note(index, || "is asked to leave".to_owned());
        let local = self.nodes[index].clock.local(self.now_us);
        self.nodes[index].want = Want::Out;
        if let Some(peer) = &mut self.nodes[index].peer {
            peer.leave(local);
        }
    }

    fn kick(&mut self) {
        let members = self.those(|node| node.active() && node.want == Want::Member);
        let Some(victim) = self.random.pick(&members) else { return };
        let Some(player) = self.nodes[victim].player else { return };
        if members.len() < 3 || !self.goes_on_without(&[victim]) {
            return;
        }
        let votes = if self.random.chance(0.5) { 1 } else { members.len() / 2 + 1 };
        self.tally.event("kick");
        self.note(victim, || format!("is voted against by {votes}"));
        for index in members.into_iter().filter(|index| *index != victim).take(votes) {
            if let Some(peer) = &mut self.nodes[index].peer {
                peer.kick(player);
            }
        }
    }

    /// A stranger, or one who has been a player, cannot seal a datagram; but should one ever come through, it must do
    /// nothing. So bytes that resemble datagrams come from a key that nobody has let in.
    fn garbage(&mut self) {
        let mut key = [0; 32];
        key.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.random.bits().to_le_bytes()));
        for _ in 0..20 {
            let to = self.random.below(self.nodes.len() as u64) as usize;
            let mut bytes = self.sample.clone();
            bytes.truncate(self.random.between(0, 2 * bytes.len() as u64) as usize);
            for _ in 0..self.random.below(4) {
                let at = self.random.below(bytes.len() as u64) as usize;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.random.below(8);
                }
            }
            let life = self.nodes[to].life;
            self.queue.push(self.now_us, Happening::Arrive { to, life, from: PeerKey(key), bytes });
        }
        self.tally.event("garbage");
    }

    /// The number of a machine's player, for those who have one.
    pub(super) fn player(&self, index: usize) -> Option<Player> {
        self.nodes[index].player
    }
}
