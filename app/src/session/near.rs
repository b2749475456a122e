//! The own ship's surroundings, for [`netcode::speculation`]: a small copy of the world that is stepped with own inputs
//! ahead of the session. Must never find its way back into the session's world.

use netcode::protocol::{Input, Player};
use netcode::speculation::Neighbourhood;
use sim::input::SentCommand;
use sim::{InputFrame, PlayerId, Simulation, TickReport};

use super::input::SessionInput;

/// How far around the own ships things are copied, m: what can touch them within half a second at 10 km/s.
const RADIUS_M: f64 = 5_000.0;
/// Most entities in the copy.
const ENTITIES_MAX: usize = 64;

/// A copy of the surroundings of one player's ships.
#[derive(Clone)]
pub struct Near {
    simulation: Simulation,
    ticks_per_turn: u32,
    /// Ticks that it may go on for; without an end if not given.
    left: Option<u64>,
}

impl Near {
    /// Copies the surroundings of a player's ships, in a world that goes on for `left` ticks and is held then, or goes on
    /// and on.
    #[must_use]
    pub fn of(simulation: &Simulation, player: Player, ticks_per_turn: u32, left: Option<u64>) -> Self {
        let simulation = simulation.neighbourhood(PlayerId(player.0), RADIUS_M, ENTITIES_MAX);
        Self { simulation, ticks_per_turn, left }
    }

    /// The copy, to look at.
    #[must_use]
    pub fn simulation(&self) -> &Simulation {
        &self.simulation
    }
}

impl Neighbourhood for Near {
    type Input = SessionInput;

    fn advance(&mut self, player: Player, input: &SessionInput) {
        let mut report = TickReport::default();
        for mut frame in frames_of([(player, input)].into_iter(), self.ticks_per_turn) {
            match &mut self.left {
                // What is commanded now waits for the world to go on.
                Some(0) => return,
                Some(left) => *left -= 1,
                None => {}
            }
            frame.make_lawful();
            self.simulation.step_into(&frame, &mut report);
        }
    }
}

/// The frames of the ticks of one turn: each command in the tick that it was entered for, or in the last one where the
/// turn is shorter than its sender thought. `inputs` by ascending player; nobody's are passed over.
pub(crate) fn frames_of<'a>(
    inputs: impl Iterator<Item = (Player, &'a SessionInput)>,
    ticks_per_turn: u32,
) -> Vec<InputFrame> {
    let mut frames = vec![InputFrame::default(); ticks_per_turn as usize];
    for (player, input) in inputs.filter(|(player, input)| player.0 != 0 && **input != SessionInput::neutral()) {
        for (tick, bytes) in input.commands() {
            let tick = tick.min(ticks_per_turn.saturating_sub(1)) as usize;
            frames[tick].commands.push(SentCommand { player: PlayerId(player.0), bytes: bytes.to_vec() });
        }
    }
    frames
}
