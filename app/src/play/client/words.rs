//! What happens in a world, in words for a message. Must never be more than a sentence.

use sim::Event;

use crate::play::actions::{Action, Bindings};

/// What a pilot wants to be told of; `own` is the ship that is flown.
#[must_use]
pub fn for_pilot(event: &Event, own: Option<u64>, bindings: &Bindings) -> Option<String> {
    let mine = |id: u64| own == Some(id);
    match *event {
        Event::Destroyed { entity } if mine(entity) => {
            let key = bindings.of(Action::Respawn).first().map_or_else(String::new, |input| input.shown());
            Some(format!("Your ship is lost. {key} gives you a new one."))
        }
        Event::Respawned { ship } if mine(ship) => Some("You have a new ship.".to_owned()),
        Event::Impact { a, b, energy_j } if mine(a) || mine(b) => Some(format!("Hit, with {}.", energy(energy_j))),
        Event::Landed { entity, energy_j, .. } if mine(entity) => {
            Some(format!("Touch-down, with {}.", energy(energy_j)))
        }
        Event::TimeFactor { quarters } => Some(format!("Time runs at {}x.", f64::from(quarters) / 4.0)),
        _ => None,
    }
}

/// What somebody who watches wants to be told of.
#[must_use]
pub fn for_watcher(event: &Event) -> Option<String> {
    match *event {
        Event::Destroyed { entity } => Some(format!("{entity} is destroyed.")),
        Event::Respawned { ship } => Some(format!("Ship {ship} is back.")),
        Event::Impact { a, b, energy_j } => Some(format!("{a} and {b} collide, with {}.", energy(energy_j))),
        Event::Landed { entity, energy_j, .. } => Some(format!("{entity} touches down, with {}.", energy(energy_j))),
        Event::TimeFactor { quarters } => Some(format!("Time runs at {}x.", f64::from(quarters) / 4.0)),
        _ => None,
    }
}

/// An energy in a fitting unit.
fn energy(joules: f64) -> String {
    match joules {
        j if j < 1e3 => format!("{j:.0} J"),
        j if j < 1e6 => format!("{:.1} kJ", j / 1e3),
        j if j < 1e9 => format!("{:.1} MJ", j / 1e6),
        j => format!("{:.1} GJ", j / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pilot_is_told_of_the_own_ship_only() {
        let bindings = Bindings::default();
        let lost = for_pilot(&Event::Destroyed { entity: 3 }, Some(3), &bindings);
        assert_eq!(lost.as_deref(), Some("Your ship is lost. R gives you a new one."));
        assert_eq!(for_pilot(&Event::Destroyed { entity: 4 }, Some(3), &bindings), None);
        let hit = Event::Impact { a: 1, b: 3, energy_j: 2.5e6 };
        assert_eq!(for_pilot(&hit, Some(3), &bindings).as_deref(), Some("Hit, with 2.5 MJ."));
        assert_eq!(for_watcher(&hit).as_deref(), Some("1 and 3 collide, with 2.5 MJ."));
        assert_eq!(for_watcher(&Event::Fired { ship: 1, round: 9 }), None);
    }
}
