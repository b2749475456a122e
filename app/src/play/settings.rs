//! What a person has chosen, in a TOML file that people may edit. A value that is wrong gets a sentence with its line and
//! leaves the default; a file with mistakes is kept aside before it is written anew. Must never fail for a file's contents.

use std::fs;
use std::path::{Path, PathBuf};

use render::quality::Preset;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::actions::{Action, Bindings};
use super::folders;
use super::input::Feel;
use super::keys::Input;
use crate::exit::Failure;
use crate::output;

/// Longest file that is read, bytes.
const BYTES_MAX: u64 = 1 << 18;
/// Most complaints about one file; more are counted.
const COMPLAINTS_MAX: usize = 8;

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether the window fills the screen.
    pub full_screen: bool,
    /// Field of view from the lower to the upper edge, degrees.
    pub fov_deg: f64,
    /// Size of text and instruments, 1 as designed.
    pub text_size: f64,
    /// Pixels that are drawn along each edge of one of the window's.
    pub scale: f64,
    /// Most stars, the brightest first.
    pub stars: u32,
    /// How much is drawn.
    pub quality: Preset,
    /// Whether the lattice of spacetime is drawn.
    pub lattice: bool,
    /// Whether flights are recorded.
    pub record: bool,
    /// Whether the guided flight was flown or skipped: it begins by itself once.
    pub guided: bool,
    /// How hands are translated.
    pub feel: Feel,
    /// Part of a stick's way that does not count, 0 to 0.9.
    pub dead_zone: f64,
    /// What does what.
    pub bindings: Bindings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            full_screen: false,
            fov_deg: 60.0,
            text_size: 1.0,
            scale: 1.0,
            stars: 120_000,
            quality: Preset::Auto,
            lattice: false,
            record: true,
            guided: false,
            feel: Feel { mouse: 1.0, invert_pitch: false },
            dead_zone: 0.12,
            bindings: Bindings::default(),
        }
    }
}

/// A number in the file: its key, least, most, what it is, and where it is kept.
pub struct Number {
    /// Its key.
    pub key: &'static str,
    /// From where on.
    pub least: f64,
    /// Up to where.
    pub most: f64,
    /// What a step in the menu changes it by.
    pub step: f64,
    /// What it is.
    pub says: &'static str,
    /// Reads it.
    pub get: fn(&Settings) -> f64,
    /// Writes it.
    pub set: fn(&mut Settings, f64),
}

impl Number {
    /// Goes so many steps on, within its range.
    pub fn change(&self, steps: f64, settings: &mut Settings) {
        let to = ((self.get)(settings) + steps * self.step).clamp(self.least, self.most);
        // Sums of steps such as 0.1 are not exact; what is written should be.
        (self.set)(settings, (to * 1e6).round() / 1e6);
    }
}

/// A choice of yes and no in the file.
pub struct Flag {
    /// Its key.
    pub key: &'static str,
    /// What it is.
    pub says: &'static str,
    /// Reads it.
    pub get: fn(&Settings) -> bool,
    /// Writes it.
    pub set: fn(&mut Settings, bool),
}

/// One of several words in the file.
pub struct Choice {
    /// Its key.
    pub key: &'static str,
    /// What it is.
    pub says: &'static str,
    /// The words.
    pub words: fn() -> Vec<&'static str>,
    /// Reads which.
    pub get: fn(&Settings) -> usize,
    /// Writes which; what is beyond the end changes nothing.
    pub set: fn(&mut Settings, usize),
}

/// All choices.
pub const CHOICES: &[Choice] = &[Choice {
    key: "quality",
    says: "Quality",
    words: || Preset::ALL.map(Preset::name).to_vec(),
    get: |s| Preset::ALL.iter().position(|preset| *preset == s.quality).unwrap_or(0),
    set: |s, at| s.quality = Preset::ALL.get(at).copied().unwrap_or(s.quality),
}];

/// All numbers.
pub const NUMBERS: &[Number] = &[
    Number {
        key: "fov_deg",
        least: 30.0,
        most: 120.0,
        step: 5.0,
        says: "Field of view, degrees",
        get: |s| s.fov_deg,
        set: |s, v| s.fov_deg = v,
    },
    Number {
        key: "text_size",
        least: 0.75,
        most: 2.0,
        step: 0.25,
        says: "Size of text",
        get: |s| s.text_size,
        set: |s, v| s.text_size = v,
    },
    Number {
        key: "scale",
        least: 0.5,
        most: 2.0,
        step: 0.25,
        says: "Drawn pixels per pixel",
        get: |s| s.scale,
        set: |s, v| s.scale = v,
    },
    Number {
        key: "stars",
        least: 1_000.0,
        most: 120_000.0,
        step: 17_000.0,
        says: "Most stars",
        get: |s| f64::from(s.stars),
        set: |s, v| s.stars = v.round() as u32,
    },
    Number {
        key: "mouse",
        least: 0.1,
        most: 5.0,
        step: 0.1,
        says: "Mouse sensitivity",
        get: |s| s.feel.mouse,
        set: |s, v| s.feel.mouse = v,
    },
    Number {
        key: "dead_zone",
        least: 0.0,
        most: 0.5,
        step: 0.02,
        says: "Dead zone of sticks",
        get: |s| s.dead_zone,
        set: |s, v| s.dead_zone = v,
    },
];

