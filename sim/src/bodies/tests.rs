//! Tests of what is not public: the tables of the integrator, and the layout of bodies in blocks.

use glam::DVec3;

use super::field::ForceField;
use super::radau::{Arc4, END, H, NODES, ORDER, Weights, continued, correct, g_of_b, mean};
use crate::scenario::{Body, Forces};
use crate::time::SimTime;

/// `1 - 2 h + 3 h^2 - 4 h^3 ...` up to the power the polynomial has.
fn acceleration(h: f64) -> f64 {
    (0..=ORDER).rev().fold(0.0, |sum, k| sum * h + (k as f64 + 1.0) * if k % 2 == 0 { 1.0 } else { -1.0 })
}

fn arc_through_all_nodes() -> Arc4 {
    let mut arc = Arc4 { a: [acceleration(0.0); 4], ..Arc4::default() };
    let mut g = g_of_b(&arc.b);
    let at = |n: usize| [acceleration(H[n]); 4];
    correct::<1>(&mut arc, &mut g, &at(1));
    correct::<2>(&mut arc, &mut g, &at(2));
    correct::<3>(&mut arc, &mut g, &at(3));
    correct::<4>(&mut arc, &mut g, &at(4));
    correct::<5>(&mut arc, &mut g, &at(5));
    correct::<6>(&mut arc, &mut g, &at(6));
    correct::<7>(&mut arc, &mut g, &at(7));
    // The other basis gives the same back.
    for (g, again) in g.iter().zip(g_of_b(&arc.b)) {
        assert!((g[0] - again[0]).abs() < 1e-9, "{} {}", g[0], again[0]);
    }
    arc
}

#[test]
fn the_polynomial_goes_through_its_nodes() {
    let arc = arc_through_all_nodes();
    for (k, b) in arc.b.iter().enumerate() {
        let expected = (k as f64 + 2.0) * if k % 2 == 0 { -1.0 } else { 1.0 };
        assert!(b.iter().all(|b| (b - expected).abs() < 1e-9), "b{k}: {b:?}, expected {expected}");
    }
}

#[test]
fn position_and_velocity_are_its_integrals() {
    let arc = Arc4 { v: [3.0; 4], ..arc_through_all_nodes() };
    let t_s = 2.0;
    for w in [Weights::at(0.3), NODES[4], END] {
        let (mut velocity, mut position) = (0.0, 3.0 * w.h * t_s);
        for k in 0..=ORDER {
            let n = k as f64 + 1.0;
            let term = (if k % 2 == 0 { n } else { -n }) * libm::pow(w.h, n) / n;
            velocity += t_s * term;
            position += t_s * t_s * term * w.h / (n + 1.0);
        }
        assert!((arc.velocity_change(&w, t_s)[1] - velocity).abs() < 1e-12);
        assert!((arc.displacement(&w, t_s)[2] - position).abs() < 1e-12);
    }
}

#[test]
fn the_nodes_integrate_degree_14_exactly() {
    // What makes them Gauss-Radau: 8 values give the integral of h^14, but not that of h^15.
    for degree in 0..=15 {
        let values: [f64; ORDER + 1] = std::array::from_fn(|n| H[n..=n].repeat(degree).iter().product());
        let error = (mean(&values) * (degree as f64 + 1.0) - 1.0).abs();
        assert_eq!(error < 1e-13, degree < 15, "h^{degree}: {error:e}");
    }
}

#[test]
fn a_continued_polynomial_is_the_same_one_further_on() {
    let arc = arc_through_all_nodes();
    let next = continued(&arc.b, 0.5);
    let at = |b: &[[f64; 4]; ORDER], h: f64| b.iter().rev().fold(0.0, |sum, b| (sum + b[0]) * h);
    for h in [0.1, 0.7, 1.0] {
        let (expected, got) = (at(&arc.b, 1.0 + 0.5 * h) - at(&arc.b, 1.0), at(&next, h));
        assert!((got / expected - 1.0).abs() < 1e-10, "{got}, expected {expected}");
    }
}

#[test]
fn forces_do_not_depend_on_who_shares_a_block() {
    // Up to 9 bodies: full blocks, and ones that are partly empty, with a body at the origin beside the gaps.
    let all: Vec<Body> = (0..9)
        .map(|i| {
            let turn = f64::from(i);
            let place = DVec3::new(turn * 1e9, turn * turn * 2e8, 3e8 - turn * 5e7) * f64::from(i.min(1));
            Body::point(1e14 * (turn + 1.0), place, DVec3::new(turn, -turn, 1e4))
        })
        .collect();
    for count in 1..=9 {
        let bodies = &all[..count];
        let mut field = ForceField::new(bodies, Forces { post_newtonian: false, figures: true });
        let (x, v): (Vec<_>, Vec<_>) = bodies.iter().map(|b| (b.position_m, b.velocity_m_s)).unzip();
        let mut got = vec![DVec3::ZERO; count];
        field.accelerations(&x, &v, &mut got);
        for (i, got) in got.iter().enumerate() {
            let mut expected = DVec3::ZERO;
            for (j, other) in bodies.iter().enumerate().filter(|&(j, _)| j != i) {
                let d = x[j] - x[i];
                expected += d * (other.gm_m3_s2 / (d.length_squared() * d.length()));
            }
            assert!((*got - expected).length() <= 1e-15 * expected.length(), "{count} bodies, {i}: {got} {expected}");
        }
    }
}

#[test]
fn ticks_do_not_allocate_once_warm() {
    let bodies = super::solar_system(2_451_545.0).unwrap();
    let mut ephemeris = super::Ephemeris::new(&bodies, Forces { post_newtonian: true, figures: true }, 90);
    let mut out = Vec::new();
    let mut sizes = None;
    for tick in 1..1000_i64 {
        ephemeris.advance_to(SimTime(tick * 400_000), SimTime((tick - 1) * 400_000));
        ephemeris.states_at(tick as f64 * 400_000.0, &mut out);
        let kept = &ephemeris.kept;
        let now = [kept.steps.capacity(), kept.starts.capacity(), kept.arcs.capacity(), kept.places.capacity()];
        if tick > 200 {
            assert_eq!(*sizes.get_or_insert(now), now, "tick {tick}");
            assert!(kept.steps.len() <= 2);
        }
    }
}
