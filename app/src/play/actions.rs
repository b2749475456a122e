//! What a person can do, and which inputs do it: one table, from which bindings, the settings file, the menu and the page
//! about playing are made. Must never hold what is pressed now.

use super::keys::{Input, Key, MouseButton, PadButton, Stick, Wheel};

/// When an action counts. One input may do one thing in flight and another in a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// In flight.
    Flight,
    /// In a replay.
    Replay,
    /// In both.
    Both,
}

impl Context {
    /// Whether two actions of these contexts may be meant at the same time.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self == other || self == Self::Both || other == Self::Both
    }

    /// How it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flight => "flight",
            Self::Replay => "replay",
            Self::Both => "both",
        }
    }
}

macro_rules! actions {
    ($($(#[doc = $doc:literal])* $action:ident $name:literal $context:ident [$($input:expr),*])*) => {
        /// Something to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Action { $($(#[doc = $doc])* $action),* }

        impl Action {
            /// All of them, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$action),*];

            /// Its name in a settings file.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$action => $name),* }
            }

            /// What it does, in words.
            #[must_use]
            pub fn says(self) -> &'static str {
                match self { $(Self::$action => concat!($($doc),*).trim_ascii()),* }
            }

            /// When it counts.
            #[must_use]
            pub fn context(self) -> Context {
                match self { $(Self::$action => Context::$context),* }
            }

            /// What does it unless a settings file says otherwise.
            #[must_use]
            pub fn usual(self) -> &'static [Input] {
                match self { $(Self::$action => &[$($input),*]),* }
            }
        }
    };
}

macro_rules! key {
    ($name:ident) => {
        Input::Key(Key::$name)
    };
}
macro_rules! pad {
    ($name:ident) => {
        Input::Pad(PadButton::$name)
    };
}
macro_rules! stick {
    ($name:ident) => {
        Input::Stick(Stick::$name)
    };
}

actions! {
    /// More throttle
    ThrottleUp "throttle_up" Flight [key!(ShiftLeft), pad!(RightTrigger)]
    /// Less throttle
    ThrottleDown "throttle_down" Flight [key!(ControlLeft), pad!(LeftTrigger)]
    /// Full throttle
    ThrottleFull "throttle_full" Flight [key!(KeyZ)]
    /// Engine off
    ThrottleCut "throttle_cut" Flight [key!(KeyX), pad!(East)]
    /// Nose up
    PitchUp "pitch_up" Flight [key!(KeyW), key!(ArrowUp), stick!(LeftStickUp)]
    /// Nose down
    PitchDown "pitch_down" Flight [key!(KeyS), key!(ArrowDown), stick!(LeftStickDown)]
    /// Nose left
    YawLeft "yaw_left" Flight [key!(KeyA), key!(ArrowLeft), stick!(LeftStickLeft)]
    /// Nose right
    YawRight "yaw_right" Flight [key!(KeyD), key!(ArrowRight), stick!(LeftStickRight)]
    /// Roll left
    RollLeft "roll_left" Flight [key!(KeyQ), pad!(LeftBumper)]
    /// Roll right
    RollRight "roll_right" Flight [key!(KeyE), pad!(RightBumper)]
    /// Thrusters forward
    MoveForward "move_forward" Flight [key!(KeyI)]
    /// Thrusters back
    MoveBack "move_back" Flight [key!(KeyK)]
    /// Thrusters left
    MoveLeft "move_left" Flight [key!(KeyJ), stick!(RightStickLeft)]
    /// Thrusters right
    MoveRight "move_right" Flight [key!(KeyL), stick!(RightStickRight)]
    /// Thrusters up
    MoveUp "move_up" Flight [key!(KeyO), stick!(RightStickUp)]
    /// Thrusters down
    MoveDown "move_down" Flight [key!(KeyU), stick!(RightStickDown)]
    /// Steer with the mouse while held
    MouseSteer "mouse_steer" Flight [Input::Mouse(MouseButton::Left)]
    /// Fire
    Fire "fire" Flight [key!(Space), pad!(South)]
    /// Flight assist on or off
    Assist "assist" Flight [key!(KeyF), pad!(West)]
    /// Next target
    NextTarget "next_target" Flight [key!(KeyT), pad!(North)]
    /// Previous target
    PreviousTarget "previous_target" Flight [key!(KeyG)]
    /// Time runs faster
    TimeFaster "time_faster" Flight [key!(Period), pad!(Right)]
    /// Time runs slower
    TimeSlower "time_slower" Flight [key!(Comma), pad!(Left)]
    /// A new ship, after the loss of yours
    Respawn "respawn" Flight [key!(KeyR), pad!(Up)]
    /// Play or pause
    Play "play" Replay [key!(Space), pad!(South)]
    /// One tick on
    StepForward "step_forward" Replay [key!(Period), pad!(RightBumper)]
    /// One tick back
    StepBack "step_back" Replay [key!(Comma), pad!(LeftBumper)]
    /// Five seconds on
    SeekForward "seek_forward" Replay [key!(ArrowRight), pad!(Right)]
    /// Five seconds back
    SeekBack "seek_back" Replay [key!(ArrowLeft), pad!(Left)]
    /// To the beginning
    SeekStart "seek_start" Replay [key!(Home)]
    /// To the end
    SeekEnd "seek_end" Replay [key!(End)]
    /// Faster
    ReplayFaster "replay_faster" Replay [key!(ArrowUp), pad!(RightTrigger)]
    /// Slower
    ReplaySlower "replay_slower" Replay [key!(ArrowDown), pad!(LeftTrigger)]
    /// Follow the next ship
    NextShip "next_ship" Replay [key!(KeyT), pad!(North)]
    /// Follow the previous ship
    PreviousShip "previous_ship" Replay [key!(KeyG)]
    /// Cockpit, chase or free camera
    Camera "camera" Both [key!(KeyC), pad!(Select)]
    /// Look around with the mouse while held
    MouseLook "mouse_look" Both [Input::Mouse(MouseButton::Right)]
    /// Nearer, or a narrower view
    ZoomIn "zoom_in" Both [Input::Wheel(Wheel::Up), key!(Equal)]
    /// Farther, or a wider view
    ZoomOut "zoom_out" Both [Input::Wheel(Wheel::Down), key!(Minus)]
    /// Instruments on or off
    Instruments "instruments" Both [key!(KeyH), pad!(Down)]
    /// Pause, and the menu
    Menu "menu" Both [key!(Escape), pad!(Start)]
    /// Pause without a menu
    Pause "pause" Flight [key!(KeyP), key!(Pause)]
    /// Go on to the next step of the guided flight
    SkipStep "skip_step" Flight [key!(Tab)]
    /// Screenshot
    Screenshot "screenshot" Both [key!(F12)]
    /// Full screen on or off
    FullScreen "full_screen" Both [key!(F11)]
}

