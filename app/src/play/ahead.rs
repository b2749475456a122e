//! What a pilot in a session sees: the own ship's surroundings as of the turn that is open, so that it answers at once, and
//! everything else brought to the same time along its present velocity. Must never find its way back into a world.

use std::sync::Arc;

use sim::Simulation;
use sim::frame_view::{FrameFeed, FrameReader, FrameView, Pose};

/// Turns that one view may lead through, where the input delay has changed.
const TURNS_MAX: u64 = 4;

/// Makes views of what lies ahead.
pub struct Ahead {
    feed: FrameFeed,
    frames: FrameReader,
    /// Views that nobody may look at any more, for reuse.
    spare: Vec<Arc<FrameView>>,
    /// Simulated time of the last view, s since the epoch, and its tick.
    last: Option<(f64, u64)>,
}

impl Ahead {
    /// One that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        let feed = FrameFeed::new();
        Self { frames: feed.reader(), feed, spare: Vec::new(), last: None }
    }

    /// The view: `near` for what is in it, else `world` at the time of `near`. Nothing where running ahead shows nothing:
    /// without the ship, and while time runs so fast that it does not obey.
    pub fn view(
        &mut self,
        world: &FrameView,
        near: &Simulation,
        ship: Option<u64>,
        ticks_per_turn: u32,
    ) -> Option<Arc<FrameView>> {
        let there = ship.is_some_and(|ship| near.inspect(ship).is_some());
        if !there || !near.time_factor().is_active() || world.time_factor != near.time_factor() {
            self.last = None;
            return None;
        }
        let span = TURNS_MAX * u64::from(ticks_per_turn.max(1));
        self.feed.set_span(span);
        self.feed.publish(near);
        let near_view = self.frames.latest();
        let rate_hz = near.scenario().tick_rate_hz;
        let (now_s, tick) = (near_view.time.seconds(rate_hz), near_view.tick.0);
        let follows = |(_, before): &(f64, u64)| (1..=span).contains(&tick.wrapping_sub(*before));
        let since_s = self.last.filter(follows).map_or(0.0, |(before_s, _)| now_s - before_s);
        self.last = Some((now_s, tick));
        let free = self.spare.iter().position(|view| Arc::strong_count(view) == 1);
        let mut view = free.map_or_else(Arc::default, |at| self.spare.swap_remove(at));
        // Nobody else holds a free view, so this never copies.
        merge(Arc::make_mut(&mut view), world, &near_view, [now_s - world.time.seconds(rate_hz), since_s]);
        if self.spare.len() < 4 {
            self.spare.push(Arc::clone(&view));
        }
        Some(view)
    }
}

impl Default for Ahead {
    fn default() -> Self {
        Self::new()
    }
}

