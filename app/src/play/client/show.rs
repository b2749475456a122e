//! What a frame shows: the scene, and in front of it menus, a replay's bar and messages. Must never change what goes on.

use std::path::{Path, PathBuf};
use std::time::Instant;

use glam::{DQuat, DVec3};
use render::hud::menu::{Item, Menu, Timeline, Value};
use render::hud::{Front, Style};
use render::{Camera, Picture, Scene};
use sim::Position;
use sim::scenario::shipped;

use super::Client;
use crate::exit::Failure;
use crate::play::folders::{self, NewFile};
use crate::play::screens::{Line, Stands};

/// Recordings that the menu lists.
const RECORDINGS_MAX: usize = 100;
/// What is behind the main menu: the Earth on this day (Julian date), from so many metres.
const BACKDROP: (f64, f64) = (2_460_676.25, 1.6e7);

impl Client {
    /// The Earth behind the main menu.
    pub(super) fn backdrop(&mut self, now: Instant, aspect: f64) {
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
        let menu = self.menu(&items);
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
            toast: self.toasts.front().map(|toast| toast.sentence.as_str()).or(self.busy.as_deref()),
            menu: self.screens.page().map(|_| &menu),
            ..Front::default()
        };
        draw(&self.scene, &front)
    }

    /// The menu with these items, which are [`item`] of its lines.
    pub(super) fn menu<'a>(&'a self, items: &'a [Item<'a>]) -> Menu<'a> {
        let selected = self.screens.page().map_or(0, |(_, at)| at);
        let help = self.lines.get(selected).map_or("", |line| line.help.as_str());
        Menu { title: self.screens.title(), items, selected, first: self.screens.first(), help }
    }

    /// Saves a screenshot.
    pub fn keep(&mut self, picture: Picture) {
        let folder = self.folders.screenshots.clone();
        let name = format!("spacetime-{}", folders::stamp(std::time::SystemTime::now()));
        let file = NewFile { folder, name, ending: "png" };
        self.have_done(Box::new(move || Some(written(&picture, &file).unwrap_or_else(|failure| failure.to_string()))));
    }
}

/// Writes a picture; gives what is to be said of it.
fn written(picture: &Picture, file: &NewFile) -> Result<String, Failure> {
    let path = file.reserve()?;
    picture.save(&path).map_err(|e| Failure::unwritable(&path, e))?;
    Ok(format!("Saved {}", path.file_name().unwrap_or_default().to_string_lossy()))
}

pub(super) fn item(line: &Line) -> Item<'_> {
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
pub(super) fn scenarios() -> Vec<(String, String)> {
    let flown = shipped().iter().filter(|(name, _)| !name.starts_with("bench-"));
    flown
        .map(|(name, text)| {
            let says = text.lines().find_map(|line| line.strip_prefix("description = \"")?.strip_suffix('"'));
            ((*name).to_owned(), says.unwrap_or_default().to_owned())
        })
        .collect()
}

/// The recordings in a folder, newest first by name, which begins alike and goes on with the date.
pub(super) fn recordings(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    // What is empty is only reserved.
    let written = entries.filter_map(Result::ok).filter(|entry| entry.metadata().is_ok_and(|file| file.len() > 0));
    let paths = written.map(|entry| entry.path());
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
