//! Gamepads, by gilrs. Must never fail: without gamepads, or without what they need, there are none.

use gilrs::{Axis, Button, EventType, Gilrs};

use super::input::Event;
use super::keys::{Input, PadButton, Stick};

/// All gamepads of the machine, as one.
pub struct Gamepads(Option<Gilrs>);

impl Gamepads {
    /// Looks for them.
    #[must_use]
    pub fn open() -> Self {
        match Gilrs::new() {
            Ok(gilrs) => Self(Some(gilrs)),
            Err(error) => {
                tracing::info!("no gamepads: {error}");
                Self(None)
            }
        }
    }

    /// What they did since the last call.
    pub fn poll(&mut self) -> Vec<Event> {
        let Some(gilrs) = &mut self.0 else { return Vec::new() };
        let mut events = Vec::new();
        while let Some(event) = gilrs.next_event() {
            match event.event {
                EventType::ButtonChanged(button, value, _) => {
                    events.extend(button_of(button).map(|button| Event::Set(Input::Pad(button), value)));
                }
                EventType::AxisChanged(axis, value, _) => {
                    if let Some([more, less]) = stick_of(axis) {
                        events.push(Event::Set(Input::Stick(more), value.max(0.0)));
                        events.push(Event::Set(Input::Stick(less), (-value).max(0.0)));
                    }
                }
                EventType::Disconnected => {
                    let all = Input::all().filter(|input| input.is_pad());
                    events.extend(all.map(|input| Event::Set(input, 0.0)));
                }
                _ => {}
            }
        }
        events
    }
}

fn button_of(button: Button) -> Option<PadButton> {
    Some(match button {
        Button::South => PadButton::South,
        Button::East => PadButton::East,
        Button::West => PadButton::West,
        Button::North => PadButton::North,
        Button::LeftTrigger => PadButton::LeftBumper,
        Button::RightTrigger => PadButton::RightBumper,
        Button::LeftTrigger2 => PadButton::LeftTrigger,
        Button::RightTrigger2 => PadButton::RightTrigger,
        Button::LeftThumb => PadButton::LeftStick,
        Button::RightThumb => PadButton::RightStick,
        Button::DPadUp => PadButton::Up,
        Button::DPadDown => PadButton::Down,
        Button::DPadLeft => PadButton::Left,
        Button::DPadRight => PadButton::Right,
        Button::Start => PadButton::Start,
        Button::Select => PadButton::Select,
        _ => return None,
    })
}

/// The halves of a stick's way, right or up first.
fn stick_of(axis: Axis) -> Option<[Stick; 2]> {
    Some(match axis {
        Axis::LeftStickX => [Stick::LeftStickRight, Stick::LeftStickLeft],
        Axis::LeftStickY => [Stick::LeftStickUp, Stick::LeftStickDown],
        Axis::RightStickX => [Stick::RightStickRight, Stick::RightStickLeft],
        Axis::RightStickY => [Stick::RightStickUp, Stick::RightStickDown],
        _ => return None,
    })
}