/// All flags.
pub const FLAGS: &[Flag] = &[
    Flag { key: "full_screen", says: "Full screen", get: |s| s.full_screen, set: |s, v| s.full_screen = v },
    Flag {
        key: "invert_pitch",
        says: "Swap nose up and down",
        get: |s| s.feel.invert_pitch,
        set: |s, v| s.feel.invert_pitch = v,
    },
    Flag { key: "lattice", says: "Lattice of spacetime", get: |s| s.lattice, set: |s, v| s.lattice = v },
    Flag { key: "record", says: "Record flights", get: |s| s.record, set: |s, v| s.record = v },
    Flag { key: "guided", says: "Guided flight done", get: |s| s.guided, set: |s, v| s.guided = v },
];

/// The table of bindings in the file.
const BINDINGS: &str = "bindings";

/// Settings with what was wrong in their text.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// What could be read, and defaults.
    pub settings: Settings,
    /// Sentences with the number of their line.
    pub complaints: Vec<String>,
}

impl Settings {
    /// Reads a text. Any text gives settings.
    #[must_use]
    pub fn read(text: &str) -> Read {
        let mut read = Read { settings: Self::default(), complaints: Vec::new() };
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let line = line_of(text, error.span().map_or(text.len(), |span| span.start));
                read.complaints.push(format!("line {line}: not TOML: {}", error.message().replace('\n', ", ")));
                return read;
            }
        };
        let mut beyond = 0;
        for (key, value) in table.get_ref().iter() {
            let complaints = if key.get_ref() == BINDINGS {
                read_bindings(&mut read.settings, text, value)
            } else {
                let at = line_of(text, key.span().start);
                read_value(&mut read.settings, key.get_ref(), value.get_ref())
                    .map_or_else(|wrong| vec![format!("line {at}: {wrong}")], |()| Vec::new())
            };
            let room = COMPLAINTS_MAX.saturating_sub(read.complaints.len());
            beyond += complaints.len().saturating_sub(room);
            read.complaints.extend(complaints.into_iter().take(room));
        }
        if let Some((a, b, input)) = read.settings.bindings.conflict() {
            read.complaints.push(format!("{} is bound to both {} and {}", input.name(), a.name(), b.name()));
        }
        if beyond > 0 {
            read.complaints.push(format!("and {beyond} more mistakes"));
        }
        read
    }

    /// The text that gives these settings.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = "# Settings of `spacetime play`. docs/PLAYING.md says what each is.\n\n".to_owned();
        for flag in FLAGS {
            text.push_str(&format!("{} = {}\n", flag.key, (flag.get)(self)));
        }
        for choice in CHOICES {
            text.push_str(&format!("{} = {:?}\n", choice.key, (choice.words)()[(choice.get)(self)]));
        }
        for number in NUMBERS {
            text.push_str(&format!("{} = {}\n", number.key, (number.get)(self)));
        }
        text.push_str(&format!("\n# Only what differs from what is usual.\n[{BINDINGS}]\n"));
        for action in Action::ALL.iter().filter(|action| self.bindings.of(**action) != action.usual()) {
            let inputs: Vec<String> =
                self.bindings.of(*action).iter().map(|input| format!("{:?}", input.name())).collect();
            text.push_str(&format!("{} = [{}]\n", action.name(), inputs.join(", ")));
        }
        text
    }
}

fn read_value(settings: &mut Settings, key: &str, value: &DeValue<'_>) -> Result<(), String> {
    if let Some(flag) = FLAGS.iter().find(|flag| flag.key == key) {
        let on = value.as_bool().ok_or_else(|| format!("{key} is true or false"))?;
        (flag.set)(settings, on);
    } else if let Some(number) = NUMBERS.iter().find(|number| number.key == key) {
        let found = number_of(value).filter(|found| (number.least..=number.most).contains(found));
        let found = found.ok_or_else(|| format!("{key} is a number from {} to {}", number.least, number.most))?;
        (number.set)(settings, found);
    } else if let Some(choice) = CHOICES.iter().find(|choice| choice.key == key) {
        let words = (choice.words)();
        let found = value.as_str().and_then(|found| words.iter().position(|word| *word == found));
        (choice.set)(settings, found.ok_or_else(|| format!("{key} is one of {}", words.join(", ")))?);
    } else {
        return Err(format!("there is no setting `{}`", shortened(key)));
    }
    Ok(())
}

