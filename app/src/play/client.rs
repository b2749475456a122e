//! The client without its window: devices' events go in, what a frame shows and requests to the window come out. Must never
//! draw, and never wait for the world.

mod game;
mod words;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use glam::{DQuat, DVec3};
use render::hud::menu::{Item, Menu, Timeline, Value};
use render::hud::{Front, Style};
use render::quality::{Preset, Quality};
use render::{Camera, Scene};
use serde_json::{Value as Json, json};
use sim::Position;
use sim::scenario::shipped;

use super::actions::{Action, Context};
use super::folders::{self, Folders};
use super::input::{self, Event, Pressed, Step};
use super::keys::{Input, Key};
use super::screens::{Line, Page, Screens, Stands, Wish};
use super::settings::{Settings, Store};
use super::sight::{Bar, Seen};
use super::{engine, replay_world, tutorial};
use crate::exit::Failure;
use crate::{output, scenario_cmd};
use game::{Game, Kind};

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
/// Recordings that the menu lists.
const RECORDINGS_MAX: usize = 100;
/// What is behind the main menu: the Earth on this day (Julian date), from so many metres.
const BACKDROP: (f64, f64) = (2_460_676.25, 1.6e7);

/// The client.
pub struct Client {
    folders: Folders,
    store: Store,
    settings: Settings,
    screens: Screens,
    pressed: Pressed,
    game: Option<Game>,
    scene: Scene,
    /// The scene is that of the main menu.
    has_backdrop: bool,
    quality: Quality,
    seen: Seen,
    bar: Option<Bar>,
    subtitle: Option<String>,
    lines: Vec<Line>,
    toasts: VecDeque<(String, Option<Instant>)>,
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
            store,
            settings,
            screens: Screens::new(scenarios()),
            pressed: Pressed::default(),
            game: None,
            scene: Scene::empty(camera),
            has_backdrop: false,
            quality: Quality::of(Preset::Auto),
            seen: Seen::default(),
            bar: None,
            subtitle: None,
            lines: Vec::new(),
            toasts: VecDeque::new(),
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
        let sentence = sentence.into();
        if self.toasts.iter().any(|(other, _)| *other == sentence) {
            return;
        }
        if self.toasts.len() >= TOASTS_MAX {
            self.toasts.pop_front();
        }
        self.toasts.push_back((sentence, None));
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

