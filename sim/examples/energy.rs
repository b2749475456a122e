//! Drift of energy and angular momentum over 1,000 years of the eleven bodies under Newtonian gravity. Fails
//! where the energy drifts by more than 1e-10.
//! `cargo run --release -p sim --example energy`

use sim::bodies::{newtonian_energy, solar_system, states_at_seconds};
use sim::scenario::Forces;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bodies = solar_system(2_451_545.0)?;
    let times_s: Vec<f64> = (0..=10).map(|n| f64::from(n) * 100.0 * 365.25 * 86_400.0).collect();
    let newton = Forces { post_newtonian: false, figures: false };
    let states = states_at_seconds(&bodies, newton, 90, &times_s)?;
    let (energy, spin) = newtonian_energy(&bodies, &states[0]);
    println!("years  energy drift  angular momentum drift (relative)");
    let mut worst = 0.0f64;
    for (time_s, states) in times_s.iter().zip(&states) {
        let (now, turned) = newtonian_energy(&bodies, states);
        let years = time_s / (365.25 * 86_400.0);
        worst = worst.max((now / energy - 1.0).abs());
        println!("{years:5.0}  {:12.2e}  {:12.2e}", now / energy - 1.0, (turned - spin).length() / spin.length());
    }
    if worst <= 1e-10 { Ok(()) } else { Err(format!("the energy drifts by {worst:e}, more than 1e-10").into()) }
}
