//! The bodies in time: steps ahead as far as asked, and any moment of the steps kept. Must never let the
//! way it is asked change where a body is.

use std::sync::Arc;

use glam::DVec3;
use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};

use super::lanes::{LANES, Lanes};
use super::model::Model;
use super::radau::{Arc4, Weights};
use super::step::{Block, Motion, Scratch, step};
use super::{BodyState, MAX_BODIES};
use crate::scenario::{Body, Forces};
use crate::space::Position;
use crate::time::{SimTime, quarters_per_second};

/// Most steps kept; beyond it the oldest quarter is dropped. A tick at 100,000 times real time needs that
/// many only if two bodies turn about each other within 2 s.
pub(super) const KEPT_MAX: usize = 16_384;

/// The massive bodies of a world, integrated from the epoch.
///
/// Steps fall at whole quarter-ticks and depend only on the bodies, never on the times asked for.
#[derive(Debug)]
pub struct Ephemeris {
    pub(super) model: Arc<Model>,
    pub(super) rate_hz: u32,
    backward: bool,
    pub(super) motion: Motion,
    pub(super) kept: Kept,
    scratch: Scratch,
    arch: Arch,
}

/// Steps already taken, oldest first, without gaps.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Kept {
    pub steps: Vec<Span>,
    /// Per step, as [`super::lanes`] lays them out: `x` and `x_lo` at its start.
    pub starts: Vec<[Lanes; 2]>,
    pub arcs: Vec<Arc4>,
    /// Per step, the bodies' places at its start: `starts` in other words.
    pub places: Vec<Position>,
}

/// When a step began and how long it was, in quarter-ticks; negative for backward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Span {
    pub start: i64,
    pub length: i64,
}

impl Ephemeris {
    /// `bodies` at time 0, at `rate_hz` ticks a second. They should have passed [`super::check_bodies`]: others
    /// give finite nonsense, and no more than [`MAX_BODIES`] are taken.
    #[must_use]
    pub fn new(bodies: &[Body], forces: Forces, rate_hz: u32) -> Self {
        let bodies = &bodies[..bodies.len().min(MAX_BODIES)];
        let model = Model::new(bodies, forces);
        let blocks = vec![Block::default(); 3 * model.blocks];
        let mut motion = Motion { blocks, poles: model.poles.clone(), ..Motion::default() };
        for (i, body) in bodies.iter().enumerate() {
            for axis in 0..3 {
                let block = &mut motion.blocks[axis * model.blocks + i / LANES];
                block.x[i % LANES] = body.position_m[axis];
                block.v[i % LANES] = body.velocity_m_s[axis];
            }
        }
        let (model, kept, scratch) = (Arc::new(model), Kept::default(), Scratch::default());
        Self { model, rate_hz, backward: false, motion, kept, scratch, arch: Arch::new() }
    }

    /// The same, to be followed into the past.
    pub(super) fn backward(bodies: &[Body], forces: Forces, rate_hz: u32) -> Self {
        Self { backward: true, ..Self::new(bodies, forces, rate_hz) }
    }

    /// Takes steps of another length, 0.3 by default, for studies of convergence: the angle in radians that the
    /// fastest pair turns in a step. Not part of a saved state.
    #[must_use]
    pub fn with_pace(mut self, pace: f64) -> Self {
        if let Some(model) = Arc::get_mut(&mut self.model) {
            model.pace = pace;
        }
        self
    }

    /// Uses baseline instructions only, to compare: the bits must be equal.
    #[must_use]
    pub fn scalar(mut self) -> Self {
        self.arch = Arch::Scalar;
        self
    }

    /// Steps until `time` is covered, and keeps the steps that end at or after `keep_from`, so that every
    /// moment from there to `time` can be asked for.
    pub fn advance_to(&mut self, time: SimTime, keep_from: SimTime) {
        self.kept.forget_before(keep_from.0, &self.model);
        while self.motion.time < time.0 {
            self.step_once();
            self.kept.forget_before(keep_from.0, &self.model);
        }
    }

    /// Steps in its own direction until `quarters` is covered, and keeps one step.
    pub(super) fn cover(&mut self, quarters: f64) {
        let backward = self.backward;
        let short = |time: i64| if backward { time as f64 > quarters } else { (time as f64) < quarters };
        while short(self.motion.time) {
            self.kept.clear();
            self.step_once();
        }
    }

    fn step_once(&mut self) {
        if self.kept.steps.len() >= KEPT_MAX {
            self.kept.forget(KEPT_MAX / 4, &self.model);
        }
        let start = self.motion.time;
        let Self { model, motion, kept, scratch, .. } = self;
        scratch.fit(model);
        kept.starts.extend(motion.blocks.iter().map(|b| [b.x, b.x_lo]));
        let per_second = quarters_per_second(self.rate_hz);
        self.arch.dispatch(Step { model, motion, scratch, per_second, backward: self.backward });
        kept.arcs.extend_from_slice(scratch.arcs());
        kept.steps.push(Span { start, length: motion.time - start });
        kept.place(kept.steps.len() - 1, model.blocks, model.count);
    }

