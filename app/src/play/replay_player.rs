//! Plays a recording like a film: runs, stands, steps, seeks, fast and slow. The recording is simulated again from the
//! nearest keyframe, and every digest on the way is compared. Must never read a clock: `replay_world` does.

use sim::input::SentCommand;
use sim::recording::Segment;
use sim::{Command, Event, InputFrame, Membership, Simulation, TickReport};

use super::outlet::Outlet;
use crate::exit::Failure;
use crate::replay::Recording;

/// Slowest and fastest.
pub const SPEEDS: [f64; 13] = [0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0];
/// Seeking so many ticks forward is stepping: no keyframe is loaded for it.
const NEAR_TICKS: u64 = 90;
/// Most marks on the bar; a recording with more has them more densely than a bar can show.
const MARKS_MAX: usize = 2_000;

/// A recording that is played.
pub struct Player {
    recording: Recording,
    simulation: Simulation,
    segment: Option<Segment>,
    report: TickReport,
    /// After the state's tick.
    digest: u64,
    /// Where it is, in ticks; the state is that of the next whole one.
    position: f64,
    playing: bool,
    speed: f64,
    departed_at: Option<u64>,
    /// The log's entry that led to the state.
    frame: InputFrame,
    marks: Vec<(u64, bool)>,
}

impl Player {
    /// At the beginning of a recording, standing.
    ///
    /// # Errors
    /// [`Failure::Unreadable`] where its first state is damaged.
    pub fn new(mut recording: Recording) -> Result<Self, Failure> {
        let first = recording.reader.ticks().start;
        let rebuilt = recording.state_at(first)?;
        let marks = marks(&mut recording);
        Ok(Self {
            digest: rebuilt.simulation.digest().total,
            simulation: rebuilt.simulation,
            recording,
            segment: None,
            report: TickReport::default(),
            position: first as f64,
            playing: false,
            speed: 1.0,
            departed_at: None,
            frame: InputFrame::default(),
            marks,
        })
    }

    /// The world where it is.
    #[must_use]
    pub fn simulation(&self) -> &Simulation {
        &self.simulation
    }

    /// Its digest.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The recording.
    #[must_use]
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Where it is, in ticks.
    #[must_use]
    pub fn position(&self) -> f64 {
        self.position
    }

