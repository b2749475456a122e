//! One adaptive step of all bodies: predict, iterate, judge, take. Must never depend on anything but the
//! motion and the model, so that the steps fall at the same times however they are asked for.

use serde::{Deserialize, Serialize};

use super::figures::figures;
use super::gravity::{gross, newton, post_newton};
use super::lanes::{LANES, Lanes};
use super::model::Model;
use super::radau::{Arc4, H, NODES, ORDER, continued, correct, g_of_b, mean};

/// Largest last coefficient, as a share of the pulls on a body, that a step aims at.
const ERROR_AIM: f64 = 1e-9;
/// A step whose last coefficient is larger is taken again, shorter.
const ERROR_MAX: f64 = 256.0 * ERROR_AIM;
/// The iteration has converged when the last coefficient changes by less than this share of the pulls.
const CONVERGED: f64 = 1e-16;
/// A step whose iteration ends above this is taken again, shorter.
const CONVERGED_MAX: f64 = 1e-9;
/// Most iterations of one step.
const ITERATIONS_MAX: usize = 12;
/// Iterations in which the small forces are evaluated; from then on they are held. They are 1e-7 of the
/// pulls at most, and by then the positions are right to 1e-9.
const SMALL_FORCE_ITERATIONS: usize = 2;
/// Longest step, s: 194 days.
const STEP_MAX_S: f64 = 16_777_216.0;
/// Beyond this the numbers have lost their meaning (1e25 m is the size of the space of positions).
const POSITION_MAX_M: f64 = 1e24;
const VELOCITY_MAX_M_S: f64 = 1e15;

/// Where the bodies are, and what the next step needs beside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Motion {
    /// Quarter-ticks since the epoch.
    pub time: i64,
    /// Quarter-ticks of the last step; 0 before the first.
    pub last: i64,
    /// Quarter-ticks of the next step, negative for backward; 0 before the first.
    pub next: i64,
    /// As [`super::lanes`] lays them out.
    pub blocks: Vec<Block>,
    /// Poles of the bodies with figures and tides, as the model orders them.
    pub poles: Vec<[f64; 3]>,
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

/// What a step works in. Holds no state; after [`step`], `arcs` is the motion over the step taken.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub count: [usize; 4],
    pub arcs: Vec<Arc4>,
    g: Vec<[Lanes; ORDER]>,
    e: Vec<[Lanes; ORDER]>,
    pos: Vec<Lanes>,
    vel: Vec<Lanes>,
    acc: Vec<Lanes>,
    pot: Vec<Lanes>,
    /// 1 / (sum of pulls) per body, s^2/m; 0 where there is none.
    per_scale: Vec<Lanes>,
    /// Small forces at each node.
    small: [Vec<Lanes>; ORDER + 1],
    poles: Vec<[f64; 3]>,
    /// Rates of the poles at each node.
    pole_rates: [Vec<[f64; 3]>; ORDER + 1],
}

impl Scratch {
    pub fn new(model: &Model) -> Self {
        let (one, field) = (model.blocks, vec![[0.0; LANES]; 3 * model.blocks]);
        Self {
            count: [0;4],
            arcs: vec![Arc4::default(); 3 * one],
            g: vec![Default::default(); 3 * one],
            e: vec![Default::default(); 3 * one],
            pos: field.clone(),
            vel: field.clone(),
            acc: field.clone(),
            pot: vec![[0.0; LANES]; one],
            per_scale: vec![[0.0; LANES]; one],
            small: std::array::from_fn(|_| field.clone()),
            poles: model.poles.clone(),
            pole_rates: std::array::from_fn(|_| model.poles.clone()),
        }
    }
}

