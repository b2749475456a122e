//! Where a world shows itself, tick by tick: frame views, what lies ahead, explosions. Must never make whoever looks wait for
//! longer than it takes to copy what is seen.

use std::sync::{Arc, Mutex};

use render::extract::Blasts;
use sim::Simulation;
use sim::frame_view::{FrameFeed, FrameReader, FrameView};

use super::ahead::Ahead;
use super::world::held;
use crate::session::Foreseen;

/// Where a world shows itself.
pub struct Outlet {
    feed: FrameFeed,
    frames: FrameReader,
    blasts: Blasts,
    seen: Arc<Mutex<Seen>>,
    ahead: Ahead,
}

/// What is seen, from outside.
#[derive(Clone)]
pub struct Window {
    frames: FrameReader,
    seen: Arc<Mutex<Seen>>,
}

impl Window {
    /// The frame view to look at.
    #[must_use]
    pub fn view(&self) -> Arc<FrameView> {
        let ahead = held(&self.seen).ahead.clone();
        ahead.unwrap_or_else(|| self.frames.latest())
    }

    /// How many ticks the view lies ahead of what was executed.
    #[must_use]
    pub fn lead_ticks(&self) -> u64 {
        let ahead = held(&self.seen).ahead.as_ref().map(|view| view.tick.0);
        ahead.map_or(0, |tick| tick.saturating_sub(self.frames.latest().tick.0))
    }

    /// Copies the explosions that are seen.
    pub fn blasts(&self, to: &mut Blasts) {
        held(&self.seen).blasts.copy_to(to);
    }
}

/// What is seen of a world besides its own frame view.
#[derive(Debug, Default)]
struct Seen {
    /// In place of the frame view, where presentation runs ahead.
    ahead: Option<Arc<FrameView>>,
    blasts: Blasts,
}

impl Outlet {
    /// One that has shown nothing.
    #[must_use]
    pub fn new() -> Self {
        let feed = FrameFeed::new();
        let (blasts, seen, ahead) = (Blasts::default(), Arc::default(), Ahead::new());
        Self { frames: feed.reader(), feed, blasts, seen, ahead }
    }

    /// For whoever looks.
    #[must_use]
    pub fn window(&self) -> Window {
        Window { frames: self.frames.clone(), seen: Arc::clone(&self.seen) }
    }

    /// Shows the present state. To be called after each tick.
    pub fn publish(&mut self, simulation: &Simulation) {
        self.feed.publish(simulation);
        self.blasts.observe(&self.frames.latest(), simulation.scenario().tick_rate_hz);
        self.blasts.copy_to(&mut held(&self.seen).blasts);
    }

    /// As [`Self::publish`] for a state that may have been shown before, with the own ship's surroundings ahead of it
    /// where there are any. Gives the tick that is seen.
    pub fn publish_ahead(
        &mut self,
        simulation: &Simulation,
        near: Option<Foreseen<'_>>,
        ship: Option<u64>,
        ticks_per_turn: u32,
    ) -> u64 {
        if self.frames.latest().tick != simulation.tick() || self.frames.latest().bodies_current.is_empty() {
            self.publish(simulation);
        }
        let world = self.frames.latest();
        let ahead = near.and_then(|near| self.ahead.view(&world, near, ship, ticks_per_turn));
        let tick = ahead.as_ref().map_or(world.tick.0, |view| view.tick.0);
        held(&self.seen).ahead = ahead;
        tick
    }

    /// Where several ticks are stepped at once; see [`FrameFeed::set_span`].
    pub fn set_span(&mut self, ticks: u64) {
        self.feed.set_span(ticks);
    }

    /// What was shown last.
    #[must_use]
    pub fn latest(&self) -> Arc<FrameView> {
        self.frames.latest()
    }
}

impl Default for Outlet {
    fn default() -> Self {
        Self::new()
    }
}