    /// Share of the way from the tick before to the state's.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        let (first, tick) = (self.recording.reader.ticks().start, self.simulation.tick().0);
        if tick <= first { 1.0 } else { (self.position - (tick - 1) as f64).clamp(0.0, 1.0) }
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.playing
    }

    /// Ticks per tick's time.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// First tick known whose digest is not the recorded one.
    #[must_use]
    pub fn departed_at(&self) -> Option<u64> {
        self.departed_at
    }

    /// What was entered into the log for the state's tick, in words; nothing where no tick led to it.
    #[must_use]
    pub fn entries(&self) -> String {
        entries(&self.frame)
    }

    /// What the log holds besides controls and shots, and what did harm, as far as it is known: by tick.
    #[must_use]
    pub fn marks(&self) -> &[(u64, bool)] {
        &self.marks
    }

    /// Runs or stands; at the end it begins anew.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn play(&mut self, playing: bool, outlet: &mut Outlet) -> Result<(), Failure> {
        if playing && self.position >= self.recording.last_tick() as f64 {
            self.seek(self.recording.reader.ticks().start, outlet)?;
        }
        self.playing = playing;
        Ok(())
    }

    /// Sets the speed, within what there is.
    pub fn set_speed(&mut self, speed: f64) {
        if speed.is_finite() {
            self.speed = speed.clamp(SPEEDS[0], SPEEDS[SPEEDS.len() - 1]);
        }
    }

    /// Stands at a tick, as near to it as the recording has one. `outlet` gets it and the tick before.
    ///
    /// # Errors
    /// [`Failure::Unreadable`] for damage on the way: it stands where it got to.
    pub fn seek(&mut self, tick: u64, outlet: &mut Outlet) -> Result<(), Failure> {
        let result = self.go_to(tick, outlet);
        self.position = self.simulation.tick().0 as f64;
        if result.is_err() {
            outlet.publish(&self.simulation);
        }
        result
    }

    fn go_to(&mut self, tick: u64, outlet: &mut Outlet) -> Result<(), Failure> {
        let (first, last) = (self.recording.reader.ticks().start, self.recording.last_tick());
        let tick = tick.clamp(first, last);
        let before = tick.saturating_sub(1).max(first);
        let here = self.simulation.tick().0;
        self.frame = InputFrame::default();
        if here > before || before - here > NEAR_TICKS {
            let rebuilt = self.recording.state_at(before)?;
            self.simulation = rebuilt.simulation;
            self.digest = self.simulation.digest().total;
            self.note_departure(rebuilt.departed_at);
        }
        while self.simulation.tick().0 < before {
            self.step()?;
        }
        outlet.publish(&self.simulation);
        if before < tick {
            self.step()?;
            outlet.publish(&self.simulation);
        }
        Ok(())
    }

    /// So many ticks on, or back; it stands then.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn step_by(&mut self, ticks: i64, outlet: &mut Outlet) -> Result<(), Failure> {
        self.playing = false;
        // Between two ticks, a step leads to the next whole one.
        let from = if ticks > 0 { self.position.floor() } else { self.position.ceil() } as u64;
        self.seek(from.saturating_add_signed(ticks), outlet)
    }

    /// Lets so much of the wall's time pass, as long as `goes_on` says so, which is asked before each tick; what is beyond
    /// is left out, and it is slower than it should be. Gives what happened.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn advance(
        &mut self,
        seconds: f64,
        mut goes_on: impl FnMut() -> bool,
        outlet: &mut Outlet,
    ) -> Result<Vec<(u64, Event)>, Failure> {
        let mut happened = Vec::new();
        if !self.playing || seconds.is_nan() || seconds <= 0.0 {
            return Ok(happened);
        }
        let last = self.recording.last_tick();
        let rate_hz = f64::from(self.recording.scenario.tick_rate_hz);
        let mut wanted = (self.position + seconds * self.speed * rate_hz).min(last as f64);
        let mut to = wanted.ceil() as u64;
        while self.simulation.tick().0 < to {
            let soonest = self.simulation.tick().0 + 2;
            if soonest < to && !goes_on() {
                // Two more, which are seen.
                (wanted, to) = (soonest as f64, soonest);
            }
            if let Err(failure) = self.step() {
                self.position = self.simulation.tick().0 as f64;
                return Err(failure);
            }
            let tick = self.simulation.tick().0;
            // Only the last two are seen.
            if tick + 1 >= to {
                outlet.publish(&self.simulation);
            }
            for event in &self.report.events {
                happened.push((tick, *event));
                if is_harm(event) && !self.marks.contains(&(tick, true)) && self.marks.len() < MARKS_MAX {
                    self.marks.push((tick, true));
                }
            }
        }
        self.position = wanted;
        if wanted >= last as f64 {
            self.playing = false;
        }
        Ok(happened)
    }

    /// One tick, by the log.
    fn step(&mut self) -> Result<(), Failure> {
        let tick = self.simulation.tick().0;
        let Some((frame, digest)) = self.frame(tick)? else {
            let reason = format!("the inputs of tick {tick} are missing");
            return Err(Failure::unreadable(&self.recording.path, reason));
        };
        self.simulation.step_into(&frame, &mut self.report);
        self.frame = frame;
        self.digest = self.report.digest.total;
        if self.digest != digest {
            self.note_departure(Some(self.report.tick.0));
        }
        Ok(())
    }

    fn note_departure(&mut self, at: Option<u64>) {
        self.departed_at = match (self.departed_at, at) {
            (Some(known), Some(at)) => Some(known.min(at)),
            (known, at) => known.or(at),
        };
    }

    /// The log's entry for a tick, and the digest after it.
    fn frame(&mut self, tick: u64) -> Result<Option<(InputFrame, u64)>, Failure> {
        let holds = |segment: &Segment| {
            let at = tick.checked_sub(segment.first_tick)?;
            usize::try_from(at).ok().filter(|at| *at < segment.frames.len())
        };
        if self.segment.as_ref().and_then(holds).is_none() {
            let Some(number) = self.recording.reader.segment_of(tick) else { return Ok(None) };
            let read = self.recording.reader.read_segment(number);
            self.segment = Some(read.map_err(|e| Failure::unreadable(&self.recording.path, e))?);
        }
        let Some(segment) = &self.segment else { return Ok(None) };
        Ok(holds(segment).and_then(|at| Some((segment.frames.get(at)?.clone(), *segment.digests.get(at)?))))
    }
}

