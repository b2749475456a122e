//! What is pressed now, and what follows: actions that begin, and the controls of a ship. Must never read a device: events
//! come in as plain values.

use std::collections::BTreeMap;

use sim::command::ControlInput;

use super::actions::{Action, Bindings, Context};
use super::keys::{Input, Key, PadButton, Stick, Wheel};

/// What comes from devices.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Something is pressed (1), let go (0), or pressed in part.
    Set(Input, f32),
    /// The pointer moved by pixels, right and down.
    Motion(f32, f32),
    /// The pointer is at this place of the window, pixels from its upper left corner.
    Point(f32, f32),
    /// The wheel turned by notches, away from the hand.
    Turned(f32),
    /// Somebody wrote something.
    Text(String),
    /// The window has the keyboard, or lost it.
    Focus(bool),
}

/// From here on an input counts as pressed.
const PRESSED: f32 = 0.5;
/// Full throttle takes so many seconds.
const THROTTLE_S: f64 = 1.5;
/// So many pixels of the mouse are a full deflection, at a sensitivity of 1.
const MOUSE_FULL: f64 = 220.0;
/// Full deflection of a control in a command.
const FULL: f64 = 32_767.0;

/// Steps through a menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the line above.
    Up,
    /// To the line below.
    Down,
    /// The value before.
    Left,
    /// The next value.
    Right,
    /// Does it.
    Accept,
    /// Where one came from.
    Back,
}

impl Step {
    /// What an input means in a menu. These are not bound anew, so that a menu can always be left.
    #[must_use]
    pub fn of(input: Input) -> Option<Self> {
        Some(match input {
            Input::Key(Key::ArrowUp) | Input::Pad(PadButton::Up) | Input::Stick(Stick::LeftStickUp) => Self::Up,
            Input::Key(Key::ArrowDown) | Input::Pad(PadButton::Down) | Input::Stick(Stick::LeftStickDown) => Self::Down,
            Input::Key(Key::ArrowLeft) | Input::Pad(PadButton::Left) | Input::Stick(Stick::LeftStickLeft) => Self::Left,
            Input::Key(Key::ArrowRight) | Input::Pad(PadButton::Right) | Input::Stick(Stick::LeftStickRight) => {
                Self::Right
            }
            Input::Key(Key::Enter | Key::NumpadEnter) | Input::Pad(PadButton::South) => Self::Accept,
            Input::Key(Key::Escape) | Input::Pad(PadButton::East | PadButton::Start) => Self::Back,
            _ => return None,
        })
    }
}

/// What is pressed now.
#[derive(Clone, Debug, Default)]
pub struct Pressed {
    values: BTreeMap<Input, f32>,
    /// The pointer's way since [`Self::take_motion`], pixels.
    motion: [f64; 2],
    /// The wheel's way that is not a whole notch yet.
    wheel: f32,
}