    /// Something came from a device.
    pub fn event(&mut self, event: &Event) {
        let begun = self.pressed.take(event, self.settings.dead_zone as f32);
        if self.screens.page().is_none() {
            let context = self.game.as_ref().map_or(Context::Both, |game| game.context());
            for action in input::begun(&self.settings.bindings, &begun, context) {
                self.act(action);
            }
            return;
        }
        if self.screens.is_binding() {
            if let Some(input) = begun.first() {
                let wish = self.screens.bind(*input, &mut self.settings);
                wish.into_iter().for_each(|wish| self.grant(wish));
            }
            return;
        }
        if let Event::Text(text) = event {
            self.screens.write(text);
        }
        for input in begun {
            if input == Input::Key(Key::Backspace) {
                self.screens.erase();
            }
            let window = |action: &Action| matches!(action, Action::Screenshot | Action::FullScreen);
            let actions: Vec<Action> = self.settings.bindings.actions(input, Context::Both).filter(window).collect();
            actions.into_iter().for_each(|action| self.act(action));
            if let Some(step) = Step::of(input)
                && let Some(wish) = self.screens.step(step, &mut self.settings)
            {
                self.grant(wish);
            }
        }
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
                self.screens.open(Page::Paused);
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
                self.screens.close();
                if let Some(game) = &mut self.game {
                    game.hold(false);
                }
            }
            Wish::Leave => {
                self.end_game();
                self.main_menu();
            }
            Wish::Quit => {
                self.end_game();
                self.requests.push(Request::Quit);
            }
            Wish::Changed => self.save(),
        }
    }

    fn save(&mut self) {
        self.requests.push(Request::FullScreen(self.settings.full_screen));
        self.requests.push(Request::Settings);
        match self.store.save(&self.settings) {
            Ok(None) => {}
            Ok(Some(kept)) => self.toast(format!("The settings with mistakes are kept as {}", kept.display())),
            Err(failure) => self.toast(failure.to_string()),
        }
    }

    /// Begins what is wished; what went on before ends.
    fn begin(&mut self, wish: &Wish) -> Result<(), Failure> {
        let game = match wish {
            Wish::Fly(name) => Game::new(self.fly(name)?, Kind::Flight),
            Wish::Guided => Game::guided(self.fly(tutorial::SCENARIO)?),
            Wish::Join(invite) => Game::new(self.join(invite)?, Kind::Session),
            Wish::Replay(path) => Game::new(replay_world::start(path)?, Kind::Replay),
            Wish::Resume | Wish::Leave | Wish::Quit | Wish::Changed => return Ok(()),
        };
        self.end_game();
        self.game = Some(game);
        self.screens.close();
        Ok(())
    }

    fn fly(&self, name: &str) -> Result<super::world::World, Failure> {
        engine::start(&scenario_cmd::load(name)?, self.recording("flight"))
    }

    fn join(&self, invite: &str) -> Result<super::world::World, Failure> {
        super::join_world::start(invite, self.recording("session"), self.identity.as_deref())
    }

    /// Where what begins now is recorded.
    fn recording(&self, kind: &str) -> Option<PathBuf> {
        let name = format!("{kind}-{}", folders::stamp(SystemTime::now()));
        self.settings.record.then(|| folders::unused(&self.folders.recordings, &name, "strec"))
    }

    fn main_menu(&mut self) {
        self.screens.set_recordings(recordings(&self.folders.recordings));
        self.screens.open(Page::Main);
    }

    /// Ends what goes on; what it recorded is whole then.
    fn end_game(&mut self) {
        self.leave_game().into_iter().for_each(|said| self.toast(said));
    }

    /// As [`Self::end_game`]; gives what there is to say.
    fn leave_game(&mut self) -> Vec<String> {
        let Some(game) = self.game.take() else { return Vec::new() };
        (self.bar, self.subtitle, self.has_backdrop) = (None, None, false);
        self.seen = Seen::default();
        if game.is_guided() && !self.settings.guided {
            self.settings.guided = true;
            self.save();
        }
        game.end()
    }

    /// Makes what the next frame shows, for a window of that many pixels.
    pub fn frame(&mut self, now: Instant, size: [u32; 2]) {
        let passed = now.saturating_duration_since(self.last).min(FRAME_MAX);
        self.last = now;
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
            said.into_iter().for_each(|said| self.toast(said));
        } else {
            self.backdrop(now, aspect);
        }
        if self.game.as_ref().is_some_and(Game::has_ended) {
            self.end_game();
            self.main_menu();
        }
        self.lines = self.screens.lines(&self.settings);
        if let Some((_, until)) = self.toasts.front_mut() {
            let until = *until.get_or_insert(now + TOAST);
            if now >= until {
                self.toasts.pop_front();
            }
        }
    }

    /// The Earth behind the main menu.
    fn backdrop(&mut self, now: Instant, aspect: f64) {
        let seconds = now.saturating_duration_since(self.began).as_secs_f64();
        let turn = DQuat::from_rotation_z(2.4 + seconds * 0.01) * DQuat::from_rotation_y(0.2);
        if !self.has_backdrop {
            let camera = Camera::one(Position::ORIGIN, turn, 1.0, aspect);
            // A date within the ephemeris; without bodies there are still the stars.
            self.scene = Scene::solar_system(BACKDROP.0, camera).unwrap_or_else(|_| Scene::empty(camera));
            self.has_backdrop = true;
        }
        self.quality.apply(&mut self.scene.options);
        self.scene.options.stars = self.quality.stars.min(self.settings.stars);
        let earth = self.scene.find(render::bodies::Look::Earth).map_or(Position::ORIGIN, |earth| earth.position);
        // To the right of the menu's middle.
        let aside = turn * DQuat::from_rotation_z(0.45);
        self.scene.camera =
            Camera::one(earth.plus(turn * DVec3::X * -BACKDROP.1), aside, self.settings.fov_deg.to_radians(), aspect);
    }

    /// Gives scene and front of the frame to `draw`.
    pub fn show<T>(&self, draw: impl FnOnce(&Scene, &Front<'_>) -> T) -> T {
        let items: Vec<Item<'_>> = self.lines.iter().map(item).collect();
        let at = self.screens.page().map_or(0, |(_, at)| at);
        let help = self.lines.get(at).map_or("", |line| line.help.as_str());
        let menu = Menu { title: self.screens.title(), items: &items, selected: at, help };
        let timeline = self.bar.as_ref().filter(|_| self.instruments).map(|bar| Timeline {
            position: bar.position,
            marks: &bar.marks,
            playing: bar.playing,
            time: &bar.time,
            length: &bar.length,
            speed: &bar.speed,
        });
        let front = Front {
            style: Style { zoom: self.settings.text_size as f32, ..Style::default() },
            values: self.seen.values.as_ref(),
            timeline: timeline.as_ref(),
            subtitle: self.subtitle.as_deref().filter(|_| self.instruments || self.bar.is_none()),
            toast: self.toasts.front().map(|(sentence, _)| sentence.as_str()),
            menu: self.screens.page().map(|_| &menu),
            ..Front::default()
        };
        draw(&self.scene, &front)
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
            "message": self.toasts.front().map(|(sentence, _)| sentence),
        })
    }

    /// Ends what goes on; gives what there is to say now that nothing is shown any more.
    pub fn close(&mut self) -> Vec<String> {
        self.leave_game()
    }
}

fn item(line: &Line) -> Item<'_> {
    let value = match &line.stands {
        Stands::Plain => Value::None,
        Stands::Opens => Value::Submenu,
        Stands::Text(text) => Value::Text(text),
        Stands::Choice(word) => Value::Choice(word),
        Stands::Toggle(on) => Value::Toggle(*on),
        Stands::Slider(share, text) => Value::Slider(*share, text),
    };
    Item { label: &line.label, value, enabled: line.is_enabled() }
}

/// The shipped scenarios that one would fly, with what they say of themselves.
fn scenarios() -> Vec<(String, String)> {
    let flown = shipped().iter().filter(|(name, _)| !name.starts_with("bench-"));
    flown
        .map(|(name, text)| {
            let says = text.lines().find_map(|line| line.strip_prefix("description = \"")?.strip_suffix('"'));
            ((*name).to_owned(), says.unwrap_or_default().to_owned())
        })
        .collect()
}

/// The recordings in a folder, newest first by name, which begins alike and goes on with the date.
fn recordings(folder: &std::path::Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "strec")).collect();
    let date = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        name.split_once('-').map_or(name.clone(), |(_, date)| date.to_owned())
    };
    found.sort_by_cached_key(|path| std::cmp::Reverse(date(path)));
    found.truncate(RECORDINGS_MAX);
    found
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
