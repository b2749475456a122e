//! Integrators that were weighed for the massive bodies and not taken, as small as they can be, on the same
//! forces. Must never be used by the simulation.
//!
//! All take the Newtonian forces only: those of relativity and of the tides depend on velocities, which the
//! symplectic two cannot take as they are.

use glam::DVec3;
use sim::bodies::ForceField;
use sim::scenario::{Body, Forces};

/// Positions and velocities of all bodies, m and m/s.
#[derive(Clone, Debug)]
pub struct State {
    /// m
    pub x: Vec<DVec3>,
    /// m/s
    pub v: Vec<DVec3>,
}

impl State {
    /// The bodies at their epoch.
    #[must_use]
    pub fn of(bodies: &[Body]) -> Self {
        Self { x: bodies.iter().map(|b| b.position_m).collect(), v: bodies.iter().map(|b| b.velocity_m_s).collect() }
    }
}

/// The forces that the alternatives are compared on.
#[must_use]
pub fn newtonian(bodies: &[Body]) -> ForceField {
    ForceField::new(bodies, Forces { post_newtonian: false, figures: false })
}

/// Leapfrog, kick-drift-kick: order 2, symplectic, one evaluation a step.
pub fn leapfrog(field: &mut ForceField, s: &mut State, step_s: f64, steps: usize) {
    symplectic(field, s, step_s, steps, &[1.0]);
}

/// Order 8, symplectic, 15 evaluations a step: Suzuki & Umeno 1993, as in Hairer, Lubich & Wanner 2006,
/// "Geometric Numerical Integration", equation V.3.11.
pub fn suzuki8(field: &mut ForceField, s: &mut State, step_s: f64, steps: usize) {
    const W: [f64; 8] = [
        0.741_670_364_350_613,
        -0.409_100_825_800_031_6,
        0.190_754_710_296_238_4,
        -0.573_862_471_116_082_2,
        0.299_064_181_303_655_9,
        0.334_624_918_245_298_16,
        0.315_293_092_396_766_6,
        -0.796_887_939_352_916_4,
    ];
    let stages: Vec<f64> = W.iter().chain(W[..7].iter().rev()).copied().collect();
    symplectic(field, s, step_s, steps, &stages);
}

/// Leapfrogs of these shares of the step in turn.
fn symplectic(field: &mut ForceField, s: &mut State, step_s: f64, steps: usize, stages: &[f64]) {
    let mut a = vec![DVec3::ZERO; s.x.len()];
    field.accelerations(&s.x, &s.v, &mut a);
    for _ in 0..steps {
        for share in stages {
            let h = share * step_s;
            kick(&mut s.v, &a, 0.5 * h);
            kick(&mut s.x, &s.v, h);
            field.accelerations(&s.x, &s.v, &mut a);
            kick(&mut s.v, &a, 0.5 * h);
        }
    }
}

/// Gragg-Bulirsch-Stoer: the midpoint rule at 2, 4 .. 2 `columns` sub-steps, extrapolated to none; order
/// `2 columns`, not symplectic (Hairer, Norsett & Wanner 1993, section II.9).
pub fn bulirsch_stoer(field: &mut ForceField, s: &mut State, step_s: f64, steps: usize, columns: usize) {
    let mut a = vec![DVec3::ZERO; s.x.len()];
    for _ in 0..steps {
        let mut row: Vec<State> = Vec::with_capacity(columns);
        for j in 0..columns {
            let n = 2 * (j + 1);
            row.push(midpoint(field, s, &mut a, step_s, n));
            for k in (0..j).rev() {
                let ratio = n as f64 / (2 * (k + 1)) as f64;
                let (new, old) = row.split_at_mut(k + 1);
                let weight = 1.0 / (ratio * ratio - 1.0);
                extrapolate(&mut new[k], &old[0], weight);
            }
        }
        s.clone_from(&row[0]);
    }
}

/// `coarse` becomes `fine + (fine - coarse) * weight`.
fn extrapolate(coarse: &mut State, fine: &State, weight: f64) {
    let pairs = coarse.x.iter_mut().zip(&fine.x).chain(coarse.v.iter_mut().zip(&fine.v));
    for (coarse, &fine) in pairs {
        *coarse = fine + (fine - *coarse) * weight;
    }
}

fn midpoint(field: &mut ForceField, s: &State, a: &mut [DVec3], step_s: f64, n: usize) -> State {
    let h = step_s / n as f64;
    let (mut before, mut now) = (s.clone(), s.clone());
    field.accelerations(&s.x, &s.v, a);
    kick(&mut now.x, &s.v, h);
    kick(&mut now.v, a, h);
    for _ in 1..n {
        field.accelerations(&now.x, &now.v, a);
        kick(&mut before.x, &now.v, 2.0 * h);
        kick(&mut before.v, a, 2.0 * h);
        std::mem::swap(&mut before, &mut now);
    }
    now
}

fn kick(v: &mut [DVec3], a: &[DVec3], h: f64) {
    for (v, &a) in v.iter_mut().zip(a) {
        *v += a * h;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::bodies::solar_system;

    /// How the error of 40 days of the Solar System falls when the step is halved, as a power of two.
    fn order(method: impl Fn(&mut ForceField, &mut State, f64, usize), steps: usize) -> f64 {
        let bodies = solar_system(2_451_545.0).unwrap();
        let run = |steps: usize| {
            let mut state = State::of(&bodies);
            method(&mut newtonian(&bodies), &mut state, 40.0 * 86_400.0 / steps as f64, steps);
            state.x[4] - state.x[3]
        };
        let (coarse, middle, fine) = (run(steps), run(2 * steps), run(4 * steps));
        ((coarse - middle).length() / (middle - fine).length()).log2()
    }

    #[test]
    fn each_has_the_order_it_claims() {
        for (got, expected) in [
            (order(leapfrog, 200), 2.0),
            (order(suzuki8, 40), 8.0),
            (order(|f, s, h, n| bulirsch_stoer(f, s, h, n, 3), 30), 6.0),
        ] {
            assert!((got - expected).abs() < 0.5, "order {got}, expected {expected}");
        }
    }
}
