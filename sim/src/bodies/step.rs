//! One adaptive step of all bodies: predict, iterate, judge, take. Must never depend on anything but the
//! motion and the model, so that the steps fall at the same times however they are asked for.

// Lanes run side by side through several arrays; indices say that best, and an iterator's closures are not
// always inlined into the wide path.
#![allow(clippy::needless_range_loop)]

use glam::DVec3;
use serde::{Deserialize, Serialize};

use super::figures::figures;
use super::gravity::{newton, pace, post_newton};
use super::lanes::{LANES, Lanes, vector};
use super::model::Model;
use super::radau::{Arc4, END, H, NODES, ORDER, continued, correct, g_of_b, mean};

/// Length of a step times the rate of the fastest pair: within a step no distance changes by much more than
/// this share, and nothing turns by more than this angle. The error follows from it.
pub(super) const PACE: f64 = 0.3;
/// The iteration has converged when the last coefficient changes by less than this share of the pulls.
const CONVERGED: f64 = 1e-16;
/// A step whose iteration ends above this is taken again, shorter. Far above what rounding leaves.
const CONVERGED_MAX: f64 = 1e-3;
/// Most iterations of one step.
const ITERATIONS_MAX: usize = 12;
/// Iterations in which the small forces are evaluated; then they are held. They are 1e-7 of the pulls at most,
/// and a predicted step starts with positions right to 1e-7; a step from nothing needs a few rounds.
const SMALL_FORCE_ITERATIONS: usize = 1;
const SMALL_FORCE_ITERATIONS_UNPREDICTED: usize = 4;
/// Longest step, s: 194 days.
pub(super) const STEP_MAX_S: f64 = 16_777_216.0;
/// Beyond this the numbers have lost their meaning (1e25 m is the size of the space of positions).
pub(super) const POSITION_MAX_M: f64 = 1e24;
pub(super) const VELOCITY_MAX_M_S: f64 = 1e15;

/// Where the bodies are, and what the next step needs beside.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Motion {
    /// Quarter-ticks since the epoch.
    pub time: i64,
    /// Quarter-ticks of the last step, negative for backward; 0 if its polynomial is of no use.
    pub last: i64,
    /// As [`super::lanes`] lays them out.
    pub blocks: Vec<Block>,
    /// Poles of the bodies with figures and tides, as the model orders them.
    pub poles: Vec<[f64; 3]>,
}

/// Copies reuse what the target has allocated.
impl Clone for Motion {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.clone_from(self);
        copy
    }

    fn clone_from(&mut self, source: &Self) {
        let Self { time, last, blocks, poles } = source;
        (self.time, self.last) = (*time, *last);
        self.blocks.clone_from(blocks);
        self.poles.clone_from(poles);
    }
}

/// One component of four bodies. The sums `x + x_lo` and `v + v_lo` carry what one f64 would round off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Block {
    pub x: Lanes,
    pub x_lo: Lanes,
    pub v: Lanes,
    pub v_lo: Lanes,
    /// Polynomial of the last step, and what had been predicted for it.
    pub b: [Lanes; ORDER],
    pub e: [Lanes; ORDER],
}

/// What a step works in. Holds no state.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    arcs: Vec<Arc4>,
    g: Vec<[Lanes; ORDER]>,
    e: Vec<[Lanes; ORDER]>,
    pos: Vec<Lanes>,
    vel: Vec<Lanes>,
    acc: Vec<Lanes>,
    pot: Vec<Lanes>,
    /// 1 / (sum of pulls) per body, s^2/m; 0 where there is none.
    per_scale: Vec<Lanes>,
    rate2: Vec<Lanes>,
    /// Small forces at each node.
    small: [Vec<Lanes>; ORDER + 1],
    poles: Vec<[f64; 3]>,
    /// Rates of the poles at each node.
    pole_rates: [Vec<[f64; 3]>; ORDER + 1],
}