/// The speed a step faster or slower.
#[must_use]
pub fn stepped(speed: f64, faster: bool) -> f64 {
    let next = if faster {
        SPEEDS.iter().find(|other| **other > speed * 1.001)
    } else {
        SPEEDS.iter().rev().find(|other| **other < speed * 0.999)
    };
    next.copied().unwrap_or(speed)
}

/// Whether something was broken.
#[must_use]
pub fn is_harm(event: &Event) -> bool {
    matches!(event, Event::Destroyed { .. } | Event::Impact { .. })
}

/// The ticks of a recording whose entries are worth a mark. Damaged parts have none.
fn marks(recording: &mut Recording) -> Vec<(u64, bool)> {
    let first = recording.reader.ticks().start;
    let steps = recording.reader.frames_from(first).map_while(Result::ok);
    // The first entry of a recording is everybody's joining.
    let notable = steps.filter(|step| step.tick > first && is_notable(&step.frame));
    notable.map(|step| (step.tick + 1, false)).take(MARKS_MAX).collect()
}

fn is_notable(frame: &InputFrame) -> bool {
    let common = |sent: &SentCommand| {
        matches!(Command::decode(&sent.bytes), Ok(Command::Controls { .. } | Command::Fire { .. }))
    };
    !frame.membership.is_empty() || frame.commands.iter().any(|sent| !common(sent))
}

/// An entry of the log in words, as far as a line goes.
fn entries(frame: &InputFrame) -> String {
    let joined = frame.membership.iter().map(|entry| match entry {
        Membership::Join { player, role } => format!("{player} joins as {role:?}").to_lowercase(),
        Membership::Leave { player } => format!("{player} leaves"),
    });
    let commanded = frame.commands.iter().map(|sent| {
        let what = match Command::decode(&sent.bytes) {
            Ok(Command::Controls { controls, .. }) => {
                let percent = f64::from(controls.main) / 327.67;
                let assist = if controls.assist { "on" } else { "off" };
                format!("steers, throttle {percent:.0} %, assist {assist}")
            }
            Ok(Command::Fire { .. }) => "fires".to_owned(),
            Ok(Command::Respawn { .. }) => "takes a new ship".to_owned(),
            Ok(Command::SetTimeFactor { quarters }) => format!("sets time to {}x", f64::from(quarters) / 4.0),
            Ok(Command::Spawn(_)) => "makes something".to_owned(),
            Ok(Command::Despawn { entity }) => format!("removes {entity}"),
            Ok(Command::Patch { .. }) => "patches the world".to_owned(),
            Ok(Command::Tune { .. }) => "tunes the world".to_owned(),
            Ok(Command::Interfere { entity, .. }) => format!("interferes with {entity}"),
            Err(_) => "sends what is no command".to_owned(),
        };
        format!("{} {what}", sent.player)
    });
    let all: Vec<String> = joined.chain(commanded).take(4).collect();
    all.join("; ")
}

#[cfg(test)]
#[path = "replay_player_tests.rs"]
mod tests;
