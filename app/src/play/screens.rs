//! The menus as a state machine: steps and letters in, wishes out, and lines to be painted. Must never do what is wished.

use std::path::PathBuf;

use super::actions::{Action, Context};
use super::input::Step;
use super::keys::{Input, Key};
use super::settings::{CHOICES, FLAGS, NUMBERS, Settings};

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// What there is to do.
    Main,
    /// Which scenario to fly.
    New,
    /// With which invite to join.
    Join,
    /// Which recording to play.
    Replays,
    /// What a person may choose.
    Settings,
    /// What does what.
    Controls,
    /// In the middle of a flight or a replay.
    Paused,
}

impl Page {
    /// Its name, for logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::New => "new",
            Self::Join => "join",
            Self::Replays => "replays",
            Self::Settings => "settings",
            Self::Controls => "controls",
            Self::Paused => "paused",
        }
    }
}

/// What a person wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// To fly this scenario.
    Fly(String),
    /// To be guided.
    Guided,
    /// To join with this invite.
    Join(String),
    /// To play this recording.
    Replay(PathBuf),
    /// To go on.
    Resume,
    /// To leave what is flown or played.
    Leave,
    /// To end the program.
    Quit,
    /// What was copied elsewhere, as an invite.
    Paste,
    /// Settings have changed.
    Changed,
}

/// What a line stands at, as [`render::hud::menu::Value`], owned.
#[derive(Clone, Debug, PartialEq)]
pub enum Stands {
    /// It does something.
    Plain,
    /// It opens a page.
    Opens,
    /// A text.
    Text(String),
    /// One of several words.
    Choice(String),
    /// On or off.
    Toggle(bool),
    /// A share and how it reads.
    Slider(f32, String),
}

/// What a line does.
#[derive(Clone, Debug, PartialEq)]
enum Does {
    Nothing,
    Open(Page),
    Wish(Wish),
    Flag(usize),
    Number(usize),
    Choice(usize),
    Bind(Action),
    Usual,
    Back,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is called.
    pub label: String,
    /// What it stands at.
    pub stands: Stands,
    /// What is said when it is marked.
    pub help: String,
    does: Does,
}

/// The menus.
#[derive(Clone, Debug, Default)]
pub struct Screens {
    /// Open pages with the line that is marked; the last is seen.
    open: Vec<(Page, usize)>,
    /// The first line that has room, where somebody points and the list must stay where it is.
    first: Option<usize>,
    /// Names and descriptions of scenarios.
    scenarios: Vec<(String, String)>,
    /// Recordings, newest first.
    recordings: Vec<PathBuf>,
    /// What is written on the page to join.
    invite: String,
    /// The next input is bound to this.
    binding: Option<Action>,
}

/// Longest invite that can be written.
const INVITE_MAX: usize = 1_000;

impl Screens {
    /// Closed menus, with these scenarios to choose from.
    #[must_use]
    pub fn new(scenarios: Vec<(String, String)>) -> Self {
        Self { scenarios, ..Self::default() }
    }

    /// Opens a page by itself.
    pub fn open(&mut self, page: Page) {
        self.open = vec![(page, 0)];
        (self.first, self.binding) = (None, None);
    }

    /// Closes all.
    pub fn close(&mut self) {
        self.open.clear();
        (self.first, self.binding) = (None, None);
    }

    /// The page that is seen, and its marked line.
    #[must_use]
    pub fn page(&self) -> Option<(Page, usize)> {
        self.open.last().copied()
    }

    /// The first line that is to be shown; unless given, the marked one stands in the middle.
    #[must_use]
    pub fn first(&self) -> Option<usize> {
        self.first
    }

    /// Somebody points at a line of a list that begins with `first`: it is marked, and the list stays where it is.
    pub fn point(&mut self, line: usize, first: usize) {
        if self.binding.is_none() {
            self.mark(line);
            self.first = Some(first);
        }
    }

    /// A share of the way of the marked line's slider is chosen, by whole steps.
    pub fn slide(&mut self, share: f32, settings: &mut Settings) -> Option<Wish> {
        let (_, at) = self.page()?;
        let Does::Number(number) = self.lines(settings).get(at)?.does else { return None };
        let number = NUMBERS.get(number)?;
        let wanted = number.least + f64::from(share.clamp(0.0, 1.0)) * (number.most - number.least);
        let steps = ((wanted - (number.get)(settings)) / number.step).round();
        number.change(steps, settings);
        Some(Wish::Changed)
    }

    /// Which recordings there are.
    pub fn set_recordings(&mut self, recordings: Vec<PathBuf>) {
        self.recordings = recordings;
    }

