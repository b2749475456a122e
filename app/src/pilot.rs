//! The four scripted pilots of `spacetime demo`, and the operator who speeds time up. Their inputs are functions
//! of the tick alone: they fly blind, so that the demo is the same everywhere. Must never look at the state.

use sim::command::ControlInput;
use sim::{Command, InputFrame, Membership, PlayerId, Role, TimeFactor};

/// Full deflection.
const FULL: i16 = 32_767;
/// Time factor of the second part, in quarters: 1000 times.
const FAST_QUARTERS: u32 = 4_000;

/// Who flies what, and for how long.
#[derive(Clone, Debug)]
pub struct Script {
    /// Pilots with their ships, in order of their numbers.
    pub pilots: Vec<(PlayerId, u64)>,
    /// Who sets the time factor.
    pub operator: PlayerId,
    /// Ticks per second.
    pub rate_hz: u32,
    /// Ticks at normal speed.
    pub slow_ticks: u64,
    /// Ticks at 1000 times the speed, after them.
    pub fast_ticks: u64,
}

impl Script {
    /// How many ticks the demo has.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.slow_ticks + self.fast_ticks
    }

    /// The inputs of one tick.
    #[must_use]
    pub fn frame(&self, tick: u64) -> InputFrame {
        let mut frame = InputFrame::default();
        if tick == 0 {
            let pilots = self.pilots.iter().map(|(player, _)| Membership::Join { player: *player, role: Role::Pilot });
            frame.membership.extend(pilots);
            frame.membership.push(Membership::Join { player: self.operator, role: Role::Operator });
        }
        if tick < self.slow_ticks {
            for (i, (player, ship)) in self.pilots.iter().enumerate() {
                self.fly(i, *player, *ship, tick, &mut frame);
            }
        } else if tick == self.slow_ticks {
            for (player, ship) in &self.pilots {
                frame.push(*player, &controls(*ship, ControlInput::default()));
            }
            frame.push(self.operator, &Command::SetTimeFactor { quarters: FAST_QUARTERS });
        } else if tick == self.slow_ticks + u64::from(self.rate_hz)
            && let Some((player, ship)) = self.pilots.get(1)
        {
            // A second into the fast part: refused, as guns are safe above 4 times normal speed.
            frame.push(*player, &Command::Fire { ship: *ship });
        }
        frame
    }

    /// What one pilot does at a tick of the slow part. Controls are sent only when they change.
    fn fly(&self, pilot: usize, player: PlayerId, ship: u64, tick: u64, frame: &mut InputFrame) {
        let second = u64::from(self.rate_hz.max(1));
        let at_second = tick.is_multiple_of(second);
        let (now, last) = (tick / second, self.slow_ticks / second);
        match pilot % 4 {
            // Climbs: above the rocks first, then full thrust along its path, which raises the other side of its orbit.
            0 => {
                if tick == 0 {
                    let input = ControlInput { translate: [0, 0, FULL], ..ControlInput::default() };
                    frame.push(player, &controls(ship, input));
                } else if at_second && now == last / 4 {
                    frame.push(player, &controls(ship, ControlInput { main: FULL, ..ControlInput::default() }));
                }
            }
            // Shoots its way: sweeps the nose left and right and fires four times a second, at times too early.
            1 => {
                if at_second {
                    let yaw = if now % 4 < 2 { 900 } else { -900 };
                    let input = ControlInput { rotate: [0, 0, yaw], assist: true, ..ControlInput::default() };
                    frame.push(player, &controls(ship, input));
                }
                if tick.is_multiple_of((second / 4).max(1)) {
                    frame.push(player, &Command::Fire { ship });
                }
            }
            // Dances: rolls, and pushes left and up, right and down in turn.
            2 => {
                if at_second {
                    let side = if now.is_multiple_of(2) { FULL / 2 } else { -FULL / 2 };
                    let input = ControlInput {
                        translate: [0, side, side / 2],
                        rotate: [FULL / 8, 0, 0],
                        ..ControlInput::default()
                    };
                    frame.push(player, &controls(ship, input));
                }
            }
            // Brakes: turns around, then falls lower under full thrust in the second half.
            _ => {
                // A scout at full deflection turns with 0.8 rad/s: half a turn takes 3.93 s.
                if tick == 0 || tick == second * 393 / 100 {
                    let yaw = if tick == 0 { FULL } else { 0 };
                    let input = ControlInput { rotate: [0, 0, yaw], assist: true, ..ControlInput::default() };
                    frame.push(player, &controls(ship, input));
                } else if at_second && now == last / 2 {
                    frame.push(player, &controls(ship, ControlInput { main: FULL, ..ControlInput::default() }));
                }
            }
        }
    }
}

/// The time factor of the demo's second part, for people.
#[must_use]
pub fn fast_factor() -> f64 {
    f64::from(FAST_QUARTERS) / f64::from(TimeFactor::REAL_TIME.quarters())
}

fn controls(ship: u64, controls: ControlInput) -> Command {
    Command::Controls { ship, controls }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> Script {
        let pilots = (1..=4).map(|p| (PlayerId(p), 100 + u64::from(p))).collect();
        Script { pilots, operator: PlayerId(9), rate_hz: 90, slow_ticks: 1800, fast_ticks: 5400 }
    }

    #[test]
    fn every_frame_is_fit_for_the_log() {
        let script = script();
        for tick in 0..script.ticks() {
            let frame = script.frame(tick);
            assert!(frame.commands.is_sorted_by_key(|c| c.player), "tick {tick}");
            assert!(frame.commands.iter().all(|c| Command::decode(&c.bytes).is_ok()), "tick {tick}");
        }
    }

    #[test]
    fn time_is_sped_up_once_by_the_operator() {
        let script = script();
        let faster = |tick: &u64| {
            let frame = script.frame(*tick);
            frame.commands.iter().any(|c| {
                matches!(Command::decode(&c.bytes), Ok(Command::SetTimeFactor { .. })) && c.player == script.operator
            })
        };
        assert_eq!((0..script.ticks()).filter(faster).collect::<Vec<_>>(), [1800]);
        assert_eq!(fast_factor(), 1000.0);
    }
}
