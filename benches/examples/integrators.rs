//! The table of docs/INTEGRATOR.md: ten years of the eleven bodies by each integrator that was weighed, on the
//! same Newtonian forces. `cargo run --release -p benches --example integrators`

use std::time::Instant;

use benches::integrators::{State, bulirsch_stoer, leapfrog, newtonian, suzuki8};
use glam::DVec3;
use sim::bodies::{Ephemeris, ForceField, solar_system};
use sim::scenario::{Body, Forces};
use sim::time::SimTime;

const SPAN_S: f64 = 3652.5 * 86_400.0;
const NEWTON: Forces = Forces { post_newtonian: false, figures: false };
const ALL: Forces = Forces { post_newtonian: true, figures: true };

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bodies = solar_system(2_451_545.0)?;
    println!("10 years, Newtonian; errors against Gauss-Radau steps of 0.05; best of three");
    println!("| integrator | step | time, s | Moon, m | Mercury, m | others at most, m |");
    println!("|---|---|---:|---:|---:|---:|");
    let exact = radau(&bodies, NEWTON, 0.05);
    let report = |name: &str, step: String, run: &mut dyn FnMut() -> Vec<DVec3>| {
        let mut best_s = f64::INFINITY;
        let mut end = Vec::new();
        for _ in 0..3 {
            let began = Instant::now();
            end = run();
            best_s = best_s.min(began.elapsed().as_secs_f64());
        }
        let error = |i: usize| (end[i] - exact[i]).length();
        let others = (0..11).filter(|i| ![1, 4].contains(i)).map(error).fold(0.0, f64::max);
        println!("| {name} | {step} | {best_s:.3} | {:.3} | {:.3} | {others:.3} |", error(4), error(1));
    };
    for pace in [0.2, 0.3, 0.4, 0.6] {
        report("Gauss-Radau 15", format!("{pace} rad"), &mut || radau(&bodies, NEWTON, pace));
    }
    type Fixed = fn(&mut ForceField, &mut State, f64, usize);
    let stoer: Fixed = |field, state, step_s, steps| bulirsch_stoer(field, state, step_s, steps, 8);
    let alternatives: [(&str, Fixed, &[f64]); 3] = [
        ("leapfrog", leapfrog, &[3600.0, 600.0, 120.0]),
        ("symplectic 8", suzuki8, &[86_400.0, 43_200.0, 21_600.0]),
        ("Bulirsch-Stoer 16", stoer, &[259_200.0, 172_800.0, 86_400.0]),
    ];
    for (name, method, steps_s) in alternatives {
        for &step_s in steps_s {
            report(name, format!("{step_s} s"), &mut || {
                let (mut field, mut state) = (newtonian(&bodies), State::of(&bodies));
                let steps = (SPAN_S / step_s).round();
                method(&mut field, &mut state, SPAN_S / steps, steps as usize);
                state.x
            });
        }
    }
    let began = Instant::now();
    let full = radau(&bodies, ALL, 0.3);
    let full_s = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let scalar = advanced(Ephemeris::new(&bodies, ALL, 90).scalar());
    println!("\nall forces, 0.3 rad: {full_s:.3} s; baseline instructions {:.3} s", began.elapsed().as_secs_f64());
    let fine = radau(&bodies, ALL, 0.05);
    let errors: Vec<f64> = full.iter().zip(&fine).map(|(a, b)| (*a - *b).length()).collect();
    println!("against 0.05 rad, m, by body: {errors:.3?}; equal bits on both widths: {}", full == scalar);
    Ok(())
}

fn radau(bodies: &[Body], forces: Forces, pace: f64) -> Vec<DVec3> {
    advanced(Ephemeris::new(bodies, forces, 90).with_pace(pace))
}

fn advanced(mut ephemeris: Ephemeris) -> Vec<DVec3> {
    let end = SimTime((SPAN_S * 360.0) as i64);
    ephemeris.advance_to(end, end);
    let mut states = Vec::new();
    ephemeris.states_at(end.0 as f64, &mut states);
    states.iter().map(|s| s.position_m).collect()
}
