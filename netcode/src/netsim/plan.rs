//! What is simulated: how many peers, what their network is like, what goes wrong, and for how long. Must hold
//! everything that a run depends on besides its seed, so that a command line can replay it.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::random::Random;
use crate::protocol::{Rules, SessionId};

/// Most machines in one simulated world, newcomers included.
pub const NODES_MAX: usize = 64;

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A process dies; after a while another one with the same key joins, with nothing but the key.
    Crash,
    /// Sets of machines cannot reach each other, both ways or one way.
    Partition,
    /// Many datagrams are lost for a while.
    Burst,
    /// A machine takes very long to step the world.
    Slow,
    /// A process is stopped for a while, and then goes on as if nothing had been.
    Freeze,
    /// Clocks run at different rates.
    Skew,
    /// A machine's upstream becomes narrow.
    Bandwidth,
    /// Way and back take longer.
    Detour,
    /// Newcomers join.
    Join,
    /// Newcomers watch.
    Spectate,
    /// Members leave in good order, and may come back.
    Leave,
    /// Members are voted out, or nearly.
    Kick,
    /// Strangers send bytes that resemble datagrams.
    Garbage,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::Crash,
        Self::Partition,
        Self::Burst,
        Self::Slow,
        Self::Freeze,
        Self::Skew,
        Self::Bandwidth,
        Self::Detour,
        Self::Join,
        Self::Spectate,
        Self::Leave,
        Self::Kick,
        Self::Garbage,
    ];

    /// As on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Partition => "partition",
            Self::Burst => "burst",
            Self::Slow => "slow",
            Self::Freeze => "freeze",
            Self::Skew => "skew",
            Self::Bandwidth => "bandwidth",
            Self::Detour => "detour",
            Self::Join => "join",
            Self::Spectate => "spectate",
            Self::Leave => "leave",
            Self::Kick => "kick",
            Self::Garbage => "garbage",
        }
    }

    /// Reads `all`, `none`, or names separated by commas.
    ///
    /// # Errors
    /// A sentence that names the word that is none of them.
    pub fn list(text: &str) -> Result<Vec<Self>, String> {
        match text {
            "all" => return Ok(Self::ALL.to_vec()),
            "none" => return Ok(Vec::new()),
            _ => {}
        }
        let known = |word: &str| Self::ALL.into_iter().find(|fault| fault.name() == word.trim());
        let mut faults = Vec::new();
        for word in text.split(',') {
            faults.push(known(word).ok_or_else(|| {
                let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
                format!("`{word}` is no kind of fault; there are all, none, {}", names.join(", "))
            })?);
        }
        faults.sort_unstable();
        faults.dedup();
        Ok(faults)
    }
}

/// Everything about a run but its seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Founding members, 2 to [`NODES_MAX`].
    pub peers: usize,
    /// Delay of every link one way, milliseconds.
    pub delay_ms: u32,
    /// The delay varies evenly by as much up and down, milliseconds.
    pub jitter_ms: u32,
    /// Share of datagrams lost.
    pub loss: f64,
    /// Share of datagrams that arrive twice.
    pub duplicate: f64,
    /// Share of datagrams held back by up to 50 ms more, so that later ones overtake them.
    pub reorder: f64,
    /// Share of datagrams that arrive changed. The transport's seal would not open, so they count as lost.
    pub corrupt: f64,
    /// Upstream of a link, bits per second; 0 for no limit.
    pub bandwidth_bit_s: u64,
    /// Ticks per second.
    pub tick_rate_hz: u32,
    /// Ticks that share one exchange of inputs.
    pub ticks_per_turn: u32,
    /// Fixed input delay, milliseconds; without it the peers agree on one.
    pub input_delay_ms: Option<u32>,
    /// Size of the world's state, bytes.
    pub world_bytes: u32,
    /// Virtual seconds with trouble.
    pub seconds: u32,
    /// Virtual seconds without trouble at the end; within them the session has to recover.
    pub heal_seconds: u32,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// How much goes wrong: troubles started per virtual second.
    pub intensity: f64,
    /// The first seed.
    pub seed: u64,
    /// How many seeds.
    pub seeds: u64,
    /// Each seed has a plan of its own, [`Plan::of_seed`]; of this one only the seeds count.
    pub vary: bool,
    /// Measure the processor time of the cores. The figure differs from run to run; nothing else may.
    pub measure_cpu: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            peers: 4,
            delay_ms: 40,
            jitter_ms: 10,
            loss: 0.01,
            duplicate: 0.0,
            reorder: 0.0,
            corrupt: 0.0,
            bandwidth_bit_s: 0,
            tick_rate_hz: 90,
            ticks_per_turn: 3,
            input_delay_ms: None,
            world_bytes: 2000,
            seconds: 10,
            heal_seconds: 10,
            faults: Vec::new(),
            intensity: 1.0,
            seed: 1,
            seeds: 1,
            vary: false,
            measure_cpu: false,
        }
    }
}

