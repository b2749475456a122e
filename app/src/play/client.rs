//! The client without its window: devices' events go in, what a frame shows and requests to the window come out. Must never
//! draw, and never wait for a world, a file or a network while there is a window.

mod game;
mod hands;
mod show;
mod words;
mod worlds;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use glam::{DQuat, Vec2};
use render::quality::{Preset, Quality};
use render::{Camera, Scene};
use serde_json::{Value as Json, json};
use sim::Position;

use super::actions::Action;
use super::chores::{Chore, Chores};
use super::folders::Folders;
use super::input::Pressed;
use super::screens::{Line, Page, Screens, Wish};
use super::settings::{Settings, Store};
use super::sight::{Bar, Seen};
use crate::exit::Failure;
use crate::output;
use game::Game;
use show::{recordings, scenarios};
use worlds::Traffic;

/// What a person began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// The menu; at first start the guided flight.
    Menu,
    /// A flight in this scenario.
    Fly(String),
    /// A session, with this invite.
    Join(String),
    /// A recording.
    Replay(PathBuf),
}

/// What the window is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To fill the screen, or not.
    FullScreen(bool),
    /// To save what is seen.
    Screenshot,
    /// To write what is in the clipboard.
    Paste,
    /// To draw with other settings.
    Settings,
    /// To close.
    Quit,
}

/// How long a message is seen.
const TOAST: Duration = Duration::from_secs(4);
/// Most messages that wait.
const TOASTS_MAX: usize = 4;
/// Longest time that one frame accounts for.
const FRAME_MAX: Duration = Duration::from_millis(250);

/// A message.
struct Toast {
    sentence: String,
    /// Until when it is seen, where it is.
    until: Option<Instant>,
    /// Of what happens in the world: it makes room for what concerns the person.
    is_news: bool,
}

/// The client.
pub struct Client {
    folders: Folders,
    store: Arc<Mutex<Store>>,
    chores: Chores,
    settings: Settings,
    screens: Screens,
    pressed: Pressed,
    /// Where the pointer is, pixels from the window's upper left corner.
    pointer: Option<Vec2>,
    /// Pixels of the window.
    size: [u32; 2],
    game: Option<Game>,
    traffic: Traffic,
    scene: Scene,
    /// The scene is that of the main menu.
    has_backdrop: bool,
    quality: Quality,
    seen: Seen,
    bar: Option<Bar>,
    subtitle: Option<String>,
    lines: Vec<Line>,
    toasts: VecDeque<Toast>,
    /// What takes its time.
    busy: Option<String>,
    requests: Vec<Request>,
    /// Who one is to others, where that is not as usual.
    identity: Option<PathBuf>,
    instruments: bool,
    began: Instant,
    last: Instant,
}

impl Client {
    /// A client, and what it begins with. What is wrong with the settings is told as a message.
    ///
    /// # Errors
    /// [`Failure`] where what was asked for on the command line cannot be had.
    pub fn new(folders: Folders, identity: Option<PathBuf>, start: &Start, now: Instant) -> Result<Self, Failure> {
        let (store, settings, complaints) = Store::open(&folders.settings);
        let camera = Camera::one(Position::ORIGIN, DQuat::IDENTITY, 1.0, 1.0);
        let mut client = Self {
            folders,
            store: Arc::new(Mutex::new(store)),
            chores: Chores::new()?,
            settings,
            screens: Screens::new(scenarios()),
            pressed: Pressed::default(),
            pointer: None,
            size: [1, 1],
            game: None,
            traffic: Traffic::default(),
            scene: Scene::empty(camera),
            has_backdrop: false,
            quality: Quality::of(Preset::Auto),
            seen: Seen::default(),
            bar: None,
            subtitle: None,
            lines: Vec::new(),
            toasts: VecDeque::new(),
            busy: None,
            requests: Vec::new(),
            identity,
            instruments: true,
            began: now,
            last: now,
        };
        for complaint in complaints {
            // More than fit the window are to be read somewhere.
            output::complain(&complaint);
            client.toast(complaint);
        }
        if client.settings.full_screen {
            client.requests.push(Request::FullScreen(true));
        }
        match start {
            Start::Menu if !client.settings.guided => client.begin(&Wish::Guided)?,
            Start::Menu => client.main_menu(),
            Start::Fly(name) => client.begin(&Wish::Fly(name.clone()))?,
            Start::Join(invite) => client.begin(&Wish::Join(invite.clone()))?,
            Start::Replay(path) => client.begin(&Wish::Replay(path.clone()))?,
        }
        client.arrive()?;
        Ok(client)
    }

    /// What a person has chosen.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How fine all is drawn from now on.
    pub fn set_quality(&mut self, quality: Quality) {
        self.quality = quality;
    }

    /// Where things are kept.
    #[must_use]
    pub fn folders(&self) -> &Folders {
        &self.folders
    }

    /// Shows a message.
    pub fn toast(&mut self, sentence: impl Into<String>) {
        self.add_toast(Toast { sentence: sentence.into(), until: None, is_news: false });
    }

