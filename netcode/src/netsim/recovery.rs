//! What must be true at the end of a run, after a while without trouble: the session goes on, and everybody is back.
//! Must never demand what the protocol does not promise: without a quorum alive nothing can go on.

use super::node::Want;
use super::peer::Peer;
use super::simulation::Simulation;
use super::truth::Verdict;

/// Inputs submitted this shortly before the end need not be confirmed, microseconds.
const SETTLE_US: u64 = 3_000_000;

impl<P: Peer> Simulation<'_, P> {
    /// The end of a run.
    pub(super) fn conclude(&mut self) -> Verdict {
        self.checker.truth.quorums()?;
        // The leavers are members until they are gone.
        let (epoch, members) = self.last_epoch();
        let alive: Vec<_> = self.nodes.iter().filter(|node| node.active()).filter_map(|node| node.player).collect();
        let lives = |members: &Vec<_>| super::truth::is_quorum(members, |player| alive.contains(&player));
        if self.plan.heal_seconds == 0 || !self.electorates().iter().all(lives) {
            return Ok(());
        }
        self.tally.demanded += 1;
        self.moved_on()
            .map_err(|wrong| format!("{wrong}, in epoch {epoch} with {members:?} of whom live {alive:?}"))?;
        (0..self.nodes.len())
            .try_for_each(|index| self.is_back(index).map_err(|wrong| format!("machine {index}: {wrong}")))
    }

    /// Turns that take so many microseconds.
    fn turns_in(&self, us: u64) -> u64 {
        us / self.rules.turn_us()
    }

    fn moved_on(&self) -> Verdict {
        let turns = self.checker.truth.turns();
        let since_us = (self.plan.end_us() - self.plan.healed_us()) * 4 / 10;
        let (then, wanted) = (self.expected.unwrap_or(0), self.turns_in(since_us) / 2);
        if turns - then < wanted {
            return Err(format!(
                "the session does not recover: in the last {} ms of a healed network it confirmed {} turns and not {wanted}",
                since_us / 1000,
                turns - then
            ));
        }
        Ok(())
    }

    fn is_back(&self, index: usize) -> Verdict {
        let node = &self.nodes[index];
        match node.want {
            Want::Out if node.active() => return Err("it wants to leave, and is still a member".to_owned()),
            Want::Out => return Ok(()),
            Want::Member if !node.active() => {
                let since_ms = node.joining_since_us.unwrap_or(node.started_us) / 1000;
                return Err(format!("it wants to be a member since {since_ms} ms, and is none"));
            }
            _ => {}
        }
        let (mine, all) = (self.checker.confirmed(index), self.checker.truth.turns());
        if mine + self.turns_in(2_000_000) < all {
            return Err(format!("it has confirmed all before turn {mine}, others all before turn {all}"));
        }
        let (Some(from), Some(player)) = (node.active_from, self.player(index)) else { return Ok(()) };
        let settled = node.submitted_us.iter().filter(|at_us| **at_us + SETTLE_US <= self.now_us).count();
        self.checker.truth.complete(player, node.life, from, settled as u32)
    }
}
