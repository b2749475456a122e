//! What a peer tells of itself: a line of status now and then, and the sum at its end. Must never decide anything.

use netcode::protocol::{PeerKey, Status};
use serde_json::json;

use super::peer::Peer;
use super::report::{Spread, Summary, cpu_s};
use crate::exit::Failure;
use crate::output;
use crate::session::{Ending, Progress};

/// That the world stands still because somebody wants it to.
#[must_use]
pub fn held_sentence(tick: u64) -> String {
    format!("the operator holds the world at tick {tick}")
}

impl Peer {
    pub(super) fn sample(&mut self, status: &Status) {
        let Some(genesis) = self.driver.core().genesis() else { return };
        let turn_ms = genesis.rules.turn_us() as f64 / 1e3;
        let (first, last) = self.turns.unwrap_or((status.next_turn, status.next_turn));
        if status.next_turn > last && status.player.is_some() {
            self.delays_ms.push(f64::from(status.delay_turns) * turn_ms);
        }
        self.turns = Some((first, status.next_turn));
    }

    /// The tick that the world is held at, if it is, once others may be told of that tick.
    pub(super) fn held(&self) -> Option<u64> {
        let held = self.driver.held()?;
        self.driver.told().filter(|told| told.tick >= held).map(|_| held)
    }

    /// Says that the world is held, and that it goes on.
    pub(super) fn tell_held(&mut self) -> Result<(), Failure> {
        let held = self.held();
        if self.told_held == held {
            return Ok(());
        }
        self.told_held = held;
        match held {
            Some(tick) => self.report.say(&held_sentence(tick), "held", json!({ "tick": tick })),
            None => self.report.say("the world goes on", "released", json!({})),
        }
    }

    pub(super) fn status(&self, status: &Status) -> serde_json::Value {
        let links: Vec<_> = status
            .links
            .iter()
            .map(|link| {
                json!({
                    "player": link.player.map(|player| player.0),
                    "rtt_ms": link.rtt_us as f64 / 1e3,
                    "loss": link.loss,
                    "redundancy": link.redundancy,
                    "relayed": link.relayed,
                })
            })
            .collect();
        let tick = self.driver.told().map(|progress| progress.tick);
        json!({
            "player": status.player.map(|player| player.0),
            "members": status.members.iter().map(|player| player.0).collect::<Vec<_>>(),
            "epoch": status.epoch,
            "tick": tick,
            "held": self.held(),
            "turn": status.next_turn.0,
            "unconfirmed": status.next_turn.0.saturating_sub(status.unconfirmed.0),
            "delay_turns": status.delay_turns,
            "stalled_turns": status.stalled_turns,
            "links": links,
        })
    }

    /// Leaves, has the log ended, and sums up.
    pub(super) fn finish(mut self, ending: impl FnOnce(Progress) -> Progress) -> Result<Option<String>, Failure> {
        let link = self.driver.link();
        let keys: Vec<PeerKey> = link.endpoint.peers().map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| link.endpoint.disconnect(key));
        let summary = self.summary();
        let refusal = self.dismissed.map(str::to_owned).or(self.refusal);
        let (driver, report) = (self.driver, self.report);
        let progress = driver.progress();
        let (_, Ending { recordings, failures, bundles }) = driver.finish();
        let told = progress.map(ending).unwrap_or_default();
        let (first_tick, last_tick, digest) = (told.first_tick, told.tick, output::hex(told.digest));
        let summary = Summary { first_tick, last_tick, digest, recordings, failures, bundles, ..summary };
        if let Some(reason) = &refusal {
            report.note("refused", json!({ "reason": reason }))?;
        }
        // Who was never let in has nothing to sum up.
        if summary.turns > 0 || refusal.is_none() {
            report.summary(&summary)?;
        }
        Ok(refusal)
    }

    fn summary(&mut self) -> Summary {
        let seconds = self.started.elapsed().as_secs_f64();
        let status = self.driver.status();
        let ticks = f64::from(self.driver.replica().world().ticks_per_turn().max(1));
        let per_tick = |us: u32| f64::from(us) / 1e3 / ticks;
        let (tick_ms, tick_cpu_ms) =
            self.driver.costs_us().map(|cost| (per_tick(cost.us), per_tick(cost.cpu_us))).unzip();
        let turns = self.turns.map_or(0, |(first, next)| next.0.saturating_sub(first.0));
        let stats = self.driver.link().endpoint.stats().clone();
        let per_s = |count: u64| count as f64 / seconds.max(1e-3);
        Summary {
            player: self.player,
            seconds,
            input_delay_ms: self.delays_ms.spread(),
            turns,
            stalled_turns: status.stalled_turns,
            stalled_share: status.stalled_turns as f64 / (turns.max(1)) as f64,
            stall_ms_max: status.stall_us_max as f64 / 1e3,
            roll_backs: status.roll_backs,
            left: self.gone.is_some() || self.is_empty || self.dismissed.is_some(),
            bytes_out_per_s: per_s(stats.bytes_sent),
            bytes_in_per_s: per_s(stats.bytes_received),
            datagrams_out_per_s: per_s(stats.datagrams_sent),
            rejected: stats.rejected_in_all(),
            tick_ms: Spread::of(tick_ms),
            tick_cpu_ms: Spread::of(tick_cpu_ms),
            cpu_share: cpu_s().map(|cpu| cpu / seconds.max(1e-3)),
            desyncs: self.desyncs,
            ..Summary::default()
        }
    }
}
