//! What can be aimed at, and stepping through it: structures, other ships, bodies. Must never pick for the pilot but once.

use sim::Kind;
use sim::frame_view::FrameView;

use crate::view::instruments::Aim;

/// All that can be aimed at, in the order in which it is stepped through.
fn all(frame: &FrameView, own: Option<u64>) -> Vec<Aim> {
    let of = |wanted: Kind| {
        let things = frame.ids.iter().zip(&frame.kinds).filter(move |(id, kind)| **kind == wanted && Some(**id) != own);
        things.map(|(id, _)| Aim::Thing(*id))
    };
    let bodies = (0..frame.bodies_current.len()).map(Aim::Body);
    of(Kind::Structure).chain(of(Kind::Ship)).chain(bodies).collect()
}

/// The next or the previous target; the first one where nothing was aimed at.
#[must_use]
pub fn stepped(frame: &FrameView, own: Option<u64>, now: Option<Aim>, forward: bool) -> Option<Aim> {
    let all = all(frame, own);
    let count = all.len();
    let at = match now.and_then(|now| all.iter().position(|aim| *aim == now)) {
        Some(at) if forward => (at + 1) % count,
        Some(at) => (at + count - 1) % count,
        None if forward => 0,
        None => count.checked_sub(1)?,
    };
    all.get(at).copied()
}

/// The ship after, or before, this one; the first where there is none.
#[must_use]
pub fn next_ship(frame: &FrameView, now: Option<u64>, forward: bool) -> Option<u64> {
    let ships: Vec<u64> = super::cameras::ships(frame).collect();
    let Some(now) = now else { return ships.first().copied() };
    let next = if forward {
        ships.iter().find(|ship| **ship > now).or(ships.first())
    } else {
        ships.iter().rev().find(|ship| **ship < now).or(ships.last())
    };
    next.copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario_cmd;
    use sim::Simulation;
    use sim::frame_view::FrameFeed;

    #[test]
    fn targets_go_round_and_the_own_ship_is_none() {
        let scenario = scenario_cmd::load("earth-orbit").unwrap();
        let mut feed = FrameFeed::new();
        feed.publish(&Simulation::new(&scenario));
        let frame = feed.reader().latest();
        let own = Some(1);
        let mut seen = Vec::new();
        let mut now = None;
        loop {
            now = stepped(&frame, own, now, true);
            if seen.contains(&now) {
                break;
            }
            seen.push(now);
        }
        assert_eq!(seen.len(), 2 + 4 + scenario.bodies.len(), "structures, the other ships, bodies");
        assert!(!seen.contains(&Some(Aim::Thing(1))));
        for pair in seen.windows(2) {
            assert_eq!(stepped(&frame, own, pair[1], false), pair[0]);
        }
        assert_eq!(stepped(&FrameView::default(), own, None, false), None);
        assert_eq!((next_ship(&frame, Some(5), true), next_ship(&frame, Some(1), false)), (Some(1), Some(5)));
        assert_eq!((next_ship(&frame, None, true), next_ship(&frame, Some(2), true)), (Some(1), Some(3)));
        assert_eq!(next_ship(&FrameView::default(), Some(1), true), None);
    }
}
