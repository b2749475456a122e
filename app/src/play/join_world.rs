//! A session as a world of the client: the usual peer, flown by whoever sits at the window. Must never know the protocol.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Instant;

use netcode::protocol::{Status, Turn};
use render::hud::values::Network;
use sim::{Command, Event, Role, Simulation};

use super::engine::pool;
use super::folders::{NewFile, discard_empty};
use super::pilot::Pilot;
use super::world::{Inside, Notice, Order, Pulse, World};
use crate::cli::{JoinArgs, PeerArgs};
use crate::exit::Failure;
use crate::session_cmd::Newcomer;
use crate::session_cmd::account::held_sentence;
use crate::session_cmd::report::Report;
use crate::session_cmd::seat::{Seat, Sight};
use crate::session_cmd::stop::Stop;

/// Time after which a turn is late, in turns: the next one is missing then.
const LATE_TURNS: f64 = 2.0;
/// Turns that one view may lead through, where several come at once.
const SPAN_TURNS: u64 = 4;

/// Joins a session. What it cannot be had for it ends with: an invite that is none, a host that nobody knows, an identity
/// that cannot be read, a socket that is not given.
///
/// # Errors
/// [`Failure`] where there are no threads.
pub fn start(invite: &str, record: Option<NewFile>, identity: Option<&Path>) -> Result<World, Failure> {
    let (invite, identity) = (invite.to_owned(), identity.map(Path::to_owned));
    let open = move || {
        let record = record.map(|file| file.reserve()).transpose()?;
        let peer = PeerArgs { identity, record: record.clone(), ..PeerArgs::default() };
        let newcomer = Newcomer::new(&JoinArgs { invite, peer }, false);
        newcomer
            .map(|newcomer| (newcomer, record.clone()))
            .inspect_err(|_| record.iter().for_each(|it| discard_empty(it)))
    };
    let pool = pool()?;
    World::start("session", open, move |(newcomer, record), inside| {
        let sat = pool.install(|| sit(newcomer, inside));
        // Who never came in has nothing recorded.
        record.iter().for_each(|path| discard_empty(path));
        sat
    })
}

fn sit(newcomer: Newcomer, inside: Inside) -> Result<(), Failure> {
    let notices = inside.notices.clone();
    let tell = move |sentence: String| {
        // Nobody listens to a world that is left.
        let _ = notices.send(Notice::Said(sentence));
    };
    let report = Report::to(Arc::new(tell.clone()));
    let refusal = newcomer.shown().peer(Stop::deaf(), report).with_seat(Box::new(Chair::new(inside))).run()?;
    if let Some(refusal) = refusal {
        tell(format!("The session: {refusal}."));
    }
    Ok(())
}

/// Whoever sits at the window.
struct Chair {
    inside: Inside,
    pilot: Pilot,
    leaving: bool,
    ship: Option<u64>,
    /// Tick that is seen.
    seen: Option<u64>,
    /// Turns that were late, as of the last look.
    stalled_turns: u64,
    /// The first turn that is not executed, and since when it is.
    turn: (Turn, Instant),
    /// How long a turn takes, once there is a world.
    turn_s: Option<f64>,
    digest: u64,
    /// The tick that the world is held at.
    held: Option<u64>,
}

impl Chair {
    fn new(inside: Inside) -> Self {
        Self {
            inside,
            pilot: Pilot::default(),
            leaving: false,
            ship: None,
            seen: None,
            stalled_turns: 0,
            turn: (Turn(0), Instant::now()),
            turn_s: None,
            digest: 0,
            held: None,
        }
    }

    /// Whether the next turn should have come.
    fn is_late(&mut self, status: &Status, now: Instant) -> bool {
        if self.turn.0 != status.next_turn {
            self.turn = (status.next_turn, now);
        }
        let since_s = now.saturating_duration_since(self.turn.1).as_secs_f64();
        self.turn_s.is_some_and(|turn_s| since_s > LATE_TURNS * turn_s)
    }
}