impl Action {
    /// The one of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }
}

/// Which inputs do what.
#[derive(Clone, Debug, PartialEq)]
pub struct Bindings {
    /// By [`Action::ALL`].
    inputs: Vec<Vec<Input>>,
}

impl Default for Bindings {
    fn default() -> Self {
        Self { inputs: Action::ALL.iter().map(|action| action.usual().to_vec()).collect() }
    }
}

impl Bindings {
    /// What does it.
    #[must_use]
    pub fn of(&self, action: Action) -> &[Input] {
        self.inputs.get(action as usize).map_or(&[], Vec::as_slice)
    }

    /// Replaces what does it.
    pub fn set(&mut self, action: Action, inputs: Vec<Input>) {
        if let Some(place) = self.inputs.get_mut(action as usize) {
            *place = inputs;
        }
    }

    /// Binds an input in place of others of its sort (gamepad, or keyboard and mouse), and takes it away from what it did
    /// before at the same time.
    pub fn rebind(&mut self, action: Action, input: Input) {
        for other in Action::ALL.iter().filter(|other| other.context().meets(action.context())) {
            self.inputs[*other as usize].retain(|bound| *bound != input);
        }
        let place = &mut self.inputs[action as usize];
        place.retain(|bound| bound.is_pad() != input.is_pad());
        place.insert(0, input);
    }

    /// What an input does in a context.
    pub fn actions(&self, input: Input, context: Context) -> impl Iterator<Item = Action> + '_ {
        let meant = move |action: &&Action| action.context().meets(context) && self.of(**action).contains(&input);
        Action::ALL.iter().filter(meant).copied()
    }

    /// Two actions that one input would do at once, if there are any.
    #[must_use]
    pub fn conflict(&self) -> Option<(Action, Action, Input)> {
        for (i, a) in Action::ALL.iter().enumerate() {
            for b in Action::ALL[i + 1..].iter().filter(|b| b.context().meets(a.context())) {
                if let Some(input) = self.of(*a).iter().find(|input| self.of(*b).contains(input)) {
                    return Some((*a, *b, *input));
                }
            }
        }
        None
    }

    /// How the inputs of an action are shown: `W, Up`.
    #[must_use]
    pub fn shown(&self, action: Action) -> String {
        let all: Vec<String> = self.of(action).iter().map(|input| input.shown()).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_bindings_do_one_thing_at_a_time_and_everything_can_be_done() {
        let bindings = Bindings::default();
        assert_eq!(bindings.conflict(), None);
        for action in Action::ALL {
            assert!(!bindings.of(*action).is_empty(), "{}", action.name());
            assert_eq!(Action::find(action.name()), Some(*action));
            assert!(!action.says().is_empty() && action.says().len() < 60, "{}", action.says());
        }
    }

    #[test]
    fn an_input_that_is_bound_anew_does_nothing_else() {
        let mut bindings = Bindings::default();
        bindings.rebind(Action::Fire, key!(KeyW));
        assert_eq!(bindings.of(Action::Fire), [key!(KeyW), pad!(South)], "the gamepad's button stays");
        assert_eq!(bindings.of(Action::PitchUp), [key!(ArrowUp), stick!(LeftStickUp)]);
        assert_eq!(bindings.of(Action::Play), [key!(Space), pad!(South)], "a replay is another time");
        assert_eq!(bindings.conflict(), None);
        assert_eq!(bindings.actions(key!(KeyW), Context::Flight).collect::<Vec<_>>(), [Action::Fire]);
        bindings.rebind(Action::Camera, key!(Space));
        assert_eq!(bindings.of(Action::Play), [pad!(South)], "what counts always takes from both");
    }

    #[test]
    fn the_page_about_playing_names_every_action_and_its_inputs() {
        let page = include_str!("../../../docs/PLAYING.md");
        for action in Action::ALL {
            let inputs: Vec<String> = action.usual().iter().map(|input| format!("`{}`", input.name())).collect();
            let row = format!(
                "| {} | {} | `{}` | {} |",
                action.says(),
                inputs.join(", "),
                action.name(),
                action.context().name()
            );
            assert!(page.contains(&row), "docs/PLAYING.md lacks this row:\n{row}");
        }
    }
}
