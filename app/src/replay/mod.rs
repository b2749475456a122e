//! `spacetime replay`: what recordings are good for. This file opens them and rebuilds states from them; each
//! subcommand has a file of its own. Must never trust a recording: what it holds is checked, then compared.

pub mod at;
pub mod diff;
pub mod export;
pub mod film;
pub mod fork;
pub mod info;
pub mod plot;
pub mod render;
pub mod signed;
mod trajectories;
pub mod verify;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sim::recording::{Header, Reader};
use sim::{Scenario, Simulation};

use crate::cli::{ReplayArgs, ReplayCommand};
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::progress::Progress;

/// Last tick that is believed: 400 million years at 90 Hz, far from where a count of ticks would overflow.
const TICK_MAX: u64 = 1 << 60;

/// Runs `spacetime replay`.
///
/// # Errors
/// [`Failure`] for what cannot be read, in whole or in part, or written.
pub fn command(args: &ReplayArgs, progress: Progress) -> Result<Outcome, Failure> {
    match &args.command {
        ReplayCommand::Info { file, json } => info::command(file, *json),
        ReplayCommand::Verify { file, threads, json } => verify::command(file, *threads, *json, progress),
        ReplayCommand::At { file, tick, entity, json } => at::command(file, *tick, *entity, *json),
        ReplayCommand::Diff { a, b, json } => diff::command(a, b, *json),
        ReplayCommand::Fork(args) => fork::command(args, progress),
        ReplayCommand::Export(args) => export::command(args, progress),
        ReplayCommand::Render(args) => render::command(args, progress),
        ReplayCommand::Plot { file, out, size, json } => plot::command(file, out, *size, *json, progress),
    }
}

/// An open recording with its scenario.
pub struct Recording {
    /// Where it is.
    pub path: PathBuf,
    /// Its contents.
    pub reader: Reader<BufReader<File>>,
    /// The world it is of.
    pub scenario: Scenario,
    /// Called with every simulation that is built from it: tests break systems with this.
    pub prepare: Option<Prepare>,
}

/// A change to a simulation before it steps.
pub type Prepare = Arc<dyn Fn(&mut Simulation) + Send + Sync>;

/// A state that was rebuilt from a recording.
pub struct Rebuilt {
    /// The state.
    pub simulation: Simulation,
    /// The first tick on the way from the keyframe whose digest is not the recorded one.
    pub departed_at: Option<u64>,
}

