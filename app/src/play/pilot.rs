//! Turns what a person wants into commands for the log: controls when they change and when they can be obeyed, shots, time
//! factors. Must never send what would only be refused.

use sim::command::ControlInput;
use sim::{Command, Event, Simulation, TimeFactor};

use super::world::Order;
use crate::entity;

/// Time factors that a person steps through, quarter-ticks per tick.
pub const FACTORS: [u32; 14] = [1, 2, 4, 8, 16, 40, 120, 400, 1_200, 4_000, 12_000, 40_000, 120_000, 400_000];

/// The time factor a step faster or slower than this one.
#[must_use]
pub fn stepped(factor: TimeFactor, faster: bool) -> u32 {
    let now = factor.quarters();
    let next = if faster {
        FACTORS.iter().find(|quarters| **quarters > now)
    } else {
        FACTORS.iter().rev().find(|quarters| **quarters < now)
    };
    next.copied().unwrap_or(if faster { FACTORS[FACTORS.len() - 1] } else { FACTORS[0] })
}

/// Shots that wait.
const SHOTS_MAX: usize = 4;

/// One pilot's wishes.
#[derive(Clone, Debug, Default)]
pub struct Pilot {
    wanted: Option<ControlInput>,
    sent: Option<ControlInput>,
    /// The ship of the last tick.
    ship: Option<u64>,
    shots: usize,
    respawn: bool,
    factor: Option<u32>,
}

impl Pilot {
    /// Notes a wish.
    pub fn order(&mut self, order: Order) {
        match order {
            Order::Controls(controls) => self.wanted = Some(controls),
            Order::Fire => self.shots = (self.shots + 1).min(SHOTS_MAX),
            Order::Respawn => self.respawn = true,
            Order::TimeFactor(quarters) => self.factor = Some(quarters),
            _ => {}
        }
    }

    /// What happened to the world may have undone what was sent.
    pub fn happened(&mut self, event: &Event, ship: Option<u64>) {
        if let Event::Respawned { ship: which } = event
            && Some(*which) == ship
        {
            self.sent = None;
        }
    }

    /// The commands of the next tick.
    pub fn commands(&mut self, simulation: &Simulation, ship: Option<u64>) -> Vec<Command> {
        let mut commands = Vec::new();
        let ordered = self.factor.take();
        commands.extend(ordered.map(|quarters| Command::SetTimeFactor { quarters }));
        let factor = ordered.and_then(TimeFactor::from_quarters).unwrap_or(simulation.time_factor());
        let shots = std::mem::take(&mut self.shots);
        let respawn = std::mem::take(&mut self.respawn);
        if std::mem::replace(&mut self.ship, ship) != ship {
            // Whose ship comes or comes back has controls that nobody has moved.
            self.sent = None;
        }
        let Some(ship) = ship else { return commands };
        let whole = is_whole(simulation, ship);
        if !whole || !factor.is_active() {
            // A new ship's controls are as nobody left them, and engines are off where time runs fast: what is wanted is
            // sent when it can be obeyed.
            self.sent = None;
            commands.extend((respawn && !whole).then_some(Command::Respawn { ship }));
            return commands;
        }
        if let Some(controls) = self.wanted.filter(|wanted| self.sent != Some(*wanted)) {
            self.sent = Some(controls);
            commands.push(Command::Controls { ship, controls });
        }
        commands.extend((0..shots.min(1)).map(|_| Command::Fire { ship }));
        commands
    }
}

fn is_whole(simulation: &Simulation, ship: u64) -> bool {
    let health = simulation.inspect(ship).and_then(|ship| entity::number(&ship, "Hull", "health_j"));
    health.is_some_and(|health| health > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_factors_are_a_ladder_with_two_ends() {
        let of = |quarters| TimeFactor::from_quarters(quarters).expect("a factor");
        assert_eq!((stepped(of(4), true), stepped(of(4), false)), (8, 2));
        assert_eq!((stepped(of(0), true), stepped(of(5), false), stepped(of(5), true)), (1, 4, 8));
        assert_eq!((stepped(TimeFactor::MAX, true), stepped(of(0), false)), (400_000, 1));
        assert!(FACTORS.is_sorted() && FACTORS.iter().all(|quarters| TimeFactor::from_quarters(*quarters).is_some()));
    }
}
