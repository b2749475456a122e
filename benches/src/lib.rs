//! Scenes shared by the benchmarks.

pub mod contact_scene;
pub mod integrators;

use sim::{Scenario, Simulation};

/// The world of a shipped scenario at tick 0.
///
/// # Panics
/// Where no scenario of that name is shipped: a mistake in the benchmark.
#[must_use]
pub fn shipped_simulation(name: &str) -> Simulation {
    let (_, text) =
        sim::scenario::shipped().iter().find(|(shipped, _)| *shipped == name).expect("the scenario is shipped");
    Simulation::new(&Scenario::parse(text).expect("shipped scenarios are sound"))
}