/// `near`, and from `world` what is not in it: `lead_s` later, and on the way for `since_s`.
fn merge(out: &mut FrameView, world: &FrameView, near: &FrameView, [lead_s, since_s]: [f64; 2]) {
    (out.tick, out.time, out.time_factor) = (near.tick, near.time, near.time_factor);
    out.bodies_previous.clone_from(&near.bodies_previous);
    out.bodies_current.clone_from(&near.bodies_current);
    out.bodies_velocity_m_s.clone_from(&near.bodies_velocity_m_s);
    out.ids.clear();
    out.kinds.clear();
    out.previous.clear();
    out.current.clear();
    out.looks.clear();
    // Both lists ascend by id.
    let (mut a, mut b) = (0, 0);
    while a < world.ids.len() || b < near.ids.len() {
        let (far, close) = (world.ids.get(a), near.ids.get(b));
        let is_close = close.is_some_and(|close| far.is_none_or(|far| close <= far));
        let (from, at) = if is_close { (near, b) } else { (world, a) };
        a += usize::from(!is_close || far == close);
        b += usize::from(is_close);
        let (look, pose) = (from.looks[at], from.current[at]);
        let (previous, current) = if is_close {
            (from.previous[at], pose)
        } else {
            let velocity = look.velocity_m_s;
            let position = pose.position.plus(velocity * lead_s);
            let before = Pose { position: position.plus(velocity * -since_s), ..from.previous[at] };
            (before, Pose { position, ..pose })
        };
        out.ids.push(from.ids[at]);
        out.kinds.push(from.kinds[at]);
        out.previous.push(previous);
        out.current.push(current);
        out.looks.push(look);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::play::flight::Flight;
    use crate::play::world::Order;
    use crate::scenario_cmd;
    use glam::DVec3;
    use sim::command::ControlInput;
    use sim::{Command, InputFrame, PlayerId};

    /// The demo's world, as a session executed it.
    fn world() -> (Simulation, FrameView) {
        let mut flight = Flight::new(&scenario_cmd::load("demo").unwrap(), None).unwrap();
        (0..30).for_each(|_| drop(flight.tick().1));
        flight.order(Order::Controls(ControlInput { assist: false, ..ControlInput::default() }));
        flight.tick();
        let mut feed = FrameFeed::new();
        feed.publish(flight.simulation());
        flight.tick();
        feed.publish(flight.simulation());
        let view = (*feed.reader().latest()).clone();
        (flight.simulation().neighbourhood(PlayerId(1), 1e12, 10_000), view)
    }

    /// The surroundings of the own ship so many ticks later, where full throttle was given at once.
    fn near(simulation: &Simulation, ticks: u64, radius_m: f64) -> Simulation {
        let mut near = simulation.neighbourhood(PlayerId(1), radius_m, 64);
        for tick in 0..ticks {
            let mut frame = InputFrame::default();
            if tick == 0 {
                let controls = ControlInput { main: 32_767, assist: false, ..ControlInput::default() };
                frame.push(PlayerId(1), &Command::Controls { ship: 1, controls });
            }
            near.step(&frame);
        }
        near
    }

    #[test]
    fn the_own_ship_answers_and_everything_is_at_its_time() {
        let (simulation, executed) = world();
        let mut truth = simulation.neighbourhood(PlayerId(1), 1e12, 10_000);
        (0..12).for_each(|_| drop(truth.step(&InputFrame::default())));
        let mut ahead = Ahead::new();
        // Nothing but the ship itself: all others are brought along.
        for ticks in [9, 12] {
            assert!(ahead.view(&executed, &near(&simulation, ticks, 0.1), Some(1), 3).is_some());
        }
        let seen = ahead.view(&executed, &near(&simulation, 15, 0.1), Some(1), 3).unwrap();
        assert_eq!((seen.ids.as_slice(), seen.kinds.as_slice()), (executed.ids.as_slice(), executed.kinds.as_slice()));
        assert_eq!((seen.tick.0, seen.looks[0].throttle), (executed.tick.0 + 15, 1.0));
        let mut feed = FrameFeed::new();
        (0..3).for_each(|_| drop(truth.step(&InputFrame::default())));
        feed.publish(&truth);
        let truth = feed.reader().latest();
        let gap = |at: usize| seen.current[at].position.minus(truth.current[at].position).length();
        assert!(gap(0) > 0.1, "the own ship has gone off: {} m", gap(0));
        for at in 1..seen.ids.len() {
            // What its fall and its thrusters make of a sixth of a second.
            assert!(gap(at) < 0.5, "{}: {} m", seen.ids[at], gap(at));
            let step = seen.current[at].position.minus(seen.previous[at].position);
            let velocity = seen.looks[at].velocity_m_s;
            assert!((step - velocity * 3.0 / 90.0).length() < 1e-3, "{}: {step} in a turn", seen.ids[at]);
        }
        assert_eq!(seen.bodies_current, truth.bodies_current);
    }

    #[test]
    fn without_a_ship_or_beyond_its_obedience_nothing_is_ahead() {
        let (simulation, executed) = world();
        let mut ahead = Ahead::new();
        let one = near(&simulation, 3, 1e4);
        assert!(ahead.view(&executed, &one, None, 3).is_none());
        assert!(ahead.view(&executed, &one, Some(999), 3).is_none());
        let other = FrameView { time_factor: sim::TimeFactor::MAX, ..executed.clone() };
        assert!(ahead.view(&other, &one, Some(1), 3).is_none());
        let seen = ahead.view(&executed, &one, Some(1), 3).unwrap();
        assert!(seen.ids.is_sorted() && seen.ids.len() == executed.ids.len());
        assert!(seen.current.iter().all(|pose| pose.position.to_metres().cmpne(DVec3::ZERO).any()));
    }
}
