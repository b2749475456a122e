//! The world that a picture is of: a scenario, or a recording, at a tick. Must never change a recording.

use std::io::Read;
use std::path::Path;

use render::extract::Blasts;
use sim::frame_view::{FrameFeed, FrameView};
use sim::recording::SIGNATURE;
use sim::{InputFrame, Scenario, Simulation};

use crate::exit::Failure;
use crate::replay::Recording;
use crate::replay::film::Film;
use crate::{output, run, scenario_cmd};

/// Two consecutive ticks of a world, and the world's scenario.
pub struct Moment {
    /// The scenario.
    pub scenario: Scenario,
    /// The state at the tick asked for and at the one before.
    pub frame: FrameView,
    /// The explosions until then.
    pub blasts: Blasts,
    /// The first tick on the way whose digest is not the recorded one.
    pub departed_at: Option<u64>,
}

impl Moment {
    /// A scenario's or a recording's world at a tick; without one at its first, or a recording's last.
    ///
    /// # Errors
    /// [`Failure`] for what cannot be read, and a tick that is not there.
    pub fn of(name: &str, tick: Option<u64>) -> Result<Self, Failure> {
        let path = Path::new(name);
        if path.is_file() && is_recording(path)? {
            Self::recorded(path, tick)
        } else {
            Ok(Self::simulated(scenario_cmd::load(name)?, tick.unwrap_or(0)))
        }
    }

    /// The scenario's own players join at the first tick, and nothing is commanded.
    fn simulated(scenario: Scenario, tick: u64) -> Self {
        let mut simulation = Simulation::new(&scenario);
        let mut feed = FrameFeed::new();
        let mut blasts = Blasts::default();
        let mut show = |simulation: &Simulation| {
            feed.publish(simulation);
            blasts.observe(&feed.reader().latest(), scenario.tick_rate_hz);
        };
        for at in 0..tick {
            show(&simulation);
            let frame = if at == 0 { run::joining(&scenario) } else { InputFrame::default() };
            simulation.step(&frame);
        }
        show(&simulation);
        Self { frame: (*feed.reader().latest()).clone(), blasts, scenario, departed_at: None }
    }

    fn recorded(path: &Path, tick: Option<u64>) -> Result<Self, Failure> {
        let mut recording = Recording::open(path)?;
        let tick = tick.unwrap_or(recording.last_tick());
        let scenario = recording.scenario.clone();
        let mut film = Film::start(&mut recording, tick)?;
        let frame = film.at(tick).map(|frame| (*frame).clone());
        let (departed_at, blasts) = (film.departed_at(), film.blasts().clone());
        let frame =
            frame.ok_or_else(|| Failure::unreadable(path, format!("the inputs before tick {tick} are missing")))?;
        Ok(Self { scenario, frame, blasts, departed_at })
    }
}

/// Whether a file begins as recordings do.
fn is_recording(path: &Path) -> Result<bool, Failure> {
    let mut start = Vec::new();
    let read = output::open(path)?.take(SIGNATURE.len() as u64).read_to_end(&mut start);
    read.map_err(|e| Failure::unreadable(path, output::plain(&e)))?;
    Ok(start == SIGNATURE)
}