impl Pressed {
    /// Takes an event in; gives the inputs that begin with it.
    pub fn take(&mut self, event: &Event, dead_zone: f32) -> Vec<Input> {
        match *event {
            Event::Set(input, value) => {
                let value = if matches!(input, Input::Stick(_)) { beyond(value, dead_zone) } else { sound(value) };
                let before = self.values.insert(input, value).unwrap_or(0.0);
                if value <= 0.0 {
                    self.values.remove(&input);
                }
                if before < PRESSED && value >= PRESSED { vec![input] } else { Vec::new() }
            }
            Event::Motion(x, y) if x.is_finite() && y.is_finite() => {
                self.motion[0] += f64::from(x);
                self.motion[1] += f64::from(y);
                Vec::new()
            }
            Event::Turned(notches) if notches.is_finite() => {
                self.wheel = (self.wheel + notches).clamp(-8.0, 8.0);
                let whole = self.wheel.trunc();
                self.wheel -= whole;
                let way = if whole > 0.0 { Wheel::Up } else { Wheel::Down };
                vec![Input::Wheel(way); whole.abs() as usize]
            }
            Event::Focus(false) => {
                // Nobody will say that it was let go.
                self.values.clear();
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Whether it is pressed.
    #[must_use]
    pub fn has(&self, input: Input) -> bool {
        self.values.get(&input).is_some_and(|value| *value >= PRESSED)
    }

    /// Forgets what is held: it counts when it is pressed anew.
    pub fn forget(&mut self) {
        self.values.clear();
    }

    /// How far an action's inputs are pressed, 0 to 1.
    #[must_use]
    pub fn value(&self, bindings: &Bindings, action: Action) -> f64 {
        let values = bindings.of(action).iter().filter_map(|input| self.values.get(input));
        f64::from(values.copied().fold(0.0, f32::max))
    }

    /// Whether an action's inputs are pressed.
    #[must_use]
    pub fn is_held(&self, bindings: &Bindings, action: Action) -> bool {
        self.value(bindings, action) >= f64::from(PRESSED)
    }

    /// The pointer's way since the last call, pixels right and down.
    pub fn take_motion(&mut self) -> [f64; 2] {
        std::mem::take(&mut self.motion)
    }
}

fn sound(value: f32) -> f32 {
    if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 }
}

/// A stick's way beyond the part around its middle that does not count.
fn beyond(value: f32, dead_zone: f32) -> f32 {
    let zone = sound(dead_zone).min(0.9);
    ((sound(value) - zone) / (1.0 - zone)).max(0.0)
}

/// The actions that inputs begin in a context.
pub fn begun(bindings: &Bindings, inputs: &[Input], context: Context) -> Vec<Action> {
    inputs.iter().flat_map(|input| bindings.actions(*input, context)).collect()
}

/// What a pilot holds: it stays when hands are off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Helm {
    /// Main engine, 0 to 1.
    pub throttle: f64,
    /// Flight assist.
    pub assist: bool,
    /// The mouse as a stick, nose right and nose down, -1 to 1.
    mouse: [f64; 2],
}

impl Default for Helm {
    fn default() -> Self {
        Self { throttle: 0.0, assist: true, mouse: [0.0; 2] }
    }
}

/// How hands are translated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feel {
    /// Factor of the mouse.
    pub mouse: f64,
    /// Nose up and down change places.
    pub invert_pitch: bool,
}

impl Helm {
    /// An action that has begun.
    pub fn begin(&mut self, action: Action) {
        match action {
            Action::ThrottleFull => self.throttle = 1.0,
            Action::ThrottleCut => self.throttle = 0.0,
            Action::Assist => self.assist = !self.assist,
            _ => {}
        }
    }

    /// The controls after `seconds` with these inputs. `motion` is the mouse's way in them.
    pub fn controls(
        &mut self,
        pressed: &Pressed,
        bindings: &Bindings,
        feel: Feel,
        motion: [f64; 2],
        seconds: f64,
    ) -> ControlInput {
        let value = |action| pressed.value(bindings, action);
        let pair = |more, less| value(more) - value(less);
        let push = pair(Action::ThrottleUp, Action::ThrottleDown) * seconds.clamp(0.0, 0.25) / THROTTLE_S;
        self.throttle = (self.throttle + push).clamp(0.0, 1.0);
        if pressed.is_held(bindings, Action::MouseSteer) {
            let moved = |at: f64, by: f64| {
                let to = at + by * feel.mouse / MOUSE_FULL;
                if to.is_finite() { to.clamp(-1.0, 1.0) } else { 0.0 }
            };
            self.mouse = [moved(self.mouse[0], motion[0]), moved(self.mouse[1], motion[1])];
        } else {
            self.mouse = [0.0; 2];
        }
        let up = if feel.invert_pitch { -1.0 } else { 1.0 };
        // Right-handed about forward, left and up: a positive turn about the left axis lowers the nose.
        let rotate = [
            pair(Action::RollRight, Action::RollLeft),
            up * (pair(Action::PitchDown, Action::PitchUp) + self.mouse[1]),
            pair(Action::YawLeft, Action::YawRight) - self.mouse[0],
        ];
        let translate = [
            pair(Action::MoveForward, Action::MoveBack),
            pair(Action::MoveLeft, Action::MoveRight),
            pair(Action::MoveUp, Action::MoveDown),
        ];
        ControlInput {
            main: deflection(self.throttle),
            translate: translate.map(deflection),
            rotate: rotate.map(deflection),
            assist: self.assist,
        }
    }
}

/// A share from -1 to 1 as a command has it.
fn deflection(share: f64) -> i16 {
    if share.is_finite() { (share.clamp(-1.0, 1.0) * FULL).round() as i16 } else { 0 }
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
