//! The service as a peer: it founds the session of its world, without a ship and without a number that the world knows, and
//! leaves when it is told to. Must never command anything by itself: what it enters was handed in at the [`super::desk`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::ports::{Link, Pace, Peer};
use netcode::protocol::{LinkStatus, Player, SessionId, Status};
use netcode::transport::Identity;
use sim::{Command, Event, PlayerId, Simulation};

use super::config::Config;
use super::resume::Resumed;
use super::seats::Seats;
use super::shared::{Shared, Turns};
use crate::exit::Failure;
use crate::session::SessionInput;
use crate::session::world::HOST;
use crate::session_cmd::seat::{Seat, Sight};
use crate::session_cmd::{Founded, Founding, Start};

/// Time between two looks at who is there: for people.
const LOOK: Duration = Duration::from_millis(500);

/// Founds the session of a world.
///
/// # Errors
/// [`Failure`] where there is no such socket.
pub(crate) fn found(config: &Config, identity: &Identity, world: &Resumed, seats: &Seats) -> Result<Founded, Failure> {
    let start = Start {
        text: world.scenario.text.clone(),
        rate_hz: world.scenario.tick_rate_hz,
        player: HOST,
        known: seats.known(world.simulation.members().map(|(player, _)| player)),
        banned: seats.banned(),
        snapshot: (world.simulation.tick().0 > 0).then(|| world.simulation.snapshot()),
        fork: None,
    };
    let session = &config.session;
    let founding = Founding {
        world: start,
        listen: session.listen,
        turn: session.turn_ticks,
        advertise: session.advertise.clone(),
        allowed: session.allow.clone(),
    };
    founding.found(identity)
}

/// Sits where a pilot would: sees how the session goes, and says when it is to end.
pub struct Steering {
    /// What the service's threads know.
    pub shared: Arc<Shared>,
    /// Whether it has a place in the session.
    is_member: bool,
    /// The first ship of each member, as executed when it was looked at last.
    ships: BTreeMap<u32, u64>,
    ships_seen: Option<Instant>,
    peers_seen: Option<Instant>,
}

impl Steering {
    /// Sits there, with what the service's threads know.
    #[must_use]
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, is_member: false, ships: BTreeMap::new(), ships_seen: None, peers_seen: None }
    }
}

impl Seat for Steering {
    fn commands(&mut self, _simulation: &Simulation, _ship: Option<u64>) -> Vec<Command> {
        Vec::new()
    }

    fn enter(&mut self, _simulation: &Simulation, _ship: Option<u64>) -> SessionInput {
        self.shared.desk.enter()
    }

    fn is_patient(&self) -> bool {
        true
    }

    fn look(&mut self, sight: &Sight<'_>) {
        let members: Vec<u32> =
            sight.status.members.iter().filter(|player| **player != HOST).map(|player| player.0).collect();
        if is_due(&mut self.ships_seen) {
            let ship = |player: &u32| Some((*player, *sight.simulation.ships_of(PlayerId(*player)).first()?));
            self.ships = members.iter().filter_map(ship).collect();
        }
        let mut state = self.shared.state();
        (state.members, state.entities) = (members, sight.simulation.entity_count());
        state.time_factor_quarters = sight.simulation.time_factor().quarters();
        state.pace.turn_ticks = sight.ticks_per_turn;
    }

    fn happened(&mut self, _tick: u64, _event: &Event) {}

    fn forked(&mut self, session: SessionId) {
        self.shared.desk.cut();
        self.shared.state().session = session;
    }

    fn attend(&mut self, status: &Status) -> bool {
        let turns = Turns { all: status.next_turn.0, late: status.stalled_turns, late_us_max: status.stall_us_max };
        let peers = is_due(&mut self.peers_seen).then(|| peers(&status.members, &status.links, &self.ships));
        let mut state = self.shared.state();
        state.turns = turns;
        state.pace = Pace {
            turn_cost_us: status.cost_us,
            input_delay_turns: status.delay_turns,
            roll_backs: status.roll_backs,
            ..state.pace
        };
        if let Some(peers) = peers {
            state.peers = peers;
        }
        drop(state);
        if self.is_member && status.player.is_none() {
            self.shared.desk.cut();
        }
        self.is_member = status.player.is_some();
        self.shared.is_stopping()
    }
}

/// Whether it is time to look again; if so, it was looked at now.
fn is_due(seen: &mut Option<Instant>) -> bool {
    let now = Instant::now();
    let is_due = seen.is_none_or(|seen| now.duration_since(seen) >= LOOK);
    if is_due {
        *seen = Some(now);
    }
    is_due
}

/// Members by number, then those who only have a link.
fn peers(members: &[Player], links: &[LinkStatus], ships: &BTreeMap<u32, u64>) -> Vec<Peer> {
    let ship = |player: u32| ships.get(&player).copied();
    let member = |player: &Player| Peer { player: Some(player.0), ship: ship(player.0), key: None, link: None };
    let mut peers: Vec<Peer> = members.iter().filter(|player| **player != HOST).map(member).collect();
    peers.sort_unstable_by_key(|peer| peer.player);
    for link in links {
        let (key, player) = (Some(link.key.to_string()), link.player.map(|player| player.0));
        let seen = Some(Link {
            round_trip_us: link.rtt_us,
            loss: link.loss,
            redundancy: link.redundancy,
            relays: link.relayed,
        });
        match peers.iter_mut().find(|peer| player.is_some() && peer.player == player) {
            Some(peer) => (peer.key, peer.link) = (key, seen),
            None => peers.push(Peer { player, ship: None, key, link: seen }),
        }
    }
    peers
}

#[cfg(test)]
mod tests {
    use netcode::protocol::PeerKey;

    use super::*;

    #[test]
    fn members_come_first_each_once_with_their_link_and_the_service_is_none_of_them() {
        let link = |byte: u8, player: Option<u32>| LinkStatus {
            key: PeerKey([byte; 32]),
            player: player.map(Player),
            rtt_us: 900,
            loss: 0.5,
            redundancy: 2,
            relayed: false,
        };
        let (members, links) = ([HOST, Player(2), Player(1)], [link(7, Some(2)), link(9, None)]);
        let seen = peers(&members, &links, &BTreeMap::from([(2, 14)]));
        let told: Vec<_> = seen.iter().map(|peer| (peer.player, peer.ship, peer.link.is_some())).collect();
        assert_eq!(told, [(Some(1), None, false), (Some(2), Some(14), true), (None, None, true)]);
        assert_eq!(seen[1].link.map(|link| (link.round_trip_us, link.redundancy)), Some((900, 2)));
        assert!(seen[0].key.is_none() && seen[2].key.is_some());
    }

    #[test]
    fn it_is_looked_at_once_in_a_while() {
        let mut seen = None;
        assert!(is_due(&mut seen) && !is_due(&mut seen));
        seen = seen.and_then(|seen: Instant| seen.checked_sub(LOOK));
        assert!(is_due(&mut seen));
    }
}
