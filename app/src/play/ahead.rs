//! What a pilot in a session sees: the own ship's surroundings as of the turn that is open, so that it answers at once, and
//! everything else brought to the same time along its present velocity. Must never find its way back into a world.

use std::sync::Arc;

use glam::DVec3;
use sim::frame_view::{FrameFeed, FrameReader, FrameView, Pose};

use crate::session::Foreseen;

/// Turns that one view may lead through, where the input delay has changed.
const TURNS_MAX: u64 = 4;
/// Most that engines and falling add to a thing's way through one view, m. Beyond it what the view before had of that id
/// was another thing.
const STRAY_M: f64 = 50.0;

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

    /// The view: what is foreseen for what was copied, else `world` at that time. Nothing where running ahead shows
    /// nothing: without the ship, and while time runs so fast that it does not obey.
    pub fn view(
        &mut self,
        world: &FrameView,
        foreseen: Foreseen<'_>,
        ship: Option<u64>,
        ticks_per_turn: u32,
    ) -> Option<Arc<FrameView>> {
        let near = foreseen.simulation;
        let there = ship.is_some_and(|ship| near.inspect(ship).is_some());
        if !there || !near.time_factor().is_active() || !world.time_factor.is_active() {
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
        let times_s = [now_s - world.time.seconds(rate_hz), since_s];
        merge(Arc::make_mut(&mut view), world, (&near_view, foreseen.copied), times_s);
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

/// `near`, and from `world` what was not `copied` into it: `lead_s` later, and on the way for `since_s`.
fn merge(out: &mut FrameView, world: &FrameView, (near, copied): (&FrameView, &[u64]), [lead_s, since_s]: [f64; 2]) {
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
        if !is_close && copied.binary_search(&from.ids[at]).is_ok() {
            // It will have hit something by then, or be gone.
            continue;
        }
        let (look, pose, previous) = (from.looks[at], from.current[at], from.previous[at]);
        let way = look.velocity_m_s * since_s;
        let position = if is_close { pose.position } else { pose.position.plus(look.velocity_m_s * lead_s) };
        let step = pose.position.minus(previous.position);
        // What is new to the view before stands still in this one.
        let is_known = is_close && step != DVec3::ZERO && (step - way).length() <= STRAY_M;
        let before = if is_known { previous.position } else { position.plus(-way) };
        out.ids.push(from.ids[at]);
        out.kinds.push(from.kinds[at]);
        out.previous.push(Pose { position: before, ..previous });
        out.current.push(Pose { position, ..pose });
        out.looks.push(look);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::play::flight::Flight;
    use crate::play::world::Order;
    use crate::scenario_cmd;
    use sim::command::ControlInput;
    use sim::{Command, InputFrame, PlayerId, Simulation, TimeFactor};

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

    /// What a pilot sees who flies ship 1, of which nothing ends.
    fn view(ahead: &mut Ahead, executed: &FrameView, near: &Simulation) -> Option<Arc<FrameView>> {
        let copied = near.entity_ids();
        ahead.view(executed, Foreseen { simulation: near, copied: &copied }, Some(1), 3)
    }

    /// An operator sets how fast time runs.
    fn factor(factor: TimeFactor) -> InputFrame {
        let mut frame = InputFrame::default();
        frame.push(PlayerId(1), &Command::SetTimeFactor { quarters: factor.quarters() });
        frame
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
            assert!(view(&mut ahead, &executed, &near(&simulation, ticks, 0.1)).is_some());
        }
        let seen = view(&mut ahead, &executed, &near(&simulation, 15, 0.1)).unwrap();
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
        let foreseen = Foreseen { simulation: &one, copied: &[] };
        assert!(ahead.view(&executed, foreseen, None, 3).is_none());
        assert!(ahead.view(&executed, foreseen, Some(999), 3).is_none());
        let other = FrameView { time_factor: TimeFactor::MAX, ..executed.clone() };
        assert!(view(&mut ahead, &other, &one).is_none());
        assert_eq!(view(&mut ahead, &executed, &one).unwrap().ids, executed.ids);
        let mut fast = one.clone();
        fast.step(&factor(TimeFactor::MAX));
        assert!(view(&mut ahead, &executed, &fast).is_none());
    }

    #[test]
    fn another_pace_is_foreseen() {
        let (simulation, executed) = world();
        let (mut ahead, mut near) = (Ahead::new(), near(&simulation, 3, 0.1));
        near.step(&factor(TimeFactor::MAX_ACTIVE));
        let seen = view(&mut ahead, &executed, &near).unwrap();
        assert_eq!((seen.time, seen.time_factor), (near.time(), TimeFactor::MAX_ACTIVE));
        let lead_s = seen.time.seconds(90) - executed.time.seconds(90);
        assert!(lead_s > 4.0 / 90.0, "{lead_s}");
        for at in 1..seen.ids.len() {
            let way = seen.current[at].position.minus(executed.current[at].position);
            assert!((way - executed.looks[at].velocity_m_s * lead_s).length() < 1e-3, "{}: {way}", seen.ids[at]);
        }
    }

    #[test]
    fn what_comes_close_goes_on_as_it_went() {
        let (simulation, executed) = world();
        let mut ahead = Ahead::new();
        assert!(view(&mut ahead, &executed, &near(&simulation, 9, 0.1)).is_some());
        let seen = view(&mut ahead, &executed, &near(&simulation, 12, 1e12)).unwrap();
        let is_on_its_way = |view: &FrameView, at: usize| {
            let step = view.current[at].position.minus(view.previous[at].position);
            (step - view.looks[at].velocity_m_s * 3.0 / 90.0).length() < 0.1
        };
        assert!(seen.ids.len() > 1 && (0..seen.ids.len()).all(|at| is_on_its_way(&seen, at)));
        assert!(seen.looks.iter().all(|look| look.velocity_m_s.length() > 1_000.0), "standing still would show");
        // The id was another thing's in the view before.
        let (mut other, mut out) = ((*seen).clone(), FrameView::default());
        other.previous[1].position = other.previous[1].position.plus(DVec3::X * 900.0);
        other.previous[2].position = other.previous[2].position.plus(DVec3::X * 2.0);
        merge(&mut out, &executed, (&other, &seen.ids), [12.0 / 90.0, 3.0 / 90.0]);
        assert!(is_on_its_way(&out, 1), "not from there");
        assert_eq!(out.previous[2], other.previous[2], "a thing that was foreseen otherwise goes to where it is");
    }

    #[test]
    fn what_is_foreseen_to_end_is_not_seen_any_more() {
        let (simulation, executed) = world();
        let (mut ahead, near) = (Ahead::new(), near(&simulation, 3, 0.1));
        let gone = executed.ids[2];
        let foreseen = Foreseen { simulation: &near, copied: &[1, gone] };
        let seen = ahead.view(&executed, foreseen, Some(1), 3).unwrap();
        let others: Vec<u64> = executed.ids.iter().copied().filter(|id| *id != gone).collect();
        assert_eq!((&seen.ids, seen.looks.len()), (&others, others.len()));
    }
}