/// Takes one step. `quarters_per_second` converts its length.
#[inline(always)]
pub(super) fn step(model: &Model, motion: &mut Motion, scratch: &mut Scratch, quarters_per_second: f64) {
    start(model, motion, scratch);
    let longest = (STEP_MAX_S * quarters_per_second) as i64;
    loop {
        let t_s = motion.next as f64 / quarters_per_second;
        predict(motion, scratch);
        let settled = iterate(model, motion, scratch, t_s);
        let error = last_coefficient(scratch);
        let shortest = motion.next.unsigned_abs() == 1;
        scratch.count[0]+=1;
        let good = settled <= CONVERGED_MAX && error <= ERROR_MAX;
        if (good || shortest) && take(model, motion, scratch, t_s) {
            motion.last = motion.next;
            motion.next = scaled(motion.next, factor(error), longest);
            return;
        }
        if shortest {
            coast(motion, scratch, t_s);
            motion.last = 0;
            return;
        }
        // Unsettled or unusable steps tell nothing about the right length.
        let shorter = if settled <= CONVERGED_MAX { factor(error).min(0.5) } else { 0.25 };
        motion.next = scaled(motion.next, shorter, longest);
    }
}

/// Chooses the first step, from how fast each pair of bodies turns and closes.
pub(super) fn first_step(model: &Model, motion: &mut Motion, quarters_per_second: f64, backward: bool) {
    let field = |i: usize, axis: usize| {
        let block = &motion.blocks[axis * model.blocks + i / LANES];
        (block.x[i % LANES], block.v[i % LANES])
    };
    let mut shortest2_s2 = STEP_MAX_S * STEP_MAX_S;
    for i in 0..model.count {
        for j in 0..i {
            let (mut r2, mut v2) = (0.0, 0.0);
            for axis in 0..3 {
                let ((xi, vi), (xj, vj)) = (field(i, axis), field(j, axis));
                r2 += (xi - xj) * (xi - xj);
                v2 += (vi - vj) * (vi - vj);
            }
            let r2 = r2.max(model.floor2_m2[i / LANES * model.count + j][i % LANES]);
            let rate2 = (model.gm[i] + model.gm[j]) / (r2 * r2.sqrt()) + v2 / r2;
            shortest2_s2 = shortest2_s2.min(0.04 / rate2);
        }
    }
    let length = (shortest2_s2.sqrt() * quarters_per_second) as i64;
    motion.last = 0;
    motion.next = length.max(1) * if backward { -1 } else { 1 };
}