impl Seat for Chair {
    fn commands(&mut self, simulation: &Simulation, ship: Option<u64>) -> Vec<Command> {
        self.pilot.commands(simulation, ship)
    }

    fn look(&mut self, sight: &Sight<'_>) {
        let (simulation, status, ship) = (sight.simulation, sight.status, sight.ship);
        self.inside.board.introduce(simulation.scenario());
        self.ship = ship;
        let ticks_per_turn = sight.ticks_per_turn.max(1);
        self.inside.outlet.set_span(SPAN_TURNS * u64::from(ticks_per_turn));
        let tick = self.inside.outlet.publish_ahead(simulation, sight.ahead, ship, ticks_per_turn);
        // One view leads through a whole turn.
        let per_s = f64::from(simulation.scenario().tick_rate_hz) / f64::from(ticks_per_turn);
        self.turn_s = Some(1.0 / per_s);
        if self.seen.replace(tick) != Some(tick) {
            self.inside.board.beat(Pulse { tick, fraction: 0.0, at: Instant::now(), per_s });
        }
        let stalled = status.stalled_turns > self.stalled_turns;
        self.stalled_turns = status.stalled_turns;
        let network = Network { held: sight.held, ..network(status, 1e3 / per_s, stalled) };
        if self.held != sight.held {
            self.held = sight.held;
            let sentence = sight.held.map_or_else(|| "the world goes on".to_owned(), held_sentence);
            // Nobody listens to a world that is left.
            let _ = self.inside.notices.send(Notice::Said(sentence));
        }
        let player = status.player.map(|player| player.0);
        let may = simulation.members().any(|(id, role)| Some(id.0) == player && role == Role::Operator);
        self.digest = sight.digest.unwrap_or(self.digest);
        let digest = self.digest;
        self.inside.board.tell(|told| {
            (told.player, told.ship, told.may_set_time, told.digest) = (player, ship, may, digest);
            told.network = Some(network);
            if told.recording.as_deref() != sight.recording {
                told.recording = sight.recording.map(Path::to_owned);
            }
        });
    }

    fn happened(&mut self, tick: u64, event: &Event) {
        self.pilot.happened(event, self.ship);
        // Nobody listens to a world that is left.
        let _ = self.inside.notices.send(Notice::Happened { tick, event: *event });
    }

    fn attend(&mut self, status: &Status) -> bool {
        if self.is_late(status, Instant::now()) {
            self.inside.board.tell(|told| {
                if let Some(network) = &mut told.network {
                    network.stalled = true;
                }
            });
        }
        loop {
            match self.inside.orders.try_recv() {
                Ok(Order::End) | Err(TryRecvError::Disconnected) => self.leaving = true,
                Ok(order) => self.pilot.order(order),
                Err(TryRecvError::Empty) => return self.leaving,
            }
            if self.leaving {
                return true;
            }
        }
    }
}

