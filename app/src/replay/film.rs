//! A recording as frame views, forward in time: each tick is simulated once, however many pictures are taken between two
//! of them. Must never go back: whoever wants an earlier tick starts again.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use render::extract::Blasts;
use render::scene::BLAST_S;
use sim::Simulation;
use sim::frame_view::{FrameFeed, FrameReader, FrameView};
use sim::recording::Frames;

use super::Recording;
use crate::exit::{Failure, Outcome};

/// A recording that runs forward.
pub struct Film<'a> {
    frames: Frames<'a, BufReader<File>>,
    simulation: Simulation,
    feed: FrameFeed,
    reader: FrameReader,
    blasts: Blasts,
    tick_rate_hz: u32,
    /// The first tick whose digest is not the recorded one.
    departed_at: Option<u64>,
    /// Why it ends before its end.
    cut: Option<Failure>,
    path: std::path::PathBuf,
}

impl<'a> Film<'a> {
    /// Ready to show tick `from` and what comes after it.
    ///
    /// # Errors
    /// [`Failure::Misused`] for a tick that the recording does not have, [`Failure::Unreadable`] for damage on the way to
    /// it.
    pub fn start(recording: &'a mut Recording, from: u64) -> Result<Self, Failure> {
        recording.check_tick(from)?;
        // Some ticks before, where there are such, so that the first view has motion, and explosions that go on.
        let tick_rate_hz = recording.scenario.tick_rate_hz;
        let earlier = (f64::from(BLAST_S) * f64::from(tick_rate_hz)).ceil() as u64 + 1;
        let before = from.saturating_sub(earlier).max(recording.reader.ticks().start);
        let rebuilt = recording.state_at(before)?;
        let feed = FrameFeed::new();
        let mut film = Self {
            path: recording.path.clone(),
            frames: recording.reader.frames_from(before),
            reader: feed.reader(),
            feed,
            blasts: Blasts::default(),
            tick_rate_hz,
            departed_at: rebuilt.departed_at,
            simulation: rebuilt.simulation,
            cut: None,
        };
        film.publish();
        Ok(film)
    }

    /// The view whose later tick is `tick`, which must not be before the one asked for last; nothing behind the end of
    /// what can be read.
    pub fn at(&mut self, tick: u64) -> Option<Arc<FrameView>> {
        while self.simulation.tick().0 < tick {
            self.step()?;
            self.publish();
        }
        Some(self.reader.latest())
    }

    /// The view and the fraction of the way between its ticks for a moment between ticks, as [`Self::at`].
    pub fn between(&mut self, moment: f64) -> Option<(Arc<FrameView>, f64)> {
        let later = moment.ceil();
        // What is before the recording's start shows its start.
        Some((self.at(later.max(0.0) as u64)?, moment - later + 1.0))
    }

    /// The explosions so far.
    #[must_use]
    pub fn blasts(&self) -> &Blasts {
        &self.blasts
    }

    /// How it went: the recorded digests, and what could be read.
    ///
    /// # Errors
    /// [`Failure::Incomplete`] if damage ended it early.
    pub fn end(self) -> Result<Outcome, Failure> {
        match (self.departed_at, self.cut) {
            (Some(tick), _) => Ok(Outcome::Different(format!(
                "this build does not reproduce the recording: the digest of tick {tick} differs, so what is shown may \
                 not be what was recorded"
            ))),
            (None, Some(failure)) => Err(failure),
            (None, None) => Ok(Outcome::Fine),
        }
    }

    /// The first tick so far whose digest is not the recorded one.
    #[must_use]
    pub fn departed_at(&self) -> Option<u64> {
        self.departed_at
    }

    fn step(&mut self) -> Option<()> {
        match self.frames.next()? {
            Ok(step) => {
                let report = self.simulation.step(&step.frame);
                if report.digest.total != step.digest {
                    self.departed_at = self.departed_at.or(Some(report.tick.0));
                }
                Some(())
            }
            Err(error) => {
                self.cut = Some(Failure::Incomplete { path: self.path.clone(), reason: error.to_string() });
                None
            }
        }
    }