    /// Whether the next input is to be bound, whatever it usually means.
    #[must_use]
    pub fn is_binding(&self) -> bool {
        self.binding.is_some()
    }

    /// Binds an input, where that is waited for; the key that leaves changes nothing.
    pub fn bind(&mut self, input: Input, settings: &mut Settings) -> Option<Wish> {
        let action = self.binding.take()?;
        if input == Input::Key(Key::Escape) {
            return None;
        }
        settings.bindings.rebind(action, input);
        Some(Wish::Changed)
    }

    /// Letters for the page to join.
    pub fn write(&mut self, text: &str) {
        if matches!(self.page(), Some((Page::Join, _))) {
            let room = INVITE_MAX.saturating_sub(self.invite.len());
            self.invite.extend(text.chars().filter(char::is_ascii_graphic).take(room));
        }
    }

    /// An invite for the page to join; what was there before goes.
    pub fn paste(&mut self, text: &str) {
        if matches!(self.page(), Some((Page::Join, _))) {
            self.invite.clear();
            self.write(text);
        }
    }

    /// Takes back the last letter.
    pub fn erase(&mut self) {
        if matches!(self.page(), Some((Page::Join, _))) {
            self.invite.pop();
        }
    }

    /// Goes a step.
    pub fn step(&mut self, step: Step, settings: &mut Settings) -> Option<Wish> {
        let (page, at) = self.page()?;
        let lines = self.lines(settings);
        let count = lines.len().max(1);
        match step {
            Step::Up => self.mark((at + count - 1) % count),
            Step::Down => self.mark((at + 1) % count),
            Step::Left | Step::Right => return change(&lines.get(at)?.does, step == Step::Right, settings),
            Step::Back => return self.back(page),
            Step::Accept => match lines.get(at)?.does.clone() {
                Does::Nothing => {}
                Does::Open(page) => {
                    self.open.push((page, 0));
                    self.first = None;
                }
                Does::Wish(wish) => return Some(wish),
                Does::Bind(action) => self.binding = Some(action),
                Does::Usual => {
                    settings.bindings = Settings::default().bindings;
                    return Some(Wish::Changed);
                }
                Does::Back => return self.back(page),
                does @ (Does::Flag(_) | Does::Number(_) | Does::Choice(_)) => return change(&does, true, settings),
            },
        }
        None
    }

    fn mark(&mut self, line: usize) {
        self.first = None;
        if let Some((_, at)) = self.open.last_mut() {
            *at = line;
        }
    }

    fn back(&mut self, page: Page) -> Option<Wish> {
        self.first = None;
        if self.open.len() > 1 {
            self.open.pop();
            return None;
        }
        // The first page stays, unless something waits behind it.
        (page == Page::Paused).then_some(Wish::Resume)
    }

    /// The title of the page that is seen.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self.page().map(|(page, _)| page) {
            None => "",
            Some(Page::Main) => "SpaceTime",
            Some(Page::New) => "New flight",
            Some(Page::Join) => "Join a session",
            Some(Page::Replays) => "Replays",
            Some(Page::Settings) => "Settings",
            Some(Page::Controls) => "Controls",
            Some(Page::Paused) => "Paused",
        }
    }

    /// The lines of the page that is seen.
    #[must_use]
    pub fn lines(&self, settings: &Settings) -> Vec<Line> {
        match self.page().map(|(page, _)| page) {
            None => Vec::new(),
            Some(Page::Main) => main_lines(),
            Some(Page::Paused) => paused_lines(),
            Some(Page::New) => {
                let fly = |(name, says): &(String, String)| {
                    line(name, Stands::Plain, says, Does::Wish(Wish::Fly(name.clone())))
                };
                self.scenarios.iter().map(fly).chain([back()]).collect()
            }
            Some(Page::Join) => self.join_lines(),
            Some(Page::Replays) => self.replay_lines(),
            Some(Page::Settings) => setting_lines(settings),
            Some(Page::Controls) => self.control_lines(settings),
        }
    }

    fn join_lines(&self) -> Vec<Line> {
        let shown = if self.invite.is_empty() { "Enter or Ctrl+V pastes it".to_owned() } else { self.invite.clone() };
        let help = "What `spacetime host` printed: spacetime://...";
        let does = if self.invite.is_empty() { Does::Nothing } else { Does::Wish(Wish::Join(self.invite.clone())) };
        let paste = Does::Wish(Wish::Paste);
        vec![line("Invite", Stands::Text(shown), help, paste), line("Join", Stands::Plain, help, does), back()]
    }

    fn replay_lines(&self) -> Vec<Line> {
        let name = |path: &PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let play = |path: &PathBuf| {
            let help = path.display().to_string();
            line(&name(path), Stands::Plain, &help, Does::Wish(Wish::Replay(path.clone())))
        };
        let mut lines: Vec<Line> = self.recordings.iter().map(play).collect();
        if lines.is_empty() {
            let help = "Flights are recorded by themselves; any other can be dropped here.";
            lines.push(line("There is no recording yet", Stands::Plain, help, Does::Nothing));
        }
        lines.push(back());
        lines
    }

    fn control_lines(&self, settings: &Settings) -> Vec<Line> {
        let bound = |action: &Action| {
            let stands = if self.binding == Some(*action) {
                "press what shall do it".to_owned()
            } else {
                settings.bindings.shown(*action)
            };
            let when = match action.context() {
                Context::Flight => "In flight. ",
                Context::Replay => "In a replay. ",
                Context::Both => "",
            };
            let help = format!("{when}Enter, then press what shall do it; Escape leaves it as it is.");
            line(action.says(), Stands::Text(stands), &help, Does::Bind(*action))
        };
        let usual = line("All as usual", Stands::Plain, "Forgets what was bound anew.", Does::Usual);
        Action::ALL.iter().map(bound).chain([usual, back()]).collect()
    }
}