impl Scratch {
    /// Sizes it for `model`.
    pub fn fit(&mut self, model: &Model) {
        if self.arcs.len() == 3 * model.blocks && self.poles.len() == model.poles.len() {
            return;
        }
        let (one, field) = (vec![[0.0; LANES]; model.blocks], vec![[0.0; LANES]; 3 * model.blocks]);
        *self = Self {
            arcs: vec![Arc4::default(); 3 * model.blocks],
            g: vec![Default::default(); 3 * model.blocks],
            e: vec![Default::default(); 3 * model.blocks],
            pos: field.clone(),
            vel: field.clone(),
            acc: field.clone(),
            pot: one.clone(),
            per_scale: one.clone(),
            rate2: one,
            small: std::array::from_fn(|_| field.clone()),
            poles: model.poles.clone(),
            pole_rates: std::array::from_fn(|_| model.poles.clone()),
        };
    }

    /// The motion over the step that [`step`] took.
    pub fn arcs(&self) -> &[Arc4] {
        &self.arcs
    }

    /// Takes positions and velocities from outside.
    pub fn load(&mut self, model: &Model, position_m: &[DVec3], velocity_m_s: &[DVec3]) {
        for (field, from) in [(&mut self.pos, position_m), (&mut self.vel, velocity_m_s)] {
            for (i, vector) in from.iter().enumerate().take(model.count) {
                for axis in 0..3 {
                    field[axis * model.blocks + i / LANES][i % LANES] = vector[axis];
                }
            }
        }
    }

    /// Evaluates all forces at what was loaded.
    #[inline(always)]
    pub fn evaluate(&mut self, model: &Model) {
        newton(model, &self.pos, &mut self.acc, &mut self.pot);
        small_forces(model, self, 0);
    }

    /// The result of [`Self::evaluate`] for body `i`.
    pub fn acceleration(&self, model: &Model, i: usize) -> DVec3 {
        let (acc, small) = (vector(&self.acc, model.blocks, i), vector(&self.small[0], model.blocks, i));
        DVec3::from_array(acc) + DVec3::from_array(small)
    }
}

/// Takes one step, backward if told so. `quarters_per_second` converts its length.
#[inline(always)]
pub(super) fn step(model: &Model, motion: &mut Motion, s: &mut Scratch, quarters_per_second: f64, backward: bool) {
    let mut length = start(model, motion, s, quarters_per_second);
    loop {
        let signed = if backward { -length } else { length };
        let t_s = signed as f64 / quarters_per_second;
        predict(motion, s, signed);
        let settled = iterate(model, motion, s, t_s);
        // On NaN too, the step is not good.
        let good = settled <= CONVERGED_MAX || length == 1;
        if good && take(motion, s, t_s) {
            motion.last = signed;
            motion.time += signed;
            return;
        }
        if length == 1 {
            coast(motion, s, t_s);
            motion.last = 0;
            motion.time += signed;
            return;
        }
        length = (length / 4).max(1);
    }
}

/// Evaluates everything at the start of the step, and gives back how long it may be in quarter-ticks. Depends
/// on places and velocities only, so nothing about the next step has to be remembered.
#[inline(always)]
fn start(model: &Model, motion: &Motion, s: &mut Scratch, quarters_per_second: f64) -> i64 {
    for (i, block) in motion.blocks.iter().enumerate() {
        s.pos[i] = block.x;
        s.vel[i] = block.v;
        s.arcs[i].v = block.v;
    }
    s.poles.copy_from_slice(&motion.poles);
    s.evaluate(model);
    for ((arc, acc), small) in s.arcs.iter_mut().zip(&s.acc).zip(&s.small[0]) {
        for l in 0..LANES {
            arc.a[l] = acc[l] + small[l];
        }
    }
    pace(model, [&s.pos, &s.vel], &mut s.per_scale, &mut s.rate2);
    let slowest = model.pace / STEP_MAX_S;
    let mut rate2 = slowest * slowest;
    for (i, scale) in s.per_scale.as_flattened_mut().iter_mut().enumerate() {
        *scale = if i < model.count && *scale > 0.0 { 1.0 / *scale } else { 0.0 };
    }
    for &rate in &s.rate2.as_flattened()[..model.count] {
        rate2 = if rate > rate2 { rate } else { rate2 };
    }
    // At most the longest step, so it fits; whole quarter-ticks, so that times are exact.
    ((model.pace / rate2.sqrt() * quarters_per_second) as i64).max(1)
}