    /// States at `quarters` quarter-ticks since the epoch, in the bodies' order. Outside the steps kept, those
    /// of the nearest moment inside.
    pub fn states_at(&self, quarters: f64, out: &mut Vec<BodyState>) {
        out.clear();
        let Model { blocks, count, .. } = *self.model;
        // A moment that two steps share belongs to the earlier one, whichever of them are kept.
        let over = |s: &Span| {
            let end = (s.start + s.length) as f64;
            if self.backward { end > quarters } else { end < quarters }
        };
        let Some(last) = self.kept.steps.len().checked_sub(1) else {
            out.extend((0..count).map(|i| self.current(i)));
            return;
        };
        let index = self.kept.steps.partition_point(over).min(last);
        let span = self.kept.steps[index];
        let t_s = span.length as f64 / quarters_per_second(self.rate_hz);
        let h = ((quarters - span.start as f64) / span.length as f64).clamp(0.0, 1.0);
        let arcs = &self.kept.arcs[index * 3 * blocks..][..3 * blocks];
        let places = &self.kept.places[index * count..][..count];
        self.arch.dispatch(Dense { arcs, places, h, t_s, out });
    }

    /// Body `i` where the last step ended.
    fn current(&self, i: usize) -> BodyState {
        let [mut x, mut x_lo, mut v] = [DVec3::ZERO; 3];
        for axis in 0..3 {
            let block = &self.motion.blocks[axis * self.model.blocks + i / LANES];
            (x[axis], x_lo[axis], v[axis]) = (block.x[i % LANES], block.x_lo[i % LANES], block.v[i % LANES]);
        }
        BodyState::new(Position::from_metres(x).plus(x_lo), v)
    }

    /// North pole of a body that has a figure (and figures act) at the end of the last step, ICRF.
    #[must_use]
    pub fn pole(&self, body: usize) -> Option<DVec3> {
        let index = self.model.figures.iter().position(|f| f.body == body)?;
        Some(DVec3::from_array(self.motion.poles[index]))
    }

    /// When the steps that are kept end, in quarter-ticks since the epoch.
    pub fn step_ends(&self) -> impl Iterator<Item = i64> {
        self.kept.steps.iter().map(|s| s.start + s.length)
    }

    /// How many bodies.
    #[must_use]
    pub fn len(&self) -> usize {
        self.model.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.model.count == 0
    }
}

/// Copies reuse what the target has allocated, and share what never changes.
impl Clone for Ephemeris {
    fn clone(&self) -> Self {
        let (motion, kept) = (self.motion.clone(), self.kept.clone());
        Self { model: Arc::clone(&self.model), motion, kept, scratch: Scratch::default(), ..*self }
    }

    fn clone_from(&mut self, source: &Self) {
        let Self { model, rate_hz, backward, motion, kept, scratch: _, arch } = source;
        self.model.clone_from(model);
        self.motion.clone_from(motion);
        self.kept.clone_from(kept);
        (self.rate_hz, self.backward, self.arch) = (*rate_hz, *backward, *arch);
    }
}

impl Clone for Kept {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.clone_from(self);
        copy
    }

    fn clone_from(&mut self, source: &Self) {
        let Self { steps, starts, arcs, places } = source;
        self.steps.clone_from(steps);
        self.starts.clone_from(starts);
        self.arcs.clone_from(arcs);
        self.places.clone_from(places);
    }
}

impl Kept {
    fn forget_before(&mut self, time: i64, model: &Model) {
        let old = self.steps.iter().take_while(|s| s.start + s.length < time).count();
        if old > 0 {
            self.forget(old, model);
        }
    }

    fn forget(&mut self, oldest: usize, model: &Model) {
        self.steps.drain(..oldest);
        self.starts.drain(..oldest * 3 * model.blocks);
        self.arcs.drain(..oldest * 3 * model.blocks);
        self.places.drain(..oldest * model.count);
    }

    fn clear(&mut self) {
        self.steps.clear();
        self.starts.clear();
        self.arcs.clear();
        self.places.clear();
    }

    /// Appends the places of `step`, the first that has none.
    pub fn place(&mut self, step: usize, blocks: usize, count: usize) {
        let starts = &self.starts[step * 3 * blocks..][..3 * blocks];
        for i in 0..count {
            let at = |axis: usize, part: usize| starts[axis * blocks + i / LANES][part][i % LANES];
            let whole = Position::from_metres(DVec3::new(at(0, 0), at(1, 0), at(2, 0)));
            self.places.push(whole.plus(DVec3::new(at(0, 1), at(1, 1), at(2, 1))));
        }
    }
}

/// [`step`], compiled for each width.
struct Step<'a> {
    model: &'a Model,
    motion: &'a mut Motion,
    scratch: &'a mut Scratch,
    per_second: f64,
    backward: bool,
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        step(self.model, self.motion, self.scratch, self.per_second, self.backward);
    }
}

/// Evaluation of one step's polynomials at `h`, compiled for each width.
struct Dense<'a> {
    arcs: &'a [Arc4],
    places: &'a [Position],
    h: f64,
    t_s: f64,
    out: &'a mut Vec<BodyState>,
}

impl WithSimd for Dense<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { arcs, places, h, t_s, out } = self;
        let w = Weights::at(h);
        let blocks = arcs.len() / 3;
        for (block, places) in places.chunks(LANES).enumerate() {
            let (x, y, z) = (&arcs[block], &arcs[blocks + block], &arcs[2 * blocks + block]);
            let (dx, dy, dz) = (x.displacement(&w, t_s), y.displacement(&w, t_s), z.displacement(&w, t_s));
            let (ux, uy, uz) = (x.velocity_change(&w, t_s), y.velocity_change(&w, t_s), z.velocity_change(&w, t_s));
            for (l, place) in places.iter().enumerate() {
                // Only the displacement is rounded; the place it starts from is exact.
                let position = place.plus(DVec3::new(dx[l], dy[l], dz[l]));
                let velocity = DVec3::new(x.v[l] + ux[l], y.v[l] + uy[l], z.v[l] + uz[l]);
                out.push(BodyState::new(position, velocity));
            }
        }
    }
}