/// Evaluates everything at the start of the step.
#[inline(always)]
fn start(model: &Model, motion: &Motion, s: &mut Scratch) {
    for (i, block) in motion.blocks.iter().enumerate() {
        s.pos[i] = block.x;
        s.vel[i] = block.v;
        s.arcs[i].v = block.v;
    }
    s.poles.copy_from_slice(&motion.poles);
    newton(model, &s.pos, &mut s.acc, &mut s.pot);
    small_forces(model, s, 0);
    for ((arc, acc), small) in s.arcs.iter_mut().zip(&s.acc).zip(&s.small[0]) {
        for l in 0..LANES {
            arc.a[l] = acc[l] + small[l];
        }
    }
    gross(model, &s.pos, &mut s.per_scale);
    for (i, scale) in s.per_scale.as_flattened_mut().iter_mut().enumerate() {
        *scale = if i < model.count && *scale > 0.0 { 1.0 / *scale } else { 0.0 };
    }
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
fn predict(motion: &Motion, s: &mut Scratch) {
    let known = motion.last != 0;
    let ratio = if known { motion.next as f64 / motion.last as f64 } else { 0.0 };
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
    let mut before = f64::INFINITY;
    for iteration in 0..ITERATIONS_MAX {
        s.count[1]+=1;
        let small = iteration < SMALL_FORCE_ITERATIONS;
        node::<1>(model, motion, s, t_s, small);
        node::<2>(model, motion, s, t_s, small);
        node::<3>(model, motion, s, t_s, small);
        node::<4>(model, motion, s, t_s, small);
        node::<5>(model, motion, s, t_s, small);
        node::<6>(model, motion, s, t_s, small);
        let change = node::<7>(model, motion, s, t_s, small);
        // Also ends on NaN.
        if !(change > CONVERGED) || (iteration >= SMALL_FORCE_ITERATIONS && change >= before) {
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
            *pole = std::array::from_fn(|axis| motion.poles[i][axis] + H[N] * t_s * rate[axis]);
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

/// Largest last coefficient as a share of the pulls.
#[inline(always)]
fn last_coefficient(s: &Scratch) -> f64 {
    let mut largest = [0.0; LANES];
    for (i, arc) in s.arcs.iter().enumerate() {
        let scale = &s.per_scale[i % s.per_scale.len()];
        for l in 0..LANES {
            let share = arc.b[ORDER - 1][l].abs() * scale[l];
            largest[l] = if share <= largest[l] { largest[l] } else { share };
        }
    }
    largest_of(largest)
}

#[inline(always)]
fn largest_of(lanes: Lanes) -> f64 {
    lanes.into_iter().fold(0.0, |a, b| if b <= a { a } else { b })
}

/// How much longer the next step may be: the eighth root of aim over error, by square roots only. The
/// coefficient goes with the seventh power of the length, so this approaches the aim without overshooting.
#[inline(always)]
fn factor(error: f64) -> f64 {
    let ratio = ERROR_AIM / error.max(ERROR_AIM * 1e-4);
    ratio.sqrt().sqrt().sqrt()
}

#[inline(always)]
fn scaled(quarters: i64, factor: f64, longest: i64) -> i64 {
    let length = (quarters.unsigned_abs() as f64 * factor) as i64;
    length.clamp(1, longest.max(1)) * quarters.signum()
}

/// Moves to the end of the step, unless that is no place to be.
#[inline(always)]
fn take(model: &Model, motion: &mut Motion, s: &mut Scratch, t_s: f64) -> bool {
    let end = super::radau::END;
    let mut sane = true;
    for (block, arc) in motion.blocks.iter().zip(&s.arcs) {
        let (dx, dv) = (arc.displacement(&end, t_s), arc.velocity_change(&end, t_s));
        for l in 0..LANES {
            let (x, v) = (block.x[l] + dx[l], block.v[l] + dv[l]);
            sane &= x.abs() <= POSITION_MAX_M && v.abs() <= VELOCITY_MAX_M_S;
        }
    }
    if !sane {
        return false;
    }
    for ((block, arc), e) in motion.blocks.iter_mut().zip(&s.arcs).zip(&s.e) {
        let (dx, dv) = (arc.displacement(&end, t_s), arc.velocity_change(&end, t_s));
        for l in 0..LANES {
            let dx = dx[l] + t_s * block.v_lo[l];
            (block.x[l], block.x_lo[l]) = two_sum(block.x[l], dx + block.x_lo[l]);
            (block.v[l], block.v_lo[l]) = two_sum(block.v[l], dv[l] + block.v_lo[l]);
        }
        block.b = arc.b;
        block.e = if motion.last == 0 { arc.b } else { *e };
    }
    for (i, pole) in motion.poles.iter_mut().enumerate() {
        let turned: [f64; 3] = std::array::from_fn(|axis| {
            let rates: [f64; ORDER + 1] = std::array::from_fn(|n| s.pole_rates[n][i][axis]);
            pole[axis] + t_s * mean(&rates)
        });
        let size = (turned[0] * turned[0] + turned[1] * turned[1] + turned[2] * turned[2]).sqrt();
        // A fixed pole is left alone to the last bit.
        if turned != *pole && size > 0.5 && size < 2.0 {
            *pole = turned.map(|p| p / size);
        }
    }
    let _ = model;
    motion.time += motion.next;
    true
}

/// The last resort, for motion that no step can follow: straight on, for one quarter-tick. A component that
/// has left all bounds stays where it is.
fn coast(motion: &mut Motion, s: &mut Scratch, t_s: f64) {
    for (block, arc) in motion.blocks.iter_mut().zip(&mut s.arcs) {
        for l in 0..LANES {
            if !((block.x[l] + t_s * block.v[l]).abs() <= POSITION_MAX_M) {
                block.v[l] = 0.0;
                block.v_lo[l] = 0.0;
            }
            (block.x[l], block.x_lo[l]) = two_sum(block.x[l], t_s * block.v[l] + block.x_lo[l]);
        }
        *arc = Arc4 { v: block.v, ..Arc4::default() };
    }
    motion.time += motion.next;
}

/// `a + b` and the rounding error of it, exactly (Knuth).
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    let a_part = sum - b_part;
    (sum, (a - a_part) + (b - b_part))
}
