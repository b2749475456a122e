//! What a driver does with a core's effects, in their order, and what is checked and counted on the way. Must never
//! change their order.

use std::sync::Arc;

use super::node::Want;
use super::ops::{Op, Ops};
use super::peer::Peer;
use super::simulation::{Happening, Simulation};
use super::truth::Verdict;
use crate::protocol::wire::DATAGRAM_BYTES_MAX;
use crate::protocol::{Departure, Effect, Event, Frame, Hash, PeerKey, Refusal, Turn};
use crate::world::World;

impl<P: Peer> Simulation<'_, P> {
    /// Does what a core says. `cost_us`: what the machine has worked since it began with these effects.
    pub(super) fn apply(&mut self, index: usize, peer: &mut P, effect: Effect<Ops>, cost_us: &mut u64) -> Verdict {
        self.hash.number(self.now_us << 8 | index as u64);
        match effect {
            Effect::Send { to, bytes } => self.send(index, to, bytes, *cost_us),
            Effect::Connect { to, .. } => {
                self.hash.bytes(&to.0);
                Ok(())
            }
            Effect::Disconnect { to } => {
                self.hash.bytes(&to.0[1..]);
                Ok(())
            }
            Effect::Execute(frame) => self.execute(index, peer, &frame, cost_us),
            Effect::RollBack { to } => self.roll_back(index, to),
            Effect::Confirm { turn, chain } => self.confirm(index, turn, chain),
            Effect::SnapshotWanted { turn } => {
                self.hash.number(turn.0);
                match self.nodes[index].world.snapshot_after(turn) {
                    Some(bytes) => {
                        *cost_us += bytes.len() as u64 / 1000;
                        let bytes = Arc::new(bytes);
                        self.measured(|| peer.snapshot(turn, bytes));
                    }
                    None => self.tally.event("snapshot not kept"),
                }
                Ok(())
            }
            Effect::Install { turn, scenario, snapshot } => {
                *cost_us += snapshot.len() as u64 / 1000;
                self.install(index, turn, &scenario, &snapshot)
            }
            Effect::Compare { with, turn, snapshot } => {
                let difference = self.nodes[index].world.first_difference(&snapshot);
                Err(format!("its state after {turn} differs from {with}'s: {difference:?}"))
            }
            Effect::Event(event) => self.event(index, event),
        }
    }

    fn send(&mut self, index: usize, to: PeerKey, bytes: Vec<u8>, cost_us: u64) -> Verdict {
        self.hash.bytes(&bytes);
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(format!("a datagram has {} bytes, at most {DATAGRAM_BYTES_MAX} are allowed", bytes.len()));
        }
        self.tally.datagrams += 1;
        self.tally.bytes += bytes.len() as u64;
        self.tally.datagram_bytes_max = self.tally.datagram_bytes_max.max(bytes.len());
        // A stranger's key has no machine: what is sent there is gone.
        let Some(&machine) = self.by_key.get(&to) else { return Ok(()) };
        if machine == index {
            return Err("it sends a datagram to itself".to_owned());
        }
        let arrivals = self.network.send(self.now_us + cost_us, index, machine, bytes.len());
        let (from, life) = (self.nodes[index].key, self.nodes[machine].life);
        if let Some(at_us) = arrivals.second_us {
            self.queue.push(at_us, Happening::Arrive { to: machine, life, from, bytes: bytes.clone() });
        }
        if let Some(at_us) = arrivals.first_us {
            self.queue.push(at_us, Happening::Arrive { to: machine, life, from, bytes });
        } else if bytes.len() > 8 {
            // The lost ones are there for the strangers.
            self.sample = bytes;
        }
        Ok(())
    }

    fn execute(&mut self, index: usize, peer: &mut P, frame: &Arc<Frame<Ops>>, cost_us: &mut u64) -> Verdict {
        self.hash.bytes(&frame.chain.0);
        let node = &mut self.nodes[index];
        if !node.installed {
            return Err(format!("{} is to be executed without a world", frame.turn));
        }
        let digest = node.world.execute(frame);
        node.world.keep(Some(frame.turn));
        let step_us = node.step_us;
        *cost_us += step_us;
        self.tally.kept_max = self.tally.kept_max.max(node.world.kept());
        self.measured(|| peer.executed(frame.turn, digest, step_us));
        let member = self.nodes[index].active_from.is_some();
        self.checker.executed(index, frame, digest, member)?;
        let node = &mut self.nodes[index];
        let gap_us = self.now_us - std::mem::replace(&mut node.executed_us, self.now_us);
        if !member {
            return Ok(());
        }
        let turn_us = self.rules.turn_us();
        self.tally.executed += 1;
        self.tally.late += u64::from(gap_us * 2 > turn_us * 3);
        self.tally.link_turns += (frame.inputs.len() as u64).saturating_sub(1);
        self.tally.input_delay.add(u64::from(self.nodes[index].delay_turns) * turn_us);
        for op in frame.inputs.iter().flat_map(|(_, ops)| &ops.0).filter_map(|word| Op::of(*word)) {
            if usize::from(op.node) != index
                && let Some(at_us) = self.submitted_us(op)
            {
                self.tally.to_execute.add(self.now_us - at_us);
            }
        }
        Ok(())
    }

    /// When an operation was submitted, if the process that did it still runs.
    fn submitted_us(&self, op: Op) -> Option<u64> {
        let node = self.nodes.get(usize::from(op.node)).filter(|node| node.life == op.life)?;
        node.submitted_us.get(op.number as usize).copied()
    }

    fn roll_back(&mut self, index: usize, to: Option<Turn>) -> Verdict {
        self.hash.number(to.map_or(0, |turn| turn.0 + 1));
        let before = self.checker.next(index);
        self.note(index, || format!("rolls back from before turn {before} to {to:?}"));
        let world = &mut self.nodes[index].world;
        let digest = world.roll_back(to).then(|| world.digest());
        self.checker.rolled_back(index, to, digest)?;
        self.tally.roll_backs += 1;
        self.tally.undone += before - self.checker.next(index);
        Ok(())
    }

    fn confirm(&mut self, index: usize, turn: Turn, chain: Hash) -> Verdict {
        self.hash.number(turn.0);
        self.hash.bytes(&chain.0);
        let from = self.checker.confirmed(index);
        self.checker.confirmed_up_to(index, turn, chain)?;
        let active = self.nodes[index].active_from.is_some();
        let mut own = 0;
        for frame in self.checker.frames(index, from) {
            for op in frame.inputs.iter().flat_map(|(_, ops)| &ops.0).filter_map(|word| Op::of(*word)) {
                own += u64::from(usize::from(op.node) == index && op.life == self.nodes[index].life);
                if active && let Some(at_us) = self.submitted_us(op) {
                    self.tally.to_confirm.add(self.now_us - at_us);
                }
            }
        }
        let node = &mut self.nodes[index];
        node.open_ops = node.open_ops.saturating_sub(own);
        node.world.forget(turn);
        Ok(())
    }

    fn install(&mut self, index: usize, turn: Option<Turn>, scenario: &[u8], snapshot: &[u8]) -> Verdict {
        self.hash.bytes(snapshot);
        let node = &mut self.nodes[index];
        node.world.install(scenario, snapshot)?;
        node.world.keep(turn);
        node.installed = true;
        let digest = node.world.digest();
        self.tally.event("state installed");
        self.note(index, || format!("installs the state after {turn:?}"));
        self.checker.installed(index, turn, digest)
    }

    fn event(&mut self, index: usize, event: Event) -> Verdict {
        self.note(index, || format!("{event:?}"));
        let node = &mut self.nodes[index];
        match event {
            Event::Active { player, .. } => {
                self.tally.event("active");
                self.checker.truth.seat(index, player)?;
                let node = &mut self.nodes[index];
                node.player = Some(player);
                node.active_from = Some(self.checker.truth.made(index, node.life));
                if let Some(since_us) = node.joining_since_us.take() {
                    self.tally.to_active.add(self.now_us - since_us);
                }
            }
            Event::Removed { why } => {
                node.active_from = None;
                node.open_ops = 0;
                self.tally.event(match why {
                    Departure::Left => "removed: left",
                    Departure::Silent => "removed: silent",
                    Departure::Kicked => "removed: kicked",
                    Departure::Demoted => "removed: demoted",
                    Departure::Exposed => return Err("an honest peer is removed as a liar".to_owned()),
                    Departure::Replaced => "removed: replaced",
                    Departure::Forked => return Err("nobody forks here".to_owned()),
                });
                match why {
                    Departure::Kicked => node.want = Want::Out,
                    _ if node.want == Want::Member => node.joining_since_us = Some(self.now_us),
                    _ => {}
                }
            }
            Event::Refused(refusal) => {
                self.tally.event("refused");
                match refusal {
                    Refusal::Busy | Refusal::TooSlow | Refusal::Banned => node.refused = Some((self.now_us, refusal)),
                    wrong => return Err(format!("it is refused without reason: {wrong}")),
                }
                if refusal == Refusal::Banned {
                    node.want = Want::Out;
                }
            }
            Event::Coming(_) => self.tally.event("coming in"),
            Event::Changed { .. } => self.tally.event("membership changed"),
            Event::Voted { .. } => self.tally.event("vote"),
            Event::Waiting { .. } => self.tally.event("waiting"),
            Event::Paused => self.tally.event("paused"),
            Event::Resumed { .. } => self.tally.event("resumed"),
            Event::Delay { turns, .. } => {
                node.delay_turns = turns;
                self.tally.event("delay changed");
            }
            Event::Exposed { proof } => return Err(format!("honest peers are exposed: {proof:?}")),
            Event::Signed(_) => return Err("entries are told with signatures, though nobody asked".to_owned()),
            Event::Desync { .. } | Event::Stopped { .. } => return Err(format!("honest peers differ: {event:?}")),
            Event::Gone if node.want == Want::Out => {
                node.gone = true;
                self.tally.event("gone");
            }
            Event::Gone => return Err("it has left without being asked to".to_owned()),
        }
        Ok(())
    }
}