    fn add_toast(&mut self, toast: Toast) {
        if self.toasts.iter().any(|other| other.sentence == toast.sentence) {
            return;
        }
        if self.toasts.len() >= TOASTS_MAX {
            // What is seen stays.
            match (1..self.toasts.len()).find(|at| self.toasts[*at].is_news) {
                Some(at) => drop(self.toasts.remove(at)),
                None if toast.is_news => return,
                None => drop(self.toasts.remove(1)),
            }
        }
        self.toasts.push_back(toast);
    }

    /// Has something done that takes its time; what there is to say of it becomes a message.
    pub fn have_done(&mut self, chore: Chore) {
        let said = self.chores.add(chore);
        said.into_iter().for_each(|said| self.toast(said));
    }

    /// What the window is asked for since the last call.
    pub fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// Whether a menu is open.
    #[must_use]
    pub fn is_in_menu(&self) -> bool {
        self.screens.page().is_some()
    }

    /// A file was let fall on the window: a recording is played.
    pub fn dropped(&mut self, path: PathBuf) {
        self.grant(Wish::Replay(path));
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Screenshot => self.requests.push(Request::Screenshot),
            Action::FullScreen => {
                self.settings.full_screen = !self.settings.full_screen;
                self.grant(Wish::Changed);
            }
            Action::Instruments => self.instruments = !self.instruments,
            Action::Menu => {
                self.open_menu(Page::Paused);
                if let Some(game) = &mut self.game {
                    game.hold(true);
                }
            }
            other => {
                let said = self.game.as_mut().and_then(|game| game.act(other));
                said.into_iter().for_each(|said| self.toast(said));
            }
        }
    }

    /// Does what is wished, or says why not.
    fn grant(&mut self, wish: Wish) {
        match &wish {
            Wish::Fly(_) | Wish::Guided | Wish::Join(_) | Wish::Replay(_) => {
                if let Err(failure) = self.begin(&wish) {
                    self.toast(failure.to_string());
                }
            }
            Wish::Resume => {
                self.close_menu();
                if let Some(game) = &mut self.game {
                    game.hold(false);
                }
            }
            Wish::Leave => {
                self.call_off();
                self.end_game();
                self.main_menu();
            }
            Wish::Quit => {
                self.call_off();
                self.end_game();
                self.requests.push(Request::Quit);
            }
            Wish::Paste => self.requests.push(Request::Paste),
            Wish::Changed => self.save(),
        }
    }

    /// What was in the clipboard, for the page to join.
    pub fn paste(&mut self, text: &str) {
        self.screens.paste(text);
    }

    fn open_menu(&mut self, page: Page) {
        self.screens.open(page);
        self.pressed.forget();
    }

    /// What chose a line is not to steer a ship too.
    fn close_menu(&mut self) {
        self.screens.close();
        self.pressed.forget();
    }

    fn save(&mut self) {
        self.requests.push(Request::FullScreen(self.settings.full_screen));
        self.requests.push(Request::Settings);
        let (store, settings) = (Arc::clone(&self.store), self.settings.clone());
        self.have_done(Box::new(move || {
            // A store is whole whoever panicked while it had it.
            match store.lock().unwrap_or_else(PoisonError::into_inner).save(&settings) {
                Ok(kept) => kept.map(|kept| format!("The settings with mistakes are kept as {}", kept.display())),
                Err(failure) => Some(failure.to_string()),
            }
        }));
    }

    /// Makes what the next frame shows, for a window of that many pixels.
    pub fn frame(&mut self, now: Instant, size: [u32; 2]) {
        let passed = now.saturating_duration_since(self.last).min(FRAME_MAX);
        (self.last, self.size) = (now, size);
        self.look_after_worlds();
        self.chores.said().into_iter().for_each(|said| self.toast(said));
        self.busy = self.busy(now);
        let aspect = f64::from(size[0].max(1)) / f64::from(size[1].max(1));
        let motion = self.pressed.take_motion();
        if let Some(game) = &mut self.game {
            let hands = game::Hands {
                pressed: if self.screens.page().is_none() { Some(&self.pressed) } else { None },
                settings: &self.settings,
                motion,
                passed,
                now,
            };
            let said = game.live(&hands);
            let (seen, bar, subtitle) =
                game.see((&self.settings, self.quality), aspect, self.instruments, now, &mut self.scene);
            (self.seen, self.bar, self.subtitle) = (seen, bar, subtitle);
            self.has_backdrop = false;
            said.into_iter().for_each(|toast| self.add_toast(toast));
        } else {
            self.backdrop(now, aspect);
        }
        if self.game.as_ref().is_some_and(Game::has_ended) {
            self.end_game();
            self.main_menu();
        }
        self.lines = self.screens.lines(&self.settings);
        if let Some(toast) = self.toasts.front_mut() {
            let until = *toast.until.get_or_insert(now + TOAST);
            if now >= until {
                self.toasts.pop_front();
            }
        }
    }

    /// Where it stands, for logs.
    #[must_use]
    pub fn state(&self) -> Json {
        let page = self.screens.page();
        json!({
            "page": page.map(|(page, _)| page.name()),
            "line": page.map(|(_, line)| line),
            "game": self.game.as_ref().map(Game::state),
            "tick": self.seen.tick,
            "message": self.toasts.front().map(|toast| &toast.sentence),
        })
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
