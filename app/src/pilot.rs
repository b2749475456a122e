//! Scripted pilots: commands as functions of the tick alone. They fly blind, so that a flight is the same wherever it is
//! flown. Must never look at the state.

use clap::ValueEnum;
use sim::Command;
use sim::command::ControlInput;

/// Full deflection.
const FULL: i16 = 32_767;
/// After so many seconds a script begins again.
const PERIOD_S: u64 = 20;

/// What a scripted pilot does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Script {
    /// Climb, shoot, dance or brake, by the player's number.
    Auto,
    /// Goes up, then full thrust along its path, which raises the other side of its orbit.
    Climb,
    /// Sweeps the nose left and right and fires four times a second.
    Shoot,
    /// Rolls, and pushes left and up, right and down in turn.
    Dance,
    /// Turns around, then falls lower under full thrust.
    Brake,
    /// Nothing.
    Idle,
}

impl Script {
    /// This script, or the one that `Auto` means for a player.
    #[must_use]
    pub fn of_player(self, player: u32) -> Self {
        match self {
            Self::Auto => [Self::Climb, Self::Shoot, Self::Dance, Self::Brake][player.wrapping_sub(1) as usize % 4],
            other => other,
        }
    }

    /// The commands of one tick, counted from the pilot's first. Controls are sent only when they change.
    #[must_use]
    pub fn commands(self, ship: u64, tick: u64, rate_hz: u32) -> Vec<Command> {
        let second = u64::from(rate_hz.max(1));
        let tick = tick % (PERIOD_S * second);
        let at_second = tick.is_multiple_of(second);
        let now = tick / second;
        let mut commands = Vec::new();
        let mut steer = |input: ControlInput| commands.push(Command::Controls { ship, controls: input });
        match self {
            Self::Climb => {
                if tick == 0 {
                    steer(ControlInput { translate: [0, 0, FULL], ..ControlInput::default() });
                } else if at_second && now == PERIOD_S / 4 {
                    steer(ControlInput { main: FULL, ..ControlInput::default() });
                }
            }
            Self::Shoot => {
                if at_second {
                    let yaw = if now % 4 < 2 { 900 } else { -900 };
                    steer(ControlInput { rotate: [0, 0, yaw], assist: true, ..ControlInput::default() });
                }
                if tick.is_multiple_of((second / 4).max(1)) {
                    commands.push(Command::Fire { ship });
                }
            }
            Self::Dance => {
                if at_second {
                    let side = if now.is_multiple_of(2) { FULL / 2 } else { -FULL / 2 };
                    let (translate, rotate) = ([0, side, side / 2], [FULL / 8, 0, 0]);
                    steer(ControlInput { translate, rotate, ..ControlInput::default() });
                }
            }
            Self::Brake => {
                // A scout at full deflection turns with 0.8 rad/s: half a turn takes 3.93 s.
                if tick == 0 || tick == second * 393 / 100 {
                    let yaw = if tick == 0 { FULL } else { 0 };
                    steer(ControlInput { rotate: [0, 0, yaw], assist: true, ..ControlInput::default() });
                } else if at_second && now == PERIOD_S / 2 {
                    steer(ControlInput { main: FULL, ..ControlInput::default() });
                }
            }
            Self::Auto | Self::Idle => {}
        }
        commands
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_fit_for_the_log_and_each_script_does_something() {
        for player in 1..=4 {
            let script = Script::Auto.of_player(player);
            let all: Vec<Command> = (0..1800).flat_map(|tick| script.commands(7, tick, 90)).collect();
            assert!(!all.is_empty(), "{script:?}");
            for command in &all {
                assert_eq!(Command::decode(&command.encode()).as_ref(), Ok(command));
            }
            let again: Vec<Command> = (1800..3600).flat_map(|tick| script.commands(7, tick, 90)).collect();
            assert_eq!(all, again);
        }
        assert!((0..1800).all(|tick| Script::Idle.commands(7, tick, 90).is_empty()));
    }

    #[test]
    fn pilots_by_number() {
        assert_eq!(Script::Auto.of_player(1), Script::Climb);
        assert_eq!(Script::Auto.of_player(6), Script::Shoot);
        assert_eq!(Script::Dance.of_player(1), Script::Dance);
        assert_eq!(Script::Auto.of_player(0), Script::Brake, "no number does harm");
    }
}
