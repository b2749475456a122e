//! A flight alone: the simulation of a scenario with one pilot who may also set the time factor, stepped tick by tick and
//! recorded like any run. Must never read a clock: `engine` does.

use std::path::{Path, PathBuf};

use sim::{InputFrame, Membership, PlayerId, Role, Scenario, Simulation, TickReport};

use super::pilot::Pilot;
use super::world::Order;
use crate::exit::Failure;
use crate::record::{Options, Recorder};
use crate::run;
use crate::session::ships;

/// A flight.
pub struct Flight {
    simulation: Simulation,
    player: PlayerId,
    ship: Option<u64>,
    pilot: Pilot,
    recorder: Option<Recorder>,
    recording: Option<PathBuf>,
    report: TickReport,
    begun: bool,
}

impl Flight {
    /// Begins in a scenario: as its first player, or where it names none, as player 1 with whatever ship there is.
    ///
    /// # Errors
    /// [`Failure::Unwritable`] for the recording.
    pub fn new(scenario: &Scenario, record: Option<&Path>) -> Result<Self, Failure> {
        let simulation = Simulation::new(scenario);
        let recorder = match record {
            Some(path) => {
                if let Some(folder) = path.parent() {
                    let cannot = |e: std::io::Error| Failure::unwritable(folder, crate::output::plain(&e));
                    std::fs::create_dir_all(folder).map_err(cannot)?;
                }
                Some(Recorder::create(path, scenario, &simulation, Options::default(), &[])?)
            }
            None => None,
        };
        let player = run::players(scenario).first().copied().unwrap_or(PlayerId(1));
        Ok(Self {
            simulation,
            player,
            ship: None,
            pilot: Pilot::default(),
            recorder,
            recording: record.map(Path::to_owned),
            report: TickReport::default(),
            begun: false,
        })
    }

    /// The world.
    #[must_use]
    pub fn simulation(&self) -> &Simulation {
        &self.simulation
    }

    /// Who flies.
    #[must_use]
    pub fn player(&self) -> PlayerId {
        self.player
    }

    /// What is flown; nothing before the first tick.
    #[must_use]
    pub fn ship(&self) -> Option<u64> {
        self.ship
    }

    /// Where it is recorded.
    #[must_use]
    pub fn recording(&self) -> Option<&Path> {
        self.recording.as_deref()
    }

    /// Notes what the pilot wants.
    pub fn order(&mut self, order: Order) {
        self.pilot.order(order);
    }

    /// One tick. A recording that cannot go on is given up and told of; the flight goes on.
    pub fn tick(&mut self) -> (&TickReport, Option<Failure>) {
        let mut frame = if self.begun { InputFrame::default() } else { self.joining() };
        self.begun = true;
        for command in self.pilot.commands(&self.simulation, self.ship) {
            frame.push(self.player, &command);
        }
        self.simulation.step_into(&frame, &mut self.report);
        if self.ship.is_none() {
            self.ship = self.simulation.ships_of(self.player).first().copied();
        }
        self.report.events.iter().for_each(|event| self.pilot.happened(event, self.ship));
        let mut failed = None;
        if let Some(recorder) = &mut self.recorder
            && let Err(failure) = recorder.push(&frame, self.report.digest.total, &self.simulation)
        {
            failed = Some(failure);
            (self.recorder, self.recording) = (None, None);
        }
        (&self.report, failed)
    }

    /// The first frame: the scenario's players join, and who flies here may set the time factor too.
    fn joining(&self) -> InputFrame {
        let mut frame = run::joining(&self.simulation.scenario().clone());
        frame.membership.retain(|entry| !matches!(entry, Membership::Join { player, .. } if *player == self.player));
        frame.membership.insert(0, Membership::Join { player: self.player, role: Role::Operator });
        frame.membership.truncate(sim::input::FRAME_MEMBERSHIP_MAX - 1);
        ships::provide(&self.simulation, &mut frame);
        frame
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn finish(self) -> Result<(), Failure> {
        match self.recorder {
            Some(recorder) => recorder.finish(&self.simulation).map(drop),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Recording;
    use crate::scenario_cmd;
    use sim::command::ControlInput;

    fn thrust() -> Order {
        Order::Controls(ControlInput { main: 32_767, assist: true, ..ControlInput::default() })
    }

    #[test]
    fn what_is_flown_is_recorded_and_comes_out_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("flight.strec");
        let scenario = scenario_cmd::load("earth-orbit").unwrap();
        let mut flight = Flight::new(&scenario, Some(&path)).unwrap();
        for tick in 0..200 {
            match tick {
                5 => flight.order(thrust()),
                50 => flight.order(Order::TimeFactor(400)),
                60 => flight.order(Order::Controls(ControlInput::default())),
                100 => flight.order(Order::TimeFactor(4)),
                150 => flight.order(Order::Fire),
                _ => {}
            }
            let (report, failed) = flight.tick();
            assert!(report.refused.is_empty() && failed.is_none(), "tick {tick}: {:?}", report.refused);
        }
        assert_eq!(flight.player(), PlayerId(1));
        let digest = flight.simulation().digest().total;
        flight.finish().unwrap();
        let mut recording = Recording::open(&path).unwrap();
        let rebuilt = recording.state_at(recording.last_tick()).unwrap();
        assert_eq!((rebuilt.departed_at, rebuilt.simulation.digest().total), (None, digest));
    }

    #[test]
    fn every_shipped_scenario_has_a_ship_to_fly() {
        for name in ["demo", "binary-star", "contact-lab", "twin-paradox", "jupiter", "hundred"] {
            let mut flight = Flight::new(&scenario_cmd::load(name).unwrap(), None).unwrap();
            flight.tick();
            assert!(flight.ship().is_some(), "{name}");
            assert!(flight.simulation().members().any(|member| member == (flight.player(), Role::Operator)));
        }
    }

    #[test]
    fn controls_wait_while_time_runs_fast_and_are_not_repeated() {
        let mut flight = Flight::new(&scenario_cmd::load("earth-orbit").unwrap(), None).unwrap();
        flight.tick();
        flight.order(Order::TimeFactor(400));
        flight.tick();
        flight.order(thrust());
        let throttle = |flight: &Flight| {
            let ship = flight.simulation().inspect(flight.ship().unwrap()).unwrap();
            ship.field("Controls", "main")
        };
        let idle = throttle(&flight);
        assert!(flight.tick().0.refused.is_empty());
        assert_eq!(throttle(&flight), idle);
        flight.order(Order::TimeFactor(4));
        flight.tick();
        flight.tick();
        assert_ne!(throttle(&flight), idle, "sent as soon as it can be obeyed");
    }
}