fn read_bindings(settings: &mut Settings, text: &str, value: &Spanned<DeValue<'_>>) -> Vec<String> {
    let DeValue::Table(table) = value.get_ref() else {
        let line = line_of(text, value.span().start);
        return vec![format!(
            "line {line}: {BINDINGS} is a table: [{BINDINGS}], then lines such as fire = [\"Space\"]"
        )];
    };
    let mut complaints = Vec::new();
    for (key, inputs) in table.iter() {
        let Some(action) = Action::find(key.get_ref()) else {
            let line = line_of(text, key.span().start);
            complaints.push(format!("line {line}: there is no action `{}`", shortened(key.get_ref())));
            continue;
        };
        match inputs_of(inputs.get_ref()) {
            Ok(inputs) => settings.bindings.set(action, inputs),
            Err(wrong) => complaints.push(format!("line {}: {wrong}", line_of(text, key.span().start))),
        }
    }
    complaints
}

fn inputs_of(value: &DeValue<'_>) -> Result<Vec<Input>, String> {
    let input = |value: &DeValue<'_>| {
        let name = value.as_str().ok_or("inputs are texts, such as [\"KeyW\", \"Pad:South\"]")?;
        Input::find(name).ok_or_else(|| format!("there is no input `{}`; docs/PLAYING.md lists them", shortened(name)))
    };
    match value {
        DeValue::Array(inputs) => inputs.iter().map(|value| input(value.get_ref())).collect(),
        one => Ok(vec![input(one)?]),
    }
}

/// Whole numbers are numbers too.
fn number_of(value: &DeValue<'_>) -> Option<f64> {
    if let Some(float) = value.as_float() {
        return float.as_str().replace('_', "").parse().ok();
    }
    let whole = value.as_integer()?;
    i64::from_str_radix(whole.as_str(), whole.radix()).ok().map(|whole| whole as f64)
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}

fn shortened(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The settings file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// Its text as it was read or written here last.
    known: Option<String>,
    /// The file has mistakes, or could not be read: it is not to be lost.
    precious: bool,
}

impl Store {
    /// Reads the file; there need not be one. What is wrong with it is told in sentences that name it.
    #[must_use]
    pub fn open(path: &Path) -> (Self, Settings, Vec<String>) {
        let text = text_of(path);
        let known = text.as_ref().ok().and_then(Option::clone);
        let (read, precious) = match text {
            Ok(None) => (Read { settings: Settings::default(), complaints: Vec::new() }, false),
            Ok(Some(text)) => {
                let read = Settings::read(&text);
                let precious = !read.complaints.is_empty();
                (read, precious)
            }
            Err(why) => (Read { settings: Settings::default(), complaints: vec![why] }, true),
        };
        let complaints = read.complaints.into_iter().map(|complaint| format!("{}: {complaint}", path.display()));
        (Self { path: path.to_owned(), known, precious }, read.settings, complaints.collect())
    }

    /// Writes the file in one step. One with mistakes is renamed first; gives its new name.
    ///
    /// # Errors
    /// [`Failure::Unwritable`], also where somebody has edited the file since it was read: that is not written over.
    pub fn save(&mut self, settings: &Settings) -> Result<Option<PathBuf>, Failure> {
        let cannot = |e: std::io::Error| Failure::unwritable(&self.path, output::plain(&e));
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(cannot)?;
        // A file that is gone, or that cannot be read, holds nothing to be lost, or is kept aside below.
        if let Ok(Some(text)) = text_of(&self.path)
            && self.known.as_ref() != Some(&text)
        {
            let sentence = "it was edited meanwhile and is not written over; start anew to go by it";
            return Err(Failure::unwritable(&self.path, sentence));
        }
        let kept = if self.precious && self.path.exists() {
            let kept = folders::unused(folder, "settings-with-mistakes", "toml");
            fs::rename(&self.path, &kept).map_err(cannot)?;
            Some(kept)
        } else {
            None
        };
        let aside = self.path.with_extension("toml-new");
        let text = settings.text();
        fs::write(&aside, &text).and_then(|()| fs::rename(&aside, &self.path)).map_err(cannot)?;
        (self.known, self.precious) = (Some(text), false);
        Ok(kept)
    }
}

/// The text of a file; nothing where there is none.
fn text_of(path: &Path) -> Result<Option<String>, String> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(found) if found.len() > BYTES_MAX => return Err("it is too long to be settings".to_owned()),
        _ => {}
    }
    let bytes = fs::read(path).map_err(|e| format!("it cannot be read: {}", output::plain(&e)))?;
    String::from_utf8(bytes).map(Some).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        format!("line {line}: it is not UTF-8 text")
    })
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
