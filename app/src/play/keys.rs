//! What a hand can touch: keys, buttons, sticks, by the names that a settings file uses. Must never know of a window.

/// Hands all keys to a macro, by the names that they have in the UI Events specification of the W3C.
macro_rules! with_keys {
    ($then:ident) => {
        $then! {
            KeyA KeyB KeyC KeyD KeyE KeyF KeyG KeyH KeyI KeyJ KeyK KeyL KeyM KeyN KeyO KeyP KeyQ KeyR KeyS KeyT KeyU
            KeyV KeyW KeyX KeyY KeyZ Digit0 Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9
            ArrowUp ArrowDown ArrowLeft ArrowRight Enter Escape Space Tab Backspace Delete Insert Home End PageUp
            PageDown ShiftLeft ShiftRight ControlLeft ControlRight AltLeft AltRight CapsLock Minus Equal BracketLeft
            BracketRight Semicolon Quote Backquote Backslash IntlBackslash Comma Period Slash
            Numpad0 Numpad1 Numpad2 Numpad3 Numpad4 Numpad5 Numpad6 Numpad7 Numpad8 Numpad9 NumpadAdd NumpadSubtract
            NumpadMultiply NumpadDivide NumpadDecimal NumpadEnter Pause F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12
        }
    };
}
#[cfg(feature = "desktop")]
pub(crate) use with_keys;

/// Makes an enumeration whose variants know their names.
macro_rules! named {
    ($(#[$doc:meta])* $kind:ident: $($name:ident)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is what its name says")]
        pub enum $kind { $($name),* }

        impl $kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// The one of that name.
            #[must_use]
            pub fn find(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

macro_rules! make_keys {
    ($($name:ident)*) => {
        named! {
            /// A key, by its place on a keyboard and not by the letter on it.
            Key: $($name)*
        }
    };
}
with_keys!(make_keys);

named! {
    /// A button of the mouse.
    MouseButton: Left Right Middle Back Forward
}
named! {
    /// A notch of the mouse's wheel, away from the hand or towards it.
    Wheel: Up Down
}
named! {
    /// A button of a gamepad. The four under the right thumb are named by where they are.
    PadButton: South East West North LeftBumper RightBumper LeftTrigger RightTrigger LeftStick RightStick
               Up Down Left Right Start Select
}
named! {
    /// One half of the way of a gamepad's stick.
    Stick: LeftStickUp LeftStickDown LeftStickLeft LeftStickRight
           RightStickUp RightStickDown RightStickLeft RightStickRight
}

/// Anything that can be bound to an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// A key.
    Key(Key),
    /// A button of the mouse.
    Mouse(MouseButton),
    /// A notch of the wheel.
    Wheel(Wheel),
    /// A button of a gamepad.
    Pad(PadButton),
    /// Half the way of a stick.
    Stick(Stick),
}

impl Input {
    /// Its name in a settings file: `KeyW`, `Mouse:Left`, `Wheel:Up`, `Pad:South`, `Pad:LeftStickUp`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Key(key) => key.name().to_owned(),
            Self::Mouse(button) => format!("Mouse:{}", button.name()),
            Self::Wheel(way) => format!("Wheel:{}", way.name()),
            Self::Pad(button) => format!("Pad:{}", button.name()),
            Self::Stick(way) => format!("Pad:{}", way.name()),
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        match name.split_once(':') {
            None => Key::find(name).map(Self::Key),
            Some(("Mouse", name)) => MouseButton::find(name).map(Self::Mouse),
            Some(("Wheel", name)) => Wheel::find(name).map(Self::Wheel),
            Some(("Pad", name)) => PadButton::find(name).map(Self::Pad).or_else(|| Stick::find(name).map(Self::Stick)),
            Some(_) => None,
        }
    }

    /// How people call it, for menus and the guided flight.
    #[must_use]
    pub fn shown(self) -> String {
        match self {
            Self::Key(key) => {
                let name = key.name();
                let bare = name.strip_prefix("Key").or_else(|| name.strip_prefix("Digit")).unwrap_or(name);
                match bare {
                    "ArrowUp" => "Up".to_owned(),
                    "ArrowDown" => "Down".to_owned(),
                    "ArrowLeft" => "Left".to_owned(),
                    "ArrowRight" => "Right".to_owned(),
                    other => other.to_owned(),
                }
            }
            Self::Mouse(button) => format!("mouse {}", button.name().to_lowercase()),
            Self::Wheel(way) => format!("wheel {}", way.name().to_lowercase()),
            Self::Pad(button) => format!("pad {}", engraved(button.name())),
            Self::Stick(way) => format!("pad {}", engraved(way.name())),
        }
    }

    /// Whether it is part of a gamepad.
    #[must_use]
    pub fn is_pad(self) -> bool {
        matches!(self, Self::Pad(_) | Self::Stick(_))
    }

    /// All that there are.
    pub fn all() -> impl Iterator<Item = Self> {
        let keys = Key::ALL.iter().map(|key| Self::Key(*key));
        let mouse = MouseButton::ALL.iter().map(|button| Self::Mouse(*button));
        let wheel = Wheel::ALL.iter().map(|way| Self::Wheel(*way));
        let pad = PadButton::ALL.iter().map(|button| Self::Pad(*button));
        keys.chain(mouse).chain(wheel).chain(pad).chain(Stick::ALL.iter().map(|way| Self::Stick(*way)))
    }
}

/// A name as gamepads have it engraved: LB, LT, LS up.
fn engraved(name: &str) -> String {
    let short = [("Bumper", "B"), ("Trigger", "T"), ("Stick", "S ")];
    let (side, rest) = match name.strip_prefix("Left").or_else(|| name.strip_prefix("Right")) {
        Some(rest) if !rest.is_empty() => (&name[..1], rest),
        _ => return name.to_owned(),
    };
    let found = short.iter().find_map(|(long, short)| Some((short, rest.strip_prefix(long)?)));
    let shown = found.map_or(name.to_owned(), |(short, way)| format!("{side}{short}{}", way.to_lowercase()));
    shown.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_and_none_is_used_twice() {
        let mut names: Vec<String> = Input::all().map(Input::name).collect();
        for input in Input::all() {
            assert_eq!(Input::find(&input.name()), Some(input));
            assert!(!input.shown().is_empty());
        }
        for (name, shown) in [
            ("Pad:LeftStickDown", "pad LS down"),
            ("Pad:RightTrigger", "pad RT"),
            ("Pad:LeftStick", "pad LS"),
            ("Pad:Left", "pad Left"),
            ("KeyW", "W"),
        ] {
            assert_eq!(Input::find(name).map(Input::shown).as_deref(), Some(shown));
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        for bad in ["", "keyw", "W", "Pad:", "Pad:Nose", "Mouse:KeyW", "Wheel:Up:Up", "Hat:Up"] {
            assert_eq!(Input::find(bad), None, "{bad}");
        }
    }
}