impl Line {
    /// Whether it does something.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.does != Does::Nothing
    }
}

fn line(label: &str, stands: Stands, help: &str, does: Does) -> Line {
    Line { label: label.to_owned(), stands, help: help.to_owned(), does }
}

fn back() -> Line {
    line("Back", Stands::Plain, "To where you came from.", Does::Back)
}

fn opens(label: &str, page: Page, help: &str) -> Line {
    line(label, Stands::Opens, help, Does::Open(page))
}

fn main_lines() -> Vec<Line> {
    vec![
        opens("New flight", Page::New, "Fly alone, anywhere in the Solar System."),
        line(
            "Guided flight",
            Stands::Plain,
            "Five minutes from the first turn to a docking.",
            Does::Wish(Wish::Guided),
        ),
        opens("Join a session", Page::Join, "Fly with others, with an invite of theirs."),
        opens("Replays", Page::Replays, "See recorded flights again."),
        opens("Settings", Page::Settings, "Picture, hands, recording."),
        line("Quit", Stands::Plain, "Ends the program.", Does::Wish(Wish::Quit)),
    ]
}

fn paused_lines() -> Vec<Line> {
    vec![
        line("Go on", Stands::Plain, "Closes the menu.", Does::Wish(Wish::Resume)),
        opens("Settings", Page::Settings, "Picture, hands, recording."),
        line("To the main menu", Stands::Plain, "What was flown is recorded up to here.", Does::Wish(Wish::Leave)),
        line("Quit", Stands::Plain, "Ends the program.", Does::Wish(Wish::Quit)),
    ]
}

fn setting_lines(settings: &Settings) -> Vec<Line> {
    let choices = CHOICES.iter().enumerate().map(|(at, choice)| {
        let word = (choice.words)()[(choice.get)(settings)].to_owned();
        line(choice.says, Stands::Choice(word), "Left and right change it.", Does::Choice(at))
    });
    let numbers = NUMBERS.iter().enumerate().map(|(at, number)| {
        let value = (number.get)(settings);
        let share = (value - number.least) / (number.most - number.least);
        let reads = if number.step < 1.0 { format!("{value:.2}") } else { format!("{value:.0}") };
        line(number.says, Stands::Slider(share as f32, reads), "Left and right change it.", Does::Number(at))
    });
    let mut lines: Vec<Line> = numbers.chain(choices).collect();
    lines.extend(
        FLAGS.iter().enumerate().map(|(at, flag)| {
            line(flag.says, Stands::Toggle((flag.get)(settings)), "Enter changes it.", Does::Flag(at))
        }),
    );
    lines.push(opens("Controls", Page::Controls, "What does what."));
    lines.push(back());
    lines
}

/// The value before, or the next one.
fn change(does: &Does, more: bool, settings: &mut Settings) -> Option<Wish> {
    match does {
        Does::Flag(at) => {
            let flag = FLAGS.get(*at)?;
            let on = (flag.get)(settings);
            (flag.set)(settings, !on);
        }
        Does::Choice(at) => {
            let choice = CHOICES.get(*at)?;
            let (now, count) = ((choice.get)(settings), (choice.words)().len());
            (choice.set)(settings, (now + if more { 1 } else { count - 1 }) % count);
        }
        Does::Number(at) => {
            let number = NUMBERS.get(*at)?;
            number.change(if more { 1.0 } else { -1.0 }, settings);
        }
        _ => return None,
    }
    Some(Wish::Changed)
}

#[cfg(test)]
#[path = "screens_tests.rs"]
mod tests;
