//! The bodies in time: steps ahead as far as asked, and any moment of the steps kept. Must never let the
//! way it is asked change where a body is.

use std::sync::Arc;

use glam::DVec3;
use pulp::{Arch, Simd, WithSimd};

use super::BodyState;
use super::lanes::{LANES, Lanes};
use super::model::Model;
use super::radau::{Arc4, Weights};
use super::step::{Block, Motion, Scratch, first_step, step};
use crate::scenario::{Body, Forces};
use crate::space::Position;
use crate::time::{SimTime, quarters_per_second};

/// The massive bodies of a world, integrated from the epoch.
#[derive(Debug)]
pub struct Ephemeris {
    pub(super) model: Arc<Model>,
    pub(super) rate_hz: u32,
    pub(super) motion: Motion,
    pub(super) kept: Kept,
    scratch: Scratch,
    arch: Arch,
}

/// Steps already taken, oldest first, without gaps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kept {
    pub steps: Vec<Span>,
    /// Per step, as [`super::lanes`] lays them out.
    pub starts: Vec<[Lanes; 2]>,
    pub arcs: Vec<Arc4>,
    /// Per step, the bodies' places at its start: `starts` in other words.
    pub places: Vec<Position>,
}

/// When a step began and how long it was, in quarter-ticks; negative for backward.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Span {
    pub start: i64,
    pub length: i64,
}

impl Ephemeris {
    /// `bodies` at time 0, at `rate_hz` ticks a second. A list that [`super::check`] refuses gives finite
    /// nonsense. No more than [`super::MAX_BODIES`] are taken.
    #[must_use]
    pub fn new(bodies: &[Body], forces: Forces, rate_hz: u32) -> Self {
        Self::directed(bodies, forces, rate_hz, false)
    }

    pub(super) fn directed(bodies: &[Body], forces: Forces, rate_hz: u32, backward: bool) -> Self {
        let bodies = &bodies[..bodies.len().min(super::MAX_BODIES)];
        let model = Model::new(bodies, forces);
        let mut motion =
            Motion { blocks: vec![Block::default(); 3 * model.blocks], poles: model.poles.clone(), ..Motion::default() };
        for (i, body) in bodies.iter().enumerate() {
            for axis in 0..3 {
                let block = &mut motion.blocks[axis * model.blocks + i / LANES];
                block.x[i % LANES] = body.position_m[axis];
                block.v[i % LANES] = body.velocity_m_s[axis];
            }
        }
        first_step(&model, &mut motion, quarters_per_second(rate_hz), backward);
        let scratch = Scratch::new(&model);
        Self { model: Arc::new(model), rate_hz, motion, kept: Kept::default(), scratch, arch: Arch::new() }
    }

    /// Steps until `time` is covered, and keeps the steps that end at or after `keep_from`.
    pub fn advance_to(&mut self, time: SimTime, keep_from: SimTime) {
        while self.motion.time < time.0 {
            self.step_once();
            self.kept.forget_before(keep_from.0, self.model.blocks, self.model.count);
        }
        self.kept.forget_before(keep_from.0, self.model.blocks, self.model.count);
    }

    pub(super) fn step_once(&mut self) {
        let start = self.motion.time;
        let Self { model, motion, kept, scratch, .. } = self;
        kept.starts.extend(motion.blocks.iter().map(|b| [b.x, b.x_lo]));
        let per_second = quarters_per_second(self.rate_hz);
        self.arch.dispatch(Step { model, motion, scratch, per_second });
        kept.arcs.extend_from_slice(&scratch.arcs);
        kept.steps.push(Span { start, length: motion.time - start });
        kept.place_last(model.blocks, model.count);
    }

    /// States at `quarters` quarter-ticks since the epoch, in the bodies' order. Outside the steps kept, the
    /// nearest moment inside.
    pub fn states_at(&self, quarters: f64, out: &mut Vec<BodyState>) {
        out.clear();
        let Model { blocks, count, .. } = *self.model;
        // A moment that two steps share belongs to the earlier one, whichever of them are kept.
        let reached = |s: &Span| {
            let end = (s.start + s.length) as f64;
            if s.length > 0 { end >= quarters } else { end <= quarters }
        };
        let Some(index) = self.kept.steps.iter().position(reached).or(self.kept.steps.len().checked_sub(1)) else {
            out.extend((0..count).map(|i| self.current(i)));
            return;
        };
        let span = self.kept.steps[index];
        let t_s = span.length as f64 / quarters_per_second(self.rate_hz);
        let h = ((quarters - span.start as f64) / span.length as f64).clamp(0.0, 1.0);
        let arcs = &self.kept.arcs[index * 3 * blocks..][..3 * blocks];
        let places = &self.kept.places[index * count..][..count];
        self.arch.dispatch(Dense { arcs, places, h, t_s, out });
    }

    fn current(&self, i: usize) -> BodyState {
        let at = |axis: usize| &self.motion.blocks[axis * self.model.blocks + i / LANES];
        let l = i % LANES;
        let place = Position::from_metres(DVec3::from_array(std::array::from_fn(|a| at(a).x[l])));
        let place = place.plus(DVec3::from_array(std::array::from_fn(|a| at(a).x_lo[l])));
        BodyState::new(place, DVec3::from_array(std::array::from_fn(|a| at(a).v[l])))
    }

    /// How many bodies.
    #[must_use]
    pub fn len(&self) -> usize {
        self.model.count
    }

    /// x
    pub fn counters(&self) -> String { format!("{:?} next {}", self.scratch.count, self.motion.next as f64/360./86400.) }
    /// x
    pub fn poles(&self) -> &[[f64;3]] { &self.motion.poles }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.model.count == 0
    }
}

/// [`step`], compiled for each width.
struct Step<'a> {
    model: &'a Model,
    motion: &'a mut Motion,
    scratch: &'a mut Scratch,
    per_second: f64,
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        step(self.model, self.motion, self.scratch, self.per_second);
    }
}

/// Evaluation of one step's polynomials, compiled for each width.
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
            let arc = [&arcs[block], &arcs[blocks + block], &arcs[2 * blocks + block]];
            let moved = arc.map(|a| a.displacement(&w, t_s));
            let faster = arc.map(|a| a.velocity_change(&w, t_s));
            for (l, place) in places.iter().enumerate() {
                let displacement = DVec3::new(moved[0][l], moved[1][l], moved[2][l]);
                let v = |axis: usize| arc[axis].v[l] + faster[axis][l];
                out.push(BodyState::new(place.plus(displacement), DVec3::new(v(0), v(1), v(2))));
            }
        }
    }
}

impl Kept {
    fn forget_before(&mut self, time: i64, blocks: usize, count: usize) {
        let old = self.steps.iter().take_while(|s| s.start + s.length < time).count();
        if old > 0 {
            self.steps.drain(..old);
            self.starts.drain(..old * 3 * blocks);
            self.arcs.drain(..old * 3 * blocks);
            self.places.drain(..old * count);
        }
    }

    /// Writes the places of the newest step.
    pub fn place_last(&mut self, blocks: usize, count: usize) {
        let starts = &self.starts[self.starts.len() - 3 * blocks..];
        for i in 0..count {
            let at = |axis: usize, part: usize| starts[axis * blocks + i / LANES][part][i % LANES];
            let whole = Position::from_metres(DVec3::new(at(0, 0), at(1, 0), at(2, 0)));
            self.places.push(whole.plus(DVec3::new(at(0, 1), at(1, 1), at(2, 1))));
        }
    }
}