    fn publish(&mut self) {
        self.feed.publish(&self.simulation);
        self.blasts.observe(&self.reader.latest(), self.tick_rate_hz);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sim::InputFrame;

    use super::*;
    use crate::record::{Options, Recorder};
    use crate::{run, scenario_cmd};

    /// 90 ticks of the demo's world from tick `from` on.
    fn recorded(path: &Path, from: u64) -> Recording {
        let scenario = scenario_cmd::load("demo").expect("shipped");
        let mut simulation = Simulation::new(&scenario);
        let mut recorder = None;
        for tick in 0..from + 90 {
            if tick == from {
                let options = Options { keyframe_ticks: Some(30), fork: None };
                recorder = Some(Recorder::create(path, &scenario, &simulation, options, &[]).expect("it is written"));
            }
            let frame = if tick == 0 { run::joining(&scenario) } else { InputFrame::default() };
            let report = simulation.step(&frame);
            if let Some(recorder) = &mut recorder {
                recorder.push(&frame, report.digest.total, &simulation).expect("it is written");
            }
        }
        recorder.expect("begun").finish(&simulation).expect("it is written");
        Recording::open(path).expect("a recording")
    }

    #[test]
    fn views_are_those_of_the_recorded_ticks() {
        let folder = tempfile::tempdir().unwrap();
        let mut recording = recorded(&folder.path().join("a"), 20);
        let mut film = Film::start(&mut recording, 50).unwrap();
        let first = film.at(50).unwrap();
        assert_eq!((first.tick.0, first.previous == first.current), (50, false));
        // Far ahead, one on, and the same again.
        for tick in [75, 76, 76] {
            let view = film.at(tick).unwrap();
            assert_eq!(view.tick.0, tick);
            assert!(view.previous != view.current, "it has the tick before too");
        }
        let (view, fraction) = film.between(80.25).unwrap();
        assert_eq!((view.tick.0, fraction), (81, 0.25));
        assert_eq!(film.between(81.0).map(|(view, fraction)| (view.tick.0, fraction)), Some((81, 1.0)));
        assert!(film.at(110).is_some() && film.at(111).is_none(), "it ends");
        assert_eq!(film.end().unwrap(), Outcome::Fine);
    }

    #[test]
    fn it_shows_what_a_seek_would() {
        let folder = tempfile::tempdir().unwrap();
        let mut recording = recorded(&folder.path().join("a"), 0);
        for tick in [0, 1, 30, 31, 90] {
            let sought = recording.state_at(tick).unwrap().simulation;
            let mut feed = FrameFeed::new();
            feed.publish(&sought);
            let mut film = Film::start(&mut recording, tick.min(10)).unwrap();
            let view = film.at(tick).unwrap();
            assert_eq!(view.current, feed.reader().latest().current, "tick {tick}");
            assert_eq!(view.looks, feed.reader().latest().looks);
        }
        assert!(matches!(Film::start(&mut recording, 91), Err(Failure::Misused(_))));
    }

    #[test]
    fn damage_ends_it_early_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        drop(recorded(&path, 0));
        let mut bytes = std::fs::read(&path).unwrap();
        let mut recording = Recording::open(&path).unwrap();
        let last = recording.reader.segments().last().copied().expect("some");
        drop(recording);
        // Inside the last segment.
        let at = last.offset as usize + 40;
        bytes[at] ^= 0xff;
        std::fs::write(&path, &bytes).unwrap();
        recording = Recording::open(&path).unwrap();
        let mut film = Film::start(&mut recording, 0).unwrap();
        assert!(film.at(last.first_tick).is_some() && film.at(90).is_none());
        assert!(matches!(film.end(), Err(Failure::Incomplete { .. })));
    }
}
