//! The guided first flight: steps as data, each a text and what has to be seen before the next one comes. Must never steer.

use glam::DQuat;
use sim::Kind;
use sim::frame_view::FrameView;

use super::actions::{Action, Bindings};
use crate::view::instruments::Aim;

/// The scenario that it is flown in.
pub const SCENARIO: &str = "earth-orbit";
/// Docked: so near to the hull, m.
pub const DOCKED_M: f64 = 50.0;
/// Docked: and so slow beside it, m/s.
pub const DOCKED_M_S: f64 = 1.0;

/// What the guide looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sight {
    /// Ticks flown, in seconds.
    pub seconds: f64,
    /// Main engine, 0 to 1.
    pub throttle: f64,
    /// Flight assist.
    pub assist: bool,
    /// Quarter-ticks of simulated time per tick.
    pub quarters: u32,
    /// Which way the ship points.
    pub attitude: DQuat,
    /// What is aimed at.
    pub aim: Option<Aim>,
    /// The nearest structure.
    pub station: Option<Station>,
}

/// A structure as seen from the ship.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Station {
    /// Which.
    pub id: u64,
    /// From hull to hull, m.
    pub gap_m: f64,
    /// How fast the ship is beside it, m/s.
    pub speed_m_s: f64,
}

impl Sight {
    /// What is seen from a ship; nothing where there is no such ship.
    #[must_use]
    pub fn of(frame: &FrameView, rate_hz: u32, ship: u64, aim: Option<Aim>) -> Option<Self> {
        let at = frame.ids.binary_search(&ship).ok()?;
        let (pose, look) = (frame.current.get(at)?, frame.looks.get(at)?);
        let stations = (0..frame.ids.len()).filter(|at| frame.kinds.get(*at) == Some(&Kind::Structure));
        let station = stations.filter_map(|other| {
            let (there, seen) = (frame.current.get(other)?, frame.looks.get(other)?);
            Some(Station {
                id: frame.ids[other],
                gap_m: there.position.minus(pose.position).length() - f64::from(seen.radius_m + look.radius_m),
                speed_m_s: (seen.velocity_m_s - look.velocity_m_s).length(),
            })
        });
        Some(Self {
            seconds: frame.tick.0 as f64 / f64::from(rate_hz.max(1)),
            throttle: f64::from(look.throttle),
            assist: look.assist,
            quarters: frame.time_factor.quarters(),
            attitude: pose.icrf_from_body,
            aim,
            station: station.min_by(|a, b| a.gap_m.total_cmp(&b.gap_m)),
        })
    }
}

/// One step.
pub struct Step {
    /// Its name, for logs and tests.
    pub name: &'static str,
    /// What it says; `{action}` stands for what that action is bound to.
    pub text: &'static str,
    /// Whether it is done: what is seen now, and what was seen when it began.
    pub done: fn(&Sight, &Sight) -> bool,
}

/// All steps.
pub const STEPS: &[Step] = &[
    Step {
        name: "welcome",
        text: "Welcome aboard. You are in orbit, 900 m behind a station. {skip_step} goes on, {menu} is the menu.",
        done: |now, begun| now.seconds - begun.seconds > 8.0,
    },
    Step {
        name: "turn",
        text: "Turn the ship: nose {pitch_up} and {pitch_down}, {yaw_left} and {yaw_right}, roll {roll_left} and {roll_right}.",
        done: |now, begun| now.attitude.angle_between(begun.attitude) > 0.5,
    },
    Step {
        name: "throttle",
        text: "More throttle: hold {throttle_up}. The engine pushes along the nose, and stays on when you let go.",
        done: |now, _| now.throttle > 0.25,
    },
    Step {
        name: "engine_off",
        text: "Engine off: {throttle_cut}. You go on as fast as you are now: nothing out here slows you down.",
        done: |now, _| now.throttle == 0.0,
    },
    Step {
        name: "assist_off",
        text: "Flight assist stops your turns for you. Switch it off with {assist}, and turn: you keep turning.",
        done: |now, _| !now.assist,
    },
    Step {
        name: "assist_on",
        text: "Switch assist on again with {assist}. Close to a station you want it on.",
        done: |now, _| now.assist,
    },
    Step {
        name: "target",
        text: "Aim at the station: {next_target} steps through targets. The frame shows where it is, how far, how fast.",
        done: |now, _| now.station.is_some_and(|station| now.aim == Some(Aim::Thing(station.id))),
    },
    Step {
        name: "time_faster",
        text: "Time can run faster: {time_faster}. Engines work up to 4x; above that you can only wait.",
        done: |now, _| now.quarters > 4,
    },
    Step { name: "time_normal", text: "And back to 1x with {time_slower}.", done: |now, _| now.quarters == 4 },
    Step {
        name: "approach",
        text: "Fly to the station with thrusters: {move_forward} and {move_back}, {move_left}, {move_right}, {move_up}, {move_down}. 15 m/s is plenty. Come within 250 m.",
        done: |now, _| now.station.is_some_and(|station| station.gap_m < 250.0),
    },
    Step {
        name: "dock",
        text: "Dock: come to rest beside it, within 50 m of its hull and slower than 1 m/s. Brake with {move_back}.",
        done: |now, _| now.station.is_some_and(|station| station.gap_m < DOCKED_M && station.speed_m_s < DOCKED_M_S),
    },
    Step {
        name: "end",
        text: "Docked. That is all you need: the rest of the Solar System is yours. {menu} has more places to go.",
        done: |now, begun| now.seconds - begun.seconds > 10.0,
    },
];

/// A guided flight that goes on.
#[derive(Clone, Debug, Default)]
pub struct Guide {
    step: usize,
    begun: Option<Sight>,
}

impl Guide {
    /// The step it is at; nothing when it is over.
    #[must_use]
    pub fn step(&self) -> Option<&'static Step> {
        STEPS.get(self.step)
    }

    /// Whether all is done.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.step >= STEPS.len()
    }

    /// Looks; gives whether a step was done.
    pub fn look(&mut self, now: &Sight) -> bool {
        let Some(step) = self.step() else { return false };
        let begun = *self.begun.get_or_insert(*now);
        let done = (step.done)(now, &begun);
        if done {
            self.skip();
        }
        done
    }

    /// Goes on to the next step.
    pub fn skip(&mut self) {
        self.step += 1;
        self.begun = None;
    }

    /// What the step says, with the inputs that a person has.
    #[must_use]
    pub fn says(&self, bindings: &Bindings) -> Option<String> {
        let step = self.step()?;
        Some(format!("{}/{}  {}", self.step + 1, STEPS.len(), filled(step.text, bindings)))
    }
}

/// A text with `{action}` replaced by the first input of that action.
fn filled(text: &str, bindings: &Bindings) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        let input = Action::find(name).and_then(|action| bindings.of(action).first());
        out.push_str(before);
        out.push_str(&input.map_or_else(|| "(nothing)".to_owned(), |input| input.shown()));
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
#[path = "tutorial_tests.rs"]
mod tests;