impl Recording {
    /// Opens a recording; one that is truncated or damaged behind its header opens too.
    ///
    /// # Errors
    /// [`Failure::Unreadable`] if it is no recording, or its scenario is none for this build.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let reader = Reader::open(BufReader::new(output::open(path)?)).map_err(|e| Failure::unreadable(path, e))?;
        let header = reader.header();
        let scenario = Scenario::parse(&header.scenario_text)
            .map_err(|e| Failure::unreadable(path, format!("this build cannot read its scenario: {e}")))?;
        if header.tick_rate_hz != scenario.tick_rate_hz || header.seed != scenario.seed {
            return Err(Failure::unreadable(path, "its header contradicts its scenario"));
        }
        if reader.ticks().end > TICK_MAX {
            return Err(Failure::unreadable(path, "its ticks are beyond what a simulation reaches"));
        }
        if header.schema != sim::schema_hash() {
            return Err(Failure::unreadable(
                path,
                format!(
                    "its states have another layout than this build's: it was made by {}, this is {}",
                    shown(&header.build_id),
                    crate::BUILD_ID
                ),
            ));
        }
        Ok(Self { path: path.to_owned(), reader, scenario, prepare: None })
    }

    /// A second handle on the same recording, for another thread.
    ///
    /// # Errors
    /// [`Failure::Unreadable`].
    pub fn reopen(&self) -> Result<Self, Failure> {
        let file = BufReader::new(output::open(&self.path)?);
        Ok(Self {
            path: self.path.clone(),
            reader: self.reader.reopen(file),
            scenario: self.scenario.clone(),
            prepare: self.prepare.clone(),
        })
    }

    /// What the recording says about itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.reader.header()
    }

    /// The tick of the last state.
    #[must_use]
    pub fn last_tick(&self) -> u64 {
        self.reader.ticks().end
    }

    /// The keyframe's state.
    ///
    /// # Errors
    /// [`Failure::Unreadable`] if it is damaged or no state of this scenario.
    pub fn keyframe(&mut self, keyframe: usize) -> Result<Simulation, Failure> {
        let bytes = self.reader.read_keyframe(keyframe).map_err(|e| Failure::unreadable(&self.path, e))?;
        let tick = self.reader.keyframes().get(keyframe).map_or(0, |entry| entry.tick);
        let mut simulation = Simulation::restore(&self.scenario, &bytes).map_err(|e| {
            Failure::unreadable(&self.path, format!("the keyframe at tick {tick} is no state of its scenario: {e}"))
        })?;
        if simulation.tick().0 != tick {
            let found = simulation.tick();
            return Err(Failure::unreadable(&self.path, format!("the keyframe at tick {tick} is of tick {found}")));
        }
        if let Some(prepare) = &self.prepare {
            prepare(&mut simulation);
        }
        Ok(simulation)
    }

    /// Rebuilds the state at `tick` from the nearest keyframe that can be read, and compares digests on the way.
    ///
    /// # Errors
    /// [`Failure::Misused`] for a tick it does not have, [`Failure::Unreadable`] for damage on the way.
    pub fn state_at(&mut self, tick: u64) -> Result<Rebuilt, Failure> {
        self.check_tick(tick)?;
        let after = self.reader.keyframes().partition_point(|k| k.tick <= tick);
        let mut reason = Failure::unreadable(&self.path, format!("it has no keyframe at or before tick {tick}"));
        for keyframe in (0..after).rev() {
            match self.keyframe(keyframe) {
                Ok(simulation) => return self.walk(simulation, tick),
                Err(failure) => reason = failure,
            }
        }
        Err(reason)
    }

    /// Says so if the recording has no state of that tick.
    ///
    /// # Errors
    /// [`Failure::Misused`].
    pub fn check_tick(&self, tick: u64) -> Result<(), Failure> {
        let (first, last) = (self.reader.ticks().start, self.last_tick());
        if (first..=last).contains(&tick) {
            return Ok(());
        }
        let path = self.path.display();
        Err(Failure::Misused(format!("{path} has no tick {tick}; it goes from tick {first} to tick {last}")))
    }

    /// Steps from a keyframe's state to `tick`.
    fn walk(&mut self, mut simulation: Simulation, tick: u64) -> Result<Rebuilt, Failure> {
        let mut departed_at = None;
        let from = simulation.tick().0;
        for step in self.reader.frames_from(from).take(tick.saturating_sub(from) as usize) {
            let step = step.map_err(|e| Failure::unreadable(&self.path, e))?;
            let report = simulation.step(&step.frame);
            if report.digest.total != step.digest && departed_at.is_none() {
                departed_at = Some(report.tick.0);
            }
        }
        if simulation.tick().0 != tick {
            return Err(Failure::unreadable(&self.path, format!("the inputs before tick {tick} are missing")));
        }
        Ok(Rebuilt { simulation, departed_at })
    }

    /// What is lost of it, if anything, as an error that a command ends with after its work.
    #[must_use]
    pub fn loss(&self) -> Option<Failure> {
        let status = self.reader.status();
        (!status.is_complete()).then(|| Failure::Incomplete { path: self.path.clone(), reason: status.to_string() })
    }

    /// [`Outcome::Fine`], or the loss.
    ///
    /// # Errors
    /// [`Failure::Incomplete`].
    pub fn fine(&self) -> Result<Outcome, Failure> {
        self.loss().map_or(Ok(Outcome::Fine), Err)
    }
}

/// A text from a file, fit for a terminal: control characters replaced, cut at 160 characters.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars().take(160).map(|c| if c.is_control() { '?' } else { c }).collect()
}
