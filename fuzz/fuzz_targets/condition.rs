//! Any text is a condition or an error that names a place in it; a condition has an answer in any world.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sim::{Condition, Scenario, Simulation};

static WORLD: OnceLock<Simulation> = OnceLock::new();

fuzz_target!(|text: &str| {
    let world = WORLD.get_or_init(|| {
        let text = sim::scenario::shipped().iter().find(|(name, _)| *name == "demo").expect("shipped").1;
        Simulation::new(&Scenario::parse(text).expect("a scenario"))
    });
    match Condition::parse(text) {
        Ok(condition) => {
            let found = condition.holds(world);
            assert!(found.is_none_or(|id| world.kind(id).is_some()));
            assert_eq!(Condition::parse(condition.text()), Ok(condition));
        }
        Err(error) => assert!((1..=text.chars().count() + 1).contains(&error.column)),
    }
});