/// Post-Newtonian terms, figures and tides at what `s` holds, into the entries of node `n`.
#[inline(always)]
fn small_forces(model: &Model, s: &mut Scratch, n: usize) {
    let small = &mut s.small[n];
    small.fill([0.0; LANES]);
    if model.post_newtonian {
        post_newton(model, [&s.pos, &s.vel, &s.acc], &s.pot, small);
    }
    if !model.poles.is_empty() {
        figures(model, [&s.pos, &s.vel], &s.poles, small, &mut s.pole_rates[n]);
    }
}

/// The polynomial to start the iteration from: the last one continued, plus what it had been wrong by.
#[inline(always)]
fn predict(motion: &Motion, s: &mut Scratch, length: i64) {
    let known = motion.last != 0;
    let ratio = if known { length as f64 / motion.last as f64 } else { 0.0 };
    for (((block, arc), e), g) in motion.blocks.iter().zip(&mut s.arcs).zip(&mut s.e).zip(&mut s.g) {
        *e = continued(&block.b, ratio);
        for k in 0..ORDER {
            for l in 0..LANES {
                arc.b[k][l] = if known { e[k][l] + (block.b[k][l] - block.e[k][l]) } else { 0.0 };
            }
        }
        *g = g_of_b(&arc.b);
    }
}

/// Iterates until the polynomial stands; gives back the last change as a share of the pulls.
#[inline(always)]
fn iterate(model: &Model, motion: &Motion, s: &mut Scratch, t_s: f64) -> f64 {
    let small_iterations = if motion.last == 0 { SMALL_FORCE_ITERATIONS_UNPREDICTED } else { SMALL_FORCE_ITERATIONS };
    let mut before = f64::INFINITY;
    for iteration in 0..ITERATIONS_MAX {
        let small = iteration < small_iterations;
        node::<1>(model, motion, s, t_s, small);
        node::<2>(model, motion, s, t_s, small);
        node::<3>(model, motion, s, t_s, small);
        node::<4>(model, motion, s, t_s, small);
        node::<5>(model, motion, s, t_s, small);
        node::<6>(model, motion, s, t_s, small);
        let change = node::<7>(model, motion, s, t_s, small);
        if change <= CONVERGED || change.is_nan() || (iteration >= 2 && change >= before) {
            return change;
        }
        before = change;
    }
    before
}

/// Evaluates the forces at node `N` and corrects the polynomial; gives back the largest change of its
/// newest coefficient as a share of the pulls.
#[inline(always)]
fn node<const N: usize>(model: &Model, motion: &Motion, s: &mut Scratch, t_s: f64, small: bool) -> f64 {
    let weights = &NODES[N];
    for ((pos, block), arc) in s.pos.iter_mut().zip(&motion.blocks).zip(&s.arcs) {
        let d = arc.displacement(weights, t_s);
        for l in 0..LANES {
            pos[l] = block.x[l] + (d[l] + block.x_lo[l]);
        }
    }
    newton(model, &s.pos, &mut s.acc, &mut s.pot);
    if small && (model.post_newtonian || !model.poles.is_empty()) {
        for (vel, arc) in s.vel.iter_mut().zip(&s.arcs) {
            let d = arc.velocity_change(weights, t_s);
            for l in 0..LANES {
                vel[l] = arc.v[l] + d[l];
            }
        }
        for (i, pole) in s.poles.iter_mut().enumerate() {
            let rate = s.pole_rates[0][i];
            for axis in 0..3 {
                pole[axis] = motion.poles[i][axis] + H[N] * t_s * rate[axis];
            }
        }
        small_forces(model, s, N);
    }
    let mut largest = [0.0; LANES];
    let per_axis = s.per_scale.len();
    for axis in 0..3 {
        let range = axis * per_axis..(axis + 1) * per_axis;
        let parts = s.arcs[range.clone()].iter_mut().zip(&mut s.g[range.clone()]).zip(&s.per_scale);
        for (((arc, g), scale), (acc, small)) in parts.zip(s.acc[range.clone()].iter().zip(&s.small[N][range])) {
            let mut a = [0.0; LANES];
            for l in 0..LANES {
                a[l] = acc[l] + small[l];
            }
            let change = correct::<N>(arc, g, &a);
            for l in 0..LANES {
                let share = change[l].abs() * scale[l];
                // Written so that NaN stays.
                largest[l] = if share <= largest[l] { largest[l] } else { share };
            }
        }
    }
    largest_of(largest)
}