impl Plan {
    /// The plan that the tests run for a seed: from 2 to 16 peers, any kind of network, all kinds of trouble.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut random = Random::new(seed, 99);
        let size = [2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 7, 8, 9, 12, 16];
        let delay_ms = random.between(0, 120) as u32;
        let mut share = |most: f64| if random.chance(0.5) { 0.0 } else { (random.unit() * most * 1e3).round() / 1e3 };
        let (loss, duplicate, reorder, corrupt) = (share(0.1), share(0.05), share(0.05), share(0.02));
        let faults: Vec<Fault> = Fault::ALL.into_iter().filter(|_| random.chance(0.7)).collect();
        Self {
            peers: random.pick(&size).unwrap_or(4),
            delay_ms,
            jitter_ms: random.between(0, u64::from(delay_ms / 2)) as u32,
            loss,
            duplicate,
            reorder,
            corrupt,
            bandwidth_bit_s: random.pick(&[0, 0, 0, 1_000_000, 10_000_000]).unwrap_or(0),
            ticks_per_turn: random.pick(&[3, 3, 3, 2, 6]).unwrap_or(3),
            world_bytes: random.pick(&[0, 200, 2000, 2000, 20_000]).unwrap_or(0),
            seconds: random.between(4, 7) as u32,
            faults,
            intensity: random.pick(&[0.5, 1.0, 2.0, 4.0]).unwrap_or(1.0),
            seed,
            ..Self::default()
        }
    }

    /// What is wrong with it, as a sentence.
    ///
    /// # Errors
    /// The sentence.
    pub fn check(&self) -> Result<(), String> {
        if !(2..=NODES_MAX).contains(&self.peers) {
            return Err(format!("a simulated session has 2 to {NODES_MAX} peers"));
        }
        if self.jitter_ms > self.delay_ms {
            return Err("the jitter is taken from the delay, and cannot be more".to_owned());
        }
        let shares = [self.loss, self.duplicate, self.reorder, self.corrupt];
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            return Err("a share of datagrams is from 0 to 1".to_owned());
        }
        if !(0.0..=1000.0).contains(&self.intensity) {
            return Err("the intensity is from 0 to 1000 troubles per second".to_owned());
        }
        if self.delay_ms > 10_000 || self.seconds > 100_000 || self.heal_seconds > 100_000 {
            return Err("a delay is at most 10,000 ms and a run 100,000 s".to_owned());
        }
        if !(1..=1000).contains(&self.tick_rate_hz) || !(1..=1000).contains(&self.ticks_per_turn) {
            return Err("ticks per second and per turn are from 1 to 1000".to_owned());
        }
        if self.world_bytes > 1 << 28 {
            return Err("a world has at most 256 MiB".to_owned());
        }
        Ok(())
    }

    /// Whether this kind of trouble happens.
    #[must_use]
    pub fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// The rules of the simulated session.
    #[must_use]
    pub fn rules(&self, session: SessionId) -> Rules {
        let mut rules = Rules::usual(session, self.tick_rate_hz, self.ticks_per_turn);
        rules.members_max = NODES_MAX as u32;
        if let Some(ms) = self.input_delay_ms {
            let turns = (u64::from(ms) * 1000).div_ceil(rules.turn_us()).max(1) as u32;
            rules.delay_turns = turns;
            (rules.delay_turns_min, rules.delay_turns_max) = (turns, turns);
        }
        rules
    }

    /// When the trouble ends, virtual microseconds.
    #[must_use]
    pub fn healed_us(&self) -> u64 {
        u64::from(self.seconds) * 1_000_000
    }

    /// When the run ends, virtual microseconds.
    #[must_use]
    pub fn end_us(&self) -> u64 {
        self.healed_us() + u64::from(self.heal_seconds) * 1_000_000
    }

    /// The command that replays one seed of it.
    #[must_use]
    pub fn command(&self, seed: u64) -> String {
        let usual = Self::default();
        let mut line = format!(
            "spacetime netsim --peers {} --delay-ms {} --jitter-ms {} --loss {}",
            self.peers, self.delay_ms, self.jitter_ms, self.loss
        );
        let mut option = |name: &str, value: String, usual: String| {
            if value != usual {
                // Writing to a string cannot fail.
                let _ = write!(line, " --{name} {value}");
            }
        };
        option("duplicate", self.duplicate.to_string(), usual.duplicate.to_string());
        option("reorder", self.reorder.to_string(), usual.reorder.to_string());
        option("corrupt", self.corrupt.to_string(), usual.corrupt.to_string());
        option("bandwidth-bit-s", self.bandwidth_bit_s.to_string(), usual.bandwidth_bit_s.to_string());
        option("tick-rate-hz", self.tick_rate_hz.to_string(), usual.tick_rate_hz.to_string());
        option("ticks-per-turn", self.ticks_per_turn.to_string(), usual.ticks_per_turn.to_string());
        if let Some(ms) = self.input_delay_ms {
            option("input-delay-ms", ms.to_string(), String::new());
        }
        option("world-bytes", self.world_bytes.to_string(), usual.world_bytes.to_string());
        option("seconds", self.seconds.to_string(), usual.seconds.to_string());
        option("heal-seconds", self.heal_seconds.to_string(), usual.heal_seconds.to_string());
        let names: Vec<&str> = self.faults.iter().map(|fault| fault.name()).collect();
        let names = if names.len() == Fault::ALL.len() { "all".to_owned() } else { names.join(",") };
        option("faults", names, String::new());
        option("intensity", self.intensity.to_string(), usual.intensity.to_string());
        option("seed", seed.to_string(), String::new());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_names_are_read_back() {
        assert_eq!(Fault::list("all"), Ok(Fault::ALL.to_vec()));
        assert_eq!(Fault::list("none"), Ok(Vec::new()));
        assert_eq!(Fault::list("kick,crash,kick"), Ok(vec![Fault::Crash, Fault::Kick]));
        assert!(Fault::list("crush").unwrap_err().contains("`crush`"));
    }

    #[test]
    fn every_seed_gives_a_sound_plan() {
        for seed in 0..500 {
            let plan = Plan::of_seed(seed);
            assert_eq!(plan.check(), Ok(()), "{plan:?}");
            assert!(plan.command(seed).ends_with(&format!("--seed {seed}")));
        }
        assert!(Plan { peers: 1, ..Plan::default() }.check().is_err());
        assert!(Plan { loss: f64::NAN, ..Plan::default() }.check().is_err());
    }
}