/// How the network is, in the instruments' words.
fn network(status: &Status, turn_ms: f64, stalled: bool) -> Network {
    Network {
        peers: u32::try_from(status.members.len().saturating_sub(1)).unwrap_or(u32::MAX),
        round_trip_ms: status.links.iter().map(|link| link.rtt_us as f64 / 1e3).reduce(f64::max),
        input_delay_ms: Some(f64::from(status.delay_turns) * turn_ms),
        stalled,
        held: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::play::world::World;
    use crate::scenario_cmd;
    use crate::session::SessionInput;
    use netcode::protocol::{Config, Core, Player, Time, Wish};
    use netcode::transport::Identity;
    use sim::InputFrame;
    use std::time::Duration;

    fn status(next_turn: u64) -> Status {
        let identity = Identity::generate().unwrap();
        let config = Config { identity: identity.signing().clone(), address: Vec::new() };
        let wish = Wish { sponsor: identity.key(), spectator: false, life: 1, simulation_revision: 1 };
        let mut status = Core::<SessionInput>::join(Time(0), config, wish).status();
        (status.next_turn, status.members) = (Turn(next_turn), vec![Player(1), Player(2)]);
        status
    }

    #[test]
    fn a_turn_that_is_missing_lights_the_light_until_the_next_one_comes() {
        let (inside, world) = World::bare();
        let mut chair = Chair::new(inside);
        let simulation = Simulation::new(&scenario_cmd::load("demo").unwrap());
        let look = |chair: &mut Chair, status: &Status| {
            let (ahead, digest, ship, recording) = (None, None, None, None);
            chair.look(&Sight {
                simulation: &simulation,
                ahead,
                digest,
                ticks_per_turn: 3,
                held: None,
                status,
                ship,
                recording,
            });
        };
        let stalled = || world.status().network.map(|network| network.stalled);
        chair.attend(&status(1));
        look(&mut chair, &status(1));
        chair.attend(&status(1));
        assert_eq!(stalled(), Some(false));
        std::thread::park_timeout(Duration::from_millis(120));
        chair.attend(&status(1));
        assert_eq!(stalled(), Some(true));
        chair.happened(7, &Event::TimeFactor { quarters: 8 });
        let told = Notice::Happened { tick: 7, event: Event::TimeFactor { quarters: 8 } };
        assert_eq!(world.notices(), [told], "what happens in the world is told as well");
        chair.attend(&status(2));
        look(&mut chair, &status(2));
        assert_eq!(stalled(), Some(false));
    }

    #[test]
    fn a_world_that_is_held_is_told_and_does_not_count_as_late() {
        let (inside, world) = World::bare();
        let mut chair = Chair::new(inside);
        let simulation = Simulation::new(&scenario_cmd::load("demo").unwrap());
        let mut look = |turn: u64, held: Option<u64>| {
            let (status, ahead, digest, ship, recording) = (&status(turn), None, None, None, None);
            chair.look(&Sight {
                simulation: &simulation,
                ahead,
                digest,
                ticks_per_turn: 3,
                held,
                status,
                ship,
                recording,
            });
            chair.attend(status);
            world.status().network.map(|network| (network.stalled, network.held))
        };
        assert_eq!(look(1, None), Some((false, None)));
        for turn in 2..9 {
            std::thread::park_timeout(Duration::from_millis(10));
            assert_eq!(look(turn, Some(42)), Some((false, Some(42))));
        }
        assert_eq!(look(9, None), Some((false, None)));
        let said = |sentence: &str| Notice::Said(sentence.to_owned());
        assert_eq!(world.notices(), [said("the operator holds the world at tick 42"), said("the world goes on")]);
    }

    #[test]
    fn a_view_leads_through_all_turns_that_came_at_once_and_does_not_start_over() {
        let (inside, world) = World::bare();
        let mut chair = Chair::new(inside);
        let mut simulation = Simulation::new(&scenario_cmd::load("demo").unwrap());
        let status = status(1);
        let mut look = |simulation: &Simulation| {
            let (status, ahead, digest, ship, recording) = (&status, None, None, None, None);
            chair.look(&Sight { simulation, ahead, digest, ticks_per_turn: 3, held: None, status, ship, recording });
        };
        look(&simulation);
        let (first, _) = world.view(Instant::now());
        (0..6).for_each(|_| drop(simulation.step(&InputFrame::default())));
        look(&simulation);
        let (second, _) = world.view(Instant::now());
        assert_ne!(second.bodies_current, first.bodies_current);
        assert_eq!((second.tick.0, &second.bodies_previous), (6, &first.bodies_current), "two turns");
        std::thread::park_timeout(Duration::from_millis(20));
        let later = Instant::now();
        look(&simulation);
        assert!(world.view(later).1 > 0.2, "the same tick, seen once more, goes on");
    }
}