#[inline(always)]
fn largest_of(lanes: Lanes) -> f64 {
    lanes.into_iter().fold(0.0, |a, b| if b <= a { a } else { b })
}

/// Moves to the end of the step, unless that is no place to be.
#[inline(always)]
fn take(motion: &mut Motion, s: &mut Scratch, t_s: f64) -> bool {
    let mut sane = true;
    for (block, arc) in motion.blocks.iter().zip(&s.arcs) {
        let (dx, dv) = (arc.displacement(&END, t_s), arc.velocity_change(&END, t_s));
        for l in 0..LANES {
            let (x, v) = (block.x[l] + dx[l], block.v[l] + dv[l]);
            sane &= x.abs() <= POSITION_MAX_M && v.abs() <= VELOCITY_MAX_M_S;
        }
    }
    if !sane {
        return false;
    }
    for ((block, arc), e) in motion.blocks.iter_mut().zip(&s.arcs).zip(&s.e) {
        let (dx, dv) = (arc.displacement(&END, t_s), arc.velocity_change(&END, t_s));
        for l in 0..LANES {
            let dx = dx[l] + t_s * block.v_lo[l];
            (block.x[l], block.x_lo[l]) = two_sum(block.x[l], dx + block.x_lo[l]);
            (block.v[l], block.v_lo[l]) = two_sum(block.v[l], dv[l] + block.v_lo[l]);
        }
        block.b = arc.b;
        block.e = if motion.last == 0 { arc.b } else { *e };
    }
    for (i, pole) in motion.poles.iter_mut().enumerate() {
        let mut turned = *pole;
        for (axis, turned) in turned.iter_mut().enumerate() {
            let mut rates = [0.0; ORDER + 1];
            for (rate, rates) in rates.iter_mut().zip(&s.pole_rates) {
                *rate = rates[i][axis];
            }
            *turned += t_s * mean(&rates);
        }
        let size = (turned[0] * turned[0] + turned[1] * turned[1] + turned[2] * turned[2]).sqrt();
        // A fixed pole is left alone to the last bit.
        if turned != *pole && size > 0.5 && size < 2.0 {
            *pole = turned.map(|p| p / size);
        }
    }
    true
}

/// The last resort, for motion that no step can follow: straight on, for one quarter-tick. A component that
/// has left all bounds stays where it is.
fn coast(motion: &mut Motion, s: &mut Scratch, t_s: f64) {
    for (block, arc) in motion.blocks.iter_mut().zip(&mut s.arcs) {
        for l in 0..LANES {
            let inside = (block.x[l] + t_s * block.v[l]).abs() <= POSITION_MAX_M;
            if !inside {
                block.v[l] = 0.0;
                block.v_lo[l] = 0.0;
            }
            (block.x[l], block.x_lo[l]) = two_sum(block.x[l], t_s * block.v[l] + block.x_lo[l]);
        }
        *arc = Arc4 { v: block.v, ..Arc4::default() };
    }
}

/// `a + b` and the rounding error of it, exactly (Knuth).
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    let a_part = sum - b_part;
    (sum, (a - a_part) + (b - b_part))
}
