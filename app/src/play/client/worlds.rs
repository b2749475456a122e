//! Worlds that come and go: what is being opened, and what was left and still ends. Must never wait for one while there is a
//! window.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::game::{Game, Kind};
use super::{Client, recordings};
use crate::exit::Failure;
use crate::play::folders::{self, NewFile};
use crate::play::screens::{Page, Wish};
use crate::play::world::{Notice, World};
use crate::play::{engine, join_world, replay_world, tutorial};

/// How long the end waits for what is left: a session's good-bye, and a recording's last keyframe.
const CLOSE_MAX: Duration = Duration::from_secs(15);
/// What takes longer than this is told.
const MOMENT: Duration = Duration::from_millis(200);

/// What is on its way, and what is still ending.
#[derive(Default)]
pub struct Traffic {
    opening: Option<(Game, Instant, String)>,
    leaving: Vec<Leaving>,
    /// A recording that is to be played as soon as it is whole.
    waiting: Option<PathBuf>,
}

/// A world that was left.
pub struct Leaving {
    world: World,
    kind: Kind,
    recording: Option<PathBuf>,
    since: Instant,
}

impl Leaving {
    /// Asks a world to end.
    pub fn new(world: World, kind: Kind) -> Self {
        world.leave();
        let recording = world.status().recording;
        Self { world, kind, recording, since: Instant::now() }
    }

    fn words(&self) -> &'static str {
        match self.kind {
            Kind::Session => "Leaving the session ...",
            Kind::Flight => "Ending the recording ...",
            Kind::Replay => "Closing the recording ...",
        }
    }
}

/// What is left to be said of a world that has ended.
fn last_words((notices, result): (Vec<Notice>, Result<(), Failure>)) -> Vec<String> {
    let said = notices.into_iter().filter_map(|notice| match notice {
        Notice::Said(sentence) => Some(sentence),
        Notice::Happened { .. } => None,
    });
    said.chain(result.err().map(|failure| failure.to_string())).collect()
}

impl Client {
    /// Begins what is wished, as soon as it is there; what goes on ends then.
    pub(super) fn begin(&mut self, wish: &Wish) -> Result<(), Failure> {
        let recording = |kind: &str| {
            let name = format!("{kind}-{}", folders::stamp(SystemTime::now()));
            let file = NewFile { folder: self.folders.recordings.clone(), name, ending: "strec" };
            self.settings.record.then_some(file)
        };
        let what = match wish {
            Wish::Fly(name) => name.clone(),
            Wish::Guided => "the guided flight".to_owned(),
            Wish::Join(_) => "the way to the session".to_owned(),
            Wish::Replay(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Wish::Resume | Wish::Leave | Wish::Quit | Wish::Paste | Wish::Changed => return Ok(()),
        };
        // A second click on the same line.
        if self.traffic.opening.as_ref().is_some_and(|(.., other)| *other == what) {
            return Ok(());
        }
        let game = match wish {
            Wish::Fly(name) => Game::new(engine::start(name, recording("flight"))?, Kind::Flight),
            Wish::Guided => Game::guided(engine::start(tutorial::SCENARIO, recording("flight"))?),
            Wish::Join(invite) => {
                let world = join_world::start(invite, recording("session"), self.identity.as_deref())?;
                Game::new(world, Kind::Session)
            }
            Wish::Replay(path) if self.is_ending(path) => {
                self.call_off();
                self.traffic.waiting = Some(path.clone());
                return Ok(());
            }
            Wish::Replay(path) => Game::new(replay_world::start(path)?, Kind::Replay),
            Wish::Resume | Wish::Leave | Wish::Quit | Wish::Paste | Wish::Changed => return Ok(()),
        };
        self.call_off();
        self.traffic.opening = Some((game, Instant::now(), what));
        Ok(())
    }

    /// What is on its way is wanted no more.
    pub(super) fn call_off(&mut self) {
        self.traffic.waiting = None;
        if let Some((game, ..)) = self.traffic.opening.take() {
            self.traffic.leaving.push(game.leave());
        }
    }

    /// Waits until what is on its way is there: for the time before there is a window.
    ///
    /// # Errors
    /// [`Failure`] where it does not come.
    pub(super) fn arrive(&mut self) -> Result<(), Failure> {
        if let Some((game, ..)) = self.traffic.opening.take() {
            self.enter(game.opened()?);
        }
        Ok(())
    }

    /// Whether what writes this file still ends.
    fn is_ending(&self, path: &Path) -> bool {
        self.traffic.leaving.iter().any(|leaving| leaving.recording.as_deref() == Some(path))
    }

    /// Goes into a world.
    fn enter(&mut self, game: Game) {
        self.end_game();
        self.game = Some(game);
        self.close_menu();
    }

    /// Looks after what is on its way, and what still ends.
    pub(super) fn look_after_worlds(&mut self) {
        let mut ended = Vec::new();
        self.traffic.leaving = std::mem::take(&mut self.traffic.leaving)
            .into_iter()
            .filter_map(|leaving| {
                if !leaving.world.has_ended() {
                    return Some(leaving);
                }
                ended.extend(last_words(leaving.world.end()));
                None
            })
            .collect();
        ended.into_iter().for_each(|said| self.toast(said));
        if let Some(path) = self.traffic.waiting.take_if(|_| self.traffic.leaving.is_empty())
            && let Err(failure) = self.begin(&Wish::Replay(path))
        {
            self.toast(failure.to_string());
        }
        if let Some((game, ..)) = self.traffic.opening.take_if(|(game, ..)| game.is_open() || game.has_ended()) {
            if game.is_open() {
                self.enter(game);
            } else {
                self.traffic.leaving.push(game.leave());
            }
        }
    }

    /// What takes its time, in words.
    pub(super) fn busy(&self, now: Instant) -> Option<String> {
        let long = |since: Instant| now.saturating_duration_since(since) > MOMENT;
        let opening = self.traffic.opening.as_ref().filter(|(_, since, _)| long(*since));
        let leaving = || self.traffic.leaving.iter().find(|leaving| long(leaving.since));
        opening.map(|(_, _, what)| format!("Opening {what} ...")).or_else(|| leaving().map(|it| it.words().to_owned()))
    }

    pub(super) fn main_menu(&mut self) {
        self.screens.set_recordings(recordings(&self.folders.recordings));
        self.open_menu(Page::Main);
    }

    /// Ends what goes on, without waiting for it.
    pub(super) fn end_game(&mut self) {
        let Some(game) = self.game.take() else { return };
        (self.bar, self.subtitle, self.has_backdrop) = (None, None, false);
        self.seen = super::Seen::default();
        if game.is_guided() && !self.settings.guided {
            self.settings.guided = true;
            self.save();
        }
        self.traffic.leaving.push(game.leave());
    }

    /// Ends everything, and waits for it, but not for ever: for the time when there is no window any more. Gives what there
    /// is to say.
    pub fn close(&mut self) -> Vec<String> {
        let deadline = Instant::now() + CLOSE_MAX;
        self.end_game();
        self.call_off();
        let leaving = std::mem::take(&mut self.traffic.leaving);
        let mut said: Vec<String> =
            leaving.into_iter().flat_map(|leaving| last_words(leaving.world.end_by(deadline))).collect();
        said.extend(self.chores.end_by(deadline));
        // What nobody has seen yet.
        said.extend(self.toasts.drain(..).filter(|toast| toast.until.is_none()).map(|toast| toast.sentence));
        said
    }
}
