//! What the benchmarks share: scenes, and where figures go.

pub mod contact_scene;
pub mod integrators;

use std::path::PathBuf;

use serde_json::Value;
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

/// Whether the arguments of a benchmark that has no criterion ask for it: no filter, or one that its name contains.
#[must_use]
pub fn is_wanted(arguments: &[String], name: &str) -> bool {
    let filter = arguments.iter().find(|argument| !argument.starts_with("--"));
    filter.is_none_or(|filter| name.contains(filter.as_str()))
}

/// Prints figures, and writes them to `bench/NAME.json` in the target folder that this program was built in, where
/// `scripts/bench` looks for them.
pub fn write_results(name: &str, figures: &Value) {
    let text = serde_json::to_string_pretty(figures).expect("numbers and names");
    println!("{text}");
    let Some(file) = results_file(name) else { return };
    let written =
        file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&file, text + "\n"));
    if let Err(error) = written {
        eprintln!("{name}: {}: {error}", file.display());
    }
}

fn results_file(name: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let target =
        program.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "release"))?.parent()?;
    Some(target.join("bench").join(format!("{name}.json")))
}
